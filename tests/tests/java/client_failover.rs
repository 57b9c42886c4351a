//! The official client over two servers of which one dies (spec 06 section 10.3).

use std::path::Path;

use powerjob_tests::eventually::eventually;
use powerjob_tests::process::Process;
use serde_json::{Value, json};

use crate::faults::owner_of;
use crate::scene::{APP, LIMIT, Pair};

const PASSWORD: &str = "password of the app";
/// Runs that are asked for before the server dies, and after it.
const RUNS: usize = 5;

/// Ids of the instances that the client was promised.
fn runs_of(log: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let runs = text.lines().filter_map(|line| line.strip_prefix("RUN "));
    runs.map(str::to_owned).collect()
}

async fn until_runs(log: &Path, count: usize) -> Vec<String> {
    eventually("the client has its runs", LIMIT, || async {
        let runs = runs_of(log);
        (runs.len() >= count).then_some(runs)
    })
    .await
}

/// The token of the dead server counts on the other one, and no promised run is lost.
#[tokio::test]
async fn the_client_goes_on_with_the_server_that_is_left() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let (mut servers, api, app) = (pair.servers, pair.api, pair.app);
    let path = format!("/v1/apps/{app}/client-password");
    api.call("POST", &path, &json!({ "password": PASSWORD }))
        .await
        .expect("it has a password");
    let job = json!({ "name": "a job", "processor": "greet", "schedule": { "type": "API" } });
    let job = api.create_job(&app, &job).await.expect("a job");

    let owner = owner_of(&servers, &app).await;
    // The one that will die is asked first.
    let both = format!("{},{}", servers[owner].http, servers[1 - owner].http);
    let home = pair.folder.path().join("client");
    std::fs::create_dir_all(&home).expect("a folder");
    let log = home.join("client.log");
    let mut command = pair.artefacts.java("ClientLoop", &home);
    command.args([both.as_str(), APP, PASSWORD, job.as_str()]);
    let _client = Process::start(&mut command, &log).expect("a JVM");
    until_runs(&log, RUNS).await;

    servers[owner].kill_server().expect("it is killed");
    let before = runs_of(&log).len();
    let promised = until_runs(&log, before + RUNS).await;
    let left = servers[1 - owner].sign_in().await.expect("signed in");
    for id in promised {
        let path = format!("/v1/instances/{id}");
        let found = left.call("GET", &path, &Value::Null).await;
        let found = found.unwrap_or_else(|error| panic!("run {id} is lost: {error}"));
        assert_eq!(found["jobId"], *job);
    }
}
