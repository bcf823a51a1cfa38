//! A loose form of paths: it begins with a plain prefix if any server's reading does.
//!
//! What servers do, and how the loose form covers it:
//!
//! | servers | loose form |
//! |---|---|
//! | decode percent-encoding once, or again at each of several servers | one form for each number of times, up to three |
//! | treat an escaped slash or a backslash as a separator (IIS, Apache by option), or not | it is a separator |
//! | merge slashes (nginx, Apache), or not | empty segments are left out |
//! | remove matrix parameters `;x` from segments (Tomcat, Jetty), or not | they are removed, before and after each decoding |
//! | end the path at an escaped `?` or `#`, or at `:` for a stream of NTFS | the rest of the segment is removed |
//! | ignore case (IIS), dots and spaces at the end of a name (Windows) | these are ignored |
//! | find files by their short names, `ADMINI~1` (Windows) | it equals all names that begin so |
//! | normalize Unicode (macOS, IIS), map to a code page by similarity, ignore invisible characters | a character beyond ASCII equals up to three others; full-width forms, and look-alikes of separators, equal those of ASCII |
//! | keep the low byte of each character (older Node) | one more form |
//! | read `//host/path` as a host and a path (Node, Python) | one more form, without the host |
//!
//! A prefix has no characters that a server interprets. So a reading in which something is *not*
//! removed or split does not begin with a prefix there, and needs no form of its own.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;

/// How many times a path may be percent-encoded.
const LAYERS: usize = 3;
/// How many texts one layer may have, so that a path costs a bounded amount of work.
const MOST_TEXTS: usize = 16;

/// The servers behind may interpret the path differently, so that its requirements are unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambiguous {
    /// It does not begin with a slash.
    NoSlash,
    /// A percent sign without two hexadecimal digits.
    Escape,
    /// Escaped bytes that are not UTF-8.
    NotUtf8,
    /// A control character.
    Control,
    /// A segment of dots, in some spelling.
    Dots,
    /// Percent-encoding of percent-encoding, more than three times, or with too many readings.
    Layers,
}

impl fmt::Display for Ambiguous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSlash => "the path does not begin with a slash",
            Self::Escape => {
                "the path contains a percent sign that is not followed by two hexadecimal digits"
            }
            Self::NotUtf8 => "the path contains escaped bytes that are not UTF-8",
            Self::Control => "the path contains a control character",
            Self::Dots => "the path contains a segment of dots",
            Self::Layers => {
                "the path is percent-encoded more than three times, or has too many readings"
            }
        })
    }
}

impl std::error::Error for Ambiguous {}

/// The segments of a path in one of its forms.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reading(Vec<String>);

/// Returns the loose forms of a path, with this many segments at most. Every reading of the path that begins with a plain prefix
/// [begins](Reading::begins_with) so in one of them, too.
///
/// # Errors
/// If the path has readings that these forms do not cover.
pub(super) fn readings(path: &str, depth: usize) -> Result<Vec<Reading>, Ambiguous> {
    // `*` is the only target that is not a path. It is for the server, as `/` is.
    if path == "*" {
        return Ok(vec![Reading(Vec::new())]);
    }
    if !path.starts_with('/') {
        return Err(Ambiguous::NoSlash);
    }
    check_escapes(path)?;
    let mut readings = Vec::new();
    let mut texts = vec![path.to_owned()];
    for layer in 0.. {
        add_without_parameters(&mut texts);
        if texts.len() > MOST_TEXTS {
            return Err(Ambiguous::Layers);
        }
        let mut decoded = Vec::new();
        for text in &texts {
            if text.chars().any(char::is_control) {
                return Err(Ambiguous::Control);
            }
            add_form(text, depth, &mut readings)?;
            if !text.is_ascii() {
                let low: String = text.chars().map(low_byte).collect();
                add_form(&low, depth, &mut readings)?;
            }
            let next = decode(text)?;
            if next != *text && !decoded.contains(&next) {
                decoded.push(next);
            }
        }
        if decoded.is_empty() {
            break;
        }
        if layer == LAYERS {
            return Err(Ambiguous::Layers);
        }
        texts = decoded;
    }
    Ok(readings)
}

