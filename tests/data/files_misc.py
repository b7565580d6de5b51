"""Open dimensions, input names of Sequentials that begin with a model, and kinds of normalization."""
from files_common import *

EVERY = {"k2": "h5", "k38": "keras", "k315": "h5"}


# ---- open dimensions --------------------------------------------------------------------------


def two_histories(k, rng):
    """Two histories of different lengths, one table."""
    L = k.L
    a, b = L.Input((None,), dtype="int32", name="clicks"), L.Input((None,), dtype="int32", name="buys")
    e = L.Embedding(7, 3, name="emb")
    y = L.Concatenate(name="join")([L.LSTM(2, name="lstm")(e(a)), L.GlobalMaxPooling1D(name="pool")(e(b))])
    return k.K.Model([a, b], L.Dense(2, name="out")(y)), {"clicks": ids(rng, 7, 5), "buys": ids(rng, 7, 3)}


def image(k, rng):
    """An image of open height and width."""
    L = k.L
    x = L.Input((None, None, 3), name="image")
    h = L.MaxPooling2D(2, padding="same", name="p")(L.Conv2D(2, 2, padding="same", activation="relu", name="c")(x))
    return k.K.Model(x, [L.Dense(2, name="out")(L.GlobalAveragePooling2D(name="gap")(h)), h]), {"image": floats(rng, 5, 3, 3)}


def image_and_text(k, rng):
    """An open image and an open history."""
    L = k.L
    x, t = L.Input((None, None, 2), name="image"), L.Input((None,), dtype="int32", name="words")
    h = L.GlobalMaxPooling2D(name="gmp")(L.SeparableConv2D(3, 2, name="c")(x))
    g = L.Bidirectional(L.GRU(2, name="gru"), name="bi")(L.Embedding(7, 2, name="e")(t))
    return k.K.Model([t, x], L.Dense(2, name="out")(L.Concatenate(name="j")([h, g]))), {
        "image": floats(rng, 4, 6, 2), "words": ids(rng, 7, 3)}


def attention(k, rng):
    """A query and a memory of open lengths."""
    L = k.L
    q, m = L.Input((None, 3), name="query"), L.Input((None, 3), name="memory")
    h = L.Attention(name="att")([q, m])
    g = L.MultiHeadAttention(2, 2, name="mha")(q, m)
    return k.K.Model([q, m], L.Dense(2, name="out")(L.Add(name="sum")([h, g]))), {
        "query": floats(rng, 2, 3), "memory": floats(rng, 5, 3)}


def encoders(k, rng):
    """A nested model over open lengths, called on two."""
    L = k.L
    s = L.Input((None, 2), name="s")
    h = L.Bidirectional(L.LSTM(2, return_sequences=True, name="l"), name="bi")(s)
    t = k.K.Model(s, L.GlobalAveragePooling1D(name="avg")(L.TimeDistributed(L.Dense(3, name="d"), name="td")(h)), name="enc")
    x, y = L.Input((None, 2), name="short"), L.Input((None, 2), name="long")
    return k.K.Model([x, y], L.Dense(2, name="out")(L.Concatenate(name="j")([t(x), t(y)]))), {
        "short": floats(rng, 2, 2), "long": floats(rng, 6, 2)}


def sequences_out(k, rng):
    """Sequences of open lengths put out as they are."""
    L = k.L
    x, y = L.Input((None, 2), name="x"), L.Input((None, 3), name="y")
    a = L.Conv1D(3, 2, padding="same", name="c")(x)
    b = L.TimeDistributed(L.Dense(2, activation="tanh", name="d"), name="td")(y)
    return k.K.Model([y, x], [a, L.SimpleRNN(2, return_sequences=True, name="r")(b), L.Dot(axes=(2, 2), name="dot")(
        [L.Dense(2, name="e")(a), b])]), {"x": floats(rng, 4, 2), "y": floats(rng, 2, 3)}


def sequential(k, rng):
    """A Sequential of open length."""
    L = k.L
    return k.K.Sequential([L.Input((None, 2), name="x"), L.Conv1D(3, 2, strides=2, name="c"), L.Bidirectional(
        L.GRU(2, return_sequences=True, name="g"), name="b"), L.GlobalMaxPooling1D(name="p"), L.Dense(2, name="d")]), {
        "x": floats(rng, 7, 2)}


def three_lengths(k, rng):
    """Three open lengths joined along the steps, a fixed one among them."""
    L = k.L
    shapes = {"a": (None, 2), "b": (3, 2), "c": (None, 2), "d": (None, 2)}
    xs = [L.Input(s, name=n) for n, s in shapes.items()]
    h = L.LSTM(3, name="l")(L.Concatenate(axis=1, name="steps")(xs))
    return k.K.Model(xs, L.Dense(2, name="out")(h)), {
        n: floats(rng, size, 2) for n, size in {"a": 2, "b": 3, "c": 4, "d": 1}.items()}


