//! SimpleRNN, GRU, LSTM, and RNN of their cells, stacked or not.
//!
//! The inputs of all steps are projected by one Dense, and [`Recurrent`] takes the projections through the steps. Stacked
//! cells are layers one after the other: what a cell makes of a step is all that the next one sees of it.

use super::class::Class;
use super::step_masks::masking;
use crate::error::{Context, Error, Result};
use crate::graph::ValueId;
use crate::model::Semantics;
use crate::ops::{Cell, Concatenate, Dense, Function, MaskedOutput, Op, Order, Recurrent, RecurrentOutput};
use crate::tensor::{DType, Tensor};
use crate::tfjs::activations;
use crate::tfjs::config::Config;
use crate::tfjs::json;
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::{Masks, Value};
use crate::tfjs::positions::Positions;
use crate::tfjs::training::InTfJs;
use std::sync::Arc;

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[
    Class::new("GRU", |call, inputs| layer("GRU", call, inputs), "not `reset_after`", ""),
    Class::new("LSTM", |call, inputs| layer("LSTM", call, inputs), "✓", ""),
    Class::new(
        "RNN",
        |call, inputs| layer("RNN", call, inputs),
        "not of StackedRNNCells of Keras",
        "of SimpleRNNCell, GRUCell, LSTMCell, StackedRNNCells of these",
    ),
    Class::new("SimpleRNN", |call, inputs| layer("SimpleRNN", call, inputs), "✓", ""),
];

/// A recurrent layer as its configuration has it.
#[derive(Debug)]
pub(super) struct Layer {
    /// One, or stacked ones from the first to the last.
    cells: Vec<CellSettings>,
    pub(super) sequences: bool,
    pub(super) states: bool,
    pub(super) backwards: bool,
    /// Whether Keras puts zeros out where the mask hides a step.
    pub(super) zeros: bool,
    /// Whether states are those of the last cell first.
    reversed: bool,
}

/// What TF.js writes of an RNN's cell beside it, and does not read.
const OF_THE_CELL: &[&str] = &[
    "activation",
    "cells",
    "dropout",
    "implementation",
    "recurrent_activation",
    "recurrent_dropout",
    "reset_after",
    "unit_forget_bias",
    "units",
    "use_bias",
];

#[derive(Debug)]
struct CellSettings {
    /// What the names of its weights have behind the layer's name.
    scope: String,
    /// What its place in an archive has behind the layer's.
    place: String,
    cell: Cell,
    units: usize,
    activation: Option<Function>,
    recurrent_activation: Option<Function>,
    use_bias: bool,
}

/// What a recurrent layer is called with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sequence<'s> {
    pub(super) x: ValueId,
    pub(super) mask: Option<ValueId>,
    /// None, or one for each state of each cell.
    pub(super) initial: &'s [ValueId],
}

impl Layer {
    /// Reads the configuration of a layer of `class`.
    pub(super) fn read(class: &str, call: &mut LayerCall<'_, '_>) -> Result<Layer> {
        let config = call.config;
        config.ignore(&["unroll", "input_dim", "input_length"]);
        config.refuse_unless_off("time_major")?;
        config.refuse_unless_off("num_constants")?;
        warn_if_stateful(call)?;
        // Only TF.js writes stacked cells twice.
        let reversed = class == "RNN" && config.get("cells").is_some();
        let cells = if class == "RNN" {
            config.ignore(OF_THE_CELL);
            cells(call)?
        } else {
            let scope = if call.is_keras_3() { own_cell(class) } else { "" };
            vec![CellSettings::read(class, (scope.into(), String::new()), config, call)?]
        };
        Ok(Layer {
            cells,
            sequences: config.boolean_or("return_sequences", false)?,
            states: config.boolean_or("return_state", false)?,
            backwards: config.boolean_or("go_backwards", false)?,
            zeros: config.boolean_or("zero_output_for_mask", false)?,
            reversed,
        })
    }

