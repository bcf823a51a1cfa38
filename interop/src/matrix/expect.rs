//! The expected outcome of a pair in a case, from the features of both, and known limits of some pairs.

use rustls_ext::wire::Offer;
use serde::Serialize;

use super::case::Case;
use super::peer::{Client, PeerView, Server};
use super::site::CLIENT;
use super::tap::WireView;

/// The expected outcome of a visit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// `TLSv1.3` or `TLSv1.2`.
    pub tls_version: &'static str,
    /// The offer in the ClientHello: `none`, `flag`, `care` or `origins`.
    pub offer: String,
    /// Whether the server sends a HelloRetryRequest.
    pub retried: bool,
    /// Whether the server requests a certificate on the last connection.
    pub asked: bool,
    /// Whether the server acknowledges the offer.
    pub acknowledged: bool,
    /// The client's subject, as the server verified it.
    pub subject: Option<&'static str>,
    /// Whether the last connection resumes a session.
    pub resumed: bool,
}

/// Cases in which a client cannot run with some servers.
struct Known {
    client: &'static str,
    servers: &'static [&'static str],
    cases: &'static [Case],
    why: &'static str,
}

const ECHO: &str = "`s_client -serverinfo` can offer by CARE, but treats the extension as one of TLS 1.2, so it refuses \
     the echo in EncryptedExtensions (CARE-3)";
const HAS_KEY_SHARE: &str =
    "this client sends a key share for each group that this server can be limited to";

const LATE_TICKET: &str = "`gnutls-cli --resume` waits for a ticket before it sends anything, and BoringSSL sends it with its \
     first response";
const HTTP10: &str = "`s_server` answers with HTTP/1.0, and this client stores a session only after a response of HTTP/1.1";

/// The servers that echo an offer by CARE.
const ECHOING: &[&str] = &["rustls-ext", "openssl-adapter", "nginx", "python", "httpd"];
/// The cases with an offer in TLS 1.3.
const OFFERED: &[Case] =
    &[Case::OfferAccepted, Case::OfferIgnored, Case::Resumption, Case::HelloRetryRequest];

/// Known limits of some pairs.
const KNOWN: &[Known] = &[
    known("openssl", ECHOING, OFFERED, ECHO),
    known("s2n-tls", &["s2n-tls"], &[Case::HelloRetryRequest], HAS_KEY_SHARE),
    known("java", &["s2n-tls"], &[Case::HelloRetryRequest], HAS_KEY_SHARE),
    known("gnutls", &["s2n-tls"], &[Case::HelloRetryRequest], HAS_KEY_SHARE),
    known("gnutls", &["boringssl"], &[Case::Resumption], LATE_TICKET),
    known("openssl-adapter", &["openssl"], &[Case::Resumption], HTTP10),
];

const fn known(
    client: &'static str,
    servers: &'static [&'static str],
    cases: &'static [Case],
    why: &'static str,
) -> Known {
    Known { client, servers, cases, why }
}

