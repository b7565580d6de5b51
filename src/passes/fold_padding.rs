//! Folds zero padding into the windows of the following Convolution.
//!
//! A convolution reads 0 outside its input, so the padding is replaced by starting the windows earlier.

use super::rewrite::rewrite;
use crate::error::Result;
use crate::graph::{Graph, Source};
use crate::ops::{Convolution, Op, Window};
use crate::tensor::Tensor;
use std::sync::Arc;

/// Returns `graph` with convolutions that read the unpadded input.
pub(super) fn fold(graph: &Graph) -> Result<Graph> {
    rewrite(graph, |rewrite, node| {
        let Source::Op(Op::Convolution(convolution)) = &node.source else { return Ok(None) };
        let Some((Op::Pad(pad), inputs)) = rewrite.operator(node.inputs[0]) else { return Ok(None) };
        let Some((&[0, 0], around)) = pad.around.split_last() else { return Ok(None) };
        // A convolution skips positions outside its input, whereas a padded zero times an infinite weight is NaN. So
        // the weights must be finite. An empty input is left as it is.
        let infinite = |kernel: &Arc<Tensor>| kernel.count_floats(|weight| !weight.is_finite()) > 0;
        let is_empty = graph.ty(inputs[0]).shape.sample_len() == 0;
        if rewrite.value(node.inputs[1]).is_none_or(infinite) || is_empty {
            return Ok(None);
        }
        let moved = |(window, around): (&Window, &[usize; 2])| {
            let before = isize::try_from(around[0].checked_mul(window.stretch)?).ok()?;
            let moved = Window { before: window.before.checked_add(before)?, ..*window };
            moved.is_countable().then_some(moved)
        };
        let windows: Option<Vec<Window>> = convolution.windows.iter().zip(around).map(moved).collect();
        let Some(windows) = windows else { return Ok(None) };
        let inputs = [inputs[0], node.inputs[1], node.inputs[2]];
        rewrite.op(node, Convolution { windows, activation: convolution.activation }, &inputs).map(Some)
    })
}

#[cfg(test)]
mod tests {
    use super::super::example::{Example, assert_same, operators};
    use super::*;
    use crate::ops::{Pad, Padding};

    fn convolution(around: [[usize; 2]; 2]) -> Graph {
        let mut example = Example::new();
        let x = example.floats("x", &[4, 3]);
        let padded = example.op("pad", Pad { around: around.to_vec() }, &[x]);
        let channels = 3 + around[1][0] + around[1][1];
        let operands = [example.constant("kernel", &[3, channels, 2]), example.constant("bias", &[2])];
        let window = Window::over(4 + around[0][0] + around[0][1], 3, 2, 1, Padding::Same).expect("a window");
        let op = Convolution { windows: vec![window], activation: None };
        let y = example.op("y", op, &[padded, operands[0], operands[1]]);
        example.finish(y)
    }

    #[test]
    fn padding_goes_into_a_convolution() {
        for around in [[1, 1], [0, 2], [3, 0], [5, 4]] {
            let graph = convolution([around, [0, 0]]);
            let folded = fold(&graph).expect("folded");
            assert_eq!(operators(&folded), ["convolution"]);
            assert_same(&graph, &folded);
        }
    }

    #[test]
    fn padding_of_channels_stays() {
        let graph = convolution([[1, 1], [0, 1]]);
        assert_eq!(fold(&graph).expect("folded"), graph);
    }
}
