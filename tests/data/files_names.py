"""Weight names without the prefixes that a loader expects: reloaded, cloned and cut models, and equal towers."""
from files_common import *


# ---- models to be loaded and saved again --------------------------------------------------------


def bilstm(k, rng):
    L = k.L
    x = L.Input((5,), dtype="int32", name="x")
    h = L.Embedding(7, 3, mask_zero=True, name="emb")(x)
    h = L.Bidirectional(L.LSTM(2, return_sequences=True, name="lstm"), name="bi")(h)
    h = L.Bidirectional(L.GRU(3, name="gru"), merge_mode="sum", name="bi_2")(h)
    inputs = {"x": ids(rng, 7, 5)}
    inputs["x"][:, 0] += inputs["x"][:, 0] == 0
    return k.K.Model(x, L.Dense(2, name="out")(h)), inputs


def two_bi(k, rng):
    """Two of equal shapes, told apart by their names."""
    L = k.L
    x, y = L.Input((4, 3), name="x"), L.Input((4, 3), name="y")
    a = L.Bidirectional(L.GRU(2, name="read"), name="one")(x)
    b = L.Bidirectional(L.GRU(2, name="write"), name="two")(y)
    return k.K.Model([y, x], [b, a, L.Dense(2, name="out")(L.Concatenate(name="join")([a, b]))]), {
        "x": floats(rng, 4, 3), "y": floats(rng, 4, 3)}


def default_bi(k, rng):
    """Two with the names that Keras gives."""
    L = k.L
    x = L.Input((4, 3), name="x")
    h = L.Bidirectional(L.LSTM(3, return_sequences=True), merge_mode="ave")(x)
    h = L.Bidirectional(L.LSTM(3))(h)
    return k.K.Model(x, L.Dense(1)(h)), {"x": floats(rng, 4, 3)}


def timed(k, rng):
    L = k.L
    x = L.Input((4, 3), name="x")
    h = L.TimeDistributed(L.Dense(4, activation="relu", name="step"), name="td")(x)
    h = L.TimeDistributed(L.BatchNormalization(name="norm"), name="td_bn")(h)
    return k.K.Model(x, L.TimeDistributed(L.Dense(4, name="step_2"), name="td_2")(h)), {"x": floats(rng, 4, 3)}


def timed_models(k, rng):
    L = k.L
    x = L.Input((4, 3), name="x")
    h = L.TimeDistributed(L.Dense(4, activation="relu", name="step"), name="td")(x)
    mlp = k.K.Sequential([L.Input((4,), name="m_in"), L.Dense(5, activation="tanh", name="m_1"),
                          L.BatchNormalization(name="m_bn"), L.Dense(2, name="m_2")], name="mlp")
    return k.K.Model(x, L.TimeDistributed(mlp, name="td_mlp")(h)), {"x": floats(rng, 4, 3)}


def timed_equal(k, rng):
    """Equal shapes, distinct names within the wrappers."""
    L = k.L
    x = L.Input((4, 3), name="x")
    h = L.TimeDistributed(L.Dense(3, activation="relu", name="second"), name="a")(x)
    h = L.TimeDistributed(L.Dense(3, name="first"), name="b")(h)
    return k.K.Model(x, L.Dense(3, name="third")(h)), {"x": floats(rng, 4, 3)}


def cells(k, rng):
    L = k.L
    x = L.Input((4, 3), name="x")
    h = L.RNN([L.LSTMCell(2, name="low"), L.GRUCell(4, name="high")], return_sequences=True, name="stack")(x)
    h = L.RNN(L.GRUCell(3, name="single"), return_sequences=True, name="rnn")(h)
    h = L.RNN(L.SimpleRNNCell(2), name="simple")(h)
    return k.K.Model(x, L.Dense(2, name="out")(h)), {"x": floats(rng, 4, 3)}