/// Decodes percent-encoding once. Returns the same text if there is none.
fn decode(text: &str) -> Result<String, Ambiguous> {
    let plain: String = text.chars().map(plain).collect();
    if !plain.contains('%') {
        return Ok(text.to_owned());
    }
    let decoded = percent_decode_str(&plain).decode_utf8().map_err(|_| Ambiguous::NotUtf8)?;
    if decoded == plain {
        return Ok(text.to_owned());
    }
    // Microsoft's `%uXXXX`; in the path itself, it is not a valid escape.
    let is_wide = |rest: &str| {
        rest.strip_prefix(['u', 'U'])
            .and_then(|rest| rest.get(..4))
            .is_some_and(|hex| hex.bytes().all(|digit| digit.is_ascii_hexdigit()))
    };
    if decoded.split('%').skip(1).any(is_wide) {
        return Err(Ambiguous::Escape);
    }
    Ok(decoded.into_owned())
}

fn check_escapes(path: &str) -> Result<(), Ambiguous> {
    let is_escape = |rest: &str| {
        rest.get(..2).is_some_and(|hex| hex.bytes().all(|digit| digit.is_ascii_hexdigit()))
    };
    path.split('%').skip(1).all(is_escape).then_some(()).ok_or(Ambiguous::Escape)
}

/// Adds the texts without the rest of each segment that some servers remove, before they decode it or
/// treat other characters as separators.
fn add_without_parameters(texts: &mut Vec<String>) {
    let ends: [fn(char) -> bool; 2] = [|c| c == '/', |c| plain(c) == '/'];
    for text in texts.clone() {
        if !text.chars().any(|c| matches!(plain(c), ';' | '?' | '#' | ':')) {
            continue;
        }
        for end in ends {
            for with_stream in [false, true] {
                let cut: Vec<_> = text.split(end).map(|part| cut(part, with_stream)).collect();
                let cut = cut.join("/");
                if !texts.contains(&cut) {
                    texts.push(cut);
                }
            }
        }
    }
}

fn is_separator(c: char) -> bool {
    matches!(plain(c), '/' | '\\')
}

/// Returns a segment without its parameters, and without the name of a stream.
fn cut(segment: &str, with_stream: bool) -> String {
    let text: String = segment.chars().map(plain).collect();
    let text = text.split([';', '?', '#']).next().unwrap_or_default();
    match text.split_once(':') {
        Some((before, _)) if with_stream && !before.is_empty() => before.to_owned(),
        _ => text.to_owned(),
    }
}

/// Adds the form of this text, and the one without a host if it begins with two slashes.
fn add_form(text: &str, depth: usize, readings: &mut Vec<Reading>) -> Result<(), Ambiguous> {
    let mut segments = Vec::new();
    for segment in text.split(is_separator) {
        let segment = name(segment)?;
        if !segment.is_empty() && segments.len() <= depth {
            segments.push(segment.into_owned());
        }
    }
    let has_host = text.chars().take_while(|c| is_separator(*c)).count() > 1;
    if has_host {
        readings.push(Reading(segments.iter().skip(1).cloned().collect()));
    }
    readings.push(Reading(segments));
    Ok(())
}

