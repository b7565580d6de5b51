// All functions of two elements, chosen by a number: those of combine.wgsl, and what fewer models have; and those of two
// integers. See src/ops/binary.rs and src/ops/binary/integers.rs for what they answer. Builds on combine.wgsl and
// trigonometry.wgsl.

const SIGN = 0x80000000u;
const INFINITE = 0x7f800000u;

// WGSL has no literals for infinity and NaN, and does not compute them before a shader runs.
fn float_of(bits: u32) -> f32 {
    return bitcast<f32>(bits);
}

fn not_a_number() -> f32 {
    return float_of(0x7fc00000u);
}

// A positive float as mantissa * 2^(exponent - 150).
struct Parts {
    mantissa: u32,
    exponent: i32,
}

fn parts(magnitude: u32) -> Parts {
    let exponent = i32(magnitude >> 23u);
    if exponent == 0 {
        return Parts(magnitude, 1);
    }
    return Parts((magnitude & 0x7fffffu) | 0x800000u, exponent);
}

// The same with 24 bits in the mantissa.
fn whole_parts(magnitude: u32) -> Parts {
    let found = parts(magnitude);
    let missing = 23u - firstLeadingBit(found.mantissa);
    return Parts(found.mantissa << missing, found.exponent - i32(missing));
}

// A quotient rounded to float32 and down to an integer. By integers, because WGSL rounds no quotient correctly, and one that
// is a little too small has the wrong integer below it.
fn floor_quotient(x: f32, y: f32) -> f32 {
    let sign = (bitcast<u32>(x) ^ bitcast<u32>(y)) & SIGN;
    let left = bitcast<u32>(x) & ~SIGN;
    let right = bitcast<u32>(y) & ~SIGN;
    if max(left, right) > INFINITE || (left == right && (left == 0u || left == INFINITE)) {
        return not_a_number();
    }
    if left == INFINITE || right == 0u {
        return float_of(INFINITE | sign);
    }
    let below_zero = select(0.0, -1.0, sign != 0u);
    if left == 0u {
        return 0.0;
    }
    if right == INFINITE {
        // Rounded to 0 before it is rounded down.
        return 0.0;
    }
    var dividend = whole_parts(left);
    let divisor = whole_parts(right);
    var exponent = dividend.exponent - divisor.exponent;
    if exponent < -150 || (exponent == -150 && dividend.mantissa <= divisor.mantissa) {
        return 0.0;
    }
    if dividend.mantissa < divisor.mantissa {
        dividend.mantissa <<= 1u;
        exponent -= 1;
    }
    // 25 bits of a quotient from 1 to 2: eight at a time, one more than there is room for, and whether anything is left.
    var rest = dividend.mantissa - divisor.mantissa;
    var quotient = 1u;
    for (var step = 0u; step < 3u; step++) {
        rest <<= 8u;
        quotient = (quotient << 8u) | (rest / divisor.mantissa);
        rest %= divisor.mantissa;
    }
    let up = (quotient & 1u) & (((quotient >> 1u) & 1u) | select(0u, 1u, rest != 0u));
    var rounded = (quotient >> 1u) + up;
    if rounded == 0x1000000u {
        rounded = 0x800000u;
        exponent += 1;
    }
    if exponent < 0 {
        return below_zero;
    }
    if exponent >= 23 {
        let bits = (u32(exponent + 127) << 23u) | (rounded & 0x7fffffu);
        return float_of(select(bits, INFINITE, exponent > 127) | sign);
    }
    let integer = f32(rounded >> u32(23 - exponent));
    let has_fraction = (rounded & ((1u << u32(23 - exponent)) - 1u)) != 0u;
    return select(integer, select(-integer, -integer - 1.0, has_fraction), sign != 0u);
}