def nested(k, rng):
    """Wrappers within models within a model."""
    L = k.L
    q = L.Input((4, 3), name="q")
    h = L.Bidirectional(L.LSTM(2, return_sequences=True, name="l"), name="bi")(q)
    h = L.TimeDistributed(L.Dense(3, name="d"), name="td")(h)
    enc = k.K.Model(q, L.RNN([L.GRUCell(3, name="c1"), L.GRUCell(2, name="c2")], name="rnn")(h), name="enc")
    s = k.K.Sequential([L.Input((4, 3), name="s"), enc, L.BatchNormalization(name="bn"), L.Dense(3, name="last")], name="seq")
    x, y = L.Input((4, 3), name="x"), L.Input((4, 3), name="y")
    return k.K.Model([x, y], [L.Subtract(name="diff")([s(x), s(y)]), s(y)]), {"x": floats(rng, 4, 3), "y": floats(rng, 4, 3)}


def attention(k, rng):
    L = k.L
    x = L.Input((4, 3), name="x")
    h = L.MultiHeadAttention(2, 2, name="mha")(x, x)
    h = L.LayerNormalization(name="ln")(L.Add(name="sum")([x, h]))
    h = L.PReLU(shared_axes=[1], name="prelu")(L.SeparableConv1D(4, 2, name="sep")(h))
    g = L.MultiHeadAttention(1, 3, value_dim=2, output_shape=2, name="cross")(h, x)
    h = L.AdditiveAttention(name="att")([h, L.Dense(4, name="g")(g)])
    return k.K.Model(x, L.Dense(2, name="out")(L.GlobalMaxPooling1D(name="pool")(h))), {"x": floats(rng, 4, 3)}


def images(k, rng):
    L = k.L
    x = L.Input((2, 4, 4, 2), name="x")
    h = L.TimeDistributed(L.Conv2D(3, 2, name="conv"), name="td_conv")(x)
    h = L.TimeDistributed(L.SeparableConv2D(2, 2, name="sep"), name="td_sep")(h)
    h = L.TimeDistributed(L.PReLU(name="pr"), name="td_pr")(h)
    h = L.ConvLSTM2D(2, 1, name="clstm")(h)
    return k.K.Model(x, L.Dense(2, name="out")(L.Flatten(name="flat")(h))), {"x": floats(rng, 2, 4, 4, 2)}


def frozen(k, rng):
    """Some layers frozen before the saving, which changes the order of the weights."""
    L = k.L
    base = k.K.Sequential([L.Input((3,), name="b_in"), L.Dense(4, name="b1"), L.BatchNormalization(name="b2"),
                           L.Dense(3, name="b3")], name="base")
    base.trainable = False
    x = L.Input((4, 3), name="x")
    h = L.TimeDistributed(base, name="td")(x)
    h = L.Bidirectional(L.SimpleRNN(2, name="r"), name="bi")(h)
    bn = L.BatchNormalization(name="bn")
    bn.trainable = False
    return k.K.Model(x, L.Dense(1, name="out")(bn(h))), {"x": floats(rng, 4, 3)}


def sequential(k, rng):
    L = k.L
    return k.K.Sequential([L.Input((4, 3), name="x"), L.TimeDistributed(L.Dense(3)), L.Bidirectional(L.LSTM(2)),
                           k.K.Sequential([L.Input((4,)), L.Dense(3), L.PReLU()]), L.Dense(2)]), {"x": floats(rng, 4, 3)}


# ---- layers taken out of another model ------------------------------------------------------------


def cut_sequential(k, rng):
    L = k.L
    base = k.K.Sequential([L.Input((3,), name="x"), L.Dense(4, activation="relu", name="p"), L.BatchNormalization(name="n"),
                           L.Dense(2, name="q"), L.Dense(5, name="old_head")], name="base")
    return k.K.Model(base.inputs, base.get_layer("q").output, name="cut"), {"x": floats(rng, 3)}


