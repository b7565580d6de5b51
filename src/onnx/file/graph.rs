//! `GraphProto`, `NodeProto` and `AttributeProto`, which contain each other: an attribute of a node may be a graph.

use super::reader::Reader;
use super::tensor_proto::TensorProto;
use super::value_info::ValueInfoProto;
use super::wire::Field;
use crate::error::{Error, Result};

/// A graph: nodes that compute values from inputs and initializers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GraphProto<'f> {
    /// The nodes.
    pub nodes: Vec<NodeProto<'f>>,
    /// The name of the graph.
    pub name: &'f str,
    /// Constant tensors by name.
    pub initializers: Vec<TensorProto<'f>>,
    /// What the caller gives.
    pub inputs: Vec<ValueInfoProto<'f>>,
    /// What the graph computes.
    pub outputs: Vec<ValueInfoProto<'f>>,
    /// Declared types of other values: hints.
    pub value_infos: Vec<ValueInfoProto<'f>>,
    /// The number of sparse constants, which are not read.
    pub sparse_initializers: usize,
    /// Inputs that are initializers too. A check takes them out of `inputs`: they are constant here.
    pub constant_inputs: Vec<&'f str>,
}

/// A node: an operator and the names of what it reads and makes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeProto<'f> {
    /// The names of what it reads; empty if an optional one is left out.
    pub inputs: Vec<&'f str>,
    /// The names of what it makes; empty if it is not needed.
    pub outputs: Vec<&'f str>,
    /// The name of the node, possibly empty.
    pub name: &'f str,
    /// The operator.
    pub op_type: &'f str,
    /// The set of operators to which it belongs; empty means `ai.onnx`.
    pub domain: &'f str,
    /// Which of several functions of the same name it calls.
    pub overload: &'f str,
    /// Its attributes.
    pub attributes: Vec<AttributeProto<'f>>,
}

