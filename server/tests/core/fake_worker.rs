//! A worker that takes what the server sends and leaves what becomes of it to the test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::actor::ActorScope;
use powerjob_common::id::{InstanceId, NodeRef};
use powerjob_common::secret::Secret;
use powerjob_common::time::SystemClock;
use powerjob_protocol::wire::beats::{BeatAnswers, BeatRun, RunBeats};
use powerjob_protocol::wire::codec;
use powerjob_protocol::wire::message::WireMessage;
use powerjob_protocol::wire::server_to_worker::{
    KillAnswers, KillInstances, NameTeams, RunAnswer, RunAnswers, RunInstance, RunInstances,
    RunVerdict, StopAnswers, StopInstance, StopInstances,
};
use powerjob_protocol::wire::task_journal::{
    JournalPart, JournalRecord, JournalRecords, JournalTaken, KeepJournals, KeepVerdict,
    TakeJournal,
};
use powerjob_protocol::wire::worker_to_server::{
    HeldInstance, InstanceReport, InstanceReports, InventoryAnswer, ReportAnswer, WorkerHeartbeat,
    WorkerInventory,
};
use powerjob_session::{
    CloseCause, DialConfig, ErrorCode, Identity, Inbox, Incoming, Responder, Role, Session, dial,
};
use tokio::sync::mpsc;

/// Longer than anything may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// What the server sent.
enum Order {
    Run(RunInstances, Responder),
    Beats(RunBeats, Responder),
    Stop(StopInstances, Responder),
    Kill(KillInstances, Responder),
}

struct Desk(mpsc::UnboundedSender<Order>);

impl Inbox for Desk {
    fn on_message(&self, _session: &Session, message: Incoming) {
        let order = match message.type_id() {
            RunInstances::TYPE => message
                .open()
                .map(|(body, way)| Order::Run(body, way.expect("a question"))),
            RunBeats::TYPE => message
                .open()
                .map(|(body, way)| Order::Beats(body, way.expect("a question"))),
            StopInstances::TYPE => message
                .open()
                .map(|(body, way)| Order::Stop(body, way.expect("a question"))),
            KillInstances::TYPE => message
                .open()
                .map(|(body, way)| Order::Kill(body, way.expect("a question"))),
            NameTeams::TYPE => return, // told before each run of its kind
            _ => return message.refuse(ErrorCode::UNKNOWN_TYPE, "not for tests", 0),
        };
        if let Some(order) = order {
            self.0.send(order).ok();
        }
    }

    fn on_closed(&self, _session: &Session, _cause: CloseCause) {}
}

/// See the head of the file.
pub(crate) struct FakeWorker {
    pub(crate) node: NodeRef,
    session: Session,
    orders: mpsc::UnboundedReceiver<Order>,
    capacity: u32,
}

/// A worker that is about to connect.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) node: NodeRef,
    pub(crate) capacity: u32,
    pub(crate) processors: Vec<String>,
    pub(crate) running: Vec<HeldInstance>,
    pub(crate) finished: Vec<InstanceReport>,
}

impl Plan {
    pub(crate) fn new(name: &str, incarnation: u64) -> Self {
        Self {
            node: NodeRef {
                node_id: name.to_owned(),
                incarnation,
            },
            capacity: 1_000,
            processors: vec!["demo".to_owned()],
            running: Vec::new(),
            finished: Vec::new(),
        }
    }

    /// Connects, says what it holds and that it is well.
    pub(crate) async fn connect(self, addr: SocketAddr, app: &str, secret: &str) -> FakeWorker {
        self.connect_with_answer(addr, app, secret).await.0
    }

