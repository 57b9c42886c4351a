//! How the beats of a second-level job look to people.

use powerjob_client::api::beats::{BeatCounts, BeatOverview, SubInstance};

use crate::text::{short, table, when};

pub(super) fn overview(beats: &BeatOverview, width: Option<u16>) -> String {
    if beats.attempts.is_empty() {
        return "no beats: the run is not that of a second-level job, or has not begun".to_owned();
    }
    let mut text = counts(&beats.counts);
    if beats.attempts.len() > 1 {
        text.push_str(&format!(
            "\nmade by {} workers in turn",
            beats.attempts.len()
        ));
    }
    if !beats.is_live {
        text.push_str("\nas reported: no worker makes them now, or it does not answer");
    }
    if let Some(next_at) = beats.next_at {
        text.push_str(&format!("\nnext: {}", when::clock_time(next_at)));
    }
    if !beats.beats.is_empty() {
        let head = ["NUMBER", "FOR", "LATE", "TOOK", "STATUS", "RESULT"];
        let rows = beats.beats.iter().map(beat);
        let table = table::render(width, &head, &[0, 2, 3], rows);
        text.push_str(&format!("\n\n{table}"));
    }
    text
}

/// The whole in one line.
fn counts(counts: &BeatCounts) -> String {
    format!(
        "{} beats: {} succeeded, {} failed, {} skipped, {} missed, {} running, {} waiting",
        counts.total,
        counts.succeeded,
        counts.failed,
        counts.skipped,
        counts.missed,
        counts.running,
        counts.waiting
    )
}

fn beat(beat: &SubInstance) -> Vec<String> {
    let ms = |from: Option<i64>, to: Option<i64>| match (from, to) {
        (Some(from), Some(to)) => format!("{} ms", to - from),
        _ => "-".to_owned(),
    };
    vec![
        beat.number.to_string(),
        when::clock_time(beat.nominal_at),
        ms(Some(beat.nominal_at), beat.started_at),
        ms(beat.started_at, beat.finished_at),
        beat.status.name().to_owned(),
        short(&beat.result, 60),
    ]
}

#[cfg(test)]
mod tests {
    use powerjob_client::api::beats::BeatAttempt;
    use powerjob_common::status::InstanceStatus;

    use super::*;

    #[test]
    fn people_see_what_became_of_beats() {
        let beats = BeatOverview {
            is_live: true,
            counts: BeatCounts {
                total: 15,
                succeeded: 9,
                failed: 1,
                skipped: 2,
                missed: 3,
                ..BeatCounts::default()
            },
            next_at: None,
            attempts: vec![BeatAttempt {
                number: 1,
                counts: BeatCounts::default(),
                first_at: Some(1),
                last_at: Some(1_000),
            }],
            beats: vec![SubInstance {
                attempt: 1,
                number: 10,
                nominal_at: 1_000,
                started_at: Some(1_002),
                finished_at: Some(1_025),
                status: InstanceStatus::Failed,
                result: "no such table".to_owned(),
            }],
        };
        let text = overview(&beats, None);
        let first = "15 beats: 9 succeeded, 1 failed, 2 skipped, 3 missed, 0 running, 0 waiting";
        assert!(text.starts_with(first), "{text}");
        for part in ["2 ms", "23 ms", "FAILED", "no such table"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(overview(&BeatOverview::default(), None).starts_with("no beats"));
    }
}
