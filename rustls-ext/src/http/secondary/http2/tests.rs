//! Tests of what cannot be seen from outside of the crate.

use super::*;

#[test]
fn an_idle_connection_takes_little_memory() {
    assert_eq!(size_of::<State>(), 104);
}
