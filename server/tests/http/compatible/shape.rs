//! Is an answer equal in shape to a recorded one?

use std::collections::BTreeMap;

use serde_json::Value;

/// What the ids of a recording are here, by kind and recorded value.
pub(crate) type Ids = BTreeMap<(&'static str, String), String>;

/// Messages of these classes carry texts of the JVM or of a parser: only the class is compared.
const TEXTS_OF_JAVA: &[&str] = &[
    "NullPointerException",
    "HttpMessageNotReadableException",
    "InvalidDataAccessApiUsageException",
    "MethodArgumentTypeMismatchException",
    "INVALID_TOKEN",
];

/// What the id of a field is the id of.
pub(crate) fn kind_of(path: &str, key: &str) -> Option<&'static str> {
    Some(match key {
        "appId" | "appIdEq" | "AppId" | "X-POWERJOB-APP-ID" => "app",
        "jobId" | "jobIdEq" | "idEq" => "job",
        "instanceId" | "instanceIdEq" => "instance",
        "workflowId" => "workflow",
        "nodeId" | "from" | "to" => "node",
        "wfInstanceId" => "run",
        "uid" | "observer" | "qa" | "developer" | "admin" => "user",
        "namespaceId" | "NamespaceId" => "namespace",
        "containerId" => "container",
        "id" => match path {
            _ if path.contains("Node") => "node",
            _ if path.contains("Workflow") || path.starts_with("/workflow") => "workflow",
            _ if path.starts_with("/namespace") => "namespace",
            _ if path.starts_with("/appInfo") => "app",
            _ if path.starts_with("/user") || path.starts_with("/auth") => "user",
            _ if path.starts_with("/container") => "container",
            _ => "job",
        },
        "data" => match path.rsplit('/').next().unwrap_or_default() {
            "saveJob" | "copyJob" => "job",
            "runJob" => "instance",
            "run" if path.starts_with("/job") => "instance",
            "saveWorkflow" | "copyWorkflow" => "workflow",
            "save" | "copy" if path.starts_with("/workflow") => "workflow",
            "assert" => "app",
            _ => return None,
        },
        _ => return None,
    })
}

/// Notes what recorded ids are here, wherever both answers have one.
pub(crate) fn learn(ids: &mut Ids, path: &str, recorded: &Value, ours: &Value) {
    match (recorded, ours) {
        (Value::Object(recorded), Value::Object(ours)) => {
            for (key, recorded) in recorded {
                let Some(ours) = ours.get(key) else { continue };
                match (kind_of(path, key), id(recorded), id(ours)) {
                    (Some(kind), Some(recorded), Some(ours)) => {
                        ids.entry((kind, recorded)).or_insert(ours);
                    }
                    _ => learn(ids, path, recorded, ours),
                }
            }
        }
        (Value::Array(recorded), Value::Array(ours)) if recorded.len() == ours.len() => {
            for (recorded, ours) in recorded.iter().zip(ours) {
                learn(ids, path, recorded, ours);
            }
        }
        _ => {}
    }
}

fn id(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if text.parse::<i64>().is_ok() => Some(text.clone()),
        _ => None,
    }
}

/// A recorded body with our ids in the place of the recorded ones.
pub(crate) fn with_our_ids(ids: &Ids, path: &str, key: &str, value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), with_our_ids(ids, path, key, value)))
            .collect(),
        Value::Array(items) => items
            .iter()
            .map(|item| with_our_ids(ids, path, key, item))
            .collect(),
        value => {
            let known = kind_of(path, key).zip(id(value));
            let ours = known.and_then(|(kind, id)| ids.get(&(kind, id)));
            match (ours, value) {
                (Some(ours), Value::String(_)) => ours.as_str().into(),
                (Some(ours), _) => ours.parse::<i64>().expect("an id").into(),
                (None, value) => value.clone(),
            }
        }
    }
}

/// All differences of shape, each with the place where it is.
pub(crate) fn differences(recorded: &Value, ours: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", recorded, ours, &mut found);
    for key in ["success", "code"] {
        // The reference has this code and does not send it.
        let is_denied = recorded["message"] == "PowerJobException: Permission denied!";
        let denied = Value::from("-200");
        let ours = &ours[key];
        let recorded = match key {
            "code" if is_denied => &denied,
            key => &recorded[key],
        };
        if recorded != ours {
            found.push(format!("{key}: {recorded}, here {ours}"));
        }
    }
    let message = |value: &Value| value["message"].as_str().map(without_chance);
    let (recorded, ours) = (message(recorded), message(ours));
    if recorded != ours {
        found.push(format!("message: {recorded:?}, here {ours:?}"));
    }
    found
}

/// Digits and texts of the machine are not compared.
fn without_chance(text: &str) -> String {
    if let Some(class) = TEXTS_OF_JAVA.iter().find(|class| text.starts_with(*class)) {
        return (*class).to_owned();
    }
    let mut kept = String::new();
    for letter in text.chars() {
        if letter.is_ascii_digit() {
            if !kept.ends_with('#') {
                kept.push('#');
            }
        } else {
            kept.push(letter);
        }
    }
    kept
}

fn compare(place: &str, recorded: &Value, ours: &Value, found: &mut Vec<String>) {
    match (recorded, ours) {
        (Value::Object(recorded), Value::Object(ours)) => {
            for key in recorded.keys().filter(|key| !ours.contains_key(*key)) {
                found.push(format!("{place}/{key} is missing"));
            }
            for key in ours.keys().filter(|key| !recorded.contains_key(*key)) {
                found.push(format!("{place}/{key} is not in the reference"));
            }
            for (key, recorded) in recorded {
                if let Some(ours) = ours.get(key) {
                    compare(&format!("{place}/{key}"), recorded, ours, found);
                }
            }
        }
        (Value::Array(recorded), Value::Array(ours)) => match (&recorded[..], &ours[..]) {
            ([recorded, ..], [ours, ..]) => compare(&format!("{place}/0"), recorded, ours, found),
            ([_, ..], []) => found.push(format!("{place} is empty here")),
            _ => {}
        },
        // Whether a field is set depends on what happened before; that there is an answer does not.
        (Value::Null, other) | (other, Value::Null) if place == "/data" && !other.is_null() => {
            found.push(format!("{place}: {recorded}, here {ours}"));
        }
        (Value::Null, _) | (_, Value::Null) => {}
        (recorded, ours) => {
            if std::mem::discriminant(recorded) != std::mem::discriminant(ours)
                || recorded.is_f64() != ours.is_f64()
            {
                found.push(format!("{place}: {recorded}, here {ours}"));
            }
        }
    }
}
