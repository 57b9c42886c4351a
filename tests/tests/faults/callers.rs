//! People and programs that call runs without pause while everything is disturbed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use powerjob_tests::process::Api;
use powerjob_tests::team::LIMIT;
use tokio::task::JoinHandle;

const PACE: Duration = Duration::from_millis(20);
/// Fewer accepted calls than this prove nothing.
const LEAST: usize = 20;

/// Calls jobs in turn, of servers in turn, whether these answer or not.
pub(crate) struct Callers {
    task: JoinHandle<Vec<String>>,
    stop: Arc<AtomicBool>,
}

impl Callers {
    pub(crate) fn start(servers: Vec<Api>, jobs: Vec<String>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = stop.clone();
        let task = tokio::spawn(async move {
            let mut accepted = Vec::new();
            for turn in 0.. {
                if is_over.load(Relaxed) {
                    break;
                }
                let (api, job) = (
                    &servers[turn % servers.len()],
                    &jobs[turn / servers.len() % jobs.len()],
                );
                match api.run(job, "").await {
                    Ok(instance) => accepted.push(instance),
                    Err(_) => tokio::time::sleep(PACE).await, // allow-sleep: pace
                }
            }
            accepted
        });
        Self { task, stop }
    }

    /// Ends the calling; the runs that were accepted.
    pub(crate) async fn stop(self) -> Vec<String> {
        self.stop.store(true, Relaxed);
        let accepted = self.task.await.expect("the calls end");
        let count = accepted.len();
        assert!(count > LEAST, "only {count} runs were accepted");
        accepted
    }
}

/// Waits until each of these runs has succeeded.
pub(crate) async fn all_succeed(api: &Api, accepted: &[String]) {
    for instance in accepted {
        let ended = api.until_ended(instance, LIMIT).await;
        assert_eq!(ended["status"], "SUCCEED", "{ended}");
    }
}
