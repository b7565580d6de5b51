//! The recorded cases that are not answered, and why.

/// A case, or all that begin with the name and a version of Keras, and the reason.
pub(crate) const KNOWN: &[(&str, &str)] = &[
    ("argmax-zeros_k315_zip", "Keras 3 takes −0 for less than 0 in argmax and argmin, and only there"),
    ("bincount_k315_zip", "there are as many counts as the largest id of the whole batch is large"),
    ("broadcast_to", "it is stretched to a batch of 2, and answers for no other"),
    ("cast-int64", "the sums and products need 64 bits; a warning says so"),
    ("ids-crossed_int64", "the products need 64 bits; a warning says so"),
    ("norm-inf", "the file holds Infinity, which JSON does not have"),
    ("norm-matrix", "the file holds Infinity, which JSON does not have"),
    ("norm-other_k315_zip", "the file holds Infinity, which JSON does not have"),
    ("quantile-several_k315_h5", "several quantiles stand before the batch"),
    ("slice_k2_h5", "one of the slices takes two samples out of the batch"),
    ("slice_k315_zip", "it takes two samples out of the batch"),
];
