"""Cases of bare operations, `x + y` and `keras.ops.…`, which Keras 3 writes among the layers, and of the TensorFlow functions
that Keras 2 writes there; generate_cases.py runs them.

K and L are the Keras that is asked and its layers; generate_cases.py sets them.
"""
from golden import *

L = K.layers
CLASSES = {}
KERAS3 = []
ONLY_KERAS3 = KERAS3


def file(f):
    CLASSES[f.__name__] = f
    KERAS3.append(f.__name__)
    return f


def keras2(f):
    CLASSES[f.__name__] = f
    return f


def rows(c):
    return c.floats("a", 3, 4), c.floats("b", 3, 4)


@file
def OperationsArithmetic(c):
    a, b = rows(c)
    two = {"a": a, "b": b}
    far = {"a": a, "b": np.where(np.abs(b) < 0.3, np.float32(0.5), b)}
    steps = c.floats("steps", 3, 2, 4)
    c.add("add", lambda a, b: a + b, two)
    c.add("add_number", lambda a: a + 1.5, {"a": a})
    c.add("add_to_number", lambda a: 2 + a, {"a": a})
    c.add("add_batch_1", lambda a, b: a + b, {"a": a[:1], "b": b[:1]})
    c.add("add_stretched", lambda a, b: K.ops.expand_dims(a, 1) + b, {"a": a, "b": steps})
    c.add("add_itself", lambda a: a + a, {"a": a})
    c.add("subtract", lambda a, b: a - b, two)
    c.add("subtract_number", lambda a: a - 0.5, {"a": a})
    c.add("subtract_from_number", lambda a: 1.0 - a, {"a": a})
    c.add("multiply", lambda a, b: a * b, two)
    c.add("multiply_number", lambda a: a * -2, {"a": a})
    c.add("divide", lambda a, b: a / b, far)
    c.add("divide_by_number", lambda a: a / 3, {"a": a})
    c.add("divide_number", lambda b: 1.0 / b, {"b": far["b"]})
    c.add("ops_divide", lambda a, b: K.ops.divide(a, b), far)
    c.add("negative", lambda a: -a, {"a": a})
    c.add("absolute", lambda a: abs(a), {"a": a})
    c.add("power_2", lambda a: a**2, {"a": a})
    c.add("power_3", lambda a: a**3, {"a": a})
    c.add("square", lambda a: K.ops.square(a), {"a": a})
    c.add("maximum", lambda a, b: K.ops.maximum(a, b), two)
    c.add("maximum_number", lambda a: K.ops.maximum(a, 0.25), {"a": a})
    c.add("minimum", lambda a, b: K.ops.minimum(a, b), two)
    c.add("minimum_number", lambda a: K.ops.minimum(0.25, a), {"a": a})
    c.add("clip", lambda a: K.ops.clip(a, -0.5, 1.0), {"a": a})
    c.add("reciprocal", lambda b: K.ops.reciprocal(b), {"b": far["b"]})
    c.add("matmul", lambda a, b: K.ops.matmul(a, b), {"a": steps, "b": c.floats("right", 3, 4, 5)})
    c.add("matmul_operator", lambda a, b: a @ b, {"a": steps, "b": c.floats("right", 3, 4, 5)})
    c.add("matmul_numbers", lambda a: K.ops.matmul(a, np.float32([[1, 2], [0, -1], [0.5, 3], [2, 2]])), {"a": steps})
    c.add("numbers", lambda a: (a - np.float32([1, 2, 3, 4])) / K.ops.convert_to_tensor([[2.0, 4.0, 8.0, 16.0]]),
          {"a": a})
    for name, subscripts, left, right in (("last", "bik,bjk->bij", (2, 4), (5, 4)),
                                          ("first", "bki,bkj->bij", (4, 2), (4, 3)),
                                          ("vector", "bi,bji->bj", (4,), (5, 4))):
        c.add("einsum_" + name, lambda a, b: K.ops.einsum(subscripts, a, b),
              {"a": c.floats(name + "0", 3, *left), "b": c.floats(name + "1", 3, *right)})
    c.add("machine", lambda a: 0.5 * K.ops.sum(
        K.ops.square(K.ops.sum(a, axis=1)) - K.ops.sum(K.ops.square(a), axis=1), axis=1, keepdims=True),
        {"a": c.floats("fields", 3, 5, 4)})


