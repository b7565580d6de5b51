//! The memory of constants: lookup tables in one buffer, all others in a second one.
//!
//! Tables and kernels of Dense stay packed as in the file; other constants are unpacked to words. On a software GPU all
//! constants are unpacked: memory is not scarce there, and decoding makes a whole ranking model 50 % slower
//! (`cargo bench --bench predict -- MODEL --weight-format keep|f32`, SwiftShader).

use crate::error::{Error, Result};
use crate::graph::{Graph, Node, Source, ValueId};
use crate::kernel::{BufferId, DeviceFacts, Packing, Region};
use crate::tensor::{Encoding, Tensor};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The regions of all constants of a graph.
#[derive(Debug, Clone, Default)]
pub(super) struct Constants {
    regions: HashMap<ValueId, Region>,
    /// The tables in memory order.
    pub(super) tables: Vec<(Region, Arc<Tensor>)>,
    /// The size of the buffer of tables.
    pub(super) table_bytes: u64,
    /// The size of the buffer of other constants.
    pub(super) weight_bytes: u64,
}

impl Constants {
    /// Places the constants of `graph`. Tables are placed in the order of their names, so that all plans of a model
    /// that read the same tables in the same way give them the same regions.
    pub(super) fn place(graph: &Graph, facts: &DeviceFacts) -> Result<Constants> {
        let mut constants = Constants::default();
        let words = read_as_words(graph);
        let mut regions: HashMap<*const Tensor, Region> = HashMap::new();
        let may_be_packed = |value: &Arc<Tensor>| !facts.software && !words.contains(&address(value));
        for id in tables(graph) {
            let Source::Constant(value) = &graph.maker(id).source else { continue };
            let shape = shape(value, may_be_packed(value));
            let place = *regions.entry(address(value)).or_insert_with(|| {
                let place = append(BufferId::Tables, &mut constants.table_bytes, shape, facts);
                constants.tables.push((place, Arc::clone(value)));
                place
            });
            constants.regions.insert(id, place);
        }
        for node in graph.nodes() {
            let Source::Constant(value) = &node.source else { continue };
            let id = node.output();
            if !constants.regions.contains_key(&id) {
                let shape = shape(value, may_be_packed(value));
                let place = append(BufferId::Weights, &mut constants.weight_bytes, shape, facts);
                constants.regions.insert(id, place);
            }
            if constants.weight_bytes.max(constants.table_bytes) > facts.max_buffer_bytes {
                return Err(too_large_weights(node, facts));
            }
        }
        Ok(constants)
    }

    /// The region of a constant; `None` for other values.
    pub(super) fn region_of(&self, id: ValueId) -> Option<Region> {
        self.regions.get(&id).copied()
    }
}

/// The identity of a tensor: several nodes may hold the same one.
fn address(value: &Arc<Tensor>) -> *const Tensor {
    Arc::as_ptr(value)
}

/// The constants with a reader that cannot decode packed values: an operator, or an output of the graph.
fn read_as_words(graph: &Graph) -> HashSet<*const Tensor> {
    let mut readers: Vec<ValueId> = graph.outputs().iter().map(|(_, id)| *id).collect();
    for node in graph.nodes() {
        let Source::Op(op) = &node.source else { continue };
        let read = node.inputs.iter().enumerate().filter(|(position, _)| !op.operator().takes_packed(*position));
        readers.extend(read.map(|(_, id)| *id));
    }
    let values = readers.into_iter().filter_map(|id| match &graph.maker(id).source {
        Source::Constant(value) => Some(address(value)),
        _ => None,
    });
    values.collect()
}

/// The constants that some operator reads as tables, ordered by name.
fn tables(graph: &Graph) -> Vec<ValueId> {
    let mut tables: Vec<ValueId> = Vec::new();
    for node in graph.nodes() {
        let Source::Op(op) = &node.source else { continue };
        let read = node.inputs.iter().enumerate().filter(|(position, _)| op.operator().is_table(*position));
        tables.extend(read.map(|(_, id)| *id));
    }
    tables.sort_by(|a, b| (&graph.maker(*a).name, a).cmp(&(&graph.maker(*b).name, b)));
    tables.dedup();
    tables
}

