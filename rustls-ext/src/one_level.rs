//! Tests that the text of each error of this crate does not repeat the text of its source, so that
//! a line of all texts, as anyhow writes it, contains nothing twice.
//!
//! Each variant is tested here. A missing variant is a compile error, and a missing type is found
//! by comparing the list with the source code.

use std::collections::BTreeSet;
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::pki_types::pem::Error as DecodeError;
use rustls::{AlertDescription, CertificateError as Reason, OtherError};

use crate::authenticator::{
    AuthenticateError, AuthenticatorError, ContextError, ExporterError, MakeRequestError, Misfit,
    RequestError, ValidateError,
};
use crate::http::client::IdentityError;
use crate::http::reqwest as over_reqwest;
use crate::http::secondary::{ConnectionError, Frame, SendError};
use crate::http::server::{CertificateError, Denied, HostProblem, NoLongerVerified};
use crate::http::{Challenge, ChallengeError, ChallengeProblem, Place, hyper as over_hyper};
use crate::policy_file::PolicyFileError;
use crate::quic::ConfigError;
use crate::spiffe::{SvidProblem, WorkloadError};
use crate::tickets::TicketKeyError;
use crate::tickets::redis::KeyStoreError;
use crate::tokio::{AcceptError, LikelyRefusal, OtherProtocol, Refusal};
use crate::wire::OriginError;
use crate::wire::authenticator::WriteError;
use crate::wire::secondary::RequestsError;
use crate::{
    AnchorError, BadUsage, CertificateProblem, CrlError, FileError, FileProblem, LoadError,
    NotAuthority, PemError, PemProblem, PolicyError, PostHandshakeProblem, RuleProblem, causes,
    with_causes,
};

/// The errors that are tested here, with the files that define them.
const TRIED: [(&str, &str); 39] = [
    ("anchors/authority.rs", "AnchorError"),
    ("anchors/problem.rs", "CertificateProblem"),
    ("anchors/revocation.rs", "CrlError"),
    ("anchors/usage.rs", "BadUsage"),
    ("authenticator/error.rs", "AuthenticateError"),
    ("authenticator/error.rs", "ExporterError"),
    ("authenticator/error.rs", "MakeRequestError"),
    ("authenticator/error.rs", "ValidateError"),
    ("authenticator/fit.rs", "Misfit"),
    ("error.rs", "PolicyError"),
    ("error.rs", "PolicyFileError"),
    ("error.rs", "PostHandshakeProblem"),
    ("error.rs", "RuleProblem"),
    ("file_error.rs", "FileError"),
    ("file_error.rs", "FileProblem"),
    ("http/client/identity.rs", "IdentityError"),
    ("http/error.rs", "ChallengeError"),
    ("http/error.rs", "ChallengeProblem"),
    ("http/hyper/error.rs", "ConnectError"),
    ("http/hyper/error.rs", "Error"),
    ("http/reqwest/error.rs", "Error"),
    ("http/secondary/error.rs", "ConnectionError"),
    ("http/secondary/exchange.rs", "SendError"),
    ("http/server/certificate.rs", "CertificateError"),
    ("http/server/denied.rs", "Denied"),
    ("http/server/no_longer.rs", "NoLongerVerified"),
    ("load_error.rs", "LoadError"),
    ("pem.rs", "PemError"),
    ("pem.rs", "PemProblem"),
    ("provider.rs", "ProviderError"),
    ("quic/error.rs", "ConfigError"),
    ("spiffe/error.rs", "WorkloadError"),
    ("spiffe/svid.rs", "SvidProblem"),
    ("tickets/error.rs", "TicketKeyError"),
    ("tickets/redis/error.rs", "KeyStoreError"),
    // It is private, and has no source.
    ("tokio/acceptor.rs", "PolicyTimeout"),
    ("tokio/error.rs", "AcceptError"),
    ("tokio/refusal.rs", "LikelyRefusal"),
    ("tokio/refusal.rs", "Refusal"),
];

