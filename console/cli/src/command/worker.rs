//! `powerjob worker ...`.

use clap::{Args, Subcommand};
use powerjob_client::api::worker::{Worker, WorkerOrderInput};
use powerjob_common::status::WorkerOrderKind;

use super::app::sure;
use crate::connect::{Access, Connection};
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::text::{bytes, table, when};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  powerjob worker list
  powerjob worker drain node-7 --reason 'new kernel'     takes nothing new; DRAINED when it is empty
  powerjob worker online node-7
  powerjob worker offline node-7 --yes                   gives away what it has, at once")]
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
    /// Let a worker end what it has and give it nothing new; also after a restart of it.
    Drain(OrderArgs),
    /// Take a worker out of service at once: what it runs is stopped there and goes to others, as if
    /// it were lost. A run without retries left fails.
    Offline {
        #[command(flatten)]
        order: OrderArgs,
        /// Do it.
        #[arg(long)]
        yes: bool,
    },
    /// Let a worker work again.
    Online(OrderArgs),
}

#[derive(Debug, Args)]
struct OrderArgs {
    /// Name of the worker, as `worker list` shows it.
    node: String,
    /// Why, for other people.
    #[arg(long, default_value = "")]
    reason: String,
}

pub(crate) async fn run(args: WorkerArgs, output: &Output) -> Result<Outcome, Failure> {
    let connection = Connection::open(&args.access)?;
    match args.command {
        WorkerCommand::List { wide } => list(&connection, wide, output).await?,
        WorkerCommand::Drain(to) => order(&connection, WorkerOrderKind::Drain, to, output).await?,
        WorkerCommand::Offline { order: to, yes } => {
            sure(yes, &format!("take worker {} off line", to.node))?;
            order(&connection, WorkerOrderKind::Offline, to, output).await?;
        }
        WorkerCommand::Online(to) => {
            order(&connection, WorkerOrderKind::Online, to, output).await?;
        }
    }
    Ok(Outcome::Done)
}

async fn order(
    connection: &Connection,
    kind: WorkerOrderKind,
    OrderArgs { node, reason }: OrderArgs,
    output: &Output,
) -> Result<(), Failure> {
    let app = connection.app().await?;
    let input = WorkerOrderInput { node, kind, reason };
    let worker = connection.client.order_worker(app.id, &input).await?;
    output.show(&worker, |worker| {
        format!("{} {}, {} runs", worker.node, worker.state, worker.running)
    })
}

async fn list(connection: &Connection, wide: bool, output: &Output) -> Result<(), Failure> {
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
            "ORDER",
        ];
        if wide {
            head.extend(["DISK", "PROCESSORS"]);
        }
        let rows = workers.iter().map(|worker| row(worker, wide));
        table::render(output.width(), &head, &[4, 5], rows)
    })
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
        order_words(worker),
    ];
    if wide {
        row.push(share(worker.disk_used_bytes, worker.disk_total_bytes));
        row.push(worker.processors.join(", "));
    }
    row
}

fn order_words(worker: &Worker) -> String {
    let Some(order) = &worker.order else {
        return String::new();
    };
    let when = when::brief(order.given_at);
    let mut words = format!("{} by {} {when}", order.kind, order.given_by);
    if !order.reason.is_empty() {
        words.push_str(": ");
        words.push_str(&order.reason);
    }
    words
}
