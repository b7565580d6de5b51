// Sines, tangents and their inverses; builds on special.wgsl. WGSL's own are as exact as a device likes. Polynomials are those
// of the single precision form of S. Moshier's Cephes library.

// The upper word of a product of 24 bits and 32.
fn upper_product(x: u32, y: u32) -> u32 {
    let low = (x & 0xffffu) * (y & 0xffffu);
    let cross = (x & 0xffffu) * (y >> 16u);
    let middle = (low >> 16u) + (cross & 0xffffu) + (x >> 16u) * (y & 0xffffu);
    return (x >> 16u) * (y >> 16u) + (cross >> 16u) + (middle >> 16u);
}

// 32 bits of 2 / π, the binary point behind the first word; from the bit at `start` on.
fn bits_of_two_over_pi(start: u32) -> u32 {
    var words = array<u32, 8>(
        0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu,
    );
    let word = start / 32u;
    let shift = start % 32u;
    // A shift by 32 is none.
    return (words[word] << shift) | ((words[word + 1u] >> 1u) >> (31u - shift));
}

// What x is beyond the nearest multiple of π / 2, and that multiple modulo 4. Exact to the last digits for every finite x:
// the product with 2 / π is one of integers, of which multiples of 4 are left out.
struct Reduced {
    rest: f32,
    quarter: u32,
}

fn reduced(x: f32) -> Reduced {
    let bits = bitcast<u32>(x) & 0x7fffffffu;
    if bits < 0x3f490fdbu {
        return Reduced(x, 0u);
    }
    let mantissa = (bits & 0x7fffffu) | 0x800000u;
    // From -1 on, biased by 127; the window begins where the product counts fours.
    let start = (bits >> 23u) - 120u;
    let last = bits_of_two_over_pi(start + 64u);
    let middle = bits_of_two_over_pi(start + 32u);
    let low = mantissa * middle;
    var second = low + upper_product(mantissa, last);
    let carry = select(0u, 1u, second < low);
    var first = mantissa * bits_of_two_over_pi(start) + upper_product(mantissa, middle) + carry;
    // Two bits of the quarter, then 62 of the fraction, rounded to the nearest quarter.
    var quarter = first >> 30u;
    first = (first << 2u) | (second >> 30u);
    second <<= 2u;
    let above = first >= 0x80000000u;
    if above {
        quarter += 1u;
        first = ~first + select(0u, 1u, second == 0u);
        second = 0u - second;
    }
    let fraction = f32(first) * 2.3283064365386963e-10 + f32(second) * 5.4210108624275222e-20;
    let rest = fraction * 1.5707963267948966;
    let negative = bitcast<u32>(x) >= 0x80000000u;
    return Reduced(select(rest, -rest, above != negative), select(quarter, 0u - quarter, negative) & 3u);
}

fn sine_near_zero(x: f32) -> f32 {
    let z = x * x;
    return x + x * z * (-1.6666654611e-1 + z * (8.3321608736e-3 - z * 1.9515295891e-4));
}

fn cosine_near_zero(x: f32) -> f32 {
    let z = x * x;
    return 1.0 - 0.5 * z + z * z * (4.166664568298827e-2 + z * (-1.388731625493765e-3 + z * 2.443315711809948e-5));
}

// The sine of x and `quarters` times π / 2, for finite x.
fn sine(x: f32, quarters: u32) -> f32 {
    let r = reduced(x);
    let quarter = r.quarter + quarters;
    let value = select(sine_near_zero(r.rest), cosine_near_zero(r.rest), (quarter & 1u) == 1u);
    return select(value, -value, (quarter & 2u) == 2u);
}

fn tangent(x: f32) -> f32 {
    let r = reduced(x);
    let s = sine_near_zero(r.rest);
    let c = cosine_near_zero(r.rest);
    if (r.quarter & 1u) == 1u {
        return -c / s;
    }
    return s / c;
}

// For x from 0 to 1.
fn arcsine(x: f32) -> f32 {
    let is_far = x > 0.5;
    let near = select(x, sqrt(max(0.5 * (1.0 - x), 0.0)), is_far);
    let z = near * near;
    let p = (((4.2163199048e-2 * z + 2.4181311049e-2) * z + 4.5470025998e-2) * z + 7.4953002686e-2) * z;
    let y = near + near * z * (p + 1.6666752422e-1);
    return select(y, 1.5707963267948966 - 2.0 * y, is_far);
}

// For x from -1 to 1. Near 1 it is small, and the difference from π / 2 would lose digits.
fn arccosine(x: f32) -> f32 {
    let a = abs(x);
    if a <= 0.5 {
        return 1.5707963267948966 - select(arcsine(a), -arcsine(a), x < 0.0);
    }
    let y = 2.0 * arcsine(sqrt(max(0.5 * (1.0 - a), 0.0)));
    return select(y, 3.1415926535897932 - y, x < 0.0);
}

// For x from 0 to 1.
fn arctangent(x: f32) -> f32 {
    let is_far = x > 0.41421356237309505;
    let near = select(x, (x - 1.0) / (x + 1.0), is_far);
    let z = near * near;
    let p = ((8.05374449538e-2 * z - 1.38776856032e-1) * z + 1.99777106478e-1) * z - 3.33329491539e-1;
    let y = near + near * z * p;
    return select(y, 0.7853981633974483 + y, is_far);
}

// The angle of the point (x, y), neither of them NaN. Signs are read from the bits, where zeros have one too.
fn angle(y: f32, x: f32) -> f32 {
    let is_steep = abs(y) > abs(x);
    var large = select(abs(x), abs(y), is_steep);
    var small = select(abs(y), abs(x), is_steep);
    let bits = bitcast<u32>(large);
    var ratio = 0.0;
    if bitcast<u32>(small) == 0x7f800000u {
        ratio = 1.0;
    } else if bits != 0u && bits < 0x7f800000u {
        // WGSL promises no quotient by numbers that are very large or very small.
        let scale = select(select(1.0, 1.8446744073709552e19, large < 1e-19), 5.421010862427522e-20, large > 1e19);
        ratio = (small * scale) / (large * scale);
    }
    var turn = arctangent(ratio);
    turn = select(turn, 1.5707963267948966 - turn, is_steep);
    turn = select(turn, 3.1415926535897932 - turn, bitcast<u32>(x) >= 0x80000000u);
    return select(turn, -turn, bitcast<u32>(y) >= 0x80000000u);
}
