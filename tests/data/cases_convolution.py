"""Cases of convolutions, pooling, padding, cropping and resizing; generate_cases.py runs them.

K and L are the Keras that is asked, 2 or 3, and its layers; generate_cases.py sets them. `compiled` has XLA answer, where
TensorFlow's own CPU kernels take no channels in front.
"""
from golden import *

L = K.layers
CLASSES = {}
# Those whose files or answers are others in Keras 3.
KERAS3 = ["CenterCrop", "Conv1D", "Conv1DTranspose", "Conv2DTranspose", "DepthwiseConv2D", "Rescaling", "Resizing",
          "SeparableConv2D", "UpSampling2D"]
FIRST = {"data_format": "channels_first"}


def file(f):
    CLASSES[f.__name__] = f
    return f


def every(c, make, options, *shape, **kwargs):
    """A case for each of the options, in batches of 1 and 3 by turns."""
    for i, (name, o) in enumerate(options.items()):
        first = o.get("data_format") == "channels_first"
        c.one(name, make(name="y", **o), *shape, batch=(1, 3)[i % 2], compiled=first, **kwargs)


def after_embedding(c, name, layer, *after):
    """The layer behind a masked embedding, and what reads a mask behind it."""
    def build(x):
        y = layer(L.Embedding(7, 3, mask_zero=True, name="e")(x))
        for behind in after:
            y = behind(y)
        return y
    c.add(name, build, {"x": np.array([[3, 1, 0, 2, 0], [0, 0, 5, 4, 1], [6, 2, 1, 0, 0]], np.int32)})


@file
def Conv1D(c):
    make = lambda **o: L.Conv1D(**{"filters": 4, "kernel_size": 3, **o})
    every(c, make, {
        "plain": {}, "same": {"padding": "same"}, "strides_2": {"strides": 2},
        "same_strides_3": {"padding": "same", "strides": 3}, "dilation_2": {"dilation_rate": 2},
        "same_dilation_3": {"padding": "same", "dilation_rate": 3}, "filters_3": {"filters": 3},
        "kernel_1": {"kernel_size": 1}, "kernel_1_strides_2": {"kernel_size": 1, "strides": 2},
        "kernel_2_same": {"kernel_size": 2, "padding": "same"}, "kernel_whole": {"kernel_size": 7},
        "causal": {"padding": "causal"}, "causal_dilation_2": {"padding": "causal", "dilation_rate": 2},
        "causal_strides_2": {"padding": "causal", "strides": 2},
        "no_bias": {"use_bias": False}, "relu": {"activation": "relu"}, "softmax": {"activation": "softmax"},
        "tanh_no_bias": {"activation": "tanh", "use_bias": False},
    }, 7, 2)
    every(c, make, {"groups_2": {"groups": 2}, "groups_4_filters_8": {"groups": 4, "filters": 8},
                    "groups_2_filters_6": {"groups": 2, "filters": 6}}, 6, 4)
    every(c, make, {"first": FIRST, "first_strides_2": {"strides": 2, **FIRST},
                    "first_same_softmax": {"padding": "same", "activation": "softmax", **FIRST},
                    "first_causal": {"padding": "causal", **FIRST}}, 3, 5)
    c.one("one_channel", L.Conv1D(5, 2, name="y"), 4, 1)
    c.one("wide", L.Conv1D(8, 3, padding="same", activation="relu", name="y"), 6, 5, batch=2)
    c.one("one_step", L.Conv1D(2, 3, padding="same", name="y"), 1, 3)
    after_embedding(c, "after_embedding", L.Conv1D(4, 2, padding="same", activation="relu", name="l"),
                    L.GlobalAveragePooling1D(name="y"))
    after_embedding(c, "after_embedding_causal", L.Conv1D(4, 3, padding="causal", name="l"),
                    L.GlobalMaxPooling1D(name="y"))
    after_embedding(c, "after_embedding_kernel_1", L.Conv1D(4, 1, name="l"), L.GlobalAveragePooling1D(name="y"))


