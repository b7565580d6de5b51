"""Makes two image towers with random weights, larger than those of tests/data/models: FOLDER/tower96 and FOLDER/tower64.

    python make_image_models.py FOLDER

tower96 takes images of 96 × 96 through depthwise, pointwise and separable convolutions, tower64 images of 64 × 64 through
ordinary convolutions and pooling. Both join an embedded id, as image_tower does.
"""
import json
import os
import pathlib
import sys

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np
import tf_keras as keras

L = keras.layers


def normalised(h, name):
    return L.ReLU(6.0, name=f"{name}_relu")(L.BatchNormalization(name=f"{name}_bn")(h))


def padded(h, name):
    return L.ZeroPadding2D(((0, 1), (0, 1)), name=name)(h)


def tower96(h):
    h = padded(L.Rescaling(1 / 127.5, -1.0, name="scale")(h), "pad")
    h = normalised(L.Conv2D(32, 3, strides=2, use_bias=False, name="stem")(h), "stem")
    h = normalised(L.DepthwiseConv2D(3, padding="same", use_bias=False, name="dw1")(h), "dw1")
    h = normalised(L.Conv2D(64, 1, use_bias=False, name="pw1")(h), "pw1")
    h = normalised(L.DepthwiseConv2D(3, strides=2, use_bias=False, name="dw2")(padded(h, "pad2")), "dw2")
    h = normalised(L.Conv2D(128, 1, use_bias=False, name="pw2")(h), "pw2")
    h = L.SeparableConv2D(128, 3, padding="same", activation="relu", name="separable")(h)
    side = L.AveragePooling2D(3, strides=1, padding="same", name="average")(h)
    h = L.MaxPooling2D(2, name="max")(L.Add(name="sum")([h, side]))
    h = normalised(L.DepthwiseConv2D(3, padding="same", use_bias=False, name="dw3")(h), "dw3")
    h = normalised(L.Conv2D(256, 1, use_bias=False, name="pw3")(h), "pw3")
    return L.Conv2D(96, 3, strides=2, padding="same", activation="relu", name="last")(h)


def tower64(h):
    h = L.Rescaling(1 / 255, name="scale")(h)
    h = L.MaxPooling2D(2, name="max1")(L.Conv2D(32, 3, padding="same", activation="relu", name="conv1")(h))
    h = L.Conv2D(64, 3, padding="same", activation="relu", name="conv2")(h)
    h = L.MaxPooling2D(3, strides=2, padding="same", name="max2")(h)
    h = L.Conv2D(96, 3, padding="same", activation="relu", name="conv3")(h)
    h = L.Conv2D(128, 3, strides=2, padding="same", activation="relu", name="conv4")(h)
    return L.Conv2D(50, 3, activation="relu", name="last")(L.AveragePooling2D(2, name="average")(h))


def model(tower, size):
    image, item = L.Input((size, size, 3), name="image"), L.Input((1,), dtype="int32", name="item")
    h = L.GlobalAveragePooling2D(name="pool")(tower(image))
    e = L.Flatten(name="item_flat")(L.Embedding(1000, 16, name="item_emb")(item))
    h = L.Dense(64, activation="relu", name="fc")(L.Concatenate(name="joined")([h, e]))
    y = L.Dense(1, activation="sigmoid", name="score")(h)
    return keras.Model([image, item], y, name=tower.__name__)


def write(model, folder):
    folder.mkdir(parents=True, exist_ok=True)
    weights = [(weight.name.removesuffix(":0"), weight.numpy().astype("<f4")) for weight in model.weights]
    (folder / "weights.bin").write_bytes(b"".join(values.tobytes() for _, values in weights))
    entries = [{"name": name, "shape": list(values.shape), "dtype": "float32"} for name, values in weights]
    topology = {"keras_version": keras.__version__, "backend": "tensorflow", "model_config": json.loads(model.to_json())}
    (folder / "model.json").write_text(json.dumps({
        "format": "layers-model", "generatedBy": f"keras v{keras.__version__}", "convertedBy": None,
        "modelTopology": topology, "weightsManifest": [{"paths": ["weights.bin"], "weights": entries}]}))


def main():
    folder = pathlib.Path(sys.argv[1])
    for tower, size in ((tower96, 96), (tower64, 64)):
        keras.utils.set_random_seed(3)
        made, rng = model(tower, size), np.random.default_rng(5)
        for layer in made.layers:
            if isinstance(layer, L.BatchNormalization):
                gamma, beta, mean, variance = (weights.shape for weights in layer.get_weights())
                layer.set_weights([rng.uniform(0.5, 1.5, gamma), rng.normal(0, 0.2, beta), rng.normal(0, 0.2, mean),
                                   rng.uniform(0.5, 1.5, variance)])
        write(made, folder / tower.__name__)


if __name__ == "__main__":
    main()
