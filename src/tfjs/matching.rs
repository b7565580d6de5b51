//! Which weight belongs to which layer where the names alone do not say: by the one way in which they can fit.
//!
//! Keras 3 forgets the names of wrappers and models around a layer when it saves a model that it has loaded, and a layer that
//! is taken out of another model keeps the names that it had there. After the exact names, weights are matched by scope: all
//! that the file calls `scope/…` against all that a layer wants under one scope. They fit if they have the same last names and
//! shapes. One that fits a single layer is that layer's; among several the longest common ending of the names decides; and
//! among the scopes of one layer, such as stacked cells, the order in which Keras makes them. Nothing is guessed between two
//! layers: that is an error which names both. [`super::weights`] has the exact rules and the weights.

use super::weights::{WantKey, Wanted, WeightTable, expect_shape, shorten};
use crate::error::{Error, Place, Result};
use crate::tensor::format_dims;
use std::collections::{BTreeMap, HashMap, HashSet};

/// A weight that a layer asked for.
#[derive(Debug, Clone)]
pub(super) struct Want {
    pub(super) key: WantKey,
    /// Where it stands in the model: the models around the layer but for the outermost, the layer, the weight.
    path: Vec<String>,
    /// The names that it may have in the file, the fullest first.
    pub(super) names: Vec<String>,
    pub(super) shape: Vec<usize>,
    /// The weight of the file that the exact rules find.
    pub(super) found: Option<String>,
    /// The name in an archive, if the file is one.
    pub(super) position: Option<String>,
}

/// Which weight of the file each wanted one is, and what the reader should know of how that was decided.
#[derive(Debug)]
pub(super) struct Match {
    pub(super) matched: HashMap<WantKey, String>,
    pub(super) notes: Vec<String>,
}

impl Want {
    pub(super) fn new(wanted: Wanted<'_>, shape: &[usize]) -> Want {
        let around = if wanted.names_models { wanted.models } else { &[] };
        let with_models = |from: usize| {
            let models = around[from..].iter().map(String::as_str);
            models.chain([wanted.name]).collect::<Vec<_>>().join("/")
        };
        let mut names: Vec<String> = (0..=around.len()).map(with_models).collect();
        if wanted.names_models {
            // As TF.js wants it: files of Keras 3 are repaired for it by hand.
            names.extend(shorten(wanted.name));
        }
        let inside = wanted.models.iter().skip(1).map(String::as_str);
        let path = inside.chain(wanted.name.split('/')).map(str::to_string).collect();
        let key = (wanted.archive.to_string(), wanted.name.to_string());
        Want { key, path, names, shape: shape.to_vec(), found: None, position: None }
    }

    pub(super) fn name(&self) -> String {
        self.path.join("/")
    }

    fn scope(&self) -> String {
        self.path[..self.path.len() - 1].join("/")
    }

