//! Tables and columns as data, and the builders that make schema statements of them.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;

use super::Names;

/// The types of the reference product (spec 03 section 2).
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// varchar(255)
    Name,
    /// longtext
    Text,
    Long,
    Int,
    Double,
    Flag,
    /// Bytes of any length.
    Bytes,
    /// datetime; on SQLite a text `yyyy-MM-dd HH:mm:ss.SSS`
    Date,
}

#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
}

#[derive(Debug)]
pub(super) struct Index {
    pub(super) name: &'static str,
    pub(super) columns: &'static [&'static str],
    pub(super) unique: bool,
}

/// A table with the primary key `id` and these columns besides.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [Column],
    pub(super) indexes: &'static [Index],
}

pub(super) const fn nullable(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        required: false,
    }
}

pub(super) const fn required(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        required: true,
    }
}

pub(super) const fn unique(name: &'static str, columns: &'static [&'static str]) -> Index {
    Index {
        name,
        columns,
        unique: true,
    }
}

pub(super) const fn index(name: &'static str, columns: &'static [&'static str]) -> Index {
    Index {
        name,
        columns,
        unique: false,
    }
}

impl Column {
    /// The column, with the type that the reference gives it on this database.
    pub(super) fn definition(&self, names: &Names) -> ColumnDef {
        let mut column = ColumnDef::new(self.name);
        let is_mysql = names.backend == DbBackend::MySql;
        match self.kind {
            // Names of ours are compared exactly; the reference's compare as the database does.
            Kind::Name if is_mysql && names.is_own(self.name) => {
                column.custom("varchar(255) character set utf8mb4 collate utf8mb4_bin")
            }
            Kind::Name => column.string_len(255),
            Kind::Text if is_mysql => column.custom("longtext"),
            Kind::Text => column.text(),
            Kind::Long => column.big_integer(),
            Kind::Int => column.integer(),
            Kind::Double => column.double(),
            Kind::Flag if is_mysql => column.custom("bit(1)"),
            Kind::Flag => column.boolean(),
            Kind::Bytes if is_mysql => column.custom("longblob"),
            Kind::Bytes => column.binary(),
            Kind::Date if names.has_fractions => column.custom("datetime(6)"),
            Kind::Date => column.date_time(),
        };
        if self.required {
            column.not_null();
        }
        column
    }
}

impl Table {
    /// Makes the table and its indexes, unless the table exists.
    pub(super) async fn create(
        &self,
        manager: &SchemaManager<'_>,
        names: &Names,
    ) -> Result<(), DbErr> {
        let is_adopted = manager.has_table(names.text(self.name)).await?;
        let mut table = sea_query::Table::create();
        table.table(names.table(self.name)).if_not_exists();
        table.col(names.id_column());
        for column in self.columns {
            table.col(column.definition(names));
        }
        if names.backend == DbBackend::MySql {
            table.engine("InnoDB").character_set("utf8mb4");
            if self.name.starts_with("pj_") {
                table.collate("utf8mb4_bin");
            }
        }
        manager.create_table(table).await?;
        if is_adopted && !self.name.starts_with("pj_") {
            return Ok(());
        }
        for index in self.indexes {
            index.create(manager, names, self.name).await?;
        }
        Ok(())
    }
}

impl Index {
    /// Makes the index, unless there is one of that name.
    pub(super) async fn create(
        &self,
        manager: &SchemaManager<'_>,
        names: &Names,
        table: &str,
    ) -> Result<(), DbErr> {
        let is_constraint = self.unique && !self.name.starts_with("pj_");
        if names.backend == DbBackend::Postgres && is_constraint {
            // As the reference makes it: a constraint with an index of its name.
            let (table, name) = (names.text(table), names.index(self.name));
            let columns = self.columns.join(", ");
            let text = format!("alter table {table} add constraint {name} unique ({columns})");
            return manager
                .get_connection()
                .execute_unprepared(&text)
                .await
                .map(drop);
        }
        create_index(
            manager,
            names,
            table,
            self.name,
            self.statement(names, table),
        )
        .await
    }

    pub(super) fn statement(&self, names: &Names, table: &str) -> IndexCreateStatement {
        let mut index = sea_query::Index::create();
        index
            .if_not_exists()
            .name(names.index(self.name))
            .table(names.table(table));
        for column in self.columns {
            index.col(*column);
        }
        if self.unique {
            index.unique();
        }
        index
    }
}

/// Makes an index, unless the table has one of that name.
pub(super) async fn create_index(
    manager: &SchemaManager<'_>,
    names: &Names,
    table: &str,
    name: &str,
    statement: IndexCreateStatement,
) -> Result<(), DbErr> {
    // MySQL knows no "if not exists" here.
    if names.backend == DbBackend::MySql
        && manager
            .has_index(names.text(table), names.index(name))
            .await?
    {
        return Ok(());
    }
    manager.create_index(statement).await
}

/// Adds nullable columns to a table, unless they exist.
pub(super) async fn add_columns(
    manager: &SchemaManager<'_>,
    names: &Names,
    table: &str,
    columns: &[(&'static str, Kind)],
) -> Result<(), DbErr> {
    for (name, kind) in columns {
        if manager.has_column(names.text(table), *name).await? {
            continue;
        }
        let column = nullable(name, *kind);
        let mut change = sea_query::Table::alter();
        change
            .table(names.table(table))
            .add_column(column.definition(names));
        manager.alter_table(change).await?;
    }
    Ok(())
}
