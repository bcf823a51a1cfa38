//! Sessions of a client that offers.

use super::{Case, Lab, Need, in_hellos};
use crate::case::{About, Group, Level, Role};
use crate::grade::Grade;
use crate::talk::{Talk, Verdict};
use raw_peer::{HandshakeType, ServerConfig, ext};
use std::rc::Rc;

fn about(name: &str, rule: &'static str, expects: &str) -> About {
    About::new(Role::Client, Group::Resumption, name, rule, expects)
}

fn twice(lab: &mut Lab, config: ServerConfig) -> Result<(Rc<Talk>, Rc<Talk>), Grade> {
    match lab.host_all(config, None).as_slice() {
        [first, second, ..] => Ok((first.clone(), second.clone())),
        _ => Err(Grade::Failed("does not connect again".into())),
    }
}

pub(super) fn offers_session(talk: &Talk) -> bool {
    let hello = talk.peer.received(HandshakeType::CLIENT_HELLO);
    hello.is_some_and(|hello| hello.find_extension(ext::PRE_SHARED_KEY).is_some())
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            about(
                "unasked",
                "RES-8",
                "does not offer to authenticate and, with it, a session without a certificate",
            ),
            [Need::Twice, Need::Offers],
            |lab| {
                let mut config = lab.honest();
                config.ask_certificate = false;
                let (_, second) = twice(lab, config)?;
                Ok(if offers_session(&second) {
                    Grade::Tolerated(
                        "offers one: the server must then make a full handshake (RES-3)".into(),
                    )
                } else {
                    Grade::Passed
                })
            },
        )
        .level(Level::Should),
        Case::new(
            about("authenticated", "CARE-4", "continues where an authenticated session is resumed"),
            [Need::Twice, Need::Offers, Need::Certificate],
            |lab| {
                let (_, second) = twice(lab, lab.honest())?;
                if !second.peer.is_resumed() {
                    return Err(Grade::Skipped("the client offered no session".into()));
                }
                let why = format!("{}, but it should continue", second.verdict());
                Ok(Grade::from(second.verdict() == Verdict::Accepted, why))
            },
        ),
        Case::new(
            about("same-offer", "FLAGS-11", "makes the same offer with a session as without one"),
            [Need::Twice],
            |lab| {
                let (first, second) = twice(lab, lab.honest())?;
                if !offers_session(&second) {
                    return Err(Grade::Skipped("the client offered no session".into()));
                }
                let numbers = [Some(lab.points.tls_flags()), lab.points.care()];
                let said = |talk: &Talk| -> Vec<_> {
                    numbers.into_iter().flatten().map(|n| in_hellos(talk, n)).collect()
                };
                Ok(Grade::from(said(&first) == said(&second), "makes another offer than before"))
            },
        ),
    ]
}
