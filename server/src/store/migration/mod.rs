//! The schema and its steps. Steps are only ever added, never changed.

mod adoption;
mod beats;
mod cluster;
mod http_workers;
mod own;
pub(super) mod reference;
mod sqlite_rows;
mod table;
mod task_journal;
mod worker_choice;

use sea_orm::{
    DatabaseConnection, DbBackend, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait, sea_query,
};
use sea_orm_migration::MigratorTraitSelf;
use sea_orm_migration::prelude::*;

use super::Error;
use super::dialect::Dialect;

/// Brings the schema to the present version; does nothing when it is there. Servers that start at
/// once take turns.
///
/// # Errors
/// [`Error::Newer`] when the database knows steps that this program does not,
/// [`Error::Unmigrated`] when it has columns that only `powerjob migrate` may change.
pub(super) async fn migrate(
    connection: &DatabaseConnection,
    dialect: &Dialect,
) -> Result<(), Error> {
    migrate_to(connection, dialect, None).await
}

/// Changes what only an operator may decide to change in a database of the reference product; the
/// names of the columns that were changed.
///
/// # Errors
/// [`Error::InUse`] while a server is alive on it.
pub(super) async fn migrate_legacy(
    connection: &DatabaseConnection,
    dialect: &Dialect,
) -> Result<Vec<String>, Error> {
    if dialect.backend() != DbBackend::Postgres {
        return Ok(Vec::new());
    }
    let names = Names::of(connection, dialect).await?;
    let transaction = connection.begin().await?;
    let columns = adoption::convert_large_objects(&transaction, &names).await?;
    transaction.commit().await?;
    Ok(columns
        .into_iter()
        .map(|(table, column)| format!("{table}.{column}"))
        .collect())
}

/// Only the first `steps`: for tests of the later ones.
pub(super) async fn migrate_to(
    connection: &DatabaseConnection,
    dialect: &Dialect,
    steps: Option<u32>,
) -> Result<(), Error> {
    let names = Names::of(connection, dialect).await?;
    let schema = Schema { names };
    match dialect.backend() {
        DbBackend::MySql => schema.up_under_lock(connection, steps).await,
        _ => schema.up_in_transaction(connection, steps).await,
    }
}

/// Names of tables and indexes, with the prefix.
#[derive(Debug, Clone)]
struct Names {
    backend: DbBackend,
    prefix: String,
    /// Whether the reference's dates have fractions of seconds: on MySQL, but not on MariaDB.
    has_fractions: bool,
}

impl Names {
    async fn of(connection: &DatabaseConnection, dialect: &Dialect) -> Result<Self, Error> {
        let is_mariadb = match dialect.backend() {
            DbBackend::MySql => {
                let version = Statement::from_string(DbBackend::MySql, "select version()");
                let row = connection.query_one_raw(version).await?;
                let version: String =
                    row.map_or(Ok(String::new()), |row| row.try_get_by_index(0))?;
                version.to_lowercase().contains("mariadb")
            }
            _ => true,
        };
        Ok(Self {
            backend: dialect.backend(),
            prefix: dialect.table(""),
            has_fractions: !is_mariadb,
        })
    }

    /// Whether a column of this name is an addition of ours.
    fn is_own(&self, column: &str) -> bool {
        column.starts_with("pj_")
    }

    /// The primary key as the reference makes it; on PostgreSQL with a default beside, so that our
    /// inserts need not name the sequence.
    fn id_column(&self) -> ColumnDef {
        let mut id = ColumnDef::new("id");
        id.big_integer().not_null().primary_key();
        if self.backend == DbBackend::Postgres {
            id.extra(format!("default nextval('{}')", self.sequence()));
        } else {
            id.auto_increment();
        }
        id
    }

    /// The one sequence of the reference, for all tables.
    fn sequence(&self) -> &'static str {
        "native"
    }

    fn text(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn table(&self, name: &str) -> Alias {
        Alias::new(self.text(name))
    }

    /// Index names are one name space for all tables of an SQLite or PostgreSQL schema.
    fn index(&self, name: &str) -> String {
        self.text(name)
    }

    fn has_partial_indexes(&self) -> bool {
        self.backend != DbBackend::MySql
    }

    fn by_row_id(
        &self,
        sqlite: &'static [&'static str],
        others: &'static [&'static str],
    ) -> &'static [&'static str] {
        if self.backend == DbBackend::Sqlite {
            sqlite
        } else {
            others
        }
    }
}

struct Schema {
    names: Names,
}

