//! The flags that define a job, for `job create` and `job edit`; the schedule also for `job check`.

use std::io::Read;
use std::path::Path;

use clap::Args;
use powerjob_client::api::job::JobInput;
use powerjob_client::api::schedule::ScheduleInput;
use powerjob_common::status::{
    DispatchStrategy, ExecuteType, LogLevel, ProcessorType, TimeExpressionType,
};

use super::policy_flags::PolicyFlags;
use crate::failure::Failure;
use crate::text::{span, when};

/// When a job runs.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ScheduleFlags {
    /// CRON: second minute hour day month weekday (year), e.g. "0 30 9 ? * MON-FRI".
    #[arg(
        long,
        help_heading = "Schedule",
        value_name = "EXPRESSION",
        group = "kind"
    )]
    cron: Option<String>,
    /// Every so often, from start to start: 10s, 5m, 250ms.
    #[arg(long, help_heading = "Schedule", value_name = "SPAN", group = "kind", value_parser = span::parse_ms)]
    every: Option<u64>,
    /// So long after the end of the run before: 10s, 5m.
    #[arg(long, help_heading = "Schedule", value_name = "SPAN", group = "kind", value_parser = span::parse_ms)]
    after_each: Option<u64>,
    /// In steps inside a daily window, as the JSON of the reference.
    #[arg(long, help_heading = "Schedule", value_name = "JSON", group = "kind")]
    daily: Option<String>,
    /// Once, at this time: 2026-12-24T18:00 in the zone of the job, or with an offset.
    #[arg(long, help_heading = "Schedule", value_name = "TIME", group = "kind")]
    once: Option<String>,
    /// Once, so much later than now: 10m, 2h.
    #[arg(long = "in", help_heading = "Schedule", value_name = "SPAN", group = "kind", value_parser = span::parse_ms)]
    after: Option<u64>,
    /// Only when somebody runs it.
    #[arg(long, help_heading = "Schedule", group = "kind")]
    on_demand: bool,
    /// Time zone, e.g. Europe/Berlin [default: the server's].
    #[arg(long, help_heading = "Schedule", value_name = "ZONE")]
    zone: Option<String>,
    /// Not before this instant.
    #[arg(long, help_heading = "Schedule", value_name = "TIME", value_parser = when::parse)]
    from: Option<i64>,
    /// Not after this instant.
    #[arg(long, help_heading = "Schedule", value_name = "TIME", value_parser = when::parse)]
    until: Option<i64>,
}

impl ScheduleFlags {
    /// Whether any kind of schedule is given.
    pub(crate) fn has_kind(&self) -> bool {
        self.kind().is_some()
    }

    /// Puts what is given over what is there.
    pub(crate) fn apply(&self, schedule: &mut ScheduleInput) {
        if let Some((kind, expression)) = self.kind() {
            schedule.kind = kind;
            schedule.expression = expression;
        }
        if let Some(zone) = &self.zone {
            schedule.zone = Some(zone.clone()).filter(|zone| !zone.is_empty());
        }
        schedule.start_at = self.from.or(schedule.start_at);
        schedule.end_at = self.until.or(schedule.end_at);
    }

    fn kind(&self) -> Option<(TimeExpressionType, String)> {
        use TimeExpressionType::{Api, Cron, DailyTimeInterval, FixedDelay, FixedRate, Once};
        let given = |kind, text: &Option<String>| text.clone().map(|text| (kind, text));
        let spans = |kind, ms: Option<u64>| ms.map(|ms| (kind, ms.to_string()));
        given(Cron, &self.cron)
            .or_else(|| spans(FixedRate, self.every))
            .or_else(|| spans(FixedDelay, self.after_each))
            .or_else(|| given(DailyTimeInterval, &self.daily))
            .or_else(|| given(Once, &self.once))
            .or_else(|| {
                let at = |ms| when::now().after(std::time::Duration::from_millis(ms));
                self.after.map(|ms| (Once, at(ms).0.to_string()))
            })
            .or_else(|| self.on_demand.then(|| (Api, String::new())))
    }
}

