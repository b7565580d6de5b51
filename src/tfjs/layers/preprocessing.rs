//! From raw numbers and ids to ids and vectors: Discretization, Hashing, IntegerLookup and CategoryEncoding.

use super::class::Class;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::ops::{HashBucket, MultiHot, SearchSorted};
use crate::tensor::{DType, Tensor};
use crate::tfjs::json;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[
    Class::new("CategoryEncoding", category_encoding, "fails", "multi_hot, one_hot, count"),
    Class::new("Discretization", discretization, "–", ""),
    Class::new("Hashing", hashing, "–", "of integers"),
    Class::new("IntegerLookup", integer_lookup, "–", "not tf_idf"),
];

/// Drops the mask in Keras; TF.js cannot run it.
fn category_encoding(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    let tokens = call.config.positive_size("num_tokens")?;
    let ids = call.cast(input.id, DType::I32)?;
    let mode = call.config.string("output_mode")?.unwrap_or("multi_hot");
    Ok(vec![Value::unmasked(encoded(call, ids, mode, tokens)?)])
}

/// Ids as vectors of `tokens` places, in one of the modes that these layers have besides `int`.
fn encoded(call: &mut LayerCall<'_, '_>, mut ids: ValueId, mode: &str, tokens: usize) -> Result<ValueId> {
    call.config.refuse_unless_off("sparse")?;
    let shape = call.shape(ids);
    let count = match mode {
        "multi_hot" => false,
        "one_hot" if shape.sample().iter().product::<usize>() == 1 && shape.rank() <= 2 => {
            ids = call.reshape(ids, &[1])?;
            false
        }
        "one_hot" => return Err(Error::unsupported(format!("one_hot takes ids of shape [N, 1], not {shape}"))),
        "count" => true,
        other => return Err(Error::unsupported(format!("its output_mode `{other}` is not supported"))),
    };
    call.op(MultiHot { tokens, count }, &[ids])
}

/// The same with the mode `int`, which leaves ids as they are.
fn ids_or_encoded(call: &mut LayerCall<'_, '_>, ids: ValueId, mode: &str, tokens: usize) -> Result<ValueId> {
    if mode == "int" {
        call.config.refuse_unless_off("sparse")?;
        return Ok(ids);
    }
    encoded(call, ids, mode, tokens)
}

/// How many boundaries are at most the number.
fn discretization(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    call.config.ignore(&["num_bins", "epsilon"]);
    if call.config.get("bin_boundaries").is_none() {
        return Err(Error::unsupported("its boundaries are not in the config")
            .cause("adapted boundaries are saved beside the weights of a SavedModel, which converters drop")
            .hint("build the layer with `bin_boundaries=layer.bin_boundaries` and convert the model again"));
    }
    // TensorFlow compares integers with the boundaries as floats.
    let x = call.float(input.id)?;
    let listed = call.config.array("bin_boundaries")?.iter().map(|bound| json::number("bin_boundaries", bound));
    let boundaries = listed.map(|bound| Ok(bound? as f32)).collect::<Result<Vec<f32>>>()?;
    if boundaries.is_empty() {
        return Err(Error::format("`bin_boundaries` is empty").hint("adapt the layer before the model is saved"));
    }
    if !boundaries.is_sorted() {
        return Err(Error::format("`bin_boundaries` are not in ascending order"));
    }
    let bins = boundaries.len() + 1;
    let boundaries = call.constant("boundaries", Arc::new(Tensor::f32(&[bins - 1], boundaries)?))?;
    let id = call.op(SearchSorted::Rank, &[x, boundaries])?;
    let mode = call.config.string("output_mode")?.unwrap_or("int");
    Ok(vec![Value::unmasked(ids_or_encoded(call, id, mode, bins)?)])
}

/// The bucket of each id's decimal text.
fn hashing(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    let dtype = call.dtype(input.id);
    if dtype != DType::I32 {
        return Err(Error::unsupported(format!("it hashes integers, not {dtype}"))
            .hint("give the model's input the dtype int32, or cast before the layer"));
    }
    let bins = call.config.positive_size("num_bins")?;
    let too_many = || Error::unsupported(format!("its num_bins of {bins} is not an int32"));
    let count = u32::try_from(bins).ok().filter(|&count| count <= i32::MAX as u32).ok_or_else(too_many)?;
    let masked = call.config.get("mask_value").map(|value| json::integer("mask_value", value)).transpose()?;
    let beyond = |value| Error::unsupported(format!("its mask_value {value} is not an int32"));
    let masked = masked.map(|value| i32::try_from(value).map_err(|_| beyond(value))).transpose()?;
    // One bin is everyone's.
    let masked = masked.filter(|_| count > 1);
    let id = call.op(HashBucket { bins: count, masked, salt: salt(call)? }, &[input.id])?;
    let mode = call.config.string("output_mode")?.unwrap_or("int");
    Ok(vec![Value::unmasked(ids_or_encoded(call, id, mode, bins)?)])
}

