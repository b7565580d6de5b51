"""Writes models/*/{model.json,*.bin,input.safetensors,keras.safetensors} and models.json.

    python generate_models.py            all models
    python generate_models.py NAME...    some; the other entries of models.json stay as they are

Afterwards `node record_tfjs.mjs models` adds the answers of TensorFlow.js.
"""
from golden import *

import shutil

import cases_attention
import models_attention
import models_recurrent
import models_keras3
from safetensors.numpy import save_file

import models_convolution
import models_recommenders
import models_sequences

L = K.layers
BATCH = 7
MODELS = {}


def model(about, note="", batch=BATCH, flags=()):
    def register(f):
        MODELS[f.__name__] = {"build": f, "about": about, "note": note, "batch": batch, "flags": flags}
        return f

    return register


# ---- inputs --------------------------------------------------------------------------------


def ids(rng, batch, vocabulary, shape=(1,)):
    return rng.integers(0, vocabulary, (batch,) + shape).astype(np.int32)


def history(rng, batch, vocabulary, steps, holes=False):
    """Ids from 1, padded with 0 at the end; never a row of padding only."""
    h = rng.integers(1, vocabulary, (batch, steps)).astype(np.int32)
    for row in h:
        row[rng.integers(1, steps + 1):] = 0
        if holes:
            row[1:][rng.random(steps - 1) < 0.25] = 0
    return h


def floats(rng, batch, *shape):
    return rng.standard_normal((batch,) + shape).astype(np.float32)


def id_input(name, shape=(1,)):
    return L.Input(shape, dtype="int32", name=name)


def embed(x, vocabulary, dim, name):
    """(batch, 1) ids to (batch, dim)."""
    return L.Flatten(name=name + "_flat")(L.Embedding(vocabulary, dim, name=name)(x))


# ---- models --------------------------------------------------------------------------------


def wide_deep_model(rng, batch):
    vocabularies = {"user": 23, "item": 31, "category": 7, "city": 5}
    dims = {"user": 5, "item": 6, "category": 3, "city": 3}
    cats = {n: id_input(n) for n in vocabularies}
    nums = {n: L.Input((1,), name=n) for n in ("price", "age", "hour")}
    dense = L.Input((5,), name="dense_features")
    deep = [embed(x, vocabularies[n], dims[n], n + "_emb") for n, x in cats.items()]
    numeric = L.Concatenate(name="numeric")(list(nums.values()) + [dense])
    numeric = L.BatchNormalization(name="numeric_bn")(numeric)
    h = L.Concatenate(name="deep_in")(deep + [numeric])
    h = L.Dense(16, activation="relu", name="fc1")(h)
    h = L.Dropout(0.3, name="drop")(h)
    h = L.Dense(8, activation="relu", name="fc2")(h)
    h = L.Dense(1, name="deep_out")(h)
    wide = [embed(x, vocabularies[n], 1, n + "_wide") for n, x in cats.items()]
    logit = L.Add(name="logit")(wide + [h])
    y = L.Activation("sigmoid", name="score")(logit)
    m = K.Model(list(cats.values()) + list(nums.values()) + [dense], y, name="wide_deep")
    inputs = {n: ids(rng, batch, v) for n, v in vocabularies.items()}
    inputs.update({n: floats(rng, batch, 1) for n in nums})
    inputs["dense_features"] = floats(rng, batch, 5)
    return m, inputs


@model("wide & deep: 4 id inputs, scalar and vector numerics, BatchNormalization, Add, sigmoid")
def wide_deep(rng, batch):
    return wide_deep_model(rng, batch)


@model("FM by (sum e)^2 - sum e^2 through Add, Multiply and Subtract, beside a deep part",
       "TF.js has no Subtract layer")
def deepfm(rng, batch):
    vocabularies = {"user": 29, "item": 37, "shop": 11}
    d = 4
    xs = {n: id_input(n) for n in vocabularies}
    es = [embed(x, vocabularies[n], d, n + "_emb") for n, x in xs.items()]
    first = [embed(x, vocabularies[n], 1, n + "_bias") for n, x in xs.items()]
    s = L.Add(name="sum_e")(es)
    square_of_sum = L.Multiply(name="square_of_sum")([s, s])
    sum_of_square = L.Add(name="sum_of_square")(
        [L.Multiply(name=f"square_{i}")([e, e]) for i, e in enumerate(es)])
    fm = L.Subtract(name="fm_vector")([square_of_sum, sum_of_square])
    fm = L.Dense(1, use_bias=False, name="fm")(fm)
    deep = L.Concatenate(name="deep_in")(es)
    deep = L.Dense(12, activation="relu", name="deep1")(deep)
    deep = L.Dense(1, name="deep2")(deep)
    y = L.Activation("sigmoid", name="ctr")(L.Add(name="logit")(first + [fm, deep]))
    return K.Model(list(xs.values()), y, name="deepfm"), {
        n: ids(rng, batch, v) for n, v in vocabularies.items()}


