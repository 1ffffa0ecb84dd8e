//! `rocket-security migrate`.

use crate::cli::application::Application;
use crate::cli::terminal::{Failure, print};

/// Applies the missing migrations, and reports it.
pub(crate) async fn run() -> Result<(), Failure> {
    Application::open_and_migrate().await?;
    print("The schema is up to date.")
}