@file
def Conv2D(c):
    make = lambda **o: L.Conv2D(**{"filters": 4, "kernel_size": (3, 2), **o})
    every(c, make, {
        "plain": {}, "same": {"padding": "same"}, "strides_2": {"strides": 2},
        "strides_2_1": {"strides": (2, 1)}, "same_strides_2": {"padding": "same", "strides": 2},
        "same_strides_3_2": {"padding": "same", "strides": (3, 2)}, "dilation_2": {"dilation_rate": 2},
        "dilation_1_2_same": {"dilation_rate": (1, 2), "padding": "same"}, "filters_3": {"filters": 3},
        "kernel_1": {"kernel_size": 1}, "kernel_1_relu": {"kernel_size": 1, "activation": "relu"},
        "kernel_1_strides_2": {"kernel_size": 1, "strides": 2}, "kernel_4_same": {"kernel_size": 4, "padding": "same"},
        "no_bias": {"use_bias": False}, "relu": {"activation": "relu"}, "softmax": {"activation": "softmax"},
        "elu": {"activation": "elu"}, "relu6_filters_5": {"activation": "relu6", "filters": 5},
    }, 5, 6, 2)
    every(c, make, {"groups_2": {"groups": 2}, "groups_4_filters_8": {"groups": 4, "filters": 8}}, 4, 3, 4)
    every(c, make, {"first": FIRST, "first_same_strides_2": {"padding": "same", "strides": 2, **FIRST},
                    "first_softmax": {"activation": "softmax", **FIRST},
                    "first_relu_kernel_1": {"kernel_size": 1, "activation": "relu", **FIRST}}, 3, 4, 5)
    c.one("one_channel", L.Conv2D(8, 3, name="y"), 5, 5, 1)
    c.one("twice", twice, 5, 5, 2)
    c.one("norm", lambda x: L.BatchNormalization(name="n")(L.Conv2D(4, 2, use_bias=False, name="y")(x)), 3, 4, 2)
    c.one("norm_relu", lambda x: L.ReLU(6.0, name="r")(L.BatchNormalization(name="n")(L.Conv2D(3, 2, name="y")(x))),
          3, 4, 2)


def twice(x):
    layer = L.Conv2D(2, 2, padding="same", activation="tanh", name="y")
    return L.Concatenate(name="c")([layer(x), layer(layer(x))])


@file
def Conv3D(c):
    make = lambda **o: L.Conv3D(**{"filters": 4, "kernel_size": (2, 1, 3), **o})
    every(c, make, {
        "plain": {}, "same": {"padding": "same"}, "strides_2": {"strides": 2},
        "same_strides_1_2_3": {"padding": "same", "strides": (1, 2, 3)},
        "dilation": {"dilation_rate": (1, 2, 1)}, "filters_3_relu": {"filters": 3, "activation": "relu"},
        "kernel_1": {"kernel_size": 1}, "no_bias": {"use_bias": False},
        "groups_2": {"groups": 2}, "kernel_1_same_strides_2": {"kernel_size": 1, "padding": "same", "strides": 2},
    }, 3, 3, 4, 2)
    every(c, make, {"first": FIRST, "first_same": {"padding": "same", **FIRST}}, 2, 2, 3, 3)


@file
def DepthwiseConv2D(c):
    make = lambda **o: L.DepthwiseConv2D(**{"kernel_size": (3, 2), **o})
    every(c, make, {
        "plain": {}, "same": {"padding": "same"}, "strides_2": {"strides": 2},
        "same_strides_2": {"padding": "same", "strides": 2}, "multiplier_2": {"depth_multiplier": 2},
        "multiplier_4": {"depth_multiplier": 4}, "dilation_2": {"dilation_rate": 2},
        "dilation_2_same_multiplier_2": {"dilation_rate": 2, "padding": "same", "depth_multiplier": 2},
        "no_bias": {"use_bias": False}, "relu": {"activation": "relu"}, "kernel_1": {"kernel_size": 1},
    }, 5, 5, 3)
    every(c, make, {"first": FIRST, "first_multiplier_2": {"depth_multiplier": 2, **FIRST}}, 3, 4, 5)
    every(c, make, {"channels_4": {"padding": "same", "activation": "relu"}, "channels_4_strides_2": {"strides": 2},
                    "channels_4_multiplier_3": {"depth_multiplier": 3}}, 4, 4, 4)
    c.one("norm", lambda x: L.BatchNormalization(name="n")(L.DepthwiseConv2D(2, depth_multiplier=2, name="y")(x)),
          3, 3, 2)


@file
def DepthwiseConv1D(c):
    make = lambda **o: L.DepthwiseConv1D(**{"kernel_size": 3, **o})
    every(c, make, {
        "plain": {}, "same": {"padding": "same"}, "strides_2": {"strides": 2, "padding": "same"},
        "multiplier_2": {"depth_multiplier": 2}, "dilation_2": {"dilation_rate": 2},
        "no_bias_relu": {"use_bias": False, "activation": "relu"},
    }, 6, 4)


