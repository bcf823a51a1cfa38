//! Malformed lists of requests: each ends the connection (SCC-4).

use super::{Case, Lab, ONE, about, kind_of_requests};
use crate::http2::{Code, Frame};
use crate::secondary::{ECDSA_P256, integer, must_end, raw_request, schemes};

/// Makes the payload of AUTHENTICATOR_REQUESTS.
type Make = fn(&[u8]) -> Vec<u8>;

/// Behind its length.
fn listed(request: &[u8]) -> Vec<u8> {
    [&integer(request.len())[..], request].concat()
}

/// A request of type 13 with these extensions.
fn with(context: &[u8], extensions: &[(u16, &[u8])]) -> Vec<u8> {
    listed(&raw_request(13, context, extensions))
}

/// The extension signature_algorithms.
fn usual() -> Vec<u8> {
    schemes(&[ECDSA_P256])
}

/// Name, rule, the fault, and the payload, with a context of its own.
const MALFORMED: [(&str, &str, &str, Make); 14] = [
    ("empty-list", "SCC-4", "a frame without requests", |_| Vec::new()),
    ("length-too-long", "SCC-4", "a length that is too long", |context| {
        let request = raw_request(13, context, &[(13, &usual())]);
        [&integer(request.len() + 1)[..], &request].concat()
    }),
    ("length-cut", "SCC-4", "a length without its second byte", |context| {
        let mut payload = with(context, &[(13, &usual())]);
        payload.push(0x40);
        payload
    }),
    ("no-request", "SCC-4", "a request of length 0", |_| vec![0]),
    ("request-of-clients", "SCC-4", "a request of type 17", |context| {
        listed(&raw_request(17, context, &[(13, &usual())]))
    }),
    ("bytes-behind", "EA-2", "a byte behind a request", |context| {
        let mut request = raw_request(13, context, &[(13, &usual())]);
        request.push(0);
        listed(&request)
    }),
    ("request-cut", "EA-2", "a request without its last byte", |context| {
        let mut request = raw_request(13, context, &[(13, &usual())]);
        request.pop();
        listed(&request)
    }),
    ("without-header", "EA-2", "a request without its handshake header", |context| {
        let request = raw_request(13, context, &[(13, &usual())]);
        listed(request.get(4..).unwrap_or_default())
    }),
    ("no-schemes", "EA-4", "a request without signature_algorithms", |context| {
        with(context, &[(0xff5c, &[])])
    }),
    ("empty-schemes", "EA-4", "a request with an empty signature_algorithms", |context| {
        with(context, &[(13, &schemes(&[]))])
    }),
    ("odd-schemes", "EA-4", "a request with half a scheme", |context| {
        with(context, &[(13, &[0, 3, 4, 3, 8])])
    }),
    ("extension-twice", "EA-4", "a request with an extension twice", |context| {
        with(context, &[(13, &usual()), (0xff5c, &[]), (0xff5c, &[])])
    }),
    ("server-name", "EA-4", "a request of a server with server_name", |context| {
        with(context, &[(13, &usual()), (0, &[])])
    }),
    ("good-and-malformed", "SCC-4", "a malformed request behind another one", |context| {
        [with(context, &[(13, &usual())]), with(&[8; 16], &[])].concat()
    }),
];

pub(super) fn cases() -> Vec<Case> {
    let case = |(name, rule, fault, make): (&str, &'static str, &str, Make)| {
        let about = about(name, rule, &format!("refuses {fault}"));
        Case::new(about, [], move |lab: &mut Lab| {
            lab.host_web(ONE, |host| {
                host.page()?;
                let payload = make(&host.context()?);
                host.session.send(&Frame::new(kind_of_requests(), 0, payload));
                Ok(must_end(&host.session.reaction(None), Code::PROTOCOL_ERROR))
            })
        })
    };
    MALFORMED.into_iter().map(case).collect()
}
