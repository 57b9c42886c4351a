//! What goes wrong, how it ends, and what is planted on the wires.

use powerjob_common::id::InstanceId;
use powerjob_protocol::wire::worker_to_server::{
    InstanceReport, InstanceReports, ReportAnswer, ReportAnswers,
};
use powerjob_server::simulation::{FromWorker, ServerNode, ServerReply, ToWorker};

use crate::event::{Event, Node, Payload, ServerEvent};
use crate::plant::Plant;
use crate::scenario::Fault;
use crate::time::ms;
use crate::world::World;

impl World {
    /// A fault strikes.
    pub(crate) fn strike(&mut self, fault: Fault) {
        self.note(|| format!("fault: {fault:?}"));
        let now = self.now();
        match fault {
            Fault::CrashServer(server, span) => {
                self.kill_server(server);
                self.after(span, Event::StartServer(server));
            }
            Fault::CrashWorker(worker, span, keeps_folder) => {
                self.kill_worker(worker);
                if !keeps_folder {
                    self.workers[worker].lose_folder(worker);
                }
                self.after(span, Event::StartWorker(worker));
            }
            Fault::Freeze(node, span) => {
                match node {
                    Node::Server(server) => self.servers[server].frozen_until = now + span,
                    Node::Worker(worker) => self.workers[worker].frozen_until = now + span,
                    Node::Database => {}
                }
                self.watch_connections_of(node);
            }
            Fault::Cut(one, other, span) => {
                let key = (one.min(other), one.max(other));
                self.cuts.insert(key, now + span);
                self.watch_connections_of(one);
            }
            Fault::Break(worker, times) => {
                for connection in self.connections_at(Node::Worker(worker)) {
                    self.close_end(connection, Node::Worker(worker), true);
                }
                if times > 1 {
                    let again = Fault::Break(worker, times - 1);
                    let place = self.scenario.faults.len();
                    let pause = ms(self.random.between(5, 600));
                    self.scenario.faults.push((now + pause, again));
                    self.after(pause, Event::Fault(place));
                }
            }
            Fault::SetClock(Node::Server(server), off_by) => {
                self.servers[server].clock.set_off_by(off_by);
                self.settle(server);
            }
            Fault::SetClock(Node::Worker(worker), off_by) => {
                self.workers[worker].clock.set_off_by(off_by);
            }
            Fault::SetClock(Node::Database, _) => {}
            Fault::DatabaseAway(span) => self.trouble.away_until = now + span,
            Fault::DatabaseSlow(span) => self.trouble.slow_until = now + span,
            Fault::CommitsFail(span) => self.trouble.failing_until = now + span,
            Fault::Busy(server, span) => self.servers[server].busy_until = now + span,
            Fault::LeaveServer(server) => {
                let life = self.servers[server].life;
                if self.with(server, ServerNode::leave).is_some() {
                    let gone = ServerEvent::Gone(now + ms(5_000));
                    self.after(ms(20), Event::Server(server, life, gone));
                }
            }
            Fault::LeaveWorker(worker) => self.leave_worker(worker),
        }
    }

    fn watch_connections_of(&mut self, node: Node) {
        for connection in self.connections_at(node) {
            self.watch_silence(connection);
        }
    }

    /// All faults end, and all clocks are right from now on.
    pub(crate) fn heal(&mut self) {
        self.note(|| "all faults end".to_owned());
        self.is_healed = true;
        let now = self.now();
        self.cuts.clear();
        self.trouble = Default::default();
        for server in 0..self.servers.len() {
            let it = &mut self.servers[server];
            it.clock.set_off_by(0);
            it.frozen_until = it.frozen_until.min(now);
            it.busy_until = 0;
            self.after(ms(200), Event::StartServer(server));
            self.settle(server);
        }
        for worker in 0..self.workers.len() {
            let it = &mut self.workers[worker];
            it.clock.set_off_by(0);
            it.frozen_until = it.frozen_until.min(now);
            self.after(ms(200), Event::StartWorker(worker));
        }
    }

    /// Planted: reports that have lost their attempt, or are acknowledged before they are stored.
    pub(crate) fn plant_reports(&mut self, connection: u64, frame: FromWorker) -> FromWorker {
        match (frame, self.plant) {
            (FromWorker::Reports(number, reports), Some(Plant::AttemptlessReports)) => {
                let items = self.without_attempts(reports.items);
                FromWorker::Reports(number, InstanceReports { items })
            }
            (FromWorker::Inventory(number, mut part), Some(Plant::AttemptlessReports)) => {
                part.finished = self.without_attempts(part.finished);
                FromWorker::Inventory(number, part)
            }
            (FromWorker::Reports(number, reports), Some(Plant::EarlyAcknowledgement)) => {
                let items = reports.items.iter().map(|_| ReportAnswer::Stored).collect();
                let reply = ServerReply::Reports(ReportAnswers { items });
                let reply = ToWorker::Reply(number, reply);
                self.send(connection, true, Payload::ToWorker(Box::new(reply)));
                FromWorker::Reports(number, reports)
            }
            (frame, _) => frame,
        }
    }

    fn without_attempts(&self, mut reports: Vec<InstanceReport>) -> Vec<InstanceReport> {
        for report in &mut reports {
            if let Some(row) = self.database.row(InstanceId(report.instance_id)) {
                report.attempt = row.state.attempt;
            }
        }
        reports
    }
}
