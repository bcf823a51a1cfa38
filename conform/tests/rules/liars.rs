//! Servers that complete every handshake and refuse nothing, with different responses.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use raw_peer::{ChainAndKey, Control, Edit, Handshake, HandshakeType, Peer, ServerConfig, ext};
use rustls_ext_wire::{CodePoints, FlagSet};

/// The data that a liar sends after the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Nothing at all, until the client ends the connection.
    Silent,
    /// close_notify, at once.
    Closing,
    /// 200 to every request.
    Answering,
    /// 400 to every request.
    Answering400,
    /// 400 to every client that shows a certificate, and 200 to all others.
    Answering400ToCertificates,
    /// An answer that never ends.
    Endless,
    /// illegal_parameter to every client, once its handshake is complete.
    AlertBehindHandshake,
    /// illegal_parameter in place of a ServerHello.
    AlertAtOnce,
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
const ILLEGAL_PARAMETER: u8 = 47;

/// Serves on a free port of the loopback interface, for as long as the process lives.
pub fn start(lie: Lie, cert: &Path, key: &Path) -> u16 {
    let identity = conform::files::identity(cert, key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            // Errors of the connection do not matter.
            let _ = serve(lie, &identity, stream.unwrap());
        }
    });
    port
}

fn serve(lie: Lie, identity: &ChainAndKey, mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut peer = peer(lie, identity);
    let mut buffer = [0; 16384];
    while !peer.is_complete() || (lie.waits() && peer.received_data().is_empty()) {
        let count = stream.read(&mut buffer)?;
        let failed = count == 0 || peer.read(&buffer[..count]).is_err();
        stream.write_all(&peer.take_output())?;
        if failed {
            return Ok(());
        }
    }
    let shows = peer.received(HandshakeType::CERTIFICATE).is_some_and(|message| {
        matches!(message.parse(), Ok(Handshake::Certificate(it)) if !it.entries.is_empty())
    });
    match lie {
        Lie::Silent | Lie::Closing | Lie::AlertAtOnce => {}
        Lie::Answering => peer.send_data(OK).unwrap(),
        Lie::Answering400 => peer.send_data(BAD_REQUEST).unwrap(),
        Lie::Answering400ToCertificates => {
            peer.send_data(if shows { BAD_REQUEST } else { OK }).unwrap();
        }
        Lie::Endless => loop {
            peer.send_data(&[b'x'; 16384]).unwrap();
            stream.write_all(&peer.take_output())?;
        },
        Lie::AlertBehindHandshake => peer.send_alert(2, ILLEGAL_PARAMETER).unwrap(),
    }
    if lie != Lie::Silent {
        peer.send_alert(1, 0).unwrap();
        stream.write_all(&peer.take_output())?;
        stream.shutdown(Shutdown::Write)?;
    }
    // Until the client ends the connection.
    while stream.read(&mut buffer)? > 0 {}
    Ok(())
}

impl Lie {
    /// Whether it waits for a request.
    fn waits(self) -> bool {
        matches!(
            self,
            Self::Answering | Self::Answering400 | Self::Answering400ToCertificates | Self::Endless
        )
    }
}

/// A server that asks every client that offers, in the one right form, whatever else is in its
/// ClientHello.
fn peer(lie: Lie, identity: &ChainAndKey) -> Peer {
    let points = CodePoints::default();
    let own = FlagSet::single(points.request_client_auth()).body().unwrap().to_vec();
    let mut config = ServerConfig::new(identity.clone());
    config.alpn = vec![b"http/1.1".to_vec()];
    Peer::server(config).checked_by(move |message, control| {
        let Control::Server(config) = control else { return Ok(()) };
        if lie == Lie::AlertAtOnce {
            return Err(ILLEGAL_PARAMETER);
        }
        if let (HandshakeType::CLIENT_HELLO, Ok(Handshake::ClientHello(hello))) =
            (message.typ, message.parse())
        {
            // The bit counts wherever it stands, with or without a length in front of it.
            let body = ext::find(&hello.extensions, points.tls_flags()).unwrap_or_default();
            let has = |at: usize| body.get(at).is_some_and(|byte| byte & 1 != 0);
            config.ask_certificate = has(11) || (body.len() == 11 && has(10));
            config.plan.certificate_request.clear();
            if config.ask_certificate {
                let edit = Edit::add(points.tls_flags(), own.clone());
                config.plan.certificate_request.push(edit);
            }
        }
        Ok(())
    })
}