@model("DeepFM whose FM part is pairwise Dot of the embeddings")
def deepfm_dot(rng, batch):
    vocabularies = {"user": 29, "item": 37, "shop": 11}
    xs = {n: id_input(n) for n in vocabularies}
    es = [L.Embedding(vocabularies[n], 5, name=n + "_emb")(x) for n, x in xs.items()]
    flat = [L.Flatten(name=f"flat_{i}")(e) for i, e in enumerate(es)]
    dots = [L.Dot(axes=1, name="dot_01")([flat[0], flat[1]]),
            L.Dot(axes=-1, name="dot_02")([flat[0], flat[2]]),
            L.Flatten(name="dot_12_flat")(L.Dot(axes=(2, 2), name="dot_12")([es[1], es[2]]))]
    fm = L.Add(name="fm")(dots)
    deep = L.Concatenate(name="deep_in")(flat)
    deep = L.Dense(12, activation="relu", name="deep1")(deep)
    deep = L.Dense(1, name="deep2")(deep)
    y = L.Activation("sigmoid", name="ctr")(L.Add(name="logit")([fm, deep]))
    return K.Model(list(xs.values()), y, name="deepfm_dot"), {
        n: ids(rng, batch, v) for n, v in vocabularies.items()}


@model("neural collaborative filtering: GMF by Multiply and an MLP, Flatten and Reshape")
def ncf(rng, batch):
    u, i = id_input("user_id"), id_input("item_id")
    gu = embed(u, 41, 6, "gmf_user")
    gi = embed(i, 59, 6, "gmf_item")
    mu = L.Reshape((8,), name="mlp_user_flat")(L.Embedding(41, 8, name="mlp_user")(u))
    mi = L.Reshape((8,), name="mlp_item_flat")(L.Embedding(59, 8, name="mlp_item")(i))
    gmf = L.Multiply(name="gmf")([gu, gi])
    h = L.Concatenate(name="mlp_in")([mu, mi])
    for k, n in enumerate((16, 8, 4)):
        h = L.Dense(n, activation="relu", name=f"mlp_{k}")(h)
    y = L.Dense(1, activation="sigmoid", name="prediction")(L.Concatenate(name="both")([gmf, h]))
    return K.Model([u, i], y, name="ncf"), {
        "user_id": ids(rng, batch, 41), "item_id": ids(rng, batch, 59)}


def dlrm_model(rng, batch, name, numerics, sizes, bottom_widths, top_widths):
    """The embeddings are as wide as the last layer of the bottom MLP."""
    d = bottom_widths[-1]
    numeric = L.Input((numerics,), name="numeric")
    vocabularies = {f"c{k}": v for k, v in enumerate(sizes)}
    xs = {n: id_input(n) for n in vocabularies}
    bottom = numeric
    for k, width in enumerate(bottom_widths):
        bottom = L.Dense(width, activation="relu", name=f"bot{k + 1}")(bottom)
    rows = [L.Reshape((1, d), name="bottom_row")(bottom)]
    for n, x in xs.items():
        e = embed(x, vocabularies[n], d, n + "_emb")
        rows.append(L.Reshape((1, d), name=n + "_row")(e))
    stack = L.Concatenate(axis=1, name="stack")(rows)
    pairs = L.Flatten(name="pairs_flat")(L.Dot(axes=(2, 2), name="pairs")([stack, stack]))
    h = L.Concatenate(name="top_in")([bottom, pairs])
    for k, width in enumerate(top_widths):
        h = L.Dense(width, activation="relu", name=f"top{k + 1}")(h)
    y = L.Dense(1, activation="sigmoid", name="click")(h)
    inputs = {"numeric": floats(rng, batch, numerics)}
    inputs.update({n: ids(rng, batch, v) for n, v in vocabularies.items()})
    return K.Model([numeric] + list(xs.values()), y, name=name), inputs


@model("DLRM: bottom MLP, 5 embeddings stacked by Reshape and Concatenate(axis=1), "
       "Dot(axes=(2,2)) of the stack with itself, top MLP",
       "one tensor is given twice to the same layer, and to nothing else")
def dlrm(rng, batch):
    return dlrm_model(rng, batch, "dlrm", 9, (13, 47, 5, 22, 31), (12, 6), (16,))


@model("DLRM of the shape used for Criteo: 13 numerics, 26 embeddings of width 16 (vocabularies cut to 3..500)")
def dlrm_26(rng, batch):
    sizes = (144, 55, 397, 210, 30, 12, 243, 63, 3, 205, 187, 310, 165, 26, 221,
             279, 10, 197, 92, 4, 301, 18, 15, 230, 57, 500)
    return dlrm_model(rng, batch, "dlrm_26", 13, sizes, (64, 32, 16), (64, 32))


@model("deep & cross: cross layers through Dense(1), Multiply by a (batch, 1) tensor and Add; "
       "LayerNormalization")
def dcn(rng, batch):
    x = L.Input((7,), name="features")
    c = id_input("category")
    x0 = L.Concatenate(name="x0")([x, embed(c, 17, 4, "category_emb")])
    xl = x0
    for k in range(3):
        w = L.Dense(1, use_bias=(k != 1), name=f"cross_w{k}")(xl)
        xl = L.Add(name=f"cross_add{k}")([L.Multiply(name=f"cross_mul{k}")([x0, w]), xl])
    deep = L.Dense(13, activation="relu", name="deep1")(x0)
    deep = L.LayerNormalization(name="deep_ln")(deep)
    deep = L.Dense(8, activation="tanh", name="deep2")(deep)
    xl = L.LayerNormalization(epsilon=1e-5, name="cross_ln")(xl)
    y = L.Dense(1, activation="sigmoid", name="p")(L.Concatenate(name="join")([xl, deep]))
    return K.Model([x, c], y, name="dcn"), {
        "features": floats(rng, batch, 7), "category": ids(rng, batch, 17)}


