"""Measures onnxruntime alone on ONNX files, on one thread, with inputs and outputs bound as in cpu_peer.py.

    python onnx_file.py FILE... [--batch 1,32,256] [--inputs FILE] [--rounds 5] [--round 300] [--fix-batch]

A FILE is model.onnx, or ARCHIVE.zip:NAME for a model of an archive such as tests/data/onnx/models.zip, which has inputs
too. --inputs names an .npz or .safetensors file, whose rows are repeated for larger batches. Without inputs floats are
normal and ids are drawn below --ids, by default the smallest table that the model gathers from.
"""
import argparse
import io
import json
import pathlib
import statistics
import time
import zipfile

import numpy as np
import onnx

from cpu_peer import OnnxRuntime, read_safetensors

EMPTY = onnx.helper.make_model(
    onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "empty",
                           [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 1])],
                           [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 1])]),
    opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8).SerializeToString()


def read(file, inputs):
    """The bytes of a model, and rows of inputs by name, if there are any."""
    rows = None
    if ".zip:" in file:
        archive, name = file.rsplit(":", 1)
        with zipfile.ZipFile(archive) as outer:
            inner = zipfile.ZipFile(io.BytesIO(outer.read(outer.namelist()[0])))
        recorded = max((path for path in inner.namelist() if path.startswith(f"{name}/inputs_")),
                       key=lambda path: int(path.split("_b")[-1].split(".")[0]))
        data, rows = inner.read(f"{name}/model.onnx"), dict(np.load(io.BytesIO(inner.read(recorded))))
    else:
        data = pathlib.Path(file).read_bytes()
    if inputs:
        rows = read_safetensors(inputs) if inputs.suffix == ".safetensors" else dict(np.load(inputs))
    return data, rows


def drawn(graph, batch, below):
    """Inputs of a batch: dimensions without a size are `batch` in front and 1 elsewhere."""
    rng, tables = np.random.default_rng(20240117), {each.name: each.dims[0] for each in graph.initializer if len(each.dims) > 1}
    gathered = [tables[each.input[0]] for each in graph.node if each.op_type == "Gather" and each.input[0] in tables]
    below = below or min(gathered, default=2)
    inputs = {}
    for each in graph.input:
        if each.name not in {weight.name for weight in graph.initializer}:
            about = each.type.tensor_type
            shape = [dim.dim_value or (1 if place else batch) for place, dim in enumerate(about.shape.dim)]
            dtype = onnx.helper.tensor_dtype_to_np_dtype(about.elem_type)
            values = rng.integers(0, below, shape) if dtype.kind in "iu" else rng.standard_normal(shape)
            inputs[each.name.split(":")[0]] = values.astype(dtype)
    return inputs


def measure(data, inputs, fixed, arguments):
    """ns of making a session, of its first run, and of a warm run: medians over rounds."""
    opens, firsts, warm, clock = [], [], [], time.perf_counter_ns
    for _ in range(arguments.rounds):
        start = clock()
        opened = OnnxRuntime(data, inputs, fixed)
        opens.append(clock() - start)
        start = clock()
        opened.call()()
        firsts.append(clock() - start)
        call, runs, end = opened.call(), [], clock() + arguments.round * 1_000_000
        while len(runs) < 5 or (clock() < end and len(runs) < 100_000):
            start = clock()
            call()
            runs.append(clock() - start)
        warm.append(statistics.median(runs))
    return {"open_ns": statistics.median(opens), "first_ns": statistics.median(firsts), "warm_ns": statistics.median(warm),
            "least_warm_ns": min(warm), "most_warm_ns": max(warm)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--batch", default="1,32,256")
    parser.add_argument("--inputs", type=pathlib.Path)
    parser.add_argument("--ids", type=int, help="ids are drawn below it")
    parser.add_argument("--rounds", type=int, default=5, help="sessions for every batch size")
    parser.add_argument("--round", type=int, default=300, help="milliseconds of warm runs in each")
    parser.add_argument("--fix-batch", action="store_true", help="tell onnxruntime the batch size beforehand")
    parser.add_argument("--json", action="store_true", help="one line for every row")
    arguments = parser.parse_args()
    empty = measure(EMPTY, {"x": np.ones((1, 1), np.float32)}, None, arguments)
    if not arguments.json:
        print("| model | B | session ms | first run µs | warm µs (least–most of rounds) |\n|---|---|---|---|---|")
    for file in arguments.files:
        data, rows = read(file, arguments.inputs)
        graph = onnx.ModelProto.FromString(data).graph
        for batch in map(int, arguments.batch.split(",")):
            if rows:
                inputs = {name.split(":")[0]: np.resize(array, (batch, *array.shape[1:])) for name, array in rows.items()}
            else:
                inputs = drawn(graph, batch, arguments.ids)
            fixed = None
            if arguments.fix_batch:
                first = [each.type.tensor_type.shape.dim[:1] for each in graph.input]
                fixed = {dim.dim_param: batch for dims in first for dim in dims if dim.dim_param}
            line = measure(data, inputs, fixed, arguments)
            if arguments.json:
                print(json.dumps({"model": file, "batch": batch, "empty_ns": empty["warm_ns"], **line}), flush=True)
            else:
                warm, least, most = (line[key] / 1e3 for key in ("warm_ns", "least_warm_ns", "most_warm_ns"))
                print(f"| {pathlib.Path(file).name} | {batch} | {line['open_ns'] / 1e6:.3g} | {line['first_ns'] / 1e3:.3g} | "
                      f"{warm:.3g} ({least:.3g}–{most:.3g}) |", flush=True)
    if not arguments.json:
        print(f"\nThe times hold {empty['warm_ns'] / 1e3:.2g} µs that a call of an empty model from Python takes.")


if __name__ == "__main__":
    main()
