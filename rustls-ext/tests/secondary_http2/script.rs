//! A stream whose reads and writes are split as a test says, and a filter over it.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use rustls_ext::http::secondary::{Exchange, Http2Filter, HttpCodePoints, Outbox};
use rustls_ext::wire::authenticator::Endpoint;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[derive(Debug, Default)]
pub struct Script {
    pub input: VecDeque<u8>,
    pub output: Vec<u8>,
    /// How many octets each read or write has, again and again; 0: it must be tried again.
    steps: Vec<usize>,
    step: usize,
    pub is_shut_down: bool,
}

impl Script {
    pub fn new(input: &[u8], steps: &[usize]) -> Self {
        // It must not be all zeros.
        let steps = steps.iter().copied().chain([1]).collect();
        Self { input: input.iter().copied().collect(), steps, ..Self::default() }
    }

    fn step(&mut self) -> Poll<usize> {
        let step = self.steps[self.step % self.steps.len()];
        self.step += 1;
        if step == 0 { Poll::Pending } else { Poll::Ready(step) }
    }
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Poll::Ready(step) = self.step() else { return Poll::Pending };
        let length = step.min(buf.remaining()).min(self.input.len());
        buf.put_slice(&self.input.drain(..length).collect::<Vec<_>>());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Poll::Ready(step) = self.step() else { return Poll::Pending };
        let all = bufs.iter().flat_map(|buf| buf.iter().copied());
        let octets = all.take(step).collect::<Vec<_>>();
        self.output.extend_from_slice(&octets);
        Poll::Ready(Ok(octets.len()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.step().map(|_| Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_shut_down = true;
        Poll::Ready(Ok(()))
    }
}

pub type Filter = Http2Filter<Script>;

pub fn filter(
    script: Script,
    endpoint: Endpoint,
    exchange: Arc<dyn Exchange>,
    outbox: &Outbox,
) -> Filter {
    Http2Filter::new(script, endpoint, HttpCodePoints::DEFAULT, exchange, outbox.clone())
}

/// Polls until it is ready.
pub fn wait<T>(
    filter: &mut Filter,
    poll: impl Fn(Pin<&mut Filter>, &mut Context<'_>) -> Poll<T>,
) -> T {
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = poll(Pin::new(filter), &mut cx) {
            return output;
        }
    }
}

/// Reads once, into a buffer of this size that begins with other octets.
pub fn read(filter: &mut Filter, size: usize) -> Poll<io::Result<Vec<u8>>> {
    const BEFORE: &[u8] = b"before";
    let mut storage = vec![0; BEFORE.len() + size];
    let mut buf = ReadBuf::new(&mut storage);
    buf.put_slice(BEFORE);
    let mut cx = Context::from_waker(Waker::noop());
    let poll = Pin::new(filter).poll_read(&mut cx, &mut buf);
    let (before, octets) = buf.filled().split_at(BEFORE.len());
    assert_eq!(before, BEFORE);
    if !matches!(poll, Poll::Ready(Ok(()))) {
        assert_eq!(octets, [0_u8; 0]);
    }
    poll.map_ok(|()| octets.to_vec())
}

/// Reads to the end, into buffers of these sizes.
pub fn read_all(filter: &mut Filter, sizes: &[usize]) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    for size in sizes.iter().cycle() {
        if let Poll::Ready(octets) = read(filter, *size) {
            let octets = octets?;
            if octets.is_empty() {
                break;
            }
            all.extend(octets);
        }
    }
    Ok(all)
}

pub fn write_all(filter: &mut Filter, mut octets: &[u8]) -> io::Result<()> {
    while !octets.is_empty() {
        let written = wait(filter, |filter, cx| filter.poll_write(cx, octets))?;
        octets = &octets[written..];
    }
    Ok(())
}
