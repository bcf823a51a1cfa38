//! The README's program does what the README says.

mod support;

use std::process::Command;

use support::{C, NATIVE, compile, compiler, corpus, crate_folder, have, library_folder, run};

/// The first block of a language in the README, behind a heading.
fn block(heading: &str, language: &str) -> String {
    let readme = std::fs::read_to_string(crate_folder().join("README.md")).unwrap();
    let section = readme.split_once(&format!("\n## {heading}\n")).unwrap().1;
    let block = section.split_once(&format!("\n```{language}\n")).unwrap().1;
    block.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_program_prints_what_it_says() {
    let cc = compiler("CC", "cc");
    if !have(&cc) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join("peek.c"), folder.path().join("peek"));
    std::fs::write(&source, block("Use it", "c")).unwrap();
    let library = library_folder().join("librext.a");
    let link = [&[library.to_str().unwrap()], NATIVE].concat();
    compile(&cc, C, [&source], &link, &program);
    let said = run(Command::new(program).arg(corpus().join("curl+flag.bin")));
    assert_eq!(said, block("Use it", "text"));
}
