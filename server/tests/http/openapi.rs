//! The OpenAPI document: the one in the console's folder is the present one, and it knows all routes.

use std::collections::BTreeSet;
use std::path::Path;

use powerjob_common::reason::ReasonCode;
use powerjob_server::http::{all_routes, compatible, openapi_json};
use serde_json::Value;

#[test]
fn the_stored_document_is_the_present_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../console/web/openapi.json");
    let present = openapi_json();
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &present).expect("the document can be written");
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == present,
        "run this test with UPDATE_OPENAPI=1 and commit the document"
    );
}

#[test]
fn the_page_of_reasons_is_the_present_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reasons.md");
    let row = |code: &ReasonCode| {
        let words = code.words().replace('|', "\\|");
        format!("| `{}` | {words} |\n", code.name())
    };
    let rows: String = ReasonCode::ALL.iter().map(row).collect();
    let present = REASONS_HEAD.to_owned() + &rows;
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &present).expect("the page can be written");
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == present,
        "run this test with UPDATE_OPENAPI=1 and commit the page"
    );
}

const REASONS_HEAD: &str = "\
# Reasons

Why an instance waits, why a job does not run, and what is wrong with a field: each reason has a `code` of this list, its values in `params`, and the reasons it consists of in `parts`.
The words are those of the English text; `{name}` stands for a value, `{parts}` for the reasons inside.
Programs decide by the code: it never changes its meaning.
A test of the server writes this page (`UPDATE_OPENAPI=1 cargo test -p powerjob-server --test http openapi`).

| code | words |
| --- | --- |
";

#[test]
fn every_route_is_described_and_nothing_else() {
    let document: Value = serde_json::from_str(&openapi_json()).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let described: BTreeSet<String> = paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().expect("operations").keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let (own, others) = (all_routes(), compatible::all_routes());
    let own = own.rules().iter();
    let others = others.rules().iter();
    let registered: BTreeSet<String> = own
        .map(|rule| format!("{} /v1{}", rule.method, rule.path))
        .chain(others.map(|rule| format!("{} {}", rule.method, rule.path)))
        .collect();
    assert_eq!(described, registered);
}

#[test]
fn every_operation_has_a_name_a_need_and_a_problem() {
    let document: Value = serde_json::from_str(&openapi_json()).expect("JSON");
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for operation in item.as_object().expect("operations").values() {
            let name = operation["operationId"].as_str().expect("a name");
            assert!(names.insert(name.to_owned()), "{name} is there twice");
            assert!(
                operation["description"]
                    .as_str()
                    .is_some_and(|it| it.contains("Needs: "))
            );
            assert!(operation["security"].is_array(), "{name}");
            if !path.starts_with("/v1/") {
                continue; // refusals of the reference are 200s
            }
            let problem = &operation["responses"]["default"]["content"]["application/problem+json"];
            assert_eq!(
                problem["schema"]["$ref"], "#/components/schemas/Problem",
                "{name}"
            );
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document: Value = serde_json::from_str(&openapi_json()).expect("JSON");
    let mut open = vec![&document];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(target) = fields.get("$ref").and_then(Value::as_str) {
                    let pointer = target.strip_prefix('#').expect("a local reference");
                    assert!(document.pointer(pointer).is_some(), "{target}");
                }
                open.extend(fields.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
}
