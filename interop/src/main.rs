//! See the library.

fn main() -> std::process::ExitCode {
    interop::run()
}
