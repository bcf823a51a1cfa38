use std::fmt;

use ::spiffe::WorkloadApiError;
use rustls::pki_types::UnixTime;

use super::svid::SvidProblem;
use crate::anchors::{AnchorError, rfc3339};
use crate::{LoadError, PolicyError, ProviderError, with_causes};

/// Why the certificates and trust bundles of a workload are not available, or not renewed.
///
/// `Debug` shows the text and the causes, since `main` prints errors with it.
#[non_exhaustive]
pub enum WorkloadError {
    /// The environment variable `SPIFFE_ENDPOINT_SOCKET` is not set.
    NoEndpoint,
    /// The address of the Workload API is not valid.
    BadEndpoint {
        /// The reason.
        reason: String,
    },
    /// A text is neither a SPIFFE ID nor the name of a trust domain, where one of these is needed.
    BadId {
        /// The text.
        id: String,
        /// The reason.
        reason: String,
    },
    /// A client config was requested without any server to expect.
    NoServers,
    /// No cryptography provider was given, and the process has no default one.
    Provider(ProviderError),
    /// The cryptography provider supports no TLS version.
    Config(rustls::Error),
    /// The Workload API cannot be reached, or the connection to it broke.
    Connection {
        /// The reason.
        reason: String,
    },
    /// The Workload API ended the stream of updates.
    Ended,
    /// The Workload API denies this process an identity: it has no registration that matches the
    /// process, or has not received it yet.
    NoIdentity {
        /// The message of the Workload API.
        reason: String,
    },
    /// An SVID or a bundle in the update cannot be read.
    Unreadable {
        /// The reason.
        reason: String,
    },
    /// The update contains no SVID.
    NoSvid,
    /// The update does not contain the SVID that the program chose.
    OtherSvids {
        /// The SPIFFE ID of the SVID that the program chose.
        id: String,
    },
    /// A certificate in the update is not an X.509-SVID.
    BadSvid(SvidProblem),
    /// An SVID in the update has expired.
    ExpiredSvid {
        /// Its SPIFFE ID.
        id: String,
        /// When it expired.
        not_after: UnixTime,
    },
    /// The private key of an SVID in the update cannot be used, or is that of another certificate.
    BadKey {
        /// The SPIFFE ID of the SVID.
        id: String,
        /// The error of the cryptography provider.
        error: rustls::Error,
    },
    /// The bundle of a trust domain in the update is empty.
    EmptyBundle {
        /// The trust domain.
        trust_domain: String,
    },
    /// The bundle of a trust domain in the update has a certificate that cannot be a trust anchor.
    BadBundle {
        /// The trust domain.
        trust_domain: String,
        /// The problem of the certificate.
        error: AnchorError,
    },
    /// The bundle of a trust domain in the update cannot be the trust anchors of a scope.
    UnusableBundle(PolicyError),
    /// The program could not make a setup from the update.
    Setup(LoadError),
}

impl WorkloadError {
    /// Returns true if this is about an update that was received, and false if there was none.
    pub fn is_about_update(&self) -> bool {
        match self {
            Self::Unreadable { .. }
            | Self::NoSvid
            | Self::OtherSvids { .. }
            | Self::BadSvid(_)
            | Self::ExpiredSvid { .. }
            | Self::BadKey { .. }
            | Self::EmptyBundle { .. }
            | Self::BadBundle { .. }
            | Self::UnusableBundle(_)
            | Self::Setup(_) => true,
            Self::NoEndpoint
            | Self::BadEndpoint { .. }
            | Self::BadId { .. }
            | Self::NoServers
            | Self::Provider(_)
            | Self::Config(_)
            | Self::Connection { .. }
            | Self::Ended
            | Self::NoIdentity { .. } => false,
        }
    }

    pub(super) fn bad_id(id: &str, reason: &impl fmt::Display) -> Self {
        Self::BadId { id: id.into(), reason: reason.to_string() }
    }
}

