//! One connection between the raw peer and the peer under test, over a socket.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant, SystemTime};

use crate::alerts::alert;
use raw_peer::{ClientConfig, Direction, HandshakeType, Peer};

/// How long a peer that has all messages may be silent before the tester ends the connection.
pub(super) const QUIET: Duration = Duration::from_millis(1000);
/// The limit of bytes to read before the handshake is complete: many times what a handshake needs.
const MOST_OF_HANDSHAKE: usize = 4 * 1024 * 1024;
/// The limit of bytes to read after the handshake. The first bytes show that the peer answers, and all
/// that is read is kept until the end of the case.
const MOST_OF_ANSWER: usize = 256 * 1024;
/// server_hello_done, the last unencrypted message of a TLS 1.2 server.
const SERVER_HELLO_DONE: HandshakeType = HandshakeType(14);
/// client_key_exchange, by which a TLS 1.2 client continues.
const CLIENT_KEY_EXCHANGE: HandshakeType = HandshakeType(16);
const CLOSE_NOTIFY: u8 = 0;

/// The reaction of the peer under test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It continued: it sent a message that it only sends in that case.
    Accepted,
    /// The server completed its part of the handshake and then closed the connection with
    /// close_notify, without a response. It may have continued, or may have refused.
    Ended,
    /// The server completed its part of the handshake and then sent nothing until the tester
    /// closed the connection. It may have continued, or may have refused.
    Silent,
    /// It refused, with this fatal alert.
    Alert(u8),
    /// It closed the connection without an alert.
    Closed,
    /// It neither continued nor refused before the timeout.
    Hung,
    /// The raw peer could not continue: why.
    Stuck(String),
    /// No connection was possible: why.
    NoConnection(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("it continued"),
            Self::Ended => f.write_str("it closed the connection without a response"),
            Self::Silent => f.write_str("it sent nothing after its handshake"),
            Self::Alert(description) => write!(f, "it refused with {}", alert(*description)),
            Self::Closed => f.write_str("it closed the connection without an alert"),
            Self::Hung => f.write_str("it neither continued nor refused before the timeout"),
            Self::Stuck(why) => write!(f, "the tester cannot continue after its messages ({why})"),
            Self::NoConnection(why) => write!(f, "there was no connection ({why})"),
        }
    }
}

/// Bytes on the wire.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// The time.
    pub at: SystemTime,
    /// The direction, from the raw peer's view.
    pub direction: Direction,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// The reason why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Open,
    Closed,
    TimedOut,
    /// It sends more than the limit.
    Endless,
    NoConnection(String),
}

/// A connection that is over.
#[derive(Debug)]
pub struct Talk {
    /// The raw peer, with all messages.
    pub peer: Peer,
    /// All bytes, in order.
    pub wire: Vec<Chunk>,
    /// The client's address and the server's.
    pub ends: (SocketAddr, SocketAddr),
    /// Whether the tester was the client.
    pub is_client: bool,
    /// Whether the peer's process exited with a failure.
    pub complains: bool,
    /// Whether the peer's process had to be killed, since it did not end before the timeout.
    pub hangs: bool,
    /// Whether the tester closed the connection before the peer did.
    parted: bool,
    end: End,
}

impl Talk {
    fn new(peer: Peer, ends: (SocketAddr, SocketAddr), is_client: bool, end: End) -> Self {
        let wire = Vec::new();
        Self { peer, wire, ends, is_client, complains: false, hangs: false, parted: false, end }
    }

    /// The reaction of the peer.
    pub fn verdict(&self) -> Verdict {
        if let Some(alert) = self.fatal_alert() {
            return Verdict::Alert(alert);
        }
        if let End::NoConnection(why) = &self.end {
            return Verdict::NoConnection(why.clone());
        }
        if self.has_watched_all() {
            return Verdict::Accepted;
        }
        if let Some(error) = self.peer.error() {
            return Verdict::Stuck(error.to_string());
        }
        match (&self.end, self.peer.is_complete()) {
            (End::Endless, false) => Verdict::Stuck("more than a handshake can need".into()),
            (End::Closed, false) => Verdict::Closed,
            (_, false) => Verdict::Hung,
            (_, true) if self.hangs => Verdict::Hung,
            (_, true) if self.complains => Verdict::Closed,
            (_, true) if self.has_answer() => Verdict::Accepted,
            (End::Closed, true) if !self.parted && !self.says_goodbye() => Verdict::Closed,
            // A client's Finished shows that it accepted the server's messages so far.
            (_, true) if !self.is_client => Verdict::Accepted,
            // A server's Finished does not show whether it accepts the client's later messages.
            (End::Closed, true) if !self.parted => Verdict::Ended,
            (_, true) => Verdict::Silent,
        }
    }

