//! The table of routes: what each needs is written down here once more, so that a change is seen.

use powerjob_server::http::{Routes, all_routes, transport_routes, worker_web_routes};

const TABLE: &str = "\
DELETE /apps/{appId}: SU on the application
DELETE /jobs/{jobId}: WRITE on the job's application
DELETE /session: an account
GET /actors: SU on everything
GET /apps/{appId}/calendar: READ on the application
GET /apps/{appId}/events: READ on the application
GET /apps/{appId}/instances: READ on the application
GET /apps/{appId}/jobs: READ on the application
GET /apps/{appId}/statistics: READ on the application
GET /apps/{appId}/workers: READ on the application
GET /apps/{appId}: READ on the application
GET /apps: an account
GET /instances/{instanceId}/beats: READ on the instance's application
GET /instances/{instanceId}/log/download: OPS on the instance's application
GET /instances/{instanceId}/log/stream: OPS on the instance's application
GET /instances/{instanceId}/log: OPS on the instance's application
GET /instances/{instanceId}/tasks/search: READ on the instance's application
GET /instances/{instanceId}/tasks: READ on the instance's application
GET /instances/{instanceId}: READ on the instance's application
GET /jobs/{jobId}/diagnosis: READ on the job's application
GET /jobs/{jobId}/runs: READ on the job's application
GET /jobs/{jobId}/triggers: READ on the job's application
GET /jobs/{jobId}: READ on the job's application
GET /openapi.json: nothing
GET /server/cleaning: SU on everything
GET /server: SU on everything
GET /session: an account
GET /tap/recent: SU on everything
GET /tap: SU on everything
PATCH /apps/{appId}: WRITE on the application
POST /apps/{appId}/client-password: SU on the application
POST /apps/{appId}/jobs: WRITE on the application
POST /apps/{appId}/secret: SU on the application
POST /apps/{appId}/worker-orders: OPS on the application
POST /apps: an account
POST /instances/{instanceId}/cancel: OPS on the instance's application
POST /instances/{instanceId}/kill: OPS on the instance's application
POST /instances/{instanceId}/retry: OPS on the instance's application
POST /instances/{instanceId}/stop: OPS on the instance's application
POST /instances/{instanceId}/tasks/retry: OPS on the instance's application
POST /jobs/{jobId}/copy: WRITE on the job's application
POST /jobs/{jobId}/disable: WRITE on the job's application
POST /jobs/{jobId}/enable: WRITE on the job's application
POST /jobs/{jobId}/runs: OPS on the job's application
POST /jobs/{jobId}/runs:batch: OPS on the job's application
POST /schedules:check: an account
POST /server/cleaning: SU on everything
POST /session/tickets: an account
POST /session: nothing
PUT /jobs/{jobId}: WRITE on the job's application
";

/// Routes for workers of the reference: on the web port, and on the port of their transport.
const FOR_WORKERS: &str = "\
GET /server/acquire: an address trusted for workers
GET /server/assert: an address trusted for workers
GET /server/assertV2: an address trusted for workers
GET /server/checkConnectivity: an address trusted for workers
POST /friend/ping: an address trusted for workers
POST /server/queryContainer: an address trusted for workers
POST /server/queryJobCluster: an address trusted for workers
POST /server/reportInstanceStatus: an address trusted for workers
POST /server/reportLog: an address trusted for workers
POST /server/workerHeartbeat: an address trusted for workers
";

fn lines_of(routes: &Routes) -> Vec<String> {
    let rules = routes.rules().iter();
    rules
        .map(|rule| format!("{} {}: {}\n", rule.method, rule.path, rule.needs))
        .collect()
}

#[test]
fn every_route_needs_what_the_table_says() {
    let mut lines = lines_of(&all_routes());
    lines.sort();
    assert_eq!(lines.concat(), TABLE);
    let mut lines = lines_of(&worker_web_routes());
    lines.extend(lines_of(&transport_routes()));
    lines.sort();
    assert_eq!(lines.concat(), FOR_WORKERS);
}
