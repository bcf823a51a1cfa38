//! A client's second hello, after a HelloRetryRequest.

use super::features::unknown;
use super::{Case, Client, Lab, Need, asks, last_sent, received, second, without_share};
use crate::bodies::MALFORMED;
use crate::case::{About, CaseResult, Group, Level, Role};
use crate::grade::{Grade, ILLEGAL_PARAMETER};
use crate::talk::{Talk, Verdict};
use raw_peer::{ClientConfig, Edit, HandshakeType};

fn about(name: &str, rule: &'static str, expects: &str) -> About {
    About::new(Role::Server, Group::Retry, name, rule, expects)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new(
            about(
                "offer",
                "FLAGS-12",
                "requests a certificate as before if both ClientHellos offer",
            ),
            [],
            |lab| {
                let talk =
                    retried(lab.visit_well(without_share(lab.offering()))?.as_ref()).map(asks)?;
                Ok(Grade::from(
                    talk == lab.features.asks_for_flag,
                    "requests in other cases than without a retry",
                ))
            },
        ),
        Case::new(
            about("unanswered", "FLAGS-5", "puts no flag into HelloRetryRequest"),
            [],
            |lab| {
                let talk = lab.visit(without_share(lab.offering()));
                retried(&talk)?;
                let number = lab.points().tls_flags();
                let flags = received(&talk, HandshakeType::HELLO_RETRY_REQUEST, number);
                Ok(Grade::from(flags.is_empty(), format!("it has tls_flags {flags:02x?}")))
            },
        ),
        Case::new(
            about("acknowledged", "RCA-2", "acknowledges after a retry, too"),
            [Need::Flags, Need::AsksForFlag],
            |lab| {
                let talk = lab.visit_well(without_share(lab.offering()))?;
                retried(&talk)?;
                super::request::acknowledgement(lab, &talk)
            },
        ),
    ];
    let changes: [(&str, &str, Client); 4] = [
        ("gone", "an offer that is gone", |lab| {
            second(lab.offering(), Edit::remove(lab.points().tls_flags()))
        }),
        ("new", "an offer that is new", |lab| second(lab.honest(), lab.offer())),
        ("others", "other flags than before", |lab| {
            second(lab.offering(), Edit::replace(lab.points().tls_flags(), unknown()))
        }),
        ("more", "more flags than before", |lab| {
            second(lab.offering(), Edit::replace(lab.points().tls_flags(), lab.body([3])))
        }),
    ];
    for (name, what, change) in changes {
        let expects = format!("refuses {what} in the second ClientHello with illegal_parameter");
        let case = Case::new(about(name, "FLAGS-12", &expects), [Need::Flags], move |lab| {
            changed(lab, change(lab))
        });
        // RFC 8446 binds the client; a server may go by the second ClientHello alone.
        cases.push(case.level(Level::Should));
    }
    for malformed in MALFORMED.iter().filter(|m| ["trailing-zero", "empty-list"].contains(&m.name))
    {
        let expects = format!("refuses {} in the second ClientHello, too", malformed.what);
        let about = about(malformed.name, malformed.rule, &expects);
        cases.push(Case::new(about, [Need::Flags], move |lab: &mut Lab| {
            let edit = Edit::replace(lab.points().tls_flags(), malformed.body);
            lab.visit_ill(second(lab.offering(), edit))
        }));
    }
    cases
}

/// A second hello with other flags is refused, or at least nothing is made of the first one.
fn changed(lab: &mut Lab, config: ClientConfig) -> CaseResult {
    let talk = lab.visit(config);
    retried(&talk)?;
    if talk.verdict() != Verdict::Accepted {
        return Ok(lab.refused(&talk, ILLEGAL_PARAMETER, &[]));
    }
    let number = lab.points().tls_flags();
    let last = last_sent(&talk, number).unwrap_or_default();
    let offered = rustls_ext_wire::FlagSet::decode(&last)
        .is_ok_and(|flags| flags.contains(lab.points().request_client_auth()));
    let wanted = if offered { lab.features.asks_for_flag } else { lab.features.asks_anyway };
    let acknowledged = !received(&talk, HandshakeType::CERTIFICATE_REQUEST, number).is_empty();
    Ok(if asks(&talk) == wanted && (offered || !acknowledged) {
        Grade::Tolerated("continues with the second ClientHello".into())
    } else {
        Grade::Failed("uses the first ClientHello although the second differs".into())
    })
}

/// The connection, if there was a retry.
pub(super) fn retried(talk: &Talk) -> Result<&Talk, Grade> {
    match talk.peer.received(HandshakeType::HELLO_RETRY_REQUEST) {
        Some(_) => Ok(talk),
        None => Err(Grade::Skipped("the server sent no HelloRetryRequest".into())),
    }
}
