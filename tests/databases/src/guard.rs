//! Runs a server as long as this process lives.

use std::io;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(20);
const LOG: &str = "server.log";

/// Starts the server named by its arguments; ends it when standard input ends, which it does when
/// the process that holds the other end dies. A server that ends by itself ends the guard too: the
/// reader is then alone and is ended.
const SCRIPT: &str = r#"
folder=$1; signal=$2; shift 2
"$@" >"$folder/server.log" 2>&1 </dev/null &
server=$!
exec 3<&0
(read -r _ <&3; kill -s "$signal" "$server" 2>/dev/null) &
reader=$!
wait "$server"
kill "$reader" 2>/dev/null
test -e "$folder/keep" || rm -rf "$folder"
"#;

#[derive(Debug)]
pub(crate) struct Guard {
    shell: Child,
    /// Open as long as the server shall live.
    lifeline: Option<ChildStdin>,
}

impl Guard {
    /// `signal` ends the server at once.
    pub(crate) fn start(command: &[String], folder: &Path, signal: &str) -> io::Result<Self> {
        std::fs::write(folder.join(LOG), [])?;
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "guard"])
            .arg(folder)
            .arg(signal)
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let lifeline = shell.stdin.take();
        Ok(Self { shell, lifeline })
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a server says only in its log that it is ready"
    )]
    /// Waits until the server is ready by what `is_ready` makes of its log.
    pub(crate) fn wait_until(
        &mut self,
        is_ready: impl Fn(&str) -> bool,
        folder: &Path,
    ) -> io::Result<()> {
        let begun = Instant::now();
        loop {
            let log = std::fs::read_to_string(folder.join(LOG)).unwrap_or_default();
            if is_ready(&log) {
                return Ok(());
            }
            if self.shell.try_wait()?.is_some() || begun.elapsed() > PATIENCE {
                return Err(io::Error::other(format!("it did not start: {log}")));
            }
            std::thread::sleep(PAUSE); // its log is all that tells of its start
        }
    }

    /// Lets the folder stay when the server ends.
    pub(crate) fn keep(folder: &Path) -> io::Result<()> {
        std::fs::write(folder.join("keep"), [])
    }

    /// Whether the server has ended.
    pub(crate) fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.shell.try_wait()?.is_some())
    }

    /// Ends the server at once and keeps its folder.
    pub(crate) fn kill(&mut self, folder: &Path) -> io::Result<()> {
        Self::keep(folder)?;
        self.lifeline = None;
        self.shell.wait()?;
        std::fs::remove_file(folder.join("keep"))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.lifeline = None;
        if let Err(error) = self.shell.wait() {
            eprintln!("a database server's guard: {error}");
        }
    }
}
