//! The message types and their numbers. Numbers are never used again.

use super::codec::{Decode, Encode};
use super::{
    beats, node, server_to_worker, task_journal, tasks, worker_to_server, worker_to_worker,
};

/// The number of a message type: domain in the high, number in the low 16 bits; a reply has bit 15 set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(pub u32);

impl TypeId {
    /// The type of frames without a message, such as PING.
    pub const NONE: Self = Self(0);

    /// The type of the reply to a question of this type.
    pub const fn reply(self) -> Self {
        Self(self.0 | 0x8000)
    }
}

impl std::fmt::Display for TypeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

/// Which queue of the writer a message waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Goes first.
    Control,
    /// Goes when no control message waits.
    Bulk,
}

/// A body with a number and a name of its own.
pub trait WireMessage: Encode + Decode<()> + serde::Serialize + Send + 'static {
    /// Its number.
    const TYPE: TypeId;
    /// Its layout; a change of the layout is a new revision with a struct of its own.
    const REVISION: u16 = 1;
    /// Its name as people see it.
    const NAME: &'static str;
    /// Where it waits for the network.
    const LANE: Lane = Lane::Control;

    /// The instances it concerns, in any order; empty for messages about no instance.
    fn instances(&self) -> Vec<i64> {
        Vec::new()
    }
}

/// A message that is answered.
pub trait WireQuestion: WireMessage {
    /// The body of the answer; its number is that of the question with bit 15 set.
    type Answer: WireMessage;
}

/// One line per type: number, name, the lane if it is not the control lane, the fields that name
/// instances or the lists whose items do, and the lists of the answer.
macro_rules! messages {
    ($(
        $type:ty = $id:literal $name:literal
            $(lane $lane:ident)? $(of $($field:ident).+)? $(about [$($list:ident),+])?
            $(=> $answer:ty, $answer_name:literal $(about [$($answer_list:ident),+])?)?;
    )+) => {
        $(
            impl WireMessage for $type {
                const TYPE: TypeId = TypeId($id);
                const NAME: &'static str = $name;
                $(const LANE: Lane = Lane::$lane;)?
                $(fn instances(&self) -> Vec<i64> {
                    vec![self.$($field).+]
                })?
                $(fn instances(&self) -> Vec<i64> {
                    let mut instances = Vec::new();
                    $(instances.extend(self.$list.iter().map(|item| item.instance_id));)+
                    instances
                })?
            }
            $(
                impl WireMessage for $answer {
                    const TYPE: TypeId = TypeId($id).reply();
                    const NAME: &'static str = $answer_name;
                    $(fn instances(&self) -> Vec<i64> {
                        let mut instances = Vec::new();
                        $(instances.extend(self.$answer_list.iter().map(|item| item.instance_id));)+
                        instances
                    })?
                }
                impl WireQuestion for $type {
                    type Answer = $answer;
                }
            )?
        )+

        /// All message types with their names, replies included.
        pub const ALL: &[(TypeId, u16, &str)] = &[
            $(
                (TypeId($id), <$type as WireMessage>::REVISION, $name),
                $((TypeId($id).reply(), <$answer as WireMessage>::REVISION, $answer_name),)?
            )+
        ];

        /// The name of a known type.
        pub fn name(id: TypeId) -> Option<&'static str> {
            match id.0 {
                $(
                    $id => Some($name),
                    $(id if id == TypeId($id).reply().0 => Some($answer_name),)?
                )+
                _ => None,
            }
        }

        /// Hands a body of any known type to `visitor`; `None` for an unknown type or a body that
        /// cannot be decoded.
        fn visit<V: Visitor>(id: TypeId, body: &[u8], visitor: V) -> Option<V::Output> {
            match id.0 {
                $(
                    $id => visitor.visit(&super::codec::decode::<$type>(body).ok()?),
                    $(id if id == TypeId($id).reply().0 => {
                        visitor.visit(&super::codec::decode::<$answer>(body).ok()?)
                    })?
                )+
                _ => None,
            }
        }
    };
}

