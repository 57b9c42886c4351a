//! `powerjob standalone --demo` as a person meets it: first start, second start, end.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

const START_LIMIT: Duration = Duration::from_secs(30);
/// Two seconds are promised; the rest is for a machine that does other things as well.
const END_LIMIT: Duration = Duration::from_secs(5);

/// A running `powerjob standalone --demo` on free ports.
struct Standalone {
    child: Child,
    lines: mpsc::Receiver<String>,
    console: String,
    password: Option<String>,
}

impl Standalone {
    fn start(folder: &Path) -> Self {
        let mut child = powerjob(folder)
            .args(["standalone", "--demo", "--http-bind", "127.0.0.1:0"])
            .args(["--worker-bind", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        let stderr = child.stderr.take().expect("its stderr");
        let (tell, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        let mut started = Self {
            child,
            lines,
            console: String::new(),
            password: None,
        };
        started.console = started.said("console    ");
        let password = started.said("password   ");
        started.password = password
            .strip_suffix("   (shown only now; keep it)")
            .map(str::to_owned);
        started
    }

    /// Waits for a line and returns what follows its beginning.
    fn said(&self, beginning: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(START_LIMIT).expect(beginning);
            if let Some(rest) = line.strip_prefix(beginning) {
                return rest.to_owned();
            }
        }
    }

    /// Asks it to end and returns its exit code.
    fn end(mut self, signal: Signal) -> Option<i32> {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a process");
        kill_process(pid, signal).expect("signalled");
        let (tell, ended) = mpsc::channel();
        std::thread::spawn(move || tell.send(self.child.wait()));
        let status = ended.recv_timeout(END_LIMIT).expect("it ends in time");
        status.expect("its status").code()
    }
}

/// The command with nothing of this machine's settings.
fn powerjob(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_powerjob"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("POWERJOB_HOME", folder.join("home"))
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

/// Runs a command that must succeed; gives what it prints.
fn said_by(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("started");
    let (said, told) = (
        String::from_utf8_lossy(&stdout).into_owned(),
        String::from_utf8_lossy(&stderr),
    );
    assert!(status.success(), "{said}{told}");
    said
}

fn job_names(folder: &Path) -> Vec<String> {
    let said = said_by(powerjob(folder).args(["job", "list", "--sort", "id", "--json"]));
    let page: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let jobs = page["items"].as_array().expect("items");
    let name = |item: &serde_json::Value| item["job"]["name"].as_str().expect("name").to_owned();
    jobs.iter().map(name).collect()
}

#[test]
fn the_demo_runs_survives_a_restart_and_ends_when_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let first = Standalone::start(folder);
    let password = first.password.clone().expect("shown at the first start");

    let login = ["login", "--app", "demo", "--server", &first.console];
    said_by(
        powerjob(folder)
            .args(login)
            .env("POWERJOB_PASSWORD", &password),
    );
    assert_eq!(
        job_names(folder),
        [
            "every-second",
            "every-minute-script",
            "self-health",
            "greet",
            "greet-everywhere",
            "count-primes",
            "on-demand"
        ]
    );
    let run = [
        "job",
        "run",
        "on-demand",
        "--params",
        "reader",
        "--wait",
        "--follow",
    ];
    let said = said_by(powerjob(folder).args(run).args(["--timeout", "20s"]));
    assert!(
        said.contains("SUCCEED") && said.contains("hello, reader"),
        "{said}"
    );

    for (job, result) in [
        ("greet-everywhere", "succeed:2, failed:0"),
        ("count-primes", "17984 primes below 200000"),
    ] {
        let run = ["job", "run", job, "--wait", "--timeout", "60s"];
        let said = said_by(powerjob(folder).args(run));
        assert!(said.contains(result), "{said}");
    }

    said_by(powerjob(folder).args(["job", "disable", "greet"]));
    said_by(powerjob(folder).args(["job", "delete", "self-health", "--yes"]));
    assert_eq!(first.end(Signal::TERM), Some(0));

    let second = Standalone::start(folder);
    assert_eq!(second.password, None, "not shown again");
    let server = ["--server", &second.console];
    said_by(
        powerjob(folder)
            .arg("login")
            .args(server)
            .env("POWERJOB_PASSWORD", &password),
    );
    said_by(powerjob(folder).args(["app", "use", "demo"]));
    let greet = said_by(powerjob(folder).args(["job", "show", "greet", "--json"]));
    let greet: serde_json::Value = serde_json::from_str(&greet).expect("JSON");
    assert_eq!(greet["enabled"], false, "what was changed stays");
    assert_eq!(job_names(folder).len(), 7, "what is missing is made again");
    assert_eq!(second.end(Signal::INT), Some(0));

    let reset = powerjob(folder)
        .args(["admin", "reset-password"])
        .output()
        .expect("started");
    let made = String::from_utf8_lossy(&reset.stdout).trim().to_owned();
    assert!(reset.status.success() && made.len() >= 16, "{made}");
}

#[test]
fn a_taken_port_is_named_with_its_setting() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let output = powerjob(folder.path())
        .args([
            "server",
            "--http-bind",
            &address,
            "--worker-bind",
            "127.0.0.1:0",
        ])
        .output()
        .expect("started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains(&address) && said.contains("http_bind"),
        "{said}"
    );
}

#[test]
fn an_agent_without_an_application_says_how_to_name_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = powerjob(folder.path())
        .arg("agent")
        .output()
        .expect("started");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("POWERJOB_APP"));
}
