use std::sync::Arc;

use http::{HeaderValue, Request, Response, Uri, Version, header};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::activity::Waiting;
use super::body::ResponseBody;
use super::connect::{About, Connection, Recipe, Sender};
use super::error::{ConnectError, Error};
use super::pool::{Connected, Pool, Ticket};
use super::replay::RequestBody;
use crate::http::client::{Moved, ResponseContext};
use crate::tokio::End;

/// On how many connections a request is tried, if each is closed before the request is sent.
const ATTEMPTS: usize = 3;

/// The connections for one origin, protection space and identity.
///
/// Over HTTP/2 there is one, and requests wait until it is established. Over HTTP/1.1 there is one
/// for each concurrent request, up to a limit.
pub(super) struct Lane<B> {
    recipe: Arc<Recipe>,
    pool: Arc<Pool<B>>,
}

impl<B: RequestBody> Lane<B> {
    pub(super) fn new(recipe: Recipe) -> Self {
        let pool = Pool::new(&recipe.limits, recipe.tls.is_none(), recipe.identity.is_some());
        Self { recipe: Arc::new(recipe), pool }
    }

    pub(super) async fn send(
        &self,
        mut request: Request<B>,
    ) -> Result<(Response<ResponseBody>, ResponseContext), Error> {
        let uri = self.without_user(request.uri());
        let mut attempt = 1;
        loop {
            let (ticket, about, new) = self.ticket().await?;
            let in_flight = match &about.open {
                None => None,
                // A request may stay on the connection that was made for it.
                Some(open) => match open.begin(uri.path(), new || self.has_identity()) {
                    Some(in_flight) => Some(in_flight),
                    // The next ticket is for another connection.
                    None if attempt < ATTEMPTS => {
                        attempt += 1;
                        continue;
                    }
                    None => return Err(Arc::new(ConnectError::Closed).into()),
                },
            };
            let sent = match ticket {
                Ticket::Http2(mut sender) => {
                    request.uri_mut().clone_from(&uri);
                    *request.version_mut() = Version::HTTP_2;
                    let mut waiting = Waiting::begin(&about.activity);
                    let sent = sender.try_send_request(request).await;
                    waiting.is_over();
                    sent.map(|response| response.map(|body| ResponseBody::http2(body, waiting)))
                }
                Ticket::Http1(mut sender, slot) => {
                    self.make_http1(&mut request, &uri);
                    let sent = sender.try_send_request(request).await;
                    sent.map(|response| self.put_back_after(response, sender, &about, slot))
                }
            };
            let mut err: TrySendError<Request<B>> = match sent {
                Ok(response) => {
                    let mut context = about.context.clone();
                    if let Some(open) = &about.open {
                        context.open = open.context();
                    }
                    drop(in_flight);
                    return Ok((response, context));
                }
                Err(err) => err,
            };
            if let Some(refused) = self.refused(&about) {
                return Err(refused);
            }
            if let Some(error) = about.error() {
                return Err(Error::Secondary(error));
            }
            match err.take_message() {
                // The connection was closed before the request was sent, even if it does not look
                // closed yet.
                Some(unsent) if attempt < ATTEMPTS => {
                    self.pool.forget(&about);
                    request = unsent;
                }
                _ => return Err(Error::Http(err.into_error())),
            }
            attempt += 1;
        }
    }

    /// Returns the same URI without user information, which is not part of an authority in HTTP
    /// (RFC 9110 section 4.2.4).
    fn without_user(&self, uri: &Uri) -> Uri {
        let mut parts = uri.clone().into_parts();
        parts.authority = self.recipe.origin.authority().parse().ok();
        Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
    }

    /// Converts a request to the form of HTTP/1.1 (RFC 9112 section 3.2.1).
    fn make_http1(&self, request: &mut Request<B>, uri: &Uri) {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = Uri::try_from(path).unwrap_or_default();
        *request.version_mut() = Version::HTTP_11;
        if !request.headers().contains_key(header::HOST) {
            if let Ok(host) = HeaderValue::try_from(self.recipe.origin.authority()) {
                request.headers_mut().insert(header::HOST, host);
            }
        }
    }

    fn has_identity(&self) -> bool {
        self.recipe.identity.is_some()
    }

    /// Takes out a connection on which an identity was proved, which does not belong here any more.
    pub(super) fn take_moved(&self) -> Option<Moved<(http2::SendRequest<B>, Arc<About>)>> {
        loop {
            let (sender, about) = self.pool.take_moved()?;
            let Some(open) = about.open.clone() else { continue };
            let Some(identity) = open.proved() else { continue };
            let paths = open.take_paths();
            return Some(Moved { connection: (sender, about), identity, paths });
        }
    }

