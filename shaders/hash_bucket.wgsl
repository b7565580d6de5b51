// The bucket of each id: FarmHash's fingerprint of its decimal text, mod `buckets`. One invocation an id.
//
// Numbers of 64 bits are vectors of two words, the lower one first.

struct Params {
    count: u32,
    // At least 1, at most 2³¹ − 1.
    buckets: u32,
    // 1 if the id `masked` has bucket 0 to itself, else 0.
    first: u32,
    masked: i32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<i32>;
@group(0) @binding(2) var<storage, read_write> buckets: array<i32>;

// FarmHash's constants.
const K0 = vec2<u32>(0x97cb3127u, 0xc3a5c85cu);
const K2 = vec2<u32>(0x2f90404fu, 0x9ae16a3bu);

fn sum(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let low = a.x + b.x;
    return vec2<u32>(low, a.y + b.y + select(0u, 1u, low < a.x));
}

// The lower 64 bits of the product.
fn product(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let a0 = a.x & 0xffffu;
    let a1 = a.x >> 16u;
    let b0 = b.x & 0xffffu;
    let b1 = b.x >> 16u;
    // No sum overflows: (2¹⁶ − 1)² + 2 (2¹⁶ − 1) is 2³² − 1.
    let lowest = a0 * b0;
    let middle = a1 * b0 + (lowest >> 16u);
    let other = a0 * b1 + (middle & 0xffffu);
    let carried = a1 * b1 + (middle >> 16u) + (other >> 16u);
    return vec2<u32>((other << 16u) | (lowest & 0xffffu), carried + a.x * b.y + a.y * b.x);
}

// From 1 to 31 bits to the right, what leaves at the lower end coming in at the upper one.
fn rotated(a: vec2<u32>, bits: u32) -> vec2<u32> {
    return (a >> vec2<u32>(bits)) | (a.yx << vec2<u32>(32u - bits));
}

// a ^ a >> 47.
fn shift_mixed(a: vec2<u32>) -> vec2<u32> {
    return vec2<u32>(a.x ^ (a.y >> 15u), a.y);
}

fn mixed(u: vec2<u32>, v: vec2<u32>, multiplier: vec2<u32>) -> vec2<u32> {
    let first = shift_mixed(product(u ^ v, multiplier));
    return product(shift_mixed(product(v ^ first, multiplier)), multiplier);
}

// Characters, the first one lowest, without the first `count`, which is at most 3.
fn without(text: vec3<u32>, count: u32) -> vec3<u32> {
    if count == 0u {
        return text;
    }
    let bits = 8u * count;
    return (text >> vec3<u32>(bits)) | (vec3<u32>(text.yz, 0u) << vec3<u32>(32u - bits));
}

// Characters with one more in front.
fn with_front(text: vec3<u32>, character: u32) -> vec3<u32> {
    return (text << vec3<u32>(8u)) | vec3<u32>(character, text.xy >> vec2<u32>(24u));
}

fn fingerprint(text: vec3<u32>, length: u32) -> vec2<u32> {
    let multiplier = sum(K2, vec2<u32>(2u * length, 0u));
    if length < 4u {
        let y = (text.x & 0xffu) + ((without(text, length / 2u).x & 0xffu) << 8u);
        let z = length + ((without(text, length - 1u).x & 0xffu) << 2u);
        return product(shift_mixed(product(vec2<u32>(y, 0u), K2) ^ product(vec2<u32>(z, 0u), K0)), K2);
    }
    if length < 8u {
        let u = sum(vec2<u32>(text.x << 3u, text.x >> 29u), vec2<u32>(length, 0u));
        return mixed(u, vec2<u32>(without(text, length - 4u).x, 0u), multiplier);
    }
    let a = sum(text.xy, K2);
    let b = without(text, length - 8u).xy;
    // By 37 bits is by a word and 5.
    let c = sum(product(rotated(b.yx, 5u), multiplier), a);
    let d = product(sum(rotated(a, 25u), b), multiplier);
    return mixed(c, d, multiplier);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.count {
        return;
    }
    let id = ids[index];
    if params.first == 1u && id == params.masked {
        buckets[index] = 0;
        return;
    }
    // −2³¹ has no opposite, but its bits are those of 2³¹.
    let bits = bitcast<u32>(id);
    var rest = select(bits, 0u - bits, id < 0);
    var text = vec3<u32>(0u);
    var length = 0u;
    for (var digit = 0u; digit < 10u && (digit == 0u || rest != 0u); digit++) {
        text = with_front(text, 48u + rest % 10u);
        rest /= 10u;
        length++;
    }
    if id < 0 {
        text = with_front(text, 45u);
        length++;
    }
    let hash = fingerprint(text, length);
    // The remainder stays below 2³¹, so that a bit more still fits a word.
    var remainder = hash.y % params.buckets;
    for (var bit = 0u; bit < 32u; bit++) {
        remainder = (remainder << 1u) | ((hash.x >> (31u - bit)) & 1u);
        remainder = select(remainder, remainder - params.buckets, remainder >= params.buckets);
    }
    buckets[index] = i32(remainder + params.first);
}
