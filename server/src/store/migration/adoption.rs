//! What a database of the reference product needs beside our additions.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, QueryResult, Statement};
use sea_orm_migration::prelude::*;

use super::{Names, reference};
use crate::store::Error;

/// PostgreSQL: the sequence of the reference, which begins above every id there is.
pub(super) async fn make_sequence(manager: &SchemaManager<'_>, names: &Names) -> Result<(), DbErr> {
    let sequence = names.sequence();
    let connection = manager.get_connection();
    let text = "select count(*) from information_schema.sequences \
        where sequence_schema = current_schema() and sequence_name = ";
    let found = query(connection, format!("{text}'{sequence}'")).await?;
    let count: i64 = found.first().map_or(Ok(0), |row| row.try_get_by_index(0))?;
    if count > 0 {
        return Ok(());
    }
    let mut start = 1_i64;
    for table in reference::table_names() {
        let table = names.text(table);
        if manager.has_table(&table).await? {
            let rows = query(
                connection,
                format!("select coalesce(max(id), 0) + 1 from {table}"),
            )
            .await?;
            let next: i64 = rows.first().map_or(Ok(1), |row| row.try_get_by_index(0))?;
            start = Ord::max(start, next);
        }
    }
    let text = format!("create sequence {sequence} start with {start}");
    connection.execute_unprepared(&text).await.map(drop)
}

/// PostgreSQL: ids of adopted tables get a default, so that our inserts need not name the sequence.
/// Tables that number their rows in another way stay as they are.
pub(super) async fn default_ids(manager: &SchemaManager<'_>, names: &Names) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    for table in reference::table_names() {
        let table = names.text(table);
        let text = format!(
            "select count(*) from information_schema.columns where table_schema = current_schema() \
             and table_name = '{table}' and column_name = 'id' \
             and column_default is null and is_identity = 'NO'"
        );
        let rows = query(connection, text).await?;
        let count: i64 = rows.first().map_or(Ok(0), |row| row.try_get_by_index(0))?;
        if count > 0 {
            let text = format!(
                "alter table {table} alter column id set default nextval('{}')",
                names.sequence()
            );
            connection.execute_unprepared(&text).await?;
        }
    }
    Ok(())
}

/// PostgreSQL: columns that hold numbers of large objects instead of texts (the reference's own
/// creation makes them so) are changed only by `powerjob migrate`.
pub(super) async fn refuse_large_objects(
    transaction: &DatabaseTransaction,
    names: &Names,
) -> Result<(), Error> {
    let columns = large_object_columns(transaction, names).await?;
    if columns.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = columns
        .iter()
        .map(|(table, column)| format!("{table}.{column}"))
        .collect();
    Err(Error::Unmigrated(format!(
        "its columns {} have the type oid (large objects) and must become text; stop the Java \
         servers, make a backup, and run `powerjob migrate`",
        list.join(", ")
    )))
}

/// PostgreSQL: turns columns with numbers of large objects into texts, all in one transaction. A number
/// without its object becomes NULL. The large objects stay, without anyone who knows them.
pub(super) async fn convert_large_objects(
    transaction: &DatabaseTransaction,
    names: &Names,
) -> Result<Vec<(String, String)>, DbErr> {
    let columns = large_object_columns(transaction, names).await?;
    if columns.is_empty() {
        return Ok(columns);
    }
    let text = "set local statement_timeout = 0; \
        create function pg_temp.pj_text_of(number oid) returns text language plpgsql as $$ begin \
        if exists (select 1 from pg_catalog.pg_largeobject_metadata m where m.oid = number) then \
        return convert_from(lo_get(number), 'UTF8'); end if; return null; end $$";
    transaction.execute_unprepared(text).await?;
    for (table, column) in &columns {
        let text = format!(
            "alter table {table} alter column {column} type text \
             using pg_temp.pj_text_of({column})"
        );
        transaction.execute_unprepared(&text).await?;
    }
    let text = "drop function pg_temp.pj_text_of(oid)";
    transaction.execute_unprepared(text).await?;
    Ok(columns)
}

/// Whether two rows have the same `instance_id`, which the reference does not prevent.
pub(super) async fn has_double_instances(
    manager: &SchemaManager<'_>,
    names: &Names,
) -> Result<bool, DbErr> {
    let text = format!(
        "select instance_id from {} where instance_id is not null \
         group by instance_id having count(*) > 1 limit 1",
        names.text("instance_info")
    );
    let connection = manager.get_connection();
    let statement = Statement::from_string(names.backend, text);
    Ok(connection.query_one_raw(statement).await?.is_some())
}

/// Table and name of each column of the type `oid`.
pub(super) async fn large_object_columns<C: ConnectionTrait>(
    connection: &C,
    names: &Names,
) -> Result<Vec<(String, String)>, DbErr> {
    let text = "select cast(table_name as text), cast(column_name as text) \
        from information_schema.columns \
        where table_schema = current_schema() and udt_name = 'oid' order by 1, 2";
    let ours: Vec<String> = reference::table_names()
        .map(|name| names.text(name))
        .collect();
    let mut columns = Vec::new();
    for row in query(connection, text.to_owned()).await? {
        let (table, column): (String, String) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        if ours.contains(&table) {
            columns.push((table, column));
        }
    }
    Ok(columns)
}

async fn query<C: ConnectionTrait>(
    connection: &C,
    text: String,
) -> Result<Vec<QueryResult>, DbErr> {
    let statement = Statement::from_string(DbBackend::Postgres, text);
    connection.query_all_raw(statement).await
}
