use std::collections::HashMap;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

/// Files of blocks.
#[derive(Debug, Default)]
struct Disk {
    files: HashMap<PathBuf, Arc<[u8]>>,
}

impl Disk {
    /// Writes the next block, if there is one.
    fn spill(&mut self, list: &ResultList, reader: Option<Cursor>) -> bool {
        let Some((number, bytes)) = list.block_to_spill(reader) else {
            return false;
        };
        let file = PathBuf::from(number.to_string());
        self.files.insert(file.clone(), bytes);
        list.spilled(number, file.into());
        true
    }

    fn read(&self, list: &ResultList, cursor: &mut Cursor, count: usize) -> Vec<TaskResult> {
        loop {
            match list.read(cursor, count) {
                Page::Results(page) => return page,
                Page::File(file) => {
                    let bytes = &self.files[&*file];
                    let page = read_block(bytes, &mut cursor.offset, count);
                    if !page.is_empty() {
                        return page;
                    }
                    assert_eq!(cursor.offset, bytes.len());
                    cursor.pass();
                }
            }
        }
    }

    fn read_all(&self, list: &ResultList) -> Vec<TaskResult> {
        let (mut all, mut cursor) = (Vec::new(), Cursor::default());
        loop {
            let page = self.read(list, &mut cursor, 3);
            if page.is_empty() {
                return all;
            }
            all.extend(page);
        }
    }
}

fn result(number: usize) -> TaskResult {
    TaskResult {
        task_id: format!("0.{number}"),
        is_success: !number.is_multiple_of(3),
        result: "ä".repeat(number % 17),
    }
}

#[derive(Debug, Clone)]
enum Step {
    Push,
    Read(usize),
    Spill { needs_reader: bool },
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Push),
        2 => (1..9_usize).prop_map(Step::Read),
        1 => any::<bool>().prop_map(|needs_reader| Step::Spill { needs_reader }),
    ]
}

proptest! {
    #[test]
    fn readers_see_each_result_once_wherever_it_is(steps in prop::collection::vec(steps(), 0..200)) {
        let (list, mut disk) = (ResultList::default(), Disk::default());
        let (mut cursor, mut pushed, mut read) = (Cursor::default(), Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Push => {
                    let result = result(pushed.len());
                    list.push(result.clone());
                    pushed.push(result);
                }
                Step::Read(count) => read.extend(disk.read(&list, &mut cursor, count)),
                Step::Spill { needs_reader } => {
                    disk.spill(&list, needs_reader.then_some(cursor));
                }
            }
            prop_assert_eq!(&read[..], &pushed[..read.len()]);
            prop_assert_eq!(list.len(), pushed.len());
        }
        prop_assert_eq!(disk.read_all(&list), pushed);
        while disk.spill(&list, None) {}
        prop_assert!(list.bytes() < BLOCK_BYTES, "only what is not full is in memory");
    }
}

#[test]
fn what_a_reader_has_not_passed_stays_in_memory() {
    let list = ResultList::default();
    for number in 0..40 {
        list.push(result(number));
    }
    let mut reader = Cursor::default();
    assert_eq!(list.block_to_spill(Some(reader)), None);
    let mut disk = Disk::default();
    while reader.block == 0 {
        disk.read(&list, &mut reader, 1);
    }
    assert!(disk.spill(&list, Some(reader)));
    assert_eq!(list.block_to_spill(Some(reader)), None);
}

#[test]
fn a_cut_block_is_noticed() {
    let list = ResultList::default();
    for number in 0..20 {
        list.push(result(number));
    }
    let (_, bytes) = list.block_to_spill(None).expect("a full block");
    let cut = &bytes[..bytes.len() - 1];
    let mut offset = 0;
    let page = read_block(cut, &mut offset, 1_000);
    assert!(!page.is_empty() && offset < cut.len());
}

#[test]
fn failures_can_be_forgotten() {
    let list = ResultList::default();
    for number in 0..20 {
        list.push(result(number));
    }
    list.forget_failures();
    let left = Disk::default().read_all(&list);
    let expected: Vec<_> = (0..20).map(result).filter(|it| it.is_success).collect();
    assert_eq!(left, expected);
    assert_eq!(list.len(), expected.len());
}
