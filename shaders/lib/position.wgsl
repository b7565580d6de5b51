// Where along a dimension an index points: see src/ops/gather.rs.

const NOWHERE = 0xffffffffu;

// NOWHERE for an index outside the dimension, unless it is moved to the nearest position.
fn position_of(index: i32, size: u32, from_end: bool, nearest: bool) -> u32 {
    var position = index;
    if from_end && position < 0 {
        position += i32(size);
    }
    let last = i32(size) - 1;
    if nearest {
        position = clamp(position, 0, last);
    }
    return select(u32(position), NOWHERE, position < 0 || position > last);
}
