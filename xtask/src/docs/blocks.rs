//! The code blocks of a page, and the comments before them that say how CI tests them.

use crate::Result;

/// A code block of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The page, as a path in the repository.
    pub page: String,
    /// The line of the page that has the first line of code, counted from 1.
    pub line: usize,
    /// The number of the block among those of the page, counted from 1.
    pub number: usize,
    /// The language, such as `rust`; empty if the fence names none.
    pub language: String,
    /// The code, with a line feed after each line.
    pub code: String,
    /// The comment directly before the block.
    pub marker: Option<Marker>,
    /// The title of the section.
    pub section: String,
}

/// A comment in the last line before a code block, such as `<!-- run -->`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marker {
    /// `run`: commands or a program, which `cargo xtask docs` runs, in the order of the page.
    Run,
    /// `serve`: a program that runs while the blocks after it run.
    Serve,
    /// `output`: what the block before it printed.
    Output,
    /// `file NAME`: written to the folder in which the blocks of the page run.
    File(String),
    /// `tested by PATH`: that file of the repository runs it.
    TestedBy(String),
    /// `not tested: REASON`
    NotTested(String),
}

impl Marker {
    fn parse(line: &str) -> Option<Result<Self>> {
        let text = line.trim().strip_prefix("<!--")?.strip_suffix("-->")?.trim();
        let argument = |text: &str| {
            let text = text.trim();
            if text.is_empty() { None } else { Some(text.to_owned()) }
        };
        let marker = match text {
            "run" => Some(Self::Run),
            "serve" => Some(Self::Serve),
            "output" => Some(Self::Output),
            _ => [
                text.strip_prefix("file ").and_then(argument).map(Self::File),
                text.strip_prefix("tested by ").and_then(argument).map(Self::TestedBy),
                text.strip_prefix("not tested:").and_then(argument).map(Self::NotTested),
            ]
            .into_iter()
            .flatten()
            .next(),
        };
        Some(marker.ok_or_else(|| {
            format!(
                "`{text}` says nothing about the code block after it: write `run`, `serve`, \
                 `output`, `file NAME`, `tested by PATH` or `not tested: REASON`"
            )
            .into()
        }))
    }
}

impl Block {
    /// The place, as `README.md:12`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.page, self.line)
    }

    /// A name for the crate that is made of it, such as `docs-first-hour-3`.
    pub fn name(&self) -> String {
        let page = self.page.trim_end_matches(".md").to_lowercase();
        let page: String =
            page.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        format!("{page}-{}", self.number)
    }

    /// Whether it is a Cargo.toml: it has a table of dependencies.
    pub fn is_manifest(&self) -> bool {
        self.language == "toml" && self.code.lines().any(|line| line.starts_with("[dependencies]"))
    }

    /// Whether it is a Cargo.toml that selects the patched rustls.
    pub fn has_patch(&self) -> bool {
        self.is_manifest() && self.code.lines().any(|line| line.starts_with("[patch.crates-io]"))
    }

    /// Whether it has commands for a shell.
    pub fn is_commands(&self) -> bool {
        ["console", "sh", "bash", "shell"].contains(&self.language.as_str())
    }

    /// Whether it is a program; else it is a library.
    pub fn is_program(&self) -> bool {
        self.language == "rust"
            && self
                .code
                .lines()
                .any(|line| line.starts_with("fn main(") || line.starts_with("async fn main("))
    }
}

/// The code blocks of a page.
///
/// # Errors
/// If a block has no end, or a comment directly before one is not understood.
pub fn blocks(page: &str, text: &str) -> Result<Vec<Block>> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut section = String::new();
    let mut before = "";
    let mut lines = text.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        let Some((fence, info)) = fence(line) else {
            if let Some(title) = line.strip_prefix('#') {
                section = title.trim_start_matches('#').trim().to_owned();
            }
            before = line;
            continue;
        };
        let marker = match Marker::parse(before) {
            Some(Err(err)) => return Err(format!("{page}:{}: {err}", number - 1).into()),
            Some(Ok(marker)) => Some(marker),
            None => None,
        };
        let mut code = String::new();
        loop {
            match lines.next() {
                Some((line, _)) if is_end(line, fence) => break,
                Some((line, _)) => code += &format!("{line}\n"),
                None => return Err(format!("{page}:{number}: this block has no end").into()),
            }
        }
        blocks.push(Block {
            page: page.to_owned(),
            line: number + 1,
            number: blocks.len() + 1,
            language: info.split([',', ' ', '{']).next().unwrap_or("").to_owned(),
            code,
            marker,
            section: section.clone(),
        });
        before = "";
    }
    Ok(blocks)
}

/// The lines of a page outside its code blocks, with their numbers, counted from 1.
pub(super) fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut opened = None;
    let mut lines = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        match (opened, fence(line)) {
            (Some(length), _) if is_end(line, length) => opened = None,
            (Some(_), _) => {}
            (None, Some((length, _))) => opened = Some(length),
            (None, None) => lines.push((number, line)),
        }
    }
    lines
}

/// The length of the fence that a line is, and what is behind it.
fn fence(line: &str) -> Option<(usize, &str)> {
    let line = line.trim();
    let length = line.chars().take_while(|&c| c == '`').count();
    let info = line.trim_start_matches('`');
    (length >= 3 && !info.contains('`')).then_some((length, info.trim()))
}

fn is_end(line: &str, opened: usize) -> bool {
    fence(line).is_some_and(|(length, info)| length >= opened && info.is_empty())
}
