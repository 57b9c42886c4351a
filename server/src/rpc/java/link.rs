//! The way to one worker of the reference, as the actors know it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use powerjob_common::id::JobId;
use powerjob_common::status::{ExecuteType, ProcessorType, TimeExpressionType};
use powerjob_protocol::json;
use powerjob_protocol::wire::beats::{BeatKind, BeatPlan, RunBeats};
use powerjob_protocol::wire::server_to_worker::{
    KillAnswers, KillInstances, RunAnswer, RunAnswers, RunInstance, RunInstances, RunVerdict,
    StopAnswers, StopInstances,
};
use powerjob_session::SessionError;

use super::client::CallError;
use super::cluster;
use super::peers::Inner;
use crate::actor::worker_registry::WorkerSession;
use crate::domain::job::JobDefinition;
use crate::live::WorkerLink;

const RUN: &str = "/worker/runJob";
const STOP: &str = "/worker/stopInstance";
const QUERY: &str = "/worker/queryInstanceStatus";
/// Calls to one worker at once for one list of runs.
const AT_ONCE: usize = 16;

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct JavaLink {
    pub(super) address: String,
    pub(super) connection: u64,
    pub(super) peers: Weak<Inner>,
}

impl JavaLink {
    /// Runs a future on the server's runtime; without a server there is nothing to do any more.
    fn go<F>(&self, work: impl FnOnce(Arc<Inner>, String) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if let Some(peers) = self.peers.upgrade() {
            let runtime = peers.parts.runtime.clone();
            runtime.spawn(work(peers, self.address.clone()));
        }
    }

    /// Sends runs, those with beats among them.
    fn run_all(
        &self,
        items: Vec<(RunInstance, Option<BeatPlan>)>,
        on_answer: Box<dyn FnOnce(Result<RunAnswers, SessionError>) + Send>,
    ) {
        if self.peers.strong_count() == 0 {
            return on_answer(Err(SessionError::Disconnected));
        }
        self.go(async move |peers, address| {
            let (peers, address) = (&peers, &address);
            let sending = items.into_iter().map(move |(item, beats)| async move {
                match send(peers, address, &item, beats).await {
                    Ok(()) => Some(RunAnswer {
                        instance_id: item.instance_id,
                        attempt: item.attempt,
                        verdict: RunVerdict::Accepted,
                    }),
                    Err(error) => {
                        tracing::warn!(worker = address, instance_id = item.instance_id, %error, "a worker did not take a run");
                        None
                    }
                }
            });
            let answers = stream::iter(sending).buffer_unordered(AT_ONCE).collect::<Vec<_>>();
            let items = answers.await.into_iter().flatten().collect();
            on_answer(Ok(RunAnswers { items }));
        });
    }

    /// Stops runs; the worker does not say whether it knew them.
    fn stop_all(
        &self,
        ids: Vec<i64>,
        done: impl FnOnce(Result<Vec<bool>, SessionError>) + Send + 'static,
    ) {
        if self.peers.strong_count() == 0 {
            return done(Err(SessionError::Disconnected));
        }
        self.go(async move |peers, address| {
            let mut known = Vec::with_capacity(ids.len());
            for instance_id in ids {
                let stop = json::StopInstance { instance_id };
                if let Err(error) = peers.parts.client.tell(&address, STOP, &stop).await {
                    tracing::debug!(worker = address, %error, instance_id, "a stop was not taken");
                    return done(Err(SessionError::Timeout));
                }
                known.push(true);
            }
            done(Ok(known));
        });
    }
}

impl WorkerLink for JavaLink {
    fn connection(&self) -> u64 {
        self.connection
    }

    /// The worker answers nothing: what it took is accepted, about the rest nothing is known, and the
    /// status checker sends it again.
    fn run(
        &self,
        request: RunInstances,
        _limit: Duration,
        on_answer: Box<dyn FnOnce(Result<RunAnswers, SessionError>) + Send>,
    ) {
        let items = request.items.into_iter().map(|item| (item, None));
        self.run_all(items.collect(), on_answer);
    }

