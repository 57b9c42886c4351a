//! Our additions: nullable columns on tables of the reference, and tables of our own.
//!
//! The Java product can still insert into its tables: every column of ours is nullable.

use sea_orm_migration::prelude::*;

use super::table::{
    Index, Kind, Table, add_columns, create_index, index, nullable, required, unique,
};
use super::{Names, adoption};
use Kind::{Int, Long, Name, Text};

const JOB_COLUMNS: &[(&str, Kind)] = &[
    ("pj_revision", Long),
    ("pj_zone", Name),
    ("pj_job_key", Name),
    ("pj_no_worker_grace_ms", Long),
    ("pj_created_at", Long),
    ("pj_modified_at", Long),
];

/// `actual_trigger_time`, `finished_time` and `expected_trigger_time` of the reference hold the
/// moments of dispatch, end and (next) start; these hold what it does not know.
const INSTANCE_COLUMNS: &[(&str, Kind)] = &[
    ("pj_attempt", Int),
    ("pj_trigger_kind", Int),
    ("pj_trigger_key", Long),
    ("pj_nominal_at", Long),
    ("pj_job_revision", Long),
    ("pj_unconfirmed_claims", Int),
    ("pj_created_at", Long),
    ("pj_received_at", Long),
    ("pj_started_at", Long),
    ("pj_recorded_at", Long),
    ("pj_tracker_node", Name),
    ("pj_tracker_incarnation", Long),
];

const TABLES: &[Table] = &[
    // The life of each server: its fence and its part of the instance ids.
    Table {
        name: "pj_server_lease",
        columns: &[
            required("node_id", Name),
            required("incarnation", Long),
            required("epoch", Long),
            required("expires_at", Long),
            required("address", Name),
            required("ip", Name),
            required("first_server_id", Int),
            required("server_ids", Int),
            required("acquired_at", Long),
        ],
        indexes: &[unique("pj_uidx_server_lease", &["node_id"])],
    },
    // Which server owns which application; every change of owner raises the epoch.
    Table {
        name: "pj_app_assignment",
        columns: &[
            required("app_id", Long),
            required("shard", Int),
            required("node_id", Name),
            required("server_epoch", Long),
            required("epoch", Long),
        ],
        indexes: &[unique("pj_uidx_app_assignment", &["app_id", "shard"])],
    },
    // Ended attempts of instances that had more than one.
    Table {
        name: "pj_instance_attempt",
        columns: &[
            required("instance_id", Long),
            required("attempt", Int),
            required("status", Int),
            required("running_times", Long),
            required("unconfirmed_claims", Int),
            required("expected_at", Long),
            nullable("dispatched_at", Long),
            nullable("received_at", Long),
            nullable("started_at", Long),
            nullable("finished_at", Long),
            nullable("recorded_at", Long),
            nullable("tracker_node", Name),
            nullable("tracker_incarnation", Long),
            nullable("tracker_address", Name),
            nullable("result", Text),
        ],
        indexes: &[unique(
            "pj_uidx_instance_attempt",
            &["instance_id", "attempt"],
        )],
    },
    // Every definition a job ever had.
    Table {
        name: "pj_job_history",
        columns: &[
            required("job_id", Long),
            required("revision", Long),
            nullable("author", Long),
            required("saved_at", Long),
            required("definition", Text),
        ],
        indexes: &[unique("pj_uidx_job_history", &["job_id", "revision"])],
    },
    // Sessions of signed-in people; the fingerprint is the SHA-256 of the token in hexadecimal.
    Table {
        name: "pj_session",
        columns: &[
            required("fingerprint", Name),
            required("user_id", Long),
            required("created_at", Long),
            required("expires_at", Long),
        ],
        indexes: &[
            unique("pj_uidx_session", &["fingerprint"]),
            index("pj_idx_session_user", &["user_id"]),
        ],
    },
    // Secrets: of applications (owner = application) and the cluster's own keys (owner 0, with a name).
    Table {
        name: "pj_secret",
        columns: &[
            required("kind", Name),
            required("owner", Long),
            nullable("name", Name),
            required("value", Text),
            required("created_at", Long),
        ],
        indexes: &[
            index("pj_idx_secret_owner", &["kind", "owner"]),
            unique("pj_uidx_secret_name", &["kind", "name"]),
        ],
    },
    // Modern password hashes, beside the reference's own.
    Table {
        name: "pj_password",
        columns: &[
            required("user_id", Long),
            required("hash", Name),
            required("changed_at", Long),
        ],
        indexes: &[unique("pj_uidx_password", &["user_id"])],
    },
    // Facts about the database itself.
    Table {
        name: "pj_meta",
        columns: &[required("name", Name), required("value", Text)],
        indexes: &[unique("pj_uidx_meta", &["name"])],
    },
];

