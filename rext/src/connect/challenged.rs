//! `rext connect --follow-challenge` and `--same-connection`: answers challenges, and requests on the
//! open connection, with a certificate.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rustls_ext::http::client::{ClientIdentity, Credentials, IdentityError, Report};
use rustls_ext::http::hyper::{Client, Error};
use rustls_ext::http::secondary::ClientLimits;
use rustls_ext::rustls::ClientConfig;
use rustls_ext::rustls::client::ClientAuthOfferStatus;
use rustls_ext::wire::Offer;
use rustls_ext::with_causes;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::service_fn;

use super::{ConnectArgs, OfferName};
use super::{Run, offer, print_summary};
use crate::client::Target;
use crate::{files, tls};
use command_line::Failure;

/// The time limit for a request, including all repetitions.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The largest body, in bytes.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// The outcome of a request, as `--follow-challenge` and `--same-connection` print it.
#[derive(Debug, Serialize)]
struct RequestSummary {
    /// The status code of the response.
    http_status: u16,
    /// How often the request was sent.
    sent: u32,
    /// True if it was sent again because of a challenge.
    challenged: bool,
    /// True if it was sent again because the response on the first connection was 421.
    misdirected: bool,
    /// The certificate's file, if it was used on the connection of the response.
    identity: Option<String>,
    /// The realm that the connection is reserved for.
    realm: Option<String>,
    /// The outcome of the offer on that connection.
    status: &'static str,
    /// `TLSv1.3` or `TLSv1.2`.
    tls_version: String,
    /// Why the response is a challenge or a 421 that the client did not answer.
    unanswered: Option<String>,
    /// With `--same-connection`: the server's requests for a certificate on the open connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    same_connection: Option<SameConnection>,
}

/// The server's requests for a certificate on the connection of the response, and their answers.
#[derive(Debug, Serialize)]
struct SameConnection {
    /// How many there were.
    requested: usize,
    /// The certificates' files that were shown, in order.
    shown: Vec<String>,
    /// Why none was shown for the other requests, in order.
    declined: Vec<String>,
}

pub(super) async fn run(
    args: &ConnectArgs,
    config: &Arc<ClientConfig>,
    target: &Target,
) -> Result<(), Failure> {
    let addr = target.addr;
    let connector = service_fn(move |_: Uri| async move {
        let tcp = TcpStream::connect(addr).await?;
        tcp.set_nodelay(true)?;
        Ok::<_, std::io::Error>(TokioIo::new(tcp))
    });
    let limits = args.same_connection.then(ClientLimits::default);
    let client = Client::builder(ClientConfig::clone(config), credentials(args)?)
        .connector(connector)
        .secondary(limits)
        .build::<Empty<Bytes>>();
    let mut run = Run::new(args);
    for _ in 0..args.count {
        let request = Request::get(&target.uri).body(Empty::new())?;
        let body = timeout(TIMEOUT, async {
            let response = client.request(request).await.map_err(|err| no_response(args, &err))?;
            print_summary(&RequestSummary::new(
                response.status().as_u16(),
                Report::of(response.extensions()),
                args.same_connection,
            ))?;
            let body = Limited::new(response.into_body(), LARGEST_BODY).collect().await;
            Ok(body.map_err(|err| Failure::failed(&*err))?.to_bytes())
        })
        .await
        .unwrap_or_else(|_| Err(Failure::Failed(format!("no response within {TIMEOUT:?}"))));
        run.record(body)?;
    }
    run.finish()
}

/// Reports why there is no response. A server that ends a connection does not say why.
fn no_response(args: &ConnectArgs, err: &Error) -> Failure {
    let line = with_causes(err);
    Failure::Failed(match err {
        Error::Http(_) if args.same_connection => format!(
            "{line} (the server may have refused the proof for the certificate on the open \
             connection, for example because a proxy terminates TLS; its log has the reason)"
        ),
        _ => line,
    })
}

/// The certificate of `--cert`, for the URL's host only.
fn credentials(args: &ConnectArgs) -> Result<Credentials, Failure> {
    let (Some(cert), Some(key)) = (&args.cert, &args.key) else {
        return Ok(Credentials::new());
    };
    let host = args.url.host().unwrap_or_default();
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let unusable =
        |err: IdentityError| Failure::option("--cert", cert.display(), with_causes(&err));
    let identity = ClientIdentity::new(cert.display().to_string(), files::identity(cert, key)?)
        .and_then(|identity| identity.for_host(host))
        .map_err(unusable)?;
    let by = match args.offer {
        OfferName::None => Offer::FLAG,
        by => by.offer(),
    };
    Credentials::new()
        .offer(offer(args, by)?)
        .certificate_under_tls12(args.certificate_in_clear)
        .with(identity)
        .map_err(unusable)
}

impl SameConnection {
    fn new(report: &Report) -> Self {
        let Report { shown, declined, .. } = report;
        Self {
            requested: shown.len() + declined.len(),
            shown: shown.iter().map(|shown| shown.identity.to_string()).collect(),
            declined: declined.iter().map(ToString::to_string).collect(),
        }
    }
}

impl RequestSummary {
    fn new(http_status: u16, report: Option<&Report>, same_connection: bool) -> Self {
        let report = report.cloned().unwrap_or_default();
        Self {
            http_status,
            sent: report.sent,
            challenged: report.challenged,
            misdirected: report.misdirected,
            identity: report.identity.as_deref().map(str::to_owned),
            realm: report.realm.clone(),
            status: match report.status {
                ClientAuthOfferStatus::NotOffered => "not_offered",
                ClientAuthOfferStatus::Offered => "offered",
                ClientAuthOfferStatus::Acknowledged => "acknowledged",
                ClientAuthOfferStatus::AskedWithoutAcknowledgement => {
                    "asked_without_acknowledgement"
                }
                _ => "unknown",
            },
            tls_version: tls::version_name(report.tls_version).into_owned(),
            unanswered: report.unanswered.as_ref().map(ToString::to_string),
            same_connection: same_connection.then(|| SameConnection::new(&report)),
        }
    }
}
