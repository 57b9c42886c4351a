use chrono_tz::UTC;
use powerjob_common::status::TimeExpressionType;
use proptest::prelude::*;

use super::super::worker_filter::tests::job;
use super::*;

const LOOK_AHEAD: Duration = Duration::from_secs(1);

fn schedule(kind: TimeExpressionType, text: &str) -> Schedule {
    Schedule::parse(kind, text, UTC).expect("a valid schedule")
}

fn table(schedule: &Schedule, misfire: Misfire) -> Timetable<'_> {
    Timetable {
        job_id: JobId(7),
        schedule,
        lifecycle: &Lifecycle::ALWAYS,
        policy: SchedulePolicy {
            misfire,
            ..SchedulePolicy::default()
        },
        is_loop: schedule.kind() == TimeExpressionType::FixedDelay,
    }
}

fn check(
    misfire: Misfire,
    (kind, text): (TimeExpressionType, &str),
    (next, now): (i64, i64),
    expected: &[(i64, i64)],
    expected_next: Option<i64>,
) {
    let schedule = schedule(kind, text);
    let table = table(&schedule, misfire);
    let plan = plan(&table, UnixMillis(next), UnixMillis(now), LOOK_AHEAD);
    let found: Vec<_> = plan
        .occurrences
        .iter()
        .map(|occurrence| (occurrence.nominal.0, occurrence.start_at.0))
        .collect();
    assert_eq!(found, expected, "{text}");
    assert_eq!(plan.next, expected_next.map(UnixMillis), "{text}");
}

const EVERY_SECOND: (TimeExpressionType, &str) = (TimeExpressionType::Cron, "* * * * * ?");
const EVERY_400_MS: (TimeExpressionType, &str) = (TimeExpressionType::FixedRate, "400");
const AFTER_700_MS: (TimeExpressionType, &str) = (TimeExpressionType::FixedDelay, "700");

#[test]
fn what_lies_within_the_look_ahead_is_made() {
    check(
        Misfire::Once,
        EVERY_SECOND,
        (5_000, 4_000),
        &[(5_000, 5_000)],
        Some(6_000),
    );
    check(
        Misfire::Once,
        EVERY_SECOND,
        (5_000, 3_999),
        &[],
        Some(5_000),
    );
}

#[test]
fn what_is_late_but_not_missed_is_made_one_by_one() {
    for misfire in [Misfire::Skip, Misfire::Once, Misfire::CatchUp { runs: 1 }] {
        check(
            misfire,
            EVERY_SECOND,
            (5_000, 8_000),
            &[
                (5_000, 8_000),
                (6_000, 8_000),
                (7_000, 8_000),
                (8_000, 8_000),
                (9_000, 9_000),
            ],
            Some(10_000),
        );
    }
}

// Spec 01, invariant 13.
#[test]
fn an_outage_is_caught_up_by_one_run() {
    check(
        Misfire::Once,
        EVERY_SECOND,
        (5_000, 65_300),
        &[(5_000, 65_300), (66_000, 66_000)],
        Some(67_000),
    );
    check(
        Misfire::Once,
        EVERY_400_MS,
        (5_100, 86_400_300),
        &[
            (5_100, 86_400_300),
            (86_400_700, 86_400_700),
            (86_401_100, 86_401_100),
        ],
        Some(86_401_500),
    );
}

#[test]
fn missed_times_are_skipped_or_the_last_of_them_run_if_the_policy_says_so() {
    check(
        Misfire::Skip,
        EVERY_SECOND,
        (5_000, 65_300),
        &[(66_000, 66_000)],
        Some(67_000),
    );
    check(
        Misfire::CatchUp { runs: 2 },
        EVERY_SECOND,
        (5_000, 65_300),
        &[(64_000, 65_300), (65_000, 65_300), (66_000, 66_000)],
        Some(67_000),
    );
    check(
        Misfire::CatchUp { runs: 2 },
        EVERY_400_MS,
        (5_100, 10_000),
        &[
            (9_500, 10_000),
            (9_900, 10_000),
            (10_300, 10_300),
            (10_700, 10_700),
        ],
        Some(11_100),
    );
    // Fewer were missed than may run.
    check(
        Misfire::CatchUp { runs: 9 },
        (TimeExpressionType::Cron, "0 0 * * * ?"),
        (3_600_000, 7_300_000),
        &[(3_600_000, 7_300_000), (7_200_000, 7_300_000)],
        Some(10_800_000),
    );
}

