//! `powerjob admin ...`: repairs on the server's machine, with its database and without its server.

use clap::{Args, Subcommand};
use powerjob_common::secret::Secret;
use powerjob_common::time::SystemClock;
use powerjob_server::service::accounts::{ADMINISTRATOR, reset_password};
use powerjob_server::store::{Store, StoreConfig};
use std::sync::Arc;

use super::chain;
use crate::command::config::ConfigArgs;
use crate::config::ServerSettings;
use crate::failure::{Failure, Outcome};
use crate::output::Output;

#[derive(Debug, Args)]
#[command(after_help = "\
Stop the server first; use the same configuration as it does.
Examples:
  powerjob admin reset-password                                makes up a password and shows it once
  POWERJOB_PASSWORD=... powerjob admin reset-password --account ops --data-dir /var/lib/powerjob")]
pub(crate) struct AdminArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Folder of the server's data (server.data_dir).
    #[arg(long, value_name = "FOLDER", global = true)]
    data_dir: Option<String>,
    #[command(subcommand)]
    command: AdminCommand,
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Give an account a new password, that of POWERJOB_PASSWORD or one that is made up; its
    /// sessions end.
    ResetPassword {
        /// Account name.
        #[arg(long, default_value = ADMINISTRATOR)]
        account: String,
    },
}

pub(crate) fn run(args: AdminArgs, output: &Output) -> Result<Outcome, Failure> {
    let config = args.config.get(&[("server.data_dir", args.data_dir)])?;
    let AdminCommand::ResetPassword { account } = args.command;
    let given = std::env::var("POWERJOB_PASSWORD").ok().map(Secret::new);
    let made = super::block_on(async {
        let store = open(&config.server).await?;
        let made = reset_password(&store, &account, given).await;
        store
            .close()
            .await
            .map_err(|error| Failure::local(chain(&error)))?;
        made.map_err(|error| Failure::local(chain(&error)))
    })?;
    output.note(format_args!(
        "account {account} has a new password, its sessions have ended"
    ));
    if let Some(made) = made {
        output.line(made.password.expose())?;
    }
    Ok(Outcome::Done)
}

async fn open(settings: &ServerSettings) -> Result<Store, Failure> {
    let file = settings.data_dir.join("powerjob.db");
    let config = match &settings.database_url {
        Some(url) => StoreConfig::new(url.expose().clone()),
        None if !file.exists() => {
            let file = file.display();
            return Err(Failure::usage(format!(
                "there is no database {file}; name its folder with --data-dir"
            )));
        }
        None => StoreConfig::sqlite(file),
    };
    let runtime = tokio::runtime::Handle::current();
    Store::open(config, runtime, Arc::new(SystemClock))
        .await
        .map_err(|error| Failure::local(chain(&error)))
}