def cut_new_head(k, rng):
    """A head cut off and another put on."""
    L = k.L
    base = k.K.Sequential([L.Input((4, 3), name="x"), L.Bidirectional(L.GRU(2, name="g"), name="bi"),
                           L.Dense(3, name="q"), L.Dense(5, name="old_head")], name="base")
    h = base.layers[-2].output
    return k.K.Model(base.inputs[0], L.Dense(2, name="head")(h)), {"x": floats(rng, 4, 3)}


def cut_nested(k, rng):
    """A tower taken out of a nested model, called on a new input beside the old one's middle."""
    L = k.L
    q = L.Input((3,), name="q")
    h = L.Dense(4, activation="relu", name="t_1")(q)
    t = k.K.Model(q, L.Dense(2, name="t_2")(h), name="tower")
    x = L.Input((3,), name="x")
    whole = k.K.Model(x, L.Dense(3, name="end")(t(x)), name="whole")
    inner = whole.get_layer("tower")
    middle = k.K.Model(inner.inputs, inner.get_layer("t_1").output, name="middle")
    y = L.Input((3,), name="y")
    return k.K.Model(y, L.Dense(2, name="new")(middle(y))), {"y": floats(rng, 3)}


def reused(k, rng):
    """The layers of a Sequential called one by one in a Functional."""
    L = k.L
    s = k.K.Sequential([L.Input((3,), name="s_in"), L.Dense(4, name="d1"), L.PReLU(name="pr"), L.Dense(3, name="d2"),
                        L.BatchNormalization(name="bn")], name="s")
    x, y = L.Input((3,), name="x"), L.Input((3,), name="y")
    h = x
    for layer in s.layers:
        h = layer(h)
    return k.K.Model([x, y], [h, s.layers[0](y)]), {"x": floats(rng, 3), "y": floats(rng, 3)}


def reused_sequences(k, rng):
    L = k.L
    s = k.K.Sequential([L.Input((4, 3), name="s_in"), L.TimeDistributed(L.Dense(2, name="d"), name="td"),
                        L.LSTM(3, return_sequences=True, name="l"), L.Bidirectional(L.GRU(2, name="g"), name="bi")], name="s")
    x = L.Input((6, 3), name="x")
    h = x
    for layer in s.layers:
        h = layer(h)
    return k.K.Model(x, L.Dense(2, name="out")(h)), {"x": floats(rng, 6, 3)}


def prebuilt(k, rng):
    """Layers built before they were wrapped."""
    L = k.L
    dense, norm, cell = L.Dense(4, name="dense"), L.BatchNormalization(name="norm"), L.GRUCell(3, name="cell")
    dense.build((None, 3))
    norm.build((None, 4))
    cell.build((None, 4))
    x = L.Input((4, 3), name="x")
    h = L.TimeDistributed(norm, name="td_norm")(L.TimeDistributed(dense, name="td")(x))
    return k.K.Model(x, L.Dense(2, name="out")(L.RNN(cell, name="rnn")(h))), {"x": floats(rng, 4, 3)}


def prebuilt_model(k, rng):
    """A model with weights of its own, wrapped."""
    L = k.L
    m = k.K.Sequential([L.Input((3,), name="m_in"), L.Dense(4, activation="relu", name="m1"), L.Dense(2, name="m2")], name="m")
    x = L.Input((4, 3), name="x")
    h = L.Bidirectional(L.LSTM(2, name="l"), name="bi")(L.TimeDistributed(m, name="td")(x))
    return k.K.Model(x, L.Dense(1, name="out")(h)), {"x": floats(rng, 4, 3)}


