"""Makes of a TF.js layers model what the CPU peers run: FOLDER/BATCH.onnx, BATCH.tflite and BATCH.mnn.

    python make_cpu_models.py MODEL FOLDER --batch 1,32,256

Also `empty.*`, a ReLU of one number, to measure what a call itself costs. Batch sizes are fixed, weights are float32
(decoded), and masks are switched off, since TF.js ignores them in GlobalAveragePooling1D: less work for the peers. A
format whose converter fails or is not installed is left out, with a word about it.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np
import tensorflow as tf
import tf_keras as keras


def decoded_weights(folder, manifest):
    """{name: float32 array}, dequantized as TF.js does."""
    weights = {}
    for group in manifest:
        data, at = b"".join((folder / path).read_bytes() for path in group["paths"]), 0
        for weight in group["weights"]:
            quantization = weight.get("quantization")
            dtype = np.dtype(quantization["dtype"] if quantization else weight["dtype"]).newbyteorder("<")
            count = int(np.prod(weight["shape"]))
            values = np.frombuffer(data, dtype, count, at).astype(np.float64)
            at += count * dtype.itemsize
            if quantization and "scale" in quantization:
                values = values * quantization["scale"] + quantization["min"]
            weights[weight["name"]] = values.astype(np.float32).reshape(weight["shape"])
    return weights


def without_masks(value):
    if isinstance(value, dict):
        return {key: False if key == "mask_zero" else without_masks(each) for key, each in value.items()}
    return [without_masks(each) for each in value] if isinstance(value, list) else value


def load(path):
    path = pathlib.Path(path)
    folder, file = (path, path / "model.json") if path.is_dir() else (path.parent, path)
    model_json = json.loads(file.read_text())
    topology = model_json["modelTopology"]
    model = keras.models.model_from_json(json.dumps(without_masks(topology.get("model_config", topology))))
    weights = decoded_weights(folder, model_json["weightsManifest"])
    model.set_weights([weights[weight.name.removesuffix(":0")] for weight in model.weights])
    return model


def signature(model, batch):
    return [tf.TensorSpec([batch, *tensor.shape[1:]], tensor.dtype, name=tensor.name.split(":")[0])
            for tensor in model.inputs]


def write_onnx(model, function, specs, path):
    import tf2onnx

    tf2onnx.convert.from_function(function, input_signature=specs, opset=17, output_path=str(path))


def write_tflite(model, function, specs, path):
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], model)
    path.write_bytes(converter.convert())


def write_mnn(model, function, specs, path):
    """From the ONNX model, by the command that comes with MNN."""
    places = os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])
    command = shutil.which("mnnconvert", path=places) or "mnnconvert"
    subprocess.run([command, "-f", "ONNX", "--modelFile", path.with_suffix(".onnx"), "--MNNModel", path,
                    "--bizCode", "peers"], check=True, stdout=subprocess.DEVNULL)


WRITERS = {"onnx": write_onnx, "tflite": write_tflite, "mnn": write_mnn}


def write(model, folder, name, batch):
    specs = signature(model, batch)
    function = tf.function(lambda *inputs: model(list(inputs), training=False), input_signature=specs)
    for extension, writer in WRITERS.items():
        path = folder / f"{name}.{extension}"
        path.unlink(missing_ok=True)
        try:
            writer(model, function, specs, path)
        except Exception as error:  # whatever a converter throws, the others may do
            print(f"no {path}: {type(error).__name__}: {error}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--batch", default="1,32,256")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    x = keras.Input((1,), name="x")
    write(keras.Model(x, keras.layers.ReLU(name="y")(x)), arguments.folder, "empty", 1)
    model = load(arguments.model)
    for batch in map(int, arguments.batch.split(",")):
        write(model, arguments.folder, str(batch), batch)


if __name__ == "__main__":
    main()
