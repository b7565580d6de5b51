//! Golden plans: how many dispatches, submits, bytes and pipelines a prediction takes, and what the second one saves.

use crate::goldens::golden;
use crate::harness::gpu;
use std::collections::BTreeSet;
use std::sync::Arc;
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::Passes;
use tfjs_wgpu::internals::gpu::Gpu;
use tfjs_wgpu::internals::graph::Graph;
use tfjs_wgpu::internals::kernel::{DeviceFacts, Kernel};
use tfjs_wgpu::internals::passes::share;
use tfjs_wgpu::internals::plan::{Plan, Retain};
use tfjs_wgpu::internals::session;
use tfjs_wgpu::telemetry::Counter;
use tfjs_wgpu::{Device, LoadOptions, Model, Semantics, Session, WeightFormat};

#[test]
fn the_plain_plan_of_wide_deep_is_as_recorded() {
    let model = golden("wide_deep").load(Semantics::TfJs).expect("wide_deep loads");
    let plan = Plan::new(Arc::clone(model.graph()), &DeviceFacts::FLOOR, Retain::Outputs).expect("a plan");
    insta::assert_snapshot!(plan.text(7).expect("text"));
}

/// Of its weights, 320 000 are the kernel of a softmax over 10 000 items, 160 000 a table, and 10 000 a bias, which is
/// words either way.
#[test]
fn quantised_weights_take_a_quarter_of_the_memory() {
    let golden = golden("youtube_dnn_10k");
    let bytes = |weights, passes: Passes| {
        let options = LoadOptions::default().weight_format(weights);
        let model = golden.load_with(options).expect("youtube_dnn_10k loads");
        let graph = passes.run(model.graph(), &DeviceFacts::FLOOR).expect("a graph");
        let plan = Plan::new(graph, &DeviceFacts::FLOOR, Retain::Outputs).expect("a plan");
        let text = plan.text(1).expect("text");
        assert_eq!(text.contains(" packing=2 "), weights == WeightFormat::Keep, "{text}");
        plan.weight_bytes() + plan.table_bytes()
    };
    let part = |passes| bytes(WeightFormat::Keep, passes) as f64 / bytes(WeightFormat::F32, passes) as f64;
    let fused = part(Passes::FUSED);
    assert!((0.25..0.28).contains(&fused), "{fused} of the bytes of f32");
    assert!((0.25..0.6).contains(&part(Passes::PLAIN)), "tables of plain plans are words");
}

/// llvmpipe leaves loops early without a word, so what it would not finish is refused.
#[test]
fn loops_longer_than_the_device_runs_are_refused() {
    let model = golden("wide_deep").load(Semantics::TfJs).expect("wide_deep loads");
    let plan = |steps| {
        let facts = DeviceFacts { max_loop_steps: steps, ..DeviceFacts::FLOOR };
        Plan::new(Arc::clone(model.graph()), &facts, Retain::Outputs).map(|_| ())
    };
    assert!(plan(7).is_ok(), "the longest loop goes over the 25 inputs of fc1 in steps of 4, then 1");
    let error = plan(6).expect_err("one step is missing");
    assert_eq!(error.kind(), tfjs_wgpu::ErrorKind::Limit);
    assert!(error.to_string().contains("`fc1`"), "{error}");
}

#[test]
fn memory_is_shared_where_lifetimes_allow() {
    let model = golden("dlrm").load(Semantics::TfJs).expect("dlrm loads");
    let plan = |retain| Plan::new(Arc::clone(model.graph()), &DeviceFacts::FLOOR, retain).expect("a plan");
    let (shared, apart) = (plan(Retain::Outputs), plan(Retain::All));
    assert!(shared.slots().len() < apart.slots().len());
    let (shared, apart) = (shared.counts(64).expect("counts"), apart.counts(64).expect("counts"));
    assert!(shared.slot_bytes < apart.slot_bytes);
    assert_eq!(shared.dispatches, apart.dispatches);
}

