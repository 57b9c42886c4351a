//! Is a drawing of nodes and edges a workflow?
//!
//! Invariants of a graph that [`check`] accepts:
//! 1. It has nodes, none of them twice, and its edges lead from one of them to another.
//! 2. Following edges one never comes back: every node is reached from one without a predecessor.

use std::collections::HashMap;

/// An edge, from node to node by their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    pub from: i64,
    pub to: i64,
}

/// Whether nodes and edges make a workflow.
pub fn check(nodes: &[i64], edges: &[Edge]) -> bool {
    let mut open: HashMap<i64, usize> = nodes.iter().map(|node| (*node, 0)).collect();
    if nodes.is_empty() || open.len() < nodes.len() {
        return false;
    }
    let mut next: HashMap<i64, Vec<i64>> = HashMap::new();
    for edge in edges {
        if !open.contains_key(&edge.from) {
            return false;
        }
        match open.get_mut(&edge.to) {
            Some(predecessors) => *predecessors += 1,
            None => return false,
        }
        next.entry(edge.from).or_default().push(edge.to);
    }
    let mut reached: Vec<i64> = nodes.to_vec();
    reached.retain(|node| open.get(node) == Some(&0));
    let mut count = 0;
    while let Some(node) = reached.pop() {
        count += 1;
        for to in next.remove(&node).unwrap_or_default() {
            if let Some(predecessors) = open.get_mut(&to) {
                *predecessors -= 1;
                if *predecessors == 0 {
                    reached.push(to);
                }
            }
        }
    }
    count == nodes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(nodes: &[i64], edges: &[(i64, i64)]) -> bool {
        let edges: Vec<_> = edges.iter().map(|&(from, to)| Edge { from, to }).collect();
        check(nodes, &edges)
    }

    /// Spec 06 case 73.
    #[test]
    fn a_workflow_has_nodes_and_no_way_back() {
        assert!(fits(&[1], &[]));
        assert!(fits(&[1, 2, 3, 4], &[(1, 2), (1, 3), (2, 4), (3, 4)]));
        assert!(fits(&[3, 1, 2], &[(1, 3)]));
        assert!(!fits(&[], &[]));
        assert!(!fits(&[1, 1], &[]));
        assert!(!fits(&[1], &[(1, 1)]));
        assert!(!fits(&[1, 2], &[(1, 2), (2, 1)]));
        assert!(!fits(&[1, 2, 3], &[(2, 3), (3, 2)]));
        assert!(!fits(&[1], &[(1, 2)]));
        assert!(!fits(&[1], &[(2, 1)]));
    }
}
