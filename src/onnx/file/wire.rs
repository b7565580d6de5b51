//! The wire format of protocol buffers: numbered fields that hold a number, four or eight bytes, or a length and bytes.
//!
//! Nothing is copied. Places in the file are kept as offsets, so that an error can state them. What a field means is not
//! known here.

/// The most groups that may be nested in each other. ONNX has no groups; they are skipped.
const MOST_GROUPS: usize = 32;

/// How a field is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WireType {
    /// A number of one to ten bytes.
    Varint,
    /// Eight bytes.
    Fixed64,
    /// A length and bytes: a string, a message, or packed numbers.
    Bytes,
    /// Fields between two marks, skipped.
    Group,
    /// Four bytes.
    Fixed32,
}

/// A field of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'f> {
    pub(super) number: u32,
    pub(super) wire_type: WireType,
    /// The offset of the field in the file.
    pub(super) at: usize,
    /// The content, behind the length if there is one.
    pub(super) content: Cursor<'f>,
}

/// A range of the file that is read from its start to its end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cursor<'f> {
    rest: &'f [u8],
    /// The offset of `rest` in the file.
    at: usize,
}

/// Why bytes are not fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    /// The offset in the file.
    pub(super) at: usize,
    pub(super) kind: FaultKind,
}

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum FaultKind {
    #[error("{needed} bytes should follow, but the message ends after {left}")]
    Truncated { needed: u64, left: usize },
    #[error("the message ends inside a number")]
    TruncatedNumber,
    #[error("a number does not fit 64 bits")]
    LongNumber,
    #[error("a field has the number {0}, and numbers are 1 to 536870911")]
    FieldNumber(u64),
    #[error("a field has the encoding {0}, and there are 0 to 5")]
    Encoding(u64),
    #[error("a group ends that did not begin, or does not end")]
    GroupEnd,
    #[error("groups are nested more than {MOST_GROUPS} deep")]
    GroupDepth,
}

impl<'f> Cursor<'f> {
    pub(super) fn new(file: &'f [u8]) -> Self {
        Cursor { rest: file, at: 0 }
    }

