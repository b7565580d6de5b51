"""Rankers over fields and several tasks, of layers that TensorFlow.js has; generate_models.py runs them."""
from golden import *

L = K.layers
MODELS, model = registry(batch=7)


# ---- parts -----------------------------------------------------------------------------------


def embed(x, vocabulary, dim, name):
    """(batch, 1) ids to (batch, dim)."""
    return L.Flatten(name=name + "_flat")(L.Embedding(vocabulary, dim, name=name)(x))


def stacked(xs, vocabularies, dim):
    """One embedding for each field, (batch, fields, dim)."""
    es = [L.Embedding(vocabularies[n], dim, name=n + "_emb")(x) for n, x in xs.items()]
    return L.Concatenate(axis=1, name="fields")(es)


def mlp(x, widths, name, activation="relu"):
    for k, width in enumerate(widths):
        x = L.Dense(width, activation=activation, name=f"{name}{k + 1}")(x)
    return x


def ids(rng, batch, vocabulary, steps=1):
    return rng.integers(0, vocabulary, (batch, steps)).astype(np.int32)


def fields(rng, batch, vocabularies):
    return {n: ids(rng, batch, v) for n, v in vocabularies.items()}


def floats(rng, batch, width):
    return rng.standard_normal((batch, width)).astype(np.float32)


# ---- one task ----------------------------------------------------------------------------------


@model("a ranker of seven layers, each with another activation or normalization: a gate by softmax, LayerNormalization "
       "and swish, BatchNormalization and relu, PReLU, LeakyReLU, ELU, gelu")
def mlp_assorted(rng, batch):
    vocabularies = {"user": 61, "item": 53, "category": 11}
    xs = {n: id_input(n) for n in vocabularies}
    numeric = L.Input((9,), name="numeric")
    h = L.Concatenate(name="all")([embed(x, vocabularies[n], 8, n + "_emb") for n, x in xs.items()] + [numeric])
    gate = L.Dense(32, activation="softmax", name="gate1")(h)
    h = L.Multiply(name="gated1")([gate, L.Dense(32, name="fc1")(h)])
    h = L.LayerNormalization(name="ln2")(L.Dense(32, use_bias=False, name="fc2")(h))
    h = L.Activation("swish", name="swish2")(h)
    h = L.BatchNormalization(name="bn3")(L.Dense(24, name="fc3")(h))
    h = L.ReLU(name="relu3")(h)
    h = L.PReLU(name="prelu4")(L.Dense(20, name="fc4")(h))
    h = L.LeakyReLU(alpha=0.1, name="leaky5")(L.Dense(16, name="fc5")(h))
    h = L.ELU(name="elu6")(L.Dense(12, name="fc6")(h))
    h = L.Dense(8, activation="gelu", name="fc7")(h)
    y = L.Dense(1, activation="sigmoid", name="score")(h)
    inputs = {**fields(rng, batch, vocabularies), "numeric": floats(rng, batch, 9)}
    return K.Model(list(xs.values()) + [numeric], y, name="mlp_assorted"), inputs


@model("the classic ranker: seven fields, two pooled histories that share tables with fields, numerics; Dense, "
       "BatchNormalization and relu in turn")
def ranker_bn(rng, batch):
    vocabularies = {"user": 59, "item": 71, "category": 13, "shop": 23, "city": 9, "device": 4, "hour": 24}
    xs = {n: id_input(n) for n in vocabularies}
    tables = {n: L.Embedding(v, 8, name=n + "_emb") for n, v in vocabularies.items()}
    clicked, seen = id_input("clicked_items", 20), id_input("seen_categories", 10)
    numeric = L.Input((6,), name="numeric")
    parts = [L.Flatten(name=n + "_flat")(tables[n](x)) for n, x in xs.items()]
    parts.append(L.GlobalAveragePooling1D(name="clicked_mean")(tables["item"](clicked)))
    parts.append(L.GlobalMaxPooling1D(name="seen_max")(tables["category"](seen)))
    h = L.BatchNormalization(name="bn0")(L.Concatenate(name="all")(parts + [numeric]))
    for k, width in enumerate((32, 24, 12)):
        h = L.Dense(width, use_bias=False, name=f"fc{k + 1}")(h)
        h = L.Activation("relu", name=f"relu{k + 1}")(L.BatchNormalization(name=f"bn{k + 1}")(h))
        h = L.Dropout(0.2, name=f"drop{k + 1}")(h)
    y = L.Dense(1, activation="sigmoid", name="ctr")(h)
    inputs = {**fields(rng, batch, vocabularies), "clicked_items": ids(rng, batch, 71, 20),
              "seen_categories": ids(rng, batch, 13, 10), "numeric": floats(rng, batch, 6)}
    return K.Model(list(xs.values()) + [clicked, seen, numeric], y, name="ranker_bn"), inputs


