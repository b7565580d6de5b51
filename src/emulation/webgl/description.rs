//! The work of TF.js' WebGL backend for one predict, as plain data with a text form.

use std::fmt;

/// The kernels that TF.js runs for one predict, in order, with their programs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    /// The kernels. Each read-back is listed as a kernel called `read`.
    pub kernels: Vec<Kernel>,
    /// Number of programs with distinct keys since the model was loaded. Each was compiled once.
    pub distinct_programs: usize,
    /// Number of tensors that were uploaded.
    pub uploads: usize,
    /// Number of tensors that were read back.
    pub downloads: usize,
    /// Number of kernels that compute something on the CPU. In this crate they are dispatches like any other.
    pub host_steps: usize,
}

/// One kernel, as `tf.profile` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// Its name in TF.js, such as `_FusedMatMul`; if `assumed`, the operator's name in this crate.
    pub name: &'static str,
    /// The shapes of its inputs.
    pub inputs: Vec<Vec<usize>>,
    /// The shapes of its outputs.
    pub outputs: Vec<Vec<usize>>,
    /// Whether it runs on the CPU because all of its inputs are small and still there.
    pub on_cpu: bool,
    /// Whether its single unpacked program is an assumption, because the implementation in TF.js is not described here.
    pub assumed: bool,
    /// The programs that it runs on the GPU; empty if it only changes the shape of a tensor.
    pub programs: Vec<Program>,
}

/// One run of a WebGL program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its class in TF.js without the suffix `Program`, such as `MatMulPacked`.
    pub class: &'static str,
    /// The shapes of its inputs.
    pub inputs: Vec<Vec<usize>>,
    /// The shape of its output.
    pub output: Vec<usize>,
    /// The number of its key, in order of first use. Programs with equal keys are compiled once.
    pub key: usize,
}

impl Description {
    /// All programs in execution order.
    pub fn programs(&self) -> impl Iterator<Item = &Program> {
        self.kernels.iter().flat_map(|kernel| &kernel.programs)
    }
}

/// One line for each kernel, followed by one for each of its programs.
impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kernels.iter().try_for_each(|kernel| kernel.fmt(f))
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        write_shapes(f, &self.inputs)?;
        if !self.outputs.is_empty() {
            f.write_str(" ->")?;
            write_shapes(f, &self.outputs)?;
        }
        if self.on_cpu && self.name != "read" {
            f.write_str(" on the CPU")?;
        }
        if self.assumed {
            f.write_str(" (assumed)")?;
        }
        writeln!(f)?;
        for program in &self.programs {
            write!(f, "  {}", program.class)?;
            if program.inputs.is_empty() {
                f.write_str(" ")?;
            }
            write_shapes(f, &program.inputs)?;
            writeln!(f, " -> {:?} #{}", program.output, program.key)?;
        }
        Ok(())
    }
}

fn write_shapes(f: &mut fmt::Formatter<'_>, shapes: &[Vec<usize>]) -> fmt::Result {
    shapes.iter().try_for_each(|shape| write!(f, " {shape:?}"))
}
