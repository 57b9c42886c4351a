//! Findings about jobs, workflows and containers.

use chrono_tz::Tz;
use powerjob_common::status::{ExecuteType, ProcessorType, TimeExpressionType};
use powerjob_common::time_expression::Schedule;

use super::{Finding, Survey, SurveyedJob, SurveyedWorkflow, Verdict, about};

/// Where the reference writes the lines of a job's log when nothing else is set: to its server.
const LOG_ONLINE: i64 = 1;
/// The task tracker works as usual; the other number lets it carry out nothing itself.
const TRACKER_NORMAL: i64 = 1;

pub(super) fn findings(survey: &Survey) -> Vec<Finding> {
    let jobs = Jobs(&survey.jobs);
    let mut findings: Vec<Option<Finding>> = vec![
        jobs.find(
            "JOBS",
            Verdict::Kept,
            |job| strange(job).is_none(),
            ["jobs keep their ids, definitions and next times", ""],
        ),
        strange_codes(survey),
        refused_schedules(survey),
    ];
    findings.extend(kinds(&jobs));
    findings.extend(settings(&jobs));
    findings.extend(workflows(&survey.workflows));
    findings.push(about(
        "CONTAINERS",
        Verdict::Lost,
        &survey.containers,
        |container| named(&container.name, container.id),
        [
            "containers are not deployed by this server",
            "put their processors into the workers, or keep these applications on the Java server",
        ],
    ));
    findings.into_iter().flatten().collect()
}

struct Jobs<'a>(&'a [SurveyedJob]);

impl Jobs<'_> {
    fn find(
        &self,
        code: &'static str,
        verdict: Verdict,
        is_meant: impl Fn(&SurveyedJob) -> bool,
        texts: [&str; 2],
    ) -> Option<Finding> {
        let meant: Vec<&SurveyedJob> = self.0.iter().filter(|job| is_meant(job)).collect();
        about(code, verdict, &meant, |job| named(&job.name, job.id), texts)
    }
}

fn kinds(jobs: &Jobs<'_>) -> [Option<Finding>; 5] {
    let is_processor =
        |kind: ProcessorType| move |job: &SurveyedJob| job.processor_type.as_ref() == Ok(&kind);
    [
        jobs.find(
            "CONTAINER_JOBS",
            Verdict::Lost,
            is_processor(ProcessorType::External),
            [
                "jobs whose processor is in a container fail: containers are not deployed here",
                "put the processor into the worker and change the job's type to BUILT_IN",
            ],
        ),
        jobs.find(
            "SCRIPT_JOBS",
            Verdict::Changed,
            |job| {
                is_processor(ProcessorType::Shell)(job) || is_processor(ProcessorType::Python)(job)
            },
            [
                "scripts inside jobs (SHELL, PYTHON) are carried out by agents; workers of 5.x refuse them",
                "start an agent for their application: `powerjob agent`",
            ],
        ),
        jobs.find(
            "SECOND_LEVEL_JOBS",
            Verdict::Changed,
            |job| {
                let kind = job.schedule.as_ref();
                kind == Ok(&TimeExpressionType::FixedRate)
                    || kind == Ok(&TimeExpressionType::FixedDelay)
            },
            [
                "FIXED_RATE and FIXED_DELAY: the server keeps the beat, and every beat is an instance \
                 of its own; there are no sub-instances",
                "programs that read the sub-instances of such a run have to read the runs of the job",
            ],
        ),
        jobs.find(
            "WORKFLOW_JOBS",
            Verdict::Lost,
            |job| job.is_enabled && job.schedule.as_ref() == Ok(&TimeExpressionType::Workflow),
            [
                "jobs that only a workflow starts run by hand only: this server does not run workflows yet",
                "",
            ],
        ),
        jobs.find(
            "SEVERAL_WORKERS",
            Verdict::Kept,
            |job| {
                let kind = job.execute_type.as_ref();
                kind.is_ok_and(|kind| *kind != ExecuteType::Standalone)
            },
            [
                "broadcast, map and map-reduce run on Java workers, or on native ones, never on both in \
                 one run",
                "",
            ],
        ),
    ]
}

