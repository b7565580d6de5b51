"""Writes cases/CLASS.json: tiny models around one layer class each, with the answers of Keras.

    python generate_cases.py                       all classes, Keras 2
    python generate_cases.py CLASS...              some
    python generate_cases.py --keras3 [CLASS...]   cases_keras3/CLASS.json, of the classes in KERAS3

Afterwards `node record_tfjs.mjs cases` adds the answers of TensorFlow.js.
Inputs are called x (or x0, x1, ...), the layer under test and the output y.
"""
from golden import *

import itertools

import cases_attention
import cases_convolution
import cases_operations
import cases_recurrent
import cases_training

L = K.layers
CLASSES = {}
FOLDER = HERE / "cases"
# Classes whose files or answers are others in Keras 3; TF.js reads none of those files.
KERAS3 = ["Activation", "Dot", "Embedding", "GlobalAveragePooling1D", "GlobalMaxPooling1D",
          "LayerNormalization", "LeakyReLU", "MaskMerge", "MaskPropagation", "ReLU", "Softmax",
          "TimeDistributed"]


def file(f):
    CLASSES[f.__name__] = f
    return f


class Cases:
    def __init__(self, name):
        self.name, self.cases = name, []

    def rng(self, case):
        return rng_for("cases", self.name, case)

    def add(self, case, build, inputs, compiled=False, fixed_batch=False, **kwargs):
        """build(symbolic inputs) -> output; inputs: {name: array}, its dtype is the InputLayer's. XLA answers if compiled.
        The model takes batches of this size alone if fixed_batch."""
        K.backend.clear_session()
        assert case not in [c["name"] for c in self.cases], case
        xs = [L.Input(batch_shape=(v.shape[0] if fixed_batch else None, *v.shape[1:]), dtype=str(v.dtype), name=n)
              for n, v in inputs.items()]
        y = build(*xs)
        m = K.Model(xs, y, name="case")
        randomise(m, self.rng(case + "/weights"), digits=3)
        topology, weights = to_tfjs(m)
        names_in, names_out = io_names(topology["model_config"])
        answer = tf.function(m, jit_compile=True) if compiled else m
        outputs = as_list(answer([tf.constant(inputs[n]) for n in names_in], training=False))
        assert len(set(names_out)) == len(outputs)
        self.cases.append({
            "name": case,
            "topology": topology,
            "weights": [{"name": w["name"], "shape": list(w["data"].shape),
                         "data": numbers(w["data"])} for w in weights],
            "inputs": {n: {"dtype": str(v.dtype), "shape": list(v.shape), "data": numbers(v)}
                       for n, v in inputs.items()},
            "keras": {n: {**({"dtype": "int32"} if v.dtype.is_integer else {}),
                          "shape": list(v.shape), "data": numbers(v.numpy())}
                      for n, v in zip(names_out, outputs)},
        })

    def one(self, case, layer, *shape, batch=3, scale=1.5, x=None, **kwargs):
        """One layer, named y, on one float input of this shape (without the batch)."""
        if x is None:
            x = self.floats(case, batch, *shape, scale=scale)
        self.add(case, layer, {"x": x}, **kwargs)

    def floats(self, case, *shape, scale=1.5):
        return np.round(scale * self.rng(case).standard_normal(shape), 3).astype(np.float32)

    def ids(self, case, vocabulary, *shape):
        return self.rng(case).integers(0, vocabulary, shape).astype(np.int32)

    def write(self):
        head = json.dumps({"class": self.name, "versions": versions(K)})[:-1]
        lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in self.cases)
        path = FOLDER / f"{self.name}.json"
        path.write_text(head + ', "cases":[\n' + lines + "\n]}\n")
        print(self.name, len(self.cases), path.stat().st_size, flush=True)


def numbers(a):
    """A flat list whose decimals read back as the same float32."""
    a = np.asarray(a)
    if a.dtype.kind in "ib":
        return [int(v) for v in a.ravel()]
    assert a.dtype == np.float32 and np.isfinite(a).all()
    out = []
    for v in a.ravel():
        d = float(str(v))
        out.append(int(d) if d == int(d) and abs(d) < 1e9 else d)
    return out


def batches(*shapes):
    """Each shape with batch 1 and batch 3."""
    return [(b, s) for s in shapes for b in (1, 3)]


def tag(*parts):
    return "_".join(str(p).replace(" ", "").replace("-", "m") for p in parts)


ACTIVATIONS = ["linear", "relu", "relu6", "elu", "selu", "sigmoid", "hard_sigmoid", "softplus",
               "softsign", "tanh", "softmax", "log_softmax", "gelu", "swish", "mish",
               "exponential", "leaky_relu"]


def known_activations():
    out = []
    for a in ACTIVATIONS:
        try:
            K.activations.get(a)
            out.append(a)
        except ValueError:
            print("no activation", a)
    return out


# ---- embeddings and dense ------------------------------------------------------------------


@file
def Embedding(c):
    for rank, shape in (("rank2", (1,)), ("rank2_5", (5,)), ("rank3", (2, 3))):
        for b in (1, 3):
            n = tag(rank, "batch", b)
            c.add(n, L.Embedding(7, 3, name="y"), {"x": c.ids(n, 7, b, *shape)})
    c.add("scalar_ids", L.Embedding(5, 2, name="y"), {"x": np.array([4, 0, 2], np.int32)})
    c.add("rank4", L.Embedding(11, 2, name="y"), {"x": c.ids("rank4", 11, 2, 1, 3, 2)})
    c.add("dim_1", L.Embedding(13, 1, name="y"), {"x": c.ids("dim_1", 13, 3, 4)})
    c.add("vocabulary_1", L.Embedding(1, 4, name="y"), {"x": np.zeros((3, 2), np.int32)})
    c.add("mask_zero", L.Embedding(7, 3, mask_zero=True, name="y"),
          {"x": np.array([[3, 0, 6], [0, 0, 1]], np.int32)})
    c.add("input_length", L.Embedding(7, 3, input_length=4, name="y"), {"x": c.ids("l", 7, 3, 4)})
    c.add("float_ids_whole", L.Embedding(7, 3, name="y"),
          {"x": np.array([[0, 6, 2], [5, 5, 1]], np.float32)})
    c.add("float_ids_truncated", L.Embedding(7, 3, name="y"),
          {"x": np.array([[2.7, 0.999, 6.5], [3.5, 4.5, -0.7]], np.float32)})
    c.add("all_ids", L.Embedding(9, 5, name="y"), {"x": np.arange(9, dtype=np.int32)[None]})
    c.add("wide_rows", L.Embedding(3, 67, name="y"), {"x": np.array([[2, 0], [1, 1]], np.int32)})
    c.add("int32_input_dense", lambda x: L.Dense(2, name="y")(L.Flatten(name="f")(
        L.Embedding(7, 3, name="e")(x))), {"x": c.ids("d", 7, 3, 2)})


