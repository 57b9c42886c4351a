//! Traffic of the reference, recorded and sent again to a real server: each request gets an answer
//! of equal shape. What differs on purpose is listed with its reason.

use std::collections::BTreeMap;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use powerjob_common::id::AppId;
use powerjob_common::secret::Secret;
use powerjob_common::time::UnixMillis;
use powerjob_databases::{DatabaseServer, Kind};
use powerjob_server::http::HttpConfig;
use powerjob_server::http::exact_name::AUTH_PASSED;
use powerjob_server::service::app_password;
use powerjob_server::store::reference::app::AppFacts;
use serde::Deserialize;
use serde_json::{Value, json};

use super::shape::{Ids, differences, kind_of, learn, with_our_ids};
use crate::real::Server;
use crate::support::{Answer, PASSWORD};

const APP_PASSWORD: &str = "pw123456";

/// A recorded exchange.
#[derive(Debug, Deserialize)]
struct Exchange {
    seq: u32,
    /// When, epoch seconds.
    t: f64,
    method: String,
    path: String,
    query: Option<String>,
    headers: BTreeMap<String, Value>,
    request_body: Value,
    response_body: Value,
    status: u16,
    passed: Option<String>,
}

fn recorded(name: &str) -> Vec<Exchange> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/captures");
    let text = std::fs::read_to_string(format!("{folder}/{name}.jsonl")).expect("a recording");
    let lines = text.lines().map(serde_json::from_str);
    lines.map(|line| line.expect("an exchange")).collect()
}

/// Exchanges that are answered otherwise, with the reason.
type Exceptions = &'static [(&'static [u32], &'static str)];

struct Replay {
    server: Server,
    token: String,
    ids: Ids,
    /// Tokens of applications by the recorded id of theirs.
    app_tokens: BTreeMap<i64, String>,
    /// Tokens of people by the recorded ones.
    person_tokens: BTreeMap<String, String>,
    /// The token of the administrator, as the console has it.
    admin: String,
}

impl Replay {
    /// Nothing where this database is not installed.
    async fn start(database: Database, openapi_auth: bool) -> Option<Self> {
        let url = match database {
            Database::File => None,
            Database::Postgres => {
                let server = DatabaseServer::shared(Kind::Postgres)?;
                Some(server.fresh().await.expect("a database"))
            }
        };
        let config = HttpConfig {
            openapi_auth,
            registration: true,
            ..HttpConfig::default()
        };
        let server = Server::start_on(url, config).await;
        let token = server.sign_in().await;
        Some(Self {
            server,
            token,
            ids: Ids::new(),
            app_tokens: BTreeMap::new(),
            person_tokens: BTreeMap::new(),
            admin: String::new(),
        })
    }

    /// An application that the recording takes for granted.
    async fn app(&mut self, recorded: i64, name: &str) -> i64 {
        let body = json!({"name": name});
        let app = self.server.post(&self.token, "/v1/apps", body).await;
        let id = app["app"]["id"].as_str().expect("an id").to_owned();
        let store = &self.server.handles.store;
        let password = Secret::new(APP_PASSWORD.to_owned());
        let facts = AppFacts {
            title: None,
            password: app_password::seal(&password).expect("sealed"),
            tags: None,
            extra: None,
            namespace_id: store.default_namespace().await.expect("a namespace"),
            modifier: None,
        };
        let app_id = AppId(id.parse().expect("an id"));
        store.set_app_facts(app_id, facts).await.expect("stored");
        let admit = json!({
            "appName": name, "encryptedPassword": APP_PASSWORD, "encryptType": "none",
        });
        let request = TestRequest::post().uri("/openApi/authApp").set_json(admit);
        let admitted = self.server.answer(request).await.json();
        let token = admitted["data"]["token"].as_str().expect("a token");
        self.app_tokens.insert(recorded, token.to_owned());
        self.ids.insert(("app", recorded.to_string()), id);
        app_id.0
    }

