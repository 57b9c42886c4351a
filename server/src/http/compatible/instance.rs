//! `/instance/...` of the console (spec 06 section 7.6).

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use powerjob_common::id::{InstanceId, JobId};
use powerjob_common::status::{InstanceStatus, Permission};
use powerjob_common::time::UnixMillis;
use powerjob_protocol::api::instance::LogEntry;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::context::Context;
use super::failure::{Answer, Failure};
use super::instance_actions::act;
use super::route::{About, Entry, Needs, Routes};
use super::{custom_query, instance_view, render};
use crate::domain::instance::Instance;
use crate::domain::retry_scope::RetryScope;
use crate::http::log;
use crate::service::instances::{self, Action};
use crate::service::logs::LogReader;
use crate::service::{ServiceError, Services, live_detail};
use crate::store::reference::instance::{InstanceOrder, InstanceQuery};

/// Lines of a page of a log.
const PAGE_LINES: usize = 100;
const NO_LOG: &str = "SYSTEM: There is no online log for this job instance.\n";
/// How long the address of a download counts.
const DOWNLOAD_MS: i64 = 60_000;
const PURPOSE: &str = "log download";
const TYPES: [(&str, i64); 2] = [("NORMAL", 1), ("WORKFLOW", 2)];

pub(super) fn configure(routes: &mut Routes) {
    let on = |permission| Entry::params(Needs::Person(permission, About::Instance));
    routes.get("/instance/stop", on(Permission::Ops).by_owner(), stop);
    routes.get("/instance/retry", on(Permission::Ops).by_owner(), retry);
    routes.get("/instance/detail", on(Permission::Read).by_owner(), detail);
    let plus = Entry::json(Needs::Person(Permission::Read, About::Instance));
    routes.post("/instance/detailPlus", plus.by_owner(), detail);
    let log_of = |permission| Entry::params(Needs::Person(permission, About::InstanceLog));
    routes.get(
        "/instance/log",
        log_of(Permission::Ops).by_owner(),
        log_page,
    );
    routes.get(
        "/instance/downloadLogUrl",
        log_of(Permission::Read),
        download_url,
    );
    let signed = Entry::params(Needs::Signature).by_owner();
    routes.get("/instance/downloadLog", signed, download);
    let read = log_of(Permission::Ops).by_owner();
    routes.get("/instance/downloadLog4Console", read, download_here);
    let list_entry = Entry::json(Needs::Person(Permission::Read, About::App));
    routes.post("/instance/list", list_entry, list);
}

async fn stop(context: Context) -> Answer {
    act(&context, Action::Stop).await.map(|()| Value::Null)
}

async fn retry(context: Context) -> Answer {
    act(&context, Action::Retry(RetryScope::Whole))
        .await
        .map(|()| Value::Null)
}

/// One instance, and what its worker tells of it and of the tasks that were asked for.
async fn detail(context: Context) -> Answer {
    let condition = match context.call.body["customQuery"].as_str() {
        Some(query) => Some(custom_query::check(query)?),
        None => None,
    };
    let condition = condition.filter(|text| !text.is_empty());
    let services = context.services();
    let present = instances::current(services, context.instance()?).await;
    let live = live_detail::ask_worker(services, &present, condition).await;
    let zone = services.handles.facts.zone;
    Ok(instance_view::detail(&present, live.as_ref(), zone))
}

async fn list(context: Context) -> Answer {
    let fields = context.call.fields()?;
    let page = render::page_of(fields, None)?;
    let kind = fields.one_of("type", |name| {
        let found = TYPES.iter().find(|(known, _)| *known == name)?;
        Some(found.1)
    })?;
    let statuses = match fields.filled("status")? {
        None => None,
        Some(name) => {
            let unknown = || {
                let class = "tech.powerjob.common.enums.InstanceStatus";
                Failure::argument(format!("No enum constant {class}.{name}"))
            };
            let status = InstanceStatus::from_name(&name).ok_or_else(unknown)?;
            Some(vec![i64::from(status.code())])
        }
    };
    let query = InstanceQuery {
        app: Some(context.app_id()?.0),
        id: fields.long("instanceId")?,
        job: fields.long("jobId")?,
        workflow_instance: fields.long("wfInstanceId")?,
        kind: Some(kind.ok_or_else(|| Failure::missing("type"))?),
        statuses,
        ..InstanceQuery::default()
    };
    let services = context.services();
    let order = InstanceOrder::default();
    let rows = services.store.instance_page(query, order, page).await?;
    let names = names_of(services, &rows.items).await?;
    let zone = services.handles.facts.zone;
    let show = |instance: &Instance| {
        let name = names.iter().find(|(id, _)| *id == instance.job_id);
        let name = name.map_or("", |(_, name)| name.as_str());
        instance_view::for_list(instance, name, zone)
    };
    Ok(render::page(page, &rows, show))
}