@file
def Dense(c):
    for a in known_activations():
        c.one(tag("activation", a), L.Dense(5, activation=a, name="y"), 3, scale=2.5)
    for b, s in batches((4,), (1,), (7, 3), (1, 5), (2, 3, 4), (1, 1, 1)):
        c.one(tag("rank", len(s) + 1, "shape", *s, "batch", b), L.Dense(3, name="y"), *s, batch=b)
    c.one("units_1", L.Dense(1, name="y"), 6)
    c.one("no_bias", L.Dense(4, use_bias=False, name="y"), 5)
    c.one("relu_no_bias", L.Dense(4, use_bias=False, activation="relu", name="y"), 5)
    c.one("relu_rank_3", L.Dense(4, activation="relu", name="y"), 3, 5)
    c.one("elu_rank_4", L.Dense(4, activation="elu", name="y"), 2, 3, 2)
    c.one("softmax_rank_3", L.Dense(4, activation="softmax", name="y"), 3, 5)
    c.one("softmax_units_1", L.Dense(1, activation="softmax", name="y"), 3)
    c.one("wide", L.Dense(37, activation="sigmoid", name="y"), 41, batch=2)
    c.one("batch_33", L.Dense(2, activation="tanh", name="y"), 2, batch=33)
    c.one("tall", L.Dense(2, name="y"), 131)
    c.add("int32_input", L.Dense(3, name="y"), {"x": c.ids("int32_input", 20, 3, 4)})
    c.add("with_regularizer", L.Dense(3, kernel_regularizer=K.regularizers.L2(0.01),
                                      kernel_initializer=K.initializers.LecunNormal(), name="y"),
          {"x": c.floats("r", 3, 4)})
    for n, layer in (("ReLU", lambda: L.ReLU(negative_slope=0.25, threshold=0.1, max_value=0.8)),
                     ("ReLU_max_value", lambda: L.ReLU(max_value=0.5)), ("LeakyReLU", lambda: L.LeakyReLU(0.4)),
                     ("ELU", lambda: L.ELU()), ("ELU_alpha", lambda: L.ELU(0.5))):
        c.one(f"activation_layer_{n}", L.Dense(5, activation=layer(), name="y"), 3, scale=2.5)
    c.add("with_constraint", L.Dense(3, kernel_constraint=K.constraints.MaxNorm(2.0),
                                     bias_regularizer=K.regularizers.L1L2(0.1, 0.2), name="y"),
          {"x": c.floats("r", 3, 4)})


# ---- activations ---------------------------------------------------------------------------


def sweep():
    special = [0, -1e-3, 1e-3, 0.5, -0.5, 1, -1, 2.5, -2.5, 2.499, -2.501, 3, -3, 5.999, 6, 6.001]
    return np.array(special + list(np.linspace(-20, 20, 48)), np.float32).round(3)


@file
def Activation(c):
    for a in known_activations():
        c.one(tag(a, "sweep"), L.Activation(a, name="y"), x=sweep()[None])
        c.one(tag(a, "rank2"), L.Activation(a, name="y"), 5, scale=3)
    for a in ("relu", "softmax", "log_softmax"):
        c.one(tag(a, "rank3"), L.Activation(a, name="y"), 2, 5, scale=3)
        c.one(tag(a, "rank4"), L.Activation(a, name="y"), 2, 1, 3, scale=3)
    c.one("softmax_width_1", L.Activation("softmax", name="y"), 1)
    c.one("softmax_large", L.Activation("softmax", name="y"),
          x=np.array([[100, -100, 99], [500, 500, -500], [-300, -301, -302]], np.float32))
    c.one("log_softmax_large", L.Activation("log_softmax", name="y"),
          x=np.array([[100, -100, 99], [500, 500, -500], [-300, -301, -302]], np.float32))
    c.one("sigmoid_large", L.Activation("sigmoid", name="y"),
          x=np.array([[80, -80, 100], [300, -300, -100]], np.float32))
    c.one("tanh_large", L.Activation("tanh", name="y"),
          x=np.array([[80, -80, 100], [300, -300, -1e4]], np.float32))
    c.one("softplus_large", L.Activation("softplus", name="y"),
          x=np.array([[80, -80, 100], [300, -300, 1e4]], np.float32))


@file
def ReLU(c):
    options = {
        "plain": {}, "max_value_6": {"max_value": 6.0}, "max_value_half": {"max_value": 0.5},
        "max_value_0": {"max_value": 0.0},
        "negative_slope": {"negative_slope": 0.2}, "negative_slope_1": {"negative_slope": 1.0},
        "threshold": {"threshold": 0.75}, "threshold_max": {"threshold": 0.5, "max_value": 2.0},
        "slope_max": {"negative_slope": 0.1, "max_value": 1.5},
        "slope_threshold": {"negative_slope": 0.3, "threshold": 1.0},
        "all": {"negative_slope": 0.1, "threshold": 0.25, "max_value": 2.0},
    }
    for n, o in options.items():
        c.one(n, L.ReLU(name="y", **o), x=sweep()[None])
    for s in ((4,), (2, 3), (1, 2, 3)):
        c.one(tag("max_value_rank", len(s) + 1), L.ReLU(max_value=1.0, name="y"), *s)


