use std::fmt;
use std::sync::Arc;

use http::Extensions;
use rustls::ProtocolVersion;
use rustls::client::ClientAuthOfferStatus;
use rustls::pki_types::UnixTime;

use crate::authenticator::Misfit;
use crate::http::{Challenge, ChallengeError};

/// The outcome of client authentication for one response, found in the response's extensions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The identity of the connection of this response; `None` if it has none.
    ///
    /// [`status`](Self::status) shows whether the server requested it in the handshake,
    /// [`shown`](Self::shown) whether it did later, and the response whether the server accepted it.
    pub identity: Option<Arc<str>>,
    /// The realm that the connection is reserved for, if it has an identity and the challenge had a
    /// realm.
    pub realm: Option<String>,
    /// The outcome of the offer on that connection.
    ///
    /// On a resumed session the server does not request a certificate: it already has the client's
    /// identity.
    pub status: ClientAuthOfferStatus,
    /// The TLS version of that connection, if it uses TLS and the version is known.
    pub tls_version: Option<ProtocolVersion>,
    /// How often the request was sent to get this response.
    pub sent: u32,
    /// True if it was sent again because of a challenge.
    pub challenged: bool,
    /// True if it was sent again because of a 421 response: the server refused to answer it on the
    /// first connection (RFC 9110 section 15.5.20).
    pub misdirected: bool,
    /// Why the client returned a challenge or a 421 response to the caller.
    pub unanswered: Option<Unanswered>,
    /// The identities that were shown on that connection after its handshake, because the server
    /// requested a certificate, in order. All requests before this response count.
    pub shown: Vec<Shown>,
    /// The server's other requests for a certificate on that connection after its handshake, in
    /// order. They were answered without one.
    pub declined: Vec<NotShown>,
}

impl Report {
    /// Returns the report in the extensions of a response.
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// Returns true if the identity was shown on the open connection, after its handshake. Otherwise
    /// [`status`](Self::status) tells whether the server requested it in the handshake.
    pub fn is_shown_after_handshake(&self) -> bool {
        let identity = self.identity.as_ref();
        self.shown.iter().any(|shown| Some(&shown.identity) == identity)
    }
}

/// An identity that was shown on an open connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shown {
    /// The identity's name.
    pub identity: Arc<str>,
    /// When it was shown.
    pub at: UnixTime,
}

/// A request for a certificate on an open connection that was answered without one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotShown {
    /// Why no identity was shown.
    pub why: WhyNotShown,
    /// When the request was answered.
    pub at: UnixTime,
}

impl fmt::Display for NotShown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

/// Why no identity was shown on an open connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhyNotShown {
    /// No identity is suitable, with the reason for each.
    NoIdentity(Vec<Considered>),
    /// The server has requested too many certificates on the connection (SCC-12).
    TooManyRequests {
        /// The limit.
        most: u32,
    },
    /// The certificate chain does not fit into a frame that the server accepts (SCC-12).
    TooLong {
        /// The length of the answer in bytes.
        length: usize,
        /// The longest one that the server accepts, in bytes.
        most: usize,
    },
    /// The answer could not be made, for example because the key could not sign.
    Failed(String),
}

impl fmt::Display for WhyNotShown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoIdentity(considered) => {
                f.write_str("no identity for the server's request:")?;
                if considered.is_empty() {
                    f.write_str(" there are none")
                } else {
                    separated(f, considered)
                }
            }
            Self::TooManyRequests { most } => {
                write!(f, "the server requested more than {most} certificates on one connection")
            }
            Self::TooLong { length, most } => write!(
                f,
                "the answer has {length} bytes, and the server accepts frames of {most} bytes at \
                 most"
            ),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

/// Why a challenge was returned to the caller and not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unanswered {
    /// The challenge arrived over `http` (CANT-1).
    Insecure,
    /// The request's `Host` field and its URI name different hosts, so no connection suits both
    /// (CANT-6).
    OtherHost,
    /// None of the challenges could be parsed.
    Unreadable(Vec<ChallengeError>),
    /// No identity is suitable for any of the challenges.
    NoIdentity {
        /// The challenges.
        challenges: Vec<Challenge>,
        /// The identities, and why each of them was not chosen for the last of the challenges for
        /// which it was considered.
        considered: Vec<Considered>,
    },
    /// The request's body is no longer available, so the client cannot send the request again. If
    /// the caller does, it uses the right connection at once.
    NotReplayable,
    /// The request was redirected, and the client does not know what to send again. If the caller
    /// sends a request to the response's URL, it uses the right connection at once.
    Redirected,
    /// A challenge was answered, on this connection or on the one before, and the server sent
    /// another challenge (CANT-7).
    StillChallenged,
    /// That happened a short time ago, and the server has never accepted this identity in this
    /// realm (CANT-7).
    RefusedEarlier,
    /// The certificate would have been sent unencrypted (CANT-8).
    NotConfidential,
    /// The server sent 421 on a new connection, too.
    StillMisdirected,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Insecure => f.write_str("challenge not answered: it arrived over http"),
            Self::OtherHost => f.write_str(
                "certificate not sent: the request's Host field and URI name different hosts",
            ),
            Self::Unreadable(errors) => {
                f.write_str("no challenge could be parsed")?;
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
                f.write_str("the request's body cannot be sent again: send a new request")
            }
            Self::Redirected => f.write_str(
                "the request was redirected: send a new request to the URL of this response",
            ),
            Self::StillChallenged => f.write_str(
                "the server sent another challenge on the connection that answered the first",
            ),
            Self::RefusedEarlier => {
                f.write_str("the server refused this identity in this realm a short time ago")
            }
            Self::NotConfidential => {
                f.write_str("certificate not sent: TLS 1.2 does not encrypt it")
            }
            Self::StillMisdirected => f.write_str("the server sent 421 on a new connection, too"),
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
    /// The identity's name.
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
    /// The host may not see the identity.
    NotForHost,
    /// The challenge does not accept the certificate.
    NotAccepted,
    /// A certificate of its chain is not valid yet.
    NotYetValid,
    /// A certificate of its chain has expired.
    Expired,
    /// The connection is reserved for another identity.
    OtherIdentity,
    /// It does not fit the server's request on the open connection.
    Misfit(Misfit),
}

impl fmt::Display for NotChosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotForHost => "is not for this host",
            Self::NotAccepted => "is not accepted by the challenge",
            Self::NotYetValid => "is not valid yet",
            Self::Expired => "has expired",
            Self::OtherIdentity => "is not the identity that the connection is reserved for",
            Self::Misfit(misfit) => return write!(f, "does not fit: {misfit}"),
        })
    }
}