def towers(rng, batch, reshape):
    def flatten(name):
        return L.Reshape((-1,), name=name) if reshape else L.Flatten(name=name)

    tu, tn = id_input("t_user", (2,)), L.Input((3,), name="t_numeric")
    h = flatten("t_user_flat")(L.Embedding(19, 5, name="t_user_emb")(tu))
    h = L.Concatenate(name="t_user_in")([h, tn])
    h = L.Dense(12, activation="relu", name="t_user_fc1")(h)
    user_tower = K.Model([tu, tn], L.Dense(6, name="t_user_fc2")(h), name="user_tower")
    item_tower = K.Sequential([
        L.InputLayer((3,), dtype="int32", name="t_item"),
        L.Embedding(43, 4, name="t_item_emb"),
        flatten("t_item_flat"),
        L.Dense(10, activation="relu", name="t_item_fc1"),
        L.Dense(6, name="t_item_fc2"),
    ], name="item_tower")
    user, numeric, item = id_input("user", (2,)), L.Input((3,), name="numeric"), id_input("item", (3,))
    cosine = L.Dot(axes=1, normalize=True, name="cosine")([user_tower([user, numeric]), item_tower(item)])
    y = L.Dense(1, activation="sigmoid", name="match")(cosine)
    m = K.Model([user, numeric, item], y, name="two_tower")
    return m, {"user": ids(rng, batch, 19, (2,)), "numeric": floats(rng, batch, 3),
               "item": ids(rng, batch, 43, (3,))}


@model("two towers as nested models: a Functional of two inputs and a Sequential, cosine by "
       "Dot(normalize=True)")
def two_tower(rng, batch):
    return towers(rng, batch, False)


@model("two_tower with Reshape((-1,)) for Flatten", "TF.js never resolves the -1")
def two_tower_reshape_minus_one(rng, batch):
    return towers(rng, batch, True)


def youtube_dnn_model(rng, batch, name, videos, d, steps, numerics, region_table, widths):
    watched = id_input("watched", (steps,))
    numeric = L.Input((numerics,), name="numeric")
    region = id_input("region")
    h = L.GlobalAveragePooling1D(name="watched_avg")(
        L.Embedding(videos, d, mask_zero=True, name="video_emb")(watched))
    h = L.Concatenate(name="user")([h, numeric, embed(region, *region_table, "region_emb")])
    for k, width in enumerate(widths):
        h = L.Dense(width, activation="relu", name=f"fc{k + 1}")(h)
    y = L.Dense(videos, activation="softmax", name="next_video")(h)
    return K.Model([watched, numeric, region], y, name=name), {
        "watched": history(rng, batch, videos, steps), "numeric": floats(rng, batch, numerics),
        "region": ids(rng, batch, region_table[0])}


@model("YouTube DNN: mask_zero history, GlobalAveragePooling1D, softmax over 53 videos",
       "TF.js GlobalAveragePooling1D ignores the mask, Keras does not")
def youtube_dnn(rng, batch):
    return youtube_dnn_model(rng, batch, "youtube_dnn", 53, 8, 9, 4, (6, 3), (24, 16))


@model("youtube_dnn over 10000 videos with a history of 20, all weights as uint8",
       "TF.js GlobalAveragePooling1D ignores the mask, Keras does not", batch=3, flags=("--quantize_uint8=*",))
def youtube_dnn_10k(rng, batch):
    return youtube_dnn_model(rng, batch, "youtube_dnn_10k", 10000, 16, 20, 8, (50, 8), (64, 32))


def din_model(rng, batch, masked):
    steps, d = 8, 6
    hist = id_input("history", (steps,))
    item = id_input("item")
    profile = L.Input((3,), name="profile")
    table = L.Embedding(47, d, mask_zero=masked, name="goods_emb")
    h = table(hist)
    target = L.Flatten(name="target")(table(item))
    repeated = L.RepeatVector(steps, name="target_repeated")(target)
    product = L.Multiply(name="product")([h, repeated])
    a = L.Concatenate(axis=-1, name="attention_in")([h, repeated, product])
    a = L.Dense(10, name="attention_fc")(a)
    a = L.PReLU(shared_axes=[1], name="attention_prelu")(a)
    a = L.TimeDistributed(L.Dense(1, name="attention_score"), name="attention_td")(a)
    if masked:
        a = L.Activation("sigmoid", name="attention")(a)
        weighted = L.Multiply(name="weighted")([h, a])
        interest = L.GlobalAveragePooling1D(name="interest")(weighted)
    else:
        a = L.Permute((2, 1), name="attention_row")(a)
        a = L.Softmax(axis=-1, name="attention")(a)
        interest = L.Flatten(name="interest")(L.Dot(axes=(2, 1), name="weighted")([a, h]))
    x = L.Concatenate(name="head_in")([interest, target, profile])
    x = L.Dense(12, name="head_fc")(x)
    x = L.PReLU(name="head_prelu")(x)
    y = L.Dense(2, activation="softmax", name="click")(x)
    return K.Model([hist, item, profile], y, name="din"), {
        "history": history(rng, batch, 47, steps, holes=masked),
        "item": rng.integers(1, 47, (batch, 1)).astype(np.int32),
        "profile": floats(rng, batch, 3)}


