use std::cell::Cell;
use std::future::Future;
use std::sync::Arc;

use http::{Uri, header};
use reqwest::redirect::Policy;
use reqwest::{Method, Request, Response, Url};

use crate::http::client::Origin;

tokio::task_local! {
    /// Whether the request that is being sent was redirected.
    static REDIRECTED: Cell<bool>;
}

/// The origin of a URL.
pub(super) fn origin(url: &Url) -> Option<Origin> {
    Origin::of(&uri(url)?)
}

pub(super) fn uri(url: &Url) -> Option<Uri> {
    url.as_str().parse().ok()
}

/// What `policy` says, but never beyond this origin, if there is one.
pub(super) fn within(origin_only: Option<Origin>, policy: Arc<Policy>) -> Policy {
    Policy::custom(move |attempt| {
        // Outside of `noting` there is nobody who wants to know.
        let _ = REDIRECTED.try_with(|redirected| redirected.set(true));
        match &origin_only {
            Some(only) if origin(attempt.url()).as_ref() != Some(only) => attempt.stop(),
            _ => policy.redirect(attempt),
        }
    })
}

/// The outcome of `sending`, and whether there was a redirect on the way.
pub(super) async fn noting<F: Future>(sending: F) -> (F::Output, bool) {
    let noted = async {
        let outcome = sending.await;
        (outcome, REDIRECTED.with(Cell::get))
    };
    REDIRECTED.scope(Cell::new(false), noted).await
}

/// What to send to where `response` is from, when `request` was redirected there.
///
/// Of requests that are not GET or HEAD, or have bodies, it is not known: some redirects make a GET
/// of a POST, which by then was done.
pub(super) fn follow(mut request: Request, response: &Response) -> Option<Request> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) || request.body().is_some() {
        return None;
    }
    if origin(request.url()) != origin(response.url()) {
        // What reqwest itself does not send to others.
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
