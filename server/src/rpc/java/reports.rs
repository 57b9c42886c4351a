//! What workers of the reference report about runs, and what they are told.

use std::net::IpAddr;
use std::time::Duration;

use powerjob_common::id::{AppId, InstanceId, NodeRef};
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::UnixMillis;
use powerjob_protocol::json::{AskResponse, InstanceStatusReport};
use powerjob_protocol::wire::worker_to_server::ReportAnswer;
use tokio::sync::oneshot;

use super::ends::OnWorker;
use super::link::stop_stray;
use super::peers::{Inner, JavaPeers, lock};
use super::{Outcome, Refusal};
use crate::actor::instance_manager::{AnswerSheet, ApplyReports, shard_of};
use crate::domain::fold::{Report, ReportedAttempt, ReportedStatus};
use crate::store;

/// A worker waits 5 s for the answer to an end.
const STORE_LIMIT: Duration = Duration::from_millis(4_500);

impl JavaPeers {
    /// A worker tells how a run fares; an end is answered when it is durable.
    pub(crate) async fn report(
        &self,
        caller: IpAddr,
        report: InstanceStatusReport,
    ) -> Result<Outcome, Refusal> {
        let address = report.source_address.clone().unwrap_or_default();
        self.0.check_address(caller, &address)?;
        let Some(status) = InstanceStatus::from_code(report.instance_status) else {
            return Ok(Outcome::Senseless);
        };
        let is_end = status.is_finished();
        let outcome = |answer| match (is_end, answer) {
            (false, None) => Outcome::Taken,
            (true, None) => Outcome::Answer(AskResponse::done()),
            (_, Some(why)) => Outcome::Answer(AskResponse::refused(why)),
        };
        let id = InstanceId(report.instance_id.unwrap_or_default());
        let app_id = AppId(report.app_id.unwrap_or_default());
        if self.0.parts.connections.ownership.epoch(app_id).is_none() {
            return Ok(outcome(Some(NOT_OWNER.to_owned())));
        }
        let end: OnWorker = (id, address.clone(), report.start_time);
        if lock(&self.0.ends).contains(&end) {
            return Ok(outcome(None));
        }
        let Some(told) = of_json(report, status) else {
            return Ok(outcome(None)); // a state before its start: there is nothing to note
        };
        match self.0.apply(app_id, id, &address, told).await {
            ReportAnswer::Stored if is_end => {
                lock(&self.0.ends).insert(end);
                Ok(outcome(None))
            }
            ReportAnswer::Stored => Ok(outcome(None)),
            ReportAnswer::Again => Ok(outcome(is_end.then(|| NOT_NOW.to_owned()))),
            ReportAnswer::Stale | ReportAnswer::UnknownInstance => {
                let why = self.0.why_unknown(app_id, id).await;
                if !is_end && why.is_none() {
                    self.stop_stray(address, id);
                }
                Ok(outcome(why))
            }
        }
    }

    /// A worker carries out a run that has ended or runs elsewhere.
    fn stop_stray(&self, address: String, id: InstanceId) {
        tracing::info!(worker_addr = address, instance_id = %id, "a worker has a run that it should not have: it is stopped");
        let inner = self.0.clone();
        let runtime = inner.parts.runtime.clone();
        runtime.spawn(async move { stop_stray(&inner, &address, id.0).await });
    }
}

const NOT_OWNER: &str = "this server does not own the application now: report it again";
const NOT_NOW: &str = "the report could not be stored now: report it again";

impl Inner {
    /// Hands a report to the instance manager concerned.
    async fn apply(
        &self,
        app_id: AppId,
        id: InstanceId,
        address: &str,
        report: Report,
    ) -> ReportAnswer {
        let (sender, answered) = oneshot::channel();
        let sheet = AnswerSheet::new(1, move |answers, _stop| drop(sender.send(answers)));
        let shards = &self.parts.connections.shards;
        let letter = ApplyReports {
            app_id,
            worker: address.to_owned(),
            items: vec![(id, report, sheet.slot(0))],
        };
        drop(sheet); // from here on its slot holds it
        if let Err(refused) = shards[shard_of(id, shards.len())].tell(letter) {
            tracing::debug!(%refused, "a report was not taken");
            return ReportAnswer::Again;
        }
        let answers = tokio::time::timeout(STORE_LIMIT, answered).await;
        let answer = answers.ok().and_then(|answers| answers.ok()?.pop());
        answer.unwrap_or(ReportAnswer::Again)
    }

    /// Why there is no such run, in the reference's words; `None` when there is one.
    async fn why_unknown(&self, app_id: AppId, id: InstanceId) -> Option<String> {
        match self.parts.store.instance(id).await {
            Ok(instance) if instance.app_id == app_id => None,
            Ok(_) | Err(store::Error::NotFound { .. }) => Some(format!(
                "UncheckedExecutionException: java.lang.IllegalArgumentException: can't find Instance \
                 by instanceId: {id}"
            )),
            Err(_) => Some(NOT_NOW.to_owned()),
        }
    }
}

fn of_json(report: InstanceStatusReport, status: InstanceStatus) -> Option<Report> {
    let status = match status {
        InstanceStatus::WaitingDispatch | InstanceStatus::WaitingWorkerReceive => return None,
        InstanceStatus::Running => ReportedStatus::Running,
        InstanceStatus::Failed => ReportedStatus::Failed,
        InstanceStatus::Succeed => ReportedStatus::Succeed,
        InstanceStatus::Canceled | InstanceStatus::Stopped => ReportedStatus::Stopped,
    };
    let instant = |ms: i64| (ms > 0).then_some(UnixMillis(ms));
    let is_end = status != ReportedStatus::Running;
    let address = report.source_address.as_deref().unwrap_or_default();
    Some(Report {
        attempt: ReportedAttempt::PresentOf(NodeRef::without_lives(address)),
        status,
        result: report.result.unwrap_or_default(),
        received_at: instant(report.start_time),
        started_at: instant(report.start_time),
        finished_at: instant(report.end_time.unwrap_or(report.report_time)).filter(|_| is_end),
    })
}
