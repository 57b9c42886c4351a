//! The life of a worker as a thread: start, end, and what is left afterwards.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use powerjob_common::time::{Clock, SystemClock};
use powerjob_session::Listener;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot, watch};

use crate::config::Options;
use crate::error::{StartError, WorkerError};
use crate::handle::{StopRequest, WorkerHandle};
use crate::identity;
use crate::node::{Node, Plan};
use crate::processor::registry::Registry;
use crate::store::{Home, SpoolOpening};

/// Threads beyond the blocking processors, for those that were given up and for the files of runs.
const SPARE_THREADS: usize = 64;

/// Starts a worker whose options are checked.
pub(crate) async fn start(
    options: Options,
    registry: Registry,
) -> Result<WorkerHandle, StartError> {
    let home = options.spool.as_deref().map(Home::take).transpose()?;
    let fresh = identity::fresh_node_id(options.name.as_deref());
    let node_id = match &home {
        Some(home) => home.node_id(&fresh)?,
        None => fresh,
    };
    let spool = home
        .as_ref()
        .map(|home| SpoolOpening::open(&home.spool_dir()))
        .transpose()?;
    let own_runtime = match options.runtime {
        Some(_) => None,
        None => Some(runtime_for(&options)?),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (stop, stop_requests) = mpsc::channel(1);
    let (end_sender, end) = watch::channel(None);
    let (is_connected_sender, is_connected) = watch::channel(false);
    let is_overloaded = Arc::new(AtomicBool::new(false));
    let plan = Plan {
        incarnation: u64::try_from(clock.now().0).unwrap_or(0),
        listener: None,
        options,
        registry: Arc::new(registry),
        node_id: node_id.clone(),
        is_connected: is_connected_sender,
        is_overloaded: is_overloaded.clone(),
        clock,
    };
    let (ready, is_ready) = oneshot::channel();
    std::thread::Builder::new()
        .name("powerjob-worker".into())
        .spawn(move || {
            let result = run_thread(plan, spool, own_runtime.as_ref(), stop_requests, ready);
            if let Some(runtime) = own_runtime {
                runtime.shutdown_background();
            }
            drop(home);
            end_sender.send_replace(Some(result));
        })?;
    match is_ready.await {
        Ok(ready) => ready?,
        Err(_) => {
            return Err(StartError::Thread(std::io::Error::other(
                "the thread ended at once",
            )));
        }
    }
    Ok(WorkerHandle {
        node_id,
        stop,
        end,
        is_connected,
        is_overloaded,
    })
}

fn runtime_for(options: &Options) -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .thread_name("powerjob-run")
        .max_blocking_threads(options.blocking_threads + SPARE_THREADS)
        .enable_all()
        .build()
}

fn run_thread(
    mut plan: Plan,
    spool: Option<SpoolOpening>,
    own_runtime: Option<&Runtime>,
    mut stop_requests: mpsc::Receiver<StopRequest>,
    ready: oneshot::Sender<Result<(), StartError>>,
) -> Result<(), WorkerError> {
    let code_runtime = plan.options.runtime.clone();
    let Some(code_runtime) = code_runtime.or_else(|| own_runtime.map(|own| own.handle().clone()))
    else {
        return Err(WorkerError::ThreadEnded);
    };
    let system = actix::System::new();
    let (result, spool_thread) = system.block_on(async {
        let grace = plan.options.cancel_grace;
        if let Some(address) = plan.options.peer_address().map(str::to_owned) {
            // On this thread: a socket lives as long as the runtime that opened it.
            match Listener::bind(address).await {
                Ok(listener) => plan.listener = Some(listener),
                Err(error) => {
                    drop(ready.send(Err(StartError::Listen(error))));
                    return (Err(WorkerError::ThreadEnded), None);
                }
            }
        }
        let (node, spool_thread) = match Node::build(plan, spool, code_runtime) {
            Ok(built) => built,
            Err(error) => {
                drop(ready.send(Err(StartError::Thread(error))));
                return (Err(WorkerError::ThreadEnded), None);
            }
        };
        drop(ready.send(Ok(())));
        let result = tokio::select! {
            dead = node.guardian.watch() => Err(WorkerError::ActorDied(dead)),
            request = stop_requests.recv() => {
                // No request: all handles are gone.
                node.shut_down(request.unwrap_or(Duration::ZERO), grace).await;
                Ok(())
            }
        };
        node.guardian.release();
        (result, spool_thread)
    });
    drop(system);
    if let Some(thread) = spool_thread
        && thread.join().is_err()
    {
        tracing::error!("the thread of the spool panicked");
    }
    result
}
