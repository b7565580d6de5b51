//! `inspect`: shows the contents of a model, its graph and its plan. It needs no GPU.

mod object;

use crate::arguments::{RandomWeightsArguments, ReadArguments};
use crate::message::{self, Failure};
use crate::model_file::{ModelFile, skew_lines};
use crate::table::{Align, Table};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tfjs_wgpu::Passes;
use tfjs_wgpu::TensorType;
use tfjs_wgpu::emulation::webgl;
use tfjs_wgpu::internals::graph::{Graph, Source};
use tfjs_wgpu::internals::kernel::{DeviceFacts, Shader};
use tfjs_wgpu::internals::ops;
use tfjs_wgpu::internals::passes;
use tfjs_wgpu::internals::plan::{Plan, Retain};
use tfjs_wgpu::{Error, ErrorKind, Model, Result};

/// Show a model: its layers, or one of the views below
#[derive(Debug, clap::Args)]
#[command(after_long_help = object::HELP)]
pub(crate) struct InspectArguments {
    /// A model.json, an .onnx file, or the folder that holds one
    model: PathBuf,
    #[command(flatten)]
    view: View,
    /// The batch size, for --plan, --kernels and --json [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch: Option<u32>,
    /// The list of passes that rewrite the graph [default: plain for --graph, otherwise fused]
    #[arg(long, value_enum)]
    passes: Option<Passes>,
    /// Inputs that have one row for the whole batch, for --graph and --plan: one user, many candidates
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    shared: Vec<String>,
    #[command(flatten)]
    read: ReadArguments,
    #[command(flatten)]
    random: RandomWeightsArguments,
}

#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct View {
    /// Print the operators, one per line
    #[arg(long)]
    graph: bool,
    /// Print the dispatches of one prediction on a phone of the lowest class
    #[arg(long)]
    plan: bool,
    /// Print the kernels and programs that TF.js' WebGL backend runs for one warm prediction
    #[arg(long)]
    kernels: bool,
    /// Print the weights as they are stored
    #[arg(long)]
    weights: bool,
    /// Print the WGSL source of one shader as the GPU gets it
    #[arg(long, value_name = "NAME")]
    shader: Option<String>,
    /// Print everything as one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
