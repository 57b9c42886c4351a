//! `server/dispatcher`: carries claimed runs to workers and stops after them.
//!
//! * **Owns** nothing: what it is given is sent before it takes the next letter.
//! * **Hears** from the instance managers (`DispatchRuns`, `StopRuns`).
//! * **Tells** workers, in one frame for each worker and letter; their verdicts go back to the
//!   instance managers from the session that receives them (`RunVerdicts`, `RunsUnanswered`).
//! * **Survives** a restart: nothing; what was not answered is sent again by the status checker.
//! * **Sends** no run of an application that is not ours now: the shards get it back.
//! * **Dies**: the process ends.

mod message;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use powerjob_common::actor::{Mail, Port};
use powerjob_common::fail_point;
use powerjob_common::id::InstanceId;
use powerjob_protocol::wire::beats::{BeatRun, RunBeats};
use powerjob_protocol::wire::server_to_worker::{
    KillInstances, NameTeams, RunAnswers, RunInstance, RunInstances, StopInstance, StopInstances,
};
use powerjob_session::{ErrorCode, SessionError};

pub(crate) use self::message::{Dispatch, DispatchRuns, Stop, StopRuns, TeamNotice};
use crate::actor::instance_manager::{NoVerdict, RunVerdicts, RunsUnanswered, shard_of};
use crate::live::{Ownership, WorkerLink};

/// Parameters in one frame; the rest goes into the next one.
const MAX_FRAME_BYTES: usize = 4 << 20;
/// Runs in one frame.
const MAX_FRAME_RUNS: usize = 2_000;
/// A stop is repeated so often when no answer comes; after that the worker's reports are answered
/// with "stale", which stops the run, too.
const STOP_SENDS: u32 = 3;

/// The ports of one instance manager for verdicts.
#[derive(Debug, Clone)]
pub(crate) struct VerdictPorts {
    pub(crate) verdicts: Port<RunVerdicts>,
    pub(crate) unanswered: Port<RunsUnanswered>,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    shards: Arc<[VerdictPorts]>,
    ownership: Ownership,
    run_limit: Duration,
}

impl Dispatcher {
    /// A dispatcher that waits `run_limit` for verdicts (the sessions do).
    pub(crate) fn new(
        shards: Arc<[VerdictPorts]>,
        ownership: Ownership,
        run_limit: Duration,
    ) -> Self {
        Self {
            shards,
            ownership,
            run_limit,
        }
    }
}

impl Actor for Dispatcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(0); // the port counts
    }
}

impl Handler<Mail<DispatchRuns>> for Dispatcher {
    type Result = ();

    fn handle(&mut self, mail: Mail<DispatchRuns>, _ctx: &mut Self::Context) {
        let (letter, _ticket) = mail.open();
        self.dispatch(letter);
    }
}

impl Handler<Mail<StopRuns>> for Dispatcher {
    type Result = ();

    fn handle(&mut self, mail: Mail<StopRuns>, _ctx: &mut Self::Context) {
        let (letter, _ticket) = mail.open();
        self.stop(letter);
    }
}

impl Dispatcher {
    /// Sends runs to their workers.
    pub(crate) fn dispatch(&self, DispatchRuns { runs, teams }: DispatchRuns) {
        // Since the decision the process may have stood still, or the application may have left.
        let is_ours = |run: &Dispatch| self.ownership.epoch(run.app_id) == Some(run.item.epoch);
        // What a worker holds already may have beats to hear of before its application is loaded.
        let goes = |run: &Dispatch| run.beats.is_some() || is_ours(run);
        let (runs, foreign): (Vec<_>, Vec<_>) = runs.into_iter().partition(goes);
        self.give_back(foreign);
        name_teams(teams);
        let mut by_worker: BTreeMap<u64, Frame> = BTreeMap::new();
        let (beats, runs): (Vec<_>, Vec<_>) = runs.into_iter().partition(|run| run.beats.is_some());
        self.send_beats(beats);
        for Dispatch { link, item, .. } in runs {
            let connection = link.connection();
            let size = size_of(&item);
            let frame = by_worker
                .entry(connection)
                .or_insert_with(|| Frame::new(link.clone()));
            if frame.is_full(size) {
                let full = std::mem::replace(frame, Frame::new(link));
                self.send(full);
            }
            frame.push(item, size);
        }
        for frame in by_worker.into_values() {
            self.send(frame);
        }
    }
    fn give_back(&self, runs: Vec<Dispatch>) {
        let mut by_connection: BTreeMap<u64, Vec<(InstanceId, u32)>> = BTreeMap::new();
        for Dispatch { link, item, .. } in runs {
            let run = (InstanceId(item.instance_id), item.attempt);
            by_connection
                .entry(link.connection())
                .or_default()
                .push(run);
        }
        for (connection, runs) in by_connection {
            tell_unanswered(&self.shards, runs, connection, &NoVerdict::NotSent);
        }
    }

