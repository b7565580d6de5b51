//! Layer objects that stand in several places of a model, by the `shared_object_id` that Keras writes for them.
//!
//! A layer that is used by itself and inside a wrapper is one object with one set of weights, which an archive keeps at the
//! first place only. Places are those of archives: see [`super::positions`]. What layers compute is not known here.

use super::topology::{Layer, Network};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Which places of a model hold the same object.
#[derive(Debug, Default)]
pub(super) struct SharedObjects {
    groups: Vec<Vec<String>>,
    group_of: HashMap<String, usize>,
}

impl SharedObjects {
    pub(super) fn of(network: &Network) -> SharedObjects {
        let mut by_id: HashMap<String, Vec<String>> = HashMap::new();
        collect_network(network, "", &mut by_id);
        let mut groups: Vec<Vec<String>> = by_id.into_values().filter(|places| places.len() > 1).collect();
        groups.sort();
        let members = groups.iter().enumerate().flat_map(|(at, group)| group.iter().map(move |place| (place, at)));
        let group_of = members.map(|(place, at)| (place.clone(), at)).collect();
        SharedObjects { groups, group_of }
    }

    /// The other places of what stands at `place`, whether that itself is shared or something around it.
    pub(super) fn others(&self, place: &str) -> impl Iterator<Item = String> {
        let ends = place.match_indices('/').map(|(end, _)| end).chain([place.len()]);
        ends.filter_map(|end| Some((self.group_of.get(&place[..end])?, end))).flat_map(move |(&group, end)| {
            let others = self.groups[group].iter().filter(move |other| **other != place[..end]);
            others.map(move |other| format!("{other}{}", &place[end..]))
        })
    }

    /// Whether the two places hold the same object.
    pub(super) fn are_one(&self, one: &str, other: &str) -> bool {
        self.others(one).any(|place| place == other)
    }
}

fn collect_network(network: &Network, prefix: &str, by_id: &mut HashMap<String, Vec<String>>) {
    for layer in &network.layers {
        let place = format!("{prefix}layers/{}", layer.position);
        note(layer.shared_object_id.as_ref(), &place, by_id);
        match &layer.network {
            Some(network) => collect_network(network, &format!("{place}/"), by_id),
            None => collect_wrapped(layer, &place, by_id),
        }
    }
}

/// The layers inside a wrapper, by the attributes that hold them.
fn collect_wrapped(layer: &Layer, place: &str, by_id: &mut HashMap<String, Vec<String>>) {
    let forward = if layer.class == "Bidirectional" { "forward_layer" } else { "layer" };
    for (key, attribute) in [("layer", forward), ("backward_layer", "backward_layer"), ("cell", "cell")] {
        let Some(inner) = layer.config.get(key).and_then(Value::as_object) else { continue };
        let place = format!("{place}/{attribute}");
        note(inner.get("shared_object_id"), &place, by_id);
        if let Ok(network) = Network::parse(inner) {
            collect_network(&network, &format!("{place}/"), by_id);
        }
    }
}

fn note(id: Option<&Value>, place: &str, by_id: &mut HashMap<String, Vec<String>>) {
    if let Some(id) = id.filter(|id| !id.is_null()) {
        by_id.entry(id.to_string()).or_default().push(place.to_string());
    }
}

/// The id that Keras gives the object in the JSON of a layer.
pub(super) fn id_of(layer: &Map<String, Value>) -> Option<Value> {
    layer.get("shared_object_id").filter(|id| !id.is_null()).cloned()
}
