//! Resampling along one dimension, as ONNX defines it: which positions an output position reads, and by how much.

use crate::ops::Sampling;

/// Where output positions are in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    /// `(i + 0.5) / scale`
    TensorflowHalfPixel,
    /// In a part of the input.
    Crop,
}

/// Which of two neighbours is the nearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nearest {
    PreferFloor,
    PreferCeil,
    Floor,
    Ceil,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Function {
    Nearest(Nearest),
    Linear { antialias: bool, exclude_outside: bool },
    Cubic { a: f64, antialias: bool, exclude_outside: bool },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Resampling {
    pub(super) input: usize,
    pub(super) output: usize,
    /// The output positions of an input position. That times the input need not be the output exactly.
    pub(super) scale: f64,
    pub(super) coordinates: Coordinates,
    pub(super) function: Function,
    /// The part of the input, from 0 to 1.
    pub(super) roi: [f64; 2],
    /// The value of positions outside of the input, where a part is resized.
    pub(super) outside: f32,
}

impl Resampling {
    pub(super) fn is_identity(&self) -> bool {
        self.scale == 1.0 && self.input == self.output && self.coordinates != Coordinates::Crop
    }

    /// Where an output position is in the input.
    fn at(&self, index: usize) -> f64 {
        let (x, scale) = (index as f64, self.scale);
        let (last, length) = (self.input as f64 - 1.0, self.input as f64 * scale);
        let half_pixel = (x + 0.5) / scale - 0.5;
        match self.coordinates {
            Coordinates::HalfPixel => half_pixel,
            Coordinates::HalfPixelSymmetric => {
                let adjustment = self.output as f64 / length;
                self.input as f64 / 2.0 * (1.0 - adjustment) + half_pixel
            }
            Coordinates::PytorchHalfPixel if self.output == 1 => 0.0,
            Coordinates::PytorchHalfPixel => half_pixel,
            Coordinates::AlignCorners if length == 1.0 || self.output == 1 => 0.0,
            Coordinates::AlignCorners => x * last / (length - 1.0),
            Coordinates::Asymmetric => x / scale,
            Coordinates::TensorflowHalfPixel => (x + 0.5) / scale,
            Coordinates::Crop if length == 1.0 || self.output == 1 => {
                (self.roi[0] + (self.roi[1] - self.roi[0]) / 2.0) * last
            }
            Coordinates::Crop => x * (self.roi[1] - self.roi[0]) * last / (length - 1.0) + self.roi[0] * last,
        }
    }

    /// The position rounded where it is an integer but for the precision of a division.
    fn position(&self, index: usize) -> f64 {
        let at = self.at(index);
        if (at - at.round()).abs() < 1e-9 * at.abs().max(1.0) { at.round() } else { at }
    }

    /// The positions of the nearest elements; `None` if they are interpolated or some are outside.
    pub(super) fn positions(&self) -> Option<Vec<usize>> {
        let Function::Nearest(nearest) = self.function else { return None };
        let last = self.input.saturating_sub(1) as f64;
        let position = |index: usize| {
            let at = self.position(index);
            if self.coordinates == Coordinates::Crop && !(0.0..=last).contains(&at) {
                return None;
            }
            Some(nearest.of(at).clamp(0.0, last) as usize)
        };
        (0..self.output).map(position).collect()
    }

    /// The operator that interpolates linearly, if it has these positions.
    pub(super) fn sampling(&self) -> Option<Sampling> {
        let Function::Linear { antialias, exclude_outside: false } = self.function else { return None };
        let is_exact = self.input as f64 * self.scale == self.output as f64
            || self.output as f64 / self.input as f64 == self.scale;
        if !is_exact || (antialias && self.scale < 1.0) {
            return None;
        }
        match self.coordinates {
            Coordinates::PytorchHalfPixel if self.output == 1 => None,
            Coordinates::HalfPixel | Coordinates::HalfPixelSymmetric | Coordinates::PytorchHalfPixel => {
                Sampling::centred(self.input, self.output, true)
            }
            Coordinates::Asymmetric => Some(Sampling::leading(self.input, self.output)),
            Coordinates::AlignCorners if self.output > 1 => {
                Some(Sampling { slope: self.input - 1, offset: 0, divisor: self.output - 1 })
            }
            _ => None,
        }
    }

    /// The coefficients `[input, output]`, and what is added: the value of positions outside.
    pub(super) fn matrix(&self) -> (Vec<f32>, Vec<f32>) {
        let mut matrix = vec![0.0; self.input * self.output];
        let mut bias = vec![0.0; self.output];
        let last = self.input as f64 - 1.0;
        for index in 0..self.output {
            let at = self.position(index);
            if self.coordinates == Coordinates::Crop && !(0.0..=last).contains(&at) {
                bias[index] = self.outside;
                continue;
            }
            let (first, mut weights) = self.weights(at);
            if self.excludes_outside() {
                for (tap, weight) in weights.iter_mut().enumerate() {
                    if !(0.0..=last).contains(&(first + tap as f64)) {
                        *weight = 0.0;
                    }
                }
            }
            let total = if self.is_normalised() { weights.iter().sum() } else { 1.0 };
            for (tap, weight) in weights.iter().enumerate() {
                let from = (first + tap as f64).clamp(0.0, last) as usize;
                matrix[from * self.output + index] += (weight / total) as f32;
            }
        }
        (matrix, bias)
    }

    fn excludes_outside(&self) -> bool {
        match self.function {
            Function::Nearest(_) => false,
            Function::Linear { exclude_outside, .. } | Function::Cubic { exclude_outside, .. } => exclude_outside,
        }
    }

    fn is_normalised(&self) -> bool {
        self.excludes_outside()
            || matches!(
                self.function,
                Function::Linear { antialias: true, .. } | Function::Cubic { antialias: true, .. }
            )
    }

    /// The first position that is read, and the weights from there on.
    fn weights(&self, at: f64) -> (f64, Vec<f64>) {
        let (low, part) = (at.floor(), at - at.floor());
        match self.function {
            Function::Nearest(nearest) => (nearest.of(at), vec![1.0]),
            Function::Linear { antialias: false, .. } => (low, vec![1.0 - part, part]),
            Function::Linear { .. } => self.wide(low, part, 1.0, |x| (1.0 - x.abs()).max(0.0)),
            Function::Cubic { a, antialias, .. } => {
                let kernel = move |x: f64| cubic(a, x.abs());
                if antialias {
                    return self.wide(low, part, 2.0, kernel);
                }
                (low - 1.0, (-1..3).map(|tap| kernel(f64::from(tap) - part)).collect())
            }
        }
    }

    /// The weights of a kernel that is stretched to the distance of output positions, where these are farther apart.
    fn wide(&self, low: f64, part: f64, radius: f64, kernel: impl Fn(f64) -> f64) -> (f64, Vec<f64>) {
        let scale = self.scale.min(1.0);
        // Positions beyond twice the input are all the last one.
        let first = ((-radius / scale).floor() + 1.0).max(-2.0 * self.input as f64 - 2.0) as i64;
        let last = (radius as i64).saturating_sub(first).max(1);
        (low + first as f64, (first..=last).map(|tap| kernel((tap as f64 - part) * scale)).collect())
    }
}

impl Nearest {
    fn of(self, at: f64) -> f64 {
        match self {
            Nearest::PreferFloor => (at - 0.5).ceil(),
            Nearest::PreferCeil => (at + 0.5).floor(),
            Nearest::Floor => at.floor(),
            Nearest::Ceil => at.ceil(),
        }
    }
}

/// The cubic convolution kernel at a distance.
fn cubic(a: f64, x: f64) -> f64 {
    if x <= 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
    } else {
        0.0
    }
}