#[test]
fn a_loop_is_late_but_never_missed() {
    for misfire in [Misfire::Skip, Misfire::Once, Misfire::CatchUp { runs: 5 }] {
        check(
            misfire,
            AFTER_700_MS,
            (5_000, 86_400_000),
            &[(5_000, 86_400_000)],
            None,
        );
    }
}

/// What is due and not made yet is for the plan to make, or for the misfire policy (14).
#[test]
fn an_edit_keeps_the_grid_and_repeats_what_was_called_off() {
    for (next, called_off, expected) in [
        (Some(6_300), Some(5_500), Some(5_500)),
        (Some(5_300), None, Some(5_300)),
        (Some(5_300), Some(6_100), Some(5_300)),
        (None, Some(6_100), Some(6_100)),
        (None, None, None),
    ] {
        let resumed = resume(next.map(UnixMillis), called_off.map(UnixMillis));
        assert_eq!(resumed, expected.map(UnixMillis), "{next:?} {called_off:?}");
    }
}

#[test]
fn a_fixed_delay_goes_on_only_after_its_run() {
    check(
        Misfire::Once,
        AFTER_700_MS,
        (5_000, 5_000),
        &[(5_000, 5_000)],
        None,
    );
    let delay = schedule(AFTER_700_MS.0, AFTER_700_MS.1);
    let end = LoopRunEnd {
        at: UnixMillis(9_000),
        is_failure: false,
    };
    let mut job = job();
    job.schedule.kind = AFTER_700_MS.0;
    assert_eq!(after_run(&job, &delay, end), Some(UnixMillis(9_700)));
    job.schedule.lifecycle.end = Some(UnixMillis(9_699));
    assert_eq!(after_run(&job, &delay, end), None);
}

fn second_level() -> JobDefinition {
    let mut job = job();
    (job.schedule.kind, job.schedule.expression) = (EVERY_400_MS.0, EVERY_400_MS.1.to_owned());
    job.policy.second_level = true;
    job
}

/// Spec 01 section 2.4.
#[test]
fn a_second_level_job_has_one_instance_until_that_ends() {
    let job = second_level();
    let rate = schedule(EVERY_400_MS.0, EVERY_400_MS.1);
    let table = Timetable::of(&job, &rate);
    for late in [0, 100_000] {
        let plan = plan(
            &table,
            UnixMillis(5_000),
            UnixMillis(5_000 + late),
            LOOK_AHEAD,
        );
        assert_eq!(plan.occurrences.len(), 1);
        assert_eq!(plan.next, None);
    }
    for (is_failure, next) in [(false, 10_000), (true, 24_000)] {
        let end = LoopRunEnd {
            at: UnixMillis(9_000),
            is_failure,
        };
        assert_eq!(after_run(&job, &rate, end), Some(UnixMillis(next)));
    }
    assert_eq!(take_up(&job, &rate, true, UnixMillis(9_000)), None);
    let next = take_up(&job, &rate, false, UnixMillis(9_000));
    assert_eq!(next, Some(UnixMillis(10_000)));
}

#[test]
fn a_second_level_instance_goes_on_when_its_job_is_edited() {
    let before = second_level();
    let mut after = before.clone();
    after.schedule.expression = "20".to_owned();
    after.schedule.kind = TimeExpressionType::FixedDelay;
    assert!(goes_on(&before, &after));
    after.schedule.lifecycle.start = Some(UnixMillis(1));
    assert!(!goes_on(&before, &after), "it begins anew");
    let mut single = before.clone();
    single.policy.second_level = false;
    assert!(!goes_on(&before, &single) && !goes_on(&single, &before));
    single.schedule.expression = "20".to_owned();
    assert!(!goes_on(&before, &single));
}

