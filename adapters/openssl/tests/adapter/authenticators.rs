//! Exported authenticators over live connections: OpenSSL's against those of rustls, and against
//! each other.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use adapter_openssl::Error;
use rcgen::KeyPair;
use rext_cli::tls::{self, provider};
use rustls_ext::ClientAuthOffer;
use rustls_ext::authenticator::{
    Endpoint, ExporterError, Exporters, Proof, Request, ValidateError,
};
use rustls_ext::rustls::crypto::verify_tls13_signature;
use rustls_ext::rustls::pki_types::pem::PemObject;
use rustls_ext::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls_ext::rustls::sign::CertifiedKey;
use rustls_ext::rustls::version::{TLS12, TLS13};
use rustls_ext::rustls::{
    ClientConnection, ConnectionCommon, ServerConnection, SignatureScheme, StreamOwned,
    SupportedProtocolVersion,
};
use serde_json::{Value, json};
use test_pki::Authority;

use crate::checkers::run_program;
use crate::programs::assert_fields;
use crate::site::{Site, have};

/// So that a test that is wrong ends.
const PATIENCE: Duration = Duration::from_secs(20);

/// A cipher suite with SHA-256 and one with SHA-384.
const SUITES: [&str; 2] = ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_256_GCM_SHA384"];

/// Identities with each kind of key, the options by which OpenSSL makes it, and the scheme.
const KEYS: [(&str, &[&str], u16); 5] = [
    ("p256", &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], 0x0403),
    ("p384", &["EC", "-pkeyopt", "ec_paramgen_curve:P-384"], 0x0503),
    ("ed25519", &["ED25519"], 0x0807),
    ("rsa", &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"], 0x0804),
    // The OID of RSASSA-PSS, which rustls does not know.
    ("pss", &["RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"], 0x0809),
];

