//! Runs the common checks against the example server.

use adapter_checks::Adapter;

fn adapter() -> Adapter {
    Adapter {
        program: env!("CARGO_BIN_EXE_boring-server").into(),
        // handshake_failure: a callback cannot choose the alert.
        bad_hello: Some(40),
        // unknown_ca
        unknown_ca: Some(48),
        // certificate_required
        no_certificate: Some(116),
        names_authorities: true,
        compares_second_hello: false,
    }
}

adapter_checks::checks!(adapter);
