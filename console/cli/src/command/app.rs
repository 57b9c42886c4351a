//! `powerjob app ...`.

use clap::{Args, Subcommand};
use powerjob_client::AppQuery;
use powerjob_client::api::app::{
    App, AppChange, AppWithClientPassword, AppWithSecret, NewApp, NewClientPassword,
};

use crate::connect::{Access, Connection};
use crate::failure::{Failure, Outcome};
use crate::home::Home;
use crate::output::Output;
use crate::text::{table, when};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  powerjob app create shop --title \"Web shop\"    prints the secret for its workers, once
  powerjob app use shop                          later commands mean this application
  powerjob app secret shop --yes                 replaces the secret; the old one ends at once
  powerjob app client-password shop --yes        makes up a password for programs with the Java client
  powerjob app client-password shop --yes --stdin < file    takes the one that they have already")]
pub(crate) struct AppArgs {
    #[command(flatten)]
    pub(crate) access: Access,
    #[command(subcommand)]
    command: AppCommand,
}

#[derive(Debug, Subcommand)]
enum AppCommand {
    /// List applications with their state.
    #[command(visible_alias = "ls")]
    List {
        /// Part of the name or description.
        #[arg(long)]
        query: Option<String>,
    },
    /// Make an application and print the secret for its workers.
    Create {
        /// 1 to 64 characters of A-Z a-z 0-9 . _ -
        name: String,
        /// Description.
        #[arg(long, default_value = "")]
        title: String,
        /// Tag; may be given several times.
        #[arg(long = "tag")]
        tags: Vec<String>,
    },
    /// Show an application.
    Show {
        /// Name or id [default: the application that is meant].
        name: Option<String>,
    },
    /// Change description or tags.
    Edit {
        /// Name or id.
        name: String,
        /// New description.
        #[arg(long)]
        title: Option<String>,
        /// New tags, separated by commas; empty = none.
        #[arg(long, value_delimiter = ',')]
        tags: Option<Vec<String>>,
    },
    /// Delete an application that has no jobs.
    Delete {
        /// Name or id.
        name: String,
        /// Really do it.
        #[arg(long)]
        yes: bool,
    },
    /// Replace the secret of the application's workers and print the new one.
    Secret {
        /// Name or id.
        name: String,
        /// Really do it: workers with the old secret cannot connect any more.
        #[arg(long)]
        yes: bool,
    },
    /// Give the application's programs with the Java client a new password and print it.
    ClientPassword {
        /// Name or id.
        name: String,
        /// Read the password from standard input instead of making one up.
        #[arg(long)]
        stdin: bool,
        /// Really do it: programs with another password are refused.
        #[arg(long)]
        yes: bool,
    },
    /// Remember the application that later commands mean.
    Use {
        /// Name or id.
        name: String,
    },
}

pub(crate) async fn run(args: AppArgs, output: &Output) -> Result<Outcome, Failure> {
    let connection = Connection::open(&args.access)?;
    let client = &connection.client;
    match args.command {
        AppCommand::List { query } => list(&connection, query, output).await?,
        AppCommand::Create { name, title, tags } => {
            let app = NewApp { name, title, tags };
            show_secret(&client.create_app(&app).await?, output)?;
        }
        AppCommand::Show { name } => {
            let app = match name {
                Some(name) => connection.find_app(&name).await?,
                None => connection.app().await?,
            };
            output.show(&app, details)?;
        }
        AppCommand::Edit { name, title, tags } => {
            if title.is_none() && tags.is_none() {
                return Err(Failure::usage("nothing to change: give --title or --tags"));
            }
            let tags = tags.map(|tags| tags.into_iter().filter(|tag| !tag.is_empty()).collect());
            let app = connection.find_app(&name).await?;
            let changed = client
                .change_app(app.id, &AppChange { title, tags })
                .await?;
            output.show(&changed, details)?;
        }
        AppCommand::Delete { name, yes } => {
            let app = connection.find_app(&name).await?;
            sure(yes, &format!("delete application {}", app.name))?;
            client.delete_app(app.id).await?;
            output.note(format_args!("deleted application {}", app.name));
        }
        AppCommand::Secret { name, yes } => {
            let app = connection.find_app(&name).await?;
            sure(yes, &format!("replace the secret of {}", app.name))?;
            show_secret(&client.renew_app_secret(app.id).await?, output)?;
        }
        AppCommand::ClientPassword { name, stdin, yes } => {
            let app = connection.find_app(&name).await?;
            sure(yes, &format!("replace the client password of {}", app.name))?;
            let password = stdin.then(read_password).transpose()?;
            let input = NewClientPassword { password };
            show_client_password(&client.set_client_password(app.id, &input).await?, output)?;
        }
        AppCommand::Use { name } => remember(&connection, &name, output).await?,
    }
    Ok(Outcome::Done)
}

