//! Maps whose tasks and results do not fit into the memory that they may take.

mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use powerjob_protocol::wire::server_to_worker::{
    InstanceTeam, NameTeams, RunInstance, RunVerdict, TeamWorker,
};
use powerjob_session::Session;
use powerjob_worker::{
    MapReduceProcessor, Output, ProcessResult, Processor, TaskContext, TaskResults, Worker,
    WorkerHandle,
};
use serde::{Deserialize, Serialize};
use support::{APP, FakeServer, SECRET, request, run};
use tokio::sync::watch;

const MAP_REDUCE: u8 = 3;
const LIMIT: Duration = Duration::from_secs(20);
/// Some 24 MB of contents, six files.
const TASKS: u64 = 3_000;
const CONTENT: usize = 8_000;
const RESULT: usize = 1_000;

#[derive(Debug, Serialize, Deserialize)]
struct Bulky {
    number: u64,
    padding: String,
}

/// Sends numbers round with much padding, and sums them up.
struct Bulk {
    /// Where the files are.
    base: PathBuf,
    has_files: watch::Sender<bool>,
}

impl Bulk {
    /// The first task looks for a file, the others wait until it has found one.
    async fn until_files(&self, number: u64) {
        if number == 0 {
            while files_below(&self.base).is_empty() {
                tokio::task::yield_now().await;
            }
            self.has_files.send_replace(true);
        }
        let mut has_files = self.has_files.subscribe();
        has_files.wait_for(|has_files| *has_files).await.ok();
    }
}

impl Processor for Bulk {
    async fn process(&self, ctx: &TaskContext) -> ProcessResult {
        if ctx.is_root_task() {
            let padding = "x".repeat(CONTENT);
            let tasks = (0..TASKS).map(|number| Bulky {
                number,
                padding: padding.clone(),
            });
            return Output::of(ctx.map("bulk", tasks).await?);
        }
        let task: Bulky = ctx.sub_task()?;
        if task.padding.len() != CONTENT {
            return Err("the content is another one".into());
        }
        let number = task.number;
        tokio::select! {
            () = self.until_files(number) => {}
            _ = ctx.cancelled() => return Err("asked to end".into()),
        }
        Ok(Output::text(format!("{number} {}", "y".repeat(RESULT))))
    }
}

impl MapReduceProcessor for Bulk {
    async fn reduce(&self, _ctx: &TaskContext, mut results: TaskResults) -> ProcessResult {
        let (mut count, mut sum) = (0_u64, 0);
        while let Some(result) = results.next().await {
            if !result.is_root() {
                let (number, padding) = result.result.split_once(' ').ok_or("two words")?;
                if padding.len() != RESULT || !result.is_success {
                    return Err(format!("{number} has {} bytes", padding.len()).into());
                }
                sum += number.parse::<u64>()?;
                count += 1;
            }
        }
        Output::of((count, sum))
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false if entry.file_name() != "lock" => files.push(path),
            false => {}
        }
    }
    files
}

async fn worker(server: &mut FakeServer, base: &Path) -> (WorkerHandle, Session) {
    let handle = Worker::builder()
        .app(APP)
        .secret(SECRET)
        .server(&server.addr.to_string())
        .name("w1")
        .listen("127.0.0.1:0")
        .work_dir(base)
        .task_memory(0)
        .register_map_reduce(
            "bulk",
            Bulk {
                base: base.to_owned(),
                has_files: watch::Sender::new(false),
            },
        )
        .start()
        .await
        .expect("a worker");
    let session = server.session().await;
    server.inventory().await;
    (handle, session)
}

async fn give(session: &Session, instance_id: i64) {
    let peer = session.peer();
    let me = TeamWorker {
        node_id: peer.node.node_id.clone(),
        incarnation: peer.node.incarnation,
        name: "w1".to_owned(),
        address: String::new(),
    };
    let teams = NameTeams {
        items: vec![InstanceTeam {
            instance_id,
            attempt: 1,
            epoch: 1,
            workers: vec![me],
        }],
    };
    session.tell("worker", "server", &teams).expect("told");
    let item = RunInstance {
        execute_type: MAP_REDUCE,
        concurrency: 4,
        ..request(instance_id, "bulk", "")
    };
    assert_eq!(run(session, vec![item]).await, [RunVerdict::Accepted]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_and_results_go_through_files_and_leave_none() {
    let base = tempfile::tempdir().expect("a folder");
    let mut server = FakeServer::start().await;
    let (handle, session) = worker(&mut server, base.path()).await;
    give(&session, 1).await;
    let ended = server.end_of(1).await;
    let sum = TASKS * (TASKS - 1) / 2;
    assert_eq!(
        (ended.status, ended.result),
        (5, format!("[{TASKS},{sum}]"))
    );
    handle
        .shutdown(Duration::from_secs(5))
        .await
        .expect("ended");
    let gone = async {
        while !files_below(base.path()).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, gone).await.expect("removed");
}

/// The instance fails, and the worker goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_takes_nothing_fails_the_instance_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = folder.path().join("no-folder");
    std::fs::write(&base, "a file").expect("written");
    let mut server = FakeServer::start().await;
    let (handle, session) = worker(&mut server, &base).await;
    give(&session, 1).await;
    let ended = server.end_of(1).await;
    assert_eq!(ended.status, 4, "{}", ended.result);
    let reason = "more memory than they may, and a file of them cannot be written: ";
    assert!(ended.result.contains(reason), "{}", ended.result);
    std::fs::remove_file(&base).expect("removed");
    give(&session, 2).await;
    assert_eq!(server.end_of(2).await.status, 5);
    handle
        .shutdown(Duration::from_secs(5))
        .await
        .expect("ended");
}
