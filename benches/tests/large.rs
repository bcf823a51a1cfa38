//! The inputs that are called large are large, and the handshakes with them have the expected results.

use benches::handshake::{Case, Crate, Large, Pki, Scenario};

#[test]
fn handshakes_with_large_inputs_carry_them() {
    let pki = Pki::new();
    let cases = Case::all(true);
    let usual = |scenario| Case::quick(Crate::Pristine, scenario).ends(&pki).shake().bytes;
    let [mutual, resumed] = [Scenario::Mutual, Scenario::ResumedMutual].map(usual);
    for large in Large::ALL {
        let (base, least) = match large {
            // Three more certificates of each side.
            Large::Chains => (mutual, 6 * 350),
            // A key and a signature of each side, of 512 bytes instead of about 70.
            Large::Rsa4096 => (mutual, 2 * 2 * 430),
            // More than "CN=" and 30 characters for each.
            Large::Authorities => (mutual, 200 * 40),
            Large::Tickets => (resumed, 16_384),
        };
        let these: Vec<_> = cases.iter().filter(|case| case.large == Some(large)).collect();
        assert_eq!(these.len(), 3, "{large}");
        for case in these {
            // That it authenticates, and whether it resumes, is checked in there.
            let bytes = case.ends(&pki).shake().bytes;
            assert!(bytes >= base + least, "{}: {bytes} bytes, usually {base}", case.group());
        }
    }
}