pub(crate) fn inspect(arguments: &InspectArguments, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let view = &arguments.view;
    // Not checked by clap, whose `requires` would accept any view of the group.
    if arguments.batch.is_some() && !view.plan && !view.kernels && !view.json {
        let error = Error::new(ErrorKind::Input, "--batch belongs to --plan, --kernels and --json");
        return Err(error.hint("add one of them, or leave out --batch").into());
    }
    if (arguments.passes.is_some() || !arguments.shared.is_empty()) && !view.plan && !view.graph {
        let error = Error::new(ErrorKind::Input, "--passes and --shared belong to --graph and --plan");
        return Err(error.hint("add one of them, or leave them out").into());
    }
    let batch = arguments.batch.unwrap_or(1) as usize;
    let shader = view.shader.as_deref().map(shader).transpose()?;
    let options = arguments.read.options().random_weights(arguments.random.seed());
    let model = ModelFile::load(&arguments.model, options)?.model;
    if view.graph || view.plan || view.kernels || view.json {
        note_examples(&model);
    }
    if let Some(shader) = shader {
        write!(out, "{}", shader.text())?;
    } else if view.graph {
        write!(out, "{}", graph(&model, arguments, Passes::PLAIN)?)?;
    } else if view.plan {
        let graph = graph(&model, arguments, Passes::FUSED)?;
        write!(out, "{}", Plan::new(graph, &DeviceFacts::FLOOR, Retain::Outputs)?.text(batch)?)?;
    } else if view.kernels {
        let first = webgl::describe_first(&model, batch)?;
        write_kernels(&first, &webgl::describe(&model, batch)?, out)?;
    } else if view.weights {
        write_weights(&model, out)?;
    } else if view.json {
        serde_json::to_writer(&mut *out, &object::object(&model, batch))?;
        writeln!(out)?;
    } else {
        write_summary(&model, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a note about the sizes that stand for open dimensions.
fn note_examples(model: &Model) {
    let open = model.open_dimensions().iter().filter(|dimension| dimension.size.is_none());
    let assumed: Vec<String> =
        open.map(|dimension| format!("{dimension} is taken as {}", dimension.graph_size)).collect();
    if !assumed.is_empty() {
        message::note(&format!("{} (--dim [INPUT[:AXIS]=]SIZE for another size)", assumed.join(", ")));
    }
}

fn shader(name: &str) -> Result<&'static Shader> {
    ops::shader(name).ok_or_else(|| {
        let names: Vec<&str> = ops::shaders().map(|shader| shader.name).collect();
        Error::new(ErrorKind::Input, format!("no shader is called `{name}`"))
            .hint(format!("the shaders are: {}", names.join(", ")))
    })
}

/// The graph with the requested passes and shared inputs.
fn graph(model: &Model, arguments: &InspectArguments, usual: Passes) -> Result<Arc<Graph>> {
    let passes = arguments.passes.unwrap_or(usual);
    let shared: Vec<&str> = arguments.shared.iter().map(String::as_str).collect();
    if passes.max_rows().is_some() && !shared.is_empty() {
        return Err(Error::new(ErrorKind::Input, format!("{passes} computes nothing once for a whole batch"))
            .hint("leave out --shared, or choose another --passes"));
    }
    if shared.is_empty() {
        return passes.run(model.graph(), &DeviceFacts::FLOOR);
    }
    passes.run(&Arc::new(passes::share(model.graph(), &shared)?), &DeviceFacts::FLOOR)
}

/// The fused plan for the lowest class of devices, which is the same on every machine.
fn plan(model: &Model) -> Result<Plan> {
    Plan::new(Passes::FUSED.run(model.graph(), &DeviceFacts::FLOOR)?, &DeviceFacts::FLOOR, Retain::Outputs)
}

fn operators(model: &Model) -> usize {
    model.graph().nodes().iter().filter(|node| matches!(node.source, Source::Op(_))).count()
}

/// The inputs and outputs with their types.
fn ends(model: &Model) -> Vec<(&'static str, &str, &TensorType)> {
    let inputs = model.inputs().map(|(name, ty)| ("input", name, ty));
    inputs.chain(model.outputs().map(|(name, ty)| ("output", name, ty))).collect()
}

/// The example size of the first open dimension without a size, as text, for numbers that depend on it.
fn example(model: &Model) -> String {
    let example = model.open_dimensions().iter().find(|dimension| dimension.size.is_none());
    example.map_or(String::new(), |open| format!(" where ? is {}", open.graph_size))
}

/// The number of parameters of all layers. Layers inside a nested model are already counted with the model. A file that
/// knows no layers has its weights counted, without the integers of shapes and axes.
fn parameters(model: &Model) -> u64 {
    if model.layers().is_empty() {
        let floats = model.weights().iter().filter(|weight| weight.stored.contains("float"));
        return floats.map(|weight| weight.shape.iter().product::<usize>() as u64).sum();
    }
    model.layers().iter().filter(|layer| layer.depth == 0).map(|layer| layer.parameters).sum()
}

fn stored_bytes(model: &Model) -> u64 {
    model.weights().iter().map(|weight| weight.stored_bytes).sum()
}

fn write_summary(model: &Model, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}: {}\n", message::printable(model.name()), message::printable(model.format()))?;
    if !model.layers().is_empty() {
        write_layers(model, out)?;
        writeln!(out)?;
    }
    let mut table = Table::new(&[Align::Left, Align::Left, Align::Left, Align::Left]);
    for (end, name, ty) in ends(model) {
        table.row([end.into(), name.into(), ty.dtype.to_string(), ty.shape.to_string()]);
    }
    table.write(out, "")?;
    writeln!(out)?;
    let dispatches = match plan(model).and_then(|plan| plan.counts(1)) {
        Ok(counts) => format!("{}{}", counts.dispatches, example(model)),
        Err(error) => format!("none: {error}"),
    };
    let mut totals = Table::new(&[Align::Left, Align::Left]);
    if !model.layers().is_empty() {
        totals.row(["layers".into(), model.layers().len().to_string()]);
    }
    totals.row(["parameters".into(), parameters(model).to_string()]);
    totals.row(["weight bytes".into(), stored_bytes(model).to_string()]);
    totals.row(["operators".into(), operators(model).to_string()]);
    totals.row(["dispatches".into(), dispatches]);
    totals.write(out, "")?;
    let skews = skew_lines(model);
    if !skews.is_empty() {
        writeln!(out)?;
    }
    for line in skews {
        writeln!(out, "{}", message::printable(&line))?;
    }
    Ok(())
}

fn write_layers(model: &Model, out: &mut impl Write) -> io::Result<()> {
    let mut table = Table::with_header(&[
        ("layer", Align::Left),
        ("class", Align::Left),
        ("output shape", Align::Left),
        ("parameters", Align::Right),
        ("connected to", Align::Left),
    ]);
    for layer in model.layers() {
        table.row([
            format!("{}{}", "  ".repeat(layer.depth), layer.name),
            layer.class.clone(),
            layer.output_shape.to_string(),
            layer.parameters.to_string(),
            layer.connected_to.join(", "),
        ]);
    }
    table.write(out, "")
}

fn write_kernels(first: &webgl::Description, described: &webgl::Description, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{described}")?;
    let kernels = described.kernels.iter().filter(|kernel| kernel.name != "read");
    let (on_cpu, on_gpu): (Vec<_>, Vec<_>) = kernels.partition(|kernel| kernel.on_cpu);
    let mut totals = Table::new(&[Align::Left, Align::Left]);
    totals.row(["kernels".into(), format!("{}, {} of them on the CPU", on_cpu.len() + on_gpu.len(), on_cpu.len())]);
    let assumed = on_gpu.iter().filter(|kernel| kernel.assumed).count();
    if assumed > 0 {
        totals.row(["assumed".into(), format!("{assumed} kernels are not described: each stands for one program")]);
    }
    let and_first = |warm: usize, first: usize| format!("{warm}, {first} in the first predict");
    totals.row(["programs run".into(), and_first(described.programs().count(), first.programs().count())]);
    totals.row(["programs compiled".into(), described.distinct_programs.to_string()]);
    totals.row(["uploads".into(), and_first(described.uploads, first.uploads)]);
    totals.row(["downloads".into(), described.downloads.to_string()]);
    totals.write(out, "")
}

fn write_weights(model: &Model, out: &mut impl Write) -> io::Result<()> {
    let mut table = Table::with_header(&[
        ("weight", Align::Left),
        ("shape", Align::Left),
        ("stored as", Align::Left),
        ("bytes", Align::Right),
    ]);
    for weight in model.weights() {
        let shape = format!("{:?}", weight.shape);
        table.row([weight.name.clone(), shape, weight.stored.clone(), weight.stored_bytes.to_string()]);
    }
    table.write(out, "")
}
