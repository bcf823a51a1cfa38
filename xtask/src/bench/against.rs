//! `cargo xtask bench against`: the instructions of this work tree, and those of another commit.

use std::fs;
use std::path::{Path, PathBuf};

use super::{check_valgrind, runner, target};
use crate::{Result, git, run as done};

/// The beginning of the line in benches/README.md that names the commit to compare with.
const BASE: &str = "<!-- base: ";

/// Counts the instructions of both in one run, and compares the rows with a limit.
///
/// # Errors
/// If one of them takes more instructions than allowed, the commit does not exist or cannot be built, or valgrind
/// is missing.
pub fn against(repository: &Path, commit: Option<&str>) -> Result<()> {
    check_valgrind()?;
    let named = match commit {
        Some(commit) => commit.to_owned(),
        None => base(&fs::read_to_string(repository.join("benches/README.md"))?)?,
    };
    let full = ["rev-parse", "--verify", "--quiet", &format!("{named}^{{commit}}")];
    let commit = git(repository, full).map_err(|_| format!("there is no commit {named}"))?;
    let target = std::path::absolute(target(repository))?;
    let folder = target.join("bench/against");
    let before = folder.join("before");
    check_out(repository, commit.trim(), &before)?;

    println!("-- instructions of commit {named}");
    // Cargo does not distinguish crates at the same place of two work trees, and would use those that were built first.
    let own = folder.join("target");
    let runner = runner(repository)?;
    let before = count(&before, &runner, &own, &folder.join("before.json"))?;
    println!("-- instructions of this work tree");
    let after = count(repository, &runner, &target, &folder.join("after.json"))?;
    let mut report = crate::cargo();
    report.current_dir(repository).args(["run", "--quiet", "--release", "-p", "benches"]);
    done(report.args(["--bin", "report", "--", "change"]).args([before, after]))
        .map_err(|_| format!("instructions against commit {named}: see above").into())
}

/// The commit that a page names.
fn base(page: &str) -> Result<String> {
    let mut named = page.lines().filter_map(|line| line.strip_prefix(BASE)?.strip_suffix(" -->"));
    match (named.next(), named.next()) {
        (Some(commit), None) => Ok(commit.to_owned()),
        _ => Err(format!("benches/README.md needs one line `{BASE}COMMIT -->`").into()),
    }
}

/// Puts a commit's files into a folder. Files that are there already stay as they are, so that cargo does not build
/// them again.
fn check_out(repository: &Path, commit: &str, folder: &Path) -> Result<()> {
    let is_there = git(folder, ["rev-parse", "HEAD"]).is_ok_and(|at| at.trim() == commit)
        && git(folder, ["status", "--porcelain"]).is_ok_and(|changes| changes.is_empty());
    if is_there {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let (from, to) = (repository.display().to_string(), folder.display().to_string());
    git(repository, ["clone", "--quiet", "--shared", "--no-checkout", &from, &to])?;
    git(folder, ["checkout", "--quiet", "--detach", commit])?;
    Ok(())
}

/// Counts the instructions of a work tree, and writes its rows to a file.
fn count(tree: &Path, runner: &Path, target: &Path, rows: &Path) -> Result<PathBuf> {
    let home = rows.with_extension("counts");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    let cargo = |args: &[&str]| {
        let mut cargo = crate::cargo();
        cargo.current_dir(tree).args(args).env("CARGO_TARGET_DIR", target);
        cargo.env("GUNGRAUN_RUNNER", runner).env("GUNGRAUN_HOME", &home);
        cargo.env("GUNGRAUN_SAVE_SUMMARY", "json").env("BENCH_QUICK", "1");
        cargo
    };
    let mut bench = cargo(&["bench", "--quiet", "-p", "benches", "--bench", "instructions"]);
    let output = bench.stderr(std::process::Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("this failed: {bench:?}").into());
    }
    let mut counts =
        cargo(&["run", "--quiet", "--release", "-p", "benches", "--bin", "counts", "--"]);
    done(counts.args([rows, &home]))?;
    Ok(rows.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_one_commit_of_this_repository() {
        let page = fs::read_to_string(crate::repository().join("benches/README.md")).unwrap();
        let commit = base(&page).unwrap();
        git(&crate::repository(), ["merge-base", "--is-ancestor", &commit, "HEAD"]).unwrap();
        assert_eq!(base("a\n<!-- base: abc -->\n").unwrap(), "abc");
        assert!(base("").is_err() && base(&format!("{page}\n<!-- base: abc -->\n")).is_err());
    }

    #[test]
    fn the_files_are_those_of_the_commit() {
        let folder = tempfile::tempdir().unwrap();
        let [repository, copy] = ["repository", "copy"].map(|name| folder.path().join(name));
        fs::create_dir(&repository).unwrap();
        git(&repository, ["init", "--quiet"]).unwrap();
        let commit = |text: &str| {
            fs::write(repository.join("file"), text).unwrap();
            git(&repository, ["add", "file"]).unwrap();
            git(&repository, ["commit", "--quiet", "--message", text]).unwrap();
            git(&repository, ["rev-parse", "HEAD"]).unwrap().trim().to_owned()
        };
        let (first, second) = (commit("first"), commit("second"));
        let text = || fs::read_to_string(copy.join("file")).unwrap();
        for (hash, expected) in [(&first, "first"), (&second, "second"), (&second, "second")] {
            check_out(&repository, hash, &copy).unwrap();
            assert_eq!(text(), expected);
        }
        fs::write(copy.join("file"), "changed").unwrap();
        check_out(&repository, &second, &copy).unwrap();
        assert_eq!(text(), "second");
        check_out(&repository, "0000000000000000000000000000000000000000", &copy).unwrap_err();
    }
}
