// Windows over up to three dimensions of positions: see src/ops/window.rs.

struct Window {
    // Positions and channels.
    input: vec4<u32>,
    output: vec4<u32>,
    // Taps.
    size: vec4<u32>,
    stride: vec4<u32>,
    dilation: vec4<u32>,
    stretch: vec4<u32>,
    // As two's complements.
    before: vec4<u32>,
}

// Whether any stretch is more than 1.
override stretches: bool;

const NOWHERE = 0xffffffffu;

// Where in its sample an output position of the whole batch stands, and in w which sample that is.
fn window_place(window: Window, position: u32) -> vec4<u32> {
    let z = position % window.output.z;
    var rest = position / window.output.z;
    let y = rest % window.output.y;
    rest /= window.output.y;
    return vec4(rest % window.output.x, y, z, rest / window.output.x);
}

// The input position, counted through the whole batch, that a tap reads; NOWHERE if none.
fn window_source(window: Window, place: vec4<u32>, tap: vec3<u32>) -> u32 {
    let reached = place.xyz * window.stride.xyz + tap * window.dilation.xyz;
    let stretched = bitcast<vec3<i32>>(reached) - bitcast<vec3<i32>>(window.before.xyz);
    var at = bitcast<vec3<u32>>(stretched);
    var outside = any(stretched < vec3(0));
    if stretches {
        at /= window.stretch.xyz;
        outside = outside || any(bitcast<vec3<u32>>(stretched) != at * window.stretch.xyz);
    }
    let input = window.input.xyz;
    if outside || any(at >= input) {
        return NOWHERE;
    }
    return ((place.w * input.x + at.x) * input.y + at.y) * input.z + at.z;
}

// The next tap in row-major order. A loop goes on while tap.x < size.x.
fn next_tap(window: Window, tap: vec3<u32>) -> vec3<u32> {
    var next = tap + vec3(0u, 0u, 1u);
    if next.z == window.size.z {
        next = vec3(next.x, next.y + 1u, 0u);
    }
    if next.y == window.size.y {
        next = vec3(next.x + 1u, 0u, 0u);
    }
    return next;
}
