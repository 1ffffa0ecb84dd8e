//! Hashing passwords: Argon2id on threads of its own behind a bounded queue.
//!
//! One hash takes 19 MiB and some 20 ms of a core. Left to the async runtime's blocking pool, a
//! flood of logins would hold hundreds of them at once; here as many run as there are threads, a
//! bounded number waits, and whoever comes after that is turned away before anything else is done
//! for them. Each thread keeps its memory, for page faults cost a third of a fresh hash.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;

use argon2::Algorithm;
use argon2::Argon2;
use argon2::Block;
use argon2::Params;
use argon2::Version;
use argon2::password_hash::phc;
use argon2::password_hash::phc::Output;
use argon2::password_hash::phc::ParamsString;
use argon2::password_hash::phc::Salt;
use rocket::tokio::sync::OwnedSemaphorePermit;
use rocket::tokio::sync::Semaphore;
use rocket::tokio::sync::oneshot;

use crate::config::PasswordConfig;
use crate::crypto::password::Password;
use crate::crypto::random_bytes;
use crate::error::Error;
use crate::error::Result;
use crate::rejection::Rejection;

/// A hashed password, as the store keeps it: a PHC string that carries its parameters and salt.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes the text of a row. Whether it can be verified shows when somebody logs in.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Gives the text for a row.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[password hash]")
    }
}

/// What came of comparing a password with a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// It is another password, or there was no hash to compare with.
    No,
    /// It is the password.
    Yes,
    /// It is the password, and its hash was made with other parameters than today's.
    Outdated,
}

/// The parameters beyond which a stored hash is not computed: whoever can write to the table must
/// not be able to make a login take 4 GiB. Passlib's defaults (64 MiB, t=3, p=4) lie within.
const MAX_MEMORY_KIB: u32 = 262_144;
const MAX_ITERATIONS: u32 = 16;
const MAX_PARALLELISM: u32 = 16;

/// The bytes of a salt (NIST SP 800-63B-4, section 3.1.1.2, asks for 4) and of a hash.
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

type Job = Box<dyn FnOnce(&mut Vec<Block>) + Send>;

/// Hashes and verifies passwords.
#[derive(Clone)]
pub struct Hasher {
    jobs: mpsc::Sender<Job>,
    slots: Arc<Semaphore>,
    params: Params,
    dummy: PasswordHash,
    hashes: Arc<AtomicU64>,
}

