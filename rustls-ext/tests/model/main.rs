//! Random sequences of what clients and operators do, against a small model of what must come of
//! it.
//!
//! Clients connect, with or without an offer, with this certificate or that, and resume what they
//! hold; operators change rules, anchors and revocation lists, also while the server loads them,
//! and restart; time passes. After each connection, both ends must have seen exactly what the
//! [`model`] says, and the invariants that everything else is for must hold.
//!
//! `MODEL_SEQUENCES` sets how many there are, and `MODEL_SEED` repeats a run.

mod cast;
#[path = "../common/mod.rs"]
mod common;
mod model;
mod steps;
mod store;
mod tally;
mod world;

use std::time::{SystemTime, UNIX_EPOCH};

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use steps::Site;
use tally::Tally;

/// How many sequences there are unless one says otherwise.
const SEQUENCES: u32 = 10_000;
/// Among how many threads they are divided.
const THREADS: u32 = 2;

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

#[test]
fn whatever_happens_both_ends_see_what_the_model_says() {
    let sequences = setting("MODEL_SEQUENCES").unwrap_or(SEQUENCES);
    let seed: u64 = setting("MODEL_SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        now.as_secs() ^ u64::from(now.subsec_nanos()) << 32
    });
    println!("{sequences} sequences; MODEL_SEED={seed} repeats them");
    let (cast, tally) = (cast::Cast::new(), Tally::default());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (cast, tally) = (&cast, &tally);
            let seed = seed.wrapping_add(thread.into());
            scope.spawn(move || run(cast, tally, sequences / THREADS, seed));
        }
    });
    print!("{tally}");
    // Or the sequences prove less than they seem to.
    if sequences >= SEQUENCES {
        assert_eq!(tally.unseen(), Vec::<String>::new());
    }
}

fn run(cast: &cast::Cast, tally: &Tally, sequences: u32, seed: u64) {
    let config = Config {
        cases: sequences,
        failure_persistence: None,
        max_shrink_iters: 10_000,
        ..Config::default()
    };
    let mut octets = [0; 32];
    octets[..8].copy_from_slice(&seed.to_be_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &octets);
    let outcome = TestRunner::new_with_rng(config, rng).run(&steps::site(), |site| {
        let Site { keeps, steps } = site;
        world::play(cast, tally, keeps, &steps).map_err(TestCaseError::fail)
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, Site { keeps, steps })) => {
            let steps: String = steps.iter().map(|step| format!("\n  {step:?}")).collect();
            panic!("{reason}\nthe shortest sequence that shows it, {keeps:?}:{steps}");
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}