def register_stripped():
    jobs = {f.__name__: f for f in (bilstm, two_bi, default_bi, timed, timed_models, timed_equal, cells, nested, attention, images,
                                    frozen, sequential)}
    words = {"h5": "loaded from .h5 and saved again", "keras": "loaded from .keras and saved again",
             "clone": "clone_model", "keras h5": "loaded and saved twice", "h5 clone": "loaded and cloned"}
    for i, (name, build) in enumerate(jobs.items()):
        vias = {"h5": "k315 " + ("k33", "k38")[i % 2], "keras": "k315 " + ("k38", "k33")[i % 2], "clone": "k315"}
        if name in ("timed", "two_bi", "cells"):
            vias.update({"keras h5": "k38", "h5 clone": "k33"})
        if name in ("bilstm", "nested"):
            vias["h5"] += " k2"
        if name == "bilstm":
            vias["h5"] = "k2"  # Keras 3 cannot load the operation that it writes for the mask
        if name in ("timed_models", "frozen"):  # Keras 3.3 wraps no Sequentials
            vias = {via: "k315 k38" for via in vias}
        for via, tags in vias.items():
            case(f"stripped_{name}_{via.replace(' ', '_')}", "stripped_names", words[via], build, tags, via=via)
    for i, build in enumerate((cut_sequential, cut_new_head, cut_nested, reused, reused_sequences, prebuilt,
                               prebuilt_model)):
        about = build.__doc__.strip(".\n") if build.__doc__ else "layers taken out of a Sequential"
        case("stripped_" + build.__name__, "stripped_names", about, build, 
             ("" if build is prebuilt_model else "k33 ") + "k38 k315" + (" k2" if i < 5 else ""))
        case(f"stripped_{build.__name__}_keras", "stripped_names", about + ", loaded and saved again", build,
             ("k315", "k33", "k38")[i % 3] if build is not prebuilt_model else "k38", via="keras")


# ---- towers that nothing tells apart ----------------------------------------------------------------


def renamed(rename):
    """Gives every weight of the manifest another name; None leaves it."""

    def edit(j, folder):
        seen = set()
        for group in j["weightsManifest"]:
            for w in group["weights"]:
                w["name"] = rename(w["name"]) or w["name"]
                assert w["name"] not in seen, w["name"]
                seen.add(w["name"])

    return edit


def by_prefix(table):
    def rename(name):
        for old, new in table.items():
            if name.startswith(old):
                return new + name[len(old):]
        return None

    return renamed(rename)


def swapped_differs(one, other):
    """Raises if the answer is the same with the weights of two layers exchanged."""

    def check(k, model, inputs):
        a, b = one(model), other(model)
        assert len(a) == len(b) > 0 and all(tuple(v.shape) == tuple(w.shape) for v, w in zip(a, b))
        before, kept = answer(model, inputs), [np.asarray(v) for v in a]
        for v, w in zip(a, b):
            v.assign(w)
        for w, old in zip(b, kept):
            w.assign(old)
        if same(before, answer(model, inputs), 1e-3):
            raise Skip("exchanged weights answer the same")
        for w, v in zip(b, a):
            w.assign(v)
        for v, old in zip(a, kept):
            v.assign(old)

    return check


def of(*path):
    def weights(model):
        for name in path:
            model = model.get_layer(name) if hasattr(model, "get_layer") else getattr(model, name)
        return model.weights

    return weights


def pair(make, form="x"):
    """Two inputs through make(k, "user") and make(k, "item"), their scores joined."""

    def build(k, rng):
        L = k.L
        shape = {"x": (3,), "steps": (4, 3), "ids": (2,)}[form]
        dtype = "int32" if form == "ids" else "float32"
        xs = [L.Input(shape, name=n + "_in", dtype=dtype) for n in ("user", "item")]
        us = [make(k, n)(x) for n, x in zip(("user", "item"), xs)]
        y = L.Dense(1, name="score")(L.Flatten(name="flat")(L.Concatenate(name="join")(us)))
        inputs = {n + "_in": ids(rng, 6, *shape) if form == "ids" else floats(rng, *shape) for n in ("user", "item")}
        return k.K.Model(xs, y), inputs

    return build