@file
def LeakyReLU(c):
    for n, o in {"default": {}, "alpha_0.1": {"alpha": 0.1}, "alpha_0": {"alpha": 0.0},
                 "alpha_1": {"alpha": 1.0}}.items():
        c.one(n, L.LeakyReLU(name="y", **o), x=sweep()[None])
    for b, s in batches((1,), (2, 3), (1, 2, 3)):
        c.one(tag("shape", *s, "batch", b), L.LeakyReLU(alpha=0.2, name="y"), *s, batch=b)


@file
def ELU(c):
    for n, o in {"default": {}, "alpha_1": {"alpha": 1.0}, "alpha_0.5": {"alpha": 0.5},
                 "alpha_2": {"alpha": 2.0}}.items():
        c.one(n, L.ELU(name="y", **o), x=sweep()[None])
    for s in ((4,), (2, 3), (1, 2, 3)):
        c.one(tag("rank", len(s) + 1), L.ELU(name="y"), *s)


@file
def ThresholdedReLU(c):
    for n, o in {"default": {}, "theta_0": {"theta": 0.0}, "theta_2.5": {"theta": 2.5}}.items():
        c.one(n, L.ThresholdedReLU(name="y", **o), x=sweep()[None])
    for s in ((4,), (2, 3), (1, 2, 3)):
        c.one(tag("rank", len(s) + 1), L.ThresholdedReLU(theta=0.5, name="y"), *s)


@file
def PReLU(c):
    for b, s in batches((5,), (1,), (3, 4), (2, 3, 4)):
        c.one(tag("shape", *s, "batch", b), L.PReLU(name="y"), *s, batch=b)
    for s, axes in (((3, 4), [1]), ((3, 4), [2]), ((3, 4), [1, 2]), ((2, 3, 4), [1]),
                    ((2, 3, 4), [2]), ((2, 3, 4), [3]), ((2, 3, 4), [1, 2]), ((2, 3, 4), [1, 3]),
                    ((2, 3, 4), [1, 2, 3]), ((5,), [1]), ((1, 5), [1])):
        c.one(tag("shape", *s, "shared", *axes), L.PReLU(shared_axes=axes, name="y"), *s)


@file
def Softmax(c):
    for b, s in batches((5,), (1,), (3, 4), (2, 3, 4)):
        c.one(tag("shape", *s, "batch", b), L.Softmax(name="y"), *s, batch=b, scale=3)
    for s, axis in (((5,), 1), ((3, 4), 1), ((3, 4), 2), ((3, 4), -2), ((3, 4), [1, 2]),
                    ((3, 4), [-1]), ((3, 4), [-2, -1]), ((2, 3, 4), 1), ((2, 3, 4), 2),
                    ((2, 3, 4), [2, 3]), ((2, 3, 4), [1, 3]), ((2, 3, 4), [1, 2, 3])):
        c.one(tag("shape", *s, "axis", axis if isinstance(axis, int) else tag("list", *axis)),
              L.Softmax(axis=axis, name="y"), *s, scale=3)
    x = c.floats("m", 3, 4, scale=3)
    mask = np.array([[1, 1, 0, 1], [0, 0, 1, 0], [1, 1, 1, 1]], np.float32)
    c.add("mask_argument", lambda x, mask: L.Softmax(name="y")(x, mask=mask), {"x": x, "mask": mask})


# ---- identity at inference -----------------------------------------------------------------


def identity(cls, *values, shapes=((5,), (3, 4), (2, 3, 4)), **kwargs):
    def f(c):
        for s, v in itertools.product(shapes, values):
            c.one(tag("shape", *s, v), getattr(L, cls)(v, name="y", **kwargs), *s)

    f.__name__ = cls
    return file(f)


identity("Dropout", 0.0, 0.5)
identity("GaussianNoise", 0.1, 1.0)
identity("GaussianDropout", 0.25, 0.5)
identity("AlphaDropout", 0.1, 0.5)
identity("SpatialDropout1D", 0.25, 0.5, shapes=((3, 4), (1, 5)))
identity("SpatialDropout2D", 0.5, shapes=((2, 3, 4),))


# ---- shapes --------------------------------------------------------------------------------


@file
def Flatten(c):
    for b, s in batches((5,), (3, 4), (1, 5), (5, 1), (2, 3, 4)):
        c.one(tag("shape", *s, "batch", b), L.Flatten(name="y"), *s, batch=b)
    for s in ((5,), (3, 4), (2, 3, 4), (2, 1, 3, 2)):
        c.one(tag("channels_first", *s), L.Flatten(data_format="channels_first", name="y"), *s)
    c.one("rank_1", L.Flatten(name="y"), x=np.array([1.5, -2, 0.25], np.float32))
    c.add("int32", lambda x: L.Flatten(name="y")(L.Embedding(6, 2, name="e")(L.Flatten(name="f")(x))),
          {"x": c.ids("int32", 6, 3, 2, 2)})


@file
def Reshape(c):
    for s, t in (((12,), (3, 4)), ((3, 4), (12,)), ((3, 4), (4, 3)), ((2, 3, 4), (4, 6)),
                 ((6,), (1, 6)), ((6,), (6, 1)), ((1, 1, 7), (7,)), ((4,), (4,)), ((1,), (1, 1, 1)),
                 ((1,), ()), ((3, 4), (-1,)), ((3, 4), (-1, 3)), ((2, 3, 4), (2, -1, 2)),
                 ((5,), (-1, 1)), ((7,), (1, -1))):
        c.one(tag(*s, "to", *t), L.Reshape(t, name="y"), *s)
    c.one("batch_1", L.Reshape((2, 2), name="y"), 4, batch=1)
    c.one("minus_one_then_dense", lambda x: L.Dense(2, name="y")(L.Reshape((-1,), name="r")(x)), 3, 2)


