//! Where weight files come from: every source gives the same model, and none can do harm.

use crate::artifact::{Artifact, dense_model, functional, input_layer};
use serde_json::json;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tfjs_wgpu::weights::{Folder, Memory, Source, SourceBytes};
use tfjs_wgpu::{
    Device, Error, ErrorKind, LoadOptions, Model, NamedTensors, OnBadId, Result, Semantics, Session, Tensor,
    WeightFormat,
};

/// Rows of a table that is large enough to be left in place.
const ROWS: usize = 5000;

/// Ids through an Embedding of 4 units and a Dense layer; by `cut` in one file or in two.
fn ranker(cut: Option<usize>) -> Artifact {
    let embedding = json!({
        "class_name": "Embedding", "name": "e", "inbound_nodes": [[["x", 0, 0, {}]]],
        "config": {"name": "e", "input_dim": ROWS, "output_dim": 4},
    });
    let dense = json!({
        "class_name": "Dense", "name": "y", "inbound_nodes": [[["e", 0, 0, {}]]],
        "config": {"name": "y", "units": 2, "activation": "linear", "use_bias": false},
    });
    let weights: [(&str, &[usize]); 2] = [("e/embeddings", &[ROWS, 4]), ("y/kernel", &[4, 2])];
    let mut artifact = functional(vec![input_layer("x", &[3]), embedding, dense], &["x"], &["y"], &weights);
    if let Some(cut) = cut {
        let (_, bytes) = artifact.shards.pop().expect("a file");
        let (one, two) = bytes.split_at(cut);
        artifact.shards = vec![("one.bin".into(), one.to_vec()), ("two.bin".into(), two.to_vec())];
        artifact.json["weightsManifest"][0]["paths"] = json!(["one.bin", "two.bin"]);
    }
    artifact
}

fn write(artifact: &Artifact) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("model.json"), artifact.json.to_string()).expect("written");
    for (path, bytes) in &artifact.shards {
        std::fs::write(folder.path().join(path), bytes).expect("written");
    }
    folder
}

fn from(artifact: &Artifact, source: &dyn Source) -> Result<Model> {
    Model::from_parts(artifact.json.to_string().as_bytes(), source, LoadOptions::default())
}

fn answers(model: &Model) -> Vec<f32> {
    let ids = Tensor::i32(&[2, 3], vec![0, 7, 4999, 12, 4000, 1]).expect("ids");
    let inputs: NamedTensors = [("x", ids)].into_iter().collect();
    let session = Session::open(model, Device::Cpu).expect("a session");
    let outputs = session.predict(&inputs).expect("a prediction").outputs;
    outputs.get("y").expect("the output").as_f32().expect("floats").to_vec()
}

fn identity(model: &Model) -> String {
    model.identity().expect("it was loaded").to_string()
}

/// What a source outside of the library may be: readers that give a few bytes at a time, now and then none yet.
struct Trickle<'a>(&'a Artifact);

struct Drops<'a>(&'a [u8], usize);

impl Read for Drops<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.1 += 1;
        if self.1.is_multiple_of(5) {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let most = into.len().min(1021);
        self.0.read(&mut into[..most])
    }
}

impl Trickle<'_> {
    fn get(&self, path: &str) -> Result<&[u8]> {
        let file = self.0.shards.iter().find(|(known, _)| known == path);
        file.map(|(_, bytes)| &bytes[..]).ok_or_else(|| Error::new(ErrorKind::Weights, "there is no such file"))
    }
}

impl Source for Trickle<'_> {
    fn size(&self, path: &str) -> Result<u64> {
        Ok(self.get(path)?.len() as u64)
    }

    fn open(&self, path: &str) -> Result<SourceBytes<'_>> {
        Ok(SourceBytes::reader(Drops(self.get(path)?, 0)))
    }
}

