//! Shell and Python scripts (spec 07 sections 2, 10, 11.1).

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use powerjob_common::status::{LogLevel, ProcessorType};
use powerjob_common::time::monotonic_now;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::Profile;
use super::pipe::LineSplitter;
use super::rate::LineRate;
use super::source;
use super::tree::ProcessTree;
use crate::context::TaskContext;
use crate::domain::ending::interrupted;
use crate::domain::result_text::HeadTail;
use crate::outcome::{BoxError, ProcessResult};
use crate::processor::Processor;

/// The longest script.
const SCRIPT_LIMIT_BYTES: usize = source::DOWNLOAD_LIMIT_BYTES;
/// Pipes that grandchildren keep open after the leader has ended are closed after this time.
const DRAIN: Duration = Duration::from_secs(2);
/// Part of a line that waits for its end is shown after this silence.
const PARTIAL_FLUSH: Duration = Duration::from_secs(1);
/// Bytes read from a pipe at once.
const PIPE_BYTES: usize = 16 << 10;
/// Values of variables beyond this size would make the start of a process fail.
const VARIABLE_LIMIT_BYTES: usize = 64 << 10;
/// Bytes around the two outputs in a result.
const FRAME_BYTES: usize = 48;

/// A processor that runs its parameter as a script.
#[derive(Debug)]
pub(crate) struct Script {
    kind: &'static str,
    extension: &'static str,
    /// Interpreters, the first one that exists is taken.
    interpreters: &'static [&'static str],
    code_type: ProcessorType,
    profile: Profile,
}

impl Script {
    pub(crate) fn shell(profile: Profile) -> Self {
        Self {
            kind: "shell",
            extension: "sh",
            interpreters: &["/bin/sh"],
            code_type: ProcessorType::Shell,
            profile,
        }
    }

    pub(crate) fn python(profile: Profile) -> Self {
        Self {
            kind: "python",
            extension: "py",
            interpreters: match profile {
                Profile::Java => &["python", "python3"],
                Profile::Native => &["python3", "python"],
            },
            code_type: ProcessorType::Python,
            profile,
        }
    }

    /// The script: the processor info of a job of the script's type, else the parameters.
    fn text<'a>(&self, ctx: &'a TaskContext) -> &'a str {
        let request = &ctx.run().request;
        let is_typed = i32::from(request.processor_type) == self.code_type.code();
        if is_typed && !request.processor_info.is_empty() {
            &request.processor_info
        } else {
            ctx.params()
        }
    }

    fn start(&self, file: &Path, ctx: &TaskContext) -> Result<ProcessTree, BoxError> {
        for interpreter in self.interpreters {
            let mut command = Command::new(interpreter);
            command.arg(file).envs(variables(ctx));
            match ProcessTree::start(command) {
                Ok(tree) => return Ok(tree),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(format!("cannot start {interpreter}: {error}").into()),
            }
        }
        Err(format!(
            "Cannot run program \"{}\": no such program",
            self.interpreters[0]
        )
        .into())
    }
}

impl Processor for Script {
    async fn process(&self, ctx: &TaskContext) -> ProcessResult {
        let text = self.text(ctx);
        let downloaded;
        let text = match source::link_of(text) {
            Some(link) => {
                downloaded = tokio::select! {
                    script = source::download(link) => script?,
                    reason = ctx.cancelled() => return Err(interrupted(reason).text.into()),
                };
                &downloaded
            }
            None => text,
        };
        if text.len() > SCRIPT_LIMIT_BYTES {
            return Err(format!("the script has more than {SCRIPT_LIMIT_BYTES} bytes").into());
        }
        let file = ScriptFile::write(ctx, self.kind, self.extension, text)?;
        let tree = self.start(&file.path, ctx)?;
        Box::pin(attend(ctx, tree, self.profile)).await
    }
}

/// Follows a process to its end.
async fn attend(ctx: &TaskContext, mut tree: ProcessTree, profile: Profile) -> ProcessResult {
    let stderr_level = match profile {
        Profile::Java => LogLevel::Info,
        Profile::Native => LogLevel::Warn,
    };
    let limit = ctx.max_result_chars().saturating_sub(FRAME_BYTES) / 2;
    let (stdout, stderr) = (tree.child().stdout.take(), tree.child().stderr.take());
    let mut outputs = Box::pin(async {
        tokio::join!(
            follow(ctx, stdout, LogLevel::Info, limit),
            follow(ctx, stderr, stderr_level, limit)
        )
    });
    let mut captured = None;
    let ended = loop {
        tokio::select! {
            biased;
            reason = ctx.cancelled() => break Err(reason),
            // The pipes must be read while the process runs, or it would block.
            texts = &mut outputs, if captured.is_none() => captured = Some(texts),
            status = tree.wait() => break Ok(status?),
        }
    };
    let status = match ended {
        Ok(status) => status,
        Err(reason) => {
            ctx.logger()
                .warn("[SYSTEM] ScriptProcessor has been interrupted");
            let kill_grace = ctx.cancel_grace().mul_f64(0.8);
            tokio::join!(tree.end(kill_grace), drain(&mut captured, &mut outputs));
            return Err(interrupted(reason).text.into());
        }
    };
    drain(&mut captured, &mut outputs).await;
    if captured.is_none() {
        ctx.logger().warn("[SYSTEM] output pipe still open, closed");
    }
    let (stdout, stderr) = captured.unwrap_or_default();
    let output = format!("[INPUT]: {stdout};[ERROR]: {stderr}");
    judge(ctx, status, output, profile)
}

