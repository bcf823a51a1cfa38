//! The rules that this project implements, as data. Code, errors and tests cite them by id, such as
//! `FLAGS-2`.
//!
//! Each rule is a constant with its id, its [`Level`], its source and one sentence. [`FAMILIES`]
//! contains all of them, by document, and `docs/RULES.md` in the repository is generated from them.
//! Use [`find`] to look up the rule that an error names.
//!
//! Section numbers are those of RFC 8446, which RFC 9846 obsoletes. Revision -17 of
//! draft-ietf-tls-tlsflags is published; the rules follow -16, and no change is known.
//!
//! ```
//! use rustls_ext_wire::{FlagSet, rules};
//!
//! let error = FlagSet::decode(&[1, 0]).unwrap_err();
//! let rule = rules::find(error.rule()).unwrap();
//! assert_eq!((rule.id, rule.level), ("FLAGS-2", rules::Level::Must));
//! assert_eq!(rule.source, "draft-ietf-tls-tlsflags-16 section 2");
//! ```

use core::fmt;

/// How strict a rule is (RFC 2119).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Level {
    /// Required, by the source or, after an advisory, by this project.
    Must,
    /// Forbidden.
    MustNot,
    /// Recommended.
    Should,
    /// Allowed.
    May,
    /// A choice of this project, where the source allows several or is silent.
    Choice,
}

/// The name of a level, as a literal.
macro_rules! name {
    (Must) => {
        "MUST"
    };
    (MustNot) => {
        "MUST NOT"
    };
    (Should) => {
        "SHOULD"
    };
    (May) => {
        "MAY"
    };
    (Choice) => {
        "our choice"
    };
}

impl Level {
    /// Returns the name in the spelling of RFC 2119; `our choice` for [`Level::Choice`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Must => name!(Must),
            Self::MustNot => name!(MustNot),
            Self::Should => name!(Should),
            Self::May => name!(May),
            Self::Choice => name!(Choice),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A rule: its id, level, source and text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Rule {
    /// Its id: the name of its [`Family`] and a number, such as `FLAGS-2`.
    pub id: &'static str,
    /// How strict it is.
    pub level: Level,
    /// The document that it comes from, with the section if there is one.
    pub source: &'static str,
    /// What it requires, in one sentence.
    pub text: &'static str,
}

/// The rules of one document.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Family {
    /// The first part of the ids, such as `FLAGS`.
    pub name: &'static str,
    /// What the rules are about.
    pub subject: &'static str,
    /// The document, with its date or its state.
    pub document: &'static str,
    /// The implemented rules, by number. Empty if the family is only reserved.
    pub rules: &'static [Rule],
}

/// Returns every rule, by family and number.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    FAMILIES.iter().flat_map(|family| family.rules)
}

/// Returns the rule with this id, such as `"RCA-4"`; `None` for any other citation in errors, such
/// as `"RFC 8446 5.1"`.
///
/// ```
/// use rustls_ext_wire::rules;
///
/// assert_eq!(rules::find("RCA-4"), Some(&rules::RCA_4));
/// assert_eq!(rules::find("RFC 8446 5.1"), None);
/// ```
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.id == id)
}

/// Makes a constant of each rule, with its documentation, and the list of all families.
macro_rules! families {
    ($($family:ident $subject:literal, $document:literal {
        $($name:ident $id:literal $level:ident $source:literal $text:literal)*
    })*) => {
        $($(
            #[doc = concat!($text, "\n\n", name!($level), ", ", $source)]
            #[doc(alias = $id)]
            pub const $name: Rule = Rule {
                id: $id,
                level: Level::$level,
                source: $source,
                text: $text,
            };
            const _: () = assert!(
                is_name_of(stringify!($name), $id),
                concat!("the id ", $id, " differs from the name of its constant")
            );
        )*)*

        /// Every family, with its rules.
        pub static FAMILIES: &[Family] = &[$(Family {
            name: stringify!($family),
            subject: $subject,
            document: $document,
            rules: &[$($name),*],
        }),*];
    };
}

