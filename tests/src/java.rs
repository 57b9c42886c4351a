//! Official Java artefacts as real peers: fetched once by Maven into the build folder, with a few
//! classes of ours (`tests/java`) beside them.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use powerjob_databases::free_port;

use crate::eventually::eventually;
use crate::process::Process;

/// The version that most tests use.
pub const LATEST: &str = "5.1.1";
/// How long a JVM may take to come up on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(120);
/// Small and quick to start; many of them run beside servers on two processors.
const JVM: &[&str] = &[
    "-Xmx160m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dpowerjob.network.local.address=127.0.0.1",
];

/// Whether this machine has a JDK and Maven; says what is missing once.
pub fn is_here() -> bool {
    static IS_HERE: OnceLock<bool> = OnceLock::new();
    *IS_HERE.get_or_init(|| {
        let missing: Vec<_> = ["java", "javac", "mvn"]
            .into_iter()
            .filter(|program| !has(program))
            .collect();
        if !missing.is_empty() {
            eprintln!(
                "note: no {}, so the tests with Java peers did not run (Debian: apt-get install \
                 default-jdk-headless maven)",
                missing.join(", no ")
            );
        }
        missing.is_empty()
    })
}

fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The artefacts of one version with our classes.
#[derive(Debug, Clone)]
pub struct Artefacts {
    class_path: String,
}

impl Artefacts {
    /// Fetches and compiles what is not there yet. Whoever comes meanwhile waits.
    ///
    /// # Errors
    /// When Maven or the compiler fails; the text has their output.
    pub fn of(version: &str) -> io::Result<Self> {
        let properties = [
            format!("-Dpowerjob.version={version}"),
            format!("-Dclient.version={}", client_of(version)),
        ];
        Self::prepare(version, &sources(), &properties)
    }

    /// The official Spring Boot starter and processors of the latest version in a Spring Boot, with
    /// our classes for them.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn spring() -> io::Result<Self> {
        let properties = [format!("-Dpowerjob.version={LATEST}")];
        Self::prepare("spring", &sources().join("spring"), &properties)
    }

    /// `from` has a `pom.xml`, and classes in `src`.
    fn prepare(name: &str, from: &Path, properties: &[String]) -> io::Result<Self> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = build_folder()?.join("java").join(name);
        let (library, classes) = (folder.join("lib"), folder.join("classes"));
        std::fs::create_dir_all(&classes)?;
        let lock = std::fs::File::create(folder.join("lock"))?;
        lock.lock()?; // another test program may do the same
        let is_fetched = folder.join("fetched");
        if !is_fetched.exists() {
            fetch(from, properties, &library)?;
            std::fs::write(&is_fetched, name)?;
        }
        let class_path = format!("{}/*:{}", library.display(), classes.display());
        compile(from, &class_path, &classes)?;
        Ok(Self { class_path })
    }

    /// A command that starts `main` of a class of `tests/java`; `folder` is its home.
    pub fn java(&self, main: &str, folder: &Path) -> Command {
        let mut command = Command::new("java");
        command
            .args(JVM)
            .arg(format!("-Duser.home={}", folder.display()))
            .arg(format!(
                "-Dlogback.configurationFile={}",
                sources().join("logback.xml").display()
            ))
            .args(["-cp", &self.class_path])
            .arg(format!("powerjob.tests.{main}"))
            .current_dir(folder);
        command
    }
}

/// What an official worker is started with.
#[derive(Debug, Clone)]
pub struct WorkerPlan<'a> {
    /// Web addresses of the servers, separated by commas.
    pub servers: &'a str,
    /// The application.
    pub app: &'a str,
    /// `HTTP` or `AKKA`.
    pub protocol: &'a str,
    /// May be empty.
    pub tag: &'a str,
}

/// An official worker in a JVM of its own; killed when it is dropped.
#[derive(Debug)]
pub struct JavaWorker {
    /// The JVM.
    pub process: Process,
    /// `host:port` as it stands in its heartbeats.
    pub address: String,
}

impl JavaWorker {
    /// Starts a worker with its files in `folder/name`; does not wait.
    ///
    /// # Errors
    /// When the JVM cannot be started.
    pub fn spawn(
        artefacts: &Artefacts,
        folder: &Path,
        name: &str,
        plan: &WorkerPlan<'_>,
    ) -> io::Result<Self> {
        Self::spawn_main(artefacts, folder, name, "WorkerMain", plan)
    }

    /// As [`Self::spawn`], with another class that takes the same arguments.
    ///
    /// # Errors
    /// When the JVM cannot be started.
    pub fn spawn_main(
        artefacts: &Artefacts,
        folder: &Path,
        name: &str,
        main: &str,
        plan: &WorkerPlan<'_>,
    ) -> io::Result<Self> {
        let home = folder.join(name);
        std::fs::create_dir_all(&home)?;
        let port = free_port()?.to_string();
        let mut command = artefacts.java(main, &home);
        command.args([plan.servers, plan.app, &port, plan.protocol, plan.tag]);
        let process = Process::start(&mut command, &home.join("worker.log"))?;
        let address = format!("127.0.0.1:{port}");
        Ok(Self { process, address })
    }

    /// Waits until it says that it has started.
    ///
    /// # Panics
    /// When it says that it failed; with what it wrote.
    pub async fn until_ready(&self) {
        let said = self.until_said(&["READY", "FAILED"]).await;
        assert!(said.starts_with("READY"), "{said}");
    }

    /// Waits for a line that begins with one of `beginnings`, and gives it.
    pub async fn until_said(&self, beginnings: &[&str]) -> String {
        let what = format!("{:?} says {beginnings:?}", self.process.log);
        eventually(&what, START_LIMIT, || async {
            let text = std::fs::read_to_string(&self.process.log).ok()?;
            let mut lines = text.lines();
            let said = |line: &&str| beginnings.iter().any(|it| line.starts_with(it));
            lines.find(said).map(str::to_owned)
        })
        .await
    }
}

/// Where cargo builds: the folder above that of the test programs.
fn build_folder() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folder = program.ancestors().nth(3);
    folder
        .map(Path::to_owned)
        .ok_or_else(|| io::Error::other("a test program lies in the build folder"))
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("java")
}

fn fetch(from: &Path, properties: &[String], library: &Path) -> io::Result<()> {
    run(Command::new("mvn")
        .args(["-B", "-q", "-f"])
        .arg(from.join("pom.xml"))
        .args(properties)
        .arg("org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies")
        .arg("-DincludeScope=runtime")
        .arg(format!("-DoutputDirectory={}", library.display())))
}

/// The client that was released with a worker, or last before it.
fn client_of(version: &str) -> &str {
    match version {
        "4.3.9" => "4.3.6",
        version => version,
    }
}

fn compile(from: &Path, class_path: &str, classes: &Path) -> io::Result<()> {
    let mut sources: Vec<_> = std::fs::read_dir(from.join("src/powerjob/tests"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    sources.sort();
    run(Command::new("javac")
        .args([
            "--release",
            "8",
            "-nowarn",
            "-Xlint:-options",
            "-cp",
            class_path,
            "-d",
        ])
        .arg(classes)
        .args(sources))
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    Err(io::Error::other(format!("{command:?}: {said}")))
}
