//! How many dispatches a prediction takes as ONNX and as TF.js: a converter's many nodes must not cost more.

use crate::archive;
use crate::known::unsupported;
use crate::recommenders::load;
use std::path::Path;
use tfjs_wgpu::internals::kernel::DeviceFacts;
use tfjs_wgpu::internals::plan::{Plan, Retain};
use tfjs_wgpu::{LoadOptions, Model, Passes};

/// A model and its twin: the most dispatches as [ONNX, TF.js]. tf2onnx writes the recurrent layers of GRU4Rec as loops.
const MOST: [(&str, &str, [usize; 2]); 10] = [
    ("shop_rank", "examples/shop_rank", [1, 1]),
    ("t_dlrm_26", "tests/data/models/dlrm_26", [1, 1]),
    ("t_din", "tests/data/models/din", [1, 1]),
    ("t_din_masked", "tests/data/models/din_masked", [1, 1]),
    ("t_deepfm", "tests/data/models/deepfm", [1, 1]),
    ("t_gru4rec", "tests/data/models/gru4rec", [3, 3]),
    ("t_gru4rec_reset_before", "tests/data/models/gru4rec_reset_before", [3, 3]),
    ("t_sasrec", "tests/data/models/sasrec", [1, 1]),
    ("t_wide_deep", "tests/data/models/wide_deep", [1, 1]),
    ("t_two_tower", "tests/data/models/two_tower", [1, 1]),
];

fn dispatches(model: &Model) -> usize {
    let graph = Passes::FUSED.run(model.graph(), &DeviceFacts::FLOOR).expect("a fused graph");
    let plan = Plan::new(graph, &DeviceFacts::FLOOR, Retain::Outputs).expect("a plan");
    plan.counts(1).expect("counts").dispatches
}

#[test]
fn an_onnx_file_takes_no_more_dispatches_than_recorded() {
    let (files, listed) = (archive::cases("models.zip"), unsupported("models"));
    let mut grown = Vec::new();
    for (name, twin, [onnx, tfjs]) in MOST {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(twin);
        let own = dispatches(&Model::load(folder, LoadOptions::default()).expect("the twin loads"));
        let found = match load(&files[name]) {
            Ok(model) => dispatches(&model),
            Err(error) => {
                assert!(listed.contains(name), "{name}: {error}");
                grown.extend((own > tfjs).then(|| format!("{name}: TF.js {own}, at most {tfjs}")));
                println!("{name}: not supported yet, TF.js {own}");
                continue;
            }
        };
        println!("{name}: ONNX {found}, TF.js {own}");
        if found > onnx || own > tfjs {
            grown.push(format!("{name}: [{found}, {own}], at most [{onnx}, {tfjs}]"));
        }
    }
    assert!(grown.is_empty(), "more dispatches than recorded:\n{}", grown.join("\n"));
}
