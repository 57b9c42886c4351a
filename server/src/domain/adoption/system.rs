//! Findings about the database, accounts, applications, workers and history.

use std::net::SocketAddr;

use powerjob_common::status::TimeExpressionType;

use super::{
    AppPassword, Finding, History, Storage, Survey, SurveyedAccount, SurveyedApp, SurveyedWorker,
    Verdict, about, counted,
};

/// The provider of accounts with a password of their own.
const BUILT_IN: &str = "PWJB";

pub(super) fn findings(survey: &Survey) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(storage) = &survey.storage {
        findings.extend(of_storage(storage));
    }
    findings.extend(of_zone(survey));
    findings.extend(of_apps(&survey.apps));
    findings.extend(of_accounts(&survey.accounts));
    if let Some(history) = &survey.history {
        findings.extend(of_history(history));
    }
    findings.extend(of_workers(survey.workers.as_deref()));
    findings.into_iter().flatten().collect()
}

fn of_storage(storage: &Storage) -> [Option<Finding>; 6] {
    let missing = [
        storage.missing_tables.as_slice(),
        storage.missing_columns.as_slice(),
    ];
    let outdated: Vec<&String> = storage.outdated.iter().collect();
    [
        about(
            "LARGE_OBJECTS",
            Verdict::Mend,
            &storage.large_objects,
            String::clone,
            [
                "long texts are stored as large objects (type oid); a server refuses to start",
                "stop the Java servers, make a backup, then `powerjob migrate`",
            ],
        ),
        about(
            "NOT_5_1",
            Verdict::Mend,
            &missing.concat(),
            String::clone,
            [
                "the tables are not those of PowerJob 5.1",
                "start a Java server 5.1 on a copy of this database once: it adds what is missing",
            ],
        ),
        about(
            "DATABASE_TOO_OLD",
            Verdict::Mend,
            &outdated,
            |version| (*version).clone(),
            [
                "the database server is older than what is served",
                "PostgreSQL 12, MySQL 8.0 and MariaDB 10.6 are the oldest that are served",
            ],
        ),
        about(
            "JAVA_SERVERS_ALIVE",
            Verdict::Step,
            &storage.living_servers,
            String::clone,
            [
                "Java servers work on this database; ours refuses to start beside them",
                "stop them for the move, and wait for 45 s",
            ],
        ),
        counted(
            "TABLES",
            Verdict::Kept,
            usize::from(!storage.is_taken_over && missing.iter().all(|names| names.is_empty())),
            [
                "the tables are taken as they are; columns and tables with the prefix pj_ are added, and \
                 the Java server can go back to them",
                "",
            ],
        ),
        counted(
            "TAKEN_OVER",
            Verdict::Kept,
            usize::from(storage.is_taken_over),
            ["a server of ours has worked on this database already", ""],
        ),
    ]
}

/// Schedules and dates are in the local time of the Java server.
fn of_zone(survey: &Survey) -> [Option<Finding>; 2] {
    let is_local = |kind: &TimeExpressionType| {
        matches!(
            kind,
            TimeExpressionType::Cron | TimeExpressionType::DailyTimeInterval
        )
    };
    let local = survey.jobs.iter().filter(|job| {
        let kind = job.schedule.as_ref().ok();
        job.is_enabled && kind.is_some_and(is_local)
    });
    let offset = survey.offset_minutes.map(offset_name);
    let seen = offset
        .as_ref()
        .map(|offset| format!("; its clock shows {offset}"))
        .unwrap_or_default();
    let text =
        format!("CRON and daily schedules are in the zone of the Java server's machine{seen}");
    let dates = survey.history.is_some() && survey.offset_minutes.is_some_and(|east| east != 0);
    let dates_text = format!(
        "dates of rows (gmt_create, gmt_modified) are in {}; ours are written in UTC, and nothing \
         is decided by them",
        offset.unwrap_or_default()
    );
    [
        counted(
            "SCHEDULE_ZONE",
            Verdict::Step,
            local.count(),
            [
                &text,
                "set `server.zone` to that zone, or start our server with the same TZ",
            ],
        ),
        counted(
            "DATES_OF_ROWS",
            Verdict::Changed,
            usize::from(dates),
            [&dates_text, ""],
        ),
    ]
}

fn offset_name(east: i32) -> String {
    let sign = if east < 0 { '-' } else { '+' };
    let (hours, minutes) = (east.abs() / 60, east.abs() % 60);
    format!("UTC{sign}{hours:02}:{minutes:02}")
}

fn of_apps(apps: &[SurveyedApp]) -> [Option<Finding>; 3] {
    let with = |password: AppPassword| -> Vec<&SurveyedApp> {
        let has = |app: &&SurveyedApp| app.password == password;
        apps.iter().filter(has).collect()
    };
    let name = |app: &&SurveyedApp| format!("{} ({})", app.name, app.id);
    let all: Vec<&SurveyedApp> = apps.iter().collect();
    [
        about(
            "APPLICATIONS",
            Verdict::Kept,
            &all,
            name,
            ["applications keep their ids, names and owners", ""],
        ),
        about(
            "APP_PASSWORDS_UNREADABLE",
            Verdict::Mend,
            &with(AppPassword::Unreadable),
            name,
            [
                "the passwords of these applications cannot be read: their programs are refused",
                "set them anew",
            ],
        ),
        about(
            "APPS_WITHOUT_PASSWORD",
            Verdict::Changed,
            &with(AppPassword::Absent),
            name,
            [
                "applications without a password: programs with the Java client are refused, workers are not",
                "`powerjob app client-password` sets one, once a program needs it",
            ],
        ),
    ]
}

