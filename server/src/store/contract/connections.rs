//! Connections that the database ends, as its restart or a cut network does.

use std::time::Duration;

use powerjob_databases::Kind;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend};

use super::Fixture;
use super::build::{app, claim_apps, insert, instance, write};
use super::writer::lease_request;
use crate::domain::instance::Instance;
use crate::store::sql::Sql;
use crate::store::write::WriteOutcome;

/// Gives the number of its connection, which is busy meanwhile so that its neighbours get others.
async fn number_of(sql: Sql, backend: DbBackend) -> i64 {
    let text = match backend {
        DbBackend::Postgres => "select pg_backend_pid()::bigint from pg_sleep(0.3)",
        _ => "select cast(connection_id() as signed) from (select sleep(0.3)) s",
    };
    sql.value(text, Vec::new()).await.unwrap()
}

impl Fixture {
    fn kind(&self) -> Kind {
        match self.backend() {
            DbBackend::Postgres => Kind::Postgres,
            _ => Kind::MariaDb,
        }
    }

    /// The numbers of all connections of the pool for reading.
    async fn reading_connections(&self) -> Vec<i64> {
        let backend = self.backend();
        let read = || {
            self.store
                .read(async move |sql| Ok(number_of(sql, backend).await))
        };
        let (one, two, three) = tokio::join!(read(), read(), read());
        let mut numbers = vec![one.unwrap(), two.unwrap(), three.unwrap()];
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 3, "three connections");
        numbers
    }

    async fn writing_connection(&self) -> Vec<i64> {
        let backend = self.backend();
        let written = self
            .store
            .write(async move |sql| Ok(number_of(sql, backend).await));
        vec![written.await.unwrap()]
    }

    /// Ends connections behind the store's back, and waits until they are gone.
    async fn end(&self, connections: Vec<i64>) {
        let beside = self.connect().await;
        for number in connections {
            let (end, rest) = match self.kind() {
                Kind::Postgres => (
                    format!("select pg_terminate_backend({number})"),
                    format!("select 1 from pg_stat_activity where pid = {number}"),
                ),
                Kind::MariaDb => (
                    format!("kill connection {number}"),
                    format!("select 1 from information_schema.processlist where id = {number}"),
                ),
            };
            beside.execute_unprepared(&end).await.unwrap();
            while is_there(&beside, &rest).await {
                tokio::task::yield_now().await;
            }
        }
    }
}

async fn is_there(beside: &DatabaseConnection, rest: &str) -> bool {
    let query = sea_orm::Statement::from_string(beside.get_database_backend(), rest);
    beside.query_one_raw(query).await.unwrap().is_some()
}

pub(super) async fn a_read_whose_connection_has_ended_is_asked_again(fixture: Fixture) {
    let app_id = app(&fixture.store, "app").await.id;
    let connections = fixture.reading_connections().await;
    fixture.end(connections).await;
    let reads = (0..3).map(|_| fixture.store.app(app_id));
    for read in futures_util::future::join_all(reads).await {
        assert_eq!(read.unwrap().id, app_id);
    }
}

pub(super) async fn a_renewal_whose_connection_has_ended_is_sent_again(fixture: Fixture) {
    let mut request = lease_request("a", 1);
    request.ttl = Duration::from_secs(60);
    let lease = fixture.store.acquire_lease(request).await.unwrap();
    let connection = number_of(lease.leasing(), fixture.backend()).await;
    fixture.end(vec![connection]).await;
    lease.renew().await.unwrap();
    let connection = number_of(lease.leasing(), fixture.backend()).await;
    fixture.end(vec![connection]).await;
    assert_eq!(lease.servers().await.unwrap().len(), 1);
}

pub(super) async fn a_transaction_whose_connection_has_ended_begins_again(fixture: Fixture) {
    let connection = fixture.writing_connection().await;
    fixture.end(connection).await;
    assert_eq!(app(&fixture.store, "app").await.name, "app");
}

pub(super) async fn a_batch_whose_connection_has_ended_is_written_again(fixture: Fixture) {
    let store = &fixture.store;
    let app_id = app(store, "app").await.id;
    let mut request = lease_request("a", 1);
    request.ttl = Duration::from_secs(60);
    let lease = store.acquire_lease(request).await.unwrap();
    claim_apps(&lease).await.unwrap();
    let connection = fixture.writing_connection().await;
    fixture.end(connection).await;
    let one = insert(Instance {
        app_id,
        ..instance(1)
    });
    assert_eq!(write(store, vec![one]).await, [WriteOutcome::Applied]);
}
