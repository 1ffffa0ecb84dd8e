//! The command line of `rocket_security`, which stands in its library.

use std::process::ExitCode;

fn main() -> ExitCode {
    rocket_security::cli::main()
}
