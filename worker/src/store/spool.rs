//! Makes the ends of runs durable before they are reported.
//!
//! One thread writes; everything that arrived while the disk was busy goes into its next sync.

use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use powerjob_common::fail_point;
use powerjob_protocol::wire::worker_to_server::InstanceReport;

use super::StoreError;
use super::segments::Segments;
use crate::domain::RunKey;

/// Called by the thread of the spool with reports that are durable now.
pub(crate) type OnDurable = Box<dyn Fn(Vec<InstanceReport>) + Send>;

#[derive(Debug)]
enum Command {
    Append(Vec<InstanceReport>),
    Settle(Vec<RunKey>),
}

/// The way to the spool's thread. The thread ends with the last handle.
#[derive(Debug, Clone)]
pub(crate) struct Spool {
    // Bounded by the ends that the task table may owe, which stop new runs at their limit.
    commands: Sender<Command>,
}

/// An opened spool whose thread does not run yet.
#[derive(Debug)]
pub(crate) struct SpoolOpening {
    segments: Segments,
    /// What an earlier life of this worker still owes.
    pub(crate) owed: Vec<InstanceReport>,
}

impl SpoolOpening {
    /// Reads the spool in `folder`.
    ///
    /// # Errors
    /// When the disk says no.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        let (segments, owed) = Segments::open(folder)?;
        Ok(Self { segments, owed })
    }

    /// Starts the thread. It ends, with all that was sent written, after the last [`Spool`] is dropped.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub(crate) fn start(self, on_durable: OnDurable) -> std::io::Result<(Spool, JoinHandle<()>)> {
        let (commands, inbox) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("powerjob-spool".into())
            .spawn(move || write_all(self.segments, &inbox, &on_durable))?;
        Ok((Spool { commands }, thread))
    }
}

impl Spool {
    /// Keeps the ends of runs; `on_durable` is called with them afterwards.
    pub(crate) fn append(&self, reports: Vec<InstanceReport>) {
        self.send(Command::Append(reports));
    }

    /// The server has these: they need not survive any more.
    pub(crate) fn settle(&self, keys: Vec<RunKey>) {
        self.send(Command::Settle(keys));
    }

    fn send(&self, command: Command) {
        if self.commands.send(command).is_err() {
            tracing::error!("the thread of the spool is gone");
        }
    }
}

fn write_all(mut segments: Segments, inbox: &Receiver<Command>, on_durable: &OnDurable) {
    while let Ok(first) = inbox.recv() {
        let (mut reports, mut settled) = (Vec::new(), Vec::new());
        for command in std::iter::once(first).chain(inbox.try_iter()) {
            match command {
                Command::Append(more) => reports.extend(more),
                Command::Settle(more) => settled.extend(more),
            }
        }
        // A full disk must not keep results from the server: they go out, only less safe.
        if let Err(error) = commit(&mut segments, &reports, &settled) {
            tracing::error!(
                error = crate::outcome::chain_text(&error),
                "cannot spool results"
            );
        }
        if !reports.is_empty() {
            on_durable(reports);
        }
    }
    segments.close();
}

/// An acknowledgement need not be durable: lost, it only repeats a report.
fn commit(
    segments: &mut Segments,
    reports: &[InstanceReport],
    settled: &[RunKey],
) -> Result<(), StoreError> {
    segments.append(reports, settled)?;
    if !reports.is_empty() {
        fail_point::hit("worker::before_spool_sync");
        segments.sync()?;
        fail_point::hit("worker::after_spool_sync");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::record::tests::report;

    #[test]
    fn reports_are_handed_on_when_they_are_durable() {
        let folder = tempfile::tempdir().expect("a folder");
        let (durable, arrived) = mpsc::channel();
        let opening = SpoolOpening::open(folder.path()).expect("new");
        let on_durable: OnDurable = Box::new(move |reports| drop(durable.send(reports)));
        let (spool, thread) = opening.start(on_durable).expect("a thread");
        spool.append(vec![report(1)]);
        assert_eq!(arrived.recv().expect("durable"), [report(1)]);
        let crashed = SpoolOpening::open(folder.path()).expect("readable").owed;
        assert_eq!(crashed, [report(1)], "a crash now loses nothing");
        spool.settle(vec![RunKey::of_report(&report(1))]);
        drop(spool);
        thread.join().expect("the thread ends");
    }
}
