//! Connections as a capture file with their keys, so that Wireshark shows them decrypted.
//!
//! The format (draft-ietf-opsawg-pcapng) is a sequence of blocks. Only the bytes of the two streams
//! are known, so the TCP segments are generated: a handshake, data, an end.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::talk::Talk;
use raw_peer::Direction;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const DECRYPTION_SECRETS: u32 = 10;
/// "TLSK": an SSLKEYLOGFILE.
const TLS_KEY_LOG: u32 = 0x544c_534b;
/// LINKTYPE_RAW: packets begin with their IP header.
const RAW_IP: u16 = 101;
const TCP: u8 = 6;
/// Leaves room for both headers in an IP packet.
const MOST: usize = 60_000;

const FIN: u8 = 1;
const SYN: u8 = 2;
const PSH: u8 = 8;
const ACK: u8 = 16;

/// Writes these connections, one after the other. `is_client` is whether the tester was the client.
pub fn file<'a>(talks: impl IntoIterator<Item = &'a Talk>, is_client: bool) -> Vec<u8> {
    let mut file = Vec::new();
    // Byte order, version 1.0, a section of unknown length.
    let mut section = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
    section.extend([1, 0, 0, 0]);
    section.extend([0xff; 8]);
    block(&mut file, SECTION_HEADER, section);
    // The link type, two unused bytes, and no packet limit.
    block(&mut file, INTERFACE, [&RAW_IP.to_le_bytes()[..], &[0; 6]].concat());
    for talk in talks {
        let mut keys = talk.peer.key_log().join("\n");
        keys.push('\n');
        let mut secrets = TLS_KEY_LOG.to_le_bytes().to_vec();
        secrets.extend(length(keys.len()).to_le_bytes());
        secrets.extend(keys.as_bytes());
        block(&mut file, DECRYPTION_SECRETS, secrets);
        Stream::new(talk, is_client).write(&mut file);
    }
    file
}

fn block(file: &mut Vec<u8>, typ: u32, mut body: Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
    let total = length(body.len() + 12).to_le_bytes();
    file.extend(typ.to_le_bytes());
    file.extend(total);
    file.extend(body);
    file.extend(total);
}

/// Converts a length; captures here are far below the limit.
fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

struct Stream<'a> {
    talk: &'a Talk,
    is_client: bool,
    ends: [SocketAddr; 2],
    /// The next sequence numbers, of the client and of the server.
    next: [u32; 2],
}

impl<'a> Stream<'a> {
    fn new(talk: &'a Talk, is_client: bool) -> Self {
        let (client, server) = talk.ends;
        Self { talk, is_client, ends: [client, server], next: [0, 0] }
    }

    fn write(mut self, file: &mut Vec<u8>) {
        let chunks = &self.talk.wire;
        let (Some(first), Some(last)) = (chunks.first(), chunks.last()) else { return };
        self.packet(file, first.at, true, SYN, &[]);
        self.packet(file, first.at, false, SYN | ACK, &[]);
        self.packet(file, first.at, true, ACK, &[]);
        for chunk in chunks {
            let by_client = (chunk.direction == Direction::Sent) == self.is_client;
            for part in chunk.bytes.chunks(MOST) {
                self.packet(file, chunk.at, by_client, PSH | ACK, part);
            }
        }
        self.packet(file, last.at, true, FIN | ACK, &[]);
        self.packet(file, last.at, false, FIN | ACK, &[]);
    }

    fn packet(
        &mut self,
        file: &mut Vec<u8>,
        at: SystemTime,
        by_client: bool,
        flags: u8,
        data: &[u8],
    ) {
        let [client, server] = self.ends;
        let [client_next, server_next] = self.next;
        let (from, to) = if by_client { (client, server) } else { (server, client) };
        let (seq, acked) =
            if by_client { (client_next, server_next) } else { (server_next, client_next) };
        let ack = if flags & ACK == 0 { 0 } else { acked };
        let mut tcp = Vec::new();
        tcp.extend(from.port().to_be_bytes());
        tcp.extend(to.port().to_be_bytes());
        tcp.extend(seq.to_be_bytes());
        tcp.extend(ack.to_be_bytes());
        // Header length of five words, flags, window, no checksum, no urgent data.
        tcp.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        tcp.extend(data);
        let is_marked = flags & (SYN | FIN) != 0;
        let used = length(data.len()).wrapping_add(u32::from(is_marked));
        if by_client {
            self.next = [client_next.wrapping_add(used), server_next]
        } else {
            self.next = [client_next, server_next.wrapping_add(used)]
        }

        let packet = ip(from.ip(), to.ip(), &tcp);
        let micros = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_micros();
        let micros = u64::try_from(micros).unwrap_or_default();
        let mut body = Vec::new();
        // The interface, the time in two halves, the captured length and the original length.
        body.extend(0_u32.to_le_bytes());
        body.extend(((micros >> 32) as u32).to_le_bytes());
        body.extend((micros as u32).to_le_bytes());
        body.extend(length(packet.len()).to_le_bytes());
        body.extend(length(packet.len()).to_le_bytes());
        body.extend(packet);
        block(file, ENHANCED_PACKET, body);
    }
}

/// An IP packet with this payload (RFC 791, RFC 8200).
fn ip(from: IpAddr, to: IpAddr, payload: &[u8]) -> Vec<u8> {
    // No payload is longer than MOST.
    let short = |len: usize| u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
    if let (IpAddr::V6(from), IpAddr::V6(to)) = (from, to) {
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend(short(payload.len()));
        packet.extend([TCP, 64]);
        packet.extend(from.octets());
        packet.extend(to.octets());
        packet.extend(payload);
        return packet;
    }
    let v4 = |ip| match ip {
        IpAddr::V4(ip) => ip,
        IpAddr::V6(ip) => ip.to_ipv4_mapped().unwrap_or(Ipv4Addr::UNSPECIFIED),
    };
    let mut packet = vec![0x45, 0];
    packet.extend(short(payload.len() + 20));
    packet.extend([0, 0, 0x40, 0, 64, TCP, 0, 0]);
    packet.extend(v4(from).octets());
    packet.extend(v4(to).octets());
    packet.extend(payload);
    packet
}
