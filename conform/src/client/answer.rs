//! Flags in a server's messages: malformed ones, and ones that may not be there.

use super::{Case, Lab, Need, body};
use crate::bodies::MALFORMED;
use crate::case::{About, Group, Role};
use crate::grade::UNSUPPORTED_EXTENSION;
use raw_peer::{ServerConfig, Slot};

/// A body of flags, by the numbers on the wire.
pub(super) type Body = fn(&Lab) -> Vec<u8>;

/// The messages, by the slot and whether the certificate is compressed.
pub(super) const IN: [(&str, Slot, bool); 7] = [
    ("server-hello", Slot::ServerHello, false),
    ("hello-retry-request", Slot::HelloRetryRequest, false),
    ("encrypted-extensions", Slot::EncryptedExtensions, false),
    ("certificate", Slot::Certificate, false),
    ("compressed-certificate", Slot::Certificate, true),
    ("request", Slot::CertificateRequest, false),
    ("ticket", Slot::NewSessionTicket, false),
];

/// A server that has an edit in this message.
pub(super) fn bent(lab: &Lab, slot: Slot, compressed: bool, edit: raw_peer::Edit) -> ServerConfig {
    let mut config = lab.with(slot, edit);
    config.compress_certificate = compressed;
    config
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, slot, compressed) in IN {
        let needs: Vec<_> = [Some(Need::Flags), compressed.then_some(Need::ReadsCompressed)]
            .into_iter()
            .flatten()
            .collect();
        for malformed in
            MALFORMED.iter().filter(|m| ["trailing-zero", "empty-list"].contains(&m.name))
        {
            let expects = format!("refuses {} in {slot:?} with illegal_parameter", malformed.what);
            let id = format!("{}-in-{name}", malformed.name);
            let about = About::new(Role::Client, Group::Body, &id, malformed.rule, &expects);
            cases.push(Case::new(about, needs.clone(), move |lab: &mut Lab| {
                let config = bent(lab, slot, compressed, lab.flags(malformed.body));
                lab.host_ill(config, &[UNSUPPORTED_EXTENSION])
            }));
        }
        if matches!(slot, Slot::CertificateRequest | Slot::NewSessionTicket) {
            continue;
        }
        let bodies: [(&str, &str, &str, Body); 2] = [
            ("request-client-auth", "RCA-5", "the flag of the offer", |lab| {
                body([lab.points.request_client_auth().get()])
            }),
            ("unknown-flags", "FLAGS-5", "flags that it did not send", |_| body([1, 1023])),
        ];
        for (kind, rule, what, make) in bodies {
            let expects = format!("refuses {what} in {slot:?} with illegal_parameter");
            let id = format!("{kind}-in-{name}");
            let about = About::new(Role::Client, Group::Answer, &id, rule, &expects);
            cases.push(Case::new(about, needs.clone(), move |lab: &mut Lab| {
                let config = bent(lab, slot, compressed, lab.flags(make(lab)));
                lab.host_ill(config, &[UNSUPPORTED_EXTENSION])
            }));
        }
    }
    cases
}
