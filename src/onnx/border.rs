//! The border of a model: which dimension of its inputs is the batch, and what its outputs are called.
//!
//! Converters give every input a batch symbol of its own, or none. All first dimensions that a file leaves open are one
//! batch. If all inputs have a first dimension of 1, that is the batch too, unless a node needs it to be 1: rows do not
//! depend on each other either way. A model whose inputs have no batch is one sample. Other open dimensions get their
//! sizes from the caller or from the inputs.

use super::file::read_checked;
use super::file::{DimProto, ElementType, GraphProto, ModelProto, Names, TensorFiles, ValueInfoProto, ValueType};
use super::lowering::Lowering;
use super::value::{Computed, LogicalDim};
use super::walk::{self, expect_supported};
use crate::error::{Context, Error, Result};
use crate::graph::ValueId;
use crate::model::{EXAMPLE_SIZES, InputNames, LoadOptions, Model, OnBadId, OpenDimension, Resize, WeightSummary};
use crate::tensor::{DType, Dim, Shape, SharedBytes, TensorType};
use crate::weights::{Memory, Source};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that can be lowered again for other sizes.
#[derive(Debug)]
struct Stored {
    bytes: SharedBytes,
    beside: Memory<'static>,
    options: LoadOptions,
    name: String,
}

/// What the first dimension of the inputs is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Batch {
    /// The batch, also where the file says 1.
    First,
    /// A number: the model is one sample.
    None,
}

/// The model of a file whose bytes these are; files beside it come from `source`.
pub(crate) fn load(
    bytes: SharedBytes,
    source: &dyn Source,
    file: Option<&Path>,
    options: LoadOptions,
) -> Result<Model> {
    if options.random_weights.is_some() {
        return Err(Error::unsupported("random weights are drawn for TF.js layers models only")
            .cause("an ONNX file computes shapes by its weights too")
            .hint("leave the option out, so that the weights of the file are used (LoadOptions::random_weights)"));
    }
    let names = Names::default();
    let model = read_checked(&bytes, &names)?;
    expect_supported(&model.graph)?;
    let name = file.and_then(Path::file_stem).map_or_else(String::new, |stem| stem.display().to_string());
    let name = if model.graph.name.is_empty() || name != "model" { name } else { model.graph.name.to_string() };
    let mut dimensions = open_dimensions(&model.graph)?;
    let mut files = TensorFiles::new(bytes.clone(), source);
    if let Some(file) = file {
        files = files.beside(file);
    }
    if dimensions.is_empty() {
        return lowered(&model, files, &name, &options, &[]);
    }
    options.sizes.resolve(&input_names(&model.graph), &mut dimensions)?;
    let beside = beside(&model.graph, &mut files)?;
    Arc::new(Stored { bytes: bytes.clone(), beside, options, name }).resized(dimensions)
}

impl Resize for Stored {
    fn resized(self: Arc<Self>, mut dimensions: Vec<OpenDimension>) -> Result<Model> {
        let names = Names::default();
        let file = read_checked(&self.bytes, &names)?;
        let has_all_sizes = dimensions.iter().all(|dimension| dimension.size.is_some());
        let mut at = |example: usize| {
            for dimension in &mut dimensions {
                dimension.graph_size = dimension.size.unwrap_or(example);
            }
            let files = TensorFiles::new(self.bytes.clone(), &self.beside);
            let model = lowered(&file, files, &self.name, &self.options, &dimensions)?;
            Ok((model, dimensions.clone()))
        };
        if has_all_sizes {
            let (model, dimensions) = at(EXAMPLE_SIZES[0])?;
            return Ok(model.opened(self.clone(), dimensions));
        }
        let mut found: Option<(Model, Vec<OpenDimension>)> = None;
        let mut first = None;
        for example in EXAMPLE_SIZES {
            match at(example) {
                Ok((model, dimensions)) => match &mut found {
                    None => found = Some((model, dimensions)),
                    Some((model, dimensions)) => {
                        let mut opened = model.clone().opened(Arc::clone(&self) as Arc<dyn Resize>, dimensions.clone());
                        opened.open_where_not(&at(example)?.0);
                        return Ok(opened);
                    }
                },
                Err(error) => first = first.or(Some(error)),
            }
        }
        match (found, first) {
            (Some((model, dimensions)), _) => Ok(model.opened(Arc::clone(&self) as Arc<dyn Resize>, dimensions)),
            (None, Some(error)) => Err(error),
            (None, None) => Err(Error::format("has dimensions of no size")),
        }
    }
}

/// The version of the standard operators. A file without operators of that kind need not name one.
fn opset(model: &ModelProto<'_>) -> i64 {
    let own = model.opset_imports.iter().filter(|set| super::ops::is_standard(set.domain)).map(|set| set.version);
    own.max().unwrap_or(i64::MAX)
}

