//! The dispatches of [`EmbeddingBag`](super::EmbeddingBag): one per computed source, and at least one.

use super::super::embedding::BadId;
use super::super::operator::{KernelRequest, expect_loops, word};
use super::{Block, Combine, EmbeddingBag, Feature, Lookup, Pooling};
use crate::error::{Error, Result};
use crate::kernel::{
    Binding, BufferId, GRID, HALF, Kernel, Packing, Region, SPECIAL, Shader, TABLE, invocations, params, shader,
};
use crate::tensor::DType;

/// Maximum number of blocks, and of records of all blocks together, in one dispatch.
const MAX_BLOCKS: usize = 64;

/// The size of a `Block` in `shaders/embedding_bag.wgsl`, in words.
const BLOCK_WORDS: usize = 8;

/// The size of a `Record` in `shaders/embedding_bag.wgsl`, in words.
const RECORD_WORDS: usize = 8;

params! {
    /// `Params` of `shaders/embedding_bag.wgsl`.
    EmbeddingBagParams {
        rows: u32,
        width: u32,
        row_quads: u32,
        blocks_used: u32,
        blocks: [[u32; BLOCK_WORDS]; MAX_BLOCKS],
        records: [[u32; RECORD_WORDS]; MAX_BLOCKS],
    }
}

pub(in crate::ops) const SHADERS: &[Shader] =
    &[shader!("embedding_bag", EmbeddingBagParams, fragments: [GRID, SPECIAL, HALF, TABLE])];

/// The blocks that one dispatch writes.
#[derive(Default)]
struct Group<'g> {
    /// The computed source, as a position among the inputs.
    computed: Option<usize>,
    blocks: Vec<&'g Block>,
    records: usize,
}

pub(super) fn kernels(bag: &EmbeddingBag, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
    word(request.output().len())?;
    for input in request.inputs {
        word(input.len())?;
    }
    groups(bag, request)?.iter().map(|group| kernel(bag, group, request)).collect()
}

fn groups<'g>(bag: &'g EmbeddingBag, request: &KernelRequest<'_>) -> Result<Vec<Group<'g>>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for block in bag.blocks.iter().filter(|block| block.width > 0) {
        let computed = computed_source(block, request)?;
        let records = block.features.len();
        if records > MAX_BLOCKS {
            return Err(Error::device_limit(format!("combines {records} features, more than {MAX_BLOCKS}")));
        }
        let takes = |group: &Group<'_>| {
            let room = group.blocks.len() < MAX_BLOCKS && group.records + records <= MAX_BLOCKS;
            room && (computed.is_none() || group.computed.is_none() || computed == group.computed)
        };
        let position = groups.iter().position(takes);
        let position = position.unwrap_or_else(|| {
            groups.push(Group::default());
            groups.len() - 1
        });
        let group = &mut groups[position];
        group.computed = group.computed.or(computed);
        group.blocks.push(block);
        group.records += records;
    }
    Ok(groups)
}

fn is_computed(place: &Region) -> bool {
    matches!(place.buffer, BufferId::Slot(_))
}

fn computed_source(block: &Block, request: &KernelRequest<'_>) -> Result<Option<usize>> {
    let mut computed =
        block.features.iter().map(|feature| feature.source).filter(|&source| is_computed(&request.regions[source]));
    let first = computed.next();
    if computed.any(|source| Some(source) != first) {
        return Err(Error::unsupported("combines several computed values in one block"));
    }
    Ok(first)
}

