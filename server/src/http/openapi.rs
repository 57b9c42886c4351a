//! The OpenAPI document: `/v1`, generated from the handlers and the table of routes, and the compatible
//! endpoints, from their own table.

use actix_web::HttpResponse;
use powerjob_protocol::api::event::{Hello, JobChanged, Lagged};
use powerjob_protocol::api::inspection::TappedMessage;
use powerjob_protocol::api::instance::LogEntry;
use powerjob_protocol::api::problem::Problem;
use utoipa::OpenApi as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ArrayItems, Schema};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, OpenApi, PathItem, Ref, RefOr, ResponseBuilder};

use super::error::PROBLEM_JSON;
use super::guard::SESSION_COOKIE;
use super::route::{Needs, Routes, Rule, all_routes};
use super::{
    app, calendar, compatible, event, inspection, instance, job, log, run, schedule, server,
    session, statistics, worker,
};

const DESCRIPTION: &str = "\
Jobs, their runs and the workers that run them.\n\n\
Ids are strings of digits, times are epoch milliseconds. Lists come in pages: give `nextCursor` as \
`cursor` to get the next one. Every error is a `Problem`: programs decide by its `code`, the \
advice for each code is in docs/errors.md. A changing request that is authenticated by the cookie \
needs the header `X-Requested-With: powerjob`.";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "PowerJob", description = DESCRIPTION),
    paths(
        session::sign_in, session::show, session::sign_out, session::new_ticket,
        app::list, app::create, app::show, app::change, app::remove, app::new_secret, app::new_client_password,
        job::list, job::create, job::show, job::replace, job::remove, job::enable, job::disable,
        job::copy, job::diagnosis, job::bars,
        calendar::of_app, calendar::of_job, statistics::of_app,
        run::run, run::run_batch,
        schedule::check,
        instance::list, instance::show, instance::stop, instance::kill, instance::cancel, instance::retry,
        instance::retry_failed_tasks, instance::search_tasks,
        instance::tasks,
        instance::beats,
        log::page, log::stream, log::download,
        worker::list, worker::order,
        event::stream,
        inspection::actors, inspection::tap, inspection::recent,
        server::show, server::show_cleaning, server::clean,
        serve,
    ),
    components(schemas(Problem, Hello, JobChanged, Lagged, LogEntry, TappedMessage)),
    tags(
        (name = "session", description = "Signing in"),
        (name = "apps", description = "Applications"),
        (name = "jobs", description = "Jobs and their schedules"),
        (name = "runs", description = "Runs on demand"),
        (name = "instances", description = "Runs and their history"),
        (name = "logs", description = "What runs write"),
        (name = "workers", description = "Workers"),
        (name = "events", description = "Live updates"),
        (name = "inspection", description = "The inside of the nodes"),
        (name = "server", description = "The server itself"),
        (name = "meta", description = "This interface"),
        (name = "compatible", description = "What the console and the Java client of PowerJob 5.x call: \
            answers are 200 with `success: false` when something was refused"),
    ),
)]
struct Document;

pub(super) fn configure(routes: &mut Routes) {
    routes.get("/openapi.json", Needs::Nothing, serve);
}

/// This document.
#[utoipa::path(
    get, path = "/v1/openapi.json", operation_id = "getOpenApi", tag = "meta",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = String)),
)]
pub(super) async fn serve() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(openapi_json())
}

/// The document as indented JSON; the same for the same program.
pub fn openapi_json() -> String {
    let mut json = document().to_pretty_json().unwrap_or_default();
    json.push('\n');
    json
}

fn document() -> OpenApi {
    let mut document = Document::openapi();
    add_security_schemes(&mut document);
    refer_to_page_items(&mut document);
    for rule in all_routes().rules() {
        let path = format!("/v1{}", rule.path);
        let item = document.paths.paths.get_mut(&path);
        if let Some(operation) = item.and_then(|item| operation_of(item, rule)) {
            describe_needs(operation, rule.needs);
            add_problem(operation);
        }
    }
    add_compatible(&mut document);
    document
}

fn add_compatible(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    for (name, schema) in compatible::schemas() {
        let schema = serde_json::from_value(schema).ok();
        components
            .schemas
            .extend(schema.map(|schema: RefOr<Schema>| (name, schema)));
    }
    for (path, item) in compatible::path_items(compatible::all_routes().rules()) {
        let item = serde_json::from_value(item).ok();
        document
            .paths
            .paths
            .extend(item.map(|item: PathItem| (path, item)));
    }
}

fn operation_of<'a>(item: &'a mut PathItem, rule: &Rule) -> Option<&'a mut Operation> {
    match rule.method.as_str() {
        "GET" => item.get.as_mut(),
        "POST" => item.post.as_mut(),
        "PUT" => item.put.as_mut(),
        "PATCH" => item.patch.as_mut(),
        "DELETE" => item.delete.as_mut(),
        _ => None,
    }
}

fn describe_needs(operation: &mut Operation, needs: Needs) {
    let sentence = format!("Needs: {needs}.");
    operation.description = Some(match operation.description.take() {
        Some(text) if !text.is_empty() => format!("{text}\n\n{sentence}"),
        _ => sentence,
    });
    operation.security = Some(if needs == Needs::Nothing {
        Vec::new()
    } else {
        ["token", "cookie", "ticket"]
            .into_iter()
            .filter(|scheme| *scheme != "ticket" || is_stream(operation))
            .map(|scheme| SecurityRequirement::new::<_, [&str; 0], &str>(scheme, []))
            .collect()
    });
}

fn is_stream(operation: &Operation) -> bool {
    operation
        .responses
        .responses
        .values()
        .any(|response| match response {
            RefOr::T(response) => response.content.contains_key("text/event-stream"),
            RefOr::Ref(_) => false,
        })
}

fn add_problem(operation: &mut Operation) {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    let response = ResponseBuilder::new()
        .description("Why it was not carried out")
        .content(PROBLEM_JSON, content)
        .build();
    operation
        .responses
        .responses
        .insert("default".to_owned(), response.into());
}

fn add_security_schemes(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    let cookie = ApiKey::Cookie(ApiKeyValue::new(SESSION_COOKIE));
    components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    let ticket = ApiKey::Query(ApiKeyValue::new("ticket"));
    components.add_security_scheme("ticket", SecurityScheme::ApiKey(ticket));
    for (scheme, name) in [
        ("console", "PowerJwt"),
        ("program", "X-POWERJOB-ACCESS-TOKEN"),
        ("programApp", "X-POWERJOB-APP-ID"),
    ] {
        let header = ApiKey::Header(ApiKeyValue::new(name));
        components.add_security_scheme(scheme, SecurityScheme::ApiKey(header));
    }
}

/// `Page_App` repeats `App` where a reference says it better.
fn refer_to_page_items(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    for (name, schema) in &mut components.schemas {
        let (Some(item), RefOr::T(Schema::Object(page))) = (name.strip_prefix("Page_"), schema)
        else {
            continue;
        };
        if let Some(RefOr::T(Schema::Array(items))) = page.properties.get_mut("items") {
            items.items = ArrayItems::RefOrSchema(Box::new(Ref::from_schema_name(item).into()));
        }
    }
}
