//! What a person may do: the rules of spec 06 section 4.11, as pure functions.
//!
//! Invariants:
//! 1. The role ADMIN on everything allows everything.
//! 2. A role on everything, on the namespace or on the application itself counts for an application.

use powerjob_common::id::{AppId, NamespaceId, UserId};
use powerjob_common::status::{Permission, Role, RoleScope};

use crate::store::account::{Account, Grant};
use crate::store::app::App;

/// The id of no account.
const NOBODY: UserId = UserId(0);

/// A signed-in person with all grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Id of the account.
    pub id: UserId,
    /// Account name.
    pub account: String,
    /// Name for display.
    pub nick: String,
    grants: Vec<Grant>,
}

impl Person {
    /// A person and the grants of their account.
    pub fn new(account: Account, grants: Vec<Grant>) -> Self {
        Self {
            id: account.id,
            account: account.name,
            nick: account.nick,
            grants,
        }
    }

    /// A program of an application, which signs its changes with no account: what it may do was
    /// decided by its token.
    pub fn program(app_name: &str) -> Self {
        Self {
            id: NOBODY,
            account: format!("program of {app_name}"),
            nick: String::new(),
            grants: Vec::new(),
        }
    }

    /// Whose change it is; `None` for a program.
    pub fn author(&self) -> Option<UserId> {
        (self.id != NOBODY).then_some(self.id)
    }

    /// Whether the person has a grant on this very application.
    pub fn has_grant_on(&self, app: AppId) -> bool {
        self.roles(RoleScope::App, Some(app.0)).next().is_some()
    }

    /// Whether the person has a permission on a namespace.
    pub fn may_in_namespace(&self, namespace: NamespaceId, permission: Permission) -> bool {
        self.may_everywhere(permission)
            || self.may_on(RoleScope::Namespace, namespace.0, permission)
    }

    /// All grants.
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// Whether the person may do everything.
    pub fn is_administrator(&self) -> bool {
        self.roles(RoleScope::Global, None)
            .any(|role| role == Role::Admin)
    }

    /// Whether the person has a permission on everything.
    pub fn may_everywhere(&self, permission: Permission) -> bool {
        self.roles(RoleScope::Global, None)
            .any(|role| role.allows(permission))
    }

    /// Whether the person has a permission on an application.
    pub fn may(&self, app: &App, permission: Permission) -> bool {
        self.may_everywhere(permission)
            || self.may_on(RoleScope::App, app.id.0, permission)
            || app
                .namespace_id
                .is_some_and(|namespace| self.may_on(RoleScope::Namespace, namespace.0, permission))
    }

    /// The permissions of the person on an application, for display.
    pub fn permissions(&self, app: &App) -> Vec<String> {
        [
            Permission::Read,
            Permission::Write,
            Permission::Ops,
            Permission::Su,
        ]
        .into_iter()
        .filter(|permission| self.may(app, *permission))
        .map(|permission| permission.name().to_owned())
        .collect()
    }

    /// The person as administrator of an application they have just made.
    pub(super) fn with_grant(&self, app: AppId) -> Self {
        let mut person = self.clone();
        person.grants.push(Grant {
            user_id: self.id,
            scope: RoleScope::App,
            target: app.0,
            role: Role::Admin,
        });
        person
    }

    fn may_on(&self, scope: RoleScope, target: i64, permission: Permission) -> bool {
        self.roles(scope, Some(target))
            .any(|role| role.allows(permission))
    }

    fn roles(&self, scope: RoleScope, target: Option<i64>) -> impl Iterator<Item = Role> + '_ {
        self.grants
            .iter()
            .filter(move |grant| {
                grant.scope == scope && target.is_none_or(|target| grant.target == target)
            })
            .map(|grant| grant.role)
    }
}

#[cfg(test)]
mod tests {
    use powerjob_common::time::UnixMillis;

    use super::*;

    fn person(grants: &[(RoleScope, i64, Role)]) -> Person {
        let account = Account {
            id: UserId(1),
            username: "PWJB_a".to_owned(),
            name: "a".to_owned(),
            nick: String::new(),
            email: None,
            phone: None,
            is_enabled: true,
        };
        let grants = grants
            .iter()
            .map(|&(scope, target, role)| Grant {
                user_id: UserId(1),
                scope,
                target,
                role,
            })
            .collect();
        Person::new(account, grants)
    }

    fn app(id: i64, namespace: Option<i64>) -> App {
        App {
            id: AppId(id),
            name: "app".to_owned(),
            title: String::new(),
            tags: Vec::new(),
            namespace_id: namespace.map(NamespaceId),
            current_server: None,
            created_at: UnixMillis(0),
        }
    }

    fn check(grants: &[(RoleScope, i64, Role)], expected: &[&str]) {
        assert_eq!(
            person(grants).permissions(&app(5, Some(7))),
            expected,
            "{grants:?}"
        );
    }

    #[test]
    fn roles_count_on_the_application_its_namespace_and_everything() {
        check(&[], &[]);
        check(&[(RoleScope::App, 5, Role::Observer)], &["READ"]);
        check(&[(RoleScope::App, 5, Role::Qa)], &["READ", "OPS"]);
        check(&[(RoleScope::App, 6, Role::Admin)], &[]);
        check(
            &[(RoleScope::Namespace, 7, Role::Developer)],
            &["READ", "WRITE", "OPS"],
        );
        check(&[(RoleScope::Namespace, 5, Role::Admin)], &[]);
        check(&[(RoleScope::Global, 1, Role::Observer)], &["READ"]);
        check(
            &[(RoleScope::Global, 1, Role::Admin)],
            &["READ", "WRITE", "OPS", "SU"],
        );
    }

    #[test]
    fn several_roles_add_up() {
        let grants = [
            (RoleScope::App, 5, Role::Qa),
            (RoleScope::Namespace, 7, Role::Developer),
        ];
        check(&grants, &["READ", "WRITE", "OPS"]);
    }

    #[test]
    fn an_application_without_namespace_is_reached_by_no_namespace_role() {
        let person = person(&[(RoleScope::Namespace, -1, Role::Admin)]);
        assert!(!person.may(&app(5, None), Permission::Read));
    }

    #[test]
    fn only_the_global_role_makes_an_administrator() {
        assert!(person(&[(RoleScope::Global, 1, Role::Admin)]).is_administrator());
        assert!(!person(&[(RoleScope::Global, 1, Role::Developer)]).is_administrator());
        assert!(!person(&[(RoleScope::Namespace, 1, Role::Admin)]).is_administrator());
    }
}
