//! The program in the README prints the output in the README.

mod support;

use std::process::Command;

use support::{C, NATIVE, compile, compiler, corpus, crate_folder, have, library_folder, run};

/// The first block of this language in the README after this heading.
fn block(heading: &str, language: &str) -> String {
    let readme = std::fs::read_to_string(crate_folder().join("README.md")).unwrap();
    let section = readme.split_once(&format!("\n## {heading}\n")).unwrap().1;
    let block = section.split_once(&format!("\n```{language}\n")).unwrap().1;
    block.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_program_prints_the_documented_output() {
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
    let output = run(Command::new(program).arg(corpus().join("curl+flag.bin")));
    assert_eq!(output, block("Use it", "text"));
}
