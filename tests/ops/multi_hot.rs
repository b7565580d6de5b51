use crate::case::{Case, checks, refuses};
use crate::values::{floats, floats_by, ints, ints_by};
use tfjs_wgpu::internals::ops::MultiHot;

const MARK: MultiHot = MultiHot { tokens: 4, count: false };
const COUNT: MultiHot = MultiHot { tokens: 4, count: true };

fn cases() -> Vec<Case> {
    let ids = || ints(&[3, 3], &[1, 1, 3, 0, 2, 0, 2, 2, 2]);
    let wild = || ints(&[1, 5], &[-1, 4, i32::MIN, i32::MAX, 3]);
    let mut cases = vec![
        Case::new("marked", MARK)
            .input(ids())
            .gives(floats(&[3, 4], &[0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0])),
        Case::new("counted", COUNT)
            .input(ids())
            .gives(floats(&[3, 4], &[0.0, 2.0, 0.0, 1.0, 2.0, 0.0, 1.0, 0.0, 0.0, 0.0, 3.0, 0.0])),
        Case::new("outside", COUNT).input(wild()).gives(floats(&[1, 4], &[0.0, 0.0, 0.0, 1.0])),
        Case::new("no ids", MARK).input(ints(&[3, 0], &[])).gives(floats(&[3, 4], &[0.0; 12])),
    ];
    for tokens in [1, 63, 64, 65, 1009] {
        // Id i of row r is (7 i + r) mod tokens.
        let ids = ints_by(&[67, 5], |at| ((7 * (at % 5) + at / 5) % tokens) as i32);
        let count = |at: usize| {
            let (row, token) = (at / tokens, at % tokens);
            (0..5).filter(|step| (7 * step + row) % tokens == token).count() as f32
        };
        cases.push(
            Case::new(format!("{tokens} tokens"), MultiHot { tokens, count: true })
                .input(ids)
                .gives(floats_by(&[67, tokens], count)),
        );
    }
    cases
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(MARK, &["float32[N, 3]"], "takes int32");
    refuses(MARK, &["int32[N, 3, 1]"], "[N, T]");
    refuses(MultiHot { tokens: 0, count: false }, &["int32[N, 3]"], "0 tokens");
}
