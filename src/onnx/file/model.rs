//! `ModelProto`, the message that a file is, and what only it contains.

use super::budget::Budget;
use super::foreign;
use super::graph::{AttributeProto, GraphProto, NodeProto};
use super::reader::Reader;
use crate::error::{Error, Result};

/// The most bytes of a file: the limit of protocol buffers.
const MOST_FILE_BYTES: usize = i32::MAX as usize;

/// A model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelProto<'f> {
    /// The version of the format.
    pub ir_version: i64,
    /// The program that wrote the file.
    pub producer_name: &'f str,
    /// Its version.
    pub producer_version: &'f str,
    /// The version of the model.
    pub model_version: i64,
    /// The graph.
    pub graph: GraphProto<'f>,
    /// The versions of the operators. An import need not be used.
    pub opset_imports: Vec<OperatorSetId<'f>>,
    /// Functions of the model's own.
    pub functions: Vec<FunctionProto<'f>>,
    /// What is left of the memory that the messages of this file may take.
    pub(super) budget: Budget,
}

/// A version of a set of operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperatorSetId<'f> {
    /// The set; empty means `ai.onnx`.
    pub domain: &'f str,
    /// The version.
    pub version: i64,
}

/// A function: an operator that the model defines by other operators.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FunctionProto<'f> {
    /// The operator that it defines.
    pub name: &'f str,
    /// The set of operators to which it belongs.
    pub domain: &'f str,
    /// Which of several functions of the same name it is.
    pub overload: &'f str,
    /// The names of its inputs.
    pub inputs: Vec<&'f str>,
    /// The names of its outputs.
    pub outputs: Vec<&'f str>,
    /// The names of attributes that a call gives.
    pub attributes: Vec<&'f str>,
    /// Attributes with the value they have unless a call gives another.
    pub defaults: Vec<AttributeProto<'f>>,
    /// Its nodes.
    pub nodes: Vec<NodeProto<'f>>,
    /// The versions of the operators that it uses.
    pub opset_imports: Vec<OperatorSetId<'f>>,
}

/// The model in the bytes of a file. The limits of nodes, names, dimensions, nesting and memory hold; the structure of its
/// graphs is not checked.
///
/// # Errors
///
/// An error names the place in the message and in the file. A file that is something else is named.
pub fn read(bytes: &[u8]) -> Result<ModelProto<'_>> {
    if bytes.len() > MOST_FILE_BYTES {
        let error = Error::limit(format!("an ONNX file exceeds the limit of {MOST_FILE_BYTES} bytes"));
        let error = error.cause(format!("it has {} bytes; the format has no larger messages", bytes.len()));
        return Err(error.hint("export the model with its weights in a file beside it (`external_data=True`)"));
    }
    let budget = Budget::of_file(bytes.len());
    let model = ModelProto::read(Reader::new(bytes, &budget)).map(|model| ModelProto { budget, ..model });
    // A model is never taken for something else: what cannot be read is looked at.
    model.map_err(|error| foreign::error(bytes).unwrap_or(error))
}

impl<'f> ModelProto<'f> {
    fn read(mut reader: Reader<'f, '_>) -> Result<Self> {
        let [imports, functions] = reader.count([8, 25])?;
        let (mut opset_imports, mut functions) = (reader.list(imports)?, reader.list(functions)?);
        let (mut ir_version, mut model_version, mut graph) = (0, 0, None);
        let (mut producer_name, mut producer_version) = ("", "");
        while let Some(field) = reader.next()? {
            match field.number {
                1 => ir_version = reader.int(&field, "ir_version")?,
                2 => producer_name = reader.string(&field, "producer_name")?,
                3 => producer_version = reader.string(&field, "producer_version")?,
                5 => model_version = reader.int(&field, "model_version")?,
                7 => graph = Some(GraphProto::read(reader.only_message(&graph, &field, "graph")?)?),
                8 => {
                    let index = Some(opset_imports.len());
                    opset_imports.push(OperatorSetId::read(reader.message(&field, "opset_import", index)?)?);
                }
                25 => {
                    let index = Some(functions.len());
                    functions.push(FunctionProto::read(reader.message(&field, "functions", index)?)?);
                }
                _ => {}
            }
        }
        let graph = graph.ok_or_else(|| {
            let error = Error::format("the file contains no graph").cause("an ONNX model has one in its field 7");
            error.hint("give a file that an ONNX exporter wrote")
        })?;
        let budget = Budget::of_file(0);
        Ok(ModelProto {
            ir_version,
            producer_name,
            producer_version,
            model_version,
            graph,
            opset_imports,
            functions,
            budget,
        })
    }
}

impl<'f> OperatorSetId<'f> {
    fn read(mut reader: Reader<'f, '_>) -> Result<Self> {
        let mut id = OperatorSetId { domain: "", version: 0 };
        while let Some(field) = reader.next()? {
            match field.number {
                1 => id.domain = reader.string(&field, "domain")?,
                2 => id.version = reader.int(&field, "version")?,
                _ => {}
            }
        }
        Ok(id)
    }
}

impl<'f> FunctionProto<'f> {
    fn read(mut reader: Reader<'f, '_>) -> Result<Self> {
        let [inputs, outputs, attributes, nodes, imports, defaults] = reader.count([4, 5, 6, 7, 9, 11])?;
        reader.count_nodes(nodes)?;
        let mut function = FunctionProto {
            inputs: reader.list(inputs)?,
            outputs: reader.list(outputs)?,
            attributes: reader.list(attributes)?,
            defaults: reader.list(defaults)?,
            nodes: reader.list(nodes)?,
            opset_imports: reader.list(imports)?,
            ..Default::default()
        };
        while let Some(field) = reader.next()? {
            match field.number {
                1 => function.name = reader.string(&field, "name")?,
                4 => function.inputs.push(reader.string(&field, "input")?),
                5 => function.outputs.push(reader.string(&field, "output")?),
                6 => function.attributes.push(reader.string(&field, "attribute")?),
                7 => {
                    let index = Some(function.nodes.len());
                    function.nodes.push(NodeProto::read(reader.message(&field, "node", index)?)?);
                }
                9 => {
                    let index = Some(function.opset_imports.len());
                    function.opset_imports.push(OperatorSetId::read(reader.message(&field, "opset_import", index)?)?);
                }
                10 => function.domain = reader.string(&field, "domain")?,
                11 => {
                    let index = Some(function.defaults.len());
                    let reader = reader.message(&field, "attribute_proto", index)?;
                    function.defaults.push(AttributeProto::read(reader)?);
                }
                13 => function.overload = reader.string(&field, "overload")?,
                _ => {}
            }
        }
        Ok(function)
    }
}
