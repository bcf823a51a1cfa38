//! RES: every demand against every session.

use rustls_ext_wire::resumption::{Demand, Resumption, Session, judge};

const HERE: &[u8] = b"agents";
const ELSEWHERE: &[u8] = b"staff";

#[test]
fn res_2_res_3_and_res_4_every_demand_against_every_session() {
    use Resumption::{Allowed, IfVerified, Refused};
    let sessions = [
        Session { scope: None, authenticated: false },
        Session { scope: Some(HERE), authenticated: false },
        Session { scope: Some(ELSEWHERE), authenticated: false },
        Session { scope: Some(HERE), authenticated: true },
        Session { scope: Some(ELSEWHERE), authenticated: true },
        // of a server that knows no scopes (RES-7)
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
        let judged = sessions.map(|session| judge(demand, offered, session));
        assert_eq!(judged, expected, "{demand:?}, offered: {offered}");
    }
}