@model("DeepFM whose FM part is half of |sum e|^2 - sum |e|^2: Add, Dot of vectors with themselves, Rescaling by -1 "
       "for the minus",
       "each embedding is flattened twice, as TF.js fails on a tensor given twice to a layer and used elsewhere")
def deepfm_lambda_free(rng, batch):
    vocabularies = {"user": 67, "item": 83, "shop": 19, "city": 7, "hour": 24}
    d = 8
    xs = {n: id_input(n) for n in vocabularies}
    es = {n: L.Embedding(vocabularies[n], d, name=n + "_emb")(x) for n, x in xs.items()}
    flat = {n: L.Flatten(name=n + "_flat")(e) for n, e in es.items()}
    again = {n: L.Reshape((d,), name=n + "_again")(e) for n, e in es.items()}
    first = [embed(x, vocabularies[n], 1, n + "_bias") for n, x in xs.items()]
    total = L.Add(name="sum_e")(list(flat.values()))
    square = L.Dot(axes=1, name="square_of_sum")([total, total])
    squares = L.Add(name="sum_of_squares")(
        [L.Dot(axes=1, name=n + "_square")([flat[n], again[n]]) for n in es])
    fm = L.Add(name="fm_twice")([square, L.Rescaling(-1.0, name="minus")(squares)])
    fm = L.Rescaling(0.5, name="fm")(fm)
    deep = mlp(L.Concatenate(name="deep_in")(list(again.values())), (24, 12), "deep")
    deep = L.Dense(1, use_bias=False, name="deep_out")(deep)
    y = L.Activation("sigmoid", name="ctr")(L.Add(name="logit")(first + [fm, deep]))
    return K.Model(list(xs.values()), y, name="deepfm_lambda_free"), fields(rng, batch, vocabularies)


def dcn_v2_model(rng, batch, name, cross, layers):
    vocabularies = {"user": 61, "item": 73, "category": 11, "city": 9}
    xs = {n: id_input(n) for n in vocabularies}
    numeric = L.Input((7,), name="numeric")
    es = [embed(x, vocabularies[n], 6, n + "_emb") for n, x in xs.items()]
    x0 = L.Concatenate(name="x0")(es + [numeric])
    xl = x0
    for k in range(1, layers + 1):
        xl = L.Add(name=f"cross_add{k}")([L.Multiply(name=f"cross_mul{k}")([x0, cross(xl, k)]), xl])
    deep = mlp(x0, (24, 12), "deep")
    y = L.Dense(1, activation="sigmoid", name="ctr")(L.Concatenate(name="join")([xl, deep]))
    inputs = {**fields(rng, batch, vocabularies), "numeric": floats(rng, batch, 7)}
    return K.Model(list(xs.values()) + [numeric], y, name=name), inputs


@model("DCN v2: three cross layers with full matrices (Dense, Multiply by the input, Add), parallel to a deep part")
def dcn_v2(rng, batch):
    return dcn_v2_model(rng, batch, "dcn_v2", lambda x, k: L.Dense(31, name=f"cross_w{k}")(x), 3)


@model("DCN v2 with matrices of rank 6, each two Dense of which the first has no bias")
def dcn_v2_low_rank(rng, batch):
    def cross(x, k):
        return L.Dense(31, name=f"cross_u{k}")(L.Dense(6, use_bias=False, name=f"cross_v{k}")(x))

    return dcn_v2_model(rng, batch, "dcn_v2_low_rank", cross, 4)


@model("xDeepFM: two layers of the compressed interaction network (outer products by Reshape and Multiply of rank 4, "
       "Conv1D of width 1), a linear and a deep part")
def cin(rng, batch):
    vocabularies = {"user": 53, "item": 67, "category": 13, "shop": 17, "city": 7}
    d, n = 8, len(vocabularies)
    xs = {n: id_input(n) for n in vocabularies}
    x0 = stacked(xs, vocabularies, d)
    columns = L.Permute((2, 1), name="columns")(x0)
    outer = L.Reshape((d, n, 1), name="x0_grid")(columns)
    h, width, pooled = columns, n, []
    for k, maps in enumerate((12, 8), 1):
        inner = L.Reshape((d, 1, width), name=f"x{k}_grid")(h)
        z = L.Multiply(name=f"outer{k}")([outer, inner])
        z = L.Reshape((d, n * width), name=f"pairs{k}")(z)
        h, width = L.Conv1D(maps, 1, activation="relu", name=f"compress{k}")(z), maps
        mean = L.GlobalAveragePooling1D(name=f"mean{k}")(h)
        pooled.append(L.Rescaling(float(d), name=f"sum{k}")(mean))
    explicit = L.Dense(1, use_bias=False, name="cin_out")(L.Concatenate(name="cin")(pooled))
    deep = L.Dense(1, use_bias=False, name="deep_out")(mlp(L.Flatten(name="deep_in")(x0), (32, 16), "deep"))
    linear = [embed(x, vocabularies[n], 1, n + "_linear") for n, x in xs.items()]
    y = L.Activation("sigmoid", name="ctr")(L.Add(name="logit")(linear + [explicit, deep]))
    return K.Model(list(xs.values()), y, name="cin"), fields(rng, batch, vocabularies)


