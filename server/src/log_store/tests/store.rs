//! What is stored is read, once.

use super::*;

#[tokio::test]
async fn what_is_stored_is_read_with_all_it_has() {
    let bench = Bench::new();
    let mut chunk = lines(0, 2);
    chunk.attempt = 3;
    chunk.lines[1].level = LogLevel::Error.code() as u8;
    assert!(bench.put(vec![chunk]).await);
    let slice = bench.read(all()).await;
    assert!(slice.is_end);
    let [first, second] = slice.entries.as_slice() else {
        panic!("two lines");
    };
    assert_eq!((first.at, second.at), (1_000, 1_001));
    assert_eq!(
        (first.level, second.level),
        (LogLevel::Info, LogLevel::Error)
    );
    assert_eq!((first.attempt, first.worker.as_ref()), (3, "w1"));
    assert_eq!((first.text.as_str(), first.is_gap), ("line 0", false));
    assert_eq!(second.cursor, slice.next_cursor);
}

#[tokio::test]
async fn an_unknown_instance_has_an_empty_log_and_no_folder() {
    let bench = Bench::new();
    let slice = bench.read(all()).await;
    assert!(slice.is_end && slice.entries.is_empty());
    assert!(bench.put(vec![lines(0, 1)]).await);
    let query = LogQuery {
        cursor: Some(slice.next_cursor),
        ..all()
    };
    assert_eq!(texts(&bench.read(query).await), expected(0, 1));
    assert!(!bench.folder.path().join("app-8").exists());
}

#[tokio::test]
async fn a_repeated_frame_stores_nothing_twice() {
    for mut bench in [Bench::new(), Bench::with_small_segments()] {
        for chunk in [lines(0, 3), lines(3, 5), lines(5, 6), lines(6, 9)] {
            assert!(bench.put(vec![chunk]).await);
        }
        assert!(bench.put(vec![lines(0, 3), lines(5, 6), lines(5, 6)]).await);
        bench.reopen();
        assert!(bench.put(vec![lines(0, 3), lines(3, 5), lines(6, 9)]).await);
        assert!(
            bench.put(vec![lines(2, 7), lines(7, 11)]).await,
            "a part of it is new"
        );
        assert_eq!(bench.texts().await, expected(0, 11));
    }
}

#[tokio::test]
async fn a_chunk_that_was_refused_is_taken_when_it_is_repeated_after_a_later_one() {
    let bench = Bench::new();
    assert!(bench.put(vec![lines(0, 2)]).await);
    assert!(bench.put(vec![lines(4, 6)]).await);
    assert!(bench.put(vec![lines(2, 4), lines(4, 6)]).await);
    let mut texts = bench.texts().await;
    texts.sort();
    assert_eq!(texts, expected(0, 6));
}

#[tokio::test]
async fn attempts_workers_and_their_lives_count_for_themselves() {
    let bench = Bench::new();
    let second_attempt = LogChunk {
        attempt: 2,
        ..lines(0, 1)
    };
    assert!(bench.put(vec![lines(0, 1), second_attempt]).await);
    assert!(bench.put_as(APP, &worker("w2", 1), vec![lines(0, 1)]).await);
    assert!(bench.put_as(APP, &worker("w2", 2), vec![lines(0, 1)]).await);
    let entries = bench.read(all()).await.entries;
    let found: Vec<_> = entries
        .iter()
        .map(|entry| (entry.attempt, entry.worker.as_ref()))
        .collect();
    assert_eq!(found, [(1, "w1"), (2, "w1"), (1, "w2"), (1, "w2")]);
}

#[tokio::test]
async fn lost_lines_show_as_a_gap() {
    let mut bench = Bench::new();
    let chunk = LogChunk {
        lost_before: 12,
        ..lines(14, 15)
    };
    let only_lost = LogChunk {
        lost_before: 1,
        ..lines(16, 16)
    };
    assert!(bench.put(vec![lines(0, 2), chunk.clone(), only_lost]).await);
    assert!(bench.put(vec![chunk]).await);
    bench.reopen();
    let entries = bench.read(all()).await.entries;
    let found: Vec<_> = entries
        .iter()
        .map(|entry| (entry.text.as_str(), entry.is_gap, entry.at))
        .collect();
    let lost = "12 lines lost: they came faster than they could be sent";
    let one = "1 line lost: it came faster than it could be sent";
    assert_eq!(
        found,
        [
            ("line 0", false, 1_000),
            ("line 1", false, 1_001),
            (lost, true, 1_014),
            ("line 14", false, 1_014),
            (one, true, 1_000_000),
        ]
    );
}

