//! The .npy format: a header with a Python dictionary, then the elements of one array.

use super::elements::{Stored, encode, unreadable};
use super::limits::Budget;
use crate::error::{Error, Result};
use crate::tensor::{Data, Tensor, element_count, row_major_strides};
use std::io::Read;

const MAGIC: &[u8] = b"\x93NUMPY";

/// The data start at a multiple of this many bytes.
const ALIGNMENT_BYTES: usize = 64;

/// The largest header that is read, in bytes. NumPy itself reads at most 10 000.
const MOST_HEADER_BYTES: u64 = 1 << 16;

/// Reads the array in a file of `size` bytes. Its elements are decoded while they are read.
pub(super) fn read(mut file: impl Read, size: u64, budget: &mut Budget) -> Result<Tensor> {
    let damaged = || Error::format("is not a NumPy array: its header is damaged");
    let (text, before) = header_text(&mut file, size).ok_or_else(damaged)?;
    let header = Scanner { rest: &text }.header()?;
    let count = element_count(&header.shape)?;
    let data_bytes = size - before;
    if (count as u64).checked_mul(header.stored.bytes() as u64) != Some(data_bytes) {
        return Err(Error::format("is cut short or has bytes to spare").cause(format!(
            "its header declares shape {:?} of {} bytes an element, and {data_bytes} bytes follow",
            header.shape,
            header.stored.bytes()
        )));
    }
    budget.take_bytes(count as u64 * header.stored.decoded_bytes())?;
    let elements = header.stored.decode_from(&mut file, count)?;
    expect_end(&mut file)?;
    let elements = if header.fortran_order { to_row_major(&elements, &header.shape) } else { elements };
    Tensor::new(&header.shape, elements)
}

/// The text of the header, and the offset of the data in the file of `size` bytes.
fn header_text(file: &mut impl Read, size: u64) -> Option<(String, u64)> {
    let mut start = [0; MAGIC.len() + 2];
    file.read_exact(&mut start).ok()?;
    let [_, _, _, _, _, _, version, _] = start;
    let length_bytes = if version == 1 { 2 } else { 4 };
    let mut length = [0; 4];
    file.read_exact(&mut length[..length_bytes]).ok()?;
    let length = u64::from(u32::from_le_bytes(length));
    let before = (start.len() + length_bytes) as u64 + length;
    if !start.starts_with(MAGIC) || length > MOST_HEADER_BYTES || before > size {
        return None;
    }
    let mut text = vec![0; usize::try_from(length).ok()?];
    file.read_exact(&mut text).ok()?;
    Some((String::from_utf8(text).ok()?, before))
}

/// Fails unless the file ends here. The zip reader verifies a member's checksum only at its end.
fn expect_end(file: &mut impl Read) -> Result<()> {
    match file.read(&mut [0]) {
        Ok(0) => Ok(()),
        Ok(_) => Err(Error::format("is cut short or has bytes to spare")),
        Err(cause) => Err(Error::format("cannot be unpacked").cause(cause.to_string())),
    }
}

/// Converts elements from column-major to row-major order.
fn to_row_major(elements: &Data, shape: &[usize]) -> Data {
    fn reorder<T: Copy>(values: &[T], shape: &[usize]) -> Vec<T> {
        let strides = row_major_strides(shape);
        let source = |index: usize| {
            let mut stride = 1;
            let mut position = 0;
            for (size, row_major) in shape.iter().zip(&strides) {
                position += index / row_major % size * stride;
                stride *= size;
            }
            position
        };
        (0..values.len()).map(|index| values[source(index)]).collect()
    }
    match elements {
        Data::F32(values) => Data::F32(reorder(values, shape)),
        Data::I32(values) => Data::I32(reorder(values, shape)),
        Data::Bool(values) => Data::Bool(reorder(values, shape)),
    }
}

struct Header {
    stored: Stored,
    fortran_order: bool,
    shape: Vec<usize>,
}

