//! Throw-away PostgreSQL and MariaDB servers for tests, from the programs that the machine has.
//!
//! A server has its data in a temporary folder and listens on a free port of 127.0.0.1. It ends, and
//! its folder goes, when its [`DatabaseServer`] drops and also when the test process dies in whatever
//! way: a small guard process waits for the end of a pipe that only the test process holds open.
//! These servers do not run as root; for root they run as `nobody`.

mod guard;
mod mariadb;
mod postgres;
mod programs;

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use guard::Guard;
// Databases are made and dropped behind the back of any store.
use sea_orm::{ConnectionTrait, Database, DbErr};

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Postgres,
    MariaDb,
}

/// Whether commits reach the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// As in production: for benchmarks and for tests that kill the server.
    Full,
    /// Fast: for tests that only look at what the statements do.
    None,
}

/// A running server.
#[derive(Debug)]
pub struct DatabaseServer {
    kind: Kind,
    durability: Durability,
    port: u16,
    folder: tempfile::TempDir,
    guard: Guard,
}

/// The account of every server; it may do everything.
pub const USER: &str = "powerjob";
/// The password of [`USER`].
pub const PASSWORD: &str = "powerjob secret";
const PASSWORD_IN_URL: &str = "powerjob%20secret";
/// The database that every server has from the start.
pub const DATABASE: &str = "powerjob";

impl DatabaseServer {
    /// Starts a server; returns when it takes connections.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when the machine does not have the programs.
    pub fn start(kind: Kind, durability: Durability) -> io::Result<Self> {
        Self::start_in(kind, durability, &std::env::temp_dir())
    }

    /// As [`Self::start`], with its data in a folder of its own inside `place`.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_in(kind: Kind, durability: Durability, place: &Path) -> io::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("powerjob-db-")
            .tempdir_in(place)?;
        programs::give_away(folder.path())?;
        match kind {
            Kind::Postgres => postgres::initialize(folder.path())?,
            Kind::MariaDb => mariadb::initialize(folder.path())?,
        }
        let port = free_port()?;
        let guard = run(kind, durability, folder.path(), port)?;
        Ok(Self {
            kind,
            durability,
            port,
            folder,
            guard,
        })
    }

    /// The server that all tests of this process share, without durability; `None`, with a note on
    /// standard error, where it can not be had.
    pub fn shared(kind: Kind) -> Option<&'static Self> {
        static POSTGRES: OnceLock<Option<DatabaseServer>> = OnceLock::new();
        static MARIADB: OnceLock<Option<DatabaseServer>> = OnceLock::new();
        let cell = match kind {
            Kind::Postgres => &POSTGRES,
            Kind::MariaDb => &MARIADB,
        };
        let start = || match Self::start(kind, Durability::None) {
            Ok(server) => Some(server),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                eprintln!("note: no {kind:?} on this machine, its tests do not run: {error}");
                None
            }
            Err(error) => panic!("{kind:?} does not start: {error}"),
        };
        cell.get_or_init(start).as_ref()
    }

    /// Which database it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `postgres://...` or `mysql://...` of a database.
    pub fn url(&self, database: &str) -> String {
        self.url_through(self.port, database)
    }

    /// As [`Self::url`], through something on another port of 127.0.0.1.
    pub fn url_through(&self, port: u16, database: &str) -> String {
        let scheme = match self.kind {
            Kind::Postgres => "postgres",
            Kind::MariaDb => "mysql",
        };
        format!("{scheme}://{USER}:{PASSWORD_IN_URL}@127.0.0.1:{port}/{database}")
    }

    /// Makes an empty database (on PostgreSQL a schema, which is quicker); its URL.
    ///
    /// # Errors
    /// What the server says.
    pub async fn fresh(&self) -> Result<String, DbErr> {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let (text, url) = match self.kind {
            Kind::Postgres => (
                format!("create schema {name}"),
                format!("{}?options[search_path]={name}", self.url(DATABASE)),
            ),
            Kind::MariaDb => (
                format!("create database {name} character set utf8mb4"),
                self.url(&name),
            ),
        };
        let connection = Database::connect(self.url(DATABASE)).await?;
        connection.execute_unprepared(&text).await?;
        connection.close().await?;
        Ok(url)
    }

    /// Ends the server at once, as a power failure would; the data stays for [`Self::start_again`].
    pub fn kill(&mut self) -> io::Result<()> {
        self.guard.kill(self.folder.path())
    }

    /// Lets the data stay also when the server ends by itself, for [`Self::start_again`].
    pub fn keep_its_data(&self) -> io::Result<()> {
        Guard::keep(self.folder.path())
    }

    /// Whether the server has ended by itself.
    pub fn has_ended(&mut self) -> io::Result<bool> {
        self.guard.has_ended()
    }

    /// Starts a killed server again, on the same port and data.
    pub fn start_again(&mut self) -> io::Result<()> {
        self.guard = run(self.kind, self.durability, self.folder.path(), self.port)?;
        Ok(())
    }
}

fn run(kind: Kind, durability: Durability, folder: &Path, port: u16) -> io::Result<Guard> {
    let is_durable = durability == Durability::Full;
    let command = match kind {
        Kind::Postgres => postgres::command(folder, port, is_durable)?,
        Kind::MariaDb => mariadb::command(folder, port, is_durable)?,
    };
    let signal = match kind {
        // Ends all its processes at once, without a checkpoint: a crash.
        Kind::Postgres => "QUIT",
        Kind::MariaDb => "KILL",
    };
    let mut guard = Guard::start(&command, folder, signal)?;
    let is_ready = match kind {
        Kind::Postgres => postgres::is_ready,
        Kind::MariaDb => mariadb::is_ready,
    };
    guard.wait_until(|log| is_ready(port, log), folder)?;
    Ok(guard)
}

/// A port of the loopback address that nothing uses, nor the one after it, and that no connection gets by
/// itself: those begin at 32,768, and may be taken between this call and the start of a server. No port is
/// given twice in a process.
///
/// # Errors
/// When none of many is free.
pub fn free_port() -> io::Result<u16> {
    const PAIRS: usize = 11_000;
    static GIVEN: OnceLock<AtomicUsize> = OnceLock::new();
    // Processes begin at different places.
    let given =
        GIVEN.get_or_init(|| AtomicUsize::new(RandomState::new().hash_one(0) as usize % PAIRS));
    let next = || 10_000 + 2 * (given.fetch_add(1, Ordering::Relaxed) % PAIRS) as u16;
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let mut free = std::iter::repeat_with(next)
        .take(100)
        .filter(|port| is_free(*port) && is_free(port + 1));
    free.next().ok_or_else(|| io::ErrorKind::AddrInUse.into())
}
