//! What clients have in common that answer challenges: identities, what came of them, limits.
//!
//! The clients themselves are in [`hyper`](super::hyper) and [`reqwest`](super::reqwest).
//!
//! # How a challenge is answered
//! * A request is sent without authentication first, over connections that make no offer.
//! * On a 401 response with a `ClientCertificate` challenge, over `https` only (CANT-1), the first
//!   [`Identity`] is chosen that may be seen by the host, is accepted by the challenge, and has not
//!   expired. If there is none, the response is the caller's, with the reason; nothing is sent
//!   again. (An expired certificate is not tried: the server would refuse it, and know who it
//!   refused.)
//! * A new connection is opened, which makes an offer (CANT-5), and the request is sent on it once
//!   more, and never a third time (CANT-7).
//! * That connection is for its origin, for the protection space (the realm) and for the identity
//!   alone (CANT-6): never for another host name, even one that the server's certificate has, too.
//!   Later requests go there at once, if their path is one that was challenged or is below one;
//!   others that are challenged in the same realm follow. Everything else stays on connections
//!   without authentication. Over HTTP/2, requests that are challenged together share the
//!   connection; over HTTP/1.1, where each carries one request at a time, there may be several.
//! * A 421 response (RFC 9110 section 15.5.20) is answered once by sending the request on a new
//!   connection of the same kind. The connections that there were are not used again.
//! * A request whose body is not at hand any more is not sent again. Its response is the caller's,
//!   and if the caller repeats it, it goes where it belongs at once.
//! * Under TLS 1.2, where everybody can read them, no certificates are sent unless
//!   [`Credentials::certificate_under_tls12`] says so (CANT-8).
//! * A 407 response is the caller's. Its challenge is about the connection to a proxy, and those
//!   are made by whatever connects below these clients.
//!
//! # When something fails
//! A request that fails is an error, and is not sent again. What matters for later requests:
//!
//! | the server | challenges in that realm |
//! |---|---|
//! | refuses the connection with an alert about the certificate, or challenges again on it | are not answered for [`Limits::refusal_timeout`] |
//! | cuts the connection after it has requested the certificate, before anything comes back, and has never accepted the identity in that realm | are not answered for [`Limits::likely_refusal_timeout`] |
//! | sends any other alert, or cuts any other connection | are answered as before |
//!
//! A connection over HTTP/2 whose packets are lost looks like one whose server is slow. Pings find
//! out ([`Limits::keep_alive_interval`]). The client over hyper also leaves a connection on which a
//! request was given up, by a timeout of its caller for example, unless something has been received
//! there since the request was sent.
//!
//! A server may answer a request over HTTP/1.1 before it has read the body, and then close the
//! connection. The client over hyper reads that answer; with reqwest, the request fails, unless the
//! server reads the body first, as the layers of [`server`](super::server) do.
//!
//! # Reports
//! What came of it is a [`Report`] among the extensions of each response.

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
pub use identity::{Identity, IdentityError};
pub use limits::Limits;
pub use origin::Origin;
pub use report::{Considered, NotChosen, Report, Unanswered};
pub(crate) use transport::{Facts, Failure, Target, Transport};