def timed_images(k, rng):
    """Open steps of open images."""
    L = k.L
    x = L.Input((None, None, None, 2), name="frames")
    h = L.TimeDistributed(L.Conv2D(2, 2, padding="same", name="c"), name="td_c")(x)
    h = L.TimeDistributed(L.GlobalAveragePooling2D(name="g"), name="td_g")(h)
    return k.K.Model(x, L.GRU(2, name="gru")(h)), {"frames": floats(rng, 3, 2, 4, 2)}


def masked(k, rng):
    """Two padded histories of different lengths."""
    L = k.L
    a, b = L.Input((None,), dtype="int32", name="a"), L.Input((None,), dtype="int32", name="b")
    e = L.Embedding(7, 3, mask_zero=True, name="emb")
    inputs = {"a": ids(rng, 7, 5), "b": ids(rng, 7, 3)}
    for v in inputs.values():
        v[:, 0] = 2
    y = [L.LSTM(2, name="la")(e(a)), L.Bidirectional(L.LSTM(2, name="lb"), name="bi")(e(b))]
    return k.K.Model([a, b], L.Dense(2, name="out")(L.Concatenate(name="j")(y))), inputs


def register_open():
    for i, build in enumerate((two_histories, image, image_and_text, attention, encoders, sequences_out, sequential,
                               three_lengths, timed_images, masked)):
        keras = {"k2": "h5 keras" if i % 4 == 0 else "h5", "k38": ("keras", "h5")[i % 2], "k315": ("h5", "keras")[i % 2]}
        if i % 3 == 0:
            keras["k33"] = "h5"
        case("open_" + build.__name__, "open_dimensions", build.__doc__.strip("."), build, keras, record=record_open)


def record_open(c, k, format):
    name = record(c, k, format)
    folder = FILES / name
    info = json.loads((folder / "case.json").read_text())
    inputs = load_file(folder / "input.safetensors")
    info["input_sizes"] = {n: list(v.shape) for n, v in inputs.items()}
    (folder / "case.json").write_text(json.dumps(info) + "\n")


# ---- input names --------------------------------------------------------------------------------


def functional(k, name="inner", x="inner_x", width=3, inputs=1):
    L = k.L
    q = L.Input((width,), name=x)
    return k.K.Model(q, L.Dense(4, activation="relu", name=name + "_d")(q), name=name)


def plain(k, name="first", x=None):
    L = k.L
    layers = [L.Input((3,), name=x)] if x else [L.Dense(3, input_shape=(3,), name=name + "_0")]
    return k.K.Sequential(layers + [L.Dense(4, activation="tanh", name=name + "_1")], name=name)


def begins(first, more=1):
    """A Sequential around `first(k)`, `more` deep."""

    def build(k, rng):
        m = first(k)
        for i in range(more):
            if not m.built or not m.inputs:
                m.build((None, 3))  # what knows no shape yet
            m = k.K.Sequential([m, k.L.Dense(3 - i, name=f"outer_{i}")], name=f"around_{i}")
        if not m.built or not m.inputs:
            m.build((None, 3))
        return m, {"?": floats(rng, 3)}

    return build


def begins_input(k, rng):
    """With an InputLayer before the model."""
    L = k.L
    return k.K.Sequential([L.Input((3,), name="own"), functional(k), L.Dense(2, name="d")]), {"?": floats(rng, 3)}


def begins_added(k, rng):
    """By add()."""
    m = k.K.Sequential(name="added")
    m.add(functional(k, x="image"))
    m.add(k.L.Dense(2, name="d"))
    return m, {"?": floats(rng, 3)}


def begins_in_functional(k, rng):
    """Within a Functional."""
    L = k.L
    s = k.K.Sequential([plain(k, x="deep"), L.Dense(3, name="d")], name="s")
    x = L.Input((3,), name="top")
    return k.K.Model(x, L.Dense(2, name="e")(s(x))), {"?": floats(rng, 3)}


def begins_wrapped(k, rng):
    """With a TimeDistributed model first."""
    L = k.L
    x = L.TimeDistributed(functional(k), input_shape=(2, 3), name="td")
    return k.K.Sequential([x, L.LSTM(2, name="l")], name="s"), {"?": floats(rng, 2, 3)}


def first_input(config):
    """The name of the first InputLayer that an outermost Sequential has or implies."""
    layer = config["config"]["layers"][0]
    if layer["class_name"] == "InputLayer":
        return layer["config"]["name"]
    return first_input(layer) if "layers" in layer["config"] else layer["config"]["name"] + "_input"


