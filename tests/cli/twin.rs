//! `twin`: the TF.js and the ONNX form of one model, and models that are no twins.

use crate::{command, model, transcript};
use insta::assert_snapshot;
use serde_json::Value;

const SHOP: [&str; 2] = ["examples/shop_rank", "examples/shop_rank/model.onnx"];

fn twin(options: &[&str]) -> String {
    transcript(&[&["twin"], &SHOP[..], &["--device", "reference"], options].concat())
}

/// The file of Keras honours the mask, as the ONNX file does.
#[test]
fn two_forms_that_agree() {
    assert_snapshot!(twin(&["--semantics", "keras"]));
}

/// TF.js ignores the mask of the history.
#[test]
fn two_forms_that_do_not() {
    assert_snapshot!(twin(&[]));
}

#[test]
fn what_is_no_twin() {
    let others = [model("ncf"), model("dlrm")];
    let calls: [&[&str]; 3] = [
        &["twin", &others[0], &others[1], "--device", "cpu"],
        &["twin", SHOP[0], SHOP[1], "--tolerance=-1"],
        &["twin", SHOP[0], "no/model.onnx", "--device", "cpu"],
    ];
    assert_snapshot!(calls.map(transcript).join("\n\n"));
}

#[test]
fn json() {
    let call = ["twin", SHOP[0], SHOP[1], "--device", "cpu", "--batch", "4", "--json"];
    let output = command(&call).output().expect("starts");
    let object: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let fields = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    let help = command(&["twin", "--help"]).output().expect("starts").stdout;
    let help = String::from_utf8(help).expect("UTF-8");
    let output = &object["outputs"][0];
    for field in [fields(&object), fields(output), fields(&output["ranking"])].concat() {
        assert!(help.contains(&field), "--help does not tell of `{field}`");
    }
    assert_eq!(object["batch"], 4);
}
