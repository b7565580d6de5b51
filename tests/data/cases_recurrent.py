"""Cases of recurrent layers and wrappers; generate_cases.py runs them.

K and L are the Keras that is asked, 2 or 3, and its layers; generate_cases.py sets them.
"""
from golden import *

L = K.layers
CLASSES = {}
# Those whose files or answers are others in Keras 3.
KERAS3 = ["ConvLSTM2D", "GRU", "RNN"]


def file(f):
    CLASSES[f.__name__] = f
    return f


# Padding behind and before, a hole, no padding, padding only.
IDS = np.array([[3, 1, 0, 0], [0, 0, 4, 2], [5, 0, 1, 2], [4, 4, 1, 3], [0, 0, 0, 0]], np.int32)


def embedded(x, name="e"):
    return L.Embedding(6, 3, mask_zero=True, name=name)(x)


def padded(c, case, *shape):
    """Floats whose steps are zeros where IDS are padding."""
    v = c.floats(case, 5, 4, *shape)
    v[IDS == 0] = 0
    return v


def together(outputs):
    """Several outputs of one layer as one, since a layer's outputs have one name."""
    flat = [L.Flatten(name=f"f{i}")(o) if len(o.shape) > 2 else o for i, o in enumerate(tf.nest.flatten(outputs))]
    return L.Concatenate(name="all")(flat)


def options(c, R, **more):
    """What all recurrent layers have in common."""
    states = 2 if R is L.LSTM else 1

    def layer(units=3, **options):
        return R(units, name="y", **more, **options)

    c.one("plain", layer(), 5, 4)
    c.one("one_step", layer(), 1, 4, batch=1)
    c.one("units_5", layer(5, return_sequences=True), 5, 4, batch=1)
    c.one("no_bias", layer(use_bias=False), 5, 4)
    c.one("relu", layer(activation="relu"), 5, 4)
    c.one("backwards", layer(go_backwards=True), 5, 4)
    c.one("backwards_sequences", layer(go_backwards=True, return_sequences=True), 5, 4)
    c.one("unroll", layer(unroll=True, implementation=1, dropout=0.5, recurrent_dropout=0.5), 5, 4)
    c.one("states", lambda x: together(layer(return_state=True)(x)), 5, 4)
    c.one("sequences_and_states",
          lambda x: together(layer(return_state=True, return_sequences=True)(x)), 5, 4)
    initial = {f"x{i + 1}": c.floats(f"initial{i}", 3, 3) for i in range(states)}
    x = {"x0": c.floats("initial", 3, 5, 4), **initial}
    c.add("initial_states", lambda x, *h: layer()(x, initial_state=list(h)), x)
    c.add("initial_states_backwards_and_states", lambda x, *h: together(
        layer(go_backwards=True, return_state=True, return_sequences=True)(x, initial_state=list(h))), x)
    c.add("embedding", lambda x: layer()(embedded(x)), {"x": IDS})
    c.add("embedding_sequences", lambda x: layer(return_sequences=True)(embedded(x)), {"x": IDS})
    c.one("masking_backwards_sequences", lambda x: layer(go_backwards=True, return_sequences=True)(
        L.Masking(name="m")(x)), x=padded(c, "mb", 2))
    c.add("embedding_states", lambda x: together(
        layer(return_state=True, return_sequences=True)(embedded(x))), {"x": IDS})
    x = {"x0": IDS, **{f"x{i + 1}": c.floats(f"masked_initial{i}", 5, 3) for i in range(states)}}
    c.add("embedding_initial_states", lambda x, *h: layer(return_sequences=True)(
        embedded(x), initial_state=list(h)), x)
    c.add("embedding_initial_states_last", lambda x, *h: layer(go_backwards=True)(
        embedded(x), initial_state=list(h)), x)
    c.add("embedding_two_layers", lambda x: layer()(
        R(4, return_sequences=True, name="first", **more)(embedded(x))), {"x": IDS})
    # In TF.js the mask lingers, and so do states.
    c.add("lingering_states", lambda x, *h: layer()(R(3, return_sequences=True, name="first", **more)(
        embedded(x), initial_state=list(h))), x)
    c.add("lingering_mask", lambda x, v: L.Add(name="sum")([
        layer()(v), R(3, name="other", **more)(embedded(x))]), {"x0": IDS, "x1": c.floats("lm", 5, 4, 3)})


