//! What must come of a pair in a case: of what both can do, and of what is known of some pairs.

use rustls_ext::wire::Offer;
use serde::Serialize;

use super::case::Case;
use super::peer::{Client, Saw, Server};
use super::site::CLIENT;
use super::tap::Wire;

/// What must come of a visit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// `TLSv1.3` or `TLSv1.2`.
    pub tls_version: &'static str,
    /// How the ClientHello offers: `none`, `flag` or `care`.
    pub offer: String,
    /// Whether there is a HelloRetryRequest.
    pub retried: bool,
    /// Whether the client is asked on the last connection.
    pub asked: bool,
    /// Whether it is told that it is because of its offer.
    pub acknowledged: bool,
    /// Whom the server knows.
    pub subject: Option<&'static str>,
    /// Whether the last connection resumes a session.
    pub resumed: bool,
}

/// A case that a pair cannot be in, or in which it comes out otherwise than by what both can do.
struct Known {
    client: &'static str,
    server: &'static str,
    case: Case,
    what: What,
    why: &'static str,
}

enum What {
    /// The pair cannot be in this case.
    Impossible,
    /// The client is asked although its offer does not count, and declines.
    AskedInVain,
}

const ECHO: &str = "`s_client -serverinfo` can offer by CARE, but takes the extension for one of TLS 1.2, and so refuses \
     its echo in EncryptedExtensions (CARE-3)";
const GUESSED: &str =
    "this client sends a key share for one of the groups that this server can be told to agree to";

/// What is known of some pairs; `*` is any peer.
const KNOWN: &[Known] = &[
    Known {
        client: "openssl",
        server: "rustls-ext",
        case: Case::OfferAccepted,
        what: What::Impossible,
        why: ECHO,
    },
    Known {
        client: "openssl",
        server: "rustls-ext",
        case: Case::OfferIgnored,
        what: What::Impossible,
        why: ECHO,
    },
    Known {
        client: "openssl",
        server: "rustls-ext",
        case: Case::Resumption,
        what: What::Impossible,
        why: ECHO,
    },
    Known {
        client: "openssl",
        server: "rustls-ext",
        case: Case::HelloRetryRequest,
        what: What::Impossible,
        why: ECHO,
    },
    Known {
        client: "openssl",
        server: "openssl-adapter",
        case: Case::OfferAccepted,
        what: What::Impossible,
        why: ECHO,
    },
    Known {
        client: "openssl",
        server: "openssl-adapter",
        case: Case::OfferIgnored,
        what: What::Impossible,
        why: ECHO,
    },
    Known {
        client: "openssl",
        server: "openssl-adapter",
        case: Case::Resumption,
        what: What::Impossible,
        why: ECHO,
    },
    Known {
        client: "openssl",
        server: "openssl-adapter",
        case: Case::HelloRetryRequest,
        what: What::Impossible,
        why: ECHO,
    },
    Known {
        client: "s2n-tls",
        server: "s2n-tls",
        case: Case::HelloRetryRequest,
        what: What::Impossible,
        why: GUESSED,
    },
    Known {
        client: "java",
        server: "s2n-tls",
        case: Case::HelloRetryRequest,
        what: What::Impossible,
        why: GUESSED,
    },
    Known {
        client: "gnutls",
        server: "s2n-tls",
        case: Case::HelloRetryRequest,
        what: What::Impossible,
        why: GUESSED,
    },
    Known {
        client: "gnutls",
        server: "boringssl",
        case: Case::Resumption,
        what: What::Impossible,
        why: "`gnutls-cli --resume` waits for a ticket before it sends anything, and BoringSSL sends \
              it with its first answer",
    },
    Known {
        client: "rustls-ext",
        server: "rustls-ext",
        case: Case::Tls12,
        what: What::AskedInVain,
        why: "`interop serve` decides before a version is chosen, so the flag counts for its policy; in TLS \
              1.2 it should not (FLAGS-9)",
    },
];

