//! Figures of the pieces inside one process: an actor hop, a session of the native protocol.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Context, Handler};
use powerjob_common::actor::{
    ActorScope, ActorSlot, Guardian, Letter, Mail, OnDeath, Port, Reply, TapFilter,
};
use powerjob_common::time::{Clock, SystemClock};
use serde::Serialize;

use super::clock::monotonic;

const HOPS: u64 = 1_000_000;
const CAPACITY: usize = 100_000;
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Debug, Serialize)]
struct Count;

impl Letter for Count {
    const NAME: &'static str = "Count";
}

#[derive(Debug, Serialize)]
struct GetCount {
    #[serde(skip)]
    reply: Reply<u64>,
}

impl Letter for GetCount {
    const NAME: &'static str = "GetCount";
}

#[derive(Default)]
struct Counter(u64);

impl Actor for Counter {
    type Context = Context<Self>;
}

impl Handler<Mail<Count>> for Counter {
    type Result = ();
    fn handle(&mut self, mail: Mail<Count>, _ctx: &mut Self::Context) {
        let _opened = mail.open();
        self.0 += 1;
    }
}

impl Handler<Mail<GetCount>> for Counter {
    type Result = ();
    fn handle(&mut self, mail: Mail<GetCount>, _ctx: &mut Self::Context) {
        let (GetCount { reply }, _ticket) = mail.open();
        reply.send(self.0);
    }
}

/// Nanoseconds for one letter from another thread, with the tap off or watched by someone who
/// filters for an instance that does not occur.
pub fn actor_hop_ns(is_watched: bool) -> f64 {
    actix::System::new().block_on(async move {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let scope = ActorScope::new("bench", clock);
        let slot = ActorSlot::<Counter>::new(&scope, "bench/counter", CAPACITY);
        let (count, get) = (slot.port::<Count>(), slot.port::<GetCount>());
        let arbiter = actix::Arbiter::new();
        Guardian::new().start(
            &slot,
            &arbiter.handle(),
            OnDeath::EndProcess,
            Counter::default,
        );
        let nobody = TapFilter {
            instance: Some(powerjob_common::id::InstanceId(-1)),
            ..TapFilter::default()
        };
        let _watch = is_watched.then(|| scope.tap().watch(nobody, 16));
        let start = monotonic();
        send_all(&count).await;
        let handled = loop {
            if let Ok(handled) = get.ask(LIMIT, |reply| GetCount { reply }).await {
                break handled;
            }
            tokio::task::yield_now().await;
        };
        let spent = monotonic() - start;
        assert_eq!(
            handled, HOPS,
            "every letter was handled before the question"
        );
        arbiter.stop();
        spent.as_nanos() as f64 / HOPS as f64
    })
}

async fn send_all(port: &Port<Count>) {
    for _ in 0..HOPS {
        while port.tell(Count).is_err() {
            tokio::task::yield_now().await;
        }
    }
}