    /// Sends stops to their workers.
    pub(crate) fn stop(&self, StopRuns { stops }: StopRuns) {
        let mut by_worker: BTreeMap<_, (Arc<dyn WorkerLink>, Vec<StopInstance>)> = BTreeMap::new();
        for stop in stops {
            let entry = by_worker
                .entry((stop.link.connection(), stop.is_kill))
                .or_insert_with(|| (stop.link, Vec::new()));
            entry.1.push(stop.item);
        }
        for ((_, is_kill), (link, items)) in by_worker {
            if is_kill {
                send_kills(link, KillInstances { items }, STOP_SENDS);
            } else {
                send_stops(link, StopInstances { items }, STOP_SENDS);
            }
        }
    }
}

/// Tells masters who takes part, all instances of one master together.
fn name_teams(teams: Vec<TeamNotice>) {
    let mut by_master: BTreeMap<u64, (Arc<dyn WorkerLink>, NameTeams)> = BTreeMap::new();
    for TeamNotice { link, item } in teams {
        let nobody = NameTeams { items: Vec::new() };
        let (_, teams) = by_master
            .entry(link.connection())
            .or_insert_with(|| (link, nobody));
        teams.items.push(item);
    }
    for (link, teams) in by_master.into_values() {
        link.name_teams(teams);
    }
}

/// What goes to one worker at once.
struct Frame {
    link: Arc<dyn WorkerLink>,
    items: Vec<RunInstance>,
    bytes: usize,
}

impl Frame {
    fn new(link: Arc<dyn WorkerLink>) -> Self {
        Self {
            link,
            items: Vec::new(),
            bytes: 0,
        }
    }

    fn is_full(&self, size: usize) -> bool {
        !self.items.is_empty()
            && (self.bytes + size > MAX_FRAME_BYTES || self.items.len() >= MAX_FRAME_RUNS)
    }

    fn push(&mut self, item: RunInstance, size: usize) {
        self.items.push(item);
        self.bytes += size;
    }
}

impl Dispatcher {
    /// Sends second-level instances, or what has changed about them: they are few.
    fn send_beats(&self, runs: Vec<Dispatch>) {
        let mut by_worker: BTreeMap<u64, (Arc<dyn WorkerLink>, RunBeats)> = BTreeMap::new();
        for Dispatch {
            link, item, beats, ..
        } in runs
        {
            let Some(plan) = beats else { continue };
            let none = RunBeats { items: Vec::new() };
            let (_, request) = by_worker
                .entry(link.connection())
                .or_insert_with(|| (link, none));
            request.items.push(BeatRun {
                instance_id: item.instance_id,
                run: item,
                plan,
            });
        }
        for (connection, (link, request)) in by_worker {
            for items in in_frames(request.items) {
                let sent = items
                    .iter()
                    .map(|item| (InstanceId(item.instance_id), item.run.attempt))
                    .collect();
                let shards = self.shards.clone();
                link.run_beats(
                    RunBeats { items },
                    self.run_limit,
                    Box::new(move |answer| report_back(&shards, sent, connection, answer)),
                );
            }
        }
    }