    /// How many states the layer has.
    pub(super) fn state_count(&self) -> usize {
        self.cells.iter().map(|cell| cell.cell.states()).sum()
    }

    /// What the layer puts out, then its states: of the first cell first in Keras, of the last in what TF.js has written.
    pub(super) fn run(
        &self,
        call: &mut LayerCall<'_, '_>,
        sequence: Sequence<'_>,
        order: Order,
        masked: MaskedOutput,
    ) -> Result<Vec<ValueId>> {
        let (mut x, mut initial) = (sequence.x, sequence.initial);
        let mut states = Vec::new();
        for (index, cell) in self.cells.iter().enumerate() {
            let is_last = index + 1 == self.cells.len();
            // Steps stay where they are until the last cell, so that the mask fits.
            let order = if is_last || order == Order::Forwards { order } else { Order::BackwardsInPlace };
            let count = cell.cell.states().min(initial.len());
            let own = match self.reversed {
                false => initial.split_off(..count),
                true => initial.split_off(initial.len() - count..),
            };
            let own = own.unwrap_or_default();
            let sequence = Sequence { x, initial: own, ..sequence };
            let mut outputs = cell.run(call, sequence, order, masked, [!is_last || self.sequences, self.states])?;
            let at = if self.reversed { 0 } else { states.len() };
            states.splice(at..at, outputs.split_off(1));
            x = outputs[0];
        }
        Ok([vec![x], states].concat())
    }
}

/// Keras and TF.js carry the states of a stateful layer from one prediction to the next, whose batch is of the one size that
/// its input declares; without one, and for other batches, they fail.
pub(super) fn warn_if_stateful(call: &mut LayerCall<'_, '_>) -> Result<()> {
    if call.config.boolean_or("stateful", false)? {
        let warning = format!(
            "layer `{}` is stateful: every prediction is computed as the first one, while in TF.js and Keras a later one begins \
             with the states that the one before left, unless they are reset",
            call.name
        );
        call.lowering.warn(warning);
    }
    Ok(())
}

/// The cells of an RNN layer.
fn cells(call: &mut LayerCall<'_, '_>) -> Result<Vec<CellSettings>> {
    let (class, config) = named(call.config.get("cell").unwrap_or(&serde_json::Value::Null), "cell")?;
    let config = Config::new(config);
    if class != "StackedRNNCells" {
        let named = config.string("name")?.filter(|_| call.is_keras_3());
        let scope_and_place = (named.map(|name| format!("/{name}")).unwrap_or_default(), "/cell".to_string());
        let cell = CellSettings::read(class, scope_and_place, &config, call).at(|| class.to_string())?;
        config.finish().at(|| class.to_string())?;
        return Ok(vec![cell]);
    }
    config.refuse_unless_off("reverse_state_order")?;
    let stack = config.string("name")?.unwrap_or_default();
    let mut cells = Vec::new();
    let mut positions = Positions::default();
    for cell in config.array("cells")? {
        let (class, config) = named(cell, "cells")?;
        let config = Config::new(config);
        // TF.js counts cells instead of naming them.
        let counted = format!("RNNCell_{}", cells.len());
        let scope = match call.has_weight(&format!("{counted}/kernel")) {
            true => format!("/{counted}"),
            false => format!("/{stack}/{}", config.string("name")?.unwrap_or_default()),
        };
        let place = format!("/cell/cells/{}", positions.next(class));
        cells.push(CellSettings::read(class, (scope, place), &config, call).at(|| class.to_string())?);
        config.finish().at(|| class.to_string())?;
    }
    if cells.is_empty() {
        return Err(Error::format("it has no cells"));
    }
    config.finish().at(|| class.to_string())?;
    Ok(cells)
}

/// What Keras 3 calls the cell of a layer that makes it itself, in the names of its weights.
fn own_cell(class: &str) -> &'static str {
    match class {
        "SimpleRNN" => "/simple_rnn_cell",
        "GRU" => "/gru_cell",
        _ => "/lstm_cell",
    }
}

