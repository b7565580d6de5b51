"""Functions of each element: rounding, powers, angles, activations; and those of two tensors."""
from functions_common import *

KIND = "elementwise"
HALVES = V([[0.5, -0.5, 1.5, -1.5, 2.5], [-2.5, 0.49, -0.51, 0.0, -0.0], [3.5, -7.0, 1e6, -1.25, 100.5]])
INF, NAN = np.inf, np.nan
STRANGE = V([[INF, -INF, NAN, 1.5, -0.0], [0.0, 3e38, -3e38, NAN, -2.0], [NAN, 1.0, INF, 1e-30, -INF]])


def unary(name, two, three, x=None, s=None, ints=True, **more):
    """f(x), f(s) of ranks 2 and 1, and in Keras 3, which takes floats and ints alike, f(i)."""
    inputs = {"x": x or F(5), "s": s or F()}

    def f3(x, s, i=None):
        return [three(t) for t in (x, s, i) if t is not None]

    about = f"{name} of each element"
    if two is not None:
        both(name, KIND, about, inputs, lambda x, s: [two(x), two(s)], **more)
    if three is not None:
        both(name, KIND, about + (", of ints too" if ints else ""),
             {**inputs, **({"i": ints if callable(ints) else I(1, low=-4, high=5)} if ints else {})}, None, f3, **more)


def op(name):
    """The operation of this name, looked up late: old Kerases lack some."""
    return lambda *a, **k: getattr(ops, name)(*a, **k)


