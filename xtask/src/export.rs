//! The patched source as an ordinary crate, for builds that cannot run its build script.

use std::fs;
use std::path::Path;

use rustls_source::{Tree, VERSION, own_files, patched_tree, read_tree, write_tree};
use toml_edit::{DocumentMut, Item, Value};

use crate::Result;

/// Writes the patched rustls and the codec that it depends on to `folder`, each with its licences, and
/// a README.md that says how to use them.
///
/// # Errors
/// If there is something in `folder`, if the source cannot be made, or if a file cannot be written.
pub fn export(repository: &Path, folder: &Path) -> Result<()> {
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        let folder = folder.display();
        return Err(format!("{folder} is not empty: name a folder that is, or a new one").into());
    }
    let workspace: DocumentMut = fs::read_to_string(repository.join("Cargo.toml"))?.parse()?;
    let manifest = |package: &str| -> Result<Vec<u8>> {
        let text = fs::read_to_string(repository.join(package).join("Cargo.toml"))?;
        Ok(standalone(&text, &workspace)?.into_bytes())
    };

    let rustls = repository.join("rustls");
    let mut files = within("rustls", patched_tree(&rustls)?);
    files.insert("rustls/Cargo.toml".into(), manifest("rustls")?);
    let codec = repository.join("rustls-ext-wire");
    files.extend(within("rustls-ext-wire/src", read_tree(&codec.join("src"))?));
    files.insert("rustls-ext-wire/Cargo.toml".into(), manifest("rustls-ext-wire")?);
    files.insert("rustls-ext-wire/README.md".into(), fs::read(codec.join("README.md"))?);
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        files.insert(format!("rustls-ext-wire/{name}"), fs::read(repository.join(name))?);
    }
    files.insert("README.md".into(), readme(&own_files(&rustls)?).into_bytes());
    write_tree(&files, folder)?;
    println!(
        "{} has the patched rustls, and a README.md that says how to use it",
        folder.display()
    );
    Ok(())
}

fn within(folder: &str, tree: Tree) -> Tree {
    tree.into_iter().map(|(name, text)| (format!("{folder}/{name}"), text)).collect()
}

fn readme(own: &Tree) -> String {
    let own: Vec<_> = own.keys().map(|name| format!("`rustls/{name}`")).collect();
    format!(
        "# rustls {VERSION}, patched by rustls-ext\n\
         Written by `cargo xtask rustls export`: ordinary crates, which need no build script and nothing\n\
         else of the rustls-ext repository. In the Cargo.toml at the root of your workspace:\n\
         ```toml\n\
         [patch.crates-io]\n\
         rustls = {{ path = \"<this folder>/rustls\" }}\n\
         ```\n\
         rustls-ext looks for the build script of the patched rustls. So set the environment variable\n\
         `RUSTLS_EXT_EXPORTED=1` where you build it, for example in `.cargo/config.toml`:\n\
         ```toml\n\
         [env]\n\
         RUSTLS_EXT_EXPORTED = \"1\"\n\
         ```\n\
         The feature `read_buf` has no effect without `--cfg read_buf`, which takes a nightly compiler.\n\
         \n\
         `rustls` is © its authors and offered under the Apache License 2.0, the ISC licence or the MIT\n\
         licence, at your choice. It is not as published: the patches changed some of its files, and\n\
         {} are new.\n\
         `rustls-ext-wire` is offered under the Apache License 2.0 or the MIT licence, at your choice.\n",
        own.join(", ")
    )
}

