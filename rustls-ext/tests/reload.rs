//! A server that is changed while it serves: completely or not at all, with old sessions checked
//! against the new rules.
#![cfg(all(feature = "tokio", feature = "policy-file"))]

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Authority, CertAndKey, Pki, name, pem, provider};
use rcgen::{CertificateParams, SerialNumber};
use rustls::crypto::ring::Ticketer;
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ClientConfig, Error, HandshakeKind, ServerConfig};
use rustls_ext::tokio::{AcceptError, Acceptor, watch};
use rustls_ext::{ClientAuthOffer, Files, Live, LoadError, PeerIdentity, Setup, with_causes};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::{TlsConnector, client, server};

/// A server in a folder: its certificate and key, the policy, and the files that it names.
struct Site {
    folder: TempDir,
    pki: Pki,
    live: Live,
    acceptor: Acceptor,
}

const REQUIRE: &str = "
    [scopes.agents]
    anchors = ['agents.pem']
    [otherwise]
    require = 'agents'
";
const REVOKING: &str = "
    [scopes.agents]
    anchors = ['agents.pem']
    crls = ['agents.crl']
    [otherwise]
    require = 'agents'
";
const NOTHING: &str = "otherwise = { ask = 'nothing' }";

type Streams = (client::TlsStream<DuplexStream>, server::TlsStream<DuplexStream>);

impl Site {
    fn new(policy: &str, tickets: bool) -> Self {
        let (folder, pki) = (tempfile::tempdir().unwrap(), Pki::new());
        let path = folder.path().to_owned();
        let put = |name: &str, text: String| std::fs::write(path.join(name), text).unwrap();
        put("agents.pem", certificate(&pki.agents.der));
        put("server.pem", certificate(&pki.server.chain[0]));
        put("server.key", pem("PRIVATE KEY", &pki.server.key));
        put("policy.toml", policy.into());
        let mut template = pki.server_config(&[&TLS13, &TLS12]);
        if tickets {
            template.ticketer = Ticketer::new().unwrap();
        }
        let live = Live::load(move |files| load(files, &path, &template)).unwrap();
        let acceptor = Acceptor::from_live(live.clone());
        Self { folder, pki, live, acceptor }
    }

    fn put(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn client(&self, identity: Option<&CertAndKey>) -> Arc<ClientConfig> {
        let offer = ClientAuthOffer::default();
        Arc::new(self.pki.client_config(identity, offer, &[&TLS13, &TLS12]))
    }

    async fn visit(&self, client: &Arc<ClientConfig>) -> Result<Streams, Box<Refused>> {
        let (near, far) = duplex(64 * 1024);
        let connector = TlsConnector::from(client.clone());
        let peer = SocketAddr::from(([192, 0, 2, 7], 4711));
        let (c, s) = tokio::join!(connector.connect(name(), near), self.acceptor.accept(far, peer));
        match s {
            // Their bytes in both directions, so that tickets are read.
            Ok(s) => {
                let mut streams = (c.unwrap(), s);
                exchange(&mut streams).await;
                Ok(streams)
            }
            Err(server) => {
                let client = match c {
                    Err(err) => err,
                    Ok(mut stream) => stream.read_u8().await.unwrap_err(),
                };
                let client = client.downcast::<Error>().unwrap();
                Err(Box::new(Refused { server, client }))
            }
        }
    }
}

#[derive(Debug)]
struct Refused {
    server: AcceptError,
    client: Error,
}

fn load(files: &mut Files, folder: &Path, template: &ServerConfig) -> Result<Setup, LoadError> {
    let mut config = template.clone();
    let (certificate, key) = (folder.join("server.pem"), folder.join("server.key"));
    let key = files.certified_key(certificate, key, config.crypto_provider())?;
    config.cert_resolver = Arc::new(SingleCertAndKey::from(key));
    Ok(Setup::new(config, files.policy(folder.join("policy.toml"), provider())?))
}

async fn exchange((c, s): &mut Streams) {
    c.write_all(b"ping").await.unwrap();
    let mut read = [0; 4];
    s.read_exact(&mut read).await.unwrap();
    s.write_all(&read).await.unwrap();
    s.flush().await.unwrap();
    c.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"ping");
}

fn certificate(der: &[u8]) -> String {
    pem("CERTIFICATE", der)
}

fn kind(streams: &Streams) -> Option<HandshakeKind> {
    streams.1.get_ref().1.handshake_kind()
}

fn is_agent(streams: &Streams) -> bool {
    PeerIdentity::from_connection(streams.1.get_ref().1, "agents").is_some()
}

/// Both ways of keeping sessions.
const TICKETS: [bool; 2] = [false, true];

