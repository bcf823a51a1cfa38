//! The client's side of a connection.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::sign::CertifiedKey;

use super::{ConnectionError, Exchange, Frame, Outbox, SendError};
use crate::authenticator::{AuthenticateError, Endpoint, Exporters, Request};
use crate::wire::authenticator::Contexts;
use crate::wire::secondary::{Requests, RequestsError};

/// Answers a server's requests for certificates: the client's side of one connection.
///
/// It reads and writes nothing itself. A filter passes it the server's setting and frames, and
/// sends what it puts into the [`Outbox`]. The clients of [`http::hyper`](crate::http) use it; it
/// can be used with any other HTTP/2 client, too.
///
/// The server's requests are answered in order, each with one authenticator (SCC-7). It has the
/// certificate that [`ChooseCertificate`] chooses, or is an empty one (EA-10). Signatures are made
/// in [`Work`], of which there is one at a time.
///
/// ```
/// # use std::sync::Arc;
/// # use rustls_ext::authenticator::{Exporters, Request};
/// # use rustls_ext::http::secondary::{ClientExchange, ClientLimits, Outbox};
/// # use rustls_ext::rustls::sign::CertifiedKey;
/// # fn example(exporters: Exporters, key: Arc<CertifiedKey>) -> (ClientExchange, Outbox) {
/// let outbox = Outbox::new();
/// let choose = move |request: &Request| request.accepts(&key).is_ok().then(|| key.clone());
/// let run = |work| drop(std::thread::spawn(work));
/// (ClientExchange::new(exporters, choose, outbox.clone(), ClientLimits::default(), run), outbox)
/// # }
/// ```
pub struct ClientExchange {
    shared: Arc<Shared>,
    run: Box<dyn Fn(Work) + Send + Sync>,
}

/// Makes the answers that are due, with their signatures, and sends them. It may block, so it should
/// run where that is allowed, for example in `tokio::task::spawn_blocking`.
pub type Work = Box<dyn FnOnce() + Send>;

/// Chooses the certificates with which a client answers.
///
/// Closures that take a [`Request`] and return an `Option<Arc<CertifiedKey>>` implement this.
pub trait ChooseCertificate: Send + Sync + 'static {
    /// Returns the certificate for this request, which the server may see and [`Request::accepts`];
    /// `None` to decline. It may block.
    fn choose(&self, request: &Request) -> Option<Arc<CertifiedKey>>;

    /// The request has arrived, and will be answered later. This must not block.
    fn requested(&self, request: &Request) {
        let _ = request;
    }

    /// The answer to the request is about to be sent. If the connection ends, it may not arrive.
    fn answering(&self, request: &Request, answer: &Answer) {
        let _ = (request, answer);
    }
}

impl<F> ChooseCertificate for F
where
    F: Fn(&Request) -> Option<Arc<CertifiedKey>> + Send + Sync + 'static,
{
    fn choose(&self, request: &Request) -> Option<Arc<CertifiedKey>> {
        self(request)
    }
}

/// A client's answer to a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Answer {
    /// An authenticator with this certificate.
    Shown(Arc<CertifiedKey>),
    /// An empty authenticator.
    Declined(Declined),
}

/// Why a request is answered with an empty authenticator.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Declined {
    /// No certificate was chosen.
    NotChosen,
    /// The server has sent more requests than [`ClientLimits::shown`] on this connection (SCC-12).
    TooManyRequests {
        /// The limit.
        most: u32,
    },
    /// The authenticator is longer than the frames that the server accepts (SCC-12).
    TooLong {
        /// The length of the authenticator in bytes.
        length: usize,
        /// The longest payload that the server accepts, in bytes.
        most: usize,
    },
    /// There is no authenticator with the certificate that was chosen.
    Failed(AuthenticateError),
}

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotChosen => f.write_str("no certificate was chosen"),
            Self::TooManyRequests { most } => {
                write!(f, "the server requested more than {most} certificates on one connection")
            }
            Self::TooLong { length, most } => write!(
                f,
                "the authenticator has {length} bytes, and the server accepts frames of {most} \
                 bytes at most"
            ),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

