use crate::case::{Case, check_gpu_with, checks, refuses};
use crate::values::{floats, floats_by, ints, ints_by, random};
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::internals::kernel::{DeviceFacts, Kernel, Operand};
use tfjs_wgpu::internals::ops::{BadId, ConcreteType, Embedding, KernelRequest, Operator};
use tfjs_wgpu::{DType, Result, Tensor};

const ZERO: Embedding = Embedding { bad_id: BadId::Zero };
const CLAMP: Embedding = Embedding { bad_id: BadId::Clamp };

/// Row r is r + 1, r + 1 + 0.5, …
fn table(rows: usize, dim: usize) -> Tensor {
    floats_by(&[rows, dim], |index| (index / dim + 1) as f32 + (index % dim) as f32 / 2.0)
}

fn cases() -> Vec<Case> {
    let wild = [-1, 3, i32::MIN, i32::MAX, 0, 2];
    let mut cases = vec![
        Case::new("by hand", ZERO)
            .input(ints(&[3, 1], &[2, 0, 2]))
            .constant(table(3, 2))
            .gives(floats(&[3, 1, 2], &[3.0, 3.5, 1.0, 1.5, 3.0, 3.5])),
        Case::new("outside: zeros", ZERO)
            .input(ints(&[1, 6], &wild))
            .constant(table(3, 1))
            .gives(floats(&[1, 6, 1], &[0.0, 0.0, 0.0, 0.0, 1.0, 3.0])),
        Case::new("outside: the nearest row", CLAMP)
            .input(ints(&[1, 6], &wild))
            .constant(table(3, 1))
            .gives(floats(&[1, 6, 1], &[1.0, 3.0, 1.0, 3.0, 1.0, 3.0])),
        // The infinite row must not affect the zeros of a bad id.
        Case::new("awkward rows", ZERO)
            .input(ints(&[1, 4], &[0, 1, 2, -1]))
            .constant(floats(&[3, 1], &[f32::INFINITY, f32::NAN, -0.0]))
            .gives(floats(&[1, 4, 1], &[f32::INFINITY, f32::NAN, -0.0, 0.0])),
        Case::new("one row", CLAMP).input(ints(&[3, 1], &[0, 1, -1])).constant(table(1, 65)),
        Case::new("rank 4 ids", ZERO).input(ints_by(&[3, 2, 3, 5], |index| index as i32 % 11)).constant(table(11, 7)),
        Case::new("rows of nothing", ZERO).input(ints(&[3, 1], &[0, 1, -1])).constant(floats(&[2, 0], &[])),
    ];
    for (rows, dim) in [(1, 1), (63, 64), (64, 63), (65, 65), (1009, 8), (129, 129)] {
        for (policy, op) in [("zero", ZERO), ("clamp", CLAMP)] {
            // Ids from just below to just above the valid range.
            let ids = ints_by(&[67, 5], |index| (index * 31 % (rows + 4)) as i32 - 2);
            cases
                .push(Case::new(format!("[{rows}, {dim}], {policy}"), op).input(ids).constant(random(&[rows, dim], 1)));
        }
    }
    cases
}

checks!(cases);

/// The kernels for one table on a device with small bindings.
fn kernels(rows: usize, dim: usize, max_binding_bytes: u64) -> Result<Vec<Kernel>> {
    let inputs = [
        ConcreteType { shape: vec![3, 5], dtype: DType::I32 },
        ConcreteType { shape: vec![rows, dim], dtype: DType::F32 },
    ];
    let output = ConcreteType { shape: vec![3, 5, dim], dtype: DType::F32 };
    let device = DeviceFacts { max_binding_bytes, max_buffer_bytes: 1 << 20, ..DeviceFacts::FLOOR };
    ZERO.kernels(&KernelRequest {
        inputs: &inputs,
        outputs: &[output],
        output_words: &[0],
        regions: &[],
        device: &device,
    })
}

#[test]
fn windows_tile_a_table_larger_than_a_binding() {
    // One window that is exactly full, one row more, rows whose width does not divide the alignment, and a few rows
    // that are so wide that an aligned window of them would not fit a binding, although all of them together do.
    for (rows, dim, windows) in
        [(10, 100, 1), (128, 8, 1), (129, 8, 2), (1009, 8, 8), (1000, 3, 4), (1000, 1, 1), (65, 16, 2)]
    {
        let kernels = kernels(rows, dim, 4096).expect("kernels");
        assert_eq!(kernels.len(), windows, "[{rows}, {dim}]");
        let mut covered = 0;
        for kernel in &kernels {
            assert_eq!(kernel.bindings[1].operand, Operand::Input(1));
            let window = kernel.bindings[1].window_bytes.clone().expect("a window");
            assert_eq!(window.start, covered, "[{rows}, {dim}]: windows leave no hole and do not overlap");
            assert_eq!(window.start % 256, 0, "[{rows}, {dim}]: offsets are aligned");
            assert!(window.end - window.start <= 4096, "[{rows}, {dim}]: a window fits a binding");
            let words: Vec<u32> = kernel.params.chunks(4).map(word).collect();
            let row_bytes = 4 * dim as u64;
            assert_eq!(u64::from(words[2]) * row_bytes, window.start, "first_row");
            assert_eq!(u64::from(words[3]) * row_bytes, window.end - window.start, "window_rows");
            covered = window.end;
        }
        assert_eq!(covered, 4 * (rows * dim) as u64, "[{rows}, {dim}]: the whole table");
    }
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes.try_into().expect("four bytes"))
}

#[test]
fn a_row_wider_than_a_binding_is_refused() {
    let error = kernels(10, 2000, 4096).expect_err("too wide");
    assert!(error.to_string().contains("a row of 8000 bytes is too wide"), "{error}");
}

/// A table of 128 MiB plus one row: two windows on a phone, with ids in both, at their ends, and in neither.
#[test]
fn gpu_looks_up_a_table_larger_than_a_binding() {
    let rows = (1 << 20) + 1;
    let last = rows as i32 - 1;
    let ids = ints(&[1, 9], &[0, 1, last / 2, last - 2, last - 1, last, last + 1, -1, i32::MAX]);
    let table = floats_by(&[rows, 32], |index| index as f32);
    let zero = Case::new("two windows, zero", ZERO).input(ids).constant(table);
    check_gpu_with(&[zero], LimitsPreset::Floor);
}

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(ZERO, &["float32[N, 1]", "float32[3, 2]"], "takes int32 and not float32[N, 1]");
    refuses(ZERO, &["int32[N, 1]", "int32[3, 2]"], "takes float32 and not int32[3, 2]");
    refuses(ZERO, &["int32[N, 1]", "float32[3]"], "table float32[3] is not a matrix");
    refuses(ZERO, &["int32[N, 1]", "float32[N, 3]"], "table float32[N, 3] is not a matrix");
    refuses(ZERO, &["int32[N, 1]", "float32[0, 3]"], "table float32[0, 3] cannot be looked up");
    refuses(ZERO, &["int32[N, 1]", "float32[2147483648, 3]"], "cannot be looked up by int32 ids");
    refuses(ZERO, &["int32[N, 1]"], "takes 2 inputs, not 1");
}
