use powerjob_common::status::ExecuteType;
use powerjob_protocol::wire::server_to_worker::TeamWorker;
use powerjob_protocol::wire::task_journal::JournalRecords;
use powerjob_protocol::wire::worker_to_worker::{
    MapTasks, OpenVerdict, TaskEnd, TaskRef, TaskResult, TaskResults, WorkOpened,
};

use super::super::master::{LOCAL, Setting};
use super::*;

const START: Duration = Duration::from_secs(100);
const KEY: RunKey = RunKey::of_attempt(1, 2);
const ROOT: TaskRef = TaskRef {
    task: 0,
    attempt: 1,
};

/// A master whose first task runs.
fn master() -> Master {
    let setting = Setting {
        kind: ExecuteType::MapReduce,
        task_retries: 0,
        concurrency: 10,
    };
    let local = TeamWorker {
        node_id: "a".to_owned(),
        incarnation: 1,
        name: "a".to_owned(),
        address: String::new(),
    };
    let mut master = Master::new(setting, local);
    let opened = WorkOpened {
        verdict: OpenVerdict::Opened,
        window: 10,
        held: Vec::new(),
    };
    master.opened(LOCAL, 1, opened);
    master
}

fn map(master: &mut Master, batch: u32, count: usize) {
    master.map(MapTasks {
        instance_id: 1,
        attempt: 2,
        parent: ROOT,
        batch,
        name: "level".to_owned(),
        contents: vec![b"1".to_vec(); count],
    });
}

fn end(master: &mut Master, end: TaskEnd) {
    let results = TaskResults {
        instance_id: 1,
        attempt: 2,
        generation: 1,
        window: 10,
        items: vec![TaskResult {
            task: ROOT,
            end,
            result: String::new(),
            ran_ms: 1,
        }],
    };
    master.ended(LOCAL, results);
}

fn says_the_end(part: &JournalPart) -> bool {
    last_record(part) == Some(JournalRecord::Decided)
}

fn last_record(part: &JournalPart) -> Option<JournalRecord> {
    let mut records: JournalRecords = codec::decode(&part.records).expect("readable");
    records.items.pop()
}

#[test]
fn a_short_instance_sends_nothing() {
    let (mut master, mut feed) = (master(), Feed::new(KEY, false, START));
    map(&mut master, 0, 10);
    assert_eq!(
        feed.next(&mut master, START + Duration::from_millis(99)),
        None
    );
    end(&mut master, TaskEnd::Succeeded);
    assert!(!feed.close(&master), "its end waits for nothing");
}

#[test]
fn parts_follow_each_other_and_are_repeated_unchanged() {
    let (mut master, mut feed) = (master(), Feed::new(KEY, true, START));
    map(&mut master, 0, 10);
    let mut now = START + FIRST_AFTER;
    let first = feed.next(&mut master, now).expect("it is due");
    assert_eq!((first.number, first.begins_anew), (1, true));
    assert_eq!(feed.next(&mut master, now), None, "one at a time");
    map(&mut master, 1, 10);
    feed.answered(None, &mut master);
    assert_eq!(feed.next(&mut master, now), None, "not at once");
    now += PACE;
    assert_eq!(feed.next(&mut master, now), Some(first));
    feed.answered(Some(KeepVerdict::Again), &mut master);
    now += PACE;
    assert!(feed.next(&mut master, now).is_some());
    feed.answered(Some(KeepVerdict::Kept), &mut master);
    now += PACE;
    let second = feed.next(&mut master, now).expect("more is there");
    assert_eq!((second.number, second.begins_anew), (2, false));
    feed.answered(Some(KeepVerdict::Kept), &mut master);
    assert_eq!(feed.next(&mut master, now + PACE), None, "all is told");
}

#[test]
fn much_goes_at_once() {
    let (mut master, mut feed) = (master(), Feed::new(KEY, false, START));
    map(&mut master, 0, MUCH);
    assert!(feed.next(&mut master, START).is_some());
}

#[test]
fn a_failed_end_waits_until_the_journal_has_it() {
    let (mut master, mut feed) = (master(), Feed::new(KEY, false, START));
    end(&mut master, TaskEnd::Failed);
    assert!(feed.close(&master));
    let part = feed.next(&mut master, START).expect("at once");
    assert!(says_the_end(&part));
    assert!(!feed.is_over());
    feed.answered(Some(KeepVerdict::Kept), &mut master);
    assert!(feed.is_over());
    assert_eq!(feed.next(&mut master, START + PACE), None);
}

#[test]
fn a_journal_that_is_broken_off_says_so() {
    let (mut master, mut feed) = (master(), Feed::new(KEY, false, START));
    map(&mut master, 0, MUCH);
    let first = feed.next(&mut master, START).expect("it is due");
    assert!(!says_the_end(&first));
    master.give_up_journal();
    feed.answered(Some(KeepVerdict::Kept), &mut master);
    let last = feed.next(&mut master, START).expect("at once");
    let word = last_record(&last);
    assert_eq!(word, Some(JournalRecord::Broken), "nobody goes on from it");
    feed.answered(Some(KeepVerdict::Kept), &mut master);
    assert_eq!(feed.next(&mut master, START + PACE), None);
}

#[test]
fn a_server_that_does_not_want_it_ends_it_and_holds_nothing_up() {
    for verdict in [KeepVerdict::Unwanted, KeepVerdict::Stale] {
        let (mut master, mut feed) = (master(), Feed::new(KEY, false, START));
        map(&mut master, 0, MUCH);
        feed.next(&mut master, START).expect("it is due");
        feed.answered(Some(verdict), &mut master);
        assert_eq!(feed.next(&mut master, START + PACE), None);
        assert!(!feed.close(&master));
        assert!(master.takes_lists());
    }
}

#[test]
fn who_hands_on_has_everything_kept_and_does_not_say_that_it_has_ended() {
    let (mut master, mut feed) = (master(), Feed::new(KEY, false, START));
    map(&mut master, 0, 10);
    assert!(feed.hand_on());
    let part = feed.next(&mut master, START).expect("at once");
    assert!(!says_the_end(&part));
    end(&mut master, TaskEnd::Succeeded);
    feed.answered(Some(KeepVerdict::Kept), &mut master);
    assert!(!feed.is_over(), "an end came late");
    let part = feed.next(&mut master, START).expect("at once");
    assert!(!says_the_end(&part));
    feed.answered(Some(KeepVerdict::Kept), &mut master);
    assert_eq!(feed.next(&mut master, START), None);
    assert!(feed.is_over());
}

#[test]
fn who_hands_on_without_a_journal_says_that_all_begins_anew() {
    let (mut master, mut feed) = (master(), Feed::new(KEY, false, START));
    map(&mut master, 0, MUCH);
    feed.next(&mut master, START).expect("it is due");
    master.give_up_journal();
    assert!(feed.hand_on());
    feed.answered(Some(KeepVerdict::Kept), &mut master);
    let last = feed.next(&mut master, START).expect("at once");
    assert_eq!(last_record(&last), Some(JournalRecord::Broken));
    feed.answered(Some(KeepVerdict::Kept), &mut master);
    assert!(feed.is_over());
}
