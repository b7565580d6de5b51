//! Every kernel that an operator asks for in a recorded model or layer exists, and gets what it expects.

use crate::module::{Module, modules};
use crate::{arrays, cases};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tfjs_wgpu::emulation;
use tfjs_wgpu::internals::graph::{Builder, ValueId};
use tfjs_wgpu::internals::kernel::{DeviceFacts, Kernel, MAX_WORKGROUPS_PER_DIMENSION};
use tfjs_wgpu::internals::ops::{
    Activation, Binary, BinaryFunction, Cast, Class, Compare, Comparison, FloatClass, Function, Op, Select,
};
use tfjs_wgpu::internals::plan::{Plan, Retain};
use tfjs_wgpu::{DType, LoadOptions, Model, Semantics};
use tfjs_wgpu::{Shape, TensorType};

/// Every recorded model and layer that loads, by either semantics, and what the operators on arrays ask for.
fn models() -> impl Iterator<Item = Model> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models");
    let folders: Vec<_> = std::fs::read_dir(folder).expect("the recorded models are there").collect();
    let load = |semantics| {
        let options = LoadOptions::default().semantics(semantics);
        let models =
            folders.iter().map(move |entry| Model::load(entry.as_ref().expect("an entry").path(), options.clone()));
        models.chain(cases::all().into_iter().map(move |case| case.load(semantics))).collect::<Vec<_>>()
    };
    let loaded = [Semantics::TfJs, Semantics::Keras].map(load).into_iter().flatten().filter_map(Result::ok);
    loaded.chain([arithmetic(), arrays::model()])
}

/// What no recorded layer makes.
fn arithmetic() -> Model {
    let mut builder = Builder::new();
    let ty = |dtype| TensorType::new(Shape::batched(&[3]), dtype);
    let floats = builder.input("floats", ty(DType::F32)).expect("an input");
    let ids = builder.input("ids", ty(DType::I32)).expect("an input");
    let mut op = |op: Op, inputs: &[ValueId]| builder.op("op", op, inputs).expect("an operator");
    let is_less = op(Compare { comparison: Comparison::Less }.into(), &[floats, floats]);
    let sine = op(Activation { function: Function::Sin }.into(), &[floats]);
    // Two steps, which are one chain where operators are fused.
    let fraction = op(Binary { function: BinaryFunction::FloorMod }.into(), &[floats, sine]);
    let outputs = [
        is_less,
        sine,
        op(Activation { function: Function::Rsqrt }.into(), &[fraction]),
        op(Compare { comparison: Comparison::Less }.into(), &[ids, ids]),
        op(Select.into(), &[is_less, ids, ids]),
        op(FloatClass { class: Class::Nan }.into(), &[floats]),
        op(Cast { to: DType::Bool }.into(), &[ids]),
        op(Binary { function: BinaryFunction::FloorMod }.into(), &[ids, ids]),
        op(Binary { function: BinaryFunction::Power }.into(), &[floats, floats]),
        op(Activation { function: Function::Absolute }.into(), &[ids]),
    ];
    let outputs = outputs.into_iter().enumerate().map(|(index, id)| (index.to_string(), id)).collect();
    Model::from_graph("arithmetic", builder.finish(outputs).expect("a graph"))
}

/// Every kernel of every recorded model and layer, at a batch of 1 and one of 300: on hardware, on software, and on a
/// device that runs short loops, which refuses many.
fn kernels() -> Vec<Kernel> {
    let software = DeviceFacts { software: true, ..DeviceFacts::FLOOR };
    let short = DeviceFacts { max_loop_steps: 30, ..DeviceFacts::FLOOR };
    let mut kernels = Vec::new();
    let devices = |model: Model| [&DeviceFacts::FLOOR, &software, &short].map(|facts| (model.clone(), facts));
    for (model, facts) in models().flat_map(devices) {
        let graphs = emulation::PASSES.map(|passes| passes.run(model.graph(), facts).expect("a graph"));
        for (graph, batch) in graphs.into_iter().flat_map(|graph| [1, 300].map(|batch| (graph.clone(), batch))) {
            match Plan::new(graph, facts, Retain::All).and_then(|plan| plan.dispatches(batch)) {
                Err(_) if *facts == short => (),
                asked => kernels.extend(asked.expect("dispatches").into_iter().map(|dispatch| dispatch.kernel)),
            }
        }
    }
    kernels
}

fn modules_by_name() -> BTreeMap<&'static str, Module> {
    modules().into_iter().map(|module| (module.shader.name, module)).collect()
}

#[test]
fn every_kernel_exists_and_gets_what_it_expects() {
    let modules = modules_by_name();
    for kernel in kernels() {
        let module = modules.get(kernel.shader).unwrap_or_else(|| panic!("{kernel}: no such shader"));
        let entry_point =
            module.entry_point(kernel.entry_point).unwrap_or_else(|| panic!("{kernel}: no such entry point"));
        let storage = module.buffers(entry_point).iter().filter(|buffer| buffer.is_storage).count();
        assert_eq!(kernel.bindings.len(), storage, "{kernel}: bindings");
        assert!(storage <= 4, "{kernel}: {storage} storage buffers");
        assert_eq!(kernel.params.len(), module.shader.params.size, "{kernel}: bytes of parameters");
        let within = |&count: &u32| (1..=MAX_WORKGROUPS_PER_DIMENSION).contains(&count);
        assert!(kernel.workgroups.iter().all(within), "{kernel}");
        let given: BTreeSet<&str> = kernel.constants.iter().map(|(name, _)| *name).collect();
        let declared: Vec<_> = module.naga.overrides.iter().map(|(_, constant)| constant).collect();
        let name = |constant: &naga::Override| constant.name.clone().expect("a named constant");
        let known = |given: &&str| declared.iter().any(|constant| name(constant) == **given);
        assert!(given.iter().all(known), "{kernel}: the shader declares {declared:?}");
        let missing =
            declared.iter().find(|constant| constant.init.is_none() && !given.contains(name(constant).as_str()));
        assert!(missing.is_none(), "{kernel}: the shader needs {missing:?}");
    }
}

/// So that the test above sees all there is.
#[test]
fn every_entry_point_is_asked_for() {
    let asked: BTreeSet<_> = kernels().iter().map(|kernel| (kernel.shader, kernel.entry_point.to_string())).collect();
    let modules = modules();
    let entry_points = modules.iter().flat_map(|module| {
        module.naga.entry_points.iter().map(|entry_point| (module.shader.name, entry_point.name.clone()))
    });
    assert_eq!(asked, entry_points.collect());
}