/// The model with open dimensions of these sizes, the first dimension of 1 taken as the batch if that works.
fn lowered(
    model: &ModelProto<'_>,
    files: TensorFiles<'_>,
    name: &str,
    options: &LoadOptions,
    dimensions: &[OpenDimension],
) -> Result<Model> {
    let firsts = firsts(&model.graph)?;
    let has_open = firsts.iter().any(|first| matches!(first, Some(DimProto::Parameter(_) | DimProto::Unset)));
    let all_one = firsts.iter().all(|first| matches!(first, Some(DimProto::Value(1))));
    if !firsts.is_empty() && has_open {
        return Lowered { model, name, options, dimensions, batch: Batch::First }.run(files);
    }
    if !firsts.is_empty() && all_one {
        let as_batch = Lowered { model, name, options, dimensions, batch: Batch::First }.run(files.again());
        if let Ok(mut loaded) = as_batch {
            loaded.notes.push("the batch is 1 in the file; any batch is accepted, because rows do not mix".into());
            return Ok(loaded);
        }
    }
    let mut loaded = Lowered { model, name, options, dimensions, batch: Batch::None }.run(files)?;
    loaded.notes.push("the inputs have no batch in the file: a prediction takes one more dimension in front".into());
    Ok(loaded)
}

/// The first dimension of every input; `None` of a scalar.
fn firsts<'f>(graph: &GraphProto<'f>) -> Result<Vec<Option<DimProto<'f>>>> {
    graph.inputs.iter().map(|input| dims(input).map(|(_, dims)| dims.first().copied())).collect()
}

/// The type and the dimensions of an input.
fn dims<'i, 'f>(input: &'i ValueInfoProto<'f>) -> Result<(DType, &'i [DimProto<'f>])> {
    let read = || match &input.value {
        ValueType::Tensor { element_type, shape: Some(shape) } => {
            let dtype = match ElementType::try_from(*element_type)? {
                ElementType::Float => DType::F32,
                ElementType::Int32 | ElementType::Int64 => DType::I32,
                ElementType::Bool => DType::Bool,
                other => {
                    return Err(Error::unsupported(format!("has the type {other}, which is not supported"))
                        .hint("export the model with float32, int32, int64 or bool inputs"));
                }
            };
            Ok((dtype, shape.as_slice()))
        }
        ValueType::Tensor { shape: None, .. } | ValueType::Unset => {
            Err(Error::unsupported("does not say how many dimensions it has").hint("export the model with shapes"))
        }
        ValueType::Other(kind) => Err(Error::unsupported(format!("is a {kind}, and not a tensor"))),
    };
    read().at(|| format!("input `{}`", input.name))
}

/// The dimensions behind the first that the file leaves open.
fn open_dimensions(graph: &GraphProto<'_>) -> Result<Vec<OpenDimension>> {
    let mut open = Vec::new();
    for input in &graph.inputs {
        let (_, dims) = dims(input)?;
        for (axis, dim) in dims.iter().enumerate().skip(1) {
            let name = match dim {
                DimProto::Value(_) => continue,
                DimProto::Parameter(name) => Some((*name).to_string()),
                DimProto::Unset => None,
            };
            open.push(OpenDimension {
                input: input.name.into(),
                axis,
                name,
                size: None,
                graph_size: EXAMPLE_SIZES[0],
                rank: dims.len(),
            });
        }
    }
    Ok(open)
}

fn input_names(graph: &GraphProto<'_>) -> InputNames {
    InputNames::new(graph.inputs.iter().map(|input| input.name.to_string()).collect(), &[])
}

/// The files beside the model that its tensors are in, which are read.
fn beside(graph: &GraphProto<'_>, files: &mut TensorFiles<'_>) -> Result<Memory<'static>> {
    for initializer in &graph.initializers {
        if matches!(initializer.storage, super::file::Storage::External(_)) {
            initializer.tensor(files)?;
        }
    }
    Ok(files.opened().fold(Memory::new(), |memory, (name, bytes)| memory.shared(name, bytes.clone())))
}

/// One way to lower a file.
struct Lowered<'m, 'f> {
    model: &'m ModelProto<'f>,
    name: &'m str,
    options: &'m LoadOptions,
    dimensions: &'m [OpenDimension],
    batch: Batch,
}

