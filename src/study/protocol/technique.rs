//! The techniques of TF.js that a study removes one after the other.

/// A technique of TF.js. A study removes them in this order: each row of the table is also without the techniques
/// before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Technique {
    /// No technique is removed.
    AllKept,
    /// Each kernel is submitted separately.
    SubmitPerKernel,
    /// Outputs are read back one at a time.
    ReadBackPerOutput,
    /// A program is compiled for each shape it runs with.
    ProgramPerShape,
    /// Copies that textures need, and batches split into slices of 32 rows.
    Textures,
    /// Each operator is a kernel of its own: nothing is fused.
    KernelPerOperator,
}

impl Technique {
    /// All techniques, in the order in which they are removed.
    pub const ALL: [Technique; 6] = [
        Technique::AllKept,
        Technique::SubmitPerKernel,
        Technique::ReadBackPerOutput,
        Technique::ProgramPerShape,
        Technique::Textures,
        Technique::KernelPerOperator,
    ];

    /// The name of the step.
    pub fn name(self) -> &'static str {
        match self {
            Technique::AllKept => "as TF.js on WebGL 2",
            Technique::SubmitPerKernel => "one submit",
            Technique::ReadBackPerOutput => "one read-back",
            Technique::ProgramPerShape => "programs for all shapes",
            Technique::Textures => "buffers for textures",
            Technique::KernelPerOperator => "fused",
        }
    }

    /// A description of the step.
    pub fn about(self) -> &'static str {
        match self {
            Technique::AllKept => {
                "the kernels of TF.js in its order, a program for each shape, each submitted by itself, outputs read one \
                 by one"
            }
            Technique::SubmitPerKernel => "all kernels of a prediction are handed to the device together",
            Technique::ReadBackPerOutput => "all outputs are waited for together",
            Technique::ProgramPerShape => "shapes are parameters, so a program is compiled once for all of them",
            Technique::Textures => "no packing, unpacking and reshaping of textures, no slices of 32 rows",
            Technique::KernelPerOperator => "operators share kernels, and values stay where they are computed",
        }
    }
}
