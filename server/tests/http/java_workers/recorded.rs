//! What official workers sent to the official server, sent to ours: each answer has the shape of the
//! recorded one (`tests/data/java`).

use std::collections::HashMap;

use serde_json::{Value, json};

use super::scene::{Scene, Stub};

const RECORDED: &str = include_str!("../../data/java/recorded.jsonl");

#[actix_web::test]
async fn recorded_requests_get_answers_of_the_recorded_shape() {
    let scene = Scene::start().await;
    let mut replay = Replay::new(&scene).await;
    let mut faults = Vec::new();
    for line in RECORDED.lines() {
        let exchange: Value = serde_json::from_str(line).expect("JSON");
        let answer = replay.answer(&exchange).await;
        let (wanted, found) = (shape(&exchange["response"]), shape(&answer.1));
        if exchange["status"] != answer.0 || wanted != found {
            faults.push(format!(
                "{} {}: {} {found}, not {wanted}",
                exchange["file"], exchange["seq"], answer.0
            ));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
    replay.stop().await;
}

/// Our own ids and addresses in the place of the recorded ones.
struct Replay<'a> {
    scene: &'a Scene,
    job: i64,
    stubs: HashMap<String, Stub>,
    /// Runs by scenario and recorded id.
    runs: HashMap<(String, i64), i64>,
}

impl<'a> Replay<'a> {
    async fn new(scene: &'a Scene) -> Self {
        let job = scene.job(&json!({ "maxInstances": 0 })).await;
        Self {
            scene,
            job,
            stubs: HashMap::new(),
            runs: HashMap::new(),
        }
    }

    async fn answer(&mut self, exchange: &Value) -> (u16, Value) {
        let path = exchange["path"].as_str().expect("a path");
        let answer = if exchange["method"] == "GET" {
            let query = exchange["query"].as_str().expect("a query");
            let query = self.own_query(query);
            let url = format!("{}{path}?{query}", self.scene.web);
            self.scene.client.get(url).send().await.expect("an answer")
        } else {
            let body = self.translate(exchange).await;
            self.scene.post(path, body.to_string()).await
        };
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// The recorded owner is none of ours.
    fn own_query(&self, query: &str) -> String {
        let own = |part: &str| match part.split_once('=') {
            Some(("currentServer", _)) => None,
            Some(("appId", _)) => Some(format!("appId={}", self.scene.app)),
            _ => Some(part.replace("cap-app", "demo")),
        };
        query
            .split('&')
            .filter_map(own)
            .collect::<Vec<_>>()
            .join("&")
    }

    async fn translate(&mut self, exchange: &Value) -> Value {
        let mut body = exchange["request"].clone();
        let file = exchange["file"].as_str().expect("a name").to_owned();
        for key in ["appId", "jobId"] {
            if body[key].is_number() {
                body[key] = json!(if key == "appId" {
                    self.scene.app
                } else {
                    self.job
                });
            }
        }
        for key in ["workerAddress", "sourceAddress"] {
            if let Some(recorded) = body[key].as_str().map(str::to_owned) {
                body[key] = json!(self.stub(&recorded).await);
            }
        }
        if let (Some(id), Some(source)) =
            (body["instanceId"].as_i64(), body["sourceAddress"].as_str())
        {
            let source = source.to_owned();
            body["instanceId"] = json!(self.run_at((file, id), &source).await);
        }
        body
    }

    /// The address of the stub for a recorded worker, which comes in when it is first heard of.
    async fn stub(&mut self, recorded: &str) -> String {
        if !self.stubs.contains_key(recorded) {
            let stub = Stub::start();
            stub.enter(self.scene).await;
            self.stubs.insert(recorded.to_owned(), stub);
        }
        self.stubs[recorded].address.clone()
    }

    /// A run at the worker that reports about it.
    async fn run_at(&mut self, recorded: (String, i64), worker: &str) -> i64 {
        if let Some(run) = self.runs.get(&recorded) {
            return *run;
        }
        let body = json!({ "worker": worker });
        let run = self
            .scene
            .v1("POST", &format!("/jobs/{}/runs", self.job), &body)
            .await;
        let run = run["instanceId"]
            .as_str()
            .expect("an id")
            .parse()
            .expect("a number");
        self.runs.insert(recorded, run);
        run
    }

    async fn stop(self) {
        for stub in self.stubs.into_values() {
            stub.stop().await;
        }
    }
}

/// Keys and kinds of values.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), shape(value)))
            .collect(),
        Value::Null => Value::Null,
        Value::Bool(flag) => json!(flag),
        Value::Number(_) => json!("number"),
        Value::String(_) => json!("text"),
        Value::Array(items) => items.first().map_or(json!([]), |item| json!([shape(item)])),
    }
}
