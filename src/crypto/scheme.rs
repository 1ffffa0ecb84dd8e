//! The parameters of a password hash: Argon2id, read from a PHC string.
//!
//! Verification accepts exactly those parameters that
//! [`PasswordConfig::check_bounds`](crate::config::PasswordConfig::check_bounds) accepts for new hashes.

use argon2::password_hash::phc;
use argon2::password_hash::phc::{Output, ParamsString, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};

use crate::config::PasswordConfig;
use crate::crypto::random::random_bytes;
use crate::error::{Error, Result};

/// The length of a salt (NIST SP 800-63B-4, section 3.1.1.2, requires 4) and of a hash, in bytes.
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// The parameters of a hash, which determine its cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scheme {
    memory: u32,
    iterations: u32,
    parallelism: u32,
}

impl Scheme {
    /// Reads the parameters of new hashes from the configuration.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for parameters that a stored hash cannot have.
    pub fn new(config: &PasswordConfig) -> Result<Self> {
        config.check_bounds()?;
        let PasswordConfig { memory, iterations, parallelism, .. } = *config;
        Ok(Self { memory, iterations, parallelism })
    }

    /// Reads the parameters of a stored hash. Returns `None` if it cannot be verified.
    pub fn of(stored: &str) -> Option<Self> {
        Target::read(stored).map(|target| target.scheme)
    }

    /// Returns how many blocks of 1 KiB the computation fills, counting each pass.
    pub(crate) fn work(self) -> u64 {
        u64::from(self.memory) * u64::from(self.iterations)
    }

    /// Hashes a password with a fresh salt, as a PHC string.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`] if there is no randomness for the salt.
    pub(crate) fn hash(self, password: &[u8], memory: &mut Vec<Block>) -> Result<String> {
        let failed = || Error::Crypto("Argon2 refused its parameters".to_owned());
        let salt = random_bytes::<SALT_BYTES>()?;
        let salt = Salt::new(&salt).map_err(|_| failed())?;
        let params = self.params().ok_or_else(failed)?;
        let hash = self.compute(password, &salt, HASH_BYTES, memory).ok_or_else(failed)?;
        let text = phc::PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).map_err(|_| failed())?,
            salt: Some(salt),
            hash: Some(hash),
        };
        Ok(text.to_string())
    }

    fn params(self) -> Option<Params> {
        Params::new(self.memory, self.iterations, self.parallelism, Some(HASH_BYTES)).ok()
    }

    fn compute(
        self,
        password: &[u8],
        salt: &Salt,
        length: usize,
        memory: &mut Vec<Block>,
    ) -> Option<Output> {
        let params = self.params()?;
        let count = params.block_count();
        memory.resize(count.max(memory.len()), Block::default());
        let blocks = memory.get_mut(..count)?;
        let mut output = vec![0; length];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password_into_with_memory(password, salt.as_ref(), &mut output, blocks).ok()?;
        Output::new(&output).ok()
    }
}

/// The content of a stored hash, to compare a password with.
pub(crate) struct Target {
    scheme: Scheme,
    salt: Salt,
    expected: Output,
}

impl Target {
    /// Reads a stored hash. Returns `None` unless it is Argon2id within the limits.
    pub(crate) fn read(stored: &str) -> Option<Self> {
        let hash = phc::PasswordHash::new(stored).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let scheme = Scheme {
            memory: params.m_cost(),
            iterations: params.t_cost(),
            parallelism: params.p_cost(),
        };
        let is_argon2id = hash.algorithm == Algorithm::Argon2id.ident()
            && hash.version == Some(Version::V0x13.into());
        if !is_argon2id
            || !PasswordConfig::may_cost(scheme.memory, scheme.iterations, scheme.parallelism)
        {
            return None;
        }
        Some(Self { scheme, salt: hash.salt?, expected: hash.hash? })
    }

    /// Creates a target that no password matches, and that costs the same work as a real one.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`] if there is no randomness for it.
    pub(crate) fn decoy(scheme: Scheme) -> Result<Self> {
        let failed = |_| Error::Crypto("a salt and a hash could not be made".to_owned());
        let salt = Salt::new(&random_bytes::<SALT_BYTES>()?).map_err(failed)?;
        let expected = Output::new(&random_bytes::<HASH_BYTES>()?).map_err(failed)?;
        Ok(Self { scheme, salt, expected })
    }

    /// Returns the parameters.
    pub(crate) fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Computes the hash of a password, and compares it in constant time.
    pub(crate) fn matches(&self, password: &[u8], memory: &mut Vec<Block>) -> bool {
        let length = self.expected.len();
        // `Output` compares in constant time.
        self.scheme
            .compute(password, &self.salt, length, memory)
            .is_some_and(|it| it == self.expected)
    }
}
