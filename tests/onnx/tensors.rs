//! Stored tensors become values, whatever their type and however they are stored.

use crate::assert_says;
use crate::writer::*;
use tfjs_wgpu::internals::onnx::file::{TensorFiles, read};
use tfjs_wgpu::weights::{Memory, SharedBytes, Source, SourceBytes};
use tfjs_wgpu::{Error, Tensor};

fn read_with(tensor: Vec<u8>, source: &dyn Source) -> Result<(Tensor, SharedBytes), Error> {
    let file = SharedBytes::from(model(&Graph { initializers: vec![tensor], ..Default::default() }));
    let values = read(&file)?.graph.initializers[0].tensor(&mut TensorFiles::new(file.clone(), source))?;
    Ok((values, file))
}

fn values(tensor: Vec<u8>) -> Result<Tensor, Error> {
    read_with(tensor, &Memory::new()).map(|(tensor, _)| tensor)
}

fn int64s(tensor: Vec<u8>) -> Result<Vec<i64>, Error> {
    let file = model(&Graph { initializers: vec![tensor], ..Default::default() });
    read(&file)?.graph.initializers[0].int64s()
}

/// A tensor of two elements in a packed field.
fn packed(data_type: i64, field: u64, content: &[u8]) -> Vec<u8> {
    [tensor("w", &[2], data_type), bytes(field, content)].concat()
}

#[test]
fn floats_of_every_type_and_storage_become_float32() {
    let doubles = [1.5f64, -2.0].map(f64::to_le_bytes).concat();
    let floats = [1.5f32, -2.0].map(f32::to_le_bytes).concat();
    let halves = [0x3e00u16, 0xc000];
    let upper = [0x3fc0u16, 0xc000];
    let raw = |patterns: [u16; 2]| patterns.map(u16::to_le_bytes).concat();
    let listed = |patterns: [u16; 2]| patterns.map(|bits| varint(bits.into())).concat();
    let tensors = [
        raw_tensor("w", &[2], 1, &floats),
        packed(1, 4, &floats),
        [tensor("w", &[2], 1), float(4, 1.5), float(4, -2.0)].concat(),
        raw_tensor("w", &[2], 11, &doubles),
        packed(11, 10, &doubles),
        raw_tensor("w", &[2], 10, &raw(halves)),
        packed(10, 5, &listed(halves)),
        raw_tensor("w", &[2], 16, &raw(upper)),
        packed(16, 5, &listed(upper)),
    ];
    for tensor in tensors {
        assert_eq!(values(tensor).expect("a tensor").as_f32().expect("floats"), [1.5, -2.0]);
    }
}

#[test]
fn integers_of_every_type_and_storage_become_int32() {
    let minus = [varint(-1i64 as u64), varint(7)].concat();
    let tensors = [
        (raw_tensor("w", &[2], 6, &[-1i32, 7].map(i32::to_le_bytes).concat()), -1),
        (raw_tensor("w", &[2], 7, &[-1i64, 7].map(i64::to_le_bytes).concat()), -1),
        (raw_tensor("w", &[2], 2, &[200, 7]), 200),
        (raw_tensor("w", &[2], 3, &[255, 7]), -1),
        (raw_tensor("w", &[2], 4, &[255, 255, 7, 0]), 65_535),
        (raw_tensor("w", &[2], 5, &[255, 255, 7, 0]), -1),
        (raw_tensor("w", &[2], 12, &[9, 0, 0, 0, 7, 0, 0, 0]), 9),
        (raw_tensor("w", &[2], 13, &[9u64, 7].map(u64::to_le_bytes).concat()), 9),
        (packed(6, 5, &minus), -1),
        (packed(3, 5, &minus), -1),
        (packed(7, 7, &minus), -1),
        (packed(12, 11, &[9, 7]), 9),
        (packed(13, 11, &[9, 7]), 9),
        ([tensor("w", &[2], 7), number(7, -1), number(7, 7)].concat(), -1),
    ];
    for (tensor, first) in tensors {
        assert_eq!(values(tensor.clone()).expect("a tensor").as_i32().expect("ints"), [first, 7]);
        assert_eq!(int64s(tensor).expect("ints"), [i64::from(first), 7]);
    }
    for tensor in [raw_tensor("w", &[2], 9, &[0, 1]), packed(9, 5, &[0, 1])] {
        assert_eq!(values(tensor.clone()).expect("a tensor").as_bool().expect("booleans"), [false, true]);
        assert_eq!(int64s(tensor).expect("ints"), [0, 1]);
    }
}

