"""Arithmetic of int32: wrapping, negative operands, mixing with floats."""
from functions_common import *

KIND = "integers"
LARGE = V([[2**30, -(2**31), 2**31 - 1, -(2**30) - 3, 65537], [123456789, -987654321, 46341, -46341, 2**24 + 1],
           [-1, 0, 1, 2**31 - 2, -(2**31) + 1]], np.int32)
SMALL = I(5)
NONZERO = V([[3, -3, 7, -7, 2], [1, -1, 5, -4, 6], [-2, 4, 9, -9, 10]], np.int32)


def register():
    m = tf.math
    two = {"i": SMALL, "j": NONZERO, "k": LARGE, "r": V([[[4], [-3], [1]]] * 2 + [[[2], [5], [-7]]], np.int32)}

    def binary(name, f2, f3, number=7, large=True, old="", **more):
        """Small and large ones, stretched ones, a number on either side."""

        def g(f, expand):
            if f is None:
                return None

            def outputs(i, j, k, r):
                y = [f(i, j), f(expand(i, 1), r), f(i, number), f(number, j)]
                return y + [f(k, j), f(k, k), f(k, number)] if large else y
            return outputs
        both(name + "-int", KIND, f"{name} of int32" + (", large ones too, which wrap" if large else ""), two,
             g(f2, tf.expand_dims), g(f3, ops.expand_dims), old=old, **more)

    plus = lambda a, b: a + b
    binary("add", plus, plus, old="k33 k38")
    binary("subtract", lambda a, b: a - b, lambda a, b: a - b)
    binary("multiply", lambda a, b: a * b, lambda a, b: a * b, old="k38")
    for name, f2, f3, old in (("floordiv", lambda a, b: a // b, lambda a, b: a // b, "k33 k38"),
                              ("mod", lambda a, b: a % b, lambda a, b: a % b, "k33 k38")):
        g2 = lambda i, j, k, r, f=f2: [f(i, j), f(tf.expand_dims(i, 1), r), f(i, 7), f(i, -3), f(100, j), f(k, j),
                                       f(k, 1000)]
        g3 = lambda i, j, k, r, f=f3: [f(i, j), f(ops.expand_dims(i, 1), r), f(i, 7), f(i, -3), f(100, j), f(k, j),
                                       f(k, 1000)]
        both(name + "-int", KIND, f"{name} of int32, of negative and large ones", two, g2, g3, old=old)
    for name, f2 in (("truncatediv", tf.truncatediv), ("truncatemod", tf.truncatemod)):
        only2(name + "-int", KIND, "towards zero", two, lambda i, j, k, r, f=f2: [f(i, j), f(i, 4), f(k, j), f(k, 1000)])
    only3("fmod-int", KIND, "towards zero", two, lambda i, j, k, r: [ops.fmod(i, j), ops.fmod(i, 4), ops.fmod(k, j)])
    edge = {"k": V([[-(2**31), -(2**31)], [2**31 - 1, -1], [0, -(2**31)]], np.int32),
            "j": V([[-1, 1], [-1, -1], [-1, -1]], np.int32)}
    for name, f in (("floordiv", lambda a, b: a // b), ("mod", lambda a, b: a % b)):
        both(name + "-least", KIND, "the least int32 by -1", edge, lambda k, j, f=f: f(k, j), lambda k, j, f=f: f(k, j))
    both("true_divide-int", KIND, "/ of int32 gives floats", two,
         lambda i, j, k, r: [tf.cast(m.truediv(i, j), tf.float32), tf.cast(i / 3, tf.float32), tf.cast(k / j, tf.float32)],
         lambda i, j, k, r: [i / j, ops.divide(i, j), ops.true_divide(i, 4), i / 4, 3 / j, k / j],
         old="k38")
    powers = {"i": V([[2, -2, 3, 0, 7], [-3, 1, -1, 5, 10], [46341, -7, 2, 11, 9]], np.int32),
              "e": V([[3, 3, 0, 0, 2], [4, 9, 7, 13, 9], [2, 31, 31, 12, 1]], np.int32)}
    both("pow-int", KIND, "powers of int32, which wrap", powers,
         lambda i, e: [i**e, tf.pow(i, 2), i**3, 2**e, i**0], lambda i, e: [i**e, ops.power(i, 2), i**3, 2**e, i**0],
         old="k33")
    binary("maximum", tf.maximum, lambda a, b: ops.maximum(a, b))
    binary("minimum", tf.minimum, lambda a, b: ops.minimum(a, b))
    ik = {"i": SMALL, "k": LARGE, "s": I(), "c": I(1)}
    for name, f2, f3 in (
            ("absolute", abs, abs), ("negative", lambda x: -x, lambda x: -x), ("sign", tf.sign, lambda x: ops.sign(x)),
            ("square", tf.square, lambda x: ops.square(x)), ("relu", tf.nn.relu, lambda x: ops.relu(x)),
           
            ("round", tf.round, lambda x: ops.stop_gradient(ops.round(x)))):
        g = lambda f: lambda i, k, s, c: [f(i), f(k), f(s), f(c)]
        both(name + "-int", KIND, f"{name} of int32", ik, g(f2), g(f3))
    both("clip-int", KIND, "int32 between ints", ik,
         lambda i, k, s, c: [tf.clip_by_value(i, -3, 4), tf.clip_by_value(k, 0, 2**30), tf.clip_by_value(s, 0, 5)],
         lambda i, k, s, c: [ops.clip(i, -3, 4), ops.clip(k, 0, 2**30), ops.clip(s, 0, 5)], old="k33")

    x = F(5)
    mixed = {"i": SMALL, "x": x, "b": B(5)}
    ops_ = {"add": lambda a, b: a + b, "multiply": lambda a, b: a * b, "maximum": lambda a, b: ops.maximum(a, b),
            "pow": lambda a, b: a**b,
            "floordiv": lambda a, b: a // (b + 10), "mod": lambda a, b: a % (b + 10)}
    for name, f in ops_.items():
        if name == "pow":
            only3(name + "-mixed", KIND, "a float to an int", mixed,
                  lambda i, x, b: [ops.absolute(x + 4) ** i, (i + 10) ** x, i**2.0, (i + 10) ** 0.5])
        else:
            only3(name + "-mixed", KIND, "int32 with float32, and with numbers", mixed,
                  lambda i, x, b, f=f: [f(i, x), f(x, i), f(i, 1.5), f(2.5, i), f(x, 2)],
                  old="k38" if name == "multiply" else "")
    only3("divide-mixed", KIND, "int32 with float32", mixed, lambda i, x, b: [i / (x + 10), x / (i + 10), i / 2.5])
    only3("add-bool", KIND, "bool with int32, float32 and bool", mixed,
          lambda i, x, b: [b + i, b + x, b * x, b * i, b - i, b + 1, b * 2.5])
    only3("maximum-bool", KIND, "bool with int32, float32", mixed, lambda i, x, b: [ops.maximum(b, i), ops.minimum(b, x)])
    only2("cast_and_add-mixed", KIND, "cast before they meet", mixed,
          lambda i, x, b: [tf.cast(i, tf.float32) * x, tf.cast(b, tf.int32) + i, x * tf.cast(b, tf.float32)])
    half = V([[0.5, -0.5, 1.9, -1.9, 2.0], [-2.5, 0.0, -0.0, 1e6, 1e-3], [3.99, -7.0, 16777216, -1.25, 100.5]])
    casts = {"x": half, "i": LARGE, "b": B(5)}
    both("cast", KIND, "between float32, int32, bool and int64", casts,
         lambda x, i, b: [tf.cast(x, tf.int32), tf.cast(x, "int64"), tf.cast(x, tf.bool), tf.cast(i, tf.float32),
                          tf.cast(i, tf.int64),
                          tf.cast(i, tf.bool), tf.cast(b, tf.float32), tf.cast(b, tf.int32), tf.cast(b, "int64"),
                          tf.cast(b, bool)],
         lambda x, i, b: [ops.cast(x, "int32"), ops.cast(x, "int64"), ops.cast(x, "bool"), ops.cast(i, "float32"),
                          ops.cast(i, "int64"),
                          ops.cast(i, "bool"), ops.cast(b, "float32"), ops.cast(b, "int32"), ops.cast(b, "int64")],
         old="k33 k38")
    both("cast-int64", KIND, "sums and products of int64 that do not fit int32, then back", {"i": LARGE},
         lambda i: [tf.cast(tf.cast(i, tf.int64) * 7 % 1000, tf.int32), tf.cast(tf.cast(i, tf.int64) + tf.cast(i, tf.int64),
                                                                                tf.float32),
                    tf.cast(i, tf.int64) // 5],
         lambda i: [ops.cast(ops.cast(i, "int64") * 7 % 1000, "int32"),
                    ops.cast(ops.cast(i, "int64") + ops.cast(i, "int64"), "float32"),
                    ops.cast(i, "int64") // 5])
    both("cast-float_round_trip", KIND, "int32 through float32, which rounds beyond 2^24",
         {"i": V([[2**24 + 1, 2**24 + 3], [-(2**24) - 1, 2**30 + 1], [33554435, 5]], np.int32)},
         lambda i: [tf.cast(tf.cast(i, tf.float32), tf.int32), tf.cast(i, tf.float32)],
         lambda i: [ops.cast(ops.cast(i, "float32"), "int32"), ops.cast(i, "float32")])
    both("cast-half", KIND, "through float16 and back", {"x": F(5)},
         lambda x: tf.cast(tf.cast(x, tf.float16), tf.float32), lambda x: ops.cast(ops.cast(x, "float16"), "float32"))
    bits = {"i": SMALL, "j": LARGE, "n": I(5, low=0, high=9)}
    bw = tf.bitwise
    for name, f2, f3 in (("bitwise_and", bw.bitwise_and, "bitwise_and"), ("bitwise_or", bw.bitwise_or, "bitwise_or"),
                         ("bitwise_xor", bw.bitwise_xor, "bitwise_xor")):
        g3 = lambda *a, n=f3: getattr(ops, n)(*a)
        both(name, KIND, f"{name} of int32", bits, lambda i, j, n, f=f2: [f(i, j), f(j, 255)],
             lambda i, j, n, f=g3: [f(i, j), f(j, np.int32([255]))])
    both("bitwise_not", KIND, "invert of int32", bits, lambda i, j, n: [bw.invert(i), bw.invert(j)],
         lambda i, j, n: [ops.bitwise_not(i), ops.bitwise_invert(j)])
    both("bitwise_shift", KIND, "shifts of int32", bits, lambda i, j, n: [bw.left_shift(j, n), bw.right_shift(j, n),
                                                                          bw.right_shift(i, 1)],
         lambda i, j, n: [ops.left_shift(j, n), ops.right_shift(j, n), ops.bitwise_right_shift(i, 1)])
    both("hash_bucket", KIND, "a hash of an id by hand: multiply, shift, xor, %", bits,
         lambda i, j, n: tf.math.floormod(bw.bitwise_xor(j * 73856093, n * 19349663), 101),
         lambda i, j, n: ops.mod(ops.bitwise_xor(j * 73856093, n * 19349663), 101))
