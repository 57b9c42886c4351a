//! The compatible endpoints as operations of the OpenAPI document.
//!
//! One line of [`TABLE`] for each: method and path, parameters, fields of the body, and what `data` of
//! the answer is. `name:kind`, `!` for what is required; a body of `[...]` is a list of such objects.

use serde_json::{Map, Value, json};

use super::route::{Needs, Rule};

/// Kinds: `long`, `int`, `double`, `text`, `flag`, `ids`, `date`, `object`, `list`, or the names of an
/// enumeration between bars. Data: `nothing`, `number`, `word`, `list`, `page`, `thing`, `any`, `file`.
const TABLE: &str = "\
GET /auth/supportLoginTypes ; ; ; list
GET /auth/thirdPartyLoginUrl ; type!:text ; ; word
GET /auth/thirdPartyLoginCallback ; state:text ; ; thing
POST /auth/thirdPartyLoginCallback ; state:text ; ; thing
POST /auth/thirdPartyLoginDirect ; ; loginType!:text originParams!:text ; thing
GET /auth/ifLogin ; ; ; thing
GET /auth/listGlobalAdmin ; ; ; list
POST /auth/saveGlobalAdmin ; ; observer:ids qa:ids developer:ids admin!:ids ; nothing
POST /user/modify ; ; id!:long nick:text phone:text email:text webHook:text extra:text ; nothing
GET /user/list ; name:text ; ; list
POST /user/query ; ; userIdEq:long accountTypeEq:text nickLike:text phoneLike:text ; list
GET /user/detail ; ; ; thing
POST /user/disable ; uid!:long ; ; nothing
POST /user/enable ; uid!:long ; ; nothing
POST /pwjbUser/create ; ; username!:text password!:text nick:text phone:text email:text webHook:text extra:text ; nothing
POST /pwjbUser/changePassword ; ; username!:text oldPassword!:text newPassword!:text newPassword2!:text ; nothing
POST /namespace/save ; ; id:long code!:text name:text dept:text tags:text status:int extra:text componentUserRoleInfo:object ; thing
DELETE /namespace/delete ; id!:long ; ; nothing
POST /namespace/list ; ; codeLike:text nameLike:text tagLike:text index:int pageSize:int ; page
POST /namespace/listAll ; ; anything:text ; list
POST /appInfo/save ; ; id:long appName!:text namespaceId:long namespaceCode:text password!:text title:text tags:text extra:text componentUserRoleInfo:object ; thing
POST /appInfo/delete ; appId!:long ; ; nothing
POST /appInfo/list ; ; appId:long namespaceId:long appNameLike:text tagLike:text showMyRelated:flag index!:int pageSize!:int ; page
POST /appInfo/becomeAdmin ; ; appName!:text password!:text encryptType:text ; nothing
POST /job/save ; ; {job} ; nothing
POST /job/copy ; jobId!:long ; ; thing
GET /job/export ; jobId!:long ; ; thing
GET /job/disable ; jobId!:long ; ; nothing
GET /job/delete ; jobId!:long ; ; nothing
GET /job/run ; appId!:long jobId!:long instanceParams:text ; ; number
POST /job/list ; ; appId!:long index!:int pageSize!:int jobId:long keyword:text ; page
GET /validate/timeExpression ; timeExpressionType!:|API|CRON|FIXED_RATE|FIXED_DELAY|DAILY_TIME_INTERVAL| timeExpression:text startTime:long endTime:long ; ; list
GET /instance/stop ; appId!:long instanceId!:long ; ; nothing
GET /instance/retry ; appId!:long instanceId!:long ; ; nothing
GET /instance/detail ; appId!:long instanceId!:long ; ; thing
POST /instance/detailPlus ; ; appId:long instanceId!:long customQuery:text ; thing
GET /instance/log ; appId!:long instanceId!:long index!:long ; ; thing
GET /instance/downloadLogUrl ; appId!:long instanceId!:long ; ; word
GET /instance/downloadLog ; instanceId!:long expires!:long sign!:text ; ; file
GET /instance/downloadLog4Console ; appId!:long instanceId!:long ; ; file
POST /instance/list ; ; appId!:long index!:int pageSize!:int type!:|NORMAL|WORKFLOW| instanceId:long jobId:long wfInstanceId:long status:text ; page
POST /workflow/save ; ; {workflow} ; number
POST /workflow/copy ; appId!:long workflowId!:long ; ; number
GET /workflow/disable ; appId!:long workflowId!:long ; ; nothing
GET /workflow/enable ; appId!:long workflowId!:long ; ; nothing
GET /workflow/delete ; appId!:long workflowId!:long ; ; nothing
POST /workflow/list ; ; appId!:long index!:int pageSize!:int workflowId:long keyword:text ; page
GET /workflow/run ; appId!:long workflowId!:long delay:long initParams:text ; ; number
GET /workflow/fetch ; appId!:long workflowId!:long ; ; thing
POST /workflow/saveNode ; ; [{node}] ; list
GET /wfInstance/stop ; appId!:long wfInstanceId!:long ; ; nothing
GET /wfInstance/retry ; appId!:long wfInstanceId!:long ; ; nothing
POST /wfInstance/retry ; appId!:long wfInstanceId!:long ; ; nothing
GET /wfInstance/markNodeAsSuccess ; appId!:long wfInstanceId!:long nodeId!:long ; ; nothing
POST /wfInstance/markNodeAsSuccess ; appId!:long wfInstanceId!:long nodeId!:long ; ; nothing
GET /wfInstance/info ; appId!:long wfInstanceId!:long ; ; thing
POST /wfInstance/list ; ; appId!:long index!:int pageSize!:int wfInstanceId:long workflowId:long status:text ; page
GET /system/listWorker ; appId!:long ; ; list
GET /system/overview ; appId!:long ; ; thing
GET /actuator/health ; ; ; any
GET /container/list ; appId!:long ; ; list
GET /container/listDeployedWorker ; appId!:long containerId!:long ; ; word
GET /container/delete ; appId!:long containerId!:long ; ; nothing
POST /container/jarUpload ; ; ; word
POST /container/save ; ; id:long appId!:long containerName!:text sourceType!:text sourceInfo!:text status!:text ; nothing
POST /container/downloadContainerTemplate ; ; group:text artifact:text name:text packageName:text javaVersion:int ; file
GET /container/downloadJar ; version!:text ; ; file
POST /openApi/assert ; appName!:text password:text ; ; number
POST /openApi/authApp ; ; appName!:text encryptedPassword!:text encryptType:text ; thing
POST /openApi/saveJob ; ; {job} ; number
POST /openApi/copyJob ; jobId!:long appId:long ; ; number
POST /openApi/exportJob ; jobId!:long appId!:long ; ; thing
POST /openApi/fetchJob ; jobId!:long appId!:long ; ; thing
POST /openApi/fetchAllJob ; appId!:long ; ; list
POST /openApi/queryJob ; ; appIdEq:long idEq:long idLt:long idGt:long jobNameEq:text jobNameLike:text jobDescriptionLike:text jobParamsLike:text timeExpressionTypeIn:ids executeTypeIn:ids processorTypeIn:ids statusIn:ids processorInfoEq:text processorInfoLike:text nextTriggerTimeGt:long nextTriggerTimeLt:long notifyUserIdsLike:text gmtCreateLt:date gmtCreateGt:date gmtModifiedLt:date gmtModifiedGt:date dispatchStrategyEq:int tagEq:text ; list
POST /openApi/deleteJob ; jobId!:long appId!:long ; ; nothing
POST /openApi/disableJob ; jobId!:long appId!:long ; ; nothing
POST /openApi/enableJob ; jobId!:long appId!:long ; ; nothing
POST /openApi/runJob ; jobId!:long appId!:long instanceParams:text delay:long ; ; number
POST /openApi/stopInstance ; instanceId!:long appId!:long ; ; nothing
POST /openApi/cancelInstance ; instanceId!:long appId!:long ; ; nothing
POST /openApi/retryInstance ; instanceId!:long appId!:long ; ; nothing
POST /openApi/fetchInstanceStatus ; instanceId!:long appId:long ; ; number
POST /openApi/fetchInstanceInfo ; instanceId!:long appId:long ; ; thing
POST /openApi/queryInstance ; ; appIdEq:long instanceIdEq:long instanceIdLt:long instanceIdGt:long jobIdEq:long statusIn:ids gmtCreateLt:date gmtCreateGt:date gmtModifiedLt:date gmtModifiedGt:date index:int pageSize:int sortBy:text asc:flag ; page
POST /openApi/saveWorkflow ; ; {workflow} ; number
POST /openApi/addWorkflowNode ; ; [{node}] ; list
POST /openApi/copyWorkflow ; appId!:long workflowId!:long ; ; number
POST /openApi/fetchWorkflow ; appId!:long workflowId!:long ; ; thing
POST /openApi/deleteWorkflow ; appId!:long workflowId!:long ; ; nothing
POST /openApi/disableWorkflow ; appId!:long workflowId!:long ; ; nothing
POST /openApi/enableWorkflow ; appId!:long workflowId!:long ; ; nothing
POST /openApi/runWorkflow ; appId!:long workflowId!:long initParams:text delay:long ; ; number
POST /openApi/stopWfInstance ; appId!:long wfInstanceId!:long ; ; nothing
POST /openApi/retryWfInstance ; appId!:long wfInstanceId!:long ; ; nothing
POST /openApi/markWorkflowNodeAsSuccess ; appId!:long wfInstanceId!:long nodeId!:long ; ; nothing
POST /openApi/fetchWfInstanceInfo ; appId!:long wfInstanceId!:long ; ; thing
";

