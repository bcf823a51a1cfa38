//! The plan of a soak of gateways: clients and their requests, determined by a seed.

use fastrand::Rng;

use super::request::{Action, Answer, Behind, Request, Scope};

/// How many gateways there are.
pub const NODES: usize = 3;

/// A host of the gateways' policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// Requests a certificate of the scope "agents" from clients that offer.
    App,
    /// Requests one of the scope "staff" from all clients, leniently.
    Login,
    /// Requires one of the scope "staff".
    Admin,
    /// Requests none; with the changed policy, the same as `App`.
    Switch,
}

impl Host {
    /// All hosts.
    pub const ALL: [Self; 4] = [Self::App, Self::Login, Self::Admin, Self::Switch];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::App => "app.localhost",
            Self::Login => "login.localhost",
            Self::Admin => "admin.localhost",
            Self::Switch => "switch.localhost",
        }
    }
}

/// The certificate of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// None.
    None,
    /// One of the scope "agents".
    Agent,
    /// One of the scope "staff".
    Staff,
    /// One of an authority that the gateways do not trust.
    Stranger,
}

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
    /// HTTP/3.
    Http3,
}

impl Protocol {
    /// Its name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
            Self::Http3 => "HTTP/3",
        }
    }
}

/// The connections of one client, one after the other. It can resume on all but the first.
#[derive(Clone, Debug)]
pub struct Job {
    /// The number of its first request.
    pub first: u32,
    /// The version of HTTP that the client prefers.
    pub protocol: Protocol,
    /// The server name.
    pub host: Host,
    /// The client's certificate.
    pub certificate: Certificate,
    /// The connections.
    pub visits: Vec<Visit>,
}

/// One connection.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The number of the gateway.
    pub node: usize,
    /// True if the client offers to authenticate.
    pub offers: bool,
    /// The requests.
    pub requests: Vec<Request>,
}

impl Job {
    /// How many requests there are.
    pub fn count(&self) -> u32 {
        self.visits.iter().map(|visit| visit.requests.len() as u32).sum()
    }

    fn draw(first: u32, left: u32, rng: &mut Rng) -> Self {
        let protocol = match rng.u8(..100) {
            0..35 => Protocol::Http1,
            35..70 => Protocol::Http2,
            _ => Protocol::Http3,
        };
        let host = match rng.u8(..100) {
            0..55 => Host::App,
            55..70 => Host::Login,
            70..80 => Host::Admin,
            _ => Host::Switch,
        };
        let certificate = match rng.u8(..100) {
            0..40 => Certificate::None,
            40..75 => Certificate::Agent,
            75..95 => Certificate::Staff,
            _ => Certificate::Stranger,
        };
        let visits = 1 + usize::from(rng.u8(..10) < 4);
        // A client that is challenged first offers nothing.
        let challenged = visits == 2 && certificate == Certificate::Agent && rng.bool();
        let mut job = Self { first, protocol, host, certificate, visits: Vec::new() };
        let mut number = first;
        for at in 0..visits {
            let offers = certificate != Certificate::None && !(challenged && at == 0);
            let node = rng.usize(..NODES);
            let wanted = if challenged { 1 } else { rng.u32(1..=6) };
            let mut requests = Vec::new();
            for _ in 0..wanted.min(first + left - number) {
                let mut request = draw_request(number, host, rng);
                // The gateway must first have sent that it knows extended CONNECT (RFC 8441), and it has
                // no tunnels over HTTP/3.
                let has_tunnels = protocol != Protocol::Http3 && !requests.is_empty();
                if request.action == Action::WebSocket && !has_tunnels {
                    request =
                        Request { action: Action::Get, answer: Answer::Length, up: 0, ..request };
                }
                if challenged {
                    request.demand = Some(Scope::Agents);
                    request.misdirected = false;
                }
                requests.push(request);
                number += 1;
            }
            if !requests.is_empty() {
                job.visits.push(Visit { node, offers, requests });
            }
        }
        job
    }
}

fn draw_request(number: u32, host: Host, rng: &mut Rng) -> Request {
    let action = match rng.u8(..100) {
        0..40 => Action::Get,
        40..44 => Action::Head,
        44..60 => Action::Post,
        60..70 => Action::Stream,
        70..80 => Action::Trailers,
        80..88 => Action::Dialogue,
        88..91 => Action::ReadSlowly,
        91..94 => Action::AbortUpload,
        94..97 => Action::AbortDownload,
        _ => Action::WebSocket,
    };
    let behind = match (rng.u8(..100), action) {
        // The gateways pass upgrades on in HTTP/1.1 only.
        (_, Action::WebSocket) => Behind::Http1,
        (0..50, _) => Behind::Http1,
        (50..70, _) => Behind::Http2,
        (70..85, _) => Behind::Tls,
        (85..93, _) => Behind::Pair,
        _ => Behind::Mortal,
    };
    let (mut up, mut down) = (draw_length(rng), draw_length(rng));
    let answer = match action {
        Action::Dialogue => Answer::Echo,
        Action::WebSocket => Answer::Upgrade,
        Action::Head => Answer::Length,
        Action::AbortUpload | Action::AbortDownload | Action::ReadSlowly => {
            if rng.bool() {
                Answer::Length
            } else {
                Answer::Trailers
            }
        }
        Action::Trailers => Answer::Trailers,
        _ if behind == Behind::Mortal => Answer::Length,
        _ if behind.is_http2() => draw_answer_of_http2(rng),
        _ => draw_answer(rng),
    };
    match action {
        Action::Get | Action::Head => up = 0,
        Action::ReadSlowly => (up, down) = (0, rng.usize(100_000..1_000_000)),
        Action::AbortDownload => (up, down) = (0, rng.usize(200_000..2_000_000)),
        Action::AbortUpload => up = rng.usize(1000..1_000_000),
        Action::Dialogue | Action::WebSocket => up = rng.usize(1..50_000),
        Action::Post | Action::Stream | Action::Trailers => {}
    }
    if matches!(answer, Answer::Echo | Answer::Upgrade) {
        down = up;
    }
    let demand = match rng.u8(..10) {
        0 => Some(Scope::Agents),
        1 => Some(Scope::Staff),
        _ => None,
    };
    // A client that breaks off, or sends after a refusal, has no exact outcome.
    let misdirected = host == Host::App && action == Action::Get && rng.u8(..30) == 0;
    let forged = rng.u8(..4) == 0;
    Request { number, action, behind, answer, demand, misdirected, forged, up, down }
}