@file
def SeparableConv1D(c):
    make = lambda **o: L.SeparableConv1D(**{"filters": 4, "kernel_size": 3, **o})
    every(c, make, {
        "plain": {}, "same": {"padding": "same"}, "strides_2": {"strides": 2}, "causal": {"padding": "causal"},
        "multiplier_2": {"depth_multiplier": 2}, "dilation_2": {"dilation_rate": 2},
        "causal_dilation_2": {"padding": "causal", "dilation_rate": 2},
        "no_bias_relu": {"use_bias": False, "activation": "relu"}, "filters_3": {"filters": 3},
    }, 6, 3)


@file
def SeparableConv2D(c):
    make = lambda **o: L.SeparableConv2D(**{"filters": 4, "kernel_size": (3, 2), **o})
    every(c, make, {
        "plain": {}, "same": {"padding": "same"}, "strides_2": {"strides": 2},
        "multiplier_2": {"depth_multiplier": 2}, "dilation_2": {"dilation_rate": 2},
        "no_bias_relu": {"use_bias": False, "activation": "relu"}, "filters_3_tanh": {"filters": 3, "activation": "tanh"},
    }, 5, 5, 3)
    every(c, make, {"first": FIRST}, 3, 4, 4)
    if K.__version__.startswith("3"):
        return
    # As TF.js saves it, which refuses what Keras 2 writes besides.
    for name, o in {"plain": {}, "same_multiplier_2": {"padding": "same", "depth_multiplier": 2},
                    "strides_2_relu": {"strides": 2, "activation": "relu"}, "dilation_2": {"dilation_rate": 2},
                    "first_no_bias": {"use_bias": False, **FIRST}, "first": FIRST,
                    "first_filters_2": {"filters": 2, **FIRST}}.items():
        first = "data_format" in o
        c.one("saved_by_tfjs_" + name, make(name="y", **o), *((3, 4, 4) if first else (5, 5, 3)), compiled=first)
        config = c.cases[-1]["topology"]["model_config"]["config"]["layers"][1]["config"]
        for key in ("kernel_initializer", "kernel_regularizer", "kernel_constraint"):
            del config[key]


def transposed(make):
    base = {
        "plain": {}, "same": {"padding": "same"}, "strides_2": {"strides": 2},
        "same_strides_2": {"padding": "same", "strides": 2}, "strides_4": {"strides": 4},
        "same_strides_3": {"padding": "same", "strides": 3}, "filters_3_relu": {"filters": 3, "activation": "relu"},
        "no_bias": {"use_bias": False}, "output_padding_1": {"strides": 2, "output_padding": 1},
        "same_output_padding_1": {"strides": 2, "padding": "same", "output_padding": 1},
        "same_output_padding_0": {"strides": 2, "padding": "same", "output_padding": 0},
        "kernel_1": {"kernel_size": 1}, "kernel_1_strides_2": {"kernel_size": 1, "strides": 2},
    }
    return lambda **o: make(**{"filters": 4, "kernel_size": 3, **o}), base


@file
def Conv1DTranspose(c):
    make, options = transposed(L.Conv1DTranspose)
    every(c, make, options, 4, 2)
    every(c, make, {"first": FIRST}, 2, 4)


@file
def Conv2DTranspose(c):
    make, options = transposed(L.Conv2DTranspose)
    every(c, make, {**options, "kernel_2_3": {"kernel_size": (2, 3), "strides": (2, 1)},
                    "kernel_2_4_same": {"kernel_size": (2, 4), "strides": 2, "padding": "same"},
                    "dilation_2": {"dilation_rate": 2}, "dilation_2_same": {"dilation_rate": 2, "padding": "same"},
                    "softmax": {"activation": "softmax"}}, 2, 3, 2)
    every(c, make, {"first": FIRST, "first_same_strides_2": {"padding": "same", "strides": 2, **FIRST}}, 2, 2, 3)


@file
def Conv3DTranspose(c):
    make = lambda **o: L.Conv3DTranspose(**{"filters": 2, "kernel_size": (2, 3, 1), **o})
    every(c, make, {
        "plain": {}, "same_strides_2": {"padding": "same", "strides": 2}, "strides_2_1_3": {"strides": (2, 1, 3)},
        "filters_4": {"filters": 4, "activation": "relu"},
    }, 2, 2, 1, 2)


