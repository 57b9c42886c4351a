use powerjob_common::status::{ExecuteType, ProcessorType, TimeExpressionType};

use super::*;

fn job(id: i64) -> SurveyedJob {
    SurveyedJob {
        id,
        name: format!("job{id}"),
        is_enabled: true,
        schedule: Ok(TimeExpressionType::Api),
        expression: String::new(),
        execute_type: Ok(ExecuteType::Standalone),
        processor_type: Ok(ProcessorType::BuiltIn),
        strange_codes: Vec::new(),
        has_alarm: false,
        log_type: None,
        tracker_behavior: None,
    }
}

fn with_jobs(jobs: Vec<SurveyedJob>) -> Report {
    judge(&Survey {
        jobs,
        workers: Some(Vec::new()),
        ..Survey::default()
    })
}

#[track_caller]
fn check(report: &Report, code: &str, verdict: Verdict, count: usize) -> Finding {
    let found = report.findings.iter().find(|finding| finding.code == code);
    let found = found.unwrap_or_else(|| panic!("no {code} in {report:#?}"));
    assert_eq!((found.verdict, found.count), (verdict, count), "{found:?}");
    found.clone()
}

#[test]
fn plain_jobs_carry_over() {
    let report = with_jobs(vec![job(1), job(2)]);
    check(&report, "JOBS", Verdict::Kept, 2);
    assert!(report.is_fit, "{report:#?}");
}

#[test]
fn what_does_not_exist_here_is_lost() {
    let container = SurveyedJob {
        processor_type: Ok(ProcessorType::External),
        ..job(1)
    };
    let alarmed = SurveyedJob {
        has_alarm: true,
        ..job(2)
    };
    let report = with_jobs(vec![container, alarmed]);
    check(&report, "CONTAINER_JOBS", Verdict::Lost, 1);
    check(&report, "ALARMS", Verdict::Lost, 1);
    assert!(!report.is_fit);
    assert_eq!(
        report.findings[0].verdict,
        Verdict::Lost,
        "the gravest first"
    );
}

#[test]
fn differences_do_not_stand_in_the_way() {
    let beat = SurveyedJob {
        schedule: Ok(TimeExpressionType::FixedRate),
        expression: "1000".to_owned(),
        ..job(1)
    };
    let script = SurveyedJob {
        processor_type: Ok(ProcessorType::Shell),
        log_type: Some(2),
        tracker_behavior: Some(11),
        ..job(2)
    };
    let report = with_jobs(vec![beat, script]);
    for code in [
        "SECOND_LEVEL_JOBS",
        "SCRIPT_JOBS",
        "LOGS_ELSEWHERE",
        "TRACKERS_WITHOUT_WORK",
    ] {
        check(&report, code, Verdict::Changed, 1);
    }
    assert!(report.is_fit);
}

#[test]
fn a_schedule_that_would_never_start_is_named_with_the_reason() {
    let cron = |id, expression: &str, is_enabled| SurveyedJob {
        schedule: Ok(TimeExpressionType::Cron),
        expression: expression.to_owned(),
        is_enabled,
        ..job(id)
    };
    let report = with_jobs(vec![
        cron(1, "0 0 2 * * ?", true),
        cron(2, "every day", true),
        cron(3, "never mind", false),
    ]);
    let refused = check(&report, "SCHEDULES_REFUSED", Verdict::Mend, 1);
    assert!(refused.examples[0].starts_with("job2 (2) `every day`: "));
    check(&report, "SCHEDULE_ZONE", Verdict::Step, 2);
}

#[test]
fn unknown_codes_are_told_by_column() {
    let strange = SurveyedJob {
        execute_type: Err("9".to_owned()),
        strange_codes: vec!["dispatch_strategy 7".to_owned()],
        ..job(1)
    };
    let report = with_jobs(vec![strange, job(2)]);
    let found = check(&report, "UNKNOWN_CODES", Verdict::Mend, 1);
    assert_eq!(
        found.examples,
        ["job1 (1): dispatch_strategy 7, execute_type 9"]
    );
    check(&report, "JOBS", Verdict::Kept, 1);
}

