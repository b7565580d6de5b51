//! The kernels of TF.js: their programs, and their operators in the graph.
//!
//! Names are those of TF.js. A function whose name ends in `_inside` is a kernel that another kernel calls.

use super::backend::{Backend, Call, Tensor};
use super::textures;
use crate::error::Result;
use crate::graph::ValueId;
use crate::ops::{
    Activation, Binary, BinaryFunction, Concatenate, Copy, Embedding, Function, Op, Permute, Reduce, Reduction,
    Reshape, Slice,
};
use crate::tensor::{self, Shape};
use std::sync::Arc;

/// Maximum number of textures that one program reads. It depends on the device; this is the limit of the recordings and
/// of most phones.
const MOST_TEXTURES: usize = 16;

/// A kernel of one element, as implemented in TF.js.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unary {
    pub(super) name: &'static str,
    is_packed: bool,
    on_cpu_too: bool,
}

impl Unary {
    pub(super) fn of(function: &Function) -> Option<Unary> {
        let (name, is_packed, on_cpu_too) = match function {
            function if *function == Function::RELU => ("Relu", true, false),
            Function::Elu { alpha: 1.0 } => ("Elu", true, false),
            Function::Sigmoid => ("Sigmoid", true, true),
            Function::Tanh => ("Tanh", false, false),
            Function::Exponential => ("Exp", true, true),
            Function::SquareRoot => ("Sqrt", true, true),
            _ => return None,
        };
        Some(Unary { name, is_packed, on_cpu_too })
    }
}

/// The kernel for a function of two elements: its name, and whether it also has a CPU implementation. All of them are
/// packed.
pub(super) fn binary_kernel(function: BinaryFunction) -> Option<(&'static str, bool)> {
    Some(match function {
        BinaryFunction::Add => ("Add", true),
        BinaryFunction::Subtract => ("Sub", true),
        BinaryFunction::Multiply => ("Multiply", true),
        BinaryFunction::Divide => ("RealDiv", false),
        BinaryFunction::Maximum => ("Maximum", true),
        BinaryFunction::Minimum => ("Minimum", true),
        BinaryFunction::PRelu => ("Prelu", false),
        _ => return None,
    })
}

/// The kernel that reduces along an axis, if TF.js has one.
pub(super) fn reduce_kernel(reduction: Reduction) -> Option<&'static str> {
    Some(match reduction {
        Reduction::Sum => "Sum",
        Reduction::Mean => "Mean",
        Reduction::Maximum => "Max",
        Reduction::Minimum => "Min",
        Reduction::Product => "Prod",
        Reduction::L1 | Reduction::L2 | Reduction::LogSumExp => return None,
    })
}

/// The shape to which both shapes broadcast, aligned at their last dimensions.
fn stretched(left: &[usize], right: &[usize]) -> Vec<usize> {
    let rank = left.len().max(right.len());
    let dim = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |at| shape[at]);
    (0..rank).map(|axis| dim(left, axis).max(dim(right, axis))).collect()
}

impl Backend {
    /// Reshape: free unless a packed texture would have to be rearranged.
    pub(super) fn reshape(&mut self, x: &Tensor, shape: &[usize], like: &Shape) -> Result<Tensor> {
        self.kernel("Reshape", &[x], &[shape.to_vec()]);
        self.reshape_inside(x, shape, like)
    }

    /// Reshape to a shape that is the same in the graph.
    pub(super) fn regroup(&mut self, x: &Tensor, shape: &[usize]) -> Result<Tensor> {
        self.reshape(x, shape, &x.like().clone())
    }

    fn reshape_inside(&mut self, x: &Tensor, shape: &[usize], like: &Shape) -> Result<Tensor> {
        if self.needs_reshape_program(x, shape) {
            return self.reshaped_packed(x, shape, like);
        }
        Ok(x.seen_as(shape, like))
    }

    pub(super) fn unary(&mut self, kernel: Unary, function: Function, x: &Tensor) -> Result<Tensor> {
        self.kernel(kernel.name, &[x], std::slice::from_ref(&x.shape));
        self.unary_inside(kernel, function, x)
    }

    fn unary_inside(&mut self, kernel: Unary, function: Function, x: &Tensor) -> Result<Tensor> {
        let op: Op = Activation { function }.into();
        if kernel.on_cpu_too && self.forwards(&[x]) {
            return self.op_on_cpu(kernel.name, op, &[x], &x.shape);
        }
        let call = if kernel.is_packed {
            Call::packed("UnaryOpPacked", kernel.name, &x.shape)
        } else {
            Call::unpacked("UnaryOp", kernel.name, &x.shape)
        };
        self.run_op(&call, &[x], op)
    }