def pooling(rank):
    two = (2, 3, 1)[:rank]
    return {
        "plain": {}, "pool_3": {"pool_size": 3}, "pool_2_3_1": {"pool_size": two}, "strides_1": {"strides": 1},
        "same": {"padding": "same"}, "pool_3_same_strides_2": {"pool_size": 3, "padding": "same", "strides": 2},
        "pool_3_strides_1_same": {"pool_size": 3, "padding": "same", "strides": 1},
        "pool_2_strides_3": {"strides": 3}, "pool_1": {"pool_size": 1, "strides": 2},
    }


def pool_1d(c, make):
    every(c, make, pooling(1), 7, 3)
    every(c, make, {"first": FIRST, "first_same": {"padding": "same", **FIRST}}, 3, 4)
    after_embedding(c, "after_embedding", make(pool_size=2, name="l"), L.GlobalAveragePooling1D(name="y"))


def pool_2d(c, make):
    every(c, make, pooling(2), 5, 4, 3)
    every(c, make, {"first": FIRST, "first_same": {"padding": "same", **FIRST}}, 3, 4, 3)


def pool_3d(c, make):
    # TF.js begins elsewhere where strides leave positions out.
    every(c, make, {**pooling(3), "pool_1_same_strides_2": {"pool_size": 1, "padding": "same", "strides": 2}}, 3, 4, 3, 2)
    every(c, make, {"first": FIRST}, 2, 3, 2, 4)


@file
def MaxPooling1D(c):
    pool_1d(c, L.MaxPooling1D)


@file
def MaxPooling2D(c):
    pool_2d(c, L.MaxPooling2D)


@file
def MaxPooling3D(c):
    pool_3d(c, L.MaxPooling3D)


@file
def AveragePooling1D(c):
    pool_1d(c, L.AveragePooling1D)


@file
def AveragePooling2D(c):
    pool_2d(c, L.AveragePooling2D)


@file
def AveragePooling3D(c):
    pool_3d(c, L.AveragePooling3D)


def global_pooling(c, make, *shape):
    options = {"plain": {}, "plain_again": {}, "keepdims": {"keepdims": True}, "first": FIRST,
               "first_keepdims": {"keepdims": True, **FIRST}}
    for i, (name, o) in enumerate(options.items()):
        c.one(name, make(name="y", **o), *shape, batch=(1, 3)[i % 2])


@file
def GlobalAveragePooling2D(c):
    global_pooling(c, L.GlobalAveragePooling2D, 3, 2, 4)


@file
def GlobalMaxPooling2D(c):
    global_pooling(c, L.GlobalMaxPooling2D, 3, 2, 4)


@file
def GlobalAveragePooling3D(c):
    global_pooling(c, L.GlobalAveragePooling3D, 3, 2, 2, 3)


@file
def GlobalMaxPooling3D(c):
    global_pooling(c, L.GlobalMaxPooling3D, 3, 2, 2, 3)


@file
def ZeroPadding1D(c):
    for name, p in {"plain": 1, "two": (2, 0), "one_two": (1, 2), "none": 0}.items():
        c.one(name, L.ZeroPadding1D(p, name="y"), 3, 2)
    after_embedding(c, "after_embedding", L.ZeroPadding1D(1, name="l"), L.GlobalAveragePooling1D(name="y"))


@file
def ZeroPadding2D(c):
    for i, (name, p) in enumerate({"plain": 1, "two": (2, 1), "four": ((0, 1), (2, 3)), "none": 0}.items()):
        c.one(name, L.ZeroPadding2D(p, name="y"), 2, 3, 2, batch=(1, 3)[i % 2])
        c.one(name + "_first", L.ZeroPadding2D(p, name="y", **FIRST), 2, 3, 2)
    c.one("before_conv", lambda x: L.Conv2D(3, 3, strides=2, name="y")(
        L.ZeroPadding2D(((0, 1), (0, 1)), name="p")(x)), 4, 4, 2)


@file
def ZeroPadding3D(c):
    for name, p in {"plain": 1, "three": (0, 1, 2), "six": ((0, 1), (1, 0), (2, 1))}.items():
        c.one(name, L.ZeroPadding3D(p, name="y"), 2, 1, 2, 2)
    c.one("first", L.ZeroPadding3D((1, 0, 2), name="y", **FIRST), 2, 1, 2, 2)


@file
def Cropping1D(c):
    for name, p in {"plain": 1, "two": (2, 0), "one_two": (1, 2), "none": 0}.items():
        c.one(name, L.Cropping1D(p, name="y"), 5, 2)
    after_embedding(c, "after_embedding", L.Cropping1D(1, name="l"), L.GlobalAveragePooling1D(name="y"))


