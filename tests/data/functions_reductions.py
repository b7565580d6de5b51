"""Sums, products, extremes, spreads and norms over dimensions of a sample."""
from functions_common import *

KIND = "reductions"
LARGE = V([[2**30, 2**30, 2**31 - 1, -7, 5], [-(2**31), -1, 3, 5, 9], [2**24, 1, 1, 1, 2]], np.int32)


def axes(f, key="keepdims"):
    """Outputs over one axis, the last, both; with dimensions kept and without."""
    return lambda x, y, s=None: [f(x, axis=1), f(y, axis=1), f(y, axis=-1, **{key: True}), f(y, axis=[1, 2]),
                                 f(y, axis=(-2,)),
                                 f(y, axis=[2, 1], **{key: True})] + ([] if s is None else [f(s, axis=-1)])


def int_axes(f):
    return lambda i, j: [f(i, axis=1), f(j, axis=-1, keepdims=True), f(j, axis=[1, 2])]


def register():
    m = tf.math
    xy = {"x": F(5), "y": F(3, 7), "s": F(1)}
    ij = {"i": I(5), "j": I(3, 7)}
    ops_ = lambda n: lambda *a, **k: getattr(ops, n)(*a, **k)
    for name, f2, n3, old in (("sum", tf.reduce_sum, "sum", "k33"), ("mean", tf.reduce_mean, "mean", ""),
                              ("max", tf.reduce_max, "max", ""),
                              ("min", tf.reduce_min, "min", "k38"), ("prod", tf.reduce_prod, "prod", ""),
                              ("euclidean_norm", m.reduce_euclidean_norm, None, "")):
        both(name, KIND, f"{name} of float32 and int32, of large int32 too",
             {**xy, **ij, "k": LARGE}, lambda x, y, s, i, j, k, f=f2: axes(f)(x, y, s) + int_axes(f)(i, j) + [f(k, axis=1)],
             None)
        if n3:
            both(name, KIND, f"{name} of float32, int32 and bool, of large int32 too", {**xy, **ij, "k": LARGE, "b": B(5)},
                 None,
                 lambda x, y, s, i, j, k, b, f=ops_(n3): axes(f)(x, y,
                                                                 s) + int_axes(f)(i, j) + [f(k, axis=1), f(b, axis=1)],
                 old=old)
    for name, f2 in (("std", m.reduce_std), ("var", m.reduce_variance), ("logsumexp", m.reduce_logsumexp)):
        f3 = ops_(name)
        both(name, KIND, f"{name} of float32", xy, axes(f2), None)
        if name == "logsumexp":
            only3(name, KIND, f"{name} of float32", xy, axes(f3))
            continue
        only3(name, KIND, f"{name} of float32 and int32", {**xy, **ij},
              lambda x, y, s, i, j, f=f3: axes(f)(x, y, s) + int_axes(f)(i, j))
    only3("prod-dtype", KIND, "prod into a dtype", {"i": I(5), "x": F(5)},
          lambda i, x: [ops.prod(i, axis=1, dtype="float32"), ops.prod(x, axis=-1)])
    only3("max-initial", KIND, "no less than a number, no more", {"x": F(5)},
          lambda x: [ops.max(x, axis=1, initial=2.0), ops.min(x, axis=1, initial=-2.0)])
    far = {"x": V([[100, -100, 3], [-1000, -1001, -1002], [500, 500, 500]]), "y": F(1, 4)}
    both("logsumexp-far", KIND, "numbers whose exp is infinite or 0", far,
         lambda x, y: [m.reduce_logsumexp(x, 1), m.reduce_logsumexp(y, -1, True)],
         lambda x, y: [ops.logsumexp(x, 1), ops.logsumexp(y, axis=-1, keepdims=True)])
    mean = {"x": V([[1000.5, 1001, 1000], [4096, 4097, 4095.5], [-7, -7, -7]])}
    both("var-far", KIND, "var and std far from 0, and of equal numbers", mean,
         lambda x: [m.reduce_variance(x, 1), m.reduce_std(x, 1)],
         lambda x: [ops.var(x, 1), ops.var(x, axis=1, keepdims=True)])
    both("moments", KIND, "mean and variance", xy,
         lambda x, y, s: [*tf.nn.moments(x, 1), *tf.nn.moments(y, [1, 2], keepdims=True)],
         lambda x, y, s: [*ops.moments(x, 1), *ops.moments(y, [1, 2], keepdims=True)])
    bools = {"x": B(5), "y": B(3, 7), "s": B(1)}
    for name, f2 in (("any", tf.reduce_any), ("all", tf.reduce_all)):
        both(name, KIND, f"{name} of bool", bools, axes(f2), axes(ops_(name)), old="k38" if name == "any" else "")
        only3(name + "-numbers", KIND, f"{name} of int32 and float32: what is not 0",
              {"i": I(5, low=0, high=3), "y": F(2, 3, low=-0.1, high=0.1)},
              lambda i, y, f=ops_(name): [f(i, axis=1), f(y, axis=-1)])
    both("count_nonzero", KIND, "of float32, int32 and bool", {"x": F(5, low=-0.1, high=0.1), "i": I(3, 7, low=0, high=2),
                                                               "b": B(5)},
         lambda x, i, b: [m.count_nonzero(x, axis=1), m.count_nonzero(i, axis=[1, 2]),
                          m.count_nonzero(i, -1, keepdims=True), m.count_nonzero(b, 1, dtype=tf.int32)],
         lambda x, i, b: [ops.count_nonzero(x, axis=1), ops.count_nonzero(i, axis=(1, 2)), ops.count_nonzero(i, axis=-1)])
    for name, orders, orders3 in (("", (2, "euclidean"), (None, 2)), ("-1", (1,), (1,)),
                                  ("-inf", (np.inf, 3), (np.inf, 3))):
        both("norm" + name, KIND, f"norm of order {', '.join(map(str, orders))} over one axis", xy,
             lambda x, y, s, os=orders: [f for o in os for f in (tf.norm(x, o, axis=1),
                                                                 tf.linalg.norm(y, ord=o, axis=-1, keepdims=True))],
             lambda x, y, s, os=orders3: [f for o in os for f in (ops.norm(x, o, axis=1),
                                                                  ops.norm(y, ord=o, axis=-1, keepdims=True))])
    only3("norm-other", KIND, "norm of orders 0, -1, -inf", xy,
          lambda x, y, s: [ops.norm(x, 0, axis=1), ops.norm(x, -1, axis=1), ops.norm(y, -np.inf, axis=-1)])
    both("norm-matrix", KIND, "norm over two axes", xy,
         lambda x, y, s: [tf.norm(y, axis=[1, 2]), tf.norm(y, 1, axis=[1, 2]), tf.norm(y, np.inf, axis=[-2, -1])],
         lambda x, y, s: [ops.norm(y, axis=(1, 2)), ops.norm(y, "fro", axis=(1, 2)), ops.norm(y, 1, axis=(1, 2)),
                          ops.norm(y, np.inf, axis=(-2, -1), keepdims=True)])
    only3("norm-int", KIND, "norm of int32", ij, lambda i, j: [ops.norm(i, axis=1), ops.norm(j, 1, axis=2)])
    only2("normalize-linalg", KIND, "tf.linalg.normalize: the quotient and the norm", xy,
          lambda x, y, s: [*tf.linalg.normalize(x, axis=1), *tf.linalg.normalize(y, 1, axis=-1)])
    only3("average", KIND, "average, with weights of the shape and of one axis",
          {"x": F(5), "y": F(3, 7), "w": F(5, low=0.5, high=3), "i": I(5)},
          lambda x, y, w, i: [ops.average(x, axis=1), ops.average(x, axis=1, weights=w),
                              ops.average(y, axis=-1, weights=table("weights", 7) + 3),
                              ops.average(i, axis=1), ops.average(y, axis=1)])
    only3("median", KIND, "of odd and even numbers of elements", {"x": F(5), "y": F(4, 6), "i": I(4)},
          lambda x, y, i: [ops.median(x, axis=1), ops.median(y, axis=-1), ops.median(y, axis=1, keepdims=True),
                           ops.median(y, axis=(1, 2)), ops.median(i, axis=1)])
    only3("quantile", KIND, "one and several quantiles", {"x": F(5), "y": F(4, 6), "i": I(5)},
          lambda x, y, i: [ops.quantile(x, 0.3, axis=1), ops.quantile(y, 0.5, axis=-1, keepdims=True),
                           ops.quantile(i, 0.25, axis=1), ops.quantile(y, 0.9, axis=(1, 2))])
    only3("quantile-methods", KIND, "quantiles between two elements", {"x": F(6)},
          lambda x: [ops.quantile(x, q, axis=1, method=method) for method in ("linear", "lower", "higher", "midpoint",
                                                                              "nearest")
                     for q in (0.0, 0.1, 0.35, 0.5, 0.99, 1.0)])
    only3("quantile-several", KIND, "several quantiles: they come before the batch", {"x": F(5)},
          lambda x: ops.transpose(ops.quantile(x, [0.25, 0.5], axis=1), (1, 0)))
    only3("ptp", KIND, "largest less least", xy, lambda x, y, s: [ops.max(x, 1) - ops.min(x, 1),
                                                                  ops.amax(y, axis=-1) - ops.amin(y, axis=-1)])
    only3("trace", KIND, "the sum of the diagonal", {"y": F(3, 4), "i": I(3, 3)},
          lambda y, i: [ops.trace(y, axis1=1, axis2=2), ops.trace(i, 1, 1, 2)])
    only2("trace", KIND, "the sum of the diagonal", {"y": F(3, 4), "i": I(3, 3)},
          lambda y, i: [tf.linalg.trace(y), tf.linalg.trace(i)])
    only2("backend_reduce", KIND, "backend functions", xy,
          lambda x, y, s: [K.backend.mean(x, axis=1), K.backend.sum(y, axis=[1, 2], keepdims=True),
                                                                          K.backend.max(y, axis=-1),
              K.backend.prod(x, axis=1),
                                                                          K.backend.std(x, axis=1),
              K.backend.var(y, axis=1),
                                                                          K.backend.any(x > 1.0, axis=1),
              K.backend.all(x < 1.0, axis=-1)])
