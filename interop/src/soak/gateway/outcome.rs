//! The outcome of a request at its client.

use std::fmt;

/// The outcome of a request at its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The gateway refused the handshake.
    Refused,
    /// There was no response, for this reason.
    NoResponse(String),
    /// The gateway did not process the request, and the client knows it, for this reason. So it may
    /// send any request again.
    Rejected(String),
    /// There was a response.
    Response(Received),
    /// There was neither a response nor an error until the time limit.
    Hung,
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The status code.
    pub status: u16,
    /// The number of the request that the server behind responded to; `None` for the gateway's own
    /// responses.
    pub number: Option<u32>,
    /// How many bytes of the body arrived.
    pub bytes: usize,
    /// True if all of these are those of the request's response.
    pub is_right: bool,
    /// How the body ended.
    pub end: BodyEnd,
    /// True if the trailers arrived.
    pub has_trailers: bool,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// As the framing demands.
    Whole,
    /// Before that.
    Broken,
    /// The client broke off.
    Left,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("handshake refused"),
            Self::NoResponse(_) => f.write_str("no response"),
            Self::Rejected(_) => f.write_str("rejected"),
            Self::Hung => f.write_str("no end"),
            Self::Response(received) => {
                let by = if received.number.is_some() { "" } else { " by the gateway" };
                let end = match received.end {
                    BodyEnd::Whole => "",
                    BodyEnd::Broken => ", broken",
                    BodyEnd::Left => ", left by the client",
                };
                write!(f, "{}{by}{end}", received.status)
            }
        }
    }
}
