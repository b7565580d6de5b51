//! The operators of ONNX: one file per family, each of which opens with its table of versions.
//!
//! An [`Operator`] says in which versions its meaning changed, as far as the difference matters here, and adds to the
//! graph what it means. Operators on integers that are known compute them at once.

mod cells;
mod conditions;
mod convolution;
mod einsum;
mod elementwise;
mod gates;
mod images;
mod indices;
mod loops;
mod operator;
mod order;
mod pad;
mod parts;
mod pool;
mod products;
mod recurrent;
mod reductions;
mod resampling;
mod resize;
mod sample;
mod samples;
mod scatter;
mod sequences;
mod shapes;
mod steps;
mod terms;
mod wrap;

pub(super) use operator::Operator;

use super::file::NodeProto;

/// All operators by the name of their file.
const FAMILIES: &[(&str, &[Operator])] = &[
    ("conditions", conditions::OPERATORS),
    ("convolution", convolution::OPERATORS),
    ("einsum", einsum::OPERATORS),
    ("elementwise", elementwise::OPERATORS),
    ("indices", indices::OPERATORS),
    ("loops", loops::OPERATORS),
    ("order", order::OPERATORS),
    ("pad", pad::OPERATORS),
    ("parts", parts::OPERATORS),
    ("pool", pool::OPERATORS),
    ("products", products::OPERATORS),
    ("recurrent", recurrent::OPERATORS),
    ("reductions", reductions::OPERATORS),
    ("resize", resize::OPERATORS),
    ("scatter", scatter::OPERATORS),
    ("sequences", sequences::OPERATORS),
    ("shapes", shapes::OPERATORS),
];

/// The supported operators: the family, the name, and the first version with those in which the meaning changed.
pub fn operators() -> impl Iterator<Item = (&'static str, &'static str, &'static [i64])> {
    let of = |(family, operators): &(&'static str, &'static [Operator])| {
        let family = *family;
        operators.iter().map(move |operator| (family, operator.name, operator.versions))
    };
    FAMILIES.iter().flat_map(of)
}

/// TensorFlow operators that tf2onnx writes into a file as they are.
pub(super) const TENSORFLOW: &[&str] = &[
    "Bucketize",
    "HashTableV2",
    "LookupTableFindV2",
    "LookupTableImportV2",
    "Log1p",
    "StringToHashBucketFast",
    "StringToHashBucketStrong",
];

/// Whether a domain is that of the standard operators.
pub(super) fn is_standard(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

/// The operator of a node, if it is supported.
pub(super) fn find(node: &NodeProto<'_>) -> Option<&'static Operator> {
    let mut all = FAMILIES.iter().flat_map(|(_, operators)| operators.iter());
    all.find(|operator| operator.name == node.op_type).filter(|_| is_standard(node.domain))
}
