//! Binary functions of integers. They are exact and defined for all operands.
//!
//! Sums, products and powers wrap, as in TensorFlow and NumPy. Where TensorFlow reports an error, the result is the
//! same on every device:
//!
//! * a division by 0 gives 0, and so do both of its remainders, as in NumPy;
//! * −2³¹ divided by −1 is −2³¹, which is what 2³¹ wraps to, with remainder 0;
//! * a negative power is the truncated power of the reciprocal of the base: 1 for a base of 1, ±1 for −1, and 0 for all
//!   others, including 0.

use super::BinaryFunction;

/// The function of two integers; `None` if it is not defined for them.
pub(crate) fn function(function: BinaryFunction) -> Option<fn(i32, i32) -> i32> {
    Some(match function {
        BinaryFunction::Add => i32::wrapping_add,
        BinaryFunction::Subtract => i32::wrapping_sub,
        BinaryFunction::Multiply => i32::wrapping_mul,
        BinaryFunction::Maximum => |left, right| left.max(right),
        BinaryFunction::Minimum => |left, right| left.min(right),
        BinaryFunction::FloorDivide => floor_divide,
        BinaryFunction::FloorMod => floor_mod,
        BinaryFunction::Remainder => remainder,
        BinaryFunction::Power => power,
        BinaryFunction::BitAnd => |left, right| left & right,
        BinaryFunction::BitOr => |left, right| left | right,
        BinaryFunction::BitXor => |left, right| left ^ right,
        BinaryFunction::Divide
        | BinaryFunction::PRelu
        | BinaryFunction::Keep
        | BinaryFunction::Greater
        | BinaryFunction::AtLeast
        | BinaryFunction::Atan2
        | BinaryFunction::LogAddExp => return None,
    })
}

pub(crate) fn floor_divide(left: i32, right: i32) -> i32 {
    if right == 0 {
        return 0;
    }
    let quotient = left.wrapping_div(right);
    let rest = remainder(left, right);
    if rest != 0 && (rest < 0) != (right < 0) { quotient - 1 } else { quotient }
}

pub(crate) fn floor_mod(left: i32, right: i32) -> i32 {
    let rest = remainder(left, right);
    if rest != 0 && (rest < 0) != (right < 0) { rest + right } else { rest }
}

pub(crate) fn remainder(left: i32, right: i32) -> i32 {
    if right == 0 { 0 } else { left.wrapping_rem(right) }
}

pub(crate) fn power(base: i32, exponent: i32) -> i32 {
    match (u32::try_from(exponent), base) {
        (Ok(exponent), base) => base.wrapping_pow(exponent),
        (Err(_), 1) => 1,
        (Err(_), -1) => {
            if exponent % 2 == 0 {
                1
            } else {
                -1
            }
        }
        (Err(_), _) => 0,
    }
}
