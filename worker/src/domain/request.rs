//! Can this worker run what a server asks for?

use powerjob_common::processor_name;
use powerjob_common::status::{ExecuteType, ProcessorType};
use powerjob_protocol::wire::server_to_worker::RunInstance;

/// The text of the reference for a processor that cannot be found.
pub(crate) const FETCH_FAILED: &str =
    "fetch Processor failed, please check your processorType and processorInfo config";

/// Which processor a request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    /// A registered one, by name.
    Named(&'a str),
    /// The script processor of a kind.
    Script(ScriptKind),
}

/// The kinds of scripts that a job may hold itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScriptKind {
    Shell,
    Python,
}

impl ScriptKind {
    /// The name under which the java profile of its processor is registered.
    pub(crate) const fn processor_name(self) -> &'static str {
        match self {
            Self::Shell => processor_name::SHELL,
            Self::Python => processor_name::PYTHON,
        }
    }
}

/// What a request wants, or why it can never run here.
pub(crate) fn wanted_processor(item: &RunInstance) -> Result<Wanted<'_>, String> {
    execute_type(item)?;
    match ProcessorType::from_code(i32::from(item.processor_type)) {
        Some(ProcessorType::BuiltIn) => Ok(Wanted::Named(item.processor_info.trim())),
        Some(ProcessorType::Shell) => Ok(Wanted::Script(ScriptKind::Shell)),
        Some(ProcessorType::Python) => Ok(Wanted::Script(ScriptKind::Python)),
        Some(ProcessorType::External) => Err(format!(
            "{FETCH_FAILED}: containers are not supported by this worker"
        )),
        None => Err(format!("unknown processor type {}", item.processor_type)),
    }
}

/// How a request wants to be carried out.
pub(crate) fn execute_type(item: &RunInstance) -> Result<ExecuteType, String> {
    ExecuteType::from_code(i32::from(item.execute_type))
        .ok_or_else(|| format!("unknown execute type {}", item.execute_type))
}

/// The text of the answer for a processor that is not registered.
pub(crate) fn unknown_processor(name: &str, near: &[String]) -> String {
    let mut text = format!("{FETCH_FAILED}: no processor named '{name}' is registered");
    if !near.is_empty() {
        text.push_str("; similar names: ");
        text.push_str(&near.join(", "));
    }
    text
}

/// Which text is the parameter of a run (spec 07 section 1.3): inside a workflow that of the job,
/// elsewhere that of the instance unless it is empty.
pub(crate) fn effective_params<'a>(
    job_params: &'a str,
    instance_params: &'a str,
    in_workflow: bool,
) -> &'a str {
    if in_workflow || instance_params.is_empty() {
        job_params
    } else {
        instance_params
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A request to run `processor` as a stand-alone instance.
    pub(crate) fn request(instance_id: i64, attempt: u32, processor: &str) -> RunInstance {
        RunInstance {
            instance_id,
            attempt,
            epoch: 7,
            job_revision: 3,
            trace_id: [0; 16],
            job_id: 11,
            job_name: "job".into(),
            execute_type: 1,
            processor_type: 1,
            processor_info: processor.into(),
            job_params: String::new(),
            instance_params: String::new(),
            time_limit_ms: 0,
            concurrency: 1,
            task_retry_num: 0,
            nominal_time_ms: 0,
            wf_instance_id: None,
            log_level: 2,
        }
    }

    #[test]
    fn all_known_execute_types_are_taken() {
        let mut item = request(1, 1, " noop ");
        for kind in ExecuteType::ALL {
            item.execute_type = kind.code() as u8;
            assert_eq!(wanted_processor(&item), Ok(Wanted::Named("noop")));
        }
        item.execute_type = 99;
        let refusal = wanted_processor(&item).expect_err("an unknown type");
        assert!(refusal.contains("99"), "{refusal}");
    }

    #[test]
    fn deprecated_script_types_are_taken() {
        let mut item = request(1, 1, "echo hi");
        item.processor_type = 2;
        assert_eq!(
            wanted_processor(&item),
            Ok(Wanted::Script(ScriptKind::Shell))
        );
    }

    #[test]
    fn the_parameter_of_the_instance_wins_outside_of_workflows() {
        assert_eq!(effective_params("job", "instance", false), "instance");
        assert_eq!(effective_params("job", "instance", true), "job");
        assert_eq!(effective_params("job", "", false), "job");
        assert_eq!(effective_params("job", " ", false), " ");
    }
}
