//! Instance ids: the snowflake layout of the reference, without its limit of 64 a millisecond.
//!
//! Layout (spec 01 section 1.8): 41 bits of milliseconds since the reference's epoch, 2 bits always
//! zero, 14 server bits, 6 sequence bits. A process leases a block of server ids from the database; when
//! the 64 numbers of one server id are used up within a millisecond, the next id of the block goes on.

use crate::id::InstanceId;
use crate::time::UnixMillis;

/// Start of the time part: 2019-04-20T16:00:00Z, as in the reference.
const EPOCH_MS: i64 = 1_555_776_000_000;
const SEQUENCE_BITS: u32 = 6;
const SERVER_BITS: u32 = 14;
const TIME_SHIFT: u32 = 22;
const SEQUENCES: u32 = 1 << SEQUENCE_BITS;

/// Hands out instance ids of one process; strictly growing, also when the clock goes back.
#[derive(Debug, Clone)]
pub struct InstanceIdGenerator {
    first_server_id: u16,
    block: u16,
    last_ms: i64,
    used_in_ms: u32,
}

impl InstanceIdGenerator {
    /// A generator over the server ids `first_server_id .. first_server_id + block`.
    ///
    /// # Panics
    /// If the block is empty or leaves the range 0..16384: the database never leases such a block.
    pub fn new(first_server_id: u16, block: u16) -> Self {
        let end = u32::from(first_server_id) + u32::from(block);
        assert!(
            block > 0 && end <= 1 << SERVER_BITS,
            "server ids out of range"
        );
        Self {
            first_server_id,
            block,
            last_ms: 0,
            used_in_ms: 0,
        }
    }

    /// The next id at wall time `now`. When the numbers of a millisecond are used up, or the clock
    /// went back, the time part runs ahead of the clock.
    pub fn next(&mut self, now: UnixMillis) -> InstanceId {
        let now_ms = now.0 - EPOCH_MS;
        if now_ms > self.last_ms {
            (self.last_ms, self.used_in_ms) = (now_ms, 0);
        } else if self.used_in_ms == SEQUENCES * u32::from(self.block) {
            (self.last_ms, self.used_in_ms) = (self.last_ms + 1, 0);
        }
        let server = i64::from(self.first_server_id) + i64::from(self.used_in_ms / SEQUENCES);
        let sequence = i64::from(self.used_in_ms % SEQUENCES);
        self.used_in_ms += 1;
        InstanceId((self.last_ms << TIME_SHIFT) | (server << SEQUENCE_BITS) | sequence)
    }
}

/// The wall time at which an id was made, give or take the run-ahead of a busy generator.
pub fn created_at(id: InstanceId) -> UnixMillis {
    UnixMillis((id.0 >> TIME_SHIFT) + EPOCH_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_that_of_the_reference() {
        let mut generator = InstanceIdGenerator::new(5, 1);
        let mut id = generator.next(UnixMillis(1_700_000_000_000));
        for _ in 0..3 {
            id = generator.next(UnixMillis(1_700_000_000_000));
        }
        assert_eq!(
            id,
            InstanceId(604_919_300_096_000_323),
            "check value of spec 01 section 1.8"
        );
    }

    #[test]
    fn ids_grow_even_when_the_clock_goes_back() {
        let mut generator = InstanceIdGenerator::new(3, 1);
        let mut previous = InstanceId(0);
        for now_ms in [
            1_800_000_000_000,
            1_800_000_000_000,
            1_799_999_999_000,
            1_800_000_000_001,
        ] {
            for _ in 0..100 {
                let next = generator.next(UnixMillis(now_ms));
                assert!(next > previous);
                previous = next;
            }
        }
    }

    #[test]
    fn a_block_of_server_ids_multiplies_the_numbers_of_a_millisecond() {
        let now = UnixMillis(1_800_000_000_000);
        let mut generator = InstanceIdGenerator::new(0, 16);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1024 {
            let id = generator.next(now);
            assert!(seen.insert(id));
            assert_eq!(created_at(id), now);
        }
        assert_eq!(created_at(generator.next(now)), UnixMillis(now.0 + 1));
    }
}
