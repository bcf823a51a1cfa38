//! Software bills of materials, in CycloneDX' format, for the crates that are released.
//!
//! cargo-cyclonedx lists the dependencies. It writes into the folders of the crates: so it runs in a copy of the
//! repository. Then the patched rustls gets its pedigree, and paths of this machine are removed.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustls_source::write_tree;
use serde_json::{Value, json};

use crate::tool::{Tool, target};
use crate::{Result, git, run, tracked_files};

/// The tool of the CycloneDX project.
const CYCLONEDX: Tool<'_> = Tool { name: "cargo-cyclonedx", version: "0.5.9", debug: true };

/// The crates that are released: published, or used from the repository.
const RELEASED: [&str; 6] =
    ["raw-peer", "rext", "rustls", "rustls-ext", "rustls-ext-capi", "rustls-ext-wire"];

/// Writes `target/sbom/CRATE.cdx.json` for each released crate.
///
/// # Errors
/// If the tool fails, or if its output is not as expected.
pub fn write(repository: &Path) -> Result<()> {
    let program = CYCLONEDX.program(repository)?;
    let folder = target(repository).join("sbom");
    let _ = fs::remove_dir_all(&folder);
    let copy = std::path::absolute(folder.join("repository"))?;
    write_tree(&tracked_files(repository)?, &copy)?;
    let mut cyclonedx = Command::new(std::path::absolute(&program).unwrap_or(program));
    cyclonedx.current_dir(&copy).args(["cyclonedx", "--quiet", "--format", "json"]);
    cyclonedx.args(["--spec-version", "1.5", "--all-features", "--target", "all"]);
    cyclonedx.args(["--override-filename", "bom"]);
    // The time of the release, so that the same commit has the same file.
    let time = git(repository, ["log", "-1", "--format=%ct"])?;
    run(cyclonedx.env("SOURCE_DATE_EPOCH", time.trim()))?;
    let pedigree = pedigree(&repository.join("rustls"))?;
    for name in RELEASED {
        let text = fs::read_to_string(copy.join(name).join("bom.json"))?;
        // References to folders, relative to the repository.
        let text = text.replace(&format!("path+file://{}/", copy.display()), "path:");
        let mut bom: Value = serde_json::from_str(&text)?;
        complete(&mut bom, name, &pedigree)?;
        let file = folder.join(format!("{name}.cdx.json"));
        fs::write(&file, serde_json::to_string_pretty(&bom)? + "\n")?;
        let parts = bom["components"].as_array().map_or(0, Vec::len);
        println!("{}: {parts} components", file.display());
    }
    Ok(fs::remove_dir_all(copy)?)
}

/// What the patched rustls is: upstream's release, with these patches.
fn pedigree(rustls: &Path) -> Result<Value> {
    let version = rustls_source::VERSION;
    let patches: Vec<_> = rustls_source::series(&rustls.join("patches"))?
        .into_iter()
        .map(|(name, text)| {
            let text = String::from_utf8_lossy(&text).into_owned();
            let diff = json!({
                "text": {"contentType": "text/x-diff", "content": text},
                "url": format!("rustls/patches/{name}"),
            });
            json!({"type": "unofficial", "diff": diff})
        })
        .collect();
    let own = rustls_source::own_files(rustls)?;
    let own: Vec<_> = own.keys().map(|name| format!("rustls/{name}")).collect();
    Ok(json!({
        "ancestors": [{
            "type": "library",
            "name": "rustls",
            "version": version,
            "purl": format!("pkg:cargo/rustls@{version}"),
        }],
        "patches": patches,
        "notes": format!(
            "rustls {version} as published, with these patches, and with new files: {}. Not from crates.io: \
             an advisory for rustls {version} applies, unless a patch fixes what it is about.",
            own.join(", ")
        ),
    }))
}

