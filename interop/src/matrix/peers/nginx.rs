//! Debian's nginx with its module: `adapters/nginx`.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;

use tokio::process::Command;

use super::{NO_TRUST_DOMAIN, or_error, with_processes};
use crate::matrix::{Peer, Server, Serving, Site};

const PROGRAM: &str = "/usr/sbin/nginx";
const MODULE: &str = "ngx_http_client_auth_offer_module.so";

pub(super) struct Nginx;

impl Peer for Nginx {
    fn name(&self) -> &'static str {
        "nginx"
    }

    fn server(&self) -> Option<Server> {
        Some(Server { requests_on_origin: Err(NO_TRUST_DOMAIN), ..Server::FULL })
    }

    fn find(&self, site: &Site) -> Result<String, String> {
        let version = site.version(PROGRAM, &["-v"], "nginx")?;
        if !Path::new("/usr/share/nginx/src/conf_flags").exists() {
            return Err("there is no source of nginx: install nginx-dev".into());
        }
        site.make("adapters/nginx")?;
        let version = version.trim_start_matches("nginx version: ");
        Ok(format!("{version}, with adapters/nginx"))
    }

    fn serve(&self, site: &Site, serving: &Serving) -> Command {
        or_error(serve(site, serving))
    }
}

fn serve(site: &Site, serving: &Serving) -> io::Result<Command> {
    // nginx inherits its listen socket, so that the port is free, and connections wait until it is ready.
    let socket = TcpListener::bind("127.0.0.1:0")?;
    socket.set_nonblocking(true)?;
    let port = socket.local_addr()?.port();
    let folder = site.file(&format!("nginx-{port}"));
    fs::create_dir(&folder)?;
    let config = folder.join("nginx.conf");
    fs::write(&config, configuration(site, serving, &folder, port))?;
    let mut command = with_processes(site, PROGRAM, Some(port));
    command.arg("-p").arg(&folder).arg("-c").arg(config).args(["-e", "stderr"]);
    command.stdin(OwnedFd::from(socket)).env("NGINX", "0;");
    Ok(command)
}

/// The body of each response is the report on the connection, in JSON.
fn configuration(site: &Site, serving: &Serving, folder: &Path, port: u16) -> String {
    let file = |name: &str| site.file(name).display().to_string();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {}/{kind};\n", folder.display()))
        .concat();
    let verify = if serving.requests_on_offer { "optional" } else { "off" };
    let protocols = if serving.tls12 { "TLSv1.2" } else { "TLSv1.2 TLSv1.3" };
    let groups = if serving.retry { "secp384r1" } else { "auto" };
    format!(
        r#"load_module {module};
user root;
daemon off;
worker_processes 1;
pid {folder}/pid;
events {{ }}
http {{
    access_log off;
    {temporary}
    default_type application/json;
    map $client_auth_scope $decision {{ "" none; default request; }}
    map $client_auth_acknowledged $acknowledged {{ 1 true; default false; }}
    map $ssl_session_reused $resumed {{ r true; default false; }}
    map $ssl_client_verify $subject {{ SUCCESS '"$ssl_client_s_dn"'; default null; }}
    server {{
        listen 127.0.0.1:{port} ssl;
        server_name localhost;
        ssl_certificate {cert};
        ssl_certificate_key {key};
        ssl_protocols {protocols};
        ssl_ecdh_curve {groups};
        ssl_client_certificate {authority};
        ssl_verify_client {verify};
        client_auth_offer on;
        return 200 '{{"tls_version":"$ssl_protocol","resumed":$resumed,"offer":"$client_auth_offer","decision":"$decision","verified_subject":$subject,"acknowledged":$acknowledged}}\n';
    }}
}}
"#,
        module = file(MODULE),
        folder = folder.display(),
        cert = file("server.pem"),
        key = file("server.key"),
        authority = file("client-ca.pem"),
    )
}
