// Elements that up to three operands read through strides: see src/ops/strided.rs. An invocation takes a run of elements along
// the innermost dimension, so that it divides once and not for every element.

struct Strided {
    // The dimensions around the innermost, from the inside out.
    size: array<vec4<u32>, 2>,
    // Their strides in each operand. A stride of 0 repeats; a negative one is a two's complement, and sums wrap.
    strides: array<vec4<u32>, 6>,
    // The strides of the innermost dimension, and its size.
    inner: vec4<u32>,
    // The number of dimensions around the innermost.
    rank: u32,
    // The most elements of a run, the runs along the innermost dimension, and all runs.
    run: u32,
    runs: u32,
    all_runs: u32,
}

struct Run {
    // The operands' elements for the first of the run, and the distances to the next.
    at: vec3<u32>,
    step: vec3<u32>,
    // The first element of the run among all, in row-major order, and the elements of the run.
    first: u32,
    count: u32,
}

// The run at `index`; an empty one beyond the last.
fn run_at(index: u32) -> Run {
    var row = 0u;
    var along = index;
    if params.strided.rank > 0u {
        row = index / params.strided.runs;
        along = index % params.strided.runs;
    }
    let start = along * params.strided.run;
    let width = params.strided.inner.w;
    let count = select(0u, min(params.strided.run, width - min(start, width)), index < params.strided.all_runs);
    let step = params.strided.inner.xyz;
    var at = start * step;
    var rest = row;
    for (var dim = 0u; dim < params.strided.rank; dim++) {
        let size = params.strided.size[dim / 4u][dim % 4u];
        let strides = vec3(
            params.strided.strides[dim / 4u][dim % 4u],
            params.strided.strides[2u + dim / 4u][dim % 4u],
            params.strided.strides[4u + dim / 4u][dim % 4u],
        );
        // The outermost dimension takes what is left.
        let is_last = dim + 1u == params.strided.rank;
        at += select(rest % size, rest, is_last) * strides;
        rest /= size;
    }
    return Run(at, step, row * width + start, count);
}