#[tokio::test]
async fn applications_and_instances_do_not_mix() {
    let mut bench = Bench::with_small_segments();
    let other = AppId(8);
    for number in 0..6 {
        let of_neighbour = LogChunk {
            instance_id: 101,
            ..lines(10 + number, 11 + number)
        };
        let batch = vec![lines(number, number + 1), of_neighbour];
        let worker = worker("w1", 1);
        let here = put(bench.store(), APP, &worker, batch);
        let there = put(
            bench.store(),
            other,
            &worker,
            vec![lines(20 + number, 21 + number)],
        );
        assert!(here.await.expect("an answer") && there.await.expect("an answer"));
    }
    bench.reopen();
    assert_eq!(bench.texts().await, expected(0, 6));
    assert_eq!(bench.texts_of(InstanceId(101), APP).await, expected(10, 16));
    assert_eq!(bench.texts_of(INSTANCE, other).await, expected(20, 26));
    assert_eq!(bench.texts_of(InstanceId(101), other).await, expected(0, 0));
}

#[tokio::test]
async fn a_hundred_thousand_lines_come_back_in_order() {
    let bench = Bench::with(LogStoreConfig {
        segment_bytes: 256 << 10,
        ..LogStoreConfig::default()
    });
    let worker = worker("w1", 1);
    let answers: Vec<_> = (0..1_000)
        .map(|chunk| {
            put(
                bench.store(),
                APP,
                &worker,
                vec![lines(100 * chunk, 100 * chunk + 100)],
            )
        })
        .collect();
    for answer in answers {
        assert!(answer.await.expect("an answer"));
    }
    assert_eq!(bench.store().queued_bytes(), 0);
    let mut found = Vec::new();
    let mut query = all();
    loop {
        let slice = bench.read(query.clone()).await;
        found.extend(texts(&slice));
        query.cursor = Some(slice.next_cursor);
        if slice.is_end {
            break;
        }
    }
    assert!(found == expected(0, 100_000), "{} lines", found.len());
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let bench = Bench::with(LogStoreConfig {
        queue_bytes: 1,
        ..LogStoreConfig::default()
    });
    let (release, held) = std::sync::mpsc::channel::<()>();
    let batch = |first| LogBatch {
        app_id: APP,
        worker: worker("w1", 1),
        chunks: vec![lines(first, first + 1)],
    };
    // The first callback holds the store's thread while the second batch fills the queue.
    let (entered, entering) = oneshot::channel();
    bench.store().append(batch(0), move |is_stored| {
        entered.send(is_stored).ok();
        held.recv().ok();
    });
    assert_eq!(entering.await, Ok(true));
    let worker = worker("w1", 1);
    let fits = put(bench.store(), APP, &worker, vec![lines(1, 2)]);
    let refused = put(bench.store(), APP, &worker, vec![lines(2, 3)]);
    assert_eq!(refused.await, Ok(false));
    drop(release);
    assert_eq!(fits.await, Ok(true));
    assert!(bench.put(vec![lines(2, 3)]).await);
    assert_eq!(bench.texts().await, expected(0, 3));
}

#[tokio::test]
async fn a_folder_belongs_to_one_store() {
    let bench = Bench::new();
    let second = LogStore::open(bench.folder.path(), LogStoreConfig::default());
    assert!(matches!(second, Err(Error::Locked(_))));
    assert!(bench.store().is_running());
}

#[tokio::test]
async fn closing_the_store_writes_what_is_queued() {
    let mut bench = Bench::new();
    let answer = put(bench.store(), APP, &worker("w1", 1), vec![lines(0, 4)]);
    bench.reopen();
    assert_eq!(answer.await, Ok(true));
    assert_eq!(bench.texts().await, expected(0, 4));
}
