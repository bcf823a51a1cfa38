//! An exchange that records what it is told.

use std::sync::{Arc, Mutex};

use rustls_ext::http::secondary::{ConnectionError, Exchange, Frame, Outbox};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Setting(Option<u64>),
    Head { frame: Frame, on_control: bool, length: u64 },
    Frame(Frame, Vec<u8>),
    Closed,
}

/// A call of the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Setting,
    Head,
    Frame,
}

#[derive(Debug, Default)]
pub struct Recorder {
    announces: u32,
    /// The last call, and its error.
    fails: Option<(Call, ConnectionError)>,
    /// Each frame is answered by CERTIFICATE with the same payload.
    answers: Option<Outbox>,
    events: Mutex<Vec<Event>>,
}

impl Recorder {
    /// It announces 1.
    pub fn new() -> Arc<Self> {
        Self::announcing(1)
    }

    pub fn announcing(announces: u32) -> Arc<Self> {
        Arc::new(Self { announces, ..Self::default() })
    }

    /// Each call of this kind returns an error.
    pub fn failing(call: Call, error: ConnectionError) -> Arc<Self> {
        Arc::new(Self { announces: 1, fails: Some((call, error)), ..Self::default() })
    }

    /// Answers each frame with the other one, with the same payload.
    pub fn answering(outbox: &Outbox) -> Arc<Self> {
        Arc::new(Self { announces: 1, answers: Some(outbox.clone()), ..Self::default() })
    }

    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    /// Waits for the other tasks of a runtime with one thread, until this event has occurred.
    pub async fn wait_for(&self, event: &Event) {
        while !self.events.lock().unwrap().contains(event) {
            tokio::task::yield_now().await;
        }
    }

    fn record(&self, call: Call, event: Event) -> Result<(), ConnectionError> {
        self.events.lock().unwrap().push(event);
        match &self.fails {
            Some((failing, error)) if *failing == call => Err(error.clone()),
            _ => Ok(()),
        }
    }
}

impl Exchange for Recorder {
    fn announces(&self) -> u32 {
        self.announces
    }

    fn setting(&self, value: Option<u64>) -> Result<(), ConnectionError> {
        self.record(Call::Setting, Event::Setting(value))
    }

    fn head(&self, frame: Frame, on_control: bool, length: u64) -> Result<(), ConnectionError> {
        self.record(Call::Head, Event::Head { frame, on_control, length })
    }

    fn frame(&self, frame: Frame, payload: Vec<u8>) -> Result<(), ConnectionError> {
        if let Some(outbox) = &self.answers {
            let answer = match frame {
                Frame::AuthenticatorRequests => Frame::Certificate,
                Frame::Certificate => Frame::AuthenticatorRequests,
            };
            outbox.send(answer, payload.clone()).unwrap();
        }
        self.record(Call::Frame, Event::Frame(frame, payload))
    }

    fn closed(&self) {
        self.events.lock().unwrap().push(Event::Closed);
    }
}
