//! One round: the applications of this server, then what applications that are gone left behind.
//! Whatever fails is told and left to the next round; the rest goes on.

use std::fmt::Display;
use std::time::Duration;

use powerjob_common::id::AppId;
use powerjob_common::time::{UnixMillis, monotonic_now};

use super::CleanerParts;
use crate::domain::cleanup::{Pace, horizon, select_due, select_revisions};
use crate::live::Cleaned;
use crate::log_store::Retention;
use crate::store::Error;

/// Rows that are looked at at once.
const LOOK: usize = 2_000;

/// Deletes what is too old now.
pub(super) async fn run(parts: CleanerParts) {
    let started = monotonic_now();
    let before = parts.counts.reading().total;
    parts.counts.begin();
    let now = parts.clock.now();
    let mut round = Round {
        parts: &parts,
        now,
        pace: Pace::START,
        is_good: true,
    };
    for app in parts.ownership.apps() {
        let result = round.clean_app(app).await;
        round.note(result, "an application's past");
    }
    let result = round.clean_left_behind().await;
    round.note(result, "the past of deleted applications");
    let result = round.clean_sessions().await;
    round.note(result, "sessions");
    round.clean_logs().await;
    let is_good = round.is_good;
    let took = monotonic_now().saturating_sub(started);
    parts.counts.end(parts.clock.now(), took, is_good);
    tell(before, parts.counts.reading().total, took);
}

fn tell(before: Cleaned, after: Cleaned, took: Duration) {
    if before == after {
        return;
    }
    tracing::info!(
        instances = after.instances - before.instances,
        job_revisions = after.job_revisions - before.job_revisions,
        jobs = after.jobs - before.jobs,
        sessions = after.sessions - before.sessions,
        log_bytes = after.log_bytes - before.log_bytes,
        elapsed_ms = took.as_millis(),
        "deleted what was too old"
    );
}

struct Round<'a> {
    parts: &'a CleanerParts,
    now: UnixMillis,
    pace: Pace,
    is_good: bool,
}

impl Round<'_> {
    fn note(&mut self, result: Result<(), impl Display>, what: &str) {
        if let Err(error) = result {
            self.is_good = false;
            tracing::warn!(%error, "{what} could not be cleaned; the next round tries again");
        }
    }

    async fn clean_app(&mut self, app: AppId) -> Result<(), Error> {
        let policy = self.parts.policy;
        if let Some(age) = policy.instances {
            let horizon = horizon(self.now, age);
            let ownership = &self.parts.ownership;
            self.clean_instances(app, horizon, || ownership.epoch(app).is_some())
                .await?;
            self.clean_jobs(app, horizon).await?;
        }
        if let Some(age) = policy.job_history {
            self.clean_history(app, horizon(self.now, age)).await?;
        }
        Ok(())
    }

    /// Nobody owns what is left of an application that is gone, and nobody can see it: every server
    /// deletes it, whoever comes first.
    async fn clean_left_behind(&mut self) -> Result<(), Error> {
        if self.parts.policy.instances.is_none() {
            return Ok(());
        }
        for app in self.parts.store.apps_left_behind().await? {
            let ownership = &self.parts.ownership;
            self.clean_instances(app, self.now, || ownership.may_act())
                .await?;
        }
        Ok(())
    }

    async fn clean_instances(
        &mut self,
        app: AppId,
        horizon: UnixMillis,
        may_go_on: impl Fn() -> bool,
    ) -> Result<(), Error> {
        let mut after = i64::MIN;
        loop {
            let store = &self.parts.store;
            let looked_at = store.instance_ages(app, after, LOOK).await?;
            let selection = select_due(&looked_at, LOOK, horizon, self.now);
            let mut due = selection.due.as_slice();
            while !due.is_empty() {
                if !may_go_on() {
                    return Ok(());
                }
                let (slice, rest) = due.split_at(self.pace.rows.min(due.len()));
                let started = monotonic_now();
                let instances = store.delete_instances(slice.to_vec()).await?;
                self.parts.counts.add(Cleaned {
                    instances,
                    ..Cleaned::default()
                });
                self.breathe(started).await;
                due = rest;
            }
            match selection.next {
                Some(row) => after = row,
                None => return Ok(()),
            }
        }
    }

    async fn clean_jobs(&mut self, app: AppId, horizon: UnixMillis) -> Result<(), Error> {
        loop {
            let rows = self.pace.rows;
            let store = &self.parts.store;
            let jobs = store.jobs_left_behind(app, horizon, rows).await?;
            if jobs.is_empty() {
                return Ok(());
            }
            let started = monotonic_now();
            let jobs = store.forget_jobs(jobs).await?;
            self.parts.counts.add(Cleaned {
                jobs,
                ..Cleaned::default()
            });
            self.breathe(started).await;
        }
    }

    async fn clean_history(&mut self, app: AppId, horizon: UnixMillis) -> Result<(), Error> {
        let mut after = i64::MIN;
        loop {
            let rows = self.pace.rows;
            let store = &self.parts.store;
            let old = store.old_revisions(app, horizon, after, rows).await?;
            let Some(last) = old.last() else {
                return Ok(());
            };
            after = last.row;
            let used = store.revisions_in_use(app).await?;
            let due = select_revisions(&old, &used);
            if due.is_empty() {
                continue;
            }
            let started = monotonic_now();
            let job_revisions = store.delete_revisions(due).await?;
            self.parts.counts.add(Cleaned {
                job_revisions,
                ..Cleaned::default()
            });
            self.breathe(started).await;
        }
    }

    async fn clean_sessions(&mut self) -> Result<(), Error> {
        let sessions = self.parts.store.delete_expired_sessions().await?;
        self.parts.counts.add(Cleaned {
            sessions,
            ..Cleaned::default()
        });
        Ok(())
    }

    /// Logs are files of this server, whoever owns their applications.
    async fn clean_logs(&mut self) {
        let retention = Retention {
            max_age: self.parts.policy.logs,
            max_bytes_per_app: self.parts.policy.log_bytes_per_app,
        };
        let expired = self.parts.logs.expire(retention).await;
        let result = expired.map(|log_bytes| {
            self.parts.counts.add(Cleaned {
                log_bytes,
                ..Cleaned::default()
            });
        });
        self.note(result, "logs");
        let result = self.forget_logs().await;
        self.note(result, "logs of deleted applications");
    }

    async fn forget_logs(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let apps = self.parts.logs.apps().await?;
        for app in self.parts.store.unknown_apps(apps).await? {
            self.parts.logs.forget(app).await?;
        }
        Ok(())
    }

    /// Lets the others have the store.
    async fn breathe(&mut self, slice_began: Duration) {
        self.pace = self.pace.after(monotonic_now().saturating_sub(slice_began));
        tokio::time::sleep(self.pace.pause).await;
    }
}
