//! Calls of people and programs that wait for their answer.

use std::collections::BTreeMap;

use powerjob_common::id::InstanceId;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use crate::actor::instance_manager::{ChangeError, StartError};
use crate::domain::instance::Instance;

/// A call that was carried out.
#[derive(Debug, Clone)]
pub enum CallAnswer {
    /// The instances that were made.
    Started(Vec<InstanceId>),
    /// An instance after the change that was asked for.
    Changed(Box<Instance>),
}

/// A call that was not carried out, as far as is known.
#[derive(Debug, Clone)]
pub enum CallError {
    /// A start.
    Start(StartError),
    /// A change of an instance.
    Change(ChangeError),
    /// The server forgot it.
    Lost,
}

/// The answer to a call, which has a number.
pub(super) type Answered = (u64, Result<CallAnswer, CallError>);

#[derive(Debug)]
enum Waiting {
    Start(oneshot::Receiver<Result<Vec<InstanceId>, StartError>>),
    Change(oneshot::Receiver<Result<Box<Instance>, ChangeError>>),
}

/// Calls by number.
#[derive(Debug, Default)]
pub(super) struct Calls(BTreeMap<u64, Waiting>);

impl Calls {
    pub(super) fn start(
        &mut self,
        call: u64,
        reply: oneshot::Receiver<Result<Vec<InstanceId>, StartError>>,
    ) {
        self.0.insert(call, Waiting::Start(reply));
    }

    pub(super) fn change(
        &mut self,
        call: u64,
        reply: oneshot::Receiver<Result<Box<Instance>, ChangeError>>,
    ) {
        self.0.insert(call, Waiting::Change(reply));
    }

    /// Takes out those that are answered.
    pub(super) fn take_answered(&mut self) -> Vec<Answered> {
        let mut answered = Vec::new();
        self.0.retain(|call, waiting| {
            let answer = match waiting {
                Waiting::Start(reply) => match reply.try_recv() {
                    Ok(result) => result.map(CallAnswer::Started).map_err(CallError::Start),
                    Err(TryRecvError::Empty) => return true,
                    Err(TryRecvError::Closed) => Err(CallError::Lost),
                },
                Waiting::Change(reply) => match reply.try_recv() {
                    Ok(result) => result.map(CallAnswer::Changed).map_err(CallError::Change),
                    Err(TryRecvError::Empty) => return true,
                    Err(TryRecvError::Closed) => Err(CallError::Lost),
                },
            };
            answered.push((*call, answer));
            false
        });
        answered
    }
}