    /// The worker makes the beats in its own way: at least 50 ms apart, and a fixed delay some seconds
    /// longer than asked for.
    fn run_beats(
        &self,
        request: RunBeats,
        _limit: Duration,
        on_answer: Box<dyn FnOnce(Result<RunAnswers, SessionError>) + Send>,
    ) {
        let items = request.items.into_iter();
        let items = items.map(|item| (item.run, Some(item.plan)));
        self.run_all(items.collect(), on_answer);
    }

    fn stop(
        &self,
        request: StopInstances,
        on_answer: Box<dyn FnOnce(Result<StopAnswers, SessionError>) + Send>,
    ) {
        let ids = request.items.iter().map(|item| item.instance_id).collect();
        self.stop_all(ids, |known| {
            on_answer(known.map(|known| StopAnswers { known }))
        });
    }

    fn kill(
        &self,
        request: KillInstances,
        on_answer: Box<dyn FnOnce(Result<KillAnswers, SessionError>) + Send>,
    ) {
        let ids = request.items.iter().map(|item| item.instance_id).collect();
        self.stop_all(ids, |known| {
            on_answer(known.map(|known| KillAnswers { known }))
        });
    }

    fn detail(
        &self,
        question: json::QueryInstanceStatus,
        on_answer: Box<dyn FnOnce(Result<Option<json::InstanceDetail>, SessionError>) + Send>,
    ) {
        if self.peers.strong_count() == 0 {
            return on_answer(Err(SessionError::Disconnected));
        }
        self.go(async move |peers, address| {
            let detail = query(&peers, &address, &question).await;
            on_answer(detail.map_err(|error| {
                tracing::debug!(worker = address, %error, "a worker did not tell how a run fares");
                SessionError::Timeout
            }));
        });
    }
}

impl WorkerSession for JavaLink {
    /// There is no connection to end: from now on its next heartbeat is its first.
    fn close(&self, reason: &str) {
        tracing::debug!(worker = self.address, reason, "a worker is let go of");
        if let Some(peers) = self.peers.upgrade() {
            peers.forget(self.connection);
        }
    }
}

async fn send(
    peers: &Inner,
    address: &str,
    item: &RunInstance,
    beats: Option<BeatPlan>,
) -> Result<(), CallError> {
    let job = peers.parts.jobs.get(JobId(item.job_id));
    let request = run_job((item, beats), job.as_deref(), || match &job {
        Some(job) => cluster::addresses(&peers.parts.workers, job, Some(address)),
        None => vec![address.to_owned()],
    });
    peers.note_attempt(item.instance_id, item.attempt);
    peers.parts.client.tell(address, RUN, &request).await
}

/// Stops a run at a worker that has it and should not.
pub(super) async fn stop_stray(peers: &Inner, address: &str, instance_id: i64) {
    let stop = json::StopInstance { instance_id };
    if let Err(error) = peers.parts.client.tell(address, STOP, &stop).await {
        tracing::debug!(worker = address, %error, instance_id, "a stray run was not stopped");
    }
}

/// Asks a worker how a run fares; `None` when it does not have it.
async fn query(
    peers: &Inner,
    address: &str,
    question: &json::QueryInstanceStatus,
) -> Result<Option<json::InstanceDetail>, CallError> {
    let answer = peers.parts.client.ask(address, QUERY, question).await?;
    match answer.data.filter(|_| answer.success) {
        Some(data) => json::decode(&data.0)
            .map(Some)
            .map_err(CallError::Senseless),
        None => Ok(None),
    }
}

