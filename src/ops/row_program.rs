//! Row program: several operators in one dispatch, for which a row of the result depends only on the same row of the
//! inputs.
//!
//! A program is a list of operators whose operands are inputs of the program or results of operators before them. A row
//! is what remains of a value without its first `row_rank` dimensions: the batch, and for a higher rank also steps,
//! heads or fields. All computed values have the same such dimensions. Inputs may lack them: constants, values with one
//! row for the batch, and values with one row for all positions of a sample. Outputs are those of some of the operators,
//! in their order. Keras and TF.js have no such layer: a pass makes it from operators that have a row form
//! ([`Operator::row_form`]) and that fit together ([`RowProgram::fits`]).
//!
//! One kernel interprets all programs: its parameters hold up to [`MOST_INSTRUCTIONS`] instructions. So a device compiles
//! one pipeline for all models. A workgroup takes groups of four rows through the instructions. Each element of the arena in workgroup
//! memory is a vector of the four rows, so elements of any shape are addressed alike, and every weight is read once for
//! four rows. Invocations share the elements of an instruction; `row_program/assembly.rs` decides where they wait.
//!
//! Weights are unpacked words, because every group of rows would decode them again; tables may be packed.

mod assembly;
mod drafts;
mod encoding;
mod simplify;
mod sources;
mod text;

use super::operator::{ConcreteType, Cost, KernelRequest, Operator};
use super::{Op, row_form::Work};
use crate::error::{Error, Result};
use crate::kernel::{ACTIVATE, DeviceFacts, Fragment, GRID, HALF, Kernel, SPECIAL, Shader, TABLE, params, shader};
use crate::tensor::{DType, Tensor, TensorType, Tolerance, perturb};
use assembly::{Action, Assembly};
use std::collections::HashSet;

/// Operators over rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RowProgram {
    /// The number of leading dimensions that number the rows, including the batch.
    pub row_rank: usize,
    /// The types of the inputs.
    pub inputs: Vec<TensorType>,
    /// The operators in order.
    pub nodes: Vec<RowNode>,
    /// The operators whose results are the outputs.
    pub outputs: Vec<usize>,
    /// Why the next operator is not part of the program; empty if there is none.
    pub end: String,
}

/// An operator of a program.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RowNode {
    /// The operator; it has one output.
    pub op: Op,
    /// Its operands.
    pub inputs: Vec<RowSource>,
    /// The type of its output.
    pub ty: TensorType,
}

/// An operand of an operator in a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowSource {
    /// The program's input at this position.
    Input(usize),
    /// The result of the operator at this position.
    Node(usize),
}

/// Maximum number of instructions, for which the parameters have room.
pub const MOST_INSTRUCTIONS: usize = 96;

/// The number of vectors of four words in an instruction.
const INSTRUCTION_QUADS: usize = 9;

/// The number of elements of the arena. With the places of the rows they fit the 16 352 bytes that every phone has.
const ARENA: usize = 1000;

/// Maximum number of groups of four rows in a workgroup.
const MOST_GROUPS: usize = 8;

/// Maximum number of elements of an operand of a product that is loaded into the arena. Larger ones are read from
/// memory as often as the product needs them.
const MOST_LOADED: usize = 256;

/// Maximum number of elements of one instruction, for which the shader's quotients of floats are exact: 8 groups of them
/// are 2¹⁷, and a quotient of 2.5 units in the last place is right up to 2²⁰.
const MOST_ELEMENTS: usize = 1 << 14;

/// Maximum number of multiplications per row. The weights are then at most a megabyte, which stays in a phone's cache
/// while the groups of rows read it again. Not measured.
const MOST_PRODUCTS: usize = 1 << 18;

/// The number of buffers from which a program reads values that are not its weights.
const MOST_SOURCES: usize = 2;

/// Runs with perturbed results, and the factor on the widest spread: a few runs do not reach the worst case.
const PERTURBED_RUNS: u64 = 4;
const SPREAD_FACTOR: f64 = 2.0;

