//! From arguments, environment and the remembered sign-in to a client; from names to objects.

use clap::Args;
use powerjob_client::api::app::App;
use powerjob_client::api::id::Id;
use powerjob_client::api::job::Job;
use powerjob_client::{AppQuery, Client, JobQuery};
use powerjob_common::secret::Secret;

use crate::failure::Failure;
use crate::home::{Home, SignInFile};

/// Where a server listens when nothing else is said.
pub(crate) const DEFAULT_SERVER: &str = "http://127.0.0.1:7700";

/// Heading of the arguments below.
const ACCESS: &str = "Connection and output";

/// What every operator's command takes.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Access {
    /// Address of the server, several separated by commas [default: that of the last login, else
    /// http://127.0.0.1:7700].
    #[arg(long, global = true, help_heading = ACCESS, env = "POWERJOB_URL", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// Application, by name or id [default: that of the last login, else the only one there is].
    #[arg(long, global = true, help_heading = ACCESS, env = "POWERJOB_APP", value_name = "NAME")]
    pub(crate) app: Option<String>,
    /// Print JSON for programs: exactly what the API says, one document; streams as one per line.
    #[arg(long, global = true, help_heading = ACCESS)]
    pub(crate) json: bool,
}

/// A client that acts for the signed-in person.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    app: Option<String>,
}

impl Connection {
    /// Sets up the client; nothing is sent yet.
    pub(crate) fn open(access: &Access) -> Result<Self, Failure> {
        let token = std::env::var("POWERJOB_TOKEN")
            .ok()
            .filter(|token| !token.is_empty())
            .map(Secret::new);
        // a token from the environment makes the file unnecessary, also a file that is refused
        let remembered = match &token {
            Some(_) => Home::find()?.load().unwrap_or_default(),
            None => Home::find()?.load()?,
        };
        Self::new(access, remembered.as_ref(), token)
    }

    fn new(
        access: &Access,
        remembered: Option<&SignInFile>,
        token: Option<Secret<String>>,
    ) -> Result<Self, Failure> {
        let mut client = Client::builder()
            .server(server_of(access, remembered))
            .build()?;
        // a token goes only to the server that gave it
        let own = remembered.filter(|sign_in| sign_in.server == spelled_out(&client));
        if let Some(token) = token.or_else(|| own.map(|sign_in| sign_in.token.clone())) {
            client = client.with_token(token.expose());
        }
        let app = access.app.clone();
        Ok(Self {
            client,
            app: app.or_else(|| own.and_then(|sign_in| sign_in.app.clone())),
        })
    }

    /// The application that is meant.
    pub(crate) async fn app(&self) -> Result<App, Failure> {
        match &self.app {
            Some(name) => self.find_app(name).await,
            None => self.only_app().await,
        }
    }

    /// Finds an application by id or name.
    pub(crate) async fn find_app(&self, text: &str) -> Result<App, Failure> {
        if let Ok(id) = text.parse::<Id>() {
            return Ok(self.client.app(id).await?);
        }
        let query = AppQuery {
            name: Some(text.to_owned()),
            ..AppQuery::default()
        };
        let page = self.client.apps(&query).await?;
        let found = page.items.into_iter().find(|app| app.name == text);
        found.ok_or_else(|| {
            Failure::usage(format!(
                "there is no application `{text}` that you may see; `powerjob app list` shows them"
            ))
        })
    }

    /// Finds a job by id, or by name within the application. A name that fits several is refused,
    /// because names are not unique.
    pub(crate) async fn find_job(&self, text: &str) -> Result<Job, Failure> {
        if let Ok(id) = text.parse::<Id>() {
            return Ok(self.client.job(id).await?);
        }
        let app = self.app().await?;
        let query = JobQuery {
            name: Some(text.to_owned()),
            ..JobQuery::default()
        };
        let page = self.client.jobs(app.id, &query).await?;
        let fitting = page.items.into_iter().map(|summary| summary.job);
        let fitting = fitting.filter(|job| job.definition.name == text);
        pick_job(text, &app.name, fitting.collect())
    }

