use powerjob_common::status::InstanceStatus;
use powerjob_protocol::wire::beats::{BeatCounts, CrowdedBeat};
use proptest::prelude::*;

use super::*;
use crate::domain::ending::Ending;

const MS: i64 = 1_000;

fn plan(kind: BeatKind, every_ms: i64) -> Plan {
    Plan {
        kind,
        every_us: every_ms * MS,
        first_us: 0,
        until_us: i64::MAX,
        at_once: 1_000,
        crowded: CrowdedBeat::Fails,
        make_missed: 1,
    }
}

fn rate(every_ms: i64) -> Plan {
    plan(BeatKind::Rate, every_ms)
}

fn one_at_once(every_ms: i64, crowded: CrowdedBeat) -> Plan {
    Plan {
        at_once: 1,
        crowded,
        ..rate(every_ms)
    }
}

fn end(status: InstanceStatus) -> RunEnd {
    RunEnd {
        ending: Ending {
            status,
            text: String::new(),
        },
        started_at_ms: 1,
        finished_at_ms: 2,
    }
}

/// Numbers and times in milliseconds of the beats that begin.
fn begun(metronome: &mut Metronome) -> Vec<(u64, i64)> {
    let orders = metronome.take_orders().into_iter();
    let begun = orders.filter_map(|order| match order {
        Order::Start(beat) => Some((beat.number, beat.nominal_us / MS)),
        Order::Cancel(..) | Order::Finish(_) => None,
    });
    begun.collect()
}

fn counts(metronome: &Metronome) -> BeatCounts {
    metronome.overview(0).counts
}

/// Case W-55 of spec 04: no drift over 1,000 beats, however late each of them is looked at.
#[test]
fn a_fixed_rate_keeps_its_grid() {
    let mut metronome = Metronome::new(rate(10), 0, true, 0);
    let mut times = begun(&mut metronome);
    let mut late_us = 0;
    while times.len() < 1_000 {
        late_us = (late_us + 3_331) % (9 * MS);
        let at_us = metronome.next_us().expect("there is a next beat") + late_us;
        metronome.look(at_us);
        times.extend(begun(&mut metronome));
    }
    let expected: Vec<_> = (0..1_000).map(|n| (n + 1, n as i64 * 10)).collect();
    assert_eq!(times, expected);
    assert_eq!(counts(&metronome).missed, 0);
}

/// Case W-55 of spec 04.
#[test]
fn a_fixed_delay_waits_for_the_end() {
    let mut metronome = Metronome::new(plan(BeatKind::Delay, 50), 0, true, 7 * MS);
    assert_eq!(begun(&mut metronome), [(1, 7)]);
    metronome.look(500 * MS);
    assert_eq!(begun(&mut metronome), [], "one at a time");
    metronome.ended(1, end(InstanceStatus::Failed), 600 * MS);
    assert_eq!(metronome.next_us(), Some(650 * MS));
    metronome.look(650 * MS);
    assert_eq!(begun(&mut metronome), [(2, 650)]);
}

/// Case W-56 of spec 04.
#[test]
fn a_beat_beyond_the_limit_fails() {
    let mut metronome = Metronome::new(one_at_once(10, CrowdedBeat::Fails), 0, true, 0);
    metronome.look(10 * MS);
    assert_eq!(begun(&mut metronome), [(1, 0)]);
    let overview = metronome.overview(5);
    assert_eq!(overview.counts.failed, 1);
    assert_eq!(overview.beats[1].result, "TOO_MUCH_INSTANCE");
    assert_eq!(overview.beats[1].nominal_ms, 10);
}

#[test]
fn a_beat_can_be_skipped_wait_or_take_a_place() {
    let mut skipping = Metronome::new(one_at_once(10, CrowdedBeat::Skipped), 0, true, 0);
    skipping.look(10 * MS);
    assert_eq!(counts(&skipping).skipped, 1);
    let mut queueing = Metronome::new(one_at_once(10, CrowdedBeat::Waits(1)), 0, true, 0);
    queueing.look(20 * MS);
    assert_eq!(
        (counts(&queueing).waiting, counts(&queueing).skipped),
        (1, 1)
    );
    queueing.ended(1, end(InstanceStatus::Succeed), 25 * MS);
    assert_eq!(begun(&mut queueing), [(1, 0), (2, 10)]);
    let mut replacing = Metronome::new(one_at_once(10, CrowdedBeat::Replaces), 0, true, 0);
    replacing.look(20 * MS);
    let cancels = [Order::Cancel(1, CancelReason::Replaced)];
    assert_eq!(replacing.take_orders()[1..], cancels, "asked once");
    replacing.ended(1, end(InstanceStatus::Stopped), 25 * MS);
    assert_eq!(begun(&mut replacing), [(3, 20)], "the newest one");
    assert_eq!(counts(&replacing).skipped, 2);
}

#[test]
fn what_is_a_little_late_is_made_and_what_is_very_late_is_missed() {
    let mut metronome = Metronome::new(rate(500), 0, true, 0);
    metronome.look(3_000 * MS);
    assert_eq!(begun(&mut metronome).len(), 7);
    metronome.look(10_600 * MS);
    assert_eq!(begun(&mut metronome), [(8, 10_500)], "one stands for all");
    assert_eq!(counts(&metronome).missed, 14);
    let mut quick = Metronome::new(rate(1), 0, true, 0);
    quick.look(1_000 * MS);
    assert_eq!(
        begun(&mut quick).len(),
        101,
        "the first one and the last hundred"
    );
    assert_eq!(counts(&quick).missed, 900);
}

