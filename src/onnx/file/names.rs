//! Names that are made while a file is read, and live as long as its bytes: those of values in functions.

use std::cell::OnceCell;

/// Where made names are kept. They are only added, so that what was added stays borrowed.
#[derive(Debug, Default)]
pub struct Names {
    first: OnceCell<Box<Link>>,
}

#[derive(Debug)]
struct Link {
    text: String,
    next: OnceCell<Box<Link>>,
}

/// Adds names behind those that are there.
#[derive(Debug)]
pub(super) struct Adder<'n> {
    end: &'n OnceCell<Box<Link>>,
}

impl Names {
    pub(super) fn adder(&self) -> Adder<'_> {
        Adder { end: &self.first }
    }
}

impl<'n> Adder<'n> {
    pub(super) fn add(&mut self, text: String) -> &'n str {
        let mut text = Some(text);
        loop {
            let link = self.end.get_or_init(|| {
                let text = text.take().unwrap_or_default();
                Box::new(Link { text, next: OnceCell::new() })
            });
            self.end = &link.next;
            // A place that was taken already belongs to an earlier name.
            if text.is_none() {
                return &link.text;
            }
        }
    }
}

impl Drop for Names {
    /// One after the other: a chain that drops itself is as deep as it is long.
    fn drop(&mut self) {
        let mut next = self.first.take();
        while let Some(mut link) = next {
            next = link.next.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_while_others_are_added() {
        let names = Names::default();
        let mut adder = names.adder();
        let added: Vec<&str> = (0..200_000).map(|index| adder.add(index.to_string())).collect();
        let more = names.adder().add("more".into());
        assert_eq!((added[0], added[199_999], more), ("0", "199999", "more"));
    }
}
