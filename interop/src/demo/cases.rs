//! Which clients the demo sends, and what must come of each.

use std::ops::RangeInclusive;

use rustls_ext::wire::Offer;

use super::row::Expected;
use super::{ADMIN, AGENTS, LOGIN, PUBLIC};

/// A client, and what must come of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The server name that it asks for.
    pub host: &'static str,
    /// The host name in its request's URL, where that is another one.
    pub authority: Option<&'static str>,
    /// How it is made.
    pub kind: Kind,
    /// Its connections, one after the other: what they are, as in the table, and what must come of
    /// each.
    pub connections: Vec<(&'static str, Expected)>,
}

/// How a client is made.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// rustls and hyper; knows what its connection knows.
    Own {
        /// By which ways it offers to authenticate.
        offer: Offer,
        /// The certificate that it has.
        certificate: Option<Certificate>,
    },
    /// The same, of TLS 1.2 only.
    Tls12 {
        /// By which ways it offers to authenticate.
        offer: Offer,
        /// Whether its certificate may be sent where everybody can read it.
        in_clear: bool,
    },
    /// rustls, quinn and h3; knows what its connection knows.
    Http3 {
        /// By which ways it offers to authenticate.
        offer: Offer,
        /// The certificate that it has.
        certificate: Option<Certificate>,
    },
    /// Asks for what is for agents only, and answers the challenge.
    Challenged {
        /// The certificate that it has.
        certificate: Certificate,
    },
    /// reqwest, which gets a TLS config and tells nothing of its connections; offers.
    Reqwest {
        /// The certificate that it has.
        certificate: Certificate,
    },
    /// The curl that is installed, which knows nothing of offers.
    Curl,
}

/// A certificate that a client may have.
#[derive(Clone, Copy, Debug)]
pub enum Certificate {
    /// `CN=agent-7`, which counts in the scope "agents".
    Agent,
    /// `CN=alice`, which counts in the scope "staff".
    Admin,
    /// `CN=stranger`, which counts nowhere.
    Stranger,
}

/// What must come of a client that is left alone.
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

/// What must come of a client whose offer is taken up with success.
const AGENT: Expected = Expected {
    offered: true,
    asked: true,
    acknowledged: true,
    authenticated: Some("CN=agent-7"),
    scope: Some("agents"),
    handshake_bytes: CERTIFICATE,
    ..NOT_ASKED
};

/// What must come of a client that is refused, an offer that was taken up before that.
const REFUSED: Expected = Expected {
    authenticated: None,
    scope: None,
    http_status: None,
    // The server's alert is a flight of its own.
    flights: Some(4),
    ..AGENT
};

/// What must come of a client that offers and is asked for another reason, with success.
const STAFF: Expected = Expected {
    acknowledged: false,
    authenticated: Some("CN=alice"),
    scope: Some("staff"),
    ..AGENT
};

/// Without a certificate of the client's. Signatures and names differ in length, by far less than
/// a request would add.
const NO_CERTIFICATE: Option<RangeInclusive<u64>> = Some(1000..=1200);
/// With one.
const CERTIFICATE: Option<RangeInclusive<u64>> = Some(1450..=1600);
/// The same in TLS 1.2.
const TLS12_NO_CERTIFICATE: Option<RangeInclusive<u64>> = Some(900..=1150);
const TLS12_CERTIFICATE: Option<RangeInclusive<u64>> = Some(1300..=1600);
/// With a ClientHello of a size that is not ours to know; with post-quantum key shares, or not.
const CURL: Option<RangeInclusive<u64>> = Some(800..=6000);

/// All clients, in the order in which they are sent.
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
    // The policy is the same, and so is what must come of it.
    let http3 = |client, host, offer, certificate, expected| {
        let expected = Expected { handshake_bytes: None, flights: None, ..expected };
        case(client, host, Kind::Http3 { offer, certificate }, expected)
    };
    vec![
        // Nobody who did not offer notices anything.
        case("no offer", PUBLIC, own(false, None), NOT_ASKED),
        case("no offer, has a certificate", PUBLIC, own(false, Some(Agent)), NOT_ASKED),
        case("offer, agent's certificate", PUBLIC, own(true, Some(Agent)), AGENT),
        // Asked, declined, served.
        case(
            "offer, no certificate",
            PUBLIC,
            own(true, None),
            Expected { authenticated: None, scope: None, handshake_bytes: NO_CERTIFICATE, ..AGENT },
        ),
        // A certificate that does not verify is worse than none: there is no going on without.
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
        // Asked because of the host name, and not because of the offer (RCA-3).
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
        // Good in another scope, so not good here (RCA-8).
        case(
            "admin host, offer, agent's certificate",
            ADMIN,
            own(true, Some(Agent)),
            Expected { acknowledged: false, refused: Some("unknown_ca from server"), ..REFUSED },
        ),
        // By the older way there is no acknowledgement.
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
        // It exists in TLS 1.2, too, where everybody could read the certificate (CARE-5).
        case(
            "TLS 1.2, CARE, agent's certificate kept",
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
            "TLS 1.2, CARE, agent's certificate in clear",
            PUBLIC,
            Kind::Tls12 { offer: Offer::CARE, in_clear: true },
            Expected {
                acknowledged: false,
                handshake_bytes: TLS12_CERTIFICATE,
                flights: Some(4),
                ..AGENT
            },
        ),
        // Told to come back with a certificate, and comes back (CANT-5).
        Case {
            host: PUBLIC,
            authority: None,
            kind: Kind::Challenged { certificate: Agent },
            connections: vec![
                ("agent asks for reports", Expected { http_status: Some(401), ..NOT_ASKED }),
                ("agent comes back, as it is told", AGENT),
            ],
        },
        // It has none that would do, so it does not (CANT-7).
        case(
            "staff asks for reports",
            PUBLIC,
            Kind::Challenged { certificate: Admin },
            Expected { http_status: Some(401), ..NOT_ASKED },
        ),
        // A browser makes no offer; where its person logs in, it is asked all the same.
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
        // A login that fails is a page that says why.
        case(
            "login host, no offer, agent's certificate",
            LOGIN,
            own(false, Some(Agent)),
            Expected { offered: false, authenticated: None, scope: None, ..STAFF },
        ),
        Case {
            authority: Some(LOGIN),
            ..case(
                "no offer, asks for login host",
                PUBLIC,
                own(false, Some(Admin)),
                Expected { http_status: Some(421), ..NOT_ASKED },
            )
        },
        // A connection is no way around its own server name.
        Case {
            authority: Some(ADMIN),
            ..case(
                "agent asks for admin host",
                PUBLIC,
                own(true, Some(Agent)),
                Expected { http_status: Some(421), ..AGENT },
            )
        },
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
