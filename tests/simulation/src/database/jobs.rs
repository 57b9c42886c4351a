//! Jobs, as `store::job` reads and writes them, and what a new owner reads.

use powerjob_common::id::{AppId, InstanceId, JobId};
use powerjob_common::status::{InstanceStatus, SwitchableStatus};
use powerjob_common::time::UnixMillis;
use powerjob_server::domain::fold;
use powerjob_server::domain::instance::Instance;
use powerjob_server::domain::job::JobDefinition;
use powerjob_server::domain::trigger::{goes_on, resume};
use powerjob_server::simulation::{StoreAnswer, StoreCall};
use powerjob_server::store::Error;
use powerjob_server::store::job::{JobSave, JobSaved, JobSwitch};

use super::{Database, Fence};

/// As the store words it.
const CALLED_OFF: &str = "called off: the job was changed";

impl Database {
    /// Answers a question of a server, or carries out its order. `now`: milliseconds of the
    /// database's clock; `wall`: what the server's clock shows.
    pub(crate) fn answer(
        &mut self,
        fence: &Fence,
        call: &StoreCall,
        (now, wall): (i64, UnixMillis),
    ) -> Result<StoreAnswer, Error> {
        let holder = &fence.holder;
        Ok(match call {
            StoreCall::Instance(id) => match self.row(*id) {
                Some(instance) => StoreAnswer::Instance(Box::new(instance.clone())),
                None => return Err(Error::NotFound { what: "instance" }),
            },
            StoreCall::Job(id) => match self.jobs.get(id) {
                Some(job) => StoreAnswer::Job(Box::new(job.clone())),
                None => return Err(Error::NotFound { what: "job" }),
            },
            StoreCall::EndSchedule(id, revision) => {
                StoreAnswer::Ended(self.end_schedule(*id, *revision))
            }
            StoreCall::SaveJob(save) => self.save(fence, save, wall)?,
            StoreCall::SwitchJob(switch) => self.switch(fence, switch, wall)?,
            StoreCall::Servers => StoreAnswer::Servers(self.servers(now)),
            StoreCall::AppOwners => StoreAnswer::Owners(self.owners()),
            StoreCall::AnnounceLeaving => {
                self.announce_leaving(holder)?;
                StoreAnswer::Done
            }
            StoreCall::TakeApps(apps) => StoreAnswer::Assigned(self.take(holder, apps, now)?),
            StoreCall::HandOver(apps, to) => {
                StoreAnswer::Assigned(self.hand_over(holder, (apps, to), now)?)
            }
            StoreCall::WaitForWrites => StoreAnswer::Done,
            StoreCall::LoadJobs(app_id) => StoreAnswer::Jobs(self.jobs_of(*app_id)),
            StoreCall::OpenInstances(app_id) => StoreAnswer::Instances(self.open_of(*app_id)),
        })
    }

    pub(crate) fn jobs_of(&self, app_id: AppId) -> Vec<JobDefinition> {
        let of_app =
            |job: &&JobDefinition| job.app_id == app_id && job.status != SwitchableStatus::Deleted;
        self.jobs.values().filter(of_app).cloned().collect()
    }

    /// Open instances with the definition that each runs by.
    fn open_of(&self, app_id: AppId) -> Vec<(Instance, JobDefinition)> {
        let instances = self.instances.values().map(|row| &row.instance);
        let open = instances
            .filter(|it| it.app_id == app_id && !it.state.status.is_finished())
            .filter_map(|it| {
                let job = self.job_at(it.job_id, it.job_revision);
                Some((it.clone(), job?.clone()))
            });
        open.collect()
    }

    fn end_schedule(&mut self, id: JobId, revision: i64) -> bool {
        let Some(job) = self.jobs.get_mut(&id) else {
            return false;
        };
        let is_over = job.status == SwitchableStatus::Enable
            && job.revision == revision
            && job.next_trigger_at.is_none();
        if is_over {
            job.status = SwitchableStatus::Disable;
        }
        is_over
    }

    fn save(
        &mut self,
        fence: &Fence,
        save: &JobSave,
        wall: UnixMillis,
    ) -> Result<StoreAnswer, Error> {
        let present = self.jobs.get(&save.job.id);
        let present = present.ok_or(Error::NotFound { what: "job" })?;
        let is_kept = save.cancel_after.is_some() && goes_on(present, &save.job);
        let kept = present.next_trigger_at.filter(|_| is_kept);
        let job = JobDefinition {
            app_id: present.app_id,
            revision: present.revision + 1,
            modified_at: wall,
            next_trigger_at: kept.or(save.job.next_trigger_at),
            ..save.job.clone()
        };
        self.replace(fence, job, save.cancel_after)
    }

    fn switch(
        &mut self,
        fence: &Fence,
        switch: &JobSwitch,
        wall: UnixMillis,
    ) -> Result<StoreAnswer, Error> {
        let present = self.jobs.get(&switch.id);
        let present = present.ok_or(Error::NotFound { what: "job" })?;
        let job = JobDefinition {
            revision: present.revision + 1,
            status: switch.status,
            next_trigger_at: switch.next_trigger_at,
            modified_at: wall,
            ..present.clone()
        };
        self.replace(fence, job, switch.cancel_after)
    }

    fn replace(
        &mut self,
        fence: &Fence,
        mut job: JobDefinition,
        cancel_after: Option<UnixMillis>,
    ) -> Result<StoreAnswer, Error> {
        self.hold(fence, job.app_id)?;
        let called_off = cancel_after.map(|after| self.call_off(&job, after));
        let called_off = called_off.unwrap_or_default();
        if let Some(before) = self.jobs.get(&job.id) {
            let first = called_off.iter().map(|(nominal, _)| *nominal).min();
            if cancel_after.is_some() && goes_on(before, &job) {
                job.next_trigger_at = resume(job.next_trigger_at, first);
            }
            self.ledger.saved((before, &job), first);
        }
        self.history.insert((job.id, job.revision), job.clone());
        self.jobs.insert(job.id, job.clone());
        Ok(StoreAnswer::Saved(Box::new(JobSaved {
            job,
            canceled: called_off.into_iter().map(|(_, id)| id).collect(),
        })))
    }

    fn call_off(
        &mut self,
        job: &JobDefinition,
        after: UnixMillis,
    ) -> Vec<(UnixMillis, InstanceId)> {
        let mut canceled = Vec::new();
        for row in self.instances.values_mut() {
            let Some((job_id, nominal)) = row.key else {
                continue;
            };
            let state = &row.instance.state;
            let is_untouched =
                state.status == InstanceStatus::WaitingDispatch && state.attempt == 0;
            if job_id != job.id || nominal <= after || !is_untouched {
                continue;
            }
            let Some(next) = fold::call_off(state, CALLED_OFF, job.modified_at) else {
                continue;
            };
            let old = row.instance.clone();
            row.instance.state = next;
            row.key = None;
            self.keys.remove(&(job_id, nominal));
            self.ledger.updated(&old, &row.instance);
            canceled.push((nominal, row.instance.instance_id));
        }
        canceled
    }
}
