//! Accounts, their passwords and what they may do.

use powerjob_common::id::UserId;
use powerjob_common::secret::Secret;
use powerjob_common::status::{Role, RoleScope};

use super::{Error, Store};

/// The target of a grant on everything.
pub const GLOBAL_TARGET: i64 = 1;

/// A person or program that signs in (`user_info`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub id: UserId,
    /// Unique: `<type>_<name>`, e.g. `PWJB_ADMIN`.
    pub username: String,
    /// The name people type, e.g. `ADMIN`.
    pub name: String,
    pub nick: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub is_enabled: bool,
}

/// What a sign-in is checked against.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub account: Account,
    /// Argon2id in PHC form; `None` for an adopted account that has not signed in yet.
    pub password: Option<Secret<String>>,
    /// The reference's own hash, `<name>_<md5>_b`, beside the new one until the migration ends.
    pub legacy_password: Option<Secret<String>>,
}

/// A new built-in account.
#[derive(Debug, Clone)]
pub struct NewAccount {
    pub name: String,
    pub nick: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    /// Argon2id in PHC form, made by the caller.
    pub password: Secret<String>,
}

/// What someone may do where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Grant {
    pub user_id: UserId,
    pub scope: RoleScope,
    /// Namespace id, application id, or [`GLOBAL_TARGET`].
    pub target: i64,
    pub role: Role,
}

impl Store {
    /// What a sign-in as `name` is checked against.
    ///
    /// # Errors
    /// [`Error::NotFound`]; the caller hashes all the same and answers as for a wrong password.
    pub async fn credentials(&self, name: String) -> Result<Credentials, Error> {
        let _ = name;
        super::pending()
    }

    /// One account.
    pub async fn account(&self, id: UserId) -> Result<Account, Error> {
        let _ = id;
        super::pending()
    }

    /// All accounts by name.
    pub async fn accounts(&self) -> Result<Vec<Account>, Error> {
        super::pending()
    }

    /// Makes a built-in account.
    ///
    /// # Errors
    /// [`Error::Conflict`] `name` when the name is taken.
    pub async fn create_account(&self, new: NewAccount) -> Result<Account, Error> {
        let _ = new;
        super::pending()
    }

    /// Stores a new password hash and ends all sessions of the account except `keep_session`.
    /// The legacy hash, if there is one, is made useless at the same time.
    pub async fn set_password(
        &self,
        id: UserId,
        password: Secret<String>,
        keep_session: Option<[u8; 32]>,
    ) -> Result<(), Error> {
        let _ = (id, password, keep_session);
        super::pending()
    }

    /// Stores the modern hash of a password that was just proven against the legacy one; changes
    /// nothing else.
    pub async fn upgrade_password(
        &self,
        id: UserId,
        password: Secret<String>,
    ) -> Result<(), Error> {
        let _ = (id, password);
        super::pending()
    }

    /// Lets an account in or locks it out (which ends its sessions).
    ///
    /// # Errors
    /// [`Error::Conflict`] `last_administrator` when nobody could administer any more.
    pub async fn set_account_enabled(&self, id: UserId, enabled: bool) -> Result<(), Error> {
        let _ = (id, enabled);
        super::pending()
    }

    /// The grants of an account.
    pub async fn grants(&self, id: UserId) -> Result<Vec<Grant>, Error> {
        let _ = id;
        super::pending()
    }

    /// The grants on a target.
    pub async fn grants_on(&self, scope: RoleScope, target: i64) -> Result<Vec<Grant>, Error> {
        let _ = (scope, target);
        super::pending()
    }

    /// Adds a grant; one that exists stays as it is.
    pub async fn add_grant(&self, grant: Grant) -> Result<(), Error> {
        let _ = grant;
        super::pending()
    }

    /// Takes a grant away.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there was none, [`Error::Conflict`] `last_administrator`.
    pub async fn remove_grant(&self, grant: Grant) -> Result<(), Error> {
        let _ = grant;
        super::pending()
    }
}
