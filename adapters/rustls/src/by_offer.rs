//! Decides for a ClientHello, and makes the config for its connection.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use adapter_common::{Hello, Refusal};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{
    ALL_VERSIONS, ConfigBuilder, Error, ProtocolVersion, ServerConfig, ServerConnection,
    SupportedProtocolVersion, WantsVerifier,
};
use rustls_ext_wire::{CodePoints, Scan, Version};

use crate::client_auth::{ClientAuth, Decision};
use crate::sessions::{Authentication, Sessions, Verifier};

/// The decisions of a server, and the configs that follow them.
///
/// Each connection whose client is asked for a certificate gets a config of its own, with the
/// verifier of the scope. All others share one, which requests nothing.
pub struct ByOffer {
    base: ServerConfig,
    /// With the provider, the clock and the versions of the base.
    builder: ConfigBuilder<ServerConfig, WantsVerifier>,
    /// For clients that are not asked.
    unasked: Arc<ServerConfig>,
    best: Version,
    scan: Scan,
    code_points: CodePoints,
    decide: Box<Decide>,
}

type Decide = dyn Fn(&Hello<'_>) -> Decision + Send + Sync;

impl ByOffer {
    /// Serves connections with `base`, and asks `decide` for each whether its client is asked for a
    /// certificate.
    ///
    /// All settings of `base` are used, with two exceptions: its verifier, since the decision
    /// replaces it; and `max_early_data_size`, which is 0 where a certificate is requested. Its
    /// session storage and its ticketer are used for all scopes: see [sessions](crate#sessions).
    ///
    /// # Errors
    /// If rustls cannot make connections with `base`, for example because of its
    /// `max_fragment_size`.
    pub fn new(
        base: impl Into<Arc<ServerConfig>>,
        code_points: CodePoints,
        decide: impl Fn(&Hello<'_>) -> Decision + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let base = Arc::unwrap_or_clone(base.into());
        let versions = versions(&base)?;
        let tls13 = versions.iter().any(|version| version.version == ProtocolVersion::TLSv1_3);
        let builder = ServerConfig::builder_with_details(
            base.crypto_provider().clone(),
            base.time_provider.clone(),
        )
        .with_protocol_versions(&versions)?;
        Ok(Self {
            unasked: config(&base, builder.clone(), Decision::None, false).into(),
            base,
            builder,
            best: if tls13 { Version::Tls13 } else { Version::Tls12 },
            scan: Scan::new(&code_points),
            code_points,
            decide: Box::new(decide),
        })
    }

    /// Decides for the body of a ClientHello, without the header of the message. Returns the decision
    /// and the config with which rustls must continue, from the same ClientHello on.
    ///
    /// [`tokio::Acceptor`](crate::tokio::Acceptor) does this, and more. A server without tokio calls
    /// this method, and must itself
    ///
    /// - send the alert if a ClientHello is refused: [`alert_of`](crate::alert_of);
    /// - refuse a second ClientHello, after a HelloRetryRequest, whose offer is not that of the
    ///   first (FLAGS-12).
    ///
    /// # Errors
    /// Why the ClientHello must be refused.
    pub fn on_client_hello(&self, body: &[u8]) -> Result<(ClientAuth, Arc<ServerConfig>), Refusal> {
        let hello = Hello::read(body, &self.scan, self.code_points, self.best)?;
        let decision = (self.decide)(&hello);
        let config = match &decision {
            Decision::None => self.unasked.clone(),
            asked => {
                let offered = !hello.offer().is_none();
                config(&self.base, self.builder.clone(), asked.clone(), offered).into()
            }
        };
        Ok((ClientAuth::new(hello.offer(), decision), config))
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn scan(&self) -> &Scan {
        &self.scan
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn code_points(&self) -> CodePoints {
        self.code_points
    }

    /// The version that rustls chooses, as far as it matters for offers.
    #[cfg(feature = "tokio")]
    pub(crate) fn version(&self, hello: &rustls_ext_wire::ClientHello<'_>) -> Version {
        if hello.offers_tls13() { self.best } else { Version::Tls12 }
    }
}

impl fmt::Debug for ByOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByOffer")
            .field("base", &self.base)
            .field("code_points", &self.code_points)
            .finish_non_exhaustive()
    }
}

/// Makes the config for a decision: rustls has no way to replace the verifier in a config, so all
/// else is copied from `base`.
fn config(
    base: &ServerConfig,
    builder: ConfigBuilder<ServerConfig, WantsVerifier>,
    decision: Decision,
    offered: bool,
) -> ServerConfig {
    let scope = decision.scope().cloned();
    let authentication = Authentication::new(decision, offered, base.time_provider.clone());
    let authentication = Arc::new(authentication);
    let asked = scope.is_some();
    let builder = match scope {
        Some(scope) => builder.with_client_cert_verifier(Arc::new(Verifier {
            scope: scope.verifier().clone(),
            authentication: authentication.clone(),
        })),
        None => builder.with_no_client_auth(),
    };
    let sessions = Arc::new(Sessions {
        storage: base.session_storage.clone(),
        ticketer: base.ticketer.clone(),
        authentication,
    });
    let mut config = builder.with_cert_resolver(base.cert_resolver.clone());
    config.session_storage = sessions.clone();
    config.ticketer = sessions;
    // A client that is asked must not have sent anything before it is known.
    config.max_early_data_size = if asked { 0 } else { base.max_early_data_size };
    config.ignore_client_order = base.ignore_client_order;
    config.max_fragment_size = base.max_fragment_size;
    config.alpn_protocols.clone_from(&base.alpn_protocols);
    config.key_log = base.key_log.clone();
    config.enable_secret_extraction = base.enable_secret_extraction;
    config.send_half_rtt_data = base.send_half_rtt_data;
    config.send_tls13_tickets = base.send_tls13_tickets;
    config.max_tls13_tickets = base.max_tls13_tickets;
    config.require_ems = base.require_ems;
    config.cert_compressors.clone_from(&base.cert_compressors);
    config.cert_compression_cache = base.cert_compression_cache.clone();
    config.cert_decompressors.clone_from(&base.cert_decompressors);
    config
}

/// Finds out which versions a config has. rustls does not tell, so this shows it a ClientHello of
/// each version: if it accepts the version, it looks for a certificate next.
fn versions(config: &ServerConfig) -> Result<Vec<&'static SupportedProtocolVersion>, Error> {
    let mut versions = Vec::new();
    for version in ALL_VERSIONS {
        let asked = Arc::new(NoCertificate(AtomicBool::new(false)));
        let mut probed = config.clone();
        probed.cert_resolver = asked.clone();
        let mut connection = ServerConnection::new(Arc::new(probed))?;
        let hello = hello(version.version);
        // Neither of the two succeeds completely: there is no certificate.
        let _ = connection.read_tls(&mut &hello[..]);
        let _ = connection.process_new_packets();
        if asked.0.load(Ordering::Relaxed) {
            versions.push(*version);
        }
    }
    Ok(versions)
}

/// Has no certificate, and records that rustls looked for one.
#[derive(Debug)]
struct NoCertificate(AtomicBool);

impl ResolvesServerCert for NoCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Ordering::Relaxed);
        None
    }
}

