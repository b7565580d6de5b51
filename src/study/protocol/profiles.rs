//! Profiles of a prediction, on each device and with each list of passes.

use super::options::{StudyOptions, lists_of_passes, session};
use super::step::Step;
use crate::error::Result;
use crate::model::Model;
use crate::session::{ProfileOptions, Session, SessionOptions};
use crate::study::measurement::random_inputs_of;
use crate::study::profile::{Breakdown, Ceilings};
use crate::study::report::PassesProfile;

/// The default batch size of TF.js, which predicts larger inputs in pieces.
const BATCH: usize = 32;

/// One step for each device and list of passes.
pub(super) fn steps(options: &StudyOptions) -> Vec<Step> {
    let each =
        options.devices.iter().flat_map(|&device| lists_of_passes(device).iter().map(move |&passes| (device, passes)));
    each.map(|(device, passes)| Step::Profile { session: session(device, passes), batch: BATCH }).collect()
}

/// Profiles `session`. The ceilings of a device are measured once, with its first profile.
pub(super) fn profile(
    model: &Model,
    options: &StudyOptions,
    session: &SessionOptions,
    batch: usize,
    known: &[PassesProfile],
) -> Result<PassesProfile> {
    let opened = Session::open_with(model, session.clone())?;
    let inputs = random_inputs_of(model, &[], batch, options.seed)?;
    let (warmup_runs, runs) = if options.quick { (1, 2) } else { (3, 20) };
    let profile = opened.profile(&inputs, ProfileOptions { warmup_runs, runs })?;
    let device = session.device.name();
    let ceilings = match known.iter().find(|other| other.device == device) {
        Some(other) => other.ceilings,
        None => Ceilings::measure(session)?,
    };
    let breakdown = Breakdown::of(&profile, ceilings.as_ref());
    Ok(PassesProfile { device: device.into(), passes: session.passes.name().into(), profile, breakdown, ceilings })
}
