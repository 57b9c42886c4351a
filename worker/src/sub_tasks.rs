//! What a processor of a map, a map-reduce or a broadcast can do: make tasks, read its own, and
//! read the results of all.

use futures_util::{Stream, StreamExt};
use powerjob_protocol::wire::worker_to_worker::{MapTasks, TaskStage};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::{ParamsError, TaskContext, parse_slice};
use crate::domain::heavy::ROOT_TASK;
use crate::domain::heavy::results::{Cursor, Page, ResultList, TaskResult, read_block};
use crate::outcome::{BoxError, Output, ProcessResult};
use crate::task_part::{MapError, TaskPart};

/// Sub-tasks that leave together, and bytes of them.
const BATCH_ITEMS: usize = 2_000;
const BATCH_BYTES: usize = 512 << 10;
/// Results that are copied at once.
const PAGE: usize = 256;

impl TaskContext {
    /// The path of the task, such as `0.3.1`; `0` is the first one of the instance.
    pub fn task_id(&self) -> String {
        let task = self.run().task.as_ref();
        task.map_or_else(|| "0".to_owned(), |task| task.start.id.clone())
    }

    /// Name of the level of the task; the first task of an instance has the one of the reference,
    /// `OMS_ROOT_TASK`.
    pub fn task_name(&self) -> &str {
        let task = self.run().task.as_ref();
        task.map_or(ROOT_TASK, |task| &task.start.name)
    }

    /// How often the task was given to a worker within this attempt of the instance, this time included.
    pub fn task_attempt(&self) -> u32 {
        let task = self.run().task.as_ref();
        task.map_or(1, |task| task.start.task.attempt)
    }

    /// Whether this is the first task of the instance, which has no content.
    pub fn is_root_task(&self) -> bool {
        let task = self.run().task.as_ref();
        task.is_none_or(|task| matches!(task.start.stage, TaskStage::Root | TaskStage::Prepare))
    }

    /// The content of a task, as [`TaskContext::map`] got it.
    ///
    /// # Errors
    /// [`ParamsError`] when it is of another type; it names the field.
    pub fn sub_task<T: DeserializeOwned>(&self) -> Result<T, ParamsError> {
        let task = self.run().task.as_ref();
        parse_slice(task.map_or(&[], |task| &task.start.content))
    }

    /// Makes a task of each item; they are carried out on all workers of the team, beginning at
    /// once. `name` is that of their level, see [`TaskContext::task_name`]. Returns how many there
    /// were.
    ///
    /// The iterator is asked for more as the master of the instance takes them, so it may be long.
    ///
    /// # Errors
    /// [`MapError`]: return it from the processor. What was taken before stays.
    pub async fn map<T, I>(&self, name: &str, items: I) -> Result<u64, MapError>
    where
        T: Serialize,
        I: IntoIterator<Item = T>,
        I::IntoIter: Send,
    {
        let mut sender = Sender::new(self, name)?;
        for item in items.into_iter() {
            let content = content_of(item)?;
            sender.push(content).await?;
        }
        sender.end().await
    }

    /// As [`TaskContext::map`], for a stream of items.
    ///
    /// # Errors
    /// [`MapError`].
    pub async fn map_stream<T, S>(&self, name: &str, items: S) -> Result<u64, MapError>
    where
        T: Serialize,
        S: Stream<Item = T> + Send,
    {
        let mut sender = Sender::new(self, name)?;
        let mut contents = std::pin::pin!(items.map(content_of));
        while let Some(content) = contents.next().await {
            sender.push(content?).await?;
        }
        sender.end().await
    }

    /// As [`TaskContext::map`], for blocking processors.
    ///
    /// # Errors
    /// [`MapError`].
    pub fn map_blocking<T, I>(&self, name: &str, items: I) -> Result<u64, MapError>
    where
        T: Serialize,
        I: IntoIterator<Item = T>,
        I::IntoIter: Send,
    {
        tokio::runtime::Handle::current().block_on(self.map(name, items))
    }

    /// The results of all other tasks; empty except for the task that comes after all of them.
    pub(crate) fn results(&self) -> TaskResults {
        let task = self.run().task.as_ref();
        TaskResults::of(
            task.and_then(|task| task.results.clone())
                .unwrap_or_default(),
        )
    }
}

/// Items on their way to the master.
struct Sender<'a> {
    ctx: &'a TaskContext,
    task: &'a TaskPart,
    name: &'a str,
    contents: Vec<Vec<u8>>,
    bytes: usize,
    count: u64,
}

impl<'a> Sender<'a> {
    fn new(ctx: &'a TaskContext, name: &'a str) -> Result<Self, MapError> {
        let task = ctx.run().task.as_ref().ok_or(MapError::NotAllowed)?;
        Ok(Self {
            ctx,
            task,
            name,
            contents: Vec::new(),
            bytes: 0,
            count: 0,
        })
    }

