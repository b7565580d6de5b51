"""What recommenders do between layers: ids into buckets, masks, scores, the best of them."""
from functions_common import *

KIND = "recommender"
HISTORY = V([[3, 1, 0, 0], [5, 2, 4, 0], [1, 0, 0, 0]], np.int32)


def register():
    ids = {"i": V([[7, 123456, 3], [0, 99999999, 12], [5, 6, 2**31 - 1]], np.int32)}
    L2, L3 = K.layers, keras.layers

    def put(name, about, inputs, f, old="", kerases="23"):
        """f(L, X, *tensors): L are the layers, X the functions of either Keras, under the names of Keras 3."""
        both(name, KIND, about, inputs, (lambda *t: f(L2, TWO, *t)) if "2" in kerases else None,
             (lambda *t: f(L3, ops, *t)) if "3" in kerases else None, old=old)

    class TWO:
        sum, mean, max, argmax, top_k = tf.reduce_sum, tf.reduce_mean, tf.reduce_max, tf.argmax, tf.math.top_k
        where, cast, concatenate, stack, matmul = tf.where, tf.cast, tf.concat, tf.stack, tf.matmul
        not_equal, equal, maximum, minimum, any = tf.not_equal, tf.equal, tf.maximum, tf.minimum, tf.reduce_any
        expand_dims, transpose, one_hot = tf.expand_dims, tf.transpose, tf.one_hot
        sigmoid, softmax, clip, log1p = tf.sigmoid, tf.nn.softmax, tf.clip_by_value, tf.math.log1p
        square, abs, sign, floor, arange = tf.square, tf.abs, tf.sign, tf.floor, tf.range
        divide_no_nan, normalize, tensordot = tf.math.divide_no_nan, tf.math.l2_normalize, tf.tensordot

    emb = lambda L, n=11, d=3, name="items": L.Embedding(n, d, name=name)
    put("ids-buckets", "ids % buckets into an Embedding", ids, lambda L, X, i: emb(L)(i % 11), old="k33 k38")
    put("ids-floor_buckets", "ids // 3 into an Embedding", {"i": I(4, low=0, high=33)}, lambda L, X, i: emb(L)(i // 3),
        kerases="3")
    put("ids-offset", "an offset for each field, into one Embedding", {"i": I(3, low=0, high=3)},
        lambda L, X, i: L.Flatten(name="flat")(emb(L, 12)(i + np.int32([0, 3, 9]))), old="k38")
    put("ids-unknown", "negative ids made 0", {"i": I(4, low=-5, high=11)}, lambda L, X, i: emb(L)(X.where(i < 0, 0, i)),
        old="k33 k38")
    put("ids-clipped", "ids kept in range", {"i": I(4, low=-5, high=30)},
        lambda L, X, i: [emb(L)(X.clip(i, 0, 10)), X.minimum(X.maximum(i, 0), 10)], kerases="3")
    put("ids-out_of_vocabulary", "ids out of range into one bucket", {"i": I(4, low=-5, high=30)},
        lambda L, X, i: emb(L)(X.where((i < 0) | (i >= 10), 10, i)))
    put("ids-shifted", "1 added, padding stays 0", {"i": HISTORY}, lambda L, X, i: emb(L)(X.where(X.equal(i, 0), 0, i + 1)),
        kerases="2")
    put("ids-crossed", "two fields crossed and put into buckets", {"i": I(low=0, high=1000), "j": I(low=0, high=1000)},
        lambda L, X, i, j: emb(L)((i * 1009 + j) % 11), old="k33")
    put("ids-crossed_int64", "crossed in int64", {"i": I(low=0, high=10**9), "j": I(low=0, high=10**9)},
        lambda L, X, i, j: emb(L)(X.cast((X.cast(i, "int64") * 1000003 + X.cast(j, "int64")) % 11, "int32")))
    put("ids-largest", "the largest id that is not padding", {"i": HISTORY},
        lambda L, X, i: emb(L)(X.max(i * X.cast(X.not_equal(i, 0), "int32"), axis=1)), kerases="3")
    put("ids-float", "ids given as floats, cast", {"x": V([[1, 2, 7], [0, 10, 3], [5, 5.75, 6]])},
        lambda L, X, x: emb(L)(X.cast(x, "int32")), kerases="2")
    put("ids-bucketized", "a number in steps of 0.5, as an id", {"x": F(low=0, high=5)},
        lambda L, X, x: emb(L)(X.cast(X.floor(x * 2.0), "int32")), kerases="3")
    put("ids-int64", "ids of an input of int64", {"i": V([[7, 123456, 3], [0, 99999999, 12]], np.int64)},
        lambda L, X, i: [emb(L)(i % 11), i // 10, X.equal(i, 0)])
    put("ids-columns", "a column of ids each for an Embedding", {"i": I(2, low=0, high=6)},
        lambda L, X, i: X.concatenate([emb(L, 6, 2, "a")(i[:, 0]), emb(L, 6, 3, "b")(i[:, 1])], axis=-1))

    scores = {"u": I(low=0, high=6), "c": I(5, low=0, high=11)}

    def dot_scores(L, X, u, c):
        return X.sum(X.expand_dims(emb(L, 6, 4, "users")(u), 1) * emb(L, 11, 4)(c), axis=-1)

    put("scores-dot", "products of a user and candidates", scores, lambda L, X, u, c: dot_scores(L, X, u, c))
    put("scores-argmax", "the place of the best candidate", scores,
        lambda L, X, u, c: X.argmax(dot_scores(L, X, u, c), axis=-1), old="k38")
    put("scores-top_k", "the best three: values and places", scores,
        lambda L, X, u, c: [*X.top_k(dot_scores(L, X, u, c), 3)], old="k33 k38")
    put("scores-seen", "candidates that the user had are out", {**scores, "h": HISTORY},
        lambda L, X, u, c, h: X.where(X.any(X.equal(X.expand_dims(c, 2), X.expand_dims(h, 1)), axis=-1), -1e9,
                                      dot_scores(L, X, u, c)))
    put("scores-softmax", "softmax over candidates, temperature", scores,
        lambda L, X, u, c: X.softmax(dot_scores(L, X, u, c) / 0.5, axis=-1), kerases="2")
    put("scores-cosine", "cosines of a user and candidates", scores,
        lambda L, X, u, c: X.sum(X.normalize(X.expand_dims(emb(L, 6, 4, "users")(u), 1),
                                             axis=-1) * X.normalize(emb(L, 11, 4)(c), axis=-1), axis=-1))
    both("scores-candidates", KIND, "the ids of the best three candidates", scores,
         lambda u, c: tf.gather(c, tf.math.top_k(dot_scores(L2, TWO, u, c), 3).indices, batch_dims=1),
         lambda u, c: ops.take_along_axis(c, ops.top_k(dot_scores(L3, ops, u, c), 3)[1], axis=1))
    put("scores-threshold", "scores above a threshold, as int32", scores,
        lambda L, X, u, c: X.cast(X.sigmoid(dot_scores(L, X, u, c)) > 0.5, "int32"), kerases="2")
    both("scores-all_items", KIND, "the products with all items of a constant table, the best of them", {"u": F(4)},
         lambda u: [*tf.math.top_k(tf.matmul(u, table("items", 9, 4), transpose_b=True), k=4)],
         lambda u: [*ops.top_k(ops.matmul(u, ops.transpose(table("items", 9, 4))), k=4)])

    put("mean-masked", "the mean of what is not padding, by divide_no_nan",
        {"i": V([[3, 1, 0, 0], [5, 2, 4, 0], [0, 0, 0, 0]], np.int32)},
        lambda L, X, i: X.divide_no_nan(X.sum(emb(L)(i) * X.expand_dims(X.cast(X.not_equal(i, 0), "float32"), -1), axis=1),
                                        X.sum(X.cast(X.not_equal(i, 0), "float32"), axis=1, keepdims=True)), old="k33 k38")
    put("mean-maximum", "the mean of what is not padding, by at least 1", {"i": HISTORY},
        lambda L, X, i: X.sum(X.where(X.expand_dims(i > 0, -1), emb(L)(i), 0.0),
                              axis=1) / X.maximum(X.cast(X.sum(X.cast(i > 0, "int32"), axis=1, keepdims=True), "float32"),
                                                  1.0))
    put("attention-masked", "attention over a history, padding far down", {"u": I(low=0, high=6), "h": HISTORY},
        lambda L, X, u, h: X.sum(X.expand_dims(X.softmax(X.where(X.equal(h, 0), -1e9, dot_scores(L, X, u, h)), axis=1),
                                               -1) * emb(L, 11, 4, "values")(h), axis=1), old="k33")
    put("one_hot-dense", "one_hot of ids before a Dense", {"i": I(low=0, high=5), "j": I(2, low=0, high=4)},
        lambda L, X, i, j: L.Dense(3, name="head")(X.concatenate([X.one_hot(i, 5), L.Flatten(name="flat")(X.one_hot(j, 4))],
                                                                 axis=-1)), old="k38")
    put("cross-fields", "products of all pairs of fields", {"i": I(4, low=0, high=11)},
        lambda L, X, i: (lambda v: X.matmul(v, X.transpose(v, (0, 2, 1))))(emb(L)(i)))
    put("cross-machine", "factorization machine", {"i": I(4, low=0, high=11)},
        lambda L, X, i: (lambda v: 0.5 * X.sum(X.square(X.sum(v, axis=1)) - X.sum(X.square(v), axis=1), axis=1,
                                               keepdims=True))(emb(L)(i)))
    put("cross-tensordot", "a layer as a product with a constant", {"i": I(4, low=0, high=11)},
        lambda L, X, i: X.tensordot(emb(L)(i), table("cross", 3, 2), axes=1), kerases="2")
    only3("cross-einsum", KIND, "products of fields by einsum", {"i": I(4, low=0, high=11)},
          lambda i: (lambda v: ops.einsum("bfd,bgd->bfg", v, v))(emb(L3)(i)))
    both("cross-pairs", KIND, "the pairs above the diagonal, gathered", {"i": I(3, low=0, high=11)},
         lambda i: (lambda v: tf.gather(tf.reshape(tf.matmul(v, v, transpose_b=True), [-1, 9]), [1, 2, 5],
                                        axis=1))(emb(L2)(i)),
         lambda i: (lambda v: ops.take(ops.reshape(ops.matmul(v, ops.transpose(v, (0, 2, 1))), (-1, 9)), [1, 2, 5],
                                       axis=1))(emb(L3)(i)))
    put("numbers-log", "numbers squeezed: sign(x) * log1p(|x|), clipped, standardized", {"x": F(4, low=-50, high=50)},
        lambda L, X, x: L.Dense(2, name="head")(X.concatenate([X.sign(x) * X.log1p(X.abs(x)), X.clip(x / 10.0, -1.0, 1.0),
                                                               (x - np.float32([1, 2, 3, 4])) / np.float32([2, 4, 8, 16])],
                                                              axis=1)))
    put("gates", "experts mixed by a softmax", {"x": F(4)},
        lambda L, X, x: X.sum(X.stack([L.Dense(3, name="one")(x), L.Dense(3, name="two")(x)],
                                      axis=1) * X.expand_dims(L.Dense(2, activation="softmax", name="gate")(x), -1),
                              axis=1), kerases="2")
    put("last-step", "the last step that is no padding, of a sequence", {"h": HISTORY},
        lambda L, X, h: X.sum(emb(L)(h) * X.expand_dims(X.one_hot(X.sum(X.cast(X.not_equal(h, 0), "int32"), axis=1) - 1, 4),
                                                        -1), axis=1), kerases="3")
    both("time-decay", KIND, "weights that fall with age", {"t": F(4, low=0, high=9), "x": F(4, 3)},
         lambda t, x: tf.reduce_sum(x * tf.expand_dims(tf.pow(0.5, t / 7.0), -1), 1),
         lambda t, x: ops.sum(x * ops.expand_dims(ops.power(0.5, t / 7.0), -1), 1))
    both("hour-angle", KIND, "an hour as sine and cosine", {"i": I(low=0, high=24)},
         lambda i: (lambda a: tf.stack([tf.sin(a), tf.cos(a)], axis=1))(tf.cast(i % 24, tf.float32) * (2 * np.pi / 24)),
         lambda i: (lambda a: ops.stack([ops.sin(a), ops.cos(a)], axis=1))(ops.cast(i % 24, "float32") * (2 * np.pi / 24)))
    put("positions", "an Embedding of places added", {"h": HISTORY},
        lambda L, X, h: emb(L)(h) + emb(L, 4, 3, "places")(X.arange(4)), kerases="2")
