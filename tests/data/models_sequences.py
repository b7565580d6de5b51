"""Models of histories and texts, of layers that TensorFlow.js has; generate_models.py runs them.

A model of TensorFlow.js has no constants: positions are an input, and a mask is a table that is not learned, by id or
by position. Such a layer has its table as `fixed_table`.
"""
from golden import *

L = K.layers
MODELS, model = registry(batch=5)


# ---- parts -----------------------------------------------------------------------------------


def ids(rng, batch, vocabulary, steps=1):
    return rng.integers(1, vocabulary, (batch, steps)).astype(np.int32)


def padded(rng, batch, vocabulary, steps, front=False):
    """Ids from 1, padded with 0 at one end; the first row is full, and none is padding only."""
    h = ids(rng, batch, vocabulary, steps)
    for row in h[1:]:
        length = rng.integers(1, steps + 1)
        row[slice(0, steps - length) if front else slice(length, None)] = 0
    return h


def positions(batch, steps):
    return np.tile(np.arange(steps, dtype=np.int32), (batch, 1))


def floats(rng, batch, width):
    return rng.standard_normal((batch, width)).astype(np.float32)


def fixed_embedding(table, name):
    layer = L.Embedding(*table.shape, trainable=False, name=name)
    layer.fixed_table = table.astype(np.float32)
    return layer


def hides_padding(history, vocabulary, name):
    """(batch, steps, 1): what is added to the score of a step, so that a softmax leaves out id 0."""
    return fixed_embedding(np.where(np.arange(vocabulary)[:, None] == 0, -1e9, 0.0), name)(history)


def keeps_items(history, vocabulary, name):
    """(batch, steps, 1): 0 for id 0 and 1 for all others."""
    return fixed_embedding(np.where(np.arange(vocabulary)[:, None] == 0, 0.0, 1.0), name)(history)


def attention(x, mask, width, heads, name, bias=True):
    """(batch, steps, width * heads): attention of x to itself, a head is three Dense; the mask is added to scores."""
    read = []
    for head in "abcd"[:heads]:
        q, k, v = (L.Dense(width, use_bias=bias, name=f"{name}_{part}_{head}")(x) for part in ("query", "key", "value"))
        scores = L.Rescaling(width ** -0.5, name=f"{name}_scaled_{head}")(
            L.Dot(axes=(2, 2), name=f"{name}_scores_{head}")([q, k]))
        if mask is not None:
            scores = L.Add(name=f"{name}_masked_{head}")([scores, mask])
        weights = L.Softmax(name=f"{name}_softmax_{head}")(scores)
        read.append(L.Dot(axes=(2, 1), name=f"{name}_read_{head}")([weights, v]))
    return L.Concatenate(name=name + "_heads")(read) if heads > 1 else read[0]


def last_step(x, position, steps):
    """(batch, width): TensorFlow.js has no layer that slices, so a table tells the last step from the others."""
    only = fixed_embedding(np.eye(steps)[:, -1:], "last_step")(position)
    return L.Flatten(name="last")(L.Dot(axes=(1, 1), name="last_row")([only, x]))


# ---- attention to a target -----------------------------------------------------------------------


@model("DIN with 50 steps of history: [step, target, product] through Dense and PReLU, Dense(1), softmax over the "
       "steps; a head with PReLU and softmax")
def din_50(rng, batch):
    steps, d = 50, 16
    history, item, user = id_input("history", steps), id_input("item"), id_input("user")
    profile = L.Input((4,), name="profile")
    items = L.Embedding(71, d, name="item_emb")
    h = items(history)
    target = L.Flatten(name="target")(items(item))
    repeated = L.RepeatVector(steps, name="target_repeated")(target)
    product = L.Multiply(name="product")([h, repeated])
    a = L.Dense(36, name="attention_fc")(L.Concatenate(name="attention_in")([h, repeated, product]))
    a = L.PReLU(shared_axes=[1], name="attention_prelu")(a)
    a = L.Permute((2, 1), name="attention_row")(L.Dense(1, name="attention_score")(a))
    a = L.Softmax(name="attention")(a)
    interest = L.Flatten(name="interest")(L.Dot(axes=(2, 1), name="weighted")([a, h]))
    u = L.Flatten(name="user_flat")(L.Embedding(31, d, name="user_emb")(user))
    x = L.Concatenate(name="head_in")([u, interest, target, profile])
    for k, width in enumerate((32, 16), 1):
        x = L.PReLU(name=f"head_prelu{k}")(L.Dense(width, name=f"head_fc{k}")(x))
    y = L.Dense(2, activation="softmax", name="click")(x)
    return K.Model([history, item, user, profile], y, name="din_50"), {
        "history": padded(rng, batch, 71, steps), "item": ids(rng, batch, 71), "user": ids(rng, batch, 31),
        "profile": floats(rng, batch, 4)}


