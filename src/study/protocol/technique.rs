//! The techniques of TF.js that a study removes one after the other.

/// A technique of TF.js. They are removed in this order; each row of the table is without those before it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Technique {
    /// None is removed.
    AllKept,
    /// Commands are handed to the device one kernel at a time.
    SubmitPerKernel,
    /// Outputs are waited for one at a time.
    ReadBackPerOutput,
    /// A program is compiled for each shape it is used with.
    ProgramPerShape,
    /// The copies and the slices of 32 rows that textures ask for.
    Textures,
    /// A kernel for each operator.
    KernelPerOperator,
}

impl Technique {
    /// All, in order.
    pub const ALL: [Technique; 6] = [
        Technique::AllKept,
        Technique::SubmitPerKernel,
        Technique::ReadBackPerOutput,
        Technique::ProgramPerShape,
        Technique::Textures,
        Technique::KernelPerOperator,
    ];

    /// What the step is called.
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

    /// What that means.
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