@file
def SimpleRNN(c):
    options(c, L.SimpleRNN)
    c.one("units_65", L.SimpleRNN(65, name="y"), 2, 3, batch=1)
    c.one("linear", L.SimpleRNN(3, activation="linear", name="y"), 5, 4)
    c.one("input_length", L.SimpleRNN(3, name="y", input_shape=(5, 4)), 5, 4)


@file
def GRU(c):
    options(c, L.GRU, reset_after=True)
    c.one("hard_sigmoid", L.GRU(3, recurrent_activation="hard_sigmoid", name="y"), 5, 4)


@file
def GRUResetBefore(c):
    options(c, L.GRU, reset_after=False)
    c.one("hard_sigmoid", L.GRU(3, reset_after=False, recurrent_activation="hard_sigmoid", name="y"), 5, 4)


@file
def LSTM(c):
    options(c, L.LSTM)
    c.one("hard_sigmoid", L.LSTM(3, recurrent_activation="hard_sigmoid", name="y"), 5, 4)
    c.one("no_forget_bias", L.LSTM(3, unit_forget_bias=False, name="y"), 5, 4)


@file
def RNN(c):
    cells = {
        "simple": lambda: L.SimpleRNNCell(3),
        "gru": lambda: L.GRUCell(3, reset_after=False),
        "gru_reset_after": lambda: L.GRUCell(3),
        "lstm": lambda: L.LSTMCell(3, activation="relu"),
        "stacked_one": lambda: L.StackedRNNCells([L.LSTMCell(3)]),
        "stacked": lambda: L.StackedRNNCells([L.LSTMCell(3), L.GRUCell(5, reset_after=False), L.SimpleRNNCell(2)]),
    }
    for n, cell in cells.items():
        c.one(n, L.RNN(cell(), name="y"), 5, 4)
        c.add(n + "_embedding_sequences", lambda x: L.RNN(cell(), return_sequences=True, name="y")(embedded(x)),
              {"x": IDS})
    for n in ("lstm", "stacked"):
        c.one(n + "_states", lambda x: together(
            L.RNN(cells[n](), return_state=True, return_sequences=True, name="y")(x)), 5, 4)
        c.one(n + "_backwards", L.RNN(cells[n](), go_backwards=True, return_sequences=True, name="y"), 5, 4)


@file
def StackedInitialStates(c):
    """RNN of stacked cells that is given where to begin; Keras nests the states of a cell that has several."""
    cells = lambda: L.StackedRNNCells([L.LSTMCell(3), L.GRUCell(2, reset_after=False)])
    one_state = lambda: L.StackedRNNCells([L.SimpleRNNCell(3), L.GRUCell(2)])

    def states(case, batch, *units):
        return {f"x{i + 1}": c.floats(f"{case}{i}", batch, u) for i, u in enumerate(units)}

    x = {"x0": c.floats("x", 3, 5, 4), **states("nested", 3, 3, 3, 2)}
    c.add("nested", lambda x, h, s, g: L.RNN(cells(), name="y")(x, initial_state=[[h, s], g]), x)
    c.add("nested_backwards_states", lambda x, h, s, g: together(L.RNN(
        cells(), go_backwards=True, return_sequences=True, return_state=True, name="y")(
        x, initial_state=[[h, s], g])), x)
    x = {"x0": c.floats("flat", 1, 3, 2), **states("flat", 1, 3, 2)}
    c.add("flat", lambda x, h, g: L.RNN(one_state(), name="y")(x, initial_state=[h, g]), x)
    x = {"x0": c.floats("single", 1, 3, 2), **states("single", 1, 3, 3)}
    c.add("single", lambda x, h, s: L.RNN(L.StackedRNNCells([L.LSTMCell(3)]), name="y")(
        x, initial_state=[[h, s]]), x)
    x = {"x0": IDS, **states("masked", 5, 3, 3, 2)}
    for n, o in (("last", {"go_backwards": True}), ("sequences", {"return_sequences": True})):
        c.add("masked_" + n, lambda x, h, s, g: L.RNN(cells(), name="y", **o)(
            embedded(x), initial_state=[[h, s], g]), x)

    if K.__version__.startswith("3"):
        return
    x = {"x0": c.floats("tfjs", 3, 5, 4), **states("tfjs", 3, 3, 3, 2)}
    c.add("saved_by_tfjs", lambda x, h, s, g: L.RNN(cells(), name="y")(x, initial_state=[[h, s], g]), x)
    as_tfjs_saves_stacked_cells(c.cases[-1])
    c.add("saved_by_tfjs_states", lambda x, h, s, g: together(L.RNN(
        cells(), return_state=True, name="y")(x, initial_state=[[h, s], g])), x)
    as_tfjs_saves_stacked_cells(c.cases[-1])
    c.one("saved_by_tfjs_zeros", L.RNN(cells(), return_sequences=True, name="y"), 3, 4, batch=1)
    as_tfjs_saves_stacked_cells(c.cases[-1])


