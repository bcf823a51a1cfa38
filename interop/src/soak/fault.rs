//! Faults that a client injects into its connection at a chosen byte.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use fastrand::Rng;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The kind of fault.
    pub kind: FaultKind,
    /// The direction that it affects.
    pub direction: Direction,
    /// After how many bytes of that direction it happens.
    pub at: usize,
}

/// A kind of fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The client closes the connection.
    Cut,
    /// The client resets the connection.
    Reset,
    /// No more data arrives in either direction, and the connection stays open.
    Stall,
    /// These bits of the next byte are inverted.
    Flip(u8),
    /// These bytes are inserted.
    Garbage(RawBytes),
}

/// Bytes whose `Debug` shows only their number.
#[derive(Clone, PartialEq, Eq)]
pub struct RawBytes(pub Vec<u8>);

impl fmt::Debug for RawBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client.
    Up,
    /// To the client.
    Down,
}

impl Fault {
    /// A random fault.
    pub fn random(rng: &mut Rng) -> Self {
        let kind = match rng.u8(..20) {
            0..=4 => FaultKind::Cut,
            5..=8 => FaultKind::Reset,
            9..=10 => FaultKind::Stall,
            11..=15 => FaultKind::Flip(1 << rng.u8(..8)),
            _ => {
                let mut bytes = vec![0; rng.usize(1..=64)];
                rng.fill(&mut bytes);
                FaultKind::Garbage(RawBytes(bytes))
            }
        };
        // Handshakes have about 300 to 1800 bytes in each direction; the limit is a little higher.
        Self {
            kind,
            direction: if rng.bool() { Direction::Up } else { Direction::Down },
            at: rng.usize(..1900),
        }
    }
}

impl FaultKind {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Reset => "reset",
            Self::Stall => "stall",
            Self::Flip(_) => "bit flip",
            Self::Garbage(_) => "garbage",
        }
    }
}

/// Shows whether a fault has happened.
#[derive(Clone, Debug, Default)]
pub struct Fired(Arc<AtomicBool>);

impl Fired {
    /// Whether it has.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// A TCP connection with at most one fault.
#[derive(Debug)]
pub struct Faulty {
    /// `None` after a cut.
    tcp: Option<TcpStream>,
    /// The fault, until it happens.
    fault: Option<Fault>,
    fired: Fired,
    stalled: bool,
    /// Damage that is still to be applied in this direction.
    damage: Option<(Direction, Damage)>,
}

#[derive(Debug)]
enum Damage {
    Flip(u8),
    Garbage(Vec<u8>),
}

impl Faulty {
    /// Adds `fault` to `tcp`.
    pub fn new(tcp: TcpStream, fault: Option<Fault>) -> (Self, Fired) {
        let fired = Fired::default();
        let tcp = Some(tcp);
        (Self { tcp, fault, fired: fired.clone(), stalled: false, damage: None }, fired)
    }

    /// How many bytes may pass in `direction` before the fault happens.
    fn passing(&self, direction: Direction) -> usize {
        match (&self.fault, &self.damage) {
            (Some(fault), _) if fault.direction == direction => fault.at,
            (_, Some((damaged, Damage::Flip(_)))) if *damaged == direction => 1,
            _ => usize::MAX,
        }
    }

    fn passed(&mut self, direction: Direction, bytes: usize) {
        if let Some(fault) = self.fault.as_mut().filter(|fault| fault.direction == direction) {
            fault.at = fault.at.saturating_sub(bytes);
        }
    }

    fn fire(&mut self) {
        let Some(fault) = self.fault.take() else { return };
        self.fired.0.store(true, Ordering::SeqCst);
        match fault.kind {
            FaultKind::Cut => self.tcp = None,
            FaultKind::Reset => {
                if let Some(tcp) = self.tcp.take() {
                    let _ = tcp.set_zero_linger();
                }
            }
            FaultKind::Stall => self.stalled = true,
            FaultKind::Flip(bits) => self.damage = Some((fault.direction, Damage::Flip(bits))),
            FaultKind::Garbage(RawBytes(bytes)) => {
                self.damage = Some((fault.direction, Damage::Garbage(bytes)));
            }
        }
    }

    /// The bits to invert in the next byte.
    fn take_flip(&mut self, direction: Direction) -> u8 {
        match self.damage {
            Some((damaged, Damage::Flip(bits))) if damaged == direction => {
                self.damage = None;
                bits
            }
            _ => 0,
        }
    }

    fn garbage(&mut self, direction: Direction) -> Option<&mut Vec<u8>> {
        match &mut self.damage {
            Some((damaged, Damage::Garbage(bytes))) if *damaged == direction => Some(bytes),
            _ => None,
        }
    }

    fn tcp(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.tcp.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }
}

impl AsyncRead for Faulty {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.passing(Direction::Down) == 0 {
            // The fault happens when a byte is due, not at the end of the stream.
            let mut byte = [0];
            if ready!(this.tcp()?.poll_peek(cx, &mut ReadBuf::new(&mut byte)))? == 0 {
                return Poll::Ready(Ok(()));
            }
            this.fire();
        }
        if this.stalled {
            return Poll::Pending;
        }
        if let Some(garbage) = this.garbage(Direction::Down) {
            let rest = garbage.split_off(garbage.len().min(buf.remaining()));
            buf.put_slice(garbage);
            *garbage = rest;
            if garbage.is_empty() {
                this.damage = None;
            }
            return Poll::Ready(Ok(()));
        }
        let limit = this.passing(Direction::Down).min(buf.remaining());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(limit));
        ready!(this.tcp()?.poll_read(cx, &mut part))?;
        let read = part.filled().len();
        if let Some(first) = part.filled_mut().first_mut() {
            *first ^= this.take_flip(Direction::Down);
        }
        this.passed(Direction::Down, read);
        buf.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Faulty {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.passing(Direction::Up) == 0 {
            this.fire();
        }
        if this.stalled {
            return Poll::Ready(Ok(buf.len()));
        }
        while let Some(garbage) = this.garbage(Direction::Up) {
            let bytes = garbage.clone();
            let wrote = ready!(this.tcp()?.poll_write(cx, &bytes))?;
            match bytes.get(wrote..) {
                Some(rest @ [_, ..]) => {
                    this.damage = Some((Direction::Up, Damage::Garbage(rest.to_vec())));
                }
                _ => this.damage = None,
            }
        }
        let mut part = buf.get(..this.passing(Direction::Up)).unwrap_or(buf).to_vec();
        let bits = match this.damage {
            Some((Direction::Up, Damage::Flip(bits))) => bits,
            _ => 0,
        };
        if let Some(first) = part.first_mut() {
            *first ^= bits;
        }
        let wrote = ready!(this.tcp()?.poll_write(cx, &part))?;
        if wrote > 0 {
            this.take_flip(Direction::Up);
        }
        this.passed(Direction::Up, wrote);
        Poll::Ready(Ok(wrote))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.stalled { Poll::Ready(Ok(())) } else { this.tcp()?.poll_flush(cx) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.stalled { Poll::Ready(Ok(())) } else { this.tcp()?.poll_shutdown(cx) }
    }
}
