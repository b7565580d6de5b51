//! One GPU dispatch as plain data: shader, entry point, constants, parameters, bindings and grid.
//!
//! Operators create kernels, plans assign memory to them, and `gpu` records them. No GPU API is named here. A kernel is
//! for one batch size. Other batch sizes differ in parameters and grid; the pipeline is the same unless the operator
//! chooses another kernel.

use std::fmt;

/// Invocations per workgroup. Vulkan guarantees at least 128.
pub const WORKGROUP_SIZE: u32 = 64;

/// Maximum number of workgroups in one dimension of a grid. Vulkan guarantees this many.
pub const MAX_WORKGROUPS_PER_DIMENSION: u32 = 65_535;

/// A WGSL file and the layout of the parameter struct it declares at binding 0.
#[derive(Debug, Clone, Copy)]
pub struct Shader {
    /// The file's stem in `shaders/`.
    pub name: &'static str,
    /// The WGSL text of the file.
    pub source: &'static str,
    /// The fragments of `shaders/lib/` that it includes.
    pub fragments: &'static [Fragment],
    /// The fields of its `Params` struct on the host side.
    pub params: ParamsLayout,
}

/// A file in `shaders/lib/`: declarations that several shaders share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// The file's stem in `shaders/lib/`.
    pub name: &'static str,
    /// The WGSL text of the file.
    pub source: &'static str,
}

/// The fields of a parameter struct, and its size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParamsLayout {
    /// `(name, offset, size)` of each field.
    pub fields: &'static [(&'static str, usize, usize)],
    /// Size of the whole struct.
    pub size: usize,
}

impl Shader {
    /// The source that a device compiles: the fragments, followed by the file.
    pub fn text(&self) -> String {
        self.fragments.iter().map(|fragment| fragment.source).chain([self.source]).collect::<Vec<_>>().join("\n")
    }
}

/// Declares the host-side equivalent of a shader's `Params` struct, whose fields are 32-bit words or arrays of them.
macro_rules! params {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty),+ $(,)? }) => {
        $(#[$doc])*
        #[repr(C)]
        #[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
        pub(crate) struct $name { $($(#[$field_doc])* pub(crate) $field: $type),+ }

        impl $name {
            /// The layout; the shader's struct must match it.
            pub(crate) const LAYOUT: $crate::kernel::ParamsLayout = $crate::kernel::ParamsLayout {
                fields: &[$((stringify!($field), std::mem::offset_of!($name, $field), size_of::<$type>())),+],
                size: size_of::<$name>(),
            };
        }
    };
}
pub(crate) use params;

/// Refers to the WGSL file of an operator.
macro_rules! shader {
    ($name:literal, $params:ty, fragments: [$($fragment:expr),*]) => {
        $crate::kernel::Shader {
            name: $name,
            source: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $name, ".wgsl")),
            fragments: &[$($fragment),*],
            params: <$params>::LAYOUT,
        }
    };
}
pub(crate) use shader;

/// `shaders/lib/grid.wgsl`: the linear index of an invocation or workgroup in a folded grid.
pub(crate) const GRID: Fragment = Fragment { name: "grid", source: include_str!("../shaders/lib/grid.wgsl") };

/// `shaders/lib/activate.wgsl`: functions of one element by number; builds on [`SPECIAL`].
pub(crate) const ACTIVATE: Fragment =
    Fragment { name: "activate", source: include_str!("../shaders/lib/activate.wgsl") };

/// `shaders/lib/combine.wgsl`: functions of two elements by number; builds on [`SPECIAL`].
pub(crate) const COMBINE: Fragment = Fragment { name: "combine", source: include_str!("../shaders/lib/combine.wgsl") };

/// `shaders/lib/elementary.wgsl`: all functions of one element by number; builds on [`ACTIVATE`] and [`TRIGONOMETRY`].
pub(crate) const ELEMENTARY: Fragment =
    Fragment { name: "elementary", source: include_str!("../shaders/lib/elementary.wgsl") };

/// `shaders/lib/arithmetic.wgsl`: all functions of two elements by number; builds on [`COMBINE`] and [`TRIGONOMETRY`].
pub(crate) const ARITHMETIC: Fragment =
    Fragment { name: "arithmetic", source: include_str!("../shaders/lib/arithmetic.wgsl") };

/// `shaders/lib/table.wgsl`: rows of lookup tables in any [`Packing`]; builds on [`SPECIAL`] and [`HALF`].
pub(crate) const TABLE: Fragment = Fragment { name: "table", source: include_str!("../shaders/lib/table.wgsl") };

/// `shaders/lib/trigonometry.wgsl`: sines, tangents and their inverses; builds on [`SPECIAL`].
pub(crate) const TRIGONOMETRY: Fragment =
    Fragment { name: "trigonometry", source: include_str!("../shaders/lib/trigonometry.wgsl") };

/// `shaders/lib/half.wgsl`: half-precision floats from their bits.
pub(crate) const HALF: Fragment = Fragment { name: "half", source: include_str!("../shaders/lib/half.wgsl") };

/// `shaders/lib/order.wgsl`: maps words to sort keys, smaller keys first.
pub(crate) const ORDER: Fragment = Fragment { name: "order", source: include_str!("../shaders/lib/order.wgsl") };

/// `shaders/lib/packed.wgsl`: elements of a matrix in any [`Packing`]; builds on [`HALF`].
pub(crate) const PACKED: Fragment = Fragment { name: "packed", source: include_str!("../shaders/lib/packed.wgsl") };

/// `shaders/lib/position.wgsl`: resolves an index to a position along a dimension.
pub(crate) const POSITION: Fragment =
    Fragment { name: "position", source: include_str!("../shaders/lib/position.wgsl") };

/// `shaders/lib/reduce.wgsl`: sums and maxima over the lanes of a row; builds on [`SEGMENT`] and [`SPECIAL`].
pub(crate) const REDUCE: Fragment = Fragment { name: "reduce", source: include_str!("../shaders/lib/reduce.wgsl") };

/// `shaders/lib/segment.wgsl`: the row and lane of an invocation; builds on [`GRID`].
pub(crate) const SEGMENT: Fragment = Fragment { name: "segment", source: include_str!("../shaders/lib/segment.wgsl") };

/// `shaders/lib/special.wgsl`: functions WGSL lacks or leaves imprecise.
pub(crate) const SPECIAL: Fragment = Fragment { name: "special", source: include_str!("../shaders/lib/special.wgsl") };

/// A buffer of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BufferId {
    /// All inputs of the model, one after another.
    ModelInputs,
    /// Lookup tables. They are separate from other constants because they are large and shared by all plans of a model.
    Tables,
    /// All other constants.
    Weights,
    /// A slot for activations.
    Slot(usize),
}