def register_towers():
    def add(name, about, build, keras, edit, check, names=("user", "item")):
        case("equal_" + name, "equal_towers", about, build, keras, edit=edit, check=check, expect="refused",
             info={"names": list(names)})

    def mlp(k, n):
        return k.K.Sequential([k.L.Input((3,), name=n + "_x"), k.L.Dense(4, activation="relu", name="dense"),
                               k.L.Dense(2, name="last")], name=n)

    def functional(k, n):
        q = k.L.Input((3,), name=n + "_x")
        return k.K.Model(q, k.L.Dense(4, name=n + "_fc")(q), name=n)

    towers = by_prefix({"user/": "x/", "item/": "y/"})
    both = swapped_differs(of("user"), of("item"))
    add("dense_towers", "two Sequentials of equal layers, their names changed", pair(mlp), "k33 k38 k315", towers, both)
    layer = lambda cls, *a, **kw: lambda k, n: getattr(k.L, cls)(*a, **kw, name=n)
    add("dense_layers", "two Dense layers, their names changed", pair(layer("Dense", 4)), "k2 k315",
        by_prefix({"user/": "b/", "item/": "a/"}), both)
    add("numbered", "kernel_a and kernel_b", pair(layer("Dense", 4)), "k315", renamed(
        lambda n: n.split("/")[-1] + {"user": "_a", "item": "_b"}[n.split("/")[-2]] if "score" not in n else None), both)
    add("embeddings", "two tables", pair(layer("Embedding", 6, 3), "ids"), "k2 k38", by_prefix(
        {"user/": "table_1/", "item/": "table_2/"}), both)
    add("lstms", "two LSTMs", pair(layer("LSTM", 2), "steps"), "k2 k315", towers, both)
    add("norms", "two BatchNormalizations", pair(layer("BatchNormalization")), "k33 k2", towers, both)
    add("functional", "two Functionals, their layers' names changed", pair(functional), "k2 k315", by_prefix(
        {"user_fc/": "fc/", "item_fc/": "fc_1/"}), both, ("user_fc", "item_fc"))
    bi = lambda k, n: k.L.Bidirectional(k.L.LSTM(2, name="l"), name=n)

    add("bidirectional", "two Bidirectionals", pair(bi, "steps"), "k2 k315", towers, both)

    def one_bi(k, rng):
        x = k.L.Input((4, 3), name="x")
        return k.K.Model(x, k.L.Bidirectional(k.L.GRU(2, name="g"), name="bi")(x)), {"x": floats(rng, 4, 3)}

    halves = swapped_differs(lambda m: m.get_layer("bi").weights[:3], lambda m: m.get_layer("bi").weights[3:])
    add("halves", "the two halves of a Bidirectional", one_bi, "k2 k38 k315", renamed(
        lambda n: n.replace("bi/", "").replace("forward_g", "m").replace("backward_g", "n")), halves,
        ("forward_g", "backward_g"))
    timed_ = lambda k, n: k.L.TimeDistributed(k.L.Dense(2, name="dense"), name=n)
    add("timed", "two TimeDistributeds of layers of one name", pair(timed_, "steps"), "k315", towers, both)

    def archive_name(name):
        return {"dense": "layers/p", "dense_1": "layers/q"}.get(name.split("/")[1], None) and \
            name.replace("layers/dense_1/", "layers/q/").replace("layers/dense/", "layers/p/")

    dense = pair(layer("Dense", 4))
    add("archive", "positions in an archive changed", dense, {"k38": "keras", "k315": "keras"}, renamed(archive_name), both)
    add("archive_models", "two Sequentials in an archive, positions changed", pair(mlp), {"k33": "keras", "k2": "keras"},
        renamed(lambda n: n.replace("layers/sequential_1/", "layers/tower_b/").replace("layers/sequential/", "layers/tower_a/")),
        both)
    nested = lambda k, n: k.K.Sequential([k.L.Input((4, 3), name=n + "_x"), bi(k, "bi_" + n)], name=n)
    add("nested_bidirectional", "Bidirectionals in two Sequentials", pair(nested, "steps"), "k315", renamed(
        lambda n: n.replace("user/bi_user/", "x/").replace("item/bi_item/", "y/")), both)


def register():
    register_stripped()
    register_towers()
