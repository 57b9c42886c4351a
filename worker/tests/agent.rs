//! The processors of the agent: real processes, and a tiny HTTP server.

mod support;

use std::path::Path;
use std::time::Duration;

use powerjob_protocol::wire::server_to_worker::RunInstance;
use powerjob_protocol::wire::worker_to_server::InstanceReport;
use powerjob_session::Session;
use powerjob_worker::WorkerHandle;
use powerjob_worker::agent::{AgentConfig, builder};
use support::{APP, FakeServer, SECRET, request, run, stop};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

struct Stage {
    server: FakeServer,
    session: Session,
    agent: WorkerHandle,
    folder: tempfile::TempDir,
}

impl Stage {
    async fn set() -> Self {
        Self::set_with(|_| ()).await
    }

    async fn set_with(change: impl FnOnce(&mut AgentConfig)) -> Self {
        let mut server = FakeServer::start().await;
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = AgentConfig {
            app: APP.into(),
            servers: vec![server.addr.to_string()],
            secret: Some(powerjob_common::secret::Secret::new(SECRET.into())),
            work_dir: folder.path().to_owned(),
            cancel_grace_ms: 1_000,
            ..AgentConfig::default()
        };
        change(&mut config);
        let agent = builder(config)
            .without_declared_handlers()
            .start()
            .await
            .expect("an agent");
        let session = server.session().await;
        Self {
            server,
            session,
            agent,
            folder,
        }
    }

    async fn run(&mut self, item: RunInstance) -> InstanceReport {
        let instance_id = item.instance_id;
        run(&self.session, vec![item]).await;
        self.server.end_of(instance_id).await
    }

    async fn strike(self) {
        self.agent
            .shutdown(Duration::ZERO)
            .await
            .expect("an orderly end");
        let scripts = self.folder.path().join("official_script_processor");
        let left = std::fs::read_dir(scripts).map_or(0, |entries| entries.count());
        assert_eq!(left, 0, "scripts are removed");
    }
}

fn is_alive(pid: &str) -> bool {
    Path::new("/proc").join(pid).exists() && !is_zombie(pid)
}

