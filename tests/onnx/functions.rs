//! Calls of a model's own functions are replaced by the nodes of the functions.

use crate::assert_says;
use crate::writer::*;
use tfjs_wgpu::Error;
use tfjs_wgpu::internals::onnx::file::{AttributeValue, ModelProto, Names, read_checked};

fn checked<T>(file: &[u8], then: impl FnOnce(&ModelProto<'_>) -> T) -> Result<T, Error> {
    let names = Names::default();
    read_checked(file, &names).map(|model| then(&model))
}

/// The field of a function in the domain `own`.
fn function(name: &str, inputs: &[&str], outputs: &[&str], nodes: &[Vec<u8>]) -> Vec<u8> {
    let names = |number: u64, names: &[&str]| -> Vec<u8> {
        names.iter().map(|name| bytes(number, name)).collect::<Vec<_>>().concat()
    };
    let nodes: Vec<Vec<u8>> = nodes.iter().map(|node| bytes(7, node)).collect();
    bytes(25, [bytes(1, name), names(4, inputs), names(5, outputs), nodes.concat(), bytes(10, "own")].concat())
}

fn call(name: &str, inputs: &[&str], outputs: &[&str]) -> Vec<u8> {
    [node(name, inputs, outputs), bytes(7, "own")].concat()
}

fn file(nodes: Vec<Vec<u8>>, functions: &[Vec<u8>]) -> Vec<u8> {
    let graph = Graph { nodes, inputs: vec!["x"], outputs: vec!["y"], ..Default::default() };
    model_with(&graph.write(), functions)
}

/// As `Op(inputs)->outputs`.
fn text(model: &ModelProto<'_>) -> Vec<String> {
    let nodes = model.graph.nodes.iter();
    nodes.map(|node| format!("{}({})->{}", node.op_type, node.inputs.join(","), node.outputs.join(","))).collect()
}

#[test]
fn a_call_becomes_the_nodes_of_its_function() {
    let square = function("Square", &["v"], &["r"], &[node("Mul", &["v", "v"], &["r"])]);
    let fourth = function("Fourth", &["v"], &["r"], &[call("Square", &["v"], &["t"]), call("Square", &["t"], &["r"])]);
    let nodes = vec![call("Fourth", &["x"], &["a"]), call("Fourth", &["a"], &["y"])];
    let nodes = checked(&file(nodes, &[fourth, square]), text).expect("a model");
    assert_eq!(
        nodes,
        [
            "Mul(x,x)->Fourth#1/t",
            "Mul(Fourth#1/t,Fourth#1/t)->a",
            "Mul(a,a)->Fourth#4/t",
            "Mul(Fourth#4/t,Fourth#4/t)->y",
        ]
    );
}

#[test]
fn attributes_that_refer_to_the_call_get_its_values() {
    let refers = |name: &str, to: &str| bytes(5, [bytes(1, name), bytes(21, to), number(20, 1)].concat());
    let body = [node("Selu", &["v"], &["r"]), refers("alpha", "a"), refers("gamma", "g"), refers("rest", "none")];
    let default = bytes(11, attribute("g", 1, float(2, 3.0)));
    let own = [bytes(1, "F"), bytes(4, "v"), bytes(5, "r"), bytes(6, "a"), default, bytes(7, body.concat())];
    let own = bytes(25, [own.concat(), bytes(10, "own")].concat());
    let called = [call("F", &["x"], &["y"]), bytes(5, attribute("a", 1, float(2, 2.0)))].concat();
    let attributes = checked(&file(vec![called], &[own]), |model| {
        let attributes = model.graph.nodes[0].attributes.iter();
        let float =
            |value: &AttributeValue<'_>| if let AttributeValue::Float(value) = value { *value } else { f32::NAN };
        attributes.map(|attribute| (attribute.name.to_string(), float(&attribute.value))).collect::<Vec<_>>()
    });
    assert_eq!(attributes.expect("a model"), [("alpha".into(), 2.0), ("gamma".into(), 3.0)]);
}

#[test]
fn branches_in_functions_and_calls_in_branches_are_replaced() {
    let square = function("Square", &["v"], &["r"], &[node("Mul", &["v", "v"], &["r"])]);
    let branch = [bytes(1, call("Square", &["v"], &["b"])), bytes(2, "b"), bytes(12, value("b"))].concat();
    let choice = [node("If", &["v"], &["r"]), bytes(5, attribute("then_branch", 5, bytes(6, branch)))].concat();
    let choose = function("Choose", &["v"], &["r"], &[choice]);
    let found = checked(&file(vec![call("Choose", &["x"], &["y"])], &[square, choose]), |model| {
        let AttributeValue::Graph(graph) = &model.graph.nodes[0].attributes[0].value else { panic!("no branch") };
        let inner = &graph.nodes[0];
        (text(model), inner.op_type.to_string(), inner.inputs.join(","), graph.outputs[0].name == inner.outputs[0])
    });
    assert_eq!(found.expect("a model"), (vec!["If(x)->y".into()], "Mul".into(), "x,x".into(), true));
}

#[test]
fn outputs_that_are_inputs_are_copied_and_inputs_may_be_left_out() {
    let same = function("Same", &["v", "w"], &["v", "r"], &[node("Clip", &["v", "w"], &["r"])]);
    let nodes = checked(&file(vec![call("Same", &["x"], &["y", "z"])], &[same]), text).expect("a model");
    assert_eq!(nodes, ["Clip(x,)->z", "Identity(x)->y"]);
}

#[test]
fn functions_do_not_call_themselves() {
    let f = function("F", &["v"], &["r"], &[call("G", &["v"], &["r"])]);
    let branch = [bytes(1, call("F", &["v"], &["b"])), bytes(2, "b")].concat();
    let choice = [node("If", &["v"], &["r"]), bytes(5, attribute("then_branch", 5, bytes(6, branch)))].concat();
    let g = function("G", &["v"], &["r"], &[choice]);
    // Even if nothing calls them.
    let error = checked(&file(vec![node("Neg", &["x"], &["y"])], &[f, g]), |_| ()).expect_err("recursion");
    assert_says(&error, &["a function calls itself", "`F` → `G` → `F`"]);
}

#[test]
fn calls_that_multiply_are_limited() {
    let names: Vec<String> = (0..40).map(|index| format!("F{index}")).collect();
    for (chain, says) in [(&names[..30], "node[0] (F29): "), (&names[..], "limit of 32 nested")] {
        let mut functions = vec![function(&chain[0], &[], &[], &[])];
        for pair in chain.windows(2) {
            let twice = [call(&pair[0], &[], &[]), call(&pair[0], &[], &[])];
            functions.push(function(&pair[1], &[], &[], &twice));
        }
        let last = chain.last().expect("a function");
        let nodes = vec![call(last, &[], &[]), node("Neg", &["x"], &["y"])];
        assert_says(&checked(&file(nodes, &functions), |_| ()).expect_err("too much"), &[says]);
    }
}

#[test]
fn wrong_functions_and_calls_are_refused() {
    let square = function("Square", &["v"], &["r"], &[node("Mul", &["v", "v"], &["r"])]);
    let one = vec![call("Square", &["x", "x"], &["y"])];
    let error = checked(&file(one, std::slice::from_ref(&square)), |_| ()).expect_err("two inputs");
    assert_says(&error, &["node[0] (Square)", "a call of `Square` has 2 inputs", "has 1"]);
    let error = checked(&file(vec![], &[square.clone(), square]), |_| ()).expect_err("two functions");
    assert_says(&error, &["two functions are called `Square`"]);
    let broken = function("F", &["v"], &["r"], &[node("Mul", &["v", "w"], &["r"])]);
    let error = checked(&file(vec![], &[broken]), |_| ()).expect_err("undefined");
    assert_says(&error, &["function `F`", "node[0] (Mul)", "`w` is not defined"]);
    let import = bytes(9, [bytes(1, "ai.onnx"), number(2, 12)].concat());
    let old = bytes(25, [bytes(1, "F"), bytes(4, "v"), bytes(5, "v"), import, bytes(10, "own")].concat());
    let error = checked(&file(vec![call("F", &["x"], &["y"])], &[old]), |_| ()).expect_err("another opset");
    assert_says(&error, &["function `F` is of opset 12", "the model is of opset 17"]);
}
