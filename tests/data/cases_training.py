"""Cases of layers that are called with training=True; generate_cases.py runs them.

K and L are the Keras that is asked, 2 or 3, and its layers; generate_cases.py sets them. Keras 2 does what the call says,
Keras 3 predicts as without.
"""
from golden import *

L = K.layers
CLASSES = {}
KERAS3 = ["Training"]


def inner(*layers, shape=(4,)):
    x = i = L.Input(shape, name="i")
    for layer in layers:
        x = layer(x)
    return K.Model(i, x, name="n")


def called(model, **kwargs):
    """A model inside, called so."""
    return lambda x: L.Activation("linear", name="y")(model(x, **kwargs))


def normalizations(c):
    B = L.BatchNormalization
    for batch in (1, 2, 5, 130):
        c.one(f"batch_{batch}", lambda x: B(name="y")(x, training=True), 3, batch=batch)
    for s, a in (((3, 4), -1), ((3, 4), 1), ((2, 3, 4), -1), ((2, 3, 4), 1), ((2, 3, 4), 2), ((2, 2, 3, 2), -1),
                 ((2, 2, 3, 2), 2)):
        n = "_".join(map(str, s)) + f"_axis_{a}".replace("-", "m")
        c.one("shape_" + n, lambda x: B(axis=a, name="y")(x, training=True), *s)
    for center, scale in ((False, True), (True, False), (False, False)):
        c.one(f"center_{center}_scale_{scale}", lambda x: B(center=center, scale=scale, name="y")(x, training=True), 4)
    for e in (0.1, 1e-6):
        c.one(f"epsilon_{e}", lambda x: B(epsilon=e, name="y")(x, training=True), 4)
        c.one(f"epsilon_{e}_rank_4", lambda x: B(epsilon=e, name="y")(x, training=True), 2, 2, 3, scale=0.003)
    c.one("frozen", lambda x: B(trainable=False, name="y")(x, training=True), 4)
    c.one("false", lambda x: B(name="y")(x, training=False), 4)
    c.one("dense_before_and_after", lambda x: L.Dense(2, name="y")(B(name="b")(
        L.Dense(3, activation="relu", name="d")(x), training=True)), 4)

    c.one("time_distributed", lambda x: L.TimeDistributed(B(name="b"), name="y")(x, training=True), 3, 4)
    c.one("time_distributed_axis_1", lambda x: L.TimeDistributed(B(axis=1, name="b"), name="y")(x, training=True), 2, 3, 4)
    x0, x1 = c.floats("two", 4, 3), c.floats("inputs", 4, 2)
    c.add("two_inputs", lambda a, b: L.Dense(2, name="y")(L.Concatenate(name="c")(
        [B(name="b0")(a, training=True), B(name="b1")(b, training=True)])), {"x0": x0, "x1": x1})


def masks(c):
    B = L.BatchNormalization
    ids = np.array([[3, 1, 0, 0], [2, 0, 4, 0], [5, 5, 1, 2]], np.int32)
    embedded = lambda x: L.Embedding(6, 3, mask_zero=True, name="e")(x)
    c.add("masked", lambda x: B(name="y")(embedded(x), training=True), {"x": ids})
    c.add("masked_axis_1", lambda x: B(axis=1, name="y")(embedded(x), training=True), {"x": ids})
    v = c.floats("masked", 3, 2, 4, 3)
    v[0, :, 2:] = 0
    v[1, 1, 1] = 0
    for axis in (3, 2, 1):  # only axis 2 is not that of a fused kernel
        c.add(f"masked_rank_4_axis_{axis}",
              lambda x: B(axis=axis, name="y")(L.Masking(name="m")(x), training=True), {"x": v})


def models(c):
    B = L.BatchNormalization
    c.one("nested", called(inner(L.Dense(3, name="d"), B(name="b")), training=True), 4)
    c.one("nested_false", called(inner(L.Dense(3, name="d"), B(name="b")), training=False), 4)
    c.one("nested_false_inside", called(inner(lambda x: B(name="b")(x, training=False)), training=True), 4)
    c.one("nested_true_inside", called(inner(lambda x: B(name="b")(x, training=True)), training=False), 4)
    c.one("nested_none_inside", called(inner(lambda x: B(name="b")(x, training=None)), training=True), 4)
    c.one("nested_sequential", called(K.Sequential([
        L.InputLayer((4,), name="i"), L.Dense(3, name="d"), B(name="b")], name="n"), training=True), 4)
    c.one("nested_twice", called(inner(inner_of_inner(c), L.Dense(3, name="d")), training=True), 4)


def inner_of_inner(c):
    i = L.Input((4,), name="j")
    return K.Model(i, L.BatchNormalization(name="b")(i), name="inmost")


def nothing_random(c):
    """Layers that take the argument and do what they always do."""
    for n, layer in (("dropout", L.Dropout(0.0, name="y")), ("gaussian_noise", L.GaussianNoise(0.0, name="y")),
                     ("gaussian_dropout", L.GaussianDropout(0.0, name="y")),
                     ("alpha_dropout", L.AlphaDropout(0.0, name="y"))):
        c.one(n + "_of_0", lambda x: layer(x, training=True), 4)
    c.one("spatial_dropout_of_0", lambda x: L.SpatialDropout1D(0.0, name="y")(x, training=True), 3, 4)
    c.one("lstm", lambda x: L.LSTM(2, name="y")(x, training=True), 3, 4)
    c.one("bidirectional", lambda x: L.Bidirectional(L.SimpleRNN(2, name="r"), name="y")(x, training=True), 3, 4)
    c.one("attention", lambda x: L.Attention(name="y")([x, x], training=True), 3, 4)
    c.one("multi_head_attention", lambda x: L.MultiHeadAttention(2, 2, name="y")(x, x, training=True), 3, 4)
    c.one("time_distributed_dropout_of_0",
          lambda x: L.TimeDistributed(L.Dropout(0.0, name="d"), name="y")(x, training=True), 3, 4)
    c.one("dense", lambda x: L.Dense(2, name="y")(x, training=True), 4)


def without_effect(c):
    """What would be random in training, which Keras 3 does not predict in."""
    c.one("dropout", lambda x: L.Dropout(0.5, name="y")(x, training=True), 4)
    c.one("lstm_dropout", lambda x: L.LSTM(2, dropout=0.5, name="y")(x, training=True), 3, 4)
    c.one("nested_dropout", called(inner(L.Dropout(0.5, name="d"), L.Dense(2, name="e")), training=True), 4)


def training(c):
    normalizations(c)
    masks(c)
    models(c)
    nothing_random(c)
    if K.__name__ == "keras":
        without_effect(c)


CLASSES["Training"] = training
