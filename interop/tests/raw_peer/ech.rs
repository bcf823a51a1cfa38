//! Encrypted ClientHello, with a different HPKE implementation at client and server: the offer is only in
//! the inner ClientHello (FLAGS-13, and WIO-7 for its origins), checked on the bytes that an observer sees.

use std::sync::Arc;

use raw_peer::{EchKey, Edit, HandshakeType, Message, Peer, ServerConfig, ext};
use rustls::client::{ClientAuthOfferStatus, EchStatus};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::ext_wire::CodePoints;
use rustls::{Connection, Error, HandshakeKind, PeerMisbehaved};

use crate::ech_site::{
    PUBLIC, SECRET, acknowledging, assert_authenticated, assert_rejected, assert_tells_nothing,
    client, client_with, code_points, count, grease, inner, mode, offers, outer, rejecting, run,
    status,
};
use crate::harness::{Pair, encrypted_alert};
use crate::pki::Pki;

#[test]
fn flags_13_and_wio_7_an_accepted_offer_is_in_the_inner_hello_only() {
    let pki = Pki::new();
    let key = EchKey::generate(7, PUBLIC).unwrap();
    for points in code_points() {
        let mut server = acknowledging(&pki, points);
        server.ech_keys = vec![key.clone()];
        let mut pair = run(server, client(&pki, mode(&key), points));
        assert_authenticated(&mut pair, &pki, EchStatus::Accepted);
        let [outer] = outer(&pair)[..] else { panic!("one hello") };
        assert_tells_nothing(outer, points);
        let [inner] = inner(&pair)[..] else { panic!("one inner hello") };
        assert_eq!(offers(inner, points), 1);
        assert_eq!(count(&inner.bytes, SECRET), 1);
        assert_eq!(inner.find_extension(ext::ENCRYPTED_CLIENT_HELLO).unwrap(), [1]);
    }
}

#[test]
fn flags_13_and_flags_12_behind_hello_retry_request_both_inner_hellos_offer_the_same() {
    let pki = Pki::new();
    let key = EchKey::generate(7, PUBLIC).unwrap();
    for points in code_points() {
        // for a cookie, and for another share
        for groups in [
            vec![aws_lc_rs::kx_group::X25519],
            vec![aws_lc_rs::kx_group::SECP256R1, aws_lc_rs::kx_group::X25519],
        ] {
            let mut server = acknowledging(&pki, points);
            server.ech_keys = vec![key.clone()];
            server.hello_retry = true;
            let provider = CryptoProvider { kx_groups: groups, ..aws_lc_rs::default_provider() };
            let mut pair = run(server, client_with(&pki, mode(&key), points, provider));
            assert_authenticated(&mut pair, &pki, EchStatus::Accepted);
            let kind = pair.tls.handshake_kind();
            assert_eq!(kind, Some(HandshakeKind::FullWithHelloRetryRequest));
            let outer = outer(&pair);
            assert_eq!(outer.len(), 2);
            outer.iter().for_each(|hello| assert_tells_nothing(hello, points));
            let [first, second] = inner(&pair)[..] else { panic!("two inner hellos") };
            assert_eq!((offers(first, points), offers(second, points)), (1, 1));
            let flags = |hello: &Message| hello.find_extension(points.tls_flags()).unwrap();
            assert_eq!(flags(first), flags(second));
        }
    }
}

#[test]
fn flags_13_a_resumed_session_and_early_data_tell_nothing_either() {
    let pki = Pki::new();
    let key = EchKey::generate(7, PUBLIC).unwrap();
    for points in code_points() {
        let mut client = client(&pki, mode(&key), points);
        client.enable_early_data = true;
        let client = Arc::new(client);
        let mut server = acknowledging(&pki, points);
        server.ech_keys = vec![key.clone()];
        (server.tickets, server.max_early_data) = (1, 1000);
        let mut first = run(server.clone(), Arc::clone(&client));
        assert_authenticated(&mut first, &pki, EchStatus::Accepted);
        server.known_tickets = first.raw.tickets().to_vec();
        server.accept_early_data = true;

        let mut pair = Pair::server(server, client);
        let Connection::Client(tls) = &mut pair.tls else { panic!("not a client") };
        std::io::Write::write_all(&mut tls.early_data().unwrap(), b"early").unwrap();
        pair.run();
        pair.assert_complete();
        assert!(pair.raw.is_resumed());
        assert_eq!(pair.raw.received_early_data(), b"early");
        assert_eq!(status(&pair), (EchStatus::Accepted, ClientAuthOfferStatus::Offered));
        assert_tells_nothing(outer(&pair)[0], points);
        assert_eq!(offers(inner(&pair)[0], points), 1);
    }
}

#[test]
fn flags_13_rejected_with_retry_configs_nothing_is_told_to_the_public_name() {
    let pki = Pki::new();
    let [old, new] = [1, 2].map(|id| EchKey::generate(id, PUBLIC).unwrap());
    for points in code_points() {
        for asked in [false, true] {
            let server = ServerConfig { ask_certificate: asked, ..rejecting(&pki, &new) };
            let pair = run(server, client(&pki, mode(&old), points));
            assert_rejected(&pair, asked);
            let [outer] = outer(&pair)[..] else { panic!("one hello") };
            assert_tells_nothing(outer, points);
        }
        // What the server gave for next time works, and only then is the offer made.
        let mut server = acknowledging(&pki, points);
        server.ech_keys = vec![new.clone()];
        let mut pair = run(server, client(&pki, mode(&new), points));
        assert_authenticated(&mut pair, &pki, EchStatus::Accepted);
    }
}

