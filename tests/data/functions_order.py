"""Sorting, the largest and their places, running sums."""
from functions_common import *

KIND = "order"
TIES = V([[1.5, 3, 3, 2, 3], [0, -1, 0, -1, 0], [2, 2, 2, 2, 2]])
ITIES = V([[1, 3, 3, 2, 3], [0, -1, 0, -1, 0], [-(2**31), 2**31 - 1, 2**30, 2**30, 2**31 - 1]], np.int32)


def register():
    m = tf.math
    x = {"x": F(5), "y": F(3, 7), "t": TIES, "s": F(1), "i": I(5, low=-3, high=4), "j": ITIES}
    what = "of float32 and int32, of ties, the least and largest int32 too"
    both("sort", KIND, "sort " + what, x,
         lambda x, y, t, s, i, j: [tf.sort(x), tf.sort(y, axis=1), tf.sort(y, axis=-2, direction="DESCENDING"), tf.sort(s),
                                   tf.sort(t, direction="DESCENDING"), tf.sort(i), tf.sort(j),
                                   tf.sort(j, direction="DESCENDING")],
         lambda x, y, t, s, i, j: [ops.sort(x), ops.sort(y, axis=1), ops.sort(t), ops.sort(s),
                                   ops.flip(ops.sort(y), axis=-1),
                                   ops.sort(i), ops.sort(j)], old="k33")
    both("argsort", KIND, "argsort " + what, x,
         lambda x, y, t, s, i, j: [
             tf.argsort(x), tf.argsort(y, axis=1), tf.argsort(y, direction="DESCENDING"), tf.argsort(s), tf.argsort(t),
             tf.argsort(t, direction="DESCENDING", stable=True), tf.argsort(t, stable=True),
                                   tf.argsort(t, direction="DESCENDING"),
             tf.argsort(i), tf.argsort(j), tf.argsort(j, direction="DESCENDING")],
         lambda x, y, t, s, i, j: [ops.argsort(x), ops.argsort(y, axis=1), ops.argsort(t), ops.argsort(s),
                                   ops.argsort(-x, axis=-1),
                                   ops.argsort(i), ops.argsort(j)], old="k38")
    both("top_k", KIND, "values and indices of the largest " + what, x,
         lambda x, y, t, s, i, j: [*m.top_k(x, 3), *m.top_k(y, k=1), *m.top_k(t, 4), *m.top_k(s), tf.nn.top_k(x, 2)[1],
                                   m.top_k(x, 5).values, *m.top_k(i, 2), *m.top_k(j, 4)],
         lambda x, y, t, s, i, j: [*ops.top_k(x, 3), *ops.top_k(y, k=1), *ops.top_k(t, 4), *ops.top_k(s, 1),
                                   ops.top_k(x, 2)[1],
                                   ops.top_k(x, 5)[0], *ops.top_k(i, 2), *ops.top_k(j, 4)], old="k33 k38")
    for name, f2 in (("argmax", tf.argmax), ("argmin", tf.argmin)):
        f3 = lambda *a, n=name, **k: getattr(ops, n)(*a, **k)
        both(name, KIND, f"{name} {what}", x,
             lambda x, y, t, s, i, j, f=f2: [f(x, axis=1), f(y, axis=1), f(y, -1), f(y, -2, output_type=tf.int32),
                                             f(t, axis=1),
                                             f(s, axis=-1), f(i, axis=1), f(j, axis=1)],
             lambda x, y, t, s, i, j, f=f3: [f(x, axis=1), f(y, axis=1), f(y, -1), f(y, axis=-2, keepdims=True),
                                             f(t, axis=1),
                                             f(s, axis=-1), f(i, axis=1), f(j, axis=1)])
    for name, f2 in (("cumsum", m.cumsum), ("cumprod", m.cumprod)):
        f3 = lambda *a, n=name, **k: getattr(ops, n)(*a, **k)
        both(name, KIND, f"{name} of float32 and int32, which wraps", x,
             lambda x, y, t, s, i, j, f=f2: [
                 f(x, axis=1), f(y, axis=1), f(y, -1, exclusive=True), f(x, 1, reverse=True),
                 f(y, axis=-2, exclusive=True, reverse=True), f(s, axis=-1), f(i, axis=1), f(j, axis=1),
                                             f(i, 1, True, True)],
             lambda x, y, t, s, i, j, f=f3: [f(x, axis=1), f(y, axis=1), f(y, -1), f(y, axis=-2), f(s, axis=-1),
                                             f(i, axis=1),
                                             f(j, axis=1)])
    only3("cumsum-bool", KIND, "cumsum of bool", {"b": B(5)},
          lambda b: [ops.cumsum(b, axis=1), ops.cumsum(b, axis=1, dtype="float32"), ops.cumprod(b, axis=1)])
    only2("cumsum-mask", KIND, "positions of what is not padding", {"i": I(5, low=0, high=3)},
          lambda i: m.cumsum(tf.cast(tf.not_equal(i, 0), tf.int32), axis=1) * tf.cast(tf.not_equal(i, 0), tf.int32))
    f = {"x": F(5), "y": F(3, 7)}
    only2("cumulative_logsumexp", KIND, "running logsumexp", f,
          lambda x, y: [m.cumulative_logsumexp(x, axis=1), m.cumulative_logsumexp(y, -1, exclusive=False, reverse=True)])
    zeros = {"z": V([[0.0, -0.0, 0.0, -1.0], [-0.0, 0.0, 1.0, -0.0], [-0.0, -0.0, 0.0, 0.0]])}
    both("argmax-zeros", KIND, "-0 and 0 are equal", zeros, lambda z: [tf.argmax(z, 1), tf.argmin(z, 1),
                                                                       tf.argsort(z, stable=True), m.top_k(z, 4)[1]],
         lambda z: [ops.argmax(z, 1), ops.argmin(z, 1), ops.argsort(z), ops.top_k(z, 4)[1]])
    both("in_top_k", KIND, "whether the target is among the k largest", {"x": F(5), "t": V([1, 4, 0], np.int32)},
         lambda x, t: [m.in_top_k(t, x, 1), m.in_top_k(t, x, 3)],
         lambda x, t: [ops.in_top_k(t, x, 1), ops.in_top_k(t, x, 3)])
    edges = [-1.5, 0.0, 0.25, 2.0]
    at = V([[-2, -1.5, -1, 0, 0.1], [0.25, 1.0, 2.0, 2.5, -0.0], [0.24, 1.9, -9, 9, 0.26]])
    both("searchsorted", KIND, "places in a sorted row",
         {"v": at, "r": V([[-2, 0, 1, 1, 5], [-1, -1, 0, 0.25, 3], [0, 1, 2, 3, 4]])},
         lambda v, r: [tf.searchsorted(r, v), tf.searchsorted(r, v, side="right")],
         None)
    only3("digitize", KIND, "buckets with given edges", {"v": at, "i": I(5)},
          lambda v, i: [ops.digitize(v, np.float32(edges)), ops.digitize(i, np.float32([-3, 0, 4.5])),
              ops.digitize(i, np.int32([-3, 0, 4]))])
    both("bincount", KIND, "how often each id occurs in a row", {"i": I(7, low=0, high=5), "w": F(7)},
         lambda i, w: [m.bincount(i, axis=-1, minlength=5, maxlength=5), m.bincount(i, weights=w, axis=-1, minlength=5,
                                                                                    maxlength=5),
                       m.bincount(i, axis=-1, minlength=5, maxlength=5, binary_output=True)],
         lambda i, w: [ops.bincount(i, minlength=5)])
    only3("searchsorted", KIND, "places in a sorted constant", {"s": V([-2, 0.25, 9])},
          lambda s: [ops.searchsorted(np.float32(edges), s), ops.searchsorted(np.float32(edges), s, side="right")])
    both("sort-take", KIND, "the second largest, and the median by sorting", f,
         lambda x, y: [tf.sort(x, direction="DESCENDING")[:, 1], tf.sort(x, axis=1)[:, 2]],
         lambda x, y: [ops.sort(x)[:, -2], ops.sort(x, axis=1)[:, 2]])
    both("argsort-ranks", KIND, "ranks: argsort twice", f, lambda x, y: tf.argsort(tf.argsort(x)),
         lambda x, y: ops.argsort(ops.argsort(x)))
