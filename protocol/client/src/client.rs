//! The client and how it is set up.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use powerjob_common::secret::Secret;

use crate::error::Error;

/// How long connecting may take; short, because another server may be there.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// How long an answer may take when nothing else is said.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// A client of the HTTP API. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) servers: Arc<[String]>,
    /// Index of the server that answered last, so that a dead one costs its time limit only once.
    pub(crate) preferred: Arc<AtomicUsize>,
    pub(crate) token: Option<Secret<String>>,
    pub(crate) answer_limit: Duration,
}

impl Client {
    /// Starts to set up a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// The same client for the holder of another token.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(Secret::new(token.into()));
        self
    }

    /// The addresses of the servers, in the order they were given.
    pub fn servers(&self) -> &[String] {
        &self.servers
    }
}

/// Collects what a [`Client`] needs.
#[derive(Debug, Default)]
pub struct ClientBuilder {
    servers: Vec<String>,
    token: Option<Secret<String>>,
    answer_limit: Option<Duration>,
}

impl ClientBuilder {
    /// Adds a server, e.g. `http://127.0.0.1:7700`; without a scheme `http://` is meant. Several
    /// may be given at once, separated by commas.
    #[must_use]
    pub fn server(mut self, address: impl AsRef<str>) -> Self {
        let parts = address.as_ref().split(',').map(str::trim);
        self.servers
            .extend(parts.filter(|part| !part.is_empty()).map(with_scheme));
        self
    }

    /// The token of an earlier sign-in.
    #[must_use]
    pub fn token(mut self, token: Secret<String>) -> Self {
        self.token = Some(token);
        self
    }

    /// How long an answer may take; 30 s when not said. Streams are not limited.
    #[must_use]
    pub fn answer_limit(mut self, limit: Duration) -> Self {
        self.answer_limit = Some(limit);
        self
    }

    /// Makes the client; nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Setup`] when there is no server or an address is no HTTP URL.
    pub fn build(self) -> Result<Client, Error> {
        if self.servers.is_empty() {
            return Err(Error::Setup("no server address given".to_owned()));
        }
        for server in &self.servers {
            check_address(server)?;
        }
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            .user_agent(concat!("powerjob-client/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Error::Setup(error.to_string()))?;
        Ok(Client {
            http,
            servers: self.servers.into(),
            preferred: Arc::default(),
            token: self.token,
            answer_limit: self.answer_limit.unwrap_or(ANSWER_LIMIT),
        })
    }
}

fn with_scheme(address: &str) -> String {
    let short = address.trim_end_matches('/');
    match address.split_once("://") {
        Some((_, "")) => address.to_owned(), // refused later
        Some(_) => short.to_owned(),
        None => format!("http://{short}"),
    }
}

fn check_address(server: &str) -> Result<(), Error> {
    let wrong = |reason: String| Error::Setup(format!("server address `{server}`: {reason}"));
    let url = reqwest::Url::parse(server).map_err(|error| wrong(error.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(()),
        other => Err(wrong(format!("scheme `{other}` is neither http nor https"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_be_short_and_many() {
        let client = Client::builder()
            .server("127.0.0.1:7700, https://b/ ,")
            .build()
            .expect("good addresses");
        assert_eq!(client.servers(), ["http://127.0.0.1:7700", "https://b"]);
    }

    #[test]
    fn wrong_addresses_are_refused_at_once() {
        for address in ["", "ftp://a", "http://"] {
            let built = Client::builder().server(address).build();
            assert!(matches!(built, Err(Error::Setup(_))), "{address}");
        }
    }

    #[test]
    fn a_token_is_never_shown() {
        let client = Client::builder().server("a").build().expect("client");
        assert!(!format!("{:?}", client.with_token("hush")).contains("hush"));
    }
}