/// The expected outcome, with remarks if it is less than TLS with offers allows. The error is the reason
/// why this pair cannot run in this case.
pub fn expected(
    (client_name, client): (&str, &Client),
    (server_name, server): (&str, &Server),
    case: Case,
) -> Result<(Expected, Vec<&'static str>), &'static str> {
    let mut remarks = Vec::new();
    let known = KNOWN.iter().find(|known| {
        known.client == client_name
            && known.servers.contains(&server_name)
            && known.cases.contains(&case)
    });
    if let Some(Known { why, .. }) = known {
        return Err(why);
    }
    let offer = match (case, client.offers) {
        (Case::NoOffer, _) => Offer::NONE,
        (Case::OfferAccepted | Case::OfferIgnored, Err(why)) => return Err(why),
        (Case::OriginHint, _) => {
            client.hints?;
            server.requests_on_origin.map(|()| Offer::ORIGINS)?
        }
        (Case::OfferAccepted, Ok(offer)) => server.requests_on_offer.map(|()| offer)?,
        // Only in this case, an ignored offer matters: it keeps some clients from resuming (RES-8).
        (Case::Resumption, Ok(offer)) if server.requests_on_offer.is_ok() => offer,
        (Case::Resumption, _) => Offer::NONE,
        (_, offers) => offers.unwrap_or(Offer::NONE),
    };
    if case == Case::Resumption {
        client.resumes?;
    }
    // FLAGS-9: flags have no effect in TLS 1.2.
    let counts = if case == Case::Tls12 { offer.has_care() } else { !offer.is_none() };
    let requests = match case {
        Case::OfferIgnored => false,
        Case::OriginHint => server.requests_on_origin.is_ok(),
        _ => server.requests_on_offer.is_ok(),
    };
    let known_client = counts && requests;
    let not_resumed = if known_client { server.resumes_authenticated.err() } else { None };
    let resumed = case == Case::Resumption && not_resumed.is_none();
    if case == Case::Resumption {
        remarks.extend(not_resumed);
    }
    let asked = known_client && !resumed;
    let acknowledged = known_client
        && asked
        && match (offer.has_flag(), server.acknowledges) {
            (false, _) => false,
            (true, Ok(())) => true,
            (true, Err(why)) => {
                remarks.push(why);
                false
            }
        };
    let expected = Expected {
        tls_version: if case == Case::Tls12 { "TLSv1.2" } else { "TLSv1.3" },
        offer: offer.to_string(),
        retried: case == Case::HelloRetryRequest,
        asked,
        acknowledged,
        subject: known_client.then_some(CLIENT),
        resumed,
    };
    Ok((expected, remarks))
}

impl Expected {
    /// The differences from this outcome, one line each.
    pub fn differences(&self, wire: WireView, client: &PeerView, server: &PeerView) -> Vec<String> {
        let mut lines = Vec::new();
        let mut check = |source: &str, name: &str, expected: String, got: Option<String>| {
            if got.as_ref().is_some_and(|got| *got != expected) {
                let got = got.unwrap_or_default();
                lines.push(format!("{name}: expected {expected}, {source} reports {got}"));
            }
        };
        let word = |fact: bool| if fact { "yes".to_owned() } else { "no".to_owned() };
        let name = |name: Option<&str>| name.unwrap_or("none").to_owned();
        // The tap always has a report.
        let offer = wire.offer.map_or("nothing".to_owned(), |offer| offer.to_string());
        check("the wire", "offer", self.offer.clone(), Some(offer));
        let retried = wire.retried.map_or("nothing".to_owned(), word);
        check("the wire", "HelloRetryRequest", word(self.retried), Some(retried));
        for (source, view) in [("the client", client), ("the server", server)] {
            let version = self.tls_version.to_owned();
            check(source, "version", version, view.tls_version.clone());
            check(source, "resumed", word(self.resumed), view.resumed.map(word));
            check(source, "requested", word(self.asked), view.asked.map(word));
            check(source, "acknowledged", word(self.acknowledged), view.acknowledged.map(word));
            let subject = view.subject.as_ref().map(|subject| name(subject.as_deref()));
            check(source, "client", name(self.subject), subject);
        }
        // Only the server can report the verified client.
        if server.subject.is_none() {
            lines.push("the server does not report the client".into());
        }
        lines
    }

    /// A short text for a table.
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        if self.resumed {
            words.push("resumed");
        }
        words.push(match (self.subject.is_some(), self.acknowledged) {
            (true, true) => "authenticated, acknowledged",
            (true, false) => "authenticated",
            (false, _) if self.asked => "requested, not authenticated",
            (false, _) => "not requested",
        });
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABLE: Server = Server::FULL;
    const BY_FLAG: Client = Client { offers: Ok(Offer::FLAG), hints: Ok(()), resumes: Ok(()) };

    fn told() -> Expected {
        expected(("c", &BY_FLAG), ("s", &ABLE), Case::OfferAccepted).unwrap().0
    }

    fn view() -> PeerView {
        PeerView {
            tls_version: Some("TLSv1.3".into()),
            resumed: Some(false),
            asked: Some(true),
            acknowledged: Some(true),
            subject: Some(Some(CLIENT.into())),
        }
    }

    const WIRE: WireView = WireView { offer: Some(Offer::FLAG), retried: Some(false) };

    #[test]
    fn the_expected_outcome_has_no_differences() {
        assert_eq!(told().differences(WIRE, &view(), &view()), Vec::<String>::new());
        // A client may report nothing.
        assert_eq!(told().differences(WIRE, &PeerView::default(), &view()), Vec::<String>::new());
    }

    #[test]
    fn each_value_of_client_and_server_is_compared() {
        type Change = fn(&mut PeerView);
        let changes: [(Change, &str); 5] = [
            (|view| view.tls_version = Some("TLSv1.2".into()), "version: expected TLSv1.3"),
            (|view| view.resumed = Some(true), "resumed: expected no"),
            (|view| view.asked = Some(false), "requested: expected yes"),
            (|view| view.acknowledged = Some(false), "acknowledged: expected yes"),
            (|view| view.subject = Some(None), "client: expected CN=client-1"),
        ];
        for (change, line) in changes {
            let mut other = view();
            change(&mut other);
            for (client, server) in [(&other, &view()), (&view(), &other)] {
                let lines = told().differences(WIRE, client, server);
                assert!(matches!(&lines[..], [only] if only.starts_with(line)), "{lines:?}");
            }
        }
        let no_offer = WireView { offer: Some(Offer::NONE), ..WIRE };
        assert_eq!(
            told().differences(no_offer, &view(), &view()),
            ["offer: expected flag, the wire reports none"]
        );
        assert_eq!(
            told().differences(WireView::default(), &view(), &PeerView::default()),
            [
                "offer: expected flag, the wire reports nothing",
                "HelloRetryRequest: expected no, the wire reports nothing",
                "the server does not report the client"
            ]
        );
    }

    #[test]
    fn a_missing_feature_has_a_reason() {
        let mute = Client::plain("mute", Err("forgets"));
        let deaf = Server::plain("deaf");
        let by = |client, server, case| expected(("c", client), ("s", server), case);
        assert_eq!(by(&mute, &ABLE, Case::OfferAccepted), Err("mute"));
        assert_eq!(by(&mute, &ABLE, Case::OfferIgnored), Err("mute"));
        assert_eq!(by(&mute, &ABLE, Case::Resumption), Err("forgets"));
        assert_eq!(by(&mute, &ABLE, Case::OriginHint), Err("mute"));
        assert_eq!(by(&BY_FLAG, &deaf, Case::OriginHint), Err("deaf"));
        assert_eq!(by(&BY_FLAG, &deaf, Case::OfferAccepted), Err("deaf"));

        let silent = Server { acknowledges: Err("silent"), ..ABLE };
        let (told, remarks) = by(&BY_FLAG, &silent, Case::OfferAccepted).unwrap();
        assert_eq!((told.words().as_str(), &remarks[..]), ("authenticated", &["silent"][..]));

        let anew = Server { resumes_authenticated: Err("anew"), ..ABLE };
        let (told, remarks) = by(&BY_FLAG, &anew, Case::Resumption).unwrap();
        assert_eq!(
            (told.words().as_str(), &remarks[..]),
            ("authenticated, acknowledged", &["anew"][..])
        );
        let (told, _) = by(&BY_FLAG, &ABLE, Case::Resumption).unwrap();
        assert_eq!(told.words(), "resumed, authenticated");
    }

    #[test]
    fn flags_9_in_tls12_an_offer_by_care_has_effect_and_one_by_the_flag_has_none() {
        let by = |offer| {
            let client = Client { offers: Ok(offer), ..BY_FLAG };
            expected(("c", &client), ("s", &ABLE), Case::Tls12).unwrap().0.words()
        };
        assert_eq!(by(Offer::FLAG), "not requested");
        assert_eq!(by(Offer::CARE), "authenticated");
    }

    #[test]
    fn wio_5_an_origin_hint_has_effect_and_no_acknowledgement() {
        let (told, remarks) = expected(("c", &BY_FLAG), ("s", &ABLE), Case::OriginHint).unwrap();
        assert_eq!((told.offer.as_str(), told.asked, told.acknowledged), ("origins", true, false));
        assert_eq!((told.words().as_str(), remarks), ("authenticated", vec![]));
    }
}
