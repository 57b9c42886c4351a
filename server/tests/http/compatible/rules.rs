//! The table of the compatible routes: what each needs is written down here once more, so that a
//! change is seen, and none is open by accident.

use powerjob_server::http::compatible::all_routes;

const TABLE: &str = "\
DELETE /namespace/delete: SU on Namespace
GET /actuator/health: nothing
GET /auth/ifLogin: nothing, and looks who it is
GET /auth/listGlobalAdmin: an account
GET /auth/supportLoginTypes: nothing
GET /auth/thirdPartyLoginCallback: nothing
GET /auth/thirdPartyLoginUrl: nothing
GET /container/delete: OPS on Header
GET /container/downloadJar: nothing
GET /container/list: READ on Header
GET /container/listDeployedWorker: READ on Header
GET /instance/detail: READ on Instance
GET /instance/downloadLog4Console: OPS on InstanceLog
GET /instance/downloadLog: a signature
GET /instance/downloadLogUrl: READ on InstanceLog
GET /instance/log: OPS on InstanceLog
GET /instance/retry: OPS on Instance
GET /instance/stop: OPS on Instance
GET /job/delete: WRITE on SwitchedJob
GET /job/disable: WRITE on SwitchedJob
GET /job/export: READ on Job
GET /job/run: OPS on StartedJob
GET /system/listWorker: READ on App
GET /system/overview: READ on App
GET /user/detail: an account
GET /user/list: an account
GET /validate/timeExpression: an account
GET /wfInstance/info: READ on WorkflowRun
GET /wfInstance/markNodeAsSuccess: OPS on WorkflowRun
GET /wfInstance/retry: OPS on WorkflowRun
GET /wfInstance/stop: OPS on WorkflowRun
GET /workflow/delete: WRITE on Workflow
GET /workflow/disable: WRITE on Workflow
GET /workflow/enable: WRITE on Workflow
GET /workflow/fetch: READ on Workflow
GET /workflow/run: OPS on Workflow
POST /appInfo/becomeAdmin: an account
POST /appInfo/delete: SU on App
POST /appInfo/list: an account
POST /appInfo/save: WRITE on SavedApp
POST /auth/saveGlobalAdmin: SU on everything
POST /auth/thirdPartyLoginCallback: nothing
POST /auth/thirdPartyLoginDirect: nothing
POST /container/downloadContainerTemplate: READ on Header
POST /container/jarUpload: OPS on Header
POST /container/save: OPS on Header
POST /instance/detailPlus: READ on Instance
POST /instance/list: READ on App
POST /job/copy: WRITE on Job
POST /job/list: READ on App
POST /job/save: WRITE on SavedJob
POST /namespace/list: an account
POST /namespace/listAll: an account
POST /namespace/save: WRITE on SavedNamespace
POST /openApi/addWorkflowNode: a token for SavedNodes
POST /openApi/assert: a password
POST /openApi/authApp: a password
POST /openApi/cancelInstance: a token for Instance
POST /openApi/copyJob: a token for AnyJob
POST /openApi/copyWorkflow: a token for Workflow
POST /openApi/deleteJob: a token for Job
POST /openApi/deleteWorkflow: a token for Workflow
POST /openApi/disableJob: a token for Job
POST /openApi/disableWorkflow: a token for Workflow
POST /openApi/enableJob: a token for Job
POST /openApi/enableWorkflow: a token for Workflow
POST /openApi/exportJob: a token for Job
POST /openApi/fetchAllJob: a token for App
POST /openApi/fetchInstanceInfo: a token for AnyInstance
POST /openApi/fetchInstanceStatus: a token for AnyInstance
POST /openApi/fetchJob: a token for Job
POST /openApi/fetchWfInstanceInfo: a token for WorkflowRun
POST /openApi/fetchWorkflow: a token for Workflow
POST /openApi/markWorkflowNodeAsSuccess: a token for WorkflowRun
POST /openApi/queryInstance: a token for Query
POST /openApi/queryJob: a token for Query
POST /openApi/retryInstance: a token for Instance
POST /openApi/retryWfInstance: a token for WorkflowRun
POST /openApi/runJob: a token for Job
POST /openApi/runWorkflow: a token for Workflow
POST /openApi/saveJob: a token for SavedJob
POST /openApi/saveWorkflow: a token for SavedWorkflow
POST /openApi/stopInstance: a token for Instance
POST /openApi/stopWfInstance: a token for WorkflowRun
POST /pwjbUser/changePassword: an account
POST /pwjbUser/create: nothing, and looks who it is
POST /user/disable: an account
POST /user/enable: an account
POST /user/modify: an account
POST /user/query: SU on everything
POST /wfInstance/list: READ on App
POST /wfInstance/markNodeAsSuccess: OPS on WorkflowRun
POST /wfInstance/retry: OPS on WorkflowRun
POST /workflow/copy: WRITE on Workflow
POST /workflow/list: READ on App
POST /workflow/save: WRITE on SavedWorkflow
POST /workflow/saveNode: WRITE on SavedNodes
";

#[test]
fn every_compatible_route_needs_what_the_table_says() {
    let routes = all_routes();
    let mut lines: Vec<_> = routes
        .rules()
        .iter()
        .map(|rule| format!("{} {}: {}\n", rule.method, rule.path, rule.needs))
        .collect();
    lines.sort();
    assert_eq!(lines.concat(), TABLE);
}