params! {
    /// `Params` of `shaders/row_program.wgsl`.
    RowProgramParams {
        rows: u32,
        /// The number of rows of a sample.
        positions: u32,
        groups: u32,
        count: u32,
        program: [[u32; 4]; MOST_INSTRUCTIONS * INSTRUCTION_QUADS],
    }
}

pub(super) const SHADERS: &[Shader] = &[shader!(
    "row_program",
    RowProgramParams,
    fragments: [GRID, SPECIAL, ACTIVATE, HALF, TABLE, ROW_OPERANDS, ROW_PRODUCTS, ROW_LINES]
)];

/// The parts of the shader: operands, and groups of instructions.
const ROW_OPERANDS: Fragment =
    Fragment { name: "row_operands", source: include_str!("../../shaders/lib/row_operands.wgsl") };
const ROW_PRODUCTS: Fragment =
    Fragment { name: "row_products", source: include_str!("../../shaders/lib/row_products.wgsl") };
const ROW_LINES: Fragment = Fragment { name: "row_lines", source: include_str!("../../shaders/lib/row_lines.wgsl") };

/// What a program reads from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowBuffer {
    /// A constant.
    Constant,
    /// An input of the model. All of them are in one buffer.
    ModelInput,
    /// The results of the operator with this number. All of them are in one buffer.
    Computed(usize),
}

impl RowProgram {
    /// The type of an operand.
    fn ty(&self, source: RowSource) -> &TensorType {
        match source {
            RowSource::Input(input) => &self.inputs[input],
            RowSource::Node(node) => &self.nodes[node].ty,
        }
    }

    /// The dimensions of the rows of a sample.
    fn positions(&self) -> Vec<usize> {
        self.nodes[0].ty.shape.sample()[..self.row_rank - 1].to_vec()
    }

    /// Whether one dispatch can run the program on a device, given where its inputs are. The error says which limit it
    /// exceeds.
    pub fn fits(&self, buffers: &[RowBuffer], facts: &DeviceFacts) -> Result<()> {
        let assembly = Assembly::new(self)?;
        let limit = |what: String| Err(Error::device_limit(what));
        if facts.workgroup_bytes < encoding::workgroup_bytes(ARENA) {
            return limit("the device has no workgroup memory for rows".into());
        }
        if assembly.elements > ARENA {
            return limit(format!("a row takes {} of {ARENA} elements of workgroup memory", assembly.elements));
        }
        let count = assembly.instructions.len();
        if count > MOST_INSTRUCTIONS {
            return limit(format!("{count} instructions are more than {MOST_INSTRUCTIONS}"));
        }
        let read: HashSet<&RowBuffer> = buffers.iter().filter(|buffer| **buffer != RowBuffer::Constant).collect();
        let reads_tables = (0..self.inputs.len()).any(|at| self.is_table(at));
        let sources = read.len() + usize::from(reads_tables);
        if sources > MOST_SOURCES {
            return limit(format!("values from {sources} buffers are more than {MOST_SOURCES}"));
        }
        let widest = assembly.instructions.iter().map(|instruction| instruction.size.iter().product::<usize>()).max();
        if widest.is_some_and(|widest| widest > MOST_ELEMENTS) {
            return limit(format!("an operator has more than {MOST_ELEMENTS} elements a row"));
        }
        let products = assembly.products();
        if products > MOST_PRODUCTS {
            return limit(format!("{products} products a row are more than {MOST_PRODUCTS}"));
        }
        let steps = encoding::loop_steps(&assembly, 1);
        if steps > facts.max_loop_steps {
            return limit(format!("loops of {steps} steps exceed the device's limit of {}", facts.max_loop_steps));
        }
        Ok(())
    }

    /// The names of the operators in order; of neighbours with the same name, the number.
    pub fn operators(&self) -> String {
        let names: Vec<&str> = self.nodes.iter().map(|node| node.op.operator().name()).collect();
        let runs = names.chunk_by(|left, right| left == right);
        let text =
            |run: &[&str]| if run.len() == 1 { run[0].to_string() } else { format!("{} × {}", run.len(), run[0]) };
        runs.map(text).collect::<Vec<_>>().join(", ")
    }

