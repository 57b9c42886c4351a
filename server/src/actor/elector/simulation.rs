//! The reconciler without its futures, for the simulation: one question to the store after the
//! other, each step as `reconciler.rs` takes it, with what is decided there and in `agenda.rs`.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::id::{AppId, JobId};
use powerjob_common::status::SwitchableStatus;
use powerjob_common::time::{Clock, UnixMillis};

use super::agenda::{Agenda, FAILURE_PAUSE, Giving};
use super::outlook::Outlook;
use crate::actor::instance_manager::AdoptedRun;
use crate::actor::scheduler::{LoadedJob, ScheduleApp, parse_schedule};
use crate::domain::instance::Instance;
use crate::domain::job::JobDefinition;
use crate::domain::lease::late_ms;
use crate::domain::trigger::take_up;
use crate::live::{Ownership, RunningCounts};
use crate::simulation::{StoreAnswer, StoreCall};
use crate::store::Error;
use crate::store::assignment::{Holder, LeaseRow};
use crate::store::lease::Assignment;

/// What the elector needs.
#[derive(Debug, Clone)]
pub(crate) struct ElectorGround {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) running: RunningCounts,
    pub(crate) ownership: Ownership,
    pub(crate) lease_ttl: Duration,
    pub(crate) lease_renewal: Duration,
    pub(crate) zone: chrono_tz::Tz,
}

/// What a step leads to.
#[derive(Debug)]
pub(crate) enum Need {
    Ask(StoreCall),
    Adopt(Vec<AdoptedRun>),
    Schedule(ScheduleApp),
    LetGo(AppId, Option<(String, i64)>),
    /// The scheduler forgets what an earlier ownership left behind.
    Unschedule(AppId),
    /// All forget what was loaded of an application that is not ours after all.
    Forget(AppId),
    /// Exactly these applications may be written for.
    Confirm(Vec<Assignment>),
    /// [`ElectorShell::settled`] is to be called when all actors have submitted what they decided.
    Settle,
}

#[derive(Debug)]
enum State {
    Idle,
    Announcing,
    /// Reads the servers, then the owners; `again` after taking.
    Servers {
        again: bool,
    },
    Owners {
        again: bool,
        servers: Vec<LeaseRow>,
    },
    Taking,
    /// Waits for the actors, then for the writer.
    Settling,
    Draining,
    Instances(Assignment),
    Jobs(Assignment, HashSet<JobId>),
    Flushing(Holder, Vec<AppId>),
    Giving(Holder, Vec<AppId>),
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct ElectorShell {
    ground: ElectorGround,
    agenda: Agenda,
    state: State,
    look_at: Duration,
    has_news: bool,
    announces: bool,
    generation: u64,
    outlook: Option<Outlook>,
    to_load: Vec<Assignment>,
    gifts: Vec<(Holder, Vec<AppId>)>,
    needs: Vec<Need>,
    owners: BTreeMap<AppId, Holder>,
}

impl ElectorShell {
    pub(crate) fn new(ground: ElectorGround, me: Holder) -> Self {
        Self {
            ground,
            agenda: Agenda::new(me),
            state: State::Idle,
            look_at: Duration::ZERO,
            has_news: true,
            announces: false,
            generation: 0,
            outlook: None,
            to_load: Vec::new(),
            gifts: Vec::new(),
            needs: Vec::new(),
            owners: BTreeMap::new(),
        }
    }

    /// The servers or their leases have changed.
    pub(crate) fn news(&mut self) {
        self.has_news = true;
    }

    /// New applications are wanted.
    pub(crate) fn claim(&mut self) {
        self.agenda.wants_new = true;
        self.has_news = true;
    }

    /// The server ends.
    pub(crate) fn leave(&mut self) {
        self.agenda.is_leaving = true;
        self.announces = true;
        self.has_news = true;
    }

    /// Whether nothing is left that another server could have.
    pub(crate) fn has_given_all(&self) -> bool {
        let outlook = self.outlook.as_ref();
        outlook.is_some_and(|outlook| self.agenda.has_given_all(outlook))
    }

    /// Who owns an application, as last read.
    pub(crate) fn owner(&self, app_id: AppId) -> Option<&Holder> {
        self.owners.get(&app_id)
    }