def record_names(c, k, format):
    """Names the input as the file does."""
    build, c = c.build, types.SimpleNamespace(**vars(c))

    def named(k, rng):
        model, inputs = build(k, rng)
        names = getattr(model, "input_names", None) or [t.name for t in model.inputs]
        seen[:] = [n.split(":")[0] for n in names]
        return model, dict(zip(seen, inputs.values()))

    seen, c.build = [], named
    folder = FILES / record(c, k, format)
    value = next(iter(load_file(folder / "input.safetensors").values()))
    name = first_input(read_json(folder)["modelTopology"]["model_config"])
    save_file({name: value}, folder / "input.safetensors")
    info = json.loads((folder / "case.json").read_text())
    info.update({"input_names_keras": seen, "input_name_tfjs": None})
    (folder / "case.json").write_text(json.dumps(info) + "\n")


def without_input(j, folder):
    """Sequentials as TensorFlow.js and older Kerases write them: no InputLayer, batch_input_shape in a plain layer."""

    def drop(m):
        layers = m["config"]["layers"]
        if m["class_name"] == "Sequential" and layers[0]["class_name"] == "InputLayer" and len(layers) > 1:
            shape = layers.pop(0)["config"]["batch_input_shape"]
            if "layers" not in layers[0]["config"]:
                layers[0]["config"]["batch_input_shape"] = shape
        for layer in layers:
            if "layers" in layer["config"]:
                drop(layer)

    drop(j["modelTopology"]["model_config"])


def register_inputs():
    jobs = {"functional": (begins(functional), "a Functional first"), "two_deep": (begins(functional, 2), "two Sequentials deep"),
            "sequential": (begins(lambda k: plain(k, x="first_x")), "a Sequential first"),
            "sequential_deep": (begins(lambda k: plain(k, x="first_x"), 2), "three Sequentials deep"),
            "no_input": (begins(plain), "a Sequential without an InputLayer first"),
            "no_input_deep": (begins(plain, 2), "the same, three deep"),
            "no_input_alone": (begins(plain, 0), "a Sequential without an InputLayer"),
            "input": (begins_input, "an InputLayer, then a model"), "added": (begins_added, "by add()"),
            "in_functional": (begins_in_functional, "within a Functional"),
            "wrapped": (begins_wrapped, "TimeDistributed of a model first")}
    for name, (build, about) in jobs.items():
        keras = {"k2": "h5 keras" if name in ("functional", "sequential") else "h5", "k315": "h5", "k38": "keras"}
        if name in ("functional", "sequential"):
            keras["k33"] = "h5"
        if name == "wrapped":
            keras = {"k2": "h5"}
        case("input_" + name, "input_names", about, build, keras, record=record_names)
        if name not in ("input", "added"):
            case("input_" + name + "_bare", "input_names", about + ", InputLayers dropped", build, "k2",
                 record=record_names, edit=without_input)


# ---- normalization --------------------------------------------------------------------------------


def norm(shape, make, batch=3, nested=False, training=None):
    """Dense or nothing around BatchNormalizations; training is the call's argument."""

    def build(k, rng):
        L = k.L
        more = {} if training is None else {"training": training}
        x = L.Input(shape, name="x")
        if nested:
            q = L.Input(shape, name="q")
            inner = k.K.Model(q, make(k)(L.Dense(shape[-1], name="d")(q)), name="inner")
            y = L.Dense(2, name="out")(inner(x, **more))
        else:
            y = make(k)(x, **more)
        return k.K.Model(x, y), {"x": floats(rng, *shape, batch=batch)}

    return build


def sync(k, **more):
    return k.L.experimental.SyncBatchNormalization(name="sync", **more)


def mixed(rate):
    """BatchNormalization and Dropout in training, within a small network."""

    def build(k, rng):
        L = k.L
        x = L.Input((4,), name="x")
        h = L.BatchNormalization(name="bn")(L.Dense(5, name="d")(x), training=True)
        h = L.Dropout(rate, seed=3, name="drop")(h, training=True)
        h = L.BatchNormalization(name="bn_2")(L.Dense(3, activation="relu", name="e")(h))
        return k.K.Model(x, L.Dense(2, name="out")(h)), {"x": floats(rng, 4, batch=4)}

    return build


def both_calls(k, rng):
    """One layer in training twice: a call outside of it would see statistics that these have moved."""
    L = k.L
    x = L.Input((3,), name="x")
    bn = L.BatchNormalization(name="bn")
    return k.K.Model(x, [bn(x, training=True), bn(L.Dense(3, name="d")(x), training=True)]), {"x": floats(rng, 3, batch=3)}