/// A salt may be any 64 bits, more than a JSON number holds as a float. One number is both halves of the key.
fn salt(call: &LayerCall<'_, '_>) -> Result<Option<[u64; 2]>> {
    let Some(salt) = call.config.get("salt") else { return Ok(None) };
    let halves = salt.as_array().map_or([Some(salt), Some(salt)], |both| match both.as_slice() {
        [low, high] => [Some(low), Some(high)],
        _ => [None, None],
    });
    match halves.map(|half| half?.as_i64()) {
        [Some(low), Some(high)] => Ok(Some([low as u64, high as u64])),
        _ => Err(Error::format(format!("`salt` is {salt}, not an integer or two"))),
    }
}

/// What an IntegerLookup maps to what.
struct Lookup {
    /// By token, the index; or the other way round.
    entries: BTreeMap<i32, i32>,
    /// What has no entry gets one of `spread` numbers from here on.
    absent: i32,
    spread: u32,
    /// Indices in all.
    size: usize,
}

/// From ids of any size to indices from 0 on, or back.
fn integer_lookup(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let input = call.one(inputs)?;
    call.config.ignore(&["vocabulary_dtype", "vocabulary_size", "idf_weights"]);
    let mode = call.config.string("output_mode")?.unwrap_or("int");
    match call.config.string("oov_method")? {
        None | Some("floormod") => {}
        Some(other) => return Err(Error::unsupported(format!("its oov_method `{other}` is not supported"))),
    }
    let lookup = lookup(call, mode)?;
    let x = call.cast(input.id, DType::I32)?;
    let count = lookup.entries.len();
    let keys = call.constant("keys", Arc::new(Tensor::i32(&[count], lookup.entries.keys().copied().collect())?))?;
    let values =
        call.constant("values", Arc::new(Tensor::i32(&[count], lookup.entries.values().copied().collect())?))?;
    let found = call.op(SearchSorted::Value { absent: lookup.absent, spread: lookup.spread }, &[x, keys, values])?;
    let padded = call.config.boolean_or("pad_to_max_tokens", false)?;
    let most = call.config.get("max_tokens").map(|_| call.config.positive_size("max_tokens")).transpose()?;
    let places = most.filter(|_| padded).unwrap_or(lookup.size);
    let id = ids_or_encoded(call, found, mode, places)?;
    // In Keras 3 the layer's integers are its answer's, too.
    let id = if call.is_keras_3() { call.cast(id, DType::I32)? } else { id };
    Ok(vec![Value::unmasked(id)])
}

fn lookup(call: &LayerCall<'_, '_>, mode: &str) -> Result<Lookup> {
    let number = |key: &'static str| call.config.get(key).map(|value| json::integer(key, value)).transpose();
    let (mask, oov) = (number("mask_token")?, number("oov_token")?.unwrap_or(-1));
    let oov_count = match call.config.get("num_oov_indices") {
        Some(_) => call.config.size("num_oov_indices")?,
        None => 1,
    };
    let Some(tokens) = call.config.get("vocabulary") else {
        return Err(Error::unsupported("its vocabulary is not in the config")
            .cause("an adapted vocabulary is saved beside the weights of a SavedModel, which converters drop")
            .hint("build the layer with `vocabulary=layer.get_vocabulary()` and convert the model again"));
    };
    let tokens = json::integers("vocabulary", tokens)?;
    // Index 0 is the mask's where indices are the answer, then come those of what is not known.
    let first_oov = usize::from(mask.is_some() && mode == "int");
    let specials: Vec<i64> = mask
        .filter(|_| first_oov == 1)
        .into_iter()
        .chain(std::iter::repeat_n(oov, oov_count.min(tokens.len())))
        .collect();
    let first = first_oov.checked_add(oov_count).filter(|&first| first < i32::MAX as usize);
    let Some(first) = first.filter(|first| first.saturating_add(tokens.len()) < i32::MAX as usize) else {
        return Err(Error::limit(format!("{oov_count} indices and {} tokens are too many", tokens.len())));
    };
    let tokens =
        if specials.len() == first { tokens.strip_prefix(specials.as_slice()).unwrap_or(&tokens) } else { &tokens };
    let inverse = call.config.boolean_or("invert", false)?;
    let narrow = |token: i64| i32::try_from(token).ok();
    let mut entries = BTreeMap::new();
    for (index, &token) in (first as i32..).zip(tokens) {
        match (inverse, narrow(token)) {
            // No int32 input is a token beyond int32.
            (false, None) => {}
            (true, None) => return Err(Error::unsupported(format!("token {token} is not an int32"))),
            (true, Some(token)) => {
                entries.insert(index, token);
            }
            (false, Some(token)) => {
                if entries.insert(token, index).is_some() {
                    return Err(Error::format(format!("`vocabulary` holds {token} twice")));
                }
            }
        }
    }
    if let Some(mask) = mask.and_then(narrow) {
        // Where indices are not the answer, what is masked has no place.
        let (key, value) = if inverse { (0, mask) } else { (mask, if first_oov == 1 { 0 } else { -1 }) };
        entries.insert(key, value);
    }
    if entries.is_empty() {
        return Err(Error::format("`vocabulary` is empty"));
    }
    let size = first + tokens.len();
    let oov_index = if oov_count == 0 { -1 } else { first_oov as i32 };
    let absent = if inverse { narrow(oov).unwrap_or(-1) } else { oov_index };
    let spread = if inverse { 1 } else { oov_count.max(1) as u32 };
    Ok(Lookup { entries, absent, spread, size })
}
