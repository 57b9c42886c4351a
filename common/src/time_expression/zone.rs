//! Which instants does a local time stand for, and which local time is it at an instant?
//!
//! Instants here are whole seconds since 1970 UTC.
//!
//! Invariants:
//! 1. Offsets come from the embedded time zone data, so every machine gives the same answer.
//! 2. `transition` is only asked about a span that holds exactly one change of the clock.

use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeZone};
use chrono_tz::{GapInfo, Tz};

/// The instants between the years 1 and 9999, safely inside the calendar's own limits.
pub(super) const CALENDAR_SECONDS: std::ops::RangeInclusive<i64> =
    -62_135_596_800..=253_402_214_400;

/// The wall clock at an instant; `None` outside the calendar.
pub(super) fn local_at(zone: Tz, second: i64) -> Option<NaiveDateTime> {
    if !CALENDAR_SECONDS.contains(&second) {
        return None;
    }
    let utc = DateTime::from_timestamp(second, 0)?.naive_utc();
    Some(utc + zone.offset_from_utc_datetime(&utc).fix())
}

/// The instants at which the wall clock shows `local`: none in a gap, two in an overlap.
pub(super) fn instants_of(zone: Tz, local: NaiveDateTime) -> LocalResult<i64> {
    let as_if_utc = local.and_utc().timestamp();
    zone.offset_from_local_datetime(&local)
        .map(|offset| as_if_utc - i64::from(offset.fix().local_minus_utc()))
}

/// The first local time after the gap that swallowed `local`.
pub(super) fn end_of_gap(zone: Tz, local: NaiveDateTime) -> Option<NaiveDateTime> {
    Some(GapInfo::new(&local, &zone)?.end?.naive_local())
}

/// The instant in `(early, late]` at which the clock changes.
pub(super) fn transition(zone: Tz, early: i64, late: i64) -> Option<i64> {
    let offset_at = |second| {
        let utc = DateTime::from_timestamp(second, 0)?.naive_utc();
        Some(zone.offset_from_utc_datetime(&utc).fix())
    };
    let before = offset_at(early)?;
    let (mut early, mut late) = (early, late);
    while late - early > 1 {
        let middle = early + (late - early) / 2;
        if offset_at(middle)? == before {
            early = middle;
        } else {
            late = middle;
        }
    }
    Some(late)
}

/// One instant for a local time in any case: inside a gap the clock is taken to run on without
/// the change (02:30 becomes 03:30), inside an overlap the second passage counts.
pub(super) fn lenient_instant(zone: Tz, local: NaiveDateTime) -> Option<i64> {
    match instants_of(zone, local) {
        LocalResult::Single(instant) | LocalResult::Ambiguous(_, instant) => Some(instant),
        LocalResult::None => {
            let (_, offset_before) = GapInfo::new(&local, &zone)?.begin?;
            Some(local.and_utc().timestamp() - i64::from(offset_before.fix().local_minus_utc()))
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use chrono_tz::America::New_York;
    use chrono_tz::Australia::Lord_Howe;
    use chrono_tz::Pacific::Apia;

    use super::*;

    fn local(date: (i32, u32, u32), time: (u32, u32, u32)) -> NaiveDateTime {
        NaiveDate::from_ymd_opt(date.0, date.1, date.2)
            .and_then(|day| day.and_hms_opt(time.0, time.1, time.2))
            .expect("a calendar date")
    }

    #[test]
    fn gap_ends_where_the_clock_goes_on() {
        let spring = (2025, 3, 9);
        assert_eq!(
            instants_of(New_York, local(spring, (2, 30, 0))),
            LocalResult::None
        );
        let end = end_of_gap(New_York, local(spring, (2, 30, 0)));
        assert_eq!(end, Some(local(spring, (3, 0, 0))));
        let missing_day = local((2011, 12, 30), (12, 0, 0));
        assert_eq!(
            end_of_gap(Apia, missing_day),
            Some(local((2011, 12, 31), (0, 0, 0)))
        );
        let half_hour = local((2024, 10, 6), (2, 15, 0));
        assert_eq!(
            end_of_gap(Lord_Howe, half_hour),
            Some(local((2024, 10, 6), (2, 30, 0)))
        );
    }

    #[test]
    fn overlap_has_two_passages_around_its_transition() {
        let one_thirty = local((2025, 11, 2), (1, 30, 0));
        let LocalResult::Ambiguous(first, second) = instants_of(New_York, one_thirty) else {
            panic!("01:30 happens twice");
        };
        assert_eq!(second - first, 3600);
        let change = transition(New_York, first, second).expect("inside the calendar");
        assert_eq!(
            local_at(New_York, change),
            Some(local((2025, 11, 2), (1, 0, 0)))
        );
        assert_eq!(
            local_at(New_York, change - 1),
            Some(local((2025, 11, 2), (1, 59, 59)))
        );
    }

    #[test]
    fn lenient_reading_shifts_gaps_and_takes_the_second_passage() {
        let shifted = lenient_instant(New_York, local((2025, 3, 9), (2, 30, 0)));
        let half_past_three = instants_of(New_York, local((2025, 3, 9), (3, 30, 0))).single();
        assert_eq!(shifted, half_past_three);
        let overlap = local((2025, 11, 2), (1, 30, 0));
        assert_eq!(
            lenient_instant(New_York, overlap),
            instants_of(New_York, overlap).latest()
        );
    }

    #[test]
    fn instants_outside_the_calendar_have_no_local_time() {
        for second in [i64::MIN, i64::MAX, -62_135_596_801, 253_402_214_401] {
            assert_eq!(local_at(New_York, second), None);
        }
    }
}
