//! Who has which role on a namespace, an application or everything: as the console sends and shows
//! it (spec 06 section 4.14).

use std::collections::HashMap;

use powerjob_common::id::UserId;
use powerjob_common::status::{Permission, Role, RoleScope};
use serde_json::{Value, json};

use super::call::Fields;
use super::context::Context;
use super::failure::Failure;
use crate::service::Services;
use crate::store;
use crate::store::account::Grant;
use crate::store::reference::people::{RoleLists, UserQuery, UserRow};

/// The roles by the console's names.
const NAMES: [(&str, Role); 4] = [
    ("observer", Role::Observer),
    ("qa", Role::Qa),
    ("developer", Role::Developer),
    ("admin", Role::Admin),
];

/// Lists of a request; a list that is absent is not touched.
pub(super) fn read(fields: Fields<'_>) -> Result<Vec<(Role, Vec<UserId>)>, Failure> {
    let mut lists = Vec::new();
    for (name, role) in NAMES {
        if let Some(ids) = fields.longs(name)? {
            lists.push((role, ids.into_iter().map(UserId).collect()));
        }
    }
    Ok(lists)
}

/// Makes the lists true. Whoever has less than SU may not change who has which role at all.
pub(super) async fn save(
    context: &Context,
    (scope, target): (RoleScope, i64),
    lists: Vec<(Role, Vec<UserId>)>,
    may: impl Fn(Permission) -> bool,
) -> Result<(), Failure> {
    let services = context.services();
    if !may(Permission::Su) {
        let present = services.store.grants_on(scope, target).await?;
        let is_same = lists.iter().all(|(role, ids)| {
            let mut wanted = ids.clone();
            wanted.sort_unstable();
            wanted.dedup();
            wanted == holders(&present, *role)
        });
        return if is_same {
            Ok(())
        } else {
            Err(Failure::denied())
        };
    }
    let roles = RoleLists {
        scope,
        target,
        lists,
    };
    let changed = services.store.set_roles(roles).await;
    let changed = changed.map_err(|error| match error {
        store::Error::NotFound { .. } => Failure::argument("can't find user by userId"),
        store::Error::Conflict {
            what: "last_administrator",
            ..
        } => Failure::argument("At least one super administrator is required!"),
        error => error.into(),
    })?;
    for user in &changed {
        services.sessions.forget_person(*user);
    }
    tracing::info!(
        account = context.person.account,
        scope = scope.code(),
        target,
        count = changed.len(),
        "changed roles"
    );
    Ok(())
}

fn holders(grants: &[Grant], role: Role) -> Vec<UserId> {
    let of_role = grants.iter().filter(|grant| grant.role == role);
    let mut ids: Vec<_> = of_role.map(|grant| grant.user_id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Who has which role on a target.
pub(super) async fn show(
    services: &Services,
    scope: RoleScope,
    target: i64,
) -> Result<Value, Failure> {
    let grants = services.store.grants_on(scope, target).await?;
    let list = |role| {
        let ids = holders(&grants, role);
        ids.iter().map(|id| id.0).collect::<Vec<_>>()
    };
    Ok(NAMES
        .into_iter()
        .map(|(name, role)| (name.to_owned(), json!(list(role))))
        .collect())
}

/// Names of accounts for display, by their ids.
pub(super) async fn show_names(services: &Services) -> Result<HashMap<UserId, String>, Failure> {
    let users = services.store.user_rows(UserQuery::default()).await?;
    Ok(users
        .iter()
        .map(|user| (user.id, show_name(user)))
        .collect())
}

/// `nick (username)`, or the name alone.
pub(super) fn show_name(user: &UserRow) -> String {
    match user.nick.as_deref() {
        None | Some("") => user.username.clone(),
        Some(nick) => format!("{nick} ({})", user.username),
    }
}