/// Bodies that several endpoints take.
const BODIES: [(&str, &str); 3] = [
    (
        "{job}",
        "id:long jobName!:text jobDescription:text appId!:long jobParams:text \
         timeExpressionType!:|API|CRON|FIXED_RATE|FIXED_DELAY|WORKFLOW|DAILY_TIME_INTERVAL| \
         timeExpression:text executeType!:|STANDALONE|BROADCAST|MAP_REDUCE|MAP| \
         processorType!:|BUILT_IN|EXTERNAL|SHELL|PYTHON| processorInfo!:text maxInstanceNum:int \
         concurrency:int instanceTimeLimit:long instanceRetryNum:int taskRetryNum:int \
         minCpuCores:double minMemorySpace:double minDiskSpace:double enable:flag \
         designatedWorkers:text maxWorkerCount:int notifyUserIds:ids extra:text \
         dispatchStrategy:|HEALTH_FIRST|RANDOM|SPECIFY| dispatchStrategyConfig:text \
         lifeCycle:object alarmConfig:object tag:text logConfig:object \
         advancedRuntimeConfig:object",
    ),
    (
        "{workflow}",
        "id:long wfName!:text wfDescription:text appId!:long \
         timeExpressionType!:|API|CRON|DAILY_TIME_INTERVAL| timeExpression:text \
         maxWfInstanceNum:int enable:flag notifyUserIds:ids dag!:object lifeCycle:object",
    ),
    (
        "{node}",
        "id:long appId!:long type!:int jobId:long nodeName:text nodeParams:text enable:flag \
         skipWhenFailed:flag",
    ),
];