    async fn job(&mut self, recorded: i64, app: i64, name: &str) -> String {
        let body = json!({
            "name": name, "processor": "bench.Noop", "schedule": {"type": "API"},
            "description": name, "params": "{}",
        });
        let path = format!("/v1/apps/{app}/jobs");
        let job = self.server.post(&self.token, &path, body).await;
        let id = job["id"].as_str().expect("an id").to_owned();
        self.ids.insert(("job", recorded.to_string()), id.clone());
        id
    }

    /// An ended instance.
    async fn ended(&mut self, recorded: i64, job: &str) {
        let path = format!("/v1/jobs/{job}/runs");
        let run = self.server.post(&self.token, &path, json!({})).await;
        let id = run["instanceId"].as_str().expect("an id").to_owned();
        let path = format!("/v1/instances/{id}/stop");
        self.server.post(&self.token, &path, Value::Null).await;
        self.ids.insert(("instance", recorded.to_string()), id);
    }

    async fn play(&mut self, name: &str, exceptions: Exceptions) {
        let mut wrong = Vec::new();
        for exchange in recorded(name) {
            let is_skipped = SKIPPED
                .iter()
                .any(|(file, seqs)| *file == name && seqs.contains(&exchange.seq));
            if is_skipped {
                continue;
            }
            let answer = self.send(&exchange).await;
            let reason = exceptions
                .iter()
                .find(|(seqs, _)| seqs.contains(&exchange.seq));
            let found = judge(&exchange, &answer);
            let place = format!("{name} {} {}", exchange.seq, exchange.path);
            match reason {
                None if !found.is_empty() => wrong.push(format!("{place}: {}", found.join("; "))),
                Some((_, why)) if found.is_empty() => {
                    wrong.push(format!("{place} is as recorded, although: {why}"));
                }
                _ => {}
            }
            let token = |answer: &Value| answer["data"]["jwtToken"].as_str().map(str::to_owned);
            let (theirs, ours) = (token(&exchange.response_body), token(&answer.json()));
            self.person_tokens.extend(theirs.zip(ours));
            learn(
                &mut self.ids,
                &exchange.path,
                &exchange.response_body,
                &answer.json(),
            );
        }
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    }

    async fn send(&self, exchange: &Exchange) -> Answer {
        let now = self.server.handles.clock.now();
        let query = exchange.query.as_deref().unwrap_or_default();
        let path = format!("{}?{}", exchange.path, self.form(&exchange.path, query));
        let method = Method::from_bytes(exchange.method.as_bytes()).expect("a method");
        let mut request = TestRequest::with_uri(&path).method(method);
        for (name, value) in &exchange.headers {
            if let Some(value) = value.as_str() {
                request = request.insert_header((name.as_str(), self.header(name, value)));
            }
        }
        let body = match &exchange.request_body {
            Value::Null => None,
            Value::String(text) if text.starts_with('{') => Some(text.clone()),
            Value::String(form) => Some(self.form(&exchange.path, form)),
            json => {
                let ours = with_our_ids(&self.ids, &exchange.path, "", json);
                Some(with_long_passwords(&in_our_time(&ours, exchange.t, now)))
            }
        };
        if let Some(body) = body {
            request = request.set_payload(body);
        }
        self.server.answer(request).await
    }

    fn form(&self, path: &str, text: &str) -> String {
        let pairs = text.split('&').map(|pair| {
            let Some((key, value)) = pair.split_once('=') else {
                return pair.to_owned();
            };
            let known = kind_of(path, key).map(|kind| (kind, value.to_owned()));
            let ours = known.and_then(|known| self.ids.get(&known));
            format!("{key}={}", ours.map_or(value, String::as_str))
        });
        pairs.collect::<Vec<_>>().join("&")
    }

