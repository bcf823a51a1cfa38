//! Servers behind whose bytes the test decides.

use std::future::Future;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A server that handles each connection with a function of the test.
pub struct RawServer {
    pub addr: SocketAddr,
    /// What the function sends.
    pub seen: UnboundedReceiver<String>,
}

impl RawServer {
    /// `serve` also gets the number of the connection, from 0 on.
    pub async fn start<F>(
        serve: impl Fn(TcpStream, usize, UnboundedSender<String>) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (sender, seen) = unbounded_channel();
        tokio::spawn(async move {
            for number in 0.. {
                let (tcp, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(tcp, number, sender.clone()));
            }
        });
        Self { addr, seen }
    }

    /// Answers every request of every connection with these bytes, and then closes the connection if
    /// they do.
    pub async fn answering(response: &'static [u8], closes: bool) -> Self {
        Self::start(move |mut tcp, number, seen| async move {
            while let Some(head) = read_head(&mut tcp).await {
                let _ = seen.send(format!("{number} {}", head.lines().next().unwrap()));
                let _ = tcp.write_all(response).await;
                if closes {
                    return;
                }
            }
        })
        .await
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Returns what the function has sent since the last call.
    pub fn so_far(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.seen.try_recv().ok()).collect()
    }
}

/// Reads up to the end of a head; `None` if the connection ends before.
pub async fn read_head(tcp: &mut TcpStream) -> Option<String> {
    read_until(tcp, "\r\n\r\n").await
}

/// Reads until the text ends with `end`; `None` if the connection ends before.
pub async fn read_until(tcp: &mut TcpStream, end: &str) -> Option<String> {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        let mut byte = [0];
        match tcp.read(&mut byte).await {
            Ok(1) => text.push(byte[0]),
            _ => return None,
        }
    }
    Some(String::from_utf8(text).unwrap())
}