fn kernel(bag: &EmbeddingBag, group: &Group<'_>, request: &KernelRequest<'_>) -> Result<Kernel> {
    let rows = request.output().shape[0];
    let mut params = EmbeddingBagParams { rows: word(rows)?, width: word(bag.width)?, ..bytemuck::Zeroable::zeroed() };
    let (mut next, mut quads) = (0, 0);
    for (index, block) in group.blocks.iter().enumerate() {
        // The loops over the features, over the steps of pooled features, and for finding the block.
        let pooled = |feature: &Feature| match &feature.lookup {
            Some(lookup) if lookup.pooling != Pooling::Flatten => 1 + feature.steps,
            _ => 2,
        };
        expect_loops(request, block.features.iter().map(pooled).sum::<usize>() + 6)?;
        let span = span(block, request);
        let combine = match block.combine {
            Combine::Sum => 0,
            Combine::Product => 1,
            Combine::FactorizationMachine => 2,
        };
        let (column, width, features) = (word(block.column)?, word(block.width)?, word(block.features.len())?);
        let span_quads = span.div_ceil(4);
        let [first_quad, span_quads_word] = [word(quads)?, word(span_quads)?];
        params.blocks[index] =
            [column, width, word(span)?, word(next)?, features, combine, first_quad, span_quads_word];
        quads += block.width / span * span_quads;
        for feature in &block.features {
            params.records[next] = record(feature, request)?;
            next += 1;
        }
    }
    (params.row_quads, params.blocks_used) = (word(quads)?, word(group.blocks.len())?);
    let mut kernel = Kernel::new("embedding_bag", &params, 0, invocations(rows * quads));
    for (constant, occurs) in traits(group, request) {
        kernel = kernel.constant(constant, f64::from(occurs));
    }
    let computed = group.computed.map_or_else(Binding::model_inputs, Binding::input);
    kernel.bindings = vec![Binding::model_inputs(), computed, Binding::tables(), Binding::output()];
    Ok(kernel)
}

/// The features of the shader that a group requires, by the names of its override constants.
fn traits(group: &Group<'_>, request: &KernelRequest<'_>) -> [(&'static str, bool); 8] {
    let features = || group.blocks.iter().flat_map(|block| &block.features);
    let lookup = |is: &dyn Fn(&Feature, &Lookup) -> bool| {
        features().any(|feature| feature.lookup.as_ref().is_some_and(|lookup| is(feature, lookup)))
    };
    let floats = |feature: &Feature| request.inputs[feature.source].dtype != DType::I32;
    [
        ("computes", group.computed.is_some()),
        ("truncates", lookup(&|feature, _| floats(feature))),
        ("clamps", lookup(&|_, lookup| lookup.bad_id == BadId::Clamp)),
        ("unpacks", lookup(&|_, lookup| request.regions[lookup.table].packing != Packing::Words)),
        ("pools", lookup(&|_, lookup| lookup.pooling != Pooling::Flatten)),
        ("maximizes", lookup(&|_, lookup| lookup.pooling == Pooling::Maximum)),
        // On software GPUs, adjacent invocations should take the same branches, so they compute the same columns. On
        // hardware they should write adjacent words.
        ("rows_first", request.device.software),
        ("combines", group.blocks.iter().any(|block| block.features.len() > 1 || block.combine != Combine::Sum)),
    ]
}

/// The number of columns of a block that are contiguous in every source and table.
fn span(block: &Block, request: &KernelRequest<'_>) -> usize {
    let mut dims = block.features.iter().filter_map(|feature| feature.lookup.as_ref());
    let dim = |lookup: &Lookup| request.inputs[lookup.table].shape[1];
    let Some(first) = dims.next().map(dim) else { return block.width };
    if dims.all(|lookup| dim(lookup) == first) { first } else { 1 }
}

fn record(feature: &Feature, request: &KernelRequest<'_>) -> Result<[u32; RECORD_WORDS]> {
    let (source, place) = (&request.inputs[feature.source], &request.regions[feature.source]);
    let computed = is_computed(place);
    // A computed source has its own binding, which starts at the source.
    let start = if computed { 0 } else { (place.offset_bytes / 4) as usize };
    let shared = source.shape[0] == 1;
    let stride = if shared { 0 } else { source.shape[1..].iter().product() };
    let mut flags = u32::from(computed);
    // A boolean is stored as a float on the GPU.
    flags |= 2 * u32::from(source.dtype != DType::I32);
    let mut record = [word(start + feature.first)?, word(stride)?, word(feature.steps)?, flags, 0, 0, 0, 0];
    if let Some(lookup) = &feature.lookup {
        let table = &request.inputs[lookup.table].shape;
        let packing = match request.regions[lookup.table].packing {
            Packing::Words => 0,
            Packing::Halves => 8,
            Packing::Codes => 16,
        };
        record[3] |= packing | (4 * u32::from(lookup.bad_id == BadId::Clamp));
        record[4] = word((request.regions[lookup.table].offset_bytes / 4) as usize)?;
        record[5] = word(table[0])?;
        record[6] = word(table[1])?;
        record[7] = match lookup.pooling {
            Pooling::Flatten => 0,
            Pooling::Sum => 1,
            Pooling::Mean => 2,
            Pooling::Maximum => 3,
            Pooling::MaskedMean => 4,
        };
    }
    Ok(record)
}
