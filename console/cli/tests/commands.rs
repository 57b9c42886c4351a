//! The command as scripts see it: exit codes, output, what reaches the server.

mod stub;

use stub::{Stub, code, stderr, stdout};

const APPS: (&str, u16, &str) = (
    "GET /v1/apps",
    200,
    r#"{"items":[{"id":"4","name":"demo","title":"Demo","tags":[],"createdAt":0,
        "permissions":["READ"],"health":{"workersOnline":1,"jobs":2,"openInstances":0,
        "failedLastDay":0,"succeededLastDay":9,"nextTriggerAt":null}}]}"#,
);
const RUN: (&str, u16, &str) = ("POST /v1/jobs/2/runs", 201, r#"{"instanceId":"7"}"#);

fn job(id: &str) -> String {
    format!(
        r#"{{"job":{{"id":"{id}","appId":"4","revision":1,"name":"greet","processor":"greet",
        "schedule":{{"type":"API"}},"scheduleText":"on demand","nextTriggerAt":null,"createdAt":0,
        "modifiedAt":0}},"recentRuns":[],"openInstances":0}}"#
    )
}

fn jobs(ids: &[&str]) -> String {
    let items = ids.iter().map(|id| job(id)).collect::<Vec<_>>();
    format!(r#"{{"items":[{}]}}"#, items.join(","))
}

fn instance(status: &str) -> String {
    format!(
        r#"{{"id":"7","jobId":"2","jobName":"greet","appId":"4","status":"{status}",
        "trigger":"API","attempt":1,"expectedAt":1,"startedAt":1,"finishedAt":1501,"worker":"w",
        "result":"hello","jobParams":"","instanceParams":"","fullResult":"hello","jobRevision":1,
        "timeline":{{}},"attempts":[],"waitingFor":null,"traceId":"","actions":[]}}"#
    )
}