/// What a job is.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct JobFlags {
    /// Take the definition from a file in JSON, as `powerjob job show --json` prints it; - = stdin.
    #[arg(long, value_name = "FILE", help_heading = "Definition")]
    pub(crate) file: Option<String>,
    #[command(flatten)]
    pub(crate) schedule: ScheduleFlags,
    /// Name of a processor that workers have.
    #[arg(
        long,
        value_name = "PROCESSOR",
        group = "code",
        help_heading = "Definition"
    )]
    processor: Option<String>,
    /// Shell script: a file, or - for stdin.
    #[arg(long, value_name = "FILE", group = "code", help_heading = "Definition")]
    shell: Option<String>,
    /// Python script: a file, or - for stdin.
    #[arg(long, value_name = "FILE", group = "code", help_heading = "Definition")]
    python: Option<String>,
    /// Parameters given to every run.
    #[arg(long, help_heading = "Definition")]
    params: Option<String>,
    /// Description.
    #[arg(long, help_heading = "Definition")]
    description: Option<String>,
    /// STANDALONE, BROADCAST, MAP, MAP_REDUCE.
    #[arg(long, value_name = "TYPE", value_parser = execute_type, help_heading = "Definition")]
    execute_type: Option<ExecuteType>,
    /// Runs at the same time; 0 = no limit.
    #[arg(long, value_name = "COUNT", help_heading = "Limits")]
    max_instances: Option<u32>,
    /// Tasks at the same time on one worker.
    #[arg(long, value_name = "COUNT", help_heading = "Limits")]
    concurrency: Option<u32>,
    /// Time limit of a run: 30s, 5m; 0s = none.
    #[arg(long, value_name = "SPAN", value_parser = span::parse_ms, help_heading = "Limits")]
    time_limit: Option<u64>,
    /// Repetitions of a failed run.
    #[arg(long, value_name = "COUNT", help_heading = "Limits")]
    retries: Option<u32>,
    /// Repetitions of a failed task.
    #[arg(long, value_name = "COUNT", help_heading = "Limits")]
    task_retries: Option<u32>,
    #[command(flatten)]
    policies: PolicyFlags,
    /// Only these workers, by address or tag, separated by commas; empty = any.
    #[arg(long, value_name = "LIST", help_heading = "Workers")]
    workers: Option<String>,
    /// At most this many workers; 0 = no limit.
    #[arg(long, value_name = "COUNT", help_heading = "Workers")]
    max_workers: Option<u32>,
    /// HEALTH_FIRST, RANDOM, ROUND_ROBIN, SPECIFY.
    #[arg(long, value_name = "WAY", value_parser = strategy, help_heading = "Workers")]
    dispatch: Option<DispatchStrategy>,
    /// For SPECIFY: addresses or tags.
    #[arg(long, value_name = "TEXT", help_heading = "Workers")]
    dispatch_config: Option<String>,
    /// How long a run waits while there is no worker at all.
    #[arg(long, value_name = "SPAN", value_parser = span::parse_ms, help_heading = "Workers")]
    no_worker_grace: Option<u64>,
    /// Lowest level of log lines that are kept: DEBUG, INFO, WARN, ERROR, OFF.
    #[arg(long, value_name = "LEVEL", value_parser = log_level, help_heading = "Definition")]
    log_level: Option<LogLevel>,
    /// Tag for filtering.
    #[arg(long, help_heading = "Definition")]
    tag: Option<String>,
}

impl JobFlags {
    /// Whether nothing is given at all.
    pub(crate) fn is_empty(&self) -> bool {
        format!("{self:?}") == format!("{:?}", Self::default())
    }

    /// A new definition: that of the file, if any, with the flags over it.
    pub(crate) fn define(&self, name: Option<&str>) -> Result<JobInput, Failure> {
        let mut job = match &self.file {
            Some(file) => definition(&read(file)?, file)?,
            None => blank(name.unwrap_or_default())?,
        };
        if let Some(name) = name {
            job.name = name.to_owned();
        }
        job.base_revision = None;
        self.apply(&mut job)?;
        Ok(job)
    }

    /// Puts what is given over what is there.
    pub(crate) fn apply(&self, job: &mut JobInput) -> Result<(), Failure> {
        self.schedule.apply(&mut job.schedule);
        if let Some((kind, text)) = self.code()? {
            job.processor_type = kind;
            job.processor = text;
        }
        set(&mut job.params, &self.params);
        set(&mut job.description, &self.description);
        set(&mut job.execute_type, &self.execute_type);
        set(&mut job.max_instances, &self.max_instances);
        set(&mut job.concurrency, &self.concurrency);
        set(&mut job.time_limit_ms, &self.time_limit);
        set(&mut job.instance_retries, &self.retries);
        set(&mut job.task_retries, &self.task_retries);
        set(&mut job.designated_workers, &self.workers);
        set(&mut job.max_workers, &self.max_workers);
        set(&mut job.dispatch_strategy, &self.dispatch);
        set(&mut job.dispatch_config, &self.dispatch_config);
        set(&mut job.no_worker_grace_ms, &self.no_worker_grace);
        set(&mut job.log_level, &self.log_level);
        set(&mut job.tag, &self.tag);
        self.policies.apply(job);
        Ok(())
    }

    fn code(&self) -> Result<Option<(ProcessorType, String)>, Failure> {
        Ok(match (&self.processor, &self.shell, &self.python) {
            (Some(name), _, _) => Some((ProcessorType::BuiltIn, name.clone())),
            (_, Some(file), _) => Some((ProcessorType::Shell, read(file)?)),
            (_, _, Some(file)) => Some((ProcessorType::Python, read(file)?)),
            _ => None,
        })
    }
}