#[test]
fn every_source_gives_the_same_model() {
    let whole = ranker(None);
    let expected = whole.load(LoadOptions::default()).expect("the model loads");
    let (expected, expected_identity) = (answers(&expected), identity(&expected));
    for cut in [None, Some(13), Some(16 * ROWS), Some(16 * ROWS + 5)] {
        let artifact = ranker(cut);
        let folder = write(&artifact);
        let files = || artifact.shards.iter();
        let borrowed = files().fold(Memory::new(), |memory, (path, bytes)| memory.borrowed(path, bytes));
        let shared =
            files().fold(Memory::new(), |memory, (path, bytes)| memory.shared(path, Arc::<[u8]>::from(&bytes[..])));
        let in_folder = Folder::new(folder.path());
        let outside = Trickle(&artifact);
        let sources: [&dyn Source; 4] = [&borrowed, &shared, &in_folder, &outside];
        let mut models: Vec<Model> = sources.iter().map(|source| from(&artifact, *source).expect("it loads")).collect();
        models.push(Model::load(folder.path(), LoadOptions::default()).expect("it loads"));
        #[cfg(feature = "mmap")]
        #[allow(unsafe_code)]
        // SAFETY: nothing writes these files.
        models.push(unsafe { Model::load_mapped(folder.path(), LoadOptions::default()) }.expect("it loads"));
        for (at, model) in models.iter().enumerate() {
            assert_eq!(answers(model), expected, "source {at} of files cut at {cut:?}");
            assert_eq!(identity(model), expected_identity, "source {at} of files cut at {cut:?}");
        }
    }
}

#[test]
fn the_identity_is_that_of_topology_and_weights_and_of_nothing_else() {
    let artifact = dense_model();
    let known = identity(&artifact.load(LoadOptions::default()).expect("it loads"));
    // The SHA-256 of the text that `ModelIdentity` describes, by Python's hashlib.
    assert_eq!(known, "75a9d7d758a518a7925dcb4bf21db48cd9ba4e6cd331280b65213ce245e91300");
    for options in [
        LoadOptions::default().semantics(Semantics::Keras),
        LoadOptions::default().on_bad_id(OnBadId::Error).weight_format(WeightFormat::F32),
    ] {
        assert_eq!(identity(&artifact.load(options).expect("it loads")), known);
    }
    let mut other = dense_model();
    other.shards[0].1[3] ^= 1;
    assert_ne!(identity(&other.load(LoadOptions::default()).expect("it loads")), known);
    let mut other = dense_model();
    other.layer_config(1).insert("activation".into(), json!("relu"));
    assert_ne!(identity(&other.load(LoadOptions::default()).expect("it loads")), known);
    // JSON has many texts for one value, and what stands beside topology and weights says nothing of them.
    let mut same = dense_model();
    same.layer_config(1).insert("units".into(), json!(3.0));
    let units = same.layer_config(1).remove("name").expect("a name");
    same.layer_config(1).insert("name".into(), units);
    same.json["generatedBy"] = json!("somebody");
    assert_eq!(identity(&same.load(LoadOptions::default()).expect("it loads")), known);
    let random = artifact.load(LoadOptions::default().random_weights(1)).expect("it loads");
    assert!(random.identity().is_none());
}

/// The weights of an optimizer between others belong to no layer: they are skipped, and are no part of the identity.
#[test]
fn weights_of_an_optimizer_are_skipped_by_every_source() {
    let known = identity(&dense_model().load(LoadOptions::default()).expect("it loads"));
    let mut artifact = dense_model();
    artifact.specs().insert(1, json!({"name": "m", "shape": [70_000], "dtype": "float32", "group": "optimizer"}));
    artifact.shards[0].1.splice(24..24, vec![9; 280_000]);
    let folder = write(&artifact);
    let sources: [&dyn Source; 2] = [&Folder::new(folder.path()), &Trickle(&artifact)];
    for source in sources {
        assert_eq!(identity(&from(&artifact, source).expect("it loads")), known);
    }
}

/// Makes the bytes of a file.
type Make<'a> = Box<dyn Fn() -> SourceBytes<'a> + Send + Sync + 'a>;

