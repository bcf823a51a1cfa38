//! Certificates in files, and the programs that use them.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use adapter_openssl::{Error, Programs};
use test_pki::{Authority, IssuedCertificate};

/// `librext.a`, as cargo made it for these tests.
pub fn librext() -> PathBuf {
    let library = std::env::current_exe().unwrap().parent().unwrap().join("librext.a");
    assert!(library.exists(), "there is no {}", library.display());
    library
}

/// Whether what a test needs is there. Without, it says so and does nothing; where
/// `REXT_REQUIRE_TOOLS` is set, as in CI, it fails.
pub fn have<T>(built: Result<T, Error>) -> Option<T> {
    match built {
        Ok(built) => Some(built),
        Err(err @ Error::Missing(_)) if std::env::var_os("REXT_REQUIRE_TOOLS").is_none() => {
            eprintln!("{err}: not tested");
            None
        }
        Err(err) => panic!("{err}"),
    }
}

static PROGRAMS: LazyLock<Option<Programs>> = LazyLock::new(|| {
    have(Programs::build(&librext(), &Path::new(env!("CARGO_TARGET_TMPDIR")).join("openssl")))
});

/// A PKI of its own for each test.
pub struct Site {
    pub programs: Programs,
    /// More options of each server.
    pub mode: &'static [&'static str],
    pub folder: tempfile::TempDir,
    pub servers: Authority,
    pub clients: Authority,
    pub staff: Authority,
    pub server: IssuedCertificate,
    pub client: IssuedCertificate,
}

impl Site {
    /// `None` if the programs cannot be built here.
    pub fn new() -> Option<Self> {
        PROGRAMS.clone().map(Self::with)
    }

    /// A site for each way in which the adapter can be used by servers: with an SSL_CTX of its own, and
    /// hosted, where sessions are in tickets, or in the host's store.
    pub fn modes() -> impl Iterator<Item = Self> {
        let modes: [&[&str]; 3] = [&[], &["--hosted"], &["--hosted", "--no-tickets"]];
        modes.into_iter().filter_map(|mode| Some(Self { mode, ..Self::new()? }))
    }

    /// Whether the adapter is hosted.
    pub fn is_hosted(&self) -> bool {
        self.mode.contains(&"--hosted")
    }

    pub fn with(programs: Programs) -> Self {
        let servers = Authority::new("server authority").unwrap();
        let clients = Authority::new("client authority").unwrap();
        let staff = Authority::new("staff authority").unwrap();
        let server = servers.server(&["localhost", "admin.example"]).unwrap();
        let client = clients.client("agent-1").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let site = Self { programs, mode: &[], folder, servers, clients, staff, server, client };
        site.write("servers.pem", &site.servers.pem());
        site.write("clients.pem", &site.clients.pem());
        site.write("staff.pem", &site.staff.pem());
        site.write_identity("server", &site.server);
        site.write_identity("agent", &site.client);
        // One identity in the trust domain of the tests, and one of another, of the same authority.
        for (name, identifier) in
            [("workload", "spiffe://example.org/a"), ("elsewhere", "spiffe://example.com/a")]
        {
            site.write_identity(name, &site.clients.workload(name, identifier).unwrap());
        }
        site.write_identity("staff-1", &site.staff.client("staff-1").unwrap());
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn write_identity(&self, name: &str, identity: &IssuedCertificate) {
        self.write(&format!("{name}.crt"), identity.cert_pem());
        self.write(&format!("{name}.key"), &identity.key_pem());
    }
}
