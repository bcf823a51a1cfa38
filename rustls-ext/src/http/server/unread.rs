use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Buf;
use futures_timer::Delay;
use http::{HeaderMap, header};
use http_body::Body;
use pin_project_lite::pin_project;

/// How much of a request's body is read at most before the request is refused, in bytes.
const MAX_UNREAD: u64 = 8 * 1024 * 1024;

/// How long a client may take to send it.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Reads some of a request's body before the request is refused, so that the client receives the
/// response.
///
/// Over HTTP/1.1, a server that responds before it has read the body closes the connection, and TCP
/// then resets it (RFC 9112 section 9.6). Many clients are still sending at that time. They get a
/// write error, and never read the 401 response with the challenge.
///
/// The future is ready when the body has ended or failed; after at most 8 MiB or one second; and at
/// once if its `Content-Length` is more than that, or if the client waits for permission to send
/// the body (`Expect: 100-continue`, RFC 9110 section 10.1.1). It works with any runtime. The data
/// is discarded.
///
/// The layers of this module call this function themselves. It is for services that refuse requests
/// by their heads in another way. Extractors of axum, for example, do not see the body, so put a
/// layer in front of handlers that receive large bodies.
///
/// ```
/// use std::convert::Infallible;
///
/// use http::{Request, Response};
/// use http_body::Body;
/// use rustls_ext::http::server::{Caller, Denied, read_unread};
///
/// async fn upload<B: Body>(request: Request<B>) -> Result<Response<String>, Infallible> {
///     let denied: Denied = match Caller::of(request.extensions()) {
///         Ok(_) => return Ok(Response::new("thank you".into())),
///         Err(denied) => denied,
///     };
///     let (parts, body) = request.into_parts();
///     read_unread(&parts.headers, body).await;
///     Ok(denied.response(String::new()))
/// }
/// ```
pub fn read_unread<B: Body>(headers: &HeaderMap, body: B) -> ReadUnread<B> {
    let waits = headers
        .get_all(header::EXPECT)
        .iter()
        .any(|expectation| expectation.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    let is_long = body.size_hint().lower() > MAX_UNREAD;
    let body = (!waits && !is_long && !body.is_end_stream()).then_some(body);
    ReadUnread { body, left: MAX_UNREAD, deadline: None }
}

pin_project! {
    /// The future of [`read_unread`].
    #[derive(Debug)]
    pub struct ReadUnread<B> {
        #[pin]
        body: Option<B>,
        left: u64,
        // Starts when there is something to wait for.
        deadline: Option<Delay>,
    }
}

impl<B: Body> Future for ReadUnread<B> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        loop {
            let Some(body) = this.body.as_mut().as_pin_mut() else { return Poll::Ready(()) };
            match body.poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let read = frame.data_ref().map_or(0, |data| data.remaining() as u64);
                    match this.left.checked_sub(read) {
                        Some(left) => *this.left = left,
                        None => return Poll::Ready(()),
                    }
                }
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                Poll::Pending => {
                    let deadline = this.deadline.get_or_insert_with(|| Delay::new(TIMEOUT));
                    ready!(Pin::new(deadline).poll(cx));
                    return Poll::Ready(());
                }
            }
        }
    }
}
