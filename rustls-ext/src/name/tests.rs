use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// DER with this tag and content.
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match u8::try_from(length) {
        Ok(short) if short < 0x80 => vec![tag, short],
        Ok(one) => vec![tag, 0x81, one],
        Err(_) => [&[tag, 0x82][..], &u16::try_from(length).unwrap().to_be_bytes()].concat(),
    };
    [&head, content].concat()
}

fn attribute(oid: &[u8], value: &[u8]) -> Vec<u8> {
    tlv(SEQUENCE, &[&tlv(OID, oid)[..], value].concat())
}

/// A name with these parts, each with these attributes.
fn name(parts: &[&[Vec<u8>]]) -> Vec<u8> {
    let parts: Vec<_> = parts.iter().map(|part| tlv(SET, &part.concat())).collect();
    tlv(SEQUENCE, &parts.concat())
}

/// The text of a name that contains only a common name with this value.
fn cn(tag: u8, content: &[u8]) -> String {
    rfc4514(&name(&[&[attribute(COMMON_NAME, &tlv(tag, content))]]))
}

const ORGANIZATION: &[u8] = &[0x55, 4, 10];
/// `id-at-name`, which has no short name here.
const UNKNOWN: &[u8] = &[0x55, 4, 41];

#[test]
fn rfc_4514_2_1_the_most_specific_part_is_first() {
    let utf8 = |oid, text: &str| attribute(oid, &tlv(UTF8_STRING, text.as_bytes()));
    let both = [utf8(COMMON_NAME, "agent"), utf8(ORGANIZATION, "b")];
    let der = name(&[&[utf8(ORGANIZATION, "Example")], &both]);
    assert_eq!(rfc4514(&der), "CN=agent+O=b,O=Example");
    assert_eq!(rfc4514(&name(&[])), "");
}

#[test]
fn rfc_4514_2_4_every_string_type_is_text() {
    for (tag, content, text) in [
        (UTF8_STRING, "žluť".as_bytes(), "CN=žluť"),
        (PRINTABLE_STRING, b"ABCD", "CN=ABCD"),
        (IA5_STRING, b"a@b", "CN=a@b"),
        (NUMERIC_STRING, b"12 3", "CN=12 3"),
        (VISIBLE_STRING, b"x", "CN=x"),
        (T61_STRING, b"ABCD", "CN=ABCD"),
        (T61_STRING, b"Zo\xeb", "CN=Zoë"),
        (BMP_STRING, b"\0h\0i", "CN=hi"),
        (BMP_STRING, b"ABCD", "CN=\u{4142}\u{4344}"),
        (BMP_STRING, &[0xd8, 0x3d, 0xdc, 0x08], "CN=\u{1f408}"),
        (UNIVERSAL_STRING, &[0, 1, 0xf4, 8], "CN=\u{1f408}"),
        (UTF8_STRING, b"", "CN="),
    ] {
        assert_eq!(cn(tag, content), text, "{tag:#x} {content:?}");
    }
}

#[test]
fn rfc_4514_2_4_a_value_that_is_not_text_is_shown_as_its_whole_der() {
    for (tag, content, text) in [
        // bytes that are not text of their types
        (UTF8_STRING, &[0xff][..], "CN=#0c01ff"),
        (PRINTABLE_STRING, &[b'a', 0xe4], "CN=#130261e4"),
        (IA5_STRING, "ä".as_bytes(), "CN=#1602c3a4"),
        (BMP_STRING, &[0, b'a', 0], "CN=#1e03006100"),
        (BMP_STRING, &[0xd8, 0], "CN=#1e02d800"),
        (UNIVERSAL_STRING, &[0, 0x11, 0, 0], "CN=#1c0400110000"),
        (UNIVERSAL_STRING, &[0, 0, b'a'], "CN=#1c03000061"),
        // types that are not string types
        (0x04, b"ABCD", "CN=#040441424344"),
        (0x03, &[0, 1], "CN=#03020001"),
        (0x05, &[], "CN=#0500"),
        (0x2c, &[0x0c, 1, b'a'], "CN=#2c030c0161"),
    ] {
        assert_eq!(cn(tag, content), text);
    }
    // The same for a value whose attribute type has no short name.
    let der = name(&[&[attribute(UNKNOWN, &tlv(UTF8_STRING, b"ABCD"))]]);
    assert_eq!(rfc4514(&der), "2.5.4.41=#0c0441424344");
}