    fn last(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// The place of the layer that wants it, whatever the layer holds inside.
    fn layer(&self) -> &str {
        let place = self.key.0.as_str();
        let start = place.rfind("layers/").map_or(0, |start| start + "layers/".len());
        let end = place[start..].find('/').map_or(place.len(), |end| start + end);
        &place[..end]
    }
}

/// What stands under one scope: last names with shapes.
type Signature = BTreeMap<String, Vec<usize>>;

/// The weights without a match that a layer wants under one scope.
#[derive(Debug)]
struct WantedScope {
    path: Vec<String>,
    layer: String,
    /// By last name, the positions among the wants.
    members: BTreeMap<String, usize>,
    signature: Signature,
}

/// The weights without a match that the file has under one scope.
#[derive(Debug)]
struct FileScope {
    path: Vec<String>,
    /// By last name, the full names.
    members: BTreeMap<String, String>,
    signature: Signature,
}

/// The match of every wanted weight. An error if one is missing or left over, or could be either of two.
pub(super) fn decide(wants: &[Want], table: &WeightTable) -> Result<Match> {
    let mut found = exact(wants, table);
    expect_fits(wants, &found, table)?;
    let mut notes = Vec::new();
    let mut scopes = Scopes::new(wants, table, &found);
    for (wanted, file, rule) in scopes.pairs()? {
        let (wanted, file) = (&scopes.wanted[wanted], &scopes.file[file]);
        for (last, &want) in &wanted.members {
            found[want] = Some(file.members[last].clone());
        }
        let (layer, named) = (wanted.path.join("/"), scope_name(&file.path));
        notes.push(format!("layer `{layer}` takes the weights {named}: {rule}"));
    }
    single_candidates(wants, table, &mut found, &mut notes);
    let used: HashSet<&str> = found.iter().flatten().map(String::as_str).collect();
    let unused: Vec<String> =
        table.names().iter().filter(|name| !used.contains(name.as_str()) && !is_seed(name)).cloned().collect();
    let still: Vec<Want> =
        wants.iter().zip(&found).map(|(want, found)| Want { found: found.clone(), ..want.clone() }).collect();
    if found.iter().any(Option::is_none) {
        return Err(missing_weights(&still, &unused));
    }
    if !unused.is_empty() {
        return Err(unused_weights(&unused));
    }
    let matched = wants.iter().zip(found).filter_map(|(want, found)| Some((want.key.clone(), found?))).collect();
    Ok(Match { matched, notes })
}

/// The state of random numbers, which files keep and which has no say at inference.
fn is_seed(name: &str) -> bool {
    name.contains("seed_generator")
}

/// Matches by full names, the fullest first. A name that two layers have at once is nobody's.
fn exact(wants: &[Want], table: &WeightTable) -> Vec<Option<String>> {
    let mut found: Vec<Option<String>> = vec![None; wants.len()];
    let mut used: HashSet<String> = HashSet::new();
    let levels = wants.iter().map(|want| want.names.len()).max().unwrap_or(0);
    for short in [false, true] {
        for level in 0..levels {
            let mut claims: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
            for (position, want) in wants.iter().enumerate().filter(|(position, _)| found[*position].is_none()) {
                let Some(name) = want.names.get(level) else { continue };
                let name = if short { table.by_short_name(name) } else { Some(name.as_str()) };
                let Some(name) = name.filter(|name| table.shape(name) == Some(&want.shape)) else { continue };
                if !used.contains(name) {
                    claims.entry(name).or_default().push(position);
                }
            }
            for (name, claimants) in claims {
                if let [position] = claimants.as_slice() {
                    found[*position] = Some(name.to_string());
                    used.insert(name.to_string());
                }
            }
        }
    }
    found
}

/// The scopes of what exact names left open, and how they were paired.
struct Scopes {
    wanted: Vec<WantedScope>,
    file: Vec<FileScope>,
    /// For each wanted scope the file's, and by which rule.
    paired: Vec<Option<(usize, &'static str)>>,
}

const BY_SHAPE: &str = "no others have these names' ending and shapes";
const BY_NAME: &str = "no others have these shapes and as long an ending of the name";
const BY_ORDER: &str = "of the same shapes, in the order in which Keras makes them";

impl Scopes {
    fn new(wants: &[Want], table: &WeightTable, found: &[Option<String>]) -> Scopes {
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
    fn pairs(&mut self) -> Result<Vec<(usize, usize, &'static str)>> {
        let mut signatures: Vec<Signature> = self.wanted.iter().map(|scope| scope.signature.clone()).collect();
        signatures.sort();
        signatures.dedup();
        for signature in &signatures {
            self.pair(signature)?;
        }
        let pairs = self.paired.iter().enumerate();
        Ok(pairs.filter_map(|(wanted, pair)| pair.map(|(file, rule)| (wanted, file, rule))).collect())
    }

    /// Pairs the scopes of one signature.
    fn pair(&mut self, signature: &Signature) -> Result<()> {
        let wanted: Vec<usize> = (0..self.wanted.len()).filter(|&at| self.wanted[at].signature == *signature).collect();
        let file: Vec<usize> = (0..self.file.len()).filter(|&at| self.file[at].signature == *signature).collect();
        if let ([wanted], [file]) = (wanted.as_slice(), file.as_slice()) {
            self.paired[*wanted] = Some((*file, BY_SHAPE));
            return Ok(());
        }
        let (mut open, mut free) = (wanted.clone(), file.clone());
        while let Some((wanted, file)) = self.mutual_best(&open, &free) {
            self.paired[wanted] = Some((file, BY_NAME));
            open.retain(|&at| at != wanted);
            free.retain(|&at| at != file);
        }
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
        self.expect_order(&wanted)
    }

    /// A wanted scope and one of the file that have a longer ending in common than either has with any other.
    fn mutual_best(&self, open: &[usize], free: &[usize]) -> Option<(usize, usize)> {
        let best = |scores: Vec<(usize, usize)>| {
            let longest = scores.iter().map(|(_, score)| *score).max().filter(|score| *score > 0)?;
            let mut those = scores.iter().filter(|(_, score)| *score == longest);
            let only = those.next()?.0;
            those.next().is_none().then_some(only)
        };
        open.iter().find_map(|&wanted| {
            let file = best(free.iter().map(|&file| (file, self.ending(wanted, file))).collect())?;
            let back = best(open.iter().map(|&wanted| (wanted, self.ending(wanted, file))).collect())?;
            (back == wanted).then_some((wanted, file))
        })
    }

    /// How many components the two scopes have in common at their end; the last of the file's may be that of a cell.
    fn ending(&self, wanted: usize, file: usize) -> usize {
        let (wanted, file) = (&self.wanted[wanted].path, &self.file[file].path);
        let common = |file: &[String]| wanted.iter().rev().zip(file.iter().rev()).take_while(|(a, b)| a == b).count();
        common(file).max(common(&file[..file.len().saturating_sub(1)]))
    }

    fn is_one_layer(&self, scopes: &[usize]) -> bool {
        scopes.iter().all(|&at| self.wanted[at].layer == self.wanted[scopes[0]].layer)
    }

    /// An error if the names say that one layer's scopes stand in another order in the file than Keras makes them in.
    fn expect_order(&self, wanted: &[usize]) -> Result<()> {
        for (position, &first) in wanted.iter().enumerate() {
            for &second in &wanted[position + 1..] {
                let (Some((one, _)), Some((two, _))) = (self.paired[first], self.paired[second]) else { continue };
                if self.wanted[first].layer == self.wanted[second].layer && one > two {
                    return Err(self.disagree(&[first, second], &[two, one]));
                }
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

const RENAME: &str = "give each weight the name LAYER/WEIGHT in the `weightsManifest` of model.json, or save the model again \
    with different layer names and convert it";

/// Matches each weight that is the only one left of its last name and shape.
fn single_candidates(wants: &[Want], table: &WeightTable, found: &mut [Option<String>], notes: &mut Vec<String>) {
    let used: HashSet<String> = found.iter().flatten().cloned().collect();
    let free = table.names().iter().filter(|name| !used.contains(*name) && !is_seed(name));
    let mut candidates: BTreeMap<(&str, &[usize]), Vec<&str>> = BTreeMap::new();
    for name in free {
        let last = name.rsplit('/').next().unwrap_or(name);
        candidates.entry((last, table.shape(name).unwrap_or_default())).or_default().push(name);
    }
    let open: Vec<usize> = (0..wants.len()).filter(|&at| found[at].is_none()).collect();
    for &at in &open {
        let want = &wants[at];
        let rivals =
            open.iter().filter(|&&other| wants[other].last() == want.last() && wants[other].shape == want.shape);
        if let (1, Some([name])) =
            (rivals.count(), candidates.get(&(want.last(), want.shape.as_slice())).map(Vec::as_slice))
        {
            found[at] = Some((*name).to_string());
            notes.push(format!("weight `{}` is `{name}` of the file: {BY_SHAPE}", want.name()));
        }
    }
}

/// An error if the file has a wanted weight by name, but of another shape.
fn expect_fits(wants: &[Want], found: &[Option<String>], table: &WeightTable) -> Result<()> {
    let used: HashSet<&str> = found.iter().flatten().map(String::as_str).collect();
    for (want, _) in wants.iter().zip(found).filter(|(_, found)| found.is_none()) {
        expect_fit(want, table, |name| used.contains(name))?;
    }
    Ok(())
}

/// An error if a weight of the file that is not `used` has the name of `want`, but another shape.
pub(super) fn expect_fit(want: &Want, table: &WeightTable, used: impl Fn(&str) -> bool) -> Result<()> {
    for name in want.names.iter().filter(|name| !used(name)) {
        if let Some(shape) = table.shape(name).filter(|shape| *shape != want.shape) {
            expect_shape(name, shape, &want.shape).at(|| format!("layer `{}`", want.scope()))?;
        }
    }
    Ok(())
}

/// The error for layers that lack weights.
pub(super) fn missing_weights(wants: &[Want], unused: &[String]) -> Error {
    let shown = |want: &Want| match &want.position {
        Some(position) => format!("`{}` (`{position}`)", want.name()),
        None => format!("`{}`", want.name()),
    };
    let missing: Vec<String> = wants.iter().filter(|want| want.found.is_none()).map(shown).collect();
    if missing.is_empty() {
        return twice(wants);
    }
    let error = Error::weights(format!("{} of {} weights are missing: {}", missing.len(), wants.len(), join(&missing)));
    let error = error.hint("take topology and weights from one conversion of one model");
    if unused.is_empty() {
        return error;
    }
    let shapes = wants.iter().filter(|want| want.found.is_none()).map(|want| format_dims(&want.shape));
    let shapes: Vec<String> = shapes.take(SHOWN).collect();
    error.cause(format!("no layer takes {} of the file; wanted shapes are {}", listed(unused), shapes.join(", ")))
}

/// The error for weights that no layer takes.
pub(super) fn unused_weights(unused: &[String]) -> Error {
    Error::weights(format!("no layer of the model takes the weight {}", listed(unused)))
        .hint("take topology and weights from one conversion of one model")
}

/// The error for a weight that two layers take.
fn twice(wants: &[Want]) -> Error {
    let mut takers: HashMap<&str, &Want> = HashMap::new();
    for want in wants {
        let Some(name) = want.found.as_deref() else { continue };
        if let Some(first) = takers.insert(name, want) {
            return Error::weights(format!(
                "`{}` and `{}` would both take the weight `{name}`",
                first.name(),
                want.name()
            ))
            .hint(RENAME);
        }
    }
    Error::weights("a weight would be taken twice").hint(RENAME)
}

fn scope_name(path: &[String]) -> String {
    if path.is_empty() { "without a scope".into() } else { format!("`{}/…`", path.join("/")) }
}

const SHOWN: usize = 5;

fn listed(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    join(&names)
}

/// The first names, and how many more there are.
fn join(names: &[String]) -> String {
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{shown} and {more} more"),
        _ => shown,
    }
}