#[test]
fn flags_13_and_rca_4_the_public_name_cannot_acknowledge_anything() {
    let pki = Pki::new();
    let [old, new] = [1, 2].map(|id| EchKey::generate(id, PUBLIC).unwrap());
    for points in code_points() {
        for hello_retry in [false, true] {
            let plan = acknowledging(&pki, points).plan;
            let server = ServerConfig { plan, hello_retry, ..rejecting(&pki, &new) };
            let pair = run(server, client(&pki, mode(&old), points));
            assert_eq!(pair.alerts(), [encrypted_alert(47)]);
            let Err(Error::PeerMisbehaved(PeerMisbehaved::IllegalTlsFlag(violation))) = pair.theirs
            else {
                panic!("another error");
            };
            assert_eq!(violation.rule(), "RCA-4");
        }
    }
}

#[test]
fn flags_13_after_rejection_by_hello_retry_request_the_second_hello_tells_nothing() {
    let pki = Pki::new();
    let [old, new] = [1, 2].map(|id| EchKey::generate(id, PUBLIC).unwrap());
    // no confirmation, and one that is wrong
    let edits = [None, Some(Edit::add(ext::ENCRYPTED_CLIENT_HELLO, [8; 8]))];
    for points in code_points() {
        for edit in &edits {
            for asked in [false, true] {
                let mut server = ServerConfig { ask_certificate: asked, ..rejecting(&pki, &new) };
                server.hello_retry = true;
                server.plan.hello_retry_request.extend(edit.clone());
                let pair = run(server, client(&pki, mode(&old), points));
                assert_rejected(&pair, asked);
                let outer = outer(&pair);
                assert_eq!(outer.len(), 2);
                outer.iter().for_each(|hello| assert_tells_nothing(hello, points));
            }
        }
    }
}

#[test]
fn flags_13_with_grease_there_is_one_hello_and_the_offer_is_in_it() {
    let pki = Pki::new();
    // A server that knows nothing of it, one that has a key, and one that answers besides.
    let key = EchKey::generate(7, PUBLIC).unwrap();
    let lists = [vec![], key.config_list().unwrap()];
    for points in code_points() {
        for retry in [false, true] {
            for (keys, configs) in [
                (vec![], &lists[0]),
                (vec![key.clone()], &lists[0]),
                (vec![key.clone()], &lists[1]),
            ] {
                let mut server = acknowledging(&pki, points);
                server.ech_keys = keys;
                server.ech_retry_configs = configs.clone();
                server.hello_retry = retry;
                let mut pair = run(server, client(&pki, grease(), points));
                let answer = pair.raw.sent(HandshakeType::ENCRYPTED_EXTENSIONS).unwrap();
                let answer = answer.find_extension(ext::ENCRYPTED_CLIENT_HELLO);
                assert_eq!(answer.unwrap_or_default(), *configs);
                assert_authenticated(&mut pair, &pki, EchStatus::Grease);
                let hellos = outer(&pair);
                assert_eq!(hellos.len(), if retry { 2 } else { 1 });
                for hello in hellos {
                    assert_eq!(offers(hello, points), 1);
                    assert_eq!(count(&hello.bytes, SECRET), 1);
                    let grease = hello.find_extension(ext::ENCRYPTED_CLIENT_HELLO).unwrap();
                    assert_eq!(grease[0], 0, "which looks like an outer hello");
                }
                assert!(inner(&pair).is_empty());
            }
        }
    }
}

#[test]
fn raw_server_opens_nothing_that_was_changed_on_the_way() {
    let pki = Pki::new();
    let key = EchKey::generate(7, PUBLIC).unwrap();
    let client = Arc::new(client(&pki, mode(&key), CodePoints::DEFAULT));
    let mut server = acknowledging(&pki, CodePoints::DEFAULT);
    server.ech_keys = vec![key];
    server.hello_retry = true;
    let hello = |tls: &mut Connection| {
        let mut bytes = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut bytes).unwrap();
        }
        bytes
    };
    let mut pair = Pair::server(server.clone(), Arc::clone(&client));
    let first = hello(&mut pair.tls);
    // Any byte after the headers of record and message.
    for at in 9..first.len() {
        let mut changed = first.clone();
        changed[at] ^= 1;
        let mut raw = Peer::server(server.clone());
        let _ = raw.read(&changed);
        assert_eq!(raw.inner_hellos().count(), 0, "byte {at}");
    }
    pair.raw.read(&first).unwrap();
    assert_eq!(pair.raw.inner_hellos().count(), 1);

    pair.tls.read_tls(&mut &pair.raw.take_output()[..]).unwrap();
    pair.tls.process_new_packets().unwrap();
    let mut second = hello(&mut pair.tls);
    *second.last_mut().unwrap() ^= 1;
    assert_eq!(pair.raw.read(&second), Err(raw_peer::Error::BadEchPayload));
}
