//! The thread that writes: group commit without a timer.
//!
//! It takes everything that has arrived, writes once for each application that is touched, makes
//! each of these files durable, and answers; what arrives meanwhile is the next batch. A batch that
//! could not be made durable is cut off again and all its chunks are to be repeated.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use powerjob_common::fail_point;
use powerjob_common::id::{AppId, InstanceId};
use powerjob_common::time::UnixMillis;
use powerjob_protocol::wire::worker_to_server::LogChunk;
use tokio::sync::oneshot;

use super::app_log::{AppLog, Target};
use super::complaints::Complaints;
use super::error::Error;
use super::index::{Slot, Stream};
use super::piece::{Piece, cut, span};
use super::record;
use super::shared::Shared;
use super::streams::Streams;
use super::{LogBatch, Retention};

/// What the thread is asked to do.
#[derive(Debug)]
pub(super) enum Order {
    Append(Append),
    Forget {
        app: AppId,
        answer: oneshot::Sender<Result<(), Error>>,
    },
    Expire {
        retention: Retention,
        answer: oneshot::Sender<Result<u64, Error>>,
    },
}

/// A batch of one worker, with its way back.
pub(super) struct Append {
    pub(super) batch: LogBatch,
    /// Its room in the queue.
    pub(super) bytes: usize,
    pub(super) done: Box<dyn FnOnce(bool) + Send>,
}

impl fmt::Debug for Append {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Append({} bytes)", self.bytes)
    }
}

/// The owner of all files.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    streams: Streams,
    complaints: Complaints,
}