    fn header(&self, name: &str, value: &str) -> String {
        if name.eq_ignore_ascii_case("X-POWERJOB-ACCESS-TOKEN") {
            let app = app_of_token(value);
            let ours = app.and_then(|app| self.app_tokens.get(&app));
            return ours.map_or(value, String::as_str).to_owned();
        }
        if name.eq_ignore_ascii_case("PowerJwt") || name.eq_ignore_ascii_case("Power_jwt") {
            return match self.person_tokens.get(value) {
                Some(ours) => ours.clone(),
                None if is_of_admin(value) => self.admin.clone(),
                None => value.to_owned(),
            };
        }
        let kind = kind_of("", name).or_else(|| kind_of("", &name.to_uppercase()));
        let ours = kind.and_then(|kind| self.ids.get(&(kind, value.to_owned())));
        ours.map_or(value, String::as_str).to_owned()
    }
}

/// Passwords of less than eight characters are refused here.
fn with_long_passwords(body: &Value) -> String {
    let mut text = body.to_string();
    for (short, long) in [
        ("powerjob_admin", PASSWORD),
        ("pwd123", "pwd123 pwd123"),
        ("\"new\"", "\"new password\""),
        ("\\\"new\\\"", "\\\"new password\\\""),
    ] {
        text = text.replace(short, long);
    }
    text
}

fn payload_of(token: &str) -> Option<Value> {
    use base64::Engine;
    let payload = token.split('.').nth(1)?;
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload);
    serde_json::from_slice(&payload.ok()?).ok()
}

fn is_of_admin(token: &str) -> bool {
    payload_of(token).is_some_and(|payload| payload["username"] == "PWJB_ADMIN")
}

/// The application that a recorded token is of; `None` for one that was damaged on purpose.
fn app_of_token(token: &str) -> Option<i64> {
    let payload = payload_of(token)?;
    payload["appId"]
        .as_i64()
        .filter(|_| !token.ends_with("abc"))
}

/// Spans of time that were ahead when they were recorded are ahead now.
fn in_our_time(value: &Value, recorded_at: f64, now: UnixMillis) -> Value {
    let late = now.0 - (recorded_at * 1_000.0) as i64;
    let mut value = value.clone();
    if let Some(span) = value.get_mut("lifeCycle") {
        for name in ["start", "end"] {
            if let Some(at) = span[name].as_i64() {
                span[name] = (at + late).into();
            }
        }
    }
    value
}

fn judge(exchange: &Exchange, answer: &Answer) -> Vec<String> {
    let mut found = differences(&exchange.response_body, &answer.json());
    if answer.status.as_u16() != exchange.status {
        found.push(format!("status {}", answer.status));
    }
    let passed = answer.header(AUTH_PASSED.as_str());
    if exchange.passed.as_deref().unwrap_or_default() != passed {
        found.push(format!("passed: {:?}, here {passed:?}", exchange.passed));
    }
    found
}

const NO_ENGINE: &str = "workflows do not run yet: refused with that reason";
const NO_WORKER: &str = "no worker runs here: instances wait, and end only when stopped";
const HELD_FAST: &str = "refused: a hole of spec 06 section 16 is closed";
const PASSED_AT_ONCE: &str =
    "the header comes on these paths too, so that the client proves itself half as often";
const CLEARER: &str =
    "what the reference stumbles over is refused in clear words, or taken from the token";
const FORM_WITH_CHARSET: &str = "a form that names its charset is read as well";
const ENDED_IS_ENDED: &str =
    "the instance is stopped by hand here, so it waits again at once after the retry before";

/// Where the server keeps what it knows.
#[derive(Debug, Clone, Copy)]
enum Database {
    File,
    Postgres,
}

macro_rules! on {
    ($database:ident $group:ident: $($test:ident)*) => {
        mod $group {
            $(#[actix_web::test]
            async fn $test() {
                super::$test(super::Database::$database).await;
            })*
        }
    };
}

/// What is played on each database.
macro_rules! on_each {
    ($($test:ident)*) => {
        on! { File sqlite: $($test)* }
        on! { Postgres postgres: $($test)* }
    };
}

