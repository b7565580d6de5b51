//! An order in which nodes can run, from which node needs which.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The nodes `0..count` in an order in which each stands behind those it needs; otherwise as they are. An edge is a node
/// and one that needs it. If nodes need each other, a circle of them is returned, each needed by the next.
pub(super) fn order(count: usize, mut edges: Vec<(u32, u32)>) -> Result<Vec<u32>, Vec<u32>> {
    edges.sort_unstable();
    edges.dedup();
    let mut missing = vec![0u32; count];
    for (_, user) in &edges {
        missing[*user as usize] += 1;
    }
    let mut ready: BinaryHeap<Reverse<u32>> = (0..count as u32).map(Reverse).collect();
    ready.retain(|Reverse(node)| missing[*node as usize] == 0);
    let mut sorted = Vec::with_capacity(count);
    while let Some(Reverse(node)) = ready.pop() {
        sorted.push(node);
        let first = edges.partition_point(|(maker, _)| *maker < node);
        for (_, user) in edges[first..].iter().take_while(|(maker, _)| *maker == node) {
            missing[*user as usize] -= 1;
            if missing[*user as usize] == 0 {
                ready.push(Reverse(*user));
            }
        }
    }
    if sorted.len() == count { Ok(sorted) } else { Err(circle(&missing, &edges)) }
}

/// A circle among the nodes that still miss something.
fn circle(missing: &[u32], edges: &[(u32, u32)]) -> Vec<u32> {
    let is_left = |node: u32| missing[node as usize] > 0;
    // Each node that is left needs another one that is left.
    let mut needed = vec![None; missing.len()];
    for (maker, user) in edges.iter().filter(|(maker, user)| is_left(*maker) && is_left(*user)) {
        needed[*user as usize] = Some(*maker);
    }
    let mut node = (0..missing.len() as u32).find(|node| is_left(*node));
    let mut seen = vec![false; missing.len()];
    let mut path = Vec::new();
    while let Some(at) = node {
        if std::mem::replace(&mut seen[at as usize], true) {
            let start = path.iter().position(|known| *known == at).unwrap_or(0);
            path.drain(..start);
            break;
        }
        path.push(at);
        node = needed[at as usize];
    }
    path.reverse();
    let first = (0..path.len()).min_by_key(|at| path[*at]).unwrap_or(0);
    path.rotate_left(first);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_move_only_behind_what_they_need() {
        assert_eq!(order(3, vec![(0, 1), (1, 2)]), Ok(vec![0, 1, 2]));
        assert_eq!(order(4, vec![(3, 1), (0, 2), (0, 2)]), Ok(vec![0, 2, 3, 1]));
        assert_eq!(order(0, Vec::new()), Ok(Vec::new()));
    }

    #[test]
    fn a_circle_is_returned_without_what_leads_to_it() {
        assert_eq!(order(4, vec![(1, 2), (2, 3), (3, 1), (3, 0)]), Err(vec![1, 2, 3]));
        assert_eq!(order(1, vec![(0, 0)]), Err(vec![0]));
    }
}