impl From<WorkloadApiError> for WorkloadError {
    fn from(err: WorkloadApiError) -> Self {
        use WorkloadApiError as Api;
        // Its texts repeat those of their causes, so they are joined once, here.
        let reason = with_causes(&err);
        match err {
            Api::MissingEndpointSocket => Self::NoEndpoint,
            Api::Endpoint(_) => Self::BadEndpoint { reason },
            Api::NoIdentityIssued | Api::PermissionDenied(_) => Self::NoIdentity { reason },
            Api::X509Svid(_) | Api::X509Bundle(_) | Api::SpiffeId(_) => Self::Unreadable { reason },
            _ => Self::Connection { reason },
        }
    }
}

impl fmt::Display for WorkloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEndpoint => f.write_str(
                "the environment variable SPIFFE_ENDPOINT_SOCKET is not set: set it to the address \
                 of the Workload API, such as unix:///run/spire/agent.sock",
            ),
            Self::BadEndpoint { reason } => {
                write!(f, "the address of the Workload API is not valid: {reason}")
            }
            Self::BadId { id, reason } => {
                write!(f, "{id:?} is not a SPIFFE ID or a trust domain: {reason}")
            }
            Self::NoServers => f.write_str(
                "no server is expected: give at least one SPIFFE ID or trust domain of servers",
            ),
            Self::Provider(_) => f.write_str("SVIDs cannot be verified"),
            Self::Config(_) => f.write_str("no TLS config can be made"),
            Self::Connection { reason } => write!(f, "no connection to the Workload API: {reason}"),
            Self::Ended => f.write_str("the Workload API ended the stream of updates"),
            Self::NoIdentity { reason } => write!(
                f,
                "the Workload API denies this process an identity ({reason}): check that it is \
                 registered"
            ),
            Self::Unreadable { reason } => {
                write!(f, "an update of the Workload API cannot be read: {reason}")
            }
            Self::NoSvid => f.write_str("an update of the Workload API contains no SVID"),
            Self::OtherSvids { id } => {
                write!(f, "an update of the Workload API does not contain the SVID {id}")
            }
            Self::BadSvid(_) => {
                f.write_str("a certificate from the Workload API is not an X.509-SVID")
            }
            Self::ExpiredSvid { id, not_after } => {
                write!(f, "the SVID {id} from the Workload API expired at {}", rfc3339(*not_after))
            }
            Self::BadKey { id, .. } => {
                write!(f, "the private key of the SVID {id} from the Workload API cannot be used")
            }
            Self::EmptyBundle { trust_domain } => {
                write!(f, "the bundle of the trust domain {trust_domain} is empty")
            }
            Self::BadBundle { trust_domain, .. } => write!(
                f,
                "the bundle of the trust domain {trust_domain} has a certificate that cannot be a \
                 trust anchor"
            ),
            Self::UnusableBundle(_) => {
                f.write_str("a bundle from the Workload API cannot be used as trust anchors")
            }
            Self::Setup(_) => {
                f.write_str("no setup can be made from an update of the Workload API")
            }
        }
    }
}

impl fmt::Debug for WorkloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_causes(self))
    }
}

impl std::error::Error for WorkloadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Provider(err) => Some(err),
            Self::Config(err) | Self::BadKey { error: err, .. } => Some(err),
            Self::BadSvid(err) => Some(err),
            Self::BadBundle { error, .. } => Some(error),
            Self::UnusableBundle(err) => Some(err),
            Self::Setup(err) => Some(err),
            Self::NoEndpoint
            | Self::BadEndpoint { .. }
            | Self::BadId { .. }
            | Self::NoServers
            | Self::Connection { .. }
            | Self::Ended
            | Self::NoIdentity { .. }
            | Self::Unreadable { .. }
            | Self::NoSvid
            | Self::OtherSvids { .. }
            | Self::ExpiredSvid { .. }
            | Self::EmptyBundle { .. } => None,
        }
    }
}
