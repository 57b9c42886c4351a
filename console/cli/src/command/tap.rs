//! `powerjob tap`: messages between actors and nodes as they pass.

use clap::Args;
use futures_util::StreamExt;
use powerjob_client::api::id::Id;
use powerjob_client::api::inspection::TappedMessage;
use powerjob_client::{TapEvent, TapFilter};

use crate::connect::{Access, Connection};
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::text::{bytes, harmless, micros, when};

#[derive(Debug, Args)]
#[command(after_help = "\
A line shows time, sender -> receiver, type, size, time in the queue + handling, outcome, trace id.
Examples:
  powerjob tap --instance 604919300096000323 --body   follow one run through the cluster
  powerjob tap --actor dispatcher                     what one actor sends and gets
  powerjob tap --type RunInstances --json | jq .body  one type of message, for programs
  powerjob tap --recent                               what was kept although nobody watched")]
pub(crate) struct TapArgs {
    #[command(flatten)]
    pub(crate) access: Access,
    /// Messages that concern this run.
    #[arg(long, value_name = "ID")]
    instance: Option<Id>,
    /// Messages from or to actors whose path contains this text.
    #[arg(long, value_name = "TEXT")]
    actor: Option<String>,
    /// Messages of this type.
    #[arg(long = "type", value_name = "NAME")]
    kind: Option<String>,
    /// Only messages that failed or were dropped.
    #[arg(long)]
    errors: bool,
    /// Print bodies as JSON.
    #[arg(long)]
    body: bool,
    /// Print the kept messages (errors, life cycle) and end.
    #[arg(long)]
    recent: bool,
}

pub(crate) async fn run(args: TapArgs, output: &Output) -> Result<Outcome, Failure> {
    let connection = Connection::open(&args.access)?;
    let filter = TapFilter {
        instance: args.instance,
        actor: args.actor,
        kind: args.kind,
        errors: args.errors,
        bodies: args.body,
    };
    if args.recent {
        let messages = connection.client.recent_messages(&filter).await?;
        output.show(&messages, |messages| match messages.len() {
            0 => "nothing kept".to_owned(),
            _ => messages
                .iter()
                .map(|message| line(message) + "\n")
                .collect(),
        })?;
        return Ok(Outcome::Done);
    }
    watch(&connection, &filter, output).await
}

/// Prints messages until the server hangs up or the person has seen enough.
async fn watch(
    connection: &Connection,
    filter: &TapFilter,
    output: &Output,
) -> Result<Outcome, Failure> {
    let mut events = connection.client.tap(filter).await?;
    while let Some(event) = events.next().await {
        match event? {
            TapEvent::Message(message) if output.is_json() => output.json_line(&message)?,
            TapEvent::Message(message) => output.line(line(&message))?,
            TapEvent::Hello(hello) => {
                output.note(format_args!(
                    "watching through {}; end with Ctrl-C",
                    hello.node
                ));
            }
            TapEvent::Lagged(lagged) => {
                output.note(format_args!(
                    "-- {} messages lost: too many at once --",
                    lagged.missed
                ));
            }
            _ => {}
        }
    }
    Err(Failure::local("the server ended the stream"))
}

fn line(message: &TappedMessage) -> String {
    let outcome = match message.outcome.as_str() {
        "ok" => String::new(),
        other => format!("  {}", other.to_uppercase()),
    };
    let trace = match message.trace_id.as_str() {
        "" => String::new(),
        id => format!("  trace {id}"),
    };
    let mut text = format!(
        "{} [{}] {} -> {}  {}  {}  {} + {}{outcome}{trace}",
        when::clock_time(message.at),
        message.node,
        message.from,
        message.to,
        message.kind,
        bytes(message.size_bytes),
        micros(message.waited_us),
        micros(message.handling_us),
    );
    if let Some(body) = &message.body {
        text.push_str(&format!("\n    {body}"));
    }
    harmless(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_who_what_how_large_and_how_long() {
        let message = TappedMessage {
            at: 0,
            node: "n1".to_owned(),
            sequence: 1,
            from: "server/scheduler".to_owned(),
            to: "server/dispatcher".to_owned(),
            kind: "DispatchInstance".to_owned(),
            size_bytes: 120,
            waited_us: 15,
            handling_us: 1_500,
            outcome: "failed".to_owned(),
            trace_id: "ab12".to_owned(),
            instances: vec![Id(7)],
            body: Some(serde_json::json!({"x": 1})),
        };
        let text = line(&message);
        let (head, body) = text.split_once('\n').expect("two lines");
        assert!(head.ends_with(
            "[n1] server/scheduler -> server/dispatcher  DispatchInstance  120 B  \
             15 \u{b5}s + 1.5 ms  FAILED  trace ab12"
        ));
        assert_eq!(body, "    {\"x\":1}");
    }
}