on_each! {
    the_java_client_without_tokens
    the_java_client_with_tokens
    raw_calls_without_tokens
    raw_calls_with_tokens
    tokens_that_do_not_fit
    the_console
}

/// Spec 06 case 87, enforcement off.
async fn the_java_client_without_tokens(database: Database) {
    let Some(mut replay) = Replay::start(database, false).await else {
        return;
    };
    let app = replay.app(11, "cap-app").await;
    let other = replay.app(86, "app-other").await;
    replay.job(14, app, "noop").await;
    replay.job(88, other, "foreign").await;
    replay.play("o01-java-client", CLIENT).await;
}

/// Spec 06 case 87, enforcement on.
async fn the_java_client_with_tokens(database: Database) {
    let Some(mut replay) = Replay::start(database, true).await else {
        return;
    };
    let app = replay.app(1, "cap-app").await;
    let other = replay.app(2, "app-other").await;
    replay.job(1, app, "noop").await;
    replay.job(15, other, "foreign").await;
    replay
        .play("o03-java-client-tokens-enforced", CLIENT_WITH_TOKENS)
        .await;
}

async fn raw_calls_without_tokens(database: Database) {
    let Some(mut replay) = Replay::start(database, false).await else {
        return;
    };
    let app = replay.app(11, "cap-app").await;
    let job = replay.job(14, app, "noop").await;
    replay.ended(1_004_359_184_172_449_920, &job).await;
    replay.play("o02-openapi-raw-and-probes", RAW).await;
}

async fn raw_calls_with_tokens(database: Database) {
    let Some(mut replay) = Replay::start(database, true).await else {
        return;
    };
    let app = replay.app(1, "cap-app").await;
    let job = replay.job(1, app, "noop").await;
    replay.ended(1_004_362_701_108_936_768, &job).await;
    replay
        .play("o04-openapi-raw-tokens-enforced", RAW_WITH_TOKENS)
        .await;
}

/// Spec 06 cases 82 and 83.
async fn tokens_that_do_not_fit(database: Database) {
    let Some(mut replay) = Replay::start(database, true).await else {
        return;
    };
    let app = replay.app(1, "cap-app").await;
    replay.app(2, "app-other").await;
    replay.job(1, app, "noop").await;
    replay.play("o05-token-failures", TOKEN_FAILURES).await;
}

const CLIENT: Exceptions = &[
    (
        &[79, 84, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98],
        NO_ENGINE,
    ),
    (&[53, 54, 58, 65], NO_WORKER),
];

const CLIENT_WITH_TOKENS: Exceptions = &[
    (&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], PASSED_AT_ONCE),
    (
        &[
            83, 88, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102,
        ],
        NO_ENGINE,
    ),
    (&[57, 58, 62, 69], NO_WORKER),
];

const RAW: Exceptions = &[
    (&[2, 14, 40], CLEARER),
    (&[32], FORM_WITH_CHARSET),
    (&[45], ENDED_IS_ENDED),
    (&[48, 49, 53], HELD_FAST),
];

const RAW_WITH_TOKENS: Exceptions = &[
    (
        &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        PASSED_AT_ONCE,
    ),
    (&[28, 33, 40, 46], CLEARER),
    (&[32], FORM_WITH_CHARSET),
    (&[45], ENDED_IS_ENDED),
    (&[24, 54, 55], HELD_FAST),
];

const TOKEN_FAILURES: Exceptions = &[(
    &[6],
    "the token of a person is not one of a program at all, whatever the header says",
)];

/// Not sent at all: what is not of this interface, and what would take away what the rest needs.
const SKIPPED: &[(&str, &[u32])] = &[
    ("c02-namespaces-apps", &[37]),
    ("c03-jobs", &[59, 60]),
    ("c05-workflows", &[40]),
];

