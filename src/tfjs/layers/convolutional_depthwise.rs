//! DepthwiseConv1D and DepthwiseConv2D.

use super::class::Class;
use super::convolutional::depthwise_layer;

/// The classes of this file.
pub(super) const CLASSES: &[Class] = &[
    Class::new("DepthwiseConv1D", |call, inputs| depthwise_layer(call, inputs, 1, true), "–", ""),
    Class::new(
        "DepthwiseConv2D",
        |call, inputs| depthwise_layer(call, inputs, 2, false),
        "ignores `dilation_rate`",
        "by semantics",
    ),
];
