// Half-precision floats from their bits. Not by unpack2x16float(), which is an optional capability, and which may take
// subnormal halves for zeros.

// Without a branch: the lanes of a vector rarely agree.
fn half_to_float(bits: u32) -> f32 {
    let magnitude = bits & 0x7fffu;
    let subnormal = bitcast<u32>(f32(magnitude) * 5.9604644775390625e-8);
    // The exponent counts from 15 in a half and from 127 in a float, but 31 is 255: infinities and NaN.
    let normal = (magnitude << 13u) + select(0x38000000u, 0x70000000u, magnitude >= 0x7c00u);
    return bitcast<f32>(select(normal, subnormal, magnitude < 0x400u) | (bits & 0x8000u) << 16u);
}
