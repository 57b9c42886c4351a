//! Typed client of the HTTP API under `/v1`.
//!
//! ```no_run
//! # async fn example() -> Result<(), powerjob_client::Error> {
//! use powerjob_client::{Client, JobQuery, api::job::RunInput};
//!
//! let client = Client::builder().server("http://127.0.0.1:7700").build()?;
//! let signed_in = client.sign_in("admin", "the password").await?;
//! let client = client.with_token(signed_in.token);
//!
//! let apps = client.apps(&Default::default()).await?;
//! let jobs = client.jobs(apps.items[0].id, &JobQuery::default()).await?;
//! let run = client.run_job(jobs.items[0].job.id, &RunInput::default()).await?;
//! let ended = client.wait_for_instance(run.instance_id).await?;
//! println!("{}", ended.summary.status);
//! # Ok(())
//! # }
//! ```
//!
//! Several server addresses may be given. A call that may safely happen twice goes on to the next
//! server when one is unreachable; a call that may not goes on only when it was never sent.

#![warn(missing_docs)]

mod app;
mod client;
mod error;
mod inspection;
mod instance;
mod job;
mod server;
mod session;
mod sse;
#[cfg(test)]
mod stub;
mod transport;
mod wait;

pub use powerjob_protocol::api;

pub use self::app::{AppEvent, AppQuery};
pub use self::client::{Client, ClientBuilder};
pub use self::error::Error;
pub use self::inspection::{TapEvent, TapFilter};
pub use self::instance::{InstanceQuery, LogEvent, LogQuery, TaskQuery};
pub use self::job::{JobQuery, JobSort};
pub use self::sse::{EventStream, Resume};
