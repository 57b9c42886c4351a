//! Applications with their secrets, as the store has them at the moment of the question.
//!
//! Whatever changes a secret, here or on another server, counts for the next worker: nothing is
//! believed for a while. A thousand workers that come back at once still cost only a few reads,
//! because all who ask while one read runs share the next.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use powerjob_common::id::AppId;
use powerjob_common::secret::Secret;

use crate::store::{Error, Store};

/// Applications whose reads are shared; beyond it each worker reads for itself.
const MAX_APPS: usize = 4_096;

/// What the gate knows of an application.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) app_id: AppId,
    pub(super) secrets: Vec<Secret<String>>,
}

/// See the head of the file. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct KnownApps {
    store: Store,
    reads: Arc<Mutex<HashMap<String, Arc<SharedRead>>>>,
}

/// The reads of one application, one after the other.
#[derive(Debug, Default)]
struct SharedRead {
    /// Reads that have begun.
    begun: AtomicU64,
    last: tokio::sync::Mutex<LastRead>,
}

/// The read that ended last.
#[derive(Debug)]
struct LastRead {
    /// The how-manieth it was; 0 = none yet.
    number: u64,
    answer: Result<Option<Known>, Error>,
}

impl Default for LastRead {
    fn default() -> Self {
        Self {
            number: 0,
            answer: Ok(None),
        }
    }
}

impl KnownApps {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            reads: Arc::default(),
        }
    }

    /// The application, from a read that began after this call; `None` when there is none. While
    /// the store does not answer, what it said last holds.
    pub(super) async fn find(&self, name: &str) -> Result<Option<Known>, Error> {
        let shared = self.shared_read(name);
        let begun_before = shared.begun.load(Relaxed);
        let mut last = shared.last.lock().await;
        if last.number > begun_before {
            return last.answer.clone();
        }
        let number = shared.begun.fetch_add(1, Relaxed) + 1;
        let answer = self.read(name).await;
        last.number = number;
        match (answer, &last.answer) {
            (Err(error), Ok(Some(_))) => warn(name, &error),
            (answer, _) => {
                if let Err(error) = &answer {
                    warn(name, error);
                }
                if !matches!(answer, Ok(Some(_))) {
                    self.lock().remove(name);
                }
                last.answer = answer;
            }
        }
        last.answer.clone()
    }

    async fn read(&self, name: &str) -> Result<Option<Known>, Error> {
        match self.read_known(name).await {
            Err(Error::NotFound { .. }) => Ok(None),
            known => known.map(Some),
        }
    }

    async fn read_known(&self, name: &str) -> Result<Known, Error> {
        let app = self.store.app_by_name(name.to_owned()).await?;
        let secrets = self.store.app_secrets(app.id).await?;
        Ok(Known {
            app_id: app.id,
            secrets: secrets.into_iter().map(|secret| secret.value).collect(),
        })
    }

    fn shared_read(&self, name: &str) -> Arc<SharedRead> {
        let mut reads = self.lock();
        if let Some(shared) = reads.get(name) {
            return shared.clone();
        }
        let shared = Arc::<SharedRead>::default();
        if reads.len() < MAX_APPS {
            reads.insert(name.to_owned(), shared.clone());
        }
        shared
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<SharedRead>>> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn warn(name: &str, error: &Error) {
    tracing::warn!(%error, app = name, "the secrets of an application could not be read");
}