/// The path items, for the routes of the table.
pub(in crate::http) fn path_items(rules: &[Rule]) -> Map<String, Value> {
    let mut items = Map::new();
    for rule in rules {
        let operation = operation_of(rule);
        let item = items
            .entry(rule.path)
            .or_insert_with(|| Value::Object(Map::new()));
        item[rule.method.as_str().to_ascii_lowercase()] = operation;
    }
    items
}

/// The answers by what their `data` is; a type `null` stands for any.
pub(in crate::http) fn schemas() -> Map<String, Value> {
    let data = [
        ("nothing", json!({"type": null})),
        (
            "number",
            json!({"type": ["integer", "null"], "format": "int64"}),
        ),
        ("word", json!({"type": ["string", "null"]})),
        (
            "list",
            json!({"type": ["array", "null"], "items": {"type": null}}),
        ),
        ("thing", json!({"type": ["object", "null"]})),
        (
            "page",
            json!({
                "type": ["object", "null"],
                "required": ["index", "pageSize", "totalPages", "totalItems", "data"],
                "properties": {
                    "index": {"type": "integer"}, "pageSize": {"type": "integer"},
                    "totalPages": {"type": "integer"}, "totalItems": {"type": "integer"},
                    "data": {"type": ["array", "null"], "items": {"type": null}},
                },
            }),
        ),
    ];
    let schema = |(name, data)| {
        let schema = json!({
            "type": "object",
            "required": ["success", "message"],
            "properties": {
                "success": {"type": "boolean", "description": "Whether it was carried out"},
                "data": data,
                "message": {"type": ["string", "null"], "description": "Why it was not"},
                "code": {"type": ["string", "null"], "description": "The reference's code of it"},
            },
        });
        (schema_name(name), schema)
    };
    data.into_iter().map(schema).collect()
}

fn schema_name(data: &str) -> String {
    let (first, rest) = data.split_at(1);
    format!("CompatibleAnswerOf{}{rest}", first.to_uppercase())
}

fn operation_of(rule: &Rule) -> Value {
    let name = format!("{} {} ;", rule.method, rule.path);
    let line = TABLE.lines().find(|line| line.starts_with(&name));
    let columns: Vec<&str> = line.unwrap_or(&name).split(';').map(str::trim).collect();
    let column = |place: usize| columns.get(place).copied().unwrap_or_default();
    let mut operation = json!({
        "tags": ["compatible"],
        "operationId": operation_id(rule),
        "description": format!("Needs: {}.", rule.needs),
        "responses": {"200": answer(column(3), rule.needs), "default": other_answer()},
        "security": security(rule.needs),
    });
    if !column(1).is_empty() {
        operation["parameters"] = column(1).split_whitespace().map(parameter).collect();
    }
    if !column(2).is_empty() {
        let content = json!({"application/json": {"schema": body(column(2))}});
        operation["requestBody"] = json!({"required": true, "content": content});
    }
    operation
}

