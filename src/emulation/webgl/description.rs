//! The work of TF.js' WebGL backend for one predict, as a plain value with a text form.

use std::fmt;

/// The kernels that TF.js runs for one predict, in order, and what they run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    /// The kernels, and each read-back as one called `read`.
    pub kernels: Vec<Kernel>,
    /// Programs with keys of their own since the model was loaded: each was compiled once.
    pub distinct_programs: usize,
    /// Tensors that were uploaded.
    pub uploads: usize,
    /// Tensors that were read back.
    pub downloads: usize,
    /// Kernels on the CPU that compute something. On our devices they are dispatches like any other.
    pub host_steps: usize,
}

/// One kernel as `tf.profile` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// TF.js' name, as `_FusedMatMul`; ours if `assumed`.
    pub name: &'static str,
    /// The shapes of the tensors that it takes.
    pub inputs: Vec<Vec<usize>>,
    /// The shapes of the tensors that it gives.
    pub outputs: Vec<Vec<usize>>,
    /// Whether it runs on the CPU, because all that it takes is small and still there.
    pub on_cpu: bool,
    /// Whether what it runs is only assumed: one unpacked program, because TF.js' way of it is not described here.
    pub assumed: bool,
    /// The programs that it runs on the GPU; none if it only gives a tensor another shape.
    pub programs: Vec<Program>,
}

/// One run of a WebGL program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its class in TF.js without `Program`, as `MatMulPacked`.
    pub class: &'static str,
    /// The shapes of the tensors that it reads.
    pub inputs: Vec<Vec<usize>>,
    /// The shape of what it writes.
    pub output: Vec<usize>,
    /// The number of its key in order of first use. Programs of equal keys are compiled once.
    pub key: usize,
}

impl Description {
    /// All programs in the order in which they run.
    pub fn programs(&self) -> impl Iterator<Item = &Program> {
        self.kernels.iter().flat_map(|kernel| &kernel.programs)
    }
}

/// A line for each kernel, and one below it for each program it runs.
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
