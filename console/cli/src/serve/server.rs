//! `powerjob server`, and a server as a part of another command.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use clap::Args;
use powerjob_server::app::{self, Ready, StartError};
use powerjob_server::config::ServerConfig;
use powerjob_server::service::accounts::ADMINISTRATOR;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::notify::{self, Progress};
use super::{asked_to_end, chain, machine, telemetry};
use crate::command::config::ConfigArgs;
use crate::command::server::ServerCommand;
use crate::config::ServerSettings;
use crate::failure::{Failure, Outcome};
use crate::output::Output;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Console, commands and programs connect to http_bind, workers to worker_bind; both listen on this
machine only unless told otherwise.
Examples:
  powerjob server --config /etc/powerjob.toml
  powerjob server --data-dir /var/lib/powerjob --worker-bind 0.0.0.0:10010
  powerjob server status                 how a running server is
  powerjob server clean                  have it delete what is too old now"
)]
pub(crate) struct ServerArgs {
    /// Looks at a running server instead of running one.
    #[command(subcommand)]
    pub(crate) command: Option<ServerCommand>,
    #[command(flatten)]
    config: ConfigArgs,
    /// Folder of the embedded database and of the logs of runs (server.data_dir).
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// Where console, commands and programs connect (server.http_bind).
    #[arg(long, value_name = "ADDRESS:PORT")]
    http_bind: Option<String>,
    /// Where workers connect (server.worker_bind).
    #[arg(long, value_name = "ADDRESS:PORT")]
    worker_bind: Option<String>,
    /// Name of this server, unique among the servers of a database (server.node).
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
}

pub(crate) fn run(args: ServerArgs, output: &Output) -> Result<Outcome, Failure> {
    let config = args.config.get(&[
        ("server.data_dir", args.data_dir),
        ("server.http_bind", args.http_bind),
        ("server.worker_bind", args.worker_bind),
        ("server.node", args.node),
    ])?;
    telemetry::install(&config.log)?;
    super::block_on(async {
        let mut server = RunningServer::start(server_config(config.server)).await?;
        server.introduce(output);
        notify::tell(Progress::Ready);
        tokio::select! {
            ended = server.ended() => return ended.map(|()| Outcome::Done),
            asked = asked_to_end() => asked?,
        }
        notify::tell(Progress::Stopping);
        server.stop().await?;
        Ok(Outcome::Done)
    })
}

/// A server in a thread of its own.
pub(super) struct RunningServer {
    pub(super) ready: Ready,
    stop: CancellationToken,
    end: oneshot::Receiver<Result<(), StartError>>,
}

impl RunningServer {
    /// Starts a server and waits until it takes requests.
    pub(super) async fn start(config: ServerConfig) -> Result<Self, Failure> {
        let stop = CancellationToken::new();
        let (told, mut end) = oneshot::channel();
        let (is_ready, ready) = oneshot::channel();
        let token = stop.clone();
        std::thread::Builder::new()
            .name("powerjob-server".to_owned())
            .spawn(move || {
                let ended = app::run(config, token, move |ready| drop(is_ready.send(ready)));
                drop(told.send(ended)); // nobody listens when the command ends anyway
            })
            .map_err(Failure::io("cannot start the server's thread"))?;
        match ready.await {
            Ok(ready) => Ok(Self { ready, stop, end }),
            Err(_) => Err(match told_end(&mut end).await {
                Ok(()) => Failure::local("the server ended at once"),
                Err(failure) => failure,
            }),
        }
    }

    /// Where the console is.
    pub(super) fn console(&self) -> String {
        match self.ready.http_addr {
            Some(bound) => format!("http://{}", reachable(bound)),
            None => "none: server.http_bind is off".to_owned(),
        }
    }

    /// Where a worker of this process connects.
    pub(super) fn worker_address(&self) -> String {
        reachable(self.ready.worker_addr).to_string()
    }

    /// Tells a person where to go.
    pub(super) fn introduce(&self, output: &Output) {
        let console = self.console();
        output.note("");
        output.note(format_args!("console    {console}"));
        output.note(format_args!("workers    {}", self.ready.worker_addr));
        output.note(format_args!(
            "sign in    powerjob login --server {console}   (account {ADMINISTRATOR})"
        ));
        match &self.ready.generated_password {
            Some(made) => output.note(format_args!(
                "password   {}   (shown only now; keep it)",
                made.password.expose()
            )),
            None => output.note(
                "password   as before; lost? stop this, then run: powerjob admin reset-password",
            ),
        }
    }

    /// Waits until the server ends by itself.
    pub(super) async fn ended(&mut self) -> Result<(), Failure> {
        told_end(&mut self.end).await
    }

    /// Ends the server.
    pub(super) async fn stop(&mut self) -> Result<(), Failure> {
        self.stop.cancel();
        self.ended().await
    }
}

/// The address under which this machine reaches what is bound to all addresses.
fn reachable(mut bound: SocketAddr) -> SocketAddr {
    if bound.ip().is_unspecified() {
        bound.set_ip(match bound.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    bound
}

async fn told_end(end: &mut oneshot::Receiver<Result<(), StartError>>) -> Result<(), Failure> {
    match end.await {
        Ok(ended) => ended.map_err(|error| Failure::local(chain(&error))),
        Err(_) => Err(Failure::local(
            "the server's thread died; the log tells why",
        )),
    }
}

/// What the server's library takes.
pub(super) fn server_config(settings: ServerSettings) -> ServerConfig {
    ServerConfig {
        data_dir: settings.data_dir,
        database_url: settings.database_url,
        http_bind: Some(settings.http_bind.to_string()),
        worker_bind: settings.worker_bind.to_string(),
        worker_address: settings.worker_address,
        http_worker_bind: settings.http_worker_bind.map(|address| address.to_string()),
        http_worker_address: settings.http_worker_address,
        worker_networks: settings.worker_networks,
        http_address: settings.http_address,
        behind_https: settings.behind_https,
        openapi_auth: settings.openapi_auth,
        registration: settings.registration,
        node: settings.node.unwrap_or_else(machine::node_name),
        zone: Some(settings.zone.unwrap_or_else(machine::zone)),
        admin_password: settings.admin_password,
        shards: settings.shards,
        runtime_threads: settings.runtime_threads,
        lease_ttl: settings.lease_ttl,
        lease_renewal: settings.lease_renewal,
        worker_lost_after: settings.worker_lost_after,
        worker_return_grace: settings.worker_return_grace,
        look_ahead: settings.look_ahead,
        allow_unproven_workers: settings.allow_unproven_workers,
        retention: settings.retention,
        clean_every: settings.clean_every,
        metrics_token: settings.metrics_token,
        traces: settings.traces,
        settings: settings.shown,
    }
}
