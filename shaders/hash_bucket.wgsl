// The bucket of each id: a hash of its decimal text, mod `buckets`. One invocation an id.
//
// Numbers of 64 bits are vectors of two words, the lower one first.

struct Params {
    count: u32,
    // At least 1, at most 2³¹ − 1.
    buckets: u32,
    // 1 if the id `masked` has bucket 0 to itself, else 0.
    first: u32,
    masked: i32,
    // That of SipHash, its first half in the first two words.
    key: vec4<u32>,
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

// The state of SipHash.
struct State {
    v0: vec2<u32>,
    v1: vec2<u32>,
    v2: vec2<u32>,
    v3: vec2<u32>,
}

// From 1 to 31 bits to the left.
fn rotated_left(a: vec2<u32>, bits: u32) -> vec2<u32> {
    return rotated(a.yx, 32u - bits);
}

fn sip_round(state: State) -> State {
    var next = state;
    next.v0 = sum(next.v0, next.v1);
    next.v2 = sum(next.v2, next.v3);
    next.v1 = rotated_left(next.v1, 13u) ^ next.v0;
    next.v3 = rotated_left(next.v3, 16u) ^ next.v2;
    next.v0 = sum(next.v0.yx, next.v3);
    next.v2 = sum(next.v2, next.v1);
    next.v1 = rotated_left(next.v1, 17u) ^ next.v2;
    next.v3 = rotated_left(next.v3, 21u) ^ next.v0;
    next.v2 = next.v2.yx;
    return next;
}

fn absorbed(state: State, block: vec2<u32>) -> State {
    var next = state;
    next.v3 ^= block;
    next = sip_round(sip_round(next));
    next.v0 ^= block;
    return next;
}

// SipHash-2-4.
fn keyed_hash(text: vec3<u32>, length: u32) -> vec2<u32> {
    let low = params.key.xy;
    let high = params.key.zw;
    var state = State(
        low ^ vec2<u32>(0x70736575u, 0x736f6d65u),
        high ^ vec2<u32>(0x6e646f6du, 0x646f7261u),
        low ^ vec2<u32>(0x6e657261u, 0x6c796765u),
        high ^ vec2<u32>(0x79746573u, 0x74656462u),
    );
    var last = text.xy;
    if length >= 8u {
        state = absorbed(state, last);
        last = vec2<u32>(text.z, 0u);
    }
    state = absorbed(state, last | vec2<u32>(0u, length << 24u));
    state.v2.x ^= 0xffu;
    state = sip_round(sip_round(sip_round(sip_round(state))));
    return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

struct Text {
    // The first one lowest, zeros behind the last one.
    characters: vec3<u32>,
    length: u32,
}

fn decimal(id: i32) -> Text {
    // −2³¹ has no opposite, but its bits are those of 2³¹.
    let bits = bitcast<u32>(id);
    var rest = select(bits, 0u - bits, id < 0);
    var characters = vec3<u32>(0u);
    var length = 0u;
    for (var digit = 0u; digit < 10u && (digit == 0u || rest != 0u); digit++) {
        characters = with_front(characters, 48u + rest % 10u);
        rest /= 10u;
        length++;
    }
    if id < 0 {
        return Text(with_front(characters, 45u), length + 1u);
    }
    return Text(characters, length);
}

fn bucket(id: i32, hash: vec2<u32>) -> i32 {
    if params.first == 1u && id == params.masked {
        return 0;
    }
    // The remainder stays below 2³¹, so that a bit more still fits a word.
    var remainder = hash.y % params.buckets;
    for (var bit = 0u; bit < 32u; bit++) {
        remainder = (remainder << 1u) | ((hash.x >> (31u - bit)) & 1u);
        remainder = select(remainder, remainder - params.buckets, remainder >= params.buckets);
    }
    return i32(remainder + params.first);
}

@compute @workgroup_size(64)
fn farmhash(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.count {
        return;
    }
    let text = decimal(ids[index]);
    buckets[index] = bucket(ids[index], fingerprint(text.characters, text.length));
}

@compute @workgroup_size(64)
fn siphash(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = invocation_index(workgroup, workgroups, lane);
    if index >= params.count {
        return;
    }
    let text = decimal(ids[index]);
    buckets[index] = bucket(ids[index], keyed_hash(text.characters, text.length));
}