def as_tfjs_saves_stacked_cells(case):
    """Cells counted, and written twice; states in a flat list, those of the last cell first: of h, s and g, g."""
    for w in case["weights"]:
        _, _, cell, weight = w["name"].split("/")
        w["name"] = f"y/RNNCell_{int(cell.startswith('gru'))}/{weight}"
    layers = {l["name"]: l for l in case["topology"]["model_config"]["config"]["layers"]}
    y = layers["y"]
    y["config"]["cells"] = y["config"]["cell"]["config"]["cells"]
    call = y["inbound_nodes"][0]
    if len(call) > 1:
        y["inbound_nodes"][0] = [call[0], call[2], *call[1]]
    if "all" in layers:
        for tensor in layers["all"]["inbound_nodes"][0]:
            tensor[2] = [0, 2, 3, 1][tensor[2]]


@file
def Bidirectional(c):
    def B(layer, **options):
        return L.Bidirectional(layer, name="y", **options)

    for n, R, o in (("simple", L.SimpleRNN, {}), ("gru", L.GRU, {}),
                    ("gru_reset_before", L.GRU, {"reset_after": False}), ("lstm", L.LSTM, {})):
        c.one(n, B(R(3, name="r", **o)), 5, 4)
        c.one(n + "_sequences", B(R(3, return_sequences=True, name="r", **o)), 5, 4)
    for mode in ("sum", "ave", "mul"):
        c.one(mode, B(L.LSTM(3, name="r"), merge_mode=mode), 5, 4)
        c.one(mode + "_sequences", B(L.LSTM(3, return_sequences=True, name="r"), merge_mode=mode), 5, 4, batch=1)
    c.one("apart", lambda x: together(B(L.LSTM(3, name="r"), merge_mode=None)(x)), 5, 4)
    c.one("states", lambda x: together(B(L.LSTM(3, return_state=True, name="r"))(x)), 5, 4)
    c.one("apart_sequences_and_states", lambda x: together(
        B(L.GRU(3, return_state=True, return_sequences=True, reset_after=False, name="r"), merge_mode=None)(x)), 5, 4)
    c.one("backwards_inside", B(L.LSTM(3, go_backwards=True, return_sequences=True, name="r")), 5, 4)
    c.one("backward_layer", B(L.LSTM(3, name="r"), backward_layer=L.LSTM(
        3, activation="relu", go_backwards=True, name="s")), 5, 4)
    c.one("backward_layer_gru", B(L.LSTM(3, return_sequences=True, name="r"), backward_layer=L.GRU(
        2, go_backwards=True, return_sequences=True, name="s")), 5, 4)
    c.one("rnn", B(L.RNN(L.LSTMCell(3), return_sequences=True, name="r")), 5, 4)
    c.add("embedding", lambda x: B(L.LSTM(3, name="r"))(embedded(x)), {"x": IDS})
    c.add("embedding_gru", lambda x: B(L.GRU(3, name="r"))(embedded(x)), {"x": IDS})
    c.add("embedding_sequences", lambda x: B(L.LSTM(3, return_sequences=True, name="r"))(embedded(x)), {"x": IDS})
    c.one("masking_sequences_sum", lambda x: B(L.SimpleRNN(3, return_sequences=True, name="r"), merge_mode="sum")(
        L.Masking(name="m")(x)), x=padded(c, "mss", 2))
    c.add("embedding_two_layers", lambda x: L.LSTM(2, name="last")(
        B(L.LSTM(3, return_sequences=True, name="r"))(embedded(x))), {"x": IDS})
    states = {f"x{i + 1}": c.floats(f"initial{i}", 3, 3) for i in range(4)}
    c.add("initial_states", lambda x, *h: B(L.LSTM(3, name="r"))(x, initial_state=list(h)),
          {"x0": c.floats("initial", 3, 5, 4), **states})


