use std::cell::Cell;
use std::future::Future;
use std::sync::Arc;

use http::{Uri, header};
use reqwest::redirect::Policy;
use reqwest::{Method, Request, Response, Url};

use crate::http::client::Origin;

tokio::task_local! {
    /// True if the request that is being sent was redirected.
    static REDIRECTED: Cell<bool>;
}

/// The origin of a URL.
pub(super) fn origin(url: &Url) -> Option<Origin> {
    Origin::of(&uri(url)?)
}

pub(super) fn uri(url: &Url) -> Option<Uri> {
    url.as_str().parse().ok()
}

/// Applies `policy`, but never leaves this origin, if there is one.
pub(super) fn within(origin_only: Option<Origin>, policy: Arc<Policy>) -> Policy {
    Policy::custom(move |attempt| {
        // Outside of `noting`, redirects need not be recorded.
        let _ = REDIRECTED.try_with(|redirected| redirected.set(true));
        match &origin_only {
            Some(only) if origin(attempt.url()).as_ref() != Some(only) => attempt.stop(),
            _ => policy.redirect(attempt),
        }
    })
}

/// Returns the outcome of `sending`, and true if there was a redirect.
pub(super) async fn noting<F: Future>(sending: F) -> (F::Output, bool) {
    let noted = async {
        let outcome = sending.await;
        (outcome, REDIRECTED.with(Cell::get))
    };
    REDIRECTED.scope(Cell::new(false), noted).await
}

/// The request to send to the URL of `response`, after `request` was redirected there.
///
/// `None` for requests that are not GET or HEAD, or that have bodies: some redirects replace a POST
/// by a GET, and the POST was already processed by then.
pub(super) fn follow(mut request: Request, response: &Response) -> Option<Request> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) || request.body().is_some() {
        return None;
    }
    if origin(request.url()) != origin(response.url()) {
        // Fields that reqwest itself does not send to other hosts.
        let headers = request.headers_mut();
        for secret in [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION] {
            headers.remove(secret);
        }
        headers.remove("cookie2");
        headers.remove(header::HOST);
    }
    *request.url_mut() = response.url().clone();
    Some(request)
}
