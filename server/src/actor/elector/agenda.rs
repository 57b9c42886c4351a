//! What a server has to do about its applications next. In: the outlook, what is loaded, the time.
//! Out: what to let go, to take, to give. Pure.
//!
//! Invariants:
//! 1. What is not ours by the database is let go.
//! 2. Only what nobody living has is taken: at once what falls to us, later what nobody took.
//! 3. Something is given only when the other servers had the time to see that it will be: whoever
//!    gets it waits for it.
//! 4. Who has just come, or come back, gets nothing before it had the time to find its feet: its connections
//!    may be those from before a silence.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use powerjob_common::id::AppId;

use super::outlook::Outlook;
use crate::domain::share_out::Move;
use crate::live::Ownership;
use crate::store::assignment::Holder;
use crate::store::lease::Assignment;

/// Applications are looked at so often without any hint.
const IDLE_PAUSE: Duration = Duration::from_secs(1);
/// A gift that is on its way is looked for so often.
const EXPECTING_PAUSE: Duration = Duration::from_millis(20);
/// After a failure.
pub(super) const FAILURE_PAUSE: Duration = Duration::from_millis(250);
/// Beyond a renewal, in which the others read the leases: their time to plan.
const SETTLING: Duration = Duration::from_millis(150);
/// So long a server gets nothing after it came. A server that ends gives at once.
const ARRIVING: Duration = Duration::from_millis(1_500);
/// What the one to whom it falls has not taken within this time is taken by anybody.
const ORPHANED_AFTER: Duration = Duration::from_secs(3);
/// Applications that change hands at once: the last one waits for the loading of the others.
const GIVEN_AT_ONCE: usize = 10;

/// See the head of the file.
#[derive(Debug)]
pub(super) struct Agenda {
    pub(super) me: Holder,
    /// What the actors work for, with its epoch.
    pub(super) loaded: HashMap<AppId, i64>,
    /// What has to move, and since when that is known (monotonic).
    plan: HashMap<Move<Holder>, Duration>,
    /// New applications are wanted here.
    pub(super) wants_new: bool,
    /// This server ends: everything goes to the others.
    pub(super) is_leaving: bool,
    /// Something was let go that may come back.
    pub(super) has_let_go: bool,
}

/// What comes of giving.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Giving {
    /// Nothing now; look again after this time.
    Later(Duration),
    /// These, by receiver; then look again at once.
    Now(BTreeMap<Holder, Vec<AppId>>),
}

impl Agenda {
    pub(super) fn new(me: Holder) -> Self {
        Self {
            me,
            loaded: HashMap::new(),
            plan: HashMap::new(),
            wants_new: false,
            is_leaving: false,
            has_let_go: false,
        }
    }

    /// Takes note of what has to move.
    pub(super) fn note(&mut self, outlook: &Outlook, now: Duration) {
        let since = |it: &Move<Holder>| self.plan.get(it).copied().unwrap_or(now);
        let moves = outlook.moves.iter();
        self.plan = moves.map(|it| (it.clone(), since(it))).collect();
    }

    /// How long a move is known.
    fn age(&self, it: &Move<Holder>, now: Duration) -> Duration {
        let since = self.plan.get(it);
        since.map_or(Duration::ZERO, |since| now.saturating_sub(*since))
    }

    /// What another server has taken, and what this one forgot because its lease had run out; not
    /// loaded any more from now on.
    pub(super) fn let_go(&mut self, outlook: &Outlook, ownership: &Ownership) -> Vec<AppId> {
        let mut lost = outlook.lost(&self.loaded);
        let forgotten = self.loaded.keys().filter(|app_id| !ownership.has(**app_id));
        lost.extend(forgotten);
        lost.sort_unstable();
        lost.dedup();
        lost.retain(|app_id| self.loaded.remove(app_id).is_some());
        self.has_let_go |= !lost.is_empty();
        lost
    }

