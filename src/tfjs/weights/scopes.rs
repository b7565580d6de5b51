//! Weights by scope: all that the file calls `scope/…` against all that a layer wants under one scope.

use super::misfits::{RENAME, join};
use super::rules::{expect_shape, is_seed};
use super::table::WeightTable;
use super::want::Want;
use crate::error::{Context, Error, Result};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What stands under one scope: last names with shapes.
type Signature = BTreeMap<String, Vec<usize>>;

/// The weights without a match that a layer wants under one scope.
#[derive(Debug)]
pub(super) struct WantedScope {
    pub(super) path: Vec<String>,
    layer: String,
    /// By last name, the positions among the wants.
    pub(super) members: BTreeMap<String, usize>,
    signature: Signature,
}

/// The weights without a match that the file has under one scope.
#[derive(Debug)]
pub(super) struct FileScope {
    pub(super) path: Vec<String>,
    /// By last name, the full names.
    pub(super) members: BTreeMap<String, String>,
    signature: Signature,
}

/// The scopes of what exact names left open, and how they were paired.
pub(super) struct Scopes {
    pub(super) wanted: Vec<WantedScope>,
    pub(super) file: Vec<FileScope>,
    /// For each wanted scope the file's, and by which rule.
    paired: Vec<Option<(usize, &'static str)>>,
}

pub(super) const BY_SHAPE: &str = "the only unclaimed weights with these last names and shapes";
const BY_NAME: &str = "of several with these shapes, their name has the longest ending in common with the layer's";
const BY_ORDER: &str = "of several with these shapes, by the order in which Keras creates the weights of one layer";

impl Scopes {
    pub(super) fn new(wants: &[Want], table: &WeightTable, found: &[Option<String>]) -> Scopes {
        let mut wanted: Vec<WantedScope> = Vec::new();
        let mut by_key: HashMap<(String, String), usize> = HashMap::new();
        for (position, want) in wants.iter().enumerate().filter(|(position, _)| found[*position].is_none()) {
            let at = *by_key.entry((want.key.0.clone(), want.scope())).or_insert_with(|| {
                let path = want.path[..want.path.len() - 1].to_vec();
                let layer = want.layer().to_string();
                wanted.push(WantedScope { path, layer, members: BTreeMap::new(), signature: Signature::new() });
                wanted.len() - 1
            });
            wanted[at].members.insert(want.last().into(), position);
            wanted[at].signature.insert(want.last().into(), want.shape.clone());
        }
        let used: HashSet<&str> = found.iter().flatten().map(String::as_str).collect();
        let mut file: Vec<FileScope> = Vec::new();
        let mut by_scope: HashMap<String, usize> = HashMap::new();
        for name in table.names().iter().filter(|name| !used.contains(name.as_str()) && !is_seed(name)) {
            let (scope, last) = name.rsplit_once('/').unwrap_or(("", name));
            let at = *by_scope.entry(scope.into()).or_insert_with(|| {
                let path = scope.split('/').filter(|part| !part.is_empty()).map(str::to_string).collect();
                file.push(FileScope { path, members: BTreeMap::new(), signature: Signature::new() });
                file.len() - 1
            });
            file[at].members.insert(last.into(), name.clone());
            file[at].signature.insert(last.into(), table.shape(name).unwrap_or_default().to_vec());
        }
        let paired = vec![None; wanted.len()];
        Scopes { wanted, file, paired }
    }

    /// Pairs of a wanted scope and one of the file, with the rule. What has no candidate is left out; what has several of
    /// equal right is an error.
    pub(super) fn pairs(&mut self) -> Result<Vec<(usize, usize, &'static str)>> {
        let mut alike: BTreeMap<Signature, [Vec<usize>; 2]> = BTreeMap::new();
        for (at, scope) in self.wanted.iter().enumerate() {
            alike.entry(scope.signature.clone()).or_default()[0].push(at);
        }
        for (at, scope) in self.file.iter().enumerate() {
            if let Some([_, file]) = alike.get_mut(&scope.signature) {
                file.push(at);
            }
        }
        for [wanted, file] in alike.values() {
            self.pair(wanted, file)?;
        }
        self.expect_names()?;
        let pairs = self.paired.iter().enumerate();
        Ok(pairs.filter_map(|(wanted, pair)| pair.map(|(file, rule)| (wanted, file, rule))).collect())
    }

