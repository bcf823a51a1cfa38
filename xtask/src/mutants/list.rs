//! The mutants, by the rule that each breaks.

/// A way to break the patched rustls.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// What it does wrong, and the rule that this breaks.
    pub name: &'static str,
    /// A file of the patched source.
    pub file: &'static str,
    /// What is taken out; it is there once.
    pub from: &'static str,
    /// What is put in its place.
    pub to: &'static str,
}

/// All of them.
pub const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "RES-2: a session with a certificate resumes where nobody is asked",
        file: "src/server/client_auth.rs",
        from: "(ClientAuthDecision::None, chain) => chain.is_none(),",
        to: "(ClientAuthDecision::None, _) => true,",
    },
    Mutant {
        name: "RES-2: a session without a certificate resumes in another scope",
        file: "src/server/client_auth.rs",
        from: "scope == Some(demand.scope.as_bytes()) && !self.offered()",
        to: "!self.offered()",
    },
    Mutant {
        name: "RES-3: a session without a certificate resumes for a client that offers one",
        file: "src/server/client_auth.rs",
        from: "scope == Some(demand.scope.as_bytes()) && !self.offered()",
        to: "scope == Some(demand.scope.as_bytes())",
    },
    Mutant {
        name: "RES-4: whoever declined has to shake hands in full again",
        file: "src/server/client_auth.rs",
        from: "scope == Some(demand.scope.as_bytes()) && !self.offered()",
        to: "false",
    },
    Mutant {
        name: "RES-2: a session without a certificate resumes where one is required",
        file: "src/server/client_auth.rs",
        from: "(ClientAuthDecision::Require(_), None) => false,",
        to: "(ClientAuthDecision::Require(_), None) => true,",
    },
    Mutant {
        name: "RES-2: a session with a certificate resumes in another scope",
        file: "src/server/client_auth.rs",
        from: "scope == Some(demand.scope.as_bytes())\n                    && now",
        to: "now",
    },
    Mutant {
        name: "RES-5: the stored chain is not verified again",
        file: "src/server/client_auth.rs",
        from: "&& now.is_ok_and(|now| demand.accepts(session, now))",
        to: "&& now.is_ok()",
    },
    Mutant {
        name: "RES-7: a session of a server with a policy resumes where there is none",
        file: "src/server/client_auth.rs",
        from: "None => session.client_auth.is_none(),",
        to: "None => true,",
    },
    Mutant {
        name: "RES-1: the session of a refused client is one of a client that declined",
        file: "src/server/client_auth.rs",
        from: "if auth.status == ClientAuthStatus::Refused {\n            return None;",
        to: "if false {\n            return None;",
    },
    Mutant {
        name: "RES-1: the session does not say when the client authenticated",
        file: "src/server/client_auth.rs",
        from: "ClientAuthStatus::Authenticated { at, .. } => at.as_secs(),",
        to: "ClientAuthStatus::Authenticated { .. } => 0,",
    },
    Mutant {
        name: "status: a resumed authentication passes for a fresh one",
        file: "src/server/client_auth.rs",
        from: "(Some(record), Some(_)) => ClientAuthStatus::Authenticated {\n                resumed: true,",
        to: "(Some(record), Some(_)) => ClientAuthStatus::Authenticated {\n                resumed: false,",
    },
    Mutant {
        name: "soft failure: a refusal is tolerated where nobody allowed it",
        file: "src/server/client_auth.rs",
        from: "ClientAuthDecision::Request(demand) if demand.tolerant",
        to: "ClientAuthDecision::Request(_) if true",
    },
    Mutant {
        name: "soft failure: a refusal is tolerated where a certificate is required",
        file: "src/server/client_auth.rs",
        from: "matches!(&auth.decision, ClientAuthDecision::Request(demand) if demand.tolerant)",
        to: "auth.decision.demand().is_some_and(|demand| demand.tolerant)",
    },
    Mutant {
        name: "soft failure: the refused chain stays",
        file: "src/server/client_auth.rs",
        from: ".is_some_and(|auth| auth.status == ClientAuthStatus::Refused)",
        to: ".is_some_and(|_| false)",
    },
    Mutant {
        name: "require: nobody has to have a certificate",
        file: "src/server/client_auth.rs",
        from: "Some(auth) => matches!(auth.decision, ClientAuthDecision::Require(_)),",
        to: "Some(_) => false,",
    },
    Mutant {
        name: "RCA-4: an offer is acknowledged that was not made",
        file: "src/server/client_auth.rs",
        from: "self.offered()\n            && self.status",
        to: "true\n            && self.status",
    },
    Mutant {
        name: "RCA-3: an offer is acknowledged that is not the reason for asking",
        file: "src/server/client_auth.rs",
        from: ".is_some_and(|demand| demand.answers_offer)",
        to: ".is_some()",
    },
    Mutant {
        name: "FLAGS-12: a second hello may differ",
        file: "src/server/client_auth.rs",
        from: "differ.position(|differs| differs)?",
        to: "differ.position(|_| false)?",
    },
    Mutant {
        name: "FLAGS-12: a second hello may have other flags",
        file: "src/server/client_auth.rs",
        from: "(\"tls_flags\", Some(ExtensionType::TlsFlags))",
        to: "(\"tls_flags\", Some(ExtensionType::ServerName))",
    },
    Mutant {
        name: "FLAGS-12: a second hello may have other cipher suites",
        file: "src/server/client_auth.rs",
        from: "None => hello.cipher_suites.encode(&mut shown),",
        to: "None => {}",
    },
    Mutant {
        name: "decision: a second hello is decided upon anew",
        file: "src/server/hs.rs",
        from: "(Some(policy), None) => Some(",
        to: "(Some(policy), _) => Some(",
    },
    Mutant {
        name: "off: another server name gets an alert that upstream does not send",
        file: "src/server/hs.rs",
        from: "None => err.into(),\n        });",
        to: "None => cx\n                .common\n                .send_fatal_alert(AlertDescription::IllegalParameter, err),\n        });",
    },
    Mutant {
        name: "RES-2: the gate does not ask about client authentication",
        file: "src/server/hs.rs",
        from: "&& data.permits_resumption(resumedata, config)",
        to: "&& (true || data.permits_resumption(resumedata, config))",
    },
    Mutant {
        name: "FLAGS-2: the flags of a hello are not looked at",
        file: "src/server/hs.rs",
        from: "client_hello.tls_flags.as_ref(),\n                &FlagSet::EMPTY,",
        to: "None,\n                &FlagSet::EMPTY,",
    },
    Mutant {
        name: "RES-1: sessions of TLS 1.2 record nothing",
        file: "src/server/tls12.rs",
        from: "v.client_auth = cx.data.session_record();",
        to: "",
    },
    Mutant {
        name: "RES-1: sessions of TLS 1.3 record nothing",
        file: "src/server/tls13.rs",
        from: "value.client_auth = cx.data.session_record();",
        to: "",
    },
    Mutant {
        name: "FLAGS-5: flags may stand in any message",
        file: "src/msgs/macros.rs",
        from: "ExtensionType::TlsFlags => return Err(InvalidMessage::UnexpectedTlsFlags),",
        to: "ExtensionType::TlsFlags if false => return Err(InvalidMessage::UnexpectedTlsFlags),",
    },
    Mutant {
        name: "FLAGS-13: the outer hello offers, too",
        file: "src/client/ech.rs",
        from: "outer_hello.tls_flags = None;",
        to: "",
    },
    Mutant {
        name: "FLAGS-13: the offer leaks when ECH is rejected",
        file: "src/client/hs.rs",
        from: "if cx.data.ech_status != EchStatus::Rejected {\n            exts.tls_flags",
        to: "if true {\n            exts.tls_flags",
    },
    Mutant {
        name: "RES-8: a client that offers resumes what keeps it from being asked",
        file: "src/client/client_auth.rs",
        from: "authenticated || self.prefer_resumption || !self.flag",
        to: "authenticated || !authenticated",
    },
    Mutant {
        name: "RES-8: the client forgets that it authenticated under TLS 1.3",
        file: "src/client/tls13.rs",
        from: "value.common.authenticated = authenticated;",
        to: "let _ = authenticated;",
    },
    Mutant {
        name: "RES-8: the client forgets that it authenticated under TLS 1.2",
        file: "src/client/tls12.rs",
        from: "session_value.common.authenticated = cx.data.authenticated;",
        to: "",
    },
    Mutant {
        name: "CARE-5: a certificate goes over TLS 1.2 unasked",
        file: "src/client/client_auth.rs",
        from: ".unwrap_or(!self.flag)",
        to: ".unwrap_or(true)",
    },
    Mutant {
        name: "RCA-4: a client takes any acknowledgement",
        file: "src/client/tls13.rs",
        from: "ClientAuthStatus::Offered => self.config.client_auth_offer.flags(),\n            _ => FlagSet::EMPTY,",
        to: "_ => FlagSet::single(self.config.client_auth_offer.code_points.request_client_auth()),",
    },
    Mutant {
        name: "RCA-7: a client is acknowledged whether or not",
        file: "src/client/tls13.rs",
        from: "flags.is_some_and(|flags| !offered.is_empty() && offered.is_subset(&flags))",
        to: "flags.is_some() || !offered.is_empty()",
    },
];