    fn send(&self, frame: Frame) {
        let Frame { link, items, .. } = frame;
        let sent: Vec<_> = items
            .iter()
            .map(|item| (InstanceId(item.instance_id), item.attempt))
            .collect();
        let connection = link.connection();
        let shards = self.shards.clone();
        fail_point::hit("dispatch::before_send");
        link.run(
            RunInstances { items },
            self.run_limit,
            Box::new(move |answer| report_back(&shards, sent, connection, answer)),
        );
        fail_point::hit("dispatch::after_send");
    }
}

/// Second-level instances in lists that fit into a frame.
fn in_frames(items: Vec<BeatRun>) -> Vec<Vec<BeatRun>> {
    let mut frames: Vec<Vec<BeatRun>> = Vec::new();
    let mut bytes = MAX_FRAME_BYTES;
    for item in items {
        let size = size_of(&item.run);
        bytes += size;
        match frames.last_mut() {
            Some(frame) if bytes <= MAX_FRAME_BYTES => frame.push(item),
            _ => {
                bytes = size;
                frames.push(vec![item]);
            }
        }
    }
    frames
}

/// Tells each shard what became of its runs.
fn report_back(
    shards: &[VerdictPorts],
    sent: Vec<(InstanceId, u32)>,
    connection: u64,
    answer: Result<RunAnswers, SessionError>,
) {
    match answer {
        Ok(RunAnswers { items }) => {
            let mut by_shard: Vec<Vec<_>> = shards.iter().map(|_| Vec::new()).collect();
            for answer in items {
                let id = InstanceId(answer.instance_id);
                by_shard[shard_of(id, shards.len())].push((id, answer.attempt, answer.verdict));
            }
            for (port, items) in shards.iter().zip(by_shard) {
                // A refused letter is repaired by the status checker, which sends the run again.
                if !items.is_empty()
                    && let Err(refused) = port.verdicts.tell(RunVerdicts { items })
                {
                    tracing::warn!(%refused, "verdicts of a worker were not taken");
                }
            }
        }
        Err(error) => tell_unanswered(shards, sent, connection, &NoVerdict::Session(error)),
    }
}

fn tell_unanswered(
    shards: &[VerdictPorts],
    runs: Vec<(InstanceId, u32)>,
    connection: u64,
    why: &NoVerdict,
) {
    let mut by_shard: Vec<Vec<_>> = shards.iter().map(|_| Vec::new()).collect();
    for (id, attempt) in runs {
        by_shard[shard_of(id, shards.len())].push((id, attempt));
    }
    for (port, items) in shards.iter().zip(by_shard) {
        let letter = RunsUnanswered {
            items,
            connection,
            why: why.clone(),
        };
        if !letter.items.is_empty()
            && let Err(refused) = port.unanswered.tell(letter)
        {
            tracing::warn!(%refused, "unanswered runs were not taken back");
        }
    }
}

fn send_stops(link: Arc<dyn WorkerLink>, request: StopInstances, sends_left: u32) {
    let again = (link.clone(), request.clone());
    link.stop(
        request,
        Box::new(move |answer| {
            let is_unknown = matches!(
                answer,
                Err(SessionError::Timeout | SessionError::Overloaded)
            );
            if is_unknown && sends_left > 1 {
                send_stops(again.0, again.1, sends_left - 1);
            }
        }),
    );
}

fn send_kills(link: Arc<dyn WorkerLink>, request: KillInstances, sends_left: u32) {
    let again = (link.clone(), request.clone());
    link.kill(
        request,
        Box::new(move |answer| {
            let (link, request) = again;
            match answer {
                Err(SessionError::Timeout | SessionError::Overloaded) if sends_left > 1 => {
                    send_kills(link, request, sends_left - 1);
                }
                Err(SessionError::Peer { code, .. }) if code == ErrorCode::UNKNOWN_TYPE => {
                    let items = request.items;
                    send_stops(link, StopInstances { items }, STOP_SENDS);
                }
                _ => {}
            }
        }),
    );
}

fn size_of(item: &RunInstance) -> usize {
    item.job_params.len() + item.instance_params.len() + item.processor_info.len() + 256
}
