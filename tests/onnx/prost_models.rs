//! Random models that prost writes, read by the library and turned back: nothing is lost, added or exchanged.

use crate::prost_messages as p;
use proptest::prelude::*;
use prost::Message;
use tfjs_wgpu::internals::onnx::file as own;

/// Choices from random bytes; all zero behind their end, which makes the smallest of everything.
struct Draw<'b>(std::slice::Iter<'b, u8>);

impl Draw<'_> {
    fn byte(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    fn below(&mut self, count: u8) -> u8 {
        self.byte() % count
    }

    fn int(&mut self) -> i64 {
        let bytes = [0; 8].map(|_: u8| self.byte());
        i64::from_le_bytes(bytes) >> (8 * self.below(8))
    }

    fn list<T>(&mut self, item: impl Fn(&mut Self) -> T) -> Vec<T> {
        (0..self.below(4)).map(|_| item(self)).collect()
    }

    fn name(&mut self) -> String {
        ["", "x", "layer/y:0", "größe", "a.b"][usize::from(self.below(5))].into()
    }

    fn some_name(&mut self) -> Option<String> {
        some(&self.name())
    }

    fn bytes(&mut self) -> Vec<u8> {
        self.list(Self::byte)
    }

    fn float(&mut self) -> f32 {
        f32::from(self.byte()) / 4.0
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.into())
}

fn model(draw: &mut Draw<'_>) -> p::Model {
    p::Model {
        ir_version: Some(draw.int()),
        producer_name: draw.some_name(),
        producer_version: draw.some_name(),
        model_version: Some(draw.int()),
        graph: Some(graph(draw, 2)),
        opset_import: draw.list(import),
        functions: draw.list(|draw| p::Function {
            name: draw.some_name(),
            input: draw.list(Draw::name),
            output: draw.list(Draw::name),
            attribute: draw.list(Draw::name),
            node: draw.list(|draw| node(draw, 1)),
            opset_import: draw.list(import),
            domain: draw.some_name(),
            attribute_proto: draw.list(|draw| attribute(draw, 0)),
            overload: draw.some_name(),
        }),
        ..Default::default()
    }
}

fn import(draw: &mut Draw<'_>) -> p::OperatorSetId {
    p::OperatorSetId { domain: draw.some_name(), version: Some(draw.int()) }
}

fn graph(draw: &mut Draw<'_>, depth: usize) -> p::Graph {
    p::Graph {
        node: draw.list(|draw| node(draw, depth)),
        name: draw.some_name(),
        initializer: draw.list(tensor),
        input: draw.list(value_info),
        output: draw.list(value_info),
        value_info: draw.list(value_info),
        ..Default::default()
    }
}

fn node(draw: &mut Draw<'_>, depth: usize) -> p::Node {
    p::Node {
        input: draw.list(Draw::name),
        output: draw.list(Draw::name),
        name: draw.some_name(),
        op_type: draw.some_name(),
        attribute: draw.list(|draw| attribute(draw, depth)),
        domain: draw.some_name(),
        overload: draw.some_name(),
        ..Default::default()
    }
}

