//! The state of TF.js' WebGL backend, and the steps around a program: uploads, packing and unpacking.
//!
//! Every program that runs adds a line to the description and a node to the graph, so the two always agree. The mapping
//! from kernels to programs is in `kernels`.

use super::description::{Description, Kernel, Program};
use super::textures;
use crate::error::Result;
use crate::graph::{Builder, ValueId};
use crate::ops::{Copy, Reshape};
use crate::tensor::Shape;
use std::collections::HashMap;

/// Number of elements below which a kernel runs on the CPU if all of its inputs are still there.
const CPU_FORWARD_BELOW: usize = 128;

/// Maximum number of elements that an unpacked program takes as a uniform from a tensor on the CPU.
const MOST_UNIFORM: usize = 4;

/// Data on the CPU or in a texture. Several tensors of different shapes may share it.
#[derive(Debug, Clone)]
struct Stored {
    on_gpu: bool,
    is_packed: bool,
    /// The shape with which it was created.
    shape: Vec<usize>,
    texture: Option<[usize; 2]>,
    has_offset: bool,
    /// The value in the graph.
    node: ValueId,
}

/// A tensor of TF.js.
#[derive(Debug, Clone)]
pub(super) struct Tensor {
    data: usize,
    pub(super) shape: Vec<usize>,
    /// Its shape in the graph, where the batch is symbolic and dimensions of 1 may differ from TF.js.
    like: Shape,
}

impl Tensor {
    pub(super) fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// The same data with another shape in TF.js, and another shape in the graph.
    pub(super) fn seen_as(&self, shape: &[usize], like: &Shape) -> Tensor {
        Tensor { data: self.data, shape: shape.to_vec(), like: like.clone() }
    }

    pub(super) fn like(&self) -> &Shape {
        &self.like
    }
}

/// A program that is about to run.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// Its class in TF.js, without the suffix `Program`.
    pub(super) class: &'static str,
    /// The parts of its source that depend on more than shapes.
    pub(super) code: String,
    pub(super) packed_inputs: bool,
    pub(super) packed_output: bool,
    pub(super) output: Vec<usize>,
}

impl Call {
    pub(super) fn packed(class: &'static str, code: impl ToString, output: &[usize]) -> Call {
        Call { class, code: code.to_string(), packed_inputs: true, packed_output: true, output: output.to_vec() }
    }

    pub(super) fn unpacked(class: &'static str, code: impl ToString, output: &[usize]) -> Call {
        Call { class, code: code.to_string(), packed_inputs: false, packed_output: false, output: output.to_vec() }
    }
}

/// The state of the backend, and what has been recorded so far.
#[derive(Debug, Default)]
pub(super) struct Backend {
    stored: Vec<Stored>,
    /// The numbers of program keys, in order of first use.
    keys: HashMap<String, usize>,
    pub(super) description: Description,
    pub(super) builder: Builder,
    /// The nodes of programs whose results nothing reads.
    pub(super) ran: Vec<ValueId>,
    /// The layer, input or output that the programs run for.
    pub(super) layer: String,
}

impl Backend {
    /// Begins another predict: stored data is kept, and a new graph is built.
    pub(super) fn begin(&mut self) {
        (self.description, self.builder, self.ran) = Default::default();
    }

    /// A tensor whose values are on the CPU.
    pub(super) fn on_cpu(&mut self, node: ValueId, shape: &[usize]) -> Tensor {
        self.store(node, shape, false)
    }

    /// Assigns its node in this graph to a weight that was stored by an earlier predict.
    pub(super) fn renew(&mut self, tensor: &Tensor, node: ValueId) {
        self.stored[tensor.data].node = node;
    }

    fn store(&mut self, node: ValueId, shape: &[usize], is_packed: bool) -> Tensor {
        let data = self.stored.len();
        let (shape, like) = (shape.to_vec(), self.builder.ty(node).shape.clone());
        let stored = Stored { on_gpu: false, is_packed, shape: shape.clone(), texture: None, has_offset: false, node };
        self.stored.push(stored);
        Tensor { data, shape, like }
    }

    /// Whether a kernel with these inputs runs on the CPU, if it has a CPU implementation.
    pub(super) fn forwards(&self, inputs: &[&Tensor]) -> bool {
        inputs.iter().all(|input| !self.stored[input.data].on_gpu && input.len() < CPU_FORWARD_BELOW)
    }

