"""Functions that move elements: pad, roll, repeat, split, join, turn, and shapes that are computed."""
from functions_common import *

KIND = "shapes"


def register():
    x = {"x": F(5), "y": F(3, 7), "i": I(2, 3), "s": I(1)}
    both("pad", KIND, "constants, reflections around floats and ints", x,
         lambda x, y, i, s: [
             tf.pad(x, [[0, 0], [1, 2]]), tf.pad(y, [[0, 0], [0, 1], [3, 0]], constant_values=1.5),
             tf.pad(x, [[0, 0], [2, 4]], "REFLECT"), tf.pad(y, [[0, 0], [1, 2], [3, 0]], mode="SYMMETRIC"),
             tf.pad(y, [[0, 0], [2, 1], [0, 6]], "reflect"), tf.pad(s, [[0, 0], [1, 1]], "symmetric"),
             tf.pad(i, [[0, 0], [1, 0], [0, 2]], constant_values=7), tf.pad(i, [[0, 0], [1, 1], [2, 1]], "REFLECT")],
         lambda x, y, i, s: [
             ops.pad(x, [[0, 0], [1, 2]]), ops.pad(y, [[0, 0], [0, 1], [3, 0]], constant_values=1.5),
             ops.pad(x, [[0, 0], [2, 4]], "reflect"), ops.pad(y, [[0, 0], [1, 2], [3, 0]], mode="symmetric"),
             ops.pad(s, ((0, 0), (1, 1)), "symmetric"), ops.pad(i, [[0, 0], [1, 0], [0, 2]], constant_values=7),
             ops.pad(i, [[0, 0], [1, 1], [2, 1]], "reflect")], old="k38")
    both("roll", KIND, "rolled along axes, by more than their size", x,
         lambda x, y, i, s: [tf.roll(x, 2, axis=1), tf.roll(y, -1, axis=-1), tf.roll(y, [1, 9], axis=[1, 2]),
                             tf.roll(s, 1, 1),
                             tf.roll(i, -4, 2)],
         lambda x, y, i, s: [ops.roll(x, 2, axis=1), ops.roll(y, -1, axis=-1), ops.roll(y, 9, axis=2), ops.roll(s, 1, 1),
                             ops.roll(i, -4, 2)])
    both("flip", KIND, "reversed along axes", x,
         lambda x, y, i, s: [tf.reverse(x, [1]), tf.reverse(y, axis=[1, 2]), tf.reverse(y, [-1]), tf.reverse(i, [1])],
         lambda x, y, i, s: [ops.flip(x, 1), ops.flip(y, axis=(1, 2)), ops.flip(y, axis=-1), ops.flip(i, 1)])
    both("repeat", KIND, "each element several times", x,
         lambda x, y, i, s: [tf.repeat(x, 2, axis=1), tf.repeat(y, 3, axis=-1), tf.repeat(y, [1, 0, 2], axis=1),
                             tf.repeat(s, repeats=4, axis=1), tf.repeat(i, 2, axis=1)],
         lambda x, y, i, s: [ops.repeat(x, 2, axis=1), ops.repeat(y, 3, axis=-1), ops.repeat(s, 4, axis=1),
                             ops.repeat(i, 2, axis=1)],
         old="k33")
    both("tile", KIND, "all of it several times", x,
         lambda x, y, i, s: [tf.tile(x, [1, 2]), tf.tile(y, [1, 2, 3]), tf.tile(s, multiples=(1, 5)),
                             tf.tile(i, [1, 2, 1])],
         lambda x, y, i, s: [ops.tile(x, [1, 2]), ops.tile(y, (1, 2, 3)), ops.tile(x, 2), ops.tile(s, (1, 5)),
                             ops.tile(i, (2, 1))])
    pair = {"x": F(5), "z": F(5), "y": F(3, 7), "w": F(3, 7), "i": I(2, 3), "j": I(2, 3)}
    both("stack", KIND, "joined along a new axis", pair,
         lambda x, z, y, w, i, j: [tf.stack([x, z], axis=1), tf.stack([y, w, y], axis=-1), tf.stack([i, j], 2)],
         lambda x, z, y, w, i, j: [ops.stack([x, z], axis=1), ops.stack([y, w, y], axis=-1), ops.stack([i, j], 2)])
    both("concat", KIND, "joined along an axis", pair,
         lambda x, z, y, w, i, j: [tf.concat([x, z, x], axis=1), tf.concat([y, w], -1), tf.concat([y, w[:, :, :2]], 2),
                                   tf.concat([i, j], 1)],
         lambda x, z, y, w, i, j: [ops.concatenate([x, z, x], axis=1), ops.concatenate([y, w], -1),
                                   ops.append(y, w, axis=2),
                                   ops.concatenate([i, j], 1)])
    only3("hstack", KIND, "joined along axis 1", pair,
          lambda x, z, y, w, i, j: [ops.hstack([x, z]), ops.hstack([y, w]), ops.hstack([i, j])])
    both("split", KIND, "in equal and in other parts", x,
         lambda x, y, i, s: [*tf.split(x, [1, 3, 1], axis=1), *tf.split(y, 3, axis=1), *tf.split(y, [2, -1], -1),
                             *tf.split(i, 2, 1)],
         lambda x, y, i, s: [*ops.split(x, [1, 4], axis=1), *ops.split(y, 3, axis=1), *ops.split(y, (2,), axis=-1),
                             *ops.split(i, 2, 1)])
    both("unstack", KIND, "along an axis, which goes", x,
         lambda x, y, i, s: [*tf.unstack(x, axis=1)[1:4], *tf.unstack(y, axis=-2), tf.unstack(y, num=7, axis=2)[6],
                             *tf.unstack(i, axis=1)],
         lambda x, y, i, s: [*ops.unstack(x, axis=1)[1:4], *ops.unstack(y, axis=-2), ops.unstack(y, num=7, axis=2)[6],
                             *ops.unstack(i, axis=1)])
    only3("diff", KIND, "differences of neighbours", x,
          lambda x, y, i, s: [ops.diff(x, axis=1), ops.diff(y), ops.diff(y, n=2, axis=-1), ops.diff(y, axis=1),
                              ops.diff(i)])
    both("band", KIND, "triangles", x,
         lambda x, y, i, s: [tf.linalg.band_part(y, -1, 0), tf.linalg.band_part(y, 0, -1), tf.linalg.band_part(y, 1, 2),
                             tf.linalg.band_part(i, 0, 0)],
         lambda x, y, i, s: [ops.tril(y), ops.triu(y), ops.tril(y, k=1), ops.triu(y, -1), ops.triu(i)])
    both("diagonal", KIND, "diagonals", x,
         lambda x, y, i, s: [tf.linalg.diag_part(y), tf.linalg.diag(x), tf.linalg.diag_part(i)],
         lambda x, y, i, s: [ops.diagonal(y, 0, 1, 2), ops.diagonal(y, offset=2, axis1=1, axis2=2),
                             ops.diagonal(i, 0, 1, 2)])
    v = {"y": F(3, 7), "z": F(2, 1, 4), "i": I(3, 2)}
    both("transpose", KIND, "dimensions turned", v,
         lambda y, z, i: [tf.transpose(y, [0, 2, 1]), tf.transpose(z, perm=[0, 3, 1, 2]), tf.transpose(i, (0, 2, 1)),
                          tf.linalg.matrix_transpose(y), K.backend.permute_dimensions(z, (0, 2, 1, 3))],
         lambda y, z, i: [ops.transpose(y, [0, 2, 1]), ops.transpose(z, axes=(0, 3, 1, 2)), ops.transpose(i, (0, 2, 1))])
    only3("moveaxis", KIND, "one dimension, several dimensions to another place", v,
          lambda y, z, i: [ops.moveaxis(y, 1, -1), ops.moveaxis(z, -1, 1), ops.moveaxis(z, (1, 2), (2, 3)),
                           ops.moveaxis(i, 2, 1)])
    only3("swapaxes", KIND, "two dimensions exchanged", v, lambda y, z, i: [ops.swapaxes(y, 1, 2), ops.swapaxes(z, -1, 1),
                                                                            ops.swapaxes(i, -1, -2)])
    both("expand_dims", KIND, "dimensions of 1 put in and taken out", v,
         lambda y, z, i: [tf.expand_dims(y, 1), tf.expand_dims(i, axis=-1), tf.squeeze(z, axis=2), tf.squeeze(z, [-2]),
                          tf.expand_dims(z, -2), y[:, tf.newaxis]],
         lambda y, z, i: [ops.expand_dims(y, 1), ops.expand_dims(i, axis=-1), ops.squeeze(z, axis=2), ops.squeeze(z, -2),
                          ops.expand_dims(y, (1, 4))])
    both("broadcast_to", KIND, "stretched to a shape", {"x": F(1, 5)}, lambda x: [tf.broadcast_to(x, [2, 4, 5])],
         lambda x: [ops.broadcast_to(x, (2, 4, 5))])
    both("reshape", KIND, "given shapes, of floats, ints, bools", {"y": F(3, 4), "i": I(6), "b": B(4, 2), "s": F()},
         lambda y, i, b, s: [tf.reshape(y, [-1, 12]), tf.reshape(y, [-1, 2, 6]), tf.reshape(i, (-1, 3, 2)),
                             tf.reshape(b, [-1, 8]), tf.reshape(s, [-1, 1])],
         lambda y, i, b, s: [ops.reshape(y, [-1, 12]), ops.reshape(y, (-1, 2, 6)), ops.reshape(i, (-1, 3, 2)),
                             ops.reshape(b, (-1, 8)), ops.reshape(s, (-1, 1))])
    both("concat-mixed", KIND, "of int32 and float32", {"x": F(5), "i": I(5), "b": B(2)},
         lambda x, i, b: tf.concat([x, tf.cast(i, tf.float32), tf.cast(b, tf.float32)], axis=-1),
         lambda x, i, b: [ops.concatenate([x, i], axis=-1), ops.concatenate([i, b], axis=1), ops.stack([i, x], axis=1)],
         old="k38")
    both("concat-bool", KIND, "of bool", {"a": B(3), "b": B(2)}, lambda a, b: [tf.concat([a, b], 1), tf.stack([a, a], 1),
                                                                               tf.reverse(a, [1]), tf.tile(b, [1, 2])],
         lambda a, b: [ops.concatenate([a, b], 1), ops.stack([a, a], 1), ops.flip(a, 1), ops.tile(b, (1, 2))])

    # ---- shapes that are computed ----
    d = {"x": F(6), "y": F(3, 4), "i": I(6)}
    only2("dynamic-reshape", KIND, "tf.shape(x)[0] in a list", d,
          lambda x, y, i: [tf.reshape(x, [tf.shape(x)[0], 2, 3]), tf.reshape(y, [tf.shape(y)[0], 12]),
                           tf.reshape(y, (-1, tf.shape(y)[1] * tf.shape(y)[2])), tf.reshape(i, [tf.shape(x)[0], 3, 2])])
    only2("dynamic-stack", KIND, "tf.stack of sizes", d,
          lambda x, y, i: [tf.reshape(x, tf.stack([tf.shape(x)[0], 3, 2])),
                           tf.reshape(y, tf.stack([tf.shape(y)[0], 6, 2]))])
    only2("dynamic-concat", KIND, "tf.concat of shapes", d,
          lambda x, y, i: [tf.reshape(y, tf.concat([tf.shape(y)[:2], [2, 2]], axis=0)),
                           tf.reshape(y, tf.concat([tf.shape(y)[:-2], [12]], 0)),
                           tf.reshape(x, tf.concat([tf.shape(y)[:1], tf.constant([6])], 0))])
    only2("dynamic-shape_of", KIND, "the shape of another tensor", d,
          lambda x, y, i: [tf.reshape(i, tf.shape(x)), tf.broadcast_to(x[:, :1], tf.shape(x)), tf.zeros(tf.shape(y)) + y])
    only2("dynamic-zeros", KIND, "zeros, ones, fill of a computed shape", d,
          lambda x, y, i: [tf.zeros([tf.shape(x)[0], 4]), tf.ones((tf.shape(y)[0], 2), dtype=tf.int32),
                           tf.fill([tf.shape(x)[0], 3], 2.5), tf.zeros(tf.shape(x)),
                           tf.ones(tf.stack([tf.shape(x)[0], 1]))])
    only2("dynamic-tile", KIND, "a constant for every row", d,
          lambda x, y, i: [tf.tile(table("row", 1, 4), [tf.shape(x)[0], 1]),
                           tf.tile(tf.expand_dims(x, 1), [1, tf.shape(y)[1], 1])])
    only2("dynamic-range", KIND, "positions by tf.range of a size", d,
          lambda x, y, i: [x + tf.cast(tf.range(tf.shape(x)[1]), tf.float32),
                           i * tf.range(start=0, limit=tf.shape(i)[-1], delta=1),
                           tf.gather(table("positions", 6, 3), tf.range(tf.shape(i)[1])) + tf.expand_dims(x, -1)])
    only2("dynamic-divide", KIND, "by the size of a dimension", d,
          lambda x, y, i: tf.reduce_sum(y, axis=1) / tf.cast(tf.shape(y)[1], tf.float32))
    only2("dynamic-rank", KIND, "tf.rank", d, lambda x, y, i: x * tf.cast(tf.rank(y), tf.float32))
    only2("dynamic-backend", KIND, "backend functions", d,
          lambda x, y, i: [K.backend.reshape(y, (-1, 12)), K.backend.batch_flatten(y), K.backend.expand_dims(x, 1),
                                                                             K.backend.repeat_elements(x, 2, axis=1),
              K.backend.concatenate([x, x], axis=-1), K.backend.stack([x, x], axis=1)])
    only3("shape", KIND, "ops.shape: sizes that are known, and None", d,
          lambda x, y, i: [ops.reshape(y, (-1, ops.shape(y)[1] * ops.shape(y)[2])),
                           ops.reshape(x, (-1, 2, ops.shape(x)[1] // 2)), x + ops.arange(ops.shape(x)[1], dtype="float32"),
                           x * x.shape[1]])
    only3("shape-ones", KIND, "ones of the shape of a part", d,
          lambda x, y, i: [ops.ones_like(x[:, :2]) * 3, ops.zeros_like(y[:, 0]), y[:, :1] + ops.zeros_like(y)])
    both("eye", KIND, "masks of positions: triangles of ones, identity", {"y": F(4, 4)},
         lambda y: [y * tf.eye(4), tf.where(tf.linalg.band_part(tf.ones((4, 4)), -1, 0) > 0, y, -1e9),
                    tf.where(tf.equal(tf.linalg.band_part(tf.ones_like(y), 0, -1), 0.0), 0.0, y)],
         lambda y: [y * ops.eye(4), ops.where(ops.tril(ops.ones((4, 4))) > 0, y, -1e9),
                    ops.where(ops.triu(ops.ones_like(y)) == 0, 0.0, y), y - ops.tri(4)])
    only3("meshgrid", KIND, "arange, linspace, full as constants", {"x": F(5), "i": I(5)},
          lambda x, i: [x * ops.linspace(0.0, 1.0, 5), i + ops.arange(5), x + ops.full((5,), 2.0),
                        i * ops.ones((1,), dtype="int32")])
