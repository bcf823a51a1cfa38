//! The header of the C ABI.

#[test]
fn the_header_that_is_checked_in_is_what_the_source_says() {
    xtask::header::check(&xtask::repository()).unwrap();
}