/// A killed orphan stays in the table until its new parent reads its end.
fn is_zombie(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_none_or(|rest| rest.trim_start().starts_with('Z'))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn output_goes_into_result_and_log() {
    let mut stage = Stage::set().await;
    let report = stage
        .run(request(1, "shell", "echo out; echo err 1>&2"))
        .await;
    assert_eq!(
        (report.status, report.result.as_str()),
        (5, "[INPUT]: out\n;[ERROR]: err\n")
    );
    let mut lines = stage
        .server
        .lines_of(1, |line| line.contains("exited with code 0"))
        .await;
    lines.sort();
    assert_eq!(lines, ["[SYSTEM] process exited with code 0", "err", "out"]);
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exit_codes_bad_bytes_and_input_are_no_trouble() {
    let mut stage = Stage::set().await;
    let report = stage.run(request(1, "shell", "exit 3")).await;
    assert_eq!(
        (report.status, report.result.as_str()),
        (4, "exited with code 3: [INPUT]: ;[ERROR]: ")
    );
    let class = "tech.powerjob.official.processors.impl.script.ShellProcessor";
    let report = stage.run(request(2, class, "exit 3")).await;
    assert_eq!(report.result, "[INPUT]: ;[ERROR]: ");
    let report = stage.run(request(3, "shell", "printf '\\377\\376'")).await;
    assert_eq!(
        (report.status, report.result.as_str()),
        (5, "[INPUT]: \u{fffd}\u{fffd}\n;[ERROR]: ")
    );
    let report = stage.run(request(4, "shell", "cat")).await;
    assert_eq!(report.status, 5, "reading the input ends at once");
    stage.strike().await;
}

/// Spec 07, case 13; case 7 for the blank.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_without_a_script_says_so() {
    let mut stage = Stage::set().await;
    let report = stage.run(request(1, "shell", "")).await;
    let expected = "[SYSTEM] ScriptParams is null, please check jobParam configuration.";
    assert_eq!((report.status, report.result.as_str()), (4, expected));
    assert_eq!(stage.run(request(2, "shell", " ")).await.status, 5);
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_chooses_its_result() {
    let mut stage = Stage::set().await;
    let whole = "echo noise; printf 'two\nlines\n' > \"$POWERJOB_OUTPUT\"";
    assert_eq!(
        stage.run(request(1, "shell", whole)).await.result,
        "two\nlines"
    );
    let named = "echo 'k=v' >> \"$POWERJOB_OUTPUT\"; echo 'result=42' >> \"$POWERJOB_OUTPUT\"";
    assert_eq!(stage.run(request(2, "shell", named)).await.result, "42");
    let failed = "echo 42 > \"$POWERJOB_OUTPUT\"; echo why; exit 1";
    assert_eq!(
        stage.run(request(3, "shell", failed)).await.result,
        "exited with code 1: [INPUT]: why\n;[ERROR]: "
    );
    let pipe = "mkfifo \"$POWERJOB_OUTPUT\"";
    assert_eq!(stage.run(request(4, "shell", pipe)).await.status, 5);
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_says_what_it_needs() {
    let mut stage = Stage::set().await;
    let report = stage
        .run(request(
            1,
            "shell",
            "#@powerjob env.WHO=me\n#@powerjob cwd=/\necho $WHO $(pwd)",
        ))
        .await;
    assert_eq!(report.result, "[INPUT]: me /\n;[ERROR]: ");
    let codes = "#@powerjob success-codes=0,3\n#@powerjob skip-codes=75\nexit";
    assert_eq!(
        stage
            .run(request(2, "shell", &format!("{codes} 3")))
            .await
            .status,
        5
    );
    assert_eq!(
        stage
            .run(request(3, "shell", &format!("{codes} 4")))
            .await
            .status,
        4
    );
    let skipped = stage.run(request(4, "shell", &format!("{codes} 75"))).await;
    assert_eq!(
        (skipped.status, skipped.result.as_str()),
        (5, "[SKIPPED] [INPUT]: ;[ERROR]: ")
    );
    let slow = "#@powerjob timeout=200ms\necho $$; sleep 600";
    let report = stage.run(request(5, "shell", slow)).await;
    assert_eq!(
        (report.status, report.result.as_str()),
        (4, "the script's own time limit of 200ms has passed")
    );
    let lines = stage
        .server
        .lines_of(5, |line| line.contains("interrupted"))
        .await;
    assert!(!is_alive(&lines[0]), "{lines:?}");
    let report = stage.run(request(6, "shell", "#@powerjob timeut=1s")).await;
    assert!(
        report.result.starts_with("line 1 of the script: `timeut`"),
        "{}",
        report.result
    );
    let own = "#!/bin/sh -u\necho ${UNKNOWN}";
    assert_eq!(stage.run(request(7, "shell", own)).await.status, 4);
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_sets_the_level_of_its_lines() {
    let mut stage = Stage::set().await;
    let script = "echo one; echo '##powerjob:level debug'; echo hidden; \
                  echo '##powerjob:level warn'; echo two; echo '##powerjob:level loud'";
    let result = stage.run(request(1, "shell", script)).await.result;
    let expected = "[INPUT]: one\nhidden\ntwo\n##powerjob:level loud\n;[ERROR]: ";
    assert_eq!(result, expected);
    let lines = stage
        .server
        .lines_of(1, |line| line.contains("exited"))
        .await;
    assert_eq!(
        lines[..3],
        ["one", "two", "##powerjob:level loud"],
        "{lines:?}"
    );
    stage.strike().await;
}

/// The variable is one that cargo gives to every test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_see_of_the_agent_what_they_may() {
    let script = "echo \"[$CARGO_MANIFEST_DIR]\"";
    let class = "tech.powerjob.official.processors.impl.script.ShellProcessor";
    let mut stage = Stage::set().await;
    let native = stage.run(request(1, "shell", script)).await.result;
    assert_eq!(native, "[INPUT]: []\n;[ERROR]: ");
    let java = stage.run(request(2, class, script)).await.result;
    assert!(java.contains(env!("CARGO_MANIFEST_DIR")), "{java}");
    stage.strike().await;
    let allow = |config: &mut AgentConfig| config.script_environment.push("CARGO_*".to_owned());
    let mut stage = Stage::set_with(allow).await;
    let allowed = stage.run(request(1, "shell", script)).await.result;
    assert!(allowed.contains(env!("CARGO_MANIFEST_DIR")), "{allowed}");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_values_come_in_files() {
    let mut stage = Stage::set().await;
    let script = "echo \"${POWERJOB_JOB_PARAMS-none}\"; wc -c < \"$POWERJOB_JOB_PARAMS_FILE\"";
    let mut item = request(1, script, &"x".repeat(100_000));
    item.processor_type = 2;
    let report = stage.run(item).await;
    assert_eq!(report.result, "[INPUT]: none\n100000\n;[ERROR]: ");
    stage.strike().await;
}

/// Spec 07, section 10.4: an excess script waits, and its log says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_scripts_than_places_wait() {
    let mut stage = Stage::set_with(|config| config.script_places = Some(1)).await;
    let go = stage.folder.path().join("go");
    let script = format!(
        "echo here; while [ ! -e {} ]; do sleep 0.02; done",
        go.display()
    );
    run(&stage.session, vec![request(1, "shell", &script)]).await;
    stage.server.lines_of(1, |line| line == "here").await;
    run(&stage.session, vec![request(2, "shell", "echo second")]).await;
    run(&stage.session, vec![request(3, "python", "print(3)")]).await;
    let waits = |line: &str| line.contains("1 scripts run on this worker: waiting");
    stage.server.lines_of(2, waits).await;
    stage.server.lines_of(3, waits).await;
    assert!(stop(&stage.session, 3).await, "who waits can be stopped");
    assert_eq!(stage.server.end_of(3).await.status, 10);
    std::fs::write(&go, "").expect("written");
    assert_eq!(stage.server.end_of(1).await.status, 5);
    assert_eq!(
        stage.server.end_of(2).await.result,
        "[INPUT]: second\n;[ERROR]: "
    );
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn script_types_and_variables_are_served() {
    let mut stage = Stage::set().await;
    let mut typed = request(
        1,
        "echo $POWERJOB_INSTANCE_ID $POWERJOB_JOB_ID $POWERJOB_JOB_PARAMS",
        "p",
    );
    typed.processor_type = 2;
    assert_eq!(stage.run(typed).await.result, "[INPUT]: 1 7 p\n;[ERROR]: ");
    let mut python = request(2, "print(1)", "");
    python.processor_type = 3;
    let report = stage.run(python).await;
    let expected = match report.status {
        5 => "[INPUT]: 1\n;[ERROR]: ",
        _ => "Cannot run program \"python\": no such program",
    };
    assert_eq!(report.result, expected);
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_limit_kills_the_whole_tree() {
    let mut stage = Stage::set().await;
    let mut item = request(
        1,
        "shell",
        "sh -c 'echo $$; sleep 600 & echo $!; wait' & echo $!; sleep 600",
    );
    item.time_limit_ms = 400;
    run(&stage.session, vec![item]).await;
    let interrupted = |line: &str| line.contains("interrupted");
    let lines = stage.server.lines_of(1, interrupted).await;
    let report = stage.server.end_of(1).await;
    assert_eq!(
        report.result,
        "instance execute timeout,interrupted success"
    );
    let pids: Vec<_> = lines
        .iter()
        .filter(|line| line.parse::<u32>().is_ok())
        .collect();
    assert_eq!(pids.len(), 3, "{lines:?}");
    for pid in pids {
        assert!(!is_alive(pid), "process {pid} is left");
    }
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_that_ignores_the_request_to_end_is_killed() {
    let mut stage = Stage::set().await;
    let script = "trap '' TERM; echo $$; while true; do sleep 0.05; done";
    run(&stage.session, vec![request(1, "shell", script)]).await;
    let pid = stage
        .server
        .lines_of(1, |line| line.parse::<u32>().is_ok())
        .await
        .remove(0);
    assert!(stop(&stage.session, 1).await);
    let report = stage.server.end_of(1).await;
    assert_eq!(
        (report.status, report.result.as_str()),
        (10, "user stop instance,interrupted success")
    );
    assert!(!is_alive(&pid));
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_does_not_keep_its_run_open() {
    let mut stage = Stage::set().await;
    let report = stage.run(request(1, "shell", "sleep 600 & echo $!")).await;
    assert_eq!(report.status, 5);
    assert!(report.finished_at_ms - report.started_at_ms < 10_000);
    let lines = stage
        .server
        .lines_of(1, |line| line.contains("exited"))
        .await;
    let pid = lines[0].parse::<i32>().expect("the id of the daemon");
    let pid = rustix::process::Pid::from_raw(pid).expect("not zero");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it lives");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_lines_is_cut_and_counted() {
    let mut stage = Stage::set().await;
    let report = stage.run(request(1, "shell", "seq 1 200000")).await;
    assert_eq!(report.status, 5);
    assert!(report.result.len() <= 8_192, "{}", report.result.len());
    assert!(report.result.starts_with("[INPUT]: 1\n2\n") && report.result.contains("200000\n;"));
    stage
        .server
        .lines_of(1, |line| line.ends_with("lines skipped"))
        .await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sleeping_can_be_stopped_and_noop_returns_its_parameter() {
    let mut stage = Stage::set().await;
    assert_eq!(
        stage.run(request(1, "noop", "as it is")).await.result,
        "as it is"
    );
    assert_eq!(
        stage.run(request(2, "sleep", "1")).await.result,
        "slept 1 ms"
    );
    assert_eq!(stage.run(request(3, "sleep", "soon")).await.status, 4);
    run(
        &stage.session,
        vec![request(4, "sleep", r#"{"ms":600000}"#)],
    )
    .await;
    stage.server.report_of(4, |status| status == 3).await;
    assert!(stop(&stage.session, 4).await);
    assert_eq!(stage.server.end_of(4).await.status, 10);
    stage.strike().await;
}

/// Answers every call with `answer` and returns what was asked; an empty answer never comes.
async fn http_server(
    answer: &'static str,
) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let (sender, asked) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let sender = sender.clone();
            tokio::spawn(async move {
                let mut request = Vec::new();
                let mut buffer = [0; 4_096];
                while !is_complete(&request) {
                    let count = stream.read(&mut buffer).await.unwrap_or(0);
                    request.extend_from_slice(&buffer[..count]);
                    if count == 0 {
                        return;
                    }
                }
                sender
                    .send(String::from_utf8_lossy(&request).into_owned())
                    .ok();
                if answer.is_empty() {
                    // The end of the connection is the next thing to come.
                    drop(stream.read(&mut buffer).await);
                    sender.send("closed".into()).ok();
                }
                stream.write_all(answer.as_bytes()).await.ok();
            });
        }
    });
    (address, asked)
}

fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    body.len() >= length.unwrap_or(0)
}

const JAVA_HTTP: &str = "tech.powerjob.official.processors.impl.HttpProcessor";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_is_called_and_its_answer_is_the_result() {
    let mut stage = Stage::set().await;
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    let (address, mut asked) = http_server(ok).await;
    let params = format!(r#"{{"url":"{address}/ok","headers":{{"X-Token":"hush","X-Number":5}}}}"#);
    let report = stage.run(request(1, "http", &params)).await;
    assert_eq!(
        (report.status, report.result.as_str()),
        (5, "code:200, body:ok")
    );
    let sent = asked.recv().await.expect("a call");
    assert!(
        sent.starts_with("GET /ok HTTP/1.1") && sent.contains("x-number: 5"),
        "{sent}"
    );
    let lines = stage
        .server
        .lines_of(1, |line| line.starts_with("response:"))
        .await;
    assert!(
        lines.contains(&"using default request method: GET".to_owned()),
        "{lines:?}"
    );
    assert!(
        lines.contains(&"add header X-Token:***".to_owned()),
        "{lines:?}"
    );
    let params = format!(r#"{{"url":"http://{address}/in","method":"post","body":{{"a":1}}}}"#);
    assert_eq!(stage.run(request(2, "http", &params)).await.status, 5);
    let sent = asked.recv().await.expect("a call");
    assert!(
        sent.contains("application/json; charset=utf-8") && sent.ends_with(r#"{"a":1}"#),
        "{sent}"
    );
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_decide_about_success() {
    let mut stage = Stage::set().await;
    let created = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let (address, _asked) = http_server(created).await;
    let params = format!(r#"{{"url":"{address}"}}"#);
    assert_eq!(stage.run(request(1, "http", &params)).await.status, 5);
    let report = stage.run(request(2, JAVA_HTTP, &params)).await;
    assert_eq!(
        (report.status, report.result.as_str()),
        (4, "code:201, body:")
    );
    let params = format!(r#"{{"url":"{address}","successCodes":"2xx"}}"#);
    assert_eq!(stage.run(request(3, JAVA_HTTP, &params)).await.status, 5);
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_call_is_told() {
    let mut stage = Stage::set().await;
    let text = stage.run(request(1, "http", "")).await.result;
    assert_eq!(
        text,
        "httpParams is null, please check jobParam configuration."
    );
    assert_eq!(
        stage.run(request(2, "http", "{}")).await.result,
        "url can't be empty!"
    );
    let text = stage
        .run(request(3, "http", r#"{"url":"x","timeout":"soon"}"#))
        .await
        .result;
    assert!(text.starts_with("bad parameter at 'timeout'"), "{text}");
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port")
        .local_addr()
        .expect("bound");
    let text = stage
        .run(request(4, "http", &format!(r#"{{"url":"{closed}"}}"#)))
        .await
        .result;
    assert_eq!(
        text,
        format!("ConnectException: Failed to connect to {closed}")
    );
    let (address, _asked) = http_server("").await;
    let params = format!(r#"{{"url":"{address}","timeout":1}}"#);
    assert_eq!(
        stage.run(request(5, "http", &params)).await.result,
        "InterruptedIOException: timeout"
    );
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_closes_the_connection_of_a_call() {
    let mut stage = Stage::set().await;
    let (address, mut asked) = http_server("").await;
    run(
        &stage.session,
        vec![request(1, "http", &format!(r#"{{"url":"{address}"}}"#))],
    )
    .await;
    asked.recv().await.expect("a call");
    assert!(stop(&stage.session, 1).await);
    assert_eq!(
        stage.server.end_of(1).await.result,
        "user stop instance,interrupted success"
    );
    assert_eq!(asked.recv().await.as_deref(), Some("closed"));
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_can_be_a_link() {
    let mut stage = Stage::set().await;
    let script = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\necho link";
    let (address, _asked) = http_server(script).await;
    let report = stage
        .run(request(1, "shell", &format!("http://{address}/s.sh")))
        .await;
    assert_eq!(report.result, "[INPUT]: link\n;[ERROR]: ");
    let (address, _asked) =
        http_server("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
    let report = stage
        .run(request(2, "shell", &format!("http://{address}/s.sh")))
        .await;
    assert!(
        report.status == 4 && report.result.contains("404"),
        "{}",
        report.result
    );
    stage.strike().await;
}