@file
def OperationsFunctions(c):
    x = np.concatenate([c.floats("x", 3, 6), np.float32([[0, -0.5, 0.5], [3, -3, 1], [6.5, -8, 2]])], 1)
    high = np.abs(x) + np.float32(0.01)
    for name in ("relu", "relu6", "sigmoid", "tanh", "softplus", "softsign", "silu", "elu", "selu", "gelu", "exp",
                 "leaky_relu", "hard_sigmoid", "hard_silu", "log_sigmoid", "celu", "hard_tanh", "tanh_shrink",
                 "log1p", "sqrt", "log", "rsqrt"):
        v = high if name in ("sqrt", "log", "log1p", "rsqrt") else x
        c.add(name, lambda x: getattr(K.ops, name)(x), {"x": v})
    c.add("gelu_exact", lambda x: K.ops.gelu(x, approximate=False), {"x": x})
    c.add("elu_alpha", lambda x: K.ops.elu(x, alpha=0.5), {"x": x})
    c.add("leaky_relu_slope", lambda x: K.ops.leaky_relu(x, negative_slope=0.05), {"x": x})
    c.add("glu", lambda x: K.ops.glu(x), {"x": x[:, :8]})
    for axis in (-1, 1, 2):
        c.add(f"softmax_axis_{axis}", lambda x: K.ops.softmax(x, axis=axis), {"x": c.floats("soft", 3, 4, 5)})
    c.add("log_softmax", lambda x: K.ops.log_softmax(x), {"x": x})
    c.add("log_softmax_axis_1", lambda x: K.ops.log_softmax(x, axis=1), {"x": c.floats("soft", 3, 4, 5)})
    c.add("normalize", lambda x: K.ops.normalize(x), {"x": x})
    c.add("normalize_axis_1", lambda x: K.ops.normalize(x, axis=1), {"x": c.floats("soft", 3, 4, 5)})


@file
def ActivationsOfKeras3(c):
    """Activations by their names, and such as are layers."""
    x = np.concatenate([c.floats("x", 3, 5, scale=3), np.float32([[0, -0.5, 0.5], [1, -1, 7], [6.5, -8, 2]])], 1)
    for name in ("celu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "leaky_relu",
                 "log_sigmoid", "silu", "soft_shrink", "sparse_plus", "sparse_sigmoid", "squareplus", "tanh_shrink"):
        c.one(name, L.Activation(name, name="y"), x=x)
    c.one("dense_hard_silu", L.Dense(3, activation="hard_silu", name="y"), 4)
    for name, layer in {"leaky_relu": lambda: L.LeakyReLU(negative_slope=0.1), "relu": lambda: L.ReLU(max_value=1.5),
                        "relu_options": lambda: L.ReLU(negative_slope=0.2, threshold=0.5), "elu": lambda: L.ELU(0.7),
                        }.items():
        c.one("layer_" + name, L.Activation(layer(), name="y"), x=x)
        c.one("dense_layer_" + name, L.Dense(3, activation=layer(), name="y"), 4)


