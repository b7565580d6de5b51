//! A partition of a graph's operators into regions, and what depends on what.

use crate::graph::NodeId;
use std::collections::{BTreeSet, HashMap};

/// Regions by number. Joined regions have the number of one of them.
#[derive(Debug, Default)]
pub(super) struct Regions {
    of_node: HashMap<NodeId, usize>,
    regions: Vec<Region>,
}

#[derive(Debug, Default)]
struct Region {
    /// In execution order.
    nodes: Vec<NodeId>,
    /// The regions whose results it reads, by the numbers they had.
    reads: BTreeSet<usize>,
    /// The region that it is part of.
    joined: Option<usize>,
}

impl Regions {
    /// Adds an operator that reads the results of these regions.
    pub(super) fn add(&mut self, node: NodeId, reads: &[usize]) -> usize {
        let number = self.regions.len();
        self.regions.push(Region { nodes: vec![node], reads: reads.iter().copied().collect(), joined: None });
        self.of_node.insert(node, number);
        number
    }

    /// The region of an operator.
    pub(super) fn of(&self, node: NodeId) -> Option<usize> {
        self.of_node.get(&node).map(|&region| self.joined(region))
    }

    /// The region that a region is part of, or itself.
    pub(super) fn joined(&self, mut region: usize) -> usize {
        while let Some(next) = self.regions[region].joined {
            region = next;
        }
        region
    }

    /// The operators of a region.
    pub(super) fn nodes(&self, region: usize) -> &[NodeId] {
        &self.regions[region].nodes
    }

    /// The operators of several regions, in execution order.
    pub(super) fn nodes_of(&self, regions: &[usize]) -> Vec<NodeId> {
        let mut nodes: Vec<NodeId> = regions.iter().flat_map(|region| self.nodes(*region)).copied().collect();
        nodes.sort_unstable();
        nodes
    }

    /// The regions whose results a region reads.
    fn reads(&self, region: usize) -> impl Iterator<Item = usize> + '_ {
        self.regions[region].reads.iter().map(|&other| self.joined(other)).filter(move |other| *other != region)
    }

    /// Whether one of two regions depends on the other.
    pub(super) fn depends(&self, first: usize, second: usize) -> bool {
        self.reaches(self.reads(first).collect(), &[second]) || self.reaches(self.reads(second).collect(), &[first])
    }

    /// Whether no other region lies between these: one that depends on some of them and on which others depend.
    pub(super) fn is_joinable(&self, regions: &[usize]) -> bool {
        let reads = regions.iter().flat_map(|region| self.reads(*region));
        !self.reaches(reads.filter(|region| !regions.contains(region)).collect(), regions)
    }

    /// Whether one of `from` is or depends on one of `targets`.
    fn reaches(&self, mut from: Vec<usize>, targets: &[usize]) -> bool {
        let first = targets.iter().filter_map(|region| self.nodes(*region).first()).min().copied();
        let mut seen = BTreeSet::new();
        while let Some(region) = from.pop() {
            if targets.contains(&region) {
                return true;
            }
            // Operators only read those before them.
            if self.nodes(region).last().copied() > first && seen.insert(region) {
                from.extend(self.reads(region));
            }
        }
        false
    }

    /// Joins regions into one, and returns its number.
    pub(super) fn join(&mut self, regions: &[usize]) -> usize {
        let nodes = self.nodes_of(regions);
        let reads = regions.iter().flat_map(|region| &self.regions[*region].reads).copied().collect();
        let joined = regions[0];
        for &region in regions {
            self.regions[region].nodes.clear();
            self.regions[region].joined = (region != joined).then_some(joined);
        }
        self.regions[joined].nodes = nodes;
        self.regions[joined].reads = reads;
        joined
    }

    /// All regions, each after those that it reads.
    pub(super) fn in_order(&self) -> Vec<usize> {
        let all = (0..self.regions.len()).filter(|&region| self.regions[region].joined.is_none());
        let mut order = Vec::new();
        let mut done = vec![false; self.regions.len()];
        for region in all {
            let mut open = vec![(region, false)];
            while let Some((region, has_read)) = open.pop() {
                if done[region] {
                    continue;
                }
                if has_read {
                    done[region] = true;
                    order.push(region);
                } else {
                    open.push((region, true));
                    open.extend(self.reads(region).filter(|read| !done[*read]).map(|read| (read, false)));
                }
            }
        }
        order
    }
}