fn settings(jobs: &Jobs<'_>) -> [Option<Finding>; 3] {
    [
        jobs.find(
            "ALARMS",
            Verdict::Lost,
            |job| job.has_alarm,
            [
                "alarms and people to notify are stored and given back, but nobody is told",
                "watch the failures meanwhile: `powerjob instance list --status failed`, or the metrics",
            ],
        ),
        jobs.find(
            "LOGS_ELSEWHERE",
            Verdict::Changed,
            |job| job.log_type.is_some_and(|kind| kind != LOG_ONLINE),
            [
                "logs that go to the worker's own files or nowhere go to the server here",
                "",
            ],
        ),
        jobs.find(
            "TRACKERS_WITHOUT_WORK",
            Verdict::Changed,
            |job| job.tracker_behavior.is_some_and(|kind| kind != TRACKER_NORMAL),
            [
                "task trackers that only lead (PADDLING) carry out tasks as well",
                "",
            ],
        ),
    ]
}

fn workflows(workflows: &[SurveyedWorkflow]) -> [Option<Finding>; 2] {
    let name = |workflow: &&SurveyedWorkflow| named(&workflow.name, workflow.id);
    let by_themselves: Vec<&SurveyedWorkflow> = workflows
        .iter()
        .filter(|workflow| workflow.is_enabled && workflow.is_scheduled)
        .collect();
    let all: Vec<&SurveyedWorkflow> = workflows.iter().collect();
    [
        about(
            "SCHEDULED_WORKFLOWS",
            Verdict::Lost,
            &by_themselves,
            name,
            [
                "workflows with a schedule do not start: this server does not run workflows yet",
                "keep their applications on the Java server",
            ],
        ),
        about(
            "WORKFLOWS",
            Verdict::Lost,
            &all,
            name,
            [
                "workflows are stored, checked and given back, but cannot be run yet",
                "keep their applications on the Java server",
            ],
        ),
    ]
}

/// Jobs that no server of ours could load.
fn strange_codes(survey: &Survey) -> Option<Finding> {
    let strange: Vec<(&SurveyedJob, String)> = survey
        .jobs
        .iter()
        .filter_map(|job| Some((job, strange(job)?)))
        .collect();
    about(
        "UNKNOWN_CODES",
        Verdict::Mend,
        &strange,
        |(job, codes)| format!("{}: {codes}", named(&job.name, job.id)),
        [
            "jobs hold codes that PowerJob 5.1 does not have; a server refuses to load them",
            "save these jobs anew on the Java server, or delete them",
        ],
    )
}

fn strange(job: &SurveyedJob) -> Option<String> {
    let mut strange = job.strange_codes.clone();
    for (column, code) in [
        ("time_expression_type", job.schedule.as_ref().err()),
        ("execute_type", job.execute_type.as_ref().err()),
        ("processor_type", job.processor_type.as_ref().err()),
    ] {
        strange.extend(code.map(|code| format!("{column} {code}")));
    }
    (!strange.is_empty()).then(|| strange.join(", "))
}

/// Enabled jobs whose expression is refused here: they would never start.
fn refused_schedules(survey: &Survey) -> Option<Finding> {
    let refused: Vec<(&SurveyedJob, String)> = survey
        .jobs
        .iter()
        .filter(|job| job.is_enabled)
        .filter_map(|job| {
            let kind = *job.schedule.as_ref().ok()?;
            let refused = Schedule::parse(kind, &job.expression, Tz::UTC).err()?;
            Some((job, refused.to_string()))
        })
        .collect();
    about(
        "SCHEDULES_REFUSED",
        Verdict::Mend,
        &refused,
        |(job, reason)| {
            let expression = &job.expression;
            format!("{} `{expression}`: {reason}", named(&job.name, job.id))
        },
        [
            "enabled jobs whose time expression is refused here: they would never start",
            "change the expression, or switch the job off",
        ],
    )
}

fn named(name: &str, id: i64) -> String {
    format!("{name} ({id})")
}
