//! Rules that hold for every shader.

use crate::module::modules;
use std::collections::BTreeSet;
use std::path::Path;
use tfjs_wgpu::internals::kernel::WORKGROUP_SIZE;
use tfjs_wgpu::internals::ops;

/// ActivationPrecision buffers that every Vulkan phone binds for one kernel.
const MAX_STORAGE_BUFFERS: usize = 4;

/// Workgroup memory that every Vulkan phone has.
const MAX_WORKGROUP_BYTES: u32 = 16 << 10;

#[test]
fn every_shader_is_valid_without_optional_capabilities() {
    // Parsing and validating are in here, and panic with naga's message.
    let modules = modules();
    assert!(modules.iter().all(|module| !module.naga.entry_points.is_empty()), "a shader without an entry point");
    for module in modules {
        let directive =
            |line: &&str| line.trim_start().starts_with("enable ") || line.trim_start().starts_with("requires ");
        let text = module.shader.text();
        assert_eq!(text.lines().find(directive), None, "{}.wgsl needs an extension", module.shader.name);
    }
}

#[test]
fn parameters_have_the_same_layout_on_both_sides() {
    for module in modules() {
        let (fields, size) = module.params();
        let layout = module.shader.params;
        let host: Vec<_> = layout.fields.iter().map(|&(name, offset, size)| (name.to_string(), offset, size)).collect();
        assert_eq!(fields, host, "{}.wgsl: (name, offset, size) in WGSL, and in Rust", module.shader.name);
        assert_eq!(size, layout.size, "{}.wgsl: size in WGSL, and in Rust", module.shader.name);
        assert_eq!(
            size % 16,
            0,
            "{}.wgsl: a uniform struct is a multiple of 16 bytes on every backend",
            module.shader.name
        );
    }
}

#[test]
fn bindings_are_parameters_then_inputs_then_one_output() {
    for module in modules() {
        for (index, entry_point) in module.naga.entry_points.iter().enumerate() {
            let place = format!("{}.wgsl, {}", module.shader.name, entry_point.name);
            let buffers = module.buffers(index);
            let bindings: Vec<u32> = buffers.iter().map(|buffer| buffer.binding).collect();
            assert_eq!(bindings, (0..buffers.len() as u32).collect::<Vec<_>>(), "{place}: bindings without holes");
            let (params, storage) = buffers.split_first().expect("parameters");
            assert!(!params.is_storage, "{place}: binding 0 is the uniform parameters");
            let (output, inputs) = storage.split_last().expect("an output");
            assert!(storage.iter().all(|buffer| buffer.is_storage), "{place}: the rest are storage buffers");
            assert!(output.is_declared_writable && output.is_written, "{place}: the last binding is written");
            assert!(inputs.iter().all(|buffer| !buffer.is_declared_writable), "{place}: the others are read-only");
            assert!(storage.len() <= MAX_STORAGE_BUFFERS, "{place}: {} storage buffers", storage.len());
        }
    }
}

#[test]
fn workgroups_run_on_every_phone() {
    for module in modules() {
        for (index, entry_point) in module.naga.entry_points.iter().enumerate() {
            let place = format!("{}.wgsl, {}", module.shader.name, entry_point.name);
            assert_eq!(entry_point.stage, naga::ShaderStage::Compute, "{place}");
            if entry_point.workgroup_size_overrides.is_none() {
                assert_eq!(
                    entry_point.workgroup_size.iter().product::<u32>(),
                    WORKGROUP_SIZE,
                    "{place}: workgroup size"
                );
            } else {
                // Software GPUs run it with as many invocations as a SIMD vector has lanes.
                let size = format!("override lanes: u32 = {WORKGROUP_SIZE}u;");
                assert!(module.shader.source.contains(&size), "{place}: {WORKGROUP_SIZE} invocations unless told");
            }
            let bytes = module.workgroup_bytes(index);
            assert!(bytes <= MAX_WORKGROUP_BYTES, "{place}: {bytes} bytes of workgroup memory");
        }
    }
}

/// naga must count the workgroup memory, or the test above proves nothing.
#[test]
fn workgroup_memory_is_counted() {
    let modules = modules();
    let softmax = modules.iter().find(|module| module.shader.name == "softmax").expect("softmax.wgsl");
    assert_eq!(softmax.workgroup_bytes(0), 4 * WORKGROUP_SIZE);
}

#[test]
fn names_are_unique() {
    let mut seen = BTreeSet::new();
    for shader in ops::shaders() {
        assert!(seen.insert(shader.name), "two shaders are called {}", shader.name);
        assert_eq!(ops::shader(shader.name).map(|found| found.source), Some(shader.source));
    }
    assert!(ops::shader("no such shader").is_none());
}

#[test]
fn every_file_is_used_and_every_shader_has_a_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let on_disk: BTreeSet<String> =
        stems(&root).into_iter().chain(prefixed("lib/", stems(&root.join("lib")))).collect();
    let names = ops::shaders().map(|shader| shader.name.to_string());
    let fragments = ops::shaders().flat_map(|shader| shader.fragments).map(|fragment| format!("lib/{}", fragment.name));
    let in_use: BTreeSet<String> = names.chain(fragments).collect();
    assert_eq!(on_disk, in_use, "files under shaders/, and what operators name");
    for shader in ops::shaders() {
        let file = std::fs::read_to_string(root.join(format!("{}.wgsl", shader.name))).expect("a shader file");
        assert_eq!(file, shader.source, "{}", shader.name);
    }
}

fn stems(folder: &Path) -> Vec<String> {
    let paths = std::fs::read_dir(folder).expect("a folder of shaders").map(|entry| entry.expect("an entry").path());
    let files = paths.filter(|path| path.is_file());
    files
        .map(|path| {
            assert_eq!(path.extension().and_then(|extension| extension.to_str()), Some("wgsl"), "{}", path.display());
            path.file_stem().expect("a stem").to_string_lossy().into_owned()
        })
        .collect()
}

fn prefixed(prefix: &'static str, names: Vec<String>) -> impl Iterator<Item = String> {
    names.into_iter().map(move |name| format!("{prefix}{name}"))
}
