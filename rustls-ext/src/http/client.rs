//! Types that are common to the clients which answer challenges: identities, reports and limits.
//!
//! The clients themselves are in [`hyper`](super::hyper) and [`reqwest`](super::reqwest).
//!
//! # How a challenge is answered
//! * A request is sent without authentication first, over connections that make no offer.
//! * If the response is 401 with a `ClientCertificate` challenge, over `https` only (CANT-1), the
//!   client chooses the first [`ClientIdentity`] that the host may see, that the challenge accepts, and
//!   that has not expired. If there is none, the caller gets the response with the reason, and the
//!   request is not sent again. (An expired certificate is not tried: the server would refuse it,
//!   but learn the identity.)
//! * The client opens a new connection with an offer (CANT-5), and sends the request on it once
//!   more, and never a third time (CANT-7).
//! * That connection is reserved for its origin, its protection space (the realm) and its identity
//!   (CANT-6). It is not used for another host name, even if the server's certificate contains that
//!   name. Later requests use it at once if their path was challenged or is below a challenged
//!   path; other requests use it after they are challenged in the same realm. All other requests
//!   stay on connections without authentication. Over HTTP/2, requests that are challenged at the
//!   same time share the connection; over HTTP/1.1, where each connection carries one request at a
//!   time, there may be several.
//! * A 421 response (RFC 9110 section 15.5.20) is answered once, by sending the request on a new
//!   connection of the same kind. The earlier connections of that kind are not used again.
//! * If a request's body is no longer available, the request is not sent again. The caller gets the
//!   response; if the caller repeats the request, it uses the right connection at once.
//! * Under TLS 1.2, where certificates are not encrypted, none are sent unless
//!   [`Credentials::certificate_under_tls12`] allows it (CANT-8).
//! * The caller gets a 407 response as it is. Its challenge is about the connection to a proxy,
//!   which is made by a lower layer than these clients.
//!
//! # When something fails
//! A request that fails returns an error, and is not sent again. Effects on later requests:
//!
//! | the server | challenges in that realm |
//! |---|---|
//! | refuses the connection with an alert about the certificate, or challenges again on it | are not answered for [`Limits::refusal_timeout`] |
//! | closes the connection after it has requested the certificate, before it sends anything else, and has never accepted the identity in that realm | are not answered for [`Limits::likely_refusal_timeout`] |
//! | sends any other alert, or closes any other connection | are answered as before |
//!
//! An HTTP/2 connection whose packets are lost looks like one with a slow server. Pings show the
//! difference ([`Limits::keep_alive_interval`]). The client over hyper also stops using a
//! connection after a request on it was given up, for example by a timeout of its caller, unless
//! something has been received on the connection since the request was sent.
//!
//! A server may respond to an HTTP/1.1 request before it has read the body, and then close the
//! connection. The client over hyper reads that response. With reqwest the request fails, unless
//! the server reads the body first, as the layers of [`server`](super::server) do.
//!
//! # Reports
//! The extensions of each response contain a [`Report`] of the outcome.

mod confined;
mod credentials;
mod drive;
mod identity;
mod limits;
mod memory;
mod origin;
mod paths;
mod report;
mod transport;

pub(crate) use confined::Confined;
#[cfg(feature = "reqwest")]
pub(crate) use confined::Request;
pub use credentials::Credentials;
pub(crate) use drive::Driver;
pub use identity::{ClientIdentity, IdentityError};
pub use limits::Limits;
pub use origin::Origin;
pub use report::{Considered, NotChosen, Report, Unanswered};
pub(crate) use transport::{Failure, ResponseContext, Target, Transport};
