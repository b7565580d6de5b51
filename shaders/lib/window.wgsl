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

const NOWHERE = 0xffffffffu;

fn window_taps(window: Window) -> u32 {
    return window.size.x * window.size.y * window.size.z;
}

// Where in its sample an output position of the whole batch stands, and in w which sample that is.
fn window_place(window: Window, position: u32) -> vec4<u32> {
    let z = position % window.output.z;
    var rest = position / window.output.z;
    let y = rest % window.output.y;
    rest /= window.output.y;
    return vec4(rest % window.output.x, y, z, rest / window.output.x);
}

// The input position, counted through the whole batch, that a tap reads; NOWHERE if none.
fn window_source(window: Window, place: vec4<u32>, tap: u32) -> u32 {
    let size = window.size.xyz;
    let taps = vec3(tap / (size.y * size.z), tap / size.z % size.y, tap % size.z);
    let reached = place.xyz * window.stride.xyz + taps * window.dilation.xyz;
    let stretched = bitcast<vec3<i32>>(reached) - bitcast<vec3<i32>>(window.before.xyz);
    let at = bitcast<vec3<u32>>(stretched) / window.stretch.xyz;
    let input = window.input.xyz;
    let whole = bitcast<vec3<u32>>(stretched) == at * window.stretch.xyz;
    if any(stretched < vec3(0)) || !all(whole) || any(at >= input) {
        return NOWHERE;
    }
    return ((place.w * input.x + at.x) * input.y + at.y) * input.z + at.z;
}