    pub(super) fn binary(&mut self, function: BinaryFunction, left: &Tensor, right: &Tensor) -> Result<Tensor> {
        let (name, _) = binary_kernel(function).unwrap_or(("assumed", false));
        self.kernel(name, &[left, right], &[stretched(&left.shape, &right.shape)]);
        self.binary_inside(function, left, right)
    }

    fn binary_inside(&mut self, function: BinaryFunction, left: &Tensor, right: &Tensor) -> Result<Tensor> {
        let (name, on_cpu_too) = binary_kernel(function).unwrap_or(("assumed", false));
        let (op, shape): (Op, _) = (Binary { function }.into(), stretched(&left.shape, &right.shape));
        if on_cpu_too && self.forwards(&[left, right]) {
            return self.op_on_cpu(name, op, &[left, right], &shape);
        }
        self.run_op(&Call::packed("BinaryOpPacked", name, &shape), &[left, right], op)
    }

    /// Square, which has no packed program.
    pub(super) fn square(&mut self, x: &Tensor) -> Result<Tensor> {
        self.kernel("Square", &[x], std::slice::from_ref(&x.shape));
        let function = BinaryFunction::Multiply;
        self.run(&Call::unpacked("UnaryOp", "Square", &x.shape), &[x], |builder, nodes, name| {
            builder.op(name, Binary { function }, &[nodes[0], nodes[0]])
        })
    }

    /// Sum, Mean or Max along `axis`, which is kept with size 1 if `keep`.
    pub(super) fn reduce(
        &mut self,
        name: &'static str,
        reduction: Reduction,
        x: &Tensor,
        axis: usize,
        keep: bool,
    ) -> Result<Tensor> {
        let mut shape = x.shape.clone();
        shape.remove(axis);
        if keep {
            shape.insert(axis, 1);
        }
        self.kernel(name, &[x], std::slice::from_ref(&shape));
        let reduced = self.reduce_inside(reduction, x, axis)?;
        let mut sample = x.like().sample();
        sample.remove(axis - 1);
        if keep {
            sample.insert(axis - 1, 1);
        }
        let like = x.like().with_sample(&sample);
        self.reshape_inside(&reduced, &shape, &like)
    }

    /// Reduces the values along `axis` to one, in as many programs as their number requires.
    fn reduce_inside(&mut self, reduction: Reduction, x: &Tensor, axis: usize) -> Result<Tensor> {
        let rank = x.shape.len();
        let mut x = x.clone();
        if axis + 1 != rank {
            let order: Vec<usize> = (0..rank).filter(|&dim| dim != axis).chain([axis]).collect();
            x = self.transpose_inside(&x, &order)?;
        }
        let mut length = x.shape[rank - 1];
        let lines = x.len() / length;
        let mut reduced = self.reshape_inside(&x, &[lines, length], &x.like().clone())?;
        loop {
            let window = textures::window(length);
            let left = length.div_ceil(window);
            let class = if reduction == Reduction::Mean { "Mean" } else { "Reduce" };
            let call = Call::unpacked(class, format!("{reduction:?} {window} {length}"), &[lines, left]);
            reduced = self.run(&call, &[&reduced], |builder, nodes, name| {
                let mut x = nodes[0];
                let mut sample = builder.ty(x).shape.sample();
                if left > 1 {
                    sample.pop();
                    sample.extend([left, window]);
                    x = builder.op(name, Reshape { sample: sample.clone() }, &[x])?;
                }
                builder.op(name, Reduce { reduction, axis: sample.len() }, &[x])
            })?;
            length = left;
            if left == 1 {
                return Ok(reduced);
            }
        }
    }

    /// Transpose.
    pub(super) fn transpose(&mut self, x: &Tensor, order: &[usize]) -> Result<Tensor> {
        let shape: Vec<usize> = order.iter().map(|&from| x.shape[from]).collect();
        self.kernel("Transpose", &[x], std::slice::from_ref(&shape));
        if self.forwards(&[x]) {
            return self.op_on_cpu("Transpose", transposition(x, order), &[x], &shape);
        }
        self.transpose_inside(x, order)
    }

