"""Keras 3 files edited by script as people edit them until TensorFlow.js loads them (repaired)."""
from files_common import *

import re


def camel(name):
    return re.sub(r"(?<=[a-z0-9])_([a-z0-9])", lambda m: m[1].upper(), name)


def history(tensor):
    return tensor["config"]["keras_history"]


def list_nodes(layers, models):
    """inbound_nodes in the form of Keras 2; models count their own making as a call there."""
    def ref(tensor, kwargs):
        name, node, index = history(tensor)
        return [name, node + (name in models), index, kwargs]

    layers[:] = [layer for layer in layers if layer["class_name"] != "NotEqual"]  # how Keras 3 writes a mask
    for layer in layers:
        calls = []
        for node in layer.get("inbound_nodes", []):
            first = node["args"][0]
            tensors = first if isinstance(first, list) else [first]
            kwargs = {k: v for k, v in node["kwargs"].items() if v is not None and k != "mask"}
            calls.append([ref(t, kwargs) for t in tensors])
        layer["inbound_nodes"] = calls


def refs(x):
    return [x] if x and isinstance(x[0], str) else x


def repair_layer(layer, key, plain_dtype, camels):
    c = layer["config"]
    if "batch_shape" in c:
        shape = c.pop("batch_shape")
        c[key] = shape[1:] if key in ("inputShape", "input_shape") else shape
    if plain_dtype and isinstance(c.get("dtype"), dict):
        c["dtype"] = c["dtype"]["config"]["name"]
    if camels:
        for old in list(c):
            value = c.pop(old)
            if isinstance(value, str) and old not in ("name", "dtype"):
                value = camel(value)
            c[old if old in ("input_layers", "output_layers") else camel(old)] = value


def repair(key="batchInputShape", plain_dtype=True, camels=False, rename=None, loose=False, bare=False):
    """An edit: key names the shape of inputs; loose leaves inbound_nodes in a Sequential; bare drops modules."""

    def edit(j, folder):
        def model(m):
            c = m["config"]
            for layer in c["layers"]:
                if layer["class_name"] in ("Functional", "Sequential"):
                    model(layer)
            if m["class_name"] == "Functional":
                models = {l["config"]["name"] for l in c["layers"] if l["class_name"] in ("Functional", "Sequential")}
                list_nodes(c["layers"], models)
                c["input_layers"], c["output_layers"] = refs(c["input_layers"]), refs(c["output_layers"])
            elif loose:
                before = None
                for layer in c["layers"]:
                    layer["name"] = layer["config"]["name"]
                    layer["inbound_nodes"] = [[before, 0, 0, {}]] if before else []
                    before = layer["name"]

        topology = j["modelTopology"]
        model(topology["model_config"])
        for layer in list(all_layers(topology["model_config"]["config"])):
            repair_layer(layer, key, plain_dtype, camels)
            if bare:
                for k in ("module", "registered_name", "build_config", "compile_config"):
                    layer.pop(k, None)
        models = {m["config"]["name"] for m in all_layers(topology["model_config"]) if "layers" in m["config"]}
        for group in j["weightsManifest"]:
            for w in group["weights"]:
                while w["name"].split("/")[0] in models:  # Keras 3 puts a Sequential's name before its layers'
                    w["name"] = w["name"].split("/", 1)[1]
                w["name"] = rename(w["name"]) if rename else w["name"]

    return edit


def seq(shape, layers, dtype="float32"):
    """A Sequential; layers(L) is what follows the input."""

    def build(k, rng):
        m = k.K.Sequential([k.L.Input(shape, dtype=dtype, name="x")] + layers(k.L))
        v = ids(rng, 7, *shape) if dtype == "int32" else floats(rng, *shape)
        if dtype == "int32":
            v[:, 0] += v[:, 0] == 0
        return m, {"x": v}

    return build


def images(L):
    return [L.Conv2D(3, (2, 2), strides=(1, 2), padding="same", activation="relu", name="c1"),
            L.MaxPooling2D((2, 2), strides=(1, 1), name="p"), L.BatchNormalization(name="bn"),
            L.DepthwiseConv2D(2, use_bias=False, name="dw"), L.GlobalAveragePooling2D(name="gap"), L.Dense(2, name="d")]


def ranking(k, rng):
    L = k.L
    user, item, age = L.Input((1,), dtype="int32", name="user"), L.Input((2,), dtype="int32", name="item"), L.Input((2,), name="age")
    h = L.Concatenate(name="join")([L.Flatten(name="fu")(L.Embedding(6, 3, name="eu")(user)),
                                    L.Flatten(name="fi")(L.Embedding(7, 2, name="ei")(item)), age])
    h = L.Dropout(0.2, name="drop")(L.Dense(4, activation="relu", name="fc")(h))
    y = L.Dense(1, activation="sigmoid", name="click")(h)
    return k.K.Model([user, item, age], [y, L.Dense(2, activation="softmax", name="buy")(h)]), {
        "user": ids(rng, 6, 1), "item": ids(rng, 7, 2), "age": floats(rng, 2)}


