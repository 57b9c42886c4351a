//! Which server should have which application?
//!
//! Inputs: the living servers and the present owner of each application. Output: what has to move.
//! Every server computes the same from the same facts, so that nobody has to be asked.
//!
//! Invariants:
//! 1. Afterwards the numbers of applications of two servers that stay differ by at most one.
//! 2. No plan that keeps invariant 1 moves fewer applications.
//! 3. Where nothing has to move, nothing moves: a second plan after the first is empty.
//! 4. A server that leaves gets nothing, and gives all it has, as soon as there is one that stays.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use powerjob_common::id::AppId;

/// A living server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member<S> {
    /// What tells it from the others.
    pub server: S,
    /// Whether it is about to end: it gives and does not take.
    pub is_leaving: bool,
}

/// An application that has to change hands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Move<S> {
    /// The application.
    pub app_id: AppId,
    /// Who has it; `None` when nobody who lives does.
    pub from: Option<S>,
    /// Who shall have it.
    pub to: S,
}

/// What has to move. `owners` names each application once, with its owner; an owner that is not
/// among the members is dead. The result is in the order of the applications.
pub fn share_out<S: Ord + Clone>(
    members: &[Member<S>],
    owners: &[(AppId, Option<S>)],
) -> Vec<Move<S>> {
    let mut held: BTreeMap<&S, Vec<AppId>> = members
        .iter()
        .filter(|member| !member.is_leaving)
        .map(|member| (&member.server, Vec::new()))
        .collect();
    if held.is_empty() {
        return Vec::new();
    }
    let mut homeless = Vec::new();
    for (app_id, owner) in owners {
        match owner.as_ref().and_then(|owner| held.get_mut(owner)) {
            Some(apps) => apps.push(*app_id),
            None => homeless.push((*app_id, living(members, owner.as_ref()))),
        }
    }
    let quotas = quotas(&held, owners.len());
    for (server, apps) in &mut held {
        apps.sort_unstable();
        let surplus = apps.split_off(apps.len().min(quotas[server]));
        let given = surplus
            .into_iter()
            .map(|app| (app, Some((*server).clone())));
        homeless.extend(given);
    }
    homeless.sort_unstable_by_key(|(app_id, _)| *app_id);
    let places = held
        .iter()
        .flat_map(|(server, apps)| std::iter::repeat_n(*server, quotas[server] - apps.len()));
    homeless
        .into_iter()
        .zip(places)
        .map(|((app_id, from), to)| Move {
            app_id,
            from,
            to: to.clone(),
        })
        .collect()
}

/// The owner, if it lives.
fn living<S: Ord + Clone>(members: &[Member<S>], owner: Option<&S>) -> Option<S> {
    let owner = owner?;
    let lives = members.iter().any(|member| member.server == *owner);
    lives.then(|| owner.clone())
}

