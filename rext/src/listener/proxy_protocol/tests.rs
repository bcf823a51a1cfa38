use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::*;

/// A header of version 2 with this command and family, and this rest.
fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [v2::PROTOCOL_PREFIX, &[0x20 | command, family], &length, rest].concat()
}

const V4: [u8; 12] = [192, 0, 2, 1, 127, 0, 0, 1, 1, 0, 1, 187];

fn read(header: &[u8]) -> Result<Option<ProxiedAddresses>, String> {
    // Every part of it is incomplete.
    for end in 0..header.len() {
        assert!(matches!(missing(&header[..end]), Ok(Missing::Bytes(1..) | Missing::Line(1..))));
    }
    assert_eq!(missing(header).unwrap(), Missing::Nothing);
    parse(header).map_err(|err| rustls_ext::with_causes(&err))
}

fn both(client: &str, destination: &str) -> Result<Option<ProxiedAddresses>, String> {
    let (client, destination) = (client.parse().unwrap(), destination.parse().unwrap());
    Ok(Some(ProxiedAddresses { client, destination }))
}

#[test]
fn the_addresses_of_both_versions_are_read() {
    let expected = both("192.0.2.1:256", "127.0.0.1:443");
    assert_eq!(read(b"PROXY TCP4 192.0.2.1 127.0.0.1 256 443\r\n"), expected);
    assert_eq!(read(&v2(1, 0x11, &V4)), expected);
    // TLVs that are not known are skipped.
    assert_eq!(read(&v2(1, 0x11, &[&V4[..], &[0xe0, 0, 2, 1, 2, 4, 0, 0]].concat())), expected);

    let expected = both("[2001:db8::1]:256", "[::1]:443");
    assert_eq!(read(b"PROXY TCP6 2001:db8::1 ::1 256 443\r\n"), expected);
    let mut v6 = [0; 36];
    v6[..4].copy_from_slice(&[0x20, 1, 0x0d, 0xb8]);
    (v6[15], v6[31]) = (1, 1);
    v6[32..].copy_from_slice(&V4[8..]);
    assert_eq!(read(&v2(1, 0x21, &v6)), expected);
    // The longest header of version 1.
    let longest = "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
                   ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
    assert!(read(longest.as_bytes()).unwrap().is_some());
}

#[test]
fn local_and_unknown_keep_the_address_of_the_socket() {
    for header in [
        b"PROXY UNKNOWN\r\n".to_vec(),
        b"PROXY UNKNOWN ffff::1 ffff::1 65535 65535\r\n".to_vec(),
        b"PROXY UNKNOWN all that follows is ignored, up to the end of the line\r\n".to_vec(),
        // LOCAL, with nothing, with addresses, and with a family that does not exist.
        v2(0, 0, &[]),
        v2(0, 0x11, &V4),
        v2(0, 0x11, &[]),
        v2(0, 0xff, &[1]),
        // UNSPEC.
        v2(1, 0, &[]),
        v2(1, 0, &[1, 2, 3, 4]),
        // A client on a Unix domain socket.
        v2(1, 0x31, &[0; 216]),
    ] {
        assert_eq!(read(&header), Ok(None), "{}", header.escape_ascii());
    }
}

#[test]
fn malformed_headers_are_refused_with_a_reason() {
    let tlv = |tlv: &[u8]| v2(1, 0x11, &[&V4[..], tlv].concat());
    for (header, reason) in [
        (b"PROXY TCP4 192.0.2.1 127.0.0.1 256 443\n".to_vec(), "the PROXY header is malformed"),
        (b"PROXY TCP4 192.0.2.1 127.0.0.1 256\r\n".to_vec(), "the PROXY header is malformed"),
        (b"PROXY TCP4 192.0.2.1 127.0.0.1 256 443 \r\n".to_vec(), "the PROXY header is malformed"),
        (b"PROXY TCP4 192.0.2.1 127.0.0.1 256 443\r\r\n".to_vec(), "the PROXY header is malformed"),
        (b"PROXY TCP4  192.0.2.1 127.0.0.1 256 443\r\n".to_vec(), "the PROXY header is malformed"),
        (b"PROXY TCP4 2001:db8::1 ::1 256 443\r\n".to_vec(), "the PROXY header is malformed"),
        (b"PROXY TCP4 192.0.2.1 127.0.0.1 65536 443\r\n".to_vec(), "the PROXY header is malformed"),
        (b"PROXY UDP4 192.0.2.1 127.0.0.1 256 443\r\n".to_vec(), "the PROXY header is malformed"),
        (b"PROXY UNKNOWNS\r\n".to_vec(), "the PROXY header is malformed"),
        (b"PROXY \xff\xff\xff\xff\xff\xff\xff\xff\r\n".to_vec(), "the PROXY header is malformed"),
        // A version, a command, a family and a transport that do not exist.
        (
            [v2::PROTOCOL_PREFIX, &[0x31, 0x11, 0, 12], &V4].concat(),
            "the PROXY header is malformed",
        ),
        (v2(2, 0x11, &V4), "the PROXY header is malformed"),
        (v2(1, 0x41, &V4), "the PROXY header is malformed"),
        (v2(1, 0x13, &V4), "the PROXY header is malformed"),
        // UDP; addresses that are too short; TLVs that are too short or too long.
        (v2(1, 0x12, &V4), "the PROXY header is for another transport than TCP"),
        (v2(1, 0x11, &V4[..11]), "the PROXY header is malformed"),
        (tlv(&[4]), "the PROXY header is malformed"),
        (tlv(&[4, 0, 1]), "the PROXY header is malformed"),
        // Checksums that are wrong, or have a wrong length.
        (tlv(&[3, 0, 4, 0, 0, 0, 0]), "the checksum of the PROXY header is wrong"),
        (tlv(&[3, 0, 0]), "the checksum of the PROXY header is wrong"),
    ] {
        let error = read(&header).unwrap_err();
        assert!(error.starts_with(reason), "{}: {error}", header.escape_ascii());
    }
}

