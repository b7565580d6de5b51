//! Equality and hashes of operators with float attributes: floats are compared bitwise.
//!
//! A NaN is thus equal to itself, and 0.0 differs from −0.0. Equal operators have equal outputs, and operators can be
//! used as keys of a map.

use crate::ops::{Heads, Mean};
use std::hash::Hash;

/// An attribute as a value that can be compared and hashed.
pub(in crate::ops) trait Bits {
    /// The type of that value.
    type Bits: Eq + Hash;

    /// The value: the bits of a float, and any other attribute itself.
    fn bits(&self) -> Self::Bits;
}

impl Bits for f32 {
    type Bits = u32;

    fn bits(&self) -> u32 {
        self.to_bits()
    }
}

macro_rules! bits_of_themselves {
    ($($type:ty),+ $(,)?) => {
        $(impl Bits for $type {
            type Bits = $type;

            fn bits(&self) -> $type {
                *self
            }
        })+
    };
}

bits_of_themselves!(usize, [usize; 2], Option<Heads>, Mean);

/// Implements `PartialEq`, `Eq` and `Hash` for an operator, given all of its attributes.
macro_rules! equal_by_bits {
    ($operator:ident { $($attribute:ident),+ }) => {
        impl PartialEq for $operator {
            fn eq(&self, other: &Self) -> bool {
                use $crate::ops::operator::Bits;
                // Fails to compile if an attribute is missing.
                let $operator { $($attribute),+ } = self;
                $($attribute.bits() == other.$attribute.bits())&&+
            }
        }

        impl Eq for $operator {}

        impl std::hash::Hash for $operator {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                use $crate::ops::operator::Bits;
                $(self.$attribute.bits().hash(state);)+
            }
        }
    };
}

pub(in crate::ops) use equal_by_bits;

#[cfg(test)]
mod tests {
    use crate::ops::{BatchMatmul, Function, NotEqual, Op};
    use std::collections::HashSet;

    #[test]
    fn floats_are_compared_by_their_bits() {
        let not_equal = |value: f32| Op::from(NotEqual { value });
        assert_eq!(not_equal(f32::NAN), not_equal(f32::NAN));
        assert_ne!(not_equal(0.0), not_equal(-0.0));
        assert_ne!(BatchMatmul::new([1, 1]), BatchMatmul { scale: 2.0, ..BatchMatmul::new([1, 1]) });
        let known = HashSet::from([0.0, -0.0, 1.0, f32::NAN].map(not_equal));
        assert_eq!(known.len(), 4);
        assert!(known.contains(&not_equal(f32::NAN)));
    }

    #[test]
    fn functions_are_compared_by_all_their_parameters() {
        let relus = [
            Function::RELU,
            Function::relu(Some(-1.0), 0.0, 0.0),
            Function::relu(Some(0.0), 0.0, 0.0),
            Function::relu(None, -0.0, 0.0),
            Function::relu(None, 0.0, f32::NAN),
            Function::Elu { alpha: 1.0 },
            Function::Elu { alpha: 2.0 },
            Function::Selu,
        ];
        assert_eq!(HashSet::from(relus).len(), relus.len());
        for function in relus {
            assert_eq!(function, function.to_owned());
        }
    }
}