    /// Whether the handshake is complete at the tester: the peer refused none of the messages
    /// before its Finished.
    pub fn is_complete(&self) -> bool {
        self.peer.is_complete()
    }

    /// The status of the response, if it is HTTP/1.
    pub fn status(&self) -> Option<u16> {
        let data = self.peer.received_data();
        let rest = data.strip_prefix(b"HTTP/1.")?.get(2..5)?;
        std::str::from_utf8(rest).ok()?.parse().ok()
    }

    fn fatal_alert(&self) -> Option<u8> {
        // TLS 1.3 has two warnings: close_notify and user_canceled (RFC 8446 section 6.1).
        self.peer.alerts().map(|alert| alert.description).find(|d| ![CLOSE_NOTIFY, 90].contains(d))
    }

    /// Whether the peer sent a message that it only sends if it continues.
    fn has_answer(&self) -> bool {
        !self.peer.received_data().is_empty()
            || self.peer.received(HandshakeType::NEW_SESSION_TICKET).is_some()
    }

    fn says_goodbye(&self) -> bool {
        self.peer.alerts().any(|alert| alert.description == CLOSE_NOTIFY)
    }

    /// Whether all unencrypted messages of a TLS 1.2 handshake were received.
    pub(super) fn has_watched_all(&self) -> bool {
        [SERVER_HELLO_DONE, CLIENT_KEY_EXCHANGE]
            .iter()
            .any(|typ| self.peer.received(*typ).is_some())
    }
}

/// An open connection.
pub struct Line {
    talk: Talk,
    stream: Option<TcpStream>,
    deadline: Instant,
    /// How many bytes were received before the handshake was complete, and after.
    received: (usize, usize),
    /// The limit of bytes to read after the handshake.
    most: usize,
}

impl Line {
    /// Starts a connection with a deadline.
    pub fn new(
        peer: Peer,
        stream: TcpStream,
        is_client: bool,
        patience: Duration,
    ) -> std::io::Result<Self> {
        stream.set_nodelay(true)?;
        let (own, other) = (stream.local_addr()?, stream.peer_addr()?);
        let ends = if is_client { (own, other) } else { (other, own) };
        let talk = Talk::new(peer, ends, is_client, End::Open);
        let deadline = Instant::now() + patience;
        Ok(Self { talk, stream: Some(stream), deadline, received: (0, 0), most: MOST_OF_ANSWER })
    }

    /// The raw peer.
    pub fn peer(&mut self) -> &mut Peer {
        &mut self.talk.peer
    }

    /// Sets the limit of bytes to read after the handshake.
    pub fn limit(&mut self, most: usize) {
        self.most = most;
    }

    /// Whether the raw peer is the client.
    pub fn is_client(&self) -> bool {
        self.talk.is_client
    }

    /// Whether the peer closed the connection.
    pub fn is_closed(&self) -> bool {
        self.talk.end == End::Closed
            || self.talk.fatal_alert().is_some()
            || self.talk.says_goodbye()
    }

    /// Whether no more data will arrive.
    pub fn is_over(&self) -> bool {
        self.talk.end != End::Open || self.talk.fatal_alert().is_some()
    }

