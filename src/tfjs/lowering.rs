//! What all layers share while a topology becomes a graph: the builder, the weights, the notes for the reader.

use super::config::Config;
use super::keywords::Keywords;
use super::masks::Value;
use super::once::Once;
use super::topology::{LayerIdentity, Network};
use super::weights::{Match, WeightStore};
use crate::error::{Error, Result};
use crate::graph::{Builder, Graph, ValueId};
use crate::model::{LoadOptions, OpenDimension, Semantics, Skew, WeightSummary};
use crate::ops::{Activation, Binary, BinaryFunction, Cast, Function, NotEqual, Op, Reshape};
use crate::tensor::{DType, Shape};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Calls of layers in a model, those inside nested models counted each time. Models nested and shared many times over
/// grow beyond all measure.
const MAX_CALLS: usize = 1 << 18;

/// The outputs of a model by name.
pub(super) type Outputs = Vec<(String, ValueId)>;

/// The graph under construction.
#[derive(Debug)]
pub(super) struct Lowering {
    pub(super) builder: Builder,
    pub(super) weights: WeightStore,
    pub(super) options: LoadOptions,
    pub(super) origin: Origin,
    /// The names of the models around the current layer, outermost first.
    pub(super) models: Vec<String>,
    skews: Once<Skew>,
    warnings: Once<String>,
    notes: Once<String>,
    /// Why TF.js refuses the model, if a layer that it knows has an option that it refuses.
    refusal: Option<String>,
    /// Calls of layers so far.
    calls: usize,
    /// Elements of constants that stand in for weights, so far.
    pub(super) stand_in_elements: usize,
    /// The sizes of dimensions that the file leaves open.
    pub(super) open: Vec<OpenDimension>,
    /// Constants by layer and name, so that the calls of a shared layer share them.
    pub(super) constants: HashMap<(LayerIdentity, String), ValueId>,
    /// Numbers in the weights of each layer.
    pub(super) parameters: HashMap<LayerIdentity, HashMap<String, u64>>,
    /// What layers that hold others have done with them.
    pub(super) inner: Inner,
    /// Layers of the file that were numbered.
    numbered: usize,
    /// The models inside wrappers, which are read at their first call.
    wrapped: HashMap<LayerIdentity, Arc<Network>>,
    /// What TF.js would pass as `kwargs['mask']`: set by any call with a masked input to the mask of its first input,
    /// and never cleared (`executor.ts`). None before the first such call.
    pub(super) lingering_mask: Option<Option<ValueId>>,
    /// Whether initial states are among those arguments: a recurrent layer was called with some since there are any.
    pub(super) lingering_states: bool,
    /// Whether what is lowered is called as in training, by its own call or that of what is around it, if either says so.
    pub(super) training: Option<bool>,
    /// Of each layer that normalises otherwise in training, whether it does so.
    pub(super) trains: HashMap<LayerIdentity, bool>,
    /// Whether what is lowered sees less than it does in Keras: one step of many, or no mask where Keras has one.
    pub(super) in_part: bool,
    /// The shape of the last output of each layer.
    pub(super) shapes: HashMap<LayerIdentity, Shape>,
    /// Whether what is lowered is an operation, so that constants are computed with at once; see `folding`.
    pub(super) folds: bool,
    /// Elements of the constants that operations made, so far.
    pub(super) folded_elements: usize,
    /// The constants in which a size is the number of samples; see `folding`.
    pub(super) counts: HashSet<ValueId>,
}

/// What a layer that holds other layers needs from the files that know all layers and models.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inner {
    /// Reads a model, numbering its layers on.
    pub(super) read: fn(&serde_json::Value, &mut usize) -> Result<Network>,
    /// The outputs of a layer of a class.
    pub(super) layer: fn(&str, &mut LayerCall<'_, '_>, &[Value]) -> Result<Vec<Value>>,
    /// The outputs of a model, which stands at this place in an archive.
    pub(super) network: LowerNetwork,
}

type LowerNetwork = fn(&Network, &[Value], &str, &mut Lowering) -> Result<Vec<Value>>;

/// Who wrote the topology and who reads it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub(super) is_keras_3: bool,
    /// The 5 of Keras 3.5.0, if the file says it.
    pub(super) keras_3_minor: Option<u32>,
    /// Whether TF.js reads files of this form.
    pub(super) is_read_by_tfjs: bool,
}

/// A graph with what is to be told about it.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) graph: Graph,
    pub(super) skews: Vec<Skew>,
    pub(super) warnings: Vec<String>,
    pub(super) notes: Vec<String>,
    /// Why TF.js refuses the model, where a layer says so.
    pub(super) refusal: Option<String>,
    /// The weights that were drawn at random.
    pub(super) drawn: Vec<WeightSummary>,
    /// Where weights go whose names do not say it; then the graph holds others in their place.
    pub(super) open: Option<Match>,
}

