//! RFC 9440: the fields that the server behind a proxy receives, and that clients cannot forge.

use std::convert::Infallible;

use axum::body::Body;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use rustls::pki_types::CertificateDer;
use rustls_ext::http::client_cert::{
    ClientCertLayer, Stripped, client_cert, client_cert_chain, strip,
};
use rustls_ext::{ClientAuthOffer, Rule, Verdict};
use tower::util::BoxCloneSyncService;
use tower::{Layer, service_fn};

use crate::common::{Authority, CertAndKey};
use crate::site::{Answer, Client, Connection, Log, Site, builder, policy};

type Echo = BoxCloneSyncService<Request<Incoming>, Response<Body>, Infallible>;

/// Stands for the server behind a proxy: it answers with all fields that it received, in the order
/// of their names, and then all trailers.
fn echo(layer: ClientCertLayer) -> impl FnOnce(Log) -> Echo {
    let lines = |fields: &HeaderMap| {
        let mut lines: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()))
            .collect();
        lines.sort();
        lines.concat()
    };
    move |_| {
        let service = service_fn(move |request: Request<Stripped<Incoming>>| async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap();
            let trailers = body.trailers().map(lines).unwrap_or_default();
            let text = lines(&parts.headers) + "--\n" + &trailers;
            Ok::<_, Infallible>(Response::new(Body::from(text)))
        });
        BoxCloneSyncService::new(layer.layer(service))
    }
}

async fn site(layer: ClientCertLayer) -> Site {
    Site::with(policy, echo(layer)).await
}

fn agents() -> ClientCertLayer {
    ClientCertLayer::new(["agents"])
}

/// The fields of this module that the server behind received, and the trailers.
fn told(answer: &Answer) -> (Vec<&str>, Vec<&str>) {
    assert_eq!(answer.status, 200);
    let (fields, trailers) = answer.text.split_once("--\n").unwrap();
    let ours = |line: &&str| line.replace('_', "-").starts_with("client-cert");
    (fields.lines().filter(ours).collect(), trailers.lines().collect())
}

fn field(certificate: &CertificateDer<'_>) -> String {
    format!("client-cert: {}", client_cert(certificate).unwrap().to_str().unwrap())
}

fn map(fields: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    map
}

/// A request with these fields and these trailers.
fn request(fields: &[(&str, &str)], trailers: &[(&str, &str)]) -> Request<Body> {
    let last = map(trailers);
    let body = Full::from("body").with_trailers(async move { Some(Ok(last)) });
    // Its length is unknown, so it is sent in chunks, which can have trailers.
    let body = body.map_frame(|frame| frame);
    let names: Vec<_> = trailers.iter().map(|(name, _)| *name).collect();
    let mut request = Request::post("https://www.example/").header("trailer", names.join(", "));
    request.headers_mut().unwrap().extend(map(fields));
    request.body(Body::new(body)).unwrap()
}

/// Fields with which a client could try to impersonate another one.
const FORGED: [(&str, &str); 7] = [
    ("Client-Cert", ":AAAA:"),
    ("client-cert", ":BBBB:"),
    ("CLIENT-CERT", ":CCCC:"),
    ("client_cert", ":DDDD:"),
    ("Client-Cert_Chain", ":EEEE:"),
    ("client-cert-chain", ":FFFF:"),
    ("other", "stays"),
];