/// The request as the reference has it. A fixed rate or delay whose beats are runs of their own is
/// nothing special to the worker.
fn run_job(
    (item, beats): (&RunInstance, Option<BeatPlan>),
    job: Option<&JobDefinition>,
    workers: impl FnOnce() -> Vec<String>,
) -> json::RunJob {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let kind = job.map_or(TimeExpressionType::Api, |job| job.schedule.kind);
    let kind = match (beats.map(|beats| beats.kind), kind.known_to_reference()) {
        (Some(BeatKind::Rate), _) => TimeExpressionType::FixedRate,
        (Some(BeatKind::Delay), _) => TimeExpressionType::FixedDelay,
        (None, TimeExpressionType::FixedRate | TimeExpressionType::FixedDelay) => {
            TimeExpressionType::Api
        }
        (None, kind) => kind,
    };
    let small = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    json::RunJob {
        all_worker_address: workers(),
        max_worker_count: Some(small(job.map_or(0, |job| job.max_workers))),
        job_id: Some(item.job_id),
        wf_instance_id: item.wf_instance_id,
        instance_id: Some(item.instance_id),
        execute_type: name(ExecuteType::from_code(item.execute_type.into()).map(|it| it.name())),
        processor_type: name(
            ProcessorType::from_code(item.processor_type.into()).map(|it| it.name()),
        ),
        processor_info: given(&item.processor_info),
        instance_timeout_ms: i64::try_from(item.time_limit_ms).unwrap_or(i64::MAX),
        job_params: given(&item.job_params),
        instance_params: given(&item.instance_params),
        thread_concurrency: small(item.concurrency),
        task_retry_num: small(item.task_retry_num),
        time_expression_type: name(Some(kind.name())),
        time_expression: beats.map(|beats| beats.every_ms.to_string()),
        max_instance_num: Some(small(job.map_or(0, |job| job.max_instances))),
        alarm_config: None,
        log_config: Some(format!("{{\"level\":{},\"type\":1}}", item.log_level)),
        advanced_runtime_config: None,
    }
}

fn name(name: Option<&'static str>) -> Option<String> {
    name.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use powerjob_protocol::wire::beats::{CrowdedBeat, MissedBeats};
    use serde_json::json;

    use super::*;
    use crate::domain::job::ScheduleSpec;
    use crate::domain::worker_filter::tests::job;

    fn item() -> RunInstance {
        RunInstance {
            instance_id: 241_521_139_652_755_520,
            attempt: 1,
            epoch: 1,
            job_revision: 1,
            trace_id: [0; 16],
            job_id: 202,
            job_name: "demo".to_owned(),
            execute_type: 1,
            processor_type: 1,
            processor_info: "tech.example.Demo".to_owned(),
            job_params: "{\"a\":1}".to_owned(),
            instance_params: String::new(),
            time_limit_ms: 0,
            concurrency: 5,
            task_retry_num: 1,
            nominal_time_ms: 0,
            wf_instance_id: None,
            log_level: 2,
        }
    }

    /// Spec 05 cases E01 and E03.
    #[test]
    fn a_run_goes_out_as_the_reference_has_it() {
        let request = run_job((&item(), None), Some(&job()), || {
            vec!["192.168.1.7:27777".to_owned()]
        });
        assert_eq!(
            serde_json::to_value(request).unwrap(),
            json!({
                "allWorkerAddress": ["192.168.1.7:27777"], "maxWorkerCount": 0, "jobId": 202,
                "instanceId": 241_521_139_652_755_520_i64, "executeType": "STANDALONE",
                "processorType": "BUILT_IN", "processorInfo": "tech.example.Demo",
                "instanceTimeoutMS": 0, "jobParams": "{\"a\":1}", "threadConcurrency": 5,
                "taskRetryNum": 1, "timeExpressionType": "API", "maxInstanceNum": 0,
                "logConfig": "{\"level\":2,\"type\":1}"
            })
        );
    }

    /// A fixed rate of one run for each beat.
    #[test]
    fn workers_do_not_keep_the_beat() {
        let mut job = job();
        job.schedule = ScheduleSpec {
            kind: TimeExpressionType::FixedRate,
            expression: "2000".to_owned(),
            ..job.schedule
        };
        let request = run_job((&item(), None), Some(&job), Vec::new);
        assert_eq!(request.time_expression_type.as_deref(), Some("API"));
        assert_eq!(request.time_expression, None);
    }

    /// Spec 05 case E02.
    #[test]
    fn workers_of_the_reference_make_beats_of_their_own() {
        let mut job = job();
        job.max_instances = 3;
        let beats = BeatPlan {
            kind: BeatKind::Rate,
            every_ms: 500,
            until_ms: 0,
            at_once: 3,
            crowded: CrowdedBeat::Fails,
            missed: MissedBeats::MakeLast(1),
        };
        let request = run_job((&item(), Some(beats)), Some(&job), Vec::new);
        assert_eq!(request.time_expression_type.as_deref(), Some("FIXED_RATE"));
        assert_eq!(request.time_expression.as_deref(), Some("500"));
        assert_eq!(request.max_instance_num, Some(3));
    }
}
