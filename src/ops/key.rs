//! Equality and hashing of operators with float attributes, by their bits: `0.0` and `-0.0` differ, a NaN equals itself.
//!
//! Operators without floats derive both.

/// Implements `PartialEq`, `Eq` and `Hash` by a key that has them.
macro_rules! equal_by_key {
    ($type:ident, $this:ident => $key:expr) => {
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                fn key($this: &$type) -> impl Eq + std::hash::Hash {
                    $key
                }
                key(self) == key(other)
            }
        }

        impl Eq for $type {}

        impl std::hash::Hash for $type {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                let $this = self;
                $key.hash(state);
            }
        }
    };
}

pub(super) use equal_by_key;
