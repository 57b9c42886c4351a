//! Mistakes and bad conditions: a clear error that names the cause, and nothing half done.

use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use powerjob_tests::eventually::eventually;
use powerjob_tests::process::{Cluster, Process};
use powerjob_tests::programs::powerjob;
use serde_json::Value;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(20);

/// Starts `powerjob server` with a configuration that must be refused; gives what it says.
async fn refused(folder: &TempDir, config: &str) -> String {
    let file = folder.path().join("powerjob.toml");
    std::fs::write(&file, config).expect("written");
    let mut command = Command::new(powerjob());
    command
        .arg("server")
        .arg("--config")
        .arg(&file)
        .current_dir(folder.path());
    let mut process = Process::start(&mut command, &folder.path().join("out")).expect("started");
    eventually("the server gives up", LIMIT, || {
        let ended = process.has_ended().expect("its state");
        async move { ended.then_some(()) }
    })
    .await;
    std::fs::read_to_string(folder.path().join("out")).expect("its output")
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let folder = TempDir::new().expect("a folder");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let config = format!(
        "[server]\ndata_dir = {:?}\nhttp_bind = {address:?}\nworker_bind = \"127.0.0.1:0\"\n",
        folder.path().join("data").display().to_string()
    );
    let said = refused(&folder, &config).await;
    assert!(
        said.contains(&address) && said.contains("http_bind"),
        "{said}"
    );
}

#[tokio::test]
async fn mistakes_in_the_configuration_are_all_named_with_their_place() {
    let folder = TempDir::new().expect("a folder");
    let config = "[server]\nhttp_bind = \"nowhere\"\nzone = \"Mars/Olympus\"\n";
    let said = refused(&folder, config).await;
    assert!(
        said.contains("http_bind") && said.contains("zone"),
        "{said}"
    );
    assert!(
        said.contains("powerjob.toml:2") && said.contains("powerjob.toml:3"),
        "{said}"
    );
}

#[tokio::test]
async fn garbage_on_the_worker_port_does_not_disturb() {
    let folder = TempDir::new().expect("a folder");
    let mut cluster = Cluster::new(folder.path(), &powerjob()).expect("ports");
    cluster.start_server().await.expect("the server starts");
    let api = cluster.sign_in().await.expect("signed in");
    let (app, secret) = api.create_app("faults").await.expect("an application");
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0xff; 100_000],
        b"PJRP\xff\xff\xff\xff",
        b"",
    ] {
        let mut stream = TcpStream::connect(&cluster.workers).expect("connected");
        stream.write_all(garbage).ok();
    }
    let _agent = cluster
        .start_agent("w1", "faults", &secret, &[])
        .expect("an agent");
    api.until_workers(&app, 1).await;
    assert!(!cluster.server().has_ended().expect("its state"));
}

#[tokio::test]
async fn a_wrong_secret_keeps_a_worker_out() {
    let folder = TempDir::new().expect("a folder");
    let mut cluster = Cluster::new(folder.path(), &powerjob()).expect("ports");
    cluster.start_server().await.expect("the server starts");
    let api = cluster.sign_in().await.expect("signed in");
    let (app, _secret) = api.create_app("faults").await.expect("an application");
    let agent = cluster
        .start_agent("w1", "faults", "wrong", &[])
        .expect("an agent");
    eventually("the agent says why", LIMIT, || async {
        let said = std::fs::read_to_string(&agent.log).ok()?;
        said.contains("does not accept the secret of the application `faults`")
            .then_some(())
    })
    .await;
    let workers = api
        .call("GET", &format!("/v1/apps/{app}/workers"), &Value::Null)
        .await;
    assert_eq!(workers.expect("a list"), serde_json::json!([]));
}

#[tokio::test]
async fn a_renewed_secret_counts_at_once_and_the_old_one_no_more() {
    let folder = TempDir::new().expect("a folder");
    let mut cluster = Cluster::new(folder.path(), &powerjob()).expect("ports");
    cluster.start_server().await.expect("the server starts");
    let api = cluster.sign_in().await.expect("signed in");
    let (app, old) = api.create_app("faults").await.expect("an application");
    let _first = cluster
        .start_agent("w1", "faults", &old, &[])
        .expect("an agent");
    api.until_workers(&app, 1).await;
    let renewed = api
        .call("POST", &format!("/v1/apps/{app}/secret"), &Value::Null)
        .await
        .expect("a new secret");
    let new = renewed["workerSecret"].as_str().expect("its text");
    let late = cluster
        .start_agent("w2", "faults", &old, &[])
        .expect("an agent");
    let _told = cluster
        .start_agent("w3", "faults", new, &[])
        .expect("an agent");
    eventually("the late one is refused", LIMIT, || async {
        let said = std::fs::read_to_string(&late.log).ok()?;
        said.contains("does not accept the secret of the application `faults`")
            .then_some(())
    })
    .await;
    api.until_workers(&app, 2).await;
    let server_log = std::fs::read_to_string(&cluster.server().log).expect("a log");
    let complaints: Vec<_> = server_log
        .lines()
        .filter(|line| line.contains("does not know the secret"))
        .collect();
    let [complaint] = complaints[..] else {
        panic!("told once: {complaints:?}");
    };
    assert!(complaint.contains("w2"), "{complaint}");
}

#[tokio::test]
async fn ctrl_c_and_sigterm_end_the_server_cleanly_and_soon() {
    let folder = TempDir::new().expect("a folder");
    let mut cluster = Cluster::new(folder.path(), &powerjob()).expect("ports");
    cluster.start_server().await.expect("the server starts");
    let start = tokio::time::Instant::now();
    assert_eq!(cluster.server().terminate().expect("its end"), Some(0));
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "it took {:?}",
        start.elapsed()
    );
}