#[tokio::test]
async fn new_connections_use_the_new_files_and_old_ones_continue() {
    let site = Site::new(NOTHING, false);
    let client = site.client(Some(&site.pki.agent));
    let mut before = site.visit(&client).await.unwrap();
    assert!(!is_agent(&before));

    // Policy and certificate, at once.
    let renewed = site.pki.servers.issue("localhost");
    site.put("server.pem", certificate(&renewed.chain[0]));
    site.put("server.key", pem("PRIVATE KEY", &renewed.key));
    site.put("policy.toml", REQUIRE);
    site.live.reload().unwrap();
    let after = site.visit(&client).await.unwrap();
    assert!(is_agent(&after));
    assert_eq!(after.0.get_ref().1.peer_certificates().unwrap(), renewed.chain);

    exchange(&mut before).await;
    assert!(!is_agent(&before));
}

#[tokio::test]
async fn res_2_and_res_5_earlier_sessions_are_checked_against_the_current_rules() {
    for tickets in TICKETS {
        let site = Site::new(NOTHING, tickets);
        let (agent, nobody) = (site.client(Some(&site.pki.agent)), site.client(None));
        for client in [&agent, &nobody] {
            site.visit(client).await.unwrap();
            let again = site.visit(client).await.unwrap();
            assert_eq!(kind(&again), Some(HandshakeKind::Resumed));
        }

        site.put("policy.toml", REQUIRE);
        site.live.reload().unwrap();
        let refused = site.visit(&nobody).await.unwrap_err();
        assert_eq!(refused.client, Error::AlertReceived(AlertDescription::CertificateRequired));
        let first = site.visit(&agent).await.unwrap();
        assert_eq!((kind(&first), is_agent(&first)), (Some(HandshakeKind::Full), true));

        // A reload without changes causes no full handshake.
        site.live.reload().unwrap();
        let second = site.visit(&agent).await.unwrap();
        assert_eq!((kind(&second), is_agent(&second)), (Some(HandshakeKind::Resumed), true));

        // Other anchors, under the same name.
        site.put("agents.pem", certificate(&site.pki.staff.der));
        site.live.reload().unwrap();
        let refused = site.visit(&agent).await.unwrap_err();
        assert_eq!(refused.client, Error::AlertReceived(AlertDescription::UnknownCA));
        assert!(matches!(refused.server, AcceptError::Tls(Error::InvalidCertificate(_))));
    }
}

