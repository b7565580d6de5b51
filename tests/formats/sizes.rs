//! Dimensions that a file leaves open besides the batch.

use crate::artifact::{Artifact, dense_model, functional, input_layer};
use serde_json::{Value, json};
use tfjs_wgpu::{ErrorKind, LoadOptions, Model, NamedTensors, OpenDimension, Result, Sizes, Tensor};

/// Leaves these dimensions of the input layer at `index` open.
fn open(artifact: &mut Artifact, index: usize, shape: Value) {
    artifact.layer(index)["config"]["batch_input_shape"] = shape;
}

fn layer(class: &str, name: &str, inputs: &[&str]) -> Value {
    let inputs: Vec<Value> = inputs.iter().map(|input| json!([input, 0, 0, {}])).collect();
    json!({"class_name": class, "name": name, "inbound_nodes": [inputs], "config": {"name": name}})
}

/// The sum of two histories, and its average over the steps.
fn added() -> Artifact {
    let layers = vec![
        input_layer("clicks", &[0, 3]),
        input_layer("buys", &[0, 3]),
        layer("Add", "sum", &["clicks", "buys"]),
        layer("GlobalAveragePooling1D", "mean", &["sum"]),
    ];
    let mut artifact = functional(layers, &["clicks", "buys"], &["sum", "mean"], &[]);
    open(&mut artifact, 0, json!([null, null, 3]));
    open(&mut artifact, 1, json!([null, null, 3]));
    artifact
}

/// An image of any size.
fn image() -> Artifact {
    let layers = vec![input_layer("x", &[0, 0, 2]), layer("GlobalMaxPooling2D", "y", &["x"])];
    let mut artifact = functional(layers, &["x"], &["y"], &[]);
    open(&mut artifact, 0, json!([null, null, null, 2]));
    artifact
}

fn load(artifact: &Artifact) -> Model {
    artifact.load(LoadOptions::default()).expect("the model loads")
}

fn load_with(artifact: &Artifact, sizes: &Sizes) -> Result<Model> {
    let json = artifact.json.to_string();
    let shards: Vec<(&str, &[u8])> = artifact.shards.iter().map(|(path, bytes)| (path.as_str(), &bytes[..])).collect();
    Model::from_bytes(json.as_bytes(), &shards, LoadOptions::default().sizes(sizes.clone()))
}

fn text(result: Result<Model>) -> String {
    format!("{:?}", result.expect_err("it is refused"))
}

fn tensors(inputs: &[(&str, &[usize])]) -> NamedTensors {
    let tensor = |shape: &[usize]| Tensor::f32(shape, vec![0.5; shape.iter().product()]).expect("a tensor");
    inputs.iter().map(|(name, shape)| (*name, tensor(shape))).collect()
}

fn sizes(model: &Model) -> Vec<(&str, usize, Option<usize>)> {
    let size = |open: &OpenDimension| (open.axis, open.size);
    model.open_dimensions().iter().map(|open| (open.input.as_str(), size(open).0, size(open).1)).collect()
}

#[test]
fn a_model_loads_without_sizes_and_shows_what_is_open() {
    let model = load(&added());
    assert_eq!(sizes(&model), [("clicks", 1, None), ("buys", 1, None)]);
    assert!(model.is_open());
    let shown: Vec<String> = model.inputs().chain(model.outputs()).map(|(name, ty)| format!("{name} {ty}")).collect();
    assert_eq!(
        shown,
        ["clicks float32[N, ?, 3]", "buys float32[N, ?, 3]", "sum float32[N, ?, 3]", "mean float32[N, 3]"]
    );
    let layers: Vec<String> = model.layers().iter().map(|layer| layer.output_shape.to_string()).collect();
    assert_eq!(layers, ["[N, ?, 3]", "[N, ?, 3]", "[N, ?, 3]", "[N, 3]"]);
    assert!(load(&dense_model()).open_dimensions().is_empty());
}

