"""Comparisons, logic, choices by masks."""
from functions_common import *

KIND = "logic"


def register():
    m = tf.math
    same = V([[1.5, -2.0, 0.0, -0.0, 3.0], [1.5, 1.5, 7.0, 2.0, -1.0], [0.0, 0.25, -0.25, 1.0, 4.0]])
    other = V([[1.5, 2.0, -0.0, 0.0, 2.5], [1.0, 2.0, 7.0, -2.0, -1.0], [0.5, 0.25, 0.25, -1.0, 4.0]])
    ints = {"i": V([[1, -2, 0, 5, 2**24], [3, 3, 7, 2**30, -1], [0, -(2**31), 9, 2**24 + 1, 4]], np.int32),
            "j": V([[1, 2, 0, -5, 2**24 + 1], [2, 3, 7, 2**30 + 1, 1], [1, 2**31 - 1, 8, 2**24, 4]], np.int32)}
    for name, f2, f3, operator in (
            ("equal", tf.equal, "equal", None), ("not_equal", tf.not_equal, "not_equal", None),
            ("greater", tf.greater, "greater", lambda a, b: a > b), ("greater_equal", tf.greater_equal, "greater_equal",
                                                                     lambda a, b: a >= b),
            ("less", tf.less, "less", lambda a, b: a < b), ("less_equal", tf.less_equal, "less_equal",
                                                            lambda a, b: a <= b)):
        g3 = lambda *a, n=f3: getattr(ops, n)(*a)
        mixed = {"x": same, "y": other, "r": F(3, 1), "n": V([np.nan, 1, 2]), **ints}
        op2, op3 = operator or f2, operator or g3
        both(name, KIND, f"{name} of float32 and of int32, of large ones too", mixed,
             lambda x, y, r, n, i, j, f=f2, o=op2: [
                 f(x, y), o(tf.expand_dims(x, 1), r), o(x, 1.5), f(0.0, x), o(n, n), f(i, j), o(i, 3), f(2, j),
                                                    o(i, 2**24 + 1)],
             lambda x, y, r, n, i, j, f=g3, o=op3: [
                 f(x, y), o(ops.expand_dims(x, 1), r), o(x, 1.5), f(0.0, x), o(x, 2), o(n, n), f(i, j), o(i, 3), f(2, j),
                 o(i, 2**24 + 1), f(i, 2.5), o(i, ops.cast(j, "float32"))],
             old={"equal": "k33", "greater": "k38"}.get(name, ""))
    both("equal-bool", KIND, "equal and not_equal of bool", {"a": B(5), "b": B(5), "c": B(3, 5)},
         lambda a, b, c: [tf.equal(a, b), tf.not_equal(a, b), tf.equal(tf.expand_dims(a, 1), c), tf.equal(a, True)],
         lambda a, b, c: [ops.equal(a, b), ops.not_equal(a, b), ops.equal(ops.expand_dims(a, 1), c), ops.equal(a, True)])
    only3("not_equal-operator", KIND, "!= of tensors and numbers", {"i": I(5, low=0, high=3), "j": I(5, low=0, high=3),
                                                                    "x": F(5)},
          lambda i, j, x: [i != j, i != 0, 1 != i, x != 0.5, x != i], old="k33 k38")
    bools = {"a": B(5), "b": B(5), "c": B(3, 1)}
    for name, f2, f3, o in (("logical_and", tf.logical_and, "logical_and", lambda a, b: a & b),
                            ("logical_or", tf.logical_or, "logical_or", lambda a, b: a | b),
                            ("logical_xor", m.logical_xor, "logical_xor", lambda a, b: a ^ b)):
        g3 = lambda *a, n=f3: getattr(ops, n)(*a)
        both(name, KIND, f"{name} of bool", bools,
             lambda a, b, c, f=f2, o=o: [f(a, b), f(tf.expand_dims(a, 1), c), o(a, b), f(a, True)],
             lambda a, b, c, f=g3, o=o: [f(a, b), f(ops.expand_dims(a, 1), c), o(a, b), f(a, True)],
             old="k38" if name == "logical_or" else "")
        only3(name + "-numbers", KIND, f"{name} of int32 and float32: what is not 0 is true",
              {"i": I(5, low=-1, high=2), "x": V([[0, 0.5, -0.0, -1, 2]] * 3)},
              lambda i, x, f=g3: [f(i, x), f(i, i), f(x, 0)])
    both("logical_not", KIND, "logical_not and ~", bools, lambda a, b, c: [tf.logical_not(a), ~c],
         lambda a, b, c: [ops.logical_not(a), ~c])
    only3("logical_not-numbers", KIND, "logical_not of int32 and float32",
          {"i": I(5, low=-1, high=2), "x": V([[0, 0.5, -0.0, -1, 2]] * 3)},
          lambda i, x: [ops.logical_not(i), ops.logical_not(x)])
    both("isclose", KIND, "equal but for rounding", {"x": same}, None,
         lambda x: [ops.isclose(x, x + 1e-6), ops.isclose(x, x + 1e-3), ops.isclose(x, x * 1.01, rtol=0.1)])

    x, y = F(5), F(5)
    where = {"x": x, "y": y, "i": I(5), "b": B(5), "r": F(1), "z": F(3, 5)}
    both("where", KIND, "masks computed from ids and floats", where,
         lambda x, y, i, b, r, z: [tf.where(i < 0, x, y), tf.where(b, x, tf.zeros_like(x)), tf.where(x > y, x, -1e9),
                                   tf.where(b, 1.0, 0.0),
                                   tf.where(tf.expand_dims(b, 1), z, tf.expand_dims(r, 1)), tf.where(b, x, r)],
         lambda x, y, i, b, r, z: [ops.where(i < 0, x, y), ops.where(b, x, ops.zeros_like(x)), ops.where(x > y, x, -1e9),
                                   ops.where(b, 1.0, 0.0),
                                   ops.where(ops.expand_dims(b, 1), z, ops.expand_dims(r, 1)), ops.where(b, x, r)],
         old="k33")
    both("where-int", KIND, "int32 of either side", {"i": I(5), "j": V([[2**30, -(2**31), 7, 2**31 - 1, 2**24 + 1]] * 3,
                                                                       np.int32), "b": B(5)},
         lambda i, j, b: [tf.where(i < 0, 0, i), tf.where(b, i, j), tf.where(i < j, i, -1), tf.where(b, 3, 4),
                          tf.where(i >= 0, i, i + 10)],
         lambda i, j, b: [ops.where(i < 0, 0, i), ops.where(b, i, j), ops.where(i < j, i, -1), ops.where(b, 3, 4),
                          ops.where(i >= 0, i, i + 10)], old="k33 k38")
    only3("where-mixed", KIND, "int32 and float32, and numbers as condition", where,
          lambda x, y, i, b, r, z: [ops.where(b, i, x), ops.where(b, i, 1.5), ops.where(b, x, 1), ops.where(i, x, y),
                                    ops.where(b, b, i)])
    both("where-bool", KIND, "bool of either side", {"a": B(5), "b": B(5), "c": B(5)},
         lambda a, b, c: [tf.where(a, b, c), tf.where(a, tf.logical_not(b), False)],
         lambda a, b, c: [ops.where(a, b, c), ops.where(a, ops.logical_not(b), False)])
    only3("select-cases", KIND, "the first condition that holds", {"x": x, "y": y},
          lambda x, y: ops.select([x > 1.0, y > 0.0], [x, y], default=-1.0))
    both("like", KIND, "zeros_like, ones_like, full_like of floats, ints, bools", {"x": x, "i": I(5), "b": B(5)},
         lambda x, i, b: [tf.zeros_like(x), tf.ones_like(i), tf.zeros_like(b), tf.ones_like(b),
                          tf.ones_like(x, dtype=tf.int32), tf.zeros_like(i, tf.float32)],
         lambda x, i, b: [ops.zeros_like(x), ops.ones_like(i), ops.zeros_like(b), ops.ones_like(b),
                          ops.ones_like(x, dtype="int32"),
                          ops.full_like(x, 2.5), ops.full_like(i, 7)])