fn of_accounts(accounts: &[SurveyedAccount]) -> [Option<Finding>; 3] {
    let name = |account: &&SurveyedAccount| account.name.clone();
    let (own, others): (Vec<&SurveyedAccount>, Vec<_>) = accounts
        .iter()
        .partition(|account| account.provider == BUILT_IN);
    let (lost, kept): (Vec<&SurveyedAccount>, Vec<_>) = own
        .into_iter()
        .partition(|account| account.password_is_readable == Some(false));
    [
        about(
            "ACCOUNTS",
            Verdict::Kept,
            &kept,
            name,
            [
                "accounts keep their rights and passwords; at the first sign-in the hash is replaced by \
                 Argon2id",
                "",
            ],
        ),
        about(
            "ACCOUNTS_WITHOUT_PASSWORD",
            Verdict::Mend,
            &lost,
            name,
            [
                "the passwords of these accounts are not in the form of 5.1: they cannot sign in",
                "an administrator gives them new ones after the move",
            ],
        ),
        about(
            "ACCOUNTS_OF_PROVIDERS",
            Verdict::Lost,
            &others,
            |account| format!("{} ({})", account.name, account.provider),
            [
                "accounts of other providers (DingTalk) cannot sign in",
                "give these people built-in accounts",
            ],
        ),
    ]
}

fn of_history(history: &History) -> [Option<Finding>; 5] {
    let doubles = about(
        "DOUBLE_RUN_IDS",
        Verdict::Changed,
        &history.double_ids.0,
        i64::to_string,
        [
            "several runs have one id; they stay, and the index over ids is not unique then",
            "",
        ],
    );
    [
        counted(
            "RUNS",
            Verdict::Kept,
            history.runs,
            ["runs stay in the history", ""],
        ),
        counted(
            "LOGS",
            Verdict::Changed,
            usize::from(history.runs > 0),
            [
                "logs of earlier runs stay where the Java servers keep them, and are not shown here",
                "",
            ],
        ),
        counted(
            "OPEN_RUNS",
            Verdict::Step,
            history.open_runs + history.open_workflow_runs,
            [
                "runs are open; those on workers that do not report soon are taken for lost and repeated \
                 where the job allows it",
                "switch at a quiet time, or stop what hangs",
            ],
        ),
        counted(
            "WORKFLOW_RUNS",
            Verdict::Changed,
            history.workflow_runs,
            [
                "runs of workflows stay in the tables, but are not shown",
                "",
            ],
        ),
        doubles.map(|finding| Finding {
            count: history.double_ids.1,
            ..finding
        }),
    ]
}

fn of_workers(workers: Option<&[SurveyedWorker]>) -> Vec<Option<Finding>> {
    let Some(workers) = workers else {
        return vec![counted(
            "WORKERS_UNKNOWN",
            Verdict::Step,
            1,
            [
                "a database does not say how its workers are reached",
                "check a running server too: `powerjob migrate check http://HOST:7700`",
            ],
        )];
    };
    let name = |worker: &&SurveyedWorker| format!("{} ({})", worker.address, worker.protocol);
    let (http, others): (Vec<&SurveyedWorker>, Vec<_>) = workers
        .iter()
        .partition(|worker| worker.protocol.eq_ignore_ascii_case("HTTP"));
    let address = |worker: &&&SurveyedWorker| worker.address.parse::<SocketAddr>().ok();
    let by_name: Vec<&SurveyedWorker> = http
        .iter()
        .filter(|worker| address(worker).is_none())
        .copied()
        .collect();
    let elsewhere: Vec<&SurveyedWorker> = http
        .iter()
        .filter(|worker| address(worker).is_some_and(|address| !address.ip().is_loopback()))
        .copied()
        .collect();
    vec![
        about(
            "WORKERS",
            Verdict::Kept,
            &http,
            name,
            ["workers with the transport HTTP come over unchanged", ""],
        ),
        about(
            "WORKERS_WITHOUT_HTTP",
            Verdict::Mend,
            &others,
            name,
            [
                "workers with another transport than HTTP find no server here",
                "set `powerjob.worker.protocol=http` and restart them; the Java server takes both",
            ],
        ),
        about(
            "WORKERS_BY_NAME",
            Verdict::Mend,
            &by_name,
            name,
            [
                "workers that announce a name instead of an IP address are refused",
                "set the JVM option `powerjob.network.local.address` to the address",
            ],
        ),
        about(
            "WORKER_NETWORKS",
            Verdict::Step,
            &elsewhere,
            name,
            [
                "workers on other machines are let in by their network",
                "list it in `server.worker_networks`",
            ],
        ),
    ]
}
