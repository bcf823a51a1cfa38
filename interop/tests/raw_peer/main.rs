//! The raw peer with rustls, in memory, as client and as server. The tests show that the peer keeps
//! RFC 8446 without a plan, and that its edits arrive.
//!
//! The table shows which side can break each rule on the wire, and its first test. `nobody` means that no peer
//! can break it, or that the other side cannot detect it. Some of the tests are in `rustls-ext`.
//!
//! | rule | broken by | test |
//! |---|---|---|
//! | FLAGS-1 | nobody | flags_1_the_field_is_the_shortest_that_holds_the_flag |
//! | FLAGS-2 | client | flags_2_and_flags_3_malformed_flags_are_illegal_parameter |
//! | FLAGS-2 | server | flags_2_and_flags_3_malformed_flags_of_a_server_are_illegal_parameter |
//! | FLAGS-3 | client | flags_2_and_flags_3_malformed_flags_are_illegal_parameter |
//! | FLAGS-3 | server | flags_2_and_flags_3_malformed_flags_of_a_server_are_illegal_parameter |
//! | FLAGS-4 | client | flags_4_a_flag_that_belongs_elsewhere_is_illegal_parameter |
//! | FLAGS-4 | server | a_server_that_breaks_a_rule_gets_its_alert_and_does_no_harm |
//! | FLAGS-5 | client | rca_5_flags_in_a_clients_certificate_are_illegal_parameter |
//! | FLAGS-5 | server | rca_5_and_flags_5_no_flag_is_due_in_a_message_that_only_answers |
//! | FLAGS-6 | nobody | flags_6_unknown_flags_are_ignored |
//! | FLAGS-6 | nobody | flags_6_unknown_flags_that_come_unsolicited_are_ignored |
//! | FLAGS-7 | nobody | rca_2_and_flags_7_an_offer_is_acknowledged_in_the_request_only |
//! | FLAGS-7 | nobody | flags_7_flags_in_a_ticket_are_never_answered |
//! | FLAGS-8 | nobody | flags_8_a_client_without_flags_sends_no_extension |
//! | FLAGS-9 | client | flags_9_a_server_that_negotiates_tls12_ignores_even_malformed_flags |
//! | FLAGS-9 | server | a_server_that_breaks_a_rule_gets_its_alert_and_does_no_harm |
//! | FLAGS-10 | client | flags_10_a_second_extension_is_the_ordinary_duplicate_extension_error |
//! | FLAGS-10 | server | flags_10_a_second_extension_of_a_server_is_the_ordinary_error |
//! | FLAGS-11 | client | flags_11_early_data_does_not_excuse_other_flags_in_a_second_hello |
//! | FLAGS-12 | client | flags_12_a_second_hello_with_other_flags_is_illegal_parameter |
//! | FLAGS-13 | server | flags_13_and_rca_4_the_public_name_cannot_acknowledge_anything |
//! | FLAGS-13 | nobody | flags_13_and_wio_7_an_accepted_offer_is_in_the_inner_hello_only |
//! | RCA-2 | nobody | rca_2_an_acknowledgement_of_an_offer_is_taken |
//! | RCA-3 | nobody | rca_3_a_server_with_another_reason_asks_without_acknowledgement |
//! | RCA-4 | server | rca_4_an_acknowledgement_without_an_offer_is_illegal_parameter |
//! | RCA-5 | client | rca_5_flags_in_a_clients_certificate_are_illegal_parameter |
//! | RCA-5 | server | rca_5_and_flags_5_no_flag_is_due_in_a_message_that_only_answers |
//! | RCA-6 | client | a_client_that_breaks_a_rule_gets_its_alert_and_does_no_harm |
//! | RCA-6 | server | rca_6_a_flagged_request_is_answered_even_if_no_certificate_fits |
//! | RCA-7 | nobody | rca_7_the_resolver_is_told_of_the_acknowledgement |
//! | RCA-8 | client | rca_8_a_chain_for_one_set_of_anchors_does_not_pass_for_another |
//! | RCA-9 | client | a_client_that_breaks_a_rule_gets_its_alert_and_does_no_harm |
//! | RCA-9 | nobody | rca_9_an_offer_may_be_ignored |
//! | RES-2 | client | res_2_a_session_resumes_only_where_the_demand_accepts_it |
//! | RES-3 | client | res_3_a_client_that_offers_does_not_resume_without_a_certificate |
//! | RES-4 | nobody | res_4_a_client_that_declined_and_does_not_offer_resumes_unasked |
//! | RES-5 | client | res_5_the_stored_chain_is_verified_again |
//! | RES-6 | client | res_6_early_data_is_refused_where_the_client_is_to_be_asked |
//! | RES-7 | client | res_7_a_ticket_that_is_no_good_is_no_error_and_its_early_data_is_refused |
//! | RES-8 | nobody | res_8_a_client_that_offers_does_not_resume_a_session_without_authentication |
//! | CARE-1 | client | care_1_a_body_in_a_hello_is_illegal_parameter_under_both_versions |
//! | CARE-1 | server | care_1_an_echo_with_a_body_is_illegal_parameter |
//! | CARE-1 | server | care_1_an_echo_with_a_body_is_illegal_parameter_under_tls12_too |
//! | CARE-2 | nobody | care_2_and_care_3_a_server_echoes_it_in_one_message_whether_or_not_it_asks |
//! | CARE-3 | client | care_3_in_a_clients_certificate_it_is_illegal_parameter |
//! | CARE-3 | server | care_3_an_echo_of_care_that_was_not_sent_is_unsupported_extension |
//! | CARE-3 | server | care_3_in_any_other_message_of_a_server_it_is_illegal_parameter |
//! | CARE-4 | nobody | care_4_a_resumed_session_is_as_it_was |
//! | CARE-5 | nobody | care_5_a_certificate_goes_over_tls12_only_if_allowed |
//! | WIO-1 | client | wio_1_in_a_clients_certificate_it_is_illegal_parameter |
//! | WIO-1 | server | wio_1_in_any_message_of_a_server_it_is_illegal_parameter |
//! | WIO-2 | client | wio_2_a_malformed_list_is_decode_error |
//! | WIO-3 | nobody | wio_3_a_string_that_is_no_origin_is_ignored |
//! | WIO-4 | nobody | wio_4_nobody_else_is_asked_and_a_hint_authenticates_nobody |
//! | WIO-5 | nobody | wio_5_a_hint_is_an_offer_and_only_a_flag_that_came_with_it_is_acknowledged |
//! | WIO-6 | client | wio_6_a_client_that_hints_at_one_domain_and_comes_from_another_is_refused |
//! | WIO-7 | client | wio_7_the_second_hello_has_the_same_list |
//! | WIO-7 | nobody | flags_13_and_wio_7_an_accepted_offer_is_in_the_inner_hello_only |
//! | WIO-8 | nobody | wio_8_a_sender_is_told_when_it_configures_more_than_is_looked_at |
//! | WIO-9 | nobody | wio_9_a_session_resumes_only_in_the_scope_of_its_origin |

mod bad_clients;
mod bad_flights;
mod bad_requests;
mod bad_servers;
mod care;
mod changes;
mod client;
mod demand;
mod early_data;
mod ech;
mod ech_site;
mod edits;
mod flags;
mod harness;
mod honest;
mod misbehaviour;
mod origins;
mod pki;
mod resumption;
mod retry;
mod robustness;
mod rules;
mod server;
