use super::head::{self, Head};
use crate::http::secondary::{ConnectionError, Exchange, Frame, HttpCodePoints, Outbox};
use crate::wire::authenticator::Endpoint;

/// Where the filter is in the stream of the peer.
#[derive(Debug)]
pub(super) struct Incoming {
    code_points: HttpCodePoints,
    /// How many octets of a payload, or of the preface, are still to come.
    left: u32,
    part: Part,
    /// The first octets of a head, or of an entry of SETTINGS, that is not complete.
    partial: [u8; head::LENGTH],
    /// How many octets of `partial` have arrived.
    have: u8,
    /// The octets of `partial` that the reader gets next: from here, to there.
    give: (u8, u8),
    /// A header block is open.
    block: bool,
    first_settings: FirstSettings,
    /// One of our frames whose payload is not complete.
    ours: Option<Box<(Frame, Vec<u8>)>>,
    end: Option<End>,
}

/// What the octets are of which some are `left`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Not looked at.
    Other,
    Settings,
    Ours,
}

/// The peer's first SETTINGS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FirstSettings {
    /// They are not complete, and our setting was not among them.
    Without,
    /// They are not complete, and our setting was among them.
    With,
    /// They are complete.
    Done,
}

/// How the connection ends after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With a frame that the reader must refuse, and nothing after it.
    BetweenFrames,
    /// With an error of the read, because the reader is inside a frame.
    WithinFrame,
}

impl Incoming {
    pub(super) fn new(endpoint: Endpoint, code_points: HttpCodePoints) -> Self {
        Self {
            code_points,
            left: match endpoint {
                Endpoint::Client => 0,
                Endpoint::Server => head::PREFACE.len() as u32,
            },
            part: Part::Other,
            partial: [0; head::LENGTH],
            have: 0,
            give: (0, 0),
            block: false,
            first_settings: FirstSettings::Without,
            ours: None,
            end: None,
        }
    }

    pub(super) fn code_points(&self) -> HttpCodePoints {
        self.code_points
    }

    /// Takes our frames out of `data`, and looks at the heads of the others and at SETTINGS.
    /// Returns how many octets are left at the start of `data`, for the reader. Those that are left
    /// at an error came before it.
    pub(super) fn scan(
        &mut self,
        data: &mut [u8],
        peer: Peer<'_>,
    ) -> (usize, Result<(), ConnectionError>) {
        let (mut at, mut kept) = (0, 0);
        loop {
            let rest = data.get(at..).unwrap_or_default();
            let (length, keep) = if self.left > 0 {
                let length = rest.len().min(self.left as usize);
                let piece = rest.get(..length).unwrap_or_default();
                (length, self.payload(piece, peer))
            } else if let Some(head) = rest.first_chunk() {
                (head.len(), self.head(head, peer))
            } else {
                self.hold(rest);
                return (kept, Ok(()));
            };
            match keep {
                Ok(true) => {
                    if at != kept {
                        data.copy_within(at..at + length, kept);
                    }
                    kept += length;
                }
                Ok(false) => {}
                Err(error) => return (kept, Err(error)),
            }
            at += length;
            if at == data.len() {
                return (kept, Ok(()));
            }
        }
    }

    /// Returns the place for the rest of a head whose first octets were held back.
    pub(super) fn rest_of_head(&mut self) -> Option<&mut [u8]> {
        if self.have == 0 || self.left > 0 {
            return None;
        }
        self.partial.get_mut(usize::from(self.have)..)
    }

    /// So many octets were put where [`rest_of_head`](Self::rest_of_head) says.
    pub(super) fn head_continues(
        &mut self,
        octets: usize,
        peer: Peer<'_>,
    ) -> Result<(), ConnectionError> {
        self.have += octets as u8;
        if usize::from(self.have) < head::LENGTH {
            return Ok(());
        }
        self.have = 0;
        let head = self.partial;
        if self.head(&head, peer)? {
            self.give = (0, head::LENGTH as u8);
        }
        Ok(())
    }

    /// The stream has ended; the reader gets the part of a head that was held back.
    pub(super) fn end_of_file(&mut self) {
        if self.left == 0 {
            self.give = (0, std::mem::take(&mut self.have));
        }
    }

    /// Takes at most so many octets that were held back, for the reader.
    pub(super) fn give(&mut self, most: usize) -> Option<&[u8]> {
        let (from, to) = (usize::from(self.give.0), usize::from(self.give.1));
        let octets = self.partial.get(from..to.min(from.saturating_add(most)))?;
        self.give.0 += octets.len() as u8;
        (!octets.is_empty()).then_some(octets)
    }

    /// How the connection ends after an error.
    pub(super) fn end(&self) -> Option<End> {
        self.end
    }