    async fn push(&mut self, content: Vec<u8>) -> Result<(), MapError> {
        self.bytes += content.len();
        self.contents.push(content);
        if self.contents.len() == BATCH_ITEMS || self.bytes >= BATCH_BYTES {
            self.send().await?;
        }
        Ok(())
    }

    async fn end(mut self) -> Result<u64, MapError> {
        if !self.contents.is_empty() {
            self.send().await?;
        }
        Ok(self.count)
    }

    async fn send(&mut self) -> Result<(), MapError> {
        let contents = std::mem::take(&mut self.contents);
        self.bytes = 0;
        let count = contents.len() as u64;
        // Held until the answer: lists of one task arrive in the order of their numbers.
        let mut next_batch = self.task.next_batch.lock().await;
        let request = &self.ctx.run().request;
        let tasks = MapTasks {
            instance_id: request.instance_id,
            attempt: request.attempt,
            parent: self.task.start.task,
            batch: *next_batch,
            name: self.name.to_owned(),
            contents,
        };
        self.task.way.map(tasks).await?;
        *next_batch += 1;
        self.count += count;
        Ok(())
    }
}

fn content_of(item: impl Serialize) -> Result<Vec<u8>, MapError> {
    serde_json::to_vec(&item).map_err(|error| MapError::Encode(error.to_string()))
}

impl TaskResult {
    /// Whether it is that of the first task of the instance, or of the preparation of a broadcast.
    pub fn is_root(&self) -> bool {
        self.task_id == "0"
    }

    /// The result read as JSON, as handlers write values that are no texts.
    ///
    /// # Errors
    /// [`ParamsError`] when it is of another type.
    pub fn value<T: DeserializeOwned>(&self) -> Result<T, ParamsError> {
        parse_slice(self.result.as_bytes())
    }
}

/// The results of all tasks of an instance, one after the other; the order means nothing.
#[derive(Debug)]
pub struct TaskResults {
    list: ResultList,
    cursor: Cursor,
    /// The block at the cursor, when it came from a file.
    block: Option<Vec<u8>>,
    page: std::vec::IntoIter<TaskResult>,
}

impl TaskResults {
    fn of(list: ResultList) -> Self {
        Self {
            list,
            cursor: Cursor::default(),
            block: None,
            page: Vec::new().into_iter(),
        }
    }

    /// The next one; `None` after the last one. When a file with results cannot be read, the
    /// instance fails, whatever comes of what was read before.
    pub async fn next(&mut self) -> Option<TaskResult> {
        loop {
            if let Some(next) = self.page.next() {
                return Some(next);
            }
            if let Some(block) = &self.block {
                let page = read_block(block, &mut self.cursor.offset, PAGE);
                if page.is_empty() {
                    if self.cursor.offset != block.len() {
                        return self.give_up("a file of it ends too early".to_owned());
                    }
                    self.cursor.pass();
                    self.block = None;
                }
                self.page = page.into_iter();
                continue;
            }
            match self.list.read(&mut self.cursor, PAGE) {
                Page::Results(page) if page.is_empty() => return None,
                Page::Results(page) => self.page = page.into_iter(),
                Page::File(file) => {
                    let read = tokio::task::spawn_blocking(move || std::fs::read(&file));
                    match read.await.unwrap_or_else(|lost| Err(lost.into())) {
                        Ok(bytes) => self.block = Some(bytes),
                        Err(error) => return self.give_up(error.to_string()),
                    }
                }
            }
        }
    }

    fn give_up(&self, cause: String) -> Option<TaskResult> {
        self.list
            .note_damage(format!("the results of the tasks cannot be read: {cause}"));
        None
    }

    /// Folds all of them, holding only a few at a time.
    pub async fn fold<B>(mut self, first: B, mut step: impl FnMut(B, TaskResult) -> B) -> B {
        let mut folded = first;
        while let Some(result) = self.next().await {
            folded = step(folded, result);
        }
        folded
    }

    /// All of them.
    pub async fn collect(self) -> Vec<TaskResult> {
        let all = Vec::with_capacity(self.len());
        self.fold(all, |mut all, result| {
            all.push(result);
            all
        })
        .await
    }

    /// How many there are, those that were read included.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a broadcast says of itself when nothing else is asked for: it succeeds when all tasks
    /// did, and says how many did.
    ///
    /// # Errors
    /// When a task failed.
    pub async fn summary(self) -> ProcessResult {
        let count = |(succeeded, failed): (u64, u64), result: TaskResult| match result.is_success {
            true => (succeeded + 1, failed),
            false => (succeeded, failed + 1),
        };
        let (succeeded, failed) = self.fold((0, 0), count).await;
        let text = format!("succeed:{succeeded}, failed:{failed}");
        match failed {
            0 => Ok(Output::text(text)),
            _ => Err(BoxError::from(text)),
        }
    }
}