@file
def TimeDistributedLayers(c):
    """Layers whose steps are computed one by one, and options of those that are not."""
    T = lambda layer: L.TimeDistributed(layer, name="y")
    c.one("gru", T(L.GRU(2, reset_after=False, name="r")), 3, 4, 3)
    c.one("lstm_sequences", T(L.LSTM(2, return_sequences=True, name="r")), 2, 3, 3)
    c.one("bidirectional", T(L.Bidirectional(L.LSTM(2, name="r"), name="b")), 2, 3, 3)
    c.one("average_pooling", T(L.GlobalAveragePooling1D(name="p")), 2, 3, 4)
    c.one("one_step", T(L.GlobalMaxPooling1D(name="p")), 1, 3, 4)
    c.one("repeat_vector", T(L.RepeatVector(2, name="r")), 3, 4)
    c.one("permute", T(L.Permute((2, 1), name="r")), 3, 2, 4)
    c.one("reshape_minus_one", T(L.Reshape((-1, 2), name="r")), 3, 4)
    c.one("softmax", T(L.Softmax(name="s")), 3, 4)
    c.one("softmax_axis_1", T(L.Softmax(axis=1, name="s")), 3, 2, 4)
    c.one("layer_normalization_axis_1", T(L.LayerNormalization(axis=1, name="s")), 3, 2, 4)
    c.one("batch_normalization_axis_2", T(L.BatchNormalization(axis=2, name="s")), 3, 2, 4)
    c.one("prelu_shared", T(L.PReLU(shared_axes=[1], name="s")), 3, 2, 4)
    c.add("embedding", lambda x: T(L.Embedding(6, 2, name="e"))(x), {"x": c.ids("embedding", 6, 3, 2, 4)})
    i = L.Input((4,), name="i")
    inner = K.Model(i, L.Concatenate(name="c")([L.Dense(2, name="d1")(i), L.BatchNormalization(name="b")(i)]))
    c.one("model", T(inner), 3, 4)
    v = c.floats("masked", 3, 4, 3)
    v[0, 2:] = 0
    v[1, 1] = 0
    c.one("masked_prelu", lambda x: L.LSTM(2, name="z")(T(L.PReLU(name="l"))(L.Masking(name="m")(x))), x=v)