def dice(x, alpha, name):
    """p x + (1 - p) alpha x, where p is the sigmoid of x normalized without scale and center."""
    p = L.BatchNormalization(center=False, scale=False, epsilon=1e-9, name=name + "_bn")(x)
    p = L.Activation("sigmoid", name=name + "_p")(p)
    on = L.Multiply(name=name + "_on")([p, x])
    off = L.Multiply(name=name + "_off")([L.Rescaling(-1.0, 1.0, name=name + "_rest")(p),
                                          L.Rescaling(alpha, name=name + "_alpha")(x)])
    return L.Add(name=name)([on, off])


@model("DIN as published: [target, step, difference, product], Dice from BatchNormalization, sigmoid, Multiply and "
       "Rescaling, scores without softmax, padding multiplied by 0")
def din_dice(rng, batch):
    steps, d = 20, 16
    history, item, profile = id_input("history", steps), id_input("item"), L.Input((4,), name="profile")
    items = L.Embedding(61, d, name="item_emb")
    h, target = items(history), L.Flatten(name="target")(items(item))
    repeated = L.RepeatVector(steps, name="target_repeated")(target)
    difference = L.Add(name="difference")([repeated, L.Rescaling(-1.0, name="minus")(h)])
    a = L.Concatenate(name="attention_in")([repeated, h, difference, L.Multiply(name="product")([repeated, h])])
    a = dice(L.Dense(24, name="attention_fc")(a), 0.1, "attention_dice")
    a = L.Dense(1, name="attention_score")(a)
    a = L.Multiply(name="attention")([a, keeps_items(history, 61, "keep")])
    interest = L.Flatten(name="interest")(L.Dot(axes=(1, 1), name="weighted")([a, h]))
    x = L.BatchNormalization(name="head_bn")(L.Concatenate(name="head_in")([interest, target, profile]))
    for k, width in enumerate((24, 12), 1):
        x = dice(L.Dense(width, name=f"head_fc{k}")(x), 0.2, f"head_dice{k}")
    y = L.Dense(1, activation="sigmoid", name="click")(x)
    return K.Model([history, item, profile], y, name="din_dice"), {
        "history": padded(rng, batch, 61, steps), "item": ids(rng, batch, 61), "profile": floats(rng, batch, 4)}


@model("DIEN: a GRU over the history, softmax attention of its states to the target, a second GRU over the states "
       "times their attention (AIGRU)")
def dien(rng, batch):
    steps, d = 20, 16
    history, item, user = id_input("history", steps), id_input("item"), id_input("user")
    items = L.Embedding(61, d, name="item_emb")
    target = L.Flatten(name="target")(items(item))
    states = L.GRU(d, reset_after=False, return_sequences=True, name="interests")(items(history))
    scores = L.Dot(axes=(2, 1), name="scores")([L.Dense(d, use_bias=False, name="bilinear")(states), target])
    weights = L.Reshape((steps, 1), name="attention_column")(L.Softmax(name="attention")(scores))
    evolved = L.GRU(d, reset_after=False, name="evolution")(L.Multiply(name="attended")([states, weights]))
    u = L.Flatten(name="user_flat")(L.Embedding(31, 12, name="user_emb")(user))
    x = L.Concatenate(name="head_in")([u, evolved, target, L.Multiply(name="cross")([evolved, target])])
    for k, width in enumerate((24, 12), 1):
        x = L.PReLU(name=f"head_prelu{k}")(L.Dense(width, name=f"head_fc{k}")(x))
    y = L.Dense(2, activation="softmax", name="click")(x)
    return K.Model([history, item, user], y, name="dien"), {
        "history": padded(rng, batch, 61, steps, front=True), "item": ids(rng, batch, 61), "user": ids(rng, batch, 31)}


@model("BST: the target behind the history, positions, a transformer block of two heads (LayerNormalization after the "
       "sums, LeakyReLU), all steps flattened into an MLP")
