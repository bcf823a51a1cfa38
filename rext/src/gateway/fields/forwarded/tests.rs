use http::HeaderMap;

use super::super::FieldsConfig;
use super::*;

fn by(client_address: Option<ClientField>) -> Fields {
    let config = FieldsConfig { client_address, ..FieldsConfig::default() };
    let trusted = ["10.0.0.0/8", "2001:db8:1::/48"].map(|net| net.parse().unwrap());
    Fields::new(&config, &trusted).unwrap()
}

fn fields(lines: &[(&str, &str)]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for (name, value) in lines {
        fields.append(
            name.parse::<HeaderName>().unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    fields
}

/// The client's address, and the fields for the server behind, for a request of this peer.
fn sent(by: &Fields, peer: &str, lines: &[(&str, &str)]) -> (String, Vec<String>) {
    let mut fields = fields(lines);
    let host = HeaderValue::from_static("a.example:8443");
    let peer = peer.parse().unwrap();
    let client = by.client_address(&fields, peer);
    let client = client.unwrap_or(ClientAddress(Some(peer.ip().to_canonical())));
    by.set_forwarded(&mut fields, &Peer::new(peer), &host);
    let mut lines: Vec<_> =
        fields.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort_unstable();
    (client.to_string(), lines)
}

const FORGED: [(&str, &str); 8] = [
    ("forwarded", "for=1.1.1.1"),
    ("forwarded", "for=2.2.2.2"),
    ("x-forwarded-for", "1.1.1.1"),
    ("x_forwarded_for", "1.1.1.1"),
    ("x-forwarded-port", "1"),
    ("x-forwarded-client-cert", "Subject=\"CN=admin\""),
    ("x-real-ip", "1.1.1.1"),
    ("other", "x"),
];

#[test]
fn rfc_7239_forwarded_fields_describe_the_connection_and_replace_the_clients_own() {
    for (peer, client, node) in [
        ("[::ffff:192.0.2.7]:5", "192.0.2.7", "192.0.2.7:5"),
        ("[2001:db8::7]:5", "2001:db8::7", "[2001:db8::7]:5"),
    ] {
        let (found, lines) = sent(&by(None), peer, &FORGED);
        assert_eq!(found, client);
        assert_eq!(
            lines,
            [
                format!("forwarded: for=\"{node}\";host=\"a.example:8443\";proto=https"),
                "other: x".into(),
                format!("x-forwarded-for: {client}"),
                "x-forwarded-host: a.example:8443".into(),
                "x-forwarded-proto: https".into(),
            ]
        );
    }
}

#[test]
fn rfc_7239_the_fields_of_a_trusted_proxy_are_extended() {
    let ours = "for=\"10.1.1.1:5\";host=\"a.example:8443\";proto=https";
    let (client, lines) = sent(
        &by(None),
        "10.1.1.1:5",
        &[
            ("x-forwarded-for", "6.6.6.6, 192.0.2.9:1234"),
            ("x-forwarded-for", "10.9.9.9"),
            ("x-forwarded-host", "public.example"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-port", "80"),
            ("x-forwarded-client-cert", "Subject=\"CN=admin\""),
        ],
    );
    assert_eq!(client, "192.0.2.9");
    assert_eq!(
        lines,
        [
            format!("forwarded: for=6.6.6.6, for=192.0.2.9, for=10.9.9.9, {ours}"),
            "x-forwarded-for: 6.6.6.6, 192.0.2.9, 10.9.9.9, 10.1.1.1".into(),
            "x-forwarded-host: public.example".into(),
            "x-forwarded-port: 80".into(),
            "x-forwarded-proto: http".into(),
        ]
    );
    let theirs = "For=\"[2001:db8::1]:80\";by=_x;secret=\"a, b;\\\"c\"";
    let (client, lines) = sent(&by(None), "10.1.1.1:5", &[("forwarded", theirs)]);
    assert_eq!(client, "2001:db8::1");
    assert_eq!(lines[0], format!("forwarded: {theirs}, {ours}"));
    assert_eq!(lines[1], "x-forwarded-for: 2001:db8::1, 10.1.1.1");
    assert_eq!(lines[2], "x-forwarded-host: a.example:8443");
}

#[test]
fn the_clients_address_is_found_from_the_right_over_trusted_proxies() {
    for (line, client) in [
        ("192.0.2.9", "192.0.2.9"),
        ("1.1.1.1, 192.0.2.9", "192.0.2.9"),
        ("1.1.1.1, 192.0.2.9, 10.0.0.2, 2001:db8:1::9", "192.0.2.9"),
        ("::ffff:192.0.2.9", "192.0.2.9"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("", "10.1.1.1"),
        // What is malformed or unknown ends the walk.
        ("192.0.2.9, unknown", "unknown"),
        ("192.0.2.9, _hidden, 10.0.0.2", "unknown"),
        ("192.0.2.9, 10.0.0.256", "unknown"),
        ("192.0.2.9, 010.0.0.1", "unknown"),
        ("192.0.2.9, 10.0.0.1:99999", "unknown"),
        ("192.0.2.9, 10.0.0.1 x", "unknown"),
        ("192.0.2.9, [10.0.0.1]", "unknown"),
        ("192.0.2.9, ä", "unknown"),
        // What is before the client's address does not matter.
        ("garbage, \", 192.0.2.9", "192.0.2.9"),
    ] {
        let (found, lines) = sent(&by(None), "10.1.1.1:5", &[("x-forwarded-for", line)]);
        assert_eq!(found, client, "{line}");
        assert!(!lines.iter().any(|line| line.contains("garbage") || line.contains("_hidden")));
    }
    for (line, client) in [
        ("for=192.0.2.9", "192.0.2.9"),
        ("for=1.1.1.1;proto=http, FOR=\"192.0.2.9:80\"", "192.0.2.9"),
        ("for=\"[2001:db8::1]\"", "2001:db8::1"),
        ("for=192.0.2.9, for=10.0.0.2", "192.0.2.9"),
        ("for=192.0.2.9, proto=https", "unknown"),
        ("for=192.0.2.9, for=unknown", "unknown"),
        ("for=192.0.2.9, for=\"2001:db8::1\"", "unknown"),
        // A malformed field counts for nothing.
        ("for=192.0.2.9, for=\"10.0.0.2", "10.1.1.1"),
        ("for=\"x, for=192.0.2.9", "10.1.1.1"),
        ("for=192.0.2.9;for=192.0.2.8", "10.1.1.1"),
        ("192.0.2.9", "10.1.1.1"),
        ("for=[2001:db8::1]", "10.1.1.1"),
        ("for = 192.0.2.9", "10.1.1.1"),
    ] {
        let (found, lines) = sent(&by(None), "10.1.1.1:5", &[("forwarded", line)]);
        assert_eq!(found, client, "{line}");
        assert!(
            found != "10.1.1.1" || lines[0].starts_with("forwarded: for=\"10.1.1.1:5\""),
            "{lines:?}"
        );
    }
}

#[test]
fn two_different_fields_count_for_nothing_unless_one_is_chosen() {
    let differ = [("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "192.0.2.9")];
    let agree = [("forwarded", "for=192.0.2.9"), ("x-forwarded-for", "192.0.2.9")];
    for (chosen, lines, client, addresses) in [
        (None, differ, "10.1.1.1", "10.1.1.1"),
        (None, agree, "192.0.2.9", "192.0.2.9, 10.1.1.1"),
        (Some(ClientField::Forwarded), differ, "6.6.6.6", "6.6.6.6, 10.1.1.1"),
        (Some(ClientField::XForwardedFor), differ, "192.0.2.9", "192.0.2.9, 10.1.1.1"),
    ] {
        let (found, lines) = sent(&by(chosen), "10.1.1.1:5", &lines);
        assert_eq!((&*found, &*lines[1]), (client, &*format!("x-forwarded-for: {addresses}")));
    }
    // The field that was not chosen is replaced.
    let (client, lines) =
        sent(&by(Some(ClientField::XForwardedFor)), "10.1.1.1:5", &[("forwarded", "for=6.6.6.6")]);
    assert_eq!((&*client, &*lines[1]), ("10.1.1.1", "x-forwarded-for: 10.1.1.1"));
}

#[test]
fn only_the_last_hops_are_passed_on() {
    let line = "192.0.2.9,".repeat(1000);
    let (_, lines) = sent(&by(None), "10.1.1.1:5", &[("x-forwarded-for", &line)]);
    assert_eq!(lines[1].split(", ").count(), MAX_HOPS + 1);
}

#[test]
fn values_of_a_trusted_proxy_that_are_not_valid_are_replaced() {
    let (_, lines) = sent(
        &by(None),
        "10.1.1.1:5",
        &[
            ("x-forwarded-host", "a, b"),
            ("x-forwarded-proto", "https, http"),
            ("x-forwarded-port", "x"),
        ],
    );
    assert_eq!(lines[2..], ["x-forwarded-host: a.example:8443", "x-forwarded-proto: https"]);
}
