//! Reads the numbers of the machine for the heartbeats.
//!
//! * **Owns** nothing but the rhythm; reading happens on a thread of its own, because it may take
//!   milliseconds.
//! * **Hears** from nobody.
//! * **Tells** the server link (`MetricsSampled`).
//! * **Survives** a restart: nothing.
//! * **Dies**: it is built anew; until then heartbeats repeat the last numbers.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::prelude::*;
use powerjob_common::actor::Port;
use powerjob_common::system_metrics::SystemMetrics;
use sysinfo::{
    DiskRefreshKind, Disks, MemoryRefreshKind, ProcessRefreshKind, ProcessesToUpdate, System,
};

use super::letters::MetricsSampled;

const SAMPLE_INTERVAL: Duration = Duration::from_secs(2);

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct HealthReporter {
    server_link: Port<MetricsSampled>,
    machine: Arc<Mutex<Machine>>,
}

impl HealthReporter {
    /// A reporter about this machine and the disk that holds `work_dir`.
    pub(crate) fn new(server_link: Port<MetricsSampled>, work_dir: &Path) -> Self {
        let machine = Machine::new(work_dir);
        Self {
            server_link,
            machine: Arc::new(Mutex::new(machine)),
        }
    }

    fn sample(&self, ctx: &mut Context<Self>) {
        let machine = self.machine.clone();
        let reading = tokio::task::spawn_blocking(move || {
            machine
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .read()
        });
        let done = reading
            .into_actor(self)
            .map(|metrics, actor, _ctx| match metrics {
                // A refused reading is followed by a newer one.
                Ok(metrics) => {
                    actor.server_link.tell(MetricsSampled { metrics }).ok();
                }
                Err(error) => tracing::warn!(%error, "cannot read the numbers of the machine"),
            });
        ctx.spawn(done);
    }
}

impl Actor for HealthReporter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.sample(ctx);
        ctx.run_interval(SAMPLE_INTERVAL, |actor, ctx| actor.sample(ctx));
    }
}

#[derive(Debug)]
struct Machine {
    system: System,
    disks: Disks,
    work_dir: PathBuf,
}

impl Machine {
    fn new(work_dir: &Path) -> Self {
        let work_dir = work_dir
            .canonicalize()
            .unwrap_or_else(|_| work_dir.to_owned());
        Self {
            system: System::new(),
            disks: Disks::new(),
            work_dir,
        }
    }

    fn read(&mut self) -> SystemMetrics {
        self.system
            .refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        self.disks
            .refresh_specifics(true, DiskRefreshKind::nothing().with_storage());
        let (memory_total_bytes, memory_used_bytes) = self.memory();
        let (disk_total_bytes, disk_used_bytes) = self.disk();
        SystemMetrics {
            cpu_cores: std::thread::available_parallelism().map_or(1.0, |count| count.get() as f64),
            cpu_load: System::load_average().one,
            memory_total_bytes,
            memory_used_bytes,
            process_memory_bytes: self.process_memory(),
            disk_total_bytes,
            disk_used_bytes,
        }
    }

    /// What the container allows, if it allows less than the machine has.
    fn memory(&self) -> (u64, u64) {
        let machine = (self.system.total_memory(), self.system.used_memory());
        match self.system.cgroup_limits() {
            Some(limits) if limits.total_memory > 0 && limits.total_memory < machine.0 => (
                limits.total_memory,
                limits.total_memory.saturating_sub(limits.free_memory),
            ),
            _ => machine,
        }
    }

    fn process_memory(&mut self) -> u64 {
        let Ok(pid) = sysinfo::get_current_pid() else {
            return 0;
        };
        let wanted = ProcessesToUpdate::Some(&[pid]);
        let kind = ProcessRefreshKind::nothing().with_memory();
        self.system.refresh_processes_specifics(wanted, true, kind);
        self.system.process(pid).map_or(0, sysinfo::Process::memory)
    }

    /// The disk with the longest mount point above the work folder.
    fn disk(&self) -> (u64, u64) {
        let holding = self
            .disks
            .iter()
            .filter(|disk| self.work_dir.starts_with(disk.mount_point()));
        let nearest = holding.max_by_key(|disk| disk.mount_point().as_os_str().len());
        nearest.map_or((0, 0), |disk| {
            let total = disk.total_space();
            (total, total.saturating_sub(disk.available_space()))
        })
    }
}

#[cfg(test)]
mod tests {
    use powerjob_common::actor::{ActorScope, Probe};
    use powerjob_common::time::SystemClock;

    use super::*;

    #[actix::test]
    async fn a_reading_has_all_numbers() {
        let scope = ActorScope::new("test", Arc::new(SystemClock));
        let (port, mut probe) = Probe::<MetricsSampled>::new(&scope, "worker/server_link", 8);
        HealthReporter::new(port, Path::new(".")).start();
        let reading = probe
            .next(Duration::from_secs(10))
            .await
            .expect("a reading")
            .metrics;
        assert!(reading.cpu_cores >= 1.0);
        assert!(reading.memory_total_bytes > reading.memory_used_bytes);
        assert!(reading.process_memory_bytes > 0);
    }
}
