//! Files of operators, and their effect on clients: a module for each folder of
//! `data`, named after it.
#![cfg(feature = "policy-file")]

#[path = "../common/mod.rs"]
mod common;

mod anchor_that_is_no_ca;
mod ca_limits_not_kept;
mod ca_name_encoding;
mod ca_names_over_64k;
mod clearer_messages;
mod crl_missing_for_authority;
mod crl_out_of_date;
mod crl_rekeyed_ca_same_name;
mod crl_two_lists_old_first;
mod name_constraints_not_known;
mod usage;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use common::{Clock, Pki, Side, connect, provider, pump};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;
use rustls::server::ClientAuthStatus;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ClientConfig, Error, ServerConfig, SupportedProtocolVersion};
use rustls_ext::{Anchors, Files, Policy, RevocationList, Verdict, explain, with_causes};

/// The time of all tests: 2026-11-28T12:00:00Z. The files were made that morning.
const NOW: u64 = 1_795_867_200;

fn now() -> UnixTime {
    at(NOW)
}

fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

/// A folder of `data`.
#[derive(Clone, Copy)]
struct Case(&'static str);

impl Case {
    fn path(&self, file: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/operators/data").join(self.0).join(file)
    }

    fn anchors(&self, file: &str) -> Anchors {
        Files::new().anchors(self.path(file)).unwrap()
    }

    fn crls(&self, files: &[&str]) -> Vec<RevocationList> {
        files.iter().flat_map(|file| Files::new().crls(self.path(file)).unwrap()).collect()
    }

    /// A client with the certificates of `name.pem` and the key of `name.key`.
    fn client(&self, name: &str) -> CertifiedKey {
        self.client_of(name, &provider())
    }

    fn client_of(&self, name: &str, provider: &CryptoProvider) -> CertifiedKey {
        let chain = Files::new().certificates(self.path(&format!("{name}.pem"))).unwrap();
        let key = Files::new().private_key(self.path(&format!("{name}.key"))).unwrap();
        CertifiedKey::new(chain, provider.key_provider.load_private_key(key).unwrap())
    }

    /// A policy from a file in this folder, whose scope "clients" has these keys.
    fn policy(&self, keys: &str) -> Result<Policy, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.toml");
        // The paths in the file get the path of this folder.
        let data = self.path("").display().to_string();
        let keys = keys.replace("@", &data);
        let text = format!("[scopes.clients]\n{keys}\n[otherwise]\nrequire = \"clients\"\n");
        std::fs::write(&path, text).unwrap();
        let policy = Files::new().policy(&path, provider());
        policy.map_err(|err| self.without_paths(&with_causes(&err)))
    }

    /// Replaces paths by file names.
    fn without_paths(&self, text: &str) -> String {
        text.replace(&self.path("").display().to_string(), "")
    }

    fn warnings(&self, policy: &Policy, now: UnixTime) -> Vec<String> {
        let warnings = policy.warnings(now).into_iter().map(|warning| {
            let level = if warning.is_error() { "error" } else { "warning" };
            format!("{level}: {}", self.without_paths(&warning.to_string()))
        });
        warnings.collect()
    }
}

/// A policy that requires a certificate that `anchors` accept, in the scope "clients".
fn policy(anchors: Anchors) -> Policy {
    Policy::builder()
        .provider(provider())
        .scope("clients", anchors)
        .otherwise(Verdict::Require("clients".into()))
        .build()
        .unwrap()
}

/// The outcome of handshakes with this client, which must be the same with both versions: success,
/// or the alert that the client gets and the text for the server's log.
fn outcome(policy: Policy, client: &CertifiedKey) -> Result<(), (AlertDescription, String)> {
    outcome_at(policy, client, NOW)
}

fn outcome_at(
    policy: Policy,
    client: &CertifiedKey,
    now: u64,
) -> Result<(), (AlertDescription, String)> {
    let policy = Arc::new(policy);
    let [one, other] = [&TLS13, &TLS12].map(|version| handshake(&policy, client, version, now));
    assert_eq!(one, other);
    one
}

fn handshake(
    policy: &Arc<Policy>,
    client: &CertifiedKey,
    version: &'static SupportedProtocolVersion,
    now: u64,
) -> Result<(), (AlertDescription, String)> {
    let pki = Pki::new();
    let (server, client) = configs(&pki, policy, client, version, now, provider());
    let (mut client, mut server) = connect(&client, &server);
    match pump(&mut client, &mut server) {
        Ok(()) => {
            let status = server.client_auth().unwrap().status();
            assert!(matches!(status, ClientAuthStatus::Authenticated { .. }), "{status:?}");
            Ok(())
        }
        Err(failure) => {
            assert_eq!(failure.at, Side::Server, "{failure:?}");
            // The text is in the errors for every log, not only in `explain()`.
            if let Error::InvalidCertificate(rustls::CertificateError::Other(_)) = &failure.error {
                assert!(failure.error.to_string().contains(&explain(&failure.error)));
            }
            Err((failure.alert().unwrap(), explain(&failure.error)))
        }
    }
}

fn configs(
    pki: &Pki,
    policy: &Arc<Policy>,
    client: &CertifiedKey,
    version: &'static SupportedProtocolVersion,
    now: u64,
    provider: Arc<CryptoProvider>,
) -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let clock = Clock::now();
    clock.set(now);
    let mut server = ServerConfig::builder_with_details(provider.clone(), clock)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(pki.server.chain.clone(), pki.server.key())
        .unwrap();
    let setup = rustls_ext::Setup::new(server.clone(), policy.clone());
    server.client_auth_policy = setup.config_with_policy().unwrap().client_auth_policy.clone();
    let client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(pki.servers.roots())
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(client.clone())));
    (Arc::new(server), Arc::new(client))
}

fn refused(alert: AlertDescription, words: &str) -> Result<(), (AlertDescription, String)> {
    Err((alert, words.into()))
}
