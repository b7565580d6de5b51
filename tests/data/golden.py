"""Helpers shared by generate_models.py and generate_cases.py."""
import os
import sys

sys.dont_write_bytecode = True
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import contextlib
import io
import json
import logging
import pathlib
import tempfile
import warnings
import zlib

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import numpy as np
import tensorflow as tf
import tf_keras as K

HERE = pathlib.Path(__file__).resolve().parent
SEED = 20240117


def registry(batch):
    """A table of models by name, and the decorator that adds one: what builds it, and what it is about."""
    models = {}

    def model(about, note="", batch=batch):
        def register(f):
            models[f.__name__] = {"build": f, "about": about, "note": note, "batch": batch}
            return f

        return register

    return models, model


def id_input(name, steps=1):
    return K.layers.Input((steps,), dtype="int32", name=name)


def versions(keras=K):
    import tensorflowjs

    package = json.loads((HERE / "package.json").read_text())
    return {
        "tensorflow": tf.__version__,
        "tf_keras" if keras is K else "keras": keras.__version__,
        "tensorflowjs_converter": tensorflowjs.__version__,
        "tfjs": package["dependencies"]["@tensorflow/tfjs"],
    }


def rng_for(*names):
    """A generator that depends on SEED and the names only, not on call order."""
    return np.random.default_rng([SEED] + [zlib.crc32(n.encode()) for n in names])


def randomise(model, rng, digits=None):
    """Gives every weight of the model a random value of sensible scale."""
    values = []
    for w in model.weights:
        kind = w.name.split(":")[0].split("/")[-1]
        if kind in ("mean", "variance", "count"):
            values.append(w.numpy())  # a Normalization computes with copies that only adapt() makes
            continue
        shape = tuple(w.shape)
        n = rng.standard_normal(shape)
        if kind == "gamma":
            v = 1.0 + 0.3 * n
        elif kind == "moving_variance":
            v = rng.uniform(0.3, 2.0, shape)
        elif kind == "moving_mean":
            v = 0.4 * n
        elif kind in ("beta", "bias"):
            v = 0.25 * n
        elif kind == "alpha":
            v = rng.uniform(-0.2, 0.6, shape)
        elif kind == "embeddings":
            v = 0.6 * n
        else:
            v = 1.2 * n / np.sqrt(max(1, int(np.prod(shape[:-1]))))
        if digits is not None:
            v = np.round(v, digits)
        values.append(v.astype(np.float32))
    model.set_weights(values)


def io_names(model_config):
    """(input names, output names) of a model config: those of the layers, or the keys of a dict."""
    config = model_config["config"]
    if model_config["class_name"] == "Sequential":
        layers = config["layers"] if isinstance(config, dict) else config
        assert layers[0]["class_name"] == "InputLayer"
        return [layers[0]["config"]["name"]], [layers[-1]["config"]["name"]]

    def names(refs):  # Keras 3 writes a single one flat, ["y", 0, 0], and dicts as they are
        if isinstance(refs, dict):
            return sorted(refs)
        return [refs[0]] if isinstance(refs[0], str) else [r[0] for r in refs]

    return names(config["input_layers"]), names(config["output_layers"])


def to_tfjs(model):
    """(topology, [{name, data}]) exactly as the converter reads them from .h5."""
    from tensorflowjs.converters import keras_h5_conversion

    with tempfile.TemporaryDirectory() as tmp:
        path = os.path.join(tmp, "m.h5")
        model.save(path)
        with contextlib.redirect_stdout(io.StringIO()):  # it complains about Keras 3, but reads it
            topology, groups = keras_h5_conversion.h5_merged_saved_model_to_tfjs_format(path)
    return topology, [w for group in groups for w in group]


def as_list(x):
    return list(x) if isinstance(x, (list, tuple)) else [x]
