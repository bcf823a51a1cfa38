use super::*;

fn fields(lines: &[(&str, &str)]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for (name, value) in lines {
        fields.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    fields
}

fn names(fields: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<_> = fields.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

fn config(text: &str) -> FieldsConfig {
    toml::from_str(text).unwrap()
}

fn by(text: &str) -> Fields {
    Fields::new(&config(text), &[]).unwrap()
}

#[test]
fn rfc_9110_7_6_1_hop_by_hop_fields_are_removed() {
    let mut fields = fields(&[
        ("connection", "close, X-One ,"),
        ("connection", "x-two, X_Four"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("te", "trailers"),
        ("transfer-encoding", "chunked"),
        ("transfer_encoding", "chunked"),
        ("upgrade", "websocket"),
        ("x-one", "1"),
        ("x-two", "2"),
        ("x_two", "2"),
        ("x-three", "3"),
        ("x_four", "4"),
        ("x-four", "4"),
        ("trailer", "x-four"),
    ]);
    remove_hop_by_hop(&mut fields);
    assert_eq!(names(&fields), ["trailer", "x-three"]);
}

/// cases/proxy/connection_field.py: what is kept in memory depends on the fields, not on the names.
#[test]
fn many_names_in_connection_remove_the_fields_that_are_there() {
    let mut fields = fields(&[("x_b", "1"), ("x-c", "1")]);
    let value = format!("{}x.b", "a,".repeat(29_000));
    fields.insert("connection", value.parse().unwrap());
    remove_hop_by_hop(&mut fields);
    assert_eq!(names(&fields), ["x-c"]);
}

#[test]
fn fields_that_only_a_gateway_may_set_are_removed_in_every_spelling() {
    for name in [
        "client-cert",
        "client-cert-chain",
        "client-certificate",
        "ssl-client-verify",
        "ssl-client-cert",
        "x-ssl-client-verify",
        "x-ssl-client-s-dn",
        "x-ssl-cert",
        "x-ssl-issuer",
        "x-client-cert",
        "x-client-certificate",
        "x-client-cert-chain",
        "x-client-verify",
        "x-client-verified",
        "x-client-dn",
        "x-arr-clientcert",
        "x-amzn-mtls-clientcert-leaf",
        "wl-proxy-client-cert",
        "remote-user",
        "proxy",
        "x-original-url",
        "x-rewrite-url",
        "x-forwarded-client-cert",
        "x-forwarded-for",
        "forwarded",
        "x-real-ip",
    ] {
        for spelling in [
            name.to_owned(),
            name.to_uppercase(),
            name.replace('-', "_"),
            name.replace('-', "."),
            name.replace('-', "'"),
            name.replacen('-', "!", 1),
        ] {
            let mut fields = fields(&[(&spelling, "x"), ("kept", "x")]);
            by("").remove(&mut fields);
            assert_eq!(names(&fields), ["kept"], "{spelling}");
        }
    }
    let harmless = [
        ("client", "x"),
        ("proxy-authorization", "x"),
        ("ssl", "x"),
        ("user", "x"),
        ("x-client-id", "x"),
        ("x-original", "x"),
    ];
    let mut kept = fields(&harmless);
    by("").remove(&mut kept);
    assert_eq!(names(&kept), harmless.map(|(name, _)| name));
}

#[test]
fn the_table_changes_which_fields_are_removed() {
    let by = by("
        remove = ['X-Tenant', 'X-Internal-*']
        keep = ['Remote-User', 'x-amzn-mtls-*', 'X-SSL-Protocol']
    ");
    let mut fields = fields(&[
        ("x_tenant", "removed"),
        ("X-Internal-Role", "removed"),
        ("x-ssl-cert", "removed"),
        ("x-remote-user", "removed"),
        ("x-tenants", "kept"),
        ("remote_user", "kept"),
        ("x-amzn-mtls-clientcert", "kept"),
        ("x-ssl-protocol", "kept"),
    ]);
    by.remove(&mut fields);
    assert!(fields.iter().all(|(_, value)| value == "kept"), "{fields:?}");
    assert_eq!(fields.len(), 4);
}

#[test]
fn the_gateways_own_fields_are_removed_even_if_a_pattern_around_them_is_kept() {
    let by = by("keep = ['X-Forwarded-*', 'Client-Cert*']");
    let mut fields = fields(&[
        ("x_forwarded_for", "removed"),
        ("x-forwarded-host", "removed"),
        ("client.cert", "removed"),
        ("client-cert-chain", "removed"),
        ("x-forwarded-prefix", "kept"),
    ]);
    by.remove(&mut fields);
    assert_eq!(names(&fields), ["x-forwarded-prefix"]);
}

#[test]
fn a_table_that_cannot_work_is_an_error_that_names_the_field() {
    use FieldsError::*;
    for (text, expected) in [
        ("remove = ['X Y']", Name("X Y".into())),
        ("remove = ['*']", Name("*".into())),
        ("remove = ['X-(Y)']", Name("X-(Y)".into())),
        ("remove = ['Host']", Needed("Host".into())),
        ("remove = ['content_length']", Needed("content_length".into())),
        ("remove = ['Trans*']", Needed("Trans*".into())),
        ("keep = ['X-Tenant']", NotRemoved("X-Tenant".into())),
        ("keep = ['X-SSL-C*']", NotRemoved("X-SSL-C*".into())),
        ("keep = ['X-Forwarded-For']", Own("X-Forwarded-For".into())),
        ("keep = ['Client_Cert']", Own("Client_Cert".into())),
        ("keep = ['Proxy']\nremove = ['PROXY']", Contradiction("Proxy".into())),
        ("scopes = ['a']", NoFields),
        ("[set]\nX-DN = 'subject'", NoScopes),
        ("scopes = ['a']\n[set]\nX-DN = 'subject'\nx_dn = 'issuer'", SetTwice("x_dn".into())),
        ("scopes = ['a']\n[set]\nTE = 'subject'", Needed("te".into())),
        ("scopes = ['a']\n[set]\nHost = 'subject'", Needed("host".into())),
        ("scopes = ['a']\n[set]\nVia = 'subject'", Needed("via".into())),
        (
            "scopes = ['a']\n[set]\nSec-WebSocket-Key = 'subject'",
            Needed("sec-websocket-key".into()),
        ),
        ("scopes = ['a']\n[set]\nClient_Cert = 'subject'", Own("client_cert".into())),
        ("scopes = ['a']\n[set]\n'X Y' = 'subject'", Name("X Y".into())),
        (
            "scopes = ['a']\nkeep = ['X-SSL-*']\n[set]\nX-SSL-DN = 'subject'",
            Contradiction("X-SSL-*".into()),
        ),
    ] {
        let found = Fields::new(&config(text), &[]).unwrap_err();
        assert_eq!(found, expected, "{text}");
    }
    for bad in ["remov = []", "client_address = 'X-Real-IP'", "[set]\nX = 'subjekt'"] {
        assert!(toml::from_str::<FieldsConfig>(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_field_that_the_table_sets_is_removed_from_requests_and_trailers() {
    let by = by("scopes = ['a']\n[set]\nX-Client = 'subject'");
    let mut fields = fields(&[("x_client", "1"), ("X-CLIENT", "2"), ("x-kept", "3")]);
    let mut trailers = fields.clone();
    by.remove(&mut fields);
    by.clean_trailers(&mut trailers);
    assert_eq!((names(&fields), names(&trailers)), (vec!["x-kept"], vec!["x-kept"]));
}

#[test]
fn te_is_parsed_as_a_list() {
    assert!(accepts_trailers(&fields(&[("te", "gzip;q=0.5, Trailers")])));
    assert!(!accepts_trailers(&fields(&[("te", "gzip, x-trailers")])));
    assert!(!accepts_trailers(&HeaderMap::new()));
}
