//! The exact texts of errors, each with its rule.

use std::error::Error;

use rustls_ext_wire::authenticator::{
    AuthenticatorError, ContextError, Field, MakeError, RequestError, ValidateError, WriteError,
};
use rustls_ext_wire::{Flaw, rules};

use crate::build::BadSignature;

#[test]
fn faults_of_requests() {
    for (error, text) in [
        (
            RequestError::UnexpectedMessage { expected: 13, found: 17 },
            "the handshake message has type 17, not 13 (EA-2)",
        ),
        (
            RequestError::Malformed { field: Field::Request, flaw: Flaw::TrailingBytes },
            "the request: bytes follow its end (EA-2)",
        ),
        (
            RequestError::Malformed { field: Field::Extension(13), flaw: Flaw::EmptyList },
            "extension 13 (signature_algorithms): a list is empty (EA-4)",
        ),
        (RequestError::NoSchemes, "signature_algorithms is missing (EA-4)"),
        (
            RequestError::DuplicateExtension { extension: 18 },
            "extension 18 (signed_certificate_timestamp) occurs twice (EA-4)",
        ),
        (
            RequestError::ForbiddenExtension { extension: 0 },
            "extension 0 (server_name) is not allowed in it (EA-4)",
        ),
    ] {
        assert_eq!(error.to_string(), format!("malformed authenticator request: {text}"));
        assert!(text.ends_with(&format!("({})", error.rule())));
        assert!(rules::find(error.rule()).is_some());
        assert_eq!(WriteError::Request(error).to_string(), error.to_string());
    }
}

#[test]
fn faults_of_authenticators() {
    for (error, text) in [
        (
            AuthenticatorError::UnexpectedMessage { expected: 15, found: 20 },
            "a handshake message has type 20, not 15 (EA-2)",
        ),
        (
            AuthenticatorError::Malformed { field: Field::Context, flaw: Flaw::Truncated },
            "certificate_request_context: it ends too early (EA-2)",
        ),
        (AuthenticatorError::NoCertificate, "Certificate has no entries (EA-10)"),
        (AuthenticatorError::EmptyWithoutRequest, "it is empty, but there was no request (EA-5)"),
        (AuthenticatorError::Context, "its context is not that of the request (EA-6)"),
        (
            AuthenticatorError::Mac,
            "its MAC is wrong; it is for another connection or request, or a proxy between client \
             and server terminates TLS (EA-9)",
        ),
        (
            AuthenticatorError::UnsolicitedExtension { extension: 5 },
            "the request did not have extension 5 (status_request) (EA-6)",
        ),
        (
            AuthenticatorError::ForbiddenExtension { extension: 48 },
            "extension 48 (oid_filters) is not allowed in Certificate (EA-6)",
        ),
        (
            AuthenticatorError::DuplicateExtension { extension: 0x1234 },
            "extension 4660 occurs twice (EA-6)",
        ),
        (
            AuthenticatorError::SchemeNotRequested { scheme: 0x0807 },
            "the request does not list signature scheme 0x0807 (EA-7)",
        ),
        (
            AuthenticatorError::SchemeNotAllowed { scheme: 0x0401 },
            "TLS 1.3 does not allow signature scheme 0x0401 (EA-7)",
        ),
        (
            AuthenticatorError::ExporterLength,
            "the exported handshake context or the MAC is not as long as the output of the hash \
             (EA-1)",
        ),
    ] {
        assert_eq!(error.to_string(), format!("invalid authenticator: {text}"));
        assert!(text.ends_with(&format!("({})", error.rule())));
        assert!(rules::find(error.rule()).is_some());
        let outer: ValidateError<BadSignature> = error.into();
        assert_eq!((outer.to_string(), outer.rule()), (error.to_string(), error.rule()));
        assert!(outer.source().is_none());
    }
    let error = ValidateError::Signature(BadSignature);
    assert_eq!(error.to_string(), "invalid authenticator: its signature does not verify (EA-8)");
    assert_eq!(error.source().unwrap().to_string(), "bad signature");
}

#[test]
fn names_of_fields() {
    let names = [
        (Field::Extensions, "extensions"),
        (Field::Authenticator, "the authenticator"),
        (Field::Certificate, "Certificate"),
        (Field::CertificateList, "certificate_list"),
        (Field::CertificateVerify, "CertificateVerify"),
        (Field::Finished, "Finished"),
    ];
    for (field, name) in names {
        assert_eq!(field.to_string(), name);
    }
}

#[test]
fn mistakes_in_writing() {
    for (error, text) in [
        (
            WriteError::NoRoom { needed: 36 },
            "the buffer is too short: at least 36 bytes are required",
        ),
        (WriteError::TooLong { field: Field::Context }, "certificate_request_context is too long"),
        (WriteError::ContextTooShort, "the context must have at least 16 bytes (EA-3)"),
        (WriteError::NoRequest, "there is no authenticator request to decline (EA-5)"),
        (
            WriteError::Scheme { scheme: 0x0401 },
            "signature scheme 0x0401 is not in the request, or TLS 1.3 does not allow it (EA-7)",
        ),
        (
            WriteError::NoCertificate,
            "the chain has no certificate: send an empty authenticator (EA-10)",
        ),
        (
            WriteError::ExporterLength,
            "the exported handshake context or the MAC is not as long as the output of the hash \
             (EA-1)",
        ),
    ] {
        assert_eq!(error.to_string(), text);
        let outer: MakeError<BadSignature> = error.into();
        assert_eq!(outer.to_string(), text);
        assert!(outer.source().is_none());
    }
    let error = MakeError::Sign(BadSignature);
    assert_eq!(error.to_string(), "the key cannot sign the authenticator");
    assert_eq!(error.source().unwrap().to_string(), "bad signature");
}

#[test]
fn contexts_that_cannot_be_used() {
    for (error, text) in [
        (ContextError::Repeated, "the context was used before on this connection (EA-3)"),
        (ContextError::TooLong, "the context has more than 255 bytes (EA-3)"),
        (ContextError::Full, "this connection has had too many authenticator requests (EA-3)"),
        (ContextError::NotRequested, "no authenticator request had this context (EA-11)"),
        (ContextError::Answered, "the authenticator request has been answered already (EA-11)"),
    ] {
        assert_eq!(error.to_string(), text);
        assert!(text.ends_with(&format!("({})", error.rule())));
    }
}
