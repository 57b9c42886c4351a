//! Slows down people who guess passwords.
//!
//! Invariants:
//! 1. An attempt counts when it begins, so that many at once are no way around the limit.
//! 2. One's own successes do not buy back failures that came from elsewhere.
//! 3. Memory is bounded: at most [`MAX_KEYS`] accounts and addresses are remembered.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Attempts that are free.
const FREE: u32 = 5;
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(300);
/// After this time without an attempt all is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(900);
/// What is remembered at most.
const MAX_KEYS: usize = 10_000;

/// What failures are counted for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// An account, known or not.
    Account(String),
    /// The address of a client.
    Address(String),
}

#[derive(Debug, Clone, Copy)]
struct Record {
    failures: u32,
    last: Duration,
}

impl Record {
    /// When the next attempt is allowed.
    fn open_at(&self) -> Duration {
        match self.failures.checked_sub(FREE) {
            None => Duration::ZERO,
            Some(excess) => {
                let wait = Duration::from_secs(1 << excess.min(16));
                self.last + wait.min(LONGEST)
            }
        }
    }
}

/// Counts failures.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    records: Mutex<HashMap<Key, Record>>,
}

impl Attempts {
    /// How long the next attempt has to wait, without counting one: for callers of which many come
    /// at once and are right, and who count only what failed.
    pub(super) fn wait(&self, key: &Key, now: Duration) -> Option<Duration> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = records.get(key)?.open_at().checked_sub(now)?;
        (!wait.is_zero()).then_some(wait)
    }

    /// Lets an attempt begin and counts it as failed until [`Attempts::succeeded`] says otherwise.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn begin(&self, keys: &[Key], now: Duration) -> Result<(), Duration> {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut records, now);
        let open_at = keys
            .iter()
            .filter_map(|key| records.get(key))
            .map(Record::open_at)
            .max();
        if let Some(wait) = open_at
            .and_then(|at| at.checked_sub(now))
            .filter(|wait| !wait.is_zero())
        {
            return Err(wait);
        }
        for key in keys {
            let record = records.entry(key.clone()).or_insert(Record {
                failures: 0,
                last: now,
            });
            record.failures += 1;
            record.last = now;
        }
        Ok(())
    }

    /// Takes an attempt back: the password was right.
    pub(super) fn succeeded(&self, keys: &[Key]) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            match key {
                Key::Account(_) => {
                    records.remove(key);
                }
                Key::Address(_) => {
                    if let Some(record) = records.get_mut(key) {
                        record.failures = record.failures.saturating_sub(1);
                    }
                }
            }
        }
    }
}

fn make_room(records: &mut HashMap<Key, Record>, now: Duration) {
    if records.len() < MAX_KEYS {
        return;
    }
    records.retain(|_, record| record.last + FORGET_AFTER > now);
    if records.len() >= MAX_KEYS {
        records.retain(|_, record| record.failures > FREE);
    }
    if records.len() >= MAX_KEYS {
        records.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn account(name: &str) -> Vec<Key> {
        vec![Key::Account(name.to_owned())]
    }

    #[test]
    fn after_five_failures_the_wait_doubles() {
        let attempts = Attempts::default();
        for _ in 0..5 {
            assert_eq!(attempts.begin(&account("a"), Duration::ZERO), Ok(()));
        }
        assert_eq!(attempts.begin(&account("a"), Duration::ZERO), Err(SECOND));
        assert_eq!(attempts.begin(&account("a"), SECOND), Ok(()));
        assert_eq!(attempts.begin(&account("a"), SECOND), Err(2 * SECOND));
        assert_eq!(
            attempts.begin(&account("b"), SECOND),
            Ok(()),
            "others are not slowed down"
        );
    }

    #[test]
    fn the_wait_has_an_end() {
        let attempts = Attempts::default();
        let mut now = Duration::ZERO;
        for _ in 0..60 {
            if let Err(wait) = attempts.begin(&account("a"), now) {
                assert!(wait <= LONGEST);
                now += wait;
            }
        }
    }

    #[test]
    fn success_clears_the_account_but_not_the_address() {
        let attempts = Attempts::default();
        let address = Key::Address("10.0.0.1".to_owned());
        for _ in 0..4 {
            let keys = [Key::Account("victim".to_owned()), address.clone()];
            assert_eq!(attempts.begin(&keys, Duration::ZERO), Ok(()));
        }
        let own = [Key::Account("own".to_owned()), address.clone()];
        assert_eq!(attempts.begin(&own, Duration::ZERO), Ok(()));
        attempts.succeeded(&own);
        assert_eq!(attempts.begin(&own, Duration::ZERO), Ok(()));
        assert_eq!(attempts.begin(&[address], Duration::ZERO), Err(SECOND));
    }

    #[test]
    fn memory_is_bounded() {
        let attempts = Attempts::default();
        for number in 0..MAX_KEYS + 10 {
            assert_eq!(
                attempts.begin(&account(&number.to_string()), Duration::ZERO),
                Ok(())
            );
        }
        assert!(attempts.records.lock().expect("not poisoned").len() <= MAX_KEYS);
    }
}