    /// The value of `tensor` in the graph, with its shape there.
    pub(super) fn node(&mut self, tensor: &Tensor) -> Result<ValueId> {
        let node = self.stored[tensor.data].node;
        self.seen(node, &tensor.like)
    }

    fn seen(&mut self, node: ValueId, like: &Shape) -> Result<ValueId> {
        if self.builder.ty(node).shape == *like || !like.is_batched() {
            return Ok(node);
        }
        self.builder.op(&self.name("Reshape"), Reshape { sample: like.sample() }, &[node])
    }

    /// The name of a node: what it is for, followed by what it does.
    pub(super) fn name(&self, what: &str) -> String {
        format!("{}/{what}", self.layer)
    }

    /// Begins a kernel. The programs that run until the next kernel begins belong to it.
    pub(super) fn kernel(&mut self, name: &'static str, inputs: &[&Tensor], outputs: &[Vec<usize>]) {
        let inputs = inputs.iter().map(|input| input.shape.clone()).collect();
        let kernel =
            Kernel { name, inputs, outputs: outputs.to_vec(), on_cpu: false, assumed: false, programs: vec![] };
        self.description.kernels.push(kernel);
    }

    fn current(&mut self) -> Option<&mut Kernel> {
        self.description.kernels.last_mut()
    }

    /// Marks the current kernel as running on the CPU, and returns the new tensor that it produces.
    pub(super) fn computed_on_cpu(&mut self, node: ValueId, shape: &[usize]) -> Tensor {
        self.mark_cpu();
        self.ran.push(node);
        self.description.host_steps += 1;
        self.store(node, shape, false)
    }

    /// Marks the current kernel as running on the CPU.
    pub(super) fn mark_cpu(&mut self) {
        if let Some(kernel) = self.current() {
            kernel.on_cpu = true;
        }
    }

    /// Marks the current kernel as not derived from the source of TF.js.
    pub(super) fn mark_assumed(&mut self) {
        if let Some(kernel) = self.current() {
            kernel.assumed = true;
        }
    }

    /// Runs a program. `compute` adds its computation to the graph, given the nodes of its inputs and a name.
    pub(super) fn run(
        &mut self,
        call: &Call,
        inputs: &[&Tensor],
        compute: impl FnOnce(&mut Builder, &[ValueId], &str) -> Result<ValueId>,
    ) -> Result<Tensor> {
        let mut nodes = Vec::with_capacity(inputs.len());
        let mut key = format!("{}|{}", call.class, call.code);
        for input in inputs {
            let (node, part) = self.prepared(call, input)?;
            nodes.push(node);
            key.push_str(&part);
        }
        let name = self.name(call.class);
        let node = compute(&mut self.builder, &nodes, &name)?;
        let output = self.store(node, &call.output, call.packed_output);
        let texture = if call.class.starts_with("Decode") {
            textures::dense_size(&call.output)
        } else {
            textures::size(&call.output, call.packed_output)
        };
        let stored = &mut self.stored[output.data];
        (stored.on_gpu, stored.texture) = (true, Some(texture));
        self.ran.push(node);
        let shapes = inputs.iter().map(|input| input.shape.clone()).collect();
        self.record(call.class, shapes, &call.output, format!("{key}|{:?}{texture:?}", call.output));
        Ok(output)
    }

    fn record(&mut self, class: &'static str, inputs: Vec<Vec<usize>>, output: &[usize], key: String) {
        let next = self.keys.len();
        let key = *self.keys.entry(key).or_insert(next);
        self.description.distinct_programs = self.keys.len();
        let program = Program { class, inputs, output: output.to_vec(), key };
        if let Some(kernel) = self.current() {
            kernel.programs.push(program);
        }
    }

    /// Converts an input to the layout that a program requires. Returns its node, and its part of the program's key.
    fn prepared(&mut self, call: &Call, input: &Tensor) -> Result<(ValueId, String)> {
        let stored = &mut self.stored[input.data];
        if !stored.on_gpu {
            if !call.packed_inputs && input.len() <= MOST_UNIFORM {
                return Ok((self.node(input)?, format!("|{:?}uniform", input.shape)));
            }
            if call.packed_inputs {
                (stored.is_packed, stored.shape) = (true, input.shape.clone());
            }
            self.upload(input)?;
        }
        let stored = &self.stored[input.data];
        let mut input = input.clone();
        if stored.is_packed != call.packed_inputs {
            let class = if stored.is_packed { "Unpack" } else { "Pack" };
            let (is_packed, output) = (stored.is_packed, input.shape.clone());
            let move_it =
                Call { class, code: String::new(), packed_inputs: is_packed, packed_output: !is_packed, output };
            input = self.moved(&move_it, &input)?;
        } else if stored.is_packed && !textures::is_reshape_free(&stored.shape, &input.shape) {
            let from = input.seen_as(&stored.shape.clone(), &input.like);
            input = self.reshaped_packed(&from, &input.shape, &input.like.clone())?;
        }
        let node = self.node(&input)?;
        let stored = &self.stored[input.data];
        let texture = stored.texture.unwrap_or_else(|| textures::size(&stored.shape, stored.is_packed));
        let offset = if stored.has_offset { "offset" } else { "" };
        Ok((node, format!("|{:?}{texture:?}{offset}", input.shape)))
    }

