//! Writes protocol buffers field by field, so that a test can write what no exporter does.

/// A number of up to ten bytes.
pub(crate) fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A field that holds a number.
pub(crate) fn number(field: u64, value: i64) -> Vec<u8> {
    [varint(field << 3), varint(value as u64)].concat()
}

/// A field that holds bytes: a string, a message or packed numbers.
pub(crate) fn bytes(field: u64, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    [varint(field << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

/// A field that holds a float.
pub(crate) fn float(field: u64, value: f32) -> Vec<u8> {
    [&varint(field << 3 | 5)[..], &value.to_le_bytes()].concat()
}

/// The content of a node.
pub(crate) fn node(op_type: &str, inputs: &[&str], outputs: &[&str]) -> Vec<u8> {
    let inputs = inputs.iter().map(|name| bytes(1, name));
    let outputs = outputs.iter().map(|name| bytes(2, name));
    [inputs.chain(outputs).collect::<Vec<_>>().concat(), bytes(4, op_type)].concat()
}

/// The content of an attribute: its name, type and value.
pub(crate) fn attribute(name: &str, kind: i64, value: Vec<u8>) -> Vec<u8> {
    [bytes(1, name), value, number(20, kind)].concat()
}

/// The content of a tensor without elements.
pub(crate) fn tensor(name: &str, dims: &[i64], data_type: i64) -> Vec<u8> {
    let dims: Vec<Vec<u8>> = dims.iter().map(|dim| number(1, *dim)).collect();
    [dims.concat(), number(2, data_type), bytes(8, name)].concat()
}

/// The content of a tensor with raw elements.
pub(crate) fn raw_tensor(name: &str, dims: &[i64], data_type: i64, raw: &[u8]) -> Vec<u8> {
    [tensor(name, dims, data_type), bytes(9, raw)].concat()
}

/// The content of a tensor in another file.
pub(crate) fn external_tensor(name: &str, dims: &[i64], entries: &[(&str, &str)]) -> Vec<u8> {
    let entries = entries.iter().map(|(key, value)| bytes(13, [bytes(1, key), bytes(2, value)].concat()));
    [tensor(name, dims, 1), number(14, 1), entries.collect::<Vec<_>>().concat()].concat()
}

/// The content of a value info: a float tensor of shape [N].
pub(crate) fn value(name: &str) -> Vec<u8> {
    let shape = bytes(1, bytes(2, "N"));
    [bytes(1, name), bytes(2, bytes(1, [number(1, 1), bytes(2, shape)].concat()))].concat()
}

/// The content of a graph.
#[derive(Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Vec<u8>>,
    pub(crate) initializers: Vec<Vec<u8>>,
    pub(crate) inputs: Vec<&'static str>,
    pub(crate) outputs: Vec<&'static str>,
}

impl Graph {
    pub(crate) fn write(&self) -> Vec<u8> {
        let fields = |number: u64, items: &[Vec<u8>]| -> Vec<u8> {
            items.iter().map(|item| bytes(number, item)).collect::<Vec<_>>().concat()
        };
        let values = |names: &[&str]| names.iter().map(|name| value(name)).collect::<Vec<_>>();
        let (inputs, outputs) = (values(&self.inputs), values(&self.outputs));
        let nodes = fields(1, &self.nodes);
        [nodes, bytes(2, "g"), fields(5, &self.initializers), fields(11, &inputs), fields(12, &outputs)].concat()
    }
}

/// A file around the content of a graph, and more fields.
pub(crate) fn model_with(graph: &[u8], more: &[Vec<u8>]) -> Vec<u8> {
    let import = bytes(8, [bytes(1, ""), number(2, 17)].concat());
    [number(1, 8), bytes(2, "test"), bytes(7, graph), import, more.concat()].concat()
}

/// A file around a graph.
pub(crate) fn model(graph: &Graph) -> Vec<u8> {
    model_with(&graph.write(), &[])
}

/// A small model with an example of every kind of content.
pub(crate) fn sample() -> Vec<u8> {
    let branch = |value: &str| {
        let graph = [bytes(1, node("Neg", &[value], &["b"])), bytes(2, "branch"), bytes(12, self::value("b"))].concat();
        bytes(6, graph)
    };
    let mut choice = node("If", &["c"], &["y"]);
    choice.extend(bytes(5, attribute("then_branch", 5, branch("h"))));
    choice.extend(bytes(5, attribute("else_branch", 5, branch("x"))));
    let mut sum = node("Gemm", &["x", "w", ""], &["h"]);
    sum.extend(bytes(5, attribute("alpha", 1, float(2, 0.5))));
    sum.extend(bytes(5, attribute("ints", 7, bytes(8, [1, 2, 0x80, 1]))));
    sum.extend(bytes(5, attribute("floats", 6, [float(7, 1.0), float(7, 2.0)].concat())));
    sum.extend(bytes(5, attribute("mode", 3, bytes(4, "linear"))));
    sum.extend(bytes(5, attribute("value", 4, bytes(5, raw_tensor("", &[1], 7, &[7; 8])))));
    let mut scaled = node("Scale", &["y"], &["z"]);
    scaled.extend(bytes(7, "own"));
    let scale = [
        bytes(1, "Scale"),
        bytes(4, "v"),
        bytes(5, "r"),
        bytes(7, node("Mul", &["v", "v"], &["t"])),
        bytes(7, node("Mul", &["t", "v"], &["r"])),
        bytes(10, "own"),
    ];
    let graph = Graph {
        nodes: vec![choice, sum, node("Cast", &["x"], &["c"]), scaled],
        initializers: vec![
            raw_tensor("w", &[2, 2], 1, &[0; 16]),
            [tensor("ids", &[3], 7), bytes(7, [1, 2, 3])].concat(),
            external_tensor("far", &[1], &[("location", "w.data"), ("offset", "4"), ("length", "4")]),
        ],
        inputs: vec!["x"],
        outputs: vec!["z"],
    };
    model_with(&graph.write(), &[bytes(25, scale.concat())])
}
