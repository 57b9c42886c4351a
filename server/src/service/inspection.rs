//! The inside of the nodes, for administrators. Each look is written to the log.

use powerjob_common::actor::{TapFilter, TapRecord};
use powerjob_protocol::api::id::Id;
use powerjob_protocol::api::inspection::{NodeActors, TappedMessage};
use std::time::Duration;
use tracing::info;

use super::access::Person;
use super::server::actor_state;
use super::{ServiceError, Services};
use crate::actor::inspector::{
    ClusterTap, GetClusterActors, NodeReading, RecentMessages, WatchCluster,
};

/// The inspector itself gives silent nodes about a second.
const LIMIT: Duration = Duration::from_secs(3);

/// The actors of all nodes.
pub async fn actors(services: &Services, person: &Person) -> Result<Vec<NodeActors>, ServiceError> {
    audit(person, "actors", None);
    let readings = services
        .handles
        .cluster_actors
        .ask(LIMIT, |reply| GetClusterActors { reply })
        .await?;
    Ok(readings.into_iter().map(node_actors).collect())
}

/// Starts to watch messages; ends when the tap is dropped.
pub async fn watch(
    services: &Services,
    person: &Person,
    filter: TapFilter,
) -> Result<ClusterTap, ServiceError> {
    audit(person, "messages", Some(&filter));
    Ok(services
        .handles
        .watch_cluster
        .ask(LIMIT, |reply| WatchCluster { filter, reply })
        .await?)
}

/// Failed and life-cycle messages of the recent past, oldest first.
pub async fn recent(
    services: &Services,
    person: &Person,
    filter: TapFilter,
) -> Result<Vec<TappedMessage>, ServiceError> {
    audit(person, "recent messages", Some(&filter));
    let records = services
        .handles
        .recent_messages
        .ask(LIMIT, |reply| RecentMessages { filter, reply })
        .await?;
    Ok(records.into_iter().map(message).collect())
}

fn audit(person: &Person, what: &str, filter: Option<&TapFilter>) {
    let with_bodies = filter.is_some_and(|filter| filter.bodies);
    let instance_id = filter.and_then(|filter| filter.instance).map(|id| id.0);
    info!(
        account = person.account,
        instance_id, with_bodies, "audit: looked at {what}"
    );
}

fn node_actors(reading: NodeReading) -> NodeActors {
    let (actors, error) = match reading.actors {
        Ok(actors) => (actors, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    NodeActors {
        node: reading.node,
        role: if reading.is_server {
            "server"
        } else {
            "worker"
        }
        .to_owned(),
        actors: actors.into_iter().map(actor_state).collect(),
        error,
    }
}

/// A message as the API shows it.
pub fn message(record: TapRecord) -> TappedMessage {
    use powerjob_common::actor::Outcome;
    let outcome = match record.outcome {
        Outcome::Ok => "ok",
        Outcome::Failed => "failed",
        Outcome::Dropped => "dropped",
    };
    TappedMessage {
        at: record.at.0,
        node: record.node,
        sequence: record.sequence,
        from: record.from,
        to: record.to,
        kind: record.kind,
        size_bytes: record.size_bytes,
        waited_us: record.waited_us,
        handling_us: record.handling_us,
        outcome: outcome.to_owned(),
        trace_id: record.trace_id,
        instances: record.instances.into_iter().map(|id| Id(id.0)).collect(),
        body: record.body,
    }
}