@model("deep interest network: target attention over a history (RepeatVector, PReLU and "
       "TimeDistributed(Dense(1)) on rank 3, Permute, Softmax layer, Dot)")
def din(rng, batch):
    return din_model(rng, batch, False)


@model("DIN with a mask_zero history (zeros also in the middle), the mask going through "
       "Multiply, Concatenate, Dense, PReLU, TimeDistributed to GlobalAveragePooling1D",
       "TF.js throws in the mask of Concatenate: its Multiply gave a mask with one more axis")
def din_masked(rng, batch):
    return din_model(rng, batch, True)


@model("Sequential of Dense, LeakyReLU, Reshape, Permute, Flatten, Softmax in the old form",
       "model.json edited after the conversion: `config` of the Sequential is a bare list of "
       "layers, and modelTopology is that Sequential itself, without `model_config`")
def seq_list(rng, batch):
    m = K.Sequential([
        L.InputLayer((5,), name="x"),
        L.Dense(12, name="fc1"),
        L.LeakyReLU(alpha=0.1, name="leaky"),
        L.Reshape((3, 4), name="grid"),
        L.Permute((2, 1), name="turn"),
        L.Dense(5, activation="tanh", name="fc2"),
        L.LeakyReLU(name="leaky_default"),
        L.Flatten(name="flat"),
        L.Dense(6, name="fc3"),
        L.Softmax(name="p"),
    ], name="seq_list")
    return m, {"x": floats(rng, batch, 5)}


@model("Sequential without an InputLayer: the first layer carries batch_input_shape",
       "model.json edited after the conversion (older Keras and TF.js write this form); the input "
       "is called after the first layer, fc1_input")
def seq_first_layer_shape(rng, batch):
    m = K.Sequential([
        L.InputLayer((4,), name="fc1_input"),
        L.Dense(6, activation="relu", name="fc1"),
        L.BatchNormalization(name="bn"),
        L.Dense(3, activation="softmax", name="p"),
    ], name="seq_first_layer_shape")
    return m, {"fc1_input": floats(rng, batch, 4)}


@model("Sequential on rank 3 with all advanced activations, BatchNormalization, noise layers")
def seq_dict(rng, batch):
    m = K.Sequential([
        L.InputLayer((6, 5), name="x"),
        L.GaussianNoise(0.2, name="noise"),
        L.Dense(9, name="fc1"),
        L.LeakyReLU(alpha=0.07, name="leaky"),
        L.BatchNormalization(name="bn"),
        L.Dense(8, name="fc2"),
        L.PReLU(shared_axes=[1], name="prelu"),
        L.SpatialDropout1D(0.2, name="spatial"),
        L.Dense(8, name="fc3"),
        L.ELU(name="elu"),
        L.BatchNormalization(scale=False, epsilon=0.01, name="bn_no_scale"),
        L.ThresholdedReLU(theta=0.25, name="threshold"),
        L.GaussianDropout(0.2, name="gdrop"),
        L.Flatten(name="flat"),
        L.Dense(10, name="fc4"),
        L.ReLU(max_value=0.75, name="relu"),
        L.AlphaDropout(0.2, name="adrop"),
        L.Dense(7, name="fc5"),
        L.Softmax(axis=-1, name="p"),
    ], name="seq_dict")
    return m, {"x": floats(rng, batch, 6, 5)}


@model("BatchNormalization over the time axis of a rank 3 tensor",
       "the cpu backend of TF.js does not broadcast the statistics when axis is not the last: it "
       "runs through them in memory order")
def batchnorm_axis1(rng, batch):
    x = L.Input((5, 4), name="x")
    h = L.Dense(3, activation="tanh", name="fc1")(x)
    h = L.BatchNormalization(axis=1, name="bn")(h)
    h = L.Flatten(name="flat")(h)
    return K.Model(x, L.Dense(2, name="y")(h), name="batchnorm_axis1"), {
        "x": floats(rng, batch, 5, 4)}


@model("a Functional encoder called twice, with a Sequential nested in it; a Dense called three "
       "times; node indices above 0")
def nested_shared(rng, batch):
    ex = L.Input((6,), name="enc_in")
    inner = K.Sequential([
        L.InputLayer((8,), name="inner_in"),
        L.Dense(10, activation="relu", name="inner_fc1"),
        L.LayerNormalization(name="inner_ln"),
        L.Dense(8, name="inner_fc2"),
    ], name="inner")
    h = L.Dense(8, activation="relu", name="enc_fc1")(ex)
    h = L.Add(name="enc_add")([h, inner(h)])
    encoder = K.Model(ex, L.Dense(5, activation="tanh", name="enc_fc2")(h), name="encoder")
    a, b = L.Input((6,), name="a"), L.Input((6,), name="b")
    ea, eb = encoder(a), encoder(b)
    shared = L.Dense(4, activation="relu", name="shared")
    product = L.Multiply(name="product")([ea, eb])
    x = L.Concatenate(name="join")([shared(ea), shared(eb), shared(product)])
    y = L.Dense(3, activation="softmax", name="y")(x)
    return K.Model([a, b], y, name="nested_shared"), {
        "a": floats(rng, batch, 6), "b": floats(rng, batch, 6)}