@model("AutoInt: two layers of self-attention of two heads over six fields, each with a residual Dense and relu")
def autoint(rng, batch):
    vocabularies = {"user": 53, "item": 67, "category": 13, "shop": 17, "city": 7, "hour": 24}
    xs = {n: id_input(n) for n in vocabularies}
    h = stacked(xs, vocabularies, 8)
    for k in (1, 2):
        heads = []
        for head in "ab":
            q, key, v = (L.Dense(8, use_bias=False, name=f"{part}{k}{head}")(h) for part in ("query", "key", "value"))
            scores = L.Dot(axes=(2, 2), name=f"scores{k}{head}")([q, key])
            weights = L.Softmax(name=f"attention{k}{head}")(scores)
            heads.append(L.Dot(axes=(2, 1), name=f"read{k}{head}")([weights, v]))
        residual = L.Dense(16, use_bias=False, name=f"residual{k}")(h)
        h = L.Add(name=f"add{k}")([L.Concatenate(name=f"heads{k}")(heads), residual])
        h = L.Activation("relu", name=f"relu{k}")(h)
    y = L.Dense(1, activation="sigmoid", name="ctr")(L.Flatten(name="flat")(h))
    return K.Model(list(xs.values()), y, name="autoint"), fields(rng, batch, vocabularies)


@model("FiBiNET: SENET weighs four fields (mean of each by Permute and GlobalAveragePooling1D, a Dense(1) for each), "
       "bilinear interactions of all pairs with one shared matrix before and one after it, a deep part")
def fibinet(rng, batch):
    vocabularies = {"user": 53, "item": 67, "category": 13, "shop": 17}
    d = 8
    xs = {n: id_input(n) for n in vocabularies}
    rows = {n: L.Embedding(vocabularies[n], d, name=n + "_emb")(x) for n, x in xs.items()}
    flat = [L.Flatten(name=n + "_flat")(e) for n, e in rows.items()]
    squeezed = L.Permute((2, 1), name="columns")(L.Concatenate(axis=1, name="fields")(list(rows.values())))
    squeezed = L.GlobalAveragePooling1D(name="squeezed")(squeezed)
    squeezed = L.Dense(2, activation="relu", use_bias=False, name="excite1")(squeezed)
    senet = []
    for n, e in zip(vocabularies, flat):
        weight = L.Dense(1, activation="relu", use_bias=False, name=n + "_weight")(squeezed)
        senet.append(L.Multiply(name=n + "_weighed")([e, weight]))
    pairs = []
    for name, es in (("plain", flat), ("senet", senet)):
        matrix = L.Dense(d, use_bias=False, name=name + "_matrix")
        left = [matrix(e) for e in es[:-1]]
        pairs += [L.Multiply(name=f"{name}_{i}{j}")([left[i], es[j]])
                  for i in range(len(es)) for j in range(i + 1, len(es))]
    y = L.Dense(1, activation="sigmoid", name="ctr")(mlp(L.Concatenate(name="pairs")(pairs), (24, 12), "deep"))
    return K.Model(list(xs.values()), y, name="fibinet"), fields(rng, batch, vocabularies)


@model("two towers with LayerNormalization, gelu and a pooled history; the cosine by Dot(normalize=True), a "
       "temperature by Rescaling")
def two_tower_layernorm(rng, batch):
    user, watched, profile = id_input("user"), id_input("watched", 15), L.Input((5,), name="profile")
    item, category, text = id_input("item"), id_input("category"), L.Input((12,), name="text_vector")
    items = L.Embedding(73, 12, name="item_emb")
    mean = L.GlobalAveragePooling1D(name="watched_mean")(items(watched))
    u = L.Concatenate(name="user_in")([embed(user, 61, 12, "user_emb"), mean, profile])
    i = L.Concatenate(name="item_in")([L.Flatten(name="item_flat")(items(item)), embed(category, 9, 6, "category_emb"),
                                       text])
    towers = []
    for side, h in (("user", u), ("item", i)):
        h = L.LayerNormalization(name=side + "_ln0")(h)
        h = L.LayerNormalization(name=side + "_ln1")(L.Dense(24, activation="gelu", name=side + "_fc1")(h))
        towers.append(L.LayerNormalization(name=side + "_ln2")(L.Dense(16, name=side + "_fc2")(h)))
    cosine = L.Dot(axes=1, normalize=True, name="cosine")(towers)
    y = L.Activation("sigmoid", name="match")(L.Rescaling(5.0, name="temperature")(cosine))
    inputs = {"user": ids(rng, batch, 61), "watched": ids(rng, batch, 73, 15), "profile": floats(rng, batch, 5),
              "item": ids(rng, batch, 73), "category": ids(rng, batch, 9), "text_vector": floats(rng, batch, 12)}
    return K.Model([user, watched, profile, item, category, text], y, name="two_tower_layernorm"), inputs


