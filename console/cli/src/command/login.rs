//! `powerjob login`, `powerjob logout`.

use std::fs::File;
use std::io::{BufReader, Read};

use clap::Args;
use powerjob_client::Client;
use powerjob_common::secret::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::connect::{Access, Connection, server_of, spelled_out};
use crate::failure::{Failure, Outcome};
use crate::home::{Home, SignInFile};
use crate::output::Output;
use crate::text::when;

const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const BACKSPACE: u8 = 8;
const DELETE: u8 = 127;

#[derive(Debug, Args)]
#[command(after_help = "\
The password is asked for and not shown. For scripts: POWERJOB_PASSWORD, or
  powerjob login --account ci --password-stdin < password-file
The sign-in is kept in ~/.config/powerjob/token.toml (or $POWERJOB_HOME), for your eyes only.")]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    pub(crate) access: Access,
    /// Account name.
    #[arg(long, default_value = "ADMIN")]
    account: String,
    /// Read the password from standard input.
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LogoutArgs {
    #[command(flatten)]
    pub(crate) access: Access,
}

pub(crate) async fn login(args: LoginArgs, output: &Output) -> Result<Outcome, Failure> {
    let home = Home::find()?;
    // a damaged or loose file is no obstacle: it is about to be replaced
    let before = home.load().unwrap_or_default();
    let server = server_of(&args.access, before.as_ref());
    let client = Client::builder().server(server).build()?;
    let server = spelled_out(&client);
    let password = password(&args, &server, output)?;
    let answer = client.sign_in(&args.account, password.expose()).await;
    let signed_in = answer.map_err(|error| match error {
        powerjob_client::Error::NotSignedIn(_) => Failure::local(format!(
            "account or password is wrong; forgotten? on the server's machine: \
             `powerjob admin reset-password --account {}`",
            args.account
        )),
        other => other.into(),
    })?;
    let kept_app = before
        .filter(|old| old.server == server)
        .and_then(|old| old.app);
    home.save(&SignInFile {
        server: server.clone(),
        account: signed_in.user.account.clone(),
        token: Secret::new(signed_in.token),
        expires_at: signed_in.expires_at,
        app: args.access.app.or(kept_app),
    })?;
    output.show(&signed_in.user, |user| {
        let until = when::brief(signed_in.expires_at);
        format!("signed in to {server} as {}, until {until}", user.account)
    })?;
    Ok(Outcome::Done)
}

pub(crate) async fn logout(args: LogoutArgs, output: &Output) -> Result<Outcome, Failure> {
    let home = Home::find()?;
    if home.load().is_ok_and(|sign_in| sign_in.is_some()) {
        let ended = Connection::open(&args.access)?.client.sign_out().await;
        if let Err(error) = ended {
            output.note(format_args!("the server did not end the session: {error}"));
        }
    }
    home.forget()?;
    output.note("signed out");
    Ok(Outcome::Done)
}

/// Gets the password from where it may come from; never from an argument, which others can see.
fn password(args: &LoginArgs, server: &str, output: &Output) -> Result<Secret<String>, Failure> {
    if args.password_stdin {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(Failure::io("cannot read standard input"))?;
        return not_empty(text.trim_end_matches(['\r', '\n']).to_owned());
    }
    if let Ok(text) = std::env::var("POWERJOB_PASSWORD") {
        return not_empty(text);
    }
    ask_password(
        &format!("password of {} at {server}: ", args.account),
        output,
    )
}

/// Asks on the terminal, without showing what is typed.
pub(crate) fn ask_password(question: &str, output: &Output) -> Result<Secret<String>, Failure> {
    let no_terminal = |_| {
        Failure::usage("there is no terminal to ask on; use --password-stdin or POWERJOB_PASSWORD")
    };
    let terminal = File::options()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .map_err(no_terminal)?;
    let quiet = Quiet::begin(&terminal).map_err(|error| no_terminal(error.into()))?;
    output.ask(question);
    let typed = read_line(&terminal);
    drop(quiet);
    output.note("");
    let typed = typed.map_err(Failure::io("cannot read the password"))?;
    not_empty(typed.ok_or_else(|| Failure::local("given up"))?)
}

/// Reads what is typed up to Enter; `None` when the person gives up (Ctrl-C, Ctrl-D).
fn read_line(terminal: &File) -> std::io::Result<Option<String>> {
    let mut line = Vec::new();
    for byte in BufReader::new(terminal).bytes() {
        match byte? {
            b'\n' | b'\r' => return Ok(Some(String::from_utf8_lossy(&line).into_owned())),
            CTRL_C | CTRL_D => return Ok(None),
            BACKSPACE | DELETE => {
                // one character may have several bytes
                while line.pop().is_some_and(|byte| byte & 0xC0 == 0x80) {}
            }
            other => line.push(other),
        }
    }
    Ok(None)
}

fn not_empty(password: String) -> Result<Secret<String>, Failure> {
    if password.is_empty() {
        return Err(Failure::usage("the password is empty"));
    }
    Ok(Secret::new(password))
}

/// Keeps a terminal from showing what is typed, until dropped. Ctrl-C comes as a byte meanwhile,
/// so that the terminal is never left silent.
struct Quiet<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn begin(terminal: &'a File) -> rustix::io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // nothing can be done about a terminal that has gone
        tcsetattr(self.terminal, OptionalActions::Flush, &self.before).ok();
    }
}
