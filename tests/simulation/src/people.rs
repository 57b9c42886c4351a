//! People and programs: they run jobs, stop, kill, call off and retry instances, edit jobs.

use powerjob_common::id::{InstanceId, JobId};
use powerjob_common::status::{SwitchableStatus, TimeExpressionType};
use powerjob_server::simulation::{CallAnswer, CallError, RunRequest, Wish};

use crate::event::Event;
use crate::time::ms;
use crate::world::World;

impl World {
    /// A person does something, and comes back later.
    pub(crate) fn user_acts(&mut self) {
        if self.people.is_closed {
            return;
        }
        let pause = self.scenario.user_every;
        let pause = self.random.between(pause / 2, pause * 2);
        self.after(pause, Event::User);
        let job = self.random.below(self.scenario.jobs.len());
        let (job_id, app_id) = {
            let job = &self.scenario.jobs[job];
            (job.id, job.app_id)
        };
        let owner = (0..self.servers.len()).find(|server| {
            let node = self.servers[*server].node.as_ref();
            let is_there = node.is_some_and(|node| node.epoch(app_id).is_some());
            is_there && self.servers[*server].frozen_until <= self.now()
        });
        let Some(server) = owner else { return };
        match self.random.below(12) {
            0..=4 => self.run_job(server, job_id),
            5 => self.change_some(server, Wish::Stop),
            6 => self.change_some(server, Wish::Kill),
            7 => self.change_some(server, Wish::Cancel),
            8 | 9 => self.change_some(server, Wish::Retry),
            10 => self.edit(server, job_id),
            _ => self.switch(server, job_id),
        }
        self.settle(server);
    }

    fn run_job(&mut self, server: usize, job_id: JobId) {
        self.people.next_call += 1;
        let call = self.people.next_call;
        let delay_ms = self.random.of(&[0, 0, 0, 20, 700, 4_000]);
        let request = RunRequest {
            delay_ms,
            ..RunRequest::default()
        };
        let count = self.random.of(&[1, 1, 3]);
        self.with(server, |node| {
            node.start_runs(call, job_id, vec![request; count]);
        });
    }

    /// One of the newer instances.
    fn some_instance(&mut self, is_wanted: impl Fn(bool) -> bool) -> Option<InstanceId> {
        let newest: Vec<_> = self
            .database
            .rows()
            .filter(|row| is_wanted(row.instance.state.status.is_finished()))
            .map(|row| row.instance.instance_id)
            .collect();
        let newest = &newest[newest.len().saturating_sub(8)..];
        (!newest.is_empty()).then(|| newest[self.random.below(newest.len())])
    }

    fn change_some(&mut self, server: usize, wish: Wish) {
        let is_retry = wish == Wish::Retry;
        let Some(id) = self.some_instance(|is_finished| is_finished == is_retry) else {
            return;
        };
        self.people.next_call += 1;
        let call = self.people.next_call;
        if is_retry {
            self.database.ledger.asks_retry(id);
        }
        self.note(|| format!("s{server} is asked to {wish:?} {id}"));
        self.with(server, |node| node.change_instance(call, id, wish));
    }

    fn edit(&mut self, server: usize, job_id: JobId) {
        self.note(|| format!("s{server} is asked to save job {job_id}"));
        self.with(server, |node| {
            node.save_job(job_id, |job| job.description.push('x'));
        });
    }

    fn switch(&mut self, server: usize, job_id: JobId) {
        let Some(job) = self.database.job(job_id) else {
            return;
        };
        let to = match job.status {
            SwitchableStatus::Enable if self.random.one_in(3) => SwitchableStatus::Disable,
            SwitchableStatus::Disable => SwitchableStatus::Enable,
            _ => return,
        };
        let is_once = job.schedule.kind == TimeExpressionType::Once;
        if !is_once {
            self.note(|| format!("s{server} is asked to switch job {job_id} to {to:?}"));
            self.with(server, |node| node.switch_job(job_id, to));
        }
    }

    /// A call is answered.
    pub(crate) fn call_answered(&mut self, _call: u64, answer: Result<CallAnswer, CallError>) {
        match answer {
            Ok(CallAnswer::Started(ids)) => {
                for id in ids {
                    if self.database.row(id).is_none() {
                        let text = format!("INV-9: instance {id} was acknowledged and not stored");
                        self.database.ledger.broken.push(text);
                    }
                    self.people.acknowledged.insert(id);
                }
            }
            Ok(CallAnswer::Changed(instance)) => self.check_change(&instance),
            Err(_) => {}
        }
    }

    fn check_change(&mut self, told: &powerjob_server::domain::instance::Instance) {
        let id = told.instance_id;
        let Some(row) = self.database.row(id) else {
            return;
        };
        let is_later = row.state.attempt > told.state.attempt || row.state.running_times == 0;
        if told.state.status.is_finished() && !row.state.status.is_finished() && !is_later {
            let text = format!(
                "INV-9: instance {id} was said to be {:?}, it is {:?}",
                told.state.status, row.state.status
            );
            self.database.ledger.broken.push(text);
        }
    }

    /// No further triggers and runs: all jobs are switched off until they are.
    pub(crate) fn close(&mut self) {
        self.people.is_closed = true;
        let enabled: Vec<_> = self
            .database
            .jobs()
            .filter(|job| job.status == SwitchableStatus::Enable)
            .map(|job| (job.id, job.app_id))
            .collect();
        for (job_id, app_id) in &enabled {
            for server in 0..self.servers.len() {
                let is_owner = self.with(server, |node| node.epoch(*app_id).is_some());
                if is_owner == Some(true) {
                    self.with(server, |node| {
                        node.switch_job(*job_id, SwitchableStatus::Disable);
                    });
                    self.settle(server);
                }
            }
        }
        if !enabled.is_empty() {
            self.after(ms(500), Event::Close);
        }
    }
}
