//! Hashes and verifies passwords with Argon2id, on separate threads behind a bounded queue.
//!
//! One hash takes 19 MiB and about 20 ms of a core. So only as many are computed at once as there are
//! threads, and a bounded number waits. Each thread keeps its memory, because page faults cost a third of a
//! fresh hash.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::{fmt, thread};

use argon2::Block;

use crate::config::PasswordConfig;
use crate::crypto::decoys::Schemes;
use crate::crypto::one_time::Digest;
use crate::crypto::password::Password;
use crate::crypto::pool::Pool;
use crate::crypto::scheme::{Scheme, Target};
use crate::error::{Error, Result};
use crate::rejection::Rejection;

pub use crate::crypto::pool::Slot;

/// A hashed password, as the store keeps it: a PHC string that contains its parameters and salt.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps the text of a row. It is not checked before the user logs in.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Returns the text for a row.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[password hash]")
    }
}

/// The outcome of comparing a password with a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PasswordMatch {
    /// The password is wrong, or there was no hash to compare it with.
    No,
    /// The password is right.
    Yes,
    /// The password is right, and its hash was made with other parameters than the current ones.
    Outdated,
}

/// Hashes and verifies passwords.
#[derive(Clone)]
pub struct Hasher {
    pool: Pool<Vec<Block>>,
    today: Scheme,
    stored: Arc<RwLock<Schemes>>,
    hashes: Arc<AtomicU64>,
    work: Arc<AtomicU64>,
}

impl Hasher {
    /// Starts the threads. They end when the last clone is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for parameters whose hashes could not be verified, and [`Error::File`] if the
    /// operating system refuses a thread.
    pub fn start(config: &PasswordConfig) -> Result<Self> {
        let today = Scheme::new(config)?;
        // A hash that cannot be read again would lock each user out at their next login.
        let sample = today.hash(b"a sample", &mut Vec::new())?;
        if Scheme::of(&sample) != Some(today) {
            let cure = "Remove memory, iterations and parallelism";
            let fault = "holds parameters whose hashes cannot be read again";
            return Err(Error::config("password", fault, cure));
        }
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = config.threads.unwrap_or(cores);
        let pool = Pool::start("password", threads, config.queue.unwrap_or(threads * 32))?;
        Ok(Self {
            pool,
            today,
            stored: Arc::default(),
            hashes: Arc::default(),
            work: Arc::default(),
        })
    }

    /// Returns the number of hashes computed since the start. It must not depend on whether an account
    /// exists.
    pub fn hashes(&self) -> u64 {
        self.hashes.load(Ordering::Relaxed)
    }

    /// Returns how many KiB of memory all hashes since the start have filled, counting each pass. This
    /// measures their time without its random variation.
    pub fn work(&self) -> u64 {
        self.work.load(Ordering::Relaxed)
    }

    /// Sets the number of stored hashes of each scheme. The work for unknown accounts follows it.
    pub fn set_stored(&self, schemes: Schemes) {
        *self.stored.write().unwrap_or_else(PoisonError::into_inner) = schemes;
    }

    /// Takes a place in the queue for work that does not belong to a request.
    ///
    /// # Errors
    ///
    /// [`Rejection::Saturated`] if the queue is full.
    pub fn reserve(&self) -> Result<Slot, Rejection> {
        self.pool.reserve()
    }

    /// Takes a place in the queue for a request. `networks` are keyed digests of the networks that it comes
    /// from, the smallest first.
    ///
    /// # Errors
    ///
    /// [`Rejection::Saturated`] if the queue is full, if the smallest network holds a quarter of it, or if
    /// one of the others holds half of it.
    pub fn reserve_for(&self, networks: Vec<Digest>) -> Result<Slot, Rejection> {
        self.pool.reserve_for(networks)
    }

    /// Hashes a password with the current parameters and a fresh salt.
    pub async fn hash(&self, slot: &Slot, password: &Password) -> Result<PasswordHash> {
        let (today, password) = (self.today, password.clone());
        self.note(today);
        let hash = move |memory: &mut _| today.hash(password.as_bytes(), memory);
        Ok(PasswordHash(self.pool.run(slot, hash).await??))
    }