@file
def Permute(c):
    for s, p in (((3, 4), (2, 1)), ((3, 4), (1, 2)), ((1, 5), (2, 1)), ((5,), (1,))):
        c.one(tag(*s, "by", *p), L.Permute(p, name="y"), *s)
    for p in itertools.permutations((1, 2, 3)):
        c.one(tag("2_3_4_by", *p), L.Permute(p, name="y"), 2, 3, 4, batch=2)
    c.one("rank5", L.Permute((4, 1, 3, 2), name="y"), 2, 3, 1, 2, batch=2)


@file
def RepeatVector(c):
    for n, b, w in itertools.product((1, 2, 5), (1, 3), (1, 4)):
        c.one(tag("n", n, "batch", b, "width", w), L.RepeatVector(n, name="y"), w, batch=b)


@file
def Masking(c):
    for s, v in itertools.product(((4, 3), (5,), (2, 3, 2)), (0.0, -1.0, 0.5)):
        n = tag("shape", *s, "value", v)
        x = c.floats(n, 3, *s)
        flat = x.reshape(3, -1, s[-1])
        flat[:, 1::2] = v          # whole steps (rank 2: none), masked
        flat[:, 0, 0] = v          # one feature only, not masked
        if len(s) == 1:
            x[1] = v               # rank 2: a whole row
        c.one(n, L.Masking(mask_value=v, name="y"), x=x)
    c.one("default", L.Masking(name="y"), x=np.array([[[0, 0], [0, 1]], [[2, 0], [0, 0]]], np.float32))
    c.one("width_1", L.Masking(2.0, name="y"), x=np.array([[[2], [3], [-2]]], np.float32))


# ---- merging -------------------------------------------------------------------------------


@file
def Concatenate(c):
    def go(n, axis, *shapes, batch=3):
        xs = {f"x{k}": c.floats(f"{n}{k}", batch, *s) for k, s in enumerate(shapes)}
        c.add(n, lambda *t: L.Concatenate(axis=axis, name="y")(list(t)), xs)

    go("two", -1, (3,), (4,))
    go("batch_1", -1, (3,), (4,), batch=1)
    go("axis_1_rank_2", 1, (1,), (5,), (2,))
    go("five", -1, (1,), (2,), (3,), (1,), (7,))
    go("rank_3_last", -1, (3, 2), (3, 5))
    go("rank_3_axis_2", 2, (3, 1), (3, 1), (3, 1))
    go("rank_3_axis_1", 1, (2, 3), (1, 3), (4, 3))
    go("rank_3_axis_minus_2", -2, (2, 3), (1, 3))
    go("rank_4_axis_1", 1, (1, 2, 3), (2, 2, 3))
    go("rank_4_axis_2", 2, (2, 1, 3), (2, 3, 3))
    go("rank_4_axis_minus_1", -1, (2, 2, 1), (2, 2, 3))
    go("many", -1, *[(1 + k % 3,) for k in range(12)])
    x = {"x": c.floats("same", 3, 2)}
    c.add("same_twice", lambda t: L.Concatenate(name="y")([t, t]), x)
    c.add("axis_0", lambda a, b: L.Concatenate(axis=0, name="y")([a, b]),
          {"x0": c.floats("a0", 2, 3), "x1": c.floats("b0", 2, 3)})


def merge(cls, most=5):
    def f(c):
        def go(n, *shapes, batch=3):
            xs = {f"x{k}": c.floats(f"{n}{k}", batch, *s) for k, s in enumerate(shapes)}
            c.add(n, lambda *t: getattr(L, cls)(name="y")(list(t)), xs)

        for k in range(2, most + 1):
            go(tag("inputs", k), *[(4,)] * k)
        go("batch_1", (5,), (5,), batch=1)
        go("width_1", (1,), (1,))
        go("rank_3", (3, 2), (3, 2))
        go("rank_4", (2, 3, 2), (2, 3, 2))
        go("broadcast_last", (5,), (1,))
        go("broadcast_first_input", (1,), (5,))
        go("broadcast_5_1_1_4", (5, 1), (1, 4))
        go("broadcast_1_4_5_1", (1, 4), (5, 1))
        go("broadcast_middle", (1, 3), (4, 3))
        go("rank_4_3", (4,), (3, 4))
        go("rank_3_4", (3, 4), (4,))
        go("rank_1_3", (1,), (3, 4))
        go("rank_2_3_4", (4,), (3, 4), (2, 3, 4)) if most > 2 else None
        go("rank_3_to_4", (3, 4), (2, 3, 4))
        if most > 2:
            go("broadcast_three", (5, 1), (1, 4), (1, 1))
        c.add("same_twice", lambda t: getattr(L, cls)(name="y")([t, t]), {"x": c.floats("s", 3, 4)})
        c.add("same_twice_and_elsewhere",
              lambda t: L.Concatenate(name="y")([getattr(L, cls)(name="m")([t, t]), t]),
              {"x": c.floats("s2", 3, 4)})
        c.add("hidden_twice_and_elsewhere",
              lambda t: twice(getattr(L, cls)(name="m"), L.Dense(3, name="d")(t)),
              {"x": c.floats("s3", 3, 4)})

    f.__name__ = cls
    return file(f)


def twice(layer, t):
    return L.Concatenate(name="y")([layer([t, t]), t])


merge("Add")
merge("Subtract", 2)
merge("Multiply")
merge("Average")
merge("Maximum")
merge("Minimum")