#[tokio::test]
async fn res_5_a_list_that_revokes_ends_resumption_too() {
    for tickets in TICKETS {
        let site = Site::new(REVOKING.replace("crls", "# crls").as_str(), tickets);
        let mut params = CertificateParams::new(vec!["agent".to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(4711u64));
        let traitor = site.client(Some(&site.pki.agents.sign(params)));
        site.visit(&traitor).await.unwrap();
        assert_eq!(kind(&site.visit(&traitor).await.unwrap()), Some(HandshakeKind::Resumed));

        site.put("agents.crl", site.pki.agents.revoke(&[]));
        site.put("policy.toml", REVOKING);
        site.live.reload().unwrap();
        assert_eq!(kind(&site.visit(&traitor).await.unwrap()), Some(HandshakeKind::Resumed));

        site.put("agents.crl", site.pki.agents.revoke(&[4711]));
        site.live.reload().unwrap();
        let refused = site.visit(&traitor).await.unwrap_err();
        assert_eq!(refused.client, Error::AlertReceived(AlertDescription::CertificateRevoked));
    }
}

#[tokio::test]
async fn a_broken_file_changes_nothing_and_is_named() {
    let site = Site::new(REQUIRE, false);
    let client = site.client(Some(&site.pki.agent));
    let stranger = Authority::new("stranger").issue("localhost");
    let breaks = [
        ("agents.pem", "".to_owned(), "agents.pem: no certificate in it"),
        ("policy.toml", "otherwise = {".into(), "policy.toml: line 1: "),
        ("policy.toml", REQUIRE.replace("'agents'", "'staff'"), "scope \"staff\""),
        ("server.pem", "?".into(), "server.pem: no certificate in it"),
        ("agents.pem", "----BEGIN CERTIFICATE-----".into(), "agents.pem: line 1: this looks like"),
        ("server.key", pem("PRIVATE KEY", &stranger.key), "server.key: not the key of the"),
    ];
    for (name, text, complaint) in breaks {
        let path = site.folder.path().join(name);
        let good = std::fs::read(&path).unwrap();
        // The valid files are not loaded either.
        site.put("agents.crl", site.pki.agents.revoke(&[]));
        let before = Arc::as_ptr(&site.live.current());
        site.put(name, text);
        let error = with_causes(&site.live.reload().unwrap_err());
        assert!(error.contains(complaint), "{error}");
        assert_eq!(Arc::as_ptr(&site.live.current()), before);
        assert!(is_agent(&site.visit(&client).await.unwrap()));
        site.put(name, good);
        site.live.reload().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_loads_changed_files_once() {
    let site = Site::new(NOTHING, false);
    let client = site.client(Some(&site.pki.agent));
    let (sender, mut reports) = tokio::sync::mpsc::unbounded_channel();
    let look = Duration::from_secs(5);
    let watching = tokio::spawn(watch(site.live.clone(), look, move |report| {
        sender.send(report.map(drop).map_err(|err| with_causes(&err))).unwrap();
    }));

    site.put("policy.toml", REQUIRE);
    assert_eq!(reports.recv().await, Some(Ok(())));
    assert!(is_agent(&site.visit(&client).await.unwrap()));

    // A broken one is reported once,
    site.put("agents.pem", "");
    let report = reports.recv().await.unwrap().unwrap_err();
    assert!(report.ends_with("agents.pem: no certificate in it"), "{report}");
    assert!(tokio::time::timeout(look * 10, reports.recv()).await.is_err());
    assert!(is_agent(&site.visit(&client).await.unwrap()));

    // and loaded again when it is repaired, even if it is the same as before.
    site.put("agents.pem", certificate(&site.pki.agents.der));
    assert_eq!(reports.recv().await, Some(Ok(())));
    watching.abort();
}

#[tokio::test]
async fn a_load_that_panics_changes_nothing() {
    let pki = Pki::new();
    let config = Arc::new(pki.server_config(&[&TLS13]));
    let loads = Arc::new(Mutex::new(0));
    let live = Live::load(move |_| {
        let mut loads = loads.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *loads += 1;
        assert_ne!(*loads, 2, "the second one");
        let policy = rustls_ext::Policy::builder().otherwise(rustls_ext::Verdict::None).build()?;
        Ok(Setup::new(config.clone(), policy))
    })
    .unwrap();
    let before = Arc::as_ptr(&live.current());
    let again = live.clone();
    assert!(std::thread::spawn(move || again.reload().map(drop).is_ok()).join().is_err());
    assert_eq!(Arc::as_ptr(&live.current()), before);
    assert_ne!(Arc::as_ptr(&live.reload().unwrap()), before);
}

/// A folder behind a link is replaced while the server reads: the name of the scope is read from
/// the old one, the anchors from the new one.
#[cfg(unix)]
#[tokio::test]
async fn a_torn_load_authenticates_no_client_in_the_wrong_scope() {
    use std::os::unix::fs::symlink;
    let pki = Pki::new();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (version, scope, authority) in [("1", "agents", &pki.agents), ("2", "staff", &pki.staff)] {
        std::fs::create_dir(path(version)).unwrap();
        std::fs::write(path(version).join("scope"), scope).unwrap();
        std::fs::write(path(version).join("ca.pem"), certificate(&authority.der)).unwrap();
    }
    let replace = {
        let (new, now) = (path("new"), path("now"));
        move |version: &str| {
            symlink(version, &new).unwrap();
            std::fs::rename(&new, &now).unwrap();
        }
    };
    replace("1");
    let config = Arc::new(pki.server_config(&[&TLS13, &TLS12]));
    let (now, mut loads) = (path("now"), 0);
    let live = Live::load(move |files| {
        loads += 1;
        let scope = String::from_utf8(files.read(now.join("scope"))?)?;
        if loads == 2 {
            replace("2");
        }
        let policy = rustls_ext::Policy::builder()
            .provider(provider())
            .scope(scope.clone(), files.anchors(now.join("ca.pem"))?)
            .otherwise(rustls_ext::Verdict::Require(scope))
            .build()?;
        Ok(Setup::new(config.clone(), policy))
    })
    .unwrap();
    let acceptor = Acceptor::from_live(live.clone());
    let boss = pki.staff.issue("boss");
    let site = Site { folder, pki, live, acceptor };
    let (agent, boss) = (site.client(Some(&site.pki.agent)), site.client(Some(&boss)));
    let scopes = |streams: &Streams| {
        let scope = |name| PeerIdentity::from_connection(streams.1.get_ref().1, name).is_some();
        (scope("agents"), scope("staff"))
    };
    assert_eq!(scopes(&site.visit(&agent).await.unwrap()), (true, false));

    site.live.reload().unwrap();
    assert_eq!(scopes(&site.visit(&boss).await.unwrap()), (false, true));
    let refused = site.visit(&agent).await.unwrap_err();
    assert_eq!(refused.client, Error::AlertReceived(AlertDescription::UnknownCA));
}
