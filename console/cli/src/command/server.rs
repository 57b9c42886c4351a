//! `powerjob server status`, `powerjob server clean`: a running server, looked at from outside.

use std::time::Duration;

use clap::Subcommand;
use powerjob_client::api::server::{CleaningStatus, ServerStatus};

use crate::connect::{Access, Connection};
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::text::{bytes, micros, span, table, when};

/// How often a round of cleaning that takes longer is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Subcommand)]
pub(crate) enum ServerCommand {
    /// Show how a running server is: lease, applications, lateness, queues, settings
    /// (administrators).
    Status {
        #[command(flatten)]
        access: Access,
        /// Show every actor and every setting, not only those that are worth a look.
        #[arg(long)]
        all: bool,
    },
    /// Have a running server delete what is too old now, and wait for it (administrators).
    Clean {
        #[command(flatten)]
        access: Access,
    },
}

impl ServerCommand {
    /// Whether the results are for a program.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Status { access, .. } | Self::Clean { access } => access.json,
        }
    }
}

pub(crate) async fn run(command: ServerCommand, output: &Output) -> Result<Outcome, Failure> {
    match command {
        ServerCommand::Status { access, all } => {
            let client = Connection::open(&access)?.client;
            let status = client.server_status().await?;
            output.show(&status, |status| render(status, all, output.width()))?;
        }
        ServerCommand::Clean { access } => {
            let client = Connection::open(&access)?.client;
            let before = client.cleaning().await?;
            let mut now = client.clean_now().await?;
            while now.is_running {
                tokio::time::sleep(LOOK_INTERVAL).await;
                now = client.cleaning().await?;
            }
            output.show(&now, |now| cleaned(&before, now))?;
            if now.failures > before.failures {
                output.note("not everything could be deleted; the server's log tells why");
                return Ok(Outcome::Failed);
            }
        }
    }
    Ok(Outcome::Done)
}

fn cleaned(before: &CleaningStatus, now: &CleaningStatus) -> String {
    table::facts(&[
        ("instances", (now.instances - before.instances).to_string()),
        (
            "job revisions",
            (now.job_revisions - before.job_revisions).to_string(),
        ),
        ("deleted jobs", (now.jobs - before.jobs).to_string()),
        ("sessions", (now.sessions - before.sessions).to_string()),
        ("logs", bytes(now.log_bytes - before.log_bytes)),
        ("took", milliseconds(now.took_ms)),
    ])
}

fn render(status: &ServerStatus, all: bool, width: Option<u16>) -> String {
    let parts = [
        facts(status),
        servers(status, width),
        apps(status, width),
        actors(status, all, width),
        settings(status, all, width),
    ];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n\n")
}

fn facts(status: &ServerStatus) -> String {
    let (lateness, runs, store) = (&status.lateness, &status.runs, &status.store);
    let ready = status.not_ready.as_deref();
    let up_ms = u64::try_from(status.now - status.started_at).unwrap_or(0);
    table::facts(&[
        ("server", format!("{} ({})", status.node, status.version)),
        (
            "ready",
            ready.map_or_else(|| "yes".to_owned(), |why| format!("no: {why}")),
        ),
        ("up", milliseconds(up_ms)),
        ("zone", status.zone.clone()),
        ("workers connect to", status.worker_address.clone()),
        (
            "lease",
            format!(
                "epoch {}, acts for {} unless renewed",
                status.lease.epoch,
                milliseconds(status.lease.acts_for_ms)
            ),
        ),
        (
            "lateness",
            format!(
                "p50 {}, p99 {} to the processor; p50 {}, p99 {} to the sending",
                micros(lateness.p50_us),
                micros(lateness.p99_us),
                micros(lateness.sent_p50_us),
                micros(lateness.sent_p99_us)
            ),
        ),
        (
            "runs",
            format!(
                "{} open; {} sent, {} succeeded, {} failed, {} canceled, {} stopped",
                runs.open, runs.sent, runs.succeeded, runs.failed, runs.canceled, runs.stopped
            ),
        ),
        (
            "store",
            format!(
                "{}/{} rows wait; {} commits of {} rows; rows a commit p50 {}, p99 {}; a commit takes p50 {}, p99 {}",
                store.queued_rows,
                store.capacity_rows,
                store.commits,
                store.rows,
                store.batch_rows_p50,
                store.batch_rows_p99,
                micros(store.commit_p50_us),
                micros(store.commit_p99_us)
            ),
        ),
        (
            "process",
            format!(
                "{} memory, {} processor time, {} threads, {} files",
                bytes(status.process.resident_bytes),
                milliseconds(status.process.cpu_ms),
                status.process.threads,
                status.process.open_files
            ),
        ),
        ("cleaning", cleaning(&status.cleaning)),
    ])
}

