//! Tests of `cargo xtask docs`: comments before code blocks, and how blocks are run.

use std::fs;
use std::path::Path;

use xtask::docs::{self, Marker, blocks, manifest, problems};

#[test]
fn each_block_of_the_pages_says_how_it_is_tested() {
    let pages = docs::check(&xtask::repository()).unwrap();
    let has = |path: &str, blocks: usize| {
        pages.iter().any(|page| page.path == path && page.blocks.len() >= blocks)
    };
    assert!(has("README.md", 7) && has("docs/guide/server.md", 7));
}

#[test]
fn a_block_has_its_place_its_section_and_the_comment_directly_before_it() {
    let page = "# Title\n\n## Part\n<!-- run -->\n```console\ntrue\n```\n\n````rust,no_run\n```\n\
                ````\n<!-- not tested: of a kind -->\n\n```text\nx\n```\n";
    let found = blocks("docs/A_B.md", page).unwrap();
    let seen: Vec<_> = found
        .iter()
        .map(|it| (it.place(), it.name(), it.language.as_str(), it.code.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            ("docs/A_B.md:6".into(), "docs-a-b-1".into(), "console", "true\n"),
            ("docs/A_B.md:10".into(), "docs-a-b-2".into(), "rust", "```\n"),
            ("docs/A_B.md:15".into(), "docs-a-b-3".into(), "text", "x\n"),
        ]
    );
    assert!(found.iter().all(|it| it.section == "Part"));
    // With an empty line between, a comment is of the text.
    let markers: Vec<_> = found.into_iter().map(|it| it.marker).collect();
    assert_eq!(markers, [Some(Marker::Run), None, None]);
}

#[test]
fn a_comment_that_is_not_understood_and_a_block_without_end_are_errors() {
    let error = |page| blocks("a.md", page).unwrap_err().to_string();
    let unknown = error("<!-- rnu -->\n```console\ntrue\n```\n");
    assert!(unknown.starts_with("a.md:1: `rnu` says nothing about the code block"), "{unknown}");
    let reason = error("<!-- not tested: -->\n```console\ntrue\n```\n");
    assert!(reason.starts_with("a.md:1: `not tested:` says nothing"), "{reason}");
    assert_eq!(error("\n```text\nx\n"), "a.md:2: this block has no end");
}

#[test]
fn a_block_that_nothing_tests_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("script"), "step \"$(readme 'See it')\"\nmake all\n").unwrap();
    let all = |page: &str| problems(root.path(), &blocks("a.md", page).unwrap());
    let one = |page: &str| {
        let found = all(page);
        assert_eq!(found.len(), 1, "{found:?}");
        found.into_iter().next().unwrap()
    };

    assert!(one("```console\ntrue\n```\n").starts_with("a.md:2: nothing tests these commands"));
    assert!(one("```rust\n```\n").starts_with("a.md:2: no `toml` block above"));
    assert!(one("```toml\n[a\n```\n").starts_with("a.md:2: TOML parse error"));
    assert!(one("<!-- run -->\n```toml\n```\n").starts_with("a.md:3: `run` is for `console`"));
    let library = one("```toml\n[dependencies]\n```\n<!-- run -->\n```rust\nfn f() {}\n```\n");
    assert_eq!(library, "a.md:6: this block has no `fn main`, so it cannot be run");
    let path = one("<!-- file ../a -->\n```text\n```\n");
    assert_eq!(path, "a.md:3: `../a` is not the name of a file");

    assert_eq!(
        one("# Other\n<!-- tested by script -->\n```console\nmake some\n```\n"),
        "a.md:4: script has neither `make some` nor 'Other' in it"
    );
    let missing = one("<!-- tested by none -->\n```console\nmake all\n```\n");
    assert_eq!(missing, "a.md:3: there is no none to test this");
    let tested = "<!-- tested by script -->\n```console\nmake all  # what it does\n```\n\
                  # See it\n<!-- tested by script -->\n```console\nmake some\n```\n\
                  <!-- not tested: it takes days -->\n```console\nmake much\n```\n";
    assert_eq!(all(tested), [""; 0]);
}

