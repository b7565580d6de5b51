//! Calls with `training=True`: layers that compute when they predict as they do when the model is trained.
//!
//! Keras 2 does what the call of a layer says, else what that of the model around it says. In Keras 3 what is around goes
//! before (`operation_fn` in its `functional.py`), so that `predict`, which passes training=False on, computes as without
//! whatever calls say. TF.js does not look at the argument. So normalisation takes the moments of the batch under Keras 2
//! alone, and layers that draw at random have no answer there.

use super::config::Config;
use super::lowering::LayerCall;
use crate::error::{Error, Result};
use crate::model::Semantics;

/// Whether TF.js has a layer as it is: what it does not know or refuses to compute follows Keras alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InTfJs {
    Yes,
    No,
}

impl LayerCall<'_, '_> {
    /// Whether the call says training=True, or that of a model around it.
    pub(super) fn is_called_in_training(&self) -> bool {
        self.lowering.training == Some(true)
    }

    /// Whether the layer, for which it matters, computes as in training.
    pub(super) fn trains(&mut self, in_tfjs: InTfJs) -> bool {
        if !self.is_called_in_training() {
            return false;
        }
        if self.is_keras_3() {
            let warning = format!(
                "layer `{}` is called with training=True, which is without effect, as in Keras' `predict` and \
                 `model(x, training=False)`; `model(x)` heeds it",
                self.name
            );
            self.lowering.warn(warning);
            return false;
        }
        if in_tfjs == InTfJs::No {
            return true;
        }
        self.differ("ignores training=True in TF.js, not in Keras");
        self.semantics() == Semantics::Keras
    }

    /// An error if the layer draws at random: it computes as in training, and one of `keys` of `config`, shares of what it
    /// drops or adds, is above 0.
    pub(super) fn refuse_random(&mut self, config: &Config<'_>, keys: &[&'static str], in_tfjs: InTfJs) -> Result<()> {
        config.ignore(keys);
        if !self.is_called_in_training() {
            return Ok(());
        }
        for key in keys {
            let share = config.number_or(key, 0.0)?;
            if share > 0.0 && self.trains(in_tfjs) {
                return Err(random(&format!("its `{key}` of {share}"), in_tfjs));
            }
        }
        Ok(())
    }

    /// An error if the layer, which does nothing else, draws at random. Keras 3 writes all calls of such layers as those of
    /// training.
    pub(super) fn refuse_random_layer(&mut self) -> Result<()> {
        if !self.is_keras_3() && self.trains(InTfJs::No) {
            return Err(random("what it does to images", InTfJs::No));
        }
        Ok(())
    }
}

fn random(what: &str, in_tfjs: InTfJs) -> Error {
    let rebuild = "build the model without training=True and convert it again";
    Error::unsupported("is called with training=True, so that it draws at random when it predicts")
        .cause(format!("Keras applies {what} anew in every prediction, so there is no answer to give"))
        .hint(match in_tfjs {
            InTfJs::Yes => {
                format!("{rebuild}, or load it as TF.js does (Semantics::TfJs): it predicts as without training=True")
            }
            InTfJs::No => rebuild.to_string(),
        })
}
