//! The files of the spool. Records go to the end of the newest file; a file is deleted as soon as
//! none of its reports is owed any more, so nothing is ever rewritten.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use powerjob_protocol::wire::worker_to_server::InstanceReport;

use super::StoreError;
use super::record::{Record, read_all};
use crate::domain::RunKey;

/// A file is closed when it has grown beyond this.
const SEGMENT_BYTES: usize = 4 << 20;

/// All files of a spool.
#[derive(Debug)]
pub(crate) struct Segments {
    folder: PathBuf,
    current: File,
    current_number: u64,
    current_bytes: usize,
    /// Reports owed in each file.
    owed: BTreeMap<u64, usize>,
    /// The file that holds a report.
    places: HashMap<RunKey, u64>,
    segment_bytes: usize,
}

impl Segments {
    /// Opens the spool in `folder` and returns the reports that are owed. What is not whole at the
    /// end of a file was never acknowledged to anybody and is left out.
    ///
    /// # Errors
    /// When the disk says no.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Vec<InstanceReport>), StoreError> {
        fs::create_dir_all(folder).map_err(StoreError::io("make the folder", folder))?;
        let mut owed: BTreeMap<RunKey, (u64, InstanceReport)> = BTreeMap::new();
        let numbers = numbers_in(folder)?;
        for number in &numbers {
            let path = path_of(folder, *number);
            let bytes = fs::read(&path).map_err(StoreError::io("read", &path))?;
            let (records, used) = read_all(&bytes);
            if used < bytes.len() {
                let cut_bytes = bytes.len() - used;
                tracing::warn!(path = %path.display(), cut_bytes, "the end of a spool file is torn");
            }
            for record in records {
                match record {
                    Record::Report(report) => {
                        owed.insert(RunKey::of_report(&report), (*number, report));
                    }
                    Record::Settled(key) => drop(owed.remove(&key)),
                }
            }
        }
        let next = numbers.last().map_or(1, |last| last + 1);
        let segments = Self::with_files(folder, &numbers, next, &owed)?;
        Ok((
            segments,
            owed.into_values().map(|(_, report)| report).collect(),
        ))
    }

    fn with_files(
        folder: &Path,
        numbers: &[u64],
        next: u64,
        owed: &BTreeMap<RunKey, (u64, InstanceReport)>,
    ) -> Result<Self, StoreError> {
        let mut segments = Self {
            current: create(folder, next)?,
            folder: folder.to_owned(),
            current_number: next,
            current_bytes: 0,
            owed: numbers.iter().map(|number| (*number, 0)).collect(),
            places: owed
                .iter()
                .map(|(key, (number, _))| (*key, *number))
                .collect(),
            segment_bytes: SEGMENT_BYTES,
        };
        segments.owed.insert(next, 0);
        for number in segments.places.values() {
            *segments.owed.entry(*number).or_default() += 1;
        }
        segments.delete_settled();
        Ok(segments)
    }

    /// Appends reports and acknowledgements, without making them durable.
    ///
    /// # Errors
    /// When the disk says no.
    pub(crate) fn append(
        &mut self,
        reports: &[InstanceReport],
        settled: &[RunKey],
    ) -> Result<(), StoreError> {
        if self.current_bytes >= self.segment_bytes {
            self.rotate()?;
        }
        let mut bytes = Vec::new();
        for report in reports {
            Record::Report(report.clone()).write(&mut bytes);
            self.places
                .insert(RunKey::of_report(report), self.current_number);
            *self.owed.entry(self.current_number).or_default() += 1;
        }
        for key in settled {
            if let Some(number) = self.places.remove(key) {
                Record::Settled(*key).write(&mut bytes);
                self.owed
                    .entry(number)
                    .and_modify(|owed| *owed = owed.saturating_sub(1));
            }
        }
        let path = path_of(&self.folder, self.current_number);
        self.current
            .write_all(&bytes)
            .map_err(StoreError::io("write", &path))?;
        self.current_bytes += bytes.len();
        self.delete_settled();
        Ok(())
    }

    /// Makes everything appended so far durable.
    ///
    /// # Errors
    /// When the disk says no.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let path = path_of(&self.folder, self.current_number);
        self.current
            .sync_data()
            .map_err(StoreError::io("sync", &path))
    }

    /// Deletes the files if nothing is owed: the worker ends.
    pub(crate) fn close(mut self) {
        if self.places.is_empty() {
            self.owed.insert(self.current_number, 0);
            self.current_number = u64::MAX;
            self.delete_settled();
        }
    }

    fn rotate(&mut self) -> Result<(), StoreError> {
        self.sync()?;
        let next = self.current_number + 1;
        self.current = create(&self.folder, next)?;
        self.current_number = next;
        self.current_bytes = 0;
        self.owed.insert(next, 0);
        Ok(())
    }

    /// Deletes the oldest files as long as nothing in them is owed: acknowledgements of reports in
    /// older files stay readable until those are gone.
    fn delete_settled(&mut self) {
        while let Some((number, 0)) = self.owed.first_key_value().map(|(n, owed)| (*n, *owed)) {
            if number == self.current_number {
                return;
            }
            let path = path_of(&self.folder, number);
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "cannot delete a spool file");
            }
            self.owed.remove(&number);
        }
    }
}

fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:012}.spool"))
}

fn numbers_in(folder: &Path) -> Result<Vec<u64>, StoreError> {
    let entries = fs::read_dir(folder).map_err(StoreError::io("list", folder))?;
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry.map_err(StoreError::io("list", folder))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".spool"));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn create(folder: &Path, number: u64) -> Result<File, StoreError> {
    let path = path_of(folder, number);
    let file = OpenOptions::new()
        .create_new(true)
        .append(true)
        .open(&path)
        .map_err(StoreError::io("make", &path))?;
    // The name of the file must be durable too.
    let sync = File::open(folder).and_then(|folder| folder.sync_all());
    sync.map_err(StoreError::io("sync", folder))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::record::tests::report;

    fn key(instance_id: i64) -> RunKey {
        RunKey {
            instance_id,
            attempt: 1,
            number: 0,
        }
    }

    fn reopened(folder: &Path) -> Vec<i64> {
        let (_, owed) = Segments::open(folder).expect("readable");
        owed.iter().map(|report| report.instance_id).collect()
    }

    #[test]
    fn what_is_owed_survives_and_what_is_settled_does_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut segments, owed) = Segments::open(folder.path()).expect("new");
        assert!(owed.is_empty());
        segments
            .append(&[report(1), report(2), report(3)], &[])
            .expect("written");
        segments.append(&[], &[key(2)]).expect("written");
        drop(segments);
        assert_eq!(reopened(folder.path()), [1, 3]);
        assert_eq!(reopened(folder.path()), [1, 3], "reading changes nothing");
    }

    #[test]
    fn a_torn_tail_is_left_out_and_what_follows_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut segments, _) = Segments::open(folder.path()).expect("new");
        segments
            .append(&[report(1), report(2)], &[])
            .expect("written");
        drop(segments);
        let path = path_of(folder.path(), 1);
        let bytes = fs::read(&path).expect("readable");
        fs::write(&path, &bytes[..bytes.len() - 3]).expect("written");
        let (mut segments, owed) = Segments::open(folder.path()).expect("readable");
        assert_eq!(owed, [report(1)]);
        segments.append(&[report(3)], &[]).expect("written");
        drop(segments);
        assert_eq!(reopened(folder.path()), [1, 3]);
    }

    #[test]
    fn files_without_owed_reports_are_deleted() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut segments, _) = Segments::open(folder.path()).expect("new");
        segments.segment_bytes = 1;
        for instance_id in 1..=5 {
            segments
                .append(&[report(instance_id)], &[])
                .expect("written");
        }
        assert_eq!(numbers_in(folder.path()).expect("list").len(), 5);
        segments.append(&[], &[key(1), key(3)]).expect("written");
        let left = numbers_in(folder.path()).expect("list");
        assert_eq!(left.first(), Some(&2), "the file of 3 waits for that of 2");
        segments
            .append(&[], &[key(2), key(4), key(5)])
            .expect("written");
        segments.close();
        assert!(numbers_in(folder.path()).expect("list").is_empty());
    }

    #[test]
    fn an_acknowledgement_never_outlives_what_it_acknowledges() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut segments, _) = Segments::open(folder.path()).expect("new");
        segments.segment_bytes = 1;
        segments
            .append(&[report(1), report(2)], &[])
            .expect("written");
        segments.append(&[], &[key(1)]).expect("written");
        segments.append(&[report(3)], &[]).expect("written");
        segments.append(&[], &[key(3)]).expect("written");
        drop(segments);
        assert_eq!(reopened(folder.path()), [2]);
    }
}