async fn names_of(
    services: &Services,
    instances: &[Instance],
) -> Result<Vec<(JobId, String)>, Failure> {
    let mut ids: Vec<JobId> = instances.iter().map(|it| it.job_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let jobs = services.store.jobs(ids).await?;
    Ok(jobs.into_iter().map(|job| (job.id, job.name)).collect())
}

/// A page of a log, counted from its beginning.
async fn log_page(context: Context) -> Answer {
    let index = context.call.long("index")?.unwrap_or(0).max(0);
    let first = usize::try_from(index).unwrap_or(usize::MAX);
    let first = first.saturating_mul(PAGE_LINES);
    let mut lines = 0;
    let mut text = String::new();
    if let Some(instance) = &context.subject.instance {
        let services = context.services();
        let zone = services.handles.facts.zone;
        let mut reader = LogReader::new(instance.clone(), None);
        loop {
            let piece = reader.next_lines(services).await?;
            if piece.is_empty() {
                break;
            }
            for (_, line) in &piece {
                if (first..first.saturating_add(PAGE_LINES)).contains(&lines) {
                    text.push_str(&as_line(line, zone));
                }
                lines += 1;
            }
        }
    }
    if lines == 0 {
        return Ok(json!({"index": index, "totalPages": 1, "data": NO_LOG}));
    }
    Ok(json!({"index": index, "totalPages": lines.div_ceil(PAGE_LINES), "data": text}))
}

/// A line as the reference writes it.
fn as_line(line: &LogEntry, zone: chrono_tz::Tz) -> String {
    let at = chrono::DateTime::from_timestamp_millis(line.at)
        .unwrap_or_default()
        .with_timezone(&zone);
    let at = at.format("%Y-%m-%d %H:%M:%S%.3f");
    format!("{at} [{}] {} {}\n", line.worker, line.level, line.text)
}

/// Where the log can be fetched for a while, by whoever has the address.
async fn download_url(context: Context) -> Answer {
    let id = context.call.number("instanceId")?;
    let expires = context.services().now().0 + DOWNLOAD_MS;
    let sign = URL_SAFE_NO_PAD.encode(seal(context.services(), id, expires));
    let origin = &context.origin;
    let path = format!("/instance/downloadLog?instanceId={id}&expires={expires}&sign={sign}");
    Ok(format!("{origin}{path}").into())
}

fn seal(services: &Services, id: i64, expires: i64) -> [u8; 32] {
    let text = format!("{id}.{expires}");
    services.handles.peers.seal(PURPOSE, text.as_bytes())
}

/// Whether the address of a download is one that was given out and still counts.
pub(super) fn is_signed(services: &Services, call: &super::call::Call) -> Result<bool, Failure> {
    let (id, expires) = (call.long("instanceId")?, call.long("expires")?);
    let (Some(id), Some(expires)) = (id, expires) else {
        return Ok(false);
    };
    let given = URL_SAFE_NO_PAD.decode(call.text("sign").unwrap_or_default());
    let given = given.unwrap_or_default();
    let is_right = bool::from(seal(services, id, expires).ct_eq(&given));
    Ok(is_right && UnixMillis(expires) > services.now())
}

async fn download(context: Context) -> Result<HttpResponse, Failure> {
    let instance = context.instance()?.clone();
    let name = format!("{}-stable.log", instance.instance_id);
    Ok(file(&context, instance, &name))
}

async fn download_here(context: Context) -> Result<HttpResponse, Failure> {
    let instance = context.instance()?.clone();
    let name = format!("powerjob-{}-{}.log", instance.app_id, instance.instance_id);
    Ok(file(&context, instance, &name))
}

fn file(context: &Context, instance: Arc<Instance>, name: &str) -> HttpResponse {
    let mut response = log::file(context.state.clone(), instance, as_line);
    let headers = response.headers_mut();
    let octets = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, octets);
    if let Ok(name) = HeaderValue::try_from(format!("attachment;filename={name}")) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

/// The instance of a signed address.
pub(super) async fn of_signature(
    services: &Services,
    call: &super::call::Call,
) -> Result<Arc<Instance>, Failure> {
    if !is_signed(services, call)? {
        return Err(Failure::denied());
    }
    let id = InstanceId(call.number("instanceId")?);
    let found = instances::find(services, id).await;
    found.map_err(|error| match error {
        ServiceError::NotFound(_) => Failure::argument(format!("invalid instanceId: {id}")),
        error => error.into(),
    })
}