def bst(rng, batch):
    steps, d = 15, 16
    history, item, position = id_input("history", steps), id_input("item"), id_input("positions", steps + 1)
    user, profile = id_input("user"), L.Input((4,), name="profile")
    items = L.Embedding(51, d, name="item_emb")
    x = L.Concatenate(axis=1, name="sequence")([items(history), items(item)])
    x = L.Add(name="positioned")([x, L.Embedding(steps + 1, d, name="position_emb")(position)])
    a = L.Dense(d, name="attention_out")(attention(x, None, 8, 2, "attention"))
    x = L.LayerNormalization(name="ln1")(L.Add(name="sum1")([x, L.Dropout(0.2, name="drop1")(a)]))
    f = L.LeakyReLU(alpha=0.1, name="ffn_leaky")(L.Dense(24, name="ffn_wide")(x))
    f = L.Dropout(0.2, name="drop2")(L.Dense(d, name="ffn_narrow")(f))
    x = L.LayerNormalization(name="ln2")(L.Add(name="sum2")([x, f]))
    u = L.Flatten(name="user_flat")(L.Embedding(31, 8, name="user_emb")(user))
    x = L.Concatenate(name="head_in")([L.Flatten(name="steps_flat")(x), u, profile])
    for k, width in enumerate((12, 12, 8), 1):
        x = L.LeakyReLU(alpha=0.1, name=f"head_leaky{k}")(L.Dense(width, name=f"head_fc{k}")(x))
    y = L.Dense(1, activation="sigmoid", name="click")(x)
    return K.Model([history, item, position, user, profile], y, name="bst"), {
        "history": ids(rng, batch, 51, steps), "item": ids(rng, batch, 51), "positions": positions(batch, steps + 1),
        "user": ids(rng, batch, 31), "profile": floats(rng, batch, 4)}


# ---- the next item ---------------------------------------------------------------------------------


@model("GRU4Rec of two GRU layers (reset_after=False) over 30 masked steps, softmax over 71 items")
def gru4rec_two_layers(rng, batch):
    clicks = id_input("clicks", 30)
    h = L.Embedding(71, 16, mask_zero=True, name="item_emb")(clicks)
    h = L.GRU(20, reset_after=False, return_sequences=True, name="session1")(h)
    h = L.GRU(20, reset_after=False, name="session2")(L.Dropout(0.2, name="drop")(h))
    y = L.Dense(71, activation="softmax", name="next_item")(h)
    return K.Model(clicks, y, name="gru4rec_two_layers"), {"clicks": padded(rng, batch, 71, 30)}


@model("NARM: one GRU's last state asks another's states by additive attention (Dense, RepeatVector, Add, sigmoid, "
       "Dense(1), without softmax), a bilinear decoder, softmax over 71 items")
def narm(rng, batch):
    steps, units = 19, 16
    clicks = id_input("clicks", steps)
    e = L.Dropout(0.25, name="emb_drop")(L.Embedding(71, 16, name="item_emb")(clicks))
    whole = L.GRU(units, reset_after=False, name="global")(e)
    states = L.GRU(units, reset_after=False, return_sequences=True, name="local")(e)
    asked = L.RepeatVector(steps, name="asked")(L.Dense(units, use_bias=False, name="a1")(whole))
    both = L.Add(name="both")([asked, L.Dense(units, use_bias=False, name="a2")(states)])
    a = L.Dense(1, use_bias=False, name="score")(L.Activation("sigmoid", name="sigmoid")(both))
    a = L.Multiply(name="attention")([a, keeps_items(clicks, 71, "keep")])
    local = L.Flatten(name="local_flat")(L.Dot(axes=(1, 1), name="local_read")([a, states]))
    c = L.Dropout(0.5, name="drop")(L.Concatenate(name="session")([whole, local]))
    c = L.Dense(16, use_bias=False, name="bilinear")(c)
    y = L.Dense(71, use_bias=False, activation="softmax", name="next_item")(c)
    return K.Model(clicks, y, name="narm"), {"clicks": padded(rng, batch, 71, steps, front=True)}


@model("SASRec of 50 steps and width 32: two blocks of causal self-attention by Dense, Dot, Rescaling, Add of a mask "
       "by position and a Softmax layer, LayerNormalization before them; scores of 20 candidates", batch=4)
