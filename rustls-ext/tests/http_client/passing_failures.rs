//! Temporary failures: none of them may prevent an identity from being used.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::header::CONNECTION;
use http::{Request, StatusCode, Version};
use http_body_util::Full;
use hyper::body::Bytes;
use rustls::AlertDescription;
use rustls::server::ClientAuthDecision;
use rustls_ext::http::client::{Credentials, Limits, Report, Unanswered};
use rustls_ext::http::{hyper as over_hyper, reqwest as over_reqwest};
use rustls_ext::tokio::{Acceptor, BoxError, HelloInfo, policy_fn};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::over_reqwest::{get, report, resolve, url};
use super::site::{Site, challenge, cut, say};
use super::world::{BOTH, Http, World, identity};

/// The outcome of a request.
#[derive(Debug, PartialEq)]
enum RequestOutcome {
    Response(StatusCode, Option<Unanswered>),
    /// An alert, and whether it was about the certificate.
    Refused(AlertDescription, bool),
    LikelyRefused,
    Error(String),
}

const WELCOME: RequestOutcome = RequestOutcome::Response(StatusCode::OK, None);

fn refused_earlier() -> RequestOutcome {
    RequestOutcome::Response(StatusCode::UNAUTHORIZED, Some(Unanswered::RefusedEarlier))
}

/// Both clients, which must behave alike.
enum Client {
    Hyper(over_hyper::Client<Full<Bytes>>),
    Reqwest(over_reqwest::Client),
}

fn clients(world: &World, http: Http, limits: &Limits) -> [Client; 2] {
    let agent = || {
        let agent = identity("agent", &world.pki.agent).for_host("localhost").unwrap();
        Credentials::new().with(agent.for_host("a.example.test").unwrap()).unwrap()
    };
    let hyper = over_hyper::Client::builder(world.client_tls(http), agent());
    let reqwest = over_reqwest::Client::builder(world.client_tls(http), agent());
    [
        Client::Hyper(hyper.limits(limits.clone()).build()),
        Client::Reqwest(reqwest.limits(limits.clone()).configure(resolve).build().unwrap()),
    ]
}

impl Client {
    async fn get(&self, port: u16, path: &str) -> RequestOutcome {
        match self {
            Self::Hyper(client) => {
                let request = Request::get(format!("https://localhost:{port}{path}"));
                match client.request(request.body(Full::default()).unwrap()).await {
                    Ok(response) => {
                        let report = Report::of(response.extensions()).unwrap();
                        RequestOutcome::Response(response.status(), report.unanswered.clone())
                    }
                    Err(over_hyper::Error::LikelyRefused { .. }) => RequestOutcome::LikelyRefused,
                    Err(err) => match err.refusal() {
                        Some(by) => RequestOutcome::Refused(by.alert, by.is_about_certificate()),
                        None => RequestOutcome::Error(err.to_string()),
                    },
                }
            }
            Self::Reqwest(client) => match client.execute(get(&url("localhost", port, path))).await
            {
                Ok(response) => {
                    RequestOutcome::Response(response.status(), report(&response).unanswered)
                }
                Err(over_reqwest::Error::LikelyRefused { .. }) => RequestOutcome::LikelyRefused,
                Err(err) => match err.alert() {
                    Some(alert) => RequestOutcome::Refused(alert, err.is_about_certificate()),
                    None => RequestOutcome::Error(err.to_string()),
                },
            },
        }
    }
}

/// A site for agents. It gives no tickets, so that a connection that breaks off early looks as if
/// it was refused.
fn site(
    world: &World,
    path_of_agents: fn(&super::site::ReceivedRequest) -> super::site::Answer,
) -> Arc<Site> {
    let agents = world.agents();
    let mut tls = world.tls();
    tls.send_tls13_tickets = 0;
    Site::new(Some(tls), world.request_from_clients_that_offer(), move |asked| {
        match &asked.certificate {
            Some(_) => path_of_agents(asked),
            None => challenge(&agents),
        }
    })
}

#[tokio::test]
async fn an_alert_that_is_not_about_the_certificate_does_not_make_an_identity_refused() {
    for http in BOTH {
        let world = World::new();
        for client in clients(&world, http, &Limits::default()) {
            let demand = world.pki.demand("agents").because_offered();
            let fails = Arc::new(AtomicBool::new(true));
            let policy = policy_fn(move |hello: HelloInfo, _| {
                let fails = hello.offered && fails.swap(false, Ordering::SeqCst);
                let demand = demand.clone();
                std::future::ready(match (fails, hello.offered) {
                    (true, _) => Err::<_, BoxError>("the directory is down for a moment".into()),
                    (false, true) => Ok(ClientAuthDecision::Request(demand)),
                    (false, false) => Ok(ClientAuthDecision::None),
                })
            });
            let port = serve(&world, policy).await;
            let first = client.get(port, "/").await;
            assert_eq!(
                first,
                RequestOutcome::Refused(AlertDescription::InternalError, false),
                "{http:?}"
            );
            assert_eq!(client.get(port, "/").await, WELCOME, "{http:?}");
        }
    }
}