/// The console from the first sign-in to the last refusal.
async fn the_console(database: Database) {
    let Some(mut replay) = Replay::start(database, true).await else {
        return;
    };
    let app = replay.app(11, "cap-app").await;
    let job = replay.job(14, app, "noop").await;
    let sleeping = replay.job(31, app, "sleep").await;
    replay.ended(1_004_359_595_805_638_784, &job).await;
    replay.ended(1_004_361_221_861_802_112, &sleeping).await;
    replay.sign_in().await;
    replay.workflow(app).await;
    replay.play("c01-login-users", LOGIN).await;
    replay.play("c02-namespaces-apps", NAMESPACES).await;
    replay.play("c03-jobs", JOBS).await;
    replay.play("c04-instances", INSTANCES).await;
    replay.play("c05-workflows", WORKFLOWS).await;
    replay.play("c07-permissions", PERMISSIONS).await;
}

impl Replay {
    async fn sign_in(&mut self) {
        let params = json!({"username": "ADMIN", "password": PASSWORD, "encryption": "none"});
        let body = json!({"loginType": "PWJB", "originParams": params.to_string()});
        let request = TestRequest::post()
            .uri("/auth/thirdPartyLoginDirect")
            .set_json(body);
        let user = self.server.answer(request).await.expect(200);
        self.admin = user["data"]["jwtToken"]
            .as_str()
            .expect("a token")
            .to_owned();
        let id = user["data"]["id"].to_string();
        self.ids.insert(("user", "1".to_owned()), id);
    }

    async fn as_admin(&self, path: &str, body: Value) -> Value {
        let request = TestRequest::post().uri(path).set_json(body);
        let request = request.insert_header(("PowerJwt", self.admin.as_str()));
        self.server.answer(request).await.expect(200)
    }

    /// The workflow of three nodes that the recording takes for granted.
    async fn workflow(&mut self, app: i64) {
        let mut nodes = Vec::new();
        for (job, node, name) in [(52, 55, "a"), (53, 56, "b"), (54, 57, "c")] {
            let job: i64 = self.job(job, app, name).await.parse().expect("an id");
            let body = json!([{"appId": app, "type": 1, "jobId": job, "nodeName": name}]);
            let saved = self.as_admin("/workflow/saveNode", body).await;
            let id = saved["data"][0]["id"].as_i64().expect("an id");
            self.ids.insert(("node", node.to_string()), id.to_string());
            nodes.push(json!({"nodeId": id}));
        }
        let body = json!({
            "appId": app, "wfName": "three nodes", "timeExpressionType": "API",
            "notifyUserIds": [1], "dag": {"nodes": nodes, "edges": [
                {"from": nodes[0]["nodeId"], "to": nodes[1]["nodeId"]},
                {"from": nodes[1]["nodeId"], "to": nodes[2]["nodeId"]},
            ]},
        });
        let saved = self.as_admin("/workflow/save", body).await;
        self.ids
            .insert(("workflow", "60".to_owned()), saved["data"].to_string());
        // A nested node names the workflow where others name their job.
        self.ids
            .insert(("job", "60".to_owned()), saved["data"].to_string());
    }
}

const LOGIN: Exceptions = &[
    (&[4], "there is no such way to sign in yet"),
    (
        &[9],
        "whether a name or its password is wrong is nobody's business",
    ),
    (&[51], "one code for a token that a new password has ended"),
];
const NAMESPACES: Exceptions = &[(&[35], CLEARER)];
const JOBS: Exceptions = &[
    (&[17], "positions of an enumeration are refused"),
    (&[6], HELD_FAST),
    (&[38], CLEARER),
];
const INSTANCES: Exceptions = &[
    (&[2, 3, 7, 34], NO_WORKER),
    (&[15, 22, 35], HELD_FAST),
    (&[30, 33], CLEARER),
];
const WORKFLOWS: Exceptions = &[(
    &[24, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 37, 38],
    NO_ENGINE,
)];
const PERMISSIONS: Exceptions = &[
    (
        &[21, 22],
        "the application that is asked about decides, not the header",
    ),
    (&[23, 24, 25], HELD_FAST),
];