@file
def Dot(c):
    def go(n, axes, s0, s1, batch=3, scale=1.5, **kwargs):
        c.add(n, lambda a, b: L.Dot(axes=axes, name="y", **kwargs)([a, b]),
              {"x0": c.floats(n + "0", batch, *s0, scale=scale),
               "x1": c.floats(n + "1", batch, *s1, scale=scale)})

    go("rank_2", 1, (4,), (4,))
    go("rank_2_batch_1", 1, (4,), (4,), batch=1)
    go("rank_2_minus_1", -1, (5,), (5,))
    go("rank_2_pair", (1, 1), (5,), (5,))
    go("rank_2_width_1", 1, (1,), (1,))
    go("rank_2_pair_mixed_sign", (1, -1), (5,), (5,))
    for a0, a1 in itertools.product((1, 2), (1, 2)):
        s0, s1 = [2, 4], [3, 5]
        s0[a0 - 1] = s1[a1 - 1] = 7
        go(tag("rank_3_3_axes", a0, a1), (a0, a1), tuple(s0), tuple(s1))
    go("rank_3_3_int_1", 1, (3, 2), (3, 4))
    go("rank_3_3_int_2", 2, (2, 3), (4, 3))
    go("rank_3_3_int_minus_1", -1, (2, 3), (4, 3))
    go("rank_3_3_int_minus_2", -2, (3, 2), (3, 4))
    go("rank_3_3_negative_pair", (-1, -2), (2, 3), (3, 4))
    go("rank_3_3_negative_pair_2", (-2, -1), (3, 2), (4, 3))
    go("rank_3_3_batch_1", (2, 1), (2, 3), (3, 4), batch=1)
    go("rank_3_3_ones", (2, 2), (1, 1), (1, 1))
    go("rank_2_3_axes_1_1", (1, 1), (4,), (4, 3))
    go("rank_2_3_axes_1_2", (1, 2), (4,), (3, 4))
    go("rank_3_2_axes_1_1", (1, 1), (4, 3), (4,))
    go("rank_3_2_axes_2_1", (2, 1), (3, 4), (4,))
    go("rank_3_2_minus_1", -1, (3, 4), (4,))
    go("rank_2_3_minus_1", -1, (4,), (3, 4))
    go("rank_4_3", (3, 2), (2, 2, 3), (4, 3))
    go("rank_4_4", (3, 3), (2, 2, 3), (2, 4, 3))
    go("normalize_rank_2", 1, (4,), (4,), normalize=True)
    go("normalize_rank_2_minus_1", -1, (4,), (4,), normalize=True)
    go("normalize_rank_3", (2, 2), (2, 3), (4, 3), normalize=True)
    go("normalize_rank_3_axes_1_2", (1, 2), (3, 2), (4, 3), normalize=True)
    go("normalize_rank_2_3", (1, 2), (4,), (3, 4), normalize=True)
    go("normalize_small", 1, (4,), (4,), scale=0.003, normalize=True)
    n = "normalize_tiny"
    c.add(n, lambda a, b: L.Dot(axes=1, normalize=True, name="y")([a, b]),
          {"x0": c.floats(n, 3, 4) * np.float32(2.0 ** -14), "x1": c.floats(n + "1", 3, 4)})
    zero = c.floats("z", 3, 4)
    zero[1] = 0
    c.add("normalize_zero_row", lambda a, b: L.Dot(axes=1, normalize=True, name="y")([a, b]),
          {"x0": zero, "x1": c.floats("z1", 3, 4)})
    c.add("itself", lambda t: L.Dot(axes=(2, 2), name="y")([t, t]), {"x": c.floats("i", 3, 3, 4)})


# ---- normalisation -------------------------------------------------------------------------


@file
def BatchNormalization(c):
    B = L.BatchNormalization
    for b, s in batches((5,), (1,), (3, 4), (2, 3, 4)):
        c.one(tag("shape", *s, "batch", b), B(name="y"), *s, batch=b)
    for center, scale in ((False, True), (True, False), (False, False)):
        for s in ((5,), (3, 4)):
            c.one(tag("center", center, "scale", scale, *s), B(center=center, scale=scale, name="y"), *s)
    for e in (0.1, 1e-6):
        for s in ((5,), (3, 4), (2, 3, 4)):
            c.one(tag("epsilon", e, *s), B(epsilon=e, name="y"), *s)
    for s, a in (((5,), 1), ((3, 4), 1), ((3, 4), 2), ((3, 4), -2), ((2, 3, 4), 1), ((2, 3, 4), 2),
                 ((2, 3, 4), [3]), ((1, 4), 1), ((4, 1), 1), ((4, 1), -1)):
        c.one(tag("shape", *s, "axis", *as_list(a)), B(axis=a, name="y"), *s)
    c.one("axis_1_no_center_no_scale", B(axis=1, center=False, scale=False, name="y"), 3, 4)
    c.one("rank_5", B(name="y"), 2, 1, 2, 3, batch=2)
    c.one("momentum", B(momentum=0.5, name="y"), 4)
    for s, a in (((2, 3, 4), [1, 3]), ((2, 3, 4), [3, 1]), ((2, 3, 4), [-1, -2]), ((2, 3, 4), [1, 2]), ((3, 4), [1, 2]),
                 ((2, 3, 4), [1, 2, 3]), ((2, 3, 2, 3), [1, 3]), ((2, 3, 2, 3), [-1, 2]), ((2, 3, 2, 3), [2, 3])):
        c.one(tag("shape", *s, "axes", *a), B(axis=a, name="y"), *s, batch=2)
    c.one("axes_1_3_no_center", B(axis=[1, 3], center=False, name="y"), 2, 3, 2)
    c.one("axes_1_3_no_scale", B(axis=[1, 3], scale=False, name="y"), 2, 3, 2)
    c.one("axes_1_3_no_center_no_scale", B(axis=[1, 3], center=False, scale=False, name="y"), 2, 3, 2)