@model("3 inputs (ids, id history, floats), 3 outputs of ranks 2, 3 and 4; a nested model is an "
       "output layer")
def multi_io(rng, batch):
    user = id_input("user", (2,))
    hist = id_input("hist", (5,))
    x = L.Input((4,), name="x")
    u = L.Flatten(name="u_flat")(L.Embedding(15, 3, name="u_emb")(user))
    h = L.Embedding(21, 4, name="h_emb")(hist)
    base = L.Concatenate(name="base")([u, x])
    head = K.Sequential([
        L.InputLayer((10,), name="head_in"),
        L.Dense(6, activation="relu", name="head_fc1"),
        L.Dense(2, activation="softmax", name="head_fc2"),
    ], name="score")
    score = head(base)
    per_step = L.Dense(3, activation="tanh", name="per_step")(
        L.Concatenate(name="steps_in")([h, L.RepeatVector(5, name="rep")(base)]))
    grid = L.Reshape((5, 2, 2), name="grid")(h)
    return K.Model([user, hist, x], [per_step, score, grid], name="multi_io"), {
        "user": ids(rng, batch, 15, (2,)), "hist": ids(rng, batch, 21, (5,)),
        "x": floats(rng, batch, 4)}


@model("Masking, TimeDistributed(Dense), LayerNormalization, GlobalMaxPooling1D and "
       "GlobalAveragePooling1D, then Average, Maximum, Minimum",
       "TF.js GlobalAveragePooling1D ignores the mask, Keras does not; GlobalMaxPooling1D "
       "ignores it in both")
def masking_td(rng, batch):
    x = L.Input((7, 5), name="x")
    h = L.Masking(mask_value=-1.0, name="masking")(x)
    h = L.TimeDistributed(L.Dense(6, activation="relu", name="td_dense"), name="td")(h)
    h = L.LayerNormalization(name="ln")(h)
    mx = L.GlobalMaxPooling1D(name="max_pool")(h)
    av = L.GlobalAveragePooling1D(name="avg_pool")(h)
    z = L.Concatenate(name="join")([
        L.Average(name="average")([mx, av]), L.Maximum(name="maximum")([mx, av]),
        L.Minimum(name="minimum")([mx, av])])
    y = L.Dense(3, name="y")(z)
    v = floats(rng, batch, 7, 5)
    for k, row in enumerate(v):
        row[1 + k % 7:] = -1.0
        row[0, 2] = -1.0  # one feature only: not masked
    return K.Model(x, y, name="masking_td"), {"x": v}


@model("ReLU layers with negative_slope, threshold and max_value",
       "TF.js ignores negative_slope and threshold")
def relu_options(rng, batch):
    x = L.Input((6,), name="x")
    h = L.ReLU(negative_slope=0.2, name="slope")(L.Dense(8, name="fc1")(x))
    h = L.ReLU(threshold=0.3, name="threshold")(L.Dense(8, name="fc2")(h))
    h = L.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2, name="both")(L.Dense(8, name="fc3")(h))
    return K.Model(x, L.Dense(2, name="y")(h), name="relu_options"), {"x": floats(rng, batch, 6)}


@model("ELU layer with alpha 0.5", "TF.js refuses every alpha but 1")
def elu_alpha(rng, batch):
    x = L.Input((6,), name="x")
    h = L.ELU(alpha=0.5, name="elu")(L.Dense(8, name="fc1")(x))
    return K.Model(x, L.Dense(2, name="y")(h), name="elu_alpha"), {"x": floats(rng, batch, 6)}


@model("a middle-sized ranker, batch 37: TF.js predicts in slices of 32", batch=37)
def batch37(rng, batch):
    user, item, hist = id_input("user"), id_input("item"), id_input("hist", (6,))
    x = L.Input((11,), name="x")
    table = L.Embedding(60, 12, name="item_emb")
    h = L.GlobalAveragePooling1D(name="hist_avg")(table(hist))
    t = L.Flatten(name="item_flat")(table(item))
    u = embed(user, 55, 16, "user_emb")
    z = L.Concatenate(name="all")([u, t, h, L.Multiply(name="cross")([t, h]),
                                   L.BatchNormalization(name="x_bn")(x)])
    z = L.Dense(48, activation="relu", name="fc1")(z)
    z = L.BatchNormalization(name="fc1_bn")(z)
    z = L.Dense(33, activation="swish", name="fc2")(z)
    y = L.Dense(1, activation="sigmoid", name="y")(z)
    return K.Model([user, item, hist, x], y, name="batch37"), {
        "user": ids(rng, batch, 55), "item": ids(rng, batch, 60),
        "hist": ids(rng, batch, 60, (6,)), "x": floats(rng, batch, 11)}


