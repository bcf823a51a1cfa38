//! A server over HTTP/2, and what the client does with it.

use std::rc::Rc;
use std::time::Instant;

use super::{ONE, SETTING};
use crate::client::{Ended, Lab, MOST_CONNECTIONS, end};
use crate::grade::Grade;
use crate::http2::{Code, Session};
use crate::secondary::{
    ECDSA_P256, Exported, Invalid, POINTS, random, request, requests_frame, validate,
};
use crate::talk::Line;
use command_line::{Failure, emit};
use raw_peer::{Peer, ServerConfig};

/// A connection of the client.
pub(in crate::client) struct Host {
    /// The connection.
    pub(super) session: Session,
    exported: Exported,
    /// The request for the page, once it was received.
    page: Option<u32>,
    /// Whether the client has to end with success, since it got its page and broke no rule.
    succeeds: bool,
}

impl Lab {
    /// Runs the client, and `run` on its first connection, with these SETTINGS. Later connections
    /// get the page.
    pub(super) fn host_web(
        &mut self,
        settings: &[(u16, u32)],
        run: impl FnOnce(&mut Host) -> Result<Grade, Grade>,
    ) -> Result<Grade, Grade> {
        let (grade, succeeds) = self.host_web_with(settings, run)?;
        let complains = succeeds && self.features.succeeds && !self.features.ended_well;
        if grade == Grade::Passed && complains {
            return Ok(Grade::Failed("its command does not succeed after the response".into()));
        }
        Ok(grade)
    }

    /// The same; also returns whether the command has to succeed.
    fn host_web_with<T>(
        &mut self,
        settings: &[(u16, u32)],
        run: impl FnOnce(&mut Host) -> Result<T, Grade>,
    ) -> Result<(T, bool), Grade> {
        let cannot = |err| Grade::Skipped(format!("the command cannot be started: {err}"));
        let mut child = if self.command.is_some() {
            Some(self.start().map_err(cannot)?)
        } else {
            emit("waiting for the client\n");
            None
        };
        let deadline = Instant::now() + self.patience;
        let (mut run, mut result) = (Some(run), None);
        let mut count = 0;
        while let Some(stream) = self.accept(child.as_mut(), deadline, count == 0) {
            count += 1;
            let mut config = ServerConfig::new(self.identity.clone());
            config.alpn = vec![b"h2".to_vec()];
            config.tickets = 1;
            let line = Line::new(Peer::server(config), stream, false, self.patience);
            let Ok(line) = line else { continue };
            let mut session = match Session::new(line, if count == 1 { settings } else { ONE }) {
                Ok(session) => session,
                Err(talk) => {
                    self.talks.push(Rc::new(*talk));
                    continue;
                }
            };
            let Ok(exported) = Exported::of(session.peer()) else { continue };
            let mut host = Host { session, exported, page: None, succeeds: false };
            match run.take() {
                Some(run) => {
                    let outcome = run(&mut host);
                    result = Some(outcome.map(|outcome| (outcome, host.succeeds)));
                }
                None => {
                    // An error shows in the exit code of the command.
                    let _ = host.finish();
                }
            }
            self.talks.push(Rc::new(host.session.close()));
            if child.is_none() || count >= MOST_CONNECTIONS {
                break;
            }
        }
        let ended = child.as_mut().map_or(Ended::Well, |child| end(child, deadline));
        self.features.ended_well = ended == Ended::Well;
        result.unwrap_or_else(|| {
            Err(Grade::Failed("the client makes no connection with ALPN h2".into()))
        })
    }
}

impl Host {
    /// The entries of the client's first SETTINGS; none if there are no SETTINGS.
    pub(super) fn first_settings(&mut self) -> Vec<(u16, u32)> {
        self.session.until(None, |session| session.settings().next()).unwrap_or_default()
    }