#[test]
fn a_report_tells_from_when_to_when_it_counts() {
    let mut metronome = Metronome::new(rate(500), 7_000, true, 0);
    assert_eq!(metronome.report((7, 2)).last_ms, 7);
    metronome.look(10_600 * MS);
    metronome.ended(1, end(InstanceStatus::Succeed), 10_600 * MS);
    let report = metronome.report((7, 2));
    assert_eq!(
        (report.instance_id, report.attempt, report.every_ms),
        (7, 2, 500)
    );
    assert_eq!((report.first_ms, report.last_ms), (7, 10_507));
    assert_eq!((report.counts.succeeded, report.counts.missed), (1, 20));
    assert_eq!(report.beats.len(), 1);
}

#[test]
fn another_worker_goes_on_with_the_grid() {
    let metronome = Metronome::new(rate(100), 0, false, 1_234 * MS);
    assert_eq!(metronome.next_us(), Some(1_300 * MS));
}

#[test]
fn a_changed_rate_counts_from_the_next_beat_on() {
    let mut metronome = Metronome::new(rate(100), 0, true, 0);
    metronome.look(250 * MS);
    assert_eq!(begun(&mut metronome).len(), 3);
    metronome.change(rate(40), 250 * MS);
    assert_eq!(metronome.next_us(), Some(280 * MS), "on the new grid");
    metronome.change(plan(BeatKind::Delay, 10), 260 * MS);
    assert_eq!(
        metronome.next_us(),
        None,
        "not before the running ones have ended"
    );
    for number in 1..=3 {
        metronome.ended(number, end(InstanceStatus::Succeed), 265 * MS);
    }
    assert_eq!(metronome.next_us(), Some(275 * MS));
}

#[test]
fn the_end_of_its_life_is_the_end() {
    let plan = Plan {
        until_us: 25 * MS,
        ..rate(10)
    };
    let mut metronome = Metronome::new(plan, 0, true, 0);
    metronome.look(90 * MS);
    assert_eq!(begun(&mut metronome), [(1, 0), (2, 10), (3, 20)]);
    for number in [1, 3, 2] {
        metronome.ended(number, end(InstanceStatus::Succeed), 95 * MS);
    }
    assert_eq!(metronome.take_orders(), [Order::Finish(Close::Over)]);
}

#[test]
fn a_stop_ends_what_runs_and_a_drain_waits_for_it() {
    let reason = CancelReason::UserStop;
    for lets_end in [false, true] {
        let mut metronome = Metronome::new(rate(10), 0, true, 0);
        metronome.take_orders();
        metronome.stop(reason, lets_end);
        let orders = metronome.take_orders();
        assert_eq!(orders.contains(&Order::Cancel(1, reason)), !lets_end);
        metronome.look(500 * MS);
        metronome.ended(1, end(InstanceStatus::Stopped), 500 * MS);
        let finish = [Order::Finish(Close::Asked(reason))];
        assert_eq!(metronome.take_orders(), finish);
    }
}

fn any_crowded() -> impl Strategy<Value = CrowdedBeat> {
    prop_oneof![
        Just(CrowdedBeat::Fails),
        Just(CrowdedBeat::Skipped),
        (1_u32..4).prop_map(CrowdedBeat::Waits),
        Just(CrowdedBeat::Replaces),
    ]
}

proptest! {
    /// Invariants 1, 2 and 4 of the metronome.
    #[test]
    fn every_point_of_the_grid_is_accounted_for(
        every_ms in 1_i64..50,
        at_once in 1_usize..5,
        crowded in any_crowded(),
        make_missed in 0_u64..3,
        // Time passes, or (`None`) the oldest beat ends.
        steps in prop::collection::vec(prop::option::of(0_i64..20_000), 1..200),
    ) {
        let plan = Plan { at_once, crowded, make_missed, ..rate(every_ms) };
        let mut metronome = Metronome::new(plan, 0, true, 0);
        let mut now_us = 0;
        let mut running: Vec<u64> = Vec::new();
        for step in std::iter::once(Some(0)).chain(steps) {
            match step {
                Some(step_us) => {
                    now_us += step_us;
                    metronome.look(now_us);
                }
                None if running.is_empty() => continue,
                None => metronome.ended(running.remove(0), end(InstanceStatus::Succeed), now_us),
            }
            for order in metronome.take_orders() {
                match order {
                    Order::Start(beat) => {
                        prop_assert!(beat.nominal_us <= now_us);
                        prop_assert_eq!(beat.nominal_us % plan.every_us, 0);
                        running.push(beat.number);
                    }
                    Order::Cancel(number, _) => prop_assert!(running.contains(&number)),
                    Order::Finish(_) => prop_assert!(false, "nobody asked for the end"),
                }
            }
            prop_assert!(running.len() <= at_once);
            let counts = counts(&metronome);
            prop_assert_eq!(counts.running, running.len() as u64);
            let points = now_us / plan.every_us + 1;
            let all = counts.running + counts.waiting + counts.succeeded + counts.failed
                + counts.skipped + counts.missed;
            prop_assert_eq!(all, points.cast_unsigned());
        }
        metronome.stop(CancelReason::Superseded, false);
        for number in running {
            metronome.ended(number, end(InstanceStatus::Failed), now_us);
        }
        metronome.look(now_us + 1_000_000);
        let finished = metronome.take_orders().into_iter()
            .filter(|order| matches!(order, Order::Finish(_)));
        prop_assert_eq!(finished.count(), 1);
    }
}
