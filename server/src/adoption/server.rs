//! Reading what a running server of the Java product holds, over the interface of its console.

use std::time::Duration;

use powerjob_common::secret::Secret;
use powerjob_common::status::{ExecuteType, ProcessorType, TimeExpressionType};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::domain::adoption::{
    AppPassword, Survey, SurveyedAccount, SurveyedApp, SurveyedContainer, SurveyedJob,
    SurveyedSource, SurveyedWorker, SurveyedWorkflow,
};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
const PAGE_SIZE: usize = 200;
/// What the server writes in place of a password that the account may not see.
const HIDDEN: &str = "NO_PERMISSION_TO_SEE";

/// Who looks: a built-in account, best an administrator.
#[derive(Debug)]
pub struct Account {
    pub name: String,
    pub password: Secret<String>,
}

/// Why a server could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error("{0} cannot be reached")]
    Unreachable(String, #[source] reqwest::Error),
    #[error("{path} was answered with status {status}: this is no server of PowerJob 5")]
    Stranger { path: &'static str, status: u16 },
    #[error("{path} was answered with something else than PowerJob 5 does: {reason}")]
    Senseless { path: &'static str, reason: String },
    #[error("{path} is refused: {reason}")]
    Refused { path: &'static str, reason: String },
}

pub(super) async fn survey(url: &str, account: &Account) -> Result<Survey, CheckError> {
    let mut server = Server::new(url);
    let hello: Hello = server.get("/server/hello", None).await?;
    server.sign_in(account).await?;
    let mut survey = Survey {
        source: SurveyedSource {
            kind: "PowerJob server".to_owned(),
            version: hello.server_info.version.clone().unwrap_or_default(),
        },
        offset_minutes: hello.offset_minutes(),
        workers: Some(Vec::new()),
        ..Survey::default()
    };
    let apps: Vec<AppRow> = server.pages("/appInfo/list", None, json!({})).await?;
    for app in apps {
        server.look_at(app.id, &mut survey).await?;
        survey.apps.push(app.into());
    }
    let users: Vec<UserRow> = server.get("/user/list", None).await?;
    survey.accounts = users.into_iter().map(SurveyedAccount::from).collect();
    Ok(survey)
}

struct Server {
    client: reqwest::Client,
    url: String,
    token: String,
}

impl Server {
    fn new(url: &str) -> Self {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            .timeout(ANSWER_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .build();
        Self {
            client: client.unwrap_or_default(),
            url: url.trim_end_matches('/').to_owned(),
            token: String::new(),
        }
    }

    async fn sign_in(&mut self, account: &Account) -> Result<(), CheckError> {
        let origin = json!({
            "username": account.name,
            "password": account.password.expose(),
            "encryption": "none",
        });
        let body = json!({"loginType": "PWJB", "originParams": origin.to_string()});
        let signed_in: SignedIn = self
            .post("/auth/thirdPartyLoginDirect", None, &body)
            .await?;
        self.token = signed_in.jwt_token;
        Ok(())
    }

    /// Jobs, workflows, containers and workers of an application.
    async fn look_at(&self, app: i64, survey: &mut Survey) -> Result<(), CheckError> {
        // As the console sends it: a text.
        let of_app = json!({"appId": app.to_string()});
        let jobs: Vec<JobRow> = self.pages("/job/list", Some(app), of_app.clone()).await?;
        survey.jobs.extend(jobs.into_iter().map(SurveyedJob::from));
        let workflows: Vec<WorkflowRow> = self.pages("/workflow/list", Some(app), of_app).await?;
        let workflows = workflows.into_iter().map(SurveyedWorkflow::from);
        survey.workflows.extend(workflows);
        let containers: Option<Vec<ContainerRow>> = self.get("/container/list", Some(app)).await?;
        let containers = containers.unwrap_or_default().into_iter();
        survey
            .containers
            .extend(containers.map(|row| SurveyedContainer {
                id: row.id,
                name: row.container_name.unwrap_or_default(),
            }));
        // Refused where no worker ever came.
        let workers = self.get("/system/listWorker", Some(app)).await;
        let workers: Option<Vec<WorkerRow>> = match workers {
            Err(CheckError::Refused { .. }) => None,
            other => other?,
        };
        let workers = workers.unwrap_or_default().into_iter();
        let known = survey.workers.get_or_insert_default();
        known.extend(workers.map(SurveyedWorker::from));
        Ok(())
    }

    /// All rows of a list that comes in pages.
    async fn pages<T: DeserializeOwned>(
        &self,
        path: &'static str,
        app: Option<i64>,
        mut body: Value,
    ) -> Result<Vec<T>, CheckError> {
        let mut rows = Vec::new();
        for index in 0.. {
            body["index"] = index.into();
            body["pageSize"] = PAGE_SIZE.into();
            let page: Page<T> = self.post(path, app, &body).await?;
            rows.extend(page.data.unwrap_or_default());
            if index + 1 >= page.total_pages {
                break;
            }
        }
        Ok(rows)
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &'static str,
        app: Option<i64>,
    ) -> Result<T, CheckError> {
        let mut request = self.client.get(format!("{}{path}", self.url));
        if let Some(app) = app {
            request = request.query(&[("appId", app)]);
        }
        self.answer(path, app, request).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &'static str,
        app: Option<i64>,
        body: &Value,
    ) -> Result<T, CheckError> {
        let request = self.client.post(format!("{}{path}", self.url)).json(body);
        self.answer(path, app, request).await
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        path: &'static str,
        app: Option<i64>,
        mut request: reqwest::RequestBuilder,
    ) -> Result<T, CheckError> {
        if !self.token.is_empty() {
            request = request.header("PowerJwt", &self.token);
        }
        if let Some(app) = app {
            request = request.header("AppId", app);
        }
        let unreachable =
            |error: reqwest::Error| CheckError::Unreachable(self.url.clone(), error.without_url());
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if !status.is_success() {
            let status = status.as_u16();
            return Err(CheckError::Stranger { path, status });
        }
        let body = response.bytes().await.map_err(unreachable)?;
        let senseless = |error: serde_json::Error| CheckError::Senseless {
            path,
            reason: error.to_string(),
        };
        let answer: Answer = serde_json::from_slice(&body).map_err(senseless)?;
        if !answer.success {
            let reason = answer.message.unwrap_or_default();
            return Err(CheckError::Refused { path, reason });
        }
        serde_json::from_value(answer.data).map_err(senseless)
    }
}

#[derive(Debug, Deserialize)]
struct Answer {
    success: bool,
    #[serde(default)]
    data: Value,
    message: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<T> {
    total_pages: usize,
    data: Option<Vec<T>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hello {
    server_info: ServerInfo,
    /// Local, `yyyy-MM-dd HH:mm:ss`.
    server_time: Option<String>,
    server_time_ts: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct ServerInfo {
    version: Option<String>,
}

impl Hello {
    fn offset_minutes(&self) -> Option<i32> {
        let local = self.server_time.as_deref()?;
        let local = chrono::NaiveDateTime::parse_from_str(local, "%Y-%m-%d %H:%M:%S").ok()?;
        let east = local.and_utc().timestamp_millis() - self.server_time_ts?;
        i32::try_from((east + 30_000).div_euclid(60_000)).ok()
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignedIn {
    jwt_token: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AppRow {
    id: i64,
    app_name: String,
    password: Option<String>,
}

impl From<AppRow> for SurveyedApp {
    fn from(row: AppRow) -> Self {
        Self {
            id: row.id,
            name: row.app_name,
            password: match row.password.as_deref() {
                None | Some("") => AppPassword::Absent,
                Some(HIDDEN) => AppPassword::Hidden,
                Some(_) => AppPassword::Readable,
            },
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserRow {
    username: String,
    account_type: Option<String>,
}

impl From<UserRow> for SurveyedAccount {
    fn from(row: UserRow) -> Self {
        Self {
            name: row.username,
            provider: row.account_type.unwrap_or_default(),
            password_is_readable: None,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobRow {
    id: i64,
    #[serde(default)]
    job_name: Option<String>,
    enable: Option<bool>,
    time_expression_type: Option<String>,
    time_expression: Option<String>,
    execute_type: Option<String>,
    processor_type: Option<String>,
    notify_user_ids: Option<Vec<Value>>,
    alarm_config: Option<AlarmConfig>,
    log_config: Option<LogConfig>,
    advanced_runtime_config: Option<RuntimeConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AlarmConfig {
    alert_threshold: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct LogConfig {
    r#type: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuntimeConfig {
    task_tracker_behavior: Option<i64>,
}

impl From<JobRow> for SurveyedJob {
    fn from(row: JobRow) -> Self {
        let threshold = row.alarm_config.and_then(|alarm| alarm.alert_threshold);
        let is_told = row.notify_user_ids.is_some_and(|people| !people.is_empty());
        Self {
            id: row.id,
            name: row.job_name.unwrap_or_default(),
            is_enabled: row.enable == Some(true),
            schedule: named(
                row.time_expression_type,
                TimeExpressionType::from_name,
                TimeExpressionType::Api,
            ),
            expression: row.time_expression.unwrap_or_default(),
            execute_type: named(
                row.execute_type,
                ExecuteType::from_name,
                ExecuteType::Standalone,
            ),
            processor_type: named(
                row.processor_type,
                ProcessorType::from_name,
                ProcessorType::BuiltIn,
            ),
            strange_codes: Vec::new(),
            has_alarm: is_told || threshold.is_some_and(|least| least > 0),
            log_type: row.log_config.and_then(|log| log.r#type),
            tracker_behavior: row
                .advanced_runtime_config
                .and_then(|config| config.task_tracker_behavior),
        }
    }
}

fn named<T>(
    name: Option<String>,
    from_name: impl Fn(&str) -> Option<T>,
    default: T,
) -> Result<T, String> {
    match name {
        None => Ok(default),
        Some(name) => from_name(&name).ok_or(name),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WorkflowRow {
    id: i64,
    wf_name: Option<String>,
    enable: Option<bool>,
    time_expression_type: Option<String>,
}

impl From<WorkflowRow> for SurveyedWorkflow {
    fn from(row: WorkflowRow) -> Self {
        let kind = row.time_expression_type;
        Self {
            id: row.id,
            name: row.wf_name.unwrap_or_default(),
            is_enabled: row.enable == Some(true),
            is_scheduled: kind.is_some_and(|kind| kind != TimeExpressionType::Api.name()),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerRow {
    id: i64,
    container_name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct WorkerRow {
    address: String,
    protocol: Option<String>,
}

impl From<WorkerRow> for SurveyedWorker {
    fn from(row: WorkerRow) -> Self {
        Self {
            address: row.address,
            // Workers from before there was a choice speak AKKA.
            protocol: row.protocol.unwrap_or_else(|| "AKKA".to_owned()),
        }
    }
}
