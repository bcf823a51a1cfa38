//! Finds the place of a mutant: some tokens inside a function or a constant. The format of the source
//! does not matter.

use std::ops::Range;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::Result;

/// Finds the tokens of `text` in `source`, inside `item`: a `function`, a `Type::function` or a `CONSTANT`.
///
/// # Errors
/// If there is no such place, or more than one.
pub fn find(source: &str, item: &str, text: &str) -> Result<Range<usize>> {
    let (owner, name) = match item.rsplit_once("::") {
        Some((owner, name)) => (Some(owner), name),
        None => (None, item),
    };
    let mut items = Vec::new();
    let wanted = Wanted { owner, name };
    wanted.search(source.parse::<TokenStream>()?, &[], &mut items);
    if items.is_empty() {
        return Err(format!("there is no {item}").into());
    }
    let text = flat(text.parse::<TokenStream>()?);
    let mut places = Vec::new();
    for tokens in items {
        let tokens = flat(tokens);
        let same = |window: &[Token]| window.iter().map(|it| &it.0).eq(text.iter().map(|it| &it.0));
        for window in tokens.windows(text.len().max(1)).filter(|window| same(window)) {
            if let [(_, first), .., (_, last)] | [(_, first @ last)] = window {
                places.push(first.start..last.end);
            }
        }
    }
    match &places[..] {
        [place] => Ok(place.clone()),
        _ => Err(format!("{item} has the text to replace {} times, not once", places.len()).into()),
    }
}

struct Wanted<'a> {
    owner: Option<&'a str>,
    name: &'a str,
}

impl Wanted<'_> {
    /// Collects the items of that name. `header` has the names between the `impl` or `trait` around
    /// and its brace. Macros are searched, too.
    fn search(&self, tokens: TokenStream, header: &[String], items: &mut Vec<TokenStream>) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is = |at: usize, name: &str| matches!(tokens.get(at), Some(TokenTree::Ident(it)) if it == name);
        let is_owned = self.owner.is_none_or(|owner| header.iter().any(|name| name == owner));
        let mut inner: Option<Vec<String>> = None;
        for (at, token) in tokens.iter().enumerate() {
            if is(at, "impl") || is(at, "trait") {
                inner = Some(Vec::new());
            } else if is(at, "fn") || is(at, "const") {
                inner = None;
                if is_owned && is(at + 1, self.name) {
                    items.push(item(&tokens[at..]));
                }
            }
            match token {
                TokenTree::Ident(name) => {
                    if let Some(names) = &mut inner {
                        names.push(name.to_string());
                    }
                }
                TokenTree::Group(group) => {
                    let is_block = group.delimiter() == Delimiter::Brace;
                    match is_block.then(|| inner.take()).flatten() {
                        Some(names) => self.search(group.stream(), &names, items),
                        None => self.search(group.stream(), header, items),
                    }
                }
                _ => {}
            }
        }
    }
}

/// The tokens up to the end of their first item.
fn item(tokens: &[TokenTree]) -> TokenStream {
    let is_end = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => punct.as_char() == ';',
        _ => false,
    };
    let end = tokens.iter().position(is_end).map_or(tokens.len(), |last| last + 1);
    tokens[..end].iter().cloned().collect()
}

type Token = (String, Range<usize>);

/// All tokens in order, without the commas that a formatter adds before closing brackets.
fn flat(tokens: TokenStream) -> Vec<Token> {
    fn walk(tokens: TokenStream, flat: &mut Vec<Token>) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Parenthesis => ("(", ")"),
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::Bracket => ("[", "]"),
                        Delimiter::None => ("", ""),
                    };
                    flat.push((open.into(), group.span_open().byte_range()));
                    walk(group.stream(), flat);
                    if flat.last().is_some_and(|last| last.0 == ",") {
                        flat.pop();
                    }
                    flat.push((close.into(), group.span_close().byte_range()));
                }
                token => flat.push((token.to_string(), token.span().byte_range())),
            }
        }
    }
    let mut all = Vec::new();
    walk(tokens, &mut all);
    all
}

#[cfg(test)]
mod tests {
    use super::find;

    const SOURCE: &str = "\
//! Words in front.
struct One;
impl Trait<u8> for One {
    /// É, and a brace: {
    fn act(&self) -> bool {
        self.first(\n            1,\n            '{',\n        ) && other
    }
}
trait Two { fn act(&self) -> bool; fn rest(&self) { act(1) } }
macro_rules! made { ($name:ident) => { impl $name { fn deep() { a => b, c => d } } } }
fn act() -> bool { other }
const LIST: [u8; 2] = [1, other];
";

    #[track_caller]
    fn finds(item: &str, text: &str, expected: &str) {
        let range = find(SOURCE, item, text).unwrap();
        assert_eq!(&SOURCE[range], expected);
    }

    #[test]
    fn formatting_makes_no_difference() {
        finds(
            "One::act",
            "self . first(1,'{')",
            "self.first(\n            1,\n            '{',\n        )",
        );
        finds("One::act", "&& other", "&& other");
        finds("Two::rest", "1", "1");
        finds("deep", "c => d", "c => d");
        finds("LIST", "[1, other]", "[1, other]");
    }

    #[test]
    fn a_place_is_in_its_item_and_there_once() {
        let problem = |item, text| find(SOURCE, item, text).unwrap_err().to_string();
        assert_eq!(problem("act", "other"), "act has the text to replace 2 times, not once");
        assert_eq!(
            problem("One::act", "nothing"),
            "One::act has the text to replace 0 times, not once"
        );
        assert_eq!(
            problem("Two::act", "other"),
            "Two::act has the text to replace 0 times, not once"
        );
        assert_eq!(problem("Three::act", "other"), "there is no Three::act");
    }
}