#[test]
fn one_line_shows_all_that_there_is() {
    for (text, written) in [
        ("a,b+c;d", "a\\,b\\+c\\;d"),
        ("\"<\\>", "\\\"\\<\\\\\\>"),
        ("#a#", "\\#a#"),
        ("  a  ", "\\  a \\ "),
        ("a=b", "a=b"),
        ("a\0b", "a\\00b"),
        ("a\r\n2026-01-01 INFO b", "a\\0d\\0a2026-01-01 INFO b"),
        ("a\u{85}\u{2028}\u{2029}", "a\\c2\\85\\e2\\80\\a8\\e2\\80\\a9"),
        // right-to-left override, isolate, tag, variation selector
        ("a\u{202e}b", "a\\e2\\80\\aeb"),
        ("a\u{2067}b", "a\\e2\\81\\a7b"),
        ("a\u{e0041}b", "a\\f3\\a0\\81\\81b"),
        ("a\u{fe0f}b", "a\\ef\\b8\\8fb"),
        // characters that look like spaces, or are other spaces
        ("a\u{a0}b", "a\\c2\\a0b"),
        ("a\u{3000}b", "a\\e3\\80\\80b"),
        ("a\u{200b}b\u{feff}", "a\\e2\\80\\8bb\\ef\\bb\\bf"),
        ("a\u{1b}[31m", "a\\1b[31m"),
    ] {
        assert_eq!(cn(UTF8_STRING, text.as_bytes()), format!("CN={written}"), "{text:?}");
    }
}

#[test]
fn bytes_that_are_no_name_are_shown_as_what_they_are() {
    let good = name(&[&[attribute(COMMON_NAME, &tlv(UTF8_STRING, b"a"))]]);
    assert_eq!(rfc4514(&good), "CN=a");
    let mut longer = good.clone();
    longer.push(0);
    let pair = |bytes: &[u8]| tlv(SEQUENCE, &tlv(SET, &tlv(SEQUENCE, bytes)));
    let value = tlv(UTF8_STRING, b"a");
    for bytes in [
        vec![],
        good[..good.len() - 1].to_vec(),
        longer,
        // a part without attributes, which would be written as if it were absent
        name(&[&[]]),
        name(&[&[attribute(COMMON_NAME, &value)], &[]]),
        // an attribute without a value, with two, without a type
        pair(&tlv(OID, COMMON_NAME)),
        pair(&[&tlv(OID, COMMON_NAME)[..], &value, &value].concat()),
        pair(&value),
        // types that are not OIDs
        pair(&[&tlv(OID, &[])[..], &value].concat()),
        pair(&[&tlv(OID, &[0x55, 0x84])[..], &value].concat()),
        pair(&[&tlv(OID, &[0x55, 0x80, 4])[..], &value].concat()),
        pair(&[&tlv(OID, &[0xff; 12])[..], &value].concat()),
        // lengths that are not DER: indefinite, and longer than necessary
        [&[SEQUENCE, 0x80][..], &good[2..], &[0, 0]].concat(),
        [&[SEQUENCE, 0x81, 12][..], &good[2..]].concat(),
        [&[SEQUENCE, 0x82, 0, 12][..], &good[2..]].concat(),
    ] {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(rfc4514(&bytes), format!("#{digits}"));
    }
}

#[test]
fn oids_are_dotted() {
    for (oid, text) in [
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d][..], Some("1.2.840.113549")),
        (&[0x88, 0x37, 3], Some("2.999.3")),
        (&[0], Some("0.0")),
        (&[39], Some("0.39")),
        (&[79], Some("1.39")),
        (&[80], Some("2.0")),
        (&[], None),
        (&[0x80, 1], None),
        (&[1, 0x81], None),
    ] {
        assert_eq!(dotted(oid).as_deref(), text, "{oid:?}");
    }
}

#[test]
fn data_that_is_not_a_certificate_has_no_subject() {
    for bytes in [&[][..], &[0x30, 0], &[0x30, 2, 0x30, 0]] {
        let text = subject_of(&CertificateDer::from(bytes));
        assert_eq!(text, "(a certificate that cannot be read)");
    }
}

/// A value as the text shows it.
#[derive(Clone, Debug, PartialEq)]
enum Shown {
    Text(String),
    Der(Vec<u8>),
}

/// A name as the text shows it: the types and values of each part, the least specific first.
type Parts = Vec<Vec<(String, Shown)>>;

