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
//! # When a server requests a certificate on the open connection
//! Servers that implement [`secondary`](super::secondary) certificates need no challenge and no new
//! connection: they request a certificate on the connection that the request arrived on, and then
//! answer the request. The client over [`hyper`](crate::http::hyper) supports this; the one over
//! [`reqwest`](crate::http::reqwest) cannot.
//!
//! * The client announces it over `https` with HTTP/2 and TLS 1.3, if it has an identity that the
//!   host may see and that is valid (SCC-15). Otherwise nothing is announced. A request whose `Host`
//!   field names another host travels on connections that announce nothing.
//! * The client shows the first identity that the host may see, that is valid, and that the server's
//!   request accepts. On a connection that already has an identity, it shows no other. If there is
//!   none, it declines, and the server may send a challenge.
//! * A connection on which an identity was proved belongs to that identity from then on. Other
//!   requests, which need no authentication, do not use it any more; those whose response is
//!   outstanding stay on it (SCC-10).
//! * Later requests use that connection at once if the server requested the identity for their path,
//!   or for a path above it. The server does not say which request it is about. So the client learns
//!   the paths of the requests that waited for a response when the server requested the certificate,
//!   and still waited when it was shown; or, if all had been answered by then, of all that waited.
//!   If the server requests it before the client has sent anything, it is learned for all paths.
//! * All other requests, also for public pages, use a connection without authentication, which is
//!   opened when the first of them is sent. If the server requests the same identity there, that
//!   connection takes the place of the earlier one.
//! * If a challenge arrives on a connection on which the identity for it was proved in the meantime,
//!   the request is sent again on that connection.
//!
//! The identity's connections that are opened later offer it in the handshake, as after a challenge.
//!
//! # When something fails
//! A request that fails returns an error, and is not sent again. Effects on later requests:
//!
//! | the server | challenges in that realm |
//! |---|---|
//! | refuses the connection with an alert about the certificate, or challenges again on it | are not answered for [`Limits::refusal_timeout`] |
//! | closes the connection after it has requested the certificate, before it sends anything else, and has never accepted the identity in that realm | are not answered for [`Limits::likely_refusal_timeout`] |
//! | sends any other alert, or closes any other connection | are answered as before |
//! | breaks the rules for requests on open connections, so that the client ends the connection | are answered as before |
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
//! The extensions of each response contain a [`Report`] of the outcome. It also lists the server's
//! requests on the open connection, with the identities that were shown, or the reasons.

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
pub use report::{Considered, NotChosen, NotShown, Report, Shown, Unanswered, WhyNotShown};
#[cfg(feature = "hyper")]
pub(crate) use transport::OpenConnection;
pub(crate) use transport::{Failure, Moved, ResponseContext, Target, Transport};