/// The last batch that each server committed: after a lost connection it tells what became of it.
const COMMIT: Table = Table {
    name: "pj_commit",
    columns: &[
        required("node_id", Name),
        required("epoch", Long),
        required("mark", Long),
    ],
    indexes: &[unique("pj_uidx_commit", &["node_id"])],
};

pub(super) async fn add_commit_marks(
    manager: &SchemaManager<'_>,
    names: &Names,
) -> Result<(), DbErr> {
    COMMIT.create(manager, names).await?;
    let (meta, turn) = (names.text("pj_meta"), crate::store::meta::TURN);
    let text = format!(
        "insert into {meta} (name, value) select '{turn}', '' from (select 1 as one) d \
         where not exists (select 1 from {meta} where name = '{turn}')"
    );
    let connection = manager.get_connection();
    connection.execute_unprepared(&text).await.map(drop)
}

pub(super) async fn create(manager: &SchemaManager<'_>, names: &Names) -> Result<(), DbErr> {
    add_columns(manager, names, "app_info", &[("pj_created_at", Long)]).await?;
    add_columns(manager, names, "job_info", JOB_COLUMNS).await?;
    add_columns(manager, names, "instance_info", INSTANCE_COLUMNS).await?;
    for table in TABLES {
        table.create(manager, names).await?;
    }
    create_guard(manager, names).await?;
    let has_doubles = adoption::has_double_instances(manager, names).await?;
    if has_doubles {
        tracing::warn!(
            "instance_info has rows with the same instance_id: its index can not be unique, and of \
             such rows any one may be shown"
        );
    }
    for (name, index) in instance_indexes(names, !has_doubles) {
        create_index(manager, names, "instance_info", name, index).await?;
    }
    let job_key = Index {
        name: "pj_uidx_job_key",
        columns: &["app_id", "pj_job_key"],
        unique: true,
    };
    job_key.create(manager, names, "job_info").await
}

/// What a job does about missed times, overlap and failed runs, as JSON; NULL = the defaults.
pub(super) async fn add_job_policies(
    manager: &SchemaManager<'_>,
    names: &Names,
) -> Result<(), DbErr> {
    let columns = [("pj_policy", Name), ("pj_retry", Name)];
    add_columns(manager, names, "job_info", &columns).await
}

/// The kind of a schedule that the reference does not know; its own column then says API.
pub(super) async fn add_schedule_kind(
    manager: &SchemaManager<'_>,
    names: &Names,
) -> Result<(), DbErr> {
    add_columns(manager, names, "job_info", &[("pj_schedule_kind", Int)]).await
}

/// The guard never holds a row: inserting one fails, and so does the transaction around it.
async fn create_guard(manager: &SchemaManager<'_>, names: &Names) -> Result<(), DbErr> {
    let sql = format!(
        "create table if not exists {} \
         (fenced integer check (fenced = 0), stale integer check (stale = 0))",
        names.text("pj_guard")
    );
    manager.get_connection().execute_unprepared(&sql).await?;
    Ok(())
}

/// Live rows are found by a partial index, so that a finished row costs no index work any more;
/// pages of history follow the row id, which every index of SQLite ends with.
fn instance_indexes(
    names: &Names,
    is_id_unique: bool,
) -> Vec<(&'static str, IndexCreateStatement)> {
    let of = |name: &'static str, columns: &'static [&'static str], unique: bool| {
        let statement = Index {
            name,
            columns,
            unique,
        }
        .statement(names, "instance_info");
        (name, statement)
    };
    let (trigger_name, mut trigger) = of(
        "pj_uidx_instance_trigger",
        &["job_id", "pj_trigger_key"],
        true,
    );
    let (open_name, mut open) = of("pj_idx_instance_open", &["app_id", "job_id"], false);
    let (workflow_name, mut workflow) = of("pj_idx_instance_workflow", &["wf_instance_id"], false);
    if names.has_partial_indexes() {
        trigger.and_where(Expr::col("pj_trigger_key").is_not_null());
        open.and_where(Expr::col("status").lt(4));
        workflow.and_where(Expr::col("wf_instance_id").is_not_null());
    }
    vec![
        of("pj_uidx_instance", &["instance_id"], is_id_unique),
        (trigger_name, trigger),
        (open_name, open),
        (workflow_name, workflow),
        of(
            "pj_idx_instance_app",
            names.by_row_id(&["app_id"], &["app_id", "id"]),
            false,
        ),
        of(
            "pj_idx_instance_job",
            names.by_row_id(&["job_id"], &["job_id", "id"]),
            false,
        ),
    ]
}