def shared(k, rng):
    """A layer and a nested model, called twice each."""
    L = k.L
    q = L.Input((3,), name="q")
    t = k.K.Model(q, L.Dense(2, activation="tanh", name="t1")(q), name="tower")
    s = k.K.Sequential([L.Input((2,), name="s_in"), L.Dense(2, name="s1")], name="seq")
    x, y, d = L.Input((3,), name="x"), L.Input((3,), name="y"), L.Dense(3, name="d")
    u, v = t(d(x)), t(d(y))
    return k.K.Model([x, y], [L.Add(name="sum")([u, s(v)]), L.Dense(1, name="out")(s(u))]), {
        "x": floats(rng, 3), "y": floats(rng, 3)}


def din(k, rng):
    """Masked history, GlobalAveragePooling1D of it."""
    L = k.L
    h, x = L.Input((4,), dtype="int32", name="history"), L.Input((2,), name="x")
    e = L.Embedding(7, 3, mask_zero=True, name="emb")(h)
    y = L.Concatenate(name="join")([L.GlobalAveragePooling1D(name="avg")(e), L.Dense(2, name="d")(x)])
    inputs = {"history": ids(rng, 7, 4), "x": floats(rng, 2)}
    inputs["history"][:, 0] = 3
    inputs["history"][:, 2] = 0
    return k.K.Model([h, x], L.Dense(2, name="out")(y)), inputs


def lingering(k, rng):
    """A Softmax over as many things as there are steps, after a masked LSTM."""
    L = k.L
    h = L.Input((4,), dtype="int32", name="history")
    r = L.LSTM(3, name="read")(L.Embedding(7, 3, mask_zero=True, name="emb")(h))
    inputs = {"history": ids(rng, 7, 4)}
    inputs["history"][:, 0], inputs["history"][:, 2] = 3, 0
    return k.K.Model(h, L.Softmax(name="s")(L.Dense(4, name="d")(r))), inputs


def bi_names(name):
    """What TensorFlow.js calls the halves: forward_ and the inner layer's name, which is forward_... itself."""
    n = re.sub(r"/(?:lstm|gru|simple_rnn)_cell/", "/", name)
    return re.sub(r"/(forward|backward)_(\w+)/", r"/\1_forward_\2/", n)


def td_names(name):
    parts = name.split("/")
    return "/".join([parts[0], parts[-1]])


def positions(table):
    """Names by layer for the positions of an archive; table: {position: (layer, weight names)}."""

    def rename(name):
        _, position, _, index = name.split("/")
        layer, weights = table[position]
        return f"{layer}/{weights[int(index)]}"

    return rename