@file
def ConvLSTM2D(c):
    def layer(**options):
        return L.ConvLSTM2D(**{"filters": 2, "kernel_size": (2, 1), "name": "y", **options})

    first = {"data_format": "channels_first"}
    for i, (n, o) in enumerate({
            "plain": {"kernel_size": (3, 2), "filters": 3}, "same": {"padding": "same", "kernel_size": (2, 3)},
            "strides_2": {"strides": 2},
            "same_strides_2_1": {"padding": "same", "strides": (2, 1)}, "dilation_2_1": {"dilation_rate": (2, 1)},
            "kernel_1_filters_4": {"filters": 4, "kernel_size": 1}, "no_bias": {"use_bias": False},
            "sigmoid_relu": {"recurrent_activation": "sigmoid", "activation": "relu"},
            "linear": {"activation": "linear", "recurrent_activation": "hard_sigmoid", "filters": 1},
            "sequences": {"return_sequences": True}, "backwards": {"go_backwards": True, "dropout": 0.5},
            "backwards_sequences": {"go_backwards": True, "return_sequences": True, "padding": "same"},
            }.items()):
        c.one(n, layer(**o), 2 + i % 4 // 3, 4, 3, 2, batch=1 if i else 3)
    c.one("one_step", layer(return_sequences=True), 1, 4, 3, 2, batch=1)
    c.one("first", layer(**first), 2, 2, 4, 3, batch=1, compiled=True)
    c.one("first_sequences", layer(filters=1, return_sequences=True, padding="same", **first), 2, 3, 3, 2, batch=2,
          compiled=True)
    c.one("states", lambda x: together(layer(return_state=True)(x)), 2, 4, 3, 2, batch=1)
    c.one("sequences_and_states_first", lambda x: together(
        layer(return_state=True, return_sequences=True, **first)(x)), 2, 2, 4, 3, batch=1, compiled=True)
    # TF.js throws: the mask of the other layer has no dimensions of images.
    c.add("lingering_mask", lambda x, v: L.Concatenate(name="all")([
        L.Flatten(name="f")(layer()(v)), L.SimpleRNN(2, name="other")(embedded(x))]),
        {"x0": IDS[:2], "x1": c.floats("lm", 2, 4, 2, 2, 1)})


@file
def ConvLSTM2DStates(c):
    """Initial states, and masks: of positions, by Masking, or of steps, where the call names one."""
    def layer(**options):
        return L.ConvLSTM2D(**{"filters": 2, "kernel_size": (2, 1), "name": "y", **options})

    def images(case, batch, *shape):
        """With positions and steps that are zeros."""
        v = c.floats(case, batch, *shape)
        v[0, 0] = 0
        v[-1, -1, 1:, 0] = 0
        v[-1, 1, 0, 1] = 0
        return v

    def begun(case, batch, images, *state):
        return {"x0": images, "x1": c.floats(case + "1", batch, *state), "x2": c.floats(case + "2", batch, *state)}

    first = {"data_format": "channels_first"}
    x = begun("initial", 3, c.floats("initial", 3, 2, 4, 3, 2), 3, 3, 2)
    c.add("initial", lambda x, *s: layer()(x, initial_state=list(s)), x)
    c.add("initial_backwards_states", lambda x, *s: together(layer(
        go_backwards=True, return_sequences=True, return_state=True)(x, initial_state=list(s))), x)
    x = begun("one_step", 1, c.floats("one_step", 1, 1, 4, 3, 1), 2, 3, 1)
    c.add("initial_strides_one_step", lambda x, *s: layer(filters=1, strides=(2, 1), padding="same")(
        x, initial_state=list(s)), x)
    x = begun("first", 1, c.floats("first", 1, 2, 2, 4, 3), 2, 3, 3)
    c.add("initial_first", lambda x, *s: layer(**first)(x, initial_state=list(s)), x, compiled=True)
    x = images("masking", 3, 3, 3, 2, 2)
    for i, o in enumerate(({}, {"return_sequences": True}, {"go_backwards": True, "return_sequences": True})):
        c.one(f"masking_{i}", lambda x: layer(padding="same", **o)(L.Masking(name="m")(x)), x=x)
    c.one("masking_states", lambda x: together(layer(padding="same", return_state=True)(L.Masking(name="m")(x))), x=x)
    c.one("masking_two_layers", lambda x: layer(padding="same")(layer(
        padding="same", return_sequences=True, filters=1, name="first")(L.Masking(name="m")(x))), x=x)
    x = begun("masked", 3, x, 3, 2, 2)
    c.add("masking_initial", lambda x, *s: layer(padding="same", return_sequences=True)(
        L.Masking(name="m")(x), initial_state=list(s)), x)
    c.add("masking_initial_backwards_states", lambda x, *s: together(layer(
        padding="same", go_backwards=True, return_state=True)(L.Masking(name="m")(x), initial_state=list(s))), x)
    steps = np.array([[1, 0, 1], [0, 1, 0]], np.int32)
    x = {"x0": c.floats("steps", 2, 3, 3, 2, 1), "x1": steps}
    c.add("mask_of_steps", lambda x, m: layer(return_sequences=True)(x, mask=m), x)
    c.add("mask_of_steps_first", lambda x, m: layer(padding="same", **first)(x, mask=m), x, compiled=True)


@file
def Stateful(c):
    """The first prediction of layers that carry their states on; both take batches of the model's size alone."""
    for n, layer in {
            "lstm": lambda: L.LSTM(2, stateful=True, return_sequences=True, name="y"),
            "gru_reset_before": lambda: L.GRU(2, reset_after=False, stateful=True, name="y"),
            "bidirectional": lambda: L.Bidirectional(L.LSTM(2, stateful=True, name="r"), name="y"),
            "rnn": lambda: L.RNN(L.SimpleRNNCell(2), stateful=True, name="y"),
            }.items():
        c.one(n, lambda x: layer()(x), 3, 2, fixed_batch=True)
    c.one("conv_lstm_2d", L.ConvLSTM2D(1, (2, 1), stateful=True, name="y"), 2, 3, 2, 1, batch=1, fixed_batch=True)