/// Parses a text as RFC 4514 section 3 specifies, independently of the code that writes it.
fn read(text: &str) -> Parts {
    if text.is_empty() {
        return Vec::new();
    }
    let mut parts: Parts = vec![vec![]];
    let mut chars = text.chars().peekable();
    loop {
        let mut kind = String::new();
        while let Some(c) = chars.next_if(|c| *c != '=') {
            kind.push(c);
        }
        assert_eq!(chars.next(), Some('='), "{text}");
        let is_der = chars.next_if_eq(&'#').is_some();
        let mut value = Vec::new();
        while let Some(c) = chars.next_if(|c| !matches!(c, ',' | '+')) {
            let hex = |c: Option<char>| c.and_then(|c| c.to_digit(16));
            match c {
                '\\' => match hex(chars.peek().copied()) {
                    Some(high) => {
                        chars.next();
                        let low = hex(chars.next()).unwrap();
                        value.push(u8::try_from(high * 16 + low).unwrap());
                    }
                    None => value.push(u8::try_from(chars.next().unwrap()).unwrap()),
                },
                high if is_der => {
                    let (high, low) = (hex(Some(high)).unwrap(), hex(chars.next()).unwrap());
                    value.push(u8::try_from(high * 16 + low).unwrap());
                }
                c => value.extend(c.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
        let value =
            if is_der { Shown::Der(value) } else { Shown::Text(String::from_utf8(value).unwrap()) };
        parts.last_mut().unwrap().push((kind, value));
        match chars.next() {
            None => break,
            Some(',') => parts.push(vec![]),
            _ => {}
        }
    }
    parts.reverse();
    parts
}

/// The bytes of an attribute, and how the text shows it.
fn attributes() -> impl Strategy<Value = (Vec<u8>, (String, Shown))> {
    // Characters that have a special meaning somewhere, and some that have none.
    let character = prop_oneof![
        prop::sample::select(vec![
            ',',
            '+',
            '=',
            '"',
            '\\',
            '<',
            '>',
            ';',
            '#',
            ' ',
            '0',
            'a',
            'C',
            'N',
            'ä',
            '\0',
            '\n',
            '\u{202e}',
            '\u{feff}',
            '\u{3000}',
            '\u{1f408}',
        ]),
        any::<char>(),
    ];
    let text = vec(character, 0..5).prop_map(String::from_iter);
    let types = [
        (COMMON_NAME.to_vec(), "CN"),
        (ORGANIZATION.to_vec(), "O"),
        (UNKNOWN.to_vec(), "2.5.4.41"),
    ];
    let kind = prop::sample::select(types.to_vec());
    let value = prop_oneof![
        (text, 0..4u8).prop_map(|(text, by)| {
            let der = match by {
                0 => tlv(UTF8_STRING, text.as_bytes()),
                1 => tlv(
                    BMP_STRING,
                    &text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>(),
                ),
                2 => tlv(
                    UNIVERSAL_STRING,
                    &text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect::<Vec<_>>(),
                ),
                _ => {
                    let latin1: Option<Vec<u8>> =
                        text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
                    latin1.map_or_else(
                        || tlv(UTF8_STRING, text.as_bytes()),
                        |latin1| tlv(T61_STRING, &latin1),
                    )
                }
            };
            (der, Some(text))
        }),
        (prop::sample::select(vec![0x01, 0x03, 0x04, 0x05, 0x80]), vec(any::<u8>(), 0..4))
            .prop_map(|(tag, content)| (tlv(tag, &content), None)),
    ];
    (kind, value).prop_map(|((oid, kind), (der, text))| {
        let shown = match text.filter(|_| kind != "2.5.4.41") {
            Some(text) => Shown::Text(text),
            None => Shown::Der(der.clone()),
        };
        (attribute(&oid, &der), (kind.to_owned(), shown))
    })
}

fn names() -> impl Strategy<Value = (Vec<u8>, Parts)> {
    vec(vec(attributes(), 1..3), 0..4).prop_map(|parts| {
        let (der, shown): (Vec<_>, Parts) = parts
            .into_iter()
            .map(|part| -> (Vec<Vec<u8>>, Vec<_>) { part.into_iter().unzip() })
            .unzip();
        (name(&der.iter().map(Vec::as_slice).collect::<Vec<_>>()), shown)
    })
}

proptest! {
    #[test]
    fn a_text_has_one_reading_and_that_is_the_name(
        (der, shown) in names(),
    ) {
        let text = rfc4514(&der);
        prop_assert_eq!(read(&text), shown);
        prop_assert!(!text.chars().any(is_invisible), "{}", text);
    }

    #[test]
    fn names_that_differ_differ_as_texts((a, of_a) in names(), (b, of_b) in names()) {
        prop_assert_eq!(rfc4514(&a) == rfc4514(&b), of_a == of_b);
    }

    #[test]
    fn no_bytes_are_written_like_other_bytes(
        (der, shown) in names(), at in any::<prop::sample::Index>(), with in any::<u8>(),
    ) {
        let mut changed = der.clone();
        let at = at.index(changed.len());
        changed[at] = with;
        let text = rfc4514(&changed);
        if text.starts_with('#') {
            let digits: String = changed.iter().map(|byte| format!("{byte:02x}")).collect();
            prop_assert_eq!(text, format!("#{digits}"));
        } else if read(&text) == shown {
            // It can only be the same text in another string type, in bytes of the same length.
            prop_assert_eq!(der.len(), changed.len());
            let strings = [UTF8_STRING, NUMERIC_STRING, PRINTABLE_STRING, T61_STRING, IA5_STRING,
                VISIBLE_STRING, BMP_STRING, UNIVERSAL_STRING];
            prop_assert!(der == changed || strings.contains(&with), "{}", text);
        }
    }

    #[test]
    fn no_bytes_cause_a_panic(bytes in vec(any::<u8>(), 0..64)) {
        rfc4514(&bytes);
        subject_of(&CertificateDer::from(bytes));
    }
}
