//! Which tasks has a task made, in which order, and how many of them has its present try made again?
//!
//! Successive numbers take the room of one.

use std::ops::Range;

/// See the head of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lineage {
    ranges: Vec<Range<u32>>,
    /// The range with the next task, and its place there; behind the last range at the end.
    at: usize,
    offset: u32,
    /// Tasks before the next one.
    passed: u32,
}

impl Lineage {
    /// A new try begins: it has made nothing yet.
    pub(crate) fn rewind(&mut self) {
        (self.at, self.offset, self.passed) = (0, 0, 0);
    }

    /// The next task that was made before; `None` when all were made again.
    pub(crate) fn next(&self) -> Option<u32> {
        Some(self.ranges.get(self.at)?.start + self.offset)
    }

    /// The next task was made again.
    pub(crate) fn pass(&mut self) {
        let Some(range) = self.ranges.get(self.at) else {
            return;
        };
        self.passed += 1;
        self.offset += 1;
        if range.start + self.offset == range.end {
            (self.at, self.offset) = (self.at + 1, 0);
        }
    }

    /// How many tasks the present try has made.
    pub(crate) fn passed(&self) -> u32 {
        self.passed
    }

    /// All of them.
    pub(crate) fn ranges(&self) -> &[Range<u32>] {
        &self.ranges
    }

    /// The number after the last of them.
    pub(crate) fn end(&self) -> Option<u32> {
        Some(self.ranges.last()?.end)
    }

    /// Adds a new task at the end, as made by the present try.
    pub(crate) fn push(&mut self, index: u32) {
        match self.ranges.last_mut() {
            Some(last) if last.end == index => last.end += 1,
            _ => self.ranges.push(index..index + 1),
        }
        (self.at, self.offset) = (self.ranges.len(), 0);
        self.passed += 1;
    }

    /// Takes out what the present try has not made again.
    pub(crate) fn cut(&mut self) -> Vec<Range<u32>> {
        let mut rest = self.ranges.split_off(self.at.min(self.ranges.len()));
        if let Some(first) = rest.first_mut()
            && self.offset > 0
        {
            let parting = first.start + self.offset;
            self.ranges.push(first.start..parting);
            first.start = parting;
        }
        (self.at, self.offset) = (self.ranges.len(), 0);
        rest
    }

    /// Keeps the first so many tasks only, whatever the present try has made.
    pub(crate) fn truncate(&mut self, kept: u32) {
        self.rewind();
        while self.passed < kept && self.next().is_some() {
            self.pass();
        }
        self.cut();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Rewind,
        Pass,
        Push { is_next: bool },
        Cut,
        Truncate(u32),
    }

    fn steps() -> impl Strategy<Value = Step> {
        prop_oneof![
            1 => Just(Step::Rewind),
            4 => Just(Step::Pass),
            4 => any::<bool>().prop_map(|is_next| Step::Push { is_next }),
            1 => Just(Step::Cut),
            1 => (0..20_u32).prop_map(Step::Truncate),
        ]
    }

    proptest! {
        #[test]
        fn it_behaves_like_a_list(steps in proptest::collection::vec(steps(), 0..80)) {
            let mut lineage = Lineage::default();
            let (mut list, mut passed, mut new) = (Vec::new(), 0, 0_u32);
            for step in steps {
                match step {
                    Step::Rewind => {
                        lineage.rewind();
                        passed = 0;
                    }
                    Step::Pass => {
                        lineage.pass();
                        passed = list.len().min(passed + 1);
                    }
                    // Masters push only when nothing is left that could be made again.
                    Step::Push { is_next } if passed == list.len() => {
                        new += if is_next { 1 } else { 3 };
                        lineage.push(new);
                        list.push(new);
                        passed += 1;
                    }
                    Step::Push { .. } => {}
                    Step::Cut => {
                        let cut: Vec<u32> = lineage.cut().into_iter().flatten().collect();
                        prop_assert_eq!(cut, list.split_off(passed));
                    }
                    Step::Truncate(kept) => {
                        lineage.truncate(kept);
                        list.truncate(kept as usize);
                        passed = list.len();
                    }
                }
                prop_assert_eq!(lineage.passed() as usize, passed);
                prop_assert_eq!(lineage.next(), list.get(passed).copied());
            }
        }
    }
}
