//! The kernels that TF.js' layers run for each operator of an unoptimised graph.
//!
//! The work of a layer beyond its operators, such as the masks of an Embedding and the steps of TimeDistributed,
//! follows from the notes of the graph. An operator that is not described here becomes one unpacked program, marked as
//! assumed.

use super::backend::{Call, Tensor};
use super::kernels::{Unary, binary_kernel, reduce_kernel};
use super::predict::Predict;
use crate::error::Result;
use crate::graph::{Builder, Node, Note, Source, ValueId};
use crate::ops::{
    Activation, BatchMatmul, BatchNormalization, BinaryFunction, Copy, Dense, Function, L2Normalize,
    LayerNormalization, Op, Reduction,
};
use crate::tensor;
use std::sync::Arc;

impl Predict<'_> {
    /// Runs the kernels of one operator. Activations in `own_activations` are computed with the operator they belong
    /// to.
    pub(super) fn layer(
        &mut self,
        id: ValueId,
        node: &Node,
        op: &Op,
        inputs: &[Tensor],
        rows: usize,
    ) -> Result<Tensor> {
        let like = &self.graph.ty(id).shape;
        let shape = like.resolve(rows);
        let axis_is_last = |axis: usize| axis + 1 == shape.len();
        // Values that depend only on weights or have no elements do not occur in real models, and the code below does
        // not support them.
        if !like.is_batched() || shape.contains(&0) || inputs.iter().any(|input| input.shape.contains(&0)) {
            return self.assumed(op, 0, inputs, &shape);
        }
        match (op, inputs) {
            (Op::Reshape(_), [x]) => self.backend.reshape(x, &shape, like),
            (Op::Embedding(op), [ids, table]) => {
                let flat = self.backend.regroup(ids, &[ids.len()])?;
                self.free("Cast", &flat);
                let looked_up = self.backend.gather(table, &flat, op)?;
                let looked_up = self.backend.reshape(&looked_up, &shape, like)?;
                if self.graph.has_note(&node.name, Note::MaskZero) {
                    self.masks(ids)?;
                }
                Ok(looked_up)
            }
            (Op::Dense(_), [x, kernel, bias]) => {
                let bias = (!self.graph.maker(node.inputs[2]).name.ends_with("/no_bias")).then_some(bias);
                let activation = self.own_activations.get(&id).map(|&activation| &self.graph.maker(activation).source);
                let function = match activation {
                    Some(Source::Op(op)) => Some(op),
                    _ => None,
                };
                if self.graph.has_note(&node.name, Note::TimeDistributed) && x.shape.len() == 3 {
                    return self.time_distributed(x, kernel, bias, function);
                }
                self.dense(x, kernel, bias, function)
            }
            (Op::Activation(Activation { function }), [x]) => self.activation(*function, x),
            (Op::Softmax(softmax), [x]) if axis_is_last(softmax.axis) && !softmax.log => self.backend.softmax(x),
            (Op::Binary(op), [left, right]) if binary_kernel(op.function).is_some() => {
                self.backend.binary(op.function, left, right)
            }
            (Op::Concatenate(op), inputs) => self.backend.concat("Concat", inputs, op.axis),
            (Op::Reduce(op), [x]) if reduce_kernel(op.reduction).is_some() && x.shape.len() > 1 => {
                let name = reduce_kernel(op.reduction).unwrap_or_default();
                self.backend.reduce(name, op.reduction, x, op.axis, false)
            }
            (Op::Permute(op), [x]) => self.backend.transpose(x, &op.order),
            (Op::RepeatVector(op), [x]) if x.shape.len() == 2 => {
                let x = self.backend.regroup(x, &[x.shape[0], 1, x.shape[1]])?;
                self.backend.tile(&x, &shape, op.clone().into())
            }
            (Op::BatchNormalization(op), [x, _]) if axis_is_last(op.axis) && x.shape.len() <= 4 => {
                let has_weight = |note: Note| !self.graph.has_note(&node.name, note);
                let [gamma, beta] = [Note::NoGamma, Note::NoBeta].map(has_weight);
                // The rows of the statistics from 1 on, in the order of TF.js: mean, variance, beta, gamma.
                let rows = [3, 4].into_iter().chain(beta.then_some(2)).chain(gamma.then_some(1));
                let parts: Vec<Tensor> = rows.map(|row| self.weight(node.inputs[1], row)).collect();
                self.batch_normalization(op, x, &parts)
            }
            (Op::LayerNormalization(op), [x, gamma, beta]) if op.axes == 1 && x.shape.len() == 2 => {
                let present =
                    |position: usize, absent: &str| !self.graph.maker(node.inputs[position]).name.contains(absent);
                let present = [present(1, "/no_gamma"), present(2, "/no_beta")];
                self.layer_normalization(op, x, [gamma, beta], present)
            }
            (Op::BatchMatmul(op), [left, right]) if op.heads.is_none() && op.scale == 1.0 => {
                self.batch_dot(op, left, right, &shape)
            }
            (Op::L2Normalize(op), [x]) if axis_is_last(op.axis) => self.l2_normalize(op, x),
            _ => self.assumed(op, 0, inputs, &shape),
        }
    }

    /// One output of an operator; each output is a separate program.
    pub(super) fn assumed(&mut self, op: &Op, position: usize, inputs: &[Tensor], shape: &[usize]) -> Result<Tensor> {
        let borrowed: Vec<&Tensor> = inputs.iter().collect();
        self.backend.kernel(op.operator().name(), &borrowed, &[shape.to_vec()]);
        self.backend.mark_assumed();
        let compute = |builder: &mut Builder, nodes: &[ValueId], name: &str| {
            builder.outputs_of(name, op.clone(), nodes).map(|outputs| outputs[position])
        };
        self.backend.run(&Call::unpacked("assumed", op, shape), &borrowed, compute)
    }

    /// A kernel that returns its input.
    fn free(&mut self, name: &'static str, x: &Tensor) {
        self.backend.kernel(name, &[x], std::slice::from_ref(&x.shape));
    }

    fn activation(&mut self, function: Function, x: &Tensor) -> Result<Tensor> {
        if let Some(kernel) = Unary::of(&function) {
            return self.backend.unary(kernel, function, x);
        }
        match function {
            Function::Swish => {
                let one = self.backend.scalar(1.0)?;
                let scaled = self.backend.binary(BinaryFunction::Multiply, x, &one)?;
                let gate = self.activation(Function::Sigmoid, &scaled)?;
                self.backend.binary(BinaryFunction::Multiply, &gate, x)
            }
            Function::Relu { max_value: Some(_), negative_slope: 0.0, threshold: 0.0 } => {
                let x = self.activation(Function::RELU, x)?;
                self.free("ClipByValue", &x);
                self.backend.run_op(&Call::packed("ClipPacked", "", &x.shape), &[&x], Activation { function }.into())
            }
            Function::Relu { max_value: None, negative_slope, threshold: 0.0 } => {
                self.free("LeakyRelu", x);
                let slope = self.backend.scalar(negative_slope)?;
                let call = Call::packed("BinaryOpPacked", "LeakyRelu", &x.shape);
                self.backend.run(&call, &[x, &slope], |builder, nodes, name| {
                    builder.op(name, Activation { function }, &nodes[..1])
                })
            }
            _ => self.assumed(&Activation { function }.into(), 0, std::slice::from_ref(x), &x.shape.clone()),
        }
    }

    /// The mask of an Embedding. TF.js computes it twice, whether or not anything needs it.
    fn masks(&mut self, ids: &Tensor) -> Result<()> {
        for _ in 0..2 {
            self.free("ZerosLike", ids);
            let zeros = self.backend.fill("ZerosLike", &ids.shape, 0.0)?;
            self.backend.kernel("NotEqual", &[ids, &zeros], std::slice::from_ref(&ids.shape));
            let call = Call::unpacked("BinaryOp", "NotEqual", &ids.shape);
            self.backend.run(&call, &[ids, &zeros], |builder, nodes, name| {
                builder.op(name, crate::ops::NotEqual { value: 0.0 }, &nodes[..1])
            })?;
        }
        Ok(())
    }

    /// Bias and activation are part of the product if TF.js fuses the activation; otherwise each is a separate kernel.
    fn dense(&mut self, x: &Tensor, kernel: &Tensor, bias: Option<&Tensor>, own: Option<&Op>) -> Result<Tensor> {
        let fused = match own {
            None => Some(None),
            Some(Op::Activation(Activation { function: f @ Function::Elu { alpha: 1.0 } })) => Some(Some(*f)),
            Some(Op::Activation(Activation { function })) if *function == Function::RELU => Some(Some(*function)),
            Some(_) => None,
        };
        if let Some(activation) = fused {
            return self.matrix_product(x, kernel, bias, activation);
        }
        let mut value = self.matrix_product(x, kernel, None, None)?;
        if let Some(bias) = bias {
            let mut bias = bias.clone();
            if x.shape.len() > 2 {
                let units = bias.len();
                bias = self.backend.regroup(&bias, &[vec![1; x.shape.len() - 1], vec![units]].concat())?;
            }
            value = self.backend.binary(BinaryFunction::Add, &value, &bias)?;
        }
        match own {
            Some(Op::Activation(Activation { function })) => self.activation(*function, &value),
            Some(Op::Softmax(softmax)) if !softmax.log => self.backend.softmax(&value),
            Some(op) => self.assumed(op, 0, std::slice::from_ref(&value), &value.shape.clone()),
            None => Ok(value),
        }
    }

    fn matrix_product(
        &mut self,
        x: &Tensor,
        kernel: &Tensor,
        bias: Option<&Tensor>,
        activation: Option<Function>,
    ) -> Result<Tensor> {
        let (depth, units) = (kernel.shape[0], kernel.shape[1]);
        let (rows, rank) = (x.len() / depth, x.shape.len());
        let (mut flat, mut kernel) = (x.clone(), kernel.clone());
        if rank > 2 {
            flat = self.backend.regroup(&flat, &[rows, depth])?;
            kernel = self.backend.transpose(&kernel, &[0, 1])?;
            kernel = self.backend.regroup(&kernel, &[depth, units])?;
        }
        let flat = self.backend.regroup(&flat, &[1, rows, depth])?;
        let kernel = self.backend.regroup(&kernel, &[1, depth, units])?;
        let inputs: Vec<&Tensor> = [&flat, &kernel].into_iter().chain(bias).collect();
        let output = vec![1, rows, units];
        self.backend.kernel("_FusedMatMul", &inputs, std::slice::from_ref(&output));
        let call = Call::packed("MatMulPacked", format!("bias {} {activation:?}", bias.is_some()), &output);
        let product = self.backend.run(&call, &inputs, |builder, nodes, name| {
            let zeros = || Ok(Arc::new(tensor::Tensor::f32(&[units], vec![0.0; units])?));
            let bias = match nodes.get(2) {
                Some(&bias) => bias,
                None => builder.constant("no_bias", zeros()?)?,
            };
            builder.op(name, Dense { activation, kernel: None }, &[nodes[0], nodes[1], bias])
        })?;
        let mut product = self.backend.regroup(&product, &[rows, units])?;
        if rank > 2 {
            let shape = [&x.shape[..rank - 1], &[units]].concat();
            product = self.backend.regroup(&product, &shape)?;
        }
        Ok(product)
    }

    /// Runs the layer for each step of `[N, T, K]` in turn.
    fn time_distributed(
        &mut self,
        x: &Tensor,
        kernel: &Tensor,
        bias: Option<&Tensor>,
        own: Option<&Op>,
    ) -> Result<Tensor> {
        let turned = self.backend.transpose(x, &[1, 0, 2])?;
        let mut steps = self.backend.unpack_steps(&turned)?;
        for step in &mut steps {
            *step = self.dense(step, kernel, bias, own)?;
        }
        self.backend.pack_steps(&steps)
    }

    fn batch_normalization(&mut self, op: &BatchNormalization, x: &Tensor, parts: &[Tensor]) -> Result<Tensor> {
        let mut shape = x.shape.clone();
        shape.splice(0..0, vec![1; 4 - x.shape.len()]);
        let whole = if x.shape.len() < 4 { self.backend.regroup(x, &shape)? } else { x.clone() };
        let inputs: Vec<&Tensor> = std::iter::once(&whole).chain(parts).collect();
        self.backend.kernel("FusedBatchNorm", &inputs, std::slice::from_ref(&shape));
        let call = Call::packed("BatchNormPacked", op.epsilon, &shape);
        let output =
            self.backend.run(&call, &inputs, |builder, nodes, name| builder.op(name, op.clone(), &nodes[..2]))?;
        self.backend.regroup(&output, &x.shape)
    }

    /// TF.js broadcasts mean, variance, gamma and beta to the whole batch, and normalises with the program of
    /// BatchNormalization, which reads five tensors. Here LayerNormalization represents that program; it computes mean
    /// and variance a second time.
    fn layer_normalization(
        &mut self,
        op: &LayerNormalization,
        x: &Tensor,
        weights: [&Tensor; 2],
        present: [bool; 2],
    ) -> Result<Tensor> {
        let (rows, width) = (x.shape[0], x.shape[1]);
        let mean = self.backend.reduce("Mean", Reduction::Mean, x, 1, true)?;
        self.free("Cast", x);
        let mean = self.backend.regroup(&mean, &[rows, 1])?;
        let off = self.backend.binary(BinaryFunction::Subtract, x, &mean)?;
        let square = self.backend.square(&off)?;
        let variance = self.backend.reduce("Mean", Reduction::Mean, &square, 1, true)?;
        let mut stretched = vec![mean, variance];
        for (weight, _) in weights.iter().zip(present).filter(|(_, present)| *present) {
            stretched.push(self.backend.regroup(weight, &[1, width])?);
        }
        for part in &mut stretched {
            *part = self.backend.tile(part, &x.shape, Copy.into())?;
        }
        // Beta precedes gamma.
        stretched[2..].reverse();
        let shape = [1, 1, rows, width];
        let whole = self.backend.regroup(x, &shape)?;
        let inputs: Vec<&Tensor> = std::iter::once(&whole).chain(&stretched).collect();
        self.backend.kernel("FusedBatchNorm", &inputs, &[shape.to_vec()]);
        let absent = [self.backend.node(weights[0])?, self.backend.node(weights[1])?];
        let call = Call::packed("BatchNormPacked", format!("stretched {} {present:?}", op.epsilon), &shape);
        let output = self.backend.run(&call, &inputs, |builder, nodes, name| {
            let [gamma, beta] = match present {
                [true, true] => [nodes[4], nodes[3]],
                [true, false] => [nodes[3], absent[1]],
                [false, true] => [absent[0], nodes[3]],
                [false, false] => absent,
            };
            builder.op(name, op.clone(), &[nodes[0], gamma, beta])
        })?;
        self.backend.regroup(&output, &x.shape)
    }

    fn batch_dot(&mut self, op: &BatchMatmul, left: &Tensor, right: &Tensor, shape: &[usize]) -> Result<Tensor> {
        match (op.axes, left.shape.len(), right.shape.len()) {
            ([1, 1], 2, 2) => {
                let products = self.backend.binary(BinaryFunction::Multiply, left, right)?;
                let sum = self.backend.reduce("Sum", Reduction::Sum, &products, 1, false)?;
                self.backend.kernel("ExpandDims", &[&sum], &[shape.to_vec()]);
                Ok(sum.seen_as(shape, &sum.like().with_sample(&[1])))
            }
            (axes, 3, 3) => {
                let call = Call::packed("MatMulPacked", format!("{} {}", axes[0] == 1, axes[1] == 2), shape);
                self.backend.kernel("BatchMatMul", &[left, right], &[shape.to_vec()]);
                self.backend.run_op(&call, &[left, right], op.clone().into())
            }
            _ => self.assumed(&op.clone().into(), 0, &[left.clone(), right.clone()], shape),
        }
    }

    fn l2_normalize(&mut self, op: &L2Normalize, x: &Tensor) -> Result<Tensor> {
        let axis = x.shape.len() - 1;
        let squares = self.backend.binary(BinaryFunction::Multiply, x, x)?;
        let sum = self.backend.reduce("Sum", Reduction::Sum, &squares, axis, true)?;
        self.backend.kernel("Fill", &[], std::slice::from_ref(&sum.shape));
        let floor = self.backend.fill("Fill", &sum.shape, op.floor)?;
        let sum = self.backend.binary(BinaryFunction::Maximum, &sum, &floor)?;
        let norm = self.activation(Function::SquareRoot, &sum)?;
        self.backend.binary(BinaryFunction::Divide, x, &norm)
    }
}
