//! Layers that change images at random while a model is trained, and leave them as they are when it predicts.
//!
//! Not RandomHeight and RandomWidth, which TF.js lets resize images even then; see `unsupported`.

use super::class::Class;
use super::image_preprocessing::{extent, image, resize_smartly};
use crate::error::{Error, Result};
use crate::tfjs::lowering::LayerCall;
use crate::tfjs::masks::Value;

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[
    Class::new("AugMix", identity, "–", ""),
    Class::new("CutMix", identity, "–", ""),
    Class::new("MaxNumBoundingBoxes", identity, "–", ""),
    Class::new("MixUp", identity, "–", ""),
    Class::new("RandAugment", identity, "–", ""),
    Class::new("RandomBrightness", identity, "–", ""),
    Class::new("RandomColorDegeneration", identity, "–", ""),
    Class::new("RandomColorJitter", identity, "–", ""),
    Class::new("RandomContrast", identity, "–", ""),
    Class::new("RandomCrop", random_crop, "–", ""),
    Class::new("RandomElasticTransform", identity, "–", ""),
    Class::new("RandomErasing", identity, "–", ""),
    Class::new("RandomFlip", identity, "–", ""),
    Class::new("RandomGaussianBlur", identity, "–", ""),
    Class::new("RandomGrayscale", identity, "–", ""),
    Class::new("RandomHue", identity, "–", ""),
    Class::new("RandomInvert", identity, "–", ""),
    Class::new("RandomPerspective", identity, "–", ""),
    Class::new("RandomPosterization", identity, "–", ""),
    Class::new("RandomRotation", identity, "–", ""),
    Class::new("RandomSaturation", identity, "–", ""),
    Class::new("RandomSharpness", identity, "–", ""),
    Class::new("RandomShear", identity, "–", ""),
    Class::new("RandomTranslation", identity, "–", ""),
    Class::new("RandomZoom", identity, "–", ""),
    Class::new("Solarization", identity, "–", ""),
];

/// Keys by which the layers are told what to do while a model is trained.
const OF_TRAINING: &[&str] = &[
    "addition_factor",
    "all_ops",
    "alpha",
    "brightness_factor",
    "chain_depth",
    "contrast_factor",
    "data_format",
    "factor",
    "fill_mode",
    "fill_value",
    "height_factor",
    "hue_factor",
    "interpolation",
    "kernel_size",
    "max_number",
    "mode",
    "num_chains",
    "num_ops",
    "saturation_factor",
    "scale",
    "seed",
    "sigma",
    "threshold_factor",
    "value_range",
    "width_factor",
    "x_factor",
    "y_factor",
];

/// The images as floats. The mask ends here.
fn identity(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    call.config.ignore(OF_TRAINING);
    call.refuse_random_layer()?;
    let input = call.one(inputs)?;
    if !call.is_keras_3() {
        return Ok(vec![Value::unmasked(call.float(input.id)?)]);
    }
    Ok(vec![Value::unmasked(call.float_operand(input.id)?)])
}

/// When it predicts, Keras 2 resizes what has the wanted proportions. Keras 3 leaves images as they are, though it
/// declares them to be cropped.
fn random_crop(call: &mut LayerCall<'_, '_>, inputs: &[Value]) -> Result<Vec<Value>> {
    call.config.ignore(&["seed"]);
    call.refuse_random_layer()?;
    let (positions, wanted) = image(call, inputs)?;
    if !call.is_keras_3() {
        return Ok(vec![Value::unmasked(resize_smartly(call, positions.x, wanted, true)?)]);
    }
    let sizes = extent(call, positions.x);
    if sizes != wanted {
        return Err(Error::unsupported(format!("declares images of {wanted:?} and gives images of {sizes:?}"))
            .cause("Keras 3 crops when it trains, and leaves images as they are when it predicts")
            .hint("use CenterCrop or Resizing in the model that is shipped"));
    }
    Ok(vec![Value::unmasked(inputs[0].id)])
}