/// The encoding of elements in device memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Packing {
    /// One 32-bit word per element.
    #[default]
    Words,
    /// Half-precision floats, two per word.
    Halves,
    /// One-byte codes, four per word, after a list of the 256 floats that they encode.
    Codes,
}

impl Packing {
    /// The number that identifies it in shaders.
    pub(crate) fn number(self) -> u32 {
        match self {
            Packing::Words => 0,
            Packing::Halves => 1,
            Packing::Codes => 2,
        }
    }
}

/// A range of device memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// The buffer.
    pub buffer: BufferId,
    /// Offset in bytes.
    pub offset_bytes: u64,
    /// Length in bytes.
    pub length_bytes: u64,
    /// The encoding of the elements.
    pub packing: Packing,
}

/// The value that a binding refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    /// The input at this position.
    Input(usize),
    /// All of the slot that holds the input at this position, for a kernel that reads several values of it. Offsets are
    /// parameters.
    SlotOf(usize),
    /// All outputs, one after another. They share one binding because phones support few buffers.
    Output,
    /// The scratch space, followed by the outputs.
    ScratchAndOutput,
    /// All of [`BufferId::ModelInputs`], for a kernel that reads several inputs. Offsets are parameters.
    ModelInputs,
    /// As much of [`BufferId::Tables`] as fits one binding. Offsets are parameters.
    Tables,
    /// All of [`BufferId::Weights`]. Offsets are parameters.
    Weights,
}

/// One storage binding of a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The value.
    pub operand: Operand,
    /// The byte range within the value; `None` for all of it.
    pub window_bytes: Option<std::ops::Range<u64>>,
}

impl Binding {
    /// All of an input.
    pub fn input(index: usize) -> Self {
        Binding { operand: Operand::Input(index), window_bytes: None }
    }

    /// All of the slot of an input.
    pub fn slot_of(index: usize) -> Self {
        Binding { operand: Operand::SlotOf(index), window_bytes: None }
    }

    /// All outputs.
    pub fn output() -> Self {
        Binding { operand: Operand::Output, window_bytes: None }
    }

    /// The scratch space and the outputs.
    pub fn scratch_and_output() -> Self {
        Binding { operand: Operand::ScratchAndOutput, window_bytes: None }
    }

    /// All inputs of the model.
    pub fn model_inputs() -> Self {
        Binding { operand: Operand::ModelInputs, window_bytes: None }
    }

    /// All tables.
    pub fn tables() -> Self {
        Binding { operand: Operand::Tables, window_bytes: None }
    }

    /// All constants other than tables.
    pub fn weights() -> Self {
        Binding { operand: Operand::Weights, window_bytes: None }
    }
}

