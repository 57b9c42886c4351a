//! The web console: every path that is not the API's.

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use powerjob_console::{Asset, MISSING_HINT, asset, index};

use super::State;
use super::compatible::not_found;
use super::error::{ApiError, Code, unknown_method};

/// Nothing from elsewhere, and nothing of ours inside other pages.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; \
base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const SECURITY_HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
];

/// Where the files of our console are, and those of the reference's, which a browser may still ask for.
const FILES: [&str; 5] = ["/assets/", "/js/", "/css/", "/img/", "/fonts/"];

const FOR_EVER: &str = "public, max-age=31536000, immutable";
const ASK_FIRST: &str = "no-cache";

/// Answers with a file of the console, or with its page.
pub(super) async fn serve(state: State, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return unknown_method(request).await;
    }
    match find(request.path()) {
        Found::Page(_) | Found::NotBuilt if asks_for_json(&request) => {
            Ok(not_found(&state, request.path()))
        }
        Found::Asset(asset) | Found::Page(asset) => Ok(answer(&request, asset)),
        Found::NotBuilt => Ok(secured(HttpResponse::NotFound())
            .content_type("text/plain; charset=utf-8")
            .body(format!("{MISSING_HINT}\n"))),
        Found::Nothing => {
            Err(ApiError::from(Code::PathNotFound).with_detail(request.path().to_owned()))
        }
    }
}

enum Found {
    Asset(&'static Asset),
    /// The page stands for a path without a file.
    Page(&'static Asset),
    NotBuilt,
    Nothing,
}

/// A page of the console is any path without a file of its own; a missing file where files are kept
/// is missing, so that a browser with an old page does not take the page for a script.
fn find(path: &str) -> Found {
    match (asset(path), index()) {
        (Some(asset), _) => Found::Asset(asset),
        (None, _) if FILES.iter().any(|folder| path.starts_with(folder)) => Found::Nothing,
        (None, Some(page)) => Found::Page(page),
        (None, None) => Found::NotBuilt,
    }
}

/// A program of the reference that asks for what is not here has no use for a page.
fn asks_for_json(request: &HttpRequest) -> bool {
    let accepted = header_text(request, header::ACCEPT).unwrap_or_default();
    accepted.contains("application/json") && !accepted.contains("text/html")
}

fn answer(request: &HttpRequest, asset: &'static Asset) -> HttpResponse {
    let caching = if asset.immutable { FOR_EVER } else { ASK_FIRST };
    let is_known = header_text(request, header::IF_NONE_MATCH)
        .is_some_and(|known| matches_tag(known, asset.etag));
    let status = if is_known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    let mut response = secured(status);
    response
        .insert_header((header::ETAG, asset.etag))
        .insert_header((header::CACHE_CONTROL, caching))
        .insert_header((header::VARY, "accept-encoding"));
    if is_known {
        return response.finish();
    }
    response.content_type(asset.content_type);
    match asset.gzip {
        Some(gzip) if accepts_gzip(request) => response
            .insert_header((header::CONTENT_ENCODING, "gzip"))
            .body(gzip),
        _ => response.body(asset.bytes),
    }
}

fn secured(mut response: HttpResponseBuilder) -> HttpResponseBuilder {
    for header in SECURITY_HEADERS {
        response.insert_header(header);
    }
    response
}

fn header_text(request: &HttpRequest, name: HeaderName) -> Option<&str> {
    request.headers().get(name)?.to_str().ok()
}

/// Whether one of the tags of `If-None-Match` is this one; a weak mark does not matter here.
fn matches_tag(known: &str, tag: &str) -> bool {
    known
        .split(',')
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

fn accepts_gzip(request: &HttpRequest) -> bool {
    let accepted = header_text(request, header::ACCEPT_ENCODING).unwrap_or_default();
    accepted.split(',').any(|part| {
        let mut parts = part.split(';').map(str::trim);
        let is_gzip = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        is_gzip && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entity_tags_are_compared_one_by_one() {
        assert!(matches_tag("\"a\", W/\"b\"", "\"b\""));
        assert!(matches_tag("*", "\"b\""));
        assert!(!matches_tag("\"ab\"", "\"b\""));
    }

    #[test]
    fn a_missing_script_is_not_the_page() {
        assert!(matches!(find("/assets/gone-1234.js"), Found::Nothing));
        assert!(matches!(find("/js/0.js"), Found::Nothing));
    }
}
