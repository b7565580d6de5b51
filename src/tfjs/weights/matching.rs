//! Which weight belongs to which layer where the names alone do not say: by the one way in which they can fit.
//!
//! Keras 3 forgets the names of wrappers and models around a layer when it saves a model that it has loaded, and a layer that
//! is taken out of another model keeps the names that it had there. So no name of Keras 3 is exact: `d/kernel` may be a layer
//! `d`, or one that a model `n` holds, and `n/d/kernel` as well. Weights are matched by scope: all that the file calls `scope/…`
//! against all that a layer wants under one scope. They fit if they have the same last names and shapes. One that fits a
//! single layer is that layer's; among several the longest common ending of the names decides; and among the scopes of one
//! layer, such as stacked cells, the order in which Keras makes them. Nothing is guessed between two layers: that is an error
//! which names both, and so is it if the order of the file says otherwise than the names. What TF.js reads has exact names,
//! which go before. [`super`] has the weights.

use super::misfits::{contradicting_order, expect_fit, missing_weights, unused_weights};
use super::rules::{Contradiction, NameForm, NameRules, WantKey, is_seed};
use super::scopes::{BY_SHAPE, Scopes, scope_name};
use super::table::WeightTable;
use super::want::Want;
use crate::error::Result;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Which weight of the file each wanted one is, and what the reader should know of how that was decided.
#[derive(Debug)]
pub(in crate::tfjs) struct Match {
    pub(in crate::tfjs) matched: HashMap<WantKey, String>,
    pub(in crate::tfjs) notes: Vec<String>,
    /// Whether any weight was taken for another until this was known.
    pub(in crate::tfjs) is_new: bool,
}

/// Layers that are noted one by one.
const MOST_NOTES: usize = 12;

/// The match of every wanted weight. An error if one is missing or left over, or could be either of two.
pub(super) fn decide(wants: &[Want], table: &WeightTable, rules: NameRules) -> Result<Match> {
    let mut found = vec![None; wants.len()];
    if rules.form == NameForm::TfJs {
        exact(wants, table, &mut found);
        expect_fits(wants, &found, table)?;
    }
    let mut notes = Vec::new();
    let mut scopes = Scopes::new(wants, table, &found);
    for (wanted, file, rule) in scopes.pairs()? {
        let (wanted, file) = (&scopes.wanted[wanted], &scopes.file[file]);
        let mut has_name = true;
        for (last, &want) in &wanted.members {
            has_name &= wants[want].names.contains(&file.members[last]);
            found[want] = Some(file.members[last].clone());
        }
        if !has_name {
            let (layer, named) = (wanted.path.join("/"), scope_name(&file.path));
            notes.push(format!("layer `{layer}` takes the weights {named}: {rule}"));
        }
    }
    exact(wants, table, &mut found);
    single_candidates(wants, table, &mut found, &mut notes);
    let used: HashSet<&str> = found.iter().flatten().map(String::as_str).collect();
    let unused: Vec<String> =
        table.names().iter().filter(|name| !used.contains(name.as_str()) && !is_seed(name)).cloned().collect();
    let still: Vec<Want> =
        wants.iter().zip(&found).map(|(want, found)| Want { found: found.clone(), ..want.clone() }).collect();
    if found.iter().any(Option::is_none) {
        expect_fits(wants, &found, table)?;
        return Err(missing_weights(&still, &unused));
    }
    if !unused.is_empty() {
        return Err(unused_weights(&unused));
    }
    if let Some(more @ 1..) = notes.len().checked_sub(MOST_NOTES) {
        notes.truncate(MOST_NOTES);
        notes.push(format!("{more} more layers take weights of other names by these rules"));
    }
    notes.extend(weigh_order(wants, &found, table, rules)?);
    let is_new = wants.iter().zip(&found).any(|(want, found)| want.found != *found);
    let matched = wants.iter().zip(found).filter_map(|(want, found)| Some((want.key.clone(), found?))).collect();
    Ok(Match { matched, notes, is_new })
}

/// What the order of the file says of names: nothing, a note, or an error.
pub(super) fn weigh_order(
    wants: &[Want],
    found: &[Option<String>],
    table: &WeightTable,
    rules: NameRules,
) -> Result<Option<String>> {
    match (rules.contradiction, expect_keras_order(wants, found, table)) {
        (Contradiction::Ignored, _) | (_, Ok(())) => Ok(None),
        (Contradiction::Refused, Err(error)) => Err(error),
        (Contradiction::Noted, Err(error)) => {
            Ok(Some(format!("TF.js gives layers weights by name and Keras by order, and these disagree: {error}")))
        }
    }
}

/// An error if the names say that two layers have each other's weights. Keras saves those of the layers of the outermost model
/// in the order of the layers' names (`save_weights_to_hdf5_group`), and the converter keeps it. A file that would not be in
/// that order either with the weights exchanged was written otherwise, and its order says nothing.
fn expect_keras_order(wants: &[Want], found: &[Option<String>], table: &WeightTable) -> Result<()> {
    let positions: HashMap<&str, usize> =
        table.names().iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
    let taken = wants.iter().zip(found).filter_map(|(want, found)| {
        let position = positions.get(found.as_deref()?)?;
        Some((*position, want.outermost()?, want))
    });
    let mut taken: Vec<(usize, &str, &Want)> = taken.collect();
    taken.sort_by_key(|(position, ..)| *position);
    let is_sorted = |layers: &[&str]| layers.is_sorted();
    let named: Vec<&str> = taken.iter().map(|(_, layer, _)| *layer).collect();
    if is_sorted(&named) {
        return Ok(());
    }
    // The same with the weights of one last name and shape in the order of their layers.
    let mut alike: BTreeMap<(&str, &[usize]), Vec<usize>> = BTreeMap::new();
    for (at, (_, _, want)) in taken.iter().enumerate() {
        alike.entry((want.last(), want.shape.as_slice())).or_default().push(at);
    }
    let mut exchanged = named.clone();
    for places in alike.values() {
        let mut layers: Vec<&str> = places.iter().map(|&at| named[at]).collect();
        layers.sort_unstable();
        places.iter().zip(layers).for_each(|(&at, layer)| exchanged[at] = layer);
    }
    if !is_sorted(&exchanged) {
        return Ok(());
    }
    let wrong = named.iter().zip(&exchanged).position(|(named, exchanged)| named != exchanged).unwrap_or(0);
    let other = taken.iter().find(|(_, layer, want)| {
        *layer == exchanged[wrong] && want.last() == taken[wrong].2.last() && want.shape == taken[wrong].2.shape
    });
    let names = [taken[wrong].2, other.map_or(taken[wrong].2, |(_, _, want)| want)].map(Want::scope);
    Err(contradicting_order(&names))
}

/// Matches what is open by full names, the fullest first. A name that two layers share matches neither.
fn exact(wants: &[Want], table: &WeightTable, found: &mut [Option<String>]) {
    let mut used: HashSet<String> = found.iter().flatten().cloned().collect();
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
}

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
    let mut rivals: HashMap<(&str, &[usize]), usize> = HashMap::new();
    for &at in &open {
        *rivals.entry((wants[at].last(), &wants[at].shape)).or_default() += 1;
    }
    for &at in &open {
        let want = &wants[at];
        let alike = (want.last(), want.shape.as_slice());
        if let (1, Some([name])) = (rivals[&alike], candidates.get(&alike).map(Vec::as_slice)) {
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