/// The class and the configuration of an object in a configuration.
pub(super) fn named<'j>(
    value: &'j serde_json::Value,
    key: &str,
) -> Result<(&'j str, &'j serde_json::Map<String, serde_json::Value>)> {
    let object = json::object(key, value)?;
    let class = json::string("class_name", json::member(object, "class_name")?)?;
    Ok((class, json::object("config", json::member(object, "config")?)?))
}

impl CellSettings {
    /// A cell with this scope and place.
    fn read(
        class: &str,
        (scope, place): (String, String),
        config: &Config<'_>,
        call: &mut LayerCall<'_, '_>,
    ) -> Result<Self> {
        let cell = match class {
            "SimpleRNN" | "SimpleRNNCell" => Cell::Simple,
            "GRU" | "GRUCell" => {
                let reset_after = config.boolean_or("reset_after", false)?;
                if reset_after {
                    call.refused_by_tfjs("is a GRU with `reset_after`");
                }
                Cell::Gru { reset_after }
            }
            "LSTM" | "LSTMCell" => Cell::Lstm,
            other => {
                return Err(Error::unsupported(format!("cells of class `{other}` are not supported"))
                    .hint("supported are SimpleRNNCell, GRUCell, LSTMCell, and StackedRNNCells of these"));
            }
        };
        config.ignore(&["implementation", "unit_forget_bias"]);
        let in_tfjs = if cell == (Cell::Gru { reset_after: true }) { InTfJs::No } else { InTfJs::Yes };
        call.refuse_random(config, &["dropout", "recurrent_dropout"], in_tfjs)?;
        let recurrent_activation = match (cell, config.get("recurrent_activation")) {
            (Cell::Simple, _) => None,
            (_, Some(value)) => function(call, value)?,
            (_, None) => {
                call.differ("has no recurrent activation, which is hard_sigmoid in TF.js and sigmoid in Keras");
                let tfjs = call.semantics() == Semantics::TfJs;
                Some(if tfjs { Function::HardSigmoid { slope: 0.2 } } else { Function::Sigmoid })
            }
        };
        Ok(CellSettings {
            scope,
            place,
            cell,
            units: config.positive_size("units")?,
            activation: match config.get("activation") {
                Some(value) => function(call, value)?,
                None => Some(Function::Tanh),
            },
            recurrent_activation,
            use_bias: config.boolean_or("use_bias", true)?,
        })
    }

    /// What the cell puts out, then its states if they are kept.
    fn run(
        &self,
        call: &mut LayerCall<'_, '_>,
        sequence: Sequence<'_>,
        order: Order,
        masked: MaskedOutput,
        [sequences, states]: [bool; 2],
    ) -> Result<Vec<ValueId>> {
        let (name, archive) = (format!("{}{}", call.name, self.scope), format!("{}{}", call.archive, self.place));
        let call = &mut LayerCall { lowering: &mut *call.lowering, name: &name, archive: &archive, ..*call };
        let (x, weights) = self.project(call, sequence.x)?;
        let mut inputs = vec![x, weights];
        inputs.extend(beside(call, sequence)?);
        let operator = Recurrent {
            order,
            output: if sequences { RecurrentOutput::Sequence } else { RecurrentOutput::Last },
            states,
            masked: sequence.mask.map(|_| masked),
            initial: !sequence.initial.is_empty(),
            ..Recurrent::new(self.cell, self.activation, self.recurrent_activation)
        };
        call.outputs_of(operator, &inputs)
    }