/// Limits of a client for the requests on one connection (SCC-12).
///
/// ```
/// let mut limits = rustls_ext::http::secondary::ClientLimits::default();
/// limits.outstanding = 1;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientLimits {
    /// The maximum number of requests without an answer: 2. The client announces it (SCC-1). With 0,
    /// it announces nothing, and answers nothing.
    pub outstanding: u32,
    /// The maximum length of the payload of a frame `AUTHENTICATOR_REQUESTS` in bytes: 16 KiB.
    pub frame_length: u64,
    /// How many requests may be answered with a certificate while the connection lasts: the first 8.
    /// Further ones are declined.
    pub shown: u32,
    /// The maximum number of requests while the connection lasts: 64. With one more, the client ends
    /// the connection. More than 4096 are never accepted.
    pub requests: u32,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self { outstanding: 2, frame_length: 16 * 1024, shown: 8, requests: 64 }
    }
}

struct Shared {
    exporters: Exporters,
    choose: Box<dyn ChooseCertificate>,
    outbox: Outbox,
    limits: ClientLimits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// True once the server's setting is 1.
    announced: bool,
    /// How many requests there were.
    received: u32,
    /// How many of them have no answer yet.
    outstanding: u32,
    /// Those that no work has begun to answer, with their numbers.
    waiting: VecDeque<(u32, Request)>,
    /// True if there is work.
    working: bool,
    /// Made for the first request: most connections have none.
    contexts: Option<Contexts<Vec<u8>>>,
    closed: bool,
}

/// The length of a context in [`Contexts`], at most.
const CONTEXT: usize = 2 + 255;

/// All contexts are kept, which limits the number of requests.
const MAX_REQUESTS: u32 = 4096;

impl ClientExchange {
    /// Makes the client's side of one connection, which has this outbox.
    ///
    /// `exporters` are those of the connection for authenticators of the client; without these,
    /// requests get no answer. `run` runs the work somewhere else.
    pub fn new(
        exporters: Exporters,
        choose: impl ChooseCertificate,
        outbox: Outbox,
        limits: ClientLimits,
        run: impl Fn(Work) + Send + Sync + 'static,
    ) -> Self {
        let limits = ClientLimits { requests: limits.requests.min(MAX_REQUESTS), ..limits };
        let (choose, state) = (Box::new(choose), Mutex::default());
        let shared = Arc::new(Shared { exporters, choose, outbox, limits, state });
        Self { shared, run: Box::new(run) }
    }

    fn requests(&self, payload: &[u8]) -> Result<(), ConnectionError> {
        let read = Requests::parse(payload).map_err(ConnectionError::Requests)?;
        let ClientLimits { outstanding, requests, .. } = self.shared.limits;
        let new = u32::try_from(read.clone().count()).unwrap_or(u32::MAX);
        let arrived = {
            let mut state = self.shared.lock();
            if state.closed {
                return Ok(());
            }
            // All requests of the frame count before the first is answered (SCC-6).
            if state.outstanding.saturating_add(new) > outstanding {
                return Err(ConnectionError::TooManyOutstanding { most: outstanding });
            }
            if state.received.saturating_add(new) > requests {
                return Err(ConnectionError::TooManyRequests { most: requests });
            }
            let memory = || vec![0; CONTEXT.saturating_mul(requests as usize)];
            let mut arrived = Vec::new();
            for request in read {
                let contexts = state.contexts.get_or_insert_with(|| Contexts::new(memory()));
                contexts.received(request.context()).map_err(ConnectionError::Context)?;
                let malformed = |error| ConnectionError::Requests(RequestsError::Request(error));
                let request =
                    Request::parse(Endpoint::Server, request.bytes()).map_err(malformed)?;
                state.received += 1;
                arrived.push((state.received, request));
            }
            state.outstanding += new;
            arrived
        };
        // Before any work can see them.
        arrived.iter().for_each(|(_, request)| self.shared.choose.requested(request));
        let idle = {
            let mut state = self.shared.lock();
            state.waiting.extend(arrived);
            !std::mem::replace(&mut state.working, true)
        };
        if idle {
            let shared = self.shared.clone();
            (self.run)(Box::new(move || shared.work()));
        }
        Ok(())
    }
}

