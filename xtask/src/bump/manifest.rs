//! Makes the changes of upstream's manifest in ours, which name newer versions of some dependencies.

use std::collections::BTreeSet;

use toml_edit::{DocumentMut, InlineTable, Item, TableLike, Value};

/// The tables that the build uses.
const TABLES: [&str; 3] = ["features", "dependencies", "build-dependencies"];

/// Makes the changes between two manifests of upstream in ours, and returns a list of them.
pub fn update(ours: &mut DocumentMut, old: &DocumentMut, new: &DocumentMut) -> Vec<String> {
    let mut lines = Vec::new();
    for table in TABLES {
        let entries = |manifest: &DocumentMut| -> Vec<(String, Item)> {
            let table = manifest.get(table).and_then(Item::as_table_like);
            table
                .into_iter()
                .flat_map(TableLike::iter)
                .map(|(n, it)| (n.into(), it.clone()))
                .collect()
        };
        let (old, new) = (entries(old), entries(new));
        let find = |of: &[(String, Item)], name: &str| {
            of.iter().find(|(it, _)| it == name).map(|(_, item)| item.clone())
        };
        let names: BTreeSet<&String> = old.iter().chain(&new).map(|(name, _)| name).collect();
        for name in names {
            let (before, after) = (find(&old, name), find(&new, name));
            if plain(before.as_ref()) == plain(after.as_ref()) {
                continue;
            }
            let Some(ours) = ours.get_mut(table).and_then(Item::as_table_like_mut) else {
                lines.push(format!("has no [{table}], and upstream's {name} differs"));
                continue;
            };
            let line = match after {
                None => {
                    ours.remove(name);
                    "removed, as upstream".into()
                }
                Some(after) => entry(ours, name, before.as_ref(), &after),
            };
            lines.push(format!("{table}.{name} {line}"));
        }
    }
    for name in ["edition", "rust-version"] {
        let of =
            |manifest: &DocumentMut| plain(manifest.get("package").and_then(|it| it.get(name)));
        if of(old) != of(new) {
            lines.push(format!("package.{name} is not changed; upstream has {}", of(new)));
        }
    }
    lines
}

/// Makes upstream's change of one entry in ours.
fn entry(ours: &mut dyn TableLike, name: &str, before: Option<&Item>, after: &Item) -> String {
    let mut new = inline(after);
    let required = |item: Option<&Item>| {
        let item = item?;
        let version = item.as_str().or_else(|| item.get("version")?.as_str())?;
        Some(version.to_owned())
    };
    let kept = required(ours.get(name)).filter(|ours| {
        let is_raised = required(before).is_none_or(|before| is_newer(ours, &before));
        is_raised && required(Some(after)).is_some_and(|after| is_newer(ours, &after))
    });
    if let Some(kept) = &kept {
        match &mut new {
            Value::InlineTable(table) => drop(table.insert("version", kept.as_str().into())),
            other => *other = kept.as_str().into(),
        }
    }
    let text = new.to_string();
    match ours.get_mut(name) {
        // Keep the comments before it.
        Some(item) => *item = Item::Value(new),
        None => drop(ours.insert(name, Item::Value(new))),
    }
    match kept {
        Some(_) => format!("= {}, where our version is newer than upstream's", text.trim()),
        None => format!("= {}, as upstream", text.trim()),
    }
}

/// Whether one version requirement of numbers is above another.
fn is_newer(one: &str, other: &str) -> bool {
    let numbers =
        |text: &str| -> Vec<u64> { text.split('.').map_while(|it| it.parse().ok()).collect() };
    numbers(one) > numbers(other)
}

/// An entry on one line.
fn inline(item: &Item) -> Value {
    let mut value = match item.as_table_like() {
        Some(table) => {
            let mut entries: Vec<_> = table.iter().collect();
            // In the order of our manifests.
            let order = ["package", "version", "optional", "default-features", "features"];
            entries.sort_by_key(|(key, _)| order.iter().position(|it| it == key));
            let values =
                entries.iter().filter_map(|(key, item)| Some((*key, item.as_value()?.clone())));
            Value::InlineTable(InlineTable::from_iter(values))
        }
        None => item.as_value().cloned().unwrap_or_else(|| Value::from("")),
    };
    tidy(&mut value);
    match value {
        // A table of a version only is written as the version.
        Value::InlineTable(table) if table.len() == 1 && table.contains_key("version") => {
            table.get("version").cloned().unwrap_or_else(|| Value::from(""))
        }
        value => value,
    }
}

