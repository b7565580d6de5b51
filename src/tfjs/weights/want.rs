//! What a layer asks for when it takes a weight: by which names, of which shape.

use super::rules::{NameForm, NameRules, WantKey, Wanted};
use super::table::shorten;

/// A weight that a layer asked for.
#[derive(Debug, Clone)]
pub(super) struct Want {
    pub(super) key: WantKey,
    /// Where it stands in the model: the models around the layer but for the outermost, the layer, the weight.
    pub(super) path: Vec<String>,
    /// The names that it may have in the file, the fullest first.
    pub(super) names: Vec<String>,
    pub(super) shape: Vec<usize>,
    /// The weight of the file that the exact rules find.
    pub(super) found: Option<String>,
    /// The name in an archive, if the file is one.
    pub(super) position: Option<String>,
}

impl Want {
    pub(super) fn new(wanted: Wanted<'_>, shape: &[usize], rules: NameRules) -> Want {
        let first = match rules.form {
            // TF.js knows no models in names.
            NameForm::TfJs if !wanted.names_models => wanted.models.len(),
            // A Functional model is never in the names of its weights.
            NameForm::Keras3 if !rules.is_sequential => 1.min(wanted.models.len()),
            _ => 0,
        };
        let with_models = |from: usize| {
            let models = wanted.models[from..].iter().map(String::as_str);
            models.chain([wanted.name]).collect::<Vec<_>>().join("/")
        };
        // As TF.js wants it: files of Keras 3 are repaired for it by hand.
        let repaired = if rules.form == NameForm::TfJs && wanted.names_models { shorten(wanted.name) } else { None };
        let names = repaired.into_iter().chain((first..=wanted.models.len()).map(with_models)).collect();
        let inside = wanted.models.iter().skip(1).map(String::as_str);
        let path = inside.chain(wanted.name.split('/')).map(str::to_string).collect();
        let key = (wanted.archive.to_string(), wanted.name.to_string());
        Want { key, path, names, shape: shape.to_vec(), found: None, position: None }
    }

    pub(super) fn name(&self) -> String {
        self.path.join("/")
    }

    pub(super) fn scope(&self) -> String {
        self.path[..self.path.len() - 1].join("/")
    }

    pub(super) fn last(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// The name of the layer of the outermost model that it belongs to; none of a weight that is called by its last name alone.
    pub(super) fn outermost(&self) -> Option<&str> {
        (self.path.len() > 1).then(|| self.path[0].as_str())
    }

    /// The place of the layer that wants it, whatever cells the layer holds. The two of Bidirectional are layers of their own.
    pub(super) fn layer(&self) -> &str {
        let place = self.key.0.as_str();
        let start = place.rfind("layers/").map_or(0, |start| start + "layers/".len());
        let end = place[start..].find('/').map_or(place.len(), |end| start + end);
        let inside = ["/forward_layer", "/backward_layer"].into_iter().find(|inside| place[end..].starts_with(inside));
        &place[..end + inside.map_or(0, str::len)]
    }
}
