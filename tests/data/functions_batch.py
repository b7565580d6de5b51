"""Functions that mix or cut the rows of a batch: Keras runs them, what an answer is for other batches is another matter."""
from functions_common import *

KIND = "batch"


def register():
    x = {"x": F(5), "y": F(3, 7), "z": F(5)}

    def put(name, two, three, inputs=x, about=None, **more):
        both("batch-" + name, KIND, about or name + " touches the batch", inputs, two, three, **more)

    put("slice", lambda x, y, z: [x[0:2], x[1:], x[::2]], lambda x, y, z: [x[0:2, :], x[1:, 2]])
    put("item", lambda x, y, z: x[0], None)
    put("reversed", None, lambda x, y, z: x[::-1, :])
    put("cumsum", lambda x, y, z: tf.cumsum(x), lambda x, y, z: ops.cumsum(x, axis=0))
    put("sort", lambda x, y, z: tf.sort(x, axis=0), lambda x, y, z: ops.sort(x, axis=0))
    put("sum_all", lambda x, y, z: [tf.reduce_sum(x), tf.reduce_mean(y)], lambda x, y, z: ops.sum(x))
    put("standardize", lambda x, y, z: (x - tf.reduce_mean(x, axis=0)) / (tf.math.reduce_std(x, axis=0) + 1.0), None)
    put("norm_all", None, lambda x, y, z: x / ops.norm(x))
    put("l2_normalize_all", lambda x, y, z: tf.math.l2_normalize(x), None)
    put("softmax_axis_0", None, lambda x, y, z: ops.softmax(x, axis=0))
    put("stack", lambda x, y, z: tf.stack([x, z]), None)
    put("concat", lambda x, y, z: tf.concat([x, z], axis=0), lambda x, y, z: ops.concatenate([x, z], axis=0))
    put("vstack", None, lambda x, y, z: ops.vstack([x, z]))
    put("transpose", lambda x, y, z: tf.transpose(x), lambda x, y, z: ops.transpose(x))
    put("transpose_twice", lambda x, y, z: tf.transpose(tf.transpose(x) * table("columns", 5, 1)),
        lambda x, y, z: ops.transpose(ops.transpose(x) * table("columns", 5, 1)),
        about="transposed, multiplied and transposed back")
    put("argmax", lambda x, y, z: tf.argmax(x), lambda x, y, z: ops.argmax(x, axis=0))
    put("flip", lambda x, y, z: tf.reverse(x, [0]), lambda x, y, z: ops.flip(x, axis=0))
    put("roll", lambda x, y, z: tf.roll(x, 1, axis=0), None)
    put("repeat", None, lambda x, y, z: ops.repeat(x, 2, axis=0))
    put("tile", lambda x, y, z: tf.tile(x, [2, 1]), None)
    put("reshape", lambda x, y, z: tf.reshape(y, [-1, 7]), lambda x, y, z: ops.reshape(y, (-1, 7)),
        about="rows and steps as rows")
    put("reshape_back", lambda x, y, z: tf.reshape(tf.sort(tf.reshape(y, [-1, 7])), [-1, 3, 7]),
        lambda x, y, z: ops.reshape(ops.sort(ops.reshape(y, (-1, 7))), (-1, 3, 7)),
        about="rows and steps as rows, sorted, and back")
    put("flat", None, lambda x, y, z: ops.ravel(x))
    put("similarity", None, lambda x, y, z: ops.matmul(x, ops.transpose(z)), about="every row by every row")
    put("outer", None, lambda x, y, z: ops.outer(x, z))
    put("take", None, lambda x, y, z: ops.take(x, [0, 2], axis=0))
    put("axis_none", None, lambda x, y, z: [ops.take(x, [0, 7]), ops.argmax(x), ops.cumsum(x), ops.repeat(x, 2),
                                            ops.flip(x), ops.roll(x, 2), ops.median(x), ops.mean(y)],
        about="no axis: rows and all")
    put("gather_rows", lambda x, y, i: tf.gather(x, i), None, {"x": F(5), "y": F(2), "i": I(2, low=0, high=3)},
        about="rows of the batch by ids")
    put("shape", lambda x, y, z: x * tf.cast(tf.shape(x)[0], tf.float32), None, about="multiplied by the number of rows")
    put("broadcast", lambda x, y, z: tf.expand_dims(x, 0) + tf.expand_dims(z, 1), None, about="every row with every row")