#[tokio::test]
async fn rfc_9440_2_4_what_clients_say_themselves_is_removed() {
    let site = site(agents().with_chain()).await;
    let agent = field(&site.pki.agent.chain[0]);
    for (client, expected) in [(site.client(), vec![]), (site.agent(), vec![agent.as_str()])] {
        for client in [client.clone(), client.http1()] {
            let mut connection = client.connect("www.example").await;
            let answer = connection.send(request(&FORGED, &FORGED)).await;
            assert_eq!(told(&answer), (expected.clone(), vec!["other: stays"]));
            assert!(answer.text.contains("\nother: stays\n"), "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn rfc_9440_2_2_a_client_s_certificate_is_passed_on_also_if_resumed() {
    let site = site(agents()).await;
    let agent = field(&site.pki.agent.chain[0]);
    let config = site.agent().config();
    for resumed in [false, true] {
        let mut connection = Connection::open(config.clone(), "www.example", site.addr).await;
        for fields in [&FORGED[..], &[]] {
            let answer = connection.send(request(fields, &[])).await;
            assert_eq!(told(&answer), (vec![agent.as_str()], vec![]));
        }
        assert_eq!(site.latest().resumed(), resumed);
    }
}

#[tokio::test]
async fn certificates_of_other_scopes_and_refused_ones_are_not_passed_on() {
    let boss = |site: &Site| field(&site.pki.boss.chain[0]);
    let agents = site(agents()).await;
    let get = async |client: Client<'_>, host: &str| client.get(host, "/").await;
    for (client, host) in [
        (agents.client().with(&agents.pki.boss), "admin.example"),
        (agents.client().with(&agents.pki.boss), "soft.example"),
        (agents.client().offering(ClientAuthOffer::flag()), "www.example"),
    ] {
        assert_eq!(told(&get(client, host).await), (vec![], vec![]));
    }
    let nobody = site(ClientCertLayer::new([""; 0])).await;
    assert_eq!(told(&get(nobody.agent(), "www.example").await), (vec![], vec![]));
    let both = site(ClientCertLayer::new(["agents", "staff"])).await;
    let answer = get(both.client().with(&both.pki.boss), "admin.example").await;
    assert_eq!(told(&answer), (vec![boss(&both).as_str()], vec![]));
}

#[tokio::test]
async fn rfc_9440_2_3_the_rest_of_the_chain_is_passed_on_if_wanted() {
    let pki = crate::common::Pki::new();
    let identity = CertAndKey {
        chain: vec![pki.agent.chain[0].clone(), pki.agents.der.clone()],
        key: pki.agent.key.clone(),
    };
    let policy = |_: &_| {
        builder(&pki)
            .rule(Rule::when().offered(true).request("agents"))
            .otherwise(Verdict::None)
            .build()
    };
    for (layer, chained) in [(agents(), false), (agents().with_chain(), true)] {
        let site = Site::with(|pki| policy(pki).unwrap(), echo(layer)).await;
        let client = site.client().with(&identity).offering(ClientAuthOffer::flag());
        let answer = client.get("www.example", "/").await;
        let leaf = field(&pki.agent.chain[0]);
        let rest = field(&pki.agents.der).replace("client-cert:", "client-cert-chain:");
        let expected = if chained { vec![rest.as_str(), &leaf] } else { vec![leaf.as_str()] };
        assert_eq!(sorted(told(&answer).0), sorted(expected));
    }
}

fn sorted(mut lines: Vec<&str>) -> Vec<&str> {
    lines.sort_unstable();
    lines
}

#[test]
fn values_are_structured_fields() {
    // RFC 8941 section 3.3.5: base64 with padding, between colons.
    let of = |bytes: &[u8]| CertificateDer::from(bytes.to_vec());
    assert_eq!(client_cert(&of(b"")).unwrap(), "::");
    assert_eq!(client_cert(&of(&[0xfb, 0xff])).unwrap(), ":+/8=:");
    assert_eq!(client_cert_chain(&[]), None);
    assert_eq!(client_cert_chain(&[of(b"a")]), None);
    let chain = [of(b"a"), of(b"b"), of(b"c")];
    assert_eq!(client_cert_chain(&chain).unwrap(), ":Yg==:, :Yw==:");
    let der = Authority::new("agents").der;
    let value = client_cert(&der).unwrap();
    let text = value.to_str().unwrap().trim_matches(':').to_owned();
    use base64::Engine;
    assert_eq!(base64::engine::general_purpose::STANDARD.decode(text).unwrap(), der.to_vec());
}

#[test]
fn nothing_else_is_removed() {
    let kept =
        ["client-certificate", "x-client-cert", "client-cert-", "clientcert", "client--cert"];
    let mut fields = map(&kept.map(|name| (name, "x")));
    fields.extend(map(&FORGED));
    strip(&mut fields);
    let mut left: Vec<_> = fields.keys().map(HeaderName::as_str).collect();
    left.sort_unstable();
    let mut expected = [&kept[..], &["other"]].concat();
    expected.sort_unstable();
    assert_eq!(left, expected);
}
