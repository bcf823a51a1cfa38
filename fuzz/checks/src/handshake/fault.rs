//! Faults of the peer that the fuzzer controls: modified messages, and unexpected ones.

use arbitrary::{Arbitrary, Result, Unstructured};
use rustls_ext::rustls::Connection;

use crate::site;
use raw_peer::{Edit, Handshake, HandshakeType, Peer, Plan, Slot};

/// The extensions that are chosen most often.
const EXTENSIONS: [u16; 4] = [62, 0xffca, 41, 43];
/// `request_client_auth`, as the body of `tls_flags`.
pub(super) const FLAG: [u8; 12] = [11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// The maximum number of modified messages, and of messages after the handshake.
const MOST: usize = 3;

/// A plan that modifies messages of these slots.
pub(super) fn plan(u: &mut Unstructured<'_>, slots: &[Slot]) -> Result<Plan> {
    let mut plan = Plan::default();
    for _ in 0..u.int_in_range(1..=MOST)? {
        let slot = *u.choose(slots)?;
        let edit = edit(u)?;
        plan.edits_mut(slot).push(edit);
    }
    Ok(plan)
}

fn edit(u: &mut Unstructured<'_>) -> Result<Edit> {
    let typ = if u.ratio(3, 4)? { *u.choose(&EXTENSIONS)? } else { u16::arbitrary(u)? };
    Ok(match u.int_in_range(0..=9)? {
        0 => Edit::add(typ, body(u)?),
        1 => Edit::first(typ, body(u)?),
        2 => Edit::last(typ, body(u)?),
        3 => Edit::replace(typ, body(u)?),
        4 => Edit::remove(typ),
        5 => Edit::duplicate(typ),
        6 => Edit::omit(),
        7 => {
            let (at, bits) = (u16::arbitrary(u)?, u8::arbitrary(u)?);
            Edit::raw(move |bytes| {
                let at = usize::from(at) % bytes.len().max(1);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= bits;
                }
            })
        }
        8 => {
            let more = body(u)?;
            Edit::raw(move |bytes| bytes.extend_from_slice(&more))
        }
        _ => {
            let (at, more) = (u16::arbitrary(u)?, body(u)?);
            Edit::raw(move |bytes| {
                let at = usize::from(at) % (bytes.len() + 1);
                bytes.splice(at..at, more.iter().copied());
                raw_peer::fix_length(bytes);
            })
        }
    })
}

fn body(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    Ok(match u.int_in_range(0..=17)? {
        17 => FLAG.to_vec(),
        length => u.bytes(length)?.to_vec(),
    })
}

/// Passes bytes between both peers until neither sends any more, and then sends unexpected
/// messages.
pub(super) fn run(u: &mut Unstructured<'_>, peer: &mut Peer, tls: &mut Connection) -> Result<()> {
    for _ in 0..=MOST {
        site::carry(peer, tls);
        let sent = match u.int_in_range(0..=3)? {
            0 => return Ok(()),
            1 => peer.send_data(&body(u)?),
            2 => {
                let (typ, content) = (u.int_in_range(20..=24)?, body(u)?);
                peer.send_record(typ, &content)
            }
            _ => {
                let (typ, content) = (HandshakeType(u8::arbitrary(u)?), body(u)?);
                peer.send_handshake(&Handshake::Other(typ, content))
            }
        };
        if sent.is_err() {
            return Ok(());
        }
    }
    Ok(())
}