    /// When the next step is due without news (monotonic).
    pub(crate) fn next_look(&self) -> Option<Duration> {
        matches!(self.state, State::Idle).then_some(if self.has_news {
            Duration::ZERO
        } else {
            self.look_at
        })
    }

    /// Begins a step if one is due.
    pub(crate) fn wake(&mut self) -> Vec<Need> {
        let now = self.ground.clock.monotonic();
        if self.next_look().is_some_and(|at| at <= now) {
            self.has_news = false;
            if std::mem::take(&mut self.announces) {
                self.ask(State::Announcing, StoreCall::AnnounceLeaving);
            } else {
                self.begin();
            }
        }
        std::mem::take(&mut self.needs)
    }

    fn begin(&mut self) {
        self.generation = self.ground.ownership.generation();
        self.ask(State::Servers { again: false }, StoreCall::Servers);
    }

    fn ask(&mut self, state: State, call: StoreCall) {
        self.state = state;
        self.needs.push(Need::Ask(call));
    }

    /// The store has answered.
    pub(crate) fn answered(&mut self, answer: Result<StoreAnswer, Error>) -> Vec<Need> {
        let state = std::mem::replace(&mut self.state, State::Idle);
        match (state, answer) {
            (State::Announcing, _) => self.begin(),
            (State::Servers { again }, Ok(StoreAnswer::Servers(servers))) => {
                self.ask(State::Owners { again, servers }, StoreCall::AppOwners);
            }
            (State::Owners { again, servers }, Ok(StoreAnswer::Owners(owners))) => {
                let late_ms = late_ms(self.ground.lease_ttl);
                let outlook = Outlook::new(&self.agenda.me, late_ms, &servers, &owners);
                self.agenda.note(&outlook, self.ground.clock.monotonic());
                self.owners = owners
                    .into_iter()
                    .filter_map(|it| Some((it.app_id, it.holder?)))
                    .collect();
                self.looked(outlook, again);
            }
            (State::Taking, Ok(_)) => self.ask(State::Servers { again: true }, StoreCall::Servers),
            (State::Draining, Ok(_)) => {
                self.agenda.has_let_go = false;
                self.load_next();
            }
            (State::Instances(own), Ok(StoreAnswer::Instances(open))) => {
                let busy = self.adopt(own, open);
                self.ask(State::Jobs(own, busy), StoreCall::LoadJobs(own.app_id));
            }
            (State::Jobs(own, busy), Ok(StoreAnswer::Jobs(jobs))) => {
                self.schedule(own, jobs, &busy);
                self.load_next();
            }
            (State::Instances(own) | State::Jobs(own, _), _) => {
                self.needs.push(Need::Forget(own.app_id));
                self.load_next();
            }
            (State::Flushing(to, apps), Ok(_)) => {
                let call = StoreCall::HandOver(apps.clone(), to.clone());
                self.ask(State::Giving(to, apps), call);
            }
            (State::Giving(to, apps), given) => {
                self.given(&to, &apps, given);
                self.give_next();
            }
            _ => self.pause(FAILURE_PAUSE),
        }
        std::mem::take(&mut self.needs)
    }

    fn pause(&mut self, pause: Duration) {
        self.state = State::Idle;
        self.look_at = self.ground.clock.monotonic() + pause;
    }

    fn looked(&mut self, outlook: Outlook, again: bool) {
        if !again {
            for app_id in self.agenda.let_go(&outlook, &self.ground.ownership) {
                self.ground.ownership.leave(app_id);
                let owner = outlook.view.owners.get(&app_id);
                let owner = owner.filter(|owner| owner.node_id != self.agenda.me.node_id);
                let owner = owner.map(|owner| (owner.worker_address.clone(), 0));
                self.needs.push(Need::LetGo(app_id, owner));
            }
            let wanted = self.agenda.to_take(&outlook, self.ground.clock.monotonic());
            if !wanted.is_empty() {
                return self.ask(State::Taking, StoreCall::TakeApps(wanted));
            }
        }
        self.agenda.wants_new = false;
        self.needs.push(Need::Confirm(outlook.owned.clone()));
        self.to_load = self.agenda.to_load(&outlook);
        self.outlook = Some(outlook);
        if !self.to_load.is_empty() && self.agenda.has_let_go {
            self.state = State::Settling;
            return self.needs.push(Need::Settle);
        }
        self.load_next();
    }

