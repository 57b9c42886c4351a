//! Cursors, tails and filters.

use super::*;

/// A store with lines 0 to 19 in chunks of one to four lines, over several segments or in one.
async fn benches() -> [Bench; 2] {
    let benches = [Bench::new(), Bench::with_small_segments()];
    for bench in &benches {
        for (first, end) in [
            (0, 1),
            (1, 5),
            (5, 7),
            (7, 8),
            (8, 12),
            (12, 15),
            (15, 16),
            (16, 20),
        ] {
            assert!(bench.put(vec![lines(first, end)]).await);
        }
    }
    benches
}

fn page(cursor: Option<String>, limit: usize) -> LogQuery {
    LogQuery {
        cursor,
        limit,
        ..LogQuery::default()
    }
}

fn tail(cursor: Option<String>, limit: usize) -> LogQuery {
    LogQuery {
        tail: true,
        ..page(cursor, limit)
    }
}

#[tokio::test]
async fn pages_of_any_size_make_up_the_log_also_across_restarts() {
    for mut bench in benches().await {
        for limit in 1..=21 {
            let (mut found, mut cursor) = (Vec::new(), None);
            loop {
                let slice = bench.read(page(cursor, limit)).await;
                assert!(slice.entries.len() == limit || slice.is_end);
                found.extend(texts(&slice));
                cursor = Some(slice.next_cursor);
                if slice.is_end {
                    break;
                }
                if limit % 5 == 0 {
                    bench.reopen();
                }
            }
            assert_eq!(found, expected(0, 20), "pages of {limit}");
        }
    }
}

#[tokio::test]
async fn tails_of_any_size_make_up_the_log_from_the_end() {
    for bench in benches().await {
        for limit in 1..=21 {
            let (mut found, mut cursor) = (Vec::new(), None);
            loop {
                let slice = bench.read(tail(cursor, limit)).await;
                assert!(slice.entries.len() == limit || slice.is_end);
                found.splice(0..0, texts(&slice));
                cursor = Some(slice.previous_cursor);
                if slice.is_end {
                    break;
                }
            }
            assert_eq!(found, expected(0, 20), "tails of {limit}");
        }
    }
}

#[tokio::test]
async fn the_cursor_of_each_line_leads_to_what_follows_and_to_what_precedes_it() {
    for bench in benches().await {
        let entries = bench.read(all()).await.entries;
        for (number, entry) in entries.iter().enumerate() {
            let cursor = Some(entry.cursor.clone());
            let after = bench.read(page(cursor.clone(), 100)).await;
            assert_eq!(texts(&after), expected(number as u64 + 1, 20));
            let before = bench.read(tail(cursor, 100)).await;
            assert_eq!(texts(&before), expected(0, number as u64 + 1));
        }
    }
}

#[tokio::test]
async fn after_a_tail_one_goes_on_with_what_is_new() {
    for bench in benches().await {
        let slice = bench.read(tail(None, 3)).await;
        assert_eq!(texts(&slice), expected(17, 20));
        assert!(bench.put(vec![lines(20, 22)]).await);
        let slice = bench.read(page(Some(slice.next_cursor), 100)).await;
        assert_eq!(texts(&slice), expected(20, 22));
        let again = bench.read(page(Some(slice.previous_cursor), 100)).await;
        assert_eq!(texts(&again), expected(20, 22));
    }
}

#[tokio::test]
async fn the_tail_of_an_empty_log_is_empty_and_can_be_followed() {
    let bench = Bench::new();
    let slice = bench.read(tail(None, 5)).await;
    assert!(slice.entries.is_empty() && slice.is_end);
    assert!(bench.put(vec![lines(0, 2)]).await);
    let slice = bench.read(page(Some(slice.next_cursor), 5)).await;
    assert_eq!(texts(&slice), expected(0, 2));
}

#[tokio::test]
async fn filters_choose_by_level_and_text() {
    let bench = Bench::new();
    let mut chunk = LogChunk {
        lost_before: 5,
        ..lines(5, 9)
    };
    for (line, level) in chunk.lines.iter_mut().zip([1_u8, 2, 3, 4]) {
        line.level = level;
    }
    chunk.lines[2].text = "Größe ÜBERSCHRITTEN".to_owned();
    assert!(bench.put(vec![chunk]).await);
    let gap = "5 lines lost: they came faster than they could be sent";
    let cases: [(Option<LogLevel>, Option<&str>, &[&str]); 7] = [
        (
            None,
            None,
            &[gap, "line 5", "line 6", "Größe ÜBERSCHRITTEN", "line 8"],
        ),
        (
            Some(LogLevel::Info),
            None,
            &[gap, "line 6", "Größe ÜBERSCHRITTEN", "line 8"],
        ),
        (Some(LogLevel::Error), None, &[gap, "line 8"]),
        (Some(LogLevel::Off), None, &[gap]),
        (None, Some("überschritten"), &["Größe ÜBERSCHRITTEN"]),
        (Some(LogLevel::Info), Some("LINE "), &["line 6", "line 8"]),
        (None, Some("lost"), &[gap]),
    ];
    for (min_level, text, wanted) in cases {
        for tail in [false, true] {
            let query = LogQuery {
                min_level,
                text: text.map(str::to_owned),
                tail,
                ..all()
            };
            assert_eq!(
                texts(&bench.read(query).await),
                wanted,
                "{min_level:?} {text:?}"
            );
        }
    }
}

#[tokio::test]
async fn pages_of_a_filtered_log_leave_nothing_out() {
    for bench in benches().await {
        let (mut found, mut query) = (Vec::new(), page(None, 2));
        query.text = Some("1".to_owned());
        loop {
            let slice = bench.read(query.clone()).await;
            found.extend(texts(&slice));
            query.cursor = Some(slice.next_cursor);
            if slice.is_end {
                break;
            }
        }
        let mut wanted = expected(1, 2);
        wanted.extend(expected(10, 20));
        assert_eq!(found, wanted);
    }
}

#[tokio::test]
async fn a_search_without_hits_gives_up_and_goes_on() {
    let bench = Bench::new();
    let mut chunk = lines(0, 400);
    for line in &mut chunk.lines {
        line.text = "x".repeat(60_000);
    }
    assert!(bench.put(vec![chunk, lines(400, 401)]).await);
    let mut query = page(None, 10);
    query.text = Some("LINE 400".to_owned());
    let (mut found, mut queries) = (Vec::new(), 0);
    loop {
        let slice = bench.read(query.clone()).await;
        queries += 1;
        found.extend(texts(&slice));
        query.cursor = Some(slice.next_cursor);
        if slice.is_end {
            break;
        }
    }
    assert_eq!(found, expected(400, 401));
    assert_eq!(queries, 2, "24 MB are more than one query reads");
}

#[tokio::test]
async fn a_cursor_of_other_making_is_refused_and_a_strange_one_does_no_harm() {
    for bench in benches().await {
        let slice = bench
            .store()
            .read(INSTANCE, APP, page(Some("nonsense".to_owned()), 5))
            .await;
        assert!(matches!(slice, Err(Error::BadCursor)));
        for cursor in [
            "0.0.ffffffff",
            "1.10.ffffffff",
            "ffffffff.ffffffff.ffffffff",
            "1.11.3",
        ] {
            for tail in [false, true] {
                let query = LogQuery {
                    tail,
                    ..page(Some(cursor.to_owned()), 100)
                };
                assert!(bench.read(query).await.is_end, "{cursor}");
            }
        }
    }
}
