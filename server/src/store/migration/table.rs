//! Tables and columns as data, and the builders that make schema statements of them.

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
    pub(super) fn definition(&self) -> ColumnDef {
        let mut column = ColumnDef::new(self.name);
        match self.kind {
            Kind::Name => column.string_len(255),
            Kind::Text => column.text(),
            Kind::Long => column.big_integer(),
            Kind::Int => column.integer(),
            Kind::Double => column.double(),
            Kind::Flag => column.boolean(),
            Kind::Date => column.date_time(),
        };
        if self.required {
            column.not_null();
        }
        column
    }
}

impl Table {
    /// Makes the table and its indexes, unless they exist.
    pub(super) async fn create(
        &self,
        manager: &SchemaManager<'_>,
        names: &Names,
    ) -> Result<(), DbErr> {
        let mut table = sea_query::Table::create();
        table.table(names.table(self.name)).if_not_exists();
        table.col(
            ColumnDef::new("id")
                .big_integer()
                .not_null()
                .auto_increment()
                .primary_key(),
        );
        for column in self.columns {
            table.col(column.definition());
        }
        manager.create_table(table).await?;
        for index in self.indexes {
            manager
                .create_index(index.statement(names, self.name))
                .await?;
        }
        Ok(())
    }
}

impl Index {
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
            .add_column(column.definition());
        manager.alter_table(change).await?;
    }
    Ok(())
}
