//! A server that knows a few answers by their path.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

/// Answers each `METHOD /path` (without query) with a status and a body; what is asked several
/// times goes through its answers and stays at the last one.
pub(crate) struct Stub {
    pub(crate) address: String,
    pub(crate) home: tempfile::TempDir,
    seen: Arc<Mutex<Vec<String>>>,
}

type Answers = HashMap<&'static str, Vec<(u16, String)>>;

impl Stub {
    pub(crate) fn start(answers: &[(&'static str, u16, &str)]) -> Self {
        let mut table = Answers::new();
        for (path, status, body) in answers {
            table
                .entry(path)
                .or_default()
                .push((*status, (*body).to_owned()));
        }
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("address").to_string();
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let log = seen.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                serve(socket.expect("socket"), &mut table, &log);
            }
        });
        let home = tempfile::tempdir().expect("folder");
        Self {
            address,
            home,
            seen,
        }
    }

    /// The `powerjob` command with nothing of this machine's settings.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_powerjob"));
        command
            .args(words)
            .env_clear()
            .env("POWERJOB_URL", &self.address)
            .env("POWERJOB_HOME", self.home.path())
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("started")
    }

    /// Request lines and bodies so far.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("lock").clone()
    }
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn serve(mut socket: TcpStream, table: &mut Answers, seen: &Mutex<Vec<String>>) {
    let request = read_request(&mut socket);
    let line = request.lines().next().unwrap_or_default().to_owned();
    let body = request.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    seen.lock().expect("lock").push(format!("{line} {body}"));
    let target = line.rsplit_once(' ').map_or("", |(target, _)| target);
    let path = target.split('?').next().unwrap_or_default();
    let (status, body) = match table.get_mut(path) {
        Some(answers) if answers.len() > 1 => answers.remove(0),
        Some(answers) => answers[0].clone(),
        None => (404, String::new()),
    };
    let answer = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(answer.as_bytes()).ok();
}

fn read_request(socket: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut buffer = [0_u8; 4096];
    loop {
        let count = socket.read(&mut buffer).expect("read");
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |value| value.parse().expect("length"));
            if body.len() >= length {
                return text;
            }
        }
        if count == 0 {
            return text;
        }
    }
}