/// Returns the part of a segment that servers use as its name.
fn name(segment: &str) -> Result<Cow<'_, str>, Ambiguous> {
    let is_plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'-' | b'_');
    if segment.bytes().all(is_plain) {
        return Ok(Cow::Borrowed(segment));
    }
    let text: String = segment.chars().map(plain).collect();
    let text = text.split([';', '?', '#']).next().unwrap_or_default();
    let text = match text.split_once(':') {
        Some((before, _)) if !before.is_empty() => before,
        _ => text,
    };
    let is_blank = |c: char| matches!(c, ' ' | '+');
    let mut visible = text.chars().filter(|c| !is_ignorable(*c));
    if text.contains('.') && visible.all(|c| c == '.' || is_blank(c)) {
        return Err(Ambiguous::Dots);
    }
    let text = text.trim_start_matches(is_blank).trim_end_matches(|c| c == '.' || is_blank(c));
    Ok(Cow::Owned(text.to_ascii_lowercase()))
}

/// Returns the character of ASCII that some servers use for this one, if it can be a separator or
/// another special one; otherwise the character itself.
fn plain(c: char) -> char {
    match c {
        // Full-width forms.
        '\u{ff01}'..='\u{ff5e}' => {
            u32::from(c).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(c)
        }
        '\u{2044}' | '\u{2215}' | '\u{29f8}' => '/',
        // The signs of yen and won have the backslash's place in code pages.
        '\u{2216}' | '\u{29f5}' | '\u{29f9}' | '\u{fe68}' | '\u{a5}' | '\u{20a9}' => '\\',
        // The leaders of one, two and three dots: a segment of dots is one, however many they are.
        '\u{2024}'..='\u{2026}' | '\u{fe52}' | '\u{fe19}' | '\u{fe30}' => '.',
        '\u{37e}' | '\u{fe54}' | '\u{fe14}' => ';',
        '\u{fe56}' | '\u{fe16}' => '?',
        '\u{fe55}' | '\u{fe13}' => ':',
        '\u{fe5f}' => '#',
        '\u{fe6a}' => '%',
        // Every other white space, such as the one without a break.
        c if c.is_whitespace() => ' ',
        c => c,
    }
}

/// Returns true for invisible characters, which some servers remove.
fn is_ignorable(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// Returns the character whose number is the low byte of this one's.
fn low_byte(c: char) -> char {
    char::from(u32::from(c).to_le_bytes()[0])
}

impl Reading {
    /// Returns true if a reading of the path begins with these segments.
    pub(super) fn begins_with(&self, prefix: &[String]) -> bool {
        self.0.len() >= prefix.len()
            && self.0.iter().zip(prefix).all(|(segment, name)| is_name(segment, name))
    }
}

/// Returns true if a server may read `segment` as `name`, which is plain and in lower case.
fn is_name(segment: &str, name: &str) -> bool {
    if segment.is_ascii() {
        return segment == name || is_short_name(segment, name);
    }
    matches_loosely(segment, name)
}

/// Returns true if `segment` may be the short name of `name` in a file system of Windows.
fn is_short_name(segment: &str, name: &str) -> bool {
    segment.split_once('~').is_some_and(|(start, number)| {
        let digits = number.split('.').next().unwrap_or_default();
        let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        is_number && !start.is_empty() && name.starts_with(start)
    })
}

/// Compares text in which each character beyond ASCII may stand for up to three others.
fn matches_loosely(segment: &str, name: &str) -> bool {
    const MOST: usize = 3;
    // Whether what is compared so far may be the first `i` characters of the name.
    let name = name.as_bytes();
    let mut reached = vec![false; name.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    for c in segment.chars() {
        let step = |to: usize| match u8::try_from(c) {
            Ok(byte) if byte.is_ascii() => {
                to > 0 && reached.get(to - 1) == Some(&true) && name.get(to - 1) == Some(&byte)
            }
            _ if stands_for_none(c) => false,
            _ => (to.saturating_sub(MOST)..=to).any(|from| reached.get(from) == Some(&true)),
        };
        reached = (0..=name.len()).map(step).collect();
        if !reached.contains(&true) {
            return false;
        }
    }
    reached.last() == Some(&true)
}

/// Returns true for characters that no server replaces by ASCII: those of East Asian scripts.
fn stands_for_none(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{318f}' | '\u{3400}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{20000}'..='\u{3ffff}')
}