/// The length of a body in bytes: most are small, few are large.
fn draw_length(rng: &mut Rng) -> usize {
    match rng.u8(..100) {
        0..10 => 0,
        10..75 => rng.usize(1..4_000),
        75..93 => rng.usize(4_000..70_000),
        93..99 => rng.usize(70_000..600_000),
        _ => rng.usize(600_000..4_000_000),
    }
}

fn draw_answer(rng: &mut Rng) -> Answer {
    match rng.u8(..100) {
        0..40 => Answer::Length,
        40..60 => Answer::Chunked,
        60..70 => Answer::Trailers,
        70..74 => Answer::CloseAfter,
        // Few, since each takes as long as the gateways' time limit.
        74 => {
            if rng.bool() {
                Answer::Stall
            } else {
                Answer::StallInBody
            }
        }
        _ => {
            let rare = [
                Answer::EqualLengths,
                Answer::LengthAndChunked,
                Answer::EarlyHints,
                Answer::Early,
                Answer::TwoResponses,
                Answer::Long,
                Answer::Short,
                Answer::TruncatedChunks,
                Answer::BadChunk,
                Answer::Close,
                Answer::Reset,
                Answer::Unsolicited101,
                Answer::Garbage,
                Answer::HugeHead,
                Answer::DifferentLengths,
            ];
            rng.choice(rare).unwrap_or(Answer::Length)
        }
    }
}

/// The answers that HTTP/2 knows.
fn draw_answer_of_http2(rng: &mut Rng) -> Answer {
    match rng.u8(..100) {
        0..40 => Answer::Length,
        40..60 => Answer::Chunked,
        60..75 => Answer::Trailers,
        75 => {
            if rng.bool() {
                Answer::Stall
            } else {
                Answer::StallInBody
            }
        }
        76..84 => Answer::Early,
        84..92 => Answer::Short,
        _ => Answer::Close,
    }
}

/// An iterator over jobs, up to a number of requests.
#[derive(Debug)]
pub struct Plan {
    seed: u64,
    next: u32,
    end: u32,
}

impl Plan {
    /// The plan that `seed` determines, for this many requests.
    pub fn new(seed: u64, requests: u32) -> Self {
        Self { seed, next: 0, end: requests }
    }
}

/// 2^64 divided by the golden ratio: spreads consecutive numbers over the whole range.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Iterator for Plan {
    type Item = Job;

    fn next(&mut self) -> Option<Job> {
        let first = self.next;
        let left = self.end.checked_sub(first).filter(|left| *left > 0)?;
        // A job does not depend on the random numbers of earlier jobs.
        let mut rng = Rng::with_seed(self.seed ^ u64::from(first).wrapping_mul(GOLDEN));
        let job = Job::draw(first, left, &mut rng);
        self.next += job.count();
        Some(job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::gateway::request::Order;

    fn requests(jobs: &[Job]) -> Vec<&Request> {
        jobs.iter().flat_map(|job| &job.visits).flat_map(|visit| &visit.requests).collect()
    }

    #[test]
    fn a_plan_has_exactly_the_requests_that_are_wanted_and_follows_from_its_seed() {
        for wanted in [1, 2, 10, 1000] {
            let jobs: Vec<_> = Plan::new(7, wanted).collect();
            let numbers: Vec<_> = requests(&jobs).iter().map(|request| request.number).collect();
            assert_eq!(numbers, (0..wanted).collect::<Vec<_>>());
        }
        let text = |seed| format!("{:?}", Plan::new(seed, 500).collect::<Vec<_>>());
        assert_eq!(text(7), text(7));
        assert_ne!(text(7), text(8));
    }

    #[test]
    fn a_plan_has_every_host_certificate_action_and_answer() {
        let jobs: Vec<_> = Plan::new(7, 20_000).collect();
        let requests = requests(&jobs);
        for (answer, name) in Answer::ALL {
            assert!(requests.iter().any(|request| request.answer == answer), "{name}");
        }
        for host in Host::ALL {
            assert!(jobs.iter().any(|job| job.host == host), "{host:?}");
        }
        assert!(requests.iter().any(|request| request.misdirected && request.demand.is_none()));
        assert!(jobs.iter().any(|job| job.visits.len() == 2 && !job.visits[0].offers));
    }

    #[test]
    fn the_server_behind_reads_what_the_plan_wrote() {
        let jobs: Vec<_> = Plan::new(7, 1000).collect();
        for request in requests(&jobs) {
            let Request { number, answer, down, .. } = *request;
            assert_eq!(Order::parse(&request.target()), Some(Order { number, answer, down }));
        }
        for bad in ["/", "/open/7", "/open/x?answer=length&length=1", "/open/7?answer=&length=1"] {
            assert_eq!(Order::parse(bad), None, "{bad}");
        }
    }
}
