//! What a processor knows of the run it carries out.

use std::any::{Any, TypeId};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::id::{InstanceId, JobId, TraceId};
use powerjob_common::status::LogLevel;
use powerjob_common::time::UnixMillis;
use serde::de::DeserializeOwned;

use crate::domain::ending::CancelReason;
use crate::domain::request::effective_params;
use crate::run::Run;

/// Why parameters could not be read.
#[derive(Debug, thiserror::Error)]
#[error("bad parameter at '{field}': {reason}")]
pub struct ParamsError {
    /// Path of the field that is wrong, `.` for the whole.
    pub field: String,
    /// What is wrong with it, and where in the text.
    pub reason: String,
}

/// The run that a processor carries out. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TaskContext {
    run: Arc<Run>,
}

impl TaskContext {
    pub(crate) fn new(run: Arc<Run>) -> Self {
        Self { run }
    }

    pub(crate) fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// The instance.
    pub fn instance_id(&self) -> InstanceId {
        InstanceId(self.run.request.instance_id)
    }

    /// The job.
    pub fn job_id(&self) -> JobId {
        JobId(self.run.request.job_id)
    }

    /// Name of the job.
    pub fn job_name(&self) -> &str {
        &self.run.request.job_name
    }

    /// Number of the attempt; grows each time the instance is given to a worker.
    pub fn attempt(&self) -> u32 {
        self.run.request.attempt
    }

    /// How often the task has failed before within this attempt: 0 the first time, up to
    /// [`Self::max_task_retries`].
    pub fn task_retry(&self) -> u32 {
        let task = self.run.task.as_ref();
        task.map_or_else(|| self.run.repeated(), |task| task.start.retry)
    }

    /// How often the worker repeats a failed task by itself before the attempt fails.
    pub fn max_task_retries(&self) -> u32 {
        self.run.request.task_retry_num
    }

    /// The parameters of this run: those of the instance, else those of the job; inside a workflow
    /// always those of the job.
    pub fn params(&self) -> &str {
        let request = &self.run.request;
        let in_workflow = request.wf_instance_id.is_some();
        effective_params(&request.job_params, &request.instance_params, in_workflow)
    }

    /// The parameters of the job; empty = none.
    pub fn job_params(&self) -> &str {
        &self.run.request.job_params
    }

    /// The parameters given to this instance alone; empty = none.
    pub fn instance_params(&self) -> &str {
        &self.run.request.instance_params
    }

    /// [`Self::params`] read as JSON; empty parameters count as `null`, then as `{}`.
    ///
    /// # Errors
    /// [`ParamsError`] names the field. Returned from a processor, it is the result of a failed run.
    pub fn params_as<T: DeserializeOwned>(&self) -> Result<T, ParamsError> {
        let text = self.params().trim();
        if text.is_empty() {
            return parse("null").or_else(|_| parse("{}"));
        }
        parse(text)
    }

    /// The time the run was meant for; retries of an instance keep it. For a second-level job that of
    /// the beat.
    pub fn nominal_time(&self) -> UnixMillis {
        let instance_ms = self.run.request.nominal_time_ms;
        UnixMillis(self.run.beat.map_or(instance_ms, |beat| beat.nominal_ms))
    }

    /// Number of the beat of a second-level job, from 1 in each attempt; `None` for other runs.
    pub fn sub_instance(&self) -> Option<u64> {
        self.run.beat.map(|beat| beat.number)
    }

    /// The same for all attempts of an instance, of one task or of one beat of it, and different for
    /// any two: hand it to systems that recognise repetitions, because a run may be repeated after a crash.
    ///
    /// The first attempt of a task that maps and its repetition make tasks with keys of their own.
    pub fn idempotency_key(&self) -> String {
        let request = &self.run.request;
        if let Some(beat) = &self.run.beat {
            let (job, instance) = (request.job_id, request.instance_id);
            return format!("{job}-{instance}@{}", beat.nominal_ms);
        }
        match &self.run.task {
            None => format!("{}-{}", request.job_id, request.instance_id),
            Some(task) => format!(
                "{}-{}-{}",
                request.job_id, request.instance_id, task.start.id
            ),
        }
    }

