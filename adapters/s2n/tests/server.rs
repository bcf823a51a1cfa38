//! Runs the common checks against the example server.

use adapter_checks::Adapter;

fn adapter() -> Adapter {
    Adapter {
        program: env!("CARGO_BIN_EXE_s2n-server").into(),
        // s2n-tls sends `close_notify` only.
        bad_hello: None,
        unknown_ca: None,
        no_certificate: None,
        names_authorities: false,
        compares_second_hello: false,
    }
}

adapter_checks::checks!(adapter);
