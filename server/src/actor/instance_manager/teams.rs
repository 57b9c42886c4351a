//! Which workers take part in the instances that are spread over several: their masters are told
//! when an instance is sent, and whenever the workers change.

use std::time::Duration;

use powerjob_common::id::InstanceId;
use powerjob_common::status::{ExecuteType, InstanceStatus};
use powerjob_protocol::wire::server_to_worker::{InstanceTeam, TeamWorker};

use super::run::Run;
use super::shard::Shard;
use crate::actor::dispatcher::TeamNotice;

/// An instance that lived shorter has no journal.
const SHORT_LIFE: Duration = Duration::from_millis(50);

/// The last list of workers that a master was sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NamedTeam {
    connection: u64,
    team: InstanceTeam,
}

impl Run {
    /// Whether its tasks may run on several workers.
    pub(super) fn is_spread(&self) -> bool {
        self.job.execute_type != ExecuteType::Standalone
    }

    /// Whether its worker streams a journal, from which another one can go on.
    pub(super) fn has_journal(&self) -> bool {
        let is_map = matches!(
            self.job.execute_type,
            ExecuteType::Map | ExecuteType::MapReduce
        );
        let tracker = self.instance.state.tracker.as_ref();
        is_map && tracker.is_some_and(|tracker| tracker.node.has_lives())
    }

    /// Whether a journal may be left of it that nobody needs, now that it has ended: masters begin to
    /// stream after 100 ms.
    pub(super) fn leaves_journal(&self) -> bool {
        let state = &self.instance.state;
        let times = state.dispatched_at.zip(state.recorded_at);
        let is_short = times.is_some_and(|(from, to)| to.since(from) < SHORT_LIFE);
        let is_needed = state.status == InstanceStatus::Failed;
        self.has_journal() && !is_needed && (state.attempt > 1 || !is_short)
    }
}

impl Shard {
    /// Tells the master of an instance who takes part, unless it knows.
    pub(super) fn name_team(&mut self, id: InstanceId) {
        let Some(run) = self.runs.get_mut(&id).filter(|run| run.is_spread()) else {
            return;
        };
        self.spread.insert(id);
        let Some(tracker) = run.instance.state.tracker.as_ref().filter(|_| run.is_out()) else {
            return;
        };
        let app_id = run.instance.app_id;
        let Some(link) = self
            .around
            .workers
            .find(app_id, &tracker.node)
            .and_then(|entry| entry.link)
        else {
            return; // it is told when it is back
        };
        let team = self
            .placement
            .team(&run.job, run.chosen_worker(), &tracker.node);
        let item = InstanceTeam {
            instance_id: id.0,
            attempt: run.instance.state.attempt,
            epoch: run.epoch,
            workers: team
                .into_iter()
                .map(|worker| TeamWorker {
                    node_id: worker.node.node_id.clone(),
                    incarnation: worker.node.incarnation,
                    name: worker.address.clone(),
                    address: worker.peer_address.clone(),
                })
                .collect(),
        };
        let named = NamedTeam {
            connection: link.connection(),
            team: item.clone(),
        };
        if run.named_team.as_ref() != Some(&named) {
            run.named_team = Some(named);
            self.outbox.teams.push(TeamNotice { link, item });
        }
    }

    /// Tells masters of workers that have come or gone.
    pub(super) fn renew_teams(&mut self) {
        let version = self.around.workers.version();
        if self.spread.is_empty() || self.teams_version == version {
            return;
        }
        self.teams_version = version;
        self.spread.retain(|id| self.runs.contains_key(id));
        let ids: Vec<InstanceId> = self.spread.iter().copied().collect();
        for id in ids {
            let is_sent = self
                .runs
                .get(&id)
                .is_some_and(|run| run.sends > 0 || run.writing.is_none());
            if is_sent {
                self.name_team(id);
            }
        }
    }
}
