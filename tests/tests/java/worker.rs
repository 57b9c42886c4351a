//! The official worker as a peer of our server.

use std::time::Duration;

use futures_util::future::join_all;
use powerjob_tests::java::{LATEST, WorkerPlan};
use serde_json::{Value, json};

use crate::cases::{Case, Wanted, shared, standalone};
use crate::scene::{APP, LIMIT, Scene};

/// Official map-reduce runs may hang for ever (spec 05 section 5.3, surprise 1 of the captures): such a
/// run is stopped and tried again.
const PATIENCE: Duration = Duration::from_secs(60);
const TRIES: usize = 3;

#[tokio::test]
async fn two_workers_of_the_latest_version_pass_all_cases() {
    let Some(scene) = Scene::with_workers(LATEST, &["tagA", "tagB,tagC"]).await else {
        return;
    };
    shows_its_workers(&scene).await;
    let mut cases = standalone();
    cases.extend(shared());
    pass(&scene, &cases).await;
    tokio::join!(
        lines_arrive_in_order(&scene),
        levels_are_kept(&scene),
        a_running_run_is_stopped(&scene),
        a_failed_run_is_tried_again(&scene),
        schedules_beat(&scene),
        a_run_goes_where_it_is_sent(&scene),
    );
}

#[tokio::test]
async fn a_worker_of_5_1_0_passes_the_cases() {
    version_passes("5.1.0").await;
}

#[tokio::test]
async fn a_worker_of_4_3_9_passes_the_cases() {
    version_passes("4.3.9").await;
}

async fn version_passes(version: &str) {
    let Some(scene) = Scene::with_workers(version, &["tagA"]).await else {
        return;
    };
    pass(&scene, &standalone()).await;
    lines_arrive_in_order(&scene).await;
}

/// Spec 05 cases C02 and C07: what stops a start is said in words.
#[tokio::test]
async fn a_worker_that_cannot_work_here_is_told_why() {
    let Some(scene) = Scene::without_workers(LATEST).await else {
        return;
    };
    let plan = |app, protocol| WorkerPlan {
        servers: &scene.cluster.http,
        app,
        protocol,
        tag: "",
    };
    let unknown = scene.spawn("unknown", &plan("no-such-app", "HTTP"));
    let akka = scene.spawn("akka", &plan(APP, "AKKA"));
    let said = unknown.until_said(&["READY", "FAILED"]).await;
    assert!(
        said.contains("app(no-such-app) is not registered!"),
        "{said}"
    );
    // It does not print the answer that it got: our own log repeats it.
    let said = akka.until_said(&["READY", "FAILED"]).await;
    assert!(said.contains("can't find any available server"), "{said}");
    let log = scene.cluster.folder.join("server.log");
    let log = std::fs::read_to_string(log).expect("its log");
    assert!(log.contains("powerjob.worker.protocol=http"), "{log}");
}

/// Runs all cases at once; tells all that failed.
pub(crate) async fn pass(scene: &Scene, cases: &[Case]) {
    let names: Vec<&str> = scene
        .workers
        .iter()
        .map(|worker| port_of(&worker.address))
        .collect();
    let faults = join_all(cases.iter().map(|case| fault_of(scene, case, &names))).await;
    let faults: Vec<String> = faults.into_iter().flatten().collect();
    assert!(
        faults.is_empty(),
        "{} of {}:\n{}",
        faults.len(),
        cases.len(),
        faults.join("\n")
    );
}

async fn fault_of(scene: &Scene, case: &Case, names: &[&str]) -> Option<String> {
    let named = |text: &str| {
        let places = names.iter().enumerate();
        places.fold(text.to_owned(), |text, (place, name)| {
            text.replace(&format!("{{{place}}}"), name)
        })
    };
    let fields: Value = serde_json::from_str(&named(&case.job.to_string())).expect("JSON");
    let job = scene.job(case.name, &fields).await;
    let ended = run_to_its_end(scene, &job, case).await;
    let (status, result) = (
        &ended["status"],
        ended["fullResult"].as_str().unwrap_or_default(),
    );
    let is_wanted = match &case.result {
        Wanted::Exactly(text) => {
            let mut wanted = vec![named(text)];
            // Both workers may stand in either order.
            wanted.push(
                text.replace("{0}", names.get(1).unwrap_or(&""))
                    .replace("{1}", names[0]),
            );
            wanted.iter().any(|wanted| wanted == result)
        }
        Wanted::Contains(text) => result.contains(&named(text)),
        Wanted::LongerThan(length) => result.len() > *length,
    };
    (*status != case.status || !is_wanted).then(|| format!("{}: {status} {result:?}", case.name))
}

async fn run_to_its_end(scene: &Scene, job: &str, case: &Case) -> Value {
    let is_spread = case.job["executeType"].is_string();
    for _ in 1..TRIES {
        let id = scene.api.run(job, case.params).await.expect("it is run");
        if !is_spread {
            return scene.api.until_ended(&id, LIMIT).await;
        }
        let ended = scene.api.until_ended(&id, LIMIT);
        if let Ok(ended) = tokio::time::timeout(PATIENCE, ended).await {
            return ended;
        }
        let path = format!("/v1/instances/{id}/stop");
        scene
            .api
            .call("POST", &path, &Value::Null)
            .await
            .expect("it is stopped");
    }
    let id = scene.api.run(job, case.params).await.expect("it is run");
    scene.api.until_ended(&id, LIMIT).await
}

fn port_of(address: &str) -> &str {
    address.rsplit_once(':').expect("host and port").1
}

