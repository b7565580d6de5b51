//! The buffers that a program reads, and where its inputs are in them.

use super::super::operator::{KernelRequest, Operator};
use super::{MOST_SOURCES, RowProgram};
use crate::error::{Error, Result};
use crate::kernel::{Binding, BufferId, Packing};

/// Spaces of operands in the shader, besides the arena and the outputs.
pub(super) const FROM_WEIGHTS: u32 = 1;
const FROM_FIRST: u32 = 2;
const FROM_SECOND: u32 = 3;

/// The buffers behind the first two bindings.
pub(super) struct Sources {
    pub(super) bindings: Vec<Binding>,
    /// By input: the space of its values, and the word of its binding at which it begins.
    pub(super) places: Vec<(u32, usize)>,
}

impl Sources {
    pub(super) fn new(program: &RowProgram, request: &KernelRequest<'_>) -> Result<Sources> {
        let (mut bindings, mut buffers): (Vec<Binding>, Vec<BufferId>) = (Vec::new(), Vec::new());
        let reads_tables = (0..program.inputs.len()).any(|at| program.is_table(at));
        let most = if reads_tables { MOST_SOURCES - 1 } else { MOST_SOURCES };
        let mut places = Vec::with_capacity(program.inputs.len());
        for (at, region) in request.regions.iter().enumerate() {
            let first = (region.offset_bytes / 4) as usize;
            let (binding, first) = match region.buffer {
                BufferId::Tables if program.is_table(at) => {
                    places.push((FROM_SECOND, first));
                    continue;
                }
                BufferId::Weights if region.packing == Packing::Words => {
                    places.push((FROM_WEIGHTS, first));
                    continue;
                }
                BufferId::Weights | BufferId::Tables => {
                    return Err(Error::unsupported(format!("input {at} of a row program is packed or a table")));
                }
                BufferId::ModelInputs => (Binding::model_inputs(), first),
                // Several values of a slot share its binding.
                BufferId::Slot(_) => (Binding::slot_of(at), first),
            };
            let known = buffers.iter().position(|other| *other == region.buffer).unwrap_or(bindings.len());
            if known == bindings.len() {
                bindings.push(binding);
                buffers.push(region.buffer);
            }
            if known >= most {
                return Err(Error::device_limit("reads from more buffers than phones bind"));
            }
            places.push(([FROM_FIRST, FROM_SECOND][known], first));
        }
        // Unused bindings are not read, but they must be bound.
        let unused = bindings.first().cloned().unwrap_or_else(Binding::model_inputs);
        bindings.resize(most, unused);
        if reads_tables {
            bindings.push(Binding::tables());
        }
        Ok(Sources { bindings, places })
    }
}