def register():
    m, nn = tf.math, tf.nn
    unary("floor", tf.floor, op("floor"), x=HALVES, old="k33")
    unary("ceil", m.ceil, op("ceil"), x=HALVES)
    unary("round", tf.round, op("round"), x=HALVES, old="k38")
    only3("round-decimals", KIND, "round to decimals, and to tens", {"x": F(5), "i": I(4, low=-99, high=99)},
          lambda x, i: [ops.round(x, 1), ops.round(x, decimals=2), ops.round(x, -1), ops.round(i, -1)])
    unary("trunc", None, op("trunc"), x=HALVES)
    unary("sign", tf.sign, op("sign"), x=HALVES)
    unary("absolute", None, op("absolute"), x=HALVES)
    unary("negative", None, op("negative"), x=HALVES)
    for name, two in {"sin": tf.sin, "cos": tf.cos, "tan": tf.tan, "tanh": tf.tanh, "sinh": None, "cosh": None,
                      "atan": None,
                      "asinh": None}.items():
        unary(name, two, op("arc" + name[1:] if name[0] == "a" else name))
    only2("hyperbolic", KIND, "sinh, cosh, asinh, acosh, atanh", {"x": F(5), "u": F(5, low=-0.9, high=0.9)},
          lambda x, u: [tf.sinh(x), tf.cosh(x), tf.asinh(x), tf.acosh(1.0 + abs(x)), tf.atanh(u)])
    only2("arcs", KIND, "asin, acos, atan", {"x": F(5), "u": F(5, low=-1, high=1)},
          lambda x, u: [tf.asin(u), tf.acos(u), tf.atan(x)])
    unit = dict(x=F(5, low=-1, high=1), s=F(low=-1, high=1), ints=I(1, low=-1, high=2))
    unary("asin", None, op("arcsin"), **unit)
    unary("acos", None, op("arccos"), **unit)
    inner = dict(x=F(5, low=-0.9, high=0.9), s=F(low=-0.9, high=0.9))
    unary("atanh", None, op("arctanh"), **inner, ints=False)
    unary("acosh", None, op("arccosh"), x=F(5, low=1, high=5), s=F(low=1, high=5), ints=I(1, low=1, high=5))
    unary("erf", m.erf, op("erf"), ints=False)
    unary("erfc", m.erfc, None)
    unary("exp", None, op("exp"))
    unary("expm1", m.expm1, op("expm1"), x=V([[0, 1e-6, -1e-6, 1, -1], [5, -5, 0.5, -0.5, 1e-3], [2, -2, 3, -3, 4]]))
    unary("exp2", None, op("exp2"))
    high = dict(x=F(5, low=0.1, high=9), s=F(low=0.1, high=9), ints=I(1, low=1, high=9))
    unary("log", None, op("log"), **high)
    unary("log1p", m.log1p, op("log1p"), x=V([[0, 1e-6, -1e-6, 1, -0.5], [5, 100, 0.5, -0.75, 1e-3], [2, 3, 7, 9, 4]]),
          s=high["s"], ints=high["ints"])
    unary("log2", None, op("log2"), **high)
    unary("log10", None, op("log10"), **high)
    unary("sqrt", None, op("sqrt"), **high)
    unary("rsqrt", m.rsqrt, op("rsqrt"), **{**high, "ints": False})
    unary("reciprocal", None, op("reciprocal"), **{**high, "ints": False})
    unary("square", None, op("square"))
    for name in ("isnan", "isinf", "isfinite"):
        unary(name, getattr(m, "is_" + name[2:]), op(name), x=STRANGE, s=V([NAN, INF, 1]),
              old="k38" if name == "isnan" else "")
    unary("nan_to_num", None, op("nan_to_num"), x=STRANGE, s=V([NAN, INF, -INF]))
    only3("nan_to_num-values", KIND, "nan_to_num with its own values", {"x": STRANGE},
          lambda x: [ops.nan_to_num(x, nan=-1.5), ops.nan_to_num(x, 2.0, posinf=100.0, neginf=-7.0)])
    only2("nan_to_num-where", KIND, "NaN made 0 by tf.where", {"x": STRANGE},
          lambda x: tf.where(m.is_finite(x), x, tf.zeros_like(x)))

    for name, two, three in (
            ("relu", nn.relu, "relu"), ("relu6", nn.relu6, None), ("elu", nn.elu, None), ("silu", None, "silu")):
        unary(name, two, op(three) if three else None, x=F(5, low=-8, high=8), s=F(5, low=-8, high=8), ints=False)
    xyz = {"x": F(5), "y": F(3, 7)}
    for name, two, three in (("softmax", nn.softmax, "softmax"), ("log_softmax", nn.log_softmax, "log_softmax")):
        f3 = op(three)
        both(name, KIND, "over several axes", xyz,
             lambda x, y, f=two: [f(x), f(y, axis=1), f(y, -1)],
             lambda x, y, f=f3: [f(x), f(y, axis=1), f(y, axis=-2)], old="k38")
    both("normalize", KIND, "l2_normalize over several axes, and of zeros", {**xyz, "z": V([[0, 0], [1e-7, 0], [3, 4]])},
         lambda x, y, z: [m.l2_normalize(x, 1), m.l2_normalize(y, axis=[1, 2]), m.l2_normalize(y, -2, epsilon=4.0),
                          m.l2_normalize(z, axis=-1)],
         lambda x, y, z: [ops.normalize(x), ops.normalize(y, axis=1), ops.normalize(x, order=1), ops.normalize(x, order=3),
                          ops.normalize(z, axis=-1)])

    # ---- two tensors, and numbers ----
    far = lambda *shape: lambda *a: (lambda v: np.where(np.abs(v) < 0.3, np.float32(-0.75), v))(F(*shape)(*a))

    def binary(name, two, three, x=None, y=None, numbers=(1.5, -2.5), old="", **more):
        inputs = {"x": x or F(5), "y": y or far(5), "r": far(3, 1) if y is None else F(3, 1, low=0.5, high=3)}

        def f(g):
            def outputs(x, y, r):
                more = [] if numbers is None else [g(x, numbers[0]), g(numbers[1], y)]
                return [g(x, y), g(ops_expand(x, g is two), r)] + more
            return outputs
        both(name, KIND, f"{name} of two tensors, of stretched ones, and with numbers", inputs,
             two and f(two), three and f(three), old=old, **more)

    def ops_expand(x, is_2):
        return tf.expand_dims(x, 1) if is_2 else ops.expand_dims(x, 1)

    above = F(5, low=0.1, high=4)
    binary("floordiv", lambda a, b: a // b, lambda a, b: a // b, old="k33")
    binary("mod", lambda a, b: a % b, lambda a, b: a % b, old="k38")
    binary("truncatemod", tf.truncatemod, op("fmod"))
    binary("pow", tf.pow, op("power"), x=above, y=F(5, low=-2, high=3), numbers=(2.5, 1.5))
    binary("squared_difference", m.squared_difference, None)
    binary("divide", m.divide, op("true_divide"))
    binary("atan2", m.atan2, op("arctan2"))
    binary("logaddexp", None, op("logaddexp"))
    binary("hypot", None, op("hypot"), numbers=None)
    zero = V([[0, 1, 0, -2, 0.5], [3, 0, 0, 1, -1], [1, 2, 0, 0, 4]])
    both("divide_no_nan", KIND, "0 where divided by 0", {"x": F(5), "y": zero, "s": F(1)},
         lambda x, y, s: [m.divide_no_nan(x, y), m.divide_no_nan(s, y), m.divide_no_nan(x, 2.0), m.divide_no_nan(y, y)],
         lambda x, y, s: [ops.divide_no_nan(x, y), ops.divide_no_nan(s, y), ops.divide_no_nan(x, 2.0),
                          ops.divide_no_nan(y, y)])
    only2("xlogy", KIND, "xlogy, xdivy, multiply_no_nan: 0 where x is 0, where y is 0",
          {"x": zero, "y": V([[0, 1, 2, 3, 0.5], [3, 0, 2, 1, 1], [1, 2, 0, 0.25, 4]]), "z": STRANGE},
          lambda x, y, z: [m.xlogy(x, y), m.xdivy(x, y), m.multiply_no_nan(z, x)], infinite=True)
    both("divide-zero", KIND, "divided by 0: infinities and NaN", {"x": F(5), "y": zero},
         lambda x, y: [x / y, y / y], lambda x, y: [x / y, y / y], infinite=True)
    both("floordiv-zero", KIND, "// and % of 0: infinities and NaN", {"x": F(5), "y": zero},
         lambda x, y: [x // y, x % y], lambda x, y: [x // y, x % y], infinite=True)
    both("clip", KIND, "between numbers, and between tensors", {"x": F(5), "y": F(3, 7), "lo": F(5, low=-3, high=-1),
                                                                "hi": F(5, low=0)},
         lambda x, y, lo, hi: [tf.clip_by_value(x, -0.5, 1.0), tf.clip_by_value(y, 0.0, 6.0), tf.clip_by_value(x, lo, hi)],
         lambda x, y, lo, hi: [ops.clip(x, -0.5, 1.0), ops.clip(y, 0, 6), ops.minimum(ops.maximum(x, lo), hi)], old="k33")
    only2("add_n", KIND, "the sum of a list", {"x": F(5), "y": F(5), "z": F(5)},
          lambda x, y, z: [tf.add_n([x, y, z]), tf.add_n([x, x]), tf.math.accumulate_n([x, y])])
    only2("bias_add", KIND, "a constant for each channel", {"x": F(5), "y": F(3, 7), "z": F(3, 2, 2)},
          lambda x, y, z: [nn.bias_add(x, table("bias", 5)), nn.bias_add(y, table("bias", 7)),
                           nn.bias_add(z, table("bias", 3), data_format="NCHW")])
    both("numbers", KIND, "numbers and tables on either side", {"x": F(5), "y": F(3, 7)},
         lambda x, y: [2.0 * x - 1.0, 1.0 / (x + 10.0), y * table("n", 7), table("m", 3, 1) - y, -x + 3,
                       x - tf.constant([1.0, 2, 3, 4, 5])],
         lambda x, y: [2 * x - 1, 1 / (x + 10), y * table("n", 7), ops.subtract(table("m", 3, 1), y), -x + 3,
                       x - ops.arange(5.0)])
