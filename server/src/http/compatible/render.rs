//! Values as the reference writes them (spec 06 section 2.1).

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use powerjob_common::time::UnixMillis;
use serde_json::{Value, json};

use super::call::Fields;
use super::failure::Failure;
use crate::store::reference::{MAX_PAGE, PageOf, Rows};

/// A date: ISO 8601 in UTC.
pub(super) fn date(at: UnixMillis) -> String {
    utc(at.0).format("%Y-%m-%dT%H:%M:%S%.3f+00:00").to_string()
}

/// A time for people, in the server's zone; a missing one is `N/A`.
pub(super) fn moment(at: Option<i64>, zone: Tz) -> String {
    match at.filter(|at| *at > 0) {
        Some(at) => utc(at)
            .with_timezone(&zone)
            .format("%Y-%m-%d %H:%M:%S")
            .to_string(),
        None => "N/A".to_owned(),
    }
}

fn utc(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

/// A text; an empty one is `null`, because both are stored alike.
pub(super) fn text(text: Option<&str>) -> Value {
    match text {
        None | Some("") => Value::Null,
        Some(text) => text.into(),
    }
}

/// JSON that is stored as text; what cannot be read is `null`.
pub(super) fn stored_json(text: Option<&str>) -> Value {
    text.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or(Value::Null)
}

/// The named fields of stored JSON, each of them written, and be it as `null`.
pub(super) fn fields_of(text: Option<&str>, names: &[&str]) -> Value {
    let stored = stored_json(text);
    let pairs = names.iter().map(|name| {
        let value = stored.get(name).cloned().unwrap_or(Value::Null);
        ((*name).to_owned(), value)
    });
    Value::Object(pairs.collect())
}

/// Ids that are stored as text, separated by commas.
pub(super) fn ids(text: Option<&str>) -> Vec<i64> {
    let parts = text.unwrap_or_default().split(',');
    parts.filter_map(|part| part.trim().parse().ok()).collect()
}

/// Ids as they are stored.
pub(super) fn join_ids(ids: &[i64]) -> String {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    ids.join(",")
}

/// The page that a request asks for, by its fields `index` and `pageSize`.
pub(super) fn page_of(fields: Fields<'_>, defaults: Option<(i64, i64)>) -> Result<PageOf, Failure> {
    let (index, size) = defaults.unzip();
    let index = fields.long("index")?.or(index);
    let size = fields.long("pageSize")?.or(size);
    let index = index.ok_or_else(|| Failure::missing("index"))?;
    let size = size.ok_or_else(|| Failure::missing("pageSize"))?;
    if index < 0 {
        return Err(Failure::argument("Page index must not be less than zero"));
    }
    if size < 1 {
        return Err(Failure::argument("Page size must not be less than one"));
    }
    let size = size.min(i64::from(MAX_PAGE));
    Ok(PageOf {
        index: u32::try_from(index).unwrap_or(u32::MAX),
        size: u32::try_from(size).unwrap_or(MAX_PAGE),
    })
}

/// A page as the reference writes it.
pub(super) fn page<T>(page: PageOf, rows: &Rows<T>, render: impl Fn(&T) -> Value) -> Value {
    let items: Vec<_> = rows.items.iter().map(render).collect();
    json!({
        "index": page.index,
        "pageSize": page.size,
        "totalPages": rows.total.div_ceil(u64::from(page.size)),
        "totalItems": rows.total,
        "data": items,
    })
}

/// The page of a search that found nothing.
pub(super) fn empty_page(data: Value) -> Value {
    json!({"index": 0, "pageSize": 0, "totalPages": 0, "totalItems": 0, "data": data})
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spec 06 case 8.
    #[test]
    fn dates_are_in_utc_and_times_in_the_zone_of_the_server() {
        let at = UnixMillis(1_733_576_949_123);
        assert_eq!(date(at), "2024-12-07T13:09:09.123+00:00");
        let shanghai = chrono_tz::Asia::Shanghai;
        assert_eq!(moment(Some(at.0), shanghai), "2024-12-07 21:09:09");
        assert_eq!(moment(Some(0), shanghai), "N/A");
        assert_eq!(moment(None, shanghai), "N/A");
    }
}
