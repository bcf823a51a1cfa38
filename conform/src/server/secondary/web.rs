//! A client over HTTP/2, and what the server does with it.

use std::net::TcpStream;
use std::rc::Rc;
use std::time::Duration;

use super::{ONE, SETTING, made, malformed, stuck};
use crate::grade::Grade;
use crate::http2::{Frame, Session};
use crate::secondary::{ECDSA_P256, Exported, POINTS, random, request, split};
use crate::server::Lab;
use crate::talk::{Line, Talk};
use raw_peer::{CertificateAnswer, ChainAndKey, ClientConfig, HandshakeType, Peer, ext};
use test_pki::Authority;

/// A connection to the server.
pub(in crate::server) struct Web {
    /// The connection.
    pub(super) session: Session,
    /// Its exported values.
    pub(super) exported: Exported,
    /// The certificate of `--cert`, or another one if there is none.
    pub(super) identity: ChainAndKey,
    /// A certificate of an authority that the server does not know.
    pub(super) stranger: ChainAndKey,
    /// Whether the server should accept `identity`.
    accepted: bool,
    /// The host and port of requests.
    pub(super) authority: String,
    path: String,
    /// Requests that were received in one frame with an earlier one.
    waiting: Vec<Vec<u8>>,
}

/// What comes first after the page was requested.
pub(super) enum Next {
    /// A request for a certificate.
    Request(Vec<u8>),
    /// The response, with this status.
    Response(u16),
}

impl Next {
    /// The request; the grade of a response.
    fn request(self) -> Result<Vec<u8>, Grade> {
        match self {
            Self::Request(request) => Ok(request),
            Self::Response(status) => Err(Grade::Failed(format!(
                "the server answers {status} and requests no certificate"
            ))),
        }
    }
}

impl Lab {
    /// The TLS client of a connection: it authenticates only by authenticators.
    pub(super) fn web_config(&self) -> ClientConfig {
        let answer = CertificateAnswer::Empty;
        ClientConfig { alpn: vec![b"h2".to_vec()], answer, ..self.honest() }
    }

    /// Runs `run` on a connection with these SETTINGS.
    pub(super) fn web<T>(
        &mut self,
        settings: &[(u16, u32)],
        run: impl FnOnce(&mut Web) -> Result<T, Grade>,
    ) -> Result<T, Grade> {
        self.web_with(self.web_config(), settings, run)
    }

    /// The same, with this TLS client.
    pub(super) fn web_with<T>(
        &mut self,
        config: ClientConfig,
        settings: &[(u16, u32)],
        run: impl FnOnce(&mut Web) -> Result<T, Grade>,
    ) -> Result<T, Grade> {
        let target = &self.target;
        let peer = Peer::client(config).map_err(stuck)?;
        let stream = TcpStream::connect_timeout(&target.addr, target.patience).map_err(stuck)?;
        let line = Line::new(peer, stream, true, target.patience).map_err(stuck)?;
        let mut session = match Session::new(line, settings) {
            Ok(session) => session,
            Err(talk) => {
                let verdict = talk.verdict();
                self.talks.push(Rc::new(*talk));
                return Err(Grade::Failed(format!("no handshake with ALPN h2: {verdict}")));
            }
        };
        if !chose_h2(session.peer()) {
            self.talks.push(Rc::new(session.close()));
            return Err(Grade::Skipped("the server does not speak HTTP/2".into()));
        }
        let exported = Exported::of(session.peer()).map_err(stuck)?;
        let strangers = Authority::new("another authority").map_err(stuck)?;
        let stranger = strangers.client("stranger").map_err(stuck)?.for_raw();
        let host = target.name.clone().unwrap_or_else(|| target.addr.ip().to_string());
        let mut web = Web {
            session,
            exported,
            identity: target.identity.clone().unwrap_or_else(|| stranger.clone()),
            stranger,
            accepted: self.features.secondary_identity,
            authority: format!("{host}:{}", target.addr.port()),
            path: target.secondary_path.clone().unwrap_or_else(|| "/".into()),
            waiting: Vec::new(),
        };
        let result = run(&mut web);
        let talk: Talk = web.session.close();
        self.talks.push(Rc::new(talk));
        result
    }
}

impl Web {
    /// The entries of the server's first SETTINGS; none if there are no SETTINGS.
    pub(super) fn first_settings(&mut self) -> Vec<(u16, u32)> {
        self.session.until(None, |session| session.settings().next()).unwrap_or_default()
    }

    /// Requests the page that needs a certificate.
    pub(super) fn get(&mut self) -> u32 {
        self.session.get(&self.authority, &self.path)
    }

    /// The next request for a certificate, also a malformed one, or the response.
    fn next(&mut self, stream: Option<u32>) -> Result<Next, Grade> {
        if !self.waiting.is_empty() {
            return Ok(Next::Request(self.waiting.remove(0)));
        }
        let kind = POINTS.authenticator_requests();
        loop {
            if let Some(received) = self.session.next_of(kind, Some(Duration::ZERO)) {
                let mut list = split(&received.frame.payload).unwrap_or_default();
                if list.is_empty() {
                    return Err(malformed("the list is malformed"));
                }
                let first = list.remove(0);
                self.waiting = list;
                return Ok(Next::Request(first));
            }
            if let Some(status) = stream.and_then(|stream| self.session.status(stream)) {
                return Ok(Next::Response(status));
            }
            let count = self.session.frames().len();
            let more =
                self.session.until(None, |session| (session.frames().len() > count).then_some(()));
            if more.is_none() {
                let reaction = self.session.ending();
                return Err(Grade::Failed(format!("requests no certificate: {reaction}")));
            }
        }
    }