/// Limits of a device, from which operators choose kernels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceFacts {
    /// Maximum size of a storage binding in bytes.
    pub max_binding_bytes: u64,
    /// Maximum size of a buffer in bytes.
    pub max_buffer_bytes: u64,
    /// Maximum number of loop steps in one invocation, over all loops. Beyond it the driver silently terminates loops.
    pub max_loop_steps: usize,
    /// Alignment in bytes of the offsets of storage bindings.
    pub binding_alignment_bytes: u64,
    /// Bytes of workgroup memory that a kernel may use; 0 where there are no kernels.
    pub workgroup_bytes: u32,
    /// Whether the GPU is emulated in software. Barriers and workgroup memory then cost more than they save.
    pub software: bool,
}

impl DeviceFacts {
    /// The host: no limits.
    pub const HOST: DeviceFacts = DeviceFacts {
        max_binding_bytes: u64::MAX,
        max_buffer_bytes: u64::MAX,
        max_loop_steps: usize::MAX,
        binding_alignment_bytes: 4,
        workgroup_bytes: 0,
        software: false,
    };

    /// The minimum that every Vulkan phone supports.
    pub const FLOOR: DeviceFacts = DeviceFacts {
        max_binding_bytes: 128 << 20,
        max_buffer_bytes: 256 << 20,
        max_loop_steps: usize::MAX,
        binding_alignment_bytes: 256,
        workgroup_bytes: 16_352,
        software: false,
    };
}

/// One dispatch.
#[derive(Debug, Clone, PartialEq)]
pub struct Kernel {
    /// The shader's name.
    pub shader: &'static str,
    /// The entry point in the shader.
    pub entry_point: &'static str,
    /// Pipeline-overridable constants.
    pub constants: Vec<(&'static str, f64)>,
    /// The contents of the parameter struct.
    pub params: Vec<u8>,
    /// Storage bindings from binding 1 on: inputs in the operator's order, then outputs.
    pub bindings: Vec<Binding>,
    /// The number of workgroups in x, y and z.
    pub workgroups: [u32; 3],
}

impl Kernel {
    /// A kernel that runs the `main` entry point of `shader`, reads all of `inputs` inputs and writes the output.
    pub fn new<P: bytemuck::Pod>(shader: &'static str, params: &P, inputs: usize, workgroups: [u32; 3]) -> Self {
        let bindings = (0..inputs).map(Binding::input).chain([Binding::output()]).collect();
        Kernel {
            shader,
            entry_point: "main",
            constants: Vec::new(),
            params: bytemuck::bytes_of(params).to_vec(),
            bindings,
            workgroups,
        }
    }

    /// The same kernel with another entry point.
    #[must_use]
    pub fn entry_point(mut self, entry_point: &'static str) -> Self {
        self.entry_point = entry_point;
        self
    }

    /// The same kernel with another override constant.
    #[must_use]
    pub fn constant(mut self, name: &'static str, value: f64) -> Self {
        self.constants.push((name, value));
        self
    }
}

/// The grid for `count` workgroups, in two dimensions if they exceed the limit of one. `shaders/lib/grid.wgsl` computes
/// the linear index. Surplus workgroups in the last row have an index that is out of range.
pub(crate) fn workgroups(count: usize) -> [u32; 3] {
    let max = MAX_WORKGROUPS_PER_DIMENSION as usize;
    let rows = count.div_ceil(max).max(1);
    let columns = count.div_ceil(rows);
    [u32::try_from(columns).unwrap_or(u32::MAX), u32::try_from(rows).unwrap_or(u32::MAX), 1]
}

/// The grid with one invocation for each of `count` elements.
pub(crate) fn invocations(count: usize) -> [u32; 3] {
    workgroups(count.div_ceil(WORKGROUP_SIZE as usize))
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.shader, self.entry_point)?;
        for (name, value) in &self.constants {
            write!(f, " {name}={value}")?;
        }
        let [x, y, z] = self.workgroups;
        write!(f, " grid {x}x{y}x{z}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_in_two_dimensions_have_all_workgroups() {
        assert_eq!(workgroups(0), [0, 1, 1]);
        assert_eq!(workgroups(1), [1, 1, 1]);
        assert_eq!(workgroups(65_535), [65_535, 1, 1]);
        assert_eq!(workgroups(65_536), [32_768, 2, 1]);
        for count in [65_537, 131_071, 1_000_003, 4_294_000] {
            let [x, y, _] = workgroups(count);
            assert!(x <= MAX_WORKGROUPS_PER_DIMENSION && x as usize * y as usize >= count, "{count}: {x}x{y}");
        }
        assert_eq!(invocations(65), [2, 1, 1]);
    }
}
