//! A Workload API: the part of it that is about X.509-SVIDs.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, stream};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tonic::Status;
use tonic::body::Body;
use tonic::server::{Grpc, ServerStreamingService};
use tonic_prost::ProstCodec;

pub const METHOD: &str = "/SpiffeWorkloadAPI/FetchX509SVID";
/// The metadata that each request must have (SPIFFE Workload Endpoint section 5).
const HEADER: &str = "workload.spiffe.io";

#[derive(Clone, PartialEq, prost::Message)]
pub struct X509SvidRequest {}

#[derive(Clone, PartialEq, prost::Message)]
pub struct X509SvidResponse {
    #[prost(message, repeated, tag = "1")]
    pub svids: Vec<X509Svid>,
    #[prost(map = "string, bytes", tag = "3")]
    pub federated_bundles: HashMap<String, Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct X509Svid {
    #[prost(string, tag = "1")]
    pub spiffe_id: String,
    #[prost(bytes = "vec", tag = "2")]
    pub x509_svid: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub x509_svid_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub bundle: Vec<u8>,
    #[prost(string, tag = "5")]
    pub hint: String,
}

/// What each stream does first, and again when it changes.
#[derive(Clone)]
enum Message {
    Send(X509SvidResponse),
    /// Denies the identity.
    Deny,
    /// Ends the stream without an error.
    End,
}

/// A Workload API that can be stopped and started again.
pub struct Api {
    _directory: TempDir,
    path: PathBuf,
    message: watch::Sender<Message>,
    serving: Option<JoinHandle<()>>,
}

impl Api {
    pub fn start(first: X509SvidResponse) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agent.sock");
        let message = watch::Sender::new(Message::Send(first));
        let mut api = Self { _directory: directory, path, message, serving: None };
        api.start_again();
        api
    }

    pub fn start_again(&mut self) {
        let listener = UnixListener::bind(&self.path).unwrap();
        self.serving = Some(tokio::spawn(serve(listener, self.message.subscribe())));
    }

    /// Breaks all connections, and removes the socket.
    pub async fn stop(&mut self) {
        let serving = self.serving.take().unwrap();
        serving.abort();
        assert!(serving.await.unwrap_err().is_cancelled());
        std::fs::remove_file(&self.path).unwrap();
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn send(&self, response: X509SvidResponse) {
        self.message.send_replace(Message::Send(response));
    }

    pub fn deny(&self) {
        self.message.send_replace(Message::Deny);
    }

    pub fn end(&self) {
        self.message.send_replace(Message::End);
    }
}

async fn serve(listener: UnixListener, message: watch::Receiver<Message>) {
    // They end with this task.
    let mut connections = JoinSet::new();
    loop {
        let (io, _) = listener.accept().await.unwrap();
        let message = message.clone();
        let respond = move |request| respond(request, message.clone());
        connections.spawn(
            http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(io), service_fn(respond)),
        );
    }
}

async fn respond(
    request: Request<Incoming>,
    message: watch::Receiver<Message>,
) -> Result<Response<Body>, Infallible> {
    if request.uri().path() != METHOD {
        return Ok(Status::unimplemented("").into_http());
    }
    let codec = ProstCodec::<X509SvidResponse, X509SvidRequest>::default();
    Ok(Grpc::new(codec).server_streaming(FetchX509Svid(Arc::new(message)), request).await)
}

struct FetchX509Svid(Arc<watch::Receiver<Message>>);

type Messages = Pin<Box<dyn Stream<Item = Result<X509SvidResponse, Status>> + Send>>;

impl ServerStreamingService<X509SvidRequest> for FetchX509Svid {
    type Response = X509SvidResponse;
    type ResponseStream = Messages;
    type Future = Ready<Result<tonic::Response<Messages>, Status>>;

    fn call(&mut self, request: tonic::Request<X509SvidRequest>) -> Self::Future {
        if request.metadata().get(HEADER).is_none_or(|value| value != "true") {
            return ready(Err(Status::invalid_argument("security header missing from request")));
        }
        let mut message = self.0.as_ref().clone();
        message.mark_changed();
        let messages = stream::unfold(Some(message), |message| async move {
            let mut message = message?;
            message.changed().await.ok()?;
            let next = message.borrow_and_update().clone();
            match next {
                Message::Send(next) => Some((Ok(next), Some(message))),
                Message::Deny => Some((Err(Status::permission_denied("no identity issued")), None)),
                Message::End => None,
            }
        });
        ready(Ok(tonic::Response::new(Box::pin(messages))))
    }
}
