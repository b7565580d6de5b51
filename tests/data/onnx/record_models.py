"""Writes models.zip: recommenders as ONNX, with onnxruntime's answers.

    python record_models.py                          all that it can make
    python record_models.py NAME...                  some; the others stay as they are in models.zip
    python record_models.py --to FOLDER NAME...      some, as files in a folder; also t_youtube_dnn_10k, which is too large

t_NAME is models/NAME through tf2onnx, k3_NAME is models/NAME_keras3 through it, c_NAME and c3_NAME are SavedModels of both
Kerases through `python -m tf2onnx.convert --saved-model`. Weights and inputs are those of generate_models.py, and the models
must give what is recorded in ../models. The models of PyTorch (pts_, ptd_) stay as they are in models.zip.
"""
import collections
import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ["TF_USE_LEGACY_KERAS"] = "1"
from archive import HERE, pack, session, unpack

sys.path.append(str(HERE.parent))
import generate_models as made
from golden import K, io_names, np, tf

import onnx
import onnxruntime
import tf2onnx
from safetensors.numpy import load_file

VERSIONS = {onnx: "1.17.0", onnxruntime: "1.32.0", tf2onnx: "1.16.1", tf: "2.17.1", K: "2.17.0"}
OPSET = 15
TWINS = {
    "t": """autoint batch37 bert4rec bilstm_conv bilstm_text bst cin dcn dcn_v2 dcn_v2_low_rank deepfm deepfm_dot
        deepfm_lambda_free dien din din_50 din_dice din_masked dlrm dlrm_26 elu_alpha fibinet gru4rec
        gru4rec_reset_before gru4rec_two_layers gru_ranker image_tower image_tower_separable joined_ids masking_td
        mlp_assorted mmoe multi_io narm ncf nested_shared ple rank_int_dense ranker_bn relu_options sasrec sasrec_tfjs seq2seq
        shared_bottom text_cnn text_cnn_causal text_conv_lstm two_tower two_tower_layernorm wide_deep youtube_dnn youtube_dnn_10k""".split(),
    "k3": """deepfm din din_masked elu_alpha masking_td multi_io nested_shared relu_options sasrec two_tower wide_deep
        youtube_dnn""".split(),
    "c": ["din_masked", "gru4rec", "two_tower", "wide_deep"],
    "c3": ["din_masked", "wide_deep"],
}
LARGE = ["t_youtube_dnn_10k"]
SHOP = HERE.parent.parent.parent / "examples/shop_rank"


def check_weights(model, folder):
    """The weights are those of the TF.js model, whatever they are called there."""
    ours = collections.Counter((w.shape, w.tobytes()) for w in model.get_weights())
    theirs = collections.Counter((w.shape, w.tobytes()) for w in made.decode_weights(folder).values())
    assert ours == theirs, f"{folder.name} has other weights"


def built(name, folder):
    """The model of generate_models.py and its inputs, compared with what is recorded in `folder`."""
    model, inputs = made.build(name)
    if made.MODELS[name]["flags"]:
        made.set_decoded_weights(model, folder)
    recorded = load_file(folder / "input.safetensors")
    assert inputs.keys() == recorded.keys() and all((inputs[key] == recorded[key]).all() for key in inputs)
    check_weights(model, folder)
    return model, [tensor.name.split(":")[0] for tensor in model.inputs], inputs


def shop_rank():
    topology = json.loads((SHOP / "model.json").read_text())["modelTopology"]
    model = K.models.model_from_json(json.dumps(topology.get("model_config", topology)))
    made.set_decoded_weights(model, SHOP)
    inputs = load_file(SHOP / "input.safetensors")  # one user
    inputs = {name: np.repeat(array, made.BATCH, 0)[:made.BATCH] if len(array) == 1 else array[:made.BATCH]
              for name, array in inputs.items()}
    return model, [tensor.name.split(":")[0] for tensor in model.inputs], inputs


def signature(model, names, inputs):
    return [tf.TensorSpec([None, *inputs[name].shape[1:]], inputs[name].dtype, name=name) for name in names]


def convert(model, names, inputs):
    spec = signature(model, names, inputs)
    tf2onnx.utils.INTERNAL_NAME = 1  # it counts on from model to model
    if made.K is K:
        return tf2onnx.convert.from_keras(model, input_signature=spec, opset=OPSET)[0].SerializeToString()
    function = tf.function(lambda *x: model(list(x), training=False), input_signature=spec)
    return tf2onnx.convert.from_function(function, input_signature=spec, opset=OPSET)[0].SerializeToString()