/// `getJobRun` for `GET /job/run`.
fn operation_id(rule: &Rule) -> String {
    let mut id = format!("compatible{}", rule.method.as_str().to_ascii_lowercase());
    for part in rule.path.split('/').filter(|part| !part.is_empty()) {
        let (first, rest) = part.split_at(1);
        id.push_str(&first.to_uppercase());
        id.push_str(rest);
    }
    id
}

fn answer(data: &str, needs: Needs) -> Value {
    let content = match data {
        "file" => json!({"application/octet-stream": {}, "application/json": {}}),
        "any" => json!({"application/vnd.spring-boot.actuator.v3+json": {}}),
        data => {
            let schema = format!("#/components/schemas/{}", schema_name(data));
            json!({"application/json": {"schema": {"$ref": schema}}})
        }
    };
    let mut answer = json!({"description": "Also when it was refused", "content": content});
    if matches!(needs, Needs::Program(_)) {
        let schema = json!({"type": "string", "enum": ["true", "false"]});
        let what = "Whether the token was right";
        answer["headers"] =
            json!({"X-POWERJOB-AUTH-PASSED": {"description": what, "schema": schema}});
    }
    answer
}

fn other_answer() -> Value {
    json!({"description": "The path is not served here"})
}

fn security(needs: Needs) -> Value {
    match needs {
        Needs::Nothing | Needs::MaybeSignedIn | Needs::ProgramEntrance | Needs::Signature => {
            json!([])
        }
        Needs::SignedIn | Needs::Global(_) | Needs::Person(..) => json!([{"console": []}]),
        Needs::Program(_) => json!([{"program": [], "programApp": []}]),
    }
}

fn parameter(text: &str) -> Value {
    let (name, is_required, schema) = field(text);
    json!({"name": name, "in": "query", "required": is_required, "schema": schema})
}

fn body(text: &str) -> Value {
    let (text, is_list) = match text.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
        Some(inner) => (inner, true),
        None => (text, false),
    };
    let known = BODIES.iter().find(|(name, _)| *name == text);
    let fields = known.map_or(text, |(_, fields)| *fields);
    let fields: Vec<_> = fields.split_whitespace().map(field).collect();
    let required: Vec<_> = fields.iter().filter(|it| it.1).map(|it| it.0).collect();
    let properties: Map<String, Value> = fields
        .iter()
        .map(|(name, _, schema)| ((*name).to_owned(), schema.clone()))
        .collect();
    let mut object = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    if is_list {
        json!({"type": "array", "items": object})
    } else {
        object
    }
}

/// Name, whether it is required, schema.
fn field(text: &str) -> (&str, bool, Value) {
    let (name, kind) = text.split_once(':').unwrap_or((text, "text"));
    let schema = match kind {
        "long" => json!({"type": "integer", "format": "int64"}),
        "int" => json!({"type": "integer", "format": "int32"}),
        "double" => json!({"type": "number", "format": "double"}),
        "flag" => json!({"type": "boolean"}),
        "ids" => json!({"type": "array", "items": {"type": "integer", "format": "int64"}}),
        "date" => json!({"type": "integer", "description": "Epoch milliseconds, or ISO 8601"}),
        "object" => json!({"type": "object"}),
        "text" => json!({"type": "string"}),
        names => {
            let names: Vec<_> = names.split('|').filter(|name| !name.is_empty()).collect();
            json!({"type": "string", "enum": names})
        }
    };
    (name.trim_end_matches('!'), name.ends_with('!'), schema)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::compatible::all_routes;

    #[test]
    fn every_route_has_its_line() {
        let known = |line: &str| line.split(" ;").next().unwrap_or_default().to_owned();
        let mut lines: Vec<String> = TABLE.lines().map(known).collect();
        let routes = all_routes();
        let rules = routes.rules().iter();
        let mut wanted: Vec<String> = rules
            .map(|rule| format!("{} {}", rule.method, rule.path))
            .collect();
        lines.sort();
        wanted.sort();
        assert_eq!(lines, wanted);
    }

    #[test]
    fn what_is_required_is_said() {
        let schema = body("[{node}]");
        assert_eq!(schema["items"]["required"], json!(["appId", "type"]));
        assert_eq!(parameter("appId!:long")["required"], true);
        assert_eq!(field("type!:|A|B|").2["enum"], json!(["A", "B"]));
    }
}
