//! Cases about the handshake: the extensions, ClientHellos, and the decisions of servers.

use rustls_ext::wire::resumption::{Demand, Resumption, Session, check};
use rustls_ext::wire::{
    Alert, Answer, Asks, ClientNegotiation, CodePoints, Fault, Flag, FlagSet, MAX_ORIGIN_BYTES,
    Message, Offer, Origins, Received, Scan, ServerNegotiation, Version, write_origin_hint,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::file::{Hex, Outcome, hex, split};

/// An offer by the flag, which a ClientHello with such an offer has.
const OFFER: &[u8] = &[11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// An offer by the origin `spiffe://example.org`.
const ORIGINS: &[u8] = b"\0\x16\0\x14spiffe://example.org";

/// A fault that ends the handshake.
fn fault(rule: &str, alert: Alert) -> Value {
    json!({ "fault": { "rule": rule, "alert": alert.code(), "alert_name": alert.name() } })
}

fn numbers(flags: &FlagSet) -> Vec<u16> {
    flags.iter().map(|flag| flag.get()).collect()
}

#[derive(Deserialize)]
enum Tls {
    #[serde(rename = "1.2")]
    Tls12,
    #[serde(rename = "1.3")]
    Tls13,
}

impl Tls {
    const fn version(&self) -> Version {
        match self {
            Self::Tls12 => Version::Tls12,
            Self::Tls13 => Version::Tls13,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Offered {
    None,
    Flag,
    Care,
    Both,
    Origins,
    #[serde(rename = "flag+origins")]
    FlagAndOrigins,
}

impl Offered {
    const fn offer(&self) -> Offer {
        match self {
            Self::None => Offer::NONE,
            Self::Flag => Offer::FLAG,
            Self::Care => Offer::CARE,
            Self::Both => Offer::BOTH,
            Self::Origins => Offer::ORIGINS,
            Self::FlagAndOrigins => Offer::FLAG.with_origins(true),
        }
    }

    /// The extensions of a ClientHello with this offer.
    fn received(&self) -> Received<'static> {
        let offer = self.offer();
        Received {
            tls_flags: offer.has_flag().then_some(OFFER),
            care: offer.has_care().then_some(&[]),
            origin_hint: offer.has_origins().then_some(ORIGINS),
        }
    }
}

pub(super) fn body(case: Map<String, Value>) -> Result<Outcome, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inputs {
        body: Hex,
    }
    let (Inputs { body }, mut expected) = split(case, &["flags", "fault"])?;
    let found = match FlagSet::decode(&body.0) {
        Ok(flags) => json!({ "flags": numbers(&flags) }),
        Err(error) => fault(error.rule(), error.alert()),
    };
    // Encoding, from the numbers in the file.
    if let Some(list) = expected.get("flags").filter(|_| found == expected).cloned() {
        let mut flags = FlagSet::EMPTY;
        for number in list.as_array().into_iter().flatten().filter_map(Value::as_u64) {
            let flag = u16::try_from(number).ok().and_then(|number| Flag::new(number).ok());
            flags.insert(flag.ok_or_else(|| format!("flags: there is no flag {number}"))?);
        }
        expected["body"] = hex(&body.0).into();
        return Ok(Outcome {
            expected,
            found: json!({ "flags": list, "body": flags.body().map(hex) }),
        });
    }
    Ok(Outcome { expected, found })
}

pub(super) fn origins(case: Map<String, Value>) -> Result<Outcome, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inputs {
        body: Hex,
    }
    let results = ["origins", "normal_forms", "ignored", "fault"];
    let (Inputs { body }, mut expected) = split(case, &results)?;
    let mut found = match Origins::decode(&body.0) {
        Ok(origins) => json!({
            "origins": as_sent(&origins),
            "normal_forms": origins.iter().map(|origin| origin.to_string()).collect::<Vec<_>>(),
            "ignored": origins.ignored(),
        }),
        Err(error) => fault(error.rule(), error.alert()),
    };
    // Encoding, where nothing was ignored.
    if let (Some(list), Some(0)) = (found["origins"].as_array(), found["ignored"].as_u64()) {
        let list: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
        let mut buffer = [0; MAX_ORIGIN_BYTES];
        let written = write_origin_hint(list, &mut buffer).map(hex);
        found["body"] = written.unwrap_or_else(|error| error.to_string()).into();
        expected["body"] = hex(&body.0).into();
    }
    Ok(Outcome { expected, found })
}

fn as_sent(origins: &Origins<'_>) -> Vec<String> {
    origins.iter().map(|origin| origin.as_str().to_owned()).collect()
}

pub(super) fn message(case: Map<String, Value>) -> Result<Outcome, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inputs {
        version: Tls,
        message: String,
        offer: Offered,
        tls_flags: Option<Hex>,
        care: Option<Hex>,
        origin_hint: Option<Hex>,
    }
    /// How the format names a second ClientHello.
    const SECOND_HELLO: &str = "second ClientHello";

    let (inputs, expected) = split::<Inputs>(case, &["fault"])?;
    let Inputs { version, message, offer, tls_flags, care, origin_hint } = inputs;
    let received = Received {
        tls_flags: tls_flags.as_ref().map(|body| &body.0[..]),
        care: care.as_ref().map(|body| &body.0[..]),
        origin_hint: origin_hint.as_ref().map(|body| &body.0[..]),
    };
    let version = version.version();
    let points = CodePoints::default();
    let first = |server: &mut ServerNegotiation| {
        let earlier = server.on_client_hello(version, offer.received());
        earlier.map_err(|fault| format!("offer: {fault}"))
    };
    let result: Result<(), Fault> = if message == SECOND_HELLO {
        let mut server = ServerNegotiation::new(points);
        first(&mut server)?;
        server.on_client_hello(version, received)
    } else {
        let known = Message::ALL.iter().copied().find(|known| known.name() == message);
        match known.ok_or_else(|| format!("message: there is no {message:?}"))? {
            Message::ClientHello if !offer.offer().is_none() => {
                return Err("offer: there is none before the first ClientHello".into());
            }
            Message::ClientHello => {
                ServerNegotiation::new(points).on_client_hello(version, received)
            }
            Message::ClientCertificate => {
                let mut server = ServerNegotiation::new(points);
                first(&mut server)?;
                server.asks(Asks::BecauseOffered);
                server.on_client_certificate(received)
            }
            message => {
                let mut client = ClientNegotiation::new(offer.offer(), points);
                client.hello(Version::Tls13);
                client.on(message, version, received)
            }
        }
    };
    let found = match result {
        Ok(()) => json!({}),
        Err(error) => fault(error.rule(), error.alert()),
    };
    Ok(Outcome { expected, found })
}

pub(super) fn hello(case: Map<String, Value>) -> Result<Outcome, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inputs {
        message: Hex,
    }
    let results = ["server_name", "tls13", "flags", "care", "origins", "fault"];
    let (Inputs { message }, expected) = split(case, &results)?;
    let found = match Scan::default().handshake(&message.0) {
        Answer::Hello { hello, .. } => match (hello.flags(), hello.care(), hello.origins()) {
            (Err(error), ..) => fault(error.rule(), error.alert()),
            (_, Err(error), _) => fault(error.rule(), error.alert()),
            (.., Err(error)) => fault(error.rule(), error.alert()),
            (Ok(flags), Ok(care), Ok(origins)) => json!({
                "server_name": hello.server_name().map(String::from_utf8_lossy),
                "tls13": hello.offers_tls13(),
                "flags": flags.map(|flags| numbers(&flags)),
                "care": care,
                "origins": origins.map(|origins| as_sent(&origins)),
            }),
        },
        Answer::Malformed(error) => fault(error.rule(), error.alert()),
        Answer::NotTls(what) => json!(what.to_string()),
        Answer::Incomplete { .. } => json!("an incomplete message"),
    };
    Ok(Outcome { expected, found })
}

