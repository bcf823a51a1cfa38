//! A server behind the gateway that records exactly what it receives.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server that runs as long as the runtime, and responds `ok` to each request.
#[derive(Clone)]
pub struct Recorder {
    pub addr: SocketAddr,
    records: Arc<Mutex<Vec<Record>>>,
}

/// One request.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Method and target.
    pub line: String,
    /// The fields, sorted, in lower case, without those that describe the client's connection.
    pub fields: Vec<String>,
    /// The decoded body.
    pub body: Vec<u8>,
    pub trailers: Vec<String>,
    /// True once the body has ended as its framing demands.
    pub is_complete: bool,
}

impl Recorder {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let this = Self { addr, records: Arc::default() };
        let recorder = this.clone();
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                tokio::spawn(Reading { tcp, buffer: Vec::new(), recorder: recorder.clone() }.run());
            }
        });
        this
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The requests whose target contains this text.
    pub fn of(&self, target: &str) -> Vec<Record> {
        let records = self.records.lock().unwrap();
        records.iter().filter(|record| record.line.contains(target)).cloned().collect()
    }

    /// All requests.
    pub fn all(&self) -> Vec<Record> {
        self.records.lock().unwrap().clone()
    }
}

impl Record {
    /// Everything in one line.
    pub fn text(&self) -> String {
        let mut parts = vec![self.line.clone()];
        parts.extend(self.fields.iter().cloned());
        let body = String::from_utf8_lossy(&self.body);
        parts.push(format!("{body:?}"));
        parts.extend(self.trailers.iter().cloned());
        if !self.is_complete {
            parts.push("incomplete".into());
        }
        parts.join("; ")
    }

    /// The value of a field that must occur once.
    #[track_caller]
    pub fn field(&self, name: &str) -> &str {
        let values: Vec<_> =
            self.fields.iter().filter_map(|line| line.strip_prefix(&format!("{name}: "))).collect();
        assert_eq!(values.len(), 1, "{name}: {self:?}");
        values[0]
    }
}

struct Reading {
    tcp: TcpStream,
    buffer: Vec<u8>,
    recorder: Recorder,
}

impl Reading {
    async fn run(mut self) {
        // The gateway ends connections as it likes.
        while self.request().await.is_some() {}
    }

    async fn request(&mut self) -> Option<()> {
        let head = String::from_utf8_lossy(&self.until(b"\r\n\r\n").await?).into_owned();
        let mut lines = head.split("\r\n");
        let line = lines.next()?.to_owned();
        let mut fields: Vec<String> = lines
            .map(|line| match line.split_once(':') {
                Some((name, value)) => format!("{}:{value}", name.to_lowercase()),
                None => line.to_owned(),
            })
            .collect();
        fields.sort();
        let length = fields.iter().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        let chunked = fields.iter().any(|line| line == "transfer-encoding: chunked");
        fields.retain(|line| {
            let of_connection = ["forwarded:", "x-forwarded-", "via:"];
            !of_connection.iter().any(|name| line.starts_with(name))
        });
        let record = Record {
            line: line.trim_end_matches(" HTTP/1.1").to_owned(),
            fields,
            ..Record::default()
        };
        let at = {
            let mut records = self.recorder.records.lock().unwrap();
            records.push(record);
            records.len() - 1
        };
        if chunked {
            self.chunks(at).await?;
        } else {
            let body = self.exactly(length).await?;
            self.change(at, |record| record.body = body);
        }
        self.change(at, |record| record.is_complete = true);
        self.tcp.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.ok()
    }

    async fn chunks(&mut self, at: usize) -> Option<()> {
        loop {
            let size = String::from_utf8(self.until(b"\r\n").await?).ok()?;
            let size = usize::from_str_radix(&size, 16).expect("the size of a chunk");
            if size == 0 {
                break;
            }
            let part = self.exactly(size).await?;
            self.change(at, |record| record.body.extend(part));
            assert_eq!(self.until(b"\r\n").await?, b"");
        }
        loop {
            let line = self.until(b"\r\n").await?;
            if line.is_empty() {
                return Some(());
            }
            let line = String::from_utf8_lossy(&line).to_lowercase();
            self.change(at, |record| record.trailers.push(line));
        }
    }

    fn change(&self, at: usize, change: impl FnOnce(&mut Record)) {
        change(&mut self.recorder.records.lock().unwrap()[at]);
    }

    async fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|part| part == end) {
                let rest = self.buffer.split_off(at + end.len());
                let mut found = std::mem::replace(&mut self.buffer, rest);
                found.truncate(at);
                return Some(found);
            }
            self.more().await?;
        }
    }

    async fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < length {
            self.more().await?;
        }
        let rest = self.buffer.split_off(length);
        Some(std::mem::replace(&mut self.buffer, rest))
    }

    async fn more(&mut self) -> Option<()> {
        let read = self.tcp.read_buf(&mut self.buffer).await.ok()?;
        (read > 0).then_some(())
    }
}
