//! The relative links of a page: to files of the repository, and to sections of pages.

use std::fs;
use std::path::Path;

use super::blocks::prose;

/// The relative links of a page that lead nowhere, as `README.md:12: …`.
pub(super) fn problems(repository: &Path, page: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, line) in prose(text) {
        // Without code, in which brackets and parentheses are no links.
        let plain: String = line.split('`').step_by(2).collect();
        for target in targets(&plain) {
            if let Some(problem) = problem(repository, page, text, target) {
                problems.push(format!("{page}:{number}: {problem}"));
            }
        }
    }
    problems
}

/// The targets of the links in a line, of `[text](target)` and of `[name]: target`.
fn targets(line: &str) -> Vec<&str> {
    let mut targets: Vec<&str> =
        line.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0)).collect();
    if line.starts_with('[') {
        targets.extend(line.split_once("]: ").map(|(_, target)| target.trim()));
    }
    targets
}

fn problem(repository: &Path, page: &str, text: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, section) = target.split_once('#').unwrap_or((target, ""));
    let path = repository.join(page).parent()?.join(file);
    if !file.is_empty() && !path.exists() {
        return Some(format!("there is no file `{file}`"));
    }
    let other;
    let sections = match file {
        "" => text,
        _ if file.ends_with(".md") => {
            other = fs::read_to_string(path).unwrap_or_default();
            other.as_str()
        }
        // The lines of source code, for example.
        _ => return None,
    };
    let is_missing = !section.is_empty() && !has_section(sections, section);
    let file = if file.is_empty() { page } else { file };
    is_missing.then(|| format!("there is no section `#{section}` in `{file}`"))
}

/// Whether a page has a section of this name, by its title or by `<a id="name">`.
fn has_section(text: &str, name: &str) -> bool {
    let mut titles = prose(text).into_iter().filter(|(_, line)| line.starts_with('#'));
    titles.any(|(_, title)| slug(title) == name) || text.contains(&format!("<a id=\"{name}\">"))
}

/// The name that GitHub gives to the section of a title.
fn slug(title: &str) -> String {
    let title = title.trim_start_matches('#').trim().to_lowercase();
    let kept = title.chars().filter(|&c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
