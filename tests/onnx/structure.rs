//! Values are defined once and before they are read; nodes that are merely unsorted are sorted.

use crate::assert_says;
use crate::writer::*;
use tfjs_wgpu::Error;
use tfjs_wgpu::internals::onnx::file::{AttributeValue, DimProto, ModelProto, Names, ValueType, read, read_checked};

fn checked<T>(file: &[u8], then: impl FnOnce(&ModelProto<'_>) -> T) -> Result<T, Error> {
    let names = Names::default();
    read_checked(file, &names).map(|model| then(&model))
}

fn refused(graph: Graph) -> Error {
    checked(&model(&graph), |_| ()).expect_err("the graph is wrong")
}

/// What the nodes make, in their order.
fn order(model: &ModelProto<'_>) -> Vec<String> {
    model.graph.nodes.iter().map(|node| node.outputs.concat()).collect()
}

#[test]
fn a_sample_is_read_as_it_was_written() {
    let file = sample();
    let model = read(&file).expect("a model");
    assert_eq!((model.ir_version, model.producer_name, model.opset_imports[0].version), (8, "test", 17));
    let gemm = &model.graph.nodes[1];
    assert_eq!((gemm.op_type, &gemm.inputs[..], &gemm.outputs[..]), ("Gemm", &["x", "w", ""][..], &["h"][..]));
    let values: Vec<_> = gemm.attributes.iter().map(|attribute| (attribute.name, &attribute.value)).collect();
    assert_eq!(values[0], ("alpha", &AttributeValue::Float(0.5)));
    assert_eq!(values[1], ("ints", &AttributeValue::Ints(vec![1, 2, 128])));
    assert_eq!(values[2], ("floats", &AttributeValue::Floats(vec![1.0, 2.0])));
    assert_eq!(values[3], ("mode", &AttributeValue::String(b"linear")));
    assert!(matches!(values[4].1, AttributeValue::Tensor(tensor) if tensor.int64s().is_ok()));
    let ValueType::Tensor { element_type: 1, shape: Some(shape) } = &model.graph.inputs[0].value else {
        panic!("{:?}", model.graph.inputs[0])
    };
    assert_eq!(shape[..], [DimProto::Parameter("N")]);
}

#[test]
fn unsorted_nodes_are_sorted_also_for_what_branches_read() {
    let sorted = checked(&sample(), order).expect("a model");
    // The branches of the node that makes `y` read `h`, and it reads `c`.
    assert_eq!(sorted[..3], ["h", "c", "y"]);
    let nodes = vec![node("A", &["x"], &["a"]), node("C", &["b"], &["c"]), node("B", &["a"], &["b"])];
    let graph = Graph { nodes, inputs: vec!["x"], outputs: vec!["c"], ..Default::default() };
    assert_eq!(checked(&model(&graph), order).expect("a model"), ["a", "b", "c"]);
}

#[test]
fn a_circle_names_its_nodes() {
    let named = |name: &str, inputs: &[&str], output: &str| [node("Add", inputs, &[output]), bytes(3, name)].concat();
    let nodes = vec![named("p", &["x", "r"], "p"), named("q", &["p"], "q"), named("r", &["q"], "r")];
    let error = refused(Graph { nodes, inputs: vec!["x"], outputs: vec!["r"], ..Default::default() });
    assert_says(&error, &["graph", "in a circle", "node `p` (Add) → node `q` (Add) → node `r` (Add)"]);
    let error = refused(Graph { nodes: vec![node("Neg", &["a"], &["a"])], ..Default::default() });
    assert_says(&error, &["in a circle", "node[0] (Neg)"]);
}

#[test]
fn values_are_defined_once() {
    let twice = |nodes: Vec<Vec<u8>>, initializers: Vec<Vec<u8>>, inputs: Vec<&'static str>| {
        refused(Graph { nodes, initializers, inputs, outputs: vec![] })
    };
    let (make, w) = (node("Neg", &["x"], &["a"]), tensor("a", &[0], 1));
    assert_says(
        &twice(vec![make.clone(), make.clone()], vec![], vec!["x"]),
        &["node[1] (Neg)", "`a` is defined twice"],
    );
    assert_says(&twice(vec![make.clone()], vec![w.clone()], vec!["x"]), &["node[0] (Neg)", "`a` is defined twice"]);
    assert_says(&twice(vec![make], vec![], vec!["x", "a"]), &["`a` is defined twice"]);
    assert_says(&twice(vec![], vec![w.clone(), w], vec![]), &["`a` is defined twice", "an initializer"]);
    assert_says(&twice(vec![], vec![], vec!["x", "x"]), &["`x` is defined twice", "an input"]);
    let outputs = Graph { inputs: vec!["x"], outputs: vec!["x", "x"], ..Default::default() };
    assert_says(&refused(outputs), &["two outputs are called `x`"]);
}

