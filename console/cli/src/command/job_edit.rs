//! `powerjob job create` and `powerjob job edit`.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;

use powerjob_client::api::job::{Job, JobInput};

use super::job_flags::{JobFlags, definition};
use super::job_view;
use crate::connect::Connection;
use crate::failure::Failure;
use crate::output::Output;

pub(super) async fn create(
    connection: &Connection,
    name: Option<&str>,
    is_disabled: bool,
    flags: &JobFlags,
    output: &Output,
) -> Result<(), Failure> {
    if name.is_none() && flags.file.is_none() {
        return Err(Failure::usage(
            "give the job a name, or a definition with --file",
        ));
    }
    let mut job = flags.define(name)?;
    job.enabled &= !is_disabled;
    if job.processor.is_empty() {
        return Err(Failure::usage(
            "what does it run? give --processor, --shell or --python",
        ));
    }
    let app = connection.app().await?;
    let saved = connection.client.create_job(app.id, &job).await?;
    output.show(&saved, job_view::saved)
}

pub(super) async fn edit(
    connection: &Connection,
    job: &str,
    rename: Option<String>,
    flags: &JobFlags,
    output: &Output,
) -> Result<(), Failure> {
    let present = connection.find_job(job).await?;
    let mut changed = match (flags.is_empty() && rename.is_none(), &flags.file) {
        (true, _) => match edit_by_hand(&present)? {
            Some(changed) => changed,
            None => {
                output.note("nothing changed");
                return Ok(());
            }
        },
        (false, Some(_)) => flags.define(None)?,
        (false, None) => present.definition.clone(),
    };
    flags.apply(&mut changed)?;
    if let Some(name) = rename {
        changed.name = name;
    }
    // somebody else's save in between is refused instead of being overwritten
    changed.base_revision = Some(present.revision);
    let saved = connection.client.replace_job(present.id, &changed).await?;
    output.show(&saved, job_view::saved)
}

/// Opens the definition in the person's editor; `None` when it comes back unchanged.
fn edit_by_hand(job: &Job) -> Result<Option<JobInput>, Failure> {
    let mut shown = job.definition.clone();
    shown.base_revision = None;
    let text = serde_json::to_string_pretty(&shown)
        .map_err(|error| Failure::local(format!("cannot show the job: {error}")))?;
    let path =
        std::env::temp_dir().join(format!("powerjob-{}-{}.json", job.id, std::process::id()));
    write_new(&path, &text).map_err(Failure::io(path.display()))?;
    let edited = open_editor(&path)
        .and_then(|()| fs::read_to_string(&path).map_err(Failure::io(path.display())))?;
    let changed = definition(&edited, &path.display().to_string())?; // a wrong draft stays there
    fs::remove_file(&path).map_err(Failure::io(path.display()))?;
    Ok((changed != shown).then_some(changed))
}

/// Parameters may be secret, and the folder is shared: only a new file, for its owner.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

fn open_editor(path: &Path) -> Result<(), Failure> {
    let named = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let editor = named("VISUAL")
        .or_else(|| named("EDITOR"))
        .unwrap_or_else(|| "vi".to_owned());
    // through the shell, as the variable may hold arguments
    let status = Command::new("sh")
        .args(["-c", &format!("{editor} \"$1\""), "sh"])
        .arg(path)
        .status()
        .map_err(Failure::io(&editor))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::local(format!(
        "the editor `{editor}` failed; set EDITOR, or change the job with flags (--help)"
    )))
}