    /// All actors have submitted what they decided.
    pub(crate) fn settled(&mut self) -> Vec<Need> {
        if matches!(self.state, State::Settling) {
            self.ask(State::Draining, StoreCall::WaitForWrites);
        }
        std::mem::take(&mut self.needs)
    }

    fn load_next(&mut self) {
        if let Some(own) = self.to_load.pop() {
            self.needs.push(Need::Unschedule(own.app_id));
            return self.ask(State::Instances(own), StoreCall::OpenInstances(own.app_id));
        }
        let Some(outlook) = &self.outlook else {
            return self.pause(FAILURE_PAUSE);
        };
        let now = self.ground.clock.monotonic();
        match self.agenda.to_give(outlook, now, self.ground.lease_renewal) {
            Giving::Later(pause) => self.pause(pause),
            Giving::Now(gifts) => {
                self.gifts = gifts.into_iter().collect();
                self.give_next();
            }
        }
    }

    /// Hands the open instances over; returns their jobs.
    fn adopt(&mut self, own: Assignment, open: Vec<(Instance, JobDefinition)>) -> HashSet<JobId> {
        let busy = open.iter().map(|(instance, _)| instance.job_id).collect();
        let runs = open.into_iter().map(|(instance, job)| {
            AdoptedRun::loaded(instance, Arc::new(job), own.epoch, &self.ground.running)
        });
        let (out, waiting) = runs.partition(|run| run.is_counted);
        self.needs.push(Need::Adopt(out));
        self.needs.push(Need::Adopt(waiting));
        busy
    }

    fn schedule(&mut self, own: Assignment, jobs: Vec<JobDefinition>, busy: &HashSet<JobId>) {
        let (app_id, epoch) = (own.app_id, own.epoch);
        if self.ground.ownership.generation() != self.generation {
            return self.needs.push(Need::Forget(app_id));
        }
        let now = self.ground.clock.now();
        let jobs = jobs.into_iter().map(|job| LoadedJob {
            next: self.next_of(&job, busy.contains(&job.id), now),
            job,
        });
        let is_loop = |it: &LoadedJob| it.job.is_loop();
        let (loops, others): (Vec<_>, Vec<_>) = jobs.partition(is_loop);
        let letter = |jobs, is_entered| {
            Need::Schedule(ScheduleApp {
                app_id,
                is_entered,
                jobs,
            })
        };
        self.needs.push(letter(loops, false));
        self.ground.ownership.enter(app_id, epoch);
        self.needs.push(letter(others, true));
        self.agenda.loaded.insert(app_id, epoch);
    }

    fn next_of(&self, job: &JobDefinition, is_busy: bool, now: UnixMillis) -> Option<UnixMillis> {
        if job.next_trigger_at.is_some() || job.status != SwitchableStatus::Enable {
            return job.next_trigger_at;
        }
        let schedule = parse_schedule(&job.schedule, self.ground.zone).ok()?;
        take_up(job, &schedule, is_busy, now)
    }

    fn give_next(&mut self) {
        let Some((to, apps)) = self.gifts.pop() else {
            return self.pause(Duration::ZERO);
        };
        for app_id in &apps {
            self.ground.ownership.leave(*app_id);
        }
        self.ask(State::Flushing(to, apps), StoreCall::WaitForWrites);
    }

    fn given(&mut self, to: &Holder, apps: &[AppId], given: Result<StoreAnswer, Error>) {
        let given = match given {
            Ok(StoreAnswer::Assigned(given)) => given,
            _ => {
                self.agenda.has_let_go = true;
                for app_id in apps {
                    self.agenda.loaded.remove(app_id);
                    self.needs.push(Need::LetGo(*app_id, None));
                }
                return;
            }
        };
        let view = self.outlook.as_ref().map(|outlook| &outlook.view);
        let receiver =
            view.and_then(|view| view.servers.iter().find(|it| it.node_id == to.node_id));
        for Assignment { app_id, epoch } in given {
            self.agenda.loaded.remove(&app_id);
            let owner = receiver.map(|server| (server.worker_address.clone(), epoch));
            self.needs.push(Need::LetGo(app_id, owner));
            self.owners.insert(app_id, to.clone());
        }
    }
}
