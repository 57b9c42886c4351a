use powerjob_common::id::{AppId, InstanceId};
use powerjob_common::status::InstanceStatus;

use super::Fixture;
use super::build::{app, apply, ended_state, insert, instance, update_from};
use crate::domain::instance::InstanceState;
use crate::store::task_journal::{JournalPart, Kept, NewJournalPart};

const APP: AppId = AppId(1);
const ONE: InstanceId = InstanceId(10);
const MUCH: i64 = 1 << 20;

/// A worker has this attempt.
fn running(attempt: u32) -> InstanceState {
    InstanceState {
        attempt,
        ..ended_state(InstanceStatus::Running)
    }
}

fn part(attempt: u32, number: u32, records: &[u8]) -> JournalPart {
    JournalPart {
        instance_id: ONE,
        attempt,
        number,
        records: records.to_vec(),
    }
}

fn new(attempt: u32, number: u32, records: &[u8]) -> NewJournalPart {
    NewJournalPart {
        part: part(attempt, number, records),
        begins_anew: false,
    }
}

async fn start(fixture: &Fixture) {
    let mut one = instance(ONE.0);
    one.state = running(1);
    apply(&fixture.store, vec![insert(one)]).await;
}

/// The next worker has it.
async fn hand_on(fixture: &Fixture, from: u32) {
    let expected = (InstanceStatus::Running, from);
    let next = update_from(ONE.0, expected, running(from + 1));
    apply(&fixture.store, vec![next]).await;
}

async fn keep(fixture: &Fixture, parts: Vec<NewJournalPart>) -> Vec<Kept> {
    let kept = fixture.store.keep_journal_parts(APP, parts, MUCH).await;
    kept.unwrap()
}

/// The whole journal, as the worker that has the attempt reads it.
async fn read(fixture: &Fixture, attempt: u32) -> Option<Vec<JournalPart>> {
    let mut all: Vec<JournalPart> = Vec::new();
    loop {
        let last = all.last().map(|part| (part.attempt, part.number));
        let after = last.unwrap_or_default();
        let page = fixture.store.journal_page(APP, ONE, attempt, after).await;
        let page = page.unwrap()?;
        all.extend(page.parts);
        if page.is_last {
            return Some(all);
        }
    }
}

pub(super) async fn parts_are_kept_once_and_in_their_order(fixture: Fixture) {
    start(&fixture).await;
    let any_byte: Vec<u8> = (0..=255).collect();
    let kept = keep(
        &fixture,
        vec![new(1, 1, &any_byte), new(1, 2, b""), new(1, 4, b"x")],
    )
    .await;
    assert_eq!(kept, [Kept::Yes, Kept::Yes, Kept::Gap]);
    let repeated = keep(&fixture, vec![new(1, 2, b"not again"), new(1, 3, b"c")]).await;
    assert_eq!(repeated, [Kept::Yes, Kept::Yes]);
    let expected = vec![part(1, 1, &any_byte), part(1, 2, b""), part(1, 3, b"c")];
    assert_eq!(read(&fixture, 1).await, Some(expected));
    let stranger = fixture
        .store
        .keep_journal_parts(AppId(2), vec![new(1, 4, b"")], MUCH);
    assert_eq!(stranger.await.unwrap(), [Kept::Stale]);
}

/// Late parts of a master that was given up change nothing (spec 04 case W-22 for whole instances).
pub(super) async fn only_the_present_attempt_writes_and_reads(fixture: Fixture) {
    start(&fixture).await;
    assert_eq!(keep(&fixture, vec![new(1, 1, b"a")]).await, [Kept::Yes]);
    hand_on(&fixture, 1).await;
    assert_eq!(keep(&fixture, vec![new(1, 2, b"b")]).await, [Kept::Stale]);
    assert_eq!(read(&fixture, 1).await, None);
    assert_eq!(keep(&fixture, vec![new(2, 1, b"c")]).await, [Kept::Yes]);
    let expected = vec![part(1, 1, b"a"), part(2, 1, b"c")];
    assert_eq!(read(&fixture, 2).await, Some(expected));
    hand_on(&fixture, 2).await;
    let anew = NewJournalPart {
        begins_anew: true,
        ..new(3, 1, b"d")
    };
    assert_eq!(keep(&fixture, vec![anew]).await, [Kept::Yes]);
    assert_eq!(read(&fixture, 3).await, Some(vec![part(3, 1, b"d")]));
}

pub(super) async fn a_journal_that_grows_too_long_is_given_up(fixture: Fixture) {
    start(&fixture).await;
    let store = &fixture.store;
    let first = store.keep_journal_parts(APP, vec![new(1, 1, &[7; 60])], 100);
    assert_eq!(first.await.unwrap(), [Kept::Yes]);
    let second = store.keep_journal_parts(APP, vec![new(1, 2, &[7; 60])], 100);
    assert_eq!(second.await.unwrap(), [Kept::TooLong]);
    assert_eq!(read(&fixture, 1).await, Some(Vec::new()));
}

pub(super) async fn long_journals_are_read_piece_by_piece(fixture: Fixture) {
    start(&fixture).await;
    let parts: Vec<JournalPart> = (1..=20)
        .map(|number| part(1, number, &vec![number as u8; 400_000]))
        .collect();
    for part in &parts {
        let new = NewJournalPart {
            part: part.clone(),
            begins_anew: false,
        };
        let kept = fixture.store.keep_journal_parts(
            APP,
            vec![new],
            crate::store::task_journal::MOST_BYTES,
        );
        assert_eq!(kept.await.unwrap(), [Kept::Yes]);
    }
    let page = fixture.store.journal_page(APP, ONE, 1, (0, 0)).await;
    let page = page.unwrap().unwrap();
    assert!(
        page.parts.len() < 8 && !page.is_last,
        "{}",
        page.parts.len()
    );
    assert_eq!(read(&fixture, 1).await, Some(parts));
}

pub(super) async fn journals_go_when_their_instance_has_ended(fixture: Fixture) {
    start(&fixture).await;
    let count = "select count(*) from {pj_task_journal}";
    keep(&fixture, vec![new(1, 1, b"a"), new(1, 2, b"b")]).await;
    assert_eq!(fixture.store.delete_journals(vec![ONE]).await.unwrap(), 0);
    let ended = update_from(
        ONE.0,
        (InstanceStatus::Running, 1),
        ended_state(InstanceStatus::Failed),
    );
    apply(&fixture.store, vec![ended]).await;
    assert_eq!(fixture.number(count).await, 2);
    fixture.store.delete_instances(vec![ONE]).await.unwrap();
    assert_eq!(fixture.number(count).await, 0, "with the instance");
}

/// A server that has lost the application writes nothing.
pub(super) async fn journals_are_fenced(fixture: Fixture) {
    let store = &fixture.store;
    let app_id = app(store, "app").await.id;
    let mut one = instance(ONE.0);
    one.state = running(1);
    one.app_id = app_id;
    apply(store, vec![insert(one)]).await;
    let lease = store.acquire_lease(super::writer::lease_request("a", 1));
    let _lease = lease.await.unwrap();
    let kept = store.keep_journal_parts(app_id, vec![new(1, 1, b"a")], MUCH);
    assert!(kept.await.is_err(), "nothing was claimed");
}
