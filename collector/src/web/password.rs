//! Passwords: argon2id, and passwords that people can read aloud.

use anyhow::{Context as _, anyhow};
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use ring::rand::{SecureRandom, SystemRandom};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Shortest password accepted when a person chooses it, characters (ANSSI: 12 for an account with throttling).
pub const LENGTH_MIN: usize = 12;
/// Longest password looked at, bytes: hashing is not a way to keep the collector busy.
pub const LENGTH_MAX: usize = 256;
/// Hashes computed at the same time: 19 MiB each (OWASP's figures for argon2id: 19 MiB, 2 passes, 1 lane).
const AT_ONCE: usize = 2;
/// How long a sign-in waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// Sign-ins that may wait for their turn.
const WAITING_MAX: usize = 64;

/// Hashes a password: an argon2id PHC string. Takes about 30 ms and 19 MiB: never on a thread of the runtime.
pub fn hash(password: &str) -> anyhow::Result<String> {
    let hash = Argon2::default().hash_password(password.as_bytes()).map_err(|e| anyhow!("cannot hash: {e}"))?;
    Ok(hash.to_string())
}

fn matches(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// Verifies passwords, a few at a time.
#[derive(Clone)]
pub struct Verifier {
    turns: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    nobody: Arc<str>,
}

/// Too many sign-ins wait already.
#[derive(Debug, PartialEq, Eq)]
pub struct Busy;

impl Verifier {
    /// A verifier, with the hash that an unknown login is compared to: both answers take the same time.
    pub fn new() -> Self {
        let nobody = hash("nobody has this password").unwrap_or_default();
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            queue: Arc::new(Semaphore::new(WAITING_MAX)),
            nobody: nobody.into(),
        }
    }

    /// Whether the password belongs to this hash; `None` (unknown login) is never right and takes as long.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Busy> {
        if password.len() > LENGTH_MAX {
            return Ok(false);
        }
        let _place = self.queue.clone().try_acquire_owned().map_err(|_| Busy)?;
        let turn = tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned()).await;
        let turn = turn.map_err(|_| Busy)?.map_err(|_| Busy)?;
        let nobody = self.nobody.clone();
        let work = tokio::task::spawn_blocking(move || {
            let right = matches(&password, hash.as_deref().unwrap_or(&nobody)) && hash.is_some();
            // The turn ends with the work, not with the wait: a browser that hangs up frees nothing early.
            drop(turn);
            right
        });
        Ok(work.await.unwrap_or(false))
    }
}

impl Default for Verifier {
    fn default() -> Self {
        Self::new()
    }
}

/// Letters and digits that are not taken for one another (no 0 O 1 l I).
const READABLE: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A strong password that can be read aloud: five groups of four characters, 100 bits.
pub fn generate() -> anyhow::Result<String> {
    let mut bytes = [0; 20];
    SystemRandom::new().fill(&mut bytes).ok().context("the system gives no random bytes")?;
    let letters = bytes.iter().filter_map(|b| READABLE.get(usize::from(b % 32))).map(|b| char::from(*b));
    let mut password = String::with_capacity(24);
    for (n, letter) in letters.enumerate() {
        if n > 0 && n % 4 == 0 {
            password.push('-');
        }
        password.push(letter);
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_login_is_right() {
        let verifier = Verifier::new();
        let hash = hash("correct horse battery").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");

        assert_eq!(verifier.verify("correct horse battery".into(), Some(hash.clone())).await, Ok(true));
        assert_eq!(verifier.verify("correct horse batter".into(), Some(hash)).await, Ok(false));
        assert_eq!(verifier.verify("nobody has this password".into(), None).await, Ok(false));
        assert_eq!(verifier.verify("x".into(), Some("not a hash".into())).await, Ok(false));
    }

    #[tokio::test]
    async fn a_full_queue_is_said_at_once() {
        let verifier = Verifier { queue: Arc::new(Semaphore::new(0)), ..Verifier::new() };
        assert_eq!(verifier.verify("x".into(), None).await, Err(Busy));
    }

    #[test]
    fn generated_passwords_differ_and_have_no_lookalikes() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 24);
        assert!(one.split('-').all(|group| group.len() == 4));
        assert!(!one.contains(['0', 'O', '1', 'l', 'I', 'o']), "{one}");
    }
}
