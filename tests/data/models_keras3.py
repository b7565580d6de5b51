"""Models for what Keras 3 and .keras archives write; generate_models.py makes them.

Each builder takes the Keras, 3 or for `towers` also 2, a generator and a batch.
"""
from golden import *

BATCH = 5
MODELS = {}


def model(f):
    MODELS[f.__name__] = f
    return f


def ids(rng, batch, vocabulary, *shape):
    return rng.integers(0, vocabulary, (batch,) + shape).astype(np.int32)


def floats(rng, batch, *shape):
    return rng.standard_normal((batch,) + shape).astype(np.float32)


@model
def operators(K, rng, batch):
    """A ranking model written with operators: masked mean, interactions, logarithms, slices."""
    L, ops = K.layers, K.ops
    history, item = L.Input((6,), dtype="int32", name="history"), L.Input((2,), dtype="int32", name="item")
    counts, context = L.Input((3,), name="counts"), L.Input((4, 3), name="context")
    table = L.Embedding(17, 4, name="items")
    mask = ops.cast(ops.not_equal(history, 0), "float32")
    h = table(history) * ops.expand_dims(mask, -1)
    user = ops.sum(h, axis=1) / ops.maximum(ops.sum(mask, axis=1, keepdims=True), 1.0)
    target = table(item)[:, 0]
    match = ops.sum(user * target, axis=-1, keepdims=True)
    scores = ops.squeeze(ops.matmul(h, ops.expand_dims(target, -1)), axis=-1)
    scores = ops.softmax(ops.where(history > 0, scores / 2.0, -1e9))
    attended = ops.sum(h * scores[:, :, None], axis=1)
    fields = ops.stack([user, target, attended], axis=1)
    pairs = 0.5 * (ops.square(ops.sum(fields, axis=1)) - ops.sum(fields**2, axis=1))
    numeric = ops.log1p(counts) - 1
    latest = ops.tanh(context[:, -1]) * ops.sigmoid(ops.mean(context, axis=1))
    x = ops.concatenate([pairs, abs(user - target), numeric, -latest, match], axis=-1)
    x = L.Dense(8, activation="hard_silu", name="fc1")(x)
    x = L.Dense(6, activation="hard_sigmoid", name="fc2")(x) + L.Dense(6, activation="leaky_relu", name="fc3")(x)
    y = L.Dense(1, activation="sigmoid", name="click")(x)
    m = K.Model([history, item, counts, context], [y, 1 - y * scores[:, :1]], name="operators")
    inputs = {"history": ids(rng, batch, 17, 6), "item": ids(rng, batch, 17, 2),
              "counts": np.abs(floats(rng, batch, 3)), "context": floats(rng, batch, 4, 3)}
    inputs["history"][:, 0] += inputs["history"][:, 0] == 0
    return m, inputs


@model
def dict_io(K, rng, batch):
    """Dicts of inputs and outputs, also of a model inside; no key is the name of a layer."""
    L = K.layers
    a, b = L.Input((3,), name="in_a"), L.Input((3,), name="in_b")
    inner = K.Model({"second": a, "first": b}, {"sum": L.Add(name="add")([a, L.Dense(3, name="fc")(b)]),
                                                "left": L.Dense(2, name="left_fc")(a)}, name="inner")
    user, item = L.Input((3,), name="user_input"), L.Input((3,), name="item_input")
    y = inner({"first": item, "second": user})
    z = inner({"first": user, "second": user})
    buy = L.Dense(1, activation="sigmoid", name="buy_out")(L.Subtract(name="difference")([y["sum"], z["sum"]]))
    click = L.Dense(2, activation="softmax", name="click_out")(y["left"])
    m = K.Model({"user": user, "item": item}, {"click": click, "buy": buy}, name="dict_io")
    return m, {"user": floats(rng, batch, 3), "item": floats(rng, batch, 3)}


@model
def towers(K, rng, batch):
    """Layers of the same class in several models, some without a part of their weights."""
    L = K.layers

    def tower(name, dim):
        return K.Sequential([
            L.Input((dim,), name=name + "_x"), L.Dense(5, use_bias=False, name=name + "_1"),
            L.BatchNormalization(center=False, name=name + "_n"), L.PReLU(name=name + "_p"),
            L.Dense(4, name=name + "_2"), L.LayerNormalization(scale=False, name=name + "_l")], name=name)

    x, i = L.Input((3, 4), name="x"), L.Input((3,), dtype="int32", name="i")
    z = L.TimeDistributed(L.Dense(4, name="step"), name="zsteps")(x)
    a = L.BatchNormalization(scale=False, name="zz")(L.GlobalMaxPooling1D(name="pool")(z))
    e = L.Flatten(name="flat")(L.Embedding(9, 2, name="emb")(i))
    left, right = tower("t", 4)(a), tower("s", 6)(e)
    y = L.Dense(2, name="a_head")(L.Concatenate(name="both")([left, right, L.BatchNormalization(name="bn")(e)]))
    m = K.Model([x, i], L.Dense(3, activation="tanh", name="out")(y), name="towers")
    return m, {"x": floats(rng, batch, 3, 4), "i": ids(rng, batch, 9, 3)}


@model
def sequences(K, rng, batch):
    """Recurrent layers and what they are wrapped in, from states of one to another."""
    L = K.layers
    steps, ids_ = L.Input((4, 3), name="steps"), L.Input((4,), dtype="int32", name="ids")
    embedded = L.Embedding(6, 4, mask_zero=True, name="emb")(ids_)
    h, state = L.GRU(3, return_sequences=True, return_state=True, name="zz_gru")(embedded)
    b = L.Bidirectional(L.LSTM(2, return_sequences=True, name="l"), name="both")(steps)
    again = L.GRU(3, reset_after=False, recurrent_activation="hard_sigmoid", name="again")(b, initial_state=state)
    stack = L.StackedRNNCells([L.GRUCell(2, name="g"), L.LSTMCell(3, name="m"), L.GRUCell(2, name="o")], name="stack")
    cells = L.RNN(stack, name="cells")(b)
    simple = L.RNN(L.SimpleRNNCell(2, use_bias=False, name="s"), name="r")
    sums = L.Bidirectional(simple, merge_mode="sum", name="sum")(steps)
    td = L.GlobalMaxPooling1D(name="pool")(L.TimeDistributed(L.Dense(2, name="d"), name="td")(h))
    y = L.Dense(2, name="y")(L.Concatenate(name="joined")([again, cells, sums, td]))
    m = K.Model([steps, ids_], y, name="sequences")
    inputs = {"steps": floats(rng, batch, 4, 3), "ids": ids(rng, batch, 6, 4)}
    inputs["ids"][:, 0] += inputs["ids"][:, 0] == 0
    return m, inputs