    /// What nobody living has and this server takes.
    pub(super) fn to_take(&self, outlook: &Outlook, now: Duration) -> Vec<AppId> {
        let takes = |it: &&Move<Holder>| {
            let is_new = self.wants_new && outlook.new.contains(&it.app_id);
            let is_orphan = self.age(it, now) >= ORPHANED_AFTER;
            let may = it.to == self.me || !self.is_leaving && (is_new || is_orphan);
            it.from.is_none() && may
        };
        let taken = outlook.moves.iter().filter(takes);
        taken.map(|it| it.app_id).collect()
    }

    /// What is ours and not loaded.
    pub(super) fn to_load(&self, outlook: &Outlook) -> Vec<Assignment> {
        let owned = outlook.owned.iter();
        owned
            .filter(|own| !self.loaded.contains_key(&own.app_id))
            .copied()
            .collect()
    }

    /// Whether all that is ours is loaded.
    pub(super) fn is_complete(&self, outlook: &Outlook) -> bool {
        self.loaded.len() == outlook.owned.len()
    }

    /// What falls to others, once they can know it: they read the leases every `renewal`.
    pub(super) fn to_give(&self, outlook: &Outlook, now: Duration, renewal: Duration) -> Giving {
        let ours: Vec<_> = self.ours(outlook).collect();
        if ours.is_empty() {
            let has_missing = self.loaded.len() < outlook.owned.len();
            return Giving::Later(match (has_missing, outlook.gets(&self.me)) {
                (true, _) => FAILURE_PAUSE,
                (false, true) => EXPECTING_PAUSE,
                (false, false) => IDLE_PAUSE,
            });
        }
        // As long as nobody ends, only those who came get something.
        let patience = match self.is_leaving {
            true => renewal + SETTLING,
            false => ARRIVING.max(renewal + SETTLING),
        };
        let oldest = ours.iter().map(|it| self.age(it, now)).max();
        let due = ours.into_iter().filter(|it| self.age(it, now) >= patience);
        let mut gifts: BTreeMap<Holder, Vec<AppId>> = BTreeMap::new();
        for it in due.take(GIVEN_AT_ONCE) {
            gifts.entry(it.to.clone()).or_default().push(it.app_id);
        }
        if gifts.is_empty() {
            return Giving::Later(patience.saturating_sub(oldest.unwrap_or_default()));
        }
        Giving::Now(gifts)
    }

    /// Whether nothing is left that another server could have.
    pub(super) fn has_given_all(&self, outlook: &Outlook) -> bool {
        self.ours(outlook).next().is_none()
    }

    fn ours<'a>(&'a self, outlook: &'a Outlook) -> impl Iterator<Item = &'a Move<Holder>> {
        let is_ours = |it: &&Move<Holder>| it.from.as_ref() == Some(&self.me);
        outlook.moves.iter().filter(is_ours)
    }
}

#[cfg(test)]
mod tests {
    use super::super::outlook::tests::{holder, server};
    use super::*;
    use crate::store::assignment::AppOwner;

    /// Server `a` has two applications and sees server `b`.
    fn outlook_of_a() -> Outlook {
        let owner = |id| AppOwner {
            app_id: AppId(id),
            holder: Some(holder("a")),
            epoch: 1,
        };
        let servers = [server("a", 1_500), server("b", 1_500)];
        Outlook::new(&holder("a"), 600, &servers, &[owner(1), owner(2)])
    }

    #[test]
    fn a_server_that_came_gets_nothing_at_once_unless_the_other_one_ends() {
        let ms = Duration::from_millis;
        let outlook = outlook_of_a();
        let mut agenda = Agenda::new(holder("a"));
        agenda.note(&outlook, ms(1_000));
        let mut giving = |at, is_leaving| {
            agenda.is_leaving = is_leaving;
            agenda.to_give(&outlook, ms(at), ms(300))
        };
        assert_eq!(giving(1_450, false), Giving::Later(ms(1_050)));
        assert!(matches!(giving(2_500, false), Giving::Now(_)));
        assert_eq!(giving(1_449, true), Giving::Later(ms(1)));
        assert!(matches!(giving(1_450, true), Giving::Now(_)));
    }
}