/// What a batch adds to one application.
struct Addition {
    log: Arc<AppLog>,
    target: Target,
    now: UnixMillis,
    bytes: Vec<u8>,
    slots: Vec<(InstanceId, Slot)>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            streams: Streams::default(),
            complaints: Complaints::default(),
        }
    }

    /// Works until all handles of the store are gone.
    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        while let Ok(first) = orders.recv() {
            let mut batch = Vec::new();
            // Appends may overtake nothing: another order ends the batch and follows it.
            let mut next = Some(first);
            while let Some(Order::Append(append)) = next {
                batch.push(append);
                next = orders.try_recv().ok();
            }
            self.store(batch);
            match next {
                Some(Order::Forget { app, answer }) => drop(answer.send(self.forget(app))),
                Some(Order::Expire { retention, answer }) => {
                    drop(answer.send(self.expire(retention)));
                }
                Some(Order::Append(_)) | None => {}
            }
        }
    }

    fn store(&mut self, batch: Vec<Append>) {
        let mut by_app: BTreeMap<AppId, Vec<Append>> = BTreeMap::new();
        for append in batch {
            by_app.entry(append.batch.app_id).or_default().push(append);
        }
        // All is written before the first file is synced: the disk may work on all at once.
        let written: Vec<_> = by_app
            .into_iter()
            .map(|(app, appends)| (app, self.write(app, &appends), appends))
            .collect();
        fail_point::hit("logs::before_sync");
        for (app, addition, appends) in written {
            let result = addition.and_then(|addition| self.commit(addition));
            if let Err(error) = &result {
                self.give_up(app, error);
            }
            for append in appends {
                self.shared.give_back_room(append.bytes);
                (append.done)(result.is_ok());
            }
        }
        self.streams.make_room();
    }

    /// Writes what is new of the batches behind the durable records of the application.
    fn write(&mut self, app: AppId, appends: &[Append]) -> Result<Addition, Error> {
        let log = self.shared.log_of(app);
        let mut addition = Addition {
            target: log.target()?,
            log,
            now: self.shared.config.clock.now(),
            bytes: Vec::new(),
            slots: Vec::new(),
        };
        for append in appends {
            for chunk in &append.batch.chunks {
                self.add(&mut addition, &append.batch, chunk)?;
            }
        }
        let target = &addition.target;
        let written = target.file.write_all_at(&addition.bytes, target.end);
        written.map_err(Error::at(&target.path))?;
        Ok(addition)
    }

    fn add(
        &mut self,
        addition: &mut Addition,
        batch: &LogBatch,
        chunk: &LogChunk,
    ) -> Result<(), Error> {
        let worker = &batch.worker;
        let stream = Stream {
            instance: InstanceId(chunk.instance_id),
            attempt: chunk.attempt,
            worker: record::fingerprint(record::stored_name(worker), worker.incarnation),
        };
        let log = &addition.log;
        let load = || log.stored_ranges(&stream);
        let stored = self.streams.ranges((batch.app_id, stream), load)?;
        let pieces = cut(chunk, stored);
        stored.insert(span(chunk));
        for piece in &pieces {
            let offset = addition.target.end + addition.bytes.len() as u64;
            let whole = (chunk, piece);
            let length = record::write(&mut addition.bytes, worker, whole, addition.now);
            let place = (to_u32(offset, addition)?, to_u32(length as u64, addition)?);
            addition
                .slots
                .push((stream.instance, slot(place, piece, &stream)));
        }
        Ok(())
    }

    /// Makes an addition durable and shows it to readers.
    fn commit(&self, addition: Addition) -> Result<(), Error> {
        if addition.bytes.is_empty() {
            return Ok(()); // nothing but repetitions of what is durable
        }
        let target = &addition.target;
        target.file.sync_data().map_err(Error::at(&target.path))?;
        fail_point::hit("logs::after_sync");
        let bytes = addition.bytes.len() as u64;
        addition.log.extend(bytes, &addition.slots, addition.now)?;
        let touched: BTreeSet<_> = addition
            .slots
            .iter()
            .map(|(instance, _)| *instance)
            .collect();
        self.shared.followers.wake(touched);
        Ok(())
    }

    /// Undoes what was written of a batch: the worker repeats it.
    fn give_up(&mut self, app: AppId, error: &Error) {
        self.streams.forget(app);
        self.complain(
            app,
            error,
            "cannot store log lines, the workers repeat them",
        );
        if let Err(error) = self.shared.log_of(app).roll_back() {
            // The next batch writes over it; after a crash it is cut off.
            self.complain(app, &error, "cannot cut off log lines that are not durable");
        }
    }

    fn complain(&mut self, app: AppId, error: &Error, what: &'static str) {
        let now = self.shared.config.clock.monotonic();
        let Some(kept_back) = self.complaints.admit(error, now) else {
            return;
        };
        let cause = std::error::Error::source(error).map(ToString::to_string);
        let cause = cause.unwrap_or_default();
        tracing::error!(app_id = %app, %error, cause, kept_back, "{what}");
    }

    fn forget(&mut self, app: AppId) -> Result<(), Error> {
        self.streams.forget(app);
        let result = self.shared.log_of(app).forget();
        self.shared.remove(app);
        result
    }

    fn expire(&mut self, retention: Retention) -> Result<u64, Error> {
        let now = self.shared.config.clock.now();
        let oldest = retention.max_age.map(|age| {
            let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
            UnixMillis(now.0.saturating_sub(age_ms))
        });
        let (mut freed, mut first_error) = (0, None);
        for app in self.shared.apps()? {
            match self
                .shared
                .log_of(app)
                .expire(oldest, retention.max_bytes_per_app)
            {
                Ok(bytes) => freed += bytes,
                Err(error) => drop(first_error.get_or_insert(error)),
            }
        }
        first_error.map_or(Ok(freed), Err)
    }
}

fn slot((offset, length): (u32, u32), piece: &Piece, stream: &Stream) -> Slot {
    Slot {
        offset,
        length,
        first_sequence: piece.first_sequence,
        lines: piece.lines.len() as u32,
        lost_before: u32::try_from(piece.lost_before).unwrap_or(u32::MAX),
        attempt: stream.attempt,
        worker: stream.worker,
    }
}

/// An offset or length in a segment; settings keep segments below 4 GiB.
fn to_u32(bytes: u64, addition: &Addition) -> Result<u32, Error> {
    let too_large = |error| Error::at(&addition.target.path)(std::io::Error::other(error));
    u32::try_from(bytes).map_err(too_large)
}
