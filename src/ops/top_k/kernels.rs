//! The kernels of [`TopK`], and the choice between them.

use super::TopK;
use crate::error::Result;
use crate::kernel::{
    Binding, DeviceFacts, GRID, Kernel, ORDER, Shader, WORKGROUP_SIZE, invocations, params, shader, workgroups,
};
use crate::ops::operator::{KernelRequest, expect_loops, word};
use crate::ops::view::AxisView;
use crate::tensor::DType;

/// The number of elements with indices in workgroup memory: half of the memory that every phone has.
const CAPACITY: usize = 1024;

/// Maximum number of elements that a workgroup keeps before it reads the next candidates.
const MOST_KEPT: usize = CAPACITY / 2;

/// The number of candidates that a workgroup reads between two counts of admitted elements, for a small and for a large
/// count. A large count leaves less memory for them.
const ROUND: usize = CAPACITY / 2;
const SHORT_ROUND: usize = CAPACITY / 4;

/// Maximum length of a line that is sorted by counting, on hardware and on software GPUs, where counting is cheaper
/// than barriers.
const SHORT: usize = 128;
const SHORT_ON_SOFTWARE: usize = 256;

/// The number of elements of a line per workgroup for a small count. A hardware GPU runs more workgroups than a
/// software one.
const BLOCK: usize = 4096;
const BLOCK_ON_SOFTWARE: usize = 16_384;

/// Parameter value that means that all elements are candidates, or that the outputs are written.
const NONE: u32 = u32::MAX;

params! {
    /// `Params` of `shaders/top_k.wgsl`.
    TopKParams {
        lines: u32,
        size: u32,
        inner: u32,
        count: u32,
        candidates: u32,
        source_at: u32,
        span: u32,
        blocks: u32,
        kept: u32,
        target_at: u32,
        target_line: u32,
        target_block: u32,
        values_at: u32,
        positions_at: u32,
        round: u32,
        padding: u32,
    }
}

pub(in crate::ops) const SHADERS: &[Shader] = &[shader!("top_k", TopKParams, fragments: [GRID, ORDER])];

/// The algorithm on a device. It does not depend on the batch, because memory is planned for all batch sizes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Method {
    /// Every element counts the elements that precede it.
    Count,
    /// Blocks of candidates are reduced to their top elements until one block is left. `levels` has the number of
    /// candidates per level.
    Select { span: usize, levels: Vec<usize> },
    /// Blocks are sorted, then merged.
    Merge,
}

impl Method {
    fn choose(size: usize, count: usize, device: &DeviceFacts) -> Method {
        if size <= if device.software { SHORT_ON_SOFTWARE } else { SHORT } {
            return Method::Count;
        }
        if size > CAPACITY && count > MOST_KEPT {
            return Method::Merge;
        }
        let span = match (size <= CAPACITY, device.software) {
            (true, _) => CAPACITY,
            (false, true) => BLOCK_ON_SOFTWARE,
            (false, false) => BLOCK,
        };
        let mut levels = vec![size];
        while let Some(&candidates) = levels.last().filter(|&&candidates| candidates > span) {
            levels.push(candidates / span * count.min(span) + count.min(candidates % span));
        }
        Method::Select { span, levels }
    }

    /// Words of scratch space per line: two lists, one for reading and one for writing.
    fn scratch(&self, size: usize) -> usize {
        match self {
            Method::Count => 0,
            Method::Select { levels, .. } => levels[1..].iter().take(2).fold(0, |sum, list| sum.saturating_add(*list)),
            Method::Merge => size.saturating_mul(2),
        }
    }
}

/// The words of scratch space before each row of the outputs: the scratch space of all lines, divided among the rows
/// and aligned.
pub(super) fn scratch_of_row(operator: &TopK, shape: &[usize], device: &DeviceFacts) -> usize {
    let view = AxisView::new(shape, operator.axis);
    let rows = if operator.axis == 0 { operator.count } else { shape[0] };
    let of_line = Method::choose(view.axis, operator.count, device).scratch(view.axis);
    let aligned = device.binding_alignment_bytes.div_ceil(4).max(1) as usize;
    let words = view.lines().saturating_mul(of_line).div_ceil(rows.max(1));
    words.div_ceil(aligned).saturating_mul(aligned)
}

