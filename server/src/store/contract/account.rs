//! Accounts, sessions, first start.

use std::time::Duration;

use powerjob_common::id::UserId;
use powerjob_common::secret::Secret;
use powerjob_common::status::{Role, RoleScope};
use powerjob_common::time::{Clock, UnixMillis};

use super::Fixture;
use super::build::account;
use crate::store::Error;
use crate::store::account::{GLOBAL_TARGET, Grant};
use crate::store::session::NewSession;

fn hash(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

/// Spec 06 case 58.
pub(super) async fn the_first_start_is_done_once(fixture: Fixture) {
    let store = &fixture.store;
    assert!(!store.is_initialized().await.unwrap());
    let first = store.first_start(hash("one")).await.unwrap();
    assert!(first.is_new && store.is_initialized().await.unwrap());
    let second = store.first_start(hash("two")).await.unwrap();
    assert_eq!(
        (second.is_new, second.administrator),
        (false, first.administrator)
    );
    assert_eq!(store.default_namespace().await.unwrap(), first.namespace);
    let credentials = store.credentials("ADMIN".to_owned()).await.unwrap();
    assert_eq!(credentials.password.unwrap().expose(), "one");
    assert_eq!(credentials.account.username, "PWJB_ADMIN");
    let grants = store.grants(first.administrator).await.unwrap();
    assert_eq!(grants[0], everything(first.administrator));
    assert_eq!(grants.len(), 1);
}

fn everything(user_id: UserId) -> Grant {
    Grant {
        user_id,
        scope: RoleScope::Global,
        target: GLOBAL_TARGET,
        role: Role::Admin,
    }
}

pub(super) async fn an_adopted_administrator_is_kept(fixture: Fixture) {
    let store = &fixture.store;
    let legacy = "ADMIN_b82a450701f6a71723fb99931fe35e18_b";
    for text in [
        format!("insert into {{pwjb_user_info}} (username, password) values ('ADMIN', '{legacy}')"),
        "insert into {user_info} (id, username, account_type, origin_username) \
         values (1, 'PWJB_ADMIN', 'PWJB', 'ADMIN')"
            .to_owned(),
        "insert into {user_role} (user_id, scope, target, role) values (1, 666, 1, 40)".to_owned(),
        "insert into {sundry} (pkey, skey, content) \
         values ('sys_initialize', 'goal_init_admin', 'A')"
            .to_owned(),
    ] {
        fixture.execute(&text).await;
    }
    let first = store.first_start(hash("new")).await.unwrap();
    assert_eq!((first.is_new, first.administrator), (false, UserId(1)));
    let credentials = store.credentials("ADMIN".to_owned()).await.unwrap();
    assert!(credentials.password.is_none());
    assert_eq!(credentials.legacy_password.unwrap().expose(), legacy);
    store
        .upgrade_password(UserId(1), hash("modern"))
        .await
        .unwrap();
    let credentials = store.credentials("ADMIN".to_owned()).await.unwrap();
    assert_eq!(credentials.password.unwrap().expose(), "modern");
    assert!(
        credentials.legacy_password.is_some(),
        "Java may still come back"
    );
}

pub(super) async fn a_sign_in_needs_the_exact_name(fixture: Fixture) {
    let store = &fixture.store;
    let made = store.create_account(account("Ann")).await.unwrap();
    assert_eq!(
        (made.name.as_str(), made.nick.as_str(), made.is_enabled),
        ("Ann", "ann", true)
    );
    assert_eq!(
        store.credentials("Ann".to_owned()).await.unwrap().account,
        made
    );
    let other = store.credentials("ann".to_owned()).await;
    assert_eq!(
        other.map(|found| found.account),
        Err(Error::NotFound { what: "account" })
    );
    let taken = store.create_account(account("Ann")).await;
    assert!(matches!(taken, Err(Error::Conflict { what: "name", .. })));
    let unfit = store.create_account(account("")).await;
    assert!(matches!(unfit, Err(Error::Invalid { field: "name", .. })));
    assert_eq!(store.accounts().await.unwrap(), [made]);
}

pub(super) async fn a_new_password_ends_sessions_and_the_old_hash(fixture: Fixture) {
    let store = &fixture.store;
    let id = store.create_account(account("ann")).await.unwrap().id;
    fixture
        .execute("update {pwjb_user_info} set password = 'ann_old_b'")
        .await;
    let expires_at = UnixMillis(fixture.clock.now().0 + 60_000);
    for fingerprint in [[1; 32], [2; 32]] {
        let session = NewSession {
            fingerprint,
            user_id: id,
            expires_at,
        };
        store.create_session(session).await.unwrap();
    }
    store
        .set_password(id, hash("two"), Some([2; 32]))
        .await
        .unwrap();
    let now = fixture.clock.now();
    assert!(store.session([1; 32], now).await.unwrap().is_none());
    assert!(store.session([2; 32], now).await.unwrap().is_some());
    let credentials = store.credentials("ann".to_owned()).await.unwrap();
    assert_eq!(credentials.password.unwrap().expose(), "two");
    assert!(credentials.legacy_password.is_none());
}

pub(super) async fn the_last_administrator_stays(fixture: Fixture) {
    let store = &fixture.store;
    let admin = store.first_start(hash("one")).await.unwrap().administrator;
    let last = |result: Result<(), Error>| {
        assert!(matches!(
            result,
            Err(Error::Conflict {
                what: "last_administrator",
                ..
            })
        ));
    };
    last(store.set_account_enabled(admin, false).await);
    last(store.remove_grant(everything(admin)).await);
    assert!(
        store.account(admin).await.unwrap().is_enabled,
        "nothing was changed"
    );
    let second = store.create_account(account("ann")).await.unwrap().id;
    store.add_grant(everything(second)).await.unwrap();
    store.set_account_enabled(admin, false).await.unwrap();
    last(store.remove_grant(everything(second)).await);
    store.set_account_enabled(admin, true).await.unwrap();
}

pub(super) async fn grants_are_unique_and_can_be_taken(fixture: Fixture) {
    let store = &fixture.store;
    store.first_start(hash("one")).await.unwrap();
    let user_id = store.create_account(account("ann")).await.unwrap().id;
    let grant = Grant {
        user_id,
        scope: RoleScope::App,
        target: 5,
        role: Role::Qa,
    };
    store.add_grant(grant).await.unwrap();
    store.add_grant(grant).await.unwrap();
    assert_eq!(store.grants_on(RoleScope::App, 5).await.unwrap(), [grant]);
    store.remove_grant(grant).await.unwrap();
    assert_eq!(
        store.remove_grant(grant).await,
        Err(Error::NotFound { what: "grant" })
    );
    let nobody = Grant {
        user_id: UserId(99),
        ..grant
    };
    assert_eq!(
        store.add_grant(nobody).await,
        Err(Error::NotFound { what: "account" })
    );
}

pub(super) async fn sessions_end(fixture: Fixture) {
    let store = &fixture.store;
    let id = store.first_start(hash("one")).await.unwrap().administrator;
    let now = fixture.clock.now();
    let session = |mark: u8, ms| NewSession {
        fingerprint: [mark; 32],
        user_id: id,
        expires_at: UnixMillis(now.0 + ms),
    };
    store.create_session(session(1, 1_000)).await.unwrap();
    let found = store.session([1; 32], now).await.unwrap().unwrap();
    assert_eq!((found.account.id, found.grants.len()), (id, 1));
    assert!(
        store
            .session([1; 32], UnixMillis(now.0 + 1_000))
            .await
            .unwrap()
            .is_none()
    );
    fixture.clock.advance(Duration::from_secs(2));
    store.create_session(session(2, 9_000)).await.unwrap();
    assert_eq!(fixture.number("select count(*) from {pj_session}").await, 1);
    store.delete_session([2; 32]).await.unwrap();
    store.delete_session([2; 32]).await.unwrap();
    assert!(store.session([2; 32], now).await.unwrap().is_none());
}

pub(super) async fn a_signing_key_is_made_once(fixture: Fixture) {
    let store = &fixture.store;
    let first = store
        .signing_key("session".to_owned(), hash("one"))
        .await
        .unwrap();
    let again = store
        .signing_key("session".to_owned(), hash("two"))
        .await
        .unwrap();
    let other = store
        .signing_key("ticket".to_owned(), hash("three"))
        .await
        .unwrap();
    assert_eq!(
        [first.expose(), again.expose(), other.expose()],
        ["one", "one", "three"]
    );
}