@file
def OperationsReductions(c):
    x = c.floats("x", 3, 4, 5)
    for name in ("sum", "mean", "max", "min"):
        op = lambda x, **kwargs: getattr(K.ops, name)(x, **kwargs)
        c.add(f"{name}_axis_1", lambda x: op(x, axis=1), {"x": x})
        c.add(f"{name}_axis_m1_keepdims", lambda x: op(x, axis=-1, keepdims=True), {"x": x})
        c.add(f"{name}_both_axes", lambda x: op(x, axis=(1, 2)), {"x": x})
        c.add(f"{name}_both_axes_keepdims", lambda x: op(x, axis=[-1, -2], keepdims=True), {"x": x})
        c.add(f"{name}_batch_1", lambda x: op(x, axis=2), {"x": x[:1]})
    c.add("amax", lambda x: K.ops.amax(x, axis=1), {"x": x})
    c.add("var", lambda x: K.ops.var(x, axis=1), {"x": x})
    c.add("std", lambda x: K.ops.std(x, axis=(1, 2), keepdims=True), {"x": x})
    c.add("norm", lambda x: K.ops.norm(x, axis=-1), {"x": x})
    c.add("norm_2", lambda x: K.ops.norm(x, ord=2, axis=1, keepdims=True), {"x": x})


@file
def OperationsShapes(c):
    x = c.floats("x", 3, 4, 6)
    for name, key in {
        "first_step": (slice(None), 0), "last_step": (slice(None), -1), "one_feature": (slice(None), slice(None), 2),
        "steps_from_1": (slice(None), slice(1, None)), "steps_to_m1": (slice(None), slice(None, -1)),
        "steps_1_3": (slice(None), slice(1, 3)), "every_other": (slice(None), slice(None), slice(None, None, 2)),
        "reversed": (slice(None), slice(None, None, -1)), "new_axis": (slice(None), None),
        "ellipsis": (Ellipsis, 0), "ellipsis_slice": (Ellipsis, slice(0, 2)), "both": (slice(None), 1, 3),
        "new_axis_last": (Ellipsis, None), "backwards_from_4": (slice(None), slice(None), slice(4, 1, -1)),
    }.items():
        c.add("item_" + name, lambda x: x[key], {"x": x})
    c.add("reshape", lambda x: K.ops.reshape(x, (-1, 8, 3)), {"x": x})
    c.add("reshape_flat", lambda x: K.ops.reshape(x, (-1, 24)), {"x": x})
    c.add("transpose", lambda x: K.ops.transpose(x, (0, 2, 1)), {"x": x})
    c.add("swapaxes", lambda x: K.ops.swapaxes(x, 1, 2), {"x": x})
    c.add("expand_dims_1", lambda x: K.ops.expand_dims(x, 1), {"x": x})
    c.add("expand_dims_m1", lambda x: K.ops.expand_dims(x, -1), {"x": x})
    c.add("squeeze_1", lambda x: K.ops.squeeze(x, 1), {"x": x[:, :1]})
    c.add("squeeze_m1", lambda x: K.ops.squeeze(x, -1), {"x": x[:, :, :1]})
    y = c.floats("y", 3, 4, 6)
    c.add("concatenate", lambda x, y: K.ops.concatenate([x, y], axis=-1), {"x": x, "y": y})
    c.add("concatenate_axis_1", lambda x, y: K.ops.concatenate([x, y, x], axis=1), {"x": x, "y": y})
    c.add("stack_1", lambda x, y: K.ops.stack([x, y], axis=1), {"x": x, "y": y})
    c.add("stack_m1", lambda x, y: K.ops.stack([x, y], axis=-1), {"x": x, "y": y})
    c.add("split_3", lambda x: K.ops.add(*K.ops.split(x, 3, axis=-1)[:2]), {"x": x})
    c.add("split_at", lambda x: K.ops.split(x, [1, 3], axis=1)[2], {"x": x})
    c.add("unstack", lambda x: K.ops.subtract(*K.ops.unstack(x, axis=1)[1:3]), {"x": x})
    c.add("flip", lambda x: K.ops.flip(x, axis=1), {"x": x})
    c.add("tile", lambda x: K.ops.tile(x, (1, 2, 3)), {"x": x})
    c.add("take", lambda x: K.ops.take(x, [3, 0, -2], axis=1), {"x": x})
    c.add("repeat", lambda x: K.ops.repeat(K.ops.expand_dims(x, 1), 3, axis=1), {"x": x[:, 0]})


