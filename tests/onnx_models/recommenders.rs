//! Whole recommenders, exported from Keras 2, Keras 3 and PyTorch.

use crate::archive::{self, Files};
use crate::harness::gpu;
use crate::known::{Outcomes, unsupported};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use tfjs_wgpu::internals::tensor::Data;
use tfjs_wgpu::tensor_file::{Format, from_bytes};
use tfjs_wgpu::weights::Memory;
use tfjs_wgpu::{DType, Device, LimitsPreset, LoadOptions, Model, NamedTensors, Session, SessionOptions, Tensor};

const ARCHIVE: &str = "models";

/// The largest difference, as a part of the largest number of the output.
const TOLERANCE: f64 = 1e-5;

fn models() -> BTreeMap<String, Files> {
    let models = archive::cases("models.zip");
    assert_eq!(models.len(), 79);
    models
}

/// Loads the ONNX file of a recommender.
pub(crate) fn load(files: &Files) -> Result<Model, String> {
    let load = || Model::from_onnx(files["model.onnx"].clone(), &Memory::new(), LoadOptions::default());
    let loaded = catch_unwind(AssertUnwindSafe(load)).map_err(|_| "panics".to_string())?;
    loaded.map_err(|error| match error.cause_text() {
        Some(cause) => format!("{error} ({cause})"),
        None => error.to_string(),
    })
}

fn tensors(files: &Files, name: &str) -> NamedTensors {
    from_bytes(&files[name], Format::Npz).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The recorded inputs and answers, for one row and for all.
fn recorded(files: &Files) -> Vec<(NamedTensors, NamedTensors)> {
    let rows = files.keys().filter_map(|file| file.strip_prefix("inputs_")).map(str::to_string);
    rows.map(|rows| (tensors(files, &format!("inputs_{rows}")), tensors(files, &format!("expected_{rows}")))).collect()
}

/// The largest magnitudes of outputs by name, over all recorded rows: one row alone may be near zero.
type Scales = BTreeMap<String, f64>;

fn scales<'t>(answers: impl Iterator<Item = &'t NamedTensors>) -> Scales {
    let mut scales = Scales::new();
    for (name, tensor) in answers.flat_map(NamedTensors::iter) {
        let scale = scales.entry(name.into()).or_default();
        *scale = tensor.to_f64().iter().fold(*scale, |scale, value| scale.max(value.abs()));
    }
    scales
}

/// An error unless all outputs are there and close.
fn expect_close(expected: &NamedTensors, actual: &NamedTensors, scales: &Scales) -> Result<(), String> {
    for (name, expected) in expected.iter() {
        let actual = actual.get(name).ok_or_else(|| format!("no output `{name}`"))?;
        let [kind, shape] = [expected, actual].map(|tensor| (tensor.dtype(), tensor.shape()));
        if kind != shape {
            return Err(format!("`{name}` is {shape:?} instead of {kind:?}"));
        }
        let (expected, actual) = (expected.to_f64(), actual.to_f64());
        let largest = scales.get(name).copied().unwrap_or_default();
        let allowed = if kind.0 == DType::F32 { TOLERANCE * largest } else { 0.0 };
        let apart = expected.iter().zip(&actual).map(|(expected, actual)| (expected - actual).abs());
        let far = apart.fold(0.0f64, |far, apart| if apart.is_nan() { f64::INFINITY } else { far.max(apart) });
        if far > allowed {
            return Err(format!("`{name}` is {:.1e} of its largest number away", far / largest));
        }
    }
    Ok(())
}

fn answers_as_recorded(model: &Model, files: &Files, device: Device, limits: LimitsPreset) -> Result<(), String> {
    let options = SessionOptions::default().device(device).limits(limits);
    let session = Session::open_with(model, options).map_err(|error| format!("{device:?}: {error}"))?;
    let recorded = recorded(files);
    let scales = scales(recorded.iter().map(|(_, expected)| expected));
    for (inputs, expected) in recorded {
        let outputs = session.predict(&inputs).map_err(|error| format!("{device:?}: {error}"))?.outputs;
        expect_close(&expected, &outputs, &scales).map_err(|fault| format!("{device:?}: {fault}"))?;
    }
    Ok(())
}

