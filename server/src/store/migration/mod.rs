//! The schema and its steps. Steps are only ever added, never changed.

mod own;
mod reference;
mod table;

use sea_orm::{DatabaseConnection, DbBackend, SqliteTransactionMode, TransactionOptions};
use sea_orm::{TransactionTrait, sea_query};
use sea_orm_migration::MigratorTraitSelf;
use sea_orm_migration::prelude::*;

use super::Error;
use super::dialect::Dialect;

/// Brings the schema to the present version, in one transaction; does nothing when it is there.
///
/// # Errors
/// [`Error::Newer`] when the database knows steps that this program does not.
pub(super) async fn migrate(
    connection: &DatabaseConnection,
    dialect: &Dialect,
) -> Result<(), Error> {
    migrate_to(connection, dialect, None).await
}

/// Only the first `steps`: for tests of the later ones.
pub(super) async fn migrate_to(
    connection: &DatabaseConnection,
    dialect: &Dialect,
    steps: Option<u32>,
) -> Result<(), Error> {
    let schema = Schema {
        names: Names::of(dialect),
    };
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    };
    let transaction = connection.begin_with_options(options).await?;
    schema.refuse_newer(&transaction).await?;
    schema.up(&transaction, steps).await?;
    transaction.commit().await?;
    Ok(())
}

/// Names of tables and indexes, with the prefix.
#[derive(Debug, Clone)]
struct Names {
    backend: DbBackend,
    prefix: String,
}

impl Names {
    fn of(dialect: &Dialect) -> Self {
        Self {
            backend: dialect.backend(),
            prefix: dialect.table(""),
        }
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
        }
    }
}
