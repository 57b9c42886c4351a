//! The message types and their numbers. Numbers are never used again.

use super::codec::{Decode, Encode};
use super::{node, server_to_worker, worker_to_server};

/// The number of a message type: domain in the high, number in the low 16 bits; a reply has bit 15 set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(pub u32);

impl TypeId {
    /// The type of the reply to a question of this type.
    pub const fn reply(self) -> Self {
        Self(self.0 | 0x8000)
    }
}

/// A body with a number and a name of its own.
pub trait WireMessage: Encode + Decode<()> + serde::Serialize + Send + 'static {
    /// Its number.
    const TYPE: TypeId;
    /// Its layout; a change of the layout is a new revision with a struct of its own.
    const REVISION: u16 = 1;
    /// Its name as people see it.
    const NAME: &'static str;
}

/// A message that is answered.
pub trait WireQuestion: WireMessage {
    /// The body of the answer; its number is that of the question with bit 15 set.
    type Answer: WireMessage;
}

macro_rules! messages {
    ($($type:ty = $id:literal $name:literal $(=> $answer:ty, $answer_name:literal)?;)+) => {
        $(
            impl WireMessage for $type {
                const TYPE: TypeId = TypeId($id);
                const NAME: &'static str = $name;
            }
            $(
                impl WireMessage for $answer {
                    const TYPE: TypeId = TypeId($id).reply();
                    const NAME: &'static str = $answer_name;
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

        /// Renders a body of any known type as JSON, for people who watch.
        ///
        /// `None` for an unknown type or a body that cannot be decoded.
        pub fn to_json(id: TypeId, body: &[u8]) -> Option<serde_json::Value> {
            fn render<M: WireMessage>(body: &[u8]) -> Option<serde_json::Value> {
                serde_json::to_value(super::codec::decode::<M>(body).ok()?).ok()
            }
            match id.0 {
                $(
                    $id => render::<$type>(body),
                    $(id if id == TypeId($id).reply().0 => render::<$answer>(body),)?
                )+
                _ => None,
            }
        }
    };
}

messages! {
    worker_to_server::WorkerHeartbeat = 0x0001_0001 "WorkerHeartbeat";
    worker_to_server::InstanceReports = 0x0001_0002 "InstanceReports"
        => worker_to_server::ReportAnswers, "ReportAnswers";
    worker_to_server::LogChunks = 0x0001_0003 "LogChunks"
        => worker_to_server::LogAnswer, "LogAnswer";
    worker_to_server::WorkerInventory = 0x0001_0006 "WorkerInventory"
        => worker_to_server::InventoryAnswer, "InventoryAnswer";
    server_to_worker::RunInstances = 0x0002_0001 "RunInstances"
        => server_to_worker::RunAnswers, "RunAnswers";
    server_to_worker::StopInstances = 0x0002_0002 "StopInstances"
        => server_to_worker::StopAnswers, "StopAnswers";
    node::GetActors = 0x0006_0001 "GetActors" => node::ActorReadings, "ActorReadings";
    node::WatchTap = 0x0006_0002 "WatchTap";
    node::UnwatchTap = 0x0006_0003 "UnwatchTap";
    node::TapRecords = 0x0006_0004 "TapRecords";
}
