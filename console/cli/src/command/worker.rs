//! `powerjob worker list`.

use clap::{Args, Subcommand};
use powerjob_client::api::worker::Worker;

use crate::connect::{Access, Connection};
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::text::{bytes, table, when};

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    #[command(flatten)]
    pub(crate) access: Access,
    #[command(subcommand)]
    command: WorkerCommand,
}

#[derive(Debug, Subcommand)]
enum WorkerCommand {
    /// List the workers of an application: state, load, room, processors.
    #[command(visible_alias = "ls")]
    List {
        /// Show processors and disk as well.
        #[arg(long)]
        wide: bool,
    },
}

pub(crate) async fn run(args: WorkerArgs, output: &Output) -> Result<Outcome, Failure> {
    let connection = Connection::open(&args.access)?;
    let WorkerCommand::List { wide } = args.command;
    let app = connection.app().await?;
    let workers = connection.client.workers(app.id).await?;
    output.show(&workers, |workers| {
        if workers.is_empty() {
            return format!(
                "no worker of application {} is connected; start one with `powerjob agent --app-name {}`",
                app.name, app.name
            );
        }
        let mut head = vec![
            "NODE", "STATE", "ADDRESS", "TAGS", "RUNNING", "CPU", "MEMORY", "PROCESS", "SEEN", "SOFTWARE",
        ];
        if wide {
            head.extend(["DISK", "PROCESSORS"]);
        }
        let rows = workers.iter().map(|worker| row(worker, wide));
        table::render(output.width(), &head, &[4, 5], rows)
    })?;
    Ok(Outcome::Done)
}

fn row(worker: &Worker, wide: bool) -> Vec<String> {
    let share = |used: u64, total: u64| format!("{} of {}", bytes(used), bytes(total));
    let load = match worker.cpu_load {
        load if load < 0.0 => "-".to_owned(),
        load => format!("{load:.1}"),
    };
    let mut row = vec![
        worker.node.clone(),
        worker.state.clone(),
        worker.address.clone(),
        worker.tags.join(","),
        format!("{}/{}", worker.running, worker.capacity),
        format!("{load}/{}", worker.cpu_cores),
        share(worker.memory_used_bytes, worker.memory_total_bytes),
        bytes(worker.process_memory_bytes),
        when::brief(worker.last_seen_at),
        format!("{} ({})", worker.software, worker.protocol),
    ];
    if wide {
        row.push(share(worker.disk_used_bytes, worker.disk_total_bytes));
        row.push(worker.processors.join(", "));
    }
    row
}
