//! `rocket-security migrate`.

use crate::cli::application::Application;
use crate::cli::terminal::{Failure, print};

/// Brings the schema up to date, and says so.
pub(crate) async fn run() -> Result<(), Failure> {
    Application::open_and_migrate().await?;
    print("The schema is up to date.")
}