    /// The next request, which must be well-formed for the case to continue, or the response.
    pub(super) fn asked_or_status(&mut self, stream: u32) -> Result<Next, Grade> {
        let next = self.next(Some(stream))?;
        if let Next::Request(request) = &next {
            super::parse(request)?;
        }
        Ok(next)
    }

    /// The next request, which must be well-formed for the case to continue.
    pub(super) fn asked(&mut self, stream: Option<u32>) -> Result<Vec<u8>, Grade> {
        let request = self.next(stream)?.request()?;
        super::parse(&request)?;
        Ok(request)
    }

    /// Requests the page, and returns the request for a certificate, which may be malformed.
    pub(super) fn raw_request(&mut self) -> Result<Vec<u8>, Grade> {
        let stream = self.get();
        self.next(Some(stream))?.request()
    }

    /// The same, if it is well-formed.
    pub(super) fn request(&mut self) -> Result<Vec<u8>, Grade> {
        let request = self.raw_request()?;
        super::parse(&request)?;
        Ok(request)
    }

    /// A well-formed request of the tester's own.
    pub(super) fn own_request(&self) -> Result<Vec<u8>, Grade> {
        request(&random::<32>().map_err(stuck)?, &[ECDSA_P256], &[]).map_err(stuck)
    }

    /// The frame that answers a request with the certificate.
    pub(super) fn certificate(&self, request: &[u8]) -> Result<Frame, Grade> {
        let answer = made(&self.exported, request, Some(&self.identity))?;
        Ok(Frame::new(POINTS.certificate(), 0, answer))
    }

    /// Answers with the certificate, and returns the status that must follow.
    pub(super) fn show(&mut self, request: &[u8]) -> Result<u16, Grade> {
        let frame = self.certificate(request)?;
        self.session.send(&frame);
        Ok(self.expected())
    }

    /// The status of a response to a client that showed the certificate; 401 stands for all that
    /// turn a client down.
    pub(super) fn expected(&self) -> u16 {
        if self.accepted { 200 } else { 401 }
    }

    /// Sends an empty authenticator.
    pub(super) fn decline(&mut self, request: &[u8]) -> Result<(), Grade> {
        let answer = made(&self.exported, request, None)?;
        self.session.send(&Frame::new(POINTS.certificate(), 0, answer));
        Ok(())
    }

    /// Requests the page, and shows a certificate of another authority. Returns the stream.
    pub(super) fn foreign(&mut self) -> Result<u32, Grade> {
        let stream = self.get();
        let request = self.asked(Some(stream))?;
        let answer = made(&self.exported, &request, Some(&self.stranger))?;
        self.session.send(&Frame::new(POINTS.certificate(), 0, answer));
        Ok(stream)
    }

    /// Sends an authenticator for a request that the server did not make.
    pub(super) fn unsolicited(&mut self) -> Result<(), Grade> {
        let request = self.own_request()?;
        let frame = self.certificate(&request)?;
        self.session.send(&frame);
        Ok(())
    }

    /// The status of a response.
    pub(super) fn status(&mut self, stream: u32) -> Result<u16, Grade> {
        let status = self.session.until(None, |session| session.status(stream));
        status.ok_or_else(|| {
            let reaction = self.session.ending();
            Grade::Failed(format!("{reaction}, but it should answer the request"))
        })
    }

    /// Grades the response to a client that showed the certificate.
    pub(super) fn expect(&mut self, stream: u32, expected: u16) -> Result<Grade, Grade> {
        let status = self.status(stream)?;
        if expected == 401 {
            return Ok(super::turned_down(status, &[403]));
        }
        Ok(Grade::from(status == expected, format!("{status} instead of {expected}")))
    }
}

/// Whether the server chose HTTP/2.
fn chose_h2(peer: &Peer) -> bool {
    let extensions = peer.received(HandshakeType::ENCRYPTED_EXTENSIONS);
    let alpn = extensions.and_then(|message| message.find_extension(ext::ALPN));
    alpn.is_some_and(|body| body.ends_with(b"\x02h2"))
}

/// Detects what the server does with secondary certificates. The error is the reason why it does
/// not support them.
pub(in crate::server) fn look(lab: &mut Lab) -> Result<(), String> {
    let reason = |grade: Grade| grade.reason().unwrap_or_default().to_owned();
    lab.features.secondary = false;
    let value = lab.web(ONE, |web| {
        let settings = web.first_settings();
        Ok(settings.iter().rev().find(|(number, _)| *number == SETTING).map(|(_, value)| *value))
    });
    if value.map_err(reason)?.unwrap_or_default() == 0 {
        return Err("the server does not announce SETTINGS_HTTP_CLIENT_CERT_AUTH".into());
    }
    lab.features.secondary = true;
    lab.features.secondary_requests = lab.web(ONE, |web| Ok(web.raw_request().is_ok())) == Ok(true);
    if lab.target.identity.is_some() {
        let status = lab.web(ONE, |web| {
            let stream = web.get();
            let request = web.asked(Some(stream))?;
            web.show(&request)?;
            web.status(stream)
        });
        lab.features.secondary_identity = status == Ok(200);
    }
    Ok(())
}
