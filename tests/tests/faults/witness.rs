//! A job that leaves a mark outside of the system for each start, and the check over the marks.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use powerjob_tests::eventually::eventually;
use powerjob_tests::process::Api;
use powerjob_tests::team::mark_script;
use serde_json::{Value, json};

/// How long an accepted run may take to its end when processes were killed on the way.
pub(crate) const END_LIMIT: Duration = Duration::from_secs(60);

/// A job whose script appends "instance attempt" to a file at each start.
#[derive(Debug)]
pub(crate) struct Witness {
    pub(crate) job: String,
    marks: PathBuf,
}

impl Witness {
    pub(crate) async fn create(api: &Api, app: &str, folder: &Path, retries: u32) -> Self {
        let marks = folder.join("marks");
        let script = mark_script(&marks);
        let job = json!({
            "name": "witness", "processorType": "SHELL", "processor": script,
            "schedule": { "type": "API" }, "instanceRetries": retries,
        });
        let job = api
            .create_job(app, &job)
            .await
            .expect("the job is accepted");
        Self { job, marks }
    }

    /// Each start that left a mark: instance and attempt.
    pub(crate) fn starts(&self) -> Vec<(String, String)> {
        let text = std::fs::read_to_string(&self.marks).unwrap_or_default();
        text.lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(instance, attempt)| (instance.to_owned(), attempt.to_owned()))
            .collect()
    }

    /// Calls runs one after the other until a call fails; gives those that were accepted.
    pub(crate) async fn run_until_refused(&self, api: &Api, most: usize) -> Vec<String> {
        let mut accepted = Vec::new();
        for _ in 0..most {
            match api.run(&self.job, "").await {
                Ok(instance) => accepted.push(instance),
                Err(_) => break,
            }
        }
        accepted
    }

    /// Checks that the log of the last attempt of each run has what its script wrote: `least` times
    /// at least, and never twice.
    pub(crate) async fn check_logs(&self, api: &Api, accepted: &[String], least: usize) {
        for instance in accepted {
            let ended = api.until_ended(instance, END_LIMIT).await;
            let attempt = &ended["attempt"];
            let count = async || -> Option<usize> {
                let path = format!("/v1/instances/{instance}/log?limit=5000");
                let page = api.call("GET", &path, &Value::Null).await.ok()?;
                let lines = page["lines"].as_array()?;
                let is_it = |line: &&Value| line["text"] == "done" && line["attempt"] == *attempt;
                Some(lines.iter().filter(is_it).count())
            };
            let what = format!("the log of {instance} is there");
            eventually(&what, END_LIMIT, || async {
                count().await.filter(|count| *count >= least).map(|_| ())
            })
            .await;
            assert!(
                count().await.is_some_and(|count| count <= 1),
                "the log of {instance} says it twice"
            );
        }
    }

    /// Waits for the end of all runs and checks what must always hold.
    pub(crate) async fn check(&self, api: &Api, accepted: &[String], wanted: &[&str]) {
        for instance in accepted {
            let ended: Value = api.until_ended(instance, END_LIMIT).await;
            let status = ended["status"].as_str().expect("a status");
            assert!(
                wanted.contains(&status),
                "{instance} ended as {status}: {ended}"
            );
            assert!(
                !ended["fullResult"].as_str().expect("text").is_empty(),
                "{ended}"
            );
        }
        let starts = self.starts();
        let different: HashSet<_> = starts.iter().collect();
        assert_eq!(
            different.len(),
            starts.len(),
            "a run was started twice under one attempt"
        );
        let started: HashSet<_> = starts.iter().map(|(instance, _)| instance).collect();
        for instance in accepted {
            let status = api.until_ended(instance, END_LIMIT).await["status"].clone();
            if status == "SUCCEED" {
                assert!(
                    started.contains(instance),
                    "{instance} succeeded without a start"
                );
            }
        }
    }
}