/// A place in the queue, to be had before anything is done for the one who asks.
///
/// Work that was begun keeps its place until it is done, even when nobody waits for it any more.
#[derive(Clone)]
pub struct Slot {
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Hasher {
    /// Starts the threads. They end when the last clone is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for parameters that Argon2 does not take.
    pub fn start(config: &PasswordConfig) -> Result<Self> {
        let params =
            Params::new(config.memory, config.iterations, config.parallelism, Some(HASH_BYTES))
                .map_err(|fault| {
                    Error::config(
                        "password",
                        format!("holds parameters that Argon2 does not take: {fault}"),
                        "Remove memory, iterations and parallelism",
                    )
                })?;
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = config.threads.unwrap_or(cores).max(1);
        let queue = config.queue.unwrap_or(threads * 32);
        let (jobs, inbox) = mpsc::channel::<Job>();
        let inbox = Arc::new(Mutex::new(inbox));
        for number in 0..threads {
            let inbox = Arc::clone(&inbox);
            thread::Builder::new()
                .name(format!("password-{number}"))
                .spawn(move || work(&inbox))
                .map_err(|source| Error::File { path: "password thread".to_owned(), source })?;
        }
        let dummy = hash(&params, &random_bytes::<32>()?, &mut Vec::new())?;
        let slots = Arc::new(Semaphore::new(threads + queue));
        Ok(Self { jobs, slots, params, dummy, hashes: Arc::default() })
    }

    /// Says how many hashes were computed since the start: nobody must learn from their number
    /// whether an account exists.
    pub fn hashes(&self) -> u64 {
        self.hashes.load(Ordering::Relaxed)
    }

    /// Takes a place in the queue.
    ///
    /// # Errors
    ///
    /// [`Rejection::Saturated`] when it is full.
    pub fn reserve(&self) -> Result<Slot, Rejection> {
        match Arc::clone(&self.slots).try_acquire_owned() {
            Ok(permit) => Ok(Slot { _permit: Arc::new(permit) }),
            Err(_) => Err(Rejection::Saturated),
        }
    }

    /// Hashes a password with today's parameters and a fresh salt.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`] when there is no randomness for the salt.
    pub async fn hash(&self, slot: &Slot, password: &Password) -> Result<PasswordHash> {
        let (params, password) = (self.params.clone(), password.clone());
        let hashes = Arc::clone(&self.hashes);
        self.run(slot, move |memory| {
            hashes.fetch_add(1, Ordering::Relaxed);
            hash(&params, password.as_bytes(), memory)
        })
        .await?
    }

    /// Compares a password with a stored hash; with none, does the same work and says no.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`] when the threads are gone.
    pub async fn verify(
        &self,
        slot: &Slot,
        password: &Password,
        stored: Option<&PasswordHash>,
    ) -> Result<Verified> {
        let (params, password) = (self.params.clone(), password.clone());
        // A hash that cannot be verified costs what any other does, or it would tell of its account.
        let known = stored.and_then(parse);
        let is_known = known.is_some();
        let Some(candidate) = known.or_else(|| parse(&self.dummy)) else {
            return Err(Error::Crypto("the dummy hash cannot be read".to_owned()));
        };
        let hashes = Arc::clone(&self.hashes);
        let verified = self
            .run(slot, move |memory| {
                hashes.fetch_add(1, Ordering::Relaxed);
                verify(&params, password.as_bytes(), &candidate, memory)
            })
            .await?;
        Ok(if is_known { verified } else { Verified::No })
    }

    /// Runs other costly work for a password on the same threads, such as checking its quality.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`] when the threads are gone.
    pub async fn run_with<T: Send + 'static>(
        &self,
        slot: &Slot,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        self.run(slot, move |_| work()).await
    }

    async fn run<T: Send + 'static>(
        &self,
        slot: &Slot,
        work: impl FnOnce(&mut Vec<Block>) -> T + Send + 'static,
    ) -> Result<T> {
        let gone = || Error::Crypto("the password threads are gone".to_owned());
        let (answer, result) = oneshot::channel();
        let place = slot.clone();
        let job: Job = Box::new(move |memory| {
            // Nobody may be waiting any more: then the answer is dropped.
            let _ = answer.send(work(memory));
            drop(place);
        });
        self.jobs.send(job).map_err(|_| gone())?;
        result.await.map_err(|_| gone())
    }
}

/// Takes jobs until the last [`Hasher`] is dropped.
fn work(inbox: &Mutex<mpsc::Receiver<Job>>) {
    let mut memory = Vec::new();
    loop {
        let job = match inbox.lock() {
            Ok(inbox) => inbox.recv(),
            Err(_) => return,
        };
        match job {
            Ok(job) => job(&mut memory),
            Err(_) => return,
        }
    }
}

fn hash(params: &Params, password: &[u8], memory: &mut Vec<Block>) -> Result<PasswordHash> {
    let failed = |fault: &dyn fmt::Display| Error::Crypto(fault.to_string());
    let salt = random_bytes::<SALT_BYTES>()?;
    let output = compute(params, password, &salt, HASH_BYTES, memory)
        .ok_or_else(|| failed(&"Argon2 refused its parameters"))?;
    let hash = phc::PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params).map_err(|fault| failed(&fault))?,
        salt: Some(Salt::new(&salt).map_err(|fault| failed(&fault))?),
        hash: Some(output),
    };
    Ok(PasswordHash(hash.to_string()))
}

