//! Splits the root of the crate, since `include!` accepts no inner attributes and no inner docs.

use crate::{Problem, Tree, problem};

/// The root's name in a [`Tree`].
pub const ROOT: &str = "src/lib.rs";

/// The parts of a crate's root.
#[derive(Debug, PartialEq, Eq)]
pub struct Root {
    /// The documentation of the crate.
    pub docs: String,
    /// The attributes of the crate, without white space.
    pub attributes: Vec<String>,
    /// All the rest, on the lines where it was.
    pub items: String,
}

impl Root {
    /// Takes the root of `tree` apart.
    ///
    /// # Errors
    /// If there is none, or if it is not text.
    pub fn of(tree: &Tree) -> Result<Self, Problem> {
        match tree.get(ROOT).map(|text| std::str::from_utf8(text)) {
            Some(Ok(text)) => Ok(Self::parse(text)),
            _ => problem(format!("there is no {ROOT} in the source, or it is not text")),
        }
    }

    fn parse(text: &str) -> Self {
        let mut root = Self { docs: String::new(), attributes: Vec::new(), items: String::new() };
        // How many brackets of an attribute are open.
        let mut open = 0;
        let mut in_items = false;
        for line in text.split_inclusive('\n') {
            let is_attribute = open > 0 || line.starts_with("#![");
            if in_items {
                root.items.push_str(line);
            } else if is_attribute {
                if open == 0 {
                    root.attributes.push(String::new());
                }
                if let Some(attribute) = root.attributes.last_mut() {
                    attribute.extend(line.split_whitespace());
                }
                open += line.matches('[').count();
                open = open.saturating_sub(line.matches(']').count());
                root.items.push('\n');
            } else if let Some(docs) = line.strip_prefix("//!") {
                root.docs.push_str(docs.strip_prefix(' ').unwrap_or(docs));
                root.items.push('\n');
            } else {
                in_items = !(line.trim().is_empty() || line.starts_with("//"));
                root.items.push_str(line);
            }
        }
        root
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_taken_apart_and_lines_stay_where_they_are() {
        let text = "//! Docs,\n//!\n//! more.\n\n// A remark.\n#![no_std]\n#![warn(\n    one[0],\n    two\n)]\n\
                    mod a;\n//! not at the top\nmod b {\n    #![allow(x)]\n}\n";
        let root = Root::parse(text);
        assert_eq!(root.docs, "Docs,\n\nmore.\n");
        assert_eq!(root.attributes, ["#![no_std]", "#![warn(one[0],two)]"]);
        let items = "\n\n\n\n// A remark.\n\n\n\n\n\nmod a;\n//! not at the top\nmod b {\n    #![allow(x)]\n}\n";
        assert_eq!(root.items, items);
        assert_eq!(
            Root::parse(items),
            Root { docs: "".into(), attributes: vec![], items: items.into() }
        );
    }

    #[test]
    fn a_source_without_a_root_is_an_error() {
        assert!(Root::of(&Tree::new()).unwrap_err().0.contains("there is no src/lib.rs"));
    }
}
