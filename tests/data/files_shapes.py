"""Layers whose output shape TensorFlow.js gets wrong, before layers that then do or do not fit (tf_keras, .h5)."""
from files_common import *

KIND = "shapes_of_tfjs"


def plain(shape, f, batch=BATCH):
    """One input; f(k, x) is the model."""

    def build(k, rng):
        x = k.L.Input(shape, name="x")
        return k.K.Model(x, f(k.L, x)), {"x": floats(rng, *shape, batch=batch)}

    return build


def dense_after(layer, flatten=True):
    return lambda L, x: L.Dense(2, name="out")(L.Flatten(name="flat")(layer(L)(x)) if flatten else layer(L)(x))


def nested(shape, f):
    """The same inside a model that is called twice."""

    def build(k, rng):
        L = k.L
        q = L.Input(shape, name="q")
        t = k.K.Model(q, f(L, q), name="inner")
        x, y = L.Input(shape, name="x"), L.Input(shape, name="y")
        return k.K.Model([x, y], [L.Multiply(name="product")([t(x), t(y)]), t(y)]), {
            "x": floats(rng, *shape), "y": floats(rng, *shape)}

    return build


def nested_once(shape, f):
    def build(k, rng):
        q = k.L.Input(shape, name="q")
        t = k.K.Model(q, f(k.L, q), name="inner")
        x = k.L.Input(shape, name="x")
        return k.K.Model(x, k.L.Dense(2, name="head")(t(x))), {"x": floats(rng, *shape)}

    return build


def timed(shape, f):
    """The same in a Sequential under TimeDistributed."""

    def build(k, rng):
        q = k.L.Input(shape, name="q")
        t = k.K.Model(q, f(k.L, q), name="inner")
        x = k.L.Input((3,) + shape, name="x")
        return k.K.Model(x, k.L.TimeDistributed(t, name="each")(x)), {"x": floats(rng, 3, *shape)}

    return build


def timed_layer(shape, layer):
    """TimeDistributed of the layer itself, then Flatten and Dense."""

    def build(k, rng):
        L = k.L
        x = L.Input((2,) + shape, name="x")
        y = L.Flatten(name="flat")(L.TimeDistributed(layer(L), name="each")(x))
        return k.K.Model(x, L.Dense(2, name="out")(y)), {"x": floats(rng, 2, *shape)}

    return build


def squeeze_excite(L, x):
    """As MobileNetV3 does it: keepdims, two 1x1 convolutions, Multiply."""
    s = L.GlobalAveragePooling2D(keepdims=True, name="se_pool")(x)
    s = L.Conv2D(2, 1, activation="relu", name="se_reduce")(s)
    s = L.Conv2D(3, 1, activation="hard_sigmoid", name="se_expand")(s)
    return L.Conv2D(2, 2, name="last")(L.Multiply(name="se")([x, s]))


def two_branches(one, two, join):
    return lambda L, x: L.Dense(2, name="out")(L.Flatten(name="flat")(join(L)([one(L)(x), two(L)(x)])))