fn verify(
    today: &Params,
    password: &[u8],
    (params, salt, expected): &(Params, Salt, Output),
    memory: &mut Vec<Block>,
) -> Verified {
    // `Output` compares in constant time.
    match compute(params, password, salt.as_ref(), expected.len(), memory) {
        Some(output) if output == *expected => {
            let same = params.m_cost() == today.m_cost()
                && params.t_cost() == today.t_cost()
                && params.p_cost() == today.p_cost();
            if same { Verified::Yes } else { Verified::Outdated }
        }
        _ => Verified::No,
    }
}

/// Reads a stored hash, if it is Argon2id of a sane cost.
fn parse(stored: &PasswordHash) -> Option<(Params, Salt, Output)> {
    let hash = phc::PasswordHash::new(stored.as_str()).ok()?;
    let params = Params::try_from(&hash).ok()?;
    let is_sane = hash.algorithm == Algorithm::Argon2id.ident()
        && hash.version == Some(Version::V0x13.into())
        && params.m_cost() <= MAX_MEMORY_KIB
        && params.t_cost() <= MAX_ITERATIONS
        && params.p_cost() <= MAX_PARALLELISM;
    if !is_sane {
        log::error!("a stored password hash is of a kind or cost that is not verified");
        return None;
    }
    Some((params, hash.salt?, hash.hash?))
}

fn compute(
    params: &Params,
    password: &[u8],
    salt: &[u8],
    length: usize,
    memory: &mut Vec<Block>,
) -> Option<Output> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    memory.resize(params.block_count().max(memory.len()), Block::default());
    let blocks = memory.get_mut(..params.block_count())?;
    let mut output = vec![0; length];
    argon2.hash_password_into_with_memory(password, salt, &mut output, blocks).ok()?;
    Output::new(&output).ok()
}

#[cfg(test)]
mod tests {
    use crate::config::PasswordConfig;
    use crate::crypto::hasher::Hasher;
    use crate::crypto::hasher::PasswordHash;
    use crate::crypto::hasher::Verified;
    use crate::crypto::password::Password;
    use crate::rejection::Rejection;
    use crate::secret::Secret;

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
        let verify = async |text, hash| hasher.verify(&slot, &password(text), hash).await.unwrap();
        assert_eq!(verify("secret", Some(&hash)).await, Verified::Yes);
        assert_eq!(verify("Secret", Some(&hash)).await, Verified::No);
        assert_eq!(verify("secret", None).await, Verified::No);
    }

    #[rocket::async_test]
    async fn a_hash_of_other_parameters_verifies_and_is_outdated() {
        let old = Hasher::start(&PasswordConfig { memory: 16, ..cheap() }).unwrap();
        let new = Hasher::start(&cheap()).unwrap();
        let hash = old.hash(&old.reserve().unwrap(), &password("secret")).await.unwrap();
        let slot = new.reserve().unwrap();
        let verified = new.verify(&slot, &password("secret"), Some(&hash)).await.unwrap();
        assert_eq!(verified, Verified::Outdated);
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
        let verified = hasher.verify(&slot, &password("secret"), Some(&hash)).await.unwrap();
        assert_eq!(verified, Verified::Yes);
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
            let verified = hasher.verify(&slot, &password("secret"), Some(&hash)).await.unwrap();
            assert_eq!(verified, Verified::No, "{text}");
        }
        // One for the dummy, uncounted, and one for each: nobody learns whose hash is strange.
        assert_eq!(hasher.hashes(), 4);
    }

    #[rocket::async_test]
    async fn a_full_queue_turns_away_and_an_empty_one_takes_again() {
        let hasher = Hasher::start(&cheap()).unwrap();
        let places = (hasher.reserve().unwrap(), hasher.reserve().unwrap());
        assert_eq!(hasher.reserve().err(), Some(Rejection::Saturated));
        drop(places);
        assert!(hasher.reserve().is_ok());
    }
}