    /// As `connect`, with the answer to its inventory.
    pub(crate) async fn connect_with_answer(
        self,
        addr: SocketAddr,
        app: &str,
        secret: &str,
    ) -> (FakeWorker, InventoryAnswer) {
        let (sender, orders) = mpsc::unbounded_channel();
        let identity = Identity::new(self.node.clone(), Role::Worker);
        let secret = Some(Secret::new(secret.to_owned()));
        let config = DialConfig::worker(&addr.to_string(), identity, app, secret);
        let scope = ActorScope::new(&self.node.node_id, Arc::new(SystemClock));
        let session = dial(&config, Arc::new(Desk(sender)), &scope)
            .await
            .expect("the server lets it in");
        let inventory = WorkerInventory {
            running: self.running,
            finished: self.finished,
            is_last: true,
        };
        let answer = session
            .ask("server/workers", "worker", &inventory, LIMIT)
            .await
            .expect("the server takes the inventory");
        let worker = FakeWorker {
            node: self.node,
            session,
            orders,
            capacity: self.capacity,
        };
        worker.heartbeat(&self.processors, false);
        (worker, answer)
    }
}

impl FakeWorker {
    pub(crate) fn heartbeat(&self, processors: &[String], draining: bool) {
        let heartbeat = WorkerHeartbeat {
            measured_at_ms: 0,
            address: format!("{}:1", self.node.node_id),
            tags: Vec::new(),
            software: "fake".to_owned(),
            cpu_cores: 4.0,
            cpu_load: 0.5,
            memory_total_bytes: 8 << 30,
            memory_used_bytes: 1 << 30,
            process_memory_bytes: 1 << 20,
            disk_total_bytes: 100 << 30,
            disk_used_bytes: 0,
            running: 0,
            capacity: self.capacity,
            processors: processors.to_vec(),
            draining,
        };
        self.session
            .tell("server/workers", "worker", &heartbeat)
            .expect("the session is open");
    }

    /// The next request to run, answered with `verdict` for each run.
    pub(crate) async fn take_runs_as(&mut self, verdict: RunVerdict) -> Vec<RunInstance> {
        match self.next_order().await {
            Order::Run(request, way) => {
                let items = request
                    .items
                    .iter()
                    .map(|item| RunAnswer {
                        instance_id: item.instance_id,
                        attempt: item.attempt,
                        verdict: verdict.clone(),
                    })
                    .collect();
                way.reply(&RunAnswers { items })
                    .expect("the session is open");
                request.items
            }
            Order::Stop(..) | Order::Kill(..) => panic!("expected runs, got a stop"),
            Order::Beats(..) => panic!("expected runs, got one with beats"),
        }
    }

    /// The one instance with beats that comes next, answered with `verdict`.
    pub(crate) async fn take_beats(&mut self, verdict: RunVerdict) -> BeatRun {
        let Order::Beats(mut request, way) = self.next_order().await else {
            panic!("expected an instance with beats");
        };
        assert_eq!(request.items.len(), 1, "one instance was expected");
        let item = request.items.remove(0);
        let answer = RunAnswer {
            instance_id: item.run.instance_id,
            attempt: item.run.attempt,
            verdict,
        };
        let items = vec![answer];
        way.reply(&BeatAnswers { items })
            .expect("the session is open");
        item
    }

    /// The next runs, accepted.
    pub(crate) async fn take_runs(&mut self) -> Vec<RunInstance> {
        self.take_runs_as(RunVerdict::Accepted).await
    }

    /// The one run that comes next, accepted.
    pub(crate) async fn take_run(&mut self) -> RunInstance {
        let mut runs = self.take_runs().await;
        assert_eq!(runs.len(), 1, "one run was expected");
        runs.remove(0)
    }

    /// The next request to stop.
    pub(crate) async fn take_stop(&mut self) -> StopInstance {
        match self.next_order().await {
            Order::Stop(mut request, way) => {
                let known = vec![true; request.items.len()];
                way.reply(&StopAnswers { known })
                    .expect("the session is open");
                request.items.remove(0)
            }
            Order::Run(..) | Order::Beats(..) | Order::Kill(..) => panic!("expected a stop"),
        }
    }

