//! Passwords as Argon2id hashes. One takes tens of milliseconds, so the room has threads for it.

use std::collections::HashSet;
use std::num::NonZero;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{Output, ParamsString, PasswordHash, Salt, SaltString};
use argon2::{Algorithm, Argon2, Block, Params, Version};

use crate::room::Computed;

/// What is to be computed with a password.
#[derive(Debug)]
pub enum Work {
    /// Its hash.
    Hash,
    /// Whether it has this hash. Without one it is computed all the same, so that nobody can tell by the time.
    Match(Option<String>),
}

/// What Argon2 works in: tens of megabytes, which a thread keeps, for taken anew each time they pile up.
pub type Memory = Vec<Block>;

/// The Argon2id hash of a password, with a salt of its own, as a PHC string.
///
/// # Errors
/// What Argon2 says.
pub fn hash(password: &str, memory: &mut Memory) -> Result<String, String> {
    let (salt, params) = (SaltString::generate(&mut OsRng), Params::default());
    let output = output(password, salt.as_salt(), &params, memory)?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params).map_err(|error| error.to_string())?,
        salt: Some(salt.as_salt()),
        hash: Some(output),
    };
    Ok(hash.to_string())
}

/// Whether a password has this hash.
fn matches(password: &str, hash: &str, memory: &mut Memory) -> Result<bool, String> {
    let hash = PasswordHash::new(hash).map_err(|error| error.to_string())?;
    // Those that it was made with: the defaults may change, and old accounts must not lose their passwords.
    let params = Params::try_from(&hash).map_err(|error| error.to_string())?;
    let (Some(salt), true) = (hash.salt, hash.algorithm == Algorithm::Argon2id.ident()) else {
        return Err("not an Argon2id hash".to_owned());
    };
    // They are compared in constant time.
    Ok(Some(output(password, salt, &params, memory)?) == hash.hash)
}

fn output(password: &str, salt: Salt<'_>, params: &Params, memory: &mut Memory) -> Result<Output, String> {
    let mut bytes = [0; Salt::MAX_LENGTH];
    let salt = salt.decode_b64(&mut bytes).map_err(|error| error.to_string())?;
    memory.resize(params.block_count(), Block::default());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    Output::init_with(params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN), |out| {
        Ok(argon2.hash_password_into_with_memory(password.as_bytes(), salt, out, memory)?)
    })
    .map_err(|error| error.to_string())
}

fn compute(password: &str, work: Work, memory: &mut Memory) -> Computed {
    let computed = match work {
        Work::Hash => hash(password, memory).map(Computed::Hash),
        Work::Match(None) => hash(password, memory).map(|_| Computed::Matches(false)),
        Work::Match(Some(hash)) => matches(password, &hash, memory).map(Computed::Matches),
    };
    computed.unwrap_or_else(Computed::Failed)
}

/// What the threads are given: for whom, which event, the password, what to do.
pub type Job = (u64, u64, String, Work);

/// The chats whose passwords are wanted: who has gone does not keep others waiting.
pub type WantedChats = Arc<Mutex<HashSet<u64>>>;

/// Starts as many threads as there are processors. They end when the sender that is given out is dropped. `done` is
/// told the chat, the event, the password, and what came of it.
pub fn start(
    wanted: &WantedChats,
    done: impl Fn(u64, u64, String, Computed) + Send + Clone + 'static,
) -> Sender<Job> {
    let (jobs, queue) = mpsc::channel::<Job>();
    let queue = Arc::new(Mutex::new(queue));
    for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
        let (queue, wanted, done) = (Arc::clone(&queue), Arc::clone(wanted), done.clone());
        thread::spawn(move || {
            let mut memory = Memory::new();
            loop {
                // The lock is held while this waits: one thread waits for a job, and the others wait for the lock.
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok((chat, event, password, work)) = next else { break };
                if !wanted.lock().unwrap_or_else(PoisonError::into_inner).contains(&chat) {
                    continue;
                }
                let computed = compute(&password, work, &mut memory);
                done(chat, event, password, computed);
            }
        });
    }
    jobs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_its_own_hash_and_no_other_has() {
        let mut memory = Memory::new();
        let one = hash("secret", &mut memory).unwrap();
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, hash("secret", &mut memory).unwrap(), "each has a salt of its own");
        let mut compute =
            |password, hash: &str| compute(password, Work::Match(Some(hash.to_owned())), &mut memory);
        assert_eq!(compute("secret", &one), Computed::Matches(true));
        assert_eq!(compute("Secret", &one), Computed::Matches(false));
        assert!(matches!(compute("secret", "x"), Computed::Failed(_)));
    }

    #[test]
    fn what_is_hashed_is_what_others_hash() {
        use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
        let mut memory = Memory::new();
        let ours = hash("secret", &mut memory).unwrap();
        let ours = PasswordHash::new(&ours).unwrap();
        assert!(Argon2::default().verify_password(b"secret", &ours).is_ok());
        let salt = SaltString::generate(&mut OsRng);
        let theirs = Argon2::default().hash_password(b"secret", &salt).unwrap().to_string();
        assert_eq!(matches("secret", &theirs, &mut memory), Ok(true));
    }
}