/// The size of a constant in bytes, and the encoding of its elements: packed if that is allowed and smaller.
fn shape(value: &Tensor, may_be_packed: bool) -> (u64, Packing) {
    match value.as_packed().filter(|packed| may_be_packed && packed.word_count() < value.len()) {
        Some(packed) => {
            let packing = match packed.encoding() {
                Encoding::F32 => Packing::Words,
                Encoding::F16 => Packing::Halves,
                Encoding::Codes(_) => Packing::Codes,
            };
            (4 * packed.word_count() as u64, packing)
        }
        None => (4 * value.len() as u64, Packing::Words),
    }
}

fn append(buffer: BufferId, size: &mut u64, shape: (u64, Packing), facts: &DeviceFacts) -> Region {
    let (length_bytes, packing) = shape;
    let offset_bytes = size.next_multiple_of(facts.binding_alignment_bytes);
    // Kernels that bind all constants read them in groups of four words, so the buffer must end with a whole group.
    *size = offset_bytes + length_bytes.max(4).next_multiple_of(16);
    Region { buffer, offset_bytes, length_bytes, packing }
}

fn too_large_weights(node: &Node, facts: &DeviceFacts) -> Error {
    let limit = facts.max_buffer_bytes;
    Error::device_limit(format!("the weights do not fit the device's largest buffer of {limit} bytes"))
        .at(format!("`{}`", node.name))
        .hint("run on the CPU (Device::Cpu)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Builder;
    use crate::ops::{Binary, BinaryFunction, Dense};
    use crate::tensor::{Shape, TensorType};

    /// The packing of a kernel with one-byte codes that is read by one Dense, and by whatever `also` adds.
    fn packing(elements: usize, also: impl Fn(&mut Builder, [ValueId; 3], ValueId) -> Option<ValueId>) -> Packing {
        let codes = Encoding::Codes(Box::new([0.0; 256]));
        let kernel = Arc::new(Tensor::packed(&[elements / 20, 20], codes, vec![0; elements]).expect("a kernel"));
        let bias = Arc::new(Tensor::f32(&[20], vec![0.0; 20]).expect("a bias"));
        let mut builder = Builder::new();
        let x = builder.input("x", TensorType::f32(Shape::batched(&[elements / 20]))).expect("an input");
        let weights = builder.constant("kernel", kernel).expect("a constant");
        let bias = builder.constant("bias", bias).expect("a constant");
        let operands = [x, weights, bias];
        let y = builder.op("y", Dense::default(), &operands).expect("a layer");
        let mut outputs = vec![("y".to_string(), y)];
        outputs.extend(also(&mut builder, operands, y).map(|id| ("also".to_string(), id)));
        let graph = builder.finish(outputs).expect("a graph");
        let constants = Constants::place(&graph, &DeviceFacts::FLOOR).expect("regions");
        let id = graph.value_ids().find(|id| graph.maker(*id).name == "kernel").expect("the kernel");
        constants.region_of(id).expect("a place").packing
    }

    #[test]
    fn a_constant_stays_packed_if_all_readers_can_decode_it_and_it_is_smaller() {
        let nobody = |_: &mut Builder, _: [ValueId; 3], _: ValueId| None;
        assert_eq!(packing(400, nobody), Packing::Codes);
        assert_eq!(packing(340, nobody), Packing::Words, "256 words of list and 85 of codes are not smaller");
        let dense = |builder: &mut Builder, operands: [ValueId; 3], _: ValueId| {
            builder.op("other", Dense::default(), &operands).ok()
        };
        assert_eq!(packing(400, dense), Packing::Codes, "both decode it");
        let output = |_: &mut Builder, operands: [ValueId; 3], _: ValueId| Some(operands[1]);
        assert_eq!(packing(400, output), Packing::Words, "the host reads words");
        let sum = |builder: &mut Builder, operands: [ValueId; 3], _: ValueId| {
            let [_, kernel, bias] = operands;
            builder.op("sum", Binary { function: BinaryFunction::Add }, &[kernel, bias]).ok()
        };
        assert_eq!(packing(400, sum), Packing::Words, "a sum reads words");
    }
}