    /// The projected inputs of all gates, and the recurrent weights.
    fn project(&self, call: &mut LayerCall<'_, '_>, x: ValueId) -> Result<(ValueId, ValueId)> {
        let x = call.float(x)?;
        let sample = call.shape(x).sample();
        let &[_, depth] = sample.as_slice() else {
            return Err(Error::format(format!("takes inputs of rank 3, not {}", call.shape(x))));
        };
        let gates = self.cell.gates();
        let too_many = || Error::limit(format!("{} units are beyond reason", self.units));
        let columns = self.units.checked_mul(gates).ok_or_else(too_many)?;
        let kernel = call.weight("kernel", &[depth, columns])?;
        let recurrent_kernel = call.weight_tensor("recurrent_kernel", &[self.units, columns])?;
        let (bias, recurrent_bias) = match (self.use_bias, self.cell) {
            (false, _) => (call.filled("no_bias", &[columns], 0.0)?, None),
            (true, Cell::Gru { reset_after: true }) => {
                let both = call.weight_tensor("bias", &[2, columns])?;
                let row = |row: usize| Tensor::f32(&[columns], both.as_f32()?[row * columns..][..columns].to_vec());
                (call.constant("input_bias", Arc::new(row(0)?))?, Some(row(1)?))
            }
            (true, _) => (call.weight("bias", &[columns])?, None),
        };
        let packed = Recurrent::pack(gates, &recurrent_kernel, recurrent_bias.as_ref())?;
        let weights = call.constant("recurrent_kernel", Arc::new(packed))?;
        Ok((call.op(Dense::default(), &[x, kernel, bias])?, weights))
    }
}

/// An activation of one number at a time.
pub(super) fn function(call: &mut LayerCall<'_, '_>, value: &serde_json::Value) -> Result<Option<Function>> {
    match activations::parse(call, Some(value), 1)? {
        None => Ok(None),
        Some(Op::Activation(activation)) => Ok(Some(activation.function)),
        Some(_) => Err(Error::unsupported("softmax and log_softmax are not supported inside a recurrent layer")),
    }
}

/// The mask and the initial states as one input of the operator.
fn beside(call: &mut LayerCall<'_, '_>, sequence: Sequence<'_>) -> Result<Option<ValueId>> {
    let mut parts = Vec::new();
    if let Some(mask) = sequence.mask {
        parts.push(call.cast(mask, DType::F32)?);
    }
    for state in sequence.initial {
        parts.push(call.float(*state)?);
    }
    match parts.as_slice() {
        [] => Ok(None),
        [part] => Ok(Some(*part)),
        parts => call.op(Concatenate { axis: 1 }, parts).map(Some),
    }
}

fn layer(class: &str, call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    let layer = Layer::read(class, call)?;
    let initial = initial_states(call, inputs, [layer.state_count(), 2])?;
    let (mask, masked) = masking(call, inputs[0], [layer.backwards, layer.zeros, !initial.is_empty()])?;
    let order = if layer.backwards { Order::Backwards } else { Order::Forwards };
    let sequence = Sequence { x: inputs[0].id, mask, initial: &initial };
    let outputs = layer.run(call, sequence, order, masked)?;
    let masks = if layer.sequences { inputs[0].masks } else { Masks::NONE };
    let states = outputs[1..].iter().map(|state| Value::unmasked(*state));
    Ok(std::iter::once(Value::with(outputs[0], masks)).chain(states).collect())
}

/// The initial states that the layer is called with behind its input: none, or `count` of this rank.
///
/// Once a layer with a masked input has run, TF.js keeps the states that a layer is given, and refuses to run later ones.
pub(super) fn initial_states(
    call: &mut LayerCall<'_, '_>,
    inputs: &[Value],
    [count, rank]: [usize; 2],
) -> Result<Vec<ValueId>> {
    let own: Vec<ValueId> = inputs[1..].iter().map(|state| state.id).collect();
    if !own.is_empty() && own.len() != count {
        return Err(Error::format(format!("takes {count} initial states, not {}", own.len())));
    }
    if let Some(state) = own.iter().find(|state| call.rank(**state) != rank) {
        return Err(Error::format(format!("an initial state has shape {}", call.shape(*state))));
    }
    if call.lowering.lingering_mask.is_some() {
        if call.lowering.lingering_states {
            call.differ("cannot be computed in TF.js, where the initial states of an earlier layer reach it");
        }
        call.lowering.lingering_states |= !own.is_empty();
    }
    Ok(own)
}
