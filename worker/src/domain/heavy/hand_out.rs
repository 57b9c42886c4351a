//! Which executor gets which tasks now? Called by the master after everything it hears.

use powerjob_protocol::wire::worker_to_worker::{TaskRef, TaskStage, TaskStart};

use super::executor::Readiness;
use super::master::{Master, Order};
use super::sub_tasks::Holder;

/// Tasks of one order.
const ORDER_TASKS: usize = 1_000;
/// Bytes of contents of one order, but for one task.
const ORDER_BYTES: usize = 1 << 20;

impl Master {
    pub(super) fn open(&mut self, place: Holder) {
        let executor = &mut self.executors[usize::from(place)];
        executor.readiness = Readiness::Asked;
        self.orders.push(Order::Open {
            to: place,
            generation: executor.generation,
        });
    }

    /// Asks workers to take part as soon as there is something for them.
    pub(super) fn ask_executors(&mut self) {
        let has_common_work = self.common_work() > 0;
        for place in 0..self.executors.len() as Holder {
            let executor = self.executor(place);
            let is_able = executor.readiness == Readiness::Unasked
                && executor.is_listed
                && !executor.worker.address.is_empty();
            if is_able && (has_common_work || self.tasks.next_pinned(place).is_some()) {
                self.open(place);
            }
        }
    }

    /// Tasks that anybody may be given now.
    fn common_work(&self) -> u32 {
        match self.is_winding_down {
            true => 0,
            false => self.tasks.waiting_for_anybody(),
        }
    }

    /// Hands out what can be handed out.
    pub(super) fn dispatch(&mut self) {
        let mut free = Vec::with_capacity(self.executors.len());
        let mut total_free = 0;
        for place in 0..self.executors.len() as Holder {
            self.dispatch_pinned(place);
            let credit = self.executor(place).free(self.tasks.work_at(place));
            total_free += u64::from(credit);
            free.push(credit);
        }
        let waiting = u64::from(self.common_work());
        if waiting == 0 || total_free == 0 {
            return;
        }
        for (place, credit) in free.into_iter().enumerate() {
            // Everybody gets his part of what there is, the free ones more.
            let part = (waiting.min(total_free) * u64::from(credit)).div_ceil(total_free);
            let place = place as Holder;
            let mut batch = Vec::new();
            for _ in 0..part.min(u64::from(credit)) {
                let next = match self.is_crowded() {
                    true => self.tasks.hand_out_newest(place),
                    false => self.tasks.hand_out_any(place),
                };
                let Some(task) = next else {
                    break;
                };
                batch.push(task);
            }
            self.start(place, &batch);
        }
    }

    fn dispatch_pinned(&mut self, place: Holder) {
        if self.executor(place).readiness != Readiness::Ready {
            return;
        }
        let mut batch = Vec::new();
        while let Some((_, stage)) = self.tasks.next_pinned(place) {
            let executor = self.executor(place);
            let has_room = executor.window > self.tasks.work_at(place) || stage != TaskStage::Work;
            let Some(task) = has_room
                .then(|| self.tasks.hand_out_pinned(place))
                .flatten()
            else {
                break;
            };
            batch.push(task);
        }
        self.start(place, &batch);
    }

    /// Orders tasks to be sent, in lists of a bounded size.
    fn start(&mut self, to: Holder, batch: &[TaskRef]) {
        let generation = self.executor(to).generation;
        let mut tasks = Vec::new();
        let mut bytes = 0;
        for task in batch {
            let start = self.start_of(*task);
            bytes += start.content.len();
            tasks.push(start);
            if tasks.len() == ORDER_TASKS || bytes >= ORDER_BYTES {
                bytes = 0;
                let tasks = std::mem::take(&mut tasks);
                self.orders.push(Order::Start {
                    to,
                    generation,
                    tasks,
                });
            }
        }
        if !tasks.is_empty() {
            self.orders.push(Order::Start {
                to,
                generation,
                tasks,
            });
        }
    }

    fn start_of(&self, task: TaskRef) -> TaskStart {
        let index = task.task;
        TaskStart {
            task,
            stage: self.tasks.stage(index),
            retry: self.tasks.failures(index),
            id: self.tasks.path(index),
            name: self.names[usize::from(self.tasks.name(index))].clone(),
            content: self.tasks.content(index).to_vec(),
        }
    }
}
