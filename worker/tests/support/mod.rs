//! A server that does nothing but talk to workers, for tests over real sockets.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use powerjob_common::actor::ActorScope;
use powerjob_common::id::NodeRef;
use powerjob_common::secret::Secret;
use powerjob_common::time::SystemClock;
use powerjob_protocol::wire::beats::{BeatReport, BeatReports, BeatsTaken};
use powerjob_protocol::wire::codec;
use powerjob_protocol::wire::message::{WireMessage, WireQuestion};
use powerjob_protocol::wire::node::TapRecords;
use powerjob_protocol::wire::server_to_worker::{
    RunInstance, RunInstances, RunVerdict, StopInstance, StopInstances, StopReason,
};
use powerjob_protocol::wire::task_journal::{
    JournalPart, JournalRecord, JournalRecords, JournalTaken, JournalsKept, KeepJournals,
    KeepVerdict, TakeJournal, TakeVerdict,
};
use powerjob_protocol::wire::worker_to_server::{
    InstanceReport, InstanceReports, InventoryAnswer, LogAnswer, LogChunk, LogChunks, ReportAnswer,
    ReportAnswers, WorkerHeartbeat, WorkerInventory,
};
use powerjob_session::{
    Admission, CloseCause, ErrorCode, Gate, GateFuture, Hello, Identity, Inbox, Incoming,
    ListenConfig, Listener, PeerInfo, Reject, Role, Session,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub(crate) const SECRET: &str = "a secret of the test";
pub(crate) const APP: &str = "demo";
const LIMIT: Duration = Duration::from_secs(20);

/// What a worker sent.
#[derive(Debug)]
pub(crate) enum Seen {
    Opened(Session),
    Closed(CloseCause),
    Inventory(WorkerInventory),
    Heartbeat(WorkerHeartbeat),
    Reports(Vec<InstanceReport>),
    Beats(Vec<BeatReport>),
    Logs(Vec<LogChunk>),
    Tap(TapRecords),
    Journal,
}

/// The server of a test.
pub(crate) struct FakeServer {
    pub(crate) addr: SocketAddr,
    pub(crate) seen: mpsc::UnboundedReceiver<Seen>,
    desk: Arc<Desk>,
    stop: CancellationToken,
    /// What came and was not waited for yet.
    backlog: Vec<Seen>,
    lines: HashMap<i64, Vec<String>>,
}

struct Desk {
    seen: mpsc::UnboundedSender<Seen>,
    /// Whether reports are answered; otherwise their askers wait.
    answers_reports: AtomicBool,
    stores_logs: AtomicBool,
    report_answer: Mutex<ReportAnswer>,
    held: Mutex<Vec<powerjob_session::Responder>>,
    journal: Mutex<Vec<JournalPart>>,
}

struct Door(Arc<Desk>);

impl Gate for Door {
    fn secrets<'a>(&'a self, hello: &'a Hello) -> GateFuture<'a, Vec<Secret<String>>> {
        let secrets = if hello.key_id == APP {
            vec![Secret::new(SECRET.into())]
        } else {
            vec![]
        };
        Box::pin(async move { secrets })
    }

    fn admit<'a>(&'a self, _hello: &'a Hello) -> GateFuture<'a, Result<Admission, Reject>> {
        Box::pin(async {
            Ok(Admission {
                app_id: 1,
                owner: String::new(),
            })
        })
    }

    fn inbox(&self, _peer: &PeerInfo) -> Arc<dyn Inbox> {
        Arc::new(Desktop(self.0.clone()))
    }
}

struct Desktop(Arc<Desk>);

impl Desktop {
    fn see(&self, seen: Seen) {
        self.0.seen.send(seen).ok();
    }
}

impl Inbox for Desktop {
    fn on_open(&self, session: &Session) {
        self.see(Seen::Opened(session.clone()));
    }

    fn on_message(&self, _session: &Session, message: Incoming) {
        match message.type_id() {
            WorkerInventory::TYPE => {
                let (inventory, responder) =
                    message.open::<WorkerInventory>().expect("an inventory");
                let reports = vec![ReportAnswer::Stored; inventory.finished.len()];
                self.see(Seen::Inventory(inventory));
                let answer = InventoryAnswer {
                    reports,
                    stop: Vec::new(),
                };
                responder.expect("a question").reply(&answer).ok();
            }
            InstanceReports::TYPE => {
                let (reports, responder) = message.open::<InstanceReports>().expect("reports");
                let responder = responder.expect("a question");
                let answer = *self.0.report_answer.lock().expect("unpoisoned");
                let items = vec![answer; reports.items.len()];
                let answers = self.0.answers_reports.load(Ordering::SeqCst);
                self.see(Seen::Reports(reports.items));
                if answers {
                    responder.reply(&ReportAnswers { items }).ok();
                } else {
                    self.0.held.lock().expect("unpoisoned").push(responder);
                }
            }
            LogChunks::TYPE => {
                let (logs, responder) = message.open::<LogChunks>().expect("logs");
                let is_stored = self.0.stores_logs.load(Ordering::SeqCst);
                self.see(Seen::Logs(logs.items));
                responder
                    .expect("a question")
                    .reply(&LogAnswer { is_stored })
                    .ok();
            }
            KeepJournals::TYPE => {
                let (KeepJournals { items }, responder) = message.open().expect("parts");
                let verdicts = vec![KeepVerdict::Kept; items.len()];
                self.0.journal.lock().expect("unpoisoned").extend(items);
                let kept = JournalsKept { items: verdicts };
                responder.expect("a question").reply(&kept).ok();
                self.see(Seen::Journal);
            }
            TakeJournal::TYPE => {
                let (request, responder) = message.open::<TakeJournal>().expect("a question");
                let journal = self.0.journal.lock().expect("unpoisoned");
                let is_next = |part: &&JournalPart| {
                    let after = (request.after_attempt, request.after_number);
                    part.instance_id == request.instance_id && (part.attempt, part.number) > after
                };
                let mut rest = journal.iter().filter(is_next).cloned();
                let taken = JournalTaken {
                    verdict: TakeVerdict::Parts,
                    parts: rest.next().into_iter().collect(),
                    is_last: rest.next().is_none(),
                };
                responder.expect("a question").reply(&taken).ok();
            }
            BeatReports::TYPE => {
                let (reports, responder) = message.open::<BeatReports>().expect("reports");
                self.see(Seen::Beats(reports.items));
                let answer = BeatsTaken { is_stored: true };
                responder.expect("a question").reply(&answer).ok();
            }
            WorkerHeartbeat::TYPE => {
                self.see(Seen::Heartbeat(message.decode().expect("a heartbeat")));
            }
            TapRecords::TYPE => self.see(Seen::Tap(message.decode().expect("records"))),
            _ => message.refuse(ErrorCode::UNKNOWN_TYPE, "unexpected", 0),
        }
    }

    fn on_closed(&self, _session: &Session, cause: CloseCause) {
        self.see(Seen::Closed(cause));
    }
}

impl FakeServer {
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0").await
    }

    pub(crate) async fn start_at(addr: &str) -> Self {
        let listener = Listener::bind(addr.to_owned()).await.expect("a free port");
        let addr = listener.local_addr();
        let (sender, seen) = mpsc::unbounded_channel();
        let desk = Arc::new(Desk {
            seen: sender,
            answers_reports: AtomicBool::new(true),
            stores_logs: AtomicBool::new(true),
            report_answer: Mutex::new(ReportAnswer::Stored),
            held: Mutex::default(),
            journal: Mutex::default(),
        });
        let node = NodeRef {
            node_id: "server-1".into(),
            incarnation: 1,
        };
        let config = ListenConfig::new(Identity::new(node, Role::Server));
        let scope = ActorScope::new("server-1", Arc::new(SystemClock));
        let stop = CancellationToken::new();
        let gate: Arc<dyn Gate> = Arc::new(Door(desk.clone()));
        tokio::spawn(listener.serve(config, gate, scope, stop.clone()));
        Self {
            addr,
            seen,
            desk,
            stop,
            backlog: Vec::new(),
            lines: HashMap::new(),
        }
    }

    /// Waits until the parts of journals that were kept are enough.
    pub(crate) async fn until_journal(&mut self, is_enough: impl Fn(&[JournalPart]) -> bool) {
        let desk = self.desk.clone();
        let kept = || is_enough(&desk.journal.lock().expect("unpoisoned"));
        self.until(|_server| kept().then_some(())).await;
    }

    /// Adds a record to the journal after its last part.
    pub(crate) fn add_to_journal(&self, record: JournalRecord) {
        let mut journal = self.desk.journal.lock().expect("unpoisoned");
        let mut part = journal.last().expect("a part").clone();
        part.number += 1;
        let items = vec![record];
        part.records = codec::encode(&JournalRecords { items }).expect("small");
        journal.push(part);
    }

    pub(crate) fn answer_reports(&self, answers: bool) {
        self.desk.answers_reports.store(answers, Ordering::SeqCst);
    }

    pub(crate) fn store_logs(&self, stores: bool) {
        self.desk.stores_logs.store(stores, Ordering::SeqCst);
    }

    pub(crate) fn answer_with(&self, answer: ReportAnswer) {
        *self.desk.report_answer.lock().expect("unpoisoned") = answer;
    }

    /// Takes in what comes until `find` has found something in it.
    async fn until<T>(&mut self, mut find: impl FnMut(&mut Self) -> Option<T>) -> T {
        let search = async {
            loop {
                if let Some(found) = find(self) {
                    return found;
                }
                match self.seen.recv().await.expect("the server lives") {
                    Seen::Reports(reports) => {
                        self.backlog.extend(
                            reports
                                .into_iter()
                                .map(|report| Seen::Reports(vec![report])),
                        );
                    }
                    Seen::Logs(chunks) => {
                        for chunk in chunks {
                            let lines = self.lines.entry(chunk.instance_id).or_default();
                            lines.extend(chunk.lines.into_iter().map(|line| line.text));
                        }
                    }
                    other => self.backlog.push(other),
                }
            }
        };
        tokio::time::timeout(LIMIT, search)
            .await
            .expect("what was waited for came in time")
    }

    /// The first thing of which `is_wanted` is true; what came before stays for later.
    pub(crate) async fn next(&mut self, is_wanted: impl Fn(&Seen) -> bool) -> Seen {
        self.until(|server| {
            let index = server.backlog.iter().position(&is_wanted)?;
            Some(server.backlog.remove(index))
        })
        .await
    }

    pub(crate) async fn session(&mut self) -> Session {
        match self.next(|seen| matches!(seen, Seen::Opened(_))).await {
            Seen::Opened(session) => session,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn inventory(&mut self) -> WorkerInventory {
        match self.next(|seen| matches!(seen, Seen::Inventory(_))).await {
            Seen::Inventory(inventory) => inventory,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn heartbeat(&mut self) -> WorkerHeartbeat {
        match self.next(|seen| matches!(seen, Seen::Heartbeat(_))).await {
            Seen::Heartbeat(heartbeat) => heartbeat,
            other => panic!("{other:?}"),
        }
    }

    /// The end of an instance.
    pub(crate) async fn end_of(&mut self, instance_id: i64) -> InstanceReport {
        self.report_of(instance_id, |status| status != 3).await
    }

    /// The end of an attempt of an instance.
    pub(crate) async fn report_of_attempt(
        &mut self,
        instance_id: i64,
        attempt: u32,
    ) -> InstanceReport {
        let is_it = |report: &InstanceReport| {
            let is_end = report.status != 3;
            (report.instance_id, report.attempt, is_end) == (instance_id, attempt, true)
        };
        self.report_that(is_it).await
    }

    pub(crate) async fn report_of(
        &mut self,
        instance_id: i64,
        wanted: impl Fn(u8) -> bool,
    ) -> InstanceReport {
        self.report_that(|report| report.instance_id == instance_id && wanted(report.status))
            .await
    }

    async fn report_that(&mut self, wanted: impl Fn(&InstanceReport) -> bool) -> InstanceReport {
        let is_wanted = |seen: &Seen| match seen {
            Seen::Reports(one) => wanted(&one[0]),
            _ => false,
        };
        match self.next(is_wanted).await {
            Seen::Reports(mut one) => one.remove(0),
            other => panic!("{other:?}"),
        }
    }

    /// All new lines of an instance, as soon as one of them is the last that matters.
    pub(crate) async fn lines_of(
        &mut self,
        instance_id: i64,
        is_last: impl Fn(&str) -> bool,
    ) -> Vec<String> {
        self.until(|server| {
            let lines = server.lines.get(&instance_id)?;
            lines
                .iter()
                .any(|line| is_last(line))
                .then(|| server.lines.remove(&instance_id))?
        })
        .await
    }

    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }
}

/// A request to run `processor` with `params`.
pub(crate) fn request(instance_id: i64, processor: &str, params: &str) -> RunInstance {
    RunInstance {
        instance_id,
        attempt: 1,
        epoch: 1,
        job_revision: 1,
        trace_id: [0; 16],
        job_id: 7,
        job_name: "a job".into(),
        execute_type: 1,
        processor_type: 1,
        processor_info: processor.into(),
        job_params: params.into(),
        instance_params: String::new(),
        time_limit_ms: 0,
        concurrency: 1,
        task_retry_num: 0,
        nominal_time_ms: 0,
        wf_instance_id: None,
        log_level: 2,
    }
}

pub(crate) async fn ask<Q: WireQuestion>(session: &Session, question: &Q) -> Q::Answer {
    session
        .ask("worker", "server", question, LIMIT)
        .await
        .expect("an answer")
}

pub(crate) async fn run(session: &Session, items: Vec<RunInstance>) -> Vec<RunVerdict> {
    let answers = ask(session, &RunInstances { items }).await;
    answers
        .items
        .into_iter()
        .map(|answer| answer.verdict)
        .collect()
}

pub(crate) async fn stop(session: &Session, instance_id: i64) -> bool {
    let item = StopInstance {
        instance_id,
        attempt: 1,
        epoch: 1,
        trace_id: [0; 16],
        reason: StopReason::User,
    };
    ask(session, &StopInstances { items: vec![item] })
        .await
        .known[0]
}
