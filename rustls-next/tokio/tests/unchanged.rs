//! Without offer and policy, the patched crate sends and stores the same bytes as the published one.

#[test]
fn without_offer_and_policy_every_byte_is_upstreams() {
    let pristine = include_str!("../../transcript/pristine.txt");
    assert_eq!(pristine.lines().count(), 16);
    assert_eq!(rustls_next_transcript::transcript(), pristine);
}
