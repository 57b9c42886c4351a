//! A child process and everything that it started.
//!
//! The child leads a process group of its own; signals go to the whole group. On Linux it also dies
//! with the worker. What leaves the group (a daemon with a session of its own) is not reached.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

/// A running process group.
#[derive(Debug)]
pub(crate) struct ProcessTree {
    child: Child,
    group: Option<Pid>,
}

impl ProcessTree {
    /// Starts `command` with both outputs as pipes and no input.
    ///
    /// # Errors
    /// As the system says, e.g. that there is no such program.
    pub(crate) fn start(mut command: Command) -> std::io::Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        die_with_worker(&mut command);
        let child = command.spawn()?;
        let group = child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(Self { child, group })
    }

    /// The child itself, for its pipes.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Returns when the leader of the group has ended.
    ///
    /// # Errors
    /// As the system says.
    pub(crate) async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Asks the group to end, and kills it after `grace` if its leader still runs by then; whatever
    /// the leader left behind is killed in any case.
    pub(crate) async fn end(&mut self, grace: Duration) {
        self.signal(Signal::TERM);
        if tokio::time::timeout(grace, self.child.wait())
            .await
            .is_err()
        {
            self.signal(Signal::KILL);
            // After SIGKILL only the system can be in the way.
            self.child.wait().await.ok();
        }
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // An empty group is what was wanted.
            kill_process_group(group, signal).ok();
        }
    }
}

impl Drop for ProcessTree {
    /// The run was given up, or its script has ended: nothing of the group may stay.
    fn drop(&mut self) {
        if self.child.id().is_some() {
            self.signal(Signal::KILL);
        }
    }
}

/// Lets the system kill the child when the worker dies, however it dies.
///
/// The signal is bound to the thread that starts the child. Those of a runtime live as long as the
/// worker; a thread of the blocking pool would not do.
#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "pre_exec is the only way; the closure makes system calls only"
)]
fn die_with_worker(command: &mut Command) {
    let worker = rustix::process::getpid();
    let set = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // The worker may have died before the line above.
        if rustix::process::getppid() != Some(worker) {
            return Err(std::io::Error::from(rustix::io::Errno::CHILD));
        }
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed; prctl and getppid are,
    // and the closure neither allocates nor locks.
    unsafe { command.pre_exec(set) };
}

#[cfg(not(target_os = "linux"))]
fn die_with_worker(_command: &mut Command) {}
