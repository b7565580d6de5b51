"""Whole models with convolutions and pooling; generate_models.py runs them.

K and L are the Keras that is asked, 2 or 3, and its layers; generate_models.py sets them.
"""
from golden import *

L = K.layers
# By name: what builds it, and what it is about.
MODELS = {}


def model(about, note=""):
    def register(f):
        MODELS[f.__name__] = {"build": f, "about": about, "note": note}
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