impl Lowering {
    /// Lowers a file of which `numbered` layers have numbers.
    pub(super) fn new(
        weights: WeightStore,
        options: LoadOptions,
        origin: Origin,
        inner: Inner,
        numbered: usize,
    ) -> Self {
        let weights_warnings = weights.warnings();
        Lowering {
            builder: Builder::new(),
            weights,
            options,
            origin,
            models: Vec::new(),
            skews: Once::default(),
            warnings: weights_warnings.into_iter().collect(),
            notes: Once::default(),
            refusal: None,
            calls: 0,
            stand_in_elements: 0,
            open: Vec::new(),
            constants: HashMap::new(),
            parameters: HashMap::new(),
            inner,
            numbered,
            wrapped: HashMap::new(),
            lingering_mask: None,
            lingering_states: false,
            training: None,
            trains: HashMap::new(),
            in_part: false,
            shapes: HashMap::new(),
            folds: false,
            folded_elements: 0,
            counts: HashSet::new(),
        }
    }

    pub(super) fn finish(self, outputs: Outputs) -> Result<Finished> {
        let open = self.weights.finish()?;
        let drawn = self.weights.drawn().to_vec();
        Ok(Finished {
            graph: self.builder.finish(outputs)?,
            skews: self.skews.all,
            warnings: self.warnings.all,
            notes: self.notes.all,
            refusal: self.refusal,
            drawn,
            open,
        })
    }

    /// Whether the model answers as Keras 3 does.
    pub(super) fn answers_as_keras_3(&self) -> bool {
        self.origin.is_keras_3 && self.options.tfjs.semantics == Semantics::Keras
    }

    /// Counts a call of a layer; an error if there are more than any model has.
    pub(super) fn count_call(&mut self) -> Result<()> {
        self.calls += 1;
        if self.calls > MAX_CALLS {
            return Err(Error::limit(format!("the model makes more than {MAX_CALLS} calls of layers"))
                .cause("models inside models multiply"));
        }
        Ok(())
    }

    /// Notes what the reader should know, once.
    pub(super) fn warn(&mut self, warning: String) {
        self.warnings.add(warning);
    }

    /// Notes that TF.js refuses the model, and why.
    pub(super) fn refused_by_tfjs(&mut self, why: String) {
        self.refusal.get_or_insert(why);
    }

    /// Notes how the file was read where it can be read in several ways, once.
    pub(super) fn note(&mut self, note: String) {
        self.notes.add(note);
    }

    /// Numbers in the weights that `layer` took.
    pub(super) fn parameters_of(&self, layer: LayerIdentity) -> u64 {
        self.parameters.get(&layer).map_or(0, |weights| weights.values().sum())
    }

    /// The model inside the wrapper `layer`, if it was called and there is one.
    pub(super) fn wrapped_by(&self, layer: LayerIdentity) -> Option<&Arc<Network>> {
        self.wrapped.get(&layer)
    }

    /// The model that `json` describes, inside the wrapper `layer`: the same for every call.
    pub(super) fn wrap(&mut self, layer: LayerIdentity, json: &serde_json::Value) -> Result<Arc<Network>> {
        if let Some(network) = self.wrapped.get(&layer) {
            return Ok(Arc::clone(network));
        }
        let network = Arc::new((self.inner.read)(json, &mut self.numbered)?);
        self.wrapped.insert(layer, Arc::clone(&network));
        Ok(network)
    }

    fn differ(&mut self, layer: &str, difference: &'static str) {
        // TF.js loads no topology of Keras 3 as it is, and so cannot answer differently.
        if self.origin.is_keras_3 && !self.origin.is_read_by_tfjs {
            return;
        }
        self.skews.add(Skew { layer: layer.into(), difference });
    }
}

/// One call of one layer.
#[derive(Debug)]
pub(super) struct LayerCall<'l, 'm> {
    pub(super) lowering: &'l mut Lowering,
    pub(super) config: &'l Config<'m>,
    pub(super) keywords: &'l Keywords<'m>,
    /// The layer's name: the scope of its weights and the name of its nodes.
    pub(super) name: &'m str,
    pub(super) identity: LayerIdentity,
    /// Where the layer stands in a `.keras` archive, as in `layers/dense_1`; see `weights`.
    pub(super) archive: &'m str,
}

impl LayerCall<'_, '_> {
    pub(super) fn semantics(&self) -> Semantics {
        self.lowering.options.tfjs.semantics
    }

    /// Whether Keras 3 wrote the topology: some of its layers are others than those of Keras 2.
    pub(super) fn is_keras_3(&self) -> bool {
        self.lowering.origin.is_keras_3
    }

    /// Whether the layer answers as that of Keras 3, where that is another than that of Keras 2 and TF.js.
    pub(super) fn answers_as_keras_3(&self) -> bool {
        self.lowering.answers_as_keras_3()
    }

    /// Notes that TF.js knows this class of layers and refuses this one, so that the whole model has but one meaning.
    pub(super) fn refused_by_tfjs(&mut self, why: &str) {
        self.lowering.refused_by_tfjs(format!("layer `{}` {why}", self.name));
    }

