//! The demo's clients, and the expected outcome of each.

use std::ops::RangeInclusive;

use rustls_ext::wire::Offer;

use super::row::Expected;
use super::{ADMIN, AGENTS, LOGIN, PUBLIC};

/// A client, and its expected outcome.
#[derive(Clone, Debug)]
pub struct Case {
    /// The host name in its server_name.
    pub host: &'static str,
    /// The host name in its request, if it is another one.
    pub authority: Option<&'static str>,
    /// The kind of client.
    pub kind: Kind,
    /// Its connections in order: the name in the table, and the expected outcome.
    pub connections: Vec<(&'static str, Expected)>,
}

/// A kind of client.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// rustls and hyper; reports the state of its connection.
    Own {
        /// Its offer.
        offer: Offer,
        /// The certificate that it has.
        certificate: Option<Certificate>,
    },
    /// The same, with TLS 1.2 only.
    Tls12 {
        /// Its offer.
        offer: Offer,
        /// Whether it may send its certificate unencrypted.
        in_clear: bool,
    },
    /// rustls, quinn and h3; reports the state of its connection.
    Http3 {
        /// Its offer.
        offer: Offer,
        /// The certificate that it has.
        certificate: Option<Certificate>,
    },
    /// Requests `/reports` without an offer, and answers the challenge.
    Challenged {
        /// The certificate that it has.
        certificate: Certificate,
    },
    /// Hints at a trust domain, and has a certificate for each of two.
    Workload(Workload),
    /// reqwest with a TLS config that offers; it does not report the state of its connection.
    Reqwest {
        /// The certificate that it has.
        certificate: Certificate,
    },
    /// The installed curl, which never offers.
    Curl,
}

/// A workload, with a certificate for each of two trust domains.
#[derive(Clone, Copy, Debug)]
pub enum Workload {
    /// It hints at `spiffe://example.org`.
    Org,
    /// It hints at `spiffe://example.com`.
    Com,
    /// It hints at `spiffe://example.org`, and has a certificate of that domain's authority for the
    /// other domain.
    Liar,
}

/// A certificate that a client may have.
#[derive(Clone, Copy, Debug)]
pub enum Certificate {
    /// `CN=agent-7`, accepted in the scope "agents".
    Agent,
    /// `CN=alice`, accepted in the scope "staff".
    Admin,
    /// `CN=stranger`, of an authority that no scope trusts.
    Stranger,
}

/// The outcome of a client without a certificate request.
const NOT_ASKED: Expected = Expected {
    offered: false,
    asked: false,
    acknowledged: false,
    authenticated: None,
    scope: None,
    http_status: Some(200),
    refused: None,
    handshake_bytes: NO_CERTIFICATE,
    flights: Some(3),
};

/// The outcome of a client whose offer is accepted, and which authenticates.
const AGENT: Expected = Expected {
    offered: true,
    asked: true,
    acknowledged: true,
    authenticated: Some("CN=agent-7"),
    scope: Some("agents"),
    handshake_bytes: CERTIFICATE,
    ..NOT_ASKED
};

/// The outcome of a client whose offer is accepted, and which is then refused.
const REFUSED: Expected = Expected {
    authenticated: None,
    scope: None,
    http_status: None,
    // The server's alert is one more flight.
    flights: Some(4),
    ..AGENT
};

/// The outcome of a client that offers, gets a request for another reason, and authenticates.
const STAFF: Expected = Expected {
    acknowledged: false,
    authenticated: Some("CN=alice"),
    scope: Some("staff"),
    ..AGENT
};

/// The outcome of a workload that hints at its trust domain, and authenticates.
const WORKLOAD: Expected =
    Expected { acknowledged: false, handshake_bytes: Some(1450..=1700), ..AGENT };

/// Without a client certificate. Signatures and names differ in length, by far less than a
/// request adds.
const NO_CERTIFICATE: Option<RangeInclusive<u64>> = Some(1000..=1200);
/// With a client certificate.
const CERTIFICATE: Option<RangeInclusive<u64>> = Some(1450..=1600);
/// The same in TLS 1.2.
const TLS12_NO_CERTIFICATE: Option<RangeInclusive<u64>> = Some(900..=1150);
const TLS12_CERTIFICATE: Option<RangeInclusive<u64>> = Some(1300..=1600);
/// With a ClientHello of unknown size, with or without post-quantum key shares.
const CURL: Option<RangeInclusive<u64>> = Some(800..=6000);

