// Half-precision floats from their bits. Not by unpack2x16float(), which is an optional capability, and which may take
// subnormal halves for zeros.

fn half_to_float(bits: u32) -> f32 {
    let sign = (bits & 0x8000u) << 16u;
    let exponent = (bits >> 10u) & 31u;
    let fraction = bits & 0x3ffu;
    if exponent == 0u {
        let magnitude = f32(fraction) * 5.9604644775390625e-8;
        return bitcast<f32>(bitcast<u32>(magnitude) | sign);
    }
    let biased = select(exponent + 112u, 255u, exponent == 31u);
    return bitcast<f32>(sign | (biased << 23u) | (fraction << 13u));
}