    /// From here on, nothing of the peer reaches the reader, and the reader must end the
    /// connection.
    pub(super) fn fail(&mut self) -> End {
        let within_head = self.give.0 != 0 && self.give.0 != self.give.1;
        let within_payload = self.left > 0 && self.part != Part::Ours && self.give.0 == self.give.1;
        self.ours = None;
        self.give = (0, 0);
        let end = if within_head || within_payload {
            End::WithinFrame
        } else {
            // DATA on stream 0: a connection error PROTOCOL_ERROR (RFC 9113 section 6.1), also
            // within a header block.
            self.partial = [0; head::LENGTH];
            self.give = (0, head::LENGTH as u8);
            End::BetweenFrames
        };
        self.end = Some(end);
        end
    }

    /// Keeps the start of a head for the next read.
    fn hold(&mut self, octets: &[u8]) {
        for (to, from) in self.partial.iter_mut().zip(octets) {
            *to = *from;
        }
        self.have = octets.len() as u8;
    }

    /// Returns which of the two frames has this type.
    fn frame(&self, kind: u8) -> Option<Frame> {
        if kind == self.code_points.authenticator_requests() {
            Some(Frame::AuthenticatorRequests)
        } else if kind == self.code_points.certificate() {
            Some(Frame::Certificate)
        } else {
            None
        }
    }

    /// Returns true if the frame is for the reader.
    fn head(
        &mut self,
        octets: &[u8; head::LENGTH],
        peer: Peer<'_>,
    ) -> Result<bool, ConnectionError> {
        let head = Head::parse(octets);
        if let Some(frame) = self.frame(head.kind) {
            if self.block {
                return Err(ConnectionError::InHeaderBlock(frame));
            }
            peer.exchange.head(frame, head.stream == 0, u64::from(head.length))?;
            if head.length == 0 {
                peer.exchange.frame(frame, Vec::new())?;
            } else {
                self.left = head.length;
                self.part = Part::Ours;
                self.ours = Some(Box::new((frame, Vec::new())));
            }
            return Ok(false);
        }
        self.block = head.block().unwrap_or(self.block);
        let settings = head.is_settings();
        if settings && head.length == 0 {
            self.settings_end(peer)?;
        }
        self.left = head.length;
        self.part = if settings { Part::Settings } else { Part::Other };
        Ok(true)
    }

    /// Returns true if the octets, some of a payload, are for the reader.
    fn payload(&mut self, octets: &[u8], peer: Peer<'_>) -> Result<bool, ConnectionError> {
        let left = self.left - octets.len() as u32;
        match self.part {
            Part::Other => self.left = left,
            Part::Settings => {
                // If this fails, the reader is inside the frame, so `left` remains as it was.
                for octet in octets {
                    self.setting(*octet, peer)?;
                }
                if left == 0 {
                    self.have = 0;
                    self.settings_end(peer)?;
                }
                self.left = left;
            }
            Part::Ours => {
                self.left = left;
                if let Some(ours) = &mut self.ours {
                    ours.1.extend_from_slice(octets);
                }
                if left > 0 {
                    return Ok(false);
                }
                if let Some(ours) = self.ours.take() {
                    peer.exchange.frame(ours.0, ours.1)?;
                }
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// One octet of the entries of SETTINGS: each has two for the identifier and four for the value.
    fn setting(&mut self, octet: u8, peer: Peer<'_>) -> Result<(), ConnectionError> {
        if let Some(to) = self.partial.get_mut(usize::from(self.have)) {
            *to = octet;
        }
        self.have += 1;
        if self.have < 6 {
            return Ok(());
        }
        self.have = 0;
        let [a, b, value @ .., _, _, _] = self.partial;
        let (identifier, value) = (u16::from_be_bytes([a, b]), u32::from_be_bytes(value));
        if identifier == head::SETTINGS_MAX_FRAME_SIZE && head::MAX_FRAME_SIZES.contains(&value) {
            peer.outbox.set_max_frame(value);
        }
        if identifier == self.code_points.setting() {
            if self.first_settings == FirstSettings::Without {
                self.first_settings = FirstSettings::With;
            }
            peer.exchange.setting(Some(u64::from(value)))?;
        }
        Ok(())
    }

    fn settings_end(&mut self, peer: Peer<'_>) -> Result<(), ConnectionError> {
        match std::mem::replace(&mut self.first_settings, FirstSettings::Done) {
            FirstSettings::Without => peer.exchange.setting(None),
            FirstSettings::With | FirstSettings::Done => Ok(()),
        }
    }
}

/// What [`Incoming`] reports to.
#[derive(Clone, Copy)]
pub(super) struct Peer<'a> {
    pub(super) exchange: &'a dyn Exchange,
    pub(super) outbox: &'a Outbox,
}