/// Refuses what cannot be undone unless `--yes` is given.
pub(super) fn sure(yes: bool, what: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "to {what}, add --yes; it cannot be undone"
    )))
}

async fn list(
    connection: &Connection,
    query: Option<String>,
    output: &Output,
) -> Result<(), Failure> {
    let mut query = AppQuery {
        query,
        ..AppQuery::default()
    };
    let mut page = connection.client.apps(&query).await?;
    while let Some(cursor) = page.next_cursor.take() {
        query.cursor = Some(cursor);
        let next = connection.client.apps(&query).await?;
        page.items.extend(next.items);
        page.next_cursor = next.next_cursor;
    }
    output.show(&page, |page| {
        if page.items.is_empty() {
            return "no applications; make one with `powerjob app create NAME`".to_owned();
        }
        let head = [
            "ID",
            "NAME",
            "TITLE",
            "WORKERS",
            "JOBS",
            "OPEN",
            "OK 24H",
            "FAILED 24H",
            "NEXT",
        ];
        table::render(
            output.width(),
            &head,
            &[0, 3, 4, 5, 6, 7],
            page.items.iter().map(row),
        )
    })
}

fn row(app: &App) -> Vec<String> {
    let health = &app.health;
    vec![
        app.id.to_string(),
        app.name.clone(),
        app.title.clone(),
        health.workers_online.to_string(),
        health.jobs.to_string(),
        health.open_instances.to_string(),
        health.succeeded_last_day.to_string(),
        health.failed_last_day.to_string(),
        when::brief_or_dash(health.next_trigger_at),
    ]
}

fn details(app: &App) -> String {
    let health = &app.health;
    table::facts(&[
        ("id", app.id.to_string()),
        ("name", app.name.clone()),
        ("title", app.title.clone()),
        ("tags", app.tags.join(", ")),
        ("created", when::full(app.created_at)),
        ("you may", app.permissions.join(", ")),
        ("workers online", health.workers_online.to_string()),
        ("jobs", health.jobs.to_string()),
        ("open instances", health.open_instances.to_string()),
        ("succeeded in 24 h", health.succeeded_last_day.to_string()),
        ("failed in 24 h", health.failed_last_day.to_string()),
        (
            "next run",
            health.next_trigger_at.map(when::full).unwrap_or_default(),
        ),
    ])
}

fn show_secret(made: &AppWithSecret, output: &Output) -> Result<(), Failure> {
    output.show(made, |made| {
        table::facts(&[
            ("id", made.app.id.to_string()),
            ("name", made.app.name.clone()),
            ("worker secret", made.worker_secret.clone()),
        ])
    })?;
    if !output.is_json() {
        output.note("the secret is shown only now; give it to the workers of this application");
    }
    Ok(())
}

/// The first line of standard input.
fn read_password() -> Result<String, Failure> {
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .map_err(Failure::io("cannot read standard input"))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn show_client_password(set: &AppWithClientPassword, output: &Output) -> Result<(), Failure> {
    output.show(set, |set| {
        table::facts(&[
            ("id", set.app.id.to_string()),
            ("name", set.app.name.clone()),
            ("client password", set.client_password.clone()),
        ])
    })?;
    if !output.is_json() {
        output.note("the password is shown only now; programs give it to the Java client");
    }
    Ok(())
}

async fn remember(connection: &Connection, name: &str, output: &Output) -> Result<(), Failure> {
    let app = connection.find_app(name).await?;
    let home = Home::find()?;
    let Some(mut sign_in) = home.load()? else {
        return Err(Failure::usage(
            "there is no sign-in to remember it with: run `powerjob login`, or set POWERJOB_APP",
        ));
    };
    sign_in.app = Some(app.name.clone());
    home.save(&sign_in)?;
    output.note(format_args!("later commands mean application {}", app.name));
    Ok(())
}