#[test]
fn the_reference_and_the_cpu_answer_as_onnxruntime_recorded() {
    let mut outcomes = Outcomes::default();
    for (name, files) in models() {
        let answer = || {
            let model = load(&files)?;
            let mut devices = [Device::Reference, Device::Cpu].iter();
            devices.try_for_each(|device| answers_as_recorded(&model, &files, *device, LimitsPreset::Full))
        };
        let fault = catch_unwind(AssertUnwindSafe(answer)).unwrap_or_else(|_| Err("panics".into())).err();
        let kind = name.split('_').next().unwrap_or_default();
        outcomes.add(&name, kind, fault);
    }
    outcomes.expect_as_listed(ARCHIVE);
}

/// Under its own limits, and as a phone: then a software GPU runs row programs too.
#[test]
fn the_gpu_answers_as_onnxruntime_recorded() {
    let all_limits = [LimitsPreset::Full, LimitsPreset::Floor];
    all_limits.into_iter().for_each(gpu::require);
    let listed = unsupported(ARCHIVE);
    let mut wrong = Vec::new();
    for (name, files) in models().into_iter().filter(|(name, _)| !listed.contains(name)) {
        let answer = load(&files).and_then(|model| {
            all_limits.into_iter().try_for_each(|limits| answers_as_recorded(&model, &files, Device::Gpu, limits))
        });
        wrong.extend(answer.err().map(|fault| format!("{name}: {fault}")));
    }
    assert!(wrong.is_empty(), "{} models are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Rows of a tensor, one after the other; floats are scaled by a factor near 1, but for those that may be ids.
fn rows(tensor: &Tensor, rows: &[usize]) -> Tensor {
    let length: usize = tensor.shape()[1..].iter().product();
    let shape = [&[rows.len()], &tensor.shape()[1..]].concat();
    let at = |row: usize| row * length..(row + 1) * length;
    match tensor.data() {
        Data::F32(values) => {
            let are_ids = values.iter().all(|value| value.fract() == 0.0);
            let factor = |place: usize| if are_ids { 1.0 } else { 1.0 + (place % 13) as f32 / 128.0 };
            let row = |(place, row): (usize, &usize)| values[at(*row)].iter().map(move |value| value * factor(place));
            Tensor::f32(&shape, rows.iter().enumerate().flat_map(row).collect())
        }
        Data::I32(values) => Tensor::i32(&shape, rows.iter().flat_map(|row| values[at(*row)].to_vec()).collect()),
        Data::Bool(values) => Tensor::bool(&shape, rows.iter().flat_map(|row| values[at(*row)].to_vec()).collect()),
    }
    .expect("as many values")
}

/// Samples that are made of the rows of different recorded ones are answered alike alone and in a batch.
#[test]
fn a_batch_of_64_answers_as_64_batches_of_one() {
    let listed = unsupported(ARCHIVE);
    for (name, files) in models().into_iter().filter(|(name, _)| !listed.contains(name)) {
        let model = load(&files).unwrap_or_else(|error| panic!("{name}: {error}"));
        let session = Session::open(&model, Device::Cpu).expect("the CPU opens");
        let all = recorded(&files).pop().expect("recorded inputs").0;
        let mix = |(position, (name, tensor)): (usize, (&str, &Tensor))| {
            let among = tensor.shape()[0];
            let taken: Vec<usize> = (0..64).map(|row| (row * (position + 1) + row / among) % among).collect();
            (name.to_string(), rows(tensor, &taken))
        };
        let batch: NamedTensors = all.iter().enumerate().map(mix).collect();
        let together = session.predict(&batch).unwrap_or_else(|error| panic!("{name}: {error}")).outputs;
        let scales = scales(std::iter::once(&together));
        for row in [0, 1, 7, 30, 63] {
            let cut = |(name, tensor): (&str, &Tensor)| (name.to_string(), tensor.rows(row, row + 1).expect("a row"));
            let one: NamedTensors = batch.iter().map(cut).collect();
            let alone = session.predict(&one).unwrap_or_else(|error| panic!("{name}: {error}")).outputs;
            let same = expect_close(&alone, &together.iter().map(cut).collect(), &scales);
            same.unwrap_or_else(|fault| panic!("{name}, row {row}: {fault}"));
        }
    }
}

/// The example has both files.
#[test]
fn a_folder_with_both_files_is_its_model_json() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop_rank");
    assert_eq!(Model::file(&folder).expect("a file"), folder.join("model.json"));
    let own = Model::load(folder.join("model.onnx"), LoadOptions::default()).expect("the ONNX file loads");
    assert!(own.format().starts_with("onnx"), "{}", own.format());
}
