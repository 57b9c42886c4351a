//! `/system/...` of the console, the answer to health checks, and the refusal of what is not here
//! yet (spec 06 sections 7.9, 7.10 and 12).

use actix_web::HttpResponse;
use actix_web::http::{Method, StatusCode};
use powerjob_common::id::AppId;
use powerjob_common::status::{InstanceStatus, Permission};
use powerjob_common::time::UnixMillis;
use serde_json::{Value, json};

use super::context::Context;
use super::failure::{Answer, Failure};
use super::render::moment;
use super::route::{About, Entry, Needs, Routes};
use crate::domain::worker::{Worker, WorkerState};
use crate::service::Services;
use crate::store::reference::PageOf;
use crate::store::reference::instance::{InstanceOrder, InstanceQuery};

const GIB: f64 = 1_073_741_824.0;
const DAY_MS: i64 = 24 * 3_600 * 1_000;
/// Above this part of what a machine has it counts as busy.
const BUSY: f64 = 0.8;
const STATUS_GONE: i64 = 9_999;
/// Reads no rows: only counts them.
const COUNT: PageOf = PageOf { index: 0, size: 1 };

pub(super) fn configure(routes: &mut Routes) {
    let read = Entry::params(Needs::Person(Permission::Read, About::App));
    routes.get("/system/listWorker", read.by_owner(), list_workers);
    routes.get("/system/overview", read, overview);
    routes.get("/actuator/health", Entry::params(Needs::Nothing), health);
    configure_containers(routes);
}

/// Containers come with their engine; what the console calls is refused with that reason.
fn configure_containers(routes: &mut Routes) {
    let params = |permission| Entry::params(Needs::Person(permission, About::Header));
    let (read, ops) = (params(Permission::Read), params(Permission::Ops));
    routes.get("/container/list", read, no_containers);
    routes.get("/container/listDeployedWorker", read, no_containers);
    routes.get("/container/delete", ops, no_containers);
    routes.post("/container/jarUpload", ops, no_containers);
    routes.post("/container/save", ops, no_containers);
    let path = "/container/downloadContainerTemplate";
    routes.add(Method::POST, path, read, no_containers);
    let open = Entry::params(Needs::Nothing);
    routes.get("/container/downloadJar", open, no_jar);
}

/// A worker takes whatever comes with a 200 for the container.
async fn no_jar(context: Context) -> Result<HttpResponse, Failure> {
    let path = "/container/downloadJar";
    Ok(super::guard::not_found(&context.state, path))
}

async fn no_containers(_: Context) -> Answer {
    Err(Failure::power("this server has no containers yet"))
}

async fn overview(context: Context) -> Answer {
    let services = context.services();
    let app = context.app()?;
    let since = UnixMillis(services.now().0 - DAY_MS);
    let jobs = services.store.load_jobs(vec![app.id]).await?.len();
    let running = count(services, app.id, InstanceStatus::Running, None).await?;
    let failed = count(services, app.id, InstanceStatus::Failed, Some(since)).await?;
    let facts = &services.handles.facts;
    let here = services.facts();
    let this = json!({
        "id": 1,
        "ip": here.node,
        "bornTime": here.started_at,
        "version": here.version,
    });
    Ok(json!({
        "appId": app.id.0,
        "appName": app.name,
        "jobCount": jobs,
        "runningInstanceCount": running,
        "failedInstanceCount": failed,
        "timezone": facts.zone.name(),
        "serverTime": moment(Some(services.now().0), facts.zone),
        "webServerInfo": this,
        "scheduleServerInfo": owner(services, app.id).unwrap_or(this),
    }))
}

/// The server that looks after an application, when it is another one.
fn owner(services: &Services, app_id: AppId) -> Option<Value> {
    let owner = services.handles.cluster.other_owner(app_id)?;
    Some(json!({
        "id": 2,
        "ip": owner.node_id,
        "bornTime": 0,
        "version": env!("CARGO_PKG_VERSION"),
    }))
}

async fn count(
    services: &Services,
    app_id: AppId,
    status: InstanceStatus,
    since: Option<UnixMillis>,
) -> Result<u64, Failure> {
    let query = InstanceQuery {
        app: Some(app_id.0),
        statuses: Some(vec![status.code().into()]),
        created_after: since,
        ..InstanceQuery::default()
    };
    let order = InstanceOrder::default();
    let found = services.store.instance_page(query, order, COUNT).await?;
    Ok(found.total)
}

async fn list_workers(context: Context) -> Answer {
    let services = context.services();
    let entries = services.handles.workers.of_app(context.app_id()?);
    let mut workers: Vec<_> = entries.iter().map(|entry| entry.facts.clone()).collect();
    workers.sort_by_key(|worker| std::cmp::Reverse(worker.metrics.score()));
    let zone = services.handles.facts.zone;
    Ok(workers.iter().map(|worker| show(worker, zone)).collect())
}

fn show(worker: &Worker, zone: chrono_tz::Tz) -> Value {
    let metrics = &worker.metrics;
    let part = |used: u64, total: u64| {
        if total == 0 {
            0.0
        } else {
            used as f64 / total as f64
        }
    };
    let memory = part(metrics.memory_used_bytes, metrics.memory_total_bytes);
    let disk = part(metrics.disk_used_bytes, metrics.disk_total_bytes);
    let is_full = worker.capacity > 0 && worker.running >= worker.capacity;
    let busy = [
        metrics.cpu_load > BUSY * metrics.cpu_cores,
        memory > BUSY,
        disk > BUSY,
    ];
    let busy = busy.into_iter().filter(|is_busy| *is_busy).count() as i64;
    let status = match worker.state {
        WorkerState::Lost | WorkerState::Suspect => STATUS_GONE,
        _ if is_full => 3,
        _ => 1 + busy,
    };
    let load = |part: f64, used: u64, total: u64| {
        let (used, total) = (used as f64 / GIB, total as f64 / GIB);
        format!(
            "{}%（{} / {} GB）",
            short(part * 100.0),
            short(used),
            short(total)
        )
    };
    let tags = worker.tags.join(",");
    json!({
        "address": worker.address,
        "cpuLoad": format!("{} / {} cores", short(metrics.cpu_load), short(metrics.cpu_cores)),
        "memoryLoad": load(memory, metrics.memory_used_bytes, metrics.memory_total_bytes),
        "diskLoad": load(disk, metrics.disk_used_bytes, metrics.disk_total_bytes),
        "protocol": "NATIVE",
        "tag": if tags.is_empty() { "N/A" } else { tags.as_str() },
        "lastActiveTime": moment(Some(worker.last_seen_at.0), zone),
        "lightTaskTrackerNum": worker.running,
        "heavyTaskTrackerNum": 0,
        "lastOverloadTime": 0,
        "overloading": is_full,
        "status": status,
    })
}

/// At most one digit behind the point.
fn short(number: f64) -> String {
    let text = format!("{number:.1}");
    text.trim_end_matches(".0").to_owned()
}

/// Whether the server can do its work; a mail server has no part in it.
async fn health(context: Context) -> Result<HttpResponse, Failure> {
    let (status, word) = match (context.state.ready)() {
        Ok(()) => (StatusCode::OK, "UP"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "DOWN"),
    };
    Ok(HttpResponse::build(status)
        .content_type("application/vnd.spring-boot.actuator.v3+json")
        .json(json!({"status": word})))
}
