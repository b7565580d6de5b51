"""Layers used inside a wrapper and outside, or in two wrappers, in archives (shared_object)."""
from files_common import *


def two_inputs(k, rng, f, one=(3,), many=(4, 3), dtype="float32"):
    x, y = k.L.Input(one, name="one", dtype=dtype), k.L.Input(many, name="many", dtype=dtype)
    values = (lambda s: ids(rng, 7, *s)) if dtype == "int32" else (lambda s: floats(rng, *s))
    return k.K.Model([x, y], f(k.L, x, y)), {"one": values(one), "many": values(many)}


def dense(k, rng):
    """A Dense alone and under TimeDistributed."""
    def f(L, x, y):
        d = L.Dense(3, name="word")
        return [L.Dense(2, name="out")(d(x)), L.TimeDistributed(d, name="each")(y)]
    return two_inputs(k, rng, f)


def dense_after(k, rng):
    """A Dense under TimeDistributed, alone behind it."""
    def f(L, x, y):
        d = L.Dense(3, activation="tanh", name="word")
        h = L.GlobalMaxPooling1D(name="pool")(L.TimeDistributed(d, name="each")(y))
        return L.Dense(2, name="a_out")(L.Concatenate(name="join")([d(h), L.Dense(2, name="other")(x)]))
    return two_inputs(k, rng, f)


def embedding(k, rng):
    """A table for single ids and for rows of them."""
    def f(L, x, y):
        e = L.Embedding(7, 2, name="words")
        a, b = L.Flatten(name="fa")(e(x)), L.Flatten(name="fb")(L.TimeDistributed(e, name="each")(y))
        return L.Dense(2, name="out")(L.Concatenate(name="join")([a, b]))
    return two_inputs(k, rng, f, (2,), (3, 2), "int32")


def normalization(k, rng):
    """A BatchNormalization alone and under TimeDistributed, with a second of its own."""
    def f(L, x, y):
        n = L.BatchNormalization(name="norm")
        return [L.TimeDistributed(n, name="each")(y), L.BatchNormalization(name="own")(n(x))]
    return two_inputs(k, rng, f)


def convolution(k, rng):
    """A Conv2D for one picture and for several."""
    def f(L, x, y):
        c = L.Conv2D(2, 2, name="conv")
        return [L.Flatten(name="a")(c(x)), L.Flatten(name="b")(L.TimeDistributed(c, name="each")(y))]
    return two_inputs(k, rng, f, (3, 3, 2), (2, 3, 3, 2))


def two_wrappers(k, rng):
    """One Dense under two TimeDistributeds."""
    def f(L, x, y):
        d = L.Dense(3, name="word")
        a, b = L.TimeDistributed(d, name="first")(x), L.TimeDistributed(d, name="second")(y)
        return [b, L.Dense(2, name="out")(a)]
    return two_inputs(k, rng, f, (2, 3), (4, 3))


def three_uses(k, rng):
    """One Dense under two TimeDistributeds and alone, beside others of its class."""
    def f(L, x, y):
        d, e = L.Dense(3, name="shared"), L.Dense(3, name="between")
        a = L.TimeDistributed(d, name="first")(y)
        b = L.TimeDistributed(d, name="second")(L.TimeDistributed(e, name="third")(a))
        return [d(x), L.Dense(2, name="out")(L.GlobalAveragePooling1D(name="pool")(b))]
    return two_inputs(k, rng, f)


def lstm_and_both(k, rng):
    """An LSTM alone and a cell of the same kind in a Bidirectional and an RNN."""
    def f(L, x, y):
        cell = L.GRUCell(2, name="cell")
        a = L.RNN(cell, name="one_way")(y)
        b = L.RNN(cell, return_sequences=True, name="again")(x)
        return [a, L.Dense(2, name="out")(b)]
    return two_inputs(k, rng, f, (2, 3), (4, 3))


def timed_lstm(k, rng):
    """An LSTM alone and under TimeDistributed."""
    def f(L, x, y):
        r = L.LSTM(2, name="read")
        return [r(x), L.TimeDistributed(r, name="each")(y)]
    return two_inputs(k, rng, f, (3, 2), (2, 3, 2))


def bidirectional_timed(k, rng):
    """A Bidirectional alone and under TimeDistributed."""
    def f(L, x, y):
        r = L.Bidirectional(L.GRU(2, name="g"), name="bi")
        return [L.Dense(2, name="out")(r(x)), L.TimeDistributed(r, name="each")(y)]
    return two_inputs(k, rng, f, (3, 2), (2, 3, 2))


def model(k, rng):
    """A Sequential alone and under TimeDistributed."""
    s = k.K.Sequential([k.L.Input((3,), name="s_in"), k.L.Dense(4, activation="relu", name="s1"), k.L.Dense(2, name="s2")],
                       name="mlp")
    return two_inputs(k, rng, lambda L, x, y: [L.TimeDistributed(s, name="each")(y), s(x)])


def nested_and_outside(k, rng):
    """A layer in a nested model and outside."""
    L = k.L
    d = L.Dense(3, name="shared")
    q = L.Input((3,), name="q")
    t = k.K.Model(q, L.Dense(2, name="last")(d(q)), name="inner")
    return two_inputs(k, rng, lambda L, x, y: [t(d(x)), L.Dense(2, name="own")(y)])


def nested_wrapped(k, rng):
    """A layer alone in a nested model and wrapped outside."""
    L = k.L
    d = L.Dense(3, name="shared")
    q = L.Input((3,), name="q")
    t = k.K.Model(q, L.Dense(2, name="last")(d(q)), name="inner")
    return two_inputs(k, rng, lambda L, x, y: [t(x), L.TimeDistributed(d, name="each")(y)])


def two_models(k, rng):
    """One table in two nested models."""
    L = k.L
    e = L.Embedding(7, 2, name="table")
    ts = []
    for n in ("b", "a"):
        q = L.Input((2,), name=n + "_q", dtype="int32")
        ts.append(k.K.Model(q, L.Dense(2, name=n + "_d")(L.Flatten(name=n + "_f")(e(q))), name="model_" + n))
    return two_inputs(k, rng, lambda L, x, y: [ts[0](y), ts[1](x)], (2,), (2,), "int32")


def register():
    for build in (dense, dense_after, embedding, normalization, convolution, two_wrappers, three_uses, lstm_and_both,
                  timed_lstm, bidirectional_timed, model, nested_and_outside, nested_wrapped, two_models):
        case("shared_" + build.__name__, "shared_object", build.__doc__.strip("."), build,
             {"k2": "keras", "k38": "keras", "k315": "keras"}, distinct=False)