#[test]
fn jitter_spreads_evenly_and_is_always_the_same() {
    const MOST: u32 = 9;
    let mut counts = [0_u32; 10];
    for job in 1..=100 {
        for second in 0..100 {
            let nominal = UnixMillis(1_795_000_000_000 + second * 1_000);
            let delay = jitter_ms(JobId(job), nominal, MOST);
            assert_eq!(delay, jitter_ms(JobId(job), nominal, MOST));
            counts[delay as usize] += 1;
        }
    }
    // 10,000 draws over ten values: 1,000 each, give or take a few standard deviations.
    assert!(
        counts.iter().all(|count| (880..1_120).contains(count)),
        "{counts:?}"
    );
    assert_eq!(jitter_ms(JobId(1), UnixMillis(5), 0), 0);
}

fn any_misfire() -> impl Strategy<Value = Misfire> {
    prop_oneof![
        Just(Misfire::Skip),
        Just(Misfire::Once),
        (1_u32..20).prop_map(|runs| Misfire::CatchUp { runs }),
    ]
}

proptest! {
    // Invariants 1 to 4.
    #[test]
    fn nothing_is_doubled_and_the_grid_is_kept_whatever_the_outage(
        misfire in any_misfire(),
        every in 1_i64..5_000,
        next in 0_i64..1_000_000,
        late in -2_000_i64..100_000_000,
        jitter in 0_u32..10_000,
    ) {
        let rate = schedule(TimeExpressionType::FixedRate, &every.to_string());
        let now = UnixMillis(next + late);
        let mut table = table(&rate, misfire);
        table.policy.jitter_ms = jitter;
        let plan = plan(&table, UnixMillis(next), now, LOOK_AHEAD);
        let mut times: Vec<_> = plan.occurrences.iter().map(|made| made.nominal.0).collect();
        let made = times.len();
        times.extend(plan.next.map(|next| next.0));
        prop_assert!(times.is_sorted_by(|a, b| a < b), "never doubled: {times:?}");
        prop_assert!(times.iter().all(|time| (time - next) % every == 0), "the grid is kept");
        for occurrence in &plan.occurrences {
            let delay = occurrence.start_at.0 - occurrence.nominal.0.max(now.0);
            prop_assert!((0..=i64::from(jitter)).contains(&delay));
        }
        let missed: Vec<_> = times[..made].iter().filter(|time| **time <= now.0).collect();
        if late > LATE_MS {
            let last_on_grid = next + late / every * every;
            prop_assert_eq!(plan.missed_since, Some(UnixMillis(next)));
            prop_assert!(plan.next.is_none_or(|next| next > now), "the grid goes on after now");
            match misfire {
                Misfire::Skip => prop_assert!(missed.is_empty()),
                Misfire::Once => prop_assert_eq!(missed, [&next]),
                Misfire::CatchUp { runs } => {
                    let all = late / every + 1;
                    prop_assert_eq!(missed.len() as i64, all.min(runs.into()), "at most n");
                    prop_assert_eq!(missed.last(), Some(&&last_on_grid), "the last ones");
                    prop_assert!(missed.windows(2).all(|pair| pair[1] - pair[0] == every));
                }
            }
        } else if made < MAX_AT_ONCE {
            prop_assert_eq!(plan.missed_since, None);
            let expected = if late < 0 { 0 } else { late / every + 1 };
            prop_assert_eq!(missed.len() as i64, expected, "what is late is not lost");
        }
    }

    #[test]
    fn planning_in_turns_makes_what_planning_at_once_makes(
        every in 1_i64..3_000,
        pauses in prop::collection::vec(0_i64..LATE_MS, 1..20),
    ) {
        let rate = schedule(TimeExpressionType::FixedRate, &every.to_string());
        let table = table(&rate, Misfire::Once);
        let (mut now, mut next, mut made) = (0_i64, UnixMillis(0), Vec::new());
        for pause in pauses {
            now += pause;
            // As the actor does: until nothing is due.
            loop {
                let plan = plan(&table, next, UnixMillis(now), LOOK_AHEAD);
                made.extend(plan.occurrences.iter().map(|made| made.nominal.0));
                next = plan.next.expect("a rate goes on");
                if plan.occurrences.is_empty() {
                    break;
                }
            }
        }
        let expected: Vec<_> = (0..).map(|step| step * every)
            .take_while(|time| *time < next.0)
            .collect();
        prop_assert_eq!(made, expected);
    }
}