fn cleaning(cleaning: &CleaningStatus) -> String {
    let last = match cleaning.ended_at {
        _ if cleaning.is_running => "under way".to_owned(),
        Some(at) => format!(
            "last {}, {}",
            when::brief(at),
            milliseconds(cleaning.took_ms)
        ),
        None => "not yet".to_owned(),
    };
    format!(
        "{last}; {} instances, {} job revisions, {} of logs deleted since the start",
        cleaning.instances,
        cleaning.job_revisions,
        bytes(cleaning.log_bytes)
    )
}

fn servers(status: &ServerStatus, width: Option<u16>) -> String {
    let rows = status.servers.iter().map(|server| {
        let mark = if server.is_this { " (this one)" } else { "" };
        vec![
            format!("{}{mark}", server.node),
            server.worker_address.clone(),
            server.epoch.to_string(),
            server.apps.to_string(),
            when::brief(server.acquired_at),
        ]
    });
    let head = ["SERVER", "WORKERS CONNECT TO", "EPOCH", "APPS", "SINCE"];
    table::render(width, &head, &[2, 3], rows)
}

fn apps(status: &ServerStatus, width: Option<u16>) -> String {
    if status.apps.is_empty() {
        return "this server owns no application".to_owned();
    }
    let row = |app: &powerjob_client::api::server::OwnedApp| {
        vec![app.name.clone(), app.id.to_string(), app.epoch.to_string()]
    };
    let rows = status.apps.iter().map(row);
    table::render(width, &["OWNED APPLICATION", "ID", "EPOCH"], &[1, 2], rows)
}

/// Those with something in their queue, or that ever refused anything.
fn actors(status: &ServerStatus, all: bool, width: Option<u16>) -> String {
    let shown = status
        .actors
        .iter()
        .filter(|actor| all || actor.depth > 0 || actor.refused > 0);
    let rows: Vec<_> = shown
        .map(|actor| {
            vec![
                actor.path.clone(),
                format!("{}/{}", actor.depth, actor.capacity),
                format!("{:.1}", actor.rate),
                actor.refused.to_string(),
                micros(actor.p99_us),
            ]
        })
        .collect();
    if rows.is_empty() {
        return "all queues are empty".to_owned();
    }
    let head = ["ACTOR", "QUEUE", "RATE/S", "REFUSED", "P99"];
    table::render(width, &head, &[1, 2, 3, 4], rows)
}

/// Those of the server that are not left at their defaults.
fn settings(status: &ServerStatus, all: bool, width: Option<u16>) -> String {
    let shown = status.settings.iter().filter(|setting| {
        all || (setting.origin != "default" && setting.name.starts_with("server."))
    });
    let rows: Vec<_> = shown
        .map(|setting| {
            let value = setting.value.clone().unwrap_or_else(|| "-".to_owned());
            vec![setting.name.clone(), value, setting.origin.clone()]
        })
        .collect();
    if rows.is_empty() {
        return "all settings have their defaults".to_owned();
    }
    table::render(width, &["SETTING", "VALUE", "FROM"], &[], rows)
}

fn milliseconds(ms: u64) -> String {
    span::rough(Duration::from_millis(ms))
}