/// By the input, by name, or as all others; whichever way, it is the model that was lowered at those sizes.
#[test]
fn each_dimension_has_a_size_of_its_own() {
    let (added, image) = (load(&added()), load(&image()));
    let two = image.with_sizes(&Sizes::default().with("x", Some(2), 5).others(4)).expect("sizes");
    assert_eq!(sizes(&two), [("x", 1, Some(4)), ("x", 2, Some(5))]);
    assert_eq!(two.inputs().next().expect("an input").1.to_string(), "float32[N, 4, 5, 2]");
    let given = tensors(&[("clicks", &[2, 6, 3]), ("buys", &[1, 6, 3])]);
    let by_inputs = added.with_sizes_of(&given).expect("sizes");
    let by_name = added.with_sizes(&Sizes::default().with("buys", None, 6).with("clicks", Some(1), 6)).expect("sizes");
    let at_once = load_with(&self::added(), &Sizes::default().others(6)).expect("sizes");
    let mut fixed = self::added();
    open(&mut fixed, 0, json!([null, 6, 3]));
    open(&mut fixed, 1, json!([null, 6, 3]));
    let fixed = load(&fixed).graph().to_string();
    for model in [&by_inputs, &by_name, &at_once] {
        assert_eq!(model.graph().to_string(), fixed);
        assert!(!model.is_open());
    }
    let again = by_name.with_sizes(&Sizes::default().others(9)).expect("they have sizes");
    assert_eq!(sizes(&again), sizes(&by_name));
    assert_eq!(sizes(&by_name.with_sizes(&Sizes::of(&given)).expect("the same")), sizes(&by_name));
}

#[test]
fn a_dimension_may_stay_open_beside_another() {
    let model = load(&image()).with_sizes(&Sizes::default().with("x", Some(1), 5)).expect("a size");
    assert_eq!(sizes(&model), [("x", 1, Some(5)), ("x", 2, None)]);
    assert_eq!(model.inputs().next().expect("an input").1.to_string(), "float32[N, 5, ?, 2]");
}

