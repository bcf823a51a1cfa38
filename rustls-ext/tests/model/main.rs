//! Random sequences of what clients and operators do, against a small model of what must come of
//! it.
//!
//! Clients connect, with or without an offer, with this certificate or that, and resume what they
//! hold; operators change rules, anchors and revocation lists, also while the server loads them,
//! and restart; time passes. After each connection, both ends must have seen exactly what the
//! [`model`] says, and the invariants that everything else is for must hold.
//!
//! The sequences are the same in each run: they come from a fixed seed, with which every kind of step
//! and of outcome is seen. `MODEL_SEED` sets another one, to try other sequences or to repeat a run
//! that failed, and `MODEL_SEQUENCES` how many there are.

mod cast;
#[path = "../common/mod.rs"]
mod common;
mod model;
mod steps;
mod store;
mod tally;
mod world;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use steps::Site;
use tally::Tally;

/// How many sequences there are, and the seed that they come from, unless the environment has others.
const SEQUENCES: u32 = 10_000;
const SEED: u64 = 1;
/// Among how many threads they are divided.
const THREADS: u32 = 2;

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

#[test]
fn whatever_happens_both_ends_see_what_the_model_says() {
    let sequences = setting("MODEL_SEQUENCES").unwrap_or(SEQUENCES);
    let seed: u64 = setting("MODEL_SEED").unwrap_or(SEED);
    println!("{sequences} sequences; MODEL_SEED={seed} repeats them");
    let (cast, tally) = (cast::Cast::new(), Tally::default());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (cast, tally) = (&cast, &tally);
            scope.spawn(move || run(cast, tally, sequences / THREADS, seed, thread));
        }
    });
    print!("{tally}");
    // Or the sequences prove less than they seem to. Others may miss what is rare.
    let unseen = tally.unseen();
    if sequences >= SEQUENCES && seed == SEED {
        assert_eq!(unseen, Vec::<String>::new());
    } else {
        println!("not seen: {unseen:?}");
    }
}

fn run(cast: &cast::Cast, tally: &Tally, sequences: u32, seed: u64, thread: u32) {
    let config = Config {
        cases: sequences,
        failure_persistence: None,
        max_shrink_iters: 10_000,
        ..Config::default()
    };
    let mut octets = [0; 32];
    octets[..8].copy_from_slice(&seed.to_be_bytes());
    octets[8..12].copy_from_slice(&thread.to_be_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &octets);
    let outcome = TestRunner::new_with_rng(config, rng).run(&steps::site(), |site| {
        let Site { keeps, steps } = site;
        world::play(cast, tally, keeps, &steps).map_err(TestCaseError::fail)
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, Site { keeps, steps })) => {
            let steps: String = steps.iter().map(|step| format!("\n  {step:?}")).collect();
            panic!(
                "{reason}\nthe shortest sequence that shows it, {keeps:?}:{steps}\n\
                 MODEL_SEED={seed} repeats it"
            );
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}
