//! The server behind over HTTP/2.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{NUMBER, Place, Records, TRAILER, fields};
use crate::soak::gateway::pattern::{Comparison, Direction, Pattern};
use crate::soak::gateway::request::{Answer, Order};

/// The size of the parts of a body, in bytes.
const PART: usize = 16 * 1024;

/// Serves one connection.
pub(super) async fn serve<IO>(io: IO, records: Arc<Records>)
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(move |request| answer(request, records.clone()));
    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    // A gateway ends its connections as it likes.
    let _: hyper::Result<()> = server.serve_connection(TokioIo::new(io), service).await;
}

/// Resets the stream.
#[derive(Debug)]
struct ResetStream;

impl fmt::Display for ResetStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request orders a reset")
    }
}

impl std::error::Error for ResetStream {}

async fn answer(
    request: Request<Incoming>,
    records: Arc<Records>,
) -> Result<Response<ResponseBody>, ResetStream> {
    let (parts, mut body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let all = |name: &str| {
        let values = parts.headers.get_all(name).into_iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
    };
    let read = || {
        fields::refuse_forged(&format!("{:?}", parts.headers))?;
        let order = Order::parse(target).ok_or_else(|| format!("an unknown target: {target:?}"))?;
        Ok((order, fields::seen(parts.method.as_str(), all, &records)?))
    };
    let (order, seen) = read().map_err(|text: String| {
        records.add_stray(text);
        ResetStream
    })?;
    let Order { number, answer, down } = order;
    let place = records.add(number, seen);
    let pattern = Pattern::new(number, Direction::Down);
    // A response to HEAD has no body.
    let length = if parts.method == Method::HEAD { 0 } else { down };
    let sent = Sent { pattern, at: 0, length, trailers: None, stalls: false };
    let respond = |status, body| {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        response.headers_mut().insert(NUMBER, number.into());
        // HTTP/1.1 has only trailers that were announced.
        response.headers_mut().insert(header::TRAILER, HeaderValue::from_static(TRAILER.0));
        response
    };
    let with_length = |mut response: Response<ResponseBody>, length: usize| {
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
        response
    };
    match answer {
        Answer::Early => {
            return Ok(with_length(
                respond(StatusCode::PAYLOAD_TOO_LARGE, ResponseBody::Sent(sent)),
                down,
            ));
        }
        Answer::Echo => {
            let comparison = Comparison::new(number, Direction::Up);
            let echo = Echo { body, comparison, sent, place, records };
            return Ok(respond(StatusCode::OK, ResponseBody::Echo(Box::new(echo))));
        }
        _ => {}
    }
    receive(&mut body, place, &records).await?;
    let ok = |sent| respond(StatusCode::OK, ResponseBody::Sent(sent));
    Ok(match answer {
        Answer::Length => with_length(ok(sent), down),
        Answer::Trailers => ok(Sent { trailers: Some(trailers()), ..sent }),
        Answer::Short => with_length(ok(sent), down + 9),
        Answer::StallInBody => with_length(ok(Sent { stalls: true, ..sent }), down + 9),
        Answer::Stall => std::future::pending().await,
        Answer::Close => return Err(ResetStream),
        _ => ok(sent),
    })
}

fn trailers() -> HeaderMap {
    let (name, value) = TRAILER;
    HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))])
}

fn is_trailer(fields: &HeaderMap) -> bool {
    fields.get(TRAILER.0).is_some_and(|value| value == TRAILER.1)
}

/// Receives a body.
async fn receive(body: &mut Incoming, place: Place, records: &Records) -> Result<(), ResetStream> {
    let mut comparison = Comparison::new(place.number, Direction::Up);
    let mut has_trailers = false;
    while let Some(frame) = body.frame().await {
        match frame.map_err(|_| ResetStream)?.into_data() {
            Ok(part) => {
                comparison.add(&part);
                records.received(place, &comparison);
            }
            Err(frame) => has_trailers |= frame.trailers_ref().is_some_and(is_trailer),
        }
    }
    records.completed(place, has_trailers);
    Ok(())
}

/// The body of a response.
enum ResponseBody {
    Sent(Sent),
    Echo(Box<Echo>),
}

struct Sent {
    pattern: Pattern,
    at: usize,
    length: usize,
    trailers: Option<HeaderMap>,
    /// True if the body never ends.
    stalls: bool,
}

/// Sends back each part of the request's body.
struct Echo {
    body: Incoming,
    comparison: Comparison,
    sent: Sent,
    place: Place,
    records: Arc<Records>,
}

type Next = Option<Result<Frame<Bytes>, ResetStream>>;

impl Sent {
    fn poll(&mut self) -> Poll<Next> {
        let left = self.length.saturating_sub(self.at).min(PART);
        if left > 0 {
            let part = self.pattern.part(self.at, left);
            self.at += left;
            return Poll::Ready(Some(Ok(Frame::data(part))));
        }
        if self.stalls {
            return Poll::Pending;
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }
}

impl Echo {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        let part = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            Some(Err(_)) => return Poll::Ready(Some(Err(ResetStream))),
            None if self.sent.at == usize::MAX => return Poll::Ready(None),
            None => {
                self.sent.at = usize::MAX;
                self.records.completed(self.place, false);
                return Poll::Ready(Some(Ok(Frame::trailers(trailers()))));
            }
        };
        let at = self.comparison.bytes;
        self.comparison.add(&part);
        self.records.received(self.place, &self.comparison);
        Poll::Ready(Some(Ok(Frame::data(self.sent.pattern.part(at, part.len())))))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = ResetStream;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Next> {
        match &mut *self {
            Self::Sent(sent) => sent.poll(),
            Self::Echo(echo) => echo.poll(cx),
        }
    }
}
