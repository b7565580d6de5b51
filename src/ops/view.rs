//! A tensor as `[outer, axis, inner]` around one axis: the addressing of most kernels.

use crate::kernel::DeviceFacts;

/// Minimum length of a line that is processed by a whole workgroup, if there are few lines.
const LONG: usize = 256;

/// The number of lines that fill a GPU with one invocation each. A software GPU has few cores and expensive barriers.
const MANY: usize = 8192;
const MANY_ON_SOFTWARE: usize = 16;

/// The three extents around an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct AxisView {
    /// The product of the dimensions before the axis.
    pub(super) outer: usize,
    /// The axis itself.
    pub(super) axis: usize,
    /// The product of the dimensions after the axis.
    pub(super) inner: usize,
}

impl AxisView {
    /// The view of `shape` around dimension `axis`.
    pub(super) fn new(shape: &[usize], axis: usize) -> Self {
        AxisView { outer: shape[..axis].iter().product(), axis: shape[axis], inner: shape[axis + 1..].iter().product() }
    }

    /// The number of lines along the axis.
    pub(super) fn lines(&self) -> usize {
        self.outer * self.inner
    }

    /// The offset of the first element of line `line`; consecutive elements are `inner` apart.
    pub(super) fn start(&self, line: usize) -> usize {
        (line / self.inner) * self.axis * self.inner + line % self.inner
    }

    /// Whether a line is processed by a workgroup instead of an invocation: if lines are long and too few to fill the
    /// device, or if they exceed the device's limit of loop steps.
    pub(super) fn takes_workgroups(&self, device: &DeviceFacts) -> bool {
        let many = if device.software { MANY_ON_SOFTWARE } else { MANY };
        // Some kernels read a line twice.
        self.axis >= LONG && (self.lines() < many || self.axis > device.max_loop_steps / 2)
    }
}