#[test]
fn a_checksum_is_verified() {
    let mut header = v2(1, 0x11, &[&V4[..], &[3, 0, 4, 0, 0, 0, 0, 4, 0, 1, 9]].concat());
    let checksum = checksum(&header).to_be_bytes();
    header[31..35].copy_from_slice(&checksum);
    assert!(read(&header).unwrap().is_some());
    // With another type at 28, the field is no checksum.
    for at in (16..header.len()).filter(|at| *at != 28) {
        let mut changed = header.clone();
        changed[at] ^= 1;
        assert!(parse(&changed).is_err(), "byte {at}");
    }
}

#[test]
fn headers_are_bounded_and_other_protocols_are_refused_at_once() {
    for first in [&b"\x16\x03\x01"[..], b"GET / ", b"PROXX", b"PROXY\t", b"\r\n\r\n\0\r\nQUIP"] {
        assert!(matches!(missing(first), Err(HeaderError::Missing)), "{first:?}");
    }
    let line = [b"PROXY UNKNOWN ", &[b'x'; 93][..]].concat();
    assert!(matches!(missing(&line[..106]), Ok(Missing::Line(1))));
    assert!(matches!(missing(&line), Err(HeaderError::TooLong(107))));
    let fixed = [v2::PROTOCOL_PREFIX, &[0x21, 0x11, 16, 0]].concat();
    assert!(matches!(missing(&fixed), Ok(Missing::Bytes(4096))));
    let fixed = [v2::PROTOCOL_PREFIX, &[0x21, 0x11, 16, 1]].concat();
    assert!(matches!(missing(&fixed), Err(HeaderError::TooLong(4112))));
}

/// A connection: the client's side, and the server's.
async fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    client.set_nodelay(true).unwrap();
    (client, listener.accept().await.unwrap().0)
}

#[tokio::test]
async fn no_byte_after_the_header_is_read() {
    let sources = ProxySources::new(&[], Duration::from_secs(20));
    for header in [
        b"PROXY TCP4 192.0.2.1 127.0.0.1 256 443\r\n".to_vec(),
        b"PROXY UNKNOWN\r\n".to_vec(),
        v2(1, 0x11, &V4),
        v2(0, 0, &[]),
    ] {
        let all = [&header[..], b"\nand\r\nmore"].concat();
        // All at once, and byte by byte.
        for size in [all.len(), 1] {
            let (mut client, mut server) = connection().await;
            let sent = all.clone();
            let sending = tokio::spawn(async move {
                for part in sent.chunks(size) {
                    client.write_all(part).await.unwrap();
                    tokio::task::yield_now().await;
                }
            });
            sources.read(&mut server).await.unwrap();
            let mut rest = Vec::new();
            server.read_to_end(&mut rest).await.unwrap();
            assert_eq!(rest, b"\nand\r\nmore");
            sending.await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_connection_that_ends_or_stalls_within_its_header_is_refused() {
    let sources = ProxySources::new(&[], Duration::from_millis(50));
    let (client, mut server) = connection().await;
    drop(client);
    assert!(matches!(sources.read(&mut server).await, Err(HeaderError::Probe)));
    for part in [&b"PROXY TCP4 192.0.2.1"[..], b"PRO", &v2(1, 0x11, &V4)[..20]] {
        let (mut client, mut server) = connection().await;
        client.write_all(part).await.unwrap();
        assert!(matches!(sources.read(&mut server).await, Err(HeaderError::Timeout(_))));
        drop(client);
        assert!(sources.read(&mut server).await.is_err());
        let (mut client, mut server) = connection().await;
        client.write_all(part).await.unwrap();
        client.shutdown().await.unwrap();
        assert!(matches!(sources.read(&mut server).await, Err(HeaderError::Closed)));
    }
}
