//! Debian's Apache httpd with mod_ssl_offer: `adapters/apache`.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::Path;

use serde_json::Value;
use tokio::process::Command;

use super::{NO_TRUST_DOMAIN, or_error, with_processes};
use crate::matrix::{Peer, PeerView, Server, Serving, Site};

const PROGRAM: &str = "/usr/sbin/apache2";
const MODULES: &str = "/usr/lib/apache2/modules";

pub(super) struct Httpd;

impl Peer for Httpd {
    fn name(&self) -> &'static str {
        "httpd"
    }

    fn server(&self) -> Option<Server> {
        Some(Server { requests_on_origin: Err(NO_TRUST_DOMAIN), ..Server::FULL })
    }

    fn find(&self, site: &Site) -> Result<String, String> {
        let version = site.version(PROGRAM, &["-v"], "apache2-bin")?;
        site.version("apxs", &["-q", "INCLUDEDIR"], "apache2-dev")?;
        site.make("adapters/apache")?;
        let version = version.trim_start_matches("Server version: ");
        Ok(format!("{version}, with adapters/apache"))
    }

    fn serve(&self, site: &Site, serving: &Serving) -> Command {
        or_error(serve(site, serving))
    }

    /// httpd logs its command line when it listens, and the folder in it has the port as its name.
    fn listening(&self, line: &str) -> Option<u16> {
        let (_, command) = line.split_once("AH00094: Command line: ")?;
        let (_, rest) = command.split_once("/httpd-")?;
        rest.split([' ', '/']).next()?.parse().ok()
    }

    fn answer(&self, body: &str) -> Option<PeerView> {
        let line = body.get(body.rfind("{\"protocol\"")?..)?;
        let report: Value = serde_json::from_str(line.get(..=line.find('}')?)?).ok()?;
        let field = |name: &str| report.get(name).and_then(Value::as_str);
        let resumed = field("session")? == "Resumed";
        let verified = field("verify")? == "SUCCESS";
        Some(PeerView {
            tls_version: field("protocol").map(str::to_owned),
            resumed: Some(resumed),
            asked: Some(!field("scope")?.is_empty() && !resumed),
            acknowledged: Some(field("acknowledged")? == "1"),
            subject: Some(field("subject").filter(|_| verified).map(str::to_owned)),
        })
    }
}

fn serve(site: &Site, serving: &Serving) -> io::Result<Command> {
    // httpd does not print the port of a socket, so it is told one that is free.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let folder = site.file(&format!("httpd-{port}"));
    fs::create_dir(&folder)?;
    let config = folder.join("httpd.conf");
    fs::write(&config, configuration(site, serving, &folder, port))?;
    let mut command = with_processes(site, PROGRAM, None);
    command.arg("-d").arg(&folder).arg("-f").arg(config).args(["-D", "FOREGROUND"]);
    Ok(command)
}

/// The body of each response has the variables of the connection, in JSON. It is an `ErrorDocument`, which can
/// have variables, and is not a file: httpd answers as another user, which cannot read files in this folder.
fn configuration(site: &Site, serving: &Serving, folder: &Path, port: u16) -> String {
    let file = |name: &str| site.file(name).display().to_string();
    let modules: String = ["mpm_event", "authz_core", "env", "rewrite", "socache_shmcb", "ssl"]
        .map(|name| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n"))
        .concat();
    let verify = if serving.requests_on_offer { "optional" } else { "none" };
    let protocols = if serving.tls12 { "TLSv1.2" } else { "TLSv1.2 +TLSv1.3" };
    let groups = if serving.retry { "SSLOpenSSLConfCmd Groups P-384" } else { "" };
    format!(
        r#"{modules}
LoadModule ssl_offer_module {module}
User www-data
Group www-data
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile pid
ServerName localhost
Listen 127.0.0.1:{port}
ErrorLog /dev/stderr
LogLevel notice
StartServers 1
ServerLimit 1
MinSpareThreads 1
MaxSpareThreads 25
SSLEngine on
SSLCertificateFile {cert}
SSLCertificateKeyFile {key}
SSLProtocol {protocols}
{groups}
SSLCACertificateFile {authority}
SSLVerifyClient {verify}
SSLClientAuthOffer on
RewriteEngine on
RewriteRule ^ - [R=200]
ErrorDocument 200 '{{"protocol":"%{{SSL_PROTOCOL}}","session":"%{{SSL_SESSION_RESUMED}}","offer":"%{{reqenv:SSL_CLIENT_AUTH_OFFER}}","scope":"%{{reqenv:SSL_CLIENT_AUTH_SCOPE}}","acknowledged":"%{{reqenv:SSL_CLIENT_AUTH_ACKNOWLEDGED}}","verify":"%{{SSL_CLIENT_VERIFY}}","subject":"%{{SSL_CLIENT_S_DN}}"}}\n'
"#,
        module = file("mod_ssl_offer.so"),
        folder = folder.display(),
        cert = file("server.pem"),
        key = file("server.key"),
        authority = file("client-ca.pem"),
    )
}