@file
def OperationsLogic(c):
    ids = np.array([[3, 1, 0, 2], [5, 0, 0, 1], [0, 4, 2, 0]], np.int32)
    x, y = c.floats("x", 3, 4), c.floats("y", 3, 4)
    x[0, 0] = x[1, 2] = 0.5
    y[0, 1] = x[0, 1]
    floats = lambda v: K.ops.cast(v, "float32")
    for name in ("equal", "not_equal", "greater", "greater_equal", "less", "less_equal"):
        op = getattr(K.ops, name)
        c.add(name + "_number", lambda x: floats(op(x, 0.5)), {"x": x})
        c.add(name + "_id", lambda x: floats(op(x, 2)), {"x": ids})
        c.add(name, lambda x, y: floats(op(x, y)), {"x": x, "y": y})
    c.add("operators", lambda x, y: floats((x > 0) & ~(y > x) | (y < -0.5)), {"x": x, "y": y})
    c.add("any_all", lambda x: floats(K.ops.any(x > 0.5, axis=-1)) - floats(K.ops.all(x > -2, axis=1)), {"x": x})
    c.add("where", lambda x, y: K.ops.where(x > 0, x, y), {"x": x, "y": y})
    c.add("where_number", lambda x, i: K.ops.where(K.ops.not_equal(i, 0), x, -1e9), {"x": x, "i": ids})
    c.add("like", lambda x: K.ops.ones_like(x) - K.ops.zeros_like(x) * x, {"x": x})
    c.add("masked_sum", lambda x, i: K.ops.sum(x * K.ops.expand_dims(floats(i != 0), -1), axis=1),
          {"x": c.floats("steps", 3, 4, 2), "i": ids})
    c.add("cast_bool", lambda x: floats(K.ops.cast(x, "bool")), {"x": np.where(x > 0, x, np.float32(0))})


