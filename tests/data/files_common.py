"""Helpers of generate_files.py: the Kerases, the table of cases, saving, converting and recording."""
from golden import *

import shutil
import types

from generate_models import renumber_shared_objects
from safetensors.numpy import load_file, save_file

FILES = HERE / "files"
BATCH = 2
GRID = 32  # values are multiples of 1/GRID: short mantissas compress well
TAGS = {"3.3.3": "k33", "3.8.0": "k38", "3.15.1": "k315"}
CASES = []
SKIPPED = []


class Skip(Exception):
    """Raised by a case that is not what it claims; the message is printed."""


def keras2():
    return types.SimpleNamespace(K=K, L=K.layers, tag="k2", three=False, version="tf_keras " + K.__version__)


def keras3():
    import keras

    tag = TAGS.get(keras.__version__)
    if tag is None:
        raise SystemExit(f"Keras {keras.__version__} is not one of {list(TAGS)}")
    return types.SimpleNamespace(K=keras, L=keras.layers, tag=tag, three=True, version=keras.__version__)


def case(name, kind, about, build, keras, **more):
    """Registers `build(k, rng) -> (model, inputs)` for "k2", "k33", ... as in {"k38": "h5 keras"} or "k2 k38"."""
    if isinstance(keras, str):
        keras = {tag: "h5" for tag in keras.split()}
    CASES.append(types.SimpleNamespace(name=name, kind=kind, about=about, build=build, keras=keras, more=more))


def rotate(index, tags="k33 k38 k315"):
    """One file per Keras, .h5 and .keras in turn."""
    return {tag: ("h5", "keras")[(index + i) % 2] if tag != "k2" else "h5" for i, tag in enumerate(tags.split())}


# ---- values ---------------------------------------------------------------------------------


def grid(v):
    return (np.round(np.asarray(v) * GRID) / GRID).astype(np.float32)


def floats(rng, *shape, batch=BATCH):
    return grid(rng.standard_normal((batch,) + shape))


def ids(rng, vocabulary, *shape, batch=BATCH, low=0):
    return rng.integers(low, vocabulary, (batch,) + shape).astype(np.int32)


def set_values(model, rng):
    randomise(model, rng)
    model.set_weights([grid(w) for w in model.get_weights()])


def flatten(y):
    """Tensors of a structure in Keras' order: lists as they are, dicts sorted by key."""
    if isinstance(y, dict):
        return [t for n in sorted(y) for t in flatten(y[n])]
    if isinstance(y, (list, tuple)):
        return [t for e in y for t in flatten(e)]
    return [np.ascontiguousarray(np.asarray(y), np.float32)]


def feed(model, inputs):
    """The inputs in the form in which the model wants them."""
    names = getattr(model, "input_names", None) or [t.name for t in model.inputs]
    struct = getattr(model, "_inputs_struct", getattr(model, "_nested_inputs", None))
    if isinstance(struct, dict):
        return {n: tf.constant(v) for n, v in inputs.items()}
    if len(inputs) == 1:
        return tf.constant(next(iter(inputs.values())))
    assert sorted(names) == sorted(inputs), (names, list(inputs))
    return [tf.constant(inputs[n]) for n in names]


def answer(model, inputs, predict=False):
    x = feed(model, inputs)
    y = flatten(model.predict(x, verbose=0) if predict else model(x, training=False))
    if not all(np.isfinite(v).all() for v in y):
        raise Skip("the answer is not finite")
    return y


def same(a, b, tolerance=1e-5):
    return len(a) == len(b) and all(
        x.shape == y.shape and np.abs(x - y).max(initial=0) <= tolerance * max(1, np.abs(y).max(initial=0))
        for x, y in zip(a, b))


def all_differ(outputs):
    """Whether no two outputs of one shape are equal, so that a mix-up shows."""
    return not any(a.shape == b.shape and same([a], [b], 1e-3)
                   for i, a in enumerate(outputs) for b in outputs[:i])


# ---- files ----------------------------------------------------------------------------------


def save(model, path):
    with contextlib.redirect_stdout(io.StringIO()):
        model.save(path)


def load(k, path):
    return k.K.models.load_model(path, compile=False)


def again(k, model, format):
    """The model saved and loaded."""
    with tempfile.TemporaryDirectory() as tmp:
        path = os.path.join(tmp, "m." + format)
        save(model, path)
        return load(k, path)


def convert(path, folder):
    """What tensorflowjs_converter does for .h5 and for .keras."""
    from tensorflowjs.converters import converter

    f = (converter.dispatch_keras_keras_to_tfjs_layers_model_conversion if path.endswith(".keras")
         else converter.dispatch_keras_h5_to_tfjs_layers_model_conversion)
    with contextlib.redirect_stdout(io.StringIO()):
        f(path, str(folder))
    renumber_shared_objects(folder)


