//! The setters of option structs, which are `#[non_exhaustive]`: one by-value method per field, named like it.

/// Implements a setter for each field.
macro_rules! setters {
    ($type:ident { $($field:ident: $field_type:ty),+ $(,)? }) => {
        impl $type {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](field@Self::", stringify!($field), ").")]
                pub fn $field(mut self, $field: $field_type) -> Self {
                    self.$field = $field;
                    self
                }
            )+
        }
    };
}

pub(crate) use setters;