/// A ClientHello of one version, in a record, with as little as rustls needs to choose a version.
fn hello(version: ProtocolVersion) -> Vec<u8> {
    // signature_algorithms: ecdsa_secp256r1_sha256
    let mut extensions = vec![0, 13, 0, 4, 0, 2, 4, 3];
    if version == ProtocolVersion::TLSv1_3 {
        extensions.extend_from_slice(&[0, 43, 0, 3, 2, 3, 4]); // supported_versions
    }
    let mut body = vec![3, 3];
    body.extend_from_slice(&[0; 32]); // random
    body.push(0); // legacy_session_id
    body.extend_from_slice(&[0, 2, 0x13, 0x01]); // cipher_suites: TLS_AES_128_GCM_SHA256
    body.extend_from_slice(&[1, 0]); // legacy_compression_methods: null
    // All lengths are below 256.
    let low = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    body.extend_from_slice(&[0, low(&extensions)]);
    body.extend_from_slice(&extensions);
    let mut message = vec![1, 0, 0, low(&body)];
    message.extend_from_slice(&body);
    let mut record = vec![22, 3, 1, 0, low(&message)];
    record.extend_from_slice(&message);
    record
}

#[cfg(test)]
mod tests {
    use rustls::crypto::ring;
    use rustls::server::ResolvesServerCertUsingSni;
    use rustls::version::{TLS12, TLS13};

    use super::*;

    fn base(versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
        ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()))
    }

    #[test]
    fn the_versions_of_a_config_are_found() {
        for expected in [&[&TLS13, &TLS12][..], &[&TLS13], &[&TLS12]] {
            assert_eq!(versions(&base(expected)).unwrap(), expected);
        }
    }

    #[test]
    fn a_config_that_rustls_does_not_accept_is_an_error() {
        let mut config = base(&[&TLS13]);
        config.max_fragment_size = Some(1);
        let refused = ByOffer::new(config, CodePoints::default(), |_| Decision::None);
        assert_eq!(refused.unwrap_err(), Error::BadMaxFragmentSize);
    }

    #[test]
    fn all_settings_of_the_base_are_copied() {
        let mut base = base(&[&TLS13]);
        base.ignore_client_order = true;
        base.max_fragment_size = Some(1000);
        base.alpn_protocols = vec![b"h2".to_vec()];
        base.enable_secret_extraction = true;
        base.max_early_data_size = 7;
        base.send_half_rtt_data = true;
        base.send_tls13_tickets = 5;
        base.max_tls13_tickets = 6;
        base.require_ems = true;
        let by_offer =
            ByOffer::new(base.clone(), CodePoints::default(), |_| Decision::None).unwrap();
        let shown = |config: &ServerConfig| {
            let shown = format!("{config:#?}");
            // These two are the base's with records in front.
            let mut own = false;
            let lines = shown.lines().filter(|line| {
                if line.starts_with("    ") && !line.starts_with("     ") {
                    own = line.contains("session_storage")
                        || line.contains("ticketer")
                        || (own && line.trim_start().starts_with(['}', ')']));
                }
                !own
            });
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(shown(&by_offer.unasked), shown(&base));
        // A field that is not shown would not be compared.
        let fields: Vec<_> = shown(&base)
            .iter()
            .filter_map(|line| line.strip_prefix("    "))
            .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
            .map(|line| line.split(':').next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(
            fields,
            [
                "provider",
                "ignore_client_order",
                "max_fragment_size",
                "cert_resolver",
                "alpn_protocols",
                "versions",
                "verifier",
                "key_log",
                "enable_secret_extraction",
                "max_early_data_size",
                "send_half_rtt_data",
                "send_tls13_tickets",
                "max_tls13_tickets",
                "require_ems",
                "time_provider",
                "cert_compressors",
                "cert_compression_cache",
                "cert_decompressors",
            ]
        );
    }
}