    /// The next request to kill; `None` answers like a worker that does not know it.
    pub(crate) async fn take_kill(&mut self, known: Option<bool>) -> StopInstance {
        match self.next_order().await {
            Order::Kill(mut request, way) => {
                match known {
                    Some(known) => {
                        let known = vec![known; request.items.len()];
                        way.reply(&KillAnswers { known })
                            .expect("the session is open");
                    }
                    None => way.error(ErrorCode::UNKNOWN_TYPE, "not known", 0),
                }
                request.items.remove(0)
            }
            Order::Run(..) | Order::Beats(..) | Order::Stop(..) => panic!("expected a kill"),
        }
    }

    async fn next_order(&mut self) -> Order {
        tokio::time::timeout(LIMIT, self.orders.recv())
            .await
            .expect("an order in time")
            .expect("the session is open")
    }

    /// Whether nothing has come so far.
    pub(crate) fn is_left_alone(&mut self) -> bool {
        self.orders.try_recv().is_err()
    }

    /// Reports and returns the answers.
    pub(crate) async fn report(&self, items: Vec<InstanceReport>) -> Vec<ReportAnswer> {
        self.session
            .ask("server", "worker", &InstanceReports { items }, LIMIT)
            .await
            .expect("an answer")
            .items
    }

    /// Reports one run and returns the answer.
    pub(crate) async fn report_one(
        &self,
        run: &RunInstance,
        status: u8,
        result: &str,
    ) -> ReportAnswer {
        self.report(vec![report_of(run, status, result)]).await[0]
    }

    /// Has a part of a journal kept.
    pub(crate) async fn keep_journal(&self, run: &RunInstance, number: u32) -> KeepVerdict {
        self.keep_part(run, number, vec![number as u8; 3]).await
    }

    /// Has these records kept.
    pub(crate) async fn keep_records(
        &self,
        run: &RunInstance,
        number: u32,
        items: Vec<JournalRecord>,
    ) -> KeepVerdict {
        let bytes = codec::encode(&JournalRecords { items }).expect("small");
        self.keep_part(run, number, bytes).await
    }

    async fn keep_part(&self, run: &RunInstance, number: u32, records: Vec<u8>) -> KeepVerdict {
        let part = JournalPart {
            instance_id: run.instance_id,
            attempt: run.attempt,
            number,
            begins_anew: false,
            records,
        };
        let question = KeepJournals { items: vec![part] };
        let kept = self.session.ask("server", "worker", &question, LIMIT).await;
        kept.expect("an answer").items[0]
    }

    /// Asks for what earlier attempts had kept.
    pub(crate) async fn take_journal(&self, run: &RunInstance) -> JournalTaken {
        let question = TakeJournal {
            instance_id: run.instance_id,
            attempt: run.attempt,
            after_attempt: 0,
            after_number: 0,
        };
        let taken = self.session.ask("server", "worker", &question, LIMIT).await;
        taken.expect("an answer")
    }

    /// Goes without a word, as after a kill.
    pub(crate) fn vanish(self) {
        self.session
            .close(ErrorCode::OVERLOADED, "killed by the test");
    }
}

pub(crate) const RUNNING: u8 = 3;
pub(crate) const FAILED: u8 = 4;
pub(crate) const SUCCEED: u8 = 5;
pub(crate) const HANDED_ON: u8 = 1;

pub(crate) fn report_of(run: &RunInstance, status: u8, result: &str) -> InstanceReport {
    InstanceReport {
        instance_id: run.instance_id,
        attempt: run.attempt,
        epoch: run.epoch,
        job_revision: run.job_revision,
        trace_id: run.trace_id,
        status,
        result: result.to_owned(),
        received_at_ms: 1,
        started_at_ms: 2,
        finished_at_ms: if status == RUNNING { 0 } else { 3 },
    }
}

pub(crate) fn held(run: &RunInstance) -> HeldInstance {
    HeldInstance {
        instance_id: run.instance_id,
        attempt: run.attempt,
    }
}

pub(crate) fn id_of(run: &RunInstance) -> InstanceId {
    InstanceId(run.instance_id)
}
