//! The threads that judge passwords.

use crate::config::PasswordConfig;
use crate::crypto::pool::Pool;
use crate::error::Result;

/// The threads that judge. More than one, because hooks may wait for other services.
const THREADS: usize = 4;

/// How many passwords may wait to be judged, unless `password.queue` says otherwise.
const QUEUE: usize = 60;

/// The threads that judge passwords.
pub(crate) struct Judges(pub(in crate::flow) Pool<()>);

impl Judges {
    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// [`Error::File`](crate::Error::File) if the operating system refuses a thread.
    pub(crate) fn start(config: &PasswordConfig) -> Result<Self> {
        Pool::start("password-check", THREADS, config.queue.unwrap_or(QUEUE)).map(Self)
    }
}
