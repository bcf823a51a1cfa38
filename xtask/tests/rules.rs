//! The rules: their page, their citations, and their tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rustls_ext_wire::rules::{self, FAMILIES};

#[test]
fn the_page_that_is_checked_in_is_what_the_data_says() {
    xtask::rules::check(&xtask::repository()).unwrap();
}

#[test]
fn every_rule_that_is_cited_exists() {
    let mut unknown = Vec::new();
    let mut citations = 0;
    for (file, text) in files() {
        for (line, number) in text.lines().zip(1..) {
            for id in cited(line) {
                citations += 1;
                if rules::find(&id).is_none() {
                    unknown.push(format!("{file}:{number}: {id}"));
                }
            }
        }
        for test in tests(&text) {
            let of_none = named(test).into_iter().filter(|id| rules::find(id).is_none());
            unknown.extend(of_none.map(|id| format!("{file}: {test} is about {id}")));
        }
    }
    assert!(citations > 1000, "only {citations} citations were found: are all files read?");
    assert!(
        unknown.is_empty(),
        "rustls-ext-wire/src/rules.rs does not have these rules:\n{}",
        unknown.join("\n")
    );
}

/// Beside the name, that it asserts what the rule says is for its reader to see.
#[test]
fn every_rule_has_a_test_of_its_name() {
    let mut tested = BTreeMap::<String, usize>::new();
    for (_, text) in files() {
        for id in tests(&text).flat_map(named) {
            *tested.entry(id).or_default() += 1;
        }
    }
    let untested: Vec<_> =
        rules::all().map(|rule| rule.id).filter(|id| !tested.contains_key(*id)).collect();
    assert!(
        untested.is_empty(),
        "no #[test] is named after these rules, such as `fn flags_2_…` for FLAGS-2: {untested:?}"
    );
}

/// The text of every source file and page of the repository, by name.
fn files() -> impl Iterator<Item = (String, String)> {
    let repository = xtask::repository();
    let listed = xtask::git(
        &repository,
        ["ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "-z"],
    )
    .unwrap();
    let names: Vec<_> = listed.split('\0').map(str::to_owned).collect();
    // Inputs of the fuzz targets are not text.
    let of_people =
        |name: &String| !["fuzz/seeds/", "fuzz/regressions/"].iter().any(|it| name.starts_with(it));
    names.into_iter().filter(of_people).filter_map(move |name| {
        let bytes = fs::read(repository.join(&name)).ok()?; // a file that was deleted
        Some((name, String::from_utf8(bytes).ok()?))
    })
}

/// The rules that a line cites: the name of a family, a hyphen and a number, as a word.
fn cited(line: &str) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut cited = BTreeSet::new();
    for family in FAMILIES {
        for (at, name) in line.match_indices(family.name) {
            let Some(rest) = line[at + name.len()..].strip_prefix('-') else { continue };
            let number = rest.split(|letter| !is_part(letter)).next().unwrap_or_default();
            let is_number = number.starts_with(|digit: char| digit.is_ascii_digit());
            if is_number && !line[..at].ends_with(|letter| is_part(letter) || letter == '-') {
                cited.insert(format!("{name}-{number}"));
            }
        }
    }
    cited
}

/// The names of the tests in a Rust file.
fn tests(text: &str) -> impl Iterator<Item = &str> {
    let mut lines = text.lines().map(str::trim);
    std::iter::from_fn(move || {
        lines.find(|line| ["#[test]", "#[tokio::test"].iter().any(|it| line.starts_with(it)))?;
        // Other attributes may stand between.
        let signature = lines.find(|line| line.contains("fn "))?;
        let (_, name) = signature.split_once("fn ")?;
        Some(name.split('(').next().unwrap_or_default())
    })
}

/// The rules in the name of a test: `flags_2_and_rca_5_…` is about FLAGS-2 and RCA-5.
fn named(test: &str) -> BTreeSet<String> {
    let words: Vec<_> = test.split('_').collect();
    let pairs = words.windows(2).filter_map(|pair| {
        let family = FAMILIES.iter().find(|family| family.name.to_lowercase() == pair[0])?;
        let number: u8 = pair[1].parse().ok()?;
        Some(format!("{}-{number}", family.name))
    });
    pairs.collect()
}

#[test]
fn citations_and_names_are_found() {
    // Put together here, or this file would cite them.
    let line = ["(FLAGS", "2, and RCA", "99), CARE", "n RES", "4_x XCARE", "7 A-RES", "1 CANT", ""];
    let ids = ["FLAGS", "2 RCA", "99 RES", "4_x"].join("-");
    assert_eq!(cited(&line.join("-")), ids.split(' ').map(str::to_owned).collect());

    let file = "#[test]\nfn flags_2_and_rca_99_x() {}\nfn res_1() {}\n#[tokio::test(start)]\n\
                #[cfg(x)]\nasync fn care_3_y() {}\n";
    assert_eq!(tests(file).collect::<Vec<_>>(), ["flags_2_and_rca_99_x", "care_3_y"]);
    let ids = ["FLAGS", "2 RCA", "99"].join("-");
    assert_eq!(named("flags_2_and_rca_99_x"), ids.split(' ').map(str::to_owned).collect());
}