// What truncating division leaves, exactly, of the sign of x.
fn rest_of_quotient(x: f32, y: f32) -> f32 {
    let sign = bitcast<u32>(x) & SIGN;
    let left = bitcast<u32>(x) & ~SIGN;
    let right = bitcast<u32>(y) & ~SIGN;
    if max(left, right) > INFINITE || left == INFINITE || right == 0u {
        return not_a_number();
    }
    if left < right {
        return x;
    }
    let dividend = parts(left);
    let divisor = parts(right);
    var rest = dividend.mantissa % divisor.mantissa;
    // As in long division, eight bits at a time: 35 steps at most.
    for (var bits = dividend.exponent - divisor.exponent; bits > 0; bits -= 8) {
        rest = (rest << u32(min(bits, 8))) % divisor.mantissa;
    }
    if rest == 0u {
        return float_of(sign);
    }
    let missing = 23u - firstLeadingBit(rest);
    let exponent = divisor.exponent - i32(missing);
    if exponent <= 0 {
        return float_of(sign | (rest << u32(divisor.exponent - 1)));
    }
    return float_of(sign | (u32(exponent) << 23u) | ((rest << missing) & 0x7fffffu));
}

fn floor_rest(x: f32, y: f32) -> f32 {
    let rest = rest_of_quotient(x, y);
    if is_nan(rest) || rest == 0.0 || (rest < 0.0) == (y < 0.0) {
        return rest;
    }
    return rest + y;
}

// log2 of a positive finite float as large + small, where large is a multiple of 1/8 and small at most 1/16. After powf() of
// S. Moshier's Cephes library: divided by the nearest power of 2^(1/8), which is known to more digits than a float has.
fn binary_logarithm(x: f32) -> vec2<f32> {
    var powers = array<f32, 9>(
        1.0, 0.9170040488243103, 0.8408964276313782, 0.7711054086685181, 0.7071067690849304, 0.6484197974205017,
        0.5946035385131836, 0.5452538728713989, 0.5,
    );
    var more_digits = array<f32, 9>(
        0.0, -5.619638976384067e-9, -1.2377663338725142e-8, 4.035452416673024e-9, 1.2101617485882343e-8,
        -2.0094997665864867e-8, 1.898817636458716e-8, -6.538769969921532e-9, 0.0,
    );
    var inverses = array<f32, 9>(
        1.0, 1.0905077457427979, 1.1892070770263672, 1.2968395948410034, 1.4142135381698608, 1.5422108173370361,
        1.6817928552627563, 1.8340080976486206, 2.0,
    );
    let found = whole_parts(bitcast<u32>(x));
    // From 1/2 to 1.
    let fraction = f32(found.mantissa) * 5.9604644775390625e-8;
    let eighths = u32(clamp(round(-8.0 * log2(fraction)), 0.0, 8.0));
    let v = ((fraction - powers[eighths]) - more_digits[eighths]) * inverses[eighths];
    let z = v * v;
    var p = -0.1663883081054895 * v + 0.2003770364206271;
    p = (p * v - 0.2500006373383951) * v + 0.3333331095506474;
    // log2(e) is 1 and this.
    let less = 0.44269504088896340736;
    let tail = p * v * z - 0.5 * z;
    let small = ((tail + less * tail) + less * v) + v;
    return vec2(f32(found.exponent - 126) - 0.125 * f32(eighths), small);
}

fn down_to_sixteenths(x: f32) -> f32 {
    return 0.0625 * floor(16.0 * x);
}

fn power_of_two(exponent: i32) -> f32 {
    return float_of(u32(exponent + 127) << 23u);
}

// 2^(y * log2(x)) for positive finite x. The product has more digits than a float: what is a multiple of 1/128 in it is exact
// wherever the result is neither 0 nor infinite.
fn positive_power(x: f32, y: f32) -> f32 {
    let logarithm = binary_logarithm(x);
    let is_large = (logarithm.x + logarithm.y > 0.0) == (y > 0.0);
    let end = float_of(select(0u, INFINITE, is_large));
    // No float but 1 is so near 1 that this power of it is finite and not 0.
    if abs(y) > 2147483648.0 {
        return end;
    }
    let y_large = down_to_sixteenths(y);
    let first = logarithm.y * y + logarithm.x * (y - y_large);
    let first_large = down_to_sixteenths(first);
    let exact = first_large + logarithm.x * y_large;
    if abs(exact) > 200.0 {
        return end;
    }
    let whole = round(exact + (first - first_large));
    let f = (exact - whole) + (first - first_large);
    var p = 1.535336188319500e-4 * f + 1.339887440266574e-3;
    p = (p * f + 9.618437357674640e-3) * f + 5.550332471162809e-2;
    p = (p * f + 2.402264791363012e-1) * f + 6.931472028550421e-1;
    let exponent = clamp(i32(whole), -160, 140);
    // In two steps, because the first may be beyond a float where the result is not.
    let half = exponent / 2;
    return ((p * f + 1.0) * power_of_two(half)) * power_of_two(exponent - half);
}

