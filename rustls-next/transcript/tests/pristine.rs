//! The transcript in `pristine.txt` is that of rustls as published.

#[test]
fn the_transcript_is_that_of_rustls_as_published() {
    let lock = include_str!("../Cargo.lock");
    let (_, rustls) = lock.split_once("name = \"rustls\"\nversion = \"0.24.0-dev.2\"\n").unwrap();
    assert!(rustls.starts_with("source = \"registry+"), "rustls is not the one from crates.io");
    assert_eq!(rustls_next_transcript::transcript(), include_str!("../pristine.txt"));
}
