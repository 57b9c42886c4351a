//! Shell and Python scripts (spec 07 sections 2, 10, 11.1).

mod directives;
mod environment;
mod folder;
mod output;
mod places;
mod result;

use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::status::{LogLevel, ProcessorType};
use tokio::process::Command;

use self::directives::{Directives, shebang};
use self::folder::RunFolder;
use self::output::{Treatment, follow};
pub(crate) use self::places::{ScriptPlaces, ScriptSettings};
use super::Profile;
use super::source;
use super::tree::ProcessTree;
use crate::context::TaskContext;
use crate::domain::ending::{CancelReason, interrupted};
use crate::outcome::{BoxError, ProcessResult};
use crate::processor::Processor;

/// The longest script that a job may hold itself; a longer one can be a link.
const SCRIPT_LIMIT_BYTES: usize = 1 << 20;
/// Pipes that grandchildren keep open after the leader has ended are closed after this time.
const DRAIN: Duration = Duration::from_secs(2);
/// Part of the grace of a cancelled run that its script gets; the rest is for its end.
const GRACE_SHARE: f64 = 0.8;
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
    places: Arc<ScriptPlaces>,
}

impl Script {
    pub(crate) fn shell(profile: Profile, places: Arc<ScriptPlaces>) -> Self {
        Self {
            kind: "shell",
            extension: "sh",
            interpreters: &["/bin/sh"],
            code_type: ProcessorType::Shell,
            profile,
            places,
        }
    }

    pub(crate) fn python(profile: Profile, places: Arc<ScriptPlaces>) -> Self {
        Self {
            kind: "python",
            extension: "py",
            interpreters: match profile {
                Profile::Java => &["python", "python3"],
                Profile::Native => &["python3", "python"],
            },
            code_type: ProcessorType::Python,
            profile,
            places,
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

    /// Programs to try, each with its first arguments.
    fn interpreters(&self, script: &str, directives: &Directives) -> Vec<Vec<String>> {
        let own = (self.profile == Profile::Native)
            .then(|| shebang(script))
            .flatten();
        match directives.interpreter.clone().or(own) {
            Some(named) => vec![named],
            None => {
                let usual = self.interpreters.iter();
                usual.map(|name| vec![(*name).to_owned()]).collect()
            }
        }
    }

    fn start(
        &self,
        ctx: &TaskContext,
        script: &str,
        directives: &Directives,
        folder: &RunFolder,
    ) -> Result<ProcessTree, BoxError> {
        let file = folder.write(&format!("script.{}", self.extension), script)?;
        if self.profile == Profile::Java {
            ctx.logger().info(format!(
                "[SYSTEM] Generate executable file successfully, path: {}",
                file.display()
            ));
        }
        if let Some(cwd) = directives.cwd.as_deref().filter(|cwd| !cwd.is_dir()) {
            return Err(format!("cwd: there is no folder {}", cwd.display()).into());
        }
        let variables = environment::variables(ctx, folder)?;
        let interpreters = self.interpreters(script, directives);
        for words in &interpreters {
            let mut command = self.command(words, &file, directives);
            command.envs(variables.iter().map(|(name, value)| (name, value)));
            match ProcessTree::start(command) {
                Ok(tree) => return Ok(tree),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(format!("cannot start {}: {error}", words[0]).into()),
            }
        }
        Err(format!(
            "Cannot run program \"{}\": no such program",
            interpreters[0][0]
        )
        .into())
    }

    fn command(&self, words: &[String], file: &Path, directives: &Directives) -> Command {
        let mut command = Command::new(&words[0]);
        environment::inherit(&mut command, self.profile, self.places.environment());
        command.args(&words[1..]).arg(file);
        command.envs(directives.env.iter().map(|(name, value)| (name, value)));
        if let Some(cwd) = &directives.cwd {
            command.current_dir(cwd);
        }
        command
    }
}

impl Processor for Script {
    async fn process(&self, ctx: &TaskContext) -> ProcessResult {
        let text = self.text(ctx);
        if self.profile == Profile::Java {
            ctx.logger().info(format!(
                "[SYSTEM] ScriptProcessor start to process, params: {text}"
            ));
        }
        if text.is_empty() {
            return Err(
                "[SYSTEM] ScriptParams is null, please check jobParam configuration.".into(),
            );
        }
        let downloaded;
        let text = match source::link_of(text) {
            Some(link) => {
                downloaded = tokio::select! {
                    script = source::download(link) => script?,
                    reason = ctx.cancelled() => return Err(interrupted(reason).text.into()),
                };
                &downloaded
            }
            None if text.len() > SCRIPT_LIMIT_BYTES => {
                let limit = SCRIPT_LIMIT_BYTES >> 20;
                return Err(
                    format!("the script has more than {limit} MiB: give a link to it").into(),
                );
            }
            None => text,
        };
        let directives = Directives::read(text)?;
        let place = tokio::select! {
            place = self.places.take(ctx) => place,
            reason = ctx.cancelled() => return Err(interrupted(reason).text.into()),
        };
        let folder = RunFolder::make(ctx, self.kind)?;
        let tree = self.start(ctx, text, &directives, &folder)?;
        let attended = Attended {
            ctx,
            profile: self.profile,
            directives: &directives,
            folder: &folder,
        };
        let result = Box::pin(attended.to_the_end(tree)).await;
        drop(place);
        result
    }
}

/// A running script with what decides about its result.
struct Attended<'a> {
    ctx: &'a TaskContext,
    profile: Profile,
    directives: &'a Directives,
    folder: &'a RunFolder,
}

/// Why a script is ended before its time.
enum Cut {
    /// The run was cancelled.
    Cancelled(CancelReason),
    /// The limit that the script set itself has passed.
    OwnLimit(Duration),
}

type Texts = (String, String);

impl Attended<'_> {
    async fn to_the_end(&self, mut tree: ProcessTree) -> ProcessResult {
        let ctx = self.ctx;
        let (stdout, stderr) = (tree.child().stdout.take(), tree.child().stderr.take());
        let (of_stdout, of_stderr) = self.treatments();
        let mut outputs = Box::pin(async {
            tokio::join!(
                follow(ctx, stdout, of_stdout),
                follow(ctx, stderr, of_stderr)
            )
        });
        let mut captured = None;
        let own_limit = own_limit(self.directives.timeout);
        tokio::pin!(own_limit);
        let ended = loop {
            tokio::select! {
                biased;
                reason = ctx.cancelled() => break Err(Cut::Cancelled(reason)),
                // The pipes must be read while the process runs, or it would block.
                texts = &mut outputs, if captured.is_none() => captured = Some(texts),
                status = tree.wait() => break Ok(status?),
                limit = &mut own_limit => break Err(Cut::OwnLimit(limit)),
            }
        };
        let status = match ended {
            Ok(status) => status,
            Err(cut) => {
                ctx.logger()
                    .warn("[SYSTEM] ScriptProcessor has been interrupted");
                let grace = self.kill_grace(&cut);
                tokio::join!(tree.end(grace), drain(&mut captured, &mut outputs));
                return Err(match cut {
                    Cut::Cancelled(reason) => interrupted(reason).text.into(),
                    Cut::OwnLimit(limit) => {
                        format!("the script's own time limit of {limit:?} has passed").into()
                    }
                });
            }
        };
        drain(&mut captured, &mut outputs).await;
        if captured.is_none() {
            ctx.logger().warn("[SYSTEM] output pipe still open, closed");
        }
        self.judge(status, captured.unwrap_or_default())
    }