def convert_saved(model, names, inputs):
    """By the command; it takes its own default for the opset."""
    with tempfile.TemporaryDirectory() as tmp, contextlib.redirect_stdout(io.StringIO()):
        saved, out = pathlib.Path(tmp, "saved"), pathlib.Path(tmp, "model.onnx")
        model.save(saved) if made.K is K else model.export(str(saved))
        subprocess.run([sys.executable, "-m", "tf2onnx.convert", "--saved-model", saved, "--output", out], check=True,
                       capture_output=True)
        return out.read_bytes()


def npz(arrays):
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def record(name, about, twin, source, data, inputs, expected):
    """The files of a model; `expected` are the answers of its framework."""
    model = onnx.ModelProto.FromString(data)
    files, far = {"model.onnx": data}, 0.0
    opened = session(data)
    outputs = [output.name for output in opened.get_outputs()]
    for rows in (1, len(next(iter(inputs.values())))):
        fed = {each.name: inputs[each.name][:rows] for each in opened.get_inputs()}
        answers = opened.run(None, fed)
        files[f"inputs_b{rows}.npz"] = npz(fed)
        files[f"expected_b{rows}.npz"] = npz(dict(zip(outputs, answers)))
        for answer, right in zip(answers, expected, strict=True):
            assert answer.shape == right[:rows].shape and np.isfinite(answer).all()
            far = max(far, float(np.abs(answer - right[:rows]).max() / np.abs(right).max()))
    assert far < 1e-5, f"{name}: {far} from its framework"
    about = {"name": name, "about": about, "twin": twin, "made_by": source, "producer": model.producer_name,
             "ir_version": model.ir_version, "opset": {each.domain: each.version for each in model.opset_import},
             "difference": far, "operators": dict(collections.Counter(node.op_type for node in model.graph.node))}
    files["meta.json"] = json.dumps(about, indent=1).encode()
    return {f"{name}/{file}": each for file, each in files.items()}


def keras_model(kind, name):
    """A model of generate_models.py, or shop_rank."""
    twin = name + "_keras3" * (kind in ("k3", "c3"))
    folder = HERE.parent / "models" / twin if name != "shop_rank" else SHOP
    source = {"t": "tf_keras 2.17.0, tf2onnx 1.16.1 from_keras", "k3": "Keras 3.15.1, tf2onnx 1.16.1 from_function",
              "c": "tf_keras 2.17.0 SavedModel, python -m tf2onnx.convert 1.16.1",
              "c3": "Keras 3.15.1 export, python -m tf2onnx.convert 1.16.1"}[kind]
    with made.keras3() if kind in ("k3", "c3") else contextlib.nullcontext():
        model, names, inputs = shop_rank() if name == "shop_rank" else built(name, folder)
        data = (convert_saved if kind in ("c", "c3") else convert)(model, names, inputs)
    if name == "shop_rank":
        about, expected = "examples/shop_rank: seven of its 200 products", SHOP / "expected.keras.safetensors"
    else:
        about, expected = made.MODELS[name]["about"], folder / "keras.safetensors"
    expected = load_file(expected)
    expected = [expected[key] for key in io_order(folder, expected)]
    rows = len(next(iter(inputs.values())))
    full = name if name == "shop_rank" else f"{kind}_{name}"
    place = folder.relative_to(HERE.parent.parent.parent).as_posix()
    return record(full, about, place, source, data, inputs, [each[:rows] for each in expected])


def io_order(folder, expected):
    topology = json.loads((folder / "model.json").read_text())["modelTopology"]
    names = io_names(topology.get("model_config", topology))[1]
    assert sorted(names) == sorted(expected)
    return names


def main(only, folder=None):
    for package, version in VERSIONS.items():
        assert package.__version__ == version, f"{package.__name__} is {package.__version__}, not {version}"
    kept = unpack("models") if (HERE / "models.zip").exists() else {}
    jobs = {f"{kind}_{name}": (kind, name) for kind, names in TWINS.items() for name in names}
    jobs["shop_rank"] = "t", "shop_rank"
    chosen = only or [full for full in sorted(jobs) if full not in LARGE]
    if unknown := set(chosen) - set(jobs):
        return f"no way to make {', '.join(sorted(unknown))}"
    failed = 0
    for full in chosen:
        try:
            files = keras_model(*jobs[full])
        except Exception as error:  # the others may still be made
            failed += 1
            print(f"{full}: {type(error).__name__}: {str(error)[:300]}", file=sys.stderr, flush=True)
            continue
        print(full, len(files[f"{full}/model.onnx"]), flush=True)
        kept = {path: data for path, data in kept.items() if path.split("/")[0] != full} | files
        for path, data in files.items() if folder else ():
            (folder / full).mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
    if not folder:
        pack("models", kept)
    return f"{failed} models failed" if failed else 0


if __name__ == "__main__":
    arguments = sys.argv[1:]
    to = pathlib.Path(arguments[1]) if arguments[:1] == ["--to"] else None
    sys.exit(main(arguments[2:] if to else arguments, to))
