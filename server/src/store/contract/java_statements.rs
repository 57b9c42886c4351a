//! What the Java product says to its database still works after we have taken it: rows with all its
//! columns and none of ours, full rows read and written back, its conditions (spec 01 and 03).

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::adoption::Legacy;

/// All tables of the reference that its dumps have.
async fn columns_by_table(legacy: &Legacy) -> Vec<(String, Vec<String>)> {
    let schema = match legacy.connection.get_database_backend() {
        DbBackend::Postgres => "current_schema()",
        _ => "database()",
    };
    let names = rows(
        legacy,
        &format!(
            "select table_name from information_schema.tables \
             where table_schema = {schema} and table_type = 'BASE TABLE' order by 1"
        ),
    )
    .await;
    let mut tables = Vec::new();
    for table in names {
        let columns = rows(
            legacy,
            &format!(
                "select column_name from information_schema.columns \
                 where table_schema = {schema} and table_name = '{table}' order by ordinal_position"
            ),
        )
        .await;
        tables.push((table, columns));
    }
    tables
}

/// The first column of a query's rows as text.
async fn rows(legacy: &Legacy, query: &str) -> Vec<String> {
    let backend = legacy.connection.get_database_backend();
    let found = legacy
        .connection
        .query_all_raw(Statement::from_string(backend, query))
        .await
        .unwrap_or_else(|error| panic!("{query}: {error}"));
    found
        .iter()
        .map(|row| row.try_get_by_index(0).unwrap())
        .collect()
}

/// JPA saves a row with all the columns that it knows, inserts likewise.
pub(super) async fn every_row_can_be_written_with_the_columns_of_java(legacy: Legacy) {
    let tables = columns_by_table(&legacy).await;
    assert!(tables.len() >= 14, "{} tables", tables.len());
    let store = legacy.open().await.unwrap();
    let mut copied = 0;
    for (table, columns) in &tables {
        let known = columns.join(", ");
        let same: Vec<String> = columns
            .iter()
            .filter(|column| *column != "id")
            .map(|column| format!("{column} = {column}"))
            .collect();
        legacy
            .run(&format!(
                "create temporary table copy_of_it as select {known} from {table}"
            ))
            .await;
        legacy
            .run(&format!("update {table} set {}", same.join(", ")))
            .await;
        legacy.run(&format!("delete from {table}")).await;
        let text = format!("insert into {table} ({known}) select {known} from copy_of_it");
        let inserted = legacy.connection.execute_unprepared(&text).await;
        copied += inserted
            .unwrap_or_else(|error| panic!("{text}: {error}"))
            .rows_affected();
        legacy.run("drop table copy_of_it").await;
    }
    assert!(copied > 30, "{copied} rows");
    for app in store.apps().await.unwrap() {
        store.load_jobs(vec![app.id]).await.unwrap();
    }
    store.close().await.unwrap();
    legacy.open().await.unwrap();
}

/// The shapes of its queries and of its updates by condition.
const STATEMENTS: &[&str] = &[
    // which applications, and whose (spec 01 section 1 and 3)
    "select id, app_name from app_info where current_server = '10.0.0.1:10086'",
    "select * from app_info where app_name = 'demo'",
    "update server_info set gmt_modified = '2026-11-21 04:31:34.823' where ip = '10.0.0.1'",
    "delete from server_info where gmt_modified < '2020-01-01 00:00:00.000'",
    "select * from server_info where ip = '10.0.0.1'",
    // locks by a unique row
    "insert into oms_lock (gmt_create, gmt_modified, lock_name, max_lock_time, ownerip ID_NAME) \
     values ('2026-11-21 04:31:34.823', '2026-11-21 04:31:34.823', 'cleaner', 1000, '10.0.0.1' ID_VALUE)",
    "select * from oms_lock where lock_name = 'cleaner'",
    "delete from oms_lock where lock_name = 'cleaner'",
    // the passes over jobs (spec 01 section 2)
    "select * from job_info where app_id in (1, 2) and status = 1 and time_expression_type = 2 \
     and next_trigger_time <= 1795235894000",
    "select id from job_info where app_id in (1, 2) and status = 1 and time_expression_type in (3, 4)",
    "select count(*) from job_info where app_id = 1 and status <> 99",
    "select * from job_info where app_id = 1 and status <> 99 and job_name like '%a%' \
     order by id asc limit 10",
    "update job_info set status = 2, gmt_modified = '2026-11-21 04:31:34.823' where id = 1",
    // the life of an instance (spec 01 sections 4 and 5)
    "select * from instance_info where instance_id = 777000111",
    "update instance_info set status = 2, actual_trigger_time = 1795235894000, \
     task_tracker_address = '10.0.0.2:27777', gmt_modified = '2026-11-21 04:31:34.823' \
     where instance_id = 777000111 and status = 1",
    "update instance_info set status = 3, running_times = 1, last_report_time = 1795235894000 \
     where instance_id = 777000111 and (last_report_time < 1795235894000 or last_report_time is null)",
    "update instance_info set status = 1, gmt_modified = '2026-11-21 04:31:34.823' \
     where id in (-1, -2) and status = 2",
    "select id, app_id, job_id, instance_id, running_times from instance_info \
     where app_id in (1, 2) and status = 3 and gmt_modified < '2020-01-01 00:00:00.000' limit 3000",
    "select * from instance_info where app_id in (1, 2) and status = 1 \
     and expected_trigger_time < 1795235894000 limit 3000",
    "select job_id from instance_info where job_id in (1, 2) and status in (1, 2, 3) group by job_id",
    "select count(*) from instance_info where app_id = 1 and status = 3",
    "select count(*) from instance_info where app_id = 1 and status = 4 \
     and gmt_create > '2020-01-01 00:00:00.000'",
    "select * from instance_info where app_id = 1 and type = 1 order by gmt_modified desc limit 10",
    "delete from instance_info where gmt_modified < '2020-01-01 00:00:00.000' and status in (4, 5, 9, 10)",
    // workflows, containers, people (spec 01 section 6, 03, 06)
    "select * from workflow_info where app_id in (1, 2) and status = 1 and time_expression_type = 2 \
     and next_trigger_time <= 1795235894000",
    "select * from workflow_instance_info where app_id in (1, 2) and status = 1 \
     and expected_trigger_time < 1795235894000",
    "delete from workflow_instance_info where gmt_modified < '2020-01-01 00:00:00.000' and status in (3, 4, 10)",
    "delete from workflow_node_info where workflow_id is null and gmt_create < '2020-01-01 00:00:00.000'",
    "select * from container_info where app_id = 1 and status <> 99",
    "select * from user_info where username = 'ADMIN'",
    "select * from user_role where user_id = 1 and scope = 1",
    "select * from namespace where code = 'default_namespace'",
    "select * from sundry where pkey = 'a' and skey = 'b'",
    "select * from pwjb_user_info where username = 'ADMIN'",
];

pub(super) async fn the_statements_of_java_still_work(legacy: Legacy) {
    let store = legacy.open().await.unwrap();
    let is_postgres = legacy.connection.get_database_backend() == DbBackend::Postgres;
    let (name, value) = if is_postgres {
        (", id", ", nextval('native')")
    } else {
        ("", "")
    };
    for text in STATEMENTS {
        let text = text.replace(" ID_NAME", name).replace(" ID_VALUE", value);
        let done = legacy.connection.execute_unprepared(&text).await;
        done.unwrap_or_else(|error| panic!("{text}: {error}"));
    }
    store.close().await.unwrap();
}
