//! Over TCP, whose reset overtakes the alert.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use rustls::AlertDescription;
use rustls::server::ClientAuthDecision;
use rustls_ext::tokio::{Acceptor, ClientStream, End, policy_fn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::common::name;
use crate::server::{REASONS, Setting, end, late, write_on};

/// How a server ends a connection, with or without an alert.
#[derive(Clone, Copy, Debug)]
enum CloseMode {
    /// By a reset.
    Reset,
    /// By closing with unread data, which resets the connection.
    Unread,
    /// By a reset, without an alert.
    NoAlert,
}

/// How often a race runs; either side may win each time.
const RACES: usize = 200;

/// Longer than any test here needs.
const PATIENCE: Duration = Duration::from_secs(60);

async fn server(setting: &Setting, listener: &TcpListener, mode: CloseMode) {
    let (mut tcp, _) = listener.accept().await.unwrap();
    let alert = setting.server().refuse(&mut tcp).await;
    match mode {
        CloseMode::Reset => {
            tcp.write_all(&alert).await.unwrap();
            tcp.set_zero_linger().unwrap();
        }
        CloseMode::Unread => {
            // The client's request has arrived, and is not read.
            tcp.readable().await.unwrap();
            tcp.write_all(&alert).await.unwrap();
        }
        CloseMode::NoAlert => tcp.set_zero_linger().unwrap(),
    }
}

async fn client(setting: &Setting, listener: &TcpListener) -> ClientStream<TcpStream> {
    let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    setting.connector.connect(name(), tcp).await.unwrap()
}

async fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

/// The expected end: systems differ in whether a reset discards the data before it.
#[track_caller]
fn assert_typed(end: &End, mode: CloseMode) {
    match mode {
        CloseMode::NoAlert => assert!(matches!(end, End::LikelyRefused(_)), "{end:?}"),
        _ if cfg!(target_os = "linux") => assert!(matches!(end, End::Refused(_)), "{end:?}"),
        _ => assert!(matches!(end, End::Refused(_) | End::LikelyRefused(_)), "{end:?}"),
    }
}

#[tokio::test]
async fn an_alert_before_a_reset_is_found_by_a_later_write() {
    for (reason, alert, _) in REASONS {
        let (setting, listener) = (Setting::new(reason), listener().await);
        let (mut stream, ()) = tokio::join!(
            client(&setting, &listener),
            server(&setting, &listener, CloseMode::Reset)
        );
        let err = timeout(PATIENCE, write_on(&mut stream)).await.unwrap();
        assert_typed(&end(&err), CloseMode::Reset);
        if let End::Refused(refusal) = end(&err) {
            assert_eq!((refusal.alert, refusal.after_handshake), (alert, true));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_outcome_of_the_race_is_always_a_refusal() {
    let setting = Arc::new(Setting::unknown_ca());
    for mode in [CloseMode::Reset, CloseMode::Unread, CloseMode::NoAlert] {
        for round in 0..RACES {
            let listener = listener().await;
            let addr = listener.local_addr().unwrap();
            let serving = setting.clone();
            let server = tokio::spawn(async move { server(&serving, &listener, mode).await });
            let tcp = TcpStream::connect(addr).await.unwrap();
            let end = match setting.connector.connect(name(), tcp).await {
                // The server may even be faster than that.
                Err(err) => end(&err),
                Ok(mut stream) => {
                    let outcome = stream.outcome();
                    let err = match round % 2 {
                        // a large request, which is written completely before a read
                        0 => timeout(PATIENCE, write_on(&mut stream)).await.unwrap(),
                        // a small one, and then the response
                        _ => match stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await {
                            Err(err) => err,
                            Ok(()) => {
                                timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap_err()
                            }
                        },
                    };
                    assert_eq!(outcome.get(), Some(&end(&err)), "{mode:?}, round {round}");
                    end(&err)
                }
            };
            assert_typed(&end, mode);
            server.await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_large_request_to_our_own_acceptor_is_refused_with_the_alert() {
    let (setting, listener) = (Setting::unknown_ca(), listener().await);
    let demand = setting.demand.clone();
    let policy = policy_fn(move |_, _| {
        let decision = ClientAuthDecision::Require(demand.clone());
        async { Ok(decision) }
    });
    let acceptor = Acceptor::new(Arc::new(setting.server.clone()), policy);
    let (err, accepted) =
        tokio::join!(async { write_on(&mut client(&setting, &listener).await).await }, async {
            let (tcp, peer) = listener.accept().await.unwrap();
            acceptor.accept(tcp, peer).await
        });
    assert_eq!(late(&err).alert, AlertDescription::UnknownCA);
    assert!(accepted.unwrap_err().to_string().starts_with("refused: invalid peer certificate"));
}