def register():
    def add(name, about, build, keras="k315", **options):
        case("repaired_" + name, "repaired", about, build, keras, edit=repair(**options))

    dense = seq((3,), lambda L: [L.Dense(4, activation="relu", name="d1"), L.Dense(2, name="d2")])
    for key in ("batchInputShape", "inputShape", "batch_input_shape", "input_shape"):
        add("dense_" + key, f"batch_shape renamed to {key}", dense, key=key)
    add("dense_policy", "the dtype left as a policy", dense, plain_dtype=False)
    add("dense_bare", "modules and build configs dropped", dense, "k38", bare=True)
    add("dense_loose", "loose inbound_nodes in a Sequential", dense, "k33 k315", loose=True, key="batch_input_shape")
    add("dense_loose_camel", "loose inbound_nodes, camelCase", dense, loose=True, camels=True)
    add("ranking", "inbound_nodes as lists", ranking, "k33 k38 k315", key="batch_input_shape")
    add("ranking_camel", "inbound_nodes as lists, camelCase", ranking, camels=True, bare=True)
    add("ranking_input_shape", "inbound_nodes as lists, inputShape", ranking, key="inputShape")
    add("shared", "nested models, called twice", shared, "k38 k315")
    add("shared_camel", "nested models, camelCase", shared, camels=True, key="inputShape")
    depthwise = lambda n: n.replace("dw/kernel", "dw/depthwise_kernel")
    add("images", "Conv2D and pools", seq((4, 5, 2), images), rename=depthwise)
    add("images_camel", "Conv2D and pools, camelCase keys and values", seq((4, 5, 2), images), "k33 k315", camels=True,
        rename=depthwise)
    lstm = seq((4, 3), lambda L: [L.LSTM(3, return_sequences=True, name="lstm"), L.LSTM(2, name="lstm_1")])
    add("lstm", "LSTM with the names of its cell", lstm)
    add("lstm_names", "LSTM as lstm/kernel", lstm, rename=td_names)
    add("lstm_camel", "LSTM, camelCase, lstm/kernel", lstm, "k38", rename=td_names, camels=True)
    hard = seq((4, 3), lambda L: [L.LSTM(2, recurrent_activation="hard_sigmoid", name="lstm"),
                                  L.Dense(3, activation="hard_sigmoid", name="d"), L.Activation("hard_sigmoid", name="a")])
    add("hard_sigmoid", "hard_sigmoid, 1/6 in Keras 3, 0.2 in TensorFlow.js", hard)
    add("hard_sigmoid_camel", "hardSigmoid", hard, camels=True)
    gru = seq((4, 3), lambda L: [L.GRU(2, reset_after=False, name="gru"), L.Dense(2, name="d")])
    add("gru", "GRU, reset_after false", gru, rename=td_names, camels=True)
    bi = seq((4, 3), lambda L: [L.Bidirectional(L.LSTM(2, return_sequences=True, name="lstm"), name="bidirectional"),
                                L.Bidirectional(L.LSTM(3, name="second"), merge_mode="sum", name="bi_2"),
                                L.Dense(2, name="d")])
    add("bi", "Bidirectional with the names of TensorFlow.js", bi, "k38 k315", rename=bi_names)
    add("bi_camel", "Bidirectional, camelCase", bi, rename=bi_names, camels=True)
    bi_gru = seq((4,), lambda L: [L.Embedding(7, 3, mask_zero=True, name="e"), L.Bidirectional(
        L.GRU(2, reset_after=False, name="g"), merge_mode="mul", name="both")], "int32")
    add("bi_gru", "Bidirectional GRU over a mask", bi_gru, rename=bi_names, key="inputShape")
    td = seq((4, 3), lambda L: [L.TimeDistributed(L.Dense(4, activation="relu", name="inner"), name="td"),
                                L.TimeDistributed(L.Dense(2, name="inner_2"), name="td_2"), L.Flatten(name="f"),
                                L.Dense(2, name="d")])
    add("td", "TimeDistributed as td/kernel", td, "k33 k315", rename=td_names)
    add("td_camel", "TimeDistributed, camelCase", td, rename=td_names, camels=True)
    add("td_conv", "TimeDistributed Conv2D", seq((2, 3, 3, 2), lambda L: [L.TimeDistributed(
        L.Conv2D(2, 2, name="c"), name="td"), L.TimeDistributed(L.Flatten(name="fl"), name="td_f"), L.SimpleRNN(2, name="r")]),
        rename=td_names, camels=True)
    add("leaky", "LeakyReLU's negative_slope, which TensorFlow.js does not read", seq((3,), lambda L: [
        L.Dense(4, name="d"), L.LeakyReLU(negative_slope=0.05, name="leaky"), L.Dense(2, name="e"), L.LeakyReLU(name="l2")]),
        "k38 k315")
    add("leaky_camel", "negativeSlope", seq((3,), lambda L: [L.Dense(4, name="d"), L.LeakyReLU(
        negative_slope=0.5, name="leaky")]), camels=True)
    add("masked_average", "GlobalAveragePooling1D of a masked history", din, "k33 k315")
    add("masked_average_camel", "GlobalAveragePooling1D of a masked history, camelCase", din, camels=True)
    add("softmax", "Softmax, masked in TensorFlow.js by what a history left behind", lingering, "k38 k315")
    add("softmax_camel", "Softmax after a masked history, camelCase", lingering, camels=True, bare=True)
    add("softmax_plain", "Softmax, PReLU, ELU, LayerNormalization", seq((4,), lambda L: [
        L.Dense(4, name="d"), L.PReLU(name="p"), L.LayerNormalization(name="ln"), L.ELU(name="elu"), L.Softmax(name="s")]))
    add("relu_options", "ReLU(max_value, negative_slope)", seq((4,), lambda L: [L.ReLU(
        max_value=1.0, negative_slope=0.25, name="r"), L.Dense(3, name="d")]), camels=True)
    add("conv1d", "Conv1D, pools, UpSampling1D", seq((6, 2), lambda L: [
        L.Conv1D(3, 2, dilation_rate=2, name="c"), L.AveragePooling1D(2, padding="same", name="p"), L.Flatten(name="f"), L.Dense(2, name="d")]), camels=True)
    add("repeat", "RepeatVector, Reshape, Permute, Masking", seq((3,), lambda L: [
        L.RepeatVector(2, name="r"), L.Permute((2, 1), name="p"), L.Reshape((2, 3), name="re"), L.Masking(0.5, name="m"),
        L.SimpleRNN(2, return_sequences=True, name="rnn")]), camels=True, rename=td_names, key="input_shape")
    weights = ["kernel", "bias"]
    archive = positions({"dense": ("d1", weights), "dense_1": ("d2", weights)})
    for key in ("batchInputShape", "inputShape"):
        add("archive_" + key, "an archive whose weights got the layers' names", dense, {"k315": "keras"}, key=key,
            rename=archive)
