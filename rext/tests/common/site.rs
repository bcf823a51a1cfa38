//! `rext serve --site` with a PKI of its own.

use serde_json::Value;
use test_pki::{Authority, IssuedCertificate};

use super::{Files, Server};

/// The site's host names.
pub const SITE: &str = "site.test";
pub const LOGIN: &str = "login.site.test";
pub const STAFF: &str = "staff.site.test";

const POLICY: &str = "
    [scopes.users]
    anchors = ['users-ca.pem']
    crls = ['users.crl']
    [scopes.staff]
    anchors = ['staff-ca.pem']

    [[rules]]
    server_name = 'login.site.test'
    request_lenient = 'users'
    [[rules]]
    server_name = 'staff.site.test'
    request_lenient = 'staff'
    [[rules]]
    offered = true
    request = 'users'
    [otherwise]
    ask = 'nothing'
";

/// A running site, and the identities of its visitors.
pub struct Site {
    pub files: Files,
    pub server: Server,
    /// The authority of the server's certificate, which covers all host names.
    pub servers: Authority,
    /// Of the scope "users".
    pub user: IssuedCertificate,
    /// Of the scope "users", and revoked.
    pub revoked: IssuedCertificate,
    /// Of the scope "staff".
    pub admin: IssuedCertificate,
    /// Of an authority that the site does not trust.
    pub stranger: IssuedCertificate,
}

impl Site {
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// The same, with these lines at the end of the policy file.
    pub fn start_with(policy: &str) -> Self {
        let authority = |name: &str| Authority::new(name).unwrap();
        let (servers, users, staff) =
            (authority("Site CA"), authority("Users CA"), authority("Staff CA"));
        let [user, revoked] = ["<b>Ursula</b>", "Rita"].map(|name| users.client(name).unwrap());
        let admin = staff.client("Sam").unwrap();
        let stranger = authority("Foreign CA").client("Stranger").unwrap();
        let server = servers.server(&[SITE, "*.site.test"]).unwrap();
        let files = Files::new();
        files.write("site.pem", server.cert_pem());
        files.write("site.key", server.key_pem());
        files.write("users-ca.pem", users.pem());
        files.write("users.crl", users.crl(&[&revoked]).unwrap());
        files.write("staff-ca.pem", staff.pem());
        files.write("site.toml", [POLICY, policy].concat());
        let args = ["serve", "--cert", "site.pem", "--key", "site.key", "--site", SITE];
        // Firefox continues a handshake after its user has answered a dialog.
        let policy = ["--policy-file", "site.toml", "--handshake-timeout", "60"];
        let server = files.start_with_args(&[&args[..], &policy].concat(), |_| {});
        Self { files, server, servers, user, revoked, admin, stranger }
    }

    /// Writes the files of the visitors, and of the authority of the server's certificate.
    pub fn write_identities(&self) {
        let Self { files, user, admin, revoked, .. } = self;
        files.write("site-ca.pem", self.servers.pem());
        for (name, own) in [("user", user), ("admin", admin), ("revoked", revoked)] {
            files.write(&format!("{name}.pem"), own.cert_pem());
            files.write(&format!("{name}.key"), own.key_pem());
        }
    }

    /// Runs `rext connect` for a page, with the certificate and key of `name`. Returns the lines on
    /// standard error, and standard output.
    #[track_caller]
    pub fn connect(
        &self,
        name: &str,
        (host, path): (&str, &str),
        args: &[&str],
    ) -> (Vec<Value>, String) {
        let mut command = self.files.rext(&["connect", &self.url(host, path)]);
        command.args(["--ca", "site-ca.pem"]);
        command.args(["--resolve", &format!("{host}:{}:127.0.0.1", self.server.port)]);
        command.args(["--cert", &format!("{name}.pem"), "--key", &format!("{name}.key")]);
        let output = command.args(args).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{errors}");
        let lines = errors.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (lines, String::from_utf8(output.stdout).unwrap())
    }

    /// The address of a page.
    pub fn url(&self, host: &str, path: &str) -> String {
        format!("https://{host}:{}{path}", self.server.port)
    }
}