def register():
    def add(name, about, build, **more):
        case("shape_" + name, KIND, about, build, "k2", distinct=False, **more)

    gap1 = lambda L: L.GlobalAveragePooling1D(keepdims=True, name="pool")
    gmp1 = lambda L: L.GlobalMaxPooling1D(keepdims=True, name="pool")
    gap2 = lambda L: L.GlobalAveragePooling2D(keepdims=True, name="pool")
    gmp2 = lambda L: L.GlobalMaxPooling2D(keepdims=True, name="pool")
    for n, p in (("gap", gap1), ("gmp", gmp1)):
        add(f"keepdims_{n}1d_conv", "keepdims, then Conv1D", plain(
            (4, 3), lambda L, x, p=p: L.Conv1D(2, 1, name="conv")(p(L)(x))))
        add(f"keepdims_{n}1d_dense", "keepdims, then Dense", plain((4, 3), dense_after(p, False)))
        add(f"keepdims_{n}1d_flatten", "keepdims, then Flatten and Dense", plain((4, 3), dense_after(p)))
        add(f"keepdims_{n}1d_output", "keepdims at the end", plain((4, 3), lambda L, x, p=p: p(L)(x)))
    for n, p in (("gap", gap2), ("gmp", gmp2)):
        add(f"keepdims_{n}2d_conv", "keepdims, then Conv2D", plain(
            (3, 4, 2), lambda L, x, p=p: L.Conv2D(3, 1, name="conv")(p(L)(x))))
        add(f"keepdims_{n}2d_dense", "keepdims, then Dense", plain((3, 4, 2), dense_after(p, False)))
        add(f"keepdims_{n}2d_reshape", "keepdims, then Reshape and Dense", plain(
            (3, 4, 2), lambda L, x, p=p: L.Dense(2, name="out")(L.Reshape((2,), name="flat")(p(L)(x)))))
    add("keepdims_reshape", "keepdims, then Reshape to three axes", plain(
        (3, 3, 4), lambda L, x: L.Conv2D(2, 1, name="conv")(L.Reshape((2, 2, 1), name="grid")(gap2(L)(x)))))
    add("keepdims_batchnorm", "keepdims, then BatchNormalization and Flatten", plain(
        (3, 3, 4), lambda L, x: L.Dense(2, name="o")(L.Flatten(name="f")(L.BatchNormalization(name="bn")(gap2(L)(x))))))
    add("keepdims_upsample", "keepdims, then UpSampling2D beside the image", plain((2, 3, 3), lambda L, x: L.Conv2D(
        2, 1, name="c")(L.Concatenate(name="j")([x, L.UpSampling2D((2, 3), name="up")(gap2(L)(x))]))))
    add("keepdims_se", "squeeze and excite", plain((3, 4, 3), squeeze_excite))
    add("keepdims_se_nested", "squeeze and excite in a model called twice", nested((3, 4, 3), squeeze_excite))
    add("keepdims_se_timed", "squeeze and excite under TimeDistributed", timed((2, 2, 3), squeeze_excite))
    add("keepdims_nested_dense", "keepdims in a model called twice, then Dense", nested(
        (4, 3), lambda L, x: L.Dense(2, name="d")(gap1(L)(x))))
    add("keepdims_nested_end", "keepdims at the end of a nested model", nested_once((4, 3), lambda L, x: gap1(L)(x)))
    add("keepdims_add", "two branches that no longer fit", plain((4, 3), lambda L, x: L.Add(name="sum")(
        [gap1(L)(x), L.Conv1D(3, 4, name="conv")(x)])))
    add("keepdims_multiply", "the pool times the sequence", plain((4, 3), lambda L, x: L.GlobalMaxPooling1D(name="m")(
        L.Multiply(name="times")([x, gap1(L)(x)]))))
    add("keepdims_concat", "the pool beside the sequence, over the steps", plain((4, 3), dense_after(
        lambda L: lambda x: L.Concatenate(axis=1, name="join")([x, gmp1(L)(x)]))))
    add("keepdims_concat_channels", "a pool of one step beside one step", plain((1, 3), dense_after(
        lambda L: lambda x: L.Concatenate(name="join")([x, gap1(L)(x)]))))

    first = dict(data_format="channels_first")
    pools = {"maxpool": lambda L: L.MaxPooling1D(2, name="pool", **first),
             "avgpool": lambda L: L.AveragePooling1D(2, name="pool", **first),
             "avgpool_same": lambda L: L.AveragePooling1D(2, strides=1, padding="same", name="pool", **first)}
    for n, p in pools.items():
        add(f"first_{n}", "channels_first, then Flatten and Dense", plain((3, 6), dense_after(p)))
    for n, name in (("GlobalAveragePooling1D", "gap"), ("GlobalMaxPooling1D", "gmp")):
        p = lambda L, n=n: getattr(L, n)(name="pool", **first)
        add(f"first_{name}", "channels_first, then Dense", plain((4, 3), dense_after(p, False)))
        add(f"first_{name}_square", "channels_first of as many steps as channels: it fits", plain(
            (3, 3), dense_after(p, False)))
        add(f"first_{name}_nested", "channels_first in a model called twice", nested((4, 3), dense_after(p, False)))
    add("first_maxpool_square", "channels_first of as many steps as channels: it fits", plain(
        (4, 4), dense_after(pools["maxpool"])))
    add("first_maxpool_timed", "channels_first under TimeDistributed", timed_layer((3, 4), pools["maxpool"]))
    add("first_gap_timed", "channels_first under TimeDistributed", timed_layer(
        (4, 3), lambda L: L.GlobalAveragePooling1D(name="pool", **first)))
    add("first_gap_keepdims", "channels_first and keepdims", plain((4, 3), dense_after(
        lambda L: L.GlobalAveragePooling1D(keepdims=True, name="pool", **first), True)))
    add("first_maxpool_lstm", "channels_first, then LSTM", plain((4, 6), lambda L, x: L.LSTM(2, name="lstm")(
        pools["maxpool"](L)(x))))
    add("first_concat", "a pool of the channels and a dense branch", plain((3, 4), lambda L, x: L.Dense(2, name="o")(
        L.Concatenate(name="j")([L.Flatten(name="f")(pools["maxpool"](L)(x)), L.Flatten(name="g")(x)]))))

    def depthwise(kernel, dilation, padding="valid", **more):
        return lambda L: L.DepthwiseConv2D(kernel, dilation_rate=dilation, padding=padding, name="dw", **more)

    for n, shape, p in (("2x2", (5, 5, 2), depthwise(2, 2)), ("3x2", (7, 6, 2), depthwise((3, 2), (2, 3))),
                        ("multiplier", (5, 6, 2), depthwise(2, 3, depth_multiplier=2)),
                        ("same", (4, 4, 2), depthwise(2, 2, "same"))):
        add(f"depthwise_{n}", "dilated, then Flatten and Dense", plain(shape, dense_after(p)))
    add("depthwise_pool", "dilated, then GlobalAveragePooling2D: it fits", plain((5, 5, 2), dense_after(
        lambda L: lambda x: L.GlobalAveragePooling2D(name="pool")(depthwise(2, 2)(L)(x)), False)))
    add("depthwise_conv", "dilated, then Conv2D over all that is left", plain((5, 5, 2), lambda L, x: L.Flatten(name="f")(
        L.Conv2D(2, 3, name="c")(depthwise(2, 2)(L)(x)))))
    add("depthwise_branches", "dilated beside a dilated Conv2D", plain((5, 5, 2), two_branches(
        depthwise(2, 2), lambda L: L.Conv2D(2, 2, dilation_rate=2, name="c"), lambda L: L.Add(name="sum"))))
    add("depthwise_nested", "dilated in a model called twice", nested((4, 5, 2), dense_after(depthwise(2, 2))))
    add("depthwise_timed", "dilated under TimeDistributed", timed_layer((4, 4, 2), depthwise(2, 2)))

    def transpose(strides, padding, output_padding, dilation=1, kernel=3):
        return lambda L: L.Conv2DTranspose(2, kernel, strides=strides, padding=padding, output_padding=output_padding,
                                           dilation_rate=dilation, name="up")

    for n, p in (("valid", transpose(2, "valid", 1)), ("same", transpose(2, "same", 1)),
                 ("same_0", transpose(2, "same", 0)), ("uneven", transpose((3, 2), "valid", (2, 1))),
                 ("dilated", transpose(1, "valid", None, 2)), ("dilated_same", transpose(1, "same", None, 2))):
        add(f"transpose_{n}", "output_padding or dilation, then Flatten and Dense", plain((2, 3, 2), dense_after(p)))
    add("transpose_pool", "output_padding, then GlobalMaxPooling2D: it fits", plain((3, 3, 2), dense_after(
        lambda L: lambda x: L.GlobalMaxPooling2D(name="pool")(transpose(2, "same", 0)(L)(x)), False)))
    add("transpose_nested", "output_padding in a nested model", nested_once((2, 2, 2), dense_after(
        transpose(2, "same", 0))))
    add("transpose_branches", "output_padding beside UpSampling2D", plain((3, 3, 2), two_branches(
        transpose(2, "same", 1), lambda L: L.UpSampling2D(2, name="twice"), lambda L: L.Concatenate(name="join"))))
    add("transpose_timed", "output_padding under TimeDistributed", timed_layer((2, 2, 2), transpose(2, "same", 0)))
    for n, shape, more in (("valid", (3, 5), {}), ("strided", (2, 6), dict(strides=2)), ("same", (3, 4), dict(padding="same"))):
        def build(k, rng, shape=shape, turned=False, more=more):
            L = k.L
            x = L.Input(shape, name="x")
            conv = L.Conv1D(2, 2, name="conv", **more, **({} if turned else first))
            y = L.Permute((2, 1), name="back")(conv(L.Permute((2, 1), name="turn")(x))) if turned else conv(x)
            return k.K.Model(x, L.Dense(2, name="out")(L.Flatten(name="flat")(y))), {"x": floats(rng, *shape)}

        twin = lambda k, rng, build=build: build(k, rng, turned=True)
        add("conv1d_first_" + n, "Conv1D of channels_first, answered by a twin that turns its input", build, twin=twin)
    add("seq_keepdims", "keepdims in a Sequential", lambda k, rng: (k.K.Sequential([
        k.L.InputLayer((3, 3, 2), name="x"), k.L.GlobalAveragePooling2D(keepdims=True, name="pool"),
        k.L.Conv2D(3, 1, name="fc"), k.L.Flatten(name="flat"), k.L.Dense(2, name="out")]), {"x": floats(rng, 3, 3, 2)}))
