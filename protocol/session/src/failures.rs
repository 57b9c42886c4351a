//! Addresses that failed to come in, and how long they must wait.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failures of one address within [`WINDOW`] that have no consequence.
const FREE_FAILURES: u32 = 5;
const WINDOW: Duration = Duration::from_secs(60);
/// How long each further attempt has to wait.
const DELAY: Duration = Duration::from_secs(1);
/// Addresses that are remembered; beyond it new ones are not, until old ones have expired.
const MAX_ADDRESSES: usize = 4_096;

/// Counts failures by address.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    addresses: Mutex<HashMap<IpAddr, Record>>,
}

#[derive(Debug)]
struct Record {
    since: Instant,
    count: u32,
}

impl Record {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) < WINDOW
    }
}

impl Failures {
    /// How long an attempt from `address` must wait.
    pub(crate) fn delay(&self, address: IpAddr, now: Instant) -> Duration {
        let addresses = self
            .addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match addresses.get(&address) {
            Some(record) if record.is_fresh(now) && record.count >= FREE_FAILURES => DELAY,
            _ => Duration::ZERO,
        }
    }

    /// Notes a failure.
    pub(crate) fn note(&self, address: IpAddr, now: Instant) {
        let mut addresses = self
            .addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if addresses.len() >= MAX_ADDRESSES {
            addresses.retain(|_, record| record.is_fresh(now));
        }
        if addresses.len() >= MAX_ADDRESSES && !addresses.contains_key(&address) {
            return;
        }
        let record = addresses.entry(address).or_insert(Record {
            since: now,
            count: 0,
        });
        if !record.is_fresh(now) {
            *record = Record {
                since: now,
                count: 0,
            };
        }
        record.count = record.count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_attempt_waits_until_the_window_has_passed() {
        let (failures, start) = (Failures::default(), Instant::now());
        let address = IpAddr::from([10, 0, 0, 1]);
        for _ in 0..FREE_FAILURES {
            assert_eq!(failures.delay(address, start), Duration::ZERO);
            failures.note(address, start);
        }
        assert_eq!(failures.delay(address, start), DELAY);
        assert_eq!(
            failures.delay(IpAddr::from([10, 0, 0, 2]), start),
            Duration::ZERO
        );
        assert_eq!(failures.delay(address, start + WINDOW), Duration::ZERO);
    }

    #[test]
    fn the_memory_for_addresses_is_bounded() {
        let (failures, start) = (Failures::default(), Instant::now());
        for number in 0..MAX_ADDRESSES as u32 + 10 {
            failures.note(IpAddr::from(number.to_be_bytes()), start);
        }
        let count = failures.addresses.lock().expect("no panic").len();
        assert_eq!(count, MAX_ADDRESSES);
    }
}