    /// Notes that TF.js and Keras differ at this layer.
    pub(super) fn differ(&mut self, difference: &'static str) {
        self.lowering.differ(self.name, difference);
    }

    pub(super) fn shape(&self, id: ValueId) -> Shape {
        self.lowering.builder.ty(id).shape.clone()
    }

    pub(super) fn rank(&self, id: ValueId) -> usize {
        self.lowering.builder.ty(id).shape.rank()
    }

    pub(super) fn dtype(&self, id: ValueId) -> DType {
        self.lowering.builder.ty(id).dtype
    }

    /// Adds an operator under the layer's name.
    pub(super) fn op(&mut self, op: impl Into<Op>, inputs: &[ValueId]) -> Result<ValueId> {
        let op = op.into();
        match self.folded(&op, inputs)?.as_deref() {
            Some(&[constant]) => Ok(constant),
            _ => self.lowering.builder.op(self.name, op, inputs),
        }
    }

    /// An operator with several outputs under the layer's name.
    pub(super) fn outputs_of(&mut self, op: impl Into<Op>, inputs: &[ValueId]) -> Result<Vec<ValueId>> {
        let op = op.into();
        match self.folded(&op, inputs)? {
            Some(constants) => Ok(constants),
            None => self.lowering.builder.outputs_of(self.name, op, inputs),
        }
    }

    /// A function of every element of `x`.
    pub(super) fn apply(&mut self, function: Function, x: ValueId) -> Result<ValueId> {
        self.op(Activation { function }, &[x])
    }

    /// A function of pairs of elements.
    pub(super) fn binary(&mut self, function: BinaryFunction, left: ValueId, right: ValueId) -> Result<ValueId> {
        self.op(Binary { function }, &[left, right])
    }

    /// A function of every element of `x` and a number.
    pub(super) fn with_number(&mut self, function: BinaryFunction, x: ValueId, number: f32) -> Result<ValueId> {
        let number = self.number(number)?;
        self.binary(function, x, number)
    }

    /// `x` where `mask` is on, else 0.
    pub(super) fn kept(&mut self, x: ValueId, mask: ValueId) -> Result<ValueId> {
        let mask = self.float(mask)?;
        self.binary(BinaryFunction::Keep, x, mask)
    }

    /// `x` where `mask` is on, else `y`.
    pub(super) fn choose(&mut self, mask: ValueId, x: ValueId, y: ValueId) -> Result<ValueId> {
        let on = self.float(mask)?;
        let one = self.number(1.0)?;
        let off = self.binary(BinaryFunction::Subtract, one, on)?;
        let [x, y] = [(x, on), (y, off)].map(|(value, mask)| self.binary(BinaryFunction::Keep, value, mask));
        self.binary(BinaryFunction::Add, x?, y?)
    }

    /// `x` as float32.
    pub(super) fn float(&mut self, x: ValueId) -> Result<ValueId> {
        self.cast(x, DType::F32)
    }

    /// `x` as the operand of float arithmetic. On integers Keras and TF.js compute in integers, which is not done here.
    pub(super) fn float_operand(&mut self, x: ValueId) -> Result<ValueId> {
        match self.dtype(x) {
            DType::I32 => Err(Error::unsupported("computes with int32 tensors, which is not supported")
                .cause("the answer in float32 would not be the same")
                .hint("make the input float32, or embed the ids first")),
            _ => self.float(x),
        }
    }

    pub(super) fn cast(&mut self, x: ValueId, to: DType) -> Result<ValueId> {
        if self.dtype(x) == to { Ok(x) } else { self.op(Cast { to }, &[x]) }
    }

    /// `x` as booleans: whether it differs from 0.
    pub(super) fn truth(&mut self, x: ValueId) -> Result<ValueId> {
        if self.dtype(x) == DType::Bool { Ok(x) } else { self.op(NotEqual { value: 0.0 }, &[x]) }
    }

    pub(super) fn reshape(&mut self, x: ValueId, sample: &[usize]) -> Result<ValueId> {
        if self.shape(x).sample() == sample {
            return Ok(x);
        }
        self.op(Reshape { sample: sample.to_vec() }, &[x])
    }

    /// `x` with a dimension of 1 before its dimension `axis`.
    pub(super) fn expand(&mut self, x: ValueId, axis: usize) -> Result<ValueId> {
        let mut sample = self.shape(x).sample();
        sample.insert(axis - 1, 1);
        self.reshape(x, &sample)
    }

    /// The only input.
    pub(super) fn one(&self, inputs: &[Value]) -> Result<Value> {
        match inputs {
            [input] => Ok(*input),
            _ => Err(Error::format(format!("takes one input, not {}", inputs.len()))),
        }
    }

    /// Dimension `axis` of `x`, counted from the end if negative, which must be one of a sample.
    pub(super) fn sample_axis(&self, x: ValueId, axis: i64) -> Result<usize> {
        let shape = self.shape(x);
        shape
            .axis(axis)
            .filter(|&axis| axis > 0)
            .ok_or_else(|| Error::format(format!("axis {axis} is not a dimension of a sample in {shape}")))
    }
}