    async fn only_app(&self) -> Result<App, Failure> {
        let page = self.client.apps(&AppQuery::default()).await?;
        let names = page.items.iter().map(|app| app.name.as_str());
        let names = names.take(10).collect::<Vec<_>>().join(", ");
        let mut apps = page.items.into_iter();
        match (apps.next(), apps.next()) {
            (Some(app), None) => Ok(app),
            (None, _) => Err(Failure::usage(
                "there is no application yet; make one with `powerjob app create NAME`",
            )),
            _ => Err(Failure::usage(format!(
                "which application? name it with --app, or for good with `powerjob app use NAME`: \
                 {names}"
            ))),
        }
    }
}

/// The addresses of a client in one spelling.
pub(crate) fn spelled_out(client: &Client) -> String {
    client.servers().join(",")
}

/// The addresses that are meant.
pub(crate) fn server_of(access: &Access, remembered: Option<&SignInFile>) -> String {
    let given = access.server.clone();
    given
        .or_else(|| remembered.map(|sign_in| sign_in.server.clone()))
        .unwrap_or_else(|| DEFAULT_SERVER.to_owned())
}

fn pick_job(name: &str, app: &str, mut fitting: Vec<Job>) -> Result<Job, Failure> {
    match fitting.len() {
        0 => Err(Failure::usage(format!(
            "application {app} has no job `{name}`; `powerjob job list --app {app}` shows them"
        ))),
        1 => Ok(fitting.remove(0)),
        count => {
            let ids = fitting.iter().map(|job| {
                let (id, schedule) = (job.id, &job.schedule_text);
                format!("\n  {id}  {schedule}")
            });
            Err(Failure::usage(format!(
                "{count} jobs of application {app} have the name `{name}`; say which by its id:{}",
                ids.collect::<String>()
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remembered() -> SignInFile {
        SignInFile {
            server: "http://mine".to_owned(),
            account: "me".to_owned(),
            token: Secret::new("hush".to_owned()),
            expires_at: 0,
            app: Some("shop".to_owned()),
        }
    }

    fn debug_of(connection: &Connection) -> String {
        format!("{connection:?}")
    }

    #[test]
    fn the_remembered_server_is_used_with_its_token_and_application() {
        let connection =
            Connection::new(&Access::default(), Some(&remembered()), None).expect("connection");
        assert_eq!(connection.client.servers(), ["http://mine"]);
        assert_eq!(connection.app.as_deref(), Some("shop"));
        assert!(debug_of(&connection).contains("token: Some(***)"));
    }

    #[test]
    fn a_token_never_goes_to_another_server() {
        let access = Access {
            server: Some("http://other".to_owned()),
            ..Access::default()
        };
        let connection = Connection::new(&access, Some(&remembered()), None).expect("connection");
        assert!(debug_of(&connection).contains("token: None"));
        assert_eq!(connection.app, None);
    }

    #[test]
    fn the_same_server_in_another_spelling_gets_its_token() {
        let access = Access {
            server: Some("mine/".to_owned()),
            ..Access::default()
        };
        let connection = Connection::new(&access, Some(&remembered()), None).expect("connection");
        assert!(debug_of(&connection).contains("token: Some(***)"));
    }

    #[test]
    fn without_anything_the_local_server_is_meant() {
        assert_eq!(server_of(&Access::default(), None), DEFAULT_SERVER);
    }

    #[test]
    fn a_name_that_fits_several_jobs_lists_their_ids() {
        let job = |id: i64| -> Job {
            serde_json::from_value(serde_json::json!({
                "id": id, "appId": 1, "revision": 1, "name": "copy", "processor": "p",
                "schedule": {"type": "API"}, "scheduleText": "on demand", "nextTriggerAt": null,
                "createdAt": 0, "modifiedAt": 0
            }))
            .expect("job")
        };
        assert_eq!(
            pick_job("copy", "shop", vec![job(4)]).expect("one").id,
            Id(4)
        );
        let refused = pick_job("copy", "shop", vec![job(4), job(9)]);
        let text = refused.expect_err("two").to_string();
        assert!(
            text.contains("\n  4  ") && text.contains("\n  9  "),
            "{text}"
        );
        assert!(pick_job("copy", "shop", vec![]).is_err());
    }
}