pub(super) fn kernels(operator: &TopK, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
    let (input, output) = (&request.inputs[0], request.output());
    let view = AxisView::new(&input.shape, operator.axis);
    let method = Method::choose(view.axis, operator.count, request.device);
    let before = scratch_of_row(operator, &input.shape, request.device).saturating_mul(output.shape[0]);
    let positions_at = before.saturating_add(request.output_words[1]);
    word(input.len())?;
    word(positions_at.saturating_add(output.len()))?;
    let params = TopKParams {
        lines: word(view.lines())?,
        size: word(view.axis)?,
        inner: word(view.inner)?,
        count: word(operator.count)?,
        candidates: word(view.axis)?,
        source_at: NONE,
        span: 1,
        blocks: 1,
        kept: word(operator.count)?,
        target_at: NONE,
        target_line: 0,
        target_block: 0,
        values_at: word(before)?,
        positions_at: word(positions_at)?,
        round: word(if operator.count > ROUND / 2 { SHORT_ROUND } else { ROUND })?,
        padding: 0,
    };
    let is_integer = f64::from(u8::from(input.dtype == DType::I32));
    let binding = if before > 0 { Binding::scratch_and_output() } else { Binding::output() };
    let dispatch = |entry_point, params: TopKParams, grid| {
        let mut kernel = Kernel::new("top_k", &params, 1, grid).entry_point(entry_point);
        kernel.bindings[1] = binding.clone();
        kernel.constant("is_integer", is_integer).constant("largest", f64::from(u8::from(operator.largest)))
    };
    let lines = view.lines();
    match method {
        Method::Count => {
            expect_loops(request, view.axis)?;
            Ok(vec![dispatch("count", params, invocations(lines * view.axis))])
        }
        Method::Select { span, levels } => {
            expect_loops(request, loop_steps(span))?;
            let regions = [0, levels.get(1).map_or(0, |list| list * lines)];
            let level = |(index, &candidates): (usize, &usize)| {
                let blocks = candidates.div_ceil(span);
                let next = levels.get(index + 1);
                let params = TopKParams {
                    candidates: word(candidates)?,
                    source_at: if index > 0 { word(regions[(index - 1) % 2])? } else { NONE },
                    span: word(span)?,
                    blocks: word(blocks)?,
                    target_at: if next.is_some() { word(regions[index % 2])? } else { NONE },
                    target_line: word(next.copied().unwrap_or(0))?,
                    target_block: params.kept,
                    ..params
                };
                Ok(dispatch("select_best", params, workgroups(lines * blocks)))
            };
            levels.iter().enumerate().map(level).collect()
        }
        Method::Merge => {
            expect_loops(request, loop_steps(CAPACITY).max(usize::BITS as usize))?;
            let blocks = view.axis.div_ceil(CAPACITY);
            let regions = [0, word(lines * view.axis)?];
            let runs = TopKParams {
                span: word(CAPACITY)?,
                blocks: word(blocks)?,
                kept: word(CAPACITY)?,
                target_at: regions[0],
                target_line: params.size,
                target_block: word(CAPACITY)?,
                ..params
            };
            let mut kernels = vec![dispatch("select_best", runs, workgroups(lines * blocks))];
            let mut run = CAPACITY;
            while run < view.axis {
                let (source, is_last) = (regions[(kernels.len() - 1) % 2], view.axis <= 2 * run);
                let params = TopKParams {
                    source_at: source,
                    span: word(run)?,
                    target_at: if is_last { NONE } else { regions[kernels.len() % 2] },
                    target_line: params.size,
                    ..params
                };
                kernels.push(dispatch("merge", params, invocations(lines * view.axis)));
                run *= 2;
            }
            Ok(kernels)
        }
    }
}

/// The number of loop steps of one invocation for this number of candidates, if every round sorts all kept elements.
fn loop_steps(span: usize) -> usize {
    let lanes = WORKGROUP_SIZE as usize;
    let bits = CAPACITY.trailing_zeros() as usize;
    let passes = bits * (bits + 1) / 2;
    let sort = 2 * bits + CAPACITY / lanes + passes * (1 + CAPACITY / 2 / lanes);
    (span.div_ceil(SHORT_ROUND) + 1) * (1 + ROUND / lanes + sort) + CAPACITY / lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shader_keeps_as_many() {
        assert!(SHADERS[0].source.contains(&format!("const CAPACITY = {CAPACITY}u;")));
    }

    #[test]
    fn lines_are_taken_as_their_size_allows() {
        let choose = |size, count| Method::choose(size, count, &DeviceFacts::FLOOR);
        assert_eq!(choose(128, 128), Method::Count);
        assert_eq!(choose(1024, 1024), Method::Select { span: 1024, levels: vec![1024] });
        assert_eq!(choose(1025, 512), Method::Select { span: 4096, levels: vec![1025] });
        assert_eq!(choose(1025, 513), Method::Merge);
        // 244 whole blocks and one of 576, each with its top ten.
        let levels = vec![1_000_000, 245 * 10];
        assert_eq!(choose(1_000_000, 10), Method::Select { span: 4096, levels });
        let levels = vec![1_000_000, 244 * 512 + 512, 30 * 512 + 512, 3 * 512 + 512];
        assert_eq!(choose(1_000_000, 512), Method::Select { span: 4096, levels: levels.clone() });
        assert_eq!(choose(1_000_000, 512).scratch(1_000_000), levels[1] + levels[2]);
        assert_eq!(choose(5000, 4000).scratch(5000), 10_000);
        let software = DeviceFacts { software: true, max_loop_steps: 1 << 16, ..DeviceFacts::FLOOR };
        let choose = |size, count| Method::choose(size, count, &software);
        assert_eq!(choose(16_384, 10), Method::Select { span: 16_384, levels: vec![16_384] });
        assert!(loop_steps(BLOCK_ON_SOFTWARE) < software.max_loop_steps);
    }
}