    fn treatments(&self) -> (Treatment, Treatment) {
        let limit_bytes = self.ctx.max_result_chars().saturating_sub(FRAME_BYTES) / 2;
        let is_native = self.profile == Profile::Native;
        let stdout = Treatment {
            level: LogLevel::Info,
            takes_levels: is_native,
            limit_bytes,
        };
        let stderr = Treatment {
            level: match self.profile {
                Profile::Java => LogLevel::Info,
                Profile::Native => LogLevel::Warn,
            },
            takes_levels: false,
            limit_bytes,
        };
        (stdout, stderr)
    }

    /// A cancelled run must be over before its worker gives it up.
    fn kill_grace(&self, cut: &Cut) -> Duration {
        let most = self.ctx.cancel_grace().mul_f64(GRACE_SHARE);
        let wish = self.directives.kill_grace;
        match cut {
            Cut::Cancelled(_) => wish.map_or(most, |wish| wish.min(most)),
            Cut::OwnLimit(_) => wish.unwrap_or(most),
        }
    }

    fn judge(&self, status: ExitStatus, (stdout, stderr): Texts) -> ProcessResult {
        use std::os::unix::process::ExitStatusExt;
        let how = match (status.code(), status.signal()) {
            (Some(code), _) => format!("exited with code {code}"),
            (None, signal) => format!("killed by signal {}", signal.unwrap_or(0)),
        };
        self.ctx.logger().info(format!("[SYSTEM] process {how}"));
        let output = format!("[INPUT]: {stdout};[ERROR]: {stderr}");
        let code = status.code().and_then(|code| u16::try_from(code).ok());
        let is_in =
            |codes: &super::codes::CodeRanges| code.is_some_and(|code| codes.contains(code));
        let is_skip = is_in(&self.directives.skip_codes);
        if is_skip || is_in(&self.directives.success_codes) {
            let text = self
                .folder
                .read_output()
                .map_or(output, |written| result::of_output(&written));
            let prefix = if is_skip { "[SKIPPED] " } else { "" };
            return Ok(format!("{prefix}{text}").into());
        }
        match self.profile {
            Profile::Java => Err(output.into()),
            Profile::Native => Err(format!("{how}: {output}").into()),
        }
    }
}

/// Returns when the limit has passed; never without one.
async fn own_limit(limit: Option<Duration>) -> Duration {
    match limit {
        Some(limit) => {
            tokio::time::sleep(limit).await;
            limit
        }
        None => std::future::pending().await,
    }
}

/// Reads on for a moment after the end of the leader: a daemon must not keep the run open.
async fn drain(captured: &mut Option<Texts>, outputs: &mut (impl Future<Output = Texts> + Unpin)) {
    if captured.is_none() {
        *captured = tokio::time::timeout(DRAIN, outputs).await.ok();
    }
}