    /// Compares a password with a stored hash. Without a stored hash, it does the work for one and returns
    /// [`PasswordMatch::No`]. `identity`, a keyed digest of what identifies the account, chooses how much
    /// work.
    pub async fn verify(
        &self,
        slot: &Slot,
        password: &Password,
        stored: Option<&PasswordHash>,
        identity: &Digest,
    ) -> Result<PasswordMatch> {
        let known = stored.and_then(|stored| Target::read(stored.as_str()));
        if stored.is_some() && known.is_none() {
            log::error!("a stored password hash has a scheme or cost that is not accepted");
        }
        let is_known = known.is_some();
        // A hash that cannot be verified costs as much as any other, or the time would reveal the
        // account.
        let target = match known {
            Some(target) => target,
            None => Target::decoy(self.scheme_for(identity))?,
        };
        let scheme = target.scheme();
        self.note(scheme);
        let password = password.clone();
        let compare = move |memory: &mut _| target.matches(password.as_bytes(), memory);
        let matches = self.pool.run(slot, compare).await?;
        Ok(match (is_known && matches, scheme == self.today) {
            (false, _) => PasswordMatch::No,
            (true, true) => PasswordMatch::Yes,
            (true, false) => PasswordMatch::Outdated,
        })
    }

    fn scheme_for(&self, identity: &Digest) -> Scheme {
        let stored = self.stored.read().unwrap_or_else(PoisonError::into_inner);
        stored.choose(identity).unwrap_or(self.today)
    }