def nested_training(k, rng):
    """A nested model called with training, one of its layers with training=False."""
    L = k.L
    q = L.Input((3,), name="q")
    h = L.BatchNormalization(name="b1")(q)
    h = L.BatchNormalization(name="b2")(L.Dense(3, name="d")(h), training=False)
    t = k.K.Model(q, h, name="inner")
    x = L.Input((3,), name="x")
    return k.K.Model(x, L.Dense(2, name="o")(t(x, training=True))), {"x": floats(rng, 3, batch=3)}


def timed_training(k, rng):
    """Under TimeDistributed."""
    L = k.L
    x = L.Input((2, 3), name="x")
    return k.K.Model(x, L.TimeDistributed(L.BatchNormalization(name="bn"), name="td")(x, training=True)), {
        "x": floats(rng, 2, 3, batch=3)}


def register_norms():
    def add(name, about, build, keras="k2", **more):
        case("norm_" + name, "normalization", about, build, keras, distinct=False, predict=True, **more)

    for n, shape, more in (("2", (3,), {}), ("4", (2, 3, 4), {}), ("no_scale", (4, 3), dict(scale=False)),
                           ("axis_1", (3, 2, 2), dict(axis=1)), ("axes", (3, 2, 2), dict(axis=[1, 2]))):
        add("sync_class_" + n, "SyncBatchNormalization", norm(shape, lambda k, more=more: sync(k, **more)))
    add("sync_class_nested", "SyncBatchNormalization in a model", norm((3,), sync, nested=True))
    add("sync_class_training", "SyncBatchNormalization in training", norm((3,), sync, training=True))
    bn = lambda **more: lambda k: k.L.BatchNormalization(name="bn", **more)
    for n, shape in (("2", (3,)), ("4", (2, 2, 3))):
        add("synchronized_" + n, "BatchNormalization(synchronized=True)", norm(shape, bn(synchronized=True)), EVERY)
    for axes, shape in (((1, 2), (3, 2)), ((1, 3), (3, 2, 2)), ((2, 3), (2, 3, 2)), ((1, 2, 3), (2, 2, 2)),
                        ((-2, -1), (2, 3, 2)), ((1, 4), (2, 2, 2, 3)), ((2, 4), (2, 3, 2, 2)), ((3, 1), (3, 2, 4))):
        n = "".join(str(a % (len(shape) + 1)) for a in axes)
        n = f"axes_{n}_rank_{len(shape) + 1}"
        add(n, f"BatchNormalization over axes {list(axes)}", norm(shape, bn(axis=list(axes))),
            {"k2": "h5 keras" if axes == (1, 3) else "h5"})
    add("axes_no_scale", "axes [1, 3], no scale", norm((3, 2, 2), bn(axis=[1, 3], scale=False)))
    add("axes_no_center", "axes [1, 2], no center", norm((3, 2), bn(axis=[1, 2], center=False)))
    add("axes_neither", "axes [2, 3], neither", norm((2, 3, 2), bn(axis=[2, 3], center=False, scale=False)))
    add("axes_nested", "axes [1, 2] in a model", norm((3, 2), bn(axis=[1, 2]), nested=True))
    add("axes_training", "axes [1, 2] in training", norm((3, 2), bn(axis=[1, 2]), training=True))
    for n, shape in (("2", (3,)), ("3", (2, 3)), ("4", (2, 2, 3))):
        add("training_" + n, "training=True", norm(shape, bn(), training=True), EVERY)
        add(f"training_{n}_one", "training=True, a batch of 1", norm(shape, bn(), batch=1, training=True), "k2 k315")
    add("training_axis_1", "training=True, axis 1", norm((3, 2, 2), bn(axis=1), training=True), "k2 k315")
    add("training_no_scale", "training=True, no scale", norm((2, 3), bn(scale=False), training=True), "k2 k315")
    add("training_epsilon", "training=True, epsilon 0.1", norm((3,), bn(epsilon=0.1, center=False), training=True), "k2 k38")
    add("training_nested", "a model called with training=True", norm((3,), bn(), nested=True, training=True), EVERY)
    add("training_false", "training=False", norm((3,), bn(), training=False), EVERY)
    add("training_calls", "one layer in training, twice", both_calls, EVERY)
    add("training_inner", "a model in training with a layer that is not", nested_training, EVERY)
    add("training_timed", "TimeDistributed(BatchNormalization) in training", timed_training, "k2 k315")
    add("training_mixed", "BatchNormalization in training and Dropout of rate 0", mixed(0.0), EVERY)
    add("training_dropout", "Dropout in training: Keras draws at random", mixed(0.5), "k2", random=True)


def register():
    register_open()
    register_inputs()
    register_norms()