    fn transpose_inside(&mut self, x: &Tensor, order: &[usize]) -> Result<Tensor> {
        let shape: Vec<usize> = order.iter().map(|&from| x.shape[from]).collect();
        let call = Call::packed("TransposePacked", format!("{order:?}"), &shape);
        self.run_op(&call, &[x], transposition(x, order))
    }

    /// GatherV2 of rows.
    pub(super) fn gather(&mut self, table: &Tensor, ids: &Tensor, op: &Embedding) -> Result<Tensor> {
        let (count, width) = (ids.len(), table.shape[1]);
        self.kernel("GatherV2", &[table, ids], &[vec![count, width]]);
        if self.forwards(&[table, ids]) {
            return self.op_on_cpu("GatherV2", op.clone().into(), &[ids, table], &[count, width]);
        }
        let flat_table = table.seen_as(&[1, 1, table.shape[0], width], table.like());
        let flat_ids = ids.seen_as(&[1, count], ids.like());
        let call = Call::unpacked("Gather", "", &[1, 1, count, width]);
        let rows = self.run(&call, &[&flat_table, &flat_ids], |builder, nodes, name| {
            builder.op(name, op.clone(), &[nodes[1], nodes[0]])
        })?;
        self.reshape_inside(&rows, &[count, width], &rows.like().clone())
    }

    /// Concat within samples.
    pub(super) fn concat(&mut self, name: &'static str, inputs: &[Tensor], axis: usize) -> Result<Tensor> {
        let borrowed: Vec<&Tensor> = inputs.iter().collect();
        let shape = joined(inputs, axis);
        self.kernel(name, &borrowed, std::slice::from_ref(&shape));
        if self.forwards(&borrowed) {
            return self.op_on_cpu(name, Concatenate { axis }.into(), &borrowed, &shape);
        }
        self.concat_inside(inputs, axis, &Concatenate { axis }.into())
    }

    /// Concat of the outputs of the slices of a batch.
    pub(super) fn concat_pieces(&mut self, inputs: &[Tensor]) -> Result<Tensor> {
        let borrowed: Vec<&Tensor> = inputs.iter().collect();
        let shape = joined(inputs, 0);
        self.kernel("Concat", &borrowed, std::slice::from_ref(&shape));
        if self.forwards(&borrowed) {
            let node = self.node(&inputs[0])?;
            return Ok(self.computed_on_cpu(node, &shape));
        }
        self.concat_inside(inputs, 0, &Copy.into())
    }

    pub(super) fn concat_inside(&mut self, inputs: &[Tensor], axis: usize, op: &Op) -> Result<Tensor> {
        if inputs.len() > MOST_TEXTURES {
            let parts = inputs.chunks(MOST_TEXTURES).map(|part| self.concat_inside(part, axis, op));
            let parts: Vec<Tensor> = parts.collect::<Result<_>>()?;
            return self.concat_inside(&parts, axis, op);
        }
        let borrowed: Vec<&Tensor> = inputs.iter().collect();
        self.run(&Call::packed("ConcatPacked", axis, &joined(inputs, axis)), &borrowed, |builder, nodes, name| {
            // Copies only one slice of a batch, because the graph has only one.
            builder.op(name, op.clone(), if *op == Op::Copy(Copy) { &nodes[..1] } else { nodes })
        })
    }

    /// A number, for which TF.js creates a new tensor in every call.
    pub(super) fn scalar(&mut self, value: f32) -> Result<Tensor> {
        let constant = tensor::Tensor::f32(&[1], vec![value])?;
        let node = self.builder.constant(&format!("number_{value}"), Arc::new(constant))?;
        Ok(self.on_cpu(node, &[]))
    }

    /// A tensor filled with a number by a program.
    pub(super) fn fill(&mut self, name: &'static str, shape: &[usize], value: f32) -> Result<Tensor> {
        let constant = tensor::Tensor::f32(&[1], vec![value])?;
        let constant = self.builder.constant(&format!("{name}/{value}"), Arc::new(constant))?;
        self.run(&Call::unpacked("Fill", "", shape), &[], |builder, _, name| builder.op(name, Copy, &[constant]))
    }

    /// Tile; the graph broadcasts implicitly.
    pub(super) fn tile(&mut self, x: &Tensor, shape: &[usize], op: Op) -> Result<Tensor> {
        self.kernel("Tile", &[x], &[shape.to_vec()]);
        self.run_op(&Call::unpacked("Tile", "", shape), &[x], op)
    }