/// A named attribute of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeProto<'f> {
    /// The name.
    pub name: &'f str,
    /// The value.
    pub value: AttributeValue<'f>,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValue<'f> {
    /// A float.
    Float(f32),
    /// An integer.
    Int(i64),
    /// A string in any encoding.
    String(&'f [u8]),
    /// A tensor.
    Tensor(TensorProto<'f>),
    /// A graph: a branch or the body of a loop.
    Graph(GraphProto<'f>),
    /// Floats.
    Floats(Vec<f32>),
    /// Integers.
    Ints(Vec<i64>),
    /// Strings in any encoding.
    Strings(Vec<&'f [u8]>),
    /// Tensors.
    Tensors(Vec<TensorProto<'f>>),
    /// Graphs.
    Graphs(Vec<GraphProto<'f>>),
    /// The value of this attribute of the function in which the node is.
    Reference(&'f str),
    /// A sparse tensor, a type, or a kind that is not known.
    Other,
}

impl<'f> GraphProto<'f> {
    pub(super) fn read(mut reader: Reader<'f, '_>) -> Result<Self> {
        let [nodes, initializers, inputs, outputs, values] = reader.count([1, 5, 11, 12, 13])?;
        reader.count_nodes(nodes)?;
        let mut graph = GraphProto {
            nodes: reader.list(nodes)?,
            initializers: reader.list(initializers)?,
            inputs: reader.list(inputs)?,
            outputs: reader.list(outputs)?,
            value_infos: reader.list(values)?,
            ..Default::default()
        };
        while let Some(field) = reader.next()? {
            match field.number {
                1 => {
                    let index = Some(graph.nodes.len());
                    graph.nodes.push(NodeProto::read(reader.message(&field, "node", index)?)?);
                }
                2 => graph.name = reader.string(&field, "name")?,
                5 => {
                    let index = Some(graph.initializers.len());
                    graph.initializers.push(TensorProto::read(reader.message(&field, "initializer", index)?)?);
                }
                11 => {
                    let index = Some(graph.inputs.len());
                    graph.inputs.push(ValueInfoProto::read(reader.message(&field, "input", index)?)?);
                }
                12 => {
                    let index = Some(graph.outputs.len());
                    graph.outputs.push(ValueInfoProto::read(reader.message(&field, "output", index)?)?);
                }
                13 => {
                    let index = Some(graph.value_infos.len());
                    graph.value_infos.push(ValueInfoProto::read(reader.message(&field, "value_info", index)?)?);
                }
                15 => graph.sparse_initializers += 1,
                _ => {}
            }
        }
        Ok(graph)
    }
}

impl<'f> NodeProto<'f> {
    pub(super) fn read(mut reader: Reader<'f, '_>) -> Result<Self> {
        let [inputs, outputs, attributes] = reader.count([1, 2, 5])?;
        let mut node = NodeProto {
            inputs: reader.list(inputs)?,
            outputs: reader.list(outputs)?,
            attributes: reader.list(attributes)?,
            ..Default::default()
        };
        while let Some(field) = reader.next()? {
            match field.number {
                1 => node.inputs.push(reader.string(&field, "input")?),
                2 => node.outputs.push(reader.string(&field, "output")?),
                3 => node.name = reader.string(&field, "name")?,
                4 => node.op_type = reader.string(&field, "op_type")?,
                5 => {
                    let index = Some(node.attributes.len());
                    node.attributes.push(AttributeProto::read(reader.message(&field, "attribute", index)?)?);
                }
                7 => node.domain = reader.string(&field, "domain")?,
                8 => node.overload = reader.string(&field, "overload")?,
                _ => {}
            }
        }
        Ok(node)
    }

    /// The graphs among its attributes.
    pub(super) fn graphs(&self) -> impl Iterator<Item = &GraphProto<'f>> {
        self.attributes.iter().flat_map(|attribute| match &attribute.value {
            AttributeValue::Graph(graph) => std::slice::from_ref(graph),
            AttributeValue::Graphs(graphs) => graphs,
            _ => &[],
        })
    }

    /// The graphs among its attributes, to be changed.
    pub(super) fn graphs_mut(&mut self) -> impl Iterator<Item = &mut GraphProto<'f>> {
        self.attributes.iter_mut().flat_map(|attribute| match &mut attribute.value {
            AttributeValue::Graph(graph) => std::slice::from_mut(graph),
            AttributeValue::Graphs(graphs) => graphs,
            _ => &mut [],
        })
    }

    /// How errors call the node.
    pub(super) fn label(&self, index: usize) -> String {
        let name = if self.name.is_empty() { format!("node[{index}]") } else { format!("node `{}`", self.name) };
        format!("{name} ({})", self.op_type)
    }
}

/// The field of an attribute with values of a type: the number of the type, that of the field, and its name.
const VALUES: [(i32, u32, &str); 10] = [
    (1, 2, "f"),
    (2, 3, "i"),
    (3, 4, "s"),
    (4, 5, "t"),
    (5, 6, "g"),
    (6, 7, "floats"),
    (7, 8, "ints"),
    (8, 9, "strings"),
    (9, 10, "tensors"),
    (10, 11, "graphs"),
];

impl<'f> AttributeProto<'f> {
    pub(super) fn read(mut reader: Reader<'f, '_>) -> Result<Self> {
        let (mut name, mut kind, mut reference) = ("", 0, "");
        // The last field of each kind of value.
        let mut values: [Option<Field<'f>>; VALUES.len()] = [None; VALUES.len()];
        while let Some(field) = reader.next()? {
            match field.number {
                1 => name = reader.string(&field, "name")?,
                20 => kind = reader.int32(&field, "type")?,
                21 => reference = reader.string(&field, "ref_attr_name")?,
                number => {
                    let known = VALUES.iter().position(|(_, value, _)| *value == number);
                    if let Some(last) = known.and_then(|known| values.get_mut(known)) {
                        *last = Some(field);
                    }
                }
            }
        }
        if !reference.is_empty() {
            return Ok(AttributeProto { name, value: AttributeValue::Reference(reference) });
        }
        if kind == 0 {
            // The first version of the format had no types.
            let mut given = VALUES.iter().zip(values).filter_map(|(value, last)| Some((value, last?)));
            if let Some(((first, _, first_name), _)) = given.next() {
                if let Some(((_, _, second_name), field)) = given.next() {
                    let cause = format!("it has `{first_name}` and `{second_name}`, and no type");
                    return Err(reader.error(&field, format!("attribute `{name}` has several values"), cause));
                }
                kind = *first;
            }
        }
        let value = Self::read_value(&reader, kind, &values)?;
        Ok(AttributeProto { name, value })
    }

    fn read_value(
        reader: &Reader<'f, '_>,
        kind: i32,
        values: &[Option<Field<'f>>; VALUES.len()],
    ) -> Result<AttributeValue<'f>> {
        let Some(at) = VALUES.iter().position(|(known, ..)| *known == kind) else {
            return Ok(AttributeValue::Other);
        };
        let ((_, number, name), last) = (VALUES[at], values[at]);
        // What has the value 0 or nothing may be left out; a tensor or graph may not.
        Ok(match (kind, last) {
            (1, last) => AttributeValue::Float(last.map_or(Ok(0.0), |field| reader.float(&field, name))?),
            (2, last) => AttributeValue::Int(last.map_or(Ok(0), |field| reader.int(&field, name))?),
            (3, last) => AttributeValue::String(last.map_or(Ok(&[][..]), |field| reader.bytes(&field, name))?),
            (4 | 5, None) => {
                let error = Error::format(format!("the attribute says that it holds `{name}`, and has none"));
                return reader
                    .located(Err(error.cause("the type and the value do not agree").hint("export the model again")));
            }
            (4, Some(field)) => AttributeValue::Tensor(TensorProto::read(Self::only(reader, &field, number, name)?)?),
            (5, Some(field)) => AttributeValue::Graph(GraphProto::read(Self::only(reader, &field, number, name)?)?),
            (6, _) => AttributeValue::Floats(reader.numbers(number, name)?),
            (7, _) => AttributeValue::Ints(reader.numbers(number, name)?),
            (8, _) => AttributeValue::Strings(Self::each(reader, number, |field, _| reader.bytes(field, name))?),
            (9, _) => AttributeValue::Tensors(Self::each(reader, number, |field, index| {
                TensorProto::read(reader.message(field, name, Some(index))?)
            })?),
            _ => AttributeValue::Graphs(Self::each(reader, number, |field, index| {
                GraphProto::read(reader.message(field, name, Some(index))?)
            })?),
        })
    }

    /// The message of a field that must occur once.
    fn only<'c>(
        reader: &'c Reader<'f, '_>,
        field: &Field<'f>,
        number: u32,
        name: &'static str,
    ) -> Result<Reader<'f, 'c>> {
        let [count] = reader.count([number])?;
        reader.only_message(&(count > 1).then_some(()), field, name)
    }

    /// Every occurrence of a field.
    fn each<T>(reader: &Reader<'f, '_>, number: u32, read: impl Fn(&Field<'f>, usize) -> Result<T>) -> Result<Vec<T>> {
        let [count] = reader.count([number])?;
        let (mut list, mut fields) = (reader.list(count)?, reader.restarted());
        while let Some(field) = fields.next()? {
            if field.number == number {
                list.push(read(&field, list.len())?);
            }
        }
        Ok(list)
    }
}
