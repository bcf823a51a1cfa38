//! `rext serve --site` with a PKI of its own.

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
        files.write("site.toml", POLICY);
        let args = ["serve", "--cert", "site.pem", "--key", "site.key", "--site", SITE];
        // Firefox continues a handshake after its user has answered a dialog.
        let policy = ["--policy-file", "site.toml", "--handshake-timeout", "60"];
        let server = files.start_with_args(&[&args[..], &policy].concat(), |_| {});
        Self { files, server, servers, user, revoked, admin, stranger }
    }

    /// The address of a page.
    pub fn url(&self, host: &str, path: &str) -> String {
        format!("https://{host}:{}{path}", self.server.port)
    }
}
