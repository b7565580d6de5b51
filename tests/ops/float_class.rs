use crate::case::{Case, checks, refuses};
use crate::values::{AWKWARD, bools, floats, floats_by};
use tfjs_wgpu::internals::ops::{Class, FloatClass};

fn cases() -> Vec<Case> {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    // Two more NaN: a signaling one with a sign bit, and the one next to infinity.
    let x = [0.0, -1.5, f32::MAX, inf, -inf, nan, f32::from_bits(0xffa0_0000), f32::from_bits(0x7f80_0001)];
    let mut cases = Vec::new();
    for (class, range) in [(Class::Finite, 0..3), (Class::Infinite, 3..5), (Class::Nan, 5..8)] {
        let case = |name: String| Case::new(format!("{class:?}, {name}"), FloatClass { class });
        let expected: Vec<bool> = (0..8).map(|index| range.contains(&index)).collect();
        cases.push(case("by hand".into()).input(floats(&[1, 8], &x)).gives(bools(&[1, 8], &expected)));
        for size in [1, 63, 64, 65, 127] {
            let x = floats_by(&[67, size], |index| AWKWARD[index % AWKWARD.len()]);
            cases.push(case(format!("{size} wide")).input(x));
        }
        cases.push(case("no elements".into()).input(floats(&[3, 0], &[])));
    }
    cases
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    let nan = || FloatClass { class: Class::Nan };
    refuses(nan(), &["int32[N, 3]"], "takes float32 and not int32[N, 3]");
    refuses(nan(), &[], "takes 1 inputs, not 0");
}
