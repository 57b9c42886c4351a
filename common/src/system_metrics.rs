//! Numbers of a worker's machine and the score that ranks workers.

use serde::{Deserialize, Serialize};

const GIB: f64 = (1_u64 << 30) as f64;

/// A reading of a worker's machine.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct SystemMetrics {
    /// Processors the worker may use.
    pub cpu_cores: f64,
    /// Load of the last minute, in processors; negative = not available.
    pub cpu_load: f64,
    /// Memory the worker may use, in bytes.
    pub memory_total_bytes: u64,
    /// Memory in use on the machine, in bytes.
    pub memory_used_bytes: u64,
    /// Resident memory of the worker process, in bytes.
    pub process_memory_bytes: u64,
    /// Size of the disk that holds the work folder, in bytes.
    pub disk_total_bytes: u64,
    /// Used part of that disk, in bytes.
    pub disk_used_bytes: u64,
}

impl SystemMetrics {
    /// Free memory in GiB, the unit of a job's wishes.
    pub fn free_memory_gib(&self) -> f64 {
        self.memory_total_bytes
            .saturating_sub(self.memory_used_bytes) as f64
            / GIB
    }

    /// Free disk in GiB.
    pub fn free_disk_gib(&self) -> f64 {
        self.disk_total_bytes.saturating_sub(self.disk_used_bytes) as f64 / GIB
    }

    /// Free processors; all of them when the load is not available.
    pub fn free_cpu_cores(&self) -> f64 {
        if self.cpu_load < 0.0 {
            self.cpu_cores
        } else {
            self.cpu_cores - self.cpu_load
        }
    }

    /// Rank of the worker, higher is better: twice the free memory in GiB plus the free processors
    /// (spec 01 section 4.4; an unknown load counts as one free processor).
    pub fn score(&self) -> i32 {
        let cpu = if self.cpu_load < 0.0 {
            1.0
        } else {
            self.cpu_cores - self.cpu_load
        };
        (self.free_memory_gib() * 2.0 + cpu) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(load: f64) -> SystemMetrics {
        SystemMetrics {
            cpu_cores: 4.0,
            cpu_load: load,
            memory_total_bytes: 8 << 30,
            memory_used_bytes: 5 << 30,
            ..SystemMetrics::default()
        }
    }

    #[test]
    fn score_is_twice_the_free_memory_plus_the_free_processors() {
        assert_eq!(metrics(1.5).score(), 8);
        assert_eq!(metrics(-1.0).score(), 7);
    }

    /// Spec 01 section 11 case 41.
    #[test]
    fn score_is_that_of_the_reference() {
        let reading = |cpu_load| SystemMetrics {
            cpu_cores: 8.0,
            cpu_load,
            memory_total_bytes: 4 << 30,
            memory_used_bytes: 1 << 30,
            ..SystemMetrics::default()
        };
        assert_eq!(reading(2.0).score(), 12);
        assert_eq!(reading(-1.0).score(), 7);
    }
}
