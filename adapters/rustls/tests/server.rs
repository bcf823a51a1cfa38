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

// Without `res_2_who_was_asked_gets_no_session`, which is for libraries that do not record the scope.
// `rules.rs` tests when these sessions resume.
adapter_checks::checks!(adapter:
    who_does_not_offer_is_left_alone,
    flags_6_another_flag_is_no_offer,
    who_offers_is_asked_and_known,
    care_2_who_offers_by_care_is_asked,
    who_declines_is_served_and_not_known,
    who_declines_is_refused_where_it_is_required,
    rca_8_a_certificate_of_another_authority_is_refused,
    flags_2_bad_flags_end_the_handshake,
    care_1_a_body_ends_the_handshake,
    rca_9_an_offer_can_be_ignored,
    res_4_visitors_resume,
    res_3_a_visitor_s_session_does_not_stand_in_for_a_certificate,
    flags_12_the_first_hello_counts
);