    /// Runs a program that only moves the elements of `input`.
    pub(super) fn moved(&mut self, call: &Call, input: &Tensor) -> Result<Tensor> {
        let output = self.run(call, &[input], |builder, nodes, name| builder.op(name, Copy, nodes))?;
        Ok(Tensor { like: input.like.clone(), ..output })
    }

    /// Changes the shape of a packed tensor whose texture has to be rearranged for the new shape.
    pub(super) fn reshaped_packed(&mut self, input: &Tensor, shape: &[usize], like: &Shape) -> Result<Tensor> {
        let from = input.seen_as(&textures::as_3d(&input.shape), &input.like);
        let output = self.moved(&Call::packed("ReshapePacked", "", &textures::as_3d(shape)), &from)?;
        Ok(output.seen_as(shape, like))
    }

    /// Uploads a tensor that is on the CPU into a texture, and converts it to its layout there.
    pub(super) fn upload(&mut self, tensor: &Tensor) -> Result<()> {
        let Stored { on_gpu, is_packed, ref shape, node, .. } = self.stored[tensor.data];
        if on_gpu {
            return Ok(());
        }
        let (texture, output) = (textures::size(shape, is_packed), textures::as_3d(shape));
        let class = if is_packed { "EncodeMatrixPacked" } else { "EncodeMatrix" };
        let copy = self.builder.op(&self.name(class), Copy, &[node])?;
        self.ran.push(copy);
        self.description.uploads += 1;
        let laid_out = textures::size(&output, is_packed);
        self.record(class, vec![texture.to_vec()], &output, format!("{class}{texture:?}{output:?}{laid_out:?}"));
        let stored = &mut self.stored[tensor.data];
        (stored.on_gpu, stored.texture, stored.node) = (true, Some(laid_out), copy);
        Ok(())
    }

    /// Whether the values of `tensor` are in a packed texture that cannot be reinterpreted with `shape`.
    pub(super) fn needs_reshape_program(&self, tensor: &Tensor, shape: &[usize]) -> bool {
        let stored = &self.stored[tensor.data];
        stored.is_packed
            && !textures::is_reshape_free(&tensor.shape, shape)
            && !(stored.on_gpu && textures::is_reshape_free(&stored.shape, shape))
    }

    pub(super) fn is_packed(&self, tensor: &Tensor) -> bool {
        self.stored[tensor.data].is_packed
    }

    /// Rows of an unpacked texture without a copy: a new tensor that begins at an offset.
    pub(super) fn shallow_slice(&mut self, tensor: &Tensor, shape: &[usize], has_offset: bool) -> Tensor {
        let mut stored = self.stored[tensor.data].clone();
        (stored.shape, stored.has_offset) = (shape.to_vec(), stored.has_offset || has_offset);
        self.stored.push(stored);
        Tensor { data: self.stored.len() - 1, shape: shape.to_vec(), like: tensor.like.clone() }
    }

    /// Reads a tensor back. Returns the node of the value that the caller receives.
    pub(super) fn read(&mut self, tensor: &Tensor) -> Result<ValueId> {
        self.kernel("read", &[tensor], &[]);
        if !self.stored[tensor.data].on_gpu {
            self.mark_cpu();
            return self.node(tensor);
        }
        let (is_packed, output) = (self.is_packed(tensor), textures::as_3d(&tensor.shape));
        let class = if is_packed { "DecodeMatrixPacked" } else { "DecodeMatrix" };
        let call = Call { class, code: String::new(), packed_inputs: is_packed, packed_output: true, output };
        let read = self.moved(&call, &tensor.seen_as(&textures::as_3d(&tensor.shape), &tensor.like))?;
        self.description.downloads += 1;
        self.node(&read)
    }
}