#[test]
fn values_that_are_read_are_defined() {
    let nodes = vec![node("Neg", &["nothing"], &["a"])];
    let error = refused(Graph { nodes, ..Default::default() });
    assert_says(&error, &["graph: node[0] (Neg)", "`nothing` is not defined"]);
    let error = refused(Graph { outputs: vec!["y"], ..Default::default() });
    assert_says(&error, &["graph: `y` is not defined", "an output of the graph"]);
    let error = refused(Graph { nodes: vec![bytes(2, "a")], ..Default::default() });
    assert_says(&error, &["node[0]", "no operator"]);
}

/// A value of a branch is not visible outside it.
#[test]
fn scopes_of_graphs_end_with_them() {
    let branch = [bytes(1, node("Neg", &["x"], &["inside"])), bytes(2, "b"), bytes(12, value("inside"))].concat();
    let choice = [node("If", &["x"], &["y"]), bytes(5, attribute("then_branch", 5, bytes(6, branch)))].concat();
    let graph = |reader: &str| Graph {
        nodes: vec![choice.clone(), node("Neg", &[reader], &["z"])],
        inputs: vec!["x"],
        outputs: vec!["z"],
        ..Default::default()
    };
    assert!(checked(&model(&graph("y")), |_| ()).is_ok());
    assert_says(&refused(graph("inside")), &["node[1] (Neg)", "`inside` is not defined"]);
    let wrong = [bytes(1, node("Neg", &["missing"], &["inside"])), bytes(2, "b")].concat();
    let choice = [node("If", &["x"], &["y"]), bytes(5, attribute("then_branch", 5, bytes(6, wrong)))].concat();
    let error = refused(Graph { nodes: vec![choice], inputs: vec!["x"], ..Default::default() });
    assert_says(&error, &["graph: node[0] (If): graph `b`: node[0] (Neg)", "`missing`"]);
}

#[test]
fn inputs_that_are_initializers_are_constants() {
    let graph = Graph {
        initializers: vec![raw_tensor("w", &[1], 1, &[0; 4])],
        inputs: vec!["x", "w"],
        outputs: vec!["x"],
        ..Default::default()
    };
    let found = checked(&model(&graph), |model| {
        let inputs: Vec<String> = model.graph.inputs.iter().map(|input| input.name.to_string()).collect();
        (inputs, model.graph.constant_inputs.concat())
    });
    assert_eq!(found.expect("a model"), (vec!["x".to_string()], "w".to_string()));
}

#[test]
fn what_is_not_read_is_refused_by_name() {
    let sparse = model_with(&bytes(15, []), &[]);
    assert_says(&checked(&sparse, |_| ()).expect_err("sparse"), &["graph", "1 sparse initializers"]);
    let reference = attribute("alpha", 1, bytes(21, "a"));
    let graph = Graph { nodes: vec![[node("A", &[], &[]), bytes(5, reference)].concat()], ..Default::default() };
    assert_says(&refused(graph), &["node[0] (A)", "`alpha` refers to the attribute `a` of a function"]);
    let empty = [node("Constant", &[], &["c"]), bytes(5, attribute("value", 4, vec![]))].concat();
    let error = refused(Graph { nodes: vec![empty], ..Default::default() });
    assert_says(&error, &["graph.node[0].attribute[0]", "holds `t`, and has none"]);
}

#[test]
fn attributes_without_a_type_have_that_of_their_value() {
    let untyped = |value: Vec<u8>| {
        let attribute = bytes(5, [bytes(1, "a"), value].concat());
        let file = model_with(&bytes(1, [node("A", &[], &[]), attribute].concat()), &[]);
        checked(&file, |model| format!("{:?}", model.graph.nodes[0].attributes[0].value))
    };
    assert_eq!(untyped(number(3, -7)).expect("a value"), "Int(-7)");
    assert_eq!(untyped(bytes(8, [1, 2])).expect("a value"), "Ints([1, 2])");
    assert_eq!(untyped(vec![]).expect("a value"), "Other");
    let error = untyped([number(3, 1), float(2, 1.0)].concat()).expect_err("two values");
    assert_says(&error, &["attribute `a` has several values", "`f` and `i`"]);
}
