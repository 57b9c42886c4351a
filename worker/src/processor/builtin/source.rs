//! Scripts that are given as a link.

use std::time::Duration;

use reqwest::{Client, Url};

use super::http::{explain, read_body};
use crate::outcome::BoxError;

/// The longest script, also the longest download.
pub(super) const DOWNLOAD_LIMIT_BYTES: usize = 16 << 20;
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const TOTAL_LIMIT: Duration = Duration::from_secs(300);

/// The link, if the whole text is one: a single line, an absolute URL of HTTP or HTTPS. A script that
/// merely begins with `https_proxy=` is none.
pub(super) fn link_of(text: &str) -> Option<Url> {
    let text = text.trim();
    if text.contains(char::is_whitespace) || !text.contains("://") {
        return None;
    }
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
}

/// Fetches a script.
///
/// # Errors
/// Anything but a complete answer of success fails; nothing half-read is ever run.
pub(super) async fn download(link: Url) -> Result<String, BoxError> {
    let client = Client::builder()
        .connect_timeout(CONNECT_LIMIT)
        .timeout(TOTAL_LIMIT)
        .build()?;
    let response = client
        .get(link.clone())
        .send()
        .await
        .map_err(|error| explain(&error))?;
    if !response.status().is_success() {
        return Err(format!(
            "cannot download the script: {} from {link}",
            response.status()
        )
        .into());
    }
    read_body(response, DOWNLOAD_LIMIT_BYTES).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_url_is_a_link() {
        assert!(link_of(" https://host/s.sh\n").is_some());
        for script in [
            "https_proxy=x; echo ok",
            "http host",
            "https://host/a\necho b",
            "ftp",
        ] {
            assert!(link_of(script).is_none(), "{script}");
        }
    }
}
