//! Keys, their text, their rotation, and tickets without a connection.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::server::ProducesTickets;
use rustls_ext::tickets::{
    Rotated, Rotation, TicketKey, TicketKeyError, TicketKeys, TicketKeysWarning, Tickets,
};

use crate::common::{Clock, provider};

const START: u64 = 1_800_000_000;

pub fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

pub fn key(created: u64, delay: u64, lifetime: u64) -> TicketKey {
    let (delay, lifetime) = (Duration::from_secs(delay), Duration::from_secs(lifetime));
    TicketKey::generate(&provider(), at(created), delay, lifetime).unwrap()
}

pub fn keys<const N: usize>(keys: [&TicketKey; N]) -> TicketKeys {
    TicketKeys::new(keys.map(Clone::clone)).unwrap()
}

fn node(set: &TicketKeys, clock: &Arc<Clock>) -> Tickets {
    Tickets::new(set, &provider()).unwrap().with_time_provider(clock.clone())
}

fn clock() -> Arc<Clock> {
    let clock = Clock::now();
    clock.set(START);
    clock
}

#[test]
fn a_ticket_opens_on_each_node_that_has_its_key_and_each_ticket_differs() {
    let (clock, first, other) = (clock(), key(START, 0, 100), key(START, 0, 100));
    let (a, b) = (node(&keys([&first]), &clock), node(&keys([&other, &first]), &clock));
    let ticket = a.encrypt(b"session").unwrap();
    assert_eq!(b.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
    assert_ne!(a.encrypt(b"session").unwrap(), ticket);
    assert_eq!(node(&keys([&other]), &clock).decrypt(&ticket), None);
    for length in [0, 1, 16 * 1024] {
        let plain = vec![7; length];
        assert_eq!(b.decrypt(&a.encrypt(&plain).unwrap()), Some(plain));
    }
    assert_eq!(a.encrypt(&vec![7; 16 * 1024 + 1]), None);
}

#[test]
fn res_7_each_changed_or_truncated_ticket_is_ignored() {
    let (clock, first) = (clock(), key(START, 0, 100));
    let a = node(&keys([&first]), &clock);
    let ticket = a.encrypt(b"the session of a client").unwrap();
    for position in 0..ticket.len() {
        for bit in 0..8 {
            let mut changed = ticket.clone();
            changed[position] ^= 1 << bit;
            assert_eq!(a.decrypt(&changed), None, "bit {bit} of byte {position}");
        }
        assert_eq!(a.decrypt(&ticket[..position]), None, "{position} bytes");
    }
    assert_eq!(a.decrypt(&[&ticket[..], b"\0"].concat()), None);
    assert_eq!(a.decrypt(&[&ticket[..16], &vec![0; 100_000]].concat()), None);
    assert_eq!(a.decrypt(&ticket).as_deref(), Some(&b"the session of a client"[..]));
}

#[test]
fn a_ticket_of_another_context_is_ignored_even_if_the_key_is_the_same() {
    let (clock, set) = (clock(), keys([&key(START, 0, 100)]));
    let node = |context: &str| node(&set, &clock).with_context(context).unwrap();
    let ticket = node("gateway").encrypt(b"session").unwrap();
    assert!(node("gateway").decrypt(&ticket).is_some());
    for other in ["", "gatewa", "gatewayx", "site"] {
        assert_eq!(node(other).decrypt(&ticket), None, "{other}");
    }
    let long = Tickets::new(&set, &provider()).unwrap().with_context([0; 256]);
    assert_eq!(long.unwrap_err(), TicketKeyError::LongContext);
}

#[test]
fn a_key_decrypts_before_it_encrypts_and_neither_after_it_expires() {
    let clock = clock();
    let old = key(START, 0, 100);
    let next = key(START, 50, 100);
    let (without, with) = (node(&keys([&old]), &clock), node(&keys([&old, &next]), &clock));
    let of_next = node(&keys([&key(START, 0, 100)]), &clock);

    // The next key does not encrypt yet.
    let early = with.encrypt(b"early").unwrap();
    assert!(without.decrypt(&early).is_some());
    assert_eq!(with.lifetime(), 100);
    clock.set(START + 49);
    assert!(without.decrypt(&with.encrypt(b"early").unwrap()).is_some());
    assert_eq!(with.lifetime(), 51);

    // A node whose clock is ahead uses it, and the others decrypt.
    let ahead = self::clock();
    ahead.set(START + 55);
    let ticket = node(&keys([&next]), &ahead).encrypt(b"ahead").unwrap();
    assert!(with.decrypt(&ticket).is_some());

    clock.set(START + 50);
    let late = with.encrypt(b"late").unwrap();
    assert_eq!(without.decrypt(&late), None);
    assert_eq!(with.lifetime(), 100);
    assert!(with.decrypt(&early).is_some());

    // The old key has expired, although it is still there.
    clock.set(START + 99);
    assert!(with.decrypt(&early).is_some());
    clock.set(START + 100);
    assert_eq!(with.decrypt(&early), None);
    assert!(with.decrypt(&late).is_some());
    assert_eq!((without.encrypt(b"x"), without.lifetime()), (None, 0));

    clock.set(START + 150);
    assert_eq!((with.decrypt(&late), with.encrypt(b"x"), with.lifetime()), (None, None, 0));
    assert!(with.enabled() && of_next.enabled());
}

#[test]
fn a_tickets_lifetime_is_at_most_seven_days() {
    let clock = clock();
    let tickets = node(&keys([&key(START, 0, 14 * 86_400)]), &clock);
    assert_eq!(tickets.lifetime(), 7 * 86_400);
    clock.set(START + 8 * 86_400);
    assert_eq!(tickets.lifetime(), 6 * 86_400);
}

#[test]
fn an_expired_newer_key_does_not_bring_an_older_one_back() {
    let (clock, old, short) = (clock(), key(START, 0, 1000), key(START + 1, 0, 10));
    let tickets = node(&keys([&old, &short]), &clock);
    let ticket = tickets.encrypt(b"old").unwrap();
    clock.set(START + 20);
    assert_eq!(tickets.encrypt(b"x"), None);
    assert!(tickets.decrypt(&ticket).is_some());
}

#[test]
fn new_keys_are_used_at_once_and_removed_ones_never_again() {
    let (clock, first, second) = (clock(), key(START, 0, 100), key(START, 0, 100));
    let tickets = node(&keys([&first]), &clock);
    let ticket = tickets.encrypt(b"session").unwrap();
    tickets.set_keys(&keys([&second]));
    assert_eq!(tickets.decrypt(&ticket), None);
    tickets.set_keys(&TicketKeys::default());
    assert_eq!(tickets.encrypt(b"session"), None);
}

#[test]
fn the_text_of_a_key_is_read_exactly() {
    let text = key(START, 10, 100).to_text();
    let read = TicketKey::from_text(text.as_bytes()).unwrap();
    assert_eq!(*read.to_text(), *text);
    for end in 0..text.len() {
        assert!(TicketKey::from_text(&text.as_bytes()[..end]).is_err(), "{end} bytes");
    }
    for after in ["\n", " ", "x", "secret: 00\n"] {
        assert!(TicketKey::from_text(format!("{}{after}", *text).as_bytes()).is_err(), "{after:?}");
    }
    let line = |line, expected| TicketKeyError::BadLine { line, expected };
    let digits = "`name: ` and 32 hexadecimal digits in lower case";
    let secret = "`secret: ` and 96 hexadecimal digits in lower case";
    for (from, to, expected) in [
        ("rustls-ext", "Rustls-ext", TicketKeyError::NotAKey),
        ("version 1", "version 2", TicketKeyError::UnknownVersion),
        ("version 1\n", "version 1\r\n", TicketKeyError::UnknownVersion),
        ("name: ", "name: 00", line(2, digits)),
        ("name: ", "name:", line(2, digits)),
        ("created: ", "created: +", line(3, "`created: ` and seconds since 1970")),
        ("created: ", "created: 0", line(3, "`created: ` and seconds since 1970")),
        ("created: ", "created: 9", TicketKeyError::BadTimes),
        ("encrypts-from", "expires", line(4, "`encrypts-from: ` and seconds since 1970")),
        ("expires: 1", "expires: 9", TicketKeyError::BadTimes),
        ("expires: 1", "expires: ", TicketKeyError::BadTimes),
        ("secret: ", "secret: 0", line(6, secret)),
        ("secret: ", "secret: Z", line(6, secret)),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_eq!(TicketKey::from_text(changed.as_bytes()).unwrap_err(), expected, "{to:?}");
    }
    assert_eq!(TicketKey::from_text(&[0xff; 8]).unwrap_err(), TicketKeyError::NotAKey);
    assert_eq!(TicketKey::from_text(&[b'r'; 5000]).unwrap_err(), TicketKeyError::NotAKey);
}

#[test]
fn no_secret_is_in_debug_or_display() {
    let key = key(START, 10, 100);
    let text = key.to_text();
    let secret = text.rsplit_once("secret: ").unwrap().1.trim().to_owned();
    assert_eq!(secret.len(), 96);
    let set = keys([&key]);
    let tickets = Tickets::new(&set, &provider()).unwrap();
    for shown in [format!("{key:?}"), format!("{key}"), format!("{set:?}"), format!("{tickets:?}")]
    {
        assert!(!shown.contains(&secret[..16]), "{shown}");
    }
    assert_eq!(
        format!("{key}"),
        format!(
            "{} created=2027-01-15T08:00:00Z encrypts_from=2027-01-15T08:00:10Z \
             expires=2027-01-15T08:01:50Z",
            key.name()
        )
    );
}

#[test]
fn a_set_has_no_two_keys_with_one_name_and_at_most_sixteen() {
    let one = key(START, 0, 100);
    let twice = TicketKeys::new([one.clone(), one.clone()]).unwrap_err();
    assert_eq!(twice, TicketKeyError::DuplicateName { name: one.name() });
    let many = |count| TicketKeys::new((0..count).map(|_| key(START, 0, 100)));
    assert_eq!(many(16).unwrap().iter().count(), 16);
    assert_eq!(many(17).unwrap_err(), TicketKeyError::TooMany);
}

#[test]
fn a_rotation_publishes_a_key_before_it_encrypts_and_keeps_those_in_use() {
    let rotation =
        Rotation { lifetime: Duration::from_secs(1000), delay: Duration::from_secs(30), keep: 3 };
    let plan = |set: &TicketKeys, now| rotation.plan(set, at(now), &provider());
    let apply = |set: &TicketKeys, Rotated { added, removed }: Rotated| {
        let stays = |key: &&TicketKey| removed.iter().all(|gone| gone.name() != key.name());
        TicketKeys::new(set.iter().filter(stays).cloned().chain([added])).unwrap()
    };
    // The first key encrypts at once.
    let first = plan(&TicketKeys::default(), START).unwrap();
    assert_eq!(first.added.encrypts_from(), at(START));
    let mut set = apply(&TicketKeys::default(), first);
    let first = set.iter().next().unwrap().name();

    let second = plan(&set, START + 100).unwrap();
    assert_eq!(second.added.encrypts_from(), at(START + 130));
    assert_eq!(second.added.expires(), at(START + 1130));
    assert!(second.removed.is_empty());
    let name = second.added.name();
    set = apply(&set, second);
    assert_eq!(set.encrypting(at(START + 129)).unwrap().name(), first);
    assert_eq!(set.encrypting(at(START + 130)).unwrap().name(), name);
    assert_eq!(
        plan(&set, START + 129).unwrap_err(),
        TicketKeyError::AlreadyWaiting { name: name.clone() }
    );

    set = apply(&set, plan(&set, START + 200).unwrap());
    let fourth = plan(&set, START + 300).unwrap();
    assert_eq!(fourth.removed.iter().map(TicketKey::name).collect::<Vec<_>>(), [first]);
    set = apply(&set, fourth);
    // Expired keys go, even if fewer are kept.
    let late = plan(&set, START + 1130).unwrap();
    assert_eq!(late.removed.iter().map(TicketKey::name).collect::<Vec<_>>(), [name]);
    for keep in [0, 1, 16] {
        let bad = Rotation { keep, ..rotation }.plan(&set, at(START + 400), &provider());
        assert_eq!(bad.unwrap_err(), TicketKeyError::BadKeep);
    }
    for lifetime in [0, 14 * 86_400 + 1] {
        let lifetime = Duration::from_secs(lifetime);
        let bad = Rotation { lifetime, ..rotation }.plan(&set, at(START + 400), &provider());
        assert_eq!(bad.unwrap_err(), TicketKeyError::BadTimes);
    }
}

#[test]
fn the_operator_is_warned_when_no_key_encrypts_and_when_a_rotation_is_overdue() {
    let set = keys([&key(START, 0, 100)]);
    assert_eq!(set.warning(at(START)), None);
    assert_eq!(set.warning(at(START + 75)), None);
    assert_eq!(set.warning(at(START + 76)), Some(TicketKeysWarning::RotationOverdue));
    assert_eq!(set.warning(at(START + 100)), Some(TicketKeysWarning::NoneEncrypts));
    assert_eq!(set.warning(at(START - 1)), Some(TicketKeysWarning::NoneEncrypts));
    let with_next = keys([&key(START, 0, 100), &key(START + 80, 10, 100)]);
    assert_eq!(with_next.warning(at(START + 85)), None);
}

#[test]
fn a_provider_without_aes_256_is_an_error() {
    let mut provider = (*provider()).clone();
    provider
        .cipher_suites
        .retain(|suite| suite.suite() != rustls::CipherSuite::TLS13_AES_256_GCM_SHA384);
    let err = Tickets::new(&TicketKeys::default(), &provider).unwrap_err();
    assert_eq!(err, TicketKeyError::NoCipher);
}
