//! `powerjob actors`: the actors of all nodes as trees with their numbers.

use std::time::Duration;

use clap::Args;
use powerjob_client::api::inspection::{ActorState, NodeActors};

use crate::connect::{Access, Connection};
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::text::{micros, table};

/// How often `--watch` draws.
const REDRAW_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
#[command(after_help = "\
QUEUE is queued plus running work of the places there are; P50 and P99 are handling times.")]
pub(crate) struct ActorsArgs {
    #[command(flatten)]
    pub(crate) access: Access,
    /// Draw anew every second until Ctrl-C.
    #[arg(long)]
    watch: bool,
}

pub(crate) async fn run(args: ActorsArgs, output: &Output) -> Result<Outcome, Failure> {
    let connection = Connection::open(&args.access)?;
    loop {
        let nodes = connection.client.actors().await?;
        if !args.watch {
            output.show(&nodes, |nodes| render(nodes, output.width()))?;
            return Ok(Outcome::Done);
        }
        if output.is_json() {
            output.json_line(&nodes)?;
        } else {
            output.clear()?;
            output.line(render(&nodes, output.width()))?;
        }
        tokio::time::sleep(REDRAW_INTERVAL).await;
    }
}

fn render(nodes: &[NodeActors], width: Option<u16>) -> String {
    let mut parts = Vec::new();
    for node in nodes {
        let title = format!("{} {}", node.role, node.node);
        parts.push(match &node.error {
            Some(error) => format!("{title}: {error}"),
            None => format!("{title}\n{}", tree(&node.actors, width)),
        });
    }
    parts.join("\n\n")
}

fn tree(actors: &[ActorState], width: Option<u16>) -> String {
    let head = [
        "ACTOR", "QUEUE", "RATE/S", "HANDLED", "REFUSED", "P50", "P99", "RESTARTS",
    ];
    let mut rows = Vec::new();
    let mut above: Vec<&str> = Vec::new();
    for actor in actors {
        let path = actor.path.split('/').collect::<Vec<_>>();
        let shared = above.iter().zip(&path).take_while(|(a, b)| a == b).count();
        let last = path.len().saturating_sub(1);
        // folders on the way that are no actors themselves
        for (depth, name) in path.iter().enumerate().take(last).skip(shared) {
            rows.push(vec![indented(depth, name)]);
        }
        rows.push(row(
            actor,
            last,
            path.get(last).copied().unwrap_or_default(),
        ));
        above = path;
    }
    table::render(width, &head, &[1, 2, 3, 4, 5, 6, 7], rows)
}

fn row(actor: &ActorState, depth: usize, name: &str) -> Vec<String> {
    vec![
        indented(depth, name),
        format!("{}/{}", actor.depth, actor.capacity),
        format!("{:.1}", actor.rate),
        actor.handled.to_string(),
        actor.refused.to_string(),
        micros(actor.p50_us),
        micros(actor.p99_us),
        actor.restarts.to_string(),
    ]
}

fn indented(depth: usize, name: &str) -> String {
    format!("{}{name}", "  ".repeat(depth))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(path: &str) -> ActorState {
        ActorState {
            path: path.to_owned(),
            depth: 1,
            capacity: 64,
            handled: 10,
            refused: 0,
            rate: 2.5,
            p50_us: 40,
            p99_us: 1_200,
            restarts: 0,
        }
    }

    #[test]
    fn paths_become_a_tree() {
        let actors = [
            actor("server/dispatcher"),
            actor("server/instances/0"),
            actor("server/instances/1"),
        ];
        let text = tree(&actors, None);
        let names = text
            .lines()
            .map(|line| line.trim_end().split("  1/64").next());
        let names = names.flatten().map(str::trim_end).skip(1);
        assert_eq!(
            names.collect::<Vec<_>>(),
            ["server", "  dispatcher", "  instances", "    0", "    1"]
        );
        assert!(text.contains("40 \u{b5}s"));
    }

    #[test]
    fn a_node_that_did_not_answer_says_why() {
        let node = NodeActors {
            node: "b".to_owned(),
            role: "worker".to_owned(),
            actors: vec![],
            error: Some("no answer in 2 s".to_owned()),
        };
        assert_eq!(render(&[node], None), "worker b: no answer in 2 s");
    }
}
