//! `powerjob config ...`, and the arguments that all commands with a configuration share.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use powerjob_server::config::Setting;

use crate::config::{self, Config, Mistakes, RawConfig, Sources};
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::text::table;

/// The file that is read when `--config` names none.
const DEFAULT_FILE: &str = "powerjob.toml";

/// Heading of the arguments below.
const HEADING: &str = "Configuration";

/// Where the configuration comes from.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigArgs {
    /// Configuration file [default: powerjob.toml, if there is one].
    #[arg(long, value_name = "FILE", global = true, help_heading = HEADING, env = "POWERJOB_CONFIG")]
    config: Option<PathBuf>,
    /// Set a field; may be given several times: --set server.zone=Europe/Berlin
    #[arg(long = "set", help_heading = HEADING, value_name = "SECTION.FIELD=VALUE", global = true, value_parser = assignment)]
    set: Vec<(String, String)>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
docs/configuration.md explains every field.
Examples:
  powerjob config check --config /etc/powerjob.toml
  POWERJOB_SERVER__ZONE=UTC powerjob config show")]
pub(crate) struct ConfigCommandArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Print JSON for programs.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum ConfigCommand {
    /// Report all mistakes of file, environment and arguments.
    Check,
    /// Print what counts and where it comes from; secrets as ***.
    Show,
    /// Print the reference page of all fields (docs/configuration.md).
    Reference,
}

pub(crate) fn run(args: &ConfigCommandArgs, output: &Output) -> Result<Outcome, Failure> {
    match args.command {
        ConfigCommand::Check => match args.config.load(&[])? {
            Ok(_) => output.note("the configuration is good"),
            Err(mistakes) => {
                output.note(mistakes);
                return Ok(Outcome::Failed);
            }
        },
        ConfigCommand::Show => {
            let (_, raw) = args.config.load(&[])?.map_err(wrong)?;
            output.show(&raw.effective(), |fields| {
                let row = |field: &config::Effective| {
                    let value = field.value.clone().unwrap_or_else(|| "-".to_owned());
                    vec![field.field.to_owned(), value, field.origin.clone()]
                };
                let rows = fields.iter().map(row);
                table::render(output.width(), &["FIELD", "VALUE", "FROM"], &[], rows)
            })?;
        }
        ConfigCommand::Reference => output.line(config::reference_page().trim_end())?,
    }
    Ok(Outcome::Done)
}

impl ConfigArgs {
    /// The configuration, with what a command's own arguments say on top; mistakes are a failure.
    pub(crate) fn get(&self, own: &[(&str, Option<String>)]) -> Result<Config, Failure> {
        let (mut config, raw) = self.load(own)?.map_err(wrong)?;
        let shown = raw.effective().into_iter().map(|field| Setting {
            name: field.field.to_owned(),
            value: field.value,
            origin: field.origin,
        });
        config.server.shown = shown.collect();
        Ok(config)
    }

    fn load(
        &self,
        own: &[(&str, Option<String>)],
    ) -> Result<Result<(Config, RawConfig), Mistakes>, Failure> {
        let own = own.iter().filter_map(|(path, value)| {
            let value = value.clone()?;
            Some(((*path).to_owned(), value))
        });
        let sources = Sources {
            file: self.read_file()?,
            variables: std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
            arguments: self.set.iter().cloned().chain(own).collect(),
        };
        Ok(config::load(&sources))
    }

    fn read_file(&self) -> Result<Option<(String, String)>, Failure> {
        let path = self.config.clone().unwrap_or_else(|| DEFAULT_FILE.into());
        let name = path.display().to_string();
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some((name, text))),
            Err(error) if self.config.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(Failure::usage(format!("{name}: {error}"))),
        }
    }
}

fn wrong(mistakes: Mistakes) -> Failure {
    Failure::usage(mistakes.to_string())
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=');
    let (path, value) = parts.ok_or("write section.field=value")?;
    Ok((path.trim().to_owned(), value.to_owned()))
}