    /// Waits for the request for the page, and returns its stream.
    pub(super) fn page(&mut self) -> Result<u32, Grade> {
        let page = self.page.or_else(|| {
            self.session.until(None, |session| {
                let frames = session.frames().iter();
                frames.map(|it| &it.frame).find(|frame| frame.ends_headers()).map(|it| it.stream)
            })
        });
        self.page = page;
        page.ok_or_else(|| {
            let reaction = self.session.ending();
            Grade::Failed(format!("the client requests no page: {reaction}"))
        })
    }

    /// Answers the request for the page; the client has to end with success.
    pub(super) fn finish(&mut self) -> Result<(), Grade> {
        let page = self.page()?;
        self.session.respond(page, 200);
        self.session.go_away(Code::NO_ERROR);
        self.succeeds = true;
        Ok(())
    }

    /// A context for a request.
    pub(super) fn context(&self) -> Result<[u8; 32], Grade> {
        random().map_err(|error| Grade::Skipped(error.to_string()))
    }

    /// A request that the client's certificate fits.
    pub(super) fn request(&self, extensions: &[(u16, &[u8])]) -> Result<Vec<u8>, Grade> {
        request(&self.context()?, &[ECDSA_P256], extensions)
            .map_err(|error| Grade::Skipped(error.to_string()))
    }

    /// Sends these requests in one frame.
    pub(super) fn ask(&mut self, requests: &[Vec<u8>]) {
        self.session.send(&requests_frame(requests));
    }

    /// The payload of the next CERTIFICATE.
    pub(super) fn next_answer(&mut self) -> Option<Vec<u8>> {
        let received = self.session.next_of(POINTS.certificate(), None)?;
        Some(received.frame.payload)
    }

    /// The same; it must come.
    pub(super) fn answer(&mut self) -> Result<Vec<u8>, Grade> {
        self.next_answer().ok_or_else(|| {
            let reaction = self.session.ending();
            Grade::Failed(format!("{reaction}, but it should answer the request"))
        })
    }

    /// Validates an answer, and returns its certificates; none if it is empty.
    pub(super) fn validate(&self, request: &[u8], answer: &[u8]) -> Result<Vec<Vec<u8>>, Invalid> {
        validate(&self.exported, request, answer)
    }

    /// The certificates of the next answer, which has cases of its own if it is not valid.
    pub(super) fn valid_answer(&mut self, request: &[u8]) -> Result<Vec<Vec<u8>>, Grade> {
        let answer = self.answer()?;
        self.validate(request, &answer).map_err(|invalid| {
            Grade::Skipped(format!("the client's authenticator is not valid: {}", invalid.why))
        })
    }

    /// How many frames CERTIFICATE were received.
    pub(super) fn certificates(&self) -> usize {
        let frames = self.session.frames().iter();
        frames.filter(|received| received.frame.kind == POINTS.certificate()).count()
    }
}

/// Detects what the client does with secondary certificates.
///
/// # Errors
/// If it does not connect, or requests no page.
pub(in crate::client) fn look(lab: &mut Lab) -> Result<(), Failure> {
    lab.check_command()?;
    let own = lab.client_leaf.clone();
    let mut shown = None;
    let looked = lab.host_web_with(ONE, |host| {
        host.page()?;
        host.session.ping();
        let values = host.session.settings().flatten();
        let value = values.filter(|(number, _)| *number == SETTING).last();
        let value = value.map(|(_, value)| value).filter(|value| *value > 0);
        if value.is_some() {
            let request = host.request(&[])?;
            host.ask(std::slice::from_ref(&request));
            let chain = host.next_answer().map(|answer| host.validate(&request, &answer));
            shown = chain.and_then(Result::ok).and_then(|chain| chain.into_iter().next());
        }
        host.finish()?;
        Ok(value)
    });
    let (value, _) = looked.map_err(|grade| {
        let why = grade.reason().unwrap_or_default().to_owned();
        Failure::Failed(format!("no page was requested by HTTP/2: {why}"))
    })?;
    lab.features.secondary = value;
    lab.features.secondary_identity = shown.as_ref() == Some(&own);
    lab.features.succeeds = lab.features.ended_well;
    lab.talks.clear();
    Ok(())
}