pub(super) fn decision(mut case: Map<String, Value>) -> Result<Outcome, String> {
    match case.remove("kind").as_ref().and_then(Value::as_str) {
        Some("answer") => answer(case),
        Some("resumption") => resumption(case),
        _ => Err("kind: neither \"answer\" nor \"resumption\"".into()),
    }
}

fn answer(case: Map<String, Value>) -> Result<Outcome, String> {
    #[derive(Deserialize)]
    enum Why {
        #[serde(rename = "no")]
        No,
        #[serde(rename = "because offered")]
        BecauseOffered,
        #[serde(rename = "for another reason")]
        ForAnotherReason,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inputs {
        version: Tls,
        offer: Offered,
        asks: Why,
    }
    let results = ["counts_as_offer", "acknowledgement", "care_in"];
    let (Inputs { version, offer, asks }, expected) = split(case, &results)?;
    let mut server = ServerNegotiation::new(CodePoints::default());
    let received = server.on_client_hello(version.version(), offer.received());
    received.map_err(|fault| format!("offer: {fault}"))?;
    server.asks(match asks {
        Why::No => Asks::No,
        Why::BecauseOffered => Asks::BecauseOffered,
        Why::ForAnotherReason => Asks::ForAnotherReason,
    });
    let echo = Message::ALL.iter().find(|message| server.echoes_care_in(**message));
    let found = json!({
        "counts_as_offer": server.offer().to_string(),
        "acknowledgement": server.acknowledgement().body().map(hex),
        "care_in": echo.map(|message| message.name()),
    });
    Ok(Outcome { expected, found })
}

fn resumption(case: Map<String, Value>) -> Result<Outcome, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Wants {
        None,
        Request,
        Require,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Earlier {
        scope: Option<String>,
        authenticated: bool,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inputs {
        demand: Wants,
        offered: bool,
        session: Earlier,
    }
    let (Inputs { demand, offered, session }, expected) = split(case, &["resumption"])?;
    let demand = match demand {
        Wants::None => Demand::None,
        Wants::Request => Demand::Request(b"clients"),
        Wants::Require => Demand::Require(b"clients"),
    };
    let scope = session.scope.as_ref().map(|scope| scope.as_bytes());
    let session = Session { scope, authenticated: session.authenticated };
    let found = json!({ "resumption": match check(demand, offered, session) {
        Resumption::Allowed => "allowed",
        Resumption::IfVerified => "if verified",
        Resumption::Refused => "refused",
    } });
    Ok(Outcome { expected, found })
}