impl Schema {
    async fn up_in_transaction(
        &self,
        connection: &DatabaseConnection,
        steps: Option<u32>,
    ) -> Result<(), Error> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        let transaction = connection.begin_with_options(options).await?;
        if self.names.backend == DbBackend::Postgres {
            // The second waits here, and finds nothing left to do.
            let text = format!(
                "set local statement_timeout = '10min'; \
                 select pg_advisory_xact_lock(hashtextextended('powerjob schema ' || current_schema() || '{}', 0))",
                self.names.prefix
            );
            transaction.execute_unprepared(&text).await?;
            adoption::refuse_large_objects(&transaction, &self.names).await?;
        }
        self.refuse_newer(&transaction).await?;
        self.up(&transaction, steps).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// MySQL ends a transaction with every change of the schema, so each step may be half done and is
    /// made so that it can be repeated. The connection is the only one of its pool, so the lock is
    /// ours all the way.
    async fn up_under_lock(
        &self,
        connection: &DatabaseConnection,
        steps: Option<u32>,
    ) -> Result<(), Error> {
        let name = format!(
            "concat('powerjob schema ', database(), '{}')",
            self.names.prefix
        );
        let query = |text: String| Statement::from_string(DbBackend::MySql, text);
        let lock = query(format!(
            "select cast(get_lock(left({name}, 64), 600) as signed)"
        ));
        let row = connection.query_one_raw(lock).await?;
        let taken: Option<i64> = row.map_or(Ok(None), |row| row.try_get_by_index(0))?;
        if taken != Some(1) {
            let text = "another server has been changing its tables for ten minutes";
            return Err(Error::InUse(text.to_owned()));
        }
        let done = async {
            self.refuse_newer(connection).await?;
            Ok(self.up(connection, steps).await?)
        };
        let done: Result<(), Error> = done.await;
        let release = query(format!(
            "select cast(release_lock(left({name}, 64)) as signed)"
        ));
        connection.query_one_raw(release).await?;
        done
    }

    fn step(&self, name: &'static str, change: Change) -> Box<dyn MigrationTrait> {
        Box::new(Step {
            name,
            change,
            names: self.names.clone(),
        })
    }

    async fn refuse_newer<C: ConnectionTrait>(&self, connection: &C) -> Result<(), Error> {
        let known: Vec<String> = self
            .migrations()
            .iter()
            .map(|step| step.name().to_owned())
            .collect();
        let applied = self.get_migration_models(connection).await?;
        let unknown = applied
            .into_iter()
            .map(|step| step.version)
            .find(|step| !known.contains(step));
        match unknown {
            Some(step) => Err(Error::Newer(format!("it has the schema step {step}"))),
            None => Ok(()),
        }
    }
}

impl MigratorTraitSelf for Schema {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        vec![
            self.step("20261121_reference_tables", Change::ReferenceTables),
            self.step(
                "20261121_own_columns_and_tables",
                Change::OwnColumnsAndTables,
            ),
            self.step("20261121_commit_marks", Change::CommitMarks),
            self.step("20261121_job_policies", Change::JobPolicies),
            self.step("20261121_schedule_kind", Change::ScheduleKind),
            self.step("20261121_worker_choice", Change::WorkerChoice),
            self.step("20261121_cluster", Change::Cluster),
            self.step("20261121_sqlite_rows", Change::SqliteRows),
            self.step("20261121_chosen_worker", Change::ChosenWorker),
            self.step("20261121_http_workers", Change::HttpWorkers),
            self.step("20261122_task_journal", Change::TaskJournal),
            self.step("20261122_beats", Change::Beats),
        ]
    }

    fn migration_table_name(&self) -> sea_query::DynIden {
        self.names.table("pj_migration").into_iden()
    }
}

#[derive(Debug, Clone, Copy)]
enum Change {
    ReferenceTables,
    OwnColumnsAndTables,
    CommitMarks,
    JobPolicies,
    ScheduleKind,
    WorkerChoice,
    Cluster,
    SqliteRows,
    ChosenWorker,
    HttpWorkers,
    TaskJournal,
    Beats,
}

struct Step {
    name: &'static str,
    change: Change,
    names: Names,
}

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        match self.change {
            Change::ReferenceTables => reference::create(manager, &self.names).await,
            Change::OwnColumnsAndTables => own::create(manager, &self.names).await,
            Change::CommitMarks => own::add_commit_marks(manager, &self.names).await,
            Change::JobPolicies => own::add_job_policies(manager, &self.names).await,
            Change::ScheduleKind => own::add_schedule_kind(manager, &self.names).await,
            Change::WorkerChoice => worker_choice::create(manager, &self.names).await,
            Change::Cluster => cluster::create(manager, &self.names).await,
            Change::SqliteRows => sqlite_rows::key_by_instance(manager, &self.names).await,
            Change::ChosenWorker => worker_choice::add_chosen_worker(manager, &self.names).await,
            Change::HttpWorkers => http_workers::create(manager, &self.names).await,
            Change::TaskJournal => task_journal::create(manager, &self.names).await,
            Change::Beats => beats::create(manager, &self.names).await,
        }
    }
}
