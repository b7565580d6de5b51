// Elements of a matrix that may be packed: half-precision floats, two to a word, or bytes that name one of 256 words
// before them. The shader declares the matrix as `kernel`, an array of words. Builds on half.wgsl.

override packing: u32;

const HALVES = 1u;
const CODES = 2u;

// An element of the kernel.
fn weight(at: u32) -> f32 {
    if packing == HALVES {
        return half_to_float(extractBits(kernel[at / 2u], at % 2u * 16u, 16u));
    }
    if packing == CODES {
        return bitcast<f32>(kernel[extractBits(kernel[256u + at / 4u], at % 4u * 8u, 8u)]);
    }
    return bitcast<f32>(kernel[at]);
}

// The four of a word.
fn bytes(word: u32) -> vec4<u32> {
    return vec4(word, word >> 8u, word >> 16u, word >> 24u) & vec4(0xffu);
}

// The four of two words.
fn halves(low: u32, high: u32) -> vec4<f32> {
    return vec4(
        half_to_float(low & 0xffffu),
        half_to_float(low >> 16u),
        half_to_float(high & 0xffffu),
        half_to_float(high >> 16u),
    );
}

// Four neighbouring elements of the kernel from the multiple of 4 `at * 4` on, by as few loads as there are words.
fn weight_quad(at: u32) -> vec4<f32> {
    if packing == HALVES {
        return halves(kernel[at * 2u], kernel[at * 2u + 1u]);
    }
    if packing == CODES {
        let codes = bytes(kernel[256u + at]);
        return bitcast<vec4<f32>>(vec4(kernel[codes.x], kernel[codes.y], kernel[codes.z], kernel[codes.w]));
    }
    let first = at * 4u;
    return bitcast<vec4<f32>>(vec4(kernel[first], kernel[first + 1u], kernel[first + 2u], kernel[first + 3u]));
}