impl<'f> Lowered<'_, 'f> {
    fn run(&self, files: TensorFiles<'_>) -> Result<Model> {
        let bad_id = self.options.on_bad_id.unwrap_or(OnBadId::Error).bad_id();
        let graph = &self.model.graph;
        let mut lowering = Lowering::new(files, opset(self.model), bad_id, walk::graph);
        for input in &graph.inputs {
            let (dtype, dims) = dims(input)?;
            let logical = self.logical(input, dims)?;
            let id = self.input(&mut lowering, input.name, dtype, &logical)?;
            lowering.input(input.name, Computed { id, dims: logical });
        }
        walk::graph(&mut lowering, graph)?;
        let outputs = self.outputs(&mut lowering)?;
        let notes = std::mem::take(&mut lowering.notes);
        let weights = graph.initializers.iter().map(summary).collect::<Result<_>>()?;
        let mut loaded = Model::from_graph(self.name, lowering.builder.finish(outputs)?);
        loaded.format = self.format();
        loaded.options = self.options.clone();
        loaded.usual_on_bad_id = OnBadId::Error;
        loaded.weights = weights;
        loaded.notes = notes;
        if !graph.constant_inputs.is_empty() {
            let names = graph.constant_inputs.join("`, `");
            loaded.notes.push(format!("inputs with a default are constants here: `{names}`"));
        }
        Ok(loaded)
    }

    fn format(&self) -> String {
        let producer = format!("{} {}", self.model.producer_name, self.model.producer_version);
        let set = match opset(self.model) {
            i64::MAX => String::new(),
            opset => format!(", opset {opset}"),
        };
        match producer.trim() {
            "" => format!("onnx{set}"),
            producer => format!("onnx{set}, {producer}"),
        }
    }

    fn logical(&self, input: &ValueInfoProto<'f>, dims: &[DimProto<'f>]) -> Result<Vec<LogicalDim>> {
        let mut logical = Vec::with_capacity(dims.len());
        for (axis, dim) in dims.iter().enumerate() {
            logical.push(match dim {
                DimProto::Value(1) | DimProto::Unset | DimProto::Parameter(_)
                    if axis == 0 && self.batch == Batch::First =>
                {
                    LogicalDim::Batch(1)
                }
                DimProto::Value(size) => LogicalDim::Fixed(usize::try_from(*size).map_err(|_| {
                    Error::shape(format!("has a dimension of {size}")).at(format!("input `{}`", input.name))
                })?),
                DimProto::Unset | DimProto::Parameter(_) => {
                    let known = self.dimensions.iter().find(|open| open.input == input.name && open.axis == axis);
                    LogicalDim::Fixed(known.map_or(1, |open| open.graph_size))
                }
            });
        }
        Ok(logical)
    }

    fn input(
        &self,
        lowering: &mut Lowering<'f, '_>,
        name: &str,
        dtype: DType,
        logical: &[LogicalDim],
    ) -> Result<ValueId> {
        let has_batch = matches!(logical.first(), Some(LogicalDim::Batch(_)));
        if self.batch == Batch::First && !has_batch {
            return Err(Error::unsupported("has no batch, but other inputs have one")
                .at(format!("input `{name}`"))
                .hint("export the model with a dynamic first dimension of every input"));
        }
        let fixed = logical.iter().filter_map(|dim| match dim {
            LogicalDim::Batch(_) | LogicalDim::Interleaved(_) => None,
            LogicalDim::Fixed(size) => Some(Dim::Fixed(*size)),
        });
        let shape = Shape::new(std::iter::once(Dim::Batch).chain(fixed).collect())?;
        lowering.builder.input(name, TensorType::new(shape, dtype))
    }

    fn outputs(&self, lowering: &mut Lowering<'f, '_>) -> Result<Vec<(String, ValueId)>> {
        let mut outputs = Vec::new();
        for output in &self.model.graph.outputs {
            let value = lowering.find(output.name)?.clone();
            let computed = walk::at_border(lowering, output.name, &value).at(|| format!("output `{}`", output.name))?;
            let is_in_front = computed.batch_axis().is_none_or(|axis| axis == 0);
            if !is_in_front || computed.rows() != 1 {
                let shape = &lowering.builder.ty(computed.id).shape;
                lowering.notes.push(format!("output `{}` is {computed} in the file, here {shape}", output.name));
            }
            outputs.push((output.name.to_string(), computed.id));
        }
        Ok(outputs)
    }
}

fn summary(initializer: &super::file::TensorProto<'_>) -> Result<WeightSummary> {
    let (shape, kind) = (initializer.shape()?, initializer.element_type()?);
    let count = crate::tensor::element_count(&shape)? as u64;
    let stored = kind.to_string();
    let stored = stored.trim_start_matches("tensor(").trim_end_matches(')').to_string();
    Ok(WeightSummary {
        name: initializer.name.into(),
        shape,
        stored_bytes: count.saturating_mul(kind.bytes() as u64),
        stored,
    })
}

/// The ONNX file that is meant by a folder: `model.onnx`, or the only one.
pub(crate) fn find(folder: &Path) -> Option<PathBuf> {
    let usual = folder.join("model.onnx");
    if usual.is_file() {
        return Some(usual);
    }
    let files = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let is_onnx = |file: &PathBuf| file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"));
    let mut found: Vec<PathBuf> = files.filter(is_onnx).collect();
    if found.len() == 1 { found.pop() } else { None }
}
