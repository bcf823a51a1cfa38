//! RES: every combination of demand and session, and the records of sessions.

use rustls_ext_wire::resumption::{
    Demand, Record, RecordError, Resumption, Session, Voucher, check,
};

const HERE: &[u8] = b"agents";
const ELSEWHERE: &[u8] = b"staff";

const VOUCHER: Voucher = Voucher { not_before: 2, not_after: 256, tag: *b"tttttttttttttttt" };

#[test]
fn res_2_res_3_and_res_4_every_demand_with_every_session() {
    use Resumption::{Allowed, IfVerified, Refused};
    let sessions = [
        Session { scope: None, authenticated: false },
        Session { scope: Some(HERE), authenticated: false },
        Session { scope: Some(ELSEWHERE), authenticated: false },
        Session { scope: Some(HERE), authenticated: true },
        Session { scope: Some(ELSEWHERE), authenticated: true },
        // from a server without scopes (RES-7)
        Session { scope: None, authenticated: true },
    ];
    let table = [
        (Demand::None, false, [Allowed, Allowed, Allowed, Refused, Refused, Refused]),
        (Demand::None, true, [Allowed, Allowed, Allowed, Refused, Refused, Refused]),
        (Demand::Request(HERE), false, [Refused, Allowed, Refused, IfVerified, Refused, Refused]),
        (Demand::Request(HERE), true, [Refused, Refused, Refused, IfVerified, Refused, Refused]),
        (Demand::Require(HERE), false, [Refused, Refused, Refused, IfVerified, Refused, Refused]),
        (Demand::Require(HERE), true, [Refused, Refused, Refused, IfVerified, Refused, Refused]),
    ];
    for (demand, offered, expected) in table {
        let results = sessions.map(|session| check(demand, offered, session));
        assert_eq!(results, expected, "{demand:?}, offered: {offered}");
    }
}

#[test]
fn res_1_the_encoding_of_a_record_does_not_change() {
    let mut buffer = [0; Record::LONGEST];
    for (record, bytes) in [
        (Record::NotAsked, &b"rext\x01\x00"[..]),
        (Record::Declined { scope: b"agents" }, b"rext\x01\x01\x06agents"),
        (
            Record::Authenticated { scope: b"a", at: 0x0102_0304_0506_0708, voucher: None },
            b"rext\x01\x02\x01a\x01\x02\x03\x04\x05\x06\x07\x08",
        ),
        (
            Record::Authenticated { scope: b"a", at: 1, voucher: Some(VOUCHER) },
            b"rext\x01\x03\x01a\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\x01\0\
              tttttttttttttttt",
        ),
    ] {
        assert_eq!(record.encode(&mut buffer), Ok(bytes));
        assert_eq!(Record::decode(bytes), Some(record));
        // A buffer of exactly its length is enough, and a shorter one is not.
        let needed = bytes.len();
        assert_eq!(record.encode(&mut buffer[..needed]), Ok(bytes));
        let short = record.encode(&mut buffer[..needed - 1]);
        assert_eq!(short, Err(RecordError::NoRoom { needed }));
    }
    let long = [b's'; 255];
    let longest = Record::Authenticated { scope: &long, at: u64::MAX, voucher: Some(VOUCHER) };
    assert_eq!(longest.encode(&mut buffer).map(<[u8]>::len), Ok(Record::LONGEST));
    for scope in [&[][..], &[b's'; 256]] {
        let declined = Record::Declined { scope };
        assert_eq!(declined.encode(&mut buffer), Err(RecordError::Scope));
    }
}

#[test]
fn res_7_other_encodings_are_not_decoded() {
    for voucher in [None, Some(VOUCHER)] {
        let record = Record::Authenticated { scope: b"ab", at: 7, voucher };
        let mut buffer = [0; Record::LONGEST];
        let good = record.encode(&mut buffer).unwrap();
        for length in 0..good.len() {
            assert_eq!(Record::decode(&good[..length]), None, "{length} bytes");
        }
        assert_eq!(Record::decode(&[good, &[0]].concat()), None);
        // With any one byte changed, it is not decoded, or decoded as another record.
        for at in 0..good.len() {
            for byte in (0..=u8::MAX).filter(|byte| *byte != good[at]) {
                let mut changed = good.to_vec();
                changed[at] = byte;
                let decoded = Record::decode(&changed);
                assert_ne!(decoded, Some(record));
                assert_eq!(decoded.is_some(), at >= 7, "byte {at} as {byte}");
            }
        }
    }
    for unknown in [
        &b"rext\x02\x00"[..],   // another version
        b"rext\x01\x04\x01a",   // another kind
        b"rext\x01\x00\x00",    // a client that was not asked in a scope
        b"rext\x01\x01\x00",    // an empty scope
        b"rext\x01\x01\x02abc", // bytes after it
        b"rext\x01\x02\x00\0\0\0\0\0\0\0\0",
        b"\x06agents\0\0\0\0\0\0\0\0", // of an older patched rustls
    ] {
        assert_eq!(Record::decode(unknown), None, "{unknown:?}");
    }
}

#[test]
fn a_record_gives_the_session_that_it_describes() {
    let session = |scope, authenticated| Session { scope, authenticated };
    assert_eq!(Record::NotAsked.session(), session(None, false));
    assert_eq!(Record::Declined { scope: HERE }.session(), session(Some(HERE), false));
    for voucher in [None, Some(VOUCHER)] {
        let authenticated = Record::Authenticated { scope: HERE, at: 0, voucher };
        assert_eq!(authenticated.session(), session(Some(HERE), true));
    }
}
