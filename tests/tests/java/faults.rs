//! Official workers and our servers are killed.

use std::time::Duration;

use powerjob_tests::eventually::eventually;
use powerjob_tests::java::{JavaWorker, LATEST, WorkerPlan};
use powerjob_tests::process::{Api, Cluster};
use serde_json::{Value, json};

use crate::scene::{APP, LIMIT, Pair, Scene};

/// A dead worker is noticed after 60 s; then its runs go elsewhere.
const LOSS_LIMIT: Duration = Duration::from_secs(180);

#[tokio::test]
async fn runs_survive_the_server_and_go_elsewhere_when_their_worker_dies() {
    let Some(mut scene) = Scene::with_workers(LATEST, &["tagA", "tagB"]).await else {
        return;
    };
    let job = |designated: &str, retries: u32| {
        json!({
            "processor": "powerjob.tests.Basic", "designatedWorkers": designated,
            "instanceRetries": retries, "retry": { "backOff": "FIXED", "delayMs": 100 },
        })
    };
    let elsewhere = scene.job("elsewhere", &job("", 1)).await;
    let elsewhere = scene
        .api
        .run(&elsewhere, "sleep 50000")
        .await
        .expect("it is run");
    let running = scene.until_status(&elsewhere, "RUNNING").await;
    let is_first = running["worker"] == *scene.workers[0].address;
    let (doomed, other) = if is_first { (0, 1) } else { (1, 0) };
    let goes_on = scene
        .job("goes on", &job(&scene.workers[other].address, 0))
        .await;
    let goes_on = scene
        .api
        .run(&goes_on, "sleep 25000")
        .await
        .expect("it is run");
    let lost = scene
        .job("lost", &job(&scene.workers[doomed].address, 0))
        .await;
    let lost = scene
        .api
        .run(&lost, "sleep 600000")
        .await
        .expect("it is run");
    scene.until_status(&goes_on, "RUNNING").await;
    scene.until_status(&lost, "RUNNING").await;

    scene.cluster.kill_server().expect("it is killed");
    scene.cluster.start_server().await.expect("it starts again");
    scene.api = scene.cluster.sign_in().await.expect("signed in");
    scene.workers[doomed]
        .process
        .kill()
        .expect("the worker is killed");
    let ended = scene.api.until_ended(&goes_on, LIMIT).await;
    assert_eq!(
        (&ended["status"], &ended["attempt"]),
        (&json!("SUCCEED"), &json!(1)),
        "{ended}"
    );

    let ended = scene.api.until_ended(&lost, LOSS_LIMIT).await;
    assert_eq!(ended["status"], "FAILED", "{ended}");
    let why = ended["fullResult"].as_str().unwrap_or_default();
    // A start is stored a second after it is known: the server that was killed may have taken it along.
    // Then the run looks as if the worker had never had it, and nobody else may.
    let is_known = ["worker lost: ", "no worker available: "];
    assert!(is_known.iter().any(|known| why.starts_with(known)), "{why}");
    let ended = scene.api.until_ended(&elsewhere, LOSS_LIMIT).await;
    assert_eq!(
        (&ended["status"], &ended["attempt"]),
        (&json!("SUCCEED"), &json!(2)),
        "{ended}"
    );
}

/// Two servers over one database: the worker finds the one that lives, with the run that it has.
#[tokio::test]
async fn a_worker_finds_the_server_that_is_left() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let (mut servers, api, app) = (pair.servers, pair.api, pair.app);
    let both = format!("{},{}", servers[0].http, servers[1].http);
    let plan = WorkerPlan {
        servers: &both,
        app: APP,
        protocol: "HTTP",
        tag: "",
    };
    let worker =
        JavaWorker::spawn(&pair.artefacts, pair.folder.path(), "java", &plan).expect("a JVM");
    worker.until_ready().await;
    let job = json!({
        "name": "a job", "processor": "powerjob.tests.Basic", "schedule": { "type": "API" },
    });
    api.until_workers(&app, 1).await;
    let job = api.create_job(&app, &job).await.expect("a job");
    let first = api.run(&job, "before").await.expect("it is run");
    assert_eq!(api.until_ended(&first, LIMIT).await["fullResult"], "before");
    let under_way = api.run(&job, "sleep 20000").await.expect("it is run");
    until_running(&api, &under_way).await;

    let owner = owner_of(&servers, &app).await;
    servers[owner].kill_server().expect("it is killed");
    let left = servers[1 - owner].sign_in().await.expect("signed in");
    let ended = left.until_ended(&under_way, LIMIT).await;
    assert_eq!(
        (&ended["status"], &ended["attempt"]),
        (&json!("SUCCEED"), &json!(1)),
        "{ended}"
    );
    left.until_workers(&app, 1).await;
    let after = left.run(&job, "after").await.expect("it is run");
    assert_eq!(left.until_ended(&after, LIMIT).await["fullResult"], "after");
}

async fn until_running(api: &Api, id: &str) {
    eventually("the run is running", LIMIT, || async {
        let path = format!("/v1/instances/{id}");
        let instance = api.call("GET", &path, &Value::Null).await.ok()?;
        (instance["status"] == "RUNNING").then_some(())
    })
    .await;
}

/// The place of the server that has the application.
pub(crate) async fn owner_of(servers: &[Cluster], app: &str) -> usize {
    eventually("somebody owns it", LIMIT, || async {
        for (place, server) in servers.iter().enumerate() {
            let api = server.sign_in().await.ok()?;
            let status = api.call("GET", "/v1/server", &Value::Null).await.ok()?;
            if status["apps"]
                .as_array()?
                .iter()
                .any(|owned| owned["id"] == *app)
            {
                return Some(place);
            }
        }
        None
    })
    .await
}
