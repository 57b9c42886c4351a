//! SQLite keeps instances under their own ids (ADR 014): one tree less to write for each instance, and
//! no counter of row ids.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use sea_orm_migration::SchemaManager;

use super::Names;

/// Makes the table of instances anew with `id` = `instance_id`; the other databases stay as they are.
pub(super) async fn key_by_instance(
    manager: &SchemaManager<'_>,
    names: &Names,
) -> Result<(), DbErr> {
    if names.backend != DbBackend::Sqlite {
        return Ok(());
    }
    let connection = manager.get_connection();
    let table = names.text("instance_info");
    let old = names.text("pj_old_instance_info");
    let indexes = definitions(connection, "index", &table).await?;
    let create = definitions(connection, "table", &table).await?;
    let create = create
        .iter()
        .map(|(_, sql)| sql.replace("AUTOINCREMENT", ""));
    let columns: Vec<String> = names_of(
        connection,
        &format!("select name from pragma_table_info('{table}')"),
    )
    .await?
    .into_iter()
    .filter(|name| name != "id")
    .map(|name| format!("\"{name}\""))
    .collect();
    let columns = columns.join(", ");
    let unique = names.index("pj_uidx_instance");
    let mut statements: Vec<String> = indexes
        .iter()
        .map(|(name, _)| format!("drop index \"{name}\""))
        .collect();
    statements.push(format!("alter table \"{table}\" rename to \"{old}\""));
    statements.extend(create);
    statements.push(format!(
        "insert into \"{table}\" (id, {columns}) \
         select coalesce(instance_id, id), {columns} from \"{old}\" order by 1"
    ));
    statements.push(format!("drop table \"{old}\""));
    statements.extend(
        indexes
            .into_iter()
            .filter(|(name, _)| *name != unique)
            .map(|(_, sql)| sql),
    );
    connection
        .execute_unprepared(&statements.join(";\n"))
        .await?;
    Ok(())
}

/// Name and text of what belongs to a table; what SQLite made by itself has no text.
async fn definitions<C: ConnectionTrait>(
    connection: &C,
    kind: &str,
    table: &str,
) -> Result<Vec<(String, String)>, DbErr> {
    let query = Statement::from_sql_and_values(
        DbBackend::Sqlite,
        "select name, sql from sqlite_master where type = ? and tbl_name = ? and sql is not null",
        [kind.into(), table.into()],
    );
    let rows = connection.query_all_raw(query).await?;
    rows.iter()
        .map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)))
        .collect()
}

async fn names_of<C: ConnectionTrait>(connection: &C, query: &str) -> Result<Vec<String>, DbErr> {
    let query = Statement::from_string(DbBackend::Sqlite, query);
    let rows = connection.query_all_raw(query).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}
