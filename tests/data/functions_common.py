"""Helpers of generate_functions.py: what the cases are given, and how one is recorded."""
from files_common import *

import keras
from keras import ops

FUNCTIONS = HERE / "functions"
ROWS = 2
STEPS = 8  # values are multiples of 1/STEPS
FORMATS = {"h5": "h5", "keras": "zip"}
MOST, LEAST = 2**31 - 1, -(2**31)


# ---- inputs: functions of a generator and of the number of rows ---------------------------------


def F(*shape, low=-3.0, high=3.0):
    return lambda rng, rows: (np.round(rng.uniform(low, high, (rows,) + shape) * STEPS) / STEPS).astype(np.float32)


def I(*shape, low=-9, high=10):
    return lambda rng, rows: rng.integers(low, high, (rows,) + shape).astype(np.int32)


def B(*shape):
    return lambda rng, rows: rng.integers(0, 2, (rows,) + shape).astype(bool)


def V(values, dtype=np.float32):
    make = lambda rng, rows: np.array(values, dtype)
    make.rows = len(values)
    return make


def table(name, *shape, dtype=np.float32):
    """Numbers that a function is given, and that the file holds."""
    rng = rng_for("functions table", name)
    if dtype == np.int32:
        return rng.integers(-9, 10, shape).astype(np.int32)
    return (np.round(rng.uniform(-2, 2, shape) * STEPS) / STEPS).astype(np.float32)


# ---- cases ----------------------------------------------------------------------------------------------------------


def both(name, kind, about, inputs, two=None, three=None, old="", **more):
    """A case of Keras 2, where `two` gives the outputs, and of Keras 3, where `three` does; None where it has no such thing.

    `old` names more Kerases, "k33 k38". The function comes first in `name`.
    """
    for tags, f in (("k2", two), ("k315 " + old, three)):
        if f is not None:
            number = sum(c.three for c in CASES)
            formats = {tag: "h5" if tag == "k2" or (number + i) % 5 == 4 else "keras" for i, tag in enumerate(tags.split())}
            CASES.append(types.SimpleNamespace(
                name=name, kind=kind, about=about, inputs=inputs, f=f, keras=formats, three=tags != "k2", more=more))


def only2(name, kind, about, inputs, two, **more):
    both(name, kind, about, inputs, two, None, **more)


def only3(name, kind, about, inputs, three, **more):
    both(name, kind, about, inputs, None, three, **more)


def arrays(y):
    """The outputs with their own dtypes."""
    if isinstance(y, (list, tuple)):
        return [a for e in y for a in arrays(e)]
    return [np.array(y, order="C")]


def stored(a):
    """int64 as int32, which the values must fit."""
    if a.dtype in (np.int64, np.uint32, np.uint8, np.int8, np.int16):
        if a.size and (a.max() > MOST or a.min() < LEAST):
            raise Skip(f"an answer does not fit int32: {a.min()} to {a.max()}")
        return a.astype(np.int32)
    if a.dtype not in (np.float32, np.int32, np.bool_):
        raise Skip(f"an answer is {a.dtype}")
    return a


def alike(a, b):
    return [x.dtype for x in a] == [y.dtype for y in b] and all(
        np.array_equal(x, y, equal_nan=x.dtype == np.float32) for x, y in zip(a, b))


def leaner(x):
    """Leaves out still more: what Keras 3 says of a tensor besides where it comes from."""
    if isinstance(x, dict):
        x = {"keras_history": x["keras_history"]} if "keras_history" in x else x
        return {k: leaner(v) for k, v in x.items()}
    return [leaner(v) for v in x] if isinstance(x, list) else x


def record_function(c, k, format):
    """Builds, saves, converts and answers one case; options are in c.more:

    infinite: answers may be NaN or infinite. No Keras 3 loads the .h5 of an operation; the archive, which says the same, is
    loaded in its place.
    """
    name = "_".join([c.name, k.tag, FORMATS[format]])
    k.K.backend.clear_session()
    rng = rng_for("functions", c.name)
    rows = max(getattr(make, "rows", 3 if c.kind == "batch" else ROWS) for make in c.inputs.values())
    inputs = {n: np.ascontiguousarray(make(rng, rows)) for n, make in c.inputs.items()}
    tensors = {n: k.L.Input(v.shape[1:], dtype=str(v.dtype), name=n) for n, v in inputs.items()}
    outputs = c.f(*tensors.values())
    model = k.K.Model(list(tensors.values()), outputs)
    if model.weights:
        set_values(model, rng)
    info = {"name": name, "kind": c.kind, "function": c.name.removeprefix("batch-").split("-")[0], "about": c.about,
            "keras": k.version, "format": format}
    expected = arrays(model(feed(model, inputs), training=False))
    folder = FUNCTIONS / name
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as tmp:
        path = os.path.join(tmp, "m." + format)
        save(model, path)
        loaded = path
        if c.three and format == "h5":  # without the module, Keras finds no operation, or takes it for a layer
            loaded, info["keras_reloads"] = os.path.join(tmp, "m.keras"), False
            save(model, loaded)
        try:
            answers = arrays(load(k, loaded)(feed(model, inputs), training=False))
        except Exception as e:
            raise Skip(f"Keras cannot load it: {type(e).__name__}: {' '.join(str(e).split())[:400]}")
        if not alike(answers, expected):
            raise Skip("Keras answers otherwise after loading")
        convert(path, folder)
    if not c.more.get("infinite") and not all(np.isfinite(a).all() for a in answers):
        raise Skip("an answer is not finite")
    j = read_json(folder)
    config = slim(j["modelTopology"]["model_config"])
    # One in twenty keeps all that Keras writes.
    j["modelTopology"]["model_config"] = leaner(lean(config)) if zlib.crc32(name.encode()) % 20 else config
    write_json(folder, j)
    info["dtypes"] = [str(a.dtype) for a in answers]
    save_file(inputs, folder / "input.safetensors")
    save_file({str(i): stored(a) for i, a in enumerate(answers)}, folder / "keras.safetensors")
    (folder / "case.json").write_text(json.dumps(info) + "\n")
    return name
