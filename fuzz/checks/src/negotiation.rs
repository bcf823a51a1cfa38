//! Both sides of the negotiation, with any messages in any order: they report nothing that the peer
//! did not send. And the rules of resumption.

use arbitrary::{Arbitrary, Result, Unstructured};
use rustls_ext_wire::resumption::{self, Demand, Resumption, Session};
use rustls_ext_wire::{
    Asks, ClientNegotiation, ClientStatus, CodePoints, Flag, Message, Offer, Received,
    ServerNegotiation, Version,
};

const STEPS: usize = 12;

/// Checks the properties of this module; the bytes choose the calls.
pub fn check(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let _ = client(&mut u).and_then(|()| server(&mut u)).and_then(|()| session(&mut u));
}

fn code_points(u: &mut Unstructured<'_>) -> Result<CodePoints> {
    let default = CodePoints::DEFAULT;
    if bool::arbitrary(u)? {
        return Ok(default);
    }
    let Ok(flag) = Flag::new(u16::arbitrary(u)? % 2040) else { return Ok(default) };
    let points = CodePoints::new(u16::arbitrary(u)?, flag).unwrap_or(default);
    let points = if u.ratio(1, 4)? {
        points.without_care()
    } else {
        points.with_care(u16::arbitrary(u)?).unwrap_or(points)
    };
    Ok(if u.ratio(1, 4)? {
        points.without_origin_hint()
    } else {
        points.with_origin_hint(u16::arbitrary(u)?).unwrap_or(points)
    })
}

fn offer(u: &mut Unstructured<'_>) -> Result<Offer> {
    let offer = Offer::new(bool::arbitrary(u)?, bool::arbitrary(u)?);
    Ok(offer.with_origins(bool::arbitrary(u)?))
}

fn version(u: &mut Unstructured<'_>) -> Result<Version> {
    Ok(*u.choose(&[Version::Tls12, Version::Tls13])?)
}

/// The body of an extension, often a valid one; `None` without the extension.
fn body<'a>(u: &mut Unstructured<'a>) -> Result<Option<&'a [u8]>> {
    Ok(match u.int_in_range(0..=4)? {
        0 => None,
        1 => Some(&[]),
        2 => Some(&[11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        3 => Some(b"\0\x16\0\x14spiffe://example.org"),
        _ => {
            let length = u.int_in_range(0..=16)?;
            Some(u.bytes(length)?)
        }
    })
}

fn received<'a>(u: &mut Unstructured<'a>) -> Result<Received<'a>> {
    Ok(Received { tls_flags: body(u)?, care: body(u)?, origin_hint: body(u)? })
}

fn client(u: &mut Unstructured<'_>) -> Result<()> {
    let points = code_points(u)?;
    let wants = offer(u)?;
    let mut client = ClientNegotiation::new(wants, points);
    let (mut echoed, mut acknowledged) = (false, false);
    for _ in 0..u.int_in_range(0..=STEPS)? {
        match u.int_in_range(0..=3)? {
            0 => {
                let highest = version(u)?;
                let hello = client.hello(highest);
                let flag = points.request_client_auth();
                assert_eq!(hello.flags().contains(flag), client.offer().has_flag());
                assert_eq!(hello.care().is_some(), client.offer().has_care());
                assert_eq!(hello.origin_hint().is_some(), client.offer().has_origins());
                // WIO-7
                assert!(!client.offer().has_origins() || highest == Version::Tls13);
                assert!(wants.contains(client.offer()));
                acknowledged = false;
            }
            1 => {
                client.sent(Offer::NONE);
                acknowledged = false;
            }
            _ => {
                let message = *u.choose(Message::ALL)?;
                let (version, received) = (version(u)?, received(u)?);
                let before = client;
                match client.on(message, version, received) {
                    Err(fault) => {
                        assert!(
                            !fault.rule().is_empty()
                                && [47, 50, 110].contains(&fault.alert().code())
                        );
                        // The connection ends, and the status does not change.
                        assert_eq!(client.status(), before.status());
                    }
                    Ok(()) => {
                        echoed |= received.care.is_some();
                        if message == Message::CertificateRequest {
                            acknowledged = received.tls_flags.is_some();
                        }
                        assert!(received.care.is_none_or(|body| body.is_empty()));
                        // WIO-1; the library never passes a ClientHello
                        assert!(received.origin_hint.is_none() || message == Message::ClientHello);
                    }
                }
            }
        }
        if client.status() == ClientStatus::Acknowledged {
            assert!(acknowledged && client.offer().has_flag());
        }
        assert!(echoed || !client.echoed());
    }
    Ok(())
}

fn server(u: &mut Unstructured<'_>) -> Result<()> {
    let mut server = ServerNegotiation::new(code_points(u)?);
    for _ in 0..u.int_in_range(0..=STEPS)? {
        match u.int_in_range(0..=2)? {
            0 => {
                let (version, received) = (version(u)?, received(u)?);
                let before = server.clone();
                match server.on_client_hello(version, received) {
                    Err(fault) => {
                        let code = if fault.rule() == "WIO-2" { 50 } else { 47 };
                        assert_eq!(fault.alert().code(), code);
                        assert_eq!(server, before);
                    }
                    Ok(()) => {
                        // FLAGS-9
                        let flags = version == Version::Tls13 && received.tls_flags.is_some();
                        assert_eq!(!server.flags().is_empty(), flags);
                        assert_eq!(server.offer().has_care(), received.care.is_some());
                        // WIO-5, WIO-7: under TLS 1.2, origins do not count.
                        let origins = received.origin_hint.filter(|_| version == Version::Tls13);
                        assert_eq!(server.offer().has_origins(), origins.is_some());
                        assert!(origins.is_none_or(crate::origins::well_formed));
                    }
                }
            }
            1 => {
                server.asks(*u.choose(&[Asks::No, Asks::BecauseOffered, Asks::ForAnotherReason])?)
            }
            _ => {
                let received = received(u)?;
                let refused = server.on_client_certificate(received).is_err();
                // No flag answers the acknowledgement there, and the others are never allowed.
                let present = received != Received::default();
                assert_eq!(refused, present);
            }
        }
        // RCA-4
        assert!(server.acknowledgement().is_empty() || server.offer().has_flag());
        let echoes = Message::ALL.iter().filter(|message| server.echoes_care_in(**message));
        assert_eq!(echoes.count(), usize::from(server.offer().has_care()));
    }
    Ok(())
}

fn session(u: &mut Unstructured<'_>) -> Result<()> {
    const SCOPES: [&[u8]; 2] = [b"agents", b"staff"];
    let scope = *u.choose(&SCOPES)?;
    let demand = *u.choose(&[Demand::None, Demand::Request(scope), Demand::Require(scope)])?;
    let recorded = *u.choose(&[None, Some(SCOPES[0]), Some(SCOPES[1])])?;
    let session = Session { scope: recorded, authenticated: bool::arbitrary(u)? };
    let offered = bool::arbitrary(u)?;
    match resumption::check(demand, offered, session) {
        Resumption::Allowed => {
            assert!(!session.authenticated && !matches!(demand, Demand::Require(_)));
            assert!(demand == Demand::None || (recorded == Some(scope) && !offered));
        }
        Resumption::IfVerified => {
            assert!(session.authenticated && demand != Demand::None && recorded == Some(scope));
        }
        Resumption::Refused => {}
    }
    Ok(())
}