/// Parses the subset of Python literals that NumPy writes. It does not recurse, so a header cannot exhaust the stack.
struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn header(mut self) -> Result<Header> {
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        self.expect("{")?;
        while !self.accept("}") {
            let key = self.string()?;
            self.expect(":")?;
            match key {
                "descr" => descr = Some(self.element_type()?),
                "fortran_order" => fortran_order = Some(self.boolean()?),
                "shape" => shape = Some(self.shape()?),
                _ => return Err(damaged(key)),
            }
            if !self.accept(",") {
                self.expect("}")?;
                break;
            }
        }
        match (descr, fortran_order, shape) {
            (Some(stored), Some(fortran_order), Some(shape)) => Ok(Header { stored, fortran_order, shape }),
            _ => Err(damaged("the end")),
        }
    }

    fn accept(&mut self, token: &str) -> bool {
        let trimmed = self.rest.trim_start();
        match trimmed.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Result<()> {
        if self.accept(token) { Ok(()) } else { Err(damaged(self.rest)) }
    }

    fn string(&mut self) -> Result<&'a str> {
        let quote = if self.accept("'") { '\'' } else { self.expect("\"").map(|()| '"')? };
        let (text, rest) = self.rest.split_once(quote).ok_or_else(|| damaged(self.rest))?;
        self.rest = rest;
        Ok(text)
    }

    fn boolean(&mut self) -> Result<bool> {
        if self.accept("True") { Ok(true) } else { self.expect("False").map(|()| false) }
    }

    fn element_type(&mut self) -> Result<Stored> {
        if self.accept("[") {
            return Err(unreadable("structure"));
        }
        let descr = self.string()?;
        let of_one_byte = |name: &str| name.ends_with('1');
        let name = match descr.split_at_checked(1) {
            Some(("<", name)) => name,
            Some(("|" | "=" | ">", name)) if of_one_byte(name) => name,
            Some((">", _)) => {
                return Err(Error::unsupported("big-endian arrays cannot be read").hint("store it as little-endian"));
            }
            _ => return Err(unreadable(&format!("`{descr}`"))),
        };
        Ok(match name {
            "b1" => Stored::Bool,
            "i1" => Stored::I8,
            "i2" => Stored::I16,
            "i4" => Stored::I32,
            "i8" => Stored::I64,
            "u1" => Stored::U8,
            "u2" => Stored::U16,
            "u4" => Stored::U32,
            "f2" => Stored::F16,
            "f4" => Stored::F32,
            "f8" => Stored::F64,
            _ => return Err(unreadable(&format!("`{descr}`"))),
        })
    }

    fn shape(&mut self) -> Result<Vec<usize>> {
        self.expect("(")?;
        let mut shape = Vec::new();
        while !self.accept(")") {
            shape.push(self.number()?);
            if !self.accept(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(shape)
    }

    fn number(&mut self) -> Result<usize> {
        let trimmed = self.rest.trim_start();
        let end = trimmed.find(|character: char| !character.is_ascii_digit()).unwrap_or(trimmed.len());
        let (digits, rest) = trimmed.split_at(end);
        let number = digits.parse().map_err(|_| damaged(self.rest))?;
        self.rest = rest;
        Ok(number)
    }
}

fn damaged(rest: &str) -> Error {
    let near: String = rest.chars().take(20).collect();
    Error::format("is not a NumPy array: its header is damaged").cause(format!("it makes no sense near `{near}`"))
}

/// Encodes `tensor` as a file.
pub(super) fn write(tensor: &Tensor) -> Vec<u8> {
    let descr = match tensor.data() {
        Data::F32(_) => "<f4",
        Data::I32(_) => "<i4",
        Data::Bool(_) => "|b1",
    };
    let dims: Vec<String> = tensor.shape().iter().map(|size| format!("{size},")).collect();
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}), }}", dims.join(" "));
    // Version 2 has a four-byte header length, which is enough for any rank.
    let before = MAGIC.len() + 2 + 4;
    let padded = (before + header.len() + 1).next_multiple_of(ALIGNMENT_BYTES) - before;
    header.extend(std::iter::repeat_n(' ', padded - header.len() - 1));
    header.push('\n');
    let length = u32::try_from(header.len()).unwrap_or(u32::MAX);
    [MAGIC, &[2, 0], &length.to_le_bytes(), header.as_bytes(), &encode(tensor.data())].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor_file::ReadLimits;

    fn read(bytes: &[u8]) -> Result<Tensor> {
        super::read(bytes, bytes.len() as u64, &mut Budget::new(ReadLimits::default()))
    }

    /// A version 1 file with the given header and data.
    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(header.len()).expect("short").to_le_bytes();
        [MAGIC, &[1, 0], &length, header.as_bytes(), data].concat()
    }

    #[test]
    fn what_numpy_writes_is_read() {
        let row_major = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }          \n";
        let tensor = read(&file(row_major, &[1, 2, 3, 4, 5, 6])).expect("read");
        assert_eq!(tensor, Tensor::i32(&[2, 3], vec![1, 2, 3, 4, 5, 6]).expect("tensor"));
        let column_major = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }";
        assert_eq!(read(&file(column_major, &[1, 4, 2, 5, 3, 6])).expect("read"), tensor);
        let scalar = "{'descr': '<f4', 'fortran_order': False, 'shape': (), }";
        assert_eq!(read(&file(scalar, &1.5f32.to_le_bytes())).expect("read").as_f32().expect("float"), [1.5]);
        let empty = "{'descr': '<f4', 'fortran_order': True, 'shape': (0, 3), }";
        assert_eq!(read(&file(empty, &[])).expect("read").shape(), [0, 3]);
    }

    #[test]
    fn the_data_is_aligned() {
        let bytes = write(&Tensor::f32(&[1], vec![1.0]).expect("tensor"));
        assert_eq!(bytes.len() % ALIGNMENT_BYTES, 4);
        assert_eq!(bytes[bytes.len() - 5], b'\n');
    }

    #[test]
    fn broken_headers_are_errors() {
        let cases = [
            ("", "damaged"),
            ("{}", "damaged"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)", "damaged"),
            ("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,)}", "damaged"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", "damaged"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", "damaged"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999)}", "more elements"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "cut short"),
            ("{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", "big-endian"),
            ("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "`|O`"),
            ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "structure"),
            ("{'descr': 'é', 'fortran_order': False, 'shape': (1,)}", "`é`"),
        ];
        for (header, expected) in cases {
            let error = read(&file(header, &[0; 4])).expect_err(header);
            assert!(error.to_string().contains(expected), "{header}: {error}");
        }
        assert!(read(b"\x93NUMPY\x01\x00\xff\xff{}").is_err());
    }
}