def attention_with_padding(rng, batch, history_last):
    steps, d = 8, 6
    hist = id_input("history", (steps,))
    x = L.Input((steps,), name="x")
    h = L.Embedding(31, d, mask_zero=True, name="goods_emb")(hist)
    pooled = L.GlobalMaxPooling1D(name="pooled")(h)
    # The mask ends at the Reshape: this Softmax has none of its own.
    scores = L.Reshape((steps,), name="scores")(L.Dense(1, name="score_fc")(h))
    own = L.Dot(axes=(1, 1), name="own")([L.Softmax(axis=-1, name="attention")(scores), h])
    # Nothing before this Softmax is masked at all.
    other = L.Softmax(axis=-1, name="unrelated")(x)
    parts = [other, own, pooled] if history_last else [pooled, own, other]
    y = L.Dense(3, name="y")(L.Concatenate(name="all")(parts))
    return K.Model([hist, x], y), {"history": history(rng, batch, 31, steps), "x": floats(rng, batch, steps)}


@model("attention over a padded history; a second Softmax runs before anything is masked",
       "in TF.js a mask lingers: a Softmax that runs after any masked layer is masked too")
def lingering_mask(rng, batch):
    return attention_with_padding(rng, batch, False)


@model("the same with the parts of the last Concatenate reversed: the second Softmax runs after masked layers",
       "in TF.js a mask lingers: a Softmax that runs after any masked layer is masked too")
def lingering_mask_reversed(rng, batch):
    return attention_with_padding(rng, batch, True)


@model("models inside a model whose InputLayers have another dtype than the tensors they are given")
def nested_casts(rng, batch):
    to_int = L.Input((3,), dtype="int32", name="to_int_in")
    table = L.Embedding(9, 4, mask_zero=True, name="to_int_emb")(to_int)
    to_int = K.Model(to_int, L.GlobalMaxPooling1D(name="to_int_max")(table), name="to_int")
    to_float = L.Input((3,), name="to_float_in")
    to_float = K.Model(to_float, L.Dropout(0.5, name="to_float_drop")(to_float), name="to_float")
    counted = L.Input((3,), dtype="int32", name="counted_in")
    counted = K.Model(counted, L.Dense(2, name="counted_fc")(counted), name="counted")
    x = L.Input((3,), name="x")
    n = L.Input((3,), dtype="int32", name="n")
    y = L.Concatenate(name="y")([to_int(x), to_float(n), counted(x)])
    return K.Model([x, n], y, name="nested_casts"), {
        "x": (8 * rng.random((batch, 3))).astype(np.float32), "n": ids(rng, batch, 50, (3,))}


@model("ids of two inputs joined before one Embedding; a LayerNormalization without weights shared by two widths")
def joined_ids(rng, batch):
    a, b = id_input("a", (3,)), id_input("b", (2,))
    norm = L.LayerNormalization(scale=False, center=False, name="norm")
    e = L.Embedding(9, 4, name="e")(L.Concatenate(name="ids")([a, b]))
    wide = norm(L.Flatten(name="wide")(e))
    narrow = norm(L.Flatten(name="narrow")(L.Embedding(7, 3, name="f")(a)))
    return K.Model([a, b], L.Dense(2, name="y")(L.Concatenate(name="all")([wide, narrow])), name="joined_ids"), {
        "a": ids(rng, batch, 7, (3,)), "b": ids(rng, batch, 9, (2,))}


@model("a Softmax over another length than the history that was masked before it",
       "in TF.js the mask lingers and does not fit: it throws")
def lingering_mask_misfit(rng, batch):
    hist = id_input("history", (5,))
    h = L.Embedding(31, 3, mask_zero=True, name="goods_emb")(hist)
    h = L.Dense(10, name="fc")(L.Flatten(name="flat")(L.Dense(1, name="score_fc")(h)))
    return K.Model(hist, L.Softmax(name="y")(h), name="lingering_mask_misfit"), {"history": history(rng, batch, 31, 5)}


@model("a mask made from computed values: Masking after a Dense without bias")
def computed_mask(rng, batch):
    x = L.Input((4, 3), name="x")
    h = L.TimeDistributed(L.Dense(3, use_bias=False, name="fc"), name="td")(x)
    y = L.GlobalMaxPooling1D(name="y")(L.Masking(0.0, name="masking")(h))
    data = floats(rng, batch, 4, 3)
    data[:, 2] = 0
    data[1, 0] = 0
    return K.Model(x, y, name="computed_mask"), {"x": data}


@model("an int32 InputLayer straight into Dense, and a float32 InputLayer into Embedding")
def rank_int_dense(rng, batch):
    counts = L.Input((4,), dtype="int32", name="counts")
    float_ids = L.Input((3,), name="float_ids")
    a = L.Dense(5, activation="relu", name="counts_fc")(counts)
    b = L.Flatten(name="b_flat")(L.Embedding(14, 4, name="b_emb")(float_ids))
    y = L.Dense(1, name="y")(L.Concatenate(name="join")([a, b]))
    return K.Model([counts, float_ids], y, name="rank_int_dense"), {
        "counts": rng.integers(-3, 9, (batch, 4)).astype(np.int32),
        "float_ids": ids(rng, batch, 14, (3,)).astype(np.float32)}


models_recurrent.register(model)