/// Reads a definition from JSON: that of a job as shown, or only what a person defines.
pub(crate) fn definition(text: &str, origin: &str) -> Result<JobInput, Failure> {
    let wrong = |error: serde_json::Error| Failure::usage(format!("{origin}: {error}"));
    let mut value: serde_json::Value = serde_json::from_str(text).map_err(wrong)?;
    if let Some(fields) = value.as_object_mut() {
        // what the server adds to a definition
        for name in [
            "id",
            "appId",
            "revision",
            "scheduleText",
            "nextTriggerAt",
            "createdAt",
            "modifiedAt",
        ] {
            fields.remove(name);
        }
    }
    serde_json::from_value(value).map_err(wrong)
}

fn blank(name: &str) -> Result<JobInput, Failure> {
    let value = serde_json::json!({"name": name, "schedule": {"type": "API"}, "processor": ""});
    serde_json::from_value(value).map_err(|error| Failure::local(error.to_string()))
}

fn read(file: &str) -> Result<String, Failure> {
    if file != "-" {
        return std::fs::read_to_string(Path::new(file)).map_err(Failure::io(file));
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(Failure::io("cannot read standard input"))?;
    Ok(text)
}

pub(super) fn set<T: Clone>(place: &mut T, value: &Option<T>) {
    if let Some(value) = value {
        *place = value.clone();
    }
}

fn execute_type(text: &str) -> Result<ExecuteType, String> {
    named(text, ExecuteType::from_name, ExecuteType::ALL)
}

fn strategy(text: &str) -> Result<DispatchStrategy, String> {
    named(text, DispatchStrategy::from_name, DispatchStrategy::ALL)
}

pub(crate) fn log_level(text: &str) -> Result<LogLevel, String> {
    named(text, LogLevel::from_name, LogLevel::ALL)
}

/// Reads the name of a value in any case, with `-` for `_`.
pub(crate) fn named<T: std::fmt::Display>(
    text: &str,
    from_name: fn(&str) -> Option<T>,
    all: &[T],
) -> Result<T, String> {
    from_name(&text.to_uppercase().replace('-', "_")).ok_or_else(|| {
        let names = all.iter().map(ToString::to_string).collect::<Vec<_>>();
        format!("`{text}` is none of {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        flags: JobFlags,
    }

    fn flags(words: &[&str]) -> JobFlags {
        Line::try_parse_from([&["x"], words].concat())
            .expect("words")
            .flags
    }

    #[test]
    fn flags_become_a_definition() {
        let job = flags(&[
            "--cron",
            "0 * * * * *",
            "--zone",
            "Europe/Berlin",
            "--processor",
            "greet",
            "--execute-type",
            "map-reduce",
            "--time-limit",
            "5m",
            "--retries",
            "2",
        ])
        .define(Some("a"))
        .expect("job");
        assert_eq!(job.name, "a");
        assert_eq!(job.schedule.kind, TimeExpressionType::Cron);
        assert_eq!(job.schedule.zone.as_deref(), Some("Europe/Berlin"));
        assert_eq!(job.execute_type, ExecuteType::MapReduce);
        assert_eq!((job.time_limit_ms, job.instance_retries), (300_000, 2));
        assert!(job.enabled);
    }

    #[test]
    fn spans_become_milliseconds() {
        let job = flags(&["--every", "250ms"]).define(Some("a")).expect("job");
        assert_eq!(job.schedule.kind, TimeExpressionType::FixedRate);
        assert_eq!(job.schedule.expression, "250");
    }

    #[test]
    fn one_schedule_and_one_piece_of_code() {
        for words in [
            ["--cron", "x", "--every", "1s"],
            ["--processor", "x", "--shell", "y"],
            ["--every", "10", "--tag", "x"],
        ] {
            let line = Line::try_parse_from([&["x"], &words[..]].concat());
            assert!(line.is_err(), "{words:?}");
        }
    }

    #[test]
    fn what_is_not_given_stays() {
        let mut job = flags(&["--every", "1s", "--params", "p"])
            .define(Some("a"))
            .expect("job");
        flags(&["--tag", "t"]).apply(&mut job).expect("applied");
        assert_eq!((job.params.as_str(), job.tag.as_str()), ("p", "t"));
        assert_eq!(job.schedule.expression, "1000");
        assert!(flags(&[]).is_empty());
        assert!(!flags(&["--tag", "t"]).is_empty());
    }

    #[test]
    fn a_job_as_shown_is_a_definition() {
        let text = r#"{"id":"1","appId":"2","revision":3,"name":"a","processor":"p",
            "schedule":{"type":"API"},"scheduleText":"x","nextTriggerAt":null,"createdAt":1,
            "modifiedAt":1}"#;
        assert_eq!(definition(text, "f").expect("definition").name, "a");
        let wrong = definition(r#"{"name":"a","nmae":1}"#, "f").expect_err("typo");
        assert!(wrong.to_string().contains("nmae"));
    }
}