@file
def SyncBatchNormalization(c):
    S = L.experimental.SyncBatchNormalization
    for s in ((5,), (3, 4), (2, 3, 4)):
        c.one(tag("shape", *s), S(name="y"), *s)
    c.one("axis_1", S(axis=1, name="y"), 3, 4)
    c.one("axes_1_3", S(axis=[1, 3], name="y"), 2, 3, 2)
    c.one("no_center_no_scale", S(center=False, scale=False, name="y"), 4)
    c.one("training", lambda x: S(name="y")(x, training=True), 4)
    c.one("time_distributed", L.TimeDistributed(S(name="b"), name="y"), 3, 4)


@file
def LayerNormalization(c):
    N = L.LayerNormalization
    for b, s in batches((5,), (3, 4), (2, 3, 4)):
        c.one(tag("shape", *s, "batch", b), N(name="y"), *s, batch=b)
    c.one("width_1", N(name="y"), 1)
    c.one("width_2", N(name="y"), 2)
    for center, scale in ((False, True), (True, False), (False, False)):
        for s in ((5,), (3, 4)):
            c.one(tag("center", center, "scale", scale, *s), N(center=center, scale=scale, name="y"), *s)
    for e in (0.1, 1e-6):
        for s in ((5,), (3, 4)):
            c.one(tag("epsilon", e, *s), N(epsilon=e, name="y"), *s)
    for s, a in (((5,), 1), ((3, 4), 1), ((3, 4), 2), ((3, 4), [1, 2]), ((3, 4), [2, 1]),
                 ((3, 4), [-2, -1]), ((3, 4), -2), ((2, 3, 4), 1), ((2, 3, 4), 2), ((2, 3, 4), [1, 2]),
                 ((2, 3, 4), [2, 3]), ((2, 3, 4), [1, 3]), ((2, 3, 4), [1, 2, 3])):
        c.one(tag("shape", *s, "axis", *as_list(a)), N(axis=a, name="y"), *s)
    c.one("axis_1_2_no_center", N(axis=[1, 2], center=False, name="y"), 3, 4)
    c.one("constant_row", N(name="y"), x=np.array([[2, 2, 2], [1, 2, 3]], np.float32))
    c.one("large_mean", N(name="y"), x=np.array([[1000, 1001, 1002, 1004], [-512, -511, -510, -512]],
                                                np.float32))


# ---- pooling, wrappers ---------------------------------------------------------------------


def pooling(cls):
    def f(c):
        P = getattr(L, cls)
        for b, s in batches((3, 4), (1, 4), (4, 1), (7, 3)):
            c.one(tag("shape", *s, "batch", b), P(name="y"), *s, batch=b)
        c.one("channels_first", P(data_format="channels_first", name="y"), 3, 4)
        c.one("keepdims", P(keepdims=True, name="y"), 3, 4)
        c.one("channels_first_keepdims", P(data_format="channels_first", keepdims=True, name="y"), 3, 4)
        ids = np.array([[3, 1, 0, 0], [2, 0, 4, 0], [5, 5, 1, 2]], np.int32)
        for n, kw in (("mask", {}), ("mask_keepdims", {"keepdims": True})):
            c.add(n, lambda x: P(name="y", **kw)(L.Embedding(6, 3, mask_zero=True, name="e")(x)), {"x": ids})
        c.add("mask_channels_first_square", lambda x: P(data_format="channels_first", name="y")(
            L.Embedding(6, 4, mask_zero=True, name="e")(x)), {"x": ids})
        v = c.floats("v", 3, 5, 2)
        v[0, 2:] = 0.5
        v[1, 1] = 0.5
        v[2, 0, 0] = 0.5
        c.one("masking_0.5", lambda x: P(name="y")(L.Masking(0.5, name="m")(x)), x=v)

    f.__name__ = cls
    return file(f)


pooling("GlobalAveragePooling1D")
pooling("GlobalMaxPooling1D")


@file
def CategoryEncoding(c):
    for mode, shape, batch in itertools.product(["multi_hot", "count"], [(1,), (4,), (7,)], [1, 3]):
        x = c.ids(tag(mode, *shape, batch), 9, batch, *shape)
        c.one(tag(mode, *shape, f"batch_{batch}"), L.CategoryEncoding(9, output_mode=mode, name="y"), x=x)
    for tokens, batch in [(1, 3), (5, 1), (67, 3)]:
        x = c.ids(tag("one_hot", tokens), tokens, batch, 1)
        c.one(tag("one_hot", tokens, f"batch_{batch}"), L.CategoryEncoding(tokens, output_mode="one_hot", name="y"), x=x)
    x = c.ids("float_ids", 6, 3, 4).astype(np.float32) + np.float32(0.5)
    c.one("float_ids", L.CategoryEncoding(6, name="y"), x=x)
    x = c.ids("before_dense", 6, 3, 4)
    c.one("before_dense", lambda t: L.Dense(2, name="y")(L.CategoryEncoding(6, name="l")(t)), x=x)


@file
def TimeDistributed(c):
    T = L.TimeDistributed
    for b, s in batches((3, 4), (1, 4), (5, 1)):
        c.one(tag("dense", *s, "batch", b), T(L.Dense(2, name="d"), name="y"), *s, batch=b)
    c.one("dense_rank_4", T(L.Dense(3, name="d"), name="y"), 2, 3, 4)
    c.one("dense_relu", T(L.Dense(3, activation="relu", name="d"), name="y"), 3, 4)
    c.one("dense_softmax", T(L.Dense(3, activation="softmax", name="d"), name="y"), 3, 4)
    c.one("dense_no_bias", T(L.Dense(3, use_bias=False, name="d"), name="y"), 3, 4)
    c.one("dense_units_1", T(L.Dense(1, name="d"), name="y"), 3, 4)
    c.one("activation", T(L.Activation("tanh", name="a"), name="y"), 3, 4)
    c.one("dropout", T(L.Dropout(0.5, name="a"), name="y"), 3, 4)
    c.one("flatten", T(L.Flatten(name="f"), name="y"), 2, 3, 4)
    c.one("reshape", T(L.Reshape((2, 2), name="f"), name="y"), 3, 4)
    c.one("batch_normalization", T(L.BatchNormalization(name="b"), name="y"), 3, 4)
    c.one("layer_normalization", T(L.LayerNormalization(name="b"), name="y"), 3, 4)
    c.one("prelu", T(L.PReLU(name="b"), name="y"), 3, 4)
    c.one("pooling", T(L.GlobalMaxPooling1D(name="p"), name="y"), 2, 3, 4)
    c.one("nested_sequential", T(K.Sequential([
        L.InputLayer((4,), name="i"), L.Dense(3, activation="relu", name="d1"),
        L.Dense(2, name="d2")], name="inner"), name="y"), 3, 4)
    c.one("twice", T(T(L.Dense(2, name="d"), name="t"), name="y"), 2, 3, 4)
    v = c.floats("masked", 3, 4, 3)
    v[0, 2:] = 0
    v[1, 1] = 0
    c.one("dense_masked_input", lambda x: T(L.Dense(2, name="d"), name="y")(L.Masking(name="m")(x)), x=v)


