//! The one list of what can be configured.

/// What a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// A path; relative ones start at the working folder.
    Path,
    /// `address:port`.
    Address,
    /// A span of time between two bounds in milliseconds.
    Span(u64, u64),
    /// A whole number between two bounds.
    Count(u64, u64),
    /// `true` or `false`.
    Flag,
    /// A text that is never shown.
    Secret,
    /// Several texts.
    List,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// Something that can be configured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    /// `section.name`.
    pub(crate) path: &'static str,
    pub(crate) kind: Kind,
    /// The default as one would write it; empty = not set.
    pub(crate) default: &'static str,
    /// Meaning, what happens when it is not set, what happens at the extremes.
    pub(crate) doc: &'static str,
}

impl Field {
    /// Name of the environment variable.
    pub(crate) fn variable(&self) -> String {
        format!("POWERJOB_{}", self.path.replace('.', "__").to_uppercase())
    }
}

/// A hundred years.
const MAX_AGE_MS: u64 = 100 * 365 * 86_400_000;

/// Finds a field by its path.
pub(crate) fn find(path: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.path == path)
}

const fn field(path: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Field {
    Field {
        path,
        kind,
        default,
        doc,
    }
}

/// Sections with their titles.
pub(crate) const SECTIONS: &[(&str, &str)] = &[
    (
        "server",
        "The server: `powerjob server`, and the server half of `powerjob standalone`.",
    ),
    (
        "agent",
        "The agent, a ready-made worker: `powerjob agent`, and the agent half of `powerjob standalone`.",
    ),
    ("log", "What the process itself writes to standard error."),
];

/// All fields, section by section.
pub(crate) const FIELDS: &[Field] = &[
    field(
        "server.data_dir",
        Kind::Path,
        "data",
        "Folder of the embedded database and of the logs of runs. One server at a time uses it.",
    ),
    field(
        "server.database_url",
        Kind::Secret,
        "",
        "Database: `sqlite:<path>`, `postgres://user:password@host/database` (PostgreSQL 12 or \
         later) or `mysql://user:password@host/database` (MySQL 8.0, MariaDB 10.6 or later). Not set: \
         SQLite in `data_dir`. Characters such as `@`, `/` and `#` in a password are written as `%40`, \
         `%2F`, `%23`. Options follow a `?`: `sslmode` (PostgreSQL) or `ssl-mode` (MySQL), \
         `sslrootcert` or `ssl-ca`, `options[search_path]`. It may hold a password and is never shown.",
    ),
    field(
        "server.http_bind",
        Kind::Address,
        "127.0.0.1:7700",
        "Where console, command line and programs connect. Port 0 takes a free one. \
         For other machines bind to `0.0.0.0:7700`, and put TLS in front of it.",
    ),
    field(
        "server.worker_bind",
        Kind::Address,
        "127.0.0.1:10010",
        "Where workers connect with the native protocol. Port 0 takes a free one. \
         For workers on other machines bind to `0.0.0.0:10010`.",
    ),
    field(
        "server.worker_address",
        Kind::Text,
        "",
        "`host:port` at which workers find this server; also shown to people who connect workers. \
         Not set: that of `worker_bind`, or where that means every address, the one from which this \
         machine reaches the database.",
    ),
    field(
        "server.http_worker_bind",
        Kind::Address,
        "",
        "Where workers of the reference (official Java workers, transport HTTP) connect. They find it \
         by asking at `http_bind`. Not set: the host of `worker_bind` with the next port, or a free \
         port where that is taken. Set it when a firewall stands between.",
    ),
    field(
        "server.http_worker_address",
        Kind::Text,
        "",
        "`host:port` at which workers of the reference find this server; an IPv4 address or a name. \
         Not set: that of `http_worker_bind`, or where that means every address, the one from which \
         this machine reaches the database.",
    ),
    field(
        "server.worker_networks",
        Kind::List,
        "",
        "Networks from which workers of the reference are let in, e.g. `10.0.0.0/8`. They prove \
         nothing: who can connect from there can speak for any application. This machine itself is \
         always let in.",
    ),
    field(
        "server.http_address",
        Kind::Text,
        "",
        "`host:port` at which the other servers over the same database reach this one, without TLS. \
         Not set: that of `http_bind`, or where that means every address, the one from which this \
         machine reaches the database.",
    ),
    field(
        "server.behind_https",
        Kind::Flag,
        "false",
        "Whether a proxy in front speaks HTTPS. The session cookie is then sent over HTTPS only.",
    ),
    field(
        "server.openapi_auth",
        Kind::Flag,
        "true",
        "Whether programs that use `/openApi` prove which application they are of, by its name and \
         password. `false` lets everybody who reaches the port save and run jobs, which means running \
         code on the workers: for clients of 4.x in a closed network only.",
    ),
    field(
        "server.registration",
        Kind::Flag,
        "false",
        "Whether everybody who reaches the port may make an account at `/pwjbUser/create`, as in \
         PowerJob 5.x. An account alone sees nothing, but may create applications.",
    ),
    field(
        "server.node",
        Kind::Text,
        "",
        "Name of this server, unique among the servers of a database. Not set: the machine's name.",
    ),
    field(
        "server.zone",
        Kind::Text,
        "",
        "Time zone of schedules that name none, e.g. `Europe/Berlin`. Not set: the machine's, as TZ or /etc/localtime name it, else UTC.",
    ),
    field(
        "server.admin_password",
        Kind::Secret,
        "",
        "Password of the first administrator `admin`, used only when the database has no account yet. \
         Not set: one is made and shown once.",
    ),
    field(
        "server.admin_password_file",
        Kind::Path,
        "",
        "File whose first line is that password.",
    ),
    field(
        "server.shards",
        Kind::Count(1, 64),
        "",
        "Actors that share the work on instances. Not set: one for every four processors. \
         More help only on machines with many processors.",
    ),
    field(
        "server.runtime_threads",
        Kind::Count(1, 64),
        "",
        "Threads under the actors. Not set: one for each processor, at most 4.",
    ),
    field(
        "server.lease_ttl",
        Kind::Span(500, 60_000),
        "1500ms",
        "How long a server that fell silent keeps its applications before another takes over. \
         Short: quick take-over, but a slow database looks like a dead server. At least three times `lease_renewal`.",
    ),
    field(
        "server.lease_renewal",
        Kind::Span(50, 20_000),
        "300ms",
        "How often a server renews its lease.",
    ),
    field(
        "server.worker_lost_after",
        Kind::Span(500, 600_000),
        "1500ms",
        "Silence after which a worker of the native protocol counts as lost and its runs are run again.",
    ),
    field(
        "server.look_ahead",
        Kind::Span(100, 60_000),
        "1s",
        "How far ahead of their time runs are stored. Short: more transactions; long: an edited schedule takes back more.",
    ),
    field(
        "server.worker_return_grace",
        Kind::Span(1_000, 3_600_000),
        "10s",
        "How long workers may take to come back after the server's own start before their runs are given up.",
    ),
    field(
        "server.allow_unproven_workers",
        Kind::Flag,
        "false",
        "Whether workers may come in without proving the secret of their application, and workers of the reference from all networks. Only for closed networks.",
    ),
    field(
        "server.retention_instances",
        Kind::Span(0, MAX_AGE_MS),
        "30d",
        "How long ended instances are kept, with their attempts. 0: for ever. \
         Short: a small database, and nobody can look at old runs.",
    ),
    field(
        "server.retention_job_history",
        Kind::Span(0, MAX_AGE_MS),
        "365d",
        "How long a former definition of a job is kept after the next one replaced it. 0: for ever. \
         What open runs need stays.",
    ),
    field(
        "server.retention_logs",
        Kind::Span(0, MAX_AGE_MS),
        "30d",
        "How long the logs of runs are kept. 0: for ever. They go in segments of up to 64 MiB, so some stay a little longer.",
    ),
    field(
        "server.retention_logs_mib",
        Kind::Count(0, 1 << 30),
        "10240",
        "How many MiB of logs each application may have on this server before its oldest go. 0: any number.",
    ),
    field(
        "server.clean_every",
        Kind::Span(1_000, 86_400_000),
        "10m",
        "How often what is too old is deleted. A round takes as long as it needs, in small slices with pauses.",
    ),
    field(
        "server.metrics_token",
        Kind::Secret,
        "",
        "Programs that send it as a bearer token may read `/metrics`. Not set: administrators only.",
    ),
    field(
        "server.metrics_token_file",
        Kind::Path,
        "",
        "File whose first line is that token.",
    ),
    field(
        "server.otlp_endpoint",
        Kind::Text,
        "",
        "Base address of an OpenTelemetry collector that takes OTLP over HTTP, e.g. `http://127.0.0.1:4318`. \
         Each ended run is sent there as a trace. Not set: there are no traces.",
    ),
    field(
        "server.otlp_headers",
        Kind::Secret,
        "",
        "Headers of these requests as `name=value`, separated by commas, e.g. for a collector that wants a token.",
    ),
    field(
        "agent.servers",
        Kind::List,
        "127.0.0.1:10010",
        "Addresses of the servers' worker ports. The agent finds the one that owns its application.",
    ),
    field(
        "agent.app",
        Kind::Text,
        "",
        "Application whose jobs the agent runs. Must be set for `powerjob agent`.",
    ),
    field(
        "agent.secret",
        Kind::Secret,
        "",
        "Secret of that application, as `powerjob app create` showed it.",
    ),
    field(
        "agent.secret_file",
        Kind::Path,
        "",
        "File whose first line is that secret.",
    ),
    field(
        "agent.name",
        Kind::Text,
        "",
        "Name of this worker as people see it. Not set: the machine's name.",
    ),
    field("agent.tags", Kind::List, "", "Tags that jobs can ask for."),
    field(
        "agent.work_dir",
        Kind::Path,
        "powerjob-agent",
        "Folder for scripts and for results that the server has not confirmed yet. One agent at a time uses it.",
    ),
    field(
        "agent.listen",
        Kind::Text,
        "0.0.0.0:0",
        "Where other workers of the application connect for jobs that run on several workers; port 0 takes a free one. \
         `off`: no port is opened, and this agent takes part in no such job of another worker.",
    ),
    field(
        "agent.advertise",
        Kind::Text,
        "",
        "Address under which other workers find this agent. Not set: the one under which the server sees it.",
    ),
    field(
        "agent.capacity",
        Kind::Count(1, 100_000),
        "1024",
        "Runs at the same time.",
    ),
    field(
        "agent.queue",
        Kind::Count(0, 1_000_000),
        "4096",
        "Runs that may wait for a place besides those. 0: none waits.",
    ),
    field(
        "agent.script_places",
        Kind::Count(0, 100_000),
        "0",
        "Scripts that run at once; more wait for a place. 0: four for each processor.",
    ),
    field(
        "agent.script_environment",
        Kind::List,
        "PATH,HOME,USER,LOGNAME,SHELL,LANG,LANGUAGE,LC_*,TZ,TMPDIR",
        "Variables of the agent that scripts may see; a name may end in `*`. Scripts of jobs that name a Java class see \
         all. Those that begin with `POWERJOB_` are never handed on.",
    ),
    field(
        "agent.task_memory_mib",
        Kind::Count(0, 1 << 20),
        "128",
        "Memory in MiB for the sub-tasks of each map or map-reduce that this agent leads: contents of those that wait, and \
         results for the reduce. What is more goes to files in `work_dir` until it is needed. 0: as much as possible goes there. \
         Besides that, a waiting sub-task takes some 50 bytes, and one that has ended 10.",
    ),
    field(
        "agent.cancel_grace",
        Kind::Span(0, 300_000),
        "5s",
        "How long a run may go on after it was stopped or its time is up, before it is cut off.",
    ),
    field(
        "agent.shutdown_grace",
        Kind::Span(0, 3_600_000),
        "10s",
        "How long runs may go on when the agent is asked to end.",
    ),
    field(
        "agent.spool",
        Kind::Flag,
        "true",
        "Whether final results are written to `work_dir` before they are reported, so that a killed agent loses none. \
         Off: less disk traffic, and such a run is run again.",
    ),
    field(
        "log.level",
        Kind::Text,
        "info",
        "Lowest level that is written: `error`, `warn`, `info`, `debug`, `trace`; \
         also per module, e.g. `info,powerjob_server=debug`.",
    ),
    field(
        "log.format",
        Kind::Choice(&["text", "json"]),
        "text",
        "`text` for people, `json` for programs: one object per line.",
    ),
];