@file
def Cropping2D(c):
    for i, (name, p) in enumerate({"plain": 1, "two": (2, 1), "four": ((0, 1), (2, 0)), "none": 0}.items()):
        c.one(name, L.Cropping2D(p, name="y"), 5, 4, 2, batch=(1, 3)[i % 2])
        c.one(name + "_first", L.Cropping2D(p, name="y", **FIRST), 2, 5, 4)


@file
def Cropping3D(c):
    for name, p in {"plain": 1, "three": (0, 1, 1), "six": ((0, 1), (1, 0), (1, 1))}.items():
        c.one(name, L.Cropping3D(p, name="y"), 3, 4, 3, 2)
    c.one("first", L.Cropping3D((1, 0, 1), name="y", **FIRST), 2, 3, 2, 4)


@file
def UpSampling1D(c):
    for size in (1, 2, 3):
        c.one(f"size_{size}", L.UpSampling1D(size, name="y"), 3, 2)
    after_embedding(c, "after_embedding", L.UpSampling1D(2, name="l"), L.GlobalAveragePooling1D(name="y"))


@file
def UpSampling2D(c):
    for how in ("nearest", "bilinear"):
        for size in ((2, 2), (3, 1), (1, 1), (3, 4)):
            n = f"{how}_{size[0]}_{size[1]}"
            c.one(n, L.UpSampling2D(size, interpolation=how, name="y"), 2, 3, 2, batch=(1, 3)[size[0] % 2])
        c.one(how + "_first", L.UpSampling2D((2, 3), interpolation=how, name="y", **FIRST), 2, 3, 2)
    c.one("bicubic", L.UpSampling2D(2, interpolation="bicubic", name="y"), 2, 3, 2)


@file
def UpSampling3D(c):
    for size in ((2, 2, 2), (1, 3, 2)):
        c.one("size_%d_%d_%d" % size, L.UpSampling3D(size, name="y"), 2, 1, 3, 2)
    c.one("first", L.UpSampling3D((3, 1, 2), name="y", **FIRST), 2, 1, 3, 2)


@file
def Resizing(c):
    sizes = ((4, 6), (2, 2), (5, 3), (1, 1), (3, 5), (7, 4))
    for how in ("bilinear", "nearest"):
        for i, (h, w) in enumerate(sizes):
            c.one(f"{how}_{h}_{w}", L.Resizing(h, w, interpolation=how, name="y"), 3, 5, 2, batch=(1, 3)[i % 2])
        for h, w in ((4, 4), (2, 5), (6, 3)):
            c.one(f"{how}_crop_{h}_{w}", L.Resizing(h, w, interpolation=how, crop_to_aspect_ratio=True, name="y"), 5, 4, 2)
    c.one("bicubic", L.Resizing(4, 4, interpolation="bicubic", name="y"), 3, 5, 2)


@file
def CenterCrop(c):
    # TF.js lets the layer overwrite the shape of its input, which must not be that of the model.
    behind = lambda h, w: lambda x: L.CenterCrop(h, w, name="y")(L.ZeroPadding2D(0, name="a")(x))
    for h, w in ((3, 3), (2, 4), (5, 6), (4, 5), (1, 2), (3, 6), (5, 4), (1, 1)):
        c.one(f"crop_{h}_{w}", behind(h, w), 5, 6, 2, batch=(1, 3)[h % 2])
    for h, w in ((6, 6), (7, 3), (2, 8)):
        c.one(f"larger_{h}_{w}", behind(h, w), 5, 6, 2)
    c.one("first_layer", L.CenterCrop(2, 2, name="y"), 3, 4, 1)


@file
def Rescaling(c):
    for name, (s, o) in {"plain": (2.0, 0.5), "scale": (1 / 255, 0.0), "minus": (1 / 127.5, -1.0)}.items():
        c.one(name, L.Rescaling(s, o, name="y"), 2, 3, 3)
    c.one("rank_2", L.Rescaling(0.25, 1.0, name="y"), 5)
    c.one("lists", L.Rescaling([0.5, 2.0, 1.0], [1.0, 0.0, -1.0], name="y"), 2, 3)
    c.one("list_and_number", L.Rescaling([0.5, 2.0, 1.0], 0.25, name="y"), 2, 2, 3)
    c.add("int32_input", L.Rescaling(0.5, 1.0, name="y"), {"x": c.ids("i", 200, 3, 2, 2)})
    after_embedding(c, "after_embedding", L.Rescaling(2.0, name="l"), L.GlobalAveragePooling1D(name="y"))