#[test]
fn sizes_that_mean_nothing_are_refused() {
    let (added, image) = (load(&added()), load(&image()));
    let named = |input: &str, axis| Sizes::default().with(input, axis, 5);
    let cases = [
        (load(&dense_model()).with_sizes(&Sizes::default().others(5)), "leaves no dimension open"),
        (load_with(&dense_model(), &named("x", None)), "leaves no dimension open"),
        (added.with_sizes(&named("views", None)), "input `views`, which the model does not have"),
        (added.with_sizes(&named("buys", Some(2))), "axis 2 of input `buys`, which is not open"),
        (image.with_sizes(&named("x", None)), "input `x` leaves 2 dimensions open: the size must say which"),
        (added.with_sizes(&named("buys", None).with("buys", Some(1), 6)), "is given two sizes, 5 and 6"),
        (added.with_sizes(&named("buys", None).or_of(&tensors(&[("buys", &[2, 4, 3])]))), "was said to be 5"),
        (added.with_sizes(&Sizes::default().others(0)), "cannot be of size 0"),
        (added.with_sizes_of(&tensors(&[("clicks", &[2, 4]), ("buys", &[2, 4, 3])])), "expects shape [N, ?, 3]"),
        (added.with_sizes_of(&tensors(&[("buys", &[2, 4, 3])])), "no tensor was given for input `clicks`"),
    ];
    for (result, expected) in cases {
        let error = result.map(|_| ()).expect_err(expected);
        assert_eq!(error.kind(), ErrorKind::Input, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

/// They are the caller's fault, and not the file's.
#[test]
fn sizes_that_do_not_fit_each_other_are_named() {
    let unlike = Sizes::default().with("clicks", None, 5).with("buys", None, 7);
    for result in [load(&added()).with_sizes(&unlike), load_with(&added(), &unlike)] {
        let text = text(result);
        assert!(text.contains("axis 1 of input `clicks` is 5, axis 1 of input `buys` is 7"), "{text}");
        assert!(text.contains("layer `sum` (Add)") && !text.contains("damaged"), "{text}");
    }
}

/// Weights behind the open dimension may want one size alone.
#[test]
fn a_model_that_wants_one_size_is_found_or_asks_for_it() {
    let mut artifact = dense_model();
    open(&mut artifact, 0, json!([null, null]));
    let model = load(&artifact);
    assert_eq!(model.open_dimensions()[0].graph_size, 2);
    assert_eq!(model.inputs().next().expect("an input").1.to_string(), "float32[N, ?]");
    let text = self::text(load_with(&artifact, &Sizes::default().others(3)));
    assert!(text.contains("does not work at these sizes") && text.contains("[2, 3]"), "{text}");

    // A size that weights have is tried, but not a part of one.
    let odd = |rows: usize, inputs: &str| {
        let dense = json!({
            "class_name": "Dense", "name": "y", "inbound_nodes": [[[inputs, 0, 0, {}]]],
            "config": {"name": "y", "units": 1, "use_bias": false},
        });
        let layers = vec![input_layer("x", &[0]), layer("Flatten", "flat", &["x"]), dense];
        functional(layers, &["x"], &["y"], &[("y/kernel", &[rows, 1])])
    };
    let mut table = odd(77, "x");
    open(&mut table, 0, json!([null, null]));
    assert_eq!(load(&table).open_dimensions()[0].graph_size, 77);
    let mut flat = odd(154, "flat");
    open(&mut flat, 0, json!([null, null, 2]));
    let text = self::text(flat.load(LoadOptions::default()));
    assert!(text.contains("`x=SIZE` (Sizes)") && !text.contains("damaged"), "{text}");
    let model = load_with(&flat, &Sizes::default().others(77)).expect("the size it wants");
    assert_eq!(model.inputs().next().expect("an input").1.to_string(), "float32[N, 77, 2]");
}

/// The input of a model inside that declares its size wants that one.
#[test]
fn a_model_inside_may_want_one_size() {
    let inner = json!({
        "class_name": "Functional", "name": "inner", "inbound_nodes": [[["x", 0, 0, {}]]],
        "config": {
            "name": "inner", "layers": [input_layer("inner_x", &[33]), layer("Flatten", "flat", &["inner_x"])],
            "input_layers": [["inner_x", 0, 0]], "output_layers": [["flat", 0, 0]],
        },
    });
    let mut artifact = functional(vec![input_layer("x", &[0]), inner], &["x"], &[], &[]);
    artifact.config()["output_layers"] = json!([["inner", 1, 0]]);
    open(&mut artifact, 0, json!([null, null]));
    let model = load(&artifact);
    assert_eq!(model.outputs().next().expect("an output").1.to_string(), "float32[N, 33]");
    let text = text(model.with_sizes(&Sizes::default().others(34)));
    assert!(text.contains("axis 1 of input `x` is 34") && text.contains("inner_x"), "{text}");
}

/// What is wrong at every size is said as it is.
#[test]
fn an_error_that_sizes_do_not_change_does_not_speak_of_them() {
    let mut artifact = added();
    artifact.layer(3)["class_name"] = json!("Telepathy");
    let alone = text(artifact.load(LoadOptions::default()));
    assert!(alone.contains("Telepathy") && !alone.contains("(Sizes)"), "{alone}");
    let sized = text(load_with(&artifact, &Sizes::default().others(5)));
    assert_eq!(sized, alone);
}

/// The tensors of the weights are those of the file at every size.
#[test]
fn models_of_different_sizes_share_their_weights() {
    use tfjs_wgpu::internals::graph::Source;
    let embedding = json!({
        "class_name": "Embedding", "name": "e", "inbound_nodes": [[["x", 0, 0, {}]]],
        "config": {"name": "e", "input_dim": 9, "output_dim": 2},
    });
    let pool = layer("GlobalAveragePooling1D", "y", &["e"]);
    let mut artifact =
        functional(vec![input_layer("x", &[0]), embedding, pool], &["x"], &["y"], &[("e/embeddings", &[9, 2])]);
    open(&mut artifact, 0, json!([null, null]));
    let model = load(&artifact);
    let table = |model: &Model| {
        let mut constants = model.graph().nodes().iter().filter_map(|node| match &node.source {
            Source::Constant(value) if value.shape() == [9, 2] => Some(std::sync::Arc::as_ptr(value)),
            _ => None,
        });
        constants.next().expect("the table")
    };
    let other = model.with_sizes(&Sizes::default().others(5)).expect("a size");
    assert_eq!(table(&model), table(&other));
}

/// Names by which a caller may know the only input.
#[test]
fn a_single_tensor_is_the_only_input_whatever_it_is_called() {
    let model = load(&image());
    let given = tensors(&[("input_1", &[1, 4, 5, 2])]);
    assert_eq!(sizes(&model.with_sizes_of(&given).expect("sizes")), [("x", 1, Some(4)), ("x", 2, Some(5))]);
    let (named, notes) = model.own_names(given).expect("one input");
    assert_eq!(named.names().collect::<Vec<_>>(), ["x"]);
    assert_eq!(notes, ["the tensor `input_1` is taken for input `x`, the only one"]);
}