/// One file whose size is said to be `said`, and whose bytes are what `bytes` gives. It counts how often it is opened.
struct Liar<'a> {
    said: u64,
    bytes: Make<'a>,
    opened: AtomicUsize,
}

impl<'a> Liar<'a> {
    fn new(said: usize, bytes: Make<'a>) -> Self {
        Liar { said: said as u64, bytes, opened: AtomicUsize::new(0) }
    }
}

impl Source for Liar<'_> {
    fn size(&self, _: &str) -> Result<u64> {
        Ok(self.said)
    }

    fn open(&self, _: &str) -> Result<SourceBytes<'_>> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok((self.bytes)())
    }
}

/// A reader that fails after its bytes.
struct Breaks;

impl Read for Breaks {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the line went dead"))
    }
}

/// A reader that says it read more than it was given room for.
struct Boasts;

impl Read for Boasts {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        Ok(into.len() + 1)
    }
}

#[test]
fn a_source_that_is_wrong_about_its_bytes_is_an_error() {
    let artifact = ranker(None);
    let bytes = &artifact.shards[0].1;
    let (size, cut) = (bytes.len(), bytes.len() - 3);
    let longer = [&bytes[..], &[0]].concat();
    let shared = |bytes: &[u8]| SourceBytes::Shared(bytes.to_vec().into());
    let cases: [(&str, Make<'_>); 8] = [
        ("is shorter than its size was said to be", Box::new(|| SourceBytes::reader(&bytes[..cut]))),
        ("is shorter than its size was said to be", Box::new(|| SourceBytes::Borrowed(&bytes[..cut]))),
        ("is shorter than its size was said to be", Box::new(|| shared(&bytes[..cut]))),
        ("is longer than its size was said to be", Box::new(|| SourceBytes::reader(&longer[..]))),
        ("is longer than its size was said to be", Box::new(|| SourceBytes::Borrowed(&longer))),
        ("is longer than its size was said to be", Box::new(|| shared(&longer))),
        ("cannot be read", Box::new(|| SourceBytes::reader(bytes[..cut].chain(Breaks)))),
        ("cannot be read", Box::new(|| SourceBytes::reader(Boasts))),
    ];
    for (at, (expected, bytes)) in cases.into_iter().enumerate() {
        let error = from(&artifact, &Liar::new(size, bytes)).map(|_| ()).expect_err(expected);
        assert!(error.to_string().contains(&format!("`weights.bin`: the weight file {expected}")), "{at}: {error}");
        assert_eq!(error.kind(), ErrorKind::Weights);
        assert!(error.cause_text().is_some() && error.hint_text().is_some(), "{error:?}");
    }
}

#[test]
fn sizes_are_compared_before_a_file_is_opened() {
    let mut artifact = ranker(None);
    artifact.spec(0)["shape"] = json!([10u64 << 30, 1]);
    let source = Liar::new(100, Box::new(|| SourceBytes::reader(std::io::empty())));
    let error = from(&artifact, &source).map(|_| ()).expect_err("10 Gi floats in 100 bytes");
    assert!(error.to_string().contains("truncated"), "{error}");
    assert_eq!(source.opened.load(Ordering::Relaxed), 0, "nothing was opened");
    // Where the source says so too, memory is claimed. There may be none; what there is, is filled only as bytes arrive.
    let source = Liar::new(usize::MAX / 2, Box::new(|| SourceBytes::reader(std::io::empty())));
    artifact.spec(0)["shape"] = json!([1u64 << 30, 256]);
    let error = from(&artifact, &source).map(|_| ()).expect_err("1 TiB");
    let text = error.to_string();
    assert!(text.contains("there is no memory for its") || text.contains("is shorter"), "{error}");
    let error = from(&dense_model(), &Memory::new()).map(|_| ()).expect_err("no file");
    assert!(error.to_string().contains("`weights.bin`: the weight file was not given"), "{error}");
}
