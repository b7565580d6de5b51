"""Names of weights that tell where a layer was first built, and not where it stands: Keras 3 writes them so."""
from files_common import *


def dense(k, name):
    return k.L.Dense(3, name=name)


def sequential(k, name, *layers, shape=(3,)):
    return k.K.Sequential([k.L.Input(shape), *layers], name=name)


def functional(k, name, *layers, shape=(3,)):
    x = y = k.L.Input(shape, name=f"{name}_x")
    for layer in layers:
        y = layer(y)
    return k.K.Model(x, y, name=name)


def around(k, rng, name, call, shape=(3,)):
    x = k.L.Input(shape, name="x")
    return k.K.Model(x, call(x), name=name), {"x": floats(rng, *shape)}


def same_name(k, rng):
    """A Sequential with the name of the model around it, and a layer of one name in both"""
    inner = sequential(k, "model", dense(k, "hidden"), dense(k, "out"))
    return around(k, rng, "model", lambda x: dense(k, "out")(dense(k, "h2")(inner(x))))


def same_name_recurrent(k, rng):
    """The same with a GRU"""
    gru = lambda: k.L.GRU(3, name="d", return_sequences=True)
    inner = sequential(k, "a", gru(), shape=(4, 3))
    return around(k, rng, "a", lambda x: gru()(inner(x)), (4, 3))


def named_like_another(k, rng):
    """Layers taken out of Sequentials of which one has the name of the other's layer"""
    user, enc = sequential(k, "user", dense(k, "fc")), sequential(k, "enc", dense(k, "user"))
    return around(k, rng, "top", lambda x: [user.layers[-1](x), enc.layers[-1](x)])


def crossed_timed(k, rng):
    """TimeDistributed a of a layer b, and b of a layer a"""
    timed = lambda outer, inner: k.L.TimeDistributed(dense(k, inner), name=outer)
    return around(k, rng, "top", lambda x: [timed("a", "b")(x), timed("b", "a")(x)], (4, 3))


def crossed_cells(k, rng):
    """RNN a of a cell b, and b of a cell a"""
    rnn = lambda outer, inner: k.L.RNN(k.L.SimpleRNNCell(3, name=inner), name=outer)
    return around(k, rng, "top", lambda x: [rnn("a", "b")(x), rnn("b", "a")(x)], (4, 3))


def nested_or_cut(k, rng):
    """A layer of a nested Functional, and one of its name taken out of a Sequential"""
    cut = sequential(k, "z", dense(k, "d")).layers[-1]
    return around(k, rng, "top", lambda x: [functional(k, "n", dense(k, "d"))(x), cut(x)])


def order_against_names(k, rng):
    """The same, and the Sequential had the name of the nested Functional"""
    cut = sequential(k, "b", dense(k, "c")).layers[-1]
    return around(k, rng, "top", lambda x: [functional(k, "b", dense(k, "c"))(x), cut(x)])


def register():
    for i, build in enumerate((same_name, same_name_recurrent, named_like_another)):
        case("origin_" + build.__name__, "origins", build.__doc__, build, thin({"k315": "h5", "k38": "h5", "k33": "h5"}, i, 2))
    for build in (crossed_timed, crossed_cells):
        about = build.__doc__ + ", loaded and saved again"
        case("origin_" + build.__name__, "origins", about, build, "k38 k315", via="h5")
    for build, names in ((nested_or_cut, ["`d`", "n/d"]), (order_against_names, ["`c`", "b/c"])):
        case("origin_" + build.__name__, "origins", build.__doc__, build, "k38 k315", expect="refused", info={"names": names})