fn attribute(draw: &mut Draw<'_>, depth: usize) -> p::Attribute {
    let kind = i32::from(draw.below(12));
    let mut attribute = p::Attribute { name: draw.some_name(), r#type: Some(kind), ..Default::default() };
    match kind {
        1 => attribute.f = Some(draw.float()),
        2 => attribute.i = Some(draw.int()),
        3 => attribute.s = Some(draw.bytes()),
        4 => attribute.t = Some(tensor(draw)),
        5 if depth > 0 => attribute.g = Some(graph(draw, depth - 1)),
        6 => attribute.floats = draw.list(Draw::float),
        7 => attribute.ints = draw.list(Draw::int),
        8 => attribute.strings = draw.list(Draw::bytes),
        9 => attribute.tensors = draw.list(tensor),
        10 if depth > 0 => attribute.graphs = draw.list(|draw| graph(draw, depth - 1)),
        11 => (attribute.ref_attr_name, attribute.r#type) = (Some("other".into()), None),
        _ => attribute.r#type = Some(13),
    }
    attribute
}

fn tensor(draw: &mut Draw<'_>) -> p::Tensor {
    let mut tensor = p::Tensor {
        dims: draw.list(Draw::int),
        data_type: Some(draw.int() as i32),
        name: draw.some_name(),
        ..Default::default()
    };
    match draw.below(9) {
        1 => tensor.float_data = draw.list(Draw::float),
        2 => tensor.int32_data = draw.list(|draw| draw.int() as i32),
        3 => tensor.int64_data = draw.list(Draw::int),
        4 => tensor.double_data = draw.list(|draw| f64::from(draw.float())),
        5 => tensor.uint64_data = draw.list(|draw| draw.int() as u64),
        6 => tensor.string_data = vec![Vec::new(); usize::from(draw.below(3))],
        7 => {
            tensor.data_location = Some(1);
            let pairs = [("location", "w.data".to_string()), ("offset", draw.byte().to_string())];
            let length = Some(("length", draw.int().unsigned_abs().to_string())).filter(|_| draw.below(2) == 1);
            let entry = |(key, value): (&str, String)| p::Entry { key: some(key), value: some(&value) };
            tensor.external_data = pairs.into_iter().chain(length).map(entry).collect();
        }
        8 => tensor.raw_data = Some(draw.bytes()),
        _ => {}
    }
    tensor
}

fn value_info(draw: &mut Draw<'_>) -> p::ValueInfo {
    let value = match draw.below(3) {
        0 => None,
        1 => Some(p::TypeValue::Sequence(Box::default())),
        _ => Some(p::TypeValue::Tensor(p::TensorType {
            elem_type: Some(draw.int() as i32),
            shape: (draw.below(3) > 0).then(|| p::Shape { dim: draw.list(dim) }),
        })),
    };
    p::ValueInfo { name: draw.some_name(), r#type: value.map(|value| p::Type { value: Some(value) }) }
}

fn dim(draw: &mut Draw<'_>) -> p::Dim {
    let value = match draw.below(3) {
        0 => None,
        1 => Some(p::DimValue::Value(draw.int())),
        _ => Some(p::DimValue::Parameter(draw.name())),
    };
    p::Dim { value, denotation: None }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).into()).collect()
}

fn each<T, U>(items: &[T], back: impl Fn(&T) -> U) -> Vec<U> {
    items.iter().map(back).collect()
}

fn model_back(model: &own::ModelProto<'_>) -> p::Model {
    p::Model {
        ir_version: Some(model.ir_version),
        producer_name: some(model.producer_name),
        producer_version: some(model.producer_version),
        model_version: Some(model.model_version),
        graph: Some(graph_back(&model.graph)),
        opset_import: each(&model.opset_imports, import_back),
        functions: each(&model.functions, |function| p::Function {
            name: some(function.name),
            input: owned(&function.inputs),
            output: owned(&function.outputs),
            attribute: owned(&function.attributes),
            node: each(&function.nodes, node_back),
            opset_import: each(&function.opset_imports, import_back),
            domain: some(function.domain),
            attribute_proto: each(&function.defaults, attribute_back),
            overload: some(function.overload),
        }),
        ..Default::default()
    }
}

fn import_back(import: &own::OperatorSetId<'_>) -> p::OperatorSetId {
    p::OperatorSetId { domain: some(import.domain), version: Some(import.version) }
}

fn graph_back(graph: &own::GraphProto<'_>) -> p::Graph {
    p::Graph {
        node: each(&graph.nodes, node_back),
        name: some(graph.name),
        initializer: each(&graph.initializers, tensor_back),
        input: each(&graph.inputs, value_info_back),
        output: each(&graph.outputs, value_info_back),
        value_info: each(&graph.value_infos, value_info_back),
        ..Default::default()
    }
}

fn node_back(node: &own::NodeProto<'_>) -> p::Node {
    p::Node {
        input: owned(&node.inputs),
        output: owned(&node.outputs),
        name: some(node.name),
        op_type: some(node.op_type),
        attribute: each(&node.attributes, attribute_back),
        domain: some(node.domain),
        overload: some(node.overload),
        ..Default::default()
    }
}

fn attribute_back(attribute: &own::AttributeProto<'_>) -> p::Attribute {
    use own::AttributeValue as Value;
    let mut back = p::Attribute { name: some(attribute.name), ..Default::default() };
    let kind = match &attribute.value {
        Value::Float(value) => (back.f = Some(*value), 1).1,
        Value::Int(value) => (back.i = Some(*value), 2).1,
        Value::String(value) => (back.s = Some(value.to_vec()), 3).1,
        Value::Tensor(value) => (back.t = Some(tensor_back(value)), 4).1,
        Value::Graph(value) => (back.g = Some(graph_back(value)), 5).1,
        Value::Floats(values) => (back.floats.clone_from(values), 6).1,
        Value::Ints(values) => (back.ints.clone_from(values), 7).1,
        Value::Strings(values) => (back.strings = each(values, |value| value.to_vec()), 8).1,
        Value::Tensors(values) => (back.tensors = each(values, tensor_back), 9).1,
        Value::Graphs(values) => (back.graphs = each(values, graph_back), 10).1,
        Value::Reference(name) => (back.ref_attr_name = some(name), 0).1,
        Value::Other => 13,
    };
    back.r#type = (kind > 0).then_some(kind);
    back
}

fn tensor_back(tensor: &own::TensorProto<'_>) -> p::Tensor {
    use own::Storage;
    let mut back = p::Tensor {
        dims: tensor.dims.clone(),
        data_type: Some(tensor.data_type),
        name: some(tensor.name),
        ..Default::default()
    };
    match &tensor.storage {
        Storage::Raw(bytes) => back.raw_data = Some(bytes.to_vec()),
        Storage::Floats(values) => back.float_data = values.iter().collect(),
        Storage::Ints32(values) => back.int32_data = values.iter().collect(),
        Storage::Ints64(values) => back.int64_data = values.iter().collect(),
        Storage::Doubles(values) => back.double_data = values.iter().collect(),
        Storage::Uints64(values) => back.uint64_data = values.iter().collect(),
        Storage::Strings(count) => back.string_data = vec![Vec::new(); *count],
        Storage::External(external) => {
            back.data_location = Some(1);
            let mut add =
                |key: &str, value: String| back.external_data.push(p::Entry { key: some(key), value: some(&value) });
            add("location", external.location.into());
            add("offset", external.offset.to_string());
            external.length.into_iter().for_each(|length| add("length", length.to_string()));
        }
        Storage::None => {}
    }
    back
}

fn value_info_back(info: &own::ValueInfoProto<'_>) -> p::ValueInfo {
    let value = match &info.value {
        own::ValueType::Tensor { element_type, shape } => p::TypeValue::Tensor(p::TensorType {
            elem_type: Some(*element_type),
            shape: shape.as_ref().map(|dims| p::Shape { dim: each(dims, dim_back) }),
        }),
        own::ValueType::Other(what) => {
            assert_eq!(*what, "a sequence");
            p::TypeValue::Sequence(Box::default())
        }
        own::ValueType::Unset => return p::ValueInfo { name: some(info.name), r#type: None },
    };
    p::ValueInfo { name: some(info.name), r#type: Some(p::Type { value: Some(value) }) }
}

fn dim_back(dim: &own::DimProto<'_>) -> p::Dim {
    let value = match dim {
        own::DimProto::Value(value) => Some(p::DimValue::Value(*value)),
        own::DimProto::Parameter(name) => Some(p::DimValue::Parameter((*name).into())),
        own::DimProto::Unset => None,
    };
    p::Dim { value, denotation: None }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_prost_writes_is_read_the_same(choices in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let written = model(&mut Draw(choices.iter()));
        let file = written.encode_to_vec();
        let read = own::read(&file).expect("a model of prost is read");
        prop_assert_eq!(&model_back(&read), &written);
        prop_assert_eq!(p::Model::decode(&file[..]).expect("prost reads its own"), written);
    }
}
