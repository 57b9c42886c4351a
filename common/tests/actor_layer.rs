//! The actor layer with real actors: ports, tickets, guardian, tap.
#![cfg(feature = "actor")]

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Context, Handler};
use powerjob_common::actor::*;
use powerjob_common::id::InstanceId;
use powerjob_common::time::{Clock, SystemClock};
use serde::Serialize;

const LIMIT: Duration = Duration::from_secs(5);

#[derive(Debug, Serialize)]
struct Add {
    amount: u64,
    #[serde(skip)]
    reply: Reply<u64>,
}

impl Letter for Add {
    const NAME: &'static str = "Add";
    fn instances(&self) -> Vec<InstanceId> {
        vec![InstanceId(i64::try_from(self.amount).expect("small"))]
    }
}

#[derive(Debug, Serialize)]
struct Hold {
    #[serde(skip)]
    reply: Reply<Ticket>,
}

impl Letter for Hold {
    const NAME: &'static str = "Hold";
}

#[derive(Default)]
struct Counter {
    sum: u64,
}

impl Actor for Counter {
    type Context = Context<Self>;
}

impl Handler<Mail<Add>> for Counter {
    type Result = ();
    fn handle(&mut self, mail: Mail<Add>, _ctx: &mut Self::Context) {
        let (Add { amount, reply }, _ticket) = mail.open();
        assert_ne!(amount, 13, "unlucky on purpose");
        self.sum += amount;
        reply.send(self.sum);
    }
}

impl Handler<Mail<Hold>> for Counter {
    type Result = ();
    fn handle(&mut self, mail: Mail<Hold>, _ctx: &mut Self::Context) {
        let (Hold { reply }, ticket) = mail.open();
        reply.send(ticket);
    }
}

fn scope() -> ActorScope {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    ActorScope::new("test", clock)
}

#[actix::test]
async fn a_port_made_after_the_start_leads_to_the_actor_too() {
    let scope = scope();
    let slot = ActorSlot::new(&scope, "test/counter", 2);
    let guardian = Guardian::new();
    let arbiter = actix_rt::Arbiter::current();
    guardian.start(&slot, &arbiter, OnDeath::EndProcess, Counter::default);
    let port = slot.port::<Add>();
    assert_eq!(
        port.ask(LIMIT, |reply| Add { amount: 1, reply }).await,
        Ok(1)
    );
}

fn started(scope: &ActorScope, on_death: OnDeath) -> (Port<Add>, Port<Hold>, Guardian) {
    let slot = ActorSlot::new(scope, "test/counter", 2);
    let (add, hold) = (slot.port::<Add>(), slot.port::<Hold>());
    let guardian = Guardian::new();
    guardian.start(
        &slot,
        &actix_rt::Arbiter::current(),
        on_death,
        Counter::default,
    );
    (add.from("test/asker"), hold, guardian)
}

#[actix::test]
async fn a_ticket_keeps_its_place_until_it_is_dropped() {
    let scope = scope();
    let (add, hold, _guardian) = started(&scope, OnDeath::EndProcess);
    let first = hold
        .ask(LIMIT, |reply| Hold { reply })
        .await
        .expect("the first place");
    let second = hold
        .ask(LIMIT, |reply| Hold { reply })
        .await
        .expect("the second place");
    let refused = add.ask(LIMIT, |reply| Add { amount: 1, reply }).await;
    assert_eq!(refused, Err(AskError::Refused(Refused::Full)));
    drop((first, second));
    assert_eq!(
        add.ask(LIMIT, |reply| Add { amount: 1, reply }).await,
        Ok(1)
    );
    let reading = scope.directory().readings().remove(0);
    assert_eq!((reading.handled, reading.refused, reading.depth), (3, 1, 0));
}

#[actix::test]
async fn a_panic_loses_the_question_and_the_guardian_rebuilds_with_fresh_state() {
    let scope = scope();
    let (add, _hold, guardian) = started(&scope, OnDeath::Rebuild { max_restarts: 1 });
    let watcher = guardian.clone();
    let watching = actix_rt::spawn(async move { watcher.watch().await });
    assert_eq!(
        add.ask(LIMIT, |reply| Add { amount: 5, reply }).await,
        Ok(5)
    );
    assert_eq!(
        add.ask(LIMIT, |reply| Add { amount: 13, reply }).await,
        Err(AskError::Lost)
    );
    let answer = loop {
        match add.ask(LIMIT, |reply| Add { amount: 2, reply }).await {
            Err(AskError::Refused(Refused::Closed)) => tokio::task::yield_now().await,
            other => break other,
        }
    };
    assert_eq!(answer, Ok(2), "state is built anew, not carried over");
    assert_eq!(scope.directory().readings()[0].restarts, 1);
    assert_eq!(
        add.ask(LIMIT, |reply| Add { amount: 13, reply }).await,
        Err(AskError::Lost)
    );
    assert_eq!(watching.await.expect("the watch ends"), "test/counter");
}

#[actix::test]
async fn the_tap_shows_what_was_asked_for_and_only_that() {
    let scope = scope();
    let (add, hold, _guardian) = started(&scope, OnDeath::EndProcess);
    let filter = TapFilter {
        instance: Some(InstanceId(7)),
        bodies: true,
        ..TapFilter::default()
    };
    let mut stream = scope.tap().watch(filter, 8);
    add.ask(LIMIT, |reply| Add { amount: 8, reply })
        .await
        .expect("an answer");
    drop(
        hold.ask(LIMIT, |reply| Hold { reply })
            .await
            .expect("a ticket"),
    );
    add.ask(LIMIT, |reply| Add { amount: 7, reply })
        .await
        .expect("an answer");
    let record = stream.next().await.expect("a record");
    assert_eq!(
        (record.kind.as_str(), record.from.as_str()),
        ("Add", "test/asker")
    );
    assert_eq!(record.to, "test/counter");
    assert!(record.trace_id.ends_with("07"));
    assert_eq!(record.body, Some(serde_json::json!({ "amount": 7 })));
}

#[actix::test]
async fn a_slow_watcher_is_told_how_much_it_missed() {
    let scope = scope();
    let (add, _hold, _guardian) = started(&scope, OnDeath::EndProcess);
    let stream = scope.tap().watch(TapFilter::default(), 1);
    for _ in 0..3 {
        add.ask(LIMIT, |reply| Add { amount: 1, reply })
            .await
            .expect("an answer");
    }
    // The ticket of the last letter may drop just after its answer: two are certain.
    assert!(stream.take_dropped() >= 1);
}

#[actix::test]
async fn refused_mail_is_kept_for_those_who_look_for_errors_later() {
    let scope = scope();
    let slot = ActorSlot::<Counter>::new(&scope, "test/counter", 2);
    let port = slot.port::<Add>();
    assert_eq!(
        port.tell(Add {
            amount: 1,
            reply: Reply::channel().0
        }),
        Err(Refused::Closed)
    );
    let errors = TapFilter {
        errors_only: true,
        ..TapFilter::default()
    };
    assert_eq!(scope.tap().recent(&errors).len(), 1);
}
