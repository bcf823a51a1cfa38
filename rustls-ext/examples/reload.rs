//! An axum server that reads its certificate, anchors and rules from files, and reloads them while
//! it serves.
//!
//! ```console
//! cargo run -p rustls-ext --features axum,tokio,policy-file,hyper --example reload
//! ```

mod pki;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::{Router, routing::get};
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper::body::Bytes;
use pki::{Pki, Result, provider};
use rustls_ext::http::client::{ClientIdentity, Credentials};
use rustls_ext::http::hyper::Client;
use rustls_ext::http::server::{CallerLayer, ConnectionInfo, RequireScope};
use rustls_ext::rustls::ServerConfig;
use rustls_ext::rustls::sign::SingleCertAndKey;
use rustls_ext::tokio::Listener;
use rustls_ext::{Live, LoadError, Setup, with_causes};

const RULES: &str = "
    [scopes.agents]
    anchors = ['agents-ca.pem']
    [[rules]]
    offered = true
    request = 'agents'
    [otherwise]
    ask = 'nothing'
";

/// Loads everything that the server needs. In production, `rustls_ext::tokio::watch` reloads it
/// automatically.
fn load(template: ServerConfig, folder: PathBuf) -> std::result::Result<Live, LoadError> {
    Live::load(move |files| {
        let mut config = template.clone(); // including its sessions and ticket keys
        let (cert, key) = (folder.join("server.pem"), folder.join("server.key"));
        let key = files.certified_key(cert, key, &provider())?;
        config.cert_resolver = Arc::new(SingleCertAndKey::from(key));
        Ok(Setup::new(config, files.policy(folder.join("policy.toml"), provider())?))
    })
}

fn write(folder: &Path, pki: &Pki) -> std::io::Result<()> {
    std::fs::write(folder.join("server.pem"), pki.server.cert_pem())?;
    std::fs::write(folder.join("server.key"), pki.server.key_pem())?;
    std::fs::write(folder.join("agents-ca.pem"), pki.agents.pem())?;
    std::fs::write(folder.join("policy.toml"), RULES)
}

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [before, after] = [Pki::new()?, Pki::new()?];
    write(folder.path(), &before)?;
    let live = load(before.server_config(&["h2"])?, folder.path().into())?;
    let listener = Listener::bind("127.0.0.1:0", live.clone()).await?;
    let url = format!("https://localhost:{}/", listener.local_addr()?.port());
    let app = Router::new()
        .route("/", get(|| async { "for agents" }).layer(RequireScope::new("agents")))
        .layer(CallerLayer::new(live.clone()))
        .into_make_service_with_connect_info::<ConnectionInfo>();
    tokio::spawn(axum::serve(listener, app).into_future());

    let get = async |pki: &Pki, agent: &Pki| -> Result<StatusCode> {
        let agent = ClientIdentity::new("agent-7", agent.agent_key()?)?.for_host("localhost")?;
        let credentials = Credentials::new().with(agent)?;
        let client = Client::builder(pki.client_config()?, credentials).build();
        let request = Request::get(&url).body(Empty::<Bytes>::new())?;
        Ok(client.request(request).await?.status())
    };
    assert_eq!(get(&before, &before).await?, StatusCode::OK);

    // A broken file changes nothing.
    std::fs::write(folder.path().join("policy.toml"), "[scopes]")?;
    println!("{}", with_causes(&live.reload().err().ok_or("it was taken")?));
    assert_eq!(get(&before, &before).await?, StatusCode::OK);

    // Other authorities, for client and server, and a new certificate.
    write(folder.path(), &after)?;
    live.reload()?;
    assert_eq!(get(&after, &after).await?, StatusCode::OK);
    let refused = get(&after, &before).await;
    println!("the agent of before: {refused:?}");
    assert!(!matches!(refused, Ok(StatusCode::OK)));
    Ok(())
}
