"""Products of matrices and vectors."""
from functions_common import *

KIND = "linear"


def register():
    m = {"x": F(5), "y": F(5), "a": F(3, 5), "b": F(5, 2), "c": F(3, 5)}
    both("matmul", KIND, "of batches of matrices, and by constants", m,
         lambda x, y, a, b, c: [tf.matmul(a, b), a @ b, tf.matmul(a, c, transpose_b=True),
                                tf.matmul(a, c, transpose_a=True), tf.matmul(x, table("w", 5, 4)),
                                tf.matmul(a, table("w", 5, 4))],
         lambda x, y, a, b, c: [ops.matmul(a, b), a @ b, ops.matmul(a, ops.swapaxes(c, 1, 2)),
                                ops.matmul(x, table("w", 5, 4)), ops.matmul(a, table("w", 5, 4))], old="k33")
    only3("matmul-vector", KIND, "by a vector", m,
          lambda x, y, a, b, c: [ops.matmul(x, table("v", 5)), ops.matmul(a, table("v", 5)), ops.matmul(table("v", 3), a)])
    only2("matvec", KIND, "matrices by vectors", m,
          lambda x, y, a, b, c: [tf.linalg.matvec(a, x), tf.linalg.matvec(b, x, transpose_a=True),
                                 tf.linalg.matvec(table("w", 4, 5), x),
              tf.linalg.matvec(a, table("v", 5))])
    four = {"q": F(2, 3, 4), "k": F(2, 3, 4), "w": F(1, 4, 5)}
    both("matmul-rank_4", KIND, "heads, and one matrix for all heads", four,
         lambda q, k, w: [tf.matmul(q, k, transpose_b=True), tf.matmul(q, w)],
         lambda q, k, w: [ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))), ops.matmul(q, w)])
    n = {"i": I(3, 5), "j": I(5, 2), "v": I(5), "x": F(5, 2)}
    both("matmul-int", KIND, "of int32", n,
         lambda i, j, v, x: [tf.matmul(i, j), tf.matmul(v, table("w", 5, 4, dtype=np.int32))],
         lambda i, j, v, x: [ops.matmul(i, j), ops.matmul(v, table("w", 5, 4, dtype=np.int32))])
    only3("matmul-mixed", KIND, "of int32 and float32", n,
          lambda i, j, v, x: [ops.matmul(i, x), ops.matmul(v, table("w", 5, 4))])
    only3("dot", KIND, "ops.dot by constants", m,
          lambda x, y, a, b, c: [ops.dot(x, table("w", 5, 4)), ops.dot(a, table("w", 5, 4)), ops.dot(a, table("v", 5)),
                                 ops.dot(x, 2.0),
              ops.dot(a, table("u", 2, 5, 3))])
    both("tensordot", KIND, "by constants, over one axis and two", m,
         lambda x, y, a, b, c: [tf.tensordot(x, table("w", 5, 4), 1), tf.tensordot(a, table("w", 5, 4), axes=[[2], [0]]),
                                tf.tensordot(a, table("z", 3, 5), axes=2), tf.tensordot(a, table("z", 3, 2), [[1], [0]])],
         lambda x, y, a, b, c: [ops.tensordot(x, table("w", 5, 4), 1), ops.tensordot(a, table("w", 5, 4), axes=[[2], [0]]),
                                ops.tensordot(a, table("z", 3, 5), axes=2),
                                ops.tensordot(a, table("z", 3, 2), axes=[[1], [0]])])
    only3("inner", KIND, "ops.inner by constants", m,
          lambda x, y, a, b, c: [ops.inner(x, table("w", 4, 5)), ops.inner(a, table("v", 5)), ops.inner(x, table("v", 5))])
    both("dot-rows", KIND, "products of rows by multiplying and adding", m,
         lambda x, y, a, b, c: [tf.reduce_sum(x * y, axis=1, keepdims=True), tf.reduce_sum(a * tf.expand_dims(y, 1), -1)],
         lambda x, y, a, b, c: [ops.sum(x * y, axis=1, keepdims=True), ops.sum(a * ops.expand_dims(y, 1), -1)])
    both("outer-rows", KIND, "every element by every element of a row", m,
         lambda x, y, a, b, c: [tf.expand_dims(x, 2) * tf.expand_dims(y, 1), tf.matmul(x[:, :, None], y[:, None, :])],
         lambda x, y, a, b, c: [ops.expand_dims(x, 2) * ops.expand_dims(y, 1), ops.matmul(x[:, :, None], y[:, None, :])])
    vectors = {"p": F(3), "q": F(3), "r": F(2, 3), "s": F(2, 3)}
    both("cross", KIND, "of vectors of 3", vectors, lambda p, q, r, s: [tf.linalg.cross(p, q), tf.linalg.cross(r, s)],
         lambda p, q, r, s: [ops.cross(p, q), ops.cross(r, s)])
    h = {"x": F(5), "y": F(5), "a": F(3, 5), "c": F(4, 5), "s": F(3, 3)}
    for name, f in {
        "rows": lambda x, y, a, c, s: [ops.einsum("bi,bi->b", x, y), ops.einsum("bi,bi->bi", x, y),
                                       ops.einsum("bi,bj->bij", x, y), ops.einsum("bi,bj->bj", x, y)],
        "matrices": lambda x, y, a, c, s: [ops.einsum("bij,bkj->bik", a, c), ops.einsum("bij,bkj->bki", a, c),
                                           ops.einsum("bij,bj->bi", a, x), ops.einsum("bij,bkj->bj", a, c)],
        "constants": lambda x, y, a, c, s: [ops.einsum("bi,io->bo", x, table("w", 5, 4)),
                                            ops.einsum("bij,jo->bio", a, table("w", 5, 4)),
                                            ops.einsum("...j,jo->...o", a, table("w", 5, 4)),
                                            ops.einsum("bij,i->bj", a, table("v", 3))],
        "one": lambda x, y, a, c, s: [ops.einsum("bij->bji", a), ops.einsum("bij->bj", a), ops.einsum("bii->bi", s),
                                      ops.einsum("...ij->...ji", a), ops.einsum("bij->b", a)],
        "three": lambda x, y, a, c, s: [ops.einsum("bi,bij,bj->b", x[:, :3], a, y),
                                        ops.einsum("bij,jk,bk->bi", a, table("w", 5, 5), y)],
        "implicit": lambda x, y, a, c, s: [ops.einsum("bij,jo", a, table("w", 5, 4)), ops.einsum("b...j,bj->b...", a, x)],
    }.items():
        only3("einsum-" + name, KIND, "einsum: " + name, h, f, old="k38" if name == "matrices" else "")
    both("einsum-heads", KIND, "attention of heads", {"q": F(2, 2, 3), "k": F(3, 2, 3)}, None,
         lambda q, k: [ops.einsum("bqhd,bkhd->bhqk", q, k), ops.einsum("bqhd,bkhe->bqkde", q, k)])
    only3("einsum-int", KIND, "of int32, and with float32", {"i": I(5), "j": I(5), "x": F(5)},
          lambda i, j, x: [ops.einsum("bi,bj->bij", i, j), ops.einsum("bi,bi->b", i, x)])
    only2("batch_dot", KIND, "backend.batch_dot", {"a": F(3, 5), "c": F(4, 5), "x": F(5), "y": F(5)},
          lambda a, c, x, y: [K.backend.batch_dot(a, c, axes=(2, 2)), K.backend.batch_dot(x, y, axes=1)])