    /// An error if a layer took weights by their shapes alone, and the file has others, of other shapes, under its name.
    fn expect_names(&self) -> Result<()> {
        let mut named: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, scope) in self.file.iter().enumerate() {
            if let Some(last) = without_cell(&scope.path).last().or(scope.path.last()) {
                named.entry(last).or_default().push(at);
            }
        }
        for (wanted, paired) in self.paired.iter().enumerate() {
            let Some((file, _)) = paired.filter(|(file, _)| self.ending(wanted, *file) == 0) else { continue };
            let scope = &self.wanted[wanted];
            let own = without_cell(&scope.path).last().and_then(|last| named.get(last.as_str()));
            for &other in own.into_iter().flatten().filter(|&&other| other != file) {
                for (last, shape) in &scope.signature {
                    if let Some(name) = self.file[other].members.get(last) {
                        let place = || format!("layer `{}`", scope.path.join("/"));
                        expect_shape(name, &self.file[other].signature[last], shape).at(place)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Pairs scopes of one signature.
    fn pair(&mut self, wanted: &[usize], file: &[usize]) -> Result<()> {
        if let ([wanted], [file]) = (wanted, file) {
            self.paired[*wanted] = Some((*file, BY_SHAPE));
            return Ok(());
        }
        let mut given: HashSet<usize> = HashSet::new();
        for (wanted, file) in self.mutual_best(wanted, file) {
            self.paired[wanted] = Some((file, BY_NAME));
            given.insert(file);
        }
        let open: Vec<usize> = wanted.iter().copied().filter(|&at| self.paired[at].is_none()).collect();
        let free: Vec<usize> = file.iter().copied().filter(|at| !given.contains(at)).collect();
        match (open.as_slice(), free.as_slice()) {
            ([], _) | (_, []) => {}
            ([wanted], [file]) => self.paired[*wanted] = Some((*file, BY_SHAPE)),
            _ if open.len() == free.len() && self.is_one_layer(&open) => {
                for (&wanted, &file) in open.iter().zip(&free) {
                    let longest = free.iter().map(|&other| self.ending(wanted, other)).max();
                    if Some(self.ending(wanted, file)) != longest {
                        return Err(self.disagree(&open, &free));
                    }
                    self.paired[wanted] = Some((file, BY_ORDER));
                }
            }
            _ => return Err(self.ambiguous(&open, &free)),
        }
        self.expect_order(wanted)
    }

    /// Wanted scopes and those of the file that have a longer ending in common than either has with any other. Once several
    /// have an equal claim, none of them is given a shorter one.
    fn mutual_best(&self, open: &[usize], free: &[usize]) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        let (mut open, mut free) = (open.to_vec(), free.to_vec());
        let longest = open.iter().map(|&at| self.wanted[at].path.len()).max().unwrap_or(0);
        for length in (1..=longest).rev() {
            let mut claims: BTreeMap<&[String], [Vec<usize>; 2]> = BTreeMap::new();
            for &at in &open {
                if let Some(ending) = ending_of(&self.wanted[at].path, length) {
                    claims.entry(ending).or_default()[0].push(at);
                }
            }
            for &at in &free {
                let path = &self.file[at].path;
                let endings = [ending_of(path, length), ending_of(without_cell(path), length)];
                let second = endings[1].filter(|ending| endings[0] != Some(*ending));
                for ending in endings[0].into_iter().chain(second) {
                    claims.entry(ending).or_default()[1].push(at);
                }
            }
            let claims = claims.into_values().filter(|[wanted, file]| !wanted.is_empty() && !file.is_empty());
            let claims: Vec<[Vec<usize>; 2]> = claims.collect();
            let mut claimed: HashMap<usize, usize> = HashMap::new();
            claims.iter().flat_map(|[_, file]| file).for_each(|&file| *claimed.entry(file).or_default() += 1);
            for claim in &claims {
                if let ([wanted], [file]) = (claim[0].as_slice(), claim[1].as_slice())
                    && claimed[file] == 1
                {
                    pairs.push((*wanted, *file));
                }
            }
            let claimants: HashSet<usize> = claims.iter().flat_map(|[wanted, _]| wanted.iter().copied()).collect();
            open.retain(|at| !claimants.contains(at));
            free.retain(|at| !claimed.contains_key(at));
        }
        pairs
    }

    /// How many components the two scopes have in common at their end; the last of the file's may be that of a cell.
    fn ending(&self, wanted: usize, file: usize) -> usize {
        let (wanted, file) = (&self.wanted[wanted].path, &self.file[file].path);
        let common = |file: &[String]| wanted.iter().rev().zip(file.iter().rev()).take_while(|(a, b)| a == b).count();
        common(file).max(common(without_cell(file)))
    }

    fn is_one_layer(&self, scopes: &[usize]) -> bool {
        scopes.iter().all(|&at| self.wanted[at].layer == self.wanted[scopes[0]].layer)
    }

    /// An error if the names say that one layer's scopes stand in another order in the file than Keras makes them in.
    fn expect_order(&self, wanted: &[usize]) -> Result<()> {
        let mut last: HashMap<&str, (usize, usize)> = HashMap::new();
        for &second in wanted {
            let Some((two, _)) = self.paired[second] else { continue };
            match last.insert(&self.wanted[second].layer, (second, two)) {
                Some((first, one)) if one > two => return Err(self.disagree(&[first, second], &[two, one])),
                _ => {}
            }
        }
        Ok(())
    }

    fn wanted_names(&self, scopes: &[usize]) -> String {
        let names: Vec<String> = scopes.iter().map(|&at| format!("`{}`", self.wanted[at].path.join("/"))).collect();
        join(&names)
    }

    fn file_names(&self, scopes: &[usize]) -> String {
        let names: Vec<String> = scopes.iter().map(|&at| scope_name(&self.file[at].path)).collect();
        join(&names)
    }

    fn ambiguous(&self, open: &[usize], free: &[usize]) -> Error {
        let (layers, weights) = (self.wanted_names(open), self.file_names(free));
        Error::weights(format!("nothing tells which weights belong to {layers}"))
            .cause(format!("{weights} of the file have the same shapes, and no layer's name"))
            .hint(RENAME)
    }

    fn disagree(&self, open: &[usize], free: &[usize]) -> Error {
        let (layers, weights) = (self.wanted_names(open), self.file_names(free));
        Error::weights(format!("nothing tells which weights belong to {layers}"))
            .cause(format!("{weights} of the file have the same shapes; their names say otherwise than their order"))
            .hint(RENAME)
    }
}

/// A path without the cell that a recurrent layer makes for itself, as in `lstm/lstm_cell`.
fn without_cell(path: &[String]) -> &[String] {
    match path {
        [layer @ .., cell] if cell.contains("_cell") => layer,
        path => path,
    }
}

/// The last `length` components of a path, if it has as many.
fn ending_of(path: &[String], length: usize) -> Option<&[String]> {
    path.len().checked_sub(length).map(|start| &path[start..])
}

pub(super) fn scope_name(path: &[String]) -> String {
    if path.is_empty() { "without a scope".into() } else { format!("`{}/…`", path.join("/")) }
}
