//! A tensor as `[outer, axis, inner]` around one axis: the addressing of most kernels.

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
}
