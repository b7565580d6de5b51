// Rows of lookup tables, whose elements may be packed. The shader declares the buffer of tables as `tables`, an array of
// words. Builds on special.wgsl and half.wgsl.

// The row that a word names, as an id or a float that is truncated; `rows` where it names none.
fn table_row(value: u32, rows: u32, is_float: bool, clamps: bool) -> u32 {
    var id = bitcast<i32>(value);
    if is_float {
        id = truncate(bitcast<f32>(value));
    }
    if clamps {
        return u32(clamp(id, 0, i32(rows) - 1));
    }
    return select(u32(id), rows, id < 0 || u32(id) > rows);
}

// An element of the table that begins at `first`: a word, half a word, or a byte that names one of 256 words before the
// bytes.
fn table_element(first: u32, element: u32, in_halves: bool, in_codes: bool) -> f32 {
    if in_halves {
        return half_to_float(extractBits(tables[first + element / 2u], element % 2u * 16u, 16u));
    }
    if in_codes {
        let bytes = tables[first + 256u + element / 4u];
        return bitcast<f32>(tables[first + extractBits(bytes, element % 4u * 8u, 8u)]);
    }
    return bitcast<f32>(tables[first + element]);
}
