use std::fmt;
use std::sync::Arc;

use http::Extensions;
use rustls::ProtocolVersion;
use rustls::client::ClientAuthStatus;

use crate::http::{Challenge, ChallengeError};

/// What client authentication came to for one response; it is among the response's extensions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The identity of the connection that gave this response; `None` for one without.
    ///
    /// Whether the server asked for it is in [`status`](Self::status), and what it made of it in
    /// the response.
    pub identity: Option<Arc<str>>,
    /// The realm to which that connection is kept, if it has an identity and the challenge had one.
    pub realm: Option<String>,
    /// What became of the offer on that connection.
    ///
    /// A resumed session is one in which the server does not ask: it remembers.
    pub status: ClientAuthStatus,
    /// The TLS version of that connection, if there is TLS and its version is known.
    pub tls_version: Option<ProtocolVersion>,
    /// How often the request was sent to get it.
    pub sent: u32,
    /// Whether it was sent again because of a challenge.
    pub challenged: bool,
    /// Whether it was sent again because a server did not want it on the connection that it came
    /// on (RFC 9110 section 15.5.20).
    pub misdirected: bool,
    /// Why this response is a challenge, or says that its request was misdirected, all the same.
    pub unanswered: Option<Unanswered>,
}

impl Report {
    /// The report of a response with these extensions.
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }
}

/// Why a challenge was passed on to the caller, and the request not sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unanswered {
    /// It came over `http` (CANT-1).
    Insecure,
    /// The request's `Host` field is not about its URI, and no connection is for both (CANT-6).
    OtherHost,
    /// None of the challenges could be read.
    Unreadable(Vec<ChallengeError>),
    /// There is no identity for any of the challenges.
    NoIdentity {
        /// The challenges.
        challenges: Vec<Challenge>,
        /// The identities, and why each of them was not chosen for the last of the challenges for
        /// which it was considered.
        considered: Vec<Considered>,
    },
    /// The request's body is gone, so that it cannot be sent again by the client. If the caller
    /// does, it goes to where it belongs at once.
    NotReplayable,
    /// The request was redirected, and it is not known what to send again. If the caller sends a
    /// request to where this response is from, it goes to where it belongs at once.
    Redirected,
    /// A challenge was answered, on this connection or on the one before, and the server challenges
    /// still (CANT-7).
    StillChallenged,
    /// That was so a short time ago, and the server has never taken this identity in this realm
    /// (CANT-7).
    RefusedEarlier,
    /// The connection would have shown the certificate to everybody on the way (CANT-8).
    NotConfidential,
    /// The request was misdirected on a new connection, too.
    StillMisdirected,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Insecure => f.write_str("a challenge over http is not answered"),
            Self::OtherHost => {
                f.write_str("no certificate for a request whose Host field is not its URI's")
            }
            Self::Unreadable(errors) => {
                f.write_str("no challenge could be read")?;
                errors.iter().try_for_each(|error| write!(f, "; {error}"))
            }
            Self::NoIdentity { challenges, considered } => {
                f.write_str("no identity for")?;
                separated(f, challenges)?;
                f.write_str(":")?;
                if considered.is_empty() {
                    f.write_str(" there are none")
                } else {
                    separated(f, considered)
                }
            }
            Self::NotReplayable => {
                f.write_str("the request's body cannot be sent twice: make the request again")
            }
            Self::Redirected => f.write_str(
                "the request was redirected: make a request to where this response is from",
            ),
            Self::StillChallenged => {
                f.write_str("the server challenges still, on the connection that answers it")
            }
            Self::RefusedEarlier => {
                f.write_str("the server did not take the answer to this challenge before")
            }
            Self::NotConfidential => {
                f.write_str("no certificate over TLS 1.2, where everybody can read it")
            }
            Self::StillMisdirected => f.write_str("misdirected on a new connection, too"),
        }
    }
}

fn separated<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T]) -> fmt::Result {
    let mut separator = " ";
    for item in items {
        write!(f, "{separator}{item}")?;
        separator = "; ";
    }
    Ok(())
}

/// An identity that was not chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Considered {
    /// Its name.
    pub identity: Arc<str>,
    /// Why it was not chosen.
    pub why: NotChosen,
}

impl fmt::Display for Considered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.identity, self.why)
    }
}

/// Why an identity was not chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotChosen {
    /// The host may not see it.
    NotForHost,
    /// The challenge does not accept it.
    NotAccepted,
    /// A certificate of its chain is not valid yet.
    NotYetValid,
    /// A certificate of its chain has expired.
    Expired,
}

impl fmt::Display for NotChosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotForHost => "is not for this host",
            Self::NotAccepted => "is not what is asked for",
            Self::NotYetValid => "is not valid yet",
            Self::Expired => "has expired",
        })
    }
}
