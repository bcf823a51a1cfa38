use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::{Request, Response};
use rustls::client::ClientAuthStatus;
use tokio::sync::watch;

use super::error::Error;
use super::redirect;
use crate::http::client::Confined;

/// A client of reqwest that goes to one origin with one identity; or to any with none.
#[derive(Debug)]
pub(super) struct Lane {
    client: reqwest::Client,
    /// Of the identity of this name.
    certificate: Option<(Arc<str>, Arc<Confined>)>,
    begun: AtomicBool,
    /// Whether the first request is done, and there is a connection for others to share, or not.
    first_is_done: watch::Sender<bool>,
}

impl Lane {
    pub(super) fn new(
        client: reqwest::Client,
        certificate: Option<(Arc<str>, Arc<Confined>)>,
    ) -> Self {
        let first_is_done = watch::Sender::new(false);
        Self { client, certificate, begun: AtomicBool::new(false), first_is_done }
    }

    pub(super) fn status(&self) -> ClientAuthStatus {
        let certificate = self.certificate.as_ref();
        certificate.map_or(ClientAuthStatus::NotOffered, |(_, own)| own.status())
    }

    fn times_asked(&self) -> u64 {
        self.certificate.as_ref().map_or(0, |(_, own)| own.times_asked())
    }

    /// Sends a request; also says whether it was redirected.
    pub(super) async fn send(&self, request: Request) -> Result<(Response, bool), Error> {
        // Those who come together at first would open a connection each, which HTTP/2 needs not.
        let _first = match &self.certificate {
            Some(_) => self.first_or_after().await,
            None => None,
        };
        let before = self.times_asked();
        let (sent, redirected) = redirect::noting(self.client.execute(request)).await;
        match sent {
            Ok(response) => Ok((response, redirected)),
            Err(err) => {
                let identity = self.certificate.as_ref().map(|(name, _)| name.clone());
                Err(Error::of(err, identity, self.times_asked() > before))
            }
        }
    }

    /// Waits until the first request is done, or is the first.
    async fn first_or_after(&self) -> Option<First<'_>> {
        if !self.begun.swap(true, Ordering::AcqRel) {
            return Some(First(&self.first_is_done));
        }
        // It cannot fail, since the sender is here.
        let _ = self.first_is_done.subscribe().wait_for(|done| *done).await;
        None
    }
}

/// The first request of a lane. When it is over, however it ends, the others go on.
struct First<'a>(&'a watch::Sender<bool>);

impl Drop for First<'_> {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}
