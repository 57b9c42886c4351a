//! The 14 tables of the reference product, with its names and types.
//!
//! An adopted database has them already; what is there is left as it is. The three indexes of
//! `instance_info` are not made on a fresh database: ours take their place (see `own.rs`).

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;

use super::table::{Kind, Table, index, nullable, required, unique};
use super::{Names, adoption};
use Kind::{Date, Double, Flag, Int, Long, Name, Text};

pub(super) async fn create(manager: &SchemaManager<'_>, names: &Names) -> Result<(), DbErr> {
    if names.backend == DbBackend::Postgres {
        adoption::make_sequence(manager, names).await?;
    }
    for table in TABLES {
        table.create(manager, names).await?;
    }
    if names.backend == DbBackend::Postgres {
        adoption::default_ids(manager, names).await?;
    }
    Ok(())
}

/// The names of the tables, without a prefix.
pub(super) fn table_names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|table| table.name)
}

/// Names of tables, and of their columns, without a prefix.
pub(in crate::store) fn columns() -> impl Iterator<Item = (&'static str, &'static str)> {
    let columns =
        |table: &'static Table| table.columns.iter().map(|column| (table.name, column.name));
    TABLES.iter().flat_map(columns)
}

const TABLES: &[Table] = &[
    Table {
        name: "app_info",
        columns: &[
            nullable("app_name", Name),
            nullable("creator", Long),
            nullable("current_server", Name),
            nullable("extra", Name),
            nullable("gmt_create", Date),
            nullable("gmt_modified", Date),
            nullable("modifier", Long),
            nullable("namespace_id", Long),
            nullable("password", Name),
            nullable("tags", Name),
            nullable("title", Name),
        ],
        indexes: &[unique("uidx01_app_info", &["app_name"])],
    },
    Table {
        name: "container_info",
        columns: &[
            nullable("app_id", Long),
            nullable("container_name", Name),
            nullable("gmt_create", Date),
            nullable("gmt_modified", Date),
            nullable("last_deploy_time", Date),
            nullable("source_info", Name),
            nullable("source_type", Int),
            nullable("status", Int),
            nullable("version", Name),
        ],
        indexes: &[index("idx01_container_info", &["app_id"])],
    },
    Table {
        name: "instance_info",
        columns: &[
            nullable("actual_trigger_time", Long),
            nullable("app_id", Long),
            nullable("expected_trigger_time", Long),
            nullable("finished_time", Long),
            nullable("gmt_create", Date),
            nullable("gmt_modified", Date),
            nullable("instance_id", Long),
            nullable("instance_params", Text),
            nullable("job_id", Long),
            nullable("job_params", Text),
            nullable("last_report_time", Long),
            nullable("result", Text),
            nullable("running_times", Long),
            nullable("status", Int),
            nullable("task_tracker_address", Name),
            nullable("type", Int),
            nullable("wf_instance_id", Long),
        ],
        indexes: &[],
    },
    Table {
        name: "job_info",
        columns: &[
            nullable("advanced_runtime_config", Name),
            nullable("alarm_config", Name),
            nullable("app_id", Long),
            nullable("concurrency", Int),
            nullable("designated_workers", Name),
            nullable("dispatch_strategy", Int),
            nullable("dispatch_strategy_config", Name),
            nullable("execute_type", Int),
            nullable("extra", Name),
            nullable("gmt_create", Date),
            nullable("gmt_modified", Date),
            nullable("instance_retry_num", Int),
            nullable("instance_time_limit", Long),
            nullable("job_description", Name),
            nullable("job_name", Name),
            nullable("job_params", Text),
            nullable("lifecycle", Name),
            nullable("log_config", Name),
            nullable("max_instance_num", Int),
            nullable("max_worker_count", Int),
            required("min_cpu_cores", Double),
            required("min_disk_space", Double),
            required("min_memory_space", Double),
            nullable("next_trigger_time", Long),
            nullable("notify_user_ids", Name),
            nullable("processor_info", Name),
            nullable("processor_type", Int),
            nullable("status", Int),
            nullable("tag", Name),
            nullable("task_retry_num", Int),
            nullable("time_expression", Name),
            nullable("time_expression_type", Int),
        ],
        indexes: &[index(
            "idx01_job_info",
            &[
                "app_id",
                "status",
                "time_expression_type",
                "next_trigger_time",
            ],
        )],
    },
    Table {
        name: "namespace",
        columns: &[
            nullable("code", Name),
            nullable("creator", Long),
            nullable("dept", Name),
            nullable("extra", Name),
            nullable("gmt_create", Date),
            nullable("gmt_modified", Date),
            nullable("modifier", Long),
            nullable("name", Name),
            nullable("status", Int),
            nullable("tags", Name),
            nullable("token", Name),
        ],
        indexes: &[unique("uidx01_namespace", &["code"])],
    },
    Table {
        name: "oms_lock",
        columns: &[
            nullable("gmt_create", Date),
            nullable("gmt_modified", Date),
            nullable("lock_name", Name),
            nullable("max_lock_time", Long),
            nullable("ownerip", Name),
        ],
        indexes: &[unique("uidx01_oms_lock", &["lock_name"])],
    },
    Table {
        name: "pwjb_user_info",
        columns: &[
            nullable("extra", Name),
            nullable("gmt_create", Date),
            nullable("gmt_modified", Date),
            nullable("password", Name),
            nullable("username", Name),
        ],
        indexes: &[unique("uidx01_username", &["username"])],
    },
    Table {
        name: "server_info",
        columns: &[
            nullable("gmt_create", Date),
            nullable("gmt_modified", Date),
            nullable("ip", Name),
        ],
        indexes: &[
            unique("uidx01_server_info", &["ip"]),
            index("idx01_server_info", &["gmt_modified"]),
        ],
    },
    Table {
        name: "sundry",
        columns: &[
            nullable("content", Name),
            nullable("extra", Name),
            nullable("gmt_create", Date),
            nullable("gmt_modified", Date),
            nullable("pkey", Name),
            nullable("skey", Name),
        ],
        indexes: &[unique("uidx01_sundry", &["pkey", "skey"])],
    },
    Table {
        name: "user_info",
        columns: &[
            nullable("account_type", Name),
            nullable("email", Name),
            nullable("extra", Name),
            nullable("gmt_create", Date),
            nullable("gmt_modified", Date),
            nullable("nick", Name),
            nullable("origin_username", Name),
            nullable("password", Name),
            nullable("phone", Name),
            nullable("status", Int),
            nullable("token_login_verify_info", Name),
            nullable("username", Name),
            nullable("web_hook", Name),
        ],
        indexes: &[
            unique("uidx01_user_name", &["username"]),
            index("uidx02_user_info", &["email"]),
        ],
    },
    Table {
        name: "user_role",
        columns: &[
            nullable("extra", Name),
            nullable("gmt_create", Date),
            nullable("gmt_modified", Date),
            nullable("role", Int),
            nullable("scope", Int),
            nullable("target", Long),
            nullable("user_id", Long),
        ],
        indexes: &[index("uidx01_user_id", &["user_id"])],
    },
    Table {
        name: "workflow_info",
        columns: &[
            nullable("app_id", Long),
            nullable("extra", Name),
            nullable("gmt_create", Date),
            nullable("gmt_modified", Date),
            nullable("lifecycle", Name),
            nullable("max_wf_instance_num", Int),
            nullable("next_trigger_time", Long),
            nullable("notify_user_ids", Name),
            nullable("pedag", Text),
            nullable("status", Int),
            nullable("time_expression", Name),
            nullable("time_expression_type", Int),
            nullable("wf_description", Name),
            nullable("wf_name", Name),
        ],
        indexes: &[index(
            "idx01_workflow_info",
            &[
                "app_id",
                "status",
                "time_expression_type",
                "next_trigger_time",
            ],
        )],
    },
    Table {
        name: "workflow_instance_info",
        columns: &[
            nullable("actual_trigger_time", Long),
            nullable("app_id", Long),
            nullable("dag", Text),
            nullable("expected_trigger_time", Long),
            nullable("finished_time", Long),
            nullable("gmt_create", Date),
            nullable("gmt_modified", Date),
            nullable("parent_wf_instance_id", Long),
            nullable("result", Text),
            nullable("status", Int),
            nullable("wf_context", Text),
            nullable("wf_init_params", Text),
            nullable("wf_instance_id", Long),
            nullable("workflow_id", Long),
        ],
        indexes: &[
            unique("uidx01_wf_instance", &["wf_instance_id"]),
            index(
                "idx01_wf_instance",
                &["workflow_id", "status", "app_id", "expected_trigger_time"],
            ),
        ],
    },
    Table {
        name: "workflow_node_info",
        columns: &[
            required("app_id", Long),
            required("enable", Flag),
            nullable("extra", Text),
            required("gmt_create", Date),
            required("gmt_modified", Date),
            nullable("job_id", Long),
            nullable("node_name", Name),
            nullable("node_params", Text),
            required("skip_when_failed", Flag),
            nullable("type", Int),
            nullable("workflow_id", Long),
        ],
        indexes: &[index(
            "idx01_workflow_node_info",
            &["workflow_id", "gmt_create"],
        )],
    },
];
