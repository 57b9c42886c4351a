//! What a crash may leave behind.

use std::fs;

use super::*;

/// Three chunks in one segment, the last of which is cut at `keep` bytes from its start.
async fn torn(keep: u64, whole: &[u8], record_bytes: u64) -> Bench {
    let mut bench = Bench::new();
    assert!(bench.put(vec![lines(0, 1)]).await);
    let segment = bench.files("seg").remove(0);
    let end = whole.len() as u64 - record_bytes + keep;
    bench.reopen_after(|_| fs::write(&segment, &whole[..end as usize]).expect("written"));
    bench
}

#[tokio::test]
async fn a_torn_tail_is_cut_off_at_every_byte_of_the_last_record() {
    let (whole, record_bytes) = {
        let bench = Bench::new();
        assert!(bench.put(vec![lines(0, 2), lines(2, 3)]).await);
        let segment = bench.files("seg").remove(0);
        let before = fs::metadata(&segment).expect("there").len();
        assert!(bench.put(vec![lines(3, 5)]).await);
        let whole = fs::read(&segment).expect("readable");
        let record_bytes = whole.len() as u64 - before;
        (whole, record_bytes)
    };
    for keep in 0..record_bytes {
        let mut bench = torn(keep, &whole, record_bytes).await;
        assert_eq!(bench.texts().await, expected(0, 3), "{keep} bytes are left");
        let segment = bench.files("seg").remove(0);
        let length = fs::metadata(&segment).expect("there").len();
        assert_eq!(length, whole.len() as u64 - record_bytes);
        assert!(
            bench.put(vec![lines(2, 3), lines(3, 5)]).await,
            "it is repeated"
        );
        bench.reopen();
        assert_eq!(
            bench.texts().await,
            expected(0, 5),
            "{keep} bytes were left"
        );
    }
}

#[tokio::test]
async fn zeros_at_the_end_are_no_records() {
    let mut bench = Bench::new();
    assert!(bench.put(vec![lines(0, 2)]).await);
    let segment = bench.files("seg").remove(0);
    let length = fs::metadata(&segment).expect("there").len();
    let file = fs::File::options()
        .write(true)
        .open(&segment)
        .expect("there");
    bench.reopen_after(|_| file.set_len(length + 5_000).expect("longer"));
    assert!(bench.put(vec![lines(2, 3)]).await);
    bench.reopen();
    assert_eq!(bench.texts().await, expected(0, 3));
}

#[tokio::test]
async fn a_damaged_record_costs_no_other() {
    let mut bench = Bench::new();
    assert!(bench.put(vec![lines(0, 2)]).await);
    let segment = bench.files("seg").remove(0);
    let place = fs::metadata(&segment).expect("there").len() as usize + 30;
    assert!(bench.put(vec![lines(2, 4)]).await);
    assert!(bench.put(vec![lines(4, 6)]).await);
    let damage = || {
        let mut bytes = fs::read(&segment).expect("readable");
        bytes[place] ^= 0xFF;
        fs::write(&segment, bytes).expect("written");
    };
    damage();
    let seen = bench.texts().await;
    assert_eq!(seen[..2], expected(0, 2));
    assert_eq!(
        seen[2],
        "2 lines cannot be read: they are damaged on the disk"
    );
    assert_eq!(seen[3..], expected(4, 6));
    bench.reopen();
    let mut wanted = expected(0, 2);
    wanted.extend(expected(4, 6));
    assert_eq!(bench.texts().await, wanted);
    assert!(
        bench.put(vec![lines(2, 4)]).await,
        "the worker happens to have them"
    );
    assert_eq!(bench.texts().await.len(), 6);
}

#[tokio::test]
async fn a_crash_while_a_segment_begins_is_survived() {
    for begun in [&b""[..], b"PJLSEG", b"something else entirely"] {
        let mut bench = Bench::with_small_segments();
        for number in 0..5 {
            assert!(bench.put(vec![lines(number, number + 1)]).await);
        }
        let last = bench.files("seg").len() as u32;
        let next = bench.files("seg")[0].with_file_name(format!("{}.seg", last + 1));
        bench.reopen_after(|_| fs::write(&next, begun).expect("written"));
        assert!(bench.put(vec![lines(4, 9)]).await);
        bench.reopen();
        assert_eq!(bench.texts().await, expected(0, 9));
        assert_eq!(bench.files("damaged").len(), 1);
    }
}

#[tokio::test]
async fn a_missing_or_broken_index_is_made_again() {
    let mut bench = Bench::with_small_segments();
    for number in 0..14 {
        assert!(bench.put(vec![lines(number, number + 1)]).await);
    }
    let indexes = bench.files("idx");
    assert!(indexes.len() >= 4);
    let segments = bench.files("seg").len();
    bench.reopen_after(|_| {
        fs::remove_file(&indexes[0]).expect("removed");
        fs::write(&indexes[2], b"rubbish").expect("written");
        fs::remove_file(&indexes[3]).expect("removed");
        fs::write(indexes[0].with_file_name("99.idx"), b"of no segment").expect("written");
        fs::write(indexes[0].with_extension("idx-new"), b"a draft").expect("written");
    });
    assert_eq!(bench.texts().await, expected(0, 14));
    assert_eq!(bench.files("idx"), indexes);
    assert_eq!(bench.files("idx-new").len(), 0);
    assert!(bench.put(vec![lines(0, 15)]).await);
    assert_eq!(bench.texts().await, expected(0, 15));
    assert!(bench.files("seg").len() <= segments + 1);
}
