"""Picking by ids: gather, take, take_along_axis, one_hot, embedding tables as constants."""
from functions_common import *

KIND = "gather"


def register():
    x = {"x": F(5), "y": F(3, 7), "i": I(4, low=0, high=3), "j": I(low=0, high=3)}
    n = {"x": I(5), "y": I(3, 7), "i": I(4, low=0, high=3), "j": I(low=0, high=3)}
    for suffix, inputs, what in (("", x, "float32"), ("-int", n, "int32")):
        both("gather" + suffix, KIND, f"given positions of one axis of {what}", inputs,
             lambda x, y, i, j: [tf.gather(x, [3, 0, 0], axis=1), tf.gather(y, [2, 1], axis=1), tf.gather(y, 6, axis=-1),
                                 tf.gather(y, [[0, 1], [5, 2]], axis=2)],
             lambda x, y, i, j: [ops.take(x, [3, 0, 0], axis=1), ops.take(y, np.int32([2, -1]), axis=1),
                                 ops.take(y, 6, axis=-1), ops.take(y, np.int32([[0, 1], [5, 2]]), axis=2)],
             old="k33" if suffix else "")
    n = np.int32
    both("gather-table", KIND, "rows of a constant table, of floats and of ints", x,
         lambda x, y, i, j: [tf.gather(table("rows", 3, 4), i), tf.gather(table("rows", 3, 4), j),
                             tf.gather(table("vector", 3), i),
                             tf.gather(table("ints", 3, 4, dtype=n), j), tf.gather(table("ints", 3, dtype=n), i)],
         lambda x, y, i, j: [ops.take(table("rows", 3, 4), i, axis=0), ops.take(table("rows", 3, 4), j, axis=0),
                             ops.take(table("vector", 3), i, axis=0), ops.take(table("ints", 3, 4, dtype=n), j, axis=0)])
    both("gather-batch", KIND, "positions of each row", {**x, "n": I(5)},
         lambda x, y, i, j, n: [tf.gather(x, i, axis=1, batch_dims=1), tf.gather(y, i, batch_dims=1),
                                tf.gather(y, j, axis=1, batch_dims=1),
                                tf.gather(y, i, axis=2, batch_dims=1), tf.gather(x, j, batch_dims=1),
                                tf.gather(y, i, axis=-1, batch_dims=1),
                                tf.gather(n, i, batch_dims=1)],
         lambda x, y, i, j, n: [ops.take_along_axis(x, i, axis=1), ops.take_along_axis(n, i, axis=1),
                                ops.squeeze(ops.take_along_axis(x, ops.expand_dims(j, -1), axis=1), -1)])
    only2("gather-batch_2", KIND, "batch_dims=2", {"y": F(3, 7), "i": I(3, 2, low=0, high=7)},
          lambda y, i: [tf.gather(y, i, axis=2, batch_dims=2), tf.gather(y, i, axis=-1, batch_dims=-1)])
    only2("gather_nd", KIND, "one position of each row, of two axes", {"y": F(3, 7), "i": I(2, 1, low=0, high=3),
                                                                       "j": V([[1, 6], [0, 0], [2, 5]], np.int32)},
          lambda y, i, j: [tf.gather_nd(y, i, batch_dims=1), tf.gather_nd(y, j, batch_dims=1),
                           tf.gather_nd(table("rows", 3, 4), i)])
    only3("take-negative", KIND, "negative positions count from the end; a table and positions",
          {"y": F(3, 7), "i": I(4, low=-3, high=3)},
          lambda y, i: [ops.take(y, [-1, 0, -7], axis=2), ops.take(table("rows", 3, 4), i, axis=0)], old="k38")
    only3("take_along_axis", KIND, "positions of each row, negative ones too",
          {"x": F(5), "y": F(3, 7), "i": I(2, low=-5, high=5), "k": I(1, 7, low=0, high=3), "l": I(3, 2, low=0, high=7)},
          lambda x, y, i, k, l: [ops.take_along_axis(x, i, axis=1), ops.take_along_axis(y, k, axis=1),
                                 ops.take_along_axis(y, l, axis=-1), ops.take_along_axis(y, l, axis=2)], old="k33")
    only3("take_along_axis-int", KIND, "positions of each row of int32, as argsort gives them", {"n": I(5), "y": I(3, 7)},
          lambda n, y: [ops.take_along_axis(n, ops.argsort(n), axis=1),
                        ops.take_along_axis(y, ops.expand_dims(ops.argmax(y, axis=-1), -1), axis=-1)])
    out = V([[0, 2, -1, 4, 3], [5, 1, 100, -7, 2], [3, 0, 0, 2**30, -(2**31)]], np.int32)
    ids = {"i": out, "s": V([1, 4, -1], np.int32), "m": I(2, 3, low=0, high=4)}
    both("one_hot", KIND, "of ids, of such as are out of range", ids,
         lambda i, s, m: [tf.one_hot(i, 4), tf.one_hot(s, 5), tf.one_hot(m, 4), tf.one_hot(i, depth=1)],
         lambda i, s, m: [ops.one_hot(i, 4), ops.one_hot(s, 5), ops.one_hot(m, 4), ops.one_hot(i, num_classes=1)],
         old="k33 k38")
    both("one_hot-options", KIND, "of another axis, dtype and values", ids,
         lambda i, s, m: [tf.one_hot(i, 4, axis=1), tf.one_hot(i, 3, on_value=2.5, off_value=-0.5),
                          tf.one_hot(i, 3, dtype=tf.int32), tf.one_hot(m, 4, axis=2),
                          tf.one_hot(i, 3, on_value=7, off_value=1, dtype=tf.int32),
                          tf.one_hot(i, 3, True, False, dtype=tf.bool)],
         lambda i, s, m: [ops.one_hot(i, 4, axis=1), ops.one_hot(i, 3, dtype="int32"), ops.one_hot(m, 4, axis=2),
                          ops.one_hot(i, 3, dtype="bool")])
    only3("multi_hot", KIND, "which ids occur in a row", {"i": I(5, low=0, high=6), "m": I(2, 3, low=0, high=4)},
          lambda i, m: [ops.multi_hot(i, 6), ops.multi_hot(m, 4)])
    only2("multi_hot", KIND, "which ids occur in a row, by one_hot", {"i": I(5, low=0, high=6)},
          lambda i: [tf.reduce_max(tf.one_hot(i, 6), axis=1), tf.reduce_sum(tf.one_hot(i, 6), axis=1)])
    only2("sequence_mask", KIND, "true for the first steps", {"s": V([0, 2, 5], np.int32), "m": I(2, low=0, high=5)},
          lambda s, m: [tf.sequence_mask(s, maxlen=4), tf.sequence_mask(s, 5, dtype=tf.float32),
                        tf.sequence_mask(m, 4, tf.int32)])
    only3("sequence_mask", KIND, "true for the first steps, by arange", {"s": V([0, 2, 5], np.int32)},
          lambda s: [ops.less(ops.arange(4), ops.expand_dims(s, -1)), ops.expand_dims(s, 1) > ops.arange(3),
                     ops.cast(ops.less(np.arange(5, dtype=np.int32), ops.expand_dims(s, 1)), "float32")])
    only3("slice", KIND, "ops.slice: a start and a shape", {"y": F(3, 7)}, lambda y: [ops.slice(y, (0, 1, 2), (2, 2, 4))])
    only3("slice_update", KIND, "a part replaced", {"y": F(3, 7), "u": F(1, 2)},
          lambda y, u: [ops.slice_update(y, (0, 1, 2), u)])
    only2("slice", KIND, "tf.slice: begins and sizes, -1 for the rest", {"y": F(3, 7), "i": I(5)},
          lambda y, i: [tf.slice(y, [0, 1, 2], [-1, 2, 4]), tf.slice(y, [0, 0, 3], [-1, -1, -1]),
                        tf.slice(i, [0, 1], [-1, 3]), tf.strided_slice(y, [0, 0, 1], [2, 3, 7], [1, 2, 3])])