#[test]
fn the_exit_code_tells_how_a_run_ended() {
    let cases = [
        ("SUCCEED", 0),
        ("FAILED", 1),
        ("STOPPED", 3),
        ("CANCELED", 3),
    ];
    for (status, expected) in cases {
        let (found, ended) = (jobs(&["2"]), instance(status));
        let stub = Stub::start(&[
            APPS,
            ("GET /v1/apps/4/jobs", 200, &found),
            RUN,
            ("GET /v1/instances/7", 200, &ended),
        ]);
        let output = stub.run(&["job", "run", "greet", "--params", "x", "--wait"]);
        assert_eq!(code(&output), expected, "{status}: {}", stderr(&output));
        assert!(
            stdout(&output).contains(&format!("{status} after 1.5 s")),
            "{}",
            stdout(&output)
        );
        assert!(
            stub.seen()
                .iter()
                .any(|seen| seen.ends_with(r#"{"params":"x","delayMs":0}"#))
        );
    }
}

#[test]
fn the_last_lines_of_a_log_come_from_as_many_pages_as_it_takes() {
    let line = |text: &str| {
        format!(r#"{{"at":0,"level":"INFO","attempt":1,"worker":"w","text":"{text}"}}"#)
    };
    let newest = format!(
        r#"{{"lines":[{},{}],"nextCursor":"end","previousCursor":"c2","isComplete":true}}"#,
        line("four"),
        line("five")
    );
    let older = format!(
        r#"{{"lines":[{}],"nextCursor":"c2","previousCursor":"c1","isComplete":false}}"#,
        line("three")
    );
    let first = format!(
        r#"{{"lines":[{}],"nextCursor":"c1","isComplete":false}}"#,
        line("two")
    );
    let log = |body| ("GET /v1/instances/7/log", 200, body);
    let stub = Stub::start(&[log(newest.as_str()), log(&older), log(&first)]);
    let output = stub.run(&["instance", "log", "7", "--tail", "20"]);
    let said = stdout(&output);
    let texts: Vec<_> = said
        .lines()
        .filter_map(|line| line.rsplit(' ').next())
        .collect();
    assert_eq!(
        texts,
        ["two", "three", "four", "five"],
        "{}",
        stderr(&output)
    );
    let seen = stub.seen();
    assert!(
        seen[0].contains("limit=20") && seen[0].contains("tail=true"),
        "{seen:?}"
    );
    assert!(
        seen[1].contains("cursor=c2") && seen[1].contains("limit=18"),
        "{seen:?}"
    );
    assert!(
        seen[2].contains("cursor=c1") && seen[2].contains("tail=true"),
        "{seen:?}"
    );
    assert_eq!(code(&stub.run(&["instance", "log", "7", "--tail", "0"])), 2);
}

#[test]
fn a_wait_ends_when_its_time_is_up() {
    let running = instance("RUNNING");
    let stub = Stub::start(&[("GET /v1/instances/7", 200, &running)]);
    let output = stub.run(&["instance", "wait", "7", "--timeout", "100ms"]);
    assert_eq!(code(&output), 4);
    assert!(stderr(&output).contains("has not ended yet"));
}

#[test]
fn wrong_usage_is_2() {
    let stub = Stub::start(&[]);
    for words in [
        &["nonsense"][..],
        &["job", "run"],
        &["instance", "show", "x"],
        &["job", "check"],
        &["job", "create", "a", "--every", "10"],
        &["job", "create"],
    ] {
        let output = stub.run(words);
        assert_eq!(code(&output), 2, "{words:?}: {}", stderr(&output));
    }
}

#[test]
fn a_name_that_fits_several_jobs_is_refused_with_their_ids() {
    let found = jobs(&["2", "3"]);
    let stub = Stub::start(&[APPS, ("GET /v1/apps/4/jobs", 200, &found)]);
    let output = stub.run(&["job", "run", "greet"]);
    assert_eq!(code(&output), 2);
    let said = stderr(&output);
    assert!(
        said.contains("\n  2  ") && said.contains("\n  3  "),
        "{said}"
    );
}

#[test]
fn without_a_sign_in_the_way_out_is_named() {
    let stub = Stub::start(&[("GET /v1/apps", 401, "")]);
    let output = stub.run(&["job", "list"]);
    assert_eq!(code(&output), 1);
    assert!(
        stderr(&output).contains("run `powerjob login`"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn without_a_server_the_way_out_is_named() {
    let mut stub = Stub::start(&[]);
    stub.address = "127.0.0.1:1".to_owned();
    let output = stub.run(&["app", "list"]);
    assert_eq!(code(&output), 1);
    let said = stderr(&output);
    assert!(
        said.contains("http://127.0.0.1:1 is not available"),
        "{said}"
    );
    assert!(said.contains("powerjob standalone"), "{said}");
}

#[test]
fn login_keeps_the_token_and_logout_forgets_it() {
    let stub = Stub::start(&[
        (
            "POST /v1/session",
            200,
            r#"{"token":"t0ken","expiresAt":4000000000000,"user":{"id":"1","account":"ADMIN",
            "nick":"ADMIN","isAdministrator":true}}"#,
        ),
        APPS,
        ("DELETE /v1/session", 204, ""),
    ]);
    let mut login = stub.command(&["login", "--app", "demo"]);
    let output = login
        .env("POWERJOB_PASSWORD", "secret word")
        .output()
        .expect("started");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(!stdout(&output).contains("t0ken"));
    let kept = std::fs::read_to_string(stub.home.path().join("token.toml")).expect("kept");
    assert!(kept.contains("t0ken") && kept.contains("demo") && !kept.contains("secret word"));

    // the remembered server is used, not only the variable's
    let mut list = stub.command(&["app", "list"]);
    let output = list.env_remove("POWERJOB_URL").output().expect("started");
    assert_eq!(code(&output), 0, "{}", stderr(&output));

    assert_eq!(code(&stub.run(&["logout"])), 0);
    assert!(!stub.home.path().join("token.toml").exists());
}

#[test]
fn json_is_one_document_as_the_api_has_it() {
    let stub = Stub::start(&[APPS]);
    let output = stub.run(&["app", "list", "--json"]);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(value["items"][0]["id"], "4");
    assert_eq!(value["items"][0]["health"]["succeededLastDay"], 9);
}

#[test]
fn a_problem_stays_json_for_programs() {
    let problem = r#"{"code":"app-not-found","status":404,"title":"No such application"}"#;
    let stub = Stub::start(&[("GET /v1/apps/9", 404, problem)]);
    let output = stub.run(&["app", "show", "9", "--json"]);
    assert_eq!(code(&output), 1);
    let value: serde_json::Value = serde_json::from_slice(&output.stderr).expect("JSON");
    assert_eq!(value["code"], "app-not-found");
}

#[test]
fn a_reader_that_goes_is_no_error() {
    use std::process::Stdio;
    let stub = Stub::start(&[APPS]);
    let mut command = stub.command(&["app", "list"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ended");
    assert_eq!(code(&output), 0);
    assert_eq!(stderr(&output), "");
}

#[test]
fn all_mistakes_of_a_configuration_are_told() {
    let stub = Stub::start(&[]);
    let file = stub.home.path().join("powerjob.toml");
    std::fs::write(
        &file,
        "[server]\nhttp_bind = \"x\"\nzone = \"Mars/North\"\n",
    )
    .expect("written");
    let file = file.display().to_string();
    let output = stub.run(&["config", "check", "--config", &file]);
    assert_eq!(code(&output), 1);
    let said = stderr(&output);
    assert!(said.contains("2 mistakes"), "{said}");
    assert!(
        said.contains("powerjob.toml:2:13: server.http_bind"),
        "{said}"
    );
    assert!(said.contains("powerjob.toml:3:8: server.zone"), "{said}");
}