impl Exchange for ClientExchange {
    fn announces(&self) -> u32 {
        self.shared.limits.outstanding
    }

    fn setting(&self, value: Option<u64>) -> Result<(), ConnectionError> {
        let mut state = self.shared.lock();
        match value {
            Some(0) if state.announced => return Err(ConnectionError::SettingWithdrawn),
            None | Some(0) => {}
            Some(1) => state.announced = true,
            Some(value) => return Err(ConnectionError::BadSetting { value }),
        }
        Ok(())
    }

    fn head(&self, frame: Frame, on_control: bool, length: u64) -> Result<(), ConnectionError> {
        if !on_control {
            return Err(ConnectionError::OnStream(frame));
        }
        if !self.shared.lock().announced {
            return Err(ConnectionError::NotAnnounced(frame));
        }
        match frame {
            Frame::Certificate => Err(ConnectionError::UnexpectedCertificate),
            Frame::AuthenticatorRequests if length > self.shared.limits.frame_length => {
                Err(ConnectionError::TooLong { frame, length })
            }
            Frame::AuthenticatorRequests => Ok(()),
        }
    }

    fn frame(&self, frame: Frame, payload: Vec<u8>) -> Result<(), ConnectionError> {
        match frame {
            Frame::AuthenticatorRequests => self.requests(&payload),
            Frame::Certificate => Err(ConnectionError::UnexpectedCertificate),
        }
    }

    fn closed(&self) {
        let mut state = self.shared.lock();
        state.closed = true;
        state.waiting = VecDeque::new();
    }
}

impl fmt::Debug for ClientExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientExchange").finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing can panic while this is locked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers the requests that wait, in order.
    fn work(&self) {
        loop {
            let (number, request) = {
                let mut state = self.lock();
                let Some(next) = state.waiting.pop_front() else {
                    state.working = false;
                    return;
                };
                next
            };
            match self.authenticator(number, &request) {
                Ok((key, bytes)) => self.send(&request, Answer::Shown(key), bytes),
                Err(why) => self.decline(&request, why),
            }
        }
    }

    /// The authenticator with a certificate for this request.
    fn authenticator(
        &self,
        number: u32,
        request: &Request,
    ) -> Result<(Arc<CertifiedKey>, Vec<u8>), Declined> {
        let most = self.limits.shown;
        if number > most {
            return Err(Declined::TooManyRequests { most });
        }
        let key = self.choose.choose(request).ok_or(Declined::NotChosen)?;
        let bytes = request.authenticate(&self.exporters, &key).map_err(Declined::Failed)?;
        let (length, most) = (bytes.len(), self.outbox.longest());
        if length > most {
            return Err(Declined::TooLong { length, most });
        }
        Ok((key, bytes))
    }

    fn decline(&self, request: &Request, why: Declined) {
        // It fails only with exporters of the other side.
        if let Ok(bytes) = request.decline(&self.exporters) {
            self.send(request, Answer::Declined(why), bytes);
        }
    }

    fn send(&self, request: &Request, answer: Answer, bytes: Vec<u8>) {
        {
            let mut state = self.lock();
            if state.closed {
                return;
            }
            // Before it is sent: the server may then request again at once.
            state.outstanding = state.outstanding.saturating_sub(1);
        }
        self.choose.answering(request, &answer);
        let length = bytes.len();
        match (self.outbox.send(Frame::Certificate, bytes), answer) {
            // The server has reduced its limit in the meantime.
            (Err(SendError::TooLong { most }), Answer::Shown(_)) => {
                self.lock().outstanding += 1;
                self.decline(request, Declined::TooLong { length, most });
            }
            // The server requests, and does not read the answers.
            (Err(SendError::Full), _) => {
                let most = self.limits.outstanding;
                self.outbox.fail(ConnectionError::TooManyOutstanding { most });
            }
            (Ok(()) | Err(SendError::Closed | SendError::TooLong { .. }), _) => {}
        }
    }
}

#[cfg(all(test, feature = "ring"))]
mod tests;
