//! One request of the plan: what its client does, and what the server behind does.

use std::fmt;

/// What the server behind does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A response with `Content-Length`.
    Length,
    /// A response in chunks.
    Chunked,
    /// A response in chunks, with trailers.
    Trailers,
    /// Sends back each part of the request's body as it arrives, with trailers.
    Echo,
    /// A response; then it closes the connection without having announced it.
    CloseAfter,
    /// A response of which `Content-Length` occurs twice, with the same value.
    EqualLengths,
    /// A response in chunks that has a `Content-Length`, too, of another value.
    LengthAndChunked,
    /// Interim responses (103), and then a response.
    EarlyHints,
    /// A response (413) before the request's body is read.
    Early,
    /// A response, and a second one that nobody requested.
    TwoResponses,
    /// More bytes than `Content-Length`.
    Long,
    /// Fewer bytes than `Content-Length`; then it closes the connection.
    Short,
    /// Chunks without the last one; then it closes the connection.
    TruncatedChunks,
    /// Chunks; then a chunk without a size.
    BadChunk,
    /// The beginning of a body, and then nothing.
    StallInBody,
    /// Closes the connection without a response.
    Close,
    /// Resets the connection without a response, and without reading the request's body.
    Reset,
    /// Sends nothing.
    Stall,
    /// A response (101) to a request without `Upgrade`.
    Unsolicited101,
    /// Bytes that are no HTTP.
    Garbage,
    /// A response whose head is larger than a megabyte.
    HugeHead,
    /// A response with two `Content-Length` that differ.
    DifferentLengths,
    /// Switches to WebSocket, and then sends back what it receives.
    Upgrade,
}

impl Answer {
    /// All of them, with the names by which requests select them.
    pub const ALL: [(Self, &'static str); 23] = [
        (Self::Length, "length"),
        (Self::Chunked, "chunked"),
        (Self::Trailers, "trailers"),
        (Self::Echo, "echo"),
        (Self::CloseAfter, "close-after"),
        (Self::EqualLengths, "equal-lengths"),
        (Self::LengthAndChunked, "length-and-chunked"),
        (Self::EarlyHints, "early-hints"),
        (Self::Early, "early"),
        (Self::TwoResponses, "two-responses"),
        (Self::Long, "long"),
        (Self::Short, "short"),
        (Self::TruncatedChunks, "truncated-chunks"),
        (Self::BadChunk, "bad-chunk"),
        (Self::StallInBody, "stall-in-body"),
        (Self::Close, "close"),
        (Self::Reset, "reset"),
        (Self::Stall, "stall"),
        (Self::Unsolicited101, "unsolicited-101"),
        (Self::Garbage, "garbage"),
        (Self::HugeHead, "huge-head"),
        (Self::DifferentLengths, "different-lengths"),
        (Self::Upgrade, "upgrade"),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(answer, _)| *answer == self).map_or("", |(_, name)| name)
    }

    /// The answer of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(answer, _)| *answer)
    }
}

/// What the client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sends a request without a body, and reads the response.
    Get,
    /// Requests only the head of the response.
    Head,
    /// Sends a body with a `Content-Length`.
    Post,
    /// Sends a body of unknown length.
    Stream,
    /// Sends a body of unknown length, and trailers.
    Trailers,
    /// Sends each part of the body when the previous one was sent back.
    Dialogue,
    /// Reads the response slowly.
    ReadSlowly,
    /// Breaks off in the request's body.
    AbortUpload,
    /// Breaks off in the response's body.
    AbortDownload,
    /// Opens a WebSocket, and sends each part when the previous one was sent back.
    WebSocket,
}

/// A server behind the gateways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 without TLS.
    Http2,
    /// HTTP/2 over TLS, by which the gateway authenticates with a certificate.
    Tls,
    /// Two servers of HTTP/1.1, of which the first does not run.
    Pair,
    /// Two servers of HTTP/1.1, of which the first ends and starts again.
    Mortal,
}

impl Behind {
    /// All of them, with the beginning of their paths.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Http1, "http1"),
        (Self::Http2, "http2"),
        (Self::Tls, "tls"),
        (Self::Pair, "pair"),
        (Self::Mortal, "mortal"),
    ];

    /// The beginning of its paths.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(behind, _)| *behind == self).map_or("", |(_, name)| name)
    }

    /// Returns true if it speaks HTTP/2.
    pub fn is_http2(self) -> bool {
        matches!(self, Self::Http2 | Self::Tls)
    }
}

impl Action {
    /// Its name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Stream => "POST of unknown length",
            Self::Trailers => "POST with trailers",
            Self::Dialogue => "dialogue",
            Self::ReadSlowly => "slow reader",
            Self::AbortUpload => "aborted upload",
            Self::AbortDownload => "aborted download",
            Self::WebSocket => "WebSocket",
        }
    }

    /// The method.
    pub fn method(self) -> http::Method {
        match self {
            Self::Get | Self::ReadSlowly | Self::AbortDownload | Self::WebSocket => {
                http::Method::GET
            }
            Self::Head => http::Method::HEAD,
            _ => http::Method::POST,
        }
    }
}

/// A scope of the gateway's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Agents.
    Agents,
    /// Staff.
    Staff,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Agents => "agents",
            Self::Staff => "staff",
        })
    }
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its number, by which it is found at the server behind.
    pub number: u32,
    /// What the client does.
    pub action: Action,
    /// The server behind.
    pub behind: Behind,
    /// What the server behind does.
    pub answer: Answer,
    /// The scope that its path requires.
    pub demand: Option<Scope>,
    /// True if it is for a host with a stricter rule than that of its connection.
    pub misdirected: bool,
    /// True if it has forged fields that only a gateway may set.
    pub forged: bool,
    /// The length of its body, in bytes.
    pub up: usize,
    /// The length of the response's body, in bytes.
    pub down: usize,
}

impl Request {
    /// The path and query.
    pub fn target(&self) -> String {
        let Self { number, answer, down, .. } = self;
        let scope = self.demand.map_or("open".to_owned(), |scope| scope.to_string());
        let (behind, answer) = (self.behind.name(), answer.name());
        format!("/{behind}/{scope}/{number}?answer={answer}&length={down}")
    }
}

/// What the server behind reads from a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The number of the request.
    pub number: u32,
    /// What to do.
    pub answer: Answer,
    /// The length of the response's body, in bytes.
    pub down: usize,
}

impl Order {
    /// Reads a target as [`Request::target`] writes it.
    pub fn parse(target: &str) -> Option<Self> {
        let (path, query) = target.split_once('?')?;
        let (answer, length) = query.strip_prefix("answer=")?.split_once("&length=")?;
        Some(Self {
            number: path.rsplit('/').next()?.parse().ok()?,
            answer: Answer::named(answer)?,
            down: length.parse().ok()?,
        })
    }
}