fn openssl(site: &Site, args: &[&str]) {
    let out = Command::new("openssl").args(args).current_dir(&site.folder).output().unwrap();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// Writes an identity of an authority whose files have this name.
fn identity(site: &Site, name: &str, authority: &str, key: &[&str]) {
    let file = |kind: &str| format!("{name}.{kind}");
    let (key_file, request, certificate) = (file("key"), file("csr"), file("crt"));
    openssl(site, &[&["genpkey", "-out", &key_file, "-algorithm"], key].concat());
    let subject = format!("/CN={name}");
    openssl(site, &["req", "-new", "-key", &key_file, "-subj", &subject, "-out", &request]);
    let (ca, ca_key) = (format!("{authority}.pem"), format!("{authority}.key"));
    let signed = ["x509", "-req", "-in", &request, "-CA", &ca, "-CAkey", &ca_key, "-days", "10"];
    let more = ["-set_serial", "1", "-extfile", "extensions", "-out", &certificate];
    openssl(site, &[&signed[..], &more].concat());
    let read = |path: &str| std::fs::read_to_string(site.path(path)).unwrap();
    site.write(&file("pem"), &(read(&certificate) + &read(&key_file)));
}

fn authority(site: &Site, name: &str) -> Authority {
    let key = KeyPair::generate().unwrap();
    site.write(&format!("{name}.key"), &key.serialize_pem());
    let authority = Authority::with_key(name, key).unwrap();
    site.write(&format!("{name}.pem"), &authority.pem());
    authority
}

/// A site with an identity for each kind of key, and `all.pem`, the authorities that everybody
/// trusts.
fn site() -> Option<Site> {
    let version = Command::new("openssl").arg("version").output();
    have(version.map_err(|_| Error::Missing("openssl")))?;
    let site = Site::new()?;
    site.write("extensions", "extendedKeyUsage=clientAuth,serverAuth\nkeyUsage=digitalSignature\n");
    let own = authority(&site, "authenticators");
    authority(&site, "foreign");
    site.write("all.pem", &(site.servers.pem() + &own.pem()));
    for (name, key, _) in KEYS {
        identity(&site, name, "authenticators", key);
    }
    identity(&site, "stranger", "foreign", KEYS[0].1);
    Some(site)
}

/// The program, as a process.
struct Program {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Program {
    /// A command that is the program, perhaps under a checker.
    fn run(site: &Site, mut command: Command, options: &[&str], steps: &str) -> Self {
        command.args(["--ca", "all.pem"]).args(options).args(steps.split(' '));
        let mut child = command.current_dir(&site.folder).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn client(site: &Site, address: &str, options: &[&str], steps: &str) -> Self {
        let command = Command::new(&site.programs.authenticator);
        Self::run(site, command, &[&["--connect", address], options].concat(), steps)
    }

    fn server(site: &Site, options: &[&str], steps: &str) -> (Self, String) {
        Self::run_server(site, Command::new(&site.programs.authenticator), options, steps)
    }

    fn run_server(site: &Site, command: Command, options: &[&str], steps: &str) -> (Self, String) {
        let listen = ["--listen", "127.0.0.1:0", "--cert", "server.crt", "--key", "server.key"];
        let mut server = Self::run(site, command, &[&listen[..], options].concat(), steps);
        let line = server.line();
        let address = line.trim().strip_prefix("listening on ").expect(&line).to_owned();
        (server, address)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    /// The outcome of the next step.
    fn step(&mut self) -> Value {
        let line = self.line();
        serde_json::from_str(&line).expect(&line)
    }

    /// The exit code.
    fn end(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection of rustls to the program.
struct Ours {
    tls: Box<dyn ReadWrite>,
    exporters: Result<Exporters, ExporterError>,
    side: Endpoint,
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

impl Ours {
    fn new<C, D>(mut connection: C, mut tcp: TcpStream, side: Endpoint) -> Self
    where
        C: std::ops::DerefMut<Target = ConnectionCommon<D>> + 'static,
        D: rustls_ext::rustls::SideData + 'static,
    {
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        while connection.is_handshaking() {
            connection.complete_io(&mut tcp).unwrap();
        }
        let exporters = Exporters::of(&connection);
        Self { tls: Box::new(StreamOwned::new(connection, tcp)), exporters, side }
    }

    fn client(site: &Site, address: &str, version: &'static SupportedProtocolVersion) -> Self {
        let (roots, offer) = (site.servers.roots().unwrap(), ClientAuthOffer::default());
        let config = tls::client_config(roots, None, offer, &[version], &[]).unwrap();
        let name = "localhost".try_into().unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        Self::new(connection, TcpStream::connect(address).unwrap(), Endpoint::Client)
    }

    /// A connection that the program makes.
    fn server(site: &Site, options: &[&str], steps: &str) -> (Self, Program) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let program = Program::client(site, &address, options, steps);
        let config = tls::server_config(site.server.certified_key().unwrap(), &[]).unwrap();
        let connection = ServerConnection::new(Arc::new(config)).unwrap();
        let tcp = listener.accept().unwrap().0;
        (Self::new(connection, tcp, Endpoint::Server), program)
    }

    fn exporters(&self) -> &Exporters {
        self.exporters.as_ref().unwrap()
    }

    fn send(&mut self, message: &[u8]) {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        self.tls.write_all(&[&length[..], message].concat()).unwrap();
        self.tls.flush().unwrap();
    }

    fn receive(&mut self) -> Vec<u8> {
        let mut length = [0; 4];
        self.tls.read_exact(&mut length).unwrap();
        let mut message = vec![0; u32::from_be_bytes(length) as usize];
        self.tls.read_exact(&mut message).unwrap();
        message
    }

    /// Requests a certificate, and returns the request and the answer.
    fn ask(&mut self, schemes: &[SignatureScheme]) -> (Request, Vec<u8>) {
        let request = Request::new(self.side, schemes, &[], &provider()).unwrap();
        self.send(request.bytes());
        (request, self.receive())
    }

    /// Answers a request with this identity, or declines, with the exporters of a connection.
    fn answer_over(&mut self, exporters: &Exporters, key: Option<&CertifiedKey>) {
        let request = Request::parse(self.side.peer(), self.receive()).unwrap();
        let answer = match key {
            Some(key) => request.authenticate(exporters, key).unwrap(),
            None => request.decline(exporters).unwrap(),
        };
        self.send(&answer);
    }

    fn answer(&mut self, key: Option<&CertifiedKey>) {
        let exporters = std::mem::replace(&mut self.exporters, Err(ExporterError::NotTls13));
        self.answer_over(exporters.as_ref().unwrap(), key);
        self.exporters = exporters;
    }
}

fn validate(
    request: &Request,
    exporters: &Exporters,
    answer: &[u8],
) -> Result<Proof, ValidateError> {
    let supported = provider().signature_verification_algorithms;
    request.validate(exporters, answer, |message, certificate, signature| {
        verify_tls13_signature(message, certificate, signature, &supported)
    })
}

/// An identity, for rustls.
fn key(site: &Site, name: &str) -> CertifiedKey {
    let path = site.path(&format!("{name}.pem"));
    let chain = CertificateDer::pem_file_iter(&path).unwrap().map(Result::unwrap).collect();
    CertifiedKey::from_der(chain, PrivateKeyDer::from_pem_file(&path).unwrap(), &provider())
        .unwrap()
}

/// The program answers rustls, and then rustls answers the program.
fn both_ways(site: &Site, name: &str, scheme: u16, ours: &mut Ours, program: &mut Program) {
    let known = name != "pss";
    let schemes = if known {
        vec![scheme.into()]
    } else {
        provider().signature_verification_algorithms.supported_schemes()
    };
    let (request, answer) = ours.ask(&schemes);
    let outcome = if known { "possession" } else { "declined" };
    assert_fields(&program.step(), json!({"step": "answer", "proof": outcome, "error": null}));
    let proof = validate(&request, ours.exporters(), &answer).unwrap();
    let Proof::Possession(possession) = proof else {
        assert_eq!((proof, known), (Proof::Declined, false));
        ours.answer(None);
        assert_fields(&program.step(), json!({"step": "request", "error": null}));
        let declined = json!({"step": "validate", "proof": "declined", "error": null});
        return assert_fields(&program.step(), declined);
    };
    assert_eq!(u16::from(possession.scheme()), scheme);
    let key = key(site, name);
    assert_eq!(possession.chain(), key.cert);

    ours.answer(Some(&key));
    assert_fields(&program.step(), json!({"step": "request", "error": null}));
    let expected = json!({"step": "validate", "proof": "possession", "scheme": scheme,
                          "subject": format!("CN={name}"), "verified": true, "error": null});
    assert_fields(&program.step(), expected);
}

#[test]
fn ea_8_rustls_and_openssl_validate_each_other_s_authenticators() {
    let Some(site) = site() else { return };
    for suite in SUITES {
        let keys = KEYS.map(|(name, _, scheme)| (name, scheme));
        for (name, scheme) in keys.into_iter().chain([("rsa", 0x0805), ("rsa", 0x0806)]) {
            let (file, only) = (format!("{name}.pem"), scheme.to_string());
            let options = ["--suites", suite, "--identity", &file, "--scheme", &only];
            let steps = "answer request validate";

            let (mut program, address) = Program::server(&site, &options, steps);
            let mut ours = Ours::client(&site, &address, &TLS13);
            both_ways(&site, name, scheme, &mut ours, &mut program);
            drop(ours);
            assert_eq!(program.end(), Some(0), "{suite} {name}");

            let (mut ours, mut program) = Ours::server(&site, &options, steps);
            both_ways(&site, name, scheme, &mut ours, &mut program);
            drop(ours);
            assert_eq!(program.end(), Some(0), "{suite} {name}");
        }
    }
}

/// Two programs that are each other's peer. The client answers first.
fn each_other(
    site: &Site,
    program: impl Fn() -> Command,
    server: &[&str],
    client: &[&str],
    check: impl Fn(&mut Program, &mut Program),
) {
    let steps = "request validate answer";
    let (mut server, address) = Program::run_server(site, program(), server, steps);
    let client = [&["--connect", &address], client].concat();
    let mut client = Program::run(site, program(), &client, "answer request validate");
    check(&mut server, &mut client);
    assert_eq!((server.end(), client.end()), (Some(0), Some(0)));
}

fn assert_proved(program: &mut Program, name: &str, scheme: u16, verified: bool) {
    let error = "unable to get local issuer certificate";
    let expected = json!({
        "step": "validate", "proof": "possession", "scheme": scheme, "verified": verified,
        "verify_error": if verified { None } else { Some(error) },
        "subject": format!("CN={name}"), "error": null,
    });
    assert_fields(&program.step(), expected);
}

#[test]
fn ea_8_openssl_validates_openssl_with_each_key() {
    let Some(site) = site() else { return };
    for suite in SUITES {
        for (name, _, scheme) in KEYS {
            let file = format!("{name}.pem");
            let options = ["--suites", suite, "--identity", &file, "--name-authorities"];
            let program = || Command::new(&site.programs.authenticator);
            each_other(&site, program, &options, &options, |server, client| {
                assert_fields(&server.step(), json!({"step": "request"}));
                assert_proved(server, name, scheme, true);
                assert_fields(&client.step(), json!({"step": "answer", "proof": "possession"}));
                assert_fields(&client.step(), json!({"step": "request"}));
                assert_proved(client, name, scheme, true);
                assert_fields(&server.step(), json!({"step": "answer", "proof": "possession"}));
            });
        }
    }
}

#[test]
fn ea_6_a_chain_with_an_authority_in_between_is_sent_and_verifies() {
    let Some(site) = site() else { return };
    let (key_file, file) = ("between.key", "chained.pem");
    site.write("extensions", "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n");
    identity(&site, "between", "authenticators", KEYS[0].1);
    site.write("extensions", "extendedKeyUsage=clientAuth,serverAuth\nkeyUsage=digitalSignature\n");
    identity(&site, "chained", "between", KEYS[0].1);
    let read = |path: &str| std::fs::read_to_string(site.path(path)).unwrap();
    site.write(file, &(read(file) + read("between.pem").split(&read(key_file)).next().unwrap()));

    // The request names the authority that issued the second certificate.
    let options = ["--identity", file, "--name-authorities"];
    let program = || Command::new(&site.programs.authenticator);
    each_other(&site, program, &options, &options, |server, client| {
        server.step();
        assert_proved(server, "chained", 0x0403, true);
        client.step();
        client.step();
        assert_proved(client, "chained", 0x0403, true);
    });
    let (mut program, address) = Program::server(&site, &options, "answer request validate");
    let mut ours = Ours::client(&site, &address, &TLS13);
    assert_eq!(key(&site, "chained").cert.len(), 2);
    both_ways(&site, "chained", 0x0403, &mut ours, &mut program);
    drop(ours);
    assert_eq!(program.end(), Some(0));
}

#[test]
fn ea_10_an_identity_that_does_not_fit_or_is_missing_is_declined() {
    let Some(site) = site() else { return };
    for (server, client) in [
        (&[][..], &[][..]),
        (&["--scheme", "0x0503"], &["--identity", "p256.pem"]),
        (&["--scheme", "0x0809"], &["--identity", "rsa.pem"]),
        (&["--scheme", "0x0804"], &["--identity", "pss.pem"]),
        (&["--name-authorities"], &["--identity", "stranger.pem"]),
    ] {
        let program = || Command::new(&site.programs.authenticator);
        each_other(&site, program, server, client, |server, client| {
            server.step();
            let expected = json!({"step": "validate", "proof": "declined", "error": null});
            assert_fields(&server.step(), expected);
            assert_fields(&client.step(), json!({"step": "answer", "proof": "declined"}));
        });
    }
}

#[test]
fn ea_14_a_chain_of_another_authority_proves_possession_alone() {
    let Some(site) = site() else { return };
    let stranger = ["--identity", "stranger.pem"];
    let program = || Command::new(&site.programs.authenticator);
    each_other(&site, program, &stranger, &stranger, |server, client| {
        server.step();
        assert_proved(server, "stranger", 0x0403, false);
        client.step();
        client.step();
        assert_proved(client, "stranger", 0x0403, false);
    });
}

const MAC: &str = "invalid authenticator: its MAC is wrong; it is for another connection or request, or a proxy \
     between client and server terminates TLS (EA-9)";

#[test]
fn ea_9_an_authenticator_of_another_connection_is_refused() {
    let Some(site) = site() else { return };
    let identity = ["--identity", "p256.pem"];
    let (mut first, address) = Program::server(&site, &identity, "request validate");
    let mut ours = Ours::client(&site, &address, &TLS13);
    let (mut second, address) = Program::server(&site, &identity, "answer");
    let mut other = Ours::client(&site, &address, &TLS13);

    ours.answer_over(other.exporters(), Some(&key(&site, "p256")));
    first.step();
    let expected = json!({"step": "validate", "proof": null, "error": MAC});
    assert_fields(&first.step(), expected);

    let (request, answer) = other.ask(&[SignatureScheme::ECDSA_NISTP256_SHA256]);
    assert_fields(&second.step(), json!({"step": "answer", "proof": "possession"}));
    let error = validate(&request, ours.exporters(), &answer).unwrap_err();
    assert_eq!(error.rule(), "EA-9");
    assert!(matches!(validate(&request, other.exporters(), &answer), Ok(Proof::Possession(_))));
    drop((ours, other));
    assert_eq!((first.end(), second.end()), (Some(1), Some(0)));
}

#[test]
fn ea_13_a_proxy_that_terminates_tls_makes_it_fail() {
    let Some(site) = site() else { return };
    for (identity, outcome) in [(&["--identity", "p256.pem"][..], "possession"), (&[], "declined")]
    {
        let (mut server, address) = Program::server(&site, &[], "request validate");
        let mut to_server = Ours::client(&site, &address, &TLS13);
        let (mut to_client, mut client) = Ours::server(&site, identity, "answer");
        let request = to_server.receive();
        to_client.send(&request);
        let answer = to_client.receive();
        to_server.send(&answer);
        assert_fields(&client.step(), json!({"step": "answer", "proof": outcome}));
        server.step();
        assert_fields(&server.step(), json!({"step": "validate", "proof": null, "error": MAC}));
    }
}

const NEEDS: &str =
    "exported authenticators need TLS 1.3, or TLS 1.2 with the extended master secret (EA-12)";

#[test]
fn ea_12_tls_12_with_the_extended_master_secret_only() {
    let Some(site) = site() else { return };
    let program = || Command::new(&site.programs.authenticator);
    // The suite without a hash of its own has SHA-256.
    for ciphers in ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA"] {
        let options = ["--max-version", "1.2", "--ciphers", ciphers, "--identity", "p384.pem"];
        each_other(&site, program, &options, &options, |server, client| {
            server.step();
            assert_proved(server, "p384", 0x0503, true);
            client.step();
            client.step();
            assert_proved(client, "p384", 0x0503, true);
        });
    }
    let (mut server, address) = Program::server(&site, &[], "request validate");
    let options = ["--max-version", "1.2", "--no-ems"];
    let mut client = Program::client(&site, &address, &options, "answer");
    for program in [&mut server, &mut client] {
        assert_fields(&program.step(), json!({"step": "connection", "error": NEEDS}));
    }
    assert_eq!((server.end(), client.end()), (Some(1), Some(1)));

    // rustls does not tell whether the connection has it.
    let (_server, address) = Program::server(&site, &[], "request validate");
    let ours = Ours::client(&site, &address, &TLS12);
    assert!(matches!(ours.exporters, Err(ExporterError::NotTls13)));
}

#[test]
fn authenticators_hold_under_valgrind() {
    let Some(site) = site() else { return };
    let valgrind = Command::new("valgrind").arg("--version").output();
    if have(valgrind.map_err(|_| Error::Missing("valgrind"))).is_none() {
        return;
    }
    let program = || {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--quiet", "--error-exitcode=9", "--leak-check=full"]);
        valgrind.args(["--show-leak-kinds=definite,indirect,possible"]);
        valgrind.args(["--errors-for-leak-kinds=definite,indirect,possible"]);
        valgrind.arg(&site.programs.authenticator);
        valgrind
    };
    let (rsa, stranger) = (["--identity", "rsa.pem"], ["--identity", "stranger.pem"]);
    each_other(&site, program, &rsa, &stranger, |server, client| {
        server.step();
        assert_proved(server, "stranger", 0x0403, false);
        client.step();
        client.step();
        assert_proved(client, "rsa", 0x0804, true);
    });
}

#[test]
fn authenticators_in_memory_and_mistakes() {
    let mut args = vec!["server.crt", "server.key", "authenticators.pem"];
    args.extend(["p256.pem", "p384.pem", "ed25519.pem", "rsa.pem", "pss.pem", "stranger.pem"]);
    args.push("pss384.pem");
    let Some(prepared) = site() else { return };
    let for_sha384 = ["RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"];
    let hashes = ["rsa_pss_keygen_md:sha384", "rsa_pss_keygen_mgf1_md:sha384"];
    let salt = ["-pkeyopt", "rsa_pss_keygen_saltlen:48"];
    let hashes = ["-pkeyopt", hashes[0], "-pkeyopt", hashes[1]];
    identity(&prepared, "pss384", "authenticators", &[&for_sha384[..], &hashes, &salt].concat());
    run_program("authenticators", &args, |site| {
        for file in &args[2..] {
            std::fs::copy(prepared.path(file), site.path(file)).unwrap();
        }
    });
}

#[test]
fn ea_8_ea_9_openssl_computes_the_vectors_by_hand() {
    let folder = adapter_openssl::folder().join("../../rustls-ext-wire/vectors");
    let text = std::fs::read_to_string(folder.join("authenticators.json")).unwrap();
    let vectors: Value = serde_json::from_str(&text).unwrap();
    let valid =
        vectors["cases"].as_array().unwrap().iter().filter(|case| case["result"].is_string());
    let hex = |value: &Value| match value.as_str() {
        None | Some("") => "-".to_owned(),
        Some(hex) => hex.to_owned(),
    };
    let fields =
        ["handshake_context", "finished_key", "request", "authenticator", "signed_message"];
    let lines: Vec<_> = valid
        .map(|case| {
            let hash = case["hash"].as_str().unwrap().replace('-', "");
            let values: Vec<_> = fields.iter().map(|field| hex(&case[field])).collect();
            format!("{hash} {}", values.join(" "))
        })
        .collect();
    for hash in ["SHA256 ", "SHA384 "] {
        assert!(lines.iter().filter(|line| line.starts_with(hash)).count() >= 4, "{hash}");
    }
    run_program("vectors", &["vectors.txt"], |site| {
        site.write("vectors.txt", &(lines.join("\n") + "\n"));
    });
}