    /// Sends the raw peer's output, then reads once, for `wait` or the time that is left. Returns
    /// false if nothing arrived.
    pub fn step(&mut self, wait: Option<Duration>) -> bool {
        self.flush();
        let left = self.deadline.saturating_duration_since(Instant::now());
        let wait = wait.map_or(left, |wait| wait.min(left));
        let Some(stream) = &mut self.stream else { return false };
        if left.is_zero() || wait.is_zero() {
            self.talk.end = End::TimedOut;
            return false;
        }
        let mut buffer = [0; 16384];
        let read = stream.set_read_timeout(Some(wait)).and_then(|()| stream.read(&mut buffer));
        match read {
            Ok(0) => self.talk.end = End::Closed,
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                self.count(count);
                self.note(Direction::Received, bytes.to_vec());
                // Its error is kept by the peer, and the alert for it is in its output.
                let _ = self.talk.peer.read(bytes);
                self.flush();
                return true;
            }
            Err(err) if err.kind() == ErrorKind::Interrupted => return true,
            Err(err) if matches!(err.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if Instant::now() >= self.deadline {
                    self.talk.end = End::TimedOut;
                }
            }
            Err(_) => self.talk.end = End::Closed,
        }
        false
    }

    /// Counts received bytes, and ends the connection above the limit.
    fn count(&mut self, count: usize) {
        let (before, behind) = &mut self.received;
        let (so_far, most) = if self.talk.peer.is_complete() {
            (behind, self.most)
        } else {
            (before, MOST_OF_HANDSHAKE)
        };
        *so_far = so_far.saturating_add(count);
        if *so_far > most {
            self.talk.end = End::Endless;
        }
    }

    /// Sends close_notify, and reads the rest up to the limit.
    pub fn close(&mut self) {
        self.talk.parted = !self.is_over();
        let _ = self.talk.peer.send_alert(1, CLOSE_NOTIFY);
        self.flush();
        if let Some(stream) = &self.stream {
            let _ = stream.shutdown(Shutdown::Write);
        }
        while !self.is_over() && self.talk.peer.error().is_none() {
            self.step(None);
        }
    }

    /// The finished connection.
    pub fn end(self) -> Talk {
        self.talk
    }

    fn flush(&mut self) {
        let bytes = self.talk.peer.take_output();
        if bytes.is_empty() {
            return;
        }
        if let Some(stream) = &mut self.stream {
            // After a failed write, there may still be an alert to read.
            let _ = stream.write_all(&bytes);
        }
        self.note(Direction::Sent, bytes);
    }

    fn note(&mut self, direction: Direction, bytes: Vec<u8>) {
        self.talk.wire.push(Chunk { at: SystemTime::now(), direction, bytes });
    }
}

/// Connects to a server, and sends a request after the handshake.
pub fn visit(to: SocketAddr, config: ClientConfig, request: &[u8], patience: Duration) -> Talk {
    let peer = match Peer::client(config) {
        Ok(peer) => peer,
        // The configurations are our own.
        Err(err) => return none(Peer::server(empty()), to, err.to_string()),
    };
    let stream = match TcpStream::connect_timeout(&to, patience) {
        Ok(stream) => stream,
        Err(err) => return none(peer, to, err.to_string()),
    };
    let mut line = match Line::new(peer, stream, true, patience) {
        Ok(line) => line,
        Err(err) => return none(Peer::server(empty()), to, err.to_string()),
    };
    let mut asked = false;
    while !line.is_over() && line.talk.peer.error().is_none() && !line.talk.has_watched_all() {
        if line.talk.peer.is_complete() && !asked {
            asked = line.talk.peer.send_data(request).is_ok();
        }
        let came = line.step(asked.then_some(QUIET));
        if asked && (!came || !line.talk.peer.received_data().is_empty()) {
            break;
        }
    }
    line.flush();
    if asked && !line.is_over() {
        line.close();
    }
    line.end()
}

/// The response to each request.
pub const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";

/// Serves a client, which gets `answer` after its first data. `play` sends the messages of a peer
/// that only logs.
///
/// # Errors
/// If the connection broke before the first message.
pub fn host(
    peer: Peer,
    stream: TcpStream,
    patience: Duration,
    answer: &[u8],
    play: Option<&dyn Fn(&mut Peer)>,
) -> std::io::Result<Talk> {
    let mut line = Line::new(peer, stream, false, patience)?;
    let mut played = false;
    while !line.is_over() && line.talk.peer.error().is_none() && !line.talk.has_watched_all() {
        let said = line.talk.peer.received(HandshakeType::CLIENT_HELLO).is_some();
        if let (Some(play), true, false) = (play, said, played) {
            play(&mut line.talk.peer);
            played = true;
        }
        let complete = line.talk.peer.is_complete();
        if complete && !line.talk.peer.received_data().is_empty() {
            if !answer.is_empty() {
                let _ = line.talk.peer.send_data(answer);
            }
            break;
        }
        if !line.step(complete.then_some(QUIET)) && complete {
            break;
        }
    }
    line.flush();
    if line.talk.peer.is_complete() && !line.is_over() {
        line.close();
    }
    Ok(line.end())
}

