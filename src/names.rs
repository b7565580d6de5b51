//! The text form of enums in options and reports: one table gives `ALL`, `name`, `Display` and `FromStr`.
//!
//! All variants are unit variants, and their names are stable.

/// Implements the text form of an enum. `$what` is the noun in the error for an unknown name.
macro_rules! names {
    ($type:ident, $what:literal, { $($variant:ident = $name:literal),+ $(,)? }) => {
        impl $type {
            /// All values, in the order in which messages list them.
            pub const ALL: [$type; [$($name),+].len()] = [$($type::$variant),+];

            /// The name in options and reports.
            pub const fn name(self) -> &'static str {
                match self { $($type::$variant => $name),+ }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = crate::error::Error;

            fn from_str(name: &str) -> crate::error::Result<Self> {
                crate::names::find($what, name, &Self::ALL, |value| value.name())
            }
        }
    };
}

pub(crate) use names;

use crate::error::{Error, Result};

/// The value with this name. The error for an unknown name lists all names.
pub(crate) fn find<T: Copy>(what: &str, name: &str, all: &[T], name_of: fn(T) -> &'static str) -> Result<T> {
    all.iter().copied().find(|value| name_of(*value) == name).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|value| name_of(*value)).collect();
        Error::input(format!("`{name}` is not a {what}")).hint(format!("use one of: {}", names.join(", ")))
    })
}

#[cfg(test)]
#[allow(unreachable_pub, reason = "the macro serves public enums")]
mod tests {
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Fruit {
        Apple,
        RedCurrant,
    }

    names!(Fruit, "fruit", { Apple = "apple", RedCurrant = "red-currant" });

    #[test]
    fn names_are_read_as_they_are_written() {
        for fruit in Fruit::ALL {
            assert_eq!(fruit.to_string().parse::<Fruit>().expect("its own name"), fruit);
        }
        let error = "pear".parse::<Fruit>().expect_err("no such fruit");
        assert_eq!(error.to_string(), "`pear` is not a fruit");
        assert_eq!(error.hint_text(), Some("use one of: apple, red-currant"));
    }
}
