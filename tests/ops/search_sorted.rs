use crate::case::{Case, checks, refuses};
use crate::values::{AWKWARD, floats, floats_by, ints, ints_by};
use tfjs_wgpu::internals::ops::SearchSorted;

fn value(absent: i32, spread: u32) -> SearchSorted {
    SearchSorted::Value { absent, spread }
}

fn cases() -> Vec<Case> {
    let mut cases = by_hand();
    for keys in [1, 2, 63, 64, 65, 1009] {
        let x = floats_by(&[67, 5], |index| (index % 401) as f32 / 3.0 - 20.0);
        let boundaries = floats_by(&[keys], |index| index as f32 / 2.0 - 10.0);
        cases.push(Case::new(format!("{keys} boundaries"), SearchSorted::Rank).input(x).constant(boundaries));
        let ids = ints_by(&[67, 5], |index| index as i32 % 301 - 50);
        let (tokens, values) =
            (ints_by(&[keys], |index| 3 * index as i32 - 20), ints_by(&[keys], |index| index as i32 + 4));
        cases.push(Case::new(format!("{keys} tokens"), value(1, 3)).input(ids).constant(tokens).constant(values));
    }
    cases
}

fn by_hand() -> Vec<Case> {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    let tokens = |name: &str, op: SearchSorted| {
        Case::new(name, op)
            .input(ints(&[2, 5], &[10, -7, 0, 3, 11, -8, i32::MAX, i32::MIN, 2, 1]))
            .constant(ints(&[3], &[-7, 3, 10]))
            .constant(ints(&[3], &[5, 6, 7]))
    };
    vec![
        Case::new("boundaries", SearchSorted::Rank)
            .input(floats(&[2, 4], &[-1.0, 0.0, 0.4, 0.5, 0.75, inf, -inf, nan]))
            .constant(floats(&[3], &[0.0, 0.5, 0.75]))
            .gives(ints(&[2, 4], &[0, 1, 1, 2, 3, 3, 0, 3])),
        Case::new("equal boundaries", SearchSorted::Rank)
            .input(floats(&[1, 3], &[0.9, 1.0, 1.1]))
            .constant(floats(&[3], &[1.0, 1.0, 1.0]))
            .gives(ints(&[1, 3], &[0, 3, 3])),
        Case::new("awkward values", SearchSorted::Rank)
            .input(floats(&[1, 10], &AWKWARD))
            .constant(floats(&[4], &[-inf, 0.0, 1e-30, inf])),
        tokens("tokens", value(-1, 1)).gives(ints(&[2, 5], &[7, 5, -1, 6, -1, -1, -1, -1, -1, -1])),
        // An x without a key gives 1 + x mod 3: 2³¹ − 1 gives 2, −2³¹ gives 2, −8 gives 2, 11 gives 3.
        tokens("spread", value(1, 3)).gives(ints(&[2, 5], &[7, 5, 1, 6, 3, 2, 2, 2, 3, 2])),
        Case::new("the ends of int32", value(0, 1))
            .input(ints(&[1, 3], &[i32::MIN, i32::MAX, 0]))
            .constant(ints(&[2], &[i32::MIN, i32::MAX]))
            .constant(ints(&[2], &[8, 9]))
            .gives(ints(&[1, 3], &[8, 9, 0])),
    ]
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(SearchSorted::Rank, &["float32[N, 2]"], "takes 2 inputs, not 1");
    refuses(SearchSorted::Rank, &["int32[N, 2]", "float32[3]"], "takes float32 and not int32[N, 2]");
    refuses(SearchSorted::Rank, &["float32[N, 2]", "float32[0]"], "takes keys of shape [K], not float32[0]");
    refuses(SearchSorted::Rank, &["float32[N, 2]", "float32[N, 3]"], "takes keys of shape [K]");
    let lookup = ["int32[N, 2]", "int32[3]", "int32[3]"];
    refuses(value(0, 1), &lookup[..2], "takes 3 inputs, not 2");
    refuses(value(0, 1), &["int32[N, 2]", "int32[3]", "int32[4]"], "keys int32[3] and values int32[4] do not fit");
    refuses(value(0, 0), &lookup, "0 ids from 0 on");
    refuses(value(i32::MAX, 2), &lookup, "2 ids from 2147483647 on");
}