# ---- masks through chains ------------------------------------------------------------------


def pool(t):
    return L.GlobalAveragePooling1D(name="y")(t)


def embedded(x, name="e", dim=3):
    return L.Embedding(6, dim, mask_zero=True, name=name)(x)


def masked_inputs(c):
    ids = np.array([[3, 1, 0, 0], [2, 0, 4, 0], [5, 5, 1, 2]], np.int32)
    ids2 = np.array([[1, 0, 3, 0], [2, 2, 0, 0], [0, 5, 1, 2]], np.int32)
    v = c.floats("v", 3, 4, 3)
    v[0, 2:] = 0
    v[1, 1] = 0
    return ids, ids2, v, c.floats("w", 3, 4, 3)


@file
def MaskPropagation(c):
    ids, ids2, v, w = masked_inputs(c)
    through = {
        "dense": lambda: L.Dense(2, activation="tanh", name="l"),
        "activation": lambda: L.Activation("sigmoid", name="l"),
        "activation_softmax": lambda: L.Activation("softmax", name="l"),
        "dropout": lambda: L.Dropout(0.5, name="l"),
        "spatial_dropout": lambda: L.SpatialDropout1D(0.5, name="l"),
        "gaussian_noise": lambda: L.GaussianNoise(0.5, name="l"),
        "gaussian_dropout": lambda: L.GaussianDropout(0.5, name="l"),
        "alpha_dropout": lambda: L.AlphaDropout(0.5, name="l"),
        "relu": lambda: L.ReLU(name="l"),
        "leaky_relu": lambda: L.LeakyReLU(name="l"),
        "prelu": lambda: L.PReLU(shared_axes=[1], name="l"),
        "elu": lambda: L.ELU(name="l"),
        "thresholded_relu": lambda: L.ThresholdedReLU(theta=0.1, name="l"),
        "batch_normalization": lambda: L.BatchNormalization(name="l"),
        "layer_normalization": lambda: L.LayerNormalization(name="l"),
        "time_distributed": lambda: L.TimeDistributed(L.Dense(2, name="d"), name="l"),
        "time_distributed_layer_normalization":
            lambda: L.TimeDistributed(L.LayerNormalization(name="d"), name="l"),
        "permute": lambda: L.Permute((2, 1), name="l"),
        "reshape_same": lambda: L.Reshape((4, 3), name="l"),
        "masking_again": lambda: L.Masking(0.25, name="l"),
        "nested_sequential": lambda: K.Sequential([
            L.InputLayer((4, 3), name="i"), L.Dense(2, name="d1"),
            L.LayerNormalization(name="d2")], name="l"),
        "nested_pooling": lambda: K.Sequential([
            L.InputLayer((4, 3), name="i"), L.Dense(2, name="d1"),
            L.GlobalAveragePooling1D(name="p"), L.RepeatVector(2, name="r")], name="l"),
    }
    c.add("embedding", lambda x: pool(embedded(x)), {"x": ids})
    c.add("masking", lambda x: pool(L.Masking(name="m")(x)), {"x": v})
    for n, make in through.items():
        c.add("embedding_" + n, lambda x: pool(make()(embedded(x))), {"x": ids})
        if "dropout" not in n and "noise" not in n:
            c.add("masking_" + n, lambda x: pool(make()(L.Masking(name="m")(x))), {"x": v})
    c.add("masking_of_dense", lambda x: pool(L.Masking(name="m")(L.Dense(3, use_bias=False, name="d")(x))),
          {"x": v})
    c.add("masking_minus_1_dense", lambda x: pool(L.Dense(2, name="l")(L.Masking(-1.0, name="m")(x))),
          {"x": np.where(v == 0, np.float32(-1), v)})
    c.add("masking_twice", lambda x: pool(L.Masking(0.5, name="m2")(L.Masking(name="m1")(x))),
          {"x": np.concatenate([v[:, :3], np.full((3, 1, 3), 0.5, np.float32)], 1)})
    c.add("flatten", lambda x: L.Dense(2, name="y")(L.Flatten(name="l")(embedded(x))), {"x": ids})
    c.add("flatten_masking", lambda x: L.Dense(2, name="y")(L.Flatten(name="l")(L.Masking(name="m")(x))),
          {"x": v})
    c.add("flatten_masking_minus_1", lambda x: L.Flatten(name="y")(L.Masking(-1.0, name="m")(x)),
          {"x": np.where(v == 0, np.float32(-1), v)})
    c.add("functional_chain", lambda x: pool(L.LayerNormalization(name="l3")(L.PReLU(name="l2")(
        L.Dense(4, name="l1")(embedded(x))))), {"x": ids})
    c.add("float_ids", lambda x: pool(embedded(x)),
          {"x": np.array([[3, 0.4, 0], [2.7, 0, 1], [0, 0.9, 5]], np.float32)})

    one = np.array([[3, 1, 0, 2]], np.int32)
    c.add("softmax_square_batch_1", lambda x: L.Softmax(name="y")(embedded(x, dim=4)), {"x": one})
    c.add("softmax_square_batch_1_pool", lambda x: pool(L.Softmax(name="l")(embedded(x, dim=4))), {"x": one})
    c.add("softmax_axis_1_square_batch_1", lambda x: L.Softmax(axis=1, name="y")(embedded(x, dim=4)),
          {"x": one})
    c.add("softmax_list_square_batch_1", lambda x: L.Softmax(axis=[1, 2], name="y")(embedded(x, dim=4)),
          {"x": one})

    # A mask must not leak into layers beside or after the masked branch.
    c.add("beside_unmasked", lambda a, b: [pool(embedded(a, "e0")),
                                           L.GlobalAveragePooling1D(name="z")(L.Dense(2, name="d")(b))],
          {"x0": ids, "x1": w})
    c.add("shared_embedding_two_uses", lambda a, b: shared(a, b), {"x0": ids, "x1": ids2})
    c.add("mask_dropped_by_flatten_reshape", lambda x: pool(L.Reshape((4, 3), name="r")(
        L.Flatten(name="f")(embedded(x)))), {"x": ids})
    c.add("pool_then_repeat", lambda x: L.GlobalAveragePooling1D(name="y")(
        L.RepeatVector(3, name="r")(L.GlobalAveragePooling1D(name="p")(embedded(x)))), {"x": ids})