#[test]
fn the_manifest_of_a_block_is_the_one_that_is_shown_with_paths_for_the_address() {
    let root = tempfile::tempdir().unwrap();
    for name in ["rustls", "rustls-ext"] {
        fs::create_dir(root.path().join(name)).unwrap();
        fs::write(root.path().join(name).join("Cargo.toml"), "").unwrap();
    }
    let shown = "[dependencies]\nother = \"1\"\n\
                 rustls-ext = { git = \"https://example.org/rustls-ext\", rev = \"1\", features = [\"tokio\"] }\n\n\
                 [patch.crates-io]\nrustls = { git = \"https://example.org/rustls-ext\" }\n";
    let text = manifest(shown, None, root.path(), ("readme-1", "README.md"), false).unwrap();
    let path = |name| root.path().join(name).to_str().unwrap().to_owned();
    let made: toml_edit::DocumentMut = text.parse().unwrap();
    let dependency = &made["dependencies"]["rustls-ext"];
    assert_eq!(dependency["path"].as_str().unwrap(), path("rustls-ext"));
    assert!(dependency.get("git").is_none() && dependency.get("rev").is_none(), "{text}");
    assert_eq!(dependency["features"].as_array().unwrap().len(), 1);
    assert_eq!(made["dependencies"]["other"].as_str(), Some("1"));
    assert_eq!(made["patch"]["crates-io"]["rustls"]["path"].as_str().unwrap(), path("rustls"));
    assert_eq!(made["lib"]["path"].as_str(), Some("README.md"));

    // One without a patch has that of the one above it.
    let below = "[dependencies] # more\nother = \"1\"\n";
    let text = manifest(below, Some(shown), root.path(), ("readme-2", "README.md"), true).unwrap();
    let made: toml_edit::DocumentMut = text.parse().unwrap();
    assert_eq!(made["patch"]["crates-io"]["rustls"]["path"].as_str().unwrap(), path("rustls"));
    assert_eq!(made["bin"][0]["name"].as_str(), Some("readme-2"));

    let unknown = "[dependencies]\nrustls-etx = { git = \"https://example.org/rustls-ext\" }\n";
    let err = manifest(unknown, None, root.path(), ("readme-1", "README.md"), false).unwrap_err();
    assert_eq!(err.to_string(), "there is no crate `rustls-etx` in this repository");
}

#[test]
fn a_link_to_a_file_or_a_section_that_does_not_exist_is_an_error() {
    let page = "# A title: `code`, and more\n\
                [here](#a-title-code-and-more) and [there](PAGE.md#a-title-code-and-more)\n\
                `[code](gone)`, [elsewhere](https://example.org/gone)\n\
                [one](gone.md), ![two](gone.svg)\n\n\
                [three]: PAGE.md#gone\n\
                ```text\n[code](gone)\n```\n[four](#gone)\n";
    let err = docs::check(repository(page).path()).unwrap_err().to_string();
    let found: Vec<_> = err.split("\n    ").collect();
    assert_eq!(
        found,
        [
            "PAGE.md:4: there is no file `gone.md`",
            "PAGE.md:4: there is no file `gone.svg`",
            "PAGE.md:6: there is no section `#gone` in `PAGE.md`",
            "PAGE.md:10: there is no section `#gone` in `PAGE.md`",
        ]
    );
}

/// A repository with one page.
fn repository(page: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    xtask::git(root.path(), ["init", "--quiet"]).unwrap();
    fs::write(root.path().join("Cargo.lock"), "version = 4\n").unwrap();
    fs::write(root.path().join("PAGE.md"), page).unwrap();
    root
}

fn outcome(root: &Path) -> Result<(), String> {
    docs::test(root, None).map_err(|err| err.to_string())
}

#[test]
fn blocks_run_in_the_order_of_their_page_with_its_servers_and_files() {
    let page = r#"
<!-- file name -->
```text
you
```
```toml
[dependencies]
```
<!-- serve -->
```rust
use std::io::Write;
fn main() -> std::io::Result<()> {
    let name = std::fs::read_to_string("name")?;
    let listener = std::net::TcpListener::bind("127.0.0.1:8443")?;
    loop {
        // One that only looks whether it listens is gone.
        let _ = listener.accept()?.0.write_all(name.as_bytes());
    }
}
```
<!-- run -->
```console
exec 3<> /dev/tcp/127.0.0.1/8443
echo "hello, $(cat <&3)"
```
<!-- output -->
```text
hello, you
```
<!-- run -->
```rust
fn main() { println!("and bye") }
```
<!-- output -->
```text
and bye
```
"#;
    let root = repository(page);
    assert_eq!(outcome(root.path()), Ok(()));
    fs::write(root.path().join("PAGE.md"), page.replace("and bye\n", "good bye\n")).unwrap();
    assert_eq!(outcome(root.path()), Err("these blocks fail:\n    PAGE.md:36".into()));
}

#[test]
fn blocks_that_fail_are_named_with_their_lines() {
    let page = "```toml\n[dependencies]\n```\n```rust\nfn f() -> u8 { \"\" }\n```\n\
                <!-- run -->\n```console\nfalse\ntrue\n```\n```rust\nfn g() {}\n```\n\
                ```rust\nfn h() { g() }\n```\n";
    // After the first one, commands are not run; blocks are still built.
    let failed = outcome(repository(page).path());
    assert_eq!(failed, Err("these blocks fail:\n    PAGE.md:5\n    PAGE.md:16".into()));
    let page = page.replace("\"\"", "1");
    let failed = outcome(repository(&page).path());
    assert_eq!(failed, Err("these blocks fail:\n    PAGE.md:9\n    PAGE.md:16".into()));
}
