#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz_checks::scan_peers::check(octets));