@file
def MaskMerge(c):
    ids, ids2, v, w = masked_inputs(c)
    merges = ("Add", "Multiply", "Average", "Maximum", "Minimum", "Subtract")
    for m in merges:
        layer = lambda: getattr(L, m)(name="l")
        c.add(f"{m}_both", lambda a, b: pool(layer()([embedded(a, "e0"), embedded(b, "e1")])),
              {"x0": ids, "x1": ids2})
        c.add(f"{m}_first", lambda a, b: pool(layer()([embedded(a, "e0"), b])), {"x0": ids, "x1": w})
        c.add(f"{m}_second", lambda a, b: pool(layer()([a, embedded(b, "e1")])), {"x0": w, "x1": ids})
    c.add("Add_three", lambda a, b, d: pool(L.Add(name="l")([embedded(a, "e0"), embedded(b, "e1"), d])),
          {"x0": ids, "x1": ids2, "x2": w})
    c.add("Add_three_masked", lambda a, b, d: pool(L.Add(name="l")(
        [embedded(a, "e0"), embedded(b, "e1"), L.Masking(name="m")(d)])), {"x0": ids, "x1": ids2, "x2": v})
    c.add("Multiply_scores", lambda a: pool(scores(embedded(a))), {"x": ids})

    # Along time, Keras can join masked with unmasked only where the last axis is 1 wide.
    for axis, dim in ((-1, 3), (1, 1)):
        layer = lambda: L.Concatenate(axis=axis, name="l")
        n = "Concatenate_last_" if axis == -1 else "Concatenate_time_"
        w, v = w[:, :, :dim], v[:, :, :dim]
        c.add(n + "both", lambda a, b: pool(layer()([embedded(a, "e0"), embedded(b, "e1")])),
              {"x0": ids, "x1": ids2})
        c.add(n + "first", lambda a, b: pool(layer()([embedded(a, "e0", dim), b])), {"x0": ids, "x1": w})
        c.add(n + "second", lambda a, b: pool(layer()([a, embedded(b, "e1", dim)])), {"x0": w, "x1": ids})
        c.add(n + "three", lambda a, b, d: pool(layer()(
            [embedded(a, "e0", dim), b, L.Masking(name="m")(d)])), {"x0": ids, "x1": w, "x2": v})
    w = c.floats("w", 3, 4, 3)
    c.add("Concatenate_of_Multiply", lambda a, b: pool(L.Concatenate(name="l")(
        [embedded(a, "e0"), b, L.Multiply(name="p")([embedded(a, "e1"), b])])), {"x0": ids, "x1": w})
    c.add("Concatenate_dense", lambda a, b: pool(L.Dense(2, name="d")(L.Concatenate(name="l")(
        [embedded(a, "e0"), embedded(b, "e1")]))), {"x0": ids, "x1": ids2})
    c.add("Dot_drops", lambda a, b: pool(L.Dot(axes=(2, 2), name="l")([embedded(a, "e0"), b])),
          {"x0": ids, "x1": w})


def scores(e):
    s = L.Dense(1, activation="sigmoid", name="s")(e)
    return L.Multiply(name="l")([e, s])


def shared(a, b):
    e = L.Embedding(6, 3, mask_zero=True, name="e")
    p = L.GlobalAveragePooling1D(name="p")
    return L.Concatenate(name="y")([p(e(a)), p(e(b))])


def main(only):
    global K, L, FOLDER
    families = [cases_attention, cases_convolution, cases_operations, cases_recurrent, cases_training]
    for family in families:
        CLASSES.update(family.CLASSES)
    only_keras_3 = cases_operations.ONLY_KERAS3 + cases_attention.ONLY_KERAS3
    classes = [name for name in CLASSES if name not in only_keras_3]
    if only[:1] == ["--keras3"]:
        import keras

        K, L, FOLDER, only = keras, keras.layers, HERE / "cases_keras3", only[1:]
        classes = KERAS3 + [name for family in families for name in family.KERAS3]
    for family in families:
        family.K, family.L = K, L
    FOLDER.mkdir(exist_ok=True)
    for name in classes:
        if only and name not in only:
            continue
        f = CLASSES[name]
        c = Cases(name)
        add = c.add

        def guarded(case, *args, **kwargs):
            try:
                add(case, *args, **kwargs)
            except Exception as e:  # shown, so that a case does not vanish unseen
                print(f"SKIPPED {name}/{case}: {str(e).strip().splitlines()[0][:160]}", flush=True)

        c.add = guarded
        f(c)
        c.write()


if __name__ == "__main__":
    main(sys.argv[1:])