/// Returns true if the constant for the rule `id` has this name: `FLAGS_2` for `FLAGS-2`.
const fn is_name_of(name: &str, id: &str) -> bool {
    let (name, id) = (name.as_bytes(), id.as_bytes());
    let mut place = 0;
    while place < name.len() && place < id.len() {
        if name[place] != id[place] && (name[place] != b'_' || id[place] != b'-') {
            return false;
        }
        place += 1;
    }
    name.len() == id.len()
}

families! {
    FLAGS "The extension `tls_flags`",
        "draft-ietf-tls-tlsflags-16, a document of the TLS working group; -17 is published, and no \
         change is known"
    {
        FLAGS_1 "FLAGS-1" Must "draft-ietf-tls-tlsflags-16 section 2"
            "A sender writes the shortest list of flags that contains the highest flag that is \
             set."
        FLAGS_2 "FLAGS-2" Must "draft-ietf-tls-tlsflags-16 section 2"
            "A receiver refuses a list in which no flag is set, or whose last byte is zero, with \
             `illegal_parameter`."
        FLAGS_3 "FLAGS-3" Must "draft-ietf-tls-tlsflags-16 section 2"
            "A receiver refuses any other malformed body (an empty list, a length byte that \
             disagrees with the body, bytes after the list) with `illegal_parameter`, not with \
             `decode_error`."
        FLAGS_4 "FLAGS-4" Must "draft-ietf-tls-tlsflags-16 section 3"
            "A sender puts the extension only into ClientHello, ServerHello, HelloRetryRequest, \
             EncryptedExtensions, CertificateRequest, Certificate and NewSessionTicket, and a flag \
             only into those of them for which it is registered."
        FLAGS_5 "FLAGS-5" MustNot "draft-ietf-tls-tlsflags-16 section 3"
            "A server does not set a flag in ServerHello, HelloRetryRequest, EncryptedExtensions \
             or its Certificate that the ClientHello did not have, and a client does not set a \
             flag in its Certificate that the CertificateRequest did not have; the receiver \
             refuses such a flag with `illegal_parameter`."
        FLAGS_6 "FLAGS-6" Must "draft-ietf-tls-tlsflags-16 section 3"
            "A receiver ignores unknown flags in ClientHello, CertificateRequest and \
             NewSessionTicket, where unsolicited flags are allowed."
        FLAGS_7 "FLAGS-7" MustNot "draft-ietf-tls-tlsflags-16 section 3"
            "An endpoint answers a flag with the same flag or not at all, never with an extension \
             that has content, and does not answer a flag in NewSessionTicket."
        FLAGS_8 "FLAGS-8" MustNot "draft-ietf-tls-tlsflags-16 section 3"
            "An endpoint that has no flag to send does not send the extension, not even an empty \
             one."
        FLAGS_9 "FLAGS-9" Must "draft-ietf-tls-tlsflags-16 section 3"
            "The extension applies to TLS 1.3 only: a server that negotiates TLS 1.2 ignores it, \
             even if it is malformed, and never answers it."
        FLAGS_10 "FLAGS-10" MustNot "RFC 8446 section 4.2"
            "A sender does not put the extension into a message twice; the receiver treats a \
             second one as any duplicate extension."
        FLAGS_11 "FLAGS-11" Choice "RFC 8446 section 4.2.10"
            "A client that sends 0-RTT data sends the same flags in its ClientHello as without \
             0-RTT data, and the server checks them in the same way."
        FLAGS_12 "FLAGS-12" Must "RFC 8446 section 4.1.2"
            "A client sends the same flags in its second ClientHello, after HelloRetryRequest, as \
             in the first."
        FLAGS_13 "FLAGS-13" Choice "RFC 9849 section 10.5"
            "With Encrypted Client Hello, a client sends the flags in the inner ClientHello and \
             not in the outer one, since they can tell an observer about the client."
    }
    RCA "The flag `request_client_auth`",
        "draft-jhoyla-req-mtls-flag, the editor's copy of June 2025; an individual draft"
    {
        RCA_1 "RCA-1" Should "draft-jhoyla-req-mtls-flag section 1"
            "A client sets the flag only if it has a certificate available, without asking a \
             person or an external device."
        RCA_2 "RCA-2" Must "draft-jhoyla-req-mtls-flag section 3"
            "A server that accepts the offer sends CertificateRequest with the flag set."
        RCA_3 "RCA-3" May "draft-jhoyla-req-mtls-flag section 3"
            "A server that requests a certificate for another reason sends CertificateRequest \
             without the flag."
        RCA_4 "RCA-4" MustNot "draft-jhoyla-req-mtls-flag section 3"
            "A server does not set the flag in CertificateRequest if the ClientHello did not have \
             it; a client refuses such a flag with `illegal_parameter`."
        RCA_5 "RCA-5" Must "draft-jhoyla-req-mtls-flag section 3"
            "A client refuses the flag in any message but CertificateRequest, and a server in any \
             message but ClientHello, with `illegal_parameter`."
        RCA_6 "RCA-6" Must "draft-jhoyla-req-mtls-flag section 3"
            "A client that receives CertificateRequest with the flag sends Certificate, even if it \
             is empty; it ends the connection first only if `certificate_authorities` or \
             `signature_algorithms` exclude all of its certificates."
        RCA_7 "RCA-7" May "draft-jhoyla-req-mtls-flag section 3"
            "A client may choose its certificate depending on whether the server acknowledged the \
             flag."
        RCA_8 "RCA-8" Choice "draft-jhoyla-req-mtls-flag section 4, which leaves it open"
            "A server with separate trust anchors for clients that set the flag never accepts a \
             chain to one set of anchors where it requires a chain to the other."
        RCA_9 "RCA-9" May "draft-jhoyla-req-mtls-flag section 3"
            "A server may ignore the flag."
    }
    CARE "The extension `client_authentication_request`",
        "draft-thomson-tls-care-00 (2014), expired"
    {
        CARE_1 "CARE-1" Must "draft-thomson-tls-care-00"
            "A sender sends an empty body; the receiver refuses any other with \
             `illegal_parameter`, an alert that is our choice."
        CARE_2 "CARE-2" May "draft-thomson-tls-care-00"
            "A server may request a certificate because of the extension, or ignore it."
        CARE_3 "CARE-3" May "draft-thomson-tls-care-00, RFC 8446 section 4.2"
            "A server may echo the extension in EncryptedExtensions (under TLS 1.2, in \
             ServerHello) and in no other message; a client that did not send the extension \
             refuses the echo with `unsupported_extension`."
        CARE_4 "CARE-4" Must "draft-thomson-tls-care-00"
            "The extension has no effect on a resumed session."
        CARE_5 "CARE-5" Choice "draft-thomson-tls-care-00, which would renegotiate"
            "Under TLS 1.2, which does not encrypt Certificate, a client that offers to \
             authenticate sends its certificate only if it is configured to do so, and otherwise \
             an empty Certificate."
    }
    RES "Resumption",
        "RFC 8446, RFC 5246, RFC 5077, and advisories about deployed servers, such as \
         CVE-2025-23419"
    {
        RES_1 "RES-1" Choice "RFC 8446 section 4.6.1, RFC 5077 section 4"
            "A server records in each session, whether it stores the session or puts it into a \
             ticket, under which demand the client authenticated or did not."
        RES_2 "RES-2" Must "RFC 8446 section 4.6.1, CVE-2025-23419, CVE-2025-23048"
            "A server resumes a session only if the demand of the new connection accepts the \
             session's record; otherwise it makes a full handshake, without an alert."
        RES_3 "RES-3" Must "RFC 8446 section 4.6.1, CVE-2025-23419"
            "A server makes a full handshake with a client that offers to authenticate and \
             presents a session without a certificate, if the policy would request a certificate \
             on a new connection."
        RES_4 "RES-4" May "RFC 8446 sections 2.2 and 4.6.1"
            "A server may resume the session of a client that declined an optional request, \
             without another request, if the client does not offer to authenticate."
        RES_5 "RES-5" Must "RFC 8446 section 4.6.1, CVE-2025-68121"
            "A server verifies the chain of a session again when it resumes the session, or proves \
             that nothing has changed on which the verification depends; if the chain no longer \
             verifies, it makes a full handshake."
        RES_6 "RES-6" Must "RFC 8446 section 4.2.10"
            "A server that refuses a resumption also refuses the 0-RTT data."
        RES_7 "RES-7" Must "RFC 8446 sections 2.2 and 4.6.1"
            "A server does not resume a session from a ticket of another server or of an older \
             format, and does not treat such a ticket as an error."
        RES_8 "RES-8" Choice "RFC 8446 section 4.6.1"
            "A client that offers to authenticate does not present a session without a \
             certificate, unless it is configured to prefer resumption."
    }
    CANT "The challenge `ClientCertificate`",
        "draft-thomson-httpbis-cant (December 2014), expired"
    {
        CANT_1 "CANT-1" Must "draft-thomson-httpbis-cant"
            "The challenge applies to `https` only; a client ignores it in a response over `http`."
        CANT_2 "CANT-2" Must "draft-thomson-httpbis-cant"
            "A challenge has the parameters `realm`, `dn` (the DER of an accepted issuer's name), \
             and `sha-256` or another hash (of a certificate in an accepted chain); all but \
             `realm` may repeat, and clients support `sha-256`."
        CANT_3 "CANT-3" Choice "draft-thomson-httpbis-cant, RFC 4648 section 5"
            "Values are base64url without padding; a parser also accepts `~`, which the draft's \
             grammar has in place of `-`."
        CANT_4 "CANT-4" Choice "draft-thomson-httpbis-cant, against RFC 9110 section 11.2"
            "A parser reads every occurrence of a repeated parameter, since each is an \
             alternative."
        CANT_5 "CANT-5" Must "draft-thomson-httpbis-cant"
            "A client answers a challenge on a new connection for each protection space, and \
             offers to authenticate there by the flag or CARE."
        CANT_6 "CANT-6" MustNot "draft-thomson-httpbis-cant"
            "A client does not use a connection that it made to answer a challenge for any other \
             origin than the one that sent the challenge, even if the server's certificate covers \
             others."
        CANT_7 "CANT-7" Choice "draft-thomson-httpbis-cant"
            "A client repeats a request at most once for each challenge and protection space, and \
             only if it has a certificate that the challenge accepts."
        CANT_8 "CANT-8" Choice "draft-thomson-httpbis-cant"
            "A client does not answer a challenge over TLS 1.2, which would expose its \
             certificate, unless it is configured to do so."
    }
    EA "Exported authenticators",
        "RFC 9261"
    {
        EA_1 "EA-1" Must "RFC 9261 section 5.1"
            "The handshake context and the MAC key of a sender come from the connection's exporter \
             under the labels of that sender, with an empty context, each as long as the output \
             of the hash of the cipher suite."
        EA_2 "EA-2" Must "RFC 9261 sections 4 and 5.2"
            "A request is one handshake message with its header, of type 13 from a server and 17 \
             from a client; an authenticator is Certificate, CertificateVerify and Finished, or \
             Finished alone; a receiver refuses any other message, length or trailing byte."
        EA_3 "EA-3" Must "RFC 9261 sections 4, 5.2 and 5.2.1"
            "A context occurs in one request on its connection, by either side, and is at least 16 \
             random bytes long if this side chooses it; a request with a context that was used \
             before, or that cannot be recorded, is not answered."
        EA_4 "EA-4" Must "RFC 9261 section 4, RFC 8446 section 4.3.2"
            "A request has `signature_algorithms`, no extension twice, and no extension that TLS \
             1.3 does not allow in CertificateRequest, except `server_name` in a request of a \
             client; a receiver ignores unknown extensions."
        EA_5 "EA-5" MustNot "RFC 9261 sections 5, 5.2 and 6"
            "A client makes no authenticator without a request; a server may, with the schemes and \
             extensions of the ClientHello, but not an empty one."
        EA_6 "EA-6" Must "RFC 9261 section 5.2.1"
            "The Certificate of an authenticator repeats the context of the request, and its \
             entries have only extensions that the request had and that TLS 1.3 allows in \
             Certificate, none twice."
        EA_7 "EA-7" Must "RFC 9261 section 5.2.2, RFC 8446 section 4.4.3"
            "The signature scheme is one of `signature_algorithms` that TLS 1.3 allows in \
             CertificateVerify, so not RSASSA-PKCS1-v1_5."
        EA_8 "EA-8" Must "RFC 9261 section 5.2.2"
            "The message that is signed consists of 64 bytes 0x20, the text `Exported \
             Authenticator`, a zero byte, and the hash of the handshake context, the request as \
             sent (nothing without a request) and Certificate."
        EA_9 "EA-9" Must "RFC 9261 sections 5.2.3 and 5.2.4"
            "Finished contains the HMAC, under the exported key itself, of the hash of the \
             handshake context, the request, Certificate and CertificateVerify; the receiver \
             compares it in constant time, before it checks the signature."
        EA_10 "EA-10" Must "RFC 9261 section 6"
            "The Finished of an empty authenticator is computed as if a Certificate with the \
             context of the request and without entries came before it; a receiver treats it as \
             declined, and refuses a Certificate without entries."
        EA_11 "EA-11" Must "RFC 9261 sections 5.2 and 7.4"
            "A request is answered once, by an authenticator or an empty one; an authenticator \
             without a request of its receiver, or for one that has been answered, is refused."
        EA_12 "EA-12" Must "RFC 9261 section 5.1"
            "Authenticators need TLS 1.3, or TLS 1.2 with the extended master secret; where a \
             stack does not tell whether it was negotiated, TLS 1.2 is refused."
        EA_13 "EA-13" Must "RFC 9261 sections 5.1 and 8"
            "An authenticator of another connection, of the other direction, for another request, \
             or changed in one bit does not validate; nor does one that passed a proxy which \
             terminates TLS."
        EA_14 "EA-14" Must "RFC 9261 sections 5.2.4 and 7.4"
            "A valid authenticator proves possession only; its chain is then verified like that of \
             any other client, and only both together are an identity."
    }
    SCC "Secondary certificates of HTTP clients",
        "draft-rosomakho-httpbis-secondary-client-certs-00, the editor's copy of July 2025; an \
         individual draft"
    {
        SCC_1 "SCC-1" Must "draft-rosomakho-httpbis-secondary-client-certs section 3.1"
            "A client announces in `SETTINGS_HTTP_CLIENT_CERT_AUTH` how many requests may be \
             outstanding, a server announces 1, and neither sends a frame before it has announced \
             and received a value above 0."
        SCC_2 "SCC-2" Choice "draft-rosomakho-httpbis-secondary-client-certs section 3.1"
            "A setting that returns to 0, and a value of a server other than 0 and 1, end the \
             connection: PROTOCOL_ERROR, H3_SETTINGS_ERROR."
        SCC_3 "SCC-3" Choice "draft-rosomakho-httpbis-secondary-client-certs section 4.1.3"
            "`AUTHENTICATOR_REQUESTS` has one or more requests, each after its length as a \
             variable-length integer of any form; they are CertificateRequests of type 13, where \
             the draft names the type of requests by clients."
        SCC_4 "SCC-4" Must "draft-rosomakho-httpbis-secondary-client-certs sections 4.1.1 to 4.1.3"
            "An empty list, a length that does not fit and a malformed request end the connection: \
             PROTOCOL_ERROR, H3_MESSAGE_ERROR."
        SCC_5 "SCC-5" Must "draft-rosomakho-httpbis-secondary-client-certs section 4.1"
            "Only servers send `AUTHENTICATOR_REQUESTS`, and only on stream 0 or the control \
             stream; otherwise: PROTOCOL_ERROR, H3_FRAME_UNEXPECTED."
        SCC_6 "SCC-6" Must "draft-rosomakho-httpbis-secondary-client-certs section 4.1.4"
            "A server has at most as many outstanding requests as the client announced, all of one \
             frame counted; otherwise: PROTOCOL_ERROR, H3_FRAME_UNEXPECTED."
        SCC_7 "SCC-7" Must "draft-rosomakho-httpbis-secondary-client-certs sections 4.1.4 and 4.2"
            "A client answers each request, in order, with one `CERTIFICATE` frame that contains \
             one authenticator, which may be empty; otherwise: PROTOCOL_ERROR."
        SCC_8 "SCC-8" Must "draft-rosomakho-httpbis-secondary-client-certs section 4.2"
            "A `CERTIFICATE` frame that answers no request, or is on another stream, or comes from \
             a server, ends the connection: PROTOCOL_ERROR, H3_FRAME_UNEXPECTED."
        SCC_9 "SCC-9" Choice "draft-rosomakho-httpbis-secondary-client-certs section 4.2.1"
            "An authenticator that does not validate ends the connection with PROTOCOL_ERROR; a \
             valid one whose chain does not verify leaves the client unauthenticated, with the \
             reason."
        SCC_10 "SCC-10" Must "draft-rosomakho-httpbis-secondary-client-certs sections 4.2.1 and 5.4"
            "An identity holds for the whole connection from then on, and for no other connection."
        SCC_11 "SCC-11" Choice "draft-rosomakho-httpbis-secondary-client-certs section 1"
            "Identities add up: a connection may have several, each counts in its own scope only."
        SCC_12 "SCC-12" Choice "draft-rosomakho-httpbis-secondary-client-certs section 5.5"
            "Requests, their number, sizes and waiting times are limited; what exceeds a limit is \
             answered with an empty authenticator, or ends the connection: ENHANCE_YOUR_CALM or \
             FRAME_SIZE_ERROR, H3_EXCESSIVE_LOAD."
        SCC_13 "SCC-13" Must "RFC 9113 section 6.10"
            "The frames are sent between other frames, not within a header block."
        SCC_14 "SCC-14" Must "draft-rosomakho-httpbis-secondary-client-certs section 5.4"
            "A resumed connection starts without the identities of authenticators, and 0-RTT data \
             comes before any proof."
        SCC_15 "SCC-15" Choice "draft-rosomakho-httpbis-secondary-client-certs section 5.3"
            "A client shows an identity only to an origin for which it is meant, and only on a \
             connection whose server it has verified."
    }
    WIO "The extension `workload_identifier_origin_hint`",
        "draft-rosomakho-tls-wimse-cert-hint-02 (March 2026), an individual draft; -03 is published, \
         and changes no rule"
    {
        WIO_1 "WIO-1" Must "draft-rosomakho-tls-wimse-cert-hint-02 section 3"
            "The extension is allowed in ClientHello only: a client or a server refuses it in any \
             other message with `illegal_parameter`."
        WIO_2 "WIO-2" Choice "draft-rosomakho-tls-wimse-cert-hint-02 section 3"
            "A server refuses a malformed list (a length that does not fit, an empty list, an \
             empty string, bytes after the list) with `decode_error`."
        WIO_3 "WIO-3" Should "draft-rosomakho-tls-wimse-cert-hint-02 sections 3 and 4.4"
            "A server ignores a string that is not a URI of a scheme and a trust domain alone \
             (without userinfo, port, path, query and fragment), and an origin that it does not \
             know, unless it is configured to refuse ClientHellos without a known origin."
        WIO_4 "WIO-4" MustNot "draft-rosomakho-tls-wimse-cert-hint-02 sections 3.1 and 4.2"
            "A server does not treat an origin as a proof of identity: it may decide whether to \
             request a certificate, which authorities to name and which anchors to use, or refuse \
             the client with `handshake_failure`, but it authenticates nobody."
        WIO_5 "WIO-5" Choice "draft-rosomakho-tls-wimse-cert-hint-02 section 3.1"
            "Origins count as an offer to authenticate, which is not acknowledged; a flag that \
             came with them is acknowledged by RCA-2."
        WIO_6 "WIO-6" Choice "draft-rosomakho-tls-wimse-cert-hint-02 section 4.2"
            "A certificate that was requested because of an origin counts only if a URI in its \
             subjectAltName has that origin, compared by RFC 3986 section 6.2.2; another \
             certificate is refused with `access_denied`, or leaves the client unauthenticated."
        WIO_7 "WIO-7" Must "RFC 8446 section 4.1.2 and \
             draft-rosomakho-tls-wimse-cert-hint-02 section 4.1"
            "A client sends the same list in its second ClientHello, with Encrypted Client Hello \
             only in the inner one, and never in a ClientHello that does not offer TLS 1.3."
        WIO_8 "WIO-8" Choice "draft-rosomakho-tls-wimse-cert-hint-02 section 3"
            "A server reads at most 16 origins and 4,096 bytes of the extension and ignores the \
             rest, and a client does not send more."
        WIO_9 "WIO-9" Choice "draft-rosomakho-tls-wimse-cert-hint-02 section 3.1"
            "A session in which a certificate was requested because of an origin resumes only \
             where the same demand applies: it records the scope of the origin's rule."
    }
}
