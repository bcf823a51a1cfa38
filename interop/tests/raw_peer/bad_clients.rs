//! Clients that break a rule on purpose, and the expected alert of each.

use raw_peer::{ClientConfig, Edit, Peer, Slot, version};
use rustls::ext_wire::{CareError, CodePoints, Flag, FlagSet, FlagsError, Message, Origins, check};
use rustls::server::{ClientAuthDecision, ClientAuthStatus};
use rustls::{Error, InvalidMessage, PeerMisbehaved};

use crate::bad_flights;
use crate::demand::{
    ACROSS_NAMES, BOTH, BROKEN_ORIGINS, CARE, EARLY, FLAGS, HINT, OFFER, OFFERS, ORIGINS, OTHER,
    PLAIN, Site, Visit, requesting, requiring,
};

/// The server's status of its client, without the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    NotAsked,
    Asked,
    Proven,
}

impl Known {
    pub fn of(status: ClientAuthStatus) -> Self {
        match status {
            ClientAuthStatus::NotAsked => Self::NotAsked,
            ClientAuthStatus::Asked => Self::Asked,
            ClientAuthStatus::Authenticated { resumed: false, .. } => Self::Proven,
            other => panic!("{other:?}"),
        }
    }
}

/// A client that breaks a rule.
pub struct Case {
    /// The rule or the RFC, and how it is broken.
    pub name: &'static str,
    pub decision: ClientAuthDecision,
    pub config: ClientConfig,
    /// The action after its handshake is complete.
    pub then: Option<fn(&mut Peer)>,
    /// The alert and the error of the server; without them, the server waits.
    pub ends: Option<(u8, Error)>,
    /// The server's status by then, if it decided.
    pub known: Option<Known>,
}

pub fn in_slots(
    slot: Slot,
    edits: impl IntoIterator<Item = Edit>,
    mut config: ClientConfig,
) -> ClientConfig {
    config.plan.edits_mut(slot).extend(edits);
    config
}

/// Every one of them, against this server.
pub fn all(site: &Site) -> Vec<Case> {
    let mut cases = in_hellos(site);
    cases.extend(bad_flights::in_certificates(site));
    cases.extend(bad_flights::out_of_order(site));
    cases
}

fn in_hellos(site: &Site) -> Vec<Case> {
    let request = requesting(&site.pki);
    let require = requiring(&site.pki, "clients");
    let hello = |edits: Vec<Edit>| in_slots(Slot::ClientHello, edits, site.config(PLAIN));
    let second = |edit| {
        let config = site.config(Visit { retry: true, ..OFFERS });
        in_slots(Slot::SecondClientHello, [edit], config)
    };
    let malformed = |error: FlagsError| (47, InvalidMessage::IllegalTlsFlags(error).into());
    let nothing = FlagSet::EMPTY;
    let elsewhere = FlagSet::single(Flag::RESUMPTION_ACROSS_NAMES);
    let violation =
        check(Message::ClientHello, &elsewhere, &nothing, &CodePoints::DEFAULT).unwrap_err();
    let differed = |field| (47, PeerMisbehaved::ClientHelloDifferedOnRetry(field).into());
    let ticket = site.ticket(ClientAuthDecision::None, PLAIN);
    let early = ClientConfig {
        ticket: Some(site.ticket(require.clone(), PLAIN)),
        early_data: Some(EARLY.to_vec()),
        ..second(Edit::replace(FLAGS, BOTH))
    };
    let mut stolen = site.ticket(require.clone(), PLAIN);
    stolen.psk[0] ^= 1;
    let case = |name, config, ends| Case {
        name,
        decision: request.clone(),
        config,
        then: None,
        ends: Some(ends),
        known: None,
    };
    let not_asked = Some(Known::NotAsked);
    let broken = Origins::decode(BROKEN_ORIGINS).unwrap_err();
    vec![
        case(
            "FLAGS-2: only zeros",
            hello(vec![Edit::add(FLAGS, [2, 0, 0])]),
            malformed(FlagsError::NoFlagSet),
        ),
        case(
            "FLAGS-2: a zero at the end",
            hello(vec![Edit::add(FLAGS, [2, 2, 0])]),
            malformed(FlagsError::TrailingZero),
        ),
        case(
            "FLAGS-3: no flags",
            hello(vec![Edit::add(FLAGS, [0])]),
            malformed(FlagsError::EmptyList),
        ),
        case(
            "FLAGS-3: a byte more",
            hello(vec![Edit::add(FLAGS, [1, 2, 2])]),
            malformed(FlagsError::TrailingBytes { declared: 1, present: 2 }),
        ),
        case(
            "FLAGS-4: a flag of NewSessionTicket",
            hello(vec![Edit::add(FLAGS, ACROSS_NAMES)]),
            (47, PeerMisbehaved::IllegalTlsFlag(violation).into()),
        ),
        case(
            "FLAGS-10: twice",
            hello(vec![Edit::add(FLAGS, OFFER), Edit::duplicate(FLAGS)]),
            (47, InvalidMessage::DuplicateExtension(FLAGS).into()),
        ),
        case(
            "FLAGS-10: behind pre_shared_key, which must be last",
            ClientConfig { ticket: Some(ticket), ..hello(vec![Edit::last(FLAGS, OFFER)]) },
            (47, InvalidMessage::PreSharedKeyIsNotFinalExtension.into()),
        ),
        Case {
            known: not_asked,
            ..case("FLAGS-12: gone", second(Edit::remove(FLAGS)), differed("tls_flags"))
        },
        Case {
            known: not_asked,
            ..case("FLAGS-12: others", second(Edit::replace(FLAGS, OTHER)), differed("tls_flags"))
        },
        Case {
            known: not_asked,
            ..case("FLAGS-11: others behind early data", early, differed("tls_flags"))
        },
        case(
            "WIO-2: a string that ends early",
            hello(vec![Edit::add(HINT, BROKEN_ORIGINS)]),
            (50, PeerMisbehaved::IllegalOriginHint(broken).into()),
        ),
        Case {
            known: not_asked,
            ..case(
                "WIO-7: a list that the first hello does not have",
                second(Edit::add(HINT, ORIGINS)),
                differed("workload_identifier_origin_hint"),
            )
        },
        case(
            "CARE-1: a body",
            hello(vec![Edit::add(CARE, [0])]),
            (
                47,
                PeerMisbehaved::IllegalClientAuthenticationRequest(CareError::NotEmpty {
                    length: 1,
                })
                .into(),
            ),
        ),
        Case {
            known: not_asked,
            decision: require.clone(),
            ..case(
                "RFC 8446: a stolen ticket, without its secret",
                ClientConfig { ticket: Some(stolen), ..hello(vec![]) },
                (51, PeerMisbehaved::IncorrectBinder.into()),
            )
        },
        Case {
            // TLS 1.2 goes on, and the raw client only watches.
            ends: None,
            known: Some(Known::Asked),
            ..case(
                "FLAGS-9: malformed, where TLS 1.2 is chosen",
                ClientConfig {
                    versions: vec![version::TLS12],
                    ..hello(vec![Edit::add(FLAGS, [2, 0, 0])])
                },
                (0, Error::HandshakeNotComplete),
            )
        },
    ]
}
