//! WebSocket: as an upgrade over HTTP/1.1 (RFC 6455), and by extended CONNECT over HTTP/2 (RFC 8441).
//!
//! The gateway passes on bytes, so what is sent are no frames of WebSocket.

use http::{HeaderValue, Method, Request as HttpRequest, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::ext::Protocol;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::DIALOGUE_PART;
use crate::soak::gateway::backend::NUMBER;
use crate::soak::gateway::body::SentBody;
use crate::soak::gateway::outcome::{BodyEnd, Received};
use crate::soak::gateway::pattern::{Comparison, Direction, Pattern};
use crate::soak::gateway::request::Request;

/// The example of RFC 6455 section 1.3: the client's key, and the server's answer.
const KEY: (&str, &str) = ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");

/// Makes a request one for WebSocket.
pub(super) fn prepare(message: &mut HttpRequest<SentBody>, is_h2: bool) {
    message.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    message.headers_mut().remove(header::TE);
    if is_h2 {
        *message.method_mut() = Method::CONNECT;
        message.extensions_mut().insert(Protocol::from_static("websocket"));
        return;
    }
    for (name, value) in [(header::UPGRADE, "websocket"), (header::SEC_WEBSOCKET_KEY, KEY.0)] {
        message.headers_mut().insert(name, HeaderValue::from_static(value));
    }
}

/// Returns true if the server switched.
pub(super) fn accepts(response: &Response<Incoming>) -> bool {
    let accept = response.headers().get(header::SEC_WEBSOCKET_ACCEPT);
    match response.status() {
        StatusCode::SWITCHING_PROTOCOLS => accept.is_some_and(|accept| accept == KEY.1),
        status => status == StatusCode::OK && accept.is_none(),
    }
}

/// Sends each part when the previous one was sent back.
pub(super) async fn talk(mut response: Response<Incoming>, request: &Request) -> Received {
    let status = response.status().as_u16();
    let number = response.headers().get(NUMBER);
    let number = number.and_then(|number| number.to_str().ok()?.parse().ok());
    let mut comparison = Comparison::new(request.number, Direction::Down);
    let pattern = Pattern::new(request.number, Direction::Up);
    let talking = async {
        let mut io = TokioIo::new(hyper::upgrade::on(&mut response).await.ok()?);
        let mut buffer = [0; DIALOGUE_PART];
        for at in (0..request.up).step_by(DIALOGUE_PART) {
            let part = pattern.part(at, DIALOGUE_PART.min(request.up - at));
            io.write_all(&part).await.ok()?;
            io.flush().await.ok()?;
            let back = buffer.get_mut(..part.len())?;
            io.read_exact(back).await.ok()?;
            comparison.add(back);
        }
        // The server ends the connection; nothing may arrive before.
        let rest = io.read(&mut buffer).await.unwrap_or(0);
        (rest == 0).then_some(())
    };
    let end = if talking.await.is_some() { BodyEnd::Whole } else { BodyEnd::Broken };
    let is_right = number == Some(request.number) && comparison.is_right;
    Received { status, number, bytes: comparison.bytes, is_right, end, has_trailers: false }
}
