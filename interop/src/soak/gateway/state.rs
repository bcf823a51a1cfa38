//! What is changed during a soak, as its clients see it.

use std::sync::atomic::{AtomicU8, Ordering};

/// Something that changes and is changed back: a number that grows. Odd numbers mean that it is being
/// changed.
#[derive(Debug, Default)]
pub struct State(AtomicU8);

impl State {
    /// Begins or ends a change.
    pub fn advance(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// The number now.
    pub fn now(&self) -> u8 {
        self.0.load(Ordering::SeqCst)
    }

    /// Whether it was changed since the number was `from`; both, if each was the case.
    pub fn since(&self, from: u8) -> Vec<bool> {
        let states = (from..=self.now()).flat_map(|state| match state % 4 {
            0 => &[false][..],
            2 => &[true],
            _ => &[false, true],
        });
        let mut changed: Vec<bool> = states.copied().collect();
        changed.sort_unstable();
        changed.dedup();
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn during_a_change_both_are_the_case_and_after_it_only_the_new_one() {
        let state = State::default();
        assert_eq!(state.since(0), [false]);
        state.advance();
        assert_eq!((state.since(0), state.since(1)), (vec![false, true], vec![false, true]));
        state.advance();
        assert_eq!((state.since(1), state.since(2)), (vec![false, true], vec![true]));
        state.advance();
        state.advance();
        assert_eq!((state.since(2), state.since(4)), (vec![false, true], vec![false]));
    }
}
