// The order of the words of a line, the best first: see src/ops/top_k.rs.

// How late a word comes; of two words the one with the smaller number comes first. -0 comes as 0 does, and NaN last. By
// bits, because a driver may assume that no float is NaN, and take subnormal ones for zeros.
fn lateness(word: u32, is_integer: bool, largest: bool) -> u32 {
    var ascending = word ^ 0x80000000u;
    if !is_integer {
        let magnitude = word & 0x7fffffffu;
        if magnitude > 0x7f800000u {
            return 0xffffffffu;
        }
        ascending = select(0x80000000u + magnitude, 0x80000000u - magnitude, word >= 0x80000000u);
    }
    return select(ascending, ~ascending, largest);
}

// Whether the word of one place comes before that of another: of words that come as late, the first.
fn comes_before(lateness: u32, place: u32, other_lateness: u32, other_place: u32) -> bool {
    return lateness < other_lateness || (lateness == other_lateness && place < other_place);
}
