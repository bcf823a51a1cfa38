//! Python with the module h2. The package of the system (Debian's python3-h2) is for the system's Python, which need
//! not be the first one in `PATH`.

use std::process::Command;

/// A Python that has the module h2. If there is none, this prints that the test is skipped, or panics if
/// `REXT_REQUIRE_TOOLS` is set, as in CI.
pub(crate) fn with_h2() -> Option<&'static str> {
    let found = ["python3", "/usr/bin/python3"].into_iter().find(|python| {
        let output = Command::new(python).args(["-c", "import h2"]).output();
        output.is_ok_and(|output| output.status.success())
    });
    if found.is_none() {
        let missing = "neither `python3` nor `/usr/bin/python3` has the module h2";
        assert!(std::env::var_os("REXT_REQUIRE_TOOLS").is_none(), "{missing}: install it");
        eprintln!("{missing}: not tested");
    }
    found
}