/// All clients, in the order in which they run.
pub fn all() -> Vec<Case> {
    use Certificate::{Admin, Agent, Stranger};
    let own = |offers, certificate| {
        let offer = if offers { Offer::FLAG } else { Offer::NONE };
        Kind::Own { offer, certificate }
    };
    let case = |client, host, kind, expected| {
        let connections = vec![(client, expected)];
        Case { host, authority: None, kind, connections }
    };
    // The policy is the same, and so is the outcome.
    let http3 = |client, host, offer, certificate, expected| {
        let expected = Expected { handshake_bytes: None, flights: None, ..expected };
        case(client, host, Kind::Http3 { offer, certificate }, expected)
    };
    vec![
        // The server does not request a certificate of clients that make no offer.
        case("no offer", PUBLIC, own(false, None), NOT_ASKED),
        case("no offer, has a certificate", PUBLIC, own(false, Some(Agent)), NOT_ASKED),
        case("offer, agent's certificate", PUBLIC, own(true, Some(Agent)), AGENT),
        // The server requests, the client declines, and the response is 200.
        case(
            "offer, no certificate",
            PUBLIC,
            own(true, None),
            Expected { authenticated: None, scope: None, handshake_bytes: NO_CERTIFICATE, ..AGENT },
        ),
        // A certificate that is not accepted ends the handshake, unlike an empty Certificate.
        case(
            "offer, certificate of a foreign CA",
            PUBLIC,
            own(true, Some(Stranger)),
            Expected { refused: Some("unknown_ca from server"), ..REFUSED },
        ),
        case("agents' host, offer, agent's certificate", AGENTS, own(true, Some(Agent)), AGENT),
        case(
            "agents' host, offer, no certificate",
            AGENTS,
            own(true, None),
            Expected {
                refused: Some("certificate_required from server"),
                handshake_bytes: NO_CERTIFICATE,
                ..REFUSED
            },
        ),
        // Requested because of the host name, not because of the offer (RCA-3).
        case(
            "admin host, staff's certificate",
            ADMIN,
            own(false, Some(Admin)),
            Expected { offered: false, ..STAFF },
        ),
        case("admin host, offer, staff's certificate", ADMIN, own(true, Some(Admin)), STAFF),
        case(
            "admin host, no certificate",
            ADMIN,
            own(false, None),
            Expected {
                offered: false,
                acknowledged: false,
                refused: Some("certificate_required from server"),
                handshake_bytes: NO_CERTIFICATE,
                ..REFUSED
            },
        ),
        // Accepted in another scope only (RCA-8).
        case(
            "admin host, offer, agent's certificate",
            ADMIN,
            own(true, Some(Agent)),
            Expected { acknowledged: false, refused: Some("unknown_ca from server"), ..REFUSED },
        ),
        // CARE has no acknowledgement.
        case(
            "CARE, agent's certificate",
            PUBLIC,
            Kind::Own { offer: Offer::CARE, certificate: Some(Agent) },
            Expected { acknowledged: false, ..AGENT },
        ),
        case(
            "flag and CARE, agent's certificate",
            PUBLIC,
            Kind::Own { offer: Offer::BOTH, certificate: Some(Agent) },
            AGENT,
        ),
        // CARE also exists in TLS 1.2, where the certificate would be readable (CARE-5).
        case(
            "TLS 1.2, CARE, agent's certificate not sent",
            PUBLIC,
            Kind::Tls12 { offer: Offer::CARE, in_clear: false },
            Expected {
                acknowledged: false,
                authenticated: None,
                scope: None,
                handshake_bytes: TLS12_NO_CERTIFICATE,
                flights: Some(4),
                ..AGENT
            },
        ),
        case(
            "TLS 1.2, CARE, agent's certificate unencrypted",
            PUBLIC,
            Kind::Tls12 { offer: Offer::CARE, in_clear: true },
            Expected {
                acknowledged: false,
                handshake_bytes: TLS12_CERTIFICATE,
                flights: Some(4),
                ..AGENT
            },
        ),
        // The client answers the challenge on a second connection (CANT-5).
        Case {
            host: PUBLIC,
            authority: None,
            kind: Kind::Challenged { certificate: Agent },
            connections: vec![
                ("agent requests /reports", Expected { http_status: Some(401), ..NOT_ASKED }),
                ("the same agent answers the challenge", AGENT),
            ],
        },
        // The client has no certificate that fits the challenge (CANT-7).
        case(
            "staff requests /reports",
            PUBLIC,
            Kind::Challenged { certificate: Admin },
            Expected { http_status: Some(401), ..NOT_ASKED },
        ),
        // A browser makes no offer; the login host requests a certificate anyway.
        case(
            "login host, no offer, staff's certificate",
            LOGIN,
            own(false, Some(Admin)),
            Expected { offered: false, ..STAFF },
        ),
        case(
            "login host, no offer, no certificate",
            LOGIN,
            own(false, None),
            Expected {
                offered: false,
                authenticated: None,
                scope: None,
                handshake_bytes: NO_CERTIFICATE,
                ..STAFF
            },
        ),
        // The request is lenient: a refused certificate leads to a page, not to an alert.
        case(
            "login host, no offer, agent's certificate",
            LOGIN,
            own(false, Some(Agent)),
            Expected { offered: false, authenticated: None, scope: None, ..STAFF },
        ),
        Case {
            authority: Some(LOGIN),
            ..case(
                "no offer, request for login host",
                PUBLIC,
                own(false, Some(Admin)),
                Expected { http_status: Some(421), ..NOT_ASKED },
            )
        },
        // A request for another host does not bypass that host's rule.
        Case {
            authority: Some(ADMIN),
            ..case(
                "agent, request for admin host",
                PUBLIC,
                own(true, Some(Agent)),
                Expected { http_status: Some(421), ..AGENT },
            )
        },
        // Two trust domains on one listener: each client is asked with its domain's authority alone (WIO-4),
        // and a hint has no acknowledgement (WIO-5).
        case(
            "hint at example.org, certificates for both domains",
            PUBLIC,
            Kind::Workload(Workload::Org),
            Expected { authenticated: Some("CN=org-7"), scope: Some("example.org"), ..WORKLOAD },
        ),
        case(
            "hint at example.com, certificates for both domains",
            PUBLIC,
            Kind::Workload(Workload::Com),
            Expected { authenticated: Some("CN=com-7"), scope: Some("example.com"), ..WORKLOAD },
        ),
        // The certificate is for another domain than the hint (WIO-6).
        case(
            "hint at example.org, certificate for example.com",
            PUBLIC,
            Kind::Workload(Workload::Liar),
            Expected {
                acknowledged: false,
                refused: Some("access_denied from server"),
                handshake_bytes: WORKLOAD.handshake_bytes,
                ..REFUSED
            },
        ),
        case(
            "reqwest, offer, agent's certificate",
            PUBLIC,
            Kind::Reqwest { certificate: Agent },
            AGENT,
        ),
        case("curl", PUBLIC, Kind::Curl, Expected { handshake_bytes: CURL, ..NOT_ASKED }),
        http3("HTTP/3, no offer", PUBLIC, Offer::NONE, None, NOT_ASKED),
        http3("HTTP/3, offer, agent's certificate", PUBLIC, Offer::FLAG, Some(Agent), AGENT),
        http3(
            "HTTP/3, CARE, agent's certificate",
            PUBLIC,
            Offer::CARE,
            Some(Agent),
            Expected { acknowledged: false, ..AGENT },
        ),
        http3(
            "HTTP/3, offer, certificate of a foreign CA",
            PUBLIC,
            Offer::FLAG,
            Some(Stranger),
            Expected { refused: Some("unknown_ca from server"), ..REFUSED },
        ),
        http3(
            "HTTP/3, agents' host, offer, no certificate",
            AGENTS,
            Offer::FLAG,
            None,
            Expected { refused: Some("certificate_required from server"), ..REFUSED },
        ),
    ]
}