/// Removes line breaks and comments.
fn tidy(value: &mut Value) {
    match value {
        Value::Array(array) => {
            array.fmt();
            array.set_trailing("");
            array.set_trailing_comma(false);
        }
        Value::InlineTable(table) => {
            for (_, value) in table.iter_mut() {
                tidy(value);
            }
            table.fmt();
        }
        _ => {}
    }
    value.decor_mut().clear();
}

/// A text that is the same for equal entries.
fn plain(item: Option<&Item>) -> String {
    item.map(|item| inline(item).to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "[features]\ndefault = [\n    \"a\",\n    \"b\",\n]\nold = []\n\
                       [dependencies.log]\nversion = \"0.4.8\"\noptional = true\n\
                       [dependencies.gone]\nversion = \"1\"\n\
                       [dependencies.subtle]\nversion = \"2.5.0\"\ndefault-features = false\n";
    const OURS: &str = "[features]\ndefault = [\"a\", \"b\"]\nold = []\n\n\
                        [dependencies]\ngone = \"1\"\n\
                        # A reason.\nlog = { version = \"0.4.22\", optional = true }\n\
                        mine = { path = \"../mine\" }\n\
                        subtle = { version = \"2.6\", default-features = false }\n";

    fn after(new: &str) -> (String, Vec<String>) {
        let mut ours = OURS.parse().unwrap();
        let lines = update(&mut ours, &OLD.parse().unwrap(), &new.parse().unwrap());
        (ours.to_string(), lines)
    }

    #[test]
    fn the_same_manifest_changes_nothing() {
        assert_eq!(after(OLD), (OURS.into(), vec![]));
    }

    #[test]
    fn what_upstream_changed_changes_and_newer_versions_stay() {
        let new = OLD
            .replace("    \"b\",\n]\nold = []\n", "]\nnew = [\"dep:more\"]\n")
            .replace("0.4.8", "0.4.10")
            .replace("2.5.0", "2.7.0")
            .replace(
                "[dependencies.gone]\nversion = \"1\"\n",
                "[dependencies.more]\nversion = \"3\"\nfeatures = [\n    \"x\",\n]\noptional = true\n",
            );
        let (ours, lines) = after(&new);
        assert_eq!(
            ours,
            "[features]\ndefault = [\"a\"]\nnew = [\"dep:more\"]\n\n[dependencies]\n\
             # A reason.\nlog = { version = \"0.4.22\", optional = true }\n\
             mine = { path = \"../mine\" }\n\
             subtle = { version = \"2.7.0\", default-features = false }\n\
             more = { version = \"3\", optional = true, features = [\"x\"] }\n"
        );
        assert_eq!(
            lines,
            [
                "features.default = [\"a\"], as upstream",
                "features.new = [\"dep:more\"], as upstream",
                "features.old removed, as upstream",
                "dependencies.gone removed, as upstream",
                "dependencies.log = { version = \"0.4.22\", optional = true }, where our version is \
                 newer than upstream's",
                "dependencies.more = { version = \"3\", optional = true, features = [\"x\"] }, as upstream",
                "dependencies.subtle = { version = \"2.7.0\", default-features = false }, as upstream",
            ]
        );
    }

    #[test]
    fn a_newer_compiler_is_reported() {
        let with = |version: &str| format!("[package]\nrust-version = \"{version}\"\n");
        let mut ours = "[features]\n".parse().unwrap();
        let (old, new) = (with("1.71").parse().unwrap(), with("1.90").parse().unwrap());
        let lines = update(&mut ours, &old, &new);
        assert_eq!(lines, ["package.rust-version is not changed; upstream has \"1.90\""]);
    }
}