type Texts = (String, String);

/// Reads on for a moment after the end of the leader: a daemon must not keep the run open.
async fn drain(captured: &mut Option<Texts>, outputs: &mut (impl Future<Output = Texts> + Unpin)) {
    if captured.is_none() {
        *captured = tokio::time::timeout(DRAIN, outputs).await.ok();
    }
}

fn judge(ctx: &TaskContext, status: ExitStatus, output: String, profile: Profile) -> ProcessResult {
    use std::os::unix::process::ExitStatusExt;
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with code {code}"),
        (None, signal) => format!("killed by signal {}", signal.unwrap_or(0)),
    };
    ctx.logger().info(format!("[SYSTEM] process {how}"));
    match (status.success(), profile) {
        (true, _) => Ok(output.into()),
        (false, Profile::Java) => Err(output.into()),
        (false, Profile::Native) => Err(format!("{how}: {output}").into()),
    }
}

/// Brings one output of a process line by line into the log and keeps its head and tail.
async fn follow(
    ctx: &TaskContext,
    pipe: Option<impl tokio::io::AsyncRead + Unpin>,
    level: LogLevel,
    limit_bytes: usize,
) -> String {
    let Some(mut pipe) = pipe else {
        return String::new();
    };
    let mut splitter = LineSplitter::default();
    let mut lines = LogLines {
        ctx,
        level,
        rate: LineRate::new(monotonic_now()),
        kept: HeadTail::new(limit_bytes),
    };
    let mut buffer = vec![0; PIPE_BYTES];
    loop {
        match tokio::time::timeout(PARTIAL_FLUSH, pipe.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(count)) => splitter.push(&buffer[..count], |line| lines.write(line)),
            Err(_) if splitter.has_partial() => splitter.flush_partial(|line| lines.write(line)),
            Err(_) => lines.sum_up(),
        }
        // A chatty script must not keep the thread to itself.
        tokio::task::consume_budget().await;
    }
    splitter.flush_partial(|line| lines.write(line));
    lines.sum_up();
    lines.kept.into_text()
}

struct LogLines<'a> {
    ctx: &'a TaskContext,
    level: LogLevel,
    rate: LineRate,
    kept: HeadTail,
}

impl LogLines<'_> {
    fn write(&mut self, line: &str) {
        self.kept.push(line);
        self.kept.push("\n");
        if self.rate.admit(monotonic_now()) {
            self.sum_up();
            self.ctx.run().log.write(self.level, line);
        }
    }

    fn sum_up(&mut self) {
        let skipped = self.rate.take_skipped();
        if skipped > 0 {
            let text = format!("[SYSTEM] {skipped} lines skipped");
            self.ctx.run().log.write(LogLevel::Warn, &text);
        }
    }
}

/// What a script learns of its run (spec 07 section 10.5).
fn variables(ctx: &TaskContext) -> Vec<(&'static str, String)> {
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
    ];
    if let Some(workflow) = ctx.workflow_instance_id() {
        variables.push(("POWERJOB_WF_INSTANCE_ID", workflow.to_string()));
    }
    // The system refuses values that are too long or hold a zero byte.
    variables.retain(|(_, value)| value.len() <= VARIABLE_LIMIT_BYTES && !value.contains('\0'));
    variables
}

/// The file of a script, for its owner only; removed when dropped.
#[derive(Debug)]
struct ScriptFile {
    path: PathBuf,
}

impl ScriptFile {
    fn write(ctx: &TaskContext, kind: &str, extension: &str, text: &str) -> Result<Self, BoxError> {
        use std::os::unix::fs::OpenOptionsExt;
        let folder = ctx.work_dir().join("official_script_processor");
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("cannot make the folder {}: {error}", folder.display()))?;
        // A number of our own: two workers of one machine may share the folder.
        let random = getrandom::u64().map_err(|error| error.to_string())?;
        let (instance, attempt) = (ctx.instance_id(), ctx.attempt());
        let path = folder.join(format!(
            "{kind}_{instance}_{attempt}_{random:016x}.{extension}"
        ));
        let create = || -> std::io::Result<File> {
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o700)
                .open(&path)
        };
        let mut file =
            create().map_err(|error| format!("cannot make {}: {error}", path.display()))?;
        let script = Self { path };
        file.write_all(text.as_bytes())?;
        Ok(script)
    }
}

impl Drop for ScriptFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove a script");
        }
    }
}