fn empty() -> raw_peer::ServerConfig {
    raw_peer::ServerConfig::new(raw_peer::ChainAndKey::default())
}

fn none(peer: Peer, to: SocketAddr, why: String) -> Talk {
    Talk::new(peer, (to, to), true, End::NoConnection(why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use raw_peer::ServerConfig;
    use test_pki::Authority;

    /// A client and a server whose handshake is complete; `behind` has the server send more.
    fn complete(behind: impl FnOnce(&mut Peer)) -> (Peer, Peer) {
        let authority = Authority::new("Server CA").unwrap();
        let identity = authority.server(&["localhost"]).unwrap().for_raw();
        let mut client = Peer::client(ClientConfig::default()).unwrap();
        let mut server = Peer::server(ServerConfig::new(identity));
        while !(client.is_complete() && server.is_complete()) {
            server.read(&client.take_output()).unwrap();
            client.read(&server.take_output()).unwrap();
        }
        behind(&mut server);
        client.read(&server.take_output()).unwrap();
        (client, server)
    }

    fn talk(peer: Peer, is_client: bool, end: End) -> Talk {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        Talk::new(peer, (nowhere, nowhere), is_client, end)
    }

    #[test]
    fn only_an_answer_or_a_ticket_says_that_a_server_goes_on_behind_its_finished() {
        type Sends = fn(&mut Peer);
        let cases: [(Sends, Verdict, Verdict); 5] = [
            (|_| {}, Verdict::Closed, Verdict::Silent),
            (|p| p.send_alert(1, CLOSE_NOTIFY).unwrap(), Verdict::Ended, Verdict::Silent),
            (|p| p.send_alert(2, 51).unwrap(), Verdict::Alert(51), Verdict::Alert(51)),
            (|p| p.send_data(b"x").unwrap(), Verdict::Accepted, Verdict::Accepted),
            (|p| p.send_ticket().unwrap(), Verdict::Accepted, Verdict::Accepted),
        ];
        for (sends, by_itself, in_the_end) in cases {
            let verdict = |end, parted| {
                let mut talk = talk(complete(sends).0, true, end);
                talk.parted = parted;
                talk.verdict()
            };
            assert_eq!(verdict(End::Closed, false), by_itself);
            // Data after the tester closed the connection is not a decision of the server.
            assert_eq!(verdict(End::Closed, true), in_the_end);
            assert_eq!(verdict(End::TimedOut, true), in_the_end);
        }
    }

    #[test]
    fn a_finished_says_that_a_client_goes_on_unless_its_process_says_otherwise() {
        let verdict = |complains, hangs| {
            let mut talk = talk(complete(|_| {}).1, false, End::TimedOut);
            (talk.complains, talk.hangs) = (complains, hangs);
            talk.verdict()
        };
        assert_eq!(verdict(false, false), Verdict::Accepted);
        assert_eq!(verdict(true, false), Verdict::Closed);
        assert_eq!(verdict(false, true), Verdict::Hung);
    }

    #[test]
    fn the_status_is_that_of_an_answer_of_http_1() {
        for (answer, status) in [
            (&b"HTTP/1.1 200 OK\r\n\r\n"[..], Some(200)),
            (b"HTTP/1.0 404 Not Found\r\n\r\n", Some(404)),
            (b"HTTP/1.1 40", None),
            (b"HTTP/1.1 4x0 \r\n", None),
            (b"220 mail.example", None),
        ] {
            let (client, _) = complete(|server| server.send_data(answer).unwrap());
            assert_eq!(talk(client, true, End::Open).status(), status);
        }
    }
}