def sasrec_tfjs(rng, batch):
    items, steps, d = 41, 50, 32
    history, position, candidates = id_input("history", steps), id_input("positions", steps), id_input("candidates", 20)
    table = L.Embedding(items, d, name="item_emb")
    keep = keeps_items(history, items, "keep")
    later = np.triu(np.full((steps, steps), -1e9), 1)
    mask = fixed_embedding(later, "causal_mask")(position)
    x = L.Rescaling(d ** 0.5, name="scaled")(table(history))
    x = L.Add(name="positioned")([x, L.Embedding(steps, d, name="position_emb")(position)])
    x = L.Multiply(name="kept")([x, keep])
    for k in (1, 2):
        n = L.LayerNormalization(epsilon=1e-8, name=f"ln{k}_attention")(x)
        x = L.Add(name=f"residual{k}_attention")([n, attention(n, mask, d, 1, f"attention{k}")])
        n = L.LayerNormalization(epsilon=1e-8, name=f"ln{k}_ffn")(x)
        f = L.Dropout(0.2, name=f"drop{k}a")(L.Dense(d, activation="relu", name=f"wide{k}")(n))
        f = L.Dropout(0.2, name=f"drop{k}b")(L.Dense(d, name=f"narrow{k}")(f))
        x = L.Multiply(name=f"kept{k}")([L.Add(name=f"residual{k}_ffn")([n, f]), keep])
    x = L.LayerNormalization(epsilon=1e-8, name="ln")(x)
    y = L.Dot(axes=(1, 2), name="scores")([last_step(x, position, steps), table(candidates)])
    return K.Model([history, position, candidates], y, name="sasrec_tfjs"), {
        "history": padded(rng, batch, items, steps, front=True), "positions": positions(batch, steps),
        "candidates": ids(rng, batch, items, 20)}


@model("BERT4Rec of 20 steps: two blocks of two heads that see both ways but no padding, LayerNormalization after the "
       "sums, gelu; softmax over 53 items at the last step, which is hidden", batch=4)
def bert4rec(rng, batch):
    items, steps, d = 53, 20, 16
    history, position = id_input("history", steps), id_input("positions", steps)
    mask = L.Permute((2, 1), name="padding_row")(hides_padding(history, items, "padding"))
    x = L.Add(name="positioned")([L.Embedding(items, d, name="item_emb")(history),
                                  L.Embedding(steps, d, name="position_emb")(position)])
    x = L.LayerNormalization(epsilon=1e-12, name="ln0")(x)
    for k in (1, 2):
        a = L.Dense(d, name=f"attention{k}_out")(attention(x, mask, d // 2, 2, f"attention{k}"))
        x = L.LayerNormalization(epsilon=1e-12, name=f"ln{k}_attention")(L.Add(name=f"sum{k}_attention")([x, a]))
        f = L.Dense(d, name=f"narrow{k}")(L.Dense(24, activation="gelu", name=f"wide{k}")(x))
        x = L.LayerNormalization(epsilon=1e-12, name=f"ln{k}_ffn")(L.Add(name=f"sum{k}_ffn")([x, f]))
    x = L.LayerNormalization(epsilon=1e-12, name="ln_head")(L.Dense(d, activation="gelu", name="head_fc")(x))
    y = L.Dense(items, activation="softmax", name="hidden_item")(last_step(x, position, steps))
    data = padded(rng, batch, items - 1, steps, front=True)
    data[:, -1] = items - 1  # the id that stands for a hidden item
    return K.Model([history, position], y, name="bert4rec"), {"history": data, "positions": positions(batch, steps)}


# ---- texts -----------------------------------------------------------------------------------------


@model("text: Conv1D with relu, MaxPooling1D, a second Conv1D, LSTM, softmax over four topics")
def text_conv_lstm(rng, batch):
    words = id_input("words", 40)
    h = L.SpatialDropout1D(0.2, name="word_drop")(L.Embedding(89, 12, name="word_emb")(words))
    h = L.MaxPooling1D(2, name="halve")(L.Conv1D(16, 5, padding="same", activation="relu", name="conv1")(h))
    h = L.MaxPooling1D(2, name="halve_again")(L.Conv1D(16, 3, activation="relu", name="conv2")(h))
    h = L.LSTM(16, name="lstm")(h)
    y = L.Dense(4, activation="softmax", name="topic")(L.Dense(16, activation="relu", name="fc")(h))
    return K.Model(words, y, name="text_conv_lstm"), {"words": padded(rng, batch, 89, 40)}


@model("text: Bidirectional(LSTM) over 24 steps, Conv1D over its states, mean and maximum joined")
def bilstm_conv(rng, batch):
    words = id_input("words", 24)
    h = L.Embedding(89, 12, name="word_emb")(words)
    h = L.Bidirectional(L.LSTM(12, return_sequences=True, name="lstm"), name="bilstm")(h)
    h = L.Conv1D(16, 3, activation="relu", name="conv")(h)
    h = L.Concatenate(name="pooled")([L.GlobalAveragePooling1D(name="mean")(h), L.GlobalMaxPooling1D(name="max")(h)])
    y = L.Dense(1, activation="sigmoid", name="score")(L.Dense(16, activation="relu", name="fc")(h))
    return K.Model(words, y, name="bilstm_conv"), {"words": padded(rng, batch, 89, 24)}
