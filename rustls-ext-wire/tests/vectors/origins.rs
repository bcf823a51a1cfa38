//! Bodies of `workload_identifier_origin_hint`, each with its origins or its fault.

use rustls_ext_wire::Origins;
use serde_json::{Value, json};

use super::{fault, hex};

/// The body with these strings.
pub fn list<S: AsRef<[u8]>>(strings: &[S]) -> Vec<u8> {
    let list: Vec<u8> = strings.iter().flat_map(|string| prefixed(string.as_ref())).collect();
    prefixed(&list)
}

fn prefixed(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

pub fn all() -> Vec<Value> {
    let many = |count: usize| (0..count).map(|number| format!("s://{number}")).collect::<Vec<_>>();
    let long = |length: usize| format!("s://{}", "a".repeat(length - 4));
    let mut cases = vec![
        ("one origin", list(&["spiffe://example.org"])),
        ("two origins", list(&["spiffe://example.org", "wimse://botfarm.example.com"])),
        ("upper case", list(&["SPIFFE://Example.ORG"])),
        ("encoded unreserved characters", list(&["spiffe://ex%61mple%2Eorg", "s://%7e"])),
        ("encoded other characters", list(&["s://a%2fb", "s://%c3%a4"])),
        ("an address", list(&["s://192.0.2.1", "s://[2001:DB8::1]"])),
        ("a path", list(&["spiffe://example.org/", "spiffe://example.org/agent"])),
        ("a query and a fragment", list(&["spiffe://example.org?x", "spiffe://example.org#x"])),
        ("userinfo", list(&["spiffe://user@example.org", "spiffe://@example.org"])),
        ("a port", list(&["spiffe://example.org:443", "spiffe://example.org:"])),
        ("no scheme", list(&["example.org", "//example.org", "1s://example.org"])),
        ("no trust domain", list(&["spiffe://", "spiffe:", "spiffe:///agent"])),
        ("characters that are not allowed", list(&["s://a b", "s://ä", "s://a\n", "s://%2"])),
        ("not UTF-8", list(&[b"s://\xff"])),
        ("an origin between others", list(&["?", "spiffe://example.org", "s://a/b"])),
        ("16 origins", list(&many(16))),
        ("17 origins", list(&many(17))),
        ("4,096 bytes", list(&["s://a".into(), long(4096 - 2 - 7 - 2)])),
        ("4,097 bytes", list(&["s://a".into(), long(4096 - 2 - 7 - 2 + 1)])),
        ("no length", vec![]),
        ("half a length", vec![0]),
        ("an empty list", vec![0, 0]),
        ("an empty list, followed by a byte", vec![0, 0, 0]),
        ("an empty string", vec![0, 2, 0, 0]),
        ("an empty string after an origin", list(&["s://a", ""])),
        ("a string without its length", vec![0, 1, 0]),
    ];
    let one = list(&["spiffe://example.org"]);
    cases.push(("a byte is missing", one[..one.len() - 1].to_vec()));
    cases.push(("a byte follows the list", [&one[..], &[0]].concat()));
    let mut beyond = one.clone();
    beyond[3] += 1;
    cases.push(("a string beyond the list", beyond));
    cases.into_iter().map(|(name, body)| case(name, &body)).collect()
}

fn case(name: &str, body: &[u8]) -> Value {
    match Origins::decode(body) {
        Ok(origins) => json!({
            "name": name,
            "body": hex(body),
            "origins": origins.iter().map(|origin| origin.as_str()).collect::<Vec<_>>(),
            "normal_forms": origins.iter().map(|origin| origin.to_string()).collect::<Vec<_>>(),
            "ignored": origins.ignored(),
        }),
        Err(err) => {
            json!({ "name": name, "body": hex(body), "fault": fault(err.rule(), err.alert()) })
        }
    }
}
