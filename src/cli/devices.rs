//! `devices`: the GPU adapters of this machine.

use crate::environment;
use crate::message::{self, Failure};
use crate::table::{Align, Table};
use serde_json::{Map, Value, json};
use std::io::{self, Write};
use std::process::ExitCode;
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::Result;
use tfjs_wgpu::internals::gpu;
use tfjs_wgpu::internals::gpu::{AdapterSummary, Gpu};

/// List the GPU adapters of this machine, best first
#[derive(Debug, clap::Args)]
#[command(after_help = "The environment variable TFJS_WGPU_ADAPTER chooses another by part of its name.")]
pub(crate) struct DevicesArguments {
    /// Print one JSON object: {"schema": 1, "adapters": [{name, backend, kind, driver, driver_version, limits,
    /// features}]}
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
pub(crate) fn devices(arguments: &DevicesArguments, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let adapters = gpu::adapters();
    say_which(&adapters);
    if arguments.json {
        let adapters: Value = adapters.iter().map(to_json).collect();
        serde_json::to_writer(&mut *out, &json!({ "schema": 1, "adapters": adapters }))?;
        writeln!(out)?;
    } else {
        for (index, adapter) in adapters.iter().enumerate() {
            if index > 0 {
                writeln!(out)?;
            }
            write_adapter(adapter, out)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Notes what the list does not show: that no adapter opens, or that the environment selects another adapter than the
/// first.
fn say_which(adapters: &[AdapterSummary]) {
    let opened = match environment::adapter() {
        Some(name) => Gpu::open_named(&name, LimitsPreset::Full),
        None => Gpu::open(LimitsPreset::Full),
    };
    match opened {
        Ok(gpu) if adapters.first().is_some_and(|first| first.name != gpu.adapter().name) => {
            message::note(&format!("TFJS_WGPU_ADAPTER chooses {}", gpu.adapter().name));
        }
        Ok(_) => {}
        Err(error) => {
            message::note(&error.to_string());
            message::explain(&error);
        }
    }
}

fn write_adapter(adapter: &AdapterSummary, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", message::printable(&adapter.name))?;
    let mut facts = Table::new(&[Align::Left, Align::Left]);
    facts.row(["kind".into(), adapter.kind.name().into()]);
    facts.row(["backend".into(), adapter.backend.clone()]);
    facts.row(["driver".into(), format!("{} {}", adapter.driver, adapter.driver_version).trim().into()]);
    let features: Vec<&str> = adapter.features.iter().filter(|(_, has)| *has).map(|(name, _)| *name).collect();
    facts.row(["features".into(), if features.is_empty() { "none".into() } else { features.join(", ") }]);
    facts.write(out, "  ")?;
    let mut limits = Table::new(&[Align::Left, Align::Right]);
    for (name, value) in &adapter.limits {
        limits.row([(*name).into(), value.to_string()]);
    }
    limits.write(out, "  ")
}

fn to_json(adapter: &AdapterSummary) -> Value {
    let limits: Map<String, Value> =
        adapter.limits.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let features: Map<String, Value> =
        adapter.features.iter().map(|(name, has)| ((*name).into(), (*has).into())).collect();
    json!({
        "name": adapter.name,
        "backend": adapter.backend,
        "kind": adapter.kind.name(),
        "driver": adapter.driver,
        "driver_version": adapter.driver_version,
        "limits": limits,
        "features": features,
    })
}