/// A server for agents under this policy.
async fn serve<F, D>(world: &World, policy: rustls_ext::tokio::PolicyFn<F>) -> u16
where
    F: Fn(HelloInfo, Option<std::net::SocketAddr>) -> D + Send + Sync + 'static,
    D: Future<Output = Result<ClientAuthDecision, BoxError>> + Send + 'static,
{
    let acceptor = Arc::new(Acceptor::new(Arc::new(world.tls()), policy));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let agents = world.agents().to_value().unwrap();
    tokio::spawn(async move {
        while let Ok((tcp, peer)) = listener.accept().await {
            let (acceptor, agents) = (acceptor.clone(), agents.clone());
            tokio::spawn(async move {
                let Ok(tls) = acceptor.accept(tcp, peer).await else { return };
                let is_known = tls.get_ref().1.peer_certificates().is_some();
                let service = hyper::service::service_fn(move |_: Request<_>| {
                    let mut response = http::Response::new(Full::<Bytes>::from("welcome"));
                    if !is_known {
                        *response.status_mut() = StatusCode::UNAUTHORIZED;
                        response.headers_mut().insert("www-authenticate", agents.clone());
                    }
                    std::future::ready(Ok::<_, std::convert::Infallible>(response))
                });
                let io = hyper_util::rt::TokioIo::new(tls);
                let executor = hyper_util::rt::TokioExecutor::new();
                let http = hyper_util::server::conn::auto::Builder::new(executor);
                let _ = http.serve_connection(io, service).await;
            });
        }
    });
    port
}

#[tokio::test]
async fn a_cut_makes_an_identity_refused_for_a_shorter_time_than_an_alert() {
    const LONG: Duration = Duration::from_secs(3600);
    for http in BOTH {
        for (likely, certain, then) in [
            (LONG, LONG, refused_earlier()),
            (Duration::ZERO, LONG, WELCOME),
            // never longer than this
            (LONG, Duration::ZERO, WELCOME),
        ] {
            let mut limits = Limits::default();
            (limits.likely_refusal_timeout, limits.refusal_timeout) = (likely, certain);
            let world = World::new();
            for client in clients(&world, http, &limits) {
                let site = site(&world, |_| say(StatusCode::OK, "welcome"));
                let port = site.listen().await;
                site.cut_next();
                assert_eq!(client.get(port, "/").await, RequestOutcome::LikelyRefused, "{http:?}");
                assert_eq!(client.get(port, "/").await, then, "{http:?}");
            }
        }
    }
    let limits = Limits::default();
    assert!(limits.likely_refusal_timeout < limits.refusal_timeout);
}

#[tokio::test]
async fn an_identity_that_was_accepted_is_not_refused_by_a_cut() {
    for http in BOTH {
        let world = World::new();
        for client in clients(&world, http, &Limits::default()) {
            let site = site(&world, |asked| match (asked.path.as_str(), asked.version) {
                ("/close", Version::HTTP_11) => {
                    say(StatusCode::OK, "welcome").with(CONNECTION, "close")
                }
                ("/close", _) => say(StatusCode::OK, "welcome").and_close(),
                _ => say(StatusCode::OK, "welcome"),
            });
            let port = site.listen().await;
            assert_eq!(client.get(port, "/close").await, WELCOME);
            // so that the next one needs a new connection
            site.end_of_authenticated().await;
            site.cut_next();
            assert_eq!(client.get(port, "/close").await, RequestOutcome::LikelyRefused, "{http:?}");
            assert_eq!(client.get(port, "/").await, WELCOME, "{http:?}");
        }
    }
}

#[tokio::test]
async fn a_request_is_not_blamed_for_the_handshake_of_another_connection() {
    let world = World::new();
    for client in clients(&world, Http::One, &Limits::default()) {
        let hold = Arc::new(Notify::new());
        let held = hold.clone();
        let agents = world.agents();
        let site =
            Site::new(Some(world.tls()), world.request_from_clients_that_offer(), move |asked| {
                match (&asked.certificate, asked.path.as_str()) {
                    (None, _) => challenge(&agents),
                    (_, "/cut") => cut().held_by(&held),
                    _ => say(StatusCode::OK, "welcome"),
                }
            });
        let port = site.listen().await;
        // An old connection, which is cut after another one was made.
        assert_eq!(client.get(port, "/").await, WELCOME);
        let (broken, ()) = tokio::join!(client.get(port, "/cut"), async {
            site.arrival("/cut", true).await;
            assert_eq!(client.get(port, "/").await, WELCOME);
            hold.notify_one();
        });
        assert!(matches!(broken, RequestOutcome::Error(_)), "{broken:?}");
        let connections = site.seen().iter().filter(|seen| seen.certificate.is_some()).count();
        assert_eq!(connections, 2);
    }
}