    /// The instructions, one a line.
    pub fn text(&self) -> Result<String> {
        Ok(Assembly::new(self)?.to_string())
    }

    /// Evaluates all operators. `see` receives each operator with its operands and results, and returns what later
    /// operators read.
    fn run(
        &self,
        inputs: &[&Tensor],
        mut see: impl FnMut(usize, &[&Tensor], Tensor) -> Result<Tensor>,
    ) -> Result<Vec<Tensor>> {
        let mut results: Vec<Tensor> = Vec::with_capacity(self.nodes.len());
        for (index, node) in self.nodes.iter().enumerate() {
            let operands: Vec<&Tensor> = node
                .inputs
                .iter()
                .map(|source| match source {
                    RowSource::Input(input) => inputs[*input],
                    RowSource::Node(node) => &results[*node],
                })
                .collect();
            let result = node.op.operator().answer(&operands)?;
            let result = see(index, &operands, result)?;
            results.push(result);
        }
        Ok(results)
    }

    /// The concrete types of all operators' operands and results for rows of this batch.
    fn concrete(&self, batch: usize) -> impl Iterator<Item = (&RowNode, Vec<ConcreteType>, ConcreteType)> {
        self.nodes.iter().map(move |node| {
            let inputs = node.inputs.iter().map(|source| ConcreteType::of(self.ty(*source), batch)).collect();
            (node, inputs, ConcreteType::of(&node.ty, batch))
        })
    }
}

/// Whether a program looks up rows of an operator's input.
pub fn looks_up(op: &Op, position: usize) -> bool {
    // The kernel of an Embedding binds its table alone; a program reads it beside others.
    op.operator().is_table(position) || (matches!(op, Op::Embedding(_)) && position == 1)
}

impl Assembly {
    /// The multiplications of a row.
    fn products(&self) -> usize {
        let products = |action: &Action, elements: usize, depth: usize| match action {
            Action::Work(Work::Dense { .. } | Work::Product { .. }) => elements.saturating_mul(depth),
            _ => 0,
        };
        let of = |instruction: &assembly::Instruction| {
            products(&instruction.action, instruction.size.iter().product(), instruction.depth)
        };
        self.instructions.iter().map(of).fold(0, usize::saturating_add)
    }
}