# Other conversions of wide_deep: (converter flags, about)
VARIANTS = {
    "wide_deep_u8": (["--quantize_uint8=*"], "all weights as uint8"),
    "wide_deep_u16": (["--quantize_uint16=*"], "all weights as uint16"),
    "wide_deep_f16": (["--quantize_float16=*"], "all weights as float16"),
    "wide_deep_mixed": (["--quantize_uint8=*embeddings", "--quantize_float16=*kernel"],
                        "embeddings as uint8, kernels as float16, the rest float32"),
    "wide_deep_tiny_shards": (["--weight_shard_size_bytes=100"],
                              "shards of 100 bytes, weights lie across shards"),
    "wide_deep_by_layer": (["--split_weights_by_layer"], "one weight group per layer"),
}


for module in (models_convolution, models_recommenders, models_sequences):
    MODELS.update({n: {"batch": BATCH, "flags": (), **m} for n, m in module.MODELS.items()})
MODELS.update(models_attention.MODELS)

# The same builders under Keras 3, saved as .h5.
KERAS3 = ["wide_deep", "deepfm", "two_tower", "two_tower_reshape_minus_one", "youtube_dnn", "din",
          "din_masked", "seq_first_layer_shape", "seq_list", "nested_shared", "multi_io", "masking_td",
          "relu_options", "elu_alpha", "sasrec", "own_preprocessing"]
KERAS3_NOTE = "TF.js 4.22 reads no Keras 3 models"
# Converted from a .keras archive: weights are named by position, like layers/dense_1/vars/0.
ARCHIVES = ["wide_deep", "seq_first_layer_shape", "nested_shared", "sasrec", "own_preprocessing"]
ARCHIVE_NOTE = "converted from a .keras archive; TF.js 4.22 cannot bind its weight names"
# Loaded and saved again by TensorFlow.js; record_tfjs.mjs writes model.json and the weights.
SAVED_BY_TFJS = ["wide_deep", "two_tower", "din", "seq_dict", "nested_shared", "multi_io", "gru4rec_reset_before",
                 "bilstm_text"]


# ---- conversion ----------------------------------------------------------------------------


def convert(source, out, flags=(), input_format="keras"):
    from tensorflowjs.converters import converter

    if out.exists():
        shutil.rmtree(out)
    with contextlib.redirect_stdout(io.StringIO()):
        converter.convert(["--input_format=" + input_format, *flags, str(source), str(out)])


def edit_topology(name, folder):
    """Puts two Sequential models into older forms, and one into a form that TensorFlow.js loads."""
    if name not in ("seq_list", "seq_first_layer_shape", "image_tower_full"):
        return
    path = folder / "model.json"
    j = json.loads(path.read_text())
    if name == "image_tower_full":
        layers = j["modelTopology"]["model_config"]["config"]["layers"]
        separable = next(layer for layer in layers if layer["class_name"] == "SeparableConv2D")
        for key in ("kernel_initializer", "kernel_regularizer", "kernel_constraint"):
            del separable["config"][key]
        path.write_text(json.dumps(j))
        return
    sequential = j["modelTopology"]["model_config"]
    if name == "seq_list":
        sequential["config"] = sequential["config"]["layers"]
        j["modelTopology"] = sequential
    else:
        layers = sequential["config"]["layers"]
        shape = layers.pop(0)["config"]["batch_input_shape"]
        layers[0]["config"]["batch_input_shape"] = shape
    path.write_text(json.dumps(j))


def renumber_shared_objects(folder):
    """Keras 3 writes memory addresses as shared_object_id; 1, 2, 3, ... can be made again."""
    path = folder / "model.json"
    seen = {}

    def number(pair):
        return [(k, seen.setdefault(v, len(seen) + 1) if k == "shared_object_id" else v)
                for k, v in pair]

    path.write_text(json.dumps(json.loads(path.read_text(), object_pairs_hook=lambda p: dict(number(p)))))


@contextlib.contextmanager
def keras3():
    """The builders above see Keras 3 as K and L."""
    global K, L
    import keras

    old = K, L
    K, L = models_attention.K, models_attention.L = cases_attention.K, cases_attention.L = keras, keras.layers
    try:
        yield
    finally:
        K, L = models_attention.K, models_attention.L = cases_attention.K, cases_attention.L = old


def decode_weights(folder):
    """{name: float32 array}: what a reader of model.json and its shards must arrive at."""
    out = {}
    for group in json.loads((folder / "model.json").read_text())["weightsManifest"]:
        data, at = b"".join((folder / p).read_bytes() for p in group["paths"]), 0
        for w in group["weights"]:
            q = w.get("quantization")
            dtype = np.dtype(q["dtype"] if q else w["dtype"]).newbyteorder("<")
            n = int(np.prod(w["shape"]))
            v = np.frombuffer(data, dtype, n, at).astype(np.float64)
            at += n * dtype.itemsize
            if q and q["dtype"] != "float16":
                v = v * q["scale"] + q["min"]
            out[w["name"]] = v.astype(np.float32).reshape(w["shape"])
        assert at == len(data)
    return out


def set_decoded_weights(m, folder):
    decoded = decode_weights(folder)
    m.set_weights([decoded[w.name.removesuffix(":0")] for w in m.weights])


