//! The database goes away in the middle of writing, and comes back.

use std::sync::Arc;
use std::time::Duration;

use powerjob_common::time::ManualClock;
use powerjob_databases::{DatabaseServer, Durability, Kind};
use tokio::sync::mpsc;

use super::build::{app, claim_apps, insert, instance, write};
use super::writer::lease_request;
use super::{START, open};
use crate::domain::instance::Instance;
use crate::store::StoreConfig;
use crate::store::write::WriteOutcome;

/// Every write is answered by what really became of it, whatever the moment of the crash: none is
/// refused as a duplicate of itself, and what was acknowledged is there.
async fn a_crash_of_the_database_loses_and_doubles_nothing(kind: Kind) {
    let mut server = match DatabaseServer::start(kind, Durability::Full) {
        Ok(server) => server,
        Err(error) => return println!("{kind:?} is not here: {error}"),
    };
    let clock = Arc::new(ManualClock::at(START));
    let config = StoreConfig::new(server.fresh().await.unwrap());
    let store = open(config, &clock).await.unwrap();
    let app_id = app(&store, "app").await.id;
    let mut request = lease_request("a", 1);
    request.ttl = Duration::from_secs(600);
    let lease = store.acquire_lease(request).await.unwrap();
    claim_apps(&lease).await.unwrap();
    let (applied, mut counts) = mpsc::unbounded_channel();
    let writing = store.clone();
    let stream = tokio::spawn(async move {
        for batch in 0..60_i64 {
            let ops = (0..20).map(|id| {
                insert(Instance {
                    app_id,
                    ..instance(batch * 100 + id)
                })
            });
            let outcomes = write(&writing, ops.collect()).await;
            assert!(
                outcomes.iter().all(|one| *one == WriteOutcome::Applied),
                "{outcomes:?}"
            );
            applied.send(batch).unwrap();
        }
    });
    for crash in [10, 30] {
        while counts.recv().await.unwrap() < crash {}
        tokio::task::block_in_place(|| {
            server.kill().unwrap();
            server.start_again().unwrap();
        });
    }
    stream.await.unwrap();
    let text = "select count(*) from {instance_info}";
    let count = store.read(async move |sql| sql.value::<i64>(text, Vec::new()).await);
    assert_eq!(count.await, Ok(1_200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_postgres_loses_and_doubles_nothing() {
    a_crash_of_the_database_loses_and_doubles_nothing(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_mariadb_loses_and_doubles_nothing() {
    a_crash_of_the_database_loses_and_doubles_nothing(Kind::MariaDb).await;
}
