//! `powerjob migrate check` against a server of the Java product, played by its recorded answers.

mod stub;

use serde_json::Value;
use stub::{Stub, code, stderr, stdout};

/// What it says of itself to everybody (recorded with the others, but they leave it out).
const HELLO: &str = r#"{"success":true,"data":{"appIds":[11],"serverInfo":{"id":2,"ip":"127.0.0.1",
    "bornTime":1795233582851,"version":"5.1.1"},"localHost":"127.0.0.1","serverTimeTs":1795234380261,
    "serverTime":"2026-11-21 04:13:00","serverTimeZone":"Coordinated Universal Time"},"message":null}"#;
/// What was recorded of PowerJob 5.1.1.
const CAPTURES: [&str; 5] = [
    include_str!("../../../tests/data/captures/c01-login-users.jsonl"),
    include_str!("../../../tests/data/captures/c02-namespaces-apps.jsonl"),
    include_str!("../../../tests/data/captures/c03-jobs.jsonl"),
    include_str!("../../../tests/data/captures/c04-instances.jsonl"),
    include_str!("../../../tests/data/captures/c06-containers.jsonl"),
];

/// The first recorded answer to a request whose query or body holds a text.
fn recorded(path: &str, with: &str) -> String {
    let lines = CAPTURES.iter().flat_map(|capture| capture.lines());
    let exchanges = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let is_it = |exchange: &Value| {
        let asked = format!("{}{}", exchange["query"], exchange["request_body"]);
        exchange["path"] == path
            && asked.contains(with)
            && exchange["response_body"]["success"] == true
    };
    let found = exchanges.into_iter().find(is_it);
    found.unwrap_or_else(|| panic!("{path} was not recorded"))["response_body"].to_string()
}

fn page(rows: &str) -> String {
    format!(
        r#"{{"success":true,"data":{{"index":0,"pageSize":200,"totalPages":1,"totalItems":1,
        "data":[{rows}]}},"message":null}}"#
    )
}

/// A server with one application; `worker` is the transport of its worker.
fn reference(worker: &str) -> Stub {
    let app = r#"{"id":11,"appName":"cap-app","namespaceId":9,"password":"pw123456"}"#;
    let workers = recorded("/system/listWorker", "appId=11").replace("HTTP", worker);
    let answers = [
        ("GET /server/hello", HELLO.to_owned()),
        (
            "POST /auth/thirdPartyLoginDirect",
            recorded("/auth/thirdPartyLoginDirect", "ADMIN"),
        ),
        ("POST /appInfo/list", page(app)),
        ("POST /job/list", recorded("/job/list", "console")),
        ("POST /workflow/list", page("")),
        (
            "GET /container/list",
            recorded("/container/list", "appId=11"),
        ),
        ("GET /system/listWorker", workers),
        ("GET /user/list", recorded("/user/list", "")),
    ];
    let answers: Vec<_> = answers
        .iter()
        .map(|(path, body)| (*path, 200, body.as_str()))
        .collect();
    Stub::start(&answers)
}

fn check(stub: &Stub, more: &[&str]) -> std::process::Output {
    let url = format!("http://{}", stub.address);
    let words = [&["migrate", "check", &url], more].concat();
    let mut command = stub.command(&words);
    command.env("POWERJOB_PASSWORD", "powerjob_admin");
    command.output().expect("started")
}

#[test]
fn a_running_server_is_told_in_words_and_only_read() {
    let stub = reference("AKKA");
    let output = check(&stub, &[]);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    let text = stdout(&output);
    for part in [
        "PowerJob server 5.1.1",
        "Does not carry over:",
        "cap container (73)",
        "console nightly (138)",
        "To be mended before the move:",
        "127.0.0.1:27811 (AKKA)",
        "-> set `powerjob.worker.protocol=http`",
        "its clock shows UTC+00:00",
        "PWJB_alice",
        "not all carries over as it is",
    ] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
    assert!(!text.contains("pw123456"), "a password is shown");
    // Nothing was asked but what reads, and the sign-in.
    let reads = [
        "GET /server/hello ",
        "POST /auth/thirdPartyLoginDirect ",
        "POST /appInfo/list ",
        "POST /job/list ",
        "POST /workflow/list ",
        "GET /container/list?",
        "GET /system/listWorker?",
        "GET /user/list ",
    ];
    let seen = stub.seen();
    assert_eq!(seen.len(), reads.len(), "{seen:?}");
    for (seen, read) in seen.iter().zip(reads) {
        assert!(seen.starts_with(read), "{seen}");
    }
}

#[test]
fn programs_read_the_findings_by_code() {
    let output = check(&reference("HTTP"), &["--json"]);
    assert_eq!(code(&output), 1, "containers and alarms are lost");
    let report: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(report["isFit"], false);
    assert_eq!(report["source"]["version"], "5.1.1");
    let found = report["findings"].as_array().expect("a list");
    let verdict = |code: &str| {
        let finding = found.iter().find(|finding| finding["code"] == code);
        finding.map(|finding| finding["verdict"].as_str().expect("a text").to_owned())
    };
    assert_eq!(verdict("WORKERS").as_deref(), Some("KEPT"));
    assert_eq!(verdict("CONTAINERS").as_deref(), Some("LOST"));
    assert_eq!(verdict("SCHEDULE_ZONE").as_deref(), Some("STEP"));
    assert_eq!(verdict("WORKERS_WITHOUT_HTTP"), None);
}

#[test]
fn what_is_no_powerjob_is_told_as_such() {
    let stub = Stub::start(&[("GET /server/hello", 404, "")]);
    let output = check(&stub, &[]);
    assert_eq!(code(&output), 1);
    assert!(
        stderr(&output).contains("this is no server of PowerJob 5"),
        "{}",
        stderr(&output)
    );
    let output = stub.run(&["migrate", "check", "sqlite:powerjob.db"]);
    assert!(
        stderr(&output).contains("no SQLite databases"),
        "{}",
        stderr(&output)
    );
}
