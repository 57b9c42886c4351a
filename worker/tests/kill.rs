//! What is left after `kill -9` of an agent: its scripts are gone, its results are not.
//!
//! The test starts its own program again as the agent's process.

mod support;

use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use powerjob_worker::agent::{AgentConfig, builder};
use support::{APP, FakeServer, SECRET, Seen, request, run};

const SERVER: &str = "POWERJOB_TEST_SERVER";
const FOLDER: &str = "POWERJOB_TEST_FOLDER";

/// The process of the agent; without its variables, in an ordinary test run, it does nothing.
#[test]
fn agent_process() {
    let (Ok(server), Ok(folder)) = (std::env::var(SERVER), std::env::var(FOLDER)) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async move {
        let config = AgentConfig {
            app: APP.into(),
            servers: vec![server],
            secret: Some(powerjob_common::secret::Secret::new(SECRET.into())),
            work_dir: folder.into(),
            ..AgentConfig::default()
        };
        let agent = builder(config).start().await.expect("an agent");
        agent.join().await.expect("an orderly end");
    });
}

fn agent(server: &FakeServer, folder: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "agent_process", "--nocapture"])
        .env(SERVER, server.addr.to_string())
        .env(FOLDER, folder)
        .spawn()
        .expect("a process")
}

async fn until_gone(pid: &str) {
    let gone = async {
        // The process is nobody's child here: nothing tells of its end.
        let stat = format!("/proc/{pid}/stat");
        // The state follows the name, which stands in brackets.
        while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone)
        .await
        .expect("the process is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_agent_leaves_no_script_and_loses_no_result() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = FakeServer::start().await;
    server.answer_reports(false);
    let mut first_life = agent(&server, folder.path());
    let session = server.session().await;
    server.inventory().await;
    let items = vec![
        request(1, "noop", "owed"),
        request(2, "shell", "echo $$; exec sleep 600"),
    ];
    run(&session, items).await;
    assert_eq!(server.end_of(1).await.result, "owed");
    let pid = server
        .lines_of(2, |line| line.parse::<u32>().is_ok())
        .await
        .remove(0);
    first_life.kill().expect("it lives");
    first_life.wait().expect("it ends");
    until_gone(&pid).await;
    server.next(|seen| matches!(seen, Seen::Closed(_))).await;
    server.answer_reports(true);
    let mut second_life = agent(&server, folder.path());
    let inventory = server.inventory().await;
    assert!(inventory.running.is_empty(), "the script is not running");
    let owed: Vec<_> = inventory
        .finished
        .iter()
        .map(|report| report.result.as_str())
        .collect();
    assert_eq!(owed, ["owed"]);
    second_life.kill().expect("it lives");
    second_life.wait().expect("it ends");
}