# ---- several tasks -----------------------------------------------------------------------------


def task_inputs(rng, batch):
    """The inputs of a multi-task ranker, their layers and what they are joined to."""
    vocabularies = {"user": 61, "item": 73, "category": 11, "city": 9}
    xs = {n: id_input(n) for n in vocabularies}
    numeric = L.Input((6,), name="numeric")
    es = [embed(x, vocabularies[n], 8, n + "_emb") for n, x in xs.items()]
    inputs = {**fields(rng, batch, vocabularies), "numeric": floats(rng, batch, 6)}
    return inputs, list(xs.values()) + [numeric], L.Concatenate(name="bottom")(es + [numeric])


@model("shared bottom: one MLP, and heads for two probabilities (sigmoid), a class of seven (softmax), a time (linear)")
def shared_bottom(rng, batch):
    inputs, xs, h = task_inputs(rng, batch)
    h = mlp(h, (32, 24), "bottom")
    heads = [L.Dense(1, activation="sigmoid", name=n)(mlp(h, (12,), n + "_fc")) for n in ("click", "buy")]
    heads.append(L.Dense(7, activation="softmax", name="reason")(mlp(h, (12,), "reason_fc", "tanh")))
    heads.append(L.Dense(1, name="watch_time")(mlp(h, (12, 8), "watch_time_fc")))
    return K.Model(xs, heads, name="shared_bottom"), inputs


@model("MMoE: four experts stacked by Reshape and Concatenate(axis=1); for each of three tasks a gate by "
       "Dense(softmax), Dot with the stack and a tower")
def mmoe(rng, batch):
    inputs, xs, h = task_inputs(rng, batch)
    experts = [L.Reshape((1, 12), name=f"expert{k}_row")(mlp(h, (16, 12), f"expert{k}_fc")) for k in range(1, 5)]
    experts = L.Concatenate(axis=1, name="experts")(experts)
    heads = []
    for task in ("click", "like", "share"):
        gate = L.Dense(4, activation="softmax", use_bias=False, name=task + "_gate")(h)
        mixed = L.Dot(axes=(1, 1), name=task + "_mix")([gate, experts])
        heads.append(L.Dense(1, activation="sigmoid", name=task)(mlp(mixed, (8,), task + "_fc")))
    return K.Model(xs, heads, name="mmoe"), inputs


@model("PLE: an extraction level of two shared experts and two for each of two tasks with three gates, and a level "
       "whose gates are the tasks'; mixing by Multiply, GlobalAveragePooling1D and Rescaling")
def ple(rng, batch):
    inputs, xs, h = task_inputs(rng, batch)
    states = {"click": h, "buy": h, "shared": h}
    for level, width in ((1, 12), (2, 8)):
        rows = {}
        for owner, state in states.items():
            both = L.Dense(2 * width, activation="relu", name=f"{owner}{level}_experts")(state)
            rows[owner] = L.Reshape((2, width), name=f"{owner}{level}_rows")(both)
        after = {}
        for owner in ("click", "buy", "shared") if level == 1 else ("click", "buy"):
            seen = list(rows.values()) if owner == "shared" else [rows[owner], rows["shared"]]
            stack = L.Concatenate(axis=1, name=f"{owner}{level}_stack")(seen)
            n = 2 * len(seen)
            gate = L.Dense(n, activation="softmax", use_bias=False, name=f"{owner}{level}_gate")(states[owner])
            gate = L.Reshape((n, 1), name=f"{owner}{level}_column")(gate)
            mean = L.GlobalAveragePooling1D(name=f"{owner}{level}_mean")(
                L.Multiply(name=f"{owner}{level}_weighed")([stack, gate]))
            after[owner] = L.Rescaling(float(n), name=f"{owner}{level}_mix")(mean)
        states = after
    heads = [L.Dense(1, activation="sigmoid", name=task)(mlp(state, (8,), task + "_fc"))
             for task, state in states.items()]
    return K.Model(xs, heads, name="ple"), inputs
