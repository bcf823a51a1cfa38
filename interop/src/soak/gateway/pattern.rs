//! The bytes of bodies: each request has its own, in each direction.

use fastrand::Rng;
use hyper::body::Bytes;

/// A direction of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client.
    Up,
    /// To the client.
    Down,
}

/// The bytes of one body.
///
/// They are a block that repeats. Its length is a prime, so that lost, repeated and moved parts of
/// the usual sizes do not match, and its bytes are those of one request in one direction, so that the
/// bytes of another request do not match either.
#[derive(Clone, Debug)]
pub struct Pattern(Vec<u8>);

/// The length of the block, in bytes.
const BLOCK: usize = 1021;

impl Pattern {
    /// The bytes of this request in this direction.
    pub fn new(number: u32, direction: Direction) -> Self {
        let mut rng = Rng::with_seed(u64::from(number) * 2 + u64::from(direction == Direction::Up));
        let mut block = vec![0; BLOCK];
        rng.fill(&mut block);
        Self(block)
    }

    /// The part of the body that begins at byte `at` and has this many bytes.
    pub fn part(&self, at: usize, length: usize) -> Bytes {
        let mut part = Vec::with_capacity(length);
        self.slices(at, length).for_each(|slice| part.extend_from_slice(slice));
        part.into()
    }

    /// Returns true if these bytes are the part of the body that begins at byte `at`.
    pub fn matches(&self, at: usize, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        self.slices(at, bytes.len()).all(|slice| match rest.split_at_checked(slice.len()) {
            Some((first, others)) => {
                rest = others;
                first == slice
            }
            None => false,
        })
    }

    /// The same part in slices, so that large bodies cost little even without optimisation.
    fn slices(&self, at: usize, length: usize) -> impl Iterator<Item = &[u8]> {
        let (mut at, mut left) = (at % BLOCK, length);
        std::iter::from_fn(move || {
            let rest = self.0.get(at..).filter(|_| left > 0)?;
            let slice = rest.get(..left).unwrap_or(rest);
            (at, left) = (0, left - slice.len());
            Some(slice)
        })
    }
}

/// Compares a body with its pattern while it arrives.
#[derive(Debug)]
pub struct Comparison {
    pattern: Pattern,
    /// How many bytes have arrived.
    pub bytes: usize,
    /// True while all bytes were those of the pattern.
    pub is_right: bool,
}

impl Comparison {
    /// Compares with the body of this request in this direction.
    pub fn new(number: u32, direction: Direction) -> Self {
        Self { pattern: Pattern::new(number, direction), bytes: 0, is_right: true }
    }

    /// Adds the next part of the body.
    pub fn add(&mut self, part: &[u8]) {
        self.is_right &= self.pattern.matches(self.bytes, part);
        self.bytes += part.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_compares_equal_in_parts_of_any_size() {
        let pattern = Pattern::new(7, Direction::Down);
        let whole = pattern.part(0, 5000);
        for size in [1, 1020, 1021, 1022, 4096] {
            let mut comparison = Comparison::new(7, Direction::Down);
            whole.chunks(size).for_each(|part| comparison.add(part));
            assert_eq!((comparison.bytes, comparison.is_right), (5000, true));
        }
    }

    #[test]
    fn bytes_of_others_and_moved_bytes_are_found() {
        let pattern = Pattern::new(7, Direction::Down);
        let others = [Pattern::new(8, Direction::Down), Pattern::new(7, Direction::Up)];
        for other in others {
            assert!(!pattern.matches(0, &other.part(0, 16)));
        }
        for moved in [1, 512, 1024, 4096, 16384] {
            assert!(!pattern.matches(0, &pattern.part(moved, 64)), "{moved}");
        }
    }
}