/// What is to be done, and what must come of it, with remarks where it is less than in TLS with
/// offers; or why this pair cannot be in this case.
pub fn expected(
    (client_name, client): (&str, &Client),
    (server_name, server): (&str, &Server),
    case: Case,
) -> Result<(Expected, Vec<&'static str>), &'static str> {
    let mut remarks = Vec::new();
    let known = |known: &&Known| {
        let is = |pattern: &str, name: &str| pattern == "*" || pattern == name;
        is(known.client, client_name) && is(known.server, server_name) && known.case == case
    };
    let known = KNOWN.iter().find(known);
    if let Some(Known { what: What::Impossible, why, .. }) = known {
        return Err(why);
    }
    let offer = match (case, client.offers) {
        (Case::NoOffer, _) => Offer::NONE,
        (Case::OfferAccepted | Case::OfferIgnored, Err(why)) => return Err(why),
        (Case::OfferAccepted, Ok(offer)) => server.asks_offering.map(|()| offer)?,
        // Elsewhere it does not matter. Here an offer that is not taken up keeps some clients from
        // resuming (RES-8).
        (Case::Resumption, Ok(offer)) if server.asks_offering.is_ok() => offer,
        (Case::Resumption, _) => Offer::NONE,
        (_, offers) => offers.unwrap_or(Offer::NONE),
    };
    if case == Case::Resumption {
        client.resumes?;
    }
    // FLAGS-9: in TLS 1.2 flags do not count.
    let counts = if case == Case::Tls12 { offer.has_care() } else { !offer.is_none() };
    let known_client = counts && server.asks_offering.is_ok() && case != Case::OfferIgnored;
    let not_resumed = if known_client { server.resumes_authenticated.err() } else { None };
    let resumed = case == Case::Resumption && not_resumed.is_none();
    if case == Case::Resumption {
        remarks.extend(not_resumed);
    }
    let mut asked = known_client && !resumed;
    if let Some(Known { what: What::AskedInVain, why, .. }) = known {
        asked = true;
        remarks.push(*why);
    }
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
    /// What is otherwise, a line for each.
    pub fn differences(&self, wire: Wire, client: &Saw, server: &Saw) -> Vec<String> {
        let mut lines = Vec::new();
        let mut check = |who: &str, what: &str, expected: String, got: Option<String>| {
            if got.as_ref().is_some_and(|got| *got != expected) {
                let got = got.unwrap_or_default();
                lines.push(format!("{what}: expected {expected}, {who} says {got}"));
            }
        };
        let word = |fact: bool| if fact { "yes".to_owned() } else { "no".to_owned() };
        let name = |name: Option<&str>| name.unwrap_or("nobody").to_owned();
        // The wire always tells.
        let offer = wire.offer.map_or("nothing".to_owned(), |offer| offer.to_string());
        check("the wire", "offer", self.offer.clone(), Some(offer));
        let retried = wire.retried.map_or("nothing".to_owned(), word);
        check("the wire", "HelloRetryRequest", word(self.retried), Some(retried));
        for (who, saw) in [("the client", client), ("the server", server)] {
            let version = self.tls_version.to_owned();
            check(who, "version", version, saw.tls_version.clone());
            check(who, "resumed", word(self.resumed), saw.resumed.map(word));
            check(who, "asked", word(self.asked), saw.asked.map(word));
            check(who, "acknowledged", word(self.acknowledged), saw.acknowledged.map(word));
            let subject = saw.subject.as_ref().map(|subject| name(subject.as_deref()));
            check(who, "client", name(self.subject), subject);
        }
        // Who is known nobody but the server can say.
        if server.subject.is_none() {
            lines.push("the server says nothing of the client".into());
        }
        lines
    }

    /// In a few words, for a table.
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        if self.resumed {
            words.push("resumed");
        }
        words.push(match (self.subject.is_some(), self.acknowledged) {
            (true, true) => "known, acknowledged",
            (true, false) => "known",
            (false, _) if self.asked => "asked, nobody",
            (false, _) => "not asked",
        });
        words.join(", ")
    }
}
