//! The threads that check passwords.

use crate::config::PasswordConfig;
use crate::crypto::pool::Pool;
use crate::error::Result;

/// The number of threads. More than one, because hooks may wait for other services.
const THREADS: usize = 4;

/// How many passwords can wait for their check, unless `password.queue` is set.
const QUEUE: usize = 60;

/// The threads that check passwords.
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