def finish(folder, m, inputs, topology_folder=None):
    topology = json.loads(((topology_folder or folder) / "model.json").read_text())["modelTopology"]
    sequential = topology.get("model_config", topology)
    if m.name == "seq_first_layer_shape" and sequential["config"]["layers"][0]["class_name"] == "Dense":
        names_in, names_out = list(inputs), [m.layers[-1].name]
    else:
        names_in, names_out = io_names(sequential)
    assert sorted(names_in) == sorted(inputs), (names_in, list(inputs))
    batch = len(next(iter(inputs.values())))
    x = inputs if isinstance(m.input, dict) else [inputs[n] for n in names_in]
    y = m.predict(x, batch_size=batch, verbose=0)
    y = [y[n] for n in names_out] if isinstance(y, dict) else as_list(y)
    assert len(y) == len(names_out) == len(set(names_out))
    assert all(np.isfinite(v).all() for v in y)
    save_file(inputs, folder / "input.safetensors")
    save_file({n: np.ascontiguousarray(v) for n, v in zip(names_out, y)}, folder / "keras.safetensors")


def build(name):
    """The model with its weights and inputs; the same numbers on every call."""
    K.backend.clear_session()
    rng = rng_for("models", name)
    if name in models_keras3.MODELS:
        m, inputs = models_keras3.MODELS[name](K, rng, models_keras3.BATCH)
    else:
        m, inputs = MODELS[name]["build"](rng, MODELS[name]["batch"])
    randomise(m, rng)
    for layer in m.layers:
        if hasattr(layer, "fixed_table"):  # models_sequences.py
            layer.set_weights([layer.fixed_table])
    return m, inputs


def main(only):
    index_file = HERE / "models.json"
    old = {}
    if index_file.exists():
        old = {e["name"]: e for e in json.loads(index_file.read_text())}
    index = []

    def entry(name, about, note, **more):
        index.append({"name": name, "about": about, "tfjs": None, "tfjs_equals_keras": None,
                      "tfjs_relative_difference": None, "note": note, **more})
        print(name, flush=True)

    def plain(name):
        m, inputs = build(name)
        folder = HERE / "models" / name
        with tempfile.TemporaryDirectory() as tmp:
            h5 = os.path.join(tmp, "m.h5")
            m.save(h5)
            convert(h5, folder, MODELS[name]["flags"])
            edit_topology(name, folder)
        if MODELS[name]["flags"]:
            set_decoded_weights(m, folder)
        finish(folder, m, inputs)
        entry(name, MODELS[name]["about"], MODELS[name]["note"])

    def variant(name):
        m, inputs = build("wide_deep")
        flags, about = VARIANTS[name]
        folder = HERE / "models" / name
        with tempfile.TemporaryDirectory() as tmp:
            h5 = os.path.join(tmp, "m.h5")
            m.save(h5)
            convert(h5, folder, flags)
        set_decoded_weights(m, folder)
        finish(folder, m, inputs)
        entry(name, "wide_deep, " + about, "converter flags: " + " ".join(flags))

    def saved_again(name):
        source = name.removesuffix("_saved_by_tfjs")
        m, inputs = build(source)
        folder = HERE / "models" / name
        folder.mkdir(parents=True, exist_ok=True)
        finish(folder, m, inputs, HERE / "models" / source)
        entry(name, f"{source}, loaded and saved again by TensorFlow.js", "", saved_by_tfjs_from=source)

    def under_keras3(name):
        with keras3():
            source = name.removesuffix("_keras3")
            m, inputs = build(source)
            folder = HERE / "models" / name
            with tempfile.TemporaryDirectory() as tmp:
                h5 = os.path.join(tmp, "m.h5")
                m.save(h5)
                convert(h5, folder)
            finish(folder, m, inputs)
            entry(name, f"{source} built and saved by Keras {K.__version__} (.h5)", KERAS3_NOTE)

    def archive(name):
        source = name.removesuffix("_archive")
        with keras3() if source.endswith("_keras3") else contextlib.nullcontext():
            m, inputs = build(source.removesuffix("_keras3"))
            folder = HERE / "models" / name
            with tempfile.TemporaryDirectory() as tmp:
                path = os.path.join(tmp, "m.keras")
                m.save(path)
                convert(path, folder, ["--output_format=tfjs_layers_model"], "keras_keras")
            renumber_shared_objects(folder)
            finish(folder, m, inputs)
            entry(name, f"{source}, Keras {K.__version__}", ARCHIVE_NOTE)

    jobs = {}
    for name in MODELS:
        jobs[name] = plain
        if name == "wide_deep":
            jobs.update({n: variant for n in VARIANTS})
    jobs.update({n + "_saved_by_tfjs": saved_again for n in SAVED_BY_TFJS})
    jobs.update({n + "_keras3": under_keras3 for n in KERAS3})
    jobs.update({n + "_archive": archive for n in ARCHIVES})
    jobs.update({n + "_keras3_archive": archive for n in ARCHIVES})
    jobs.update({n + "_keras3": under_keras3 for n in models_keras3.MODELS})
    jobs.update({n + "_keras3_archive": archive for n in models_keras3.MODELS})
    jobs.update({n + "_archive": archive for n in ("towers", "sequences")})
    for name, job in jobs.items():
        if only and name not in only:
            index += [old[name]] if name in old else []
        else:
            job(name)
    index_file.write_text("[\n" + ",\n".join(json.dumps(e) for e in index) + "\n]\n")


if __name__ == "__main__":
    main(sys.argv[1:])
