//! The example server, from outside: the checks that every adapter must pass.

use std::path::PathBuf;

use adapter_checks::Adapter;

fn adapter() -> Adapter {
    Adapter {
        program: example(),
        // illegal_parameter
        bad_hello: Some(47),
        // unknown_ca
        unknown_ca: Some(48),
        // certificate_required
        no_certificate: Some(116),
        names_authorities: true,
        compares_second_hello: true,
    }
}

/// The example, which `cargo test` has built.
fn example() -> PathBuf {
    let mut path = std::env::current_exe().expect("a test is a program");
    path.pop();
    path.pop();
    path.join("examples/rustls-server")
}

// Without `res_2_a_client_that_was_asked_gets_no_session`, which is for libraries that do not record the scope.
// `rules.rs` tests when these sessions resume.
adapter_checks::checks!(adapter:
    a_client_that_does_not_offer_is_not_asked,
    flags_6_another_flag_is_not_an_offer,
    a_client_that_offers_is_asked_and_authenticated,
    care_2_a_client_that_offers_by_care_is_asked,
    a_client_that_declines_is_served_unauthenticated,
    a_client_that_declines_is_refused_if_a_certificate_is_required,
    rca_8_a_certificate_of_another_authority_is_refused,
    flags_2_malformed_flags_end_the_handshake,
    care_1_a_body_ends_the_handshake,
    rca_9_an_offer_can_be_ignored,
    res_4_a_client_that_is_not_asked_resumes,
    res_3_an_unauthenticated_session_does_not_replace_a_certificate,
    flags_12_the_first_client_hello_counts
);