// As IEEE 754 has it.
fn power(x: f32, y: f32) -> f32 {
    if y == 0.0 || bitcast<u32>(x) == 0x3f800000u {
        return 1.0;
    }
    if is_nan(x) || is_nan(y) {
        return not_a_number();
    }
    let base = bitcast<u32>(x) & ~SIGN;
    let exponent = bitcast<u32>(y) & ~SIGN;
    let grows = y > 0.0;
    if exponent == INFINITE {
        if base == 0x3f800000u {
            return 1.0;
        }
        return float_of(select(0u, INFINITE, (base > 0x3f800000u) == grows));
    }
    // From 2^24 on every float is an even integer.
    let is_integer = abs(y) >= 16777216.0 || floor(y) == y;
    let is_odd = is_integer && abs(y) < 16777216.0 && (i32(abs(y)) & 1) == 1;
    let is_negative = bitcast<u32>(x) >= SIGN;
    let sign = select(0u, SIGN, is_negative && is_odd);
    if base == 0u || base == INFINITE {
        return float_of(select(0u, INFINITE, (base == INFINITE) == grows) | sign);
    }
    if is_negative && !is_integer {
        return not_a_number();
    }
    let value = select(positive_power(float_of(base), y), 1.0, base == 0x3f800000u);
    return select(value, -value, sign != 0u);
}

// log(e^x + e^y)
fn log_add_exp(x: f32, y: f32) -> f32 {
    let larger = maximum(x, y);
    // Two infinities of one sign have no distance.
    if is_nan(larger) || x == y {
        return larger + 0.69314718055994531;
    }
    return larger + log1p(exp(-abs(x - y)));
}

fn calculate(function: u32, x: f32, y: f32) -> f32 {
    switch function {
        case 10u: { return floor_quotient(x, y); }
        case 11u: { return floor_rest(x, y); }
        case 12u: { return rest_of_quotient(x, y); }
        case 13u: { return power(x, y); }
        case 14u: {
            if is_nan(x) || is_nan(y) {
                return not_a_number();
            }
            return angle(x, y);
        }
        case 15u: { return log_add_exp(x, y); }
        default: { return combine(function, x, y); }
    }
}

// Toward zero; 0 for a division by 0. The smallest integer by -1 wraps to itself: WGSL says so of the quotient too, but a
// device's own division may stop at it.
fn quotient_of_integers(x: i32, y: i32) -> i32 {
    if y == 0 {
        return 0;
    }
    if y == -1 {
        return 0 - x;
    }
    return x / y;
}

fn rest_of_integers(x: i32, y: i32) -> i32 {
    if y == 0 {
        return 0;
    }
    return x - quotient_of_integers(x, y) * y;
}

fn power_of_integers(x: i32, y: i32) -> i32 {
    if y < 0 {
        return select(0, select(1, x, (y & 1) == 1), abs(x) == 1);
    }
    var base = x;
    var value = 1;
    for (var rest = y; rest > 0; rest >>= 1u) {
        if (rest & 1) == 1 {
            value *= base;
        }
        base *= base;
    }
    return value;
}

fn calculate_integers(function: u32, x: i32, y: i32) -> i32 {
    let rest = rest_of_integers(x, y);
    let is_below = rest != 0 && (rest < 0) != (y < 0);
    switch function {
        case 0u: { return x + y; }
        case 1u: { return x - y; }
        case 2u: { return x * y; }
        case 4u: { return max(x, y); }
        case 5u: { return min(x, y); }
        case 10u: { return quotient_of_integers(x, y) - select(0, 1, is_below); }
        case 11u: { return rest + select(0, y, is_below); }
        case 12u: { return rest; }
        case 16u: { return x & y; }
        case 17u: { return x | y; }
        case 18u: { return x ^ y; }
        default: { return power_of_integers(x, y); }
    }
}
