//! Every method gets a verified certificate, in the number of flights that its standard needs.

use benches::handshake::{Pki, open_or_new, ways};

#[test]
fn each_way_takes_its_flights() {
    for mut way in ways(&Pki::new()) {
        // RFC 8446 section 2; 4.6.2 with a request before; RFC 5246 sections 7.3 and 7.4.1.1.
        let flights = match &way.name {
            name if name.contains("post-handshake") => 5,
            name if name.contains("renegotiation") => 9,
            _ => 3,
        };
        for _ in 0..3 {
            assert_eq!(way.ends.shake().flights, flights, "{}", way.name);
        }
    }
}

#[test]
fn an_authenticator_takes_a_request_and_an_answer() {
    let [mut open, mut new] = open_or_new(&Pki::new());
    for _ in 0..3 {
        assert_eq!((open.ends.shake().flights, new.ends.shake().flights), (2, 3));
    }
}