#[test]
fn integers_that_do_not_fit_are_named() {
    let large = raw_tensor("w", &[2], 7, &[1i64, 1 << 31].map(i64::to_le_bytes).concat());
    assert_says(
        &values(large.clone()).expect_err("too large"),
        &["initializer `w`", "element 1 is 2147483648", "does not fit int32"],
    );
    assert_eq!(int64s(large).expect("ints"), [1, 1 << 31]);
    let huge = raw_tensor("w", &[1], 13, &[0xff; 8]);
    assert_says(&int64s(huge).expect_err("too large"), &["element 0 is 18446744073709551615", "int64"]);
    let narrow = packed(2, 5, &[&varint(300)[..], &[1]].concat());
    assert_says(&values(narrow).expect_err("no byte"), &["element 0 is 300", "does not fit tensor(uint8)"]);
}

#[test]
fn scalars_and_empty_tensors_are_complete() {
    let scalar = values(raw_tensor("w", &[], 1, &1f32.to_le_bytes())).expect("a scalar");
    assert_eq!((scalar.shape(), scalar.len()), (&[][..], 1));
    for data_type in [1, 6, 7, 9, 10, 11] {
        for tensor in [tensor("w", &[0, 3], data_type), raw_tensor("w", &[0, 3], data_type, &[])] {
            assert_eq!(values(tensor).expect("no elements").shape(), [0, 3]);
        }
    }
    assert_says(&values(tensor("w", &[3], 1)).expect_err("no data"), &["has 0 values, and its shape takes 3"]);
}

#[test]
fn types_that_cannot_be_computed_are_named() {
    let refused = |data_type| values(raw_tensor("w", &[1], data_type, &[0; 16])).expect_err("unsupported");
    for (data_type, name) in
        [(8, "tensor(string)"), (14, "tensor(complex64)"), (17, "tensor(float8e4m3fn)"), (22, "tensor(int4)")]
    {
        assert_says(&refused(data_type), &["initializer `w`", name, "not supported"]);
    }
    assert_says(&refused(0), &["initializer `w`", "no element type"]);
    assert_says(&refused(99), &["initializer `w`", "unknown element type 99"]);
    assert_says(&values(packed(1, 7, &[1, 2])).expect_err("misplaced"), &["tensor(float) in `int64_data`"]);
    let floats = raw_tensor("w", &[1], 1, &[0; 4]);
    assert_says(&int64s(floats).expect_err("floats"), &["initializer `w`", "tensor(float)"]);
}

fn lies_in(tensor: &Tensor, file: &SharedBytes) -> bool {
    let packed = tensor.as_packed().expect("packed");
    let [_, bytes, _] = packed.pieces();
    file.as_ptr_range().contains(&bytes.as_ptr())
}

#[test]
fn float32_and_float16_stay_where_they_are() {
    for (data_type, width) in [(1, 4), (10, 2)] {
        let raw = vec![0; 6 * width];
        let (tensor, file) = read_with(raw_tensor("w", &[2, 3], data_type, &raw), &Memory::new()).expect("a tensor");
        assert!(lies_in(&tensor, &file), "type {data_type}");
        let other = SharedBytes::from(vec![0; 8 + raw.len()]);
        let source = Memory::new().shared("w.data", other.clone());
        let entries = [("location", "w.data"), ("offset", "8")];
        let external = [external_tensor("w", &[2, 3], &entries), number(2, data_type)].concat();
        let (tensor, _) = read_with(external, &source).expect("a tensor");
        assert!(lies_in(&tensor, &other), "type {data_type}");
    }
}

/// Gives its only file as a reader, and says that it is longer than it is.
struct Reads(Vec<u8>, u64);

impl Source for Reads {
    fn size(&self, _: &str) -> Result<u64, Error> {
        Ok(self.0.len() as u64 + self.1)
    }

    fn open(&self, _: &str) -> Result<SourceBytes<'_>, Error> {
        Ok(SourceBytes::reader(self.0.as_slice()))
    }
}

#[test]
fn other_files_are_read_from_every_source() {
    let file = [1f32, 2.0].map(f32::to_le_bytes).concat();
    let borrowed = Memory::new().borrowed("w.data", &file);
    let sources: [&dyn Source; 2] = [&borrowed, &Reads(file.clone(), 0)];
    let external = || external_tensor("w", &[1], &[("location", "w.data"), ("offset", "4"), ("checksum", "?")]);
    for source in sources {
        let (tensor, _) = read_with(external(), source).expect("a tensor");
        assert_eq!(tensor.as_f32().expect("floats"), [2.0]);
    }
    let error = read_with(external(), &Reads(file.clone(), 1)).expect_err("shorter than said");
    assert_says(&error, &["initializer `w`", "`w.data`", "shorter", "8 of 9 bytes"]);
    let error = read_with(external(), &Reads(file, u64::MAX / 2)).expect_err("a lie");
    assert_says(&error, &["initializer `w`", "larger than memory"]);
    assert_says(&int64s(external()).expect_err("elsewhere"), &["is in another file, `w.data`", "external_data=False"]);
}