impl Operator for RowProgram {
    fn name(&self) -> &'static str {
        "row_program"
    }

    fn attributes(&self) -> String {
        format!("{{ rank {}: {} }}", self.row_rank, self.operators())
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        if !inputs.iter().copied().eq(&self.inputs) {
            return Err(Error::shape("the inputs are not those of the program"));
        }
        if self.nodes.is_empty() || self.row_rank == 0 {
            return Err(Error::shape("takes at least one operator and one dimension of rows"));
        }
        for (index, node) in self.nodes.iter().enumerate() {
            let known = |source: &RowSource| match source {
                RowSource::Input(input) => *input < inputs.len(),
                RowSource::Node(node) => *node < index,
            };
            if !node.inputs.iter().all(known) {
                return Err(Error::shape("an operator reads what does not precede it"));
            }
            let operands: Vec<&TensorType> = node.inputs.iter().map(|source| self.ty(*source)).collect();
            if node.op.operator().infer(&operands)? != [node.ty.clone()] {
                return Err(Error::shape(format!("{} has another type", node.op.operator().name())));
            }
        }
        let output = |&node: &usize| self.nodes.get(node).map(|node| node.ty.clone());
        let outputs: Option<Vec<TensorType>> = self.outputs.iter().map(output).collect();
        outputs.filter(|outputs| !outputs.is_empty()).ok_or_else(|| Error::shape("an output is no operator's"))
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let results = self.run(inputs, |_, _, result| Ok(result))?;
        Ok(self.outputs.iter().map(|&node| results[node].clone()).collect())
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        Ok(vec![encoding::kernel(self, &Assembly::new(self)?, request)?])
    }

    fn is_table(&self, position: usize) -> bool {
        self.nodes.iter().any(|node| {
            let mut sources = node.inputs.iter().enumerate();
            sources.any(|(at, source)| *source == RowSource::Input(position) && looks_up(&node.op, at))
        })
    }

    fn takes_packed(&self, position: usize) -> bool {
        self.is_table(position)
    }

    /// The widest tolerance of an operator. [`Operator::allowance`] measures that of the outputs.
    fn tolerance(&self, inputs: &[&Tensor]) -> Tolerance {
        let mut terms = 0;
        let result = self.run(inputs, |index, operands, result| {
            if let Tolerance::Sum { terms: of } = self.nodes[index].op.operator().tolerance(operands) {
                terms = terms.max(of);
            }
            Ok(result)
        });
        result.map_or(Tolerance::Exact, |_| Tolerance::Sum { terms })
    }

    /// The allowance of the operators before an output is measured: they run again with their results moved within
    /// their allowances, and the output moves by what they contribute.
    fn allowance(&self, inputs: &[&Tensor], _: &[Tensor]) -> Result<Vec<Vec<f64>>> {
        let mut own: Vec<Vec<f64>> = Vec::with_capacity(self.nodes.len());
        let exact = self.run(inputs, |index, operands, result| {
            let results = [result];
            own.push(self.nodes[index].op.operator().allowance(operands, &results)?.swap_remove(0));
            let [result] = results;
            Ok(result)
        })?;
        let mut spreads = vec![0.0f64; self.nodes.len()];
        for run in 0..PERTURBED_RUNS {
            self.run(inputs, |index, _, result| {
                // What the operators before have moved; its own allowance comes on top.
                let pairs = exact[index].to_f64().into_iter().zip(result.to_f64());
                let distances = pairs.map(|(exact, moved)| (exact - moved).abs());
                spreads[index] = distances.filter(|distance| distance.is_finite()).fold(spreads[index], f64::max);
                match result.dtype() {
                    DType::F32 => perturb(&result, &own[index], [run, index as u64]),
                    _ => Ok(exact[index].clone()),
                }
            })?;
        }
        let allowed = |&output: &usize| own[output].iter().map(|own| own + SPREAD_FACTOR * spreads[output]).collect();
        Ok(self.outputs.iter().map(allowed).collect())
    }

    fn flops(&self, _: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        let batch = outputs[0].shape[0];
        let flops = self.concrete(batch).map(|(node, inputs, output)| node.op.operator().flops(&inputs, &[output]));
        flops.fold(0, u64::saturating_add)
    }

    /// Inputs and outputs, and of tables only the rows that are looked up.
    fn cost(&self, inputs: &[ConcreteType], outputs: &[ConcreteType]) -> Cost {
        let read = (0..inputs.len()).filter(|&at| !self.is_table(at)).map(|at| inputs[at].len());
        let words: usize = read.chain(outputs.iter().map(ConcreteType::len)).sum();
        let lookups = self.concrete(outputs[0].shape[0]).map(|(node, inputs, output)| {
            let op = node.op.operator();
            if (0..inputs.len()).any(|at| looks_up(&node.op, at)) { op.cost(&inputs, &[output]).bytes } else { 0 }
        });
        let bytes = lookups.fold(4 * words as u64, u64::saturating_add);
        Cost { flops: self.flops(inputs, outputs), bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shader_has_room_for_as_many_elements_groups_and_instructions() {
        let source = SHADERS[0].source;
        assert!(source.contains(&format!("var<workgroup> arena: array<vec4<f32>, {ARENA}>;")));
        assert!(source.contains(&format!("var<workgroup> samples: array<vec4<u32>, {MOST_GROUPS}>;")));
        assert!(source.contains(&format!("program: array<vec4<u32>, {}>", MOST_INSTRUCTIONS * INSTRUCTION_QUADS)));
        assert!(source.contains(&format!("instruction_at(index * {INSTRUCTION_QUADS}u)")));
    }
}
