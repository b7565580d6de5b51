"""Whole models with convolutions and pooling; generate_models.py runs them.

K and L are the Keras that is asked, 2 or 3, and its layers; generate_models.py sets them.
"""
from golden import *

L = K.layers
# By name: what builds it, and what it is about.
MODELS = {}


def model(about, note="", **more):
    def register(f):
        MODELS[f.__name__] = {"build": f, "about": about, "note": note, **more}
        return f

    return register


def image_tower_model(rng, batch, separable):
    image = L.Input((12, 12, 3), name="image")
    item = L.Input((1,), dtype="int32", name="item")
    h = L.Rescaling(1 / 127.5, -1.0, name="scale")(image)
    h = L.ZeroPadding2D(((0, 1), (0, 1)), name="pad")(h)
    h = L.Conv2D(8, 3, strides=2, use_bias=False, name="stem")(h)
    h = L.ReLU(6.0, name="stem_relu")(L.BatchNormalization(name="stem_bn")(h))
    h = L.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(h)
    h = L.ReLU(6.0, name="depthwise_relu")(L.BatchNormalization(name="depthwise_bn")(h))
    h = L.Conv2D(8, 1, name="pointwise")(h)
    if separable:
        h = L.SeparableConv2D(8, 3, padding="same", activation="relu", name="separable")(h)
    side = L.AveragePooling2D(3, strides=1, padding="same", name="average")(h)
    h = L.MaxPooling2D(2, name="max")(L.Add(name="sum")([h, side]))
    h = L.GlobalAveragePooling2D(name="pool")(L.Conv2D(10, 2, activation="relu", name="last")(h))
    e = L.Flatten(name="item_flat")(L.Embedding(19, 6, name="item_emb")(item))
    h = L.Dense(8, activation="relu", name="fc")(L.Concatenate(name="joined")([h, e]))
    y = L.Dense(1, activation="sigmoid", name="score")(h)
    return K.Model([image, item], y, name="image_tower"), {
        "image": rng.uniform(0, 255, (batch, 12, 12, 3)).round().astype(np.float32),
        "item": rng.integers(0, 19, (batch, 1)).astype(np.int32)}


@model("images beside ids: Rescaling, padded, strided, depthwise and pointwise Conv2D with BatchNormalization, pooling")
def image_tower(rng, batch):
    return image_tower_model(rng, batch, False)


@model("image_tower with SeparableConv2D", "TF.js refuses SeparableConv2D with the initializers that Keras writes")
def image_tower_separable(rng, batch):
    return image_tower_model(rng, batch, True)


@model("images of 14 by 14 beside an id: Conv2D, a depthwise and a pointwise one, SeparableConv2D, every pooling, two "
       "dense layers",
       "model.json edited after the conversion: SeparableConv2D without the initializer, regularizer and constraint of "
       "a kernel that it has not, which TF.js refuses", batch=4)
def image_tower_full(rng, batch):
    image = L.Input((14, 14, 3), name="image")
    item = L.Input((1,), dtype="int32", name="item")
    h = L.Rescaling(1 / 255, name="scale")(image)
    h = L.Conv2D(12, 3, strides=2, padding="same", use_bias=False, name="stem")(h)
    h = L.Activation("swish", name="stem_swish")(L.BatchNormalization(name="stem_bn")(h))
    for k, width in ((1, 12), (2, 20)):
        side = h
        h = L.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"depthwise{k}")(h)
        h = L.ReLU(6.0, name=f"depthwise_relu{k}")(L.BatchNormalization(name=f"depthwise_bn{k}")(h))
        h = L.BatchNormalization(name=f"pointwise_bn{k}")(L.Conv2D(width, 1, use_bias=False, name=f"pointwise{k}")(h))
        h = L.Add(name=f"residual{k}")([h, side]) if width == 12 else L.MaxPooling2D(2, name=f"max{k}")(h)
    h = L.SeparableConv2D(24, 3, padding="same", activation="relu", name="separable")(h)
    h = L.AveragePooling2D(2, padding="same", name="average")(h)
    h = L.Concatenate(name="pooled")([L.GlobalAveragePooling2D(name="mean")(h), L.GlobalMaxPooling2D(name="max")(h)])
    e = L.Flatten(name="item_flat")(L.Embedding(37, 12, name="item_emb")(item))
    h = L.Dense(24, activation="relu", name="fc1")(L.Concatenate(name="joined")([h, e]))
    y = L.Dense(1, activation="sigmoid", name="score")(L.Dense(12, activation="relu", name="fc2")(h))
    return K.Model([image, item], y, name="image_tower_full"), {
        "image": rng.uniform(0, 255, (batch, 14, 14, 3)).round().astype(np.float32),
        "item": rng.integers(0, 37, (batch, 1)).astype(np.int32)}


def text_cnn_model(rng, batch, padding):
    words = L.Input((16,), dtype="int32", name="words")
    e = L.Embedding(41, 8, name="word_emb")(words)
    widths = [L.GlobalMaxPooling1D(name=f"pool_{w}")(
        L.Conv1D(6, w, padding=padding, activation="relu", name=f"conv_{w}")(e)) for w in (2, 3, 5)]
    deep = L.MaxPooling1D(2, name="halve")(L.Conv1D(8, 3, padding=padding, dilation_rate=2, name="deep")(e))
    deep = L.GlobalAveragePooling1D(name="mean")(L.Conv1D(4, 3, activation="tanh", name="deeper")(deep))
    y = L.Dense(3, activation="softmax", name="topic")(L.Concatenate(name="joined")(widths + [deep]))
    return K.Model(words, y, name="text_cnn"), {"words": rng.integers(0, 41, (batch, 16)).astype(np.int32)}


@model("TextCNN: Conv1D of several widths over an embedding, max over time; dilation, MaxPooling1D")
def text_cnn(rng, batch):
    return text_cnn_model(rng, batch, "valid")


@model("text_cnn that sees no later words", "TF.js has no causal padding")
def text_cnn_causal(rng, batch):
    return text_cnn_model(rng, batch, "causal")
