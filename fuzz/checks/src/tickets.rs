//! Session tickets with shared keys: no bytes but a ticket are opened, and a key has one text.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rustls_ext::rustls::crypto::ring;
use rustls_ext::rustls::pki_types::UnixTime;
use rustls_ext::rustls::server::ProducesTickets;
use rustls_ext::rustls::time_provider::TimeProvider;
use rustls_ext::tickets::{TicketKey, TicketKeys, Tickets};

const SESSION: &[u8] = b"the session of a client";

/// A time at which the key of this module is valid.
#[derive(Debug)]
struct Fixed;

impl TimeProvider for Fixed {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_050)))
    }
}

/// A key, and a ticket of it.
struct World {
    tickets: Tickets,
    ticket: Vec<u8>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let key = TicketKey::from_text(include_bytes!("../../seeds/tickets/key")).expect("a key");
    let keys = TicketKeys::new([key]).expect("one key");
    let tickets = Tickets::new(&keys, &ring::default_provider()).expect("a cipher");
    let tickets = tickets.with_time_provider(Arc::new(Fixed));
    let ticket = tickets.encrypt(SESSION).expect("a ticket");
    World { tickets, ticket }
});

/// Checks the properties of this module for these bytes: as a key, as a ticket, behind the name of
/// the right key, and as a change of a ticket.
pub fn check(bytes: &[u8]) {
    if let Ok(key) = TicketKey::from_text(bytes) {
        assert_eq!(key.to_text().as_bytes(), bytes);
        assert!(key.created().as_secs() <= key.encrypts_from().as_secs());
        assert!(key.encrypts_from().as_secs() < key.expires().as_secs());
    }
    let World { tickets, ticket } = &*WORLD;
    assert_eq!(tickets.decrypt(bytes), None);
    let (name, _) = ticket.split_at(16);
    assert_eq!(tickets.decrypt(&[name, bytes].concat()), None);
    let change = bytes.iter().copied().chain(std::iter::repeat(0));
    let changed: Vec<u8> = ticket.iter().zip(change).map(|(byte, change)| byte ^ change).collect();
    let expected = (changed == *ticket).then(|| SESSION.to_vec());
    assert_eq!(tickets.decrypt(&changed), expected);
}