    /// The bytes not read so far.
    pub(super) fn rest(&self) -> &'f [u8] {
        self.rest
    }

    /// The offset in the file.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    fn fault(&self, kind: FaultKind) -> Fault {
        Fault { at: self.at, kind }
    }

    /// The next bytes, as a range of their own.
    fn take(&mut self, length: u64) -> Result<Cursor<'f>, Fault> {
        let split = usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length));
        let truncated = FaultKind::Truncated { needed: length, left: self.rest.len() };
        let (taken, rest) = split.ok_or_else(|| self.fault(truncated))?;
        let content = Cursor { rest: taken, at: self.at };
        (self.rest, self.at) = (rest, self.at + taken.len());
        Ok(content)
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let taken = self.take(N as u64)?;
        let truncated = FaultKind::Truncated { needed: N as u64, left: taken.rest.len() };
        taken.rest.first_chunk().copied().ok_or(Fault { at: taken.at, kind: truncated })
    }

    /// The next number.
    pub(super) fn varint(&mut self) -> Result<u64, Fault> {
        let mut value = 0u64;
        for (index, byte) in self.rest.iter().take(10).enumerate() {
            let bits = u64::from(byte & 0x7f);
            // The tenth byte holds the last of 64 bits.
            if index == 9 && *byte > 1 {
                return Err(self.fault(FaultKind::LongNumber));
            }
            value |= bits << (7 * index);
            if byte & 0x80 == 0 {
                self.take(index as u64 + 1)?;
                return Ok(value);
            }
        }
        Err(self.fault(FaultKind::TruncatedNumber))
    }

    /// The number and the encoding of a field, which may also be 4: the end of a group.
    fn tag(&mut self) -> Result<(u32, u64), Fault> {
        let start = *self;
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| (1..1 << 29).contains(number));
        Ok((number.ok_or_else(|| start.fault(FaultKind::FieldNumber(tag >> 3)))?, tag & 7))
    }

    /// The next field; `None` at the end.
    pub(super) fn field(&mut self) -> Result<Option<Field<'f>>, Fault> {
        if self.is_at_end() {
            return Ok(None);
        }
        let start = *self;
        let (number, encoding) = self.tag()?;
        let (wire_type, content) = match encoding {
            3 => {
                let content = *self;
                self.skip_group(number).map_err(|fault| Fault { at: start.at, ..fault })?;
                (WireType::Group, content)
            }
            _ => self.content(encoding, start)?,
        };
        Ok(Some(Field { number, wire_type, at: start.at, content }))
    }

    /// The content of a field that is no group.
    fn content(&mut self, encoding: u64, start: Cursor<'f>) -> Result<(WireType, Cursor<'f>), Fault> {
        Ok(match encoding {
            0 => {
                let before = *self;
                self.varint()?;
                let length = self.at - before.at;
                (WireType::Varint, Cursor { rest: before.rest.get(..length).unwrap_or_default(), ..before })
            }
            1 => (WireType::Fixed64, self.take(8)?),
            2 => {
                let length = self.varint()?;
                (WireType::Bytes, self.take(length)?)
            }
            5 => (WireType::Fixed32, self.take(4)?),
            3 | 4 => return Err(start.fault(FaultKind::GroupEnd)),
            _ => return Err(start.fault(FaultKind::Encoding(encoding))),
        })
    }

    /// Skips the fields of a group, and its end.
    fn skip_group(&mut self, number: u32) -> Result<(), Fault> {
        let mut open = [number; MOST_GROUPS];
        let mut depth = 1;
        while depth > 0 {
            if self.is_at_end() {
                return Err(self.fault(FaultKind::GroupEnd));
            }
            let start = *self;
            match self.tag()? {
                (number, 3) => {
                    *open.get_mut(depth).ok_or_else(|| start.fault(FaultKind::GroupDepth))? = number;
                    depth += 1;
                }
                (number, 4) => {
                    depth -= 1;
                    if open.get(depth) != Some(&number) {
                        return Err(start.fault(FaultKind::GroupEnd));
                    }
                }
                (_, encoding) => {
                    self.content(encoding, start)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(bytes: &[u8]) -> Result<Option<Field<'_>>, FaultKind> {
        Cursor::new(bytes).field().map_err(|fault| fault.kind)
    }

    #[test]
    fn numbers_have_up_to_ten_bytes_and_64_bits() {
        let number = |bytes: &[u8]| Cursor::new(bytes).varint().map_err(|fault| fault.kind);
        assert_eq!(number(&[0xac, 2]), Ok(300));
        let largest = [&[0xff; 9][..], &[1]].concat();
        assert_eq!(number(&largest), Ok(u64::MAX));
        assert_eq!(number(&[&[0xff; 9][..], &[2]].concat()), Err(FaultKind::LongNumber));
        assert_eq!(number(&[0x80; 11]), Err(FaultKind::LongNumber));
        assert_eq!(number(&[0x80, 0x80]), Err(FaultKind::TruncatedNumber));
        assert_eq!(number(&[]), Err(FaultKind::TruncatedNumber));
    }

    #[test]
    fn a_field_knows_its_content_and_place() {
        let bytes = [0x08, 5, 0x12, 2, 7, 8, 0x1d, 1, 2, 3, 4];
        let mut cursor = Cursor::new(&bytes);
        let mut fields = Vec::new();
        while let Some(field) = cursor.field().expect("fields") {
            fields.push((field.number, field.wire_type, field.at, field.content.rest.to_vec()));
        }
        let expected = [
            (1, WireType::Varint, 0, vec![5]),
            (2, WireType::Bytes, 2, vec![7, 8]),
            (3, WireType::Fixed32, 6, vec![1, 2, 3, 4]),
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn groups_are_skipped_and_must_end() {
        // A group 1 with a number and a group 2 in it, then a field.
        let bytes = [0x0b, 0x18, 1, 0x13, 0x14, 0x0c, 0x08, 9];
        let mut cursor = Cursor::new(&bytes);
        let group = cursor.field().expect("a group").expect("a group");
        assert_eq!((group.number, group.wire_type), (1, WireType::Group));
        assert_eq!(cursor.field().expect("a field").map(|field| field.at), Some(6));
        assert_eq!(first(&[0x0b, 0x14]).map(|_| ()), Err(FaultKind::GroupEnd));
        assert_eq!(first(&[0x0b]).map(|_| ()), Err(FaultKind::GroupEnd));
        assert_eq!(first(&[0x0c]).map(|_| ()), Err(FaultKind::GroupEnd));
        assert_eq!(first(&[0x0b; 100]).map(|_| ()), Err(FaultKind::GroupDepth));
    }

    #[test]
    fn bytes_that_are_no_fields_are_refused() {
        assert_eq!(first(&[0x0a, 5, 1]).map(|_| ()), Err(FaultKind::Truncated { needed: 5, left: 1 }));
        assert_eq!(first(&[0x0d, 1]).map(|_| ()), Err(FaultKind::Truncated { needed: 4, left: 1 }));
        assert_eq!(first(&[0x00, 1]).map(|_| ()), Err(FaultKind::FieldNumber(0)));
        assert_eq!(first(&[0x0e]).map(|_| ()), Err(FaultKind::Encoding(6)));
        // A length of 2^63.
        let long = [&[0x0a][..], &[0x80; 9], &[1]].concat();
        assert!(matches!(first(&long), Err(FaultKind::Truncated { left: 0, .. })));
    }
}