    /// The workflow instance that the run belongs to.
    pub fn workflow_instance_id(&self) -> Option<InstanceId> {
        self.run.request.wf_instance_id.map(InstanceId)
    }

    /// The trace that connects all messages about this instance.
    pub fn trace_id(&self) -> TraceId {
        TraceId(u128::from_be_bytes(self.run.request.trace_id))
    }

    /// Name of the worker that carries out the run.
    pub fn worker_name(&self) -> &str {
        &self.run.setting.worker
    }

    /// Folder for files that a run needs; the worker does not clean it.
    pub fn work_dir(&self) -> &Path {
        &self.run.setting.work_dir
    }

    /// Characters that a result may have; longer ones are cut.
    pub fn max_result_chars(&self) -> usize {
        self.run.setting.max_result_chars
    }

    /// How long the run may go on after it was asked to end.
    pub fn cancel_grace(&self) -> Duration {
        self.run.setting.cancel_grace
    }

    /// Writes into the log of the run, which people follow in the console.
    pub fn logger(&self) -> RunLogger<'_> {
        RunLogger { run: &self.run }
    }

    /// Whether the run was asked to end. Code that does not await should look now and then.
    pub fn is_cancelled(&self) -> bool {
        self.run.cancel_reason().is_some()
    }

    /// Why the run was asked to end, if it was.
    pub fn cancel_reason(&self) -> Option<CancelReason> {
        self.run.cancel_reason()
    }

    /// Returns when the run is asked to end. It must end within the grace time of the worker;
    /// afterwards its future is dropped.
    pub async fn cancelled(&self) -> CancelReason {
        self.run.cancelled().await
    }

    /// When the time limit of the run passes; `None` = it has none.
    pub fn deadline(&self) -> Option<UnixMillis> {
        let limit_ms = self.run.request.time_limit_ms;
        let started_at = UnixMillis(self.run.started_at_ms());
        (limit_ms > 0).then(|| started_at.after(Duration::from_millis(limit_ms)))
    }

    /// Keeps a value for the rest of the run, where all clones of the context find it by its type;
    /// returns the one that it replaces.
    pub fn insert_extension<T: Any + Send + Sync>(&self, value: T) -> Option<Arc<T>> {
        let old = self
            .run
            .extensions()
            .insert(TypeId::of::<T>(), Arc::new(value))?;
        old.downcast().ok()
    }

    /// The value of this type that was kept with [`Self::insert_extension`].
    pub fn extension<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let value = self.run.extensions().get(&TypeId::of::<T>()).cloned()?;
        value.downcast().ok()
    }
}

/// Reads bytes as JSON.
pub(crate) fn parse_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ParamsError> {
    let text = std::str::from_utf8(bytes).map_err(|error| ParamsError {
        field: ".".into(),
        reason: error.to_string(),
    })?;
    parse(text)
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, ParamsError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| ParamsError {
        field: error.path().to_string(),
        reason: error.into_inner().to_string(),
    })?;
    reader.end().map_err(|error| ParamsError {
        field: ".".into(),
        reason: error.to_string(),
    })?;
    Ok(value)
}

/// Writes lines into the log of one run.
///
/// Lines below the level of the job are left out. Lines that come faster than they can be stored
/// are counted, and the log shows the gap.
#[derive(Debug, Clone, Copy)]
pub struct RunLogger<'a> {
    run: &'a Run,
}

impl RunLogger<'_> {
    /// Details for the author of the processor.
    pub fn debug(&self, text: impl AsRef<str>) {
        self.run.log.write(LogLevel::Debug, text.as_ref());
    }

    /// The normal course.
    pub fn info(&self, text: impl AsRef<str>) {
        self.run.log.write(LogLevel::Info, text.as_ref());
    }

    /// Degraded.
    pub fn warn(&self, text: impl AsRef<str>) {
        self.run.log.write(LogLevel::Warn, text.as_ref());
    }

    /// Failed.
    pub fn error(&self, text: impl AsRef<str>) {
        self.run.log.write(LogLevel::Error, text.as_ref());
    }
}