    fn note(&self, scheme: Scheme) {
        self.hashes.fetch_add(1, Ordering::Relaxed);
        self.work.fetch_add(scheme.work(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use crate::config::PasswordConfig;
    use crate::crypto::decoys::Schemes;
    use crate::crypto::hasher::{Hasher, PasswordHash, PasswordMatch};
    use crate::crypto::one_time::Digest;
    use crate::crypto::password::Password;
    use crate::secret::Secret;

    fn ann() -> Digest {
        Digest::from_bytes([7; 32])
    }

    fn password(text: &str) -> Password {
        Password::parse(&Secret::new(text.to_owned())).unwrap()
    }

    fn cheap() -> PasswordConfig {
        PasswordConfig {
            memory: 8,
            iterations: 1,
            threads: Some(1),
            queue: Some(1),
            ..PasswordConfig::default()
        }
    }

    #[rocket::async_test]
    async fn the_default_is_argon2id_of_19_mib_and_two_passes() {
        let hasher = Hasher::start(&PasswordConfig::default()).unwrap();
        let hash = hasher.hash(&hasher.reserve().unwrap(), &password("secret")).await.unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
    }

    #[rocket::async_test]
    async fn only_the_same_password_verifies() {
        let hasher = Hasher::start(&cheap()).unwrap();
        let slot = hasher.reserve().unwrap();
        let hash = hasher.hash(&slot, &password("secret")).await.unwrap();
        let verify =
            async |text, hash| hasher.verify(&slot, &password(text), hash, &ann()).await.unwrap();
        assert_eq!(verify("secret", Some(&hash)).await, PasswordMatch::Yes);
        assert_eq!(verify("Secret", Some(&hash)).await, PasswordMatch::No);
        assert_eq!(verify("secret", None).await, PasswordMatch::No);
    }

    #[rocket::async_test]
    async fn a_hash_of_other_parameters_verifies_and_is_outdated() {
        let old = Hasher::start(&PasswordConfig { memory: 16, ..cheap() }).unwrap();
        let new = Hasher::start(&cheap()).unwrap();
        let hash = old.hash(&old.reserve().unwrap(), &password("secret")).await.unwrap();
        let slot = new.reserve().unwrap();
        let verified = new.verify(&slot, &password("secret"), Some(&hash), &ann()).await.unwrap();
        assert_eq!(verified, PasswordMatch::Outdated);
    }

    #[rocket::async_test]
    async fn a_hash_made_by_the_argon2_crate_itself_verifies() {
        let hasher = Hasher::start(&cheap()).unwrap();
        let slot = hasher.reserve().unwrap();
        let text = argon2::PasswordHasher::hash_password_with_salt(
            &argon2::Argon2::new(
                argon2::Algorithm::Argon2id,
                argon2::Version::V0x13,
                argon2::Params::new(8, 1, 1, None).unwrap(),
            ),
            b"secret",
            b"0123456789abcdef",
        )
        .unwrap()
        .to_string();
        let hash = PasswordHash::from_stored(text);
        let verified =
            hasher.verify(&slot, &password("secret"), Some(&hash), &ann()).await.unwrap();
        assert_eq!(verified, PasswordMatch::Yes);
    }

    #[rocket::async_test]
    async fn a_stored_hash_cannot_ask_for_gigabytes() {
        let hasher = Hasher::start(&cheap()).unwrap();
        let slot = hasher.reserve().unwrap();
        for text in [
            "$argon2id$v=19$m=4194304,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MDEyMzQ1Njc4OWFiY2RlZg",
            "$argon2i$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MDEyMzQ1Njc4OWFiY2RlZg",
            "plain",
            "",
        ] {
            let hash = PasswordHash::from_stored(text.to_owned());
            let verified =
                hasher.verify(&slot, &password("secret"), Some(&hash), &ann()).await.unwrap();
            assert_eq!(verified, PasswordMatch::No, "{text}");
        }
        // One for the dummy, uncounted, and one for each: the time does not reveal whose hash is
        // unusual.
        assert_eq!(hasher.hashes(), 4);
    }

    #[rocket::async_test]
    async fn a_wrong_password_and_an_unknown_identity_cost_what_the_store_has() {
        let dear = PasswordConfig { memory: 64, iterations: 3, ..cheap() };
        let old = Hasher::start(&dear).unwrap();
        let stored = old.hash(&old.reserve().unwrap(), &password("secret")).await.unwrap();
        let hasher = Hasher::start(&cheap()).unwrap();
        let slot = hasher.reserve().unwrap();
        let cost = async |stored: Option<&PasswordHash>| {
            let before = hasher.work();
            hasher.verify(&slot, &password("wrong"), stored, &ann()).await.unwrap();
            hasher.work() - before
        };
        assert_eq!(cost(None).await, 8, "an empty store has today's hashes");
        assert_eq!(cost(Some(&stored)).await, 192);
        let mut schemes = Schemes::default();
        schemes.count(stored.as_str());
        hasher.set_stored(schemes);
        assert_eq!(cost(None).await, 192);
        let foreign = PasswordHash::from_stored("$2b$12$foreign".to_owned());
        assert_eq!(cost(Some(&foreign)).await, 192);
    }

    #[test]
    fn parameters_whose_hashes_would_not_be_verified_do_not_start() {
        for config in [
            PasswordConfig { memory: 262_145, ..cheap() },
            PasswordConfig { iterations: 17, ..cheap() },
            PasswordConfig { memory: 1_024, parallelism: 17, ..cheap() },
            PasswordConfig { memory: 15, parallelism: 2, ..cheap() },
            PasswordConfig { iterations: 0, ..cheap() },
        ] {
            assert!(Hasher::start(&config).is_err(), "{config:?}");
        }
    }

    #[rocket::async_test]
    async fn hashes_of_the_costliest_parameters_verify() {
        let config = PasswordConfig { memory: 128, iterations: 16, parallelism: 16, ..cheap() };
        let hasher = Hasher::start(&config).unwrap();
        let slot = hasher.reserve().unwrap();
        let hash = hasher.hash(&slot, &password("secret")).await.unwrap();
        let verified = hasher.verify(&slot, &password("secret"), Some(&hash), &ann()).await;
        assert_eq!(verified.unwrap(), PasswordMatch::Yes);
    }
}