/// How many applications each server shall have. Those that have most now get the odd ones, so that
/// as few as possible move.
fn quotas<'a, S: Ord>(held: &BTreeMap<&'a S, Vec<AppId>>, count: usize) -> BTreeMap<&'a S, usize> {
    let (each, odd) = (count / held.len(), count % held.len());
    let mut servers: Vec<(&S, usize)> = held.iter().map(|(s, apps)| (*s, apps.len())).collect();
    servers.sort_by_key(|(server, has)| (Reverse(*has), *server));
    let quota =
        |(place, (server, _)): (usize, (&'a S, usize))| (server, each + usize::from(place < odd));
    servers.into_iter().enumerate().map(quota).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn member(server: u8) -> Member<u8> {
        Member {
            server,
            is_leaving: false,
        }
    }

    fn leaving(server: u8) -> Member<u8> {
        Member {
            server,
            is_leaving: true,
        }
    }

    /// Owners of applications 1, 2, ...; 0 = nobody.
    fn owners(list: &[u8]) -> Vec<(AppId, Option<u8>)> {
        let named = (1..).zip(list);
        named
            .map(|(id, owner)| (AppId(id), (*owner != 0).then_some(*owner)))
            .collect()
    }

    fn check(members: &[Member<u8>], list: &[u8], expected: &[(i64, u8, u8)]) {
        let moves: Vec<_> = share_out(members, &owners(list))
            .into_iter()
            .map(|it| (it.app_id.0, it.from.unwrap_or(0), it.to))
            .collect();
        assert_eq!(moves, expected, "{members:?} {list:?}");
    }

    #[test]
    fn unowned_applications_are_taken_evenly() {
        check(&[member(1)], &[0, 0], &[(1, 0, 1), (2, 0, 1)]);
        check(&[member(1), member(2)], &[0, 0], &[(1, 0, 1), (2, 0, 2)]);
        check(
            &[member(1), member(2)],
            &[1, 1, 0, 0],
            &[(3, 0, 2), (4, 0, 2)],
        );
    }

    #[test]
    fn a_server_that_joins_gets_its_share_and_no_more() {
        check(
            &[member(1), member(2)],
            &[1, 1, 1, 1],
            &[(3, 1, 2), (4, 1, 2)],
        );
        check(&[member(1), member(2)], &[1, 1, 1], &[(3, 1, 2)]);
        check(&[member(1), member(2)], &[1], &[]);
        check(
            &[member(1), member(2), member(3)],
            &[1, 1, 2, 2, 1, 2],
            &[(5, 1, 3), (6, 2, 3)],
        );
    }

    #[test]
    fn what_a_dead_server_had_is_taken_by_the_others() {
        check(
            &[member(2), member(3)],
            &[1, 2, 3, 1],
            &[(1, 0, 2), (4, 0, 3)],
        );
    }

    #[test]
    fn a_leaving_server_gives_everything_and_takes_nothing() {
        check(
            &[leaving(1), member(2)],
            &[1, 2, 0],
            &[(1, 1, 2), (3, 0, 2)],
        );
        check(&[leaving(1)], &[1, 0], &[]);
        check(&[], &[1, 0], &[]);
    }

    fn counts(members: &[Member<u8>], owners: &[(AppId, Option<u8>)]) -> BTreeMap<u8, usize> {
        let stay = members.iter().filter(|member| !member.is_leaving);
        let mut counts: BTreeMap<u8, usize> = stay.map(|it| (it.server, 0)).collect();
        for owner in owners.iter().filter_map(|(_, owner)| *owner) {
            if let Some(count) = counts.get_mut(&owner) {
                *count += 1;
            }
        }
        counts
    }

    /// The least number of moves: each server keeps what its share allows, tried for every choice of
    /// who gets the odd ones.
    fn least_moves(members: &[Member<u8>], owners: &[(AppId, Option<u8>)]) -> usize {
        let counts: Vec<usize> = counts(members, owners).into_values().collect();
        let (each, odd) = (owners.len() / counts.len(), owners.len() % counts.len());
        let choices = (0..1u32 << counts.len()).filter(|set| set.count_ones() as usize == odd);
        let kept = choices.map(|set| {
            let kept = counts
                .iter()
                .enumerate()
                .map(|(place, has)| (*has).min(each + usize::from(set & (1 << place) != 0)));
            kept.sum::<usize>()
        });
        owners.len() - kept.max().unwrap_or(0)
    }

    fn members() -> impl Strategy<Value = Vec<Member<u8>>> {
        proptest::collection::btree_map(1..8u8, any::<bool>(), 0..6).prop_map(|servers| {
            let member = |(server, is_leaving)| Member { server, is_leaving };
            servers.into_iter().map(member).collect()
        })
    }

    proptest! {
        #[test]
        fn shares_are_even_moves_are_few_and_the_plan_is_final(
            members in members(),
            list in proptest::collection::vec(0..8u8, 0..40),
        ) {
            let mut owners = owners(&list);
            let moves = share_out(&members, &owners);
            if members.iter().all(|member| member.is_leaving) {
                prop_assert_eq!(moves, Vec::new());
                return Ok(());
            }
            prop_assert_eq!(moves.len(), least_moves(&members, &owners));
            for it in &moves {
                let owner = &mut owners.iter_mut().find(|(app, _)| *app == it.app_id).unwrap().1;
                let lives = members.iter().any(|member| Some(member.server) == *owner);
                prop_assert_eq!(it.from, owner.filter(|_| lives));
                prop_assert_ne!(*owner, Some(it.to));
                *owner = Some(it.to);
            }
            let counts = counts(&members, &owners);
            prop_assert_eq!(counts.values().sum::<usize>(), owners.len());
            let (least, most) = (counts.values().min().unwrap(), counts.values().max().unwrap());
            prop_assert!(most - least <= 1, "{:?}", counts);
            prop_assert_eq!(share_out(&members, &owners), Vec::new());
        }

        #[test]
        fn the_order_of_what_is_known_does_not_matter(
            members in members(),
            list in proptest::collection::vec(0..8u8, 0..40),
        ) {
            let owners = owners(&list);
            let (mut other_members, mut other_owners) = (members.clone(), owners.clone());
            other_members.reverse();
            other_owners.reverse();
            prop_assert_eq!(share_out(&members, &owners), share_out(&other_members, &other_owners));
        }
    }
}
