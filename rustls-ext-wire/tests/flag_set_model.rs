//! `FlagSet` behaves like a `BTreeSet` of numbers.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use proptest::collection::vec;
use proptest::prelude::*;
use rustls_ext_wire::{Flag, FlagSet};

fn flag(number: u16) -> Flag {
    Flag::new(number).unwrap()
}

fn collect(model: &BTreeSet<u16>) -> FlagSet {
    model.iter().copied().map(flag).collect()
}

fn hash(set: &FlagSet) -> u64 {
    let mut hasher = DefaultHasher::new();
    set.hash(&mut hasher);
    hasher.finish()
}

/// Mostly one of a few numbers, so that they repeat: the limits of the range and of bytes;
/// sometimes any other.
fn number() -> impl Strategy<Value = u16> {
    let edges = vec![0, 1, 7, 8, 9, 79, 80, 81, 88, 1024, 2031, 2032, 2038, 2039];
    prop_oneof![
        6 => prop::sample::select(edges),
        1 => 0..=2039_u16,
    ]
}

fn numbers() -> impl Strategy<Value = BTreeSet<u16>> {
    vec(number(), 0..24).prop_map(|numbers| numbers.into_iter().collect())
}

fn assert_same(set: &FlagSet, model: &BTreeSet<u16>) {
    assert!(set.iter().map(Flag::get).eq(model.iter().copied()));
    assert_eq!(set.len(), model.len());
    assert_eq!(set.is_empty(), model.is_empty());
    for number in 0..=2039 {
        assert_eq!(set.contains(flag(number)), model.contains(&number));
    }
    let bytes = model.last().map(|highest| usize::from(*highest) / 8 + 2);
    assert_eq!(set.body().map(<[u8]>::len), bytes);
    if let Some(body) = set.body() {
        assert_eq!(FlagSet::decode(body).as_ref(), Ok(set));
    }
    assert_eq!(set, &collect(model));
    assert_eq!(hash(set), hash(&collect(model)));
    assert_eq!(format!("{set:?}"), format!("{model:?}"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn insert_and_remove(steps in vec((any::<bool>(), number()), 0..40)) {
        let (mut set, mut model) = (FlagSet::EMPTY, BTreeSet::new());
        for (insert, number) in steps {
            if insert {
                prop_assert_eq!(set.insert(flag(number)), model.insert(number));
            } else {
                prop_assert_eq!(set.remove(flag(number)), model.remove(&number));
            }
            assert_same(&set, &model);
        }
    }

    #[test]
    fn union_extend_and_is_subset(a in numbers(), b in numbers()) {
        let (set_a, set_b) = (collect(&a), collect(&b));
        let both = &a | &b;
        assert_same(&set_a.union(&set_b), &both);

        let mut extended = set_a.clone();
        extended.extend(&set_b);
        prop_assert_eq!(&extended, &collect(&both));

        prop_assert_eq!(set_a.is_subset(&set_b), a.is_subset(&b));
        prop_assert_eq!(set_b.is_subset(&set_a), b.is_subset(&a));
        prop_assert!(set_a.is_subset(&extended) && FlagSet::EMPTY.is_subset(&set_a));
    }
}

#[test]
fn the_full_set() {
    assert_same(&(0..=2039).map(flag).collect(), &(0..=2039).collect());
}

#[test]
fn single_is_the_set_of_one() {
    for number in 0..=2039 {
        let (single, from) = (FlagSet::single(flag(number)), FlagSet::from(flag(number)));
        assert_eq!(single, collect(&BTreeSet::from([number])));
        assert_eq!(single, from);
    }
}
