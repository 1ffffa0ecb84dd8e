//! The command line of `rocket_security`, whose code is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    rocket_security::cli::main()
}