/// Spec 05 section 3.1: what a heartbeat says is shown.
async fn shows_its_workers(scene: &Scene) {
    let shown = scene.shown_workers().await;
    for (worker, tags) in scene
        .workers
        .iter()
        .zip([json!(["tagA"]), json!(["tagB", "tagC"])])
    {
        let found = shown
            .iter()
            .find(|shown| shown["address"] == *worker.address);
        let found = found.unwrap_or_else(|| panic!("{} is missing in {shown:?}", worker.address));
        assert_eq!(found["tags"], tags);
        assert_eq!(found["protocol"], "http");
        assert_eq!(
            found["software"],
            format!("powerjob-worker (Java) {LATEST}")
        );
        assert!(
            found["memoryTotalBytes"].as_u64() > Some(1 << 20),
            "{found}"
        );
        assert!(found["cpuCores"].as_f64() >= Some(1.0), "{found}");
    }
}

/// Spec 05 section 3.3: batches of 20, several at once. Lines of one millisecond may change places.
async fn lines_arrive_in_order(scene: &Scene) {
    let job = scene
        .job(
            "05-3.3 lines",
            &json!({ "processor": "powerjob.tests.Basic" }),
        )
        .await;
    let id = scene.api.run(&job, "log 48").await.expect("it is run");
    scene.until_status(&id, "SUCCEED").await;
    let lines = scene.until_lines(&id, 48).await;
    assert!(
        lines.is_sorted_by_key(|line| line["at"].as_i64()),
        "{lines:?}"
    );
    for number in 0..48 {
        let text = format!("line {number}");
        let count = lines.iter().filter(|line| line["text"] == *text).count();
        assert_eq!(count, 1, "{text} in {lines:?}");
    }
}

async fn levels_are_kept(scene: &Scene) {
    let fields = json!({ "processor": "powerjob.tests.Basic", "logLevel": "DEBUG" });
    let job = scene.job("05-3.3 levels", &fields).await;
    let id = scene.api.run(&job, "levels").await.expect("it is run");
    let lines = scene.until_lines(&id, 4).await;
    for (level, text) in [
        ("DEBUG", "a debug line"),
        ("INFO", "an info line"),
        ("WARN", "a warn line"),
    ] {
        let found = lines
            .iter()
            .any(|line| line["level"] == level && line["text"] == text);
        assert!(found, "{level} in {lines:?}");
    }
    let is_error = |line: &&Value| line["level"] == "ERROR";
    let error = lines.iter().find(is_error).expect("an error");
    assert!(
        error["text"]
            .as_str()
            .unwrap_or_default()
            .contains("with a stack"),
        "{error}"
    );
}

/// Spec 05 case E04.
async fn a_running_run_is_stopped(scene: &Scene) {
    let fields = json!({ "processor": "powerjob.tests.Basic" });
    let job = scene.job("05-4.2 stop", &fields).await;
    let id = scene
        .api
        .run(&job, "sleep 600000")
        .await
        .expect("it is run");
    scene.until_status(&id, "RUNNING").await;
    let path = format!("/v1/instances/{id}/stop");
    scene
        .api
        .call("POST", &path, &Value::Null)
        .await
        .expect("it is stopped");
    let stopped = scene.until_status(&id, "STOPPED").await;
    assert_eq!(stopped["fullResult"], "stopped by user");
}

/// Spec 05 section 3.2 and 01 section 5: a failed run is given out again, with its own attempt.
async fn a_failed_run_is_tried_again(scene: &Scene) {
    let fields = json!({
        "processor": "powerjob.tests.Basic", "instanceRetries": 1,
        "retry": { "backOff": "FIXED", "delayMs": 1000 },
    });
    let job = scene.job("01-5 retry", &fields).await;
    let id = scene.api.run(&job, "fail always").await.expect("it is run");
    let ended = scene.api.until_ended(&id, LIMIT).await;
    assert_eq!(
        (&ended["status"], &ended["attempt"]),
        (&json!("FAILED"), &json!(2)),
        "{ended}"
    );
    assert_eq!(
        ended["attempts"].as_array().map(Vec::len),
        Some(2),
        "{ended}"
    );
}

/// Each beat of a second-level job is a run of its own.
async fn schedules_beat(scene: &Scene) {
    for (kind, expression) in [
        ("FIXED_RATE", "1000"),
        ("FIXED_DELAY", "1000"),
        ("CRON", "* * * * * ?"),
    ] {
        let fields = json!({
            "processor": "powerjob.tests.Basic", "params": "beat",
            "schedule": { "type": kind, "expression": expression },
        });
        let job = scene.job(&format!("05-4.1 {kind}"), &fields).await;
        let path = format!(
            "/v1/apps/{}/instances?jobId={job}&status=SUCCEED",
            scene.app
        );
        powerjob_tests::eventually::eventually(&format!("{kind} beats"), LIMIT, || async {
            let page = scene.api.call("GET", &path, &Value::Null).await.ok()?;
            (page["items"].as_array()?.len() >= 3).then_some(())
        })
        .await;
        let path = format!("/v1/jobs/{job}/disable");
        scene
            .api
            .call("POST", &path, &Value::Null)
            .await
            .expect("it is switched off");
    }
}

/// Spec 01 section 4.4: a job that designates a worker by its address goes there.
async fn a_run_goes_where_it_is_sent(scene: &Scene) {
    for worker in &scene.workers {
        let fields = json!({
            "processor": "powerjob.tests.Basic", "designatedWorkers": worker.address,
        });
        let job = scene
            .job(&format!("01-4.4 at {}", worker.address), &fields)
            .await;
        let id = scene.api.run(&job, "context").await.expect("it is run");
        let ended = scene.api.until_ended(&id, LIMIT).await;
        let result = ended["fullResult"].as_str().unwrap_or_default();
        let wanted = format!("user=context of {}", port_of(&worker.address));
        assert!(result.ends_with(&wanted), "{ended}");
    }
}
