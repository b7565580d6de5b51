"""Functions that few models hold."""
from functions_common import *

KIND = "elementwise"


def register():
    from keras import ops

    x = {"x": F(5), "y": F(3, 7)}
    only3("threshold", KIND, "another number below it", x,
          lambda x, y: [ops.threshold(x, 0.5, 1.0), ops.threshold(y, -1.0, -3.0)])
    only3("soft_shrink", KIND, "nearer to 0", x, lambda x, y: [ops.soft_shrink(x), ops.soft_shrink(y, 1.25)])
    only3("hard_shrink", KIND, "0 near 0", x, lambda x, y: [ops.hard_shrink(x), ops.hard_shrink(y, 1.25)])
    only3("squareplus", KIND, "a smooth relu", x, lambda x, y: [ops.squareplus(x), ops.squareplus(y, 1)])
    only3("ptp-ints", "reductions", "from the least to the largest", dict(x, i=I(5)),
          lambda x, y, i: [ops.ptp(x, axis=1), ops.ptp(y, axis=(1, 2)), ops.ptp(y, axis=-1, keepdims=True),
                           ops.ptp(i, axis=1)])
    only3("dstack-matrices", "shapes", "along the third dimension, which matrices are given", dict(x, z=F(5)),
          lambda x, y, z: [ops.dstack([x, z]), ops.dstack([x, z, x])])
    only2("ensure_shape", "shapes", "what a shape is said to be", x,
          lambda x, y: [tf.ensure_shape(x, [None, 5]) + 1.0, tf.ensure_shape(y, [None, 3, None]) * 2.0])
    only2("convert_to_tensor", "shapes", "a tensor as it is", x,
          lambda x, y: [tf.convert_to_tensor(x) + 1.0, tf.convert_to_tensor(y) * 2.0])
    only2("scalar_mul", KIND, "a number times a tensor", x,
          lambda x, y: [tf.math.scalar_mul(2.5, x), tf.scalar_mul(-1.0, y)])