/// Tests an error: no text of its chain is in the text of the error around it.
#[track_caller]
fn try_one(err: &(dyn Error + 'static)) {
    let mut outer = err;
    while let Some(source) = outer.source() {
        let (text, cause) = (outer.to_string(), source.to_string());
        assert!(
            !cause.is_empty() && !text.contains(&cause),
            "{outer:?} repeats its cause: {cause}"
        );
        outer = source;
    }
    let line = with_causes(err);
    for err in causes(err) {
        let text = err.to_string();
        assert_eq!(line.matches(&text).count(), 1, "{text:?} in {line:?}");
    }
}

/// Makes an error for each variant, and tests them. There is no wildcard, so a missing variant is a
/// compile error.
macro_rules! samples {
    ($type:ty: $($(#[$cfg:meta])? $pattern:pat => $sample:expr,)*) => {{
        fn is_any(err: &$type) {
            match err {
                $($(#[$cfg])? $pattern => {})*
            }
        }
        let mut samples: Vec<$type> = Vec::new();
        $($(#[$cfg])? {
            let sample = $sample;
            is_any(&sample);
            assert!(matches!(sample, $pattern), "{sample:?}");
            samples.push(sample);
        })*
        for sample in &samples {
            try_one(sample);
        }
        samples
    }};
}

fn name() -> String {
    "a name".into()
}

fn tls() -> rustls::Error {
    rustls::Error::General("a reason of rustls".into())
}

fn refused() -> rustls::Error {
    let problem = CertificateProblem::OldVersion;
    Reason::Other(OtherError(std::sync::Arc::new(problem))).into()
}

/// An error whose cause is an error of rustls.
fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Refusal::new(AlertDescription::UnknownCA, true))
}

/// hyper's errors have no public constructor: this one comes from a server that closes the
/// connection.
async fn hyper_error() -> hyper::Error {
    let (near, far) = ::tokio::io::duplex(1024);
    let io = hyper_util::rt::TokioIo::new(near);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    drop(far);
    let request = http::Request::get("/").body(http_body_util::Empty::<&[u8]>::new()).unwrap();
    let (response, _) = ::tokio::join!(sender.send_request(request), connection);
    response.unwrap_err()
}

fn reqwest_error() -> reqwest::Error {
    let err = reqwest::Client::builder().user_agent("\n").build().unwrap_err();
    assert!(err.source().is_some());
    err
}

fn rule_problems() -> Vec<RuleProblem> {
    use RuleProblem as P;
    samples!(P:
        P::UnknownScope { .. } => P::UnknownScope { scope: name() },
        P::BadServerName { .. } => P::BadServerName { name: name() },
        P::BadProtocol { .. } => P::BadProtocol { protocol: vec![0; 256] },
        P::BadOrigin { .. } => P::BadOrigin { origin: name(), error: OriginError::NoScheme },
        P::OtherTrustDomain { .. } => P::OtherTrustDomain { scope: name(), origin: name() },
        P::HostBits { .. } => P::HostBits { network: "10.0.0.1/8".parse().unwrap() },
        P::Contradiction => P::Contradiction,
        P::Unreachable { .. } => P::Unreachable { by: vec![1, 2] },
    )
}

fn rule_problem() -> RuleProblem {
    RuleProblem::UnknownScope { scope: name() }
}

fn policy_errors() -> Vec<PolicyError> {
    use PolicyError as P;
    samples!(P:
        P::NoAnchors { .. } => P::NoAnchors { scope: name() },
        P::TooManyNames { .. } => P::TooManyNames { scope: name(), bytes: 70_000 },
        P::OwnVerifier { .. } => P::OwnVerifier { scope: name() },
        P::NoKnownOrigins => P::NoKnownOrigins,
        P::NoLastVerdict => P::NoLastVerdict,
        P::Provider(_) => P::Provider(crate::ProviderError),
        P::BadScopeName { .. } => P::BadScopeName { scope: name() },
        P::DuplicateScope { .. } => P::DuplicateScope { scope: name() },
        P::Rule { .. } => P::Rule { rule: Some(2), problem: rule_problem() },
        P::PostHandshake { .. } => P::PostHandshake {
            entry: 2,
            problem: PostHandshakeProblem::UnknownScope { scope: name() },
        },
        P::NeedsPeerAddress => P::NeedsPeerAddress,
    )
}

fn post_handshake_problems() -> Vec<PostHandshakeProblem> {
    use PostHandshakeProblem as P;
    samples!(P:
        P::UnknownScope { .. } => P::UnknownScope { scope: name() },
        P::BadHost { .. } => P::BadHost { name: name() },
        P::RepeatedHost { .. } => P::RepeatedHost { host: name() },
        P::Covered { .. } => P::Covered { host: None, by: 2 },
    )
}

fn policy_file_errors() -> Vec<PolicyFileError> {
    use PolicyFileError as P;
    let mut all = samples!(P:
        P::Syntax(_) => P::Syntax("line 1: not TOML".into()),
        P::Verdict(_) => P::Verdict(3),
        P::Rule { .. } => P::Rule { line: 3, problem: rule_problem() },
        P::PostHandshake { .. } => P::PostHandshake {
            line: 3,
            problem: PostHandshakeProblem::UnknownScope { scope: name() },
        },
        P::OwnTable { .. } => P::OwnTable { line: 3, problem: "two routes for one path".into() },
        P::Policy(_) => P::Policy(PolicyError::NoLastVerdict),
    );
    all.extend(rule_problems().into_iter().map(|problem| P::Rule { line: 3, problem }));
    all.extend(policy_errors().into_iter().map(P::Policy));
    all
}

fn anchor_errors() -> Vec<AnchorError> {
    use AnchorError as A;
    let subject = name();
    samples!(A:
        A::Malformed(_) => A::Malformed(Reason::BadEncoding.into()),
        A::NotAuthority { .. } => A::NotAuthority { subject, reason: NotAuthority::NotCa },
    )
}

fn crl_errors() -> Vec<CrlError> {
    use CrlError as C;
    samples!(C:
        C::Malformed => C::Malformed,
        C::OldVersion => C::OldVersion,
        C::NoNextUpdate => C::NoNextUpdate,
        C::Delta => C::Delta,
        C::Partitioned => C::Partitioned,
        C::Indirect => C::Indirect,
        C::Unsupported(_) => C::Unsupported(name()),
    )
}

fn pem_problems() -> Vec<PemProblem> {
    use PemProblem as P;
    let decode = DecodeError::Io(io::Error::other("no more of it"));
    let (label, begin) = (name(), "another".into());
    samples!(P:
        P::BrokenBoundary => P::BrokenBoundary,
        P::TextBesideBoundary => P::TextBesideBoundary,
        P::NoBegin(_) => P::NoBegin(name()),
        P::NoEnd(_) => P::NoEnd(name()),
        P::OtherEnd { .. } => P::OtherEnd { label, begin, line: 2 },
        P::Header => P::Header,
        P::NotBase64 => P::NotBase64,
        P::Undecodable(_) => P::Undecodable(decode),
        P::NotDer(_) => P::NotDer("certificate"),
        P::UnknownLabel(_) => P::UnknownLabel(name()),
        P::Unsupported { .. } => P::Unsupported { label: name(), instead: "convert it" },
        P::ListAmongCertificates => P::ListAmongCertificates,
        P::SecondKey => P::SecondKey,
    )
}

fn pem_error(problem: PemProblem) -> PemError {
    PemError { line: 3, problem }
}

fn file_problems() -> Vec<FileProblem> {
    use FileProblem as F;
    let mut all = samples!(F:
        F::Unreadable(_) => F::Unreadable(io::Error::other("no such file")),
        F::NotPem(_) => F::NotPem(pem_error(PemProblem::Header)),
        F::NotDer(_) => F::NotDer("certificate"),
        F::NotText => F::NotText,
        F::KeepsChanging { .. } => F::KeepsChanging { attempts: 5 },
        F::Missing { .. } => F::Missing { expected: "certificate", found: vec!["CRL".into()] },
        F::EncryptedKey => F::EncryptedKey,
        F::BadKey(_) => F::BadKey(tls()),
        F::UnsupportedKey { .. } => F::UnsupportedKey { algorithm: name() },
        F::AnotherKey { .. } => F::AnotherKey { certificate: "server.pem".into() },
        F::BadCertificate(_) => F::BadCertificate(tls()),
        F::BadAnchor(_) => F::BadAnchor(AnchorError::Malformed(tls())),
        F::BadPinned(_) => F::BadPinned(AnchorError::Malformed(tls())),
        F::BadCrl(_) => F::BadCrl(CrlError::Delta),
        F::NotPrivate { .. } => F::NotPrivate { mode: 0o644, chmod: "600" },
        F::AnotherOwner { .. } => F::AnotherOwner { owner: 1, expected: 2 },
        F::UnexpectedFile => F::UnexpectedFile,
        F::NotAFile => F::NotAFile,
        F::BadTicketKey(_) => F::BadTicketKey(TicketKeyError::NotAKey),
        F::BadPolicy(_) => F::BadPolicy(PolicyFileError::Verdict(3)),
    );
    all.extend(ticket_key_errors().into_iter().map(F::BadTicketKey));
    all.extend(pem_problems().into_iter().map(|problem| F::NotPem(pem_error(problem))));
    all.extend(anchor_errors().into_iter().map(F::BadAnchor));
    all.extend(anchor_errors().into_iter().map(F::BadPinned));
    all.extend(crl_errors().into_iter().map(F::BadCrl));
    all.extend(policy_file_errors().into_iter().map(F::BadPolicy));
    all
}

fn ticket_key_errors() -> Vec<TicketKeyError> {
    use TicketKeyError as T;
    samples!(T:
        T::NotAKey => T::NotAKey,
        T::UnknownVersion => T::UnknownVersion,
        T::BadLine { .. } => T::BadLine { line: 2, expected: "the end" },
        T::BadTimes => T::BadTimes,
        T::NoKeys => T::NoKeys,
        T::TooMany => T::TooMany,
        T::DuplicateName { .. } => T::DuplicateName { name: name() },
        T::NoCipher => T::NoCipher,
        T::NoRandom => T::NoRandom,
        T::LongContext => T::LongContext,
        T::AlreadyWaiting { .. } => T::AlreadyWaiting { name: name() },
        T::KeysExist => T::KeysExist,
        T::BadKeep => T::BadKeep,
    )
}

#[test]
fn of_workloads() {
    use {SvidProblem as S, WorkloadError as W};
    let (id, uri, reason) = (name, name, || "a reason of another crate".to_owned());
    let problems = samples!(S:
        S::Unreadable => S::Unreadable,
        S::NoUri => S::NoUri,
        S::SeveralUris { .. } => S::SeveralUris { count: 2 },
        S::BadId { .. } => S::BadId { uri: uri(), reason: reason() },
        S::NoPath { .. } => S::NoPath { id: id() },
        S::IsAuthority => S::IsAuthority,
        S::NoKeyUsage => S::NoKeyUsage,
        S::NoDigitalSignature => S::NoDigitalSignature,
        S::UsageOfAuthority { .. } => S::UsageOfAuthority { usage: "cRLSign" },
    );
    for problem in problems {
        try_one(&AcceptError::Tls(problem.clone().into()));
        try_one(&W::BadSvid(problem));
    }
    for error in anchor_errors() {
        try_one(&W::BadBundle { trust_domain: name(), error });
    }
    samples!(W:
        W::NoEndpoint => W::NoEndpoint,
        W::BadEndpoint { .. } => W::BadEndpoint { reason: reason() },
        W::BadId { .. } => W::BadId { id: id(), reason: reason() },
        W::NoServers => W::NoServers,
        W::Provider(_) => W::Provider(crate::ProviderError),
        W::Config(_) => W::Config(tls()),
        W::Connection { .. } => W::Connection { reason: reason() },
        W::Ended => W::Ended,
        W::NoIdentity { .. } => W::NoIdentity { reason: reason() },
        W::Unreadable { .. } => W::Unreadable { reason: reason() },
        W::NoSvid => W::NoSvid,
        W::OtherSvids { .. } => W::OtherSvids { id: id() },
        W::BadSvid(_) => W::BadSvid(S::NoUri),
        W::ExpiredSvid { .. } => W::ExpiredSvid { id: id(), not_after: UnixTime::now() },
        W::BadKey { .. } => W::BadKey { id: id(), error: tls() },
        W::EmptyBundle { .. } => W::EmptyBundle { trust_domain: name() },
        W::BadBundle { .. } => {
            W::BadBundle { trust_domain: name(), error: AnchorError::Malformed(tls()) }
        },
        W::UnusableBundle(_) => W::UnusableBundle(PolicyError::NoLastVerdict),
        W::Setup(_) => W::Setup("a reason of the program".into()),
    );
}

#[test]
fn of_ticket_keys_in_redis() {
    use KeyStoreError as K;
    samples!(K:
        K::BadAddress => K::BadAddress,
        K::NotPrivate => K::NotPrivate,
        K::PasswordInAddress => K::PasswordInAddress,
        K::NoPassword => K::NoPassword,
        K::NoTls => K::NoTls,
        K::Connection(_) => K::Connection(broken()),
        K::Redis(_) => K::Redis(broken().into()),
        K::TimedOut => K::TimedOut,
        K::BadKey { .. } => K::BadKey { name: name(), problem: TicketKeyError::NotAKey },
        K::AnotherName { .. } => K::AnotherName { name: name() },
        K::Keys(_) => K::Keys(TicketKeyError::NoKeys),
        K::Conflict => K::Conflict,
    );
    for problem in ticket_key_errors() {
        try_one(&K::BadKey { name: name(), problem });
    }
}

#[test]
fn of_files_and_policies() {
    for problem in pem_problems() {
        try_one(&pem_error(problem));
    }
    for problem in file_problems() {
        try_one(&FileError::new(Path::new("policy.toml"), problem));
    }
    for problem in file_problems() {
        try_one(&LoadError::from(FileError::new(Path::new("policy.toml"), problem)));
    }
    for problem in ticket_key_errors() {
        try_one(&problem);
    }
    for problem in rule_problems() {
        try_one(&PolicyError::Rule { rule: None, problem });
    }
    for problem in post_handshake_problems() {
        try_one(&PolicyError::PostHandshake { entry: 2, problem });
    }
    for usage in ["", "1.2"] {
        try_one(&BadUsage(usage.into()));
    }
}

#[test]
fn of_certificates() {
    use CertificateProblem as P;
    let (authority, now) = (name, UnixTime::now());
    samples!(P:
        P::NoRevocationList { .. } => P::NoRevocationList { authority: authority() },
        P::RevocationListExpired { .. } => {
            P::RevocationListExpired { authority: authority(), next_update: now, source: None }
        },
        P::RevocationListNotYetValid { .. } => {
            P::RevocationListNotYetValid { authority: authority(), this_update: now, source: None }
        },
        P::MayNotSignLists { .. } => P::MayNotSignLists { authority: authority() },
        P::MayNotSignCertificates { .. } => P::MayNotSignCertificates { authority: authority() },
        P::PathTooLong { .. } => P::PathTooLong { authority: None },
        P::NotAnAuthority => P::NotAnAuthority,
        P::IsAnAuthority => P::IsAnAuthority,
        P::CriticalExtension { .. } => P::CriticalExtension { extensions: vec![name()] },
        P::NameConstraints { .. } => P::NameConstraints { unsupported: vec!["a kind"] },
        P::SignatureAlgorithm { .. } => P::SignatureAlgorithm { algorithm: name(), key: None },
        P::OldVersion => P::OldVersion,
        P::Other(_) => P::Other(name()),
    );
    use CertificateError as C;
    samples!(C:
        C::Malformed => C::Malformed,
        C::Unreadable(_) => C::Unreadable("subject"),
        C::Missing(_) => C::Missing("subject"),
        C::Ambiguous(_) => C::Ambiguous("subject"),
        C::NotText(_) => C::NotText("subject"),
    );
}

#[test]
fn of_connections() {
    use AcceptError as A;
    let alert = AlertDescription::UnknownCA;
    samples!(A:
        A::Timeout(_) => A::Timeout(Duration::from_secs(10)),
        A::Policy(_) => A::Policy("the directory is down".into()),
        A::Tls(_) => A::Tls(refused()),
        A::OtherProtocol(..) => A::OtherProtocol(OtherProtocol::Http, tls()),
        A::Closed => A::Closed,
        A::Io(_) => A::Io(broken()),
    );
    try_one(&A::Tls(rustls::Error::AlertReceived(alert)));
    try_one(&A::Tls(tls()));
    try_one(&A::Io(io::ErrorKind::UnexpectedEof.into()));
    try_one(&A::Io(io::ErrorKind::BrokenPipe.into()));
    try_one(&Refusal::new(alert, true));
    try_one(&LikelyRefusal::new(io::ErrorKind::BrokenPipe));
    try_one(&broken());
    samples!(ConfigError:
        ConfigError::NoInitialCipherSuite => ConfigError::NoInitialCipherSuite,
        ConfigError::Tls(_) => ConfigError::Tls(tls()),
    );
}

#[test]
fn of_challenges_and_requests() {
    use ChallengeProblem as P;
    let problems = samples!(P:
        P::TooManyLines => P::TooManyLines,
        P::LineTooLong => P::LineTooLong,
        P::TooManyChallenges => P::TooManyChallenges,
        P::TooManyParameters => P::TooManyParameters,
        P::ValueTooLong => P::ValueTooLong,
        P::Expected(_) => P::Expected("a comma"),
        P::UnterminatedQuote => P::UnterminatedQuote,
        P::Token68 => P::Token68,
        P::DuplicateRealm => P::DuplicateRealm,
        P::BadRealm => P::BadRealm,
        P::NotBase64 { .. } => P::NotBase64 { name: name() },
        P::WrongLength { .. } => P::WrongLength { name: name(), bytes: 3 },
    );
    for problem in problems {
        try_one(&ChallengeError { place: Place::default(), problem });
    }
    try_one(&NoLongerVerified::sample().unwrap());
    samples!(Denied:
        Denied::Host(_) => Denied::Host(HostProblem::Missing),
        Denied::Misdirected => Denied::Misdirected,
        Denied::Unauthenticated { .. } => Denied::Unauthenticated {
            challenge: Box::new(Challenge::new()),
        },
        Denied::OtherScope => Denied::OtherScope,
        Denied::Refused => Denied::Refused,
        Denied::NeverAsked => Denied::NeverAsked,
        Denied::NoSpiffeId => Denied::NoSpiffeId,
        Denied::NoCaller => Denied::NoCaller,
        Denied::NoConnection => Denied::NoConnection,
        Denied::UnknownScope { .. } => Denied::UnknownScope { scope: name() },
    );
    samples!(IdentityError:
        IdentityError::NoCertificate { .. } => IdentityError::NoCertificate { name: name() },
        IdentityError::Unreadable { .. } => IdentityError::Unreadable { name: name() },
        IdentityError::BadHost(_) => IdentityError::BadHost(rule_problem()),
        IdentityError::Duplicate { .. } => IdentityError::Duplicate { name: name() },
    );
}

#[test]
fn of_authenticators_and_open_connections() {
    use ConnectionError as C;
    let frame = Frame::Certificate;
    let context = AuthenticatorError::Context;
    let request = RequestError::UnexpectedMessage { expected: 13, found: 17 };
    samples!(ExporterError:
        ExporterError::Handshaking => ExporterError::Handshaking,
        ExporterError::NotTls13 => ExporterError::NotTls13,
        ExporterError::Export(_) => ExporterError::Export(tls()),
    );
    samples!(MakeRequestError:
        MakeRequestError::NoSchemes => MakeRequestError::NoSchemes,
        MakeRequestError::NoRandom => MakeRequestError::NoRandom,
        MakeRequestError::Write(_) => MakeRequestError::Write(WriteError::Request(request)),
    );
    let misfits = samples!(Misfit:
        Misfit::Scheme => Misfit::Scheme,
        Misfit::ChainAlgorithm => Misfit::ChainAlgorithm,
        Misfit::Authority => Misfit::Authority,
        Misfit::OidFilter => Misfit::OidFilter,
        Misfit::Unreadable => Misfit::Unreadable,
    );
    for misfit in misfits {
        try_one(&AuthenticateError::Misfit(misfit));
    }
    samples!(AuthenticateError:
        AuthenticateError::Misfit(_) => AuthenticateError::Misfit(Misfit::Scheme),
        AuthenticateError::Sign(_) => AuthenticateError::Sign(tls()),
        AuthenticateError::Write(_) => AuthenticateError::Write(WriteError::NoRequest),
    );
    samples!(ValidateError:
        ValidateError::Authenticator(_) => ValidateError::Authenticator(context),
        ValidateError::Signature(_) => ValidateError::Signature(tls()),
    );
    samples!(SendError:
        SendError::Closed => SendError::Closed,
        SendError::TooLong { .. } => SendError::TooLong { most: 16_384 },
        SendError::Full => SendError::Full,
    );
    samples!(C:
        C::NotAnnounced(_) => C::NotAnnounced(frame),
        C::SettingWithdrawn => C::SettingWithdrawn,
        C::BadSetting { .. } => C::BadSetting { value: 2 },
        C::Requests(_) => C::Requests(RequestsError::Request(request)),
        C::RequestsOfClient => C::RequestsOfClient,
        C::OnStream(_) => C::OnStream(frame),
        C::TooManyOutstanding { .. } => C::TooManyOutstanding { most: 1 },
        C::UnexpectedCertificate => C::UnexpectedCertificate,
        C::Context(_) => C::Context(ContextError::Repeated),
        C::Authenticator(_) => C::Authenticator(context),
        C::Signature => C::Signature,
        C::TooLong { .. } => C::TooLong { frame, length: 20_000 },
        C::TooManyRequests { .. } => C::TooManyRequests { most: 3 },
        C::InHeaderBlock(_) => C::InHeaderBlock(frame),
        C::RepeatedSetting => C::RepeatedSetting,
    );
}

#[::tokio::test]
async fn of_the_client_over_hyper() {
    use over_hyper::{ConnectError as C, Error as E};
    let refusal = Refusal::new(AlertDescription::UnknownCA, true);
    let likely = LikelyRefusal::new(io::ErrorKind::BrokenPipe);
    let (in_connecting, http) = (refusal.clone(), hyper_error().await);
    let connecting = samples!(C:
        C::Timeout(_) => C::Timeout(Duration::from_secs(10)),
        C::Transport(_) => C::Transport(broken().into()),
        C::BadName(_) => C::BadName(name()),
        C::Refused(_) => C::Refused(in_connecting),
        C::Tls(_) => C::Tls(io::Error::other(tls())),
        C::Http(_) => C::Http(http),
        C::NotConfidential => C::NotConfidential,
        C::Closed => C::Closed,
        C::Cancelled => C::Cancelled,
    );
    for err in connecting {
        try_one(&E::Connect(err.into()));
    }
    let http = hyper_error().await;
    samples!(E:
        E::BadUri(_) => E::BadUri("ftp://example.com".parse().unwrap()),
        E::Connect(_) => E::Connect(C::Closed.into()),
        E::Refused { .. } => E::Refused { refusal, identity: None },
        E::LikelyRefused { .. } => E::LikelyRefused { refusal: likely, identity: None },
        E::Secondary(_) => E::Secondary(ConnectionError::SettingWithdrawn),
        E::Http(_) => E::Http(http),
    );
}

#[test]
fn of_the_client_over_reqwest() {
    use over_reqwest::Error as E;
    let (alert, error) = (AlertDescription::UnknownCA, reqwest_error);
    samples!(E:
        E::Build(_) => E::Build(error()),
        E::BadName(_) => E::BadName(name()),
        E::BadUrl(_) => E::BadUrl(name()),
        E::Refused { .. } => E::Refused { alert, identity: None, error: error() },
        E::LikelyRefused { .. } => E::LikelyRefused { identity: None, error: error() },
        E::Request(_) => E::Request(error()),
    );
}

/// Finds each line that begins with `impl` and makes a type an error, with its file.
fn errors_in_the_source(folder: &Path, root: &Path, found: &mut BTreeSet<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            errors_in_the_source(&path, root, found);
            continue;
        }
        let file = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let of_error = line.strip_prefix("impl").and_then(|line| line.split_once("Error for "));
            let Some((_, name)) = of_error else { continue };
            let name = name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            found.insert((file.clone(), name.to_owned()));
        }
    }
}

#[test]
fn no_type_is_forgotten() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeSet::new();
    errors_in_the_source(&root, &root, &mut found);
    let tried = TRIED.map(|(file, name)| (file.to_owned(), name.to_owned()));
    assert_eq!(found, BTreeSet::from(tried), "try each variant here, and name the type");
}