messages! {
    worker_to_server::WorkerHeartbeat = 0x0001_0001 "WorkerHeartbeat";
    worker_to_server::InstanceReports = 0x0001_0002 "InstanceReports" about [items]
        => worker_to_server::ReportAnswers, "ReportAnswers";
    worker_to_server::LogChunks = 0x0001_0003 "LogChunks" lane Bulk about [items]
        => worker_to_server::LogAnswer, "LogAnswer";
    worker_to_server::WorkerInventory = 0x0001_0006 "WorkerInventory" about [running, finished]
        => worker_to_server::InventoryAnswer, "InventoryAnswer" about [stop];
    task_journal::KeepJournals = 0x0001_0007 "KeepJournals" lane Bulk about [items]
        => task_journal::JournalsKept, "JournalsKept";
    task_journal::TakeJournal = 0x0001_0008 "TakeJournal" of instance_id
        => task_journal::JournalTaken, "JournalTaken" about [parts];
    beats::BeatReports = 0x0001_0010 "BeatReports" about [items]
        => beats::BeatsTaken, "BeatsTaken";
    server_to_worker::RunInstances = 0x0002_0001 "RunInstances" about [items]
        => server_to_worker::RunAnswers, "RunAnswers" about [items];
    server_to_worker::StopInstances = 0x0002_0002 "StopInstances" about [items]
        => server_to_worker::StopAnswers, "StopAnswers";
    server_to_worker::KillInstances = 0x0002_0003 "KillInstances" about [items]
        => server_to_worker::KillAnswers, "KillAnswers";
    server_to_worker::OwnerMoved = 0x0002_0004 "OwnerMoved";
    server_to_worker::NameTeams = 0x0002_0005 "NameTeams" about [items];
    server_to_worker::GetTasks = 0x0002_0006 "GetTasks" of instance_id
        => server_to_worker::TaskOverview, "TaskOverview";
    tasks::FindTasks = 0x0002_0007 "FindTasks" of instance_id
        => tasks::TasksFound, "TasksFound";
    beats::RunBeats = 0x0002_0010 "RunBeats" about [items]
        => beats::BeatAnswers, "BeatAnswers" about [items];
    beats::GetBeats = 0x0002_0011 "GetBeats" of instance_id
        => beats::BeatOverview, "BeatOverview";
    worker_to_worker::TaskResults = 0x0003_0001 "TaskResults" of instance_id
        => worker_to_worker::ResultsTaken, "ResultsTaken";
    worker_to_worker::MapTasks = 0x0003_0002 "MapTasks" lane Bulk of instance_id
        => worker_to_worker::TasksMapped, "TasksMapped";
    worker_to_worker::StartTasks = 0x0004_0001 "StartTasks" lane Bulk of instance_id
        => worker_to_worker::TasksStarted, "TasksStarted";
    worker_to_worker::CloseWork = 0x0004_0002 "CloseWork" of instance_id
        => worker_to_worker::WorkClosed, "WorkClosed";
    worker_to_worker::OpenWork = 0x0004_0003 "OpenWork" of run.instance_id
        => worker_to_worker::WorkOpened, "WorkOpened";
    node::GetActors = 0x0006_0001 "GetActors" => node::ActorReadings, "ActorReadings";
    node::WatchTap = 0x0006_0002 "WatchTap";
    node::UnwatchTap = 0x0006_0003 "UnwatchTap";
    node::TapRecords = 0x0006_0004 "TapRecords" lane Bulk;
}

trait Visitor {
    type Output;
    fn visit<M: WireMessage>(self, message: &M) -> Option<Self::Output>;
}

struct Render;

impl Visitor for Render {
    type Output = serde_json::Value;

    fn visit<M: WireMessage>(self, message: &M) -> Option<serde_json::Value> {
        serde_json::to_value(message).ok()
    }
}

struct NameInstances;

impl Visitor for NameInstances {
    type Output = Vec<i64>;

    fn visit<M: WireMessage>(self, message: &M) -> Option<Vec<i64>> {
        Some(message.instances())
    }
}

/// Renders a body of any known type as JSON, for people who watch.
///
/// `None` for an unknown type or a body that cannot be decoded.
pub fn to_json(id: TypeId, body: &[u8]) -> Option<serde_json::Value> {
    visit(id, body, Render)
}

/// The instances that a body of any known type concerns; empty for an unknown type or a body that
/// cannot be decoded. It decodes the body: use it only when someone watches.
pub fn instances(id: TypeId, body: &[u8]) -> Vec<i64> {
    visit(id, body, NameInstances).unwrap_or_default()
}