    /// Unpack along dimension 0, which is dimension 1 in the graph.
    pub(super) fn unpack_steps(&mut self, x: &Tensor) -> Result<Vec<Tensor>> {
        let (steps, step) = (x.shape[0], x.shape[1..].to_vec());
        self.kernel("Unpack", &[x], &vec![step.clone(); steps]);
        let like = x.like().with_sample(&x.like().sample()[1..]);
        let one = [&[1], step.as_slice()].concat();
        let on_cpu = self.forwards(&[x]);
        (0..steps)
            .map(|start| {
                let op = Slice { axis: 1, start, step: 1, count: 1 }.into();
                let taken = if on_cpu {
                    self.op_on_cpu("Unpack", op, &[x], &one)?
                } else {
                    self.run_op(&Call::packed("SlicePacked", "", &one), &[x], op)?
                };
                self.reshape_inside(&taken, &step, &like)
            })
            .collect()
    }

    /// Pack along dimension 1.
    pub(super) fn pack_steps(&mut self, steps: &[Tensor]) -> Result<Tensor> {
        let expanded = |shape: &[usize]| [&shape[..1], &[1], &shape[1..]].concat();
        let borrowed: Vec<&Tensor> = steps.iter().collect();
        let mut shape = expanded(&steps[0].shape);
        shape[1] = steps.len();
        self.kernel("Pack", &borrowed, std::slice::from_ref(&shape));
        let like = |step: &Tensor| step.like().with_sample(&[&[1], step.like().sample().as_slice()].concat());
        let steps = steps.iter().map(|step| self.reshape_inside(step, &expanded(&step.shape), &like(step)));
        let steps: Vec<Tensor> = steps.collect::<Result<_>>()?;
        let borrowed: Vec<&Tensor> = steps.iter().collect();
        if self.forwards(&borrowed) {
            return self.op_on_cpu("Pack", Concatenate { axis: 1 }.into(), &borrowed, &shape);
        }
        self.concat_inside(&steps, 1, &Concatenate { axis: 1 }.into())
    }

    /// Softmax along the last dimension: one kernel that calls five others.
    pub(super) fn softmax(&mut self, x: &Tensor) -> Result<Tensor> {
        self.kernel("Softmax", &[x], std::slice::from_ref(&x.shape));
        let axis = x.shape.len() - 1;
        let mut one = (x.shape.clone(), x.like().sample());
        (one.0[axis], one.1[axis - 1]) = (1, 1);
        let like = x.like().with_sample(&one.1);
        let exp = Unary { name: "Exp", is_packed: true, on_cpu_too: true };
        let largest = self.reduce_inside(Reduction::Maximum, x, axis)?;
        let largest = self.reshape_inside(&largest, &one.0, &like)?;
        let below = self.binary_inside(BinaryFunction::Subtract, x, &largest)?;
        let powers = self.unary_inside(exp, Function::Exponential, &below)?;
        let sum = self.reduce_inside(Reduction::Sum, &powers, axis)?;
        let sum = self.reshape_inside(&sum, &one.0, &like)?;
        self.binary_inside(BinaryFunction::Divide, &powers, &sum)
    }

    /// Runs a program that computes one operator over its inputs.
    pub(super) fn run_op(&mut self, call: &Call, inputs: &[&Tensor], op: Op) -> Result<Tensor> {
        self.run(call, inputs, |builder, nodes, name| builder.op(name, op, nodes))
    }

    /// Adds the computation of a kernel on the CPU.
    pub(super) fn op_on_cpu(&mut self, kernel: &str, op: Op, inputs: &[&Tensor], shape: &[usize]) -> Result<Tensor> {
        let nodes: Vec<ValueId> = inputs.iter().map(|input| self.node(input)).collect::<Result<_>>()?;
        let name = self.name(&format!("{kernel} on the CPU"));
        let node = self.builder.op(&name, op, &nodes)?;
        Ok(self.computed_on_cpu(node, shape))
    }
}

/// The operator in the graph for a transposition.
fn transposition(x: &Tensor, order: &[usize]) -> Op {
    // A weight, or a sequence whose steps precede its samples. The graph has no such order, so only the work is
    // emulated.
    if !x.like().is_batched() || order[0] != 0 {
        return Copy.into();
    }
    Permute { order: order.to_vec() }.into()
}

fn joined(inputs: &[Tensor], axis: usize) -> Vec<usize> {
    let mut shape = inputs[0].shape.clone();
    shape[axis] = inputs.iter().map(|input| input.shape[axis]).sum();
    shape
}
