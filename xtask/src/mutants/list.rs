//! The mutants, by the rule that each breaks.

/// A way to break the patched rustls.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// What it does wrong, and the rule that this breaks.
    pub name: &'static str,
    /// A file of the patched source, or of the codec that it goes by.
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
        file: "rustls-ext-wire/src/resumption.rs",
        from: "(Demand::None, true) | (Demand::Require(_), false) => Resumption::Refused,",
        to: "(Demand::None, true) => Resumption::Allowed,\n        (Demand::Require(_), false) => Resumption::Refused,",
    },
    Mutant {
        name: "RES-2: a session without a certificate resumes in another scope",
        file: "rustls-ext-wire/src/resumption.rs",
        from: "match session.scope == Some(scope) && !offered {",
        to: "match !offered {",
    },
    Mutant {
        name: "RES-3: a session without a certificate resumes for a client that offers one",
        file: "rustls-ext-wire/src/resumption.rs",
        from: "match session.scope == Some(scope) && !offered {",
        to: "match session.scope == Some(scope) {",
    },
    Mutant {
        name: "RES-4: whoever declined has to shake hands in full again",
        file: "rustls-ext-wire/src/resumption.rs",
        from: "match session.scope == Some(scope) && !offered {",
        to: "match false {",
    },
    Mutant {
        name: "RES-2: a session without a certificate resumes where one is required",
        file: "rustls-ext-wire/src/resumption.rs",
        from: "(Demand::None, true) | (Demand::Require(_), false) => Resumption::Refused,",
        to: "(Demand::None, true) => Resumption::Refused,\n        (Demand::Require(_), false) => Resumption::Allowed,",
    },
    Mutant {
        name: "RES-2: a session with a certificate resumes in another scope",
        file: "rustls-ext-wire/src/resumption.rs",
        from: "            match session.scope == Some(scope) {\n                true => Resumption::IfVerified,",
        to: "            match true {\n                true => Resumption::IfVerified,",
    },
    Mutant {
        name: "RES-5: a proof of possession lasts for ever",
        file: "src/server/client_auth.rs",
        from: "is_recent && still_verifies()",
        to: "(true || is_recent) && still_verifies()",
    },
    Mutant {
        name: "RES-5: a proof in the future counts",
        file: "rustls-ext-wire/src/resumption.rs",
        from: "        None => false,\n",
        to: "        None => true,\n",
    },
    Mutant {
        name: "RES-2: without a policy, a session without a chain resumes under a mandatory verifier",
        file: "src/server/client_auth.rs",
        from: "&& (session.client_cert_chain.is_some() || !mandatory)",
        to: "&& (true || mandatory)",
    },
    Mutant {
        name: "FLAGS-9: an Acceptor with a config for TLS 1.2 shows flags",
        file: "src/server/client_auth.rs",
        from: "Some(version) => self.read_offer(wire_version(version)),",
        to: "Some(_) => self.read_offer(Version::Tls13),",
    },
    Mutant {
        name: "what came with the ClientHello waits for more input",
        file: "src/server/server_conn.rs",
        from: "        match self.connection.process_new_packets() {\n            Ok(_) => Ok(ServerConnection {",
        to: "        match Ok::<_, Error>(()) {\n            Ok(_) => Ok(ServerConnection {",
    },
    Mutant {
        name: "RES-5: the stored chain is not verified again",
        file: "src/server/client_auth.rs",
        from: "                    demand.accepts(session, at, now)\n",
        to: "                    let _ = (demand, at, now);\n                    true\n",
    },
    Mutant {
        name: "RES-7: a session of a server with a policy resumes where there is none",
        file: "src/server/client_auth.rs",
        from: "                session.client_auth.is_empty()\n",
        to: "                (true || session.client_auth.is_empty())\n",
    },
    Mutant {
        name: "RES-1: the session of a refused client is one of a client that declined",
        file: "src/server/client_auth.rs",
        from: "ClientAuthStatus::Declined => Some(Record::Declined { scope }),",
        to: "ClientAuthStatus::Declined | ClientAuthStatus::Refused => Some(Record::Declined { scope }),",
    },
    Mutant {
        name: "RES-1: the session does not say when the client authenticated",
        file: "src/server/client_auth.rs",
        from: "at: at.as_secs(),",
        to: "at: at.as_secs() * 0,",
    },
    Mutant {
        name: "status: a resumed authentication passes for a fresh one",
        file: "src/server/client_auth.rs",
        from: "Some(Record::Authenticated { at, .. }) => ClientAuthStatus::Authenticated {\n                resumed: true,",
        to: "Some(Record::Authenticated { at, .. }) => ClientAuthStatus::Authenticated {\n                resumed: false,",
    },
    Mutant {
        name: "RES-7: a session whose record cannot be read is one of a client that was not asked",
        file: "src/server/client_auth.rs",
        from: "encoded => Record::decode(encoded)?,",
        to: "encoded => Record::decode(encoded).unwrap_or(Record::NotAsked),",
    },
    Mutant {
        name: "RES-7: a session whose record and chain disagree resumes",
        file: "src/server/client_auth.rs",
        from: "(record.session().authenticated == self.client_cert_chain.is_some()).then_some(record)",
        to: "Some(record)",
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
        file: "rustls-ext-wire/src/server.rs",
        from: "Asks::BecauseOffered if self.offer().has_flag() => {",
        to: "Asks::BecauseOffered => {",
    },
    Mutant {
        name: "RCA-3: an offer is acknowledged that is not the reason for asking",
        file: "src/server/client_auth.rs",
        from: "Some(demand) if demand.answers_offer => Asks::BecauseOffered,",
        to: "Some(_) => Asks::BecauseOffered,",
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
        file: "rustls-ext-wire/src/server.rs",
        from: "flags = FlagSet::decode(body)?;\n            check(Message::ClientHello",
        to: "flags = FlagSet::decode(body).unwrap_or(FlagSet::EMPTY);\n            check(Message::ClientHello",
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
        from: "    if cx.data.ech_status != EchStatus::Rejected {\n        let offer",
        to: "    if true {\n        let offer",
    },
    Mutant {
        name: "RES-8: a client that offers resumes what keeps it from being asked",
        file: "src/client/client_auth.rs",
        from: "authenticated || self.prefer_resumption || self.by.is_none()",
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
        from: ".unwrap_or(self.by.is_none())",
        to: ".unwrap_or(true)",
    },
    Mutant {
        name: "RCA-4: a client takes any acknowledgement",
        file: "rustls-ext-wire/src/client.rs",
        from: "                    _ => &sent,\n",
        to: "                    _ => &FlagSet::single(self.code_points.request_client_auth()),\n",
    },
    Mutant {
        name: "RCA-7: a client is acknowledged whether or not",
        file: "rustls-ext-wire/src/client.rs",
        from: "match self.sent.has_flag() && sent.is_subset(&flags) {",
        to: "match self.sent.has_flag() {",
    },
    Mutant {
        name: "CARE-1: a body of the client's is not looked at",
        file: "rustls-ext-wire/src/server.rs",
        from: "check_care(Message::ClientHello, version, body, false)?;",
        to: "let _ = check_care(Message::ClientHello, version, &body[..0], false);",
    },
    Mutant {
        name: "CARE-1: a body of the server's is not looked at",
        file: "rustls-ext-wire/src/client.rs",
        from: "check_care(message, version, body, self.sent.has_care())?;",
        to: "check_care(message, version, &body[..0], self.sent.has_care())?;",
    },
    Mutant {
        name: "CARE-3: it is echoed in the wrong message",
        file: "rustls-ext-wire/src/care.rs",
        from: "Version::Tls12 => Message::ServerHello,",
        to: "Version::Tls12 => Message::EncryptedExtensions,",
    },
    Mutant {
        name: "CARE-3: it may stand in any message",
        file: "src/msgs/macros.rs",
        from: "ExtensionType::ClientAuthenticationRequest => return Err(InvalidMessage::UnexpectedCare),",
        to: "ExtensionType::ClientAuthenticationRequest if false => return Err(InvalidMessage::UnexpectedCare),",
    },
    Mutant {
        name: "CARE-4: it is echoed where a session is resumed",
        file: "src/server/hs.rs",
        from: "        if !for_resume {\n            self.extensions.care",
        to: "        if true {\n            self.extensions.care",
    },
    Mutant {
        name: "CARE: the outer hello offers, too (FLAGS-13)",
        file: "src/client/ech.rs",
        from: "outer_hello.care = None;",
        to: "",
    },
    Mutant {
        name: "FLAGS-12: a second hello may have another CARE",
        file: "src/server/client_auth.rs",
        from: "Some(ExtensionType::ClientAuthenticationRequest),\n    ),",
        to: "Some(ExtensionType::ServerName),\n    ),",
    },
    Mutant {
        name: "off: who does not use CARE takes its number for it",
        file: "src/client/client_auth.rs",
        from: "false => self.code_points.without_care(),",
        to: "false => self.code_points,",
    },
    Mutant {
        name: "off: a server without a policy takes CARE's number for it",
        file: "src/server/client_auth.rs",
        from: "None => self.client_auth_code_points.without_care(),",
        to: "None => self.client_auth_code_points,",
    },
    Mutant {
        name: "RES-6: refused early data is tried again, and counted, whenever more comes",
        file: "src/conn.rs",
        from: "buffer_progress.add_discard(iter.bytes_consumed());",
        to: "",
    },
    Mutant {
        name: "a fault behind our close_notify is a panic, with debug assertions",
        file: "src/common_state.rs",
        from: "debug_assert!(!self.sent_fatal_alert || self.has_sent_close_notify);",
        to: "debug_assert!(!self.sent_fatal_alert);",
    },
];
