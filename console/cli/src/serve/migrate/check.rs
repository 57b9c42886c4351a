//! `powerjob migrate check`: what carries over, in words or as JSON.

use clap::Args;
use powerjob_common::secret::Secret;
use powerjob_common::time::SystemClock;
use powerjob_server::adoption::{Account, CheckError, check_database, check_server};
use powerjob_server::domain::adoption::{Finding, Report, Verdict};

use crate::command::config::ConfigArgs;
use crate::command::login::ask_password;
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::serve::chain;
use crate::text::harmless;

#[derive(Debug, Args)]
#[command(after_help = "\
A database tells of everything that is stored, a running server also of its workers: check both.
The URL of a database holds a password that others can see in the list of processes; leave it out, and
it comes from the configuration (server.database_url) or is asked for.
The password for a server comes from POWERJOB_PASSWORD or is asked for.
Exit codes: 0 all carries over, 1 something has to be mended first or is lost, 2 wrong usage.
Examples:
  POWERJOB_SERVER__DATABASE_URL=postgres://... powerjob migrate check
  powerjob migrate check http://powerjob.example:7700 --account ADMIN
  powerjob migrate check mysql://reader@db.example/powerjob --json")]
pub(crate) struct CheckArgs {
    /// postgres://..., mysql://... of a database, or http(s)://... of a running server.
    #[arg(value_name = "URL")]
    url: Option<String>,
    /// Account on the server: one that may see everything.
    #[arg(long, default_value = "ADMIN")]
    account: String,
    /// Print JSON for programs.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: CheckArgs, output: &Output) -> Result<Outcome, Failure> {
    let url = match args.url {
        Some(url) => Secret::new(url),
        None => super::database_url(&args.config)?,
    };
    let is_server = ["http://", "https://"]
        .iter()
        .any(|scheme| url.expose().starts_with(scheme));
    let report = if is_server {
        of_server(url.expose(), args.account, output)?
    } else {
        of_database(&url)?
    };
    output.show(&report, as_text)?;
    Ok(if report.is_fit {
        Outcome::Done
    } else {
        Outcome::Failed
    })
}

fn of_database(url: &Secret<String>) -> Result<Report, Failure> {
    crate::serve::block_on(async {
        check_database(url, &SystemClock)
            .await
            .map_err(|error| Failure::local(chain(&error)))
    })
}

fn of_server(url: &str, name: String, output: &Output) -> Result<Report, Failure> {
    let password = match std::env::var("POWERJOB_PASSWORD") {
        Ok(password) => Secret::new(password),
        Err(_) => ask_password(&format!("password of {name} at {url}: "), output)?,
    };
    let account = Account { name, password };
    crate::serve::block_on(async {
        let checked: Result<Report, CheckError> = check_server(url, &account).await;
        checked.map_err(|error| Failure::local(chain(&error)))
    })
}

fn as_text(report: &Report) -> String {
    let source = &report.source;
    let mut text = format!("{} {}\n", source.kind, harmless(&source.version));
    let mut last = None;
    for finding in &report.findings {
        if last.replace(finding.verdict) != Some(finding.verdict) {
            text.push_str(&format!("\n{}\n", heading(finding.verdict)));
        }
        text.push_str(&entry(finding));
    }
    text.push_str(match report.is_fit {
        true => "\nall carries over\n",
        false => "\nnot all carries over as it is\n",
    });
    text
}

const fn heading(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Lost => "Does not carry over:",
        Verdict::Mend => "To be mended before the move:",
        Verdict::Step => "To be done with the move:",
        Verdict::Changed => "Carries over, and behaves differently:",
        Verdict::Kept => "Carries over:",
    }
}

fn entry(finding: &Finding) -> String {
    let mut text = format!("{:>7}  {}\n", finding.count, finding.text);
    if !finding.examples.is_empty() {
        let more = match finding.count > finding.examples.len() {
            true => ", ...",
            false => "",
        };
        let examples = harmless(&finding.examples.join(", "));
        text.push_str(&format!("         {examples}{more}\n"));
    }
    if !finding.advice.is_empty() {
        text.push_str(&format!("         -> {}\n", finding.advice));
    }
    text
}
