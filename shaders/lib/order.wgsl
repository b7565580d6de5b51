// The order of the words of a line, the best first: see src/ops/top_k.rs.

// How late a word comes; of two words the one with the smaller number comes first. -0 comes as 0 does, and NaN last. By
// bits, because a driver may assume that no float is NaN, and take subnormal ones for zeros.
fn lateness(word: u32, is_integer: bool, largest: bool) -> u32 {
    let magnitude = word & 0x7fffffffu;
    let float = select(0x80000000u + magnitude, 0x80000000u - magnitude, word >= 0x80000000u);
    let ascending = select(float, word ^ 0x80000000u, is_integer);
    let directed = select(ascending, ~ascending, largest);
    return select(directed, 0xffffffffu, !is_integer && magnitude > 0x7f800000u);
}

// The same for four words.
fn quad_lateness(words: vec4<u32>, is_integer: bool, largest: bool) -> vec4<u32> {
    let magnitudes = words & vec4(0x7fffffffu);
    let sign = vec4(0x80000000u);
    let floats = select(sign + magnitudes, sign - magnitudes, words >= sign);
    let ascending = select(floats, words ^ sign, vec4(is_integer));
    let directed = select(ascending, ~ascending, vec4(largest));
    return select(directed, vec4(0xffffffffu), vec4(!is_integer) & (magnitudes > vec4(0x7f800000u)));
}

// Whether the word of one place comes before that of another: of words that come as late, the first.
fn comes_before(lateness: u32, place: u32, other_lateness: u32, other_place: u32) -> bool {
    return lateness < other_lateness || (lateness == other_lateness && place < other_place);
}