#[test]
fn a_prediction_is_one_submit_and_a_second_allocates_nothing() {
    gpu::require(LimitsPreset::Full);
    let model = golden("wide_deep").load(Semantics::TfJs).expect("wide_deep loads");
    let session = Session::open(&model, Device::Gpu).expect("the GPU opens");
    let gpu = Gpu::open(LimitsPreset::Full).expect("the GPU opens");
    let graph = Passes::FUSED.run(model.graph(), gpu.facts()).expect("a fused graph");
    let plan = Plan::new(graph, gpu.facts(), Retain::Outputs).expect("a plan");
    for batch in [1, 7, 256, 7] {
        let inputs = session::random_inputs(&model, batch, 1).expect("inputs");
        session.predict(&inputs).expect("a prediction");
        let second = session.predict(&inputs).expect("a prediction").timeline;
        let counts = plan.counts(batch).expect("counts");
        assert_eq!(second.counter(Counter::Submits), 1);
        assert_eq!(second.counter(Counter::Waits), 1);
        assert_eq!(second.counter(Counter::Allocations), 0);
        assert_eq!(second.counter(Counter::BindGroups), 0);
        assert_eq!(second.counter(Counter::Pipelines), 0, "a batch size must not need a new pipeline");
        assert_eq!(second.counter(Counter::Dispatches), counts.dispatches as u64);
        assert_eq!(second.counter(Counter::UploadBytes), counts.upload_bytes);
        assert_eq!(second.counter(Counter::DownloadBytes), counts.download_bytes);
    }
}

/// The ranking model of the examples, or a recorded one.
fn measured(name: &str) -> Model {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    match name {
        "shop_rank" => {
            Model::load(folder.join("examples/shop_rank"), LoadOptions::default()).expect("the example loads")
        }
        _ => golden(name).load(Semantics::TfJs).expect("the model loads"),
    }
}

/// The most dispatches of a prediction on hardware and on a software GPU, which runs no row programs, by model.
const MOST_DISPATCHES: [(&str, [usize; 2]); 44] = [
    // Embeddings and an MLP: any number of fields, pooled histories, BatchNormalization.
    ("shop_rank", [1, 5]),
    ("batch37", [1, 4]),
    ("ranker_bn", [1, 5]),
    ("youtube_dnn", [1, 5]),
    // Its softmax over 10 000 items is a layer of its own.
    ("youtube_dnn_10k", [3, 5]),
    // A different activation or normalization after every layer.
    ("mlp_assorted", [1, 15]),
    ("nested_shared", [1, 21]),
    // Two parts that meet: wide and deep, factorisation machines, towers.
    ("wide_deep", [1, 6]),
    ("deepfm", [1, 7]),
    ("deepfm_dot", [1, 11]),
    ("deepfm_lambda_free", [1, 22]),
    ("ncf", [1, 6]),
    ("two_tower", [1, 10]),
    ("two_tower_layernorm", [1, 16]),
    // Several tasks, and crosses of fields.
    ("shared_bottom", [1, 13]),
    ("mmoe", [1, 28]),
    ("ple", [1, 47]),
    ("multi_io", [1, 9]),
    ("dcn", [1, 14]),
    ("dcn_v2", [1, 12]),
    ("dcn_v2_low_rank", [1, 18]),
    ("cin", [1, 18]),
    ("autoint", [1, 34]),
    ("fibinet", [1, 40]),
    ("dlrm", [1, 6]),
    ("dlrm_26", [1, 8]),
    // Target attention.
    ("din", [1, 12]),
    ("din_50", [4, 14]),
    ("din_masked", [1, 12]),
    ("din_dice", [4, 35]),
    ("dien", [5, 17]),
    ("bst", [2, 31]),
    // Sequences.
    ("sasrec", [1, 36]),
    ("sasrec_tfjs", [7, 38]),
    ("bert4rec", [7, 55]),
    ("gru4rec", [3, 7]),
    ("gru4rec_two_layers", [5, 8]),
    // Its two recurrent layers, its table of masks and its inputs are more buffers than a program may read.
    ("narm", [7, 17]),
    ("text_cnn", [3, 17]),
    ("text_conv_lstm", [4, 10]),
    ("bilstm_text", [4, 12]),
    ("bilstm_conv", [5, 14]),
    // Two-dimensional convolutions have no row form.
    ("image_tower", [9, 12]),
    ("image_tower_full", [12, 18]),
];

/// Models that are opened on a GPU.
const OPENED: [&str; 4] = ["shop_rank", "dlrm_26", "youtube_dnn_10k", "din_50"];