    /// Adds a connection on which the identity of this lane was proved.
    pub(super) fn adopt(&self, (sender, about): (http2::SendRequest<B>, Arc<About>)) {
        self.pool.share(sender, about);
    }

    /// Waits for a connection for one request. The flag is true if the request has waited for a new
    /// one.
    async fn ticket(&self) -> Result<(Ticket<B>, Arc<About>, bool), Error> {
        let mut made: Option<Arc<About>> = None;
        for _ in 0..ATTEMPTS {
            let awaited = {
                let mut state = self.pool.lock();
                if let Some((ticket, about)) = state.shared() {
                    return Ok((ticket, about, made.is_some()));
                }
                // The connection has ended at once.
                if let Some(error) = made.as_ref().and_then(|about| about.error()) {
                    return Err(Error::Secondary(error));
                }
                if state.is_http1 {
                    None
                } else {
                    Some(state.awaited.get_or_insert_with(|| self.begin()).clone())
                }
            };
            let Some(mut awaited) = awaited else {
                return self.http1_ticket().await;
            };
            let connected =
                awaited.wait_for(Option::is_some).await.map(|connected| connected.clone());
            match connected.ok().flatten() {
                Some(Ok((about, sender))) => {
                    if let Some(refused) = self.refused(&about) {
                        return Err(refused);
                    }
                    // It would not be found again.
                    if let Some(sender) = sender.filter(|_| about.has_moved()) {
                        return Ok((Ticket::Http2(sender), about, true));
                    }
                    made = Some(about);
                }
                Some(Err(err)) => return Err(err.into()),
                None => {
                    self.pool.lock().awaited = None;
                    return Err(Arc::new(ConnectError::Cancelled).into());
                }
            }
        }
        Err(Arc::new(ConnectError::Closed).into())
    }

    async fn http1_ticket(&self) -> Result<(Ticket<B>, Arc<About>, bool), Error> {
        let closed = |_| Arc::new(ConnectError::Cancelled);
        let slot = self.pool.slots.clone().acquire_owned().await.map_err(closed)?;
        if let Some((sender, about)) = self.pool.idle(self.recipe.limits.connect_timeout).await {
            return Ok((Ticket::Http1(sender, slot), about, false));
        }
        let Connection { sender, about } = self.recipe.connect().await.map_err(Arc::new)?;
        Ok(match sender {
            Sender::Http1(sender) => (Ticket::Http1(sender, slot), about, true),
            Sender::Http2(sender) => {
                self.pool.share(sender.clone(), about.clone());
                (Ticket::Http2(sender), about, true)
            }
        })
    }

    /// Returns a connection to the pool when its response has been read to its end.
    fn put_back_after(
        &self,
        response: Response<Incoming>,
        mut sender: http1::SendRequest<B>,
        about: &Arc<About>,
        slot: OwnedSemaphorePermit,
    ) -> Response<ResponseBody> {
        let (reading, busy) = self.pool.ending.response();
        let (pool, about) = (Arc::downgrade(&self.pool), about.clone());
        tokio::spawn(async move {
            if sender.ready().await.is_ok() {
                if let Some(pool) = pool.upgrade() {
                    pool.put(sender, about);
                }
            }
            // Requests that wait for these guards look into the pool now, and find the connection.
            drop(busy);
            drop(slot);
        });
        response.map(|body| ResponseBody::http1(body, reading))
    }

    /// Starts making the connection that all requests wait for.
    ///
    /// It runs in a task of its own, so that a request which stops waiting does not cancel it.
    fn begin(&self) -> watch::Receiver<Connected<B>> {
        let (tell, connected) = watch::channel(None);
        let (recipe, pool) = (self.recipe.clone(), Arc::downgrade(&self.pool));
        tokio::spawn(async move {
            let made = recipe.connect::<B>().await.map_err(Arc::new);
            let Some(pool) = pool.upgrade() else { return };
            let connected = made.map(|Connection { sender, about }| match sender {
                Sender::Http2(sender) => {
                    pool.share(sender.clone(), about.clone());
                    (about, Some(sender))
                }
                Sender::Http1(sender) => {
                    pool.put(sender, about.clone());
                    (about, None)
                }
            });
            pool.lock().awaited = None;
            let _ = tell.send(Some(connected));
        });
        connected
    }

    /// Returns the server's refusal of this connection, or a likely refusal, if there was one.
    fn refused(&self, about: &About) -> Option<Error> {
        let identity = self.recipe.identity.as_ref().map(|identity| identity.shared_name());
        match about.outcome.get()? {
            End::Refused(refusal) => Some(Error::Refused { refusal: refusal.clone(), identity }),
            End::LikelyRefused(refusal) => {
                Some(Error::LikelyRefused { refusal: *refusal, identity })
            }
            _ => None,
        }
    }
}
