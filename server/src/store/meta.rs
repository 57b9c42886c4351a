//! Facts about the database itself (`pj_meta`), and its first start.

use powerjob_common::id::{NamespaceId, UserId};
use powerjob_common::secret::Secret;

use super::{Error, Store};

/// What the first start made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstStart {
    pub administrator: UserId,
    pub namespace: NamespaceId,
    /// Whether the administrator was made by this call: its password is the one given.
    pub is_new: bool,
}

impl Store {
    /// Whether [`Store::first_start`] has been done, here or by the reference product.
    pub async fn is_initialized(&self) -> Result<bool, Error> {
        super::pending()
    }

    /// Makes the account `ADMIN` with all rights and the default namespace, once in the life of a
    /// database; what exists is left alone. `password` is an Argon2id hash in PHC form.
    pub async fn first_start(&self, password: Secret<String>) -> Result<FirstStart, Error> {
        let _ = password;
        super::pending()
    }

    /// The namespace that first start made, or the first one there is.
    pub async fn default_namespace(&self) -> Result<NamespaceId, Error> {
        super::pending()
    }

    /// A fact, e.g. the cluster's id.
    pub async fn meta(&self, key: String) -> Result<Option<String>, Error> {
        let _ = key;
        super::pending()
    }

    /// Stores a fact in place of the former one.
    pub async fn set_meta(&self, key: String, value: String) -> Result<(), Error> {
        let _ = (key, value);
        super::pending()
    }
}