#[test]
fn workers_are_judged_by_transport_and_address() {
    let worker = |address: &str, protocol: &str| SurveyedWorker {
        address: address.to_owned(),
        protocol: protocol.to_owned(),
    };
    let report = judge(&Survey {
        workers: Some(vec![
            worker("127.0.0.1:27777", "HTTP"),
            worker("10.1.2.3:27777", "HTTP"),
            worker("10.1.2.4:27777", "AKKA"),
            worker("host.example:27777", "HTTP"),
        ]),
        ..Survey::default()
    });
    check(&report, "WORKERS", Verdict::Kept, 3);
    let others = check(&report, "WORKERS_WITHOUT_HTTP", Verdict::Mend, 1);
    assert_eq!(others.examples, ["10.1.2.4:27777 (AKKA)"]);
    let elsewhere = check(&report, "WORKER_NETWORKS", Verdict::Step, 1);
    assert_eq!(elsewhere.examples, ["10.1.2.3:27777 (HTTP)"]);
    check(&report, "WORKERS_BY_NAME", Verdict::Mend, 1);
}

#[test]
fn many_are_counted_and_few_are_named() {
    let report = with_jobs((0..40).map(job).collect());
    let jobs = check(&report, "JOBS", Verdict::Kept, 40);
    assert_eq!(jobs.examples.len(), MOST_EXAMPLES);
}

#[test]
fn a_database_that_does_not_fit_is_told_before_anything_else() {
    let report = judge(&Survey {
        storage: Some(Storage {
            large_objects: vec!["job_info.job_params".to_owned()],
            missing_tables: vec!["namespace".to_owned()],
            outdated: Some("9.6".to_owned()),
            living_servers: vec!["10.0.0.1".to_owned()],
            ..Storage::default()
        }),
        ..Survey::default()
    });
    check(&report, "LARGE_OBJECTS", Verdict::Mend, 1);
    check(&report, "NOT_5_1", Verdict::Mend, 1);
    check(&report, "DATABASE_TOO_OLD", Verdict::Mend, 1);
    check(&report, "JAVA_SERVERS_ALIVE", Verdict::Step, 1);
    assert!(
        report
            .findings
            .iter()
            .all(|finding| finding.code != "TABLES")
    );
}

#[test]
fn accounts_and_applications_are_judged_by_their_passwords() {
    let account = |name: &str, provider: &str, password| SurveyedAccount {
        name: name.to_owned(),
        provider: provider.to_owned(),
        password_is_readable: password,
    };
    let app = |id, password| SurveyedApp {
        id,
        name: format!("app{id}"),
        password,
    };
    let report = judge(&Survey {
        accounts: vec![
            account("PWJB_a", "PWJB", Some(true)),
            account("PWJB_b", "PWJB", Some(false)),
            account("DING_c", "DING", None),
        ],
        apps: vec![
            app(1, AppPassword::Readable),
            app(2, AppPassword::Unreadable),
            app(3, AppPassword::Absent),
            app(4, AppPassword::Hidden),
        ],
        ..Survey::default()
    });
    check(&report, "ACCOUNTS", Verdict::Kept, 1);
    check(&report, "ACCOUNTS_WITHOUT_PASSWORD", Verdict::Mend, 1);
    check(&report, "ACCOUNTS_OF_PROVIDERS", Verdict::Lost, 1);
    check(&report, "APPLICATIONS", Verdict::Kept, 4);
    check(&report, "APP_PASSWORDS_UNREADABLE", Verdict::Mend, 1);
    check(&report, "APPS_WITHOUT_PASSWORD", Verdict::Changed, 1);
}

#[test]
fn a_clock_elsewhere_is_told_with_its_distance() {
    let cron = SurveyedJob {
        schedule: Ok(TimeExpressionType::Cron),
        expression: "0 0 2 * * ?".to_owned(),
        ..job(1)
    };
    let report = judge(&Survey {
        jobs: vec![cron],
        history: Some(History {
            runs: 3,
            open_runs: 1,
            double_ids: (vec![42], 7),
            ..History::default()
        }),
        offset_minutes: Some(330),
        ..Survey::default()
    });
    let zone = check(&report, "SCHEDULE_ZONE", Verdict::Step, 1);
    assert!(zone.text.ends_with("its clock shows UTC+05:30"), "{zone:?}");
    let dates = check(&report, "DATES_OF_ROWS", Verdict::Changed, 1);
    assert!(dates.text.contains("UTC+05:30"), "{dates:?}");
    check(&report, "RUNS", Verdict::Kept, 3);
    check(&report, "OPEN_RUNS", Verdict::Step, 1);
    check(&report, "DOUBLE_RUN_IDS", Verdict::Changed, 7);
}
