//! A second-level job goes on whatever is killed: worker, server, its own definition.

use std::time::Duration;

use powerjob_tests::eventually::eventually;
use powerjob_tests::process::{Api, Cluster, Process};
use powerjob_tests::programs::powerjob;
use serde_json::{Value, json};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(20);
/// A lost worker is noticed after 1.5 s of silence; the rest is for a busy machine.
const TAKE_OVER_MS: i64 = 4_000;

struct Scene {
    cluster: Cluster,
    api: Api,
    app: String,
    secret: String,
    job: String,
    definition: Value,
    _folder: TempDir,
}

impl Scene {
    async fn set() -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut cluster = Cluster::new(folder.path(), &powerjob()).expect("ports");
        cluster.start_server().await.expect("the server starts");
        let api = cluster.sign_in().await.expect("signed in");
        let (app, secret) = api.create_app("faults").await.expect("an application");
        let definition = json!({
            "name": "beats", "processor": "noop", "params": "one",
            "schedule": { "type": "FIXED_RATE", "expression": "20" },
        });
        let job = api.create_job(&app, &definition).await.expect("accepted");
        Self {
            cluster,
            api,
            app,
            secret,
            job,
            definition,
            _folder: folder,
        }
    }

    async fn agent(&self, name: &str) -> Process {
        let agent = self.cluster.start_agent(name, "faults", &self.secret, &[]);
        agent.expect("an agent")
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.api.call("GET", path, &Value::Null).await;
        answer.expect("an answer")
    }

    /// All runs of the job.
    async fn runs(&self) -> Vec<Value> {
        let path = format!("/v1/apps/{}/instances?jobId={}", self.app, self.job);
        let page = self.get(&path).await;
        page["items"].as_array().expect("a list").clone()
    }

    /// The open run, as soon as this worker makes beats that are so.
    async fn until_beats(&self, worker: &str, is_so: impl Fn(&Value) -> bool) -> (Value, Value) {
        let is_so = &is_so;
        eventually("there are beats", LIMIT, || async move {
            let runs = self.runs().await;
            let open = runs.into_iter().find(|run| run["finishedAt"].is_null())?;
            let id = open["id"].as_str()?.to_owned();
            let path = format!("/v1/instances/{id}/beats?limit=200");
            let beats = self.api.call("GET", &path, &Value::Null).await.ok()?;
            let is_here = open["worker"].as_str()?.contains(worker);
            (is_here && beats["isLive"] == true && is_so(&beats)).then_some((open, beats))
        })
        .await
    }
}

fn count(beats: &Value, what: &str) -> u64 {
    beats["counts"][what].as_u64().expect("a number")
}

/// The times of the listed beats.
fn nominals(beats: &Value) -> Vec<i64> {
    let beats = beats["beats"].as_array().expect("a list");
    let nominal = |beat: &Value| beat["nominalAt"].as_i64().expect("an instant");
    beats.iter().map(nominal).collect()
}

#[tokio::test]
async fn another_worker_takes_the_beats_over_and_keeps_the_grid() {
    let scene = Scene::set().await;
    let mut first = scene.agent("w1").await;
    let (run, beats) = scene
        .until_beats("w1", |beats| count(beats, "succeeded") > 20)
        .await;
    let grid = run["nominalAt"].as_i64().expect("an instant");
    let last_ms = nominals(&beats)[0];
    let _second = scene.agent("w2").await;
    scene.api.until_workers(&scene.app, 2).await;
    let (_, beats) = scene.until_beats("w1", |_| true).await;
    let killed_ms = nominals(&beats)[0].max(last_ms);
    first.kill().expect("killed");
    let (again, beats) = scene
        .until_beats("w2", |beats| count(beats, "succeeded") > 20)
        .await;
    assert_eq!(again["id"], run["id"], "it is the same run");
    assert_eq!(again["attempt"], 2);
    assert!(count(&beats, "total") < 200, "the first of them is listed");
    let times = nominals(&beats);
    assert!(times.iter().all(|at| (at - grid) % 20 == 0), "{times:?}");
    let resumed_ms = times.iter().min().expect("there are some");
    let gap_ms = resumed_ms - killed_ms;
    assert!(gap_ms < TAKE_OVER_MS, "no beats for {gap_ms} ms");
    assert_eq!(scene.runs().await.len(), 1);
}

#[tokio::test]
async fn the_beats_go_on_without_a_server_and_an_edit_reaches_them_afterwards() {
    let mut scene = Scene::set().await;
    let _agent = scene.agent("w1").await;
    let (run, before) = scene
        .until_beats("w1", |beats| count(beats, "succeeded") > 20)
        .await;
    scene.cluster.kill_server().expect("killed");
    scene.cluster.start_server().await.expect("it starts again");
    let (again, after) = scene
        .until_beats("w1", |beats| {
            count(beats, "succeeded") > count(&before, "succeeded")
        })
        .await;
    assert_eq!((&again["id"], &again["attempt"]), (&run["id"], &json!(1)));
    assert_eq!(count(&after, "missed"), count(&before, "missed"));
    scene.definition["params"] = json!("two");
    scene.definition["schedule"]["expression"] = json!("35");
    let path = format!("/v1/jobs/{}", scene.job);
    let saved = scene.api.call("PUT", &path, &scene.definition).await;
    saved.expect("saved");
    let is_edited = |beats: &Value| {
        let beats = beats["beats"].as_array().expect("a list");
        beats
            .iter()
            .any(|beat| beat["result"].as_str().is_some_and(|it| it.contains("two")))
    };
    let (edited, _) = scene.until_beats("w1", is_edited).await;
    assert_eq!((&edited["id"], &edited["attempt"]), (&run["id"], &json!(1)));
    let path = format!("/v1/jobs/{}/disable", scene.job);
    let switched = scene.api.call("POST", &path, &Value::Null).await;
    switched.expect("switched off");
    let ended = scene
        .api
        .until_ended(run["id"].as_str().expect("an id"), LIMIT)
        .await;
    assert_eq!(ended["status"], "STOPPED");
    assert_eq!(scene.runs().await.len(), 1);
}

#[tokio::test]
async fn a_worker_that_is_frozen_catches_nothing_up_and_a_new_one_makes_the_beats() {
    let scene = Scene::set().await;
    let first = scene.agent("w1").await;
    scene
        .until_beats("w1", |beats| count(beats, "succeeded") > 5)
        .await;
    let _second = scene.agent("w2").await;
    scene.api.until_workers(&scene.app, 2).await;
    first.signal(rustix::process::Signal::STOP).expect("frozen");
    let (run, _) = scene
        .until_beats("w2", |beats| count(beats, "succeeded") > 5)
        .await;
    first.signal(rustix::process::Signal::CONT).expect("awake");
    scene.api.until_workers(&scene.app, 2).await;
    let path = format!("/v1/instances/{}/beats", run["id"].as_str().expect("an id"));
    let before = count(&scene.get(&path).await, "succeeded");
    let (still, _) = scene
        .until_beats("w2", |beats| count(beats, "succeeded") > before + 50)
        .await;
    assert_eq!(still["attempt"], run["attempt"]);
}