/// A manifest without workspace and build script, which builds only the library.
fn standalone(text: &str, workspace: &DocumentMut) -> Result<String> {
    let mut manifest: DocumentMut = text.parse()?;
    manifest.remove("dev-dependencies");
    manifest.remove("build-dependencies");
    // The lints of a workspace are for its own developers.
    if manifest.get("lints").and_then(|lints| lints.get("workspace")).is_some() {
        manifest.remove("lints");
    }
    let package = manifest["package"].as_table_mut().ok_or("a manifest has no [package]")?;
    // The comment before it is about the repository.
    package.decor_mut().set_prefix("");
    package.remove("build");
    package.remove("links");
    inherit(package, workspace.get("workspace").and_then(|it| it.get("package")))?;
    if let Some(dependencies) = manifest.get_mut("dependencies").and_then(Item::as_table_mut) {
        inherit(dependencies, workspace.get("workspace").and_then(|it| it.get("dependencies")))?;
        for (name, dependency) in dependencies.iter_mut() {
            // The folders are next to each other, as in the repository.
            if dependency.get("path").is_some() {
                dependency["path"] = toml_edit::value(format!("../{name}"));
            }
        }
    }
    // Remove features that select a dependency of the build script.
    if let Some(features) = manifest.get_mut("features").and_then(Item::as_table_mut) {
        for (_, needs) in features.iter_mut() {
            if let Some(needs) = needs.as_array_mut() {
                needs.retain(|need| need.as_str() != Some("rustversion"));
                needs.fmt();
            }
        }
    }
    Ok(manifest.to_string())
}

/// Replaces each `workspace = true` by the value of the workspace.
fn inherit(table: &mut toml_edit::Table, workspace: Option<&Item>) -> Result<()> {
    for (key, item) in table.iter_mut() {
        let is_inherited = item.get("workspace").and_then(Item::as_bool) == Some(true);
        if !is_inherited {
            continue;
        }
        let key = key.get();
        let shared = workspace.and_then(|workspace| workspace.get(key));
        let shared = shared.ok_or_else(|| format!("the workspace has no {key} to inherit"))?;
        // Keys next to `workspace = true` are added.
        let own: Vec<(String, Value)> = item
            .as_table_like()
            .into_iter()
            .flat_map(|own| own.iter())
            .filter(|(name, _)| *name != "workspace")
            .filter_map(|(name, value)| Some((name.to_owned(), value.as_value()?.clone())))
            .collect();
        let mut merged = shared.clone();
        if !own.is_empty() {
            if let Some(version) = merged.as_str().map(str::to_owned) {
                merged =
                    toml_edit::value(toml_edit::InlineTable::from_iter([("version", version)]));
            }
            for (name, value) in own {
                let features = merged.get(&name).and_then(Item::as_array).cloned();
                match (features, value) {
                    (Some(mut both), Value::Array(more)) => {
                        both.extend(more.iter().cloned());
                        both.fmt();
                        merged[&name] = toml_edit::value(both);
                    }
                    (_, value) => merged[&name] = Item::Value(value),
                }
            }
        }
        *item = merged;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_stands_alone() {
        let workspace = "[workspace.package]\nedition = \"2024\"\n\
                         [workspace.dependencies]\n\
                         one = \"1\"\n\
                         two = { version = \"2\", default-features = false, features = [\"a\"] }\n";
        let text = "# Ours.\n[package]\nname = \"it\"\nedition.workspace = true\nbuild = \"build.rs\"\nlinks = \"it\"\n\
                    [features]\nread = [\"rustversion\", \"std\"]\n\
                    [dependencies]\n\
                    one = { workspace = true, optional = true }\n\
                    two = { workspace = true, features = [\"b\"] }\n\
                    three = { version = \"3\", path = \"../there/three\" }\n\
                    [build-dependencies]\nrustversion = { version = \"1\", optional = true }\n\
                    [dev-dependencies]\nfour = \"4\"\n\
                    [lints]\nworkspace = true\n";
        let made = standalone(text, &workspace.parse().unwrap()).unwrap();
        assert_eq!(
            made,
            "[package]\nname = \"it\"\nedition = \"2024\"\n\
             [features]\nread = [\"std\"]\n\
             [dependencies]\n\
             one = { version = \"1\", optional = true }\n\
             two = { version = \"2\", default-features = false, features = [\"a\", \"b\"] }\n\
             three = { version = \"3\", path = \"../three\" }\n"
        );
        let problem = standalone(text, &"".parse().unwrap()).unwrap_err().to_string();
        assert_eq!(problem, "the workspace has no edition to inherit");
    }
}