def read_json(folder):
    return json.loads((folder / "model.json").read_text())


def write_json(folder, j):
    (folder / "model.json").write_text(json.dumps(j, separators=(",", ":")))


def all_layers(config):
    """Every layer dict of a model's config, those in models and wrappers too."""
    if isinstance(config, dict):
        if "class_name" in config and isinstance(config.get("config"), dict):
            yield config
        for v in config.values():
            yield from all_layers(v)
    elif isinstance(config, list):
        for v in config:
            yield from all_layers(v)


def slim(x):
    """Leaves out what no loader of weights needs: initializers, and regularizers and constraints of none."""
    if isinstance(x, dict):
        return {k: slim(v) for k, v in x.items() if not k.endswith("_initializer")
                and not (v is None and k.endswith(("_regularizer", "_constraint", "quantization_config")))}
    return [slim(v) for v in x] if isinstance(x, list) else x


def weights_equal(model, folder):
    """Whether the shards hold the model's weights, whatever their names."""
    j = read_json(folder)
    data = b"".join((folder / p).read_bytes() for g in j["weightsManifest"] for p in g["paths"])
    total = sum(np.asarray(w).size for w in model.get_weights())
    return len(data) == 4 * total


def write_case(folder, c, name, k, format, inputs, answers, expect="answer", **more):
    """Writes case.json, the inputs and Keras' answers."""
    save_file({n: np.ascontiguousarray(v) for n, v in inputs.items()}, folder / "input.safetensors")
    if answers is not None:
        save_file({str(i): v for i, v in enumerate(answers)}, folder / "keras.safetensors")
    info = {"name": name, "kind": c.kind, "about": c.about, "keras": k.version, "format": format,
            "tfjs": None, "expect": expect, **more}
    (folder / "case.json").write_text(json.dumps(info) + "\n")


def record(c, k, format, slimmed=True):
    """Builds, saves, converts and answers one case; options are in c.more:

    via: "h5" or "keras" (loaded and saved again), "clone"; distinct: no two outputs may be equal;
    edit(j, folder): changes model.json; expect, info: for case.json; check(k, model, inputs): raises Skip;
    twin: builds the model that answers in its place; random: Keras' answer is not kept.
    """
    via = c.more.get("via")
    name = "_".join(filter(None, [c.name, k.tag, {"h5": "h5", "keras": "zip"}[format]]))
    k.K.backend.clear_session()
    rng = rng_for("files", c.name)
    model, inputs = c.build(k, rng)
    set_values(model, rng)
    folder = FILES / name
    shutil.rmtree(folder, ignore_errors=True)
    source = model
    if via:
        k.K.backend.clear_session()
    for step in (via or "").split():
        if step == "clone":
            w = source.get_weights()
            source = k.K.models.clone_model(source)
            source.set_weights(w)
        else:
            source = again(k, source, step)
    info = dict(c.more.get("info", {}))
    with tempfile.TemporaryDirectory() as tmp:
        path = os.path.join(tmp, "m." + format)
        save(source, path)
        twin = model
        if "twin" in c.more:  # where Keras itself has no kernel
            twin = c.more["twin"](k, rng_for("files", c.name))[0]
            twin.set_weights(model.get_weights())
        expected = answer(twin, inputs, c.more.get("predict"))  # after the saving: a BatchNormalization may be in training
        try:
            answers = expected if twin is not model else answer(load(k, path), inputs, c.more.get("predict"))
            if not same(answers, expected) and not c.more.get("random"):
                raise Skip("Keras answers otherwise after loading")
        except Skip:
            raise
        except Exception as e:
            if not c.more.get("unloadable", True):
                raise Skip(f"Keras cannot load it: {str(e).splitlines()[0][:150]}")
            print(f"  {name}: Keras cannot load it: {' '.join(str(e).split())[:220]}", flush=True)
            answers, info["keras_reloads"] = expected, False
        if c.more.get("distinct", True) and not all_differ(answers):
            raise Skip("two outputs are equal")
        if "check" in c.more:
            c.more["check"](k, model, inputs)
        convert(path, folder)
    j = read_json(folder)
    if slimmed:
        j["modelTopology"]["model_config"] = slim(j["modelTopology"]["model_config"])
    if "edit" in c.more:
        c.more["edit"](j, folder)
        format = "edited"
    write_json(folder, j)
    expect = c.more.get("expect", "answer")
    write_case(folder, c, name, k, format, inputs, answers if expect == "answer" and not c.more.get("random") else None, expect, **info)
    return name