#[test]
fn a_whole_recommender_is_a_handful_of_dispatches() {
    for (name, most) in MOST_DISPATCHES {
        let model = measured(name);
        for (software, most) in [false, true].into_iter().zip(most) {
            let facts = DeviceFacts { software, ..DeviceFacts::FLOOR };
            let graph = Passes::FUSED.run(model.graph(), &facts).expect("a fused graph");
            let plan = Plan::new(graph, &facts, Retain::Outputs).expect("a plan");
            for batch in [1, 32, 256] {
                let dispatches = plan.counts(batch).expect("counts").dispatches;
                assert!(dispatches <= most, "{name}, software {software}, batch {batch}: {dispatches} dispatches");
            }
            // What a device compiles when it opens the model: the kernels of one row, on hardware also those of many.
            let batches: &[usize] = if software { &[1] } else { &[1, 64] };
            let kernels = batches.iter().flat_map(|batch| plan.dispatches(*batch).expect("dispatches"));
            let pipelines: BTreeSet<String> = kernels.map(|dispatch| pipeline(&dispatch.kernel)).collect();
            // Convolutions, pools and dense layers of images have no row form.
            let most = if software {
                14
            } else if name == "image_tower_full" {
                9
            } else {
                8
            };
            assert!(pipelines.len() <= most, "{name}, software {software}: {pipelines:?}");
        }
    }
}

/// What a pipeline is made for.
fn pipeline(kernel: &Kernel) -> String {
    format!("{}.{} {:?}", kernel.shader, kernel.entry_point, kernel.constants)
}

#[test]
fn a_second_model_of_the_same_kind_makes_no_pipelines() {
    gpu::require(LimitsPreset::Full);
    for name in OPENED {
        let model = measured(name);
        let first = Session::open(&model, Device::Gpu).expect("the GPU opens");
        let second = Session::open(&measured(name), Device::Gpu).expect("the GPU opens");
        assert!(first.timeline().counter(Counter::Pipelines) <= 6, "{name}");
        assert_eq!(second.timeline().counter(Counter::Pipelines), 0, "{name}");
        let inputs = session::random_inputs(&model, 32, 1).expect("inputs");
        second.predict(&inputs).expect("a prediction");
        let warm = second.predict(&inputs).expect("a prediction").timeline;
        let counts = [Counter::Submits, Counter::Waits, Counter::Allocations, Counter::Pipelines, Counter::BindGroups]
            .map(|counter| warm.counter(counter));
        assert_eq!(counts, [1, 1, 0, 0, 0], "{name}");
    }
}

/// A uint8 model is as small on the device as in its file, but for the lists its codes name.
#[test]
fn packed_tables_stay_small_on_the_device() {
    let bytes = |weights| {
        let options = LoadOptions::default().weight_format(weights);
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/youtube_dnn_10k");
        let model = Model::load(folder, options).expect("the model loads");
        let graph = Passes::FUSED.run(model.graph(), &DeviceFacts::FLOOR).expect("a fused graph");
        Plan::new(graph, &DeviceFacts::FLOOR, Retain::Outputs).expect("a plan").table_bytes()
    };
    let (kept, decoded) = (bytes(WeightFormat::Keep), bytes(WeightFormat::F32));
    assert!(3 * kept < decoded, "{kept} bytes of tables for {decoded} as float32");
}

/// What depends on the user alone is computed for one row, and the layer that joins user and candidate is split.
#[test]
fn a_user_is_computed_once_for_all_candidates() {
    let model = measured("shop_rank");
    let user = ["user_id", "city_id", "device_id", "hour_id", "history"];
    let flops = |graph: Arc<Graph>| {
        let fused = Passes::FUSED.run(&graph, &DeviceFacts::FLOOR).expect("a fused graph");
        let plan = Plan::new(fused, &DeviceFacts::FLOOR, Retain::Outputs).expect("a plan");
        (plan.counts(200).expect("counts").work.flops, plan)
    };
    let (repeated, _) = flops(Arc::clone(model.graph()));
    let (once, plan) = flops(Arc::new(share(model.graph(), &user).expect("a shared graph")));
    // 54 of the 100 columns are the user's: their share of the first layer, and the mean of the history.
    assert!(repeated - once > 199 * (2 * 54 * 128), "{once} of {repeated} operations");
    insta::assert_snapshot!(plan.text(200).expect("text"));
}