/// Adds the pedigree, and removes addresses of folders.
fn complete(bom: &mut Value, name: &str, pedigree: &Value) -> Result<()> {
    let mut found = 0;
    let subject = bom.pointer_mut("/metadata/component").ok_or("the list names no crate")?;
    found += describe(subject, pedigree);
    for component in bom.get_mut("components").and_then(Value::as_array_mut).into_iter().flatten() {
        found += describe(component, pedigree);
    }
    // The others do not use rustls.
    let expected = usize::from(["rext", "rustls", "rustls-ext"].contains(&name));
    match found == expected {
        true => Ok(()),
        false => Err(format!("{name}: the list has the patched rustls {found} times").into()),
    }
}

/// Does so for one component and those in it. Returns how many are the patched rustls.
fn describe(component: &mut Value, pedigree: &Value) -> usize {
    let mut found = 0;
    if let Some(Value::String(purl)) = component.get_mut("purl") {
        if let Some((before, rest)) = purl.split_once("?download_url=file:") {
            let inner = rest.split_once('#').map(|(_, inner)| format!("#{inner}"));
            *purl = format!("{before}{}", inner.unwrap_or_default());
        }
    }
    let reference = component.get("bom-ref").and_then(Value::as_str).unwrap_or_default();
    // The targets of a crate have its reference, and more.
    if reference.starts_with("path:rustls#") && !reference.contains(' ') {
        component["pedigree"] = pedigree.clone();
        found += 1;
    }
    for part in component.get_mut("components").and_then(Value::as_array_mut).into_iter().flatten()
    {
        found += describe(part, pedigree);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bom() -> Value {
        json!({
            "metadata": {"component": {
                "bom-ref": "path:rext#0.1.0",
                "purl": "pkg:cargo/rext@0.1.0?download_url=file://.",
                "components": [{"purl": "pkg:cargo/rext@0.1.0?download_url=file://.#src/main.rs"}],
            }},
            "components": [
                {"bom-ref": "path:rustls#1.0.0", "purl": "pkg:cargo/rustls@1.0.0?download_url=file://../rustls"},
                {"bom-ref": "registry+x#ring@1.0.0", "purl": "pkg:cargo/ring@1.0.0"},
            ],
        })
    }

    #[test]
    fn only_the_patched_rustls_has_a_pedigree_and_no_folder_remains() {
        let (mut bom, pedigree) = (bom(), json!({"notes": "patched"}));
        complete(&mut bom, "rext", &pedigree).unwrap();
        assert_eq!(bom["components"][0]["pedigree"], pedigree);
        assert_eq!(bom["components"][0]["purl"], "pkg:cargo/rustls@1.0.0");
        assert_eq!(
            bom["components"][1],
            json!({"bom-ref": "registry+x#ring@1.0.0", "purl": "pkg:cargo/ring@1.0.0"})
        );
        let subject = &bom["metadata"]["component"];
        assert_eq!(subject["purl"], "pkg:cargo/rext@0.1.0");
        assert_eq!(subject["components"][0]["purl"], "pkg:cargo/rext@0.1.0#src/main.rs");
        assert_eq!(subject.get("pedigree"), None);
    }

    #[test]
    fn a_list_without_the_patched_rustls_is_an_error_where_it_must_have_it() {
        let mut bom = bom();
        bom["components"].as_array_mut().unwrap().remove(0);
        let problem = complete(&mut bom, "rext", &json!({})).unwrap_err().to_string();
        assert_eq!(problem, "rext: the list has the patched rustls 0 times");
        complete(&mut bom, "raw-peer", &json!({})).unwrap();
    }

    #[test]
    fn the_pedigree_has_every_patch_and_every_new_file() {
        let rustls = crate::repository().join("rustls");
        let pedigree = pedigree(&rustls).unwrap();
        let series = rustls_source::series(&rustls.join("patches")).unwrap();
        let patches = pedigree["patches"].as_array().unwrap();
        assert_eq!(patches.len(), series.len());
        for (patch, (name, text)) in patches.iter().zip(series) {
            assert_eq!(patch["diff"]["url"], format!("rustls/patches/{name}"));
            assert_eq!(patch["diff"]["text"]["content"].as_str().unwrap().as_bytes(), text);
        }
        let notes = pedigree["notes"].as_str().unwrap();
        for name in rustls_source::own_files(&rustls).unwrap().keys() {
            assert!(notes.contains(&format!("rustls/{name}")), "{name}");
        }
    }
}
