//! Calls a URL (spec 07 sections 3 and 11.2).

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, Response};
use serde::Deserialize;
use serde_json::Value;

use super::Profile;
use super::codes::CodeRanges;
use crate::context::{RunLogger, TaskContext};
use crate::domain::ending::interrupted;
use crate::outcome::{BoxError, ProcessResult, chain_text};
use crate::processor::Processor;

/// Time for a whole call.
const DEFAULT_TIMEOUT_S: u64 = 60;
/// Bytes of an answer that are read.
const RESPONSE_LIMIT_BYTES: usize = 10 << 20;
const USER_AGENT: &str = concat!("powerjob/", env!("CARGO_PKG_VERSION"));
/// Parts of the names of headers whose values do not belong into a log.
const SECRET_NAMES: [&str; 9] = [
    "password",
    "passwd",
    "pwd",
    "secret",
    "token",
    "authorization",
    "cookie",
    "api-key",
    "access-key",
];

/// A processor that calls a URL.
#[derive(Debug)]
pub(crate) struct Http {
    profile: Profile,
    client: Client,
}

impl Http {
    pub(crate) fn new(profile: Profile) -> Self {
        Self {
            profile,
            client: Client::builder()
                .user_agent(USER_AGENT)
                .build()
                .unwrap_or_default(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    #[serde(default)]
    url: String,
    #[serde(default)]
    method: String,
    timeout: Option<u64>,
    #[serde(default)]
    media_type: String,
    body: Option<Value>,
    #[serde(default)]
    headers: BTreeMap<String, Value>,
    #[serde(default)]
    query: BTreeMap<String, Value>,
    success_codes: Option<Value>,
    max_response_bytes: Option<usize>,
}

impl Processor for Http {
    async fn process(&self, ctx: &TaskContext) -> ProcessResult {
        let text = ctx.params().trim();
        if text.is_empty() || text == "null" {
            return Err("httpParams is null, please check jobParam configuration.".into());
        }
        let params: Params = ctx.params_as()?;
        let call = Call::prepare(&self.client, params, self.profile, &ctx.logger())?;
        tokio::select! {
            result = call.carry_out(ctx) => result,
            reason = ctx.cancelled() => Err(interrupted(reason).text.into()),
        }
    }
}

struct Call {
    method: Method,
    url: String,
    request: reqwest::RequestBuilder,
    success: CodeRanges,
    limit_bytes: usize,
}

impl Call {
    fn prepare(
        client: &Client,
        params: Params,
        profile: Profile,
        log: &RunLogger<'_>,
    ) -> Result<Self, BoxError> {
        if params.url.trim().is_empty() {
            return Err("url can't be empty!".into());
        }
        let url = with_scheme(params.url.trim());
        log.info(format!("request url: {}", without_password(&url)));
        let method = method_of(&params.method, log)?;
        let mut request = client.request(method.clone(), &url);
        request = match params.timeout.unwrap_or(DEFAULT_TIMEOUT_S) {
            0 => request,
            seconds => request.timeout(Duration::from_secs(seconds)),
        };
        for (name, value) in &params.headers {
            let value = text_of(value);
            let shown = if is_secret(name) { "***" } else { &value };
            log.info(format!("add header {name}:{shown}"));
            request = request.header(name, value);
        }
        if !params.query.is_empty() {
            let query: Vec<_> = params
                .query
                .iter()
                .map(|(key, value)| (key, text_of(value)))
                .collect();
            request = request.query(&query);
        }
        if method != Method::GET && method != Method::HEAD {
            request = with_body(request, &params, log);
        }
        let success = success_codes(params.success_codes.as_ref(), profile)?;
        let limit_bytes = params.max_response_bytes.unwrap_or(RESPONSE_LIMIT_BYTES);
        Ok(Self {
            method,
            url,
            request,
            success,
            limit_bytes,
        })
    }

    async fn carry_out(self, ctx: &TaskContext) -> ProcessResult {
        let shown = without_password(&self.url);
        let response = self.request.send().await.map_err(|error| explain(&error))?;
        let code = response.status().as_u16();
        ctx.logger()
            .info(format!("response: code={code}, url={shown}"));
        let body = read_body(response, self.limit_bytes).await?;
        let result = format!("code:{code}, body:{body}");
        if self.success.contains(code) {
            return Ok(result.into());
        }
        let method = &self.method;
        ctx.logger().warn(format!(
            "{method} url: {shown} failed, response code is {code}, response body is {body}"
        ));
        Err(result.into())
    }
}

fn method_of(name: &str, log: &RunLogger<'_>) -> Result<Method, BoxError> {
    if name.is_empty() {
        log.info("using default request method: GET");
        return Ok(Method::GET);
    }
    let name = name.to_uppercase();
    log.info(format!("request method: {name}"));
    Method::from_bytes(name.as_bytes()).map_err(|_| format!("unsupported method: {name}").into())
}

fn with_body(
    request: reqwest::RequestBuilder,
    params: &Params,
    log: &RunLogger<'_>,
) -> reqwest::RequestBuilder {
    let mut body = params.body.as_ref().map(text_of).unwrap_or_default();
    if body.is_empty() {
        log.warn("try to use default request body:{}");
        body = "{}".to_owned();
    }
    let media_type = if !params.media_type.is_empty() {
        params.media_type.clone()
    } else if serde_json::from_str::<Value>(&body).is_ok() {
        log.warn("try to use 'application/json' as media type");
        "application/json".to_owned()
    } else {
        "text/plain".to_owned()
    };
    let media_type = match media_type.contains("charset") {
        true => media_type,
        false => format!("{media_type}; charset=utf-8"),
    };
    request.header(CONTENT_TYPE, media_type).body(body)
}

pub(super) async fn read_body(
    mut response: Response,
    limit_bytes: usize,
) -> Result<String, BoxError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| explain(&error))? {
        if bytes.len() + chunk.len() > limit_bytes {
            return Err(format!("the answer has more than {limit_bytes} bytes").into());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads `200,201,300-399`, `2xx`, a number, or a list of these.
fn success_codes(given: Option<&Value>, profile: Profile) -> Result<CodeRanges, BoxError> {
    let text = match given {
        None => {
            return Ok(match profile {
                Profile::Java => CodeRanges::range(200, 200),
                Profile::Native => CodeRanges::range(200, 299),
            });
        }
        Some(Value::Array(items)) => items.iter().map(text_of).collect::<Vec<_>>().join(","),
        Some(other) => text_of(other),
    };
    CodeRanges::parse(&text).ok_or_else(|| format!("successCodes '{text}' cannot be read").into())
}

/// Texts as they are, other values as JSON.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn with_scheme(url: &str) -> String {
    if url.contains("://") {
        url.to_owned()
    } else {
        format!("http://{url}")
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase().replace('_', "-");
    SECRET_NAMES.iter().any(|secret| name.contains(secret))
}

fn without_password(url: &str) -> String {
    match reqwest::Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => {
            // Cannot fail for a URL that has a password.
            parsed.set_password(Some("***")).ok();
            parsed.to_string()
        }
        _ => url.to_owned(),
    }
}

/// Failures in the shape that people of the reference know, with our cause behind.
pub(super) fn explain(error: &reqwest::Error) -> BoxError {
    if error.is_timeout() {
        return "InterruptedIOException: timeout".into();
    }
    let host = error.url().map(|url| {
        let port = url.port_or_known_default().map(|port| format!(":{port}"));
        format!(
            "{}{}",
            url.host_str().unwrap_or_default(),
            port.unwrap_or_default()
        )
    });
    let error_text = chain_text(error);
    match host {
        Some(_) if error_text.contains("failed to lookup address") => {
            let name = error
                .url()
                .and_then(|url| url.host_str())
                .unwrap_or_default();
            format!("UnknownHostException: {name}").into()
        }
        Some(host) if error.is_connect() => {
            format!("ConnectException: Failed to connect to {host}").into()
        }
        _ if error.is_builder() => format!("IllegalArgumentException: {error_text}").into(),
        _ => error_text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_codes_are_a_text_a_number_or_a_list() {
        let read = |text: &str| {
            let given = serde_json::from_str(text).expect("json");
            success_codes(Some(&given), Profile::Native)
        };
        assert!(read(r#""200, 201""#).is_ok_and(|codes| codes.contains(201)));
        assert!(read(r#"["2xx", 404]"#).is_ok_and(|codes| codes.contains(404)));
        assert!(read("204").is_ok_and(|codes| codes.contains(204)));
        assert!(read("[]").is_err());
    }

    #[test]
    fn the_default_depends_on_the_profile() {
        let java = success_codes(None, Profile::Java).expect("the default");
        let native = success_codes(None, Profile::Native).expect("the default");
        assert!(!java.contains(201) && native.contains(201));
    }

    #[test]
    fn secrets_are_not_shown() {
        assert!(is_secret("X-Auth-Token") && is_secret("access_key") && !is_secret("Accept"));
        assert_eq!(without_password("http://u:p@h/x"), "http://u:***@h/x");
    }
}
