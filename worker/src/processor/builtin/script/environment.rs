//! The environment of a script: what it inherits from the agent, and what it learns of its run.

use std::ffi::OsStr;

use tokio::process::Command;

use super::super::Profile;
use super::folder::RunFolder;
use crate::context::TaskContext;
use crate::outcome::BoxError;

/// Values of variables beyond this size would make the start of a process fail.
const VARIABLE_LIMIT_BYTES: usize = 64 << 10;
/// Variables of the agent with such a name are never handed on: among them are secrets.
const OWN: &str = "POWERJOB_";

/// Takes from the agent's own variables what a script may see: all for Java jobs, which rely on it,
/// those that `allowed` names for others; a name may end in `*`.
pub(super) fn inherit(command: &mut Command, profile: Profile, allowed: &[String]) {
    let seen = |name: &OsStr| profile == Profile::Java || is_allowed(allowed, name);
    command.env_clear();
    command.envs(std::env::vars_os().filter(|(name, _)| !is_own(name) && seen(name)));
}

fn is_own(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with(OWN)
}

fn is_allowed(allowed: &[String], name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    allowed
        .iter()
        .any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == *pattern,
        })
}

/// What a script learns of its run (spec 07 section 10.5). A value that is too long for a variable
/// comes in a file, whose path has the name of the variable with `_FILE` behind.
pub(super) fn variables(
    ctx: &TaskContext,
    folder: &RunFolder,
) -> Result<Vec<(String, String)>, BoxError> {
    let mut variables = Vec::new();
    for (name, value) in values(ctx, folder) {
        if value.len() <= VARIABLE_LIMIT_BYTES && !value.contains('\0') {
            variables.push((name.to_owned(), value));
        } else {
            let file = folder.write(name, &value)?;
            variables.push((format!("{name}_FILE"), file.to_string_lossy().into_owned()));
        }
    }
    Ok(variables)
}

fn values(ctx: &TaskContext, folder: &RunFolder) -> Vec<(&'static str, String)> {
    let instance_id = ctx.instance_id().to_string();
    let mut variables = vec![
        ("POWERJOB_JOB_ID", ctx.job_id().to_string()),
        ("POWERJOB_JOB_NAME", ctx.job_name().to_owned()),
        (
            "POWERJOB_TASK_ID",
            format!("{}#{instance_id}", ctx.job_id()),
        ),
        ("POWERJOB_TASK_NAME", "OMS_ROOT_TASK".to_owned()),
        ("POWERJOB_INSTANCE_ID", instance_id),
        ("POWERJOB_ATTEMPT", ctx.attempt().to_string()),
        ("POWERJOB_NOMINAL_TIME_MS", ctx.nominal_time().to_string()),
        ("POWERJOB_IDEMPOTENCY_KEY", ctx.idempotency_key()),
        ("POWERJOB_WORKER_ADDRESS", ctx.worker_name().to_owned()),
        ("POWERJOB_JOB_PARAMS", ctx.job_params().to_owned()),
        ("POWERJOB_INSTANCE_PARAMS", ctx.instance_params().to_owned()),
        (
            "POWERJOB_OUTPUT",
            folder.output().to_string_lossy().into_owned(),
        ),
    ];
    if let Some(workflow) = ctx.workflow_instance_id() {
        variables.push(("POWERJOB_WF_INSTANCE_ID", workflow.to_string()));
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_allowed_whole_or_by_their_beginning() {
        let allowed = ["PATH".to_owned(), "LC_*".to_owned()];
        for (name, expected) in [
            ("PATH", true),
            ("LC_ALL", true),
            ("PATHS", false),
            ("X", false),
        ] {
            assert_eq!(is_allowed(&allowed, name.as_ref()), expected, "{name}");
        }
        assert!(is_allowed(&["*".to_owned()], "X".as_ref()));
        assert!(is_own("POWERJOB_SECRET".as_ref()) && !is_own("PATH".as_ref()));
    }
}
