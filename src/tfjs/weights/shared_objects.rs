//! Layer objects that stand in several places of a model, by the `shared_object_id` that Keras writes for them.
//!
//! A layer that is used by itself and inside a wrapper is one object with one set of weights, which an archive keeps at the
//! first place only. Places are those of archives: see [`crate::tfjs::positions`]. What layers compute is not known here.

use crate::tfjs::positions::Positions;
use crate::tfjs::topology::{Network, id_of};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// Which places of a model hold the same object.
#[derive(Debug, Default)]
pub(in crate::tfjs) struct SharedObjects {
    groups: Vec<Vec<String>>,
    /// The places of each group again, to be found.
    members: HashSet<(usize, String)>,
    group_of: HashMap<String, usize>,
}

impl SharedObjects {
    pub(in crate::tfjs) fn of(network: &Network) -> SharedObjects {
        let mut objects = Vec::new();
        collect_network(network, "", &mut objects);
        let mut by_id: HashMap<&str, Vec<&Object>> = HashMap::new();
        for object in &objects {
            if let Some(id) = &object.id {
                by_id.entry(id).or_default().push(object);
            }
        }
        // Where Keras had written an object before it knew that it is shared, it has no id there: it is then the one of the
        // same class and name.
        let mut without_id: HashMap<(&str, &str), Vec<&Object>> = HashMap::new();
        for object in objects.iter().filter(|object| object.id.is_none()) {
            without_id.entry((object.class, object.name)).or_default().push(object);
        }
        for places in by_id.values_mut() {
            if let Some([only]) = without_id.get(&(places[0].class, places[0].name)).map(Vec::as_slice) {
                places.push(only);
            }
        }
        let places = by_id.into_values().filter(|places| places.len() > 1);
        let mut groups: Vec<Vec<String>> =
            places.map(|places| places.into_iter().map(|object| object.place.clone()).collect()).collect();
        groups.sort();
        let members = groups.iter().enumerate().flat_map(|(at, group)| group.iter().map(move |place| (place, at)));
        let group_of: HashMap<String, usize> = members.clone().map(|(place, at)| (place.clone(), at)).collect();
        let members = members.map(|(place, at)| (at, place.clone())).collect();
        SharedObjects { groups, members, group_of }
    }

    /// The other places of what stands at `place`, whether that itself is shared or something around it.
    pub(in crate::tfjs) fn others(&self, place: &str) -> impl Iterator<Item = String> {
        let ends = place.match_indices('/').map(|(end, _)| end).chain([place.len()]);
        ends.filter_map(|end| Some((self.group_of.get(&place[..end])?, end))).flat_map(move |(&group, end)| {
            let others = self.groups[group].iter().filter(move |other| **other != place[..end]);
            others.map(move |other| format!("{other}{}", &place[end..]))
        })
    }

    /// Whether the two places hold the same object.
    pub(in crate::tfjs) fn are_one(&self, one: &str, other: &str) -> bool {
        let ends = one.match_indices('/').map(|(end, _)| end).chain([one.len()]);
        ends.filter_map(|end| Some((*self.group_of.get(&one[..end])?, one.split_at(end)))).any(
            |(group, (own, inside))| {
                let place = other.strip_suffix(inside).filter(|place| *place != own);
                place.is_some_and(|place| self.members.contains(&(group, place.to_string())))
            },
        )
    }
}

/// A layer where it stands.
struct Object<'m> {
    place: String,
    class: &'m str,
    name: &'m str,
    id: Option<String>,
}

fn collect_network<'m>(network: &'m Network, prefix: &str, objects: &mut Vec<Object<'m>>) {
    for layer in &network.layers {
        let place = format!("{prefix}layers/{}", layer.position);
        let id = layer.shared_object_id.as_ref().map(Value::to_string);
        objects.push(Object { place: place.clone(), class: &layer.class, name: &layer.name, id });
        match &layer.network {
            Some(network) => collect_network(network, &format!("{place}/"), objects),
            None => collect_held(&layer.class, &layer.config, &place, objects),
        }
    }
}

/// The layers that a wrapper or a recurrent layer holds, by the attributes that hold them.
fn collect_held<'m>(class: &str, config: &'m Map<String, Value>, place: &str, objects: &mut Vec<Object<'m>>) {
    let forward = if class == "Bidirectional" { "forward_layer" } else { "layer" };
    for (key, attribute) in [("layer", forward), ("backward_layer", "backward_layer"), ("cell", "cell")] {
        let Some(inner) = config.get(key).and_then(Value::as_object) else { continue };
        let Some(config) = inner.get("config").and_then(Value::as_object) else { continue };
        let class = inner.get("class_name").and_then(Value::as_str).unwrap_or_default();
        let name = config.get("name").and_then(Value::as_str).unwrap_or_default();
        let place = format!("{place}/{attribute}");
        objects.push(Object { place: place.clone(), class, name, id: id_of(inner).map(|id| id.to_string()) });
        collect_held(class, config, &place, objects);
    }
}

/// What archives of Keras 2 call layers of which some are shared: an object that was written before is left out when the
/// layers of a class are counted. Keras 3 counts it all the same.
pub(in crate::tfjs) fn leave_out_shared(network: &mut Network) {
    leave_out(network, &mut Seen::default());
}

/// Objects that were met, by id, and those without one by class and name.
#[derive(Default)]
struct Seen {
    ids: HashSet<String>,
    names: HashSet<(String, String)>,
}

impl Seen {
    /// Notes an object; whether it was met before.
    fn again(&mut self, class: &str, name: &str, id: Option<&Value>) -> bool {
        let name = (class.to_string(), name.to_string());
        match id {
            Some(id) => !self.ids.insert(id.to_string()) || self.names.contains(&name),
            None => {
                self.names.insert(name);
                false
            }
        }
    }
}

fn leave_out(network: &mut Network, seen: &mut Seen) {
    let mut positions = Positions::default();
    for layer in network.layers.iter_mut().filter(|layer| layer.operation.is_none()) {
        if seen.again(&layer.class, &layer.name, layer.shared_object_id.as_ref()) {
            // No place of an archive is called so.
            layer.position = format!("again {}", layer.name);
            continue;
        }
        layer.position = positions.next(&layer.class);
        match &mut layer.network {
            Some(network) => leave_out(network, seen),
            None => note_held(&layer.config, seen),
        }
    }
}

fn note_held(config: &Map<String, Value>, seen: &mut Seen) {
    for key in ["layer", "backward_layer", "cell"] {
        let Some(inner) = config.get(key).and_then(Value::as_object) else { continue };
        let Some(config) = inner.get("config").and_then(Value::as_object) else { continue };
        let text = |object: &Map<String, Value>, key: &str| {
            object.get(key).and_then(Value::as_str).unwrap_or_default().to_string()
        };
        seen.again(&text(inner, "class_name"), &text(config, "name"), inner.get("shared_object_id"));
        note_held(config, seen);
    }
}