@keras2
def TensorFlowFunctions(c):
    x, y = c.floats("x", 3, 4, 3), c.floats("y", 3, 4, 3)
    two = {"x": x, "y": y}
    i = np.array([[3, 1, 0, 2], [5, 0, 0, 1], [0, 4, 2, 0]], np.int32)
    far = {"x": x, "y": np.where(np.abs(y) < 0.3, np.float32(0.5), y)}
    floats = lambda v: tf.cast(v, tf.float32)
    for name, f in {
        "add": lambda x, y: x + y, "subtract": lambda x, y: x - y, "multiply": lambda x, y: tf.multiply(x, y),
        "maximum": tf.maximum, "minimum": lambda x, y: tf.minimum(x, y),
        "matmul_b": lambda x, y: tf.matmul(x, y, transpose_b=True),
        "matmul_a": lambda x, y: tf.matmul(x, y, transpose_a=True),
        "matmul_transposed": lambda x, y: x @ tf.transpose(y, [0, 2, 1]), "where": lambda x, y: tf.where(x > 0, x, y),
        "logic": lambda x, y: floats(((x > 0) & (y > 0)) | tf.logical_not(x > y)),
        "compare": lambda x, y: floats(x >= y) - floats(x < 0.5) + floats(y <= x) * floats(tf.equal(x, y)),
        "stretched": lambda x, y: tf.reduce_sum(x, axis=1, keepdims=True) * y,
    }.items():
        c.add(name, f, two)
    c.add("divide", lambda x, y: x / y, far)
    c.add("reciprocal", lambda y: tf.math.reciprocal(y) + 1.0 / y, {"y": far["y"]})
    for name, f in {
        "numbers": lambda x: 2.0 * x - 1 + (1 - x) * 3, "negative": lambda x: -x, "abs": abs, "power": lambda x: x**2,
        "sum": lambda x: tf.reduce_sum(x, axis=1), "mean_keepdims": lambda x: tf.reduce_mean(x, 2, keepdims=True),
        "max_axes": lambda x: tf.reduce_max(x, axis=[1, 2]), "min": lambda x: tf.reduce_min(x, axis=-1),
        "variance": lambda x: tf.math.reduce_variance(x, axis=1), "backend_sum": lambda x: K.backend.sum(x, axis=1),
        "clip": lambda x: tf.clip_by_value(x, -0.5, 1.0),
        "normalize": lambda x: tf.math.l2_normalize(x, axis=-1), "square": tf.square, "exp": lambda x: tf.exp(x),
        "sigmoid": lambda x: tf.sigmoid(x), "tanh": lambda x: tf.nn.tanh(x), "relu": lambda x: tf.nn.relu(x),
        "gelu": lambda x: tf.nn.gelu(x), "gelu_approximate": lambda x: tf.nn.gelu(x, approximate=True),
        "leaky_relu": lambda x: tf.nn.leaky_relu(x), "leaky_relu_alpha": lambda x: tf.nn.leaky_relu(x, alpha=0.05),
        "silu": lambda x: tf.nn.silu(x), "softplus": lambda x: tf.math.softplus(x),
        "softmax": lambda x: tf.nn.softmax(x), "softmax_axis_1": lambda x: tf.nn.softmax(x, axis=1),
        "like": lambda x: tf.ones_like(x) - tf.zeros_like(x), "identity": lambda x: tf.identity(tf.stop_gradient(x)),
        "any_all": lambda x: floats(tf.reduce_any(x > 1, axis=1)) - floats(tf.reduce_all(x > -1, axis=1)),
        "machine": lambda x: 0.5 * tf.reduce_sum(tf.square(tf.reduce_sum(x, 1)) - tf.reduce_sum(tf.square(x), 1), 1,
                                                 keepdims=True),
    }.items():
        c.add(name, f, {"x": x})
    c.add("roots", lambda x: tf.math.sqrt(x) + tf.math.rsqrt(x), {"x": np.abs(far["y"])})
    c.add("logarithms", lambda x: tf.math.log(x) + tf.math.log1p(x), {"x": np.abs(far["y"])})
    c.add("masked_mean", lambda x, i: tf.reduce_sum(x * tf.expand_dims(floats(tf.not_equal(i, 0)), -1), axis=1)
          / tf.maximum(tf.reduce_sum(floats(i > 0), axis=1, keepdims=True), 1.0), {"x": x, "i": i})
    c.add("embedding_loses_mask", lambda i: L.GlobalAveragePooling1D(name="y")(
        L.Embedding(6, 2, mask_zero=True, name="e")(i) * 2.0), {"i": i})


@keras2
def TensorFlowShapes(c):
    x, y = c.floats("x", 3, 4, 3), c.floats("y", 3, 4, 3)
    c.add("concat", lambda x, y: tf.concat([x, y], -1), {"x": x, "y": y})
    c.add("concat_axis_1", lambda x, y: tf.concat([x, y, x], axis=1), {"x": x, "y": y})
    c.add("stack", lambda x, y: tf.stack([x, y], axis=1), {"x": x, "y": y})
    for name, f in {
        "expand_squeeze": lambda x: tf.squeeze(tf.expand_dims(x, 1), axis=[1]), "first": lambda x: x[:, 0],
        "last_features": lambda x: x[:, :, 1:], "new_axis": lambda x: x[:, None], "ellipsis": lambda x: x[..., 0],
        "item": lambda x: x[:, 1, 2], "reversed": lambda x: x[:, ::-1], "reshape": lambda x: tf.reshape(x, [-1, 12]),
        "reshape_rank_3": lambda x: tf.reshape(x, (-1, 2, 6)), "transpose": lambda x: tf.transpose(x, [0, 2, 1]),
        "tile": lambda x: tf.tile(x, [1, 2, 1]), "numbers": lambda x: x * tf.constant([1.0, 2.0, 3.0]),
        "split": lambda x: tf.split(x, 3, axis=-1)[1], "split_sizes": lambda x: tf.split(x, [1, 3], axis=1)[1],
        "unstack": lambda x: tf.unstack(x, axis=1)[2],
    }.items():
        c.add(name, f, {"x": x})
