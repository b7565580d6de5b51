"""A CPU peer as a child of compare.py: onnxruntime, litert (with XNNPACK) or mnn, on one thread.

    python cpu_peer.py PEER WORK [--round MS]

Answers every batch size read from stdin with one JSON line about one round of warm predictions, as benches/predict.rs
does with --rounds-from-stdin; `empty` stands for a model that does nothing, and so for the price of a call from Python.
WORK/models holds what make_cpu_models.py wrote, WORK/inputs what benches/predict.rs wrote. Inputs lie in the peer's
own buffers before the clock starts, and outputs are left where the peer puts them.
"""
import argparse
import json
import os
import pathlib
import sys
import time

import numpy as np


def read_safetensors(path):
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    tensors = {}
    for name, about in json.loads(data[8:8 + length]).items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in about["data_offsets"])
            dtype = {"F32": np.float32, "I32": np.int32}[about["dtype"]]
            tensors[name] = np.frombuffer(data[begin:end], dtype).reshape(about["shape"])
    return tensors


class OnnxRuntime:
    """Inputs and outputs bound to preallocated values."""
    extension = "onnx"

    def __init__(self, path, inputs, fixed=None):
        """`path` may also be the bytes of a model, `fixed` the sizes of dimensions that have names."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        for name, size in (fixed or {}).items():
            options.add_free_dimension_override_by_name(name, size)
        path = path if isinstance(path, bytes) else str(path)
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        value = onnxruntime.OrtValue.ortvalue_from_numpy
        self.values = {each.name: value(inputs[each.name.split(":")[0]]) for each in self.session.get_inputs()}
        for name, bound in self.values.items():
            self.binding.bind_ortvalue_input(name, bound)
        for each in self.session.get_outputs():
            self.binding.bind_output(each.name)
        self.outputs = None
        self.version = f"onnxruntime {onnxruntime.__version__}"

    def call(self):
        """The first call allocates the outputs, and those after it write into them."""
        session, binding = self.session._sess, self.binding._iobinding  # past two layers of Python
        outputs = self.binding.get_outputs()
        if self.outputs is None and outputs[0].has_value():
            self.outputs = outputs
            for each, value in zip(self.session.get_outputs(), outputs):
                self.binding.bind_ortvalue_output(each.name, value)
        return lambda: session.run_with_iobinding(binding, None)

    def answer(self):
        return self.outputs[0].numpy()


class LiteRt:
    """XNNPACK is LiteRT's default on the CPU."""
    extension = "tflite"

    def __init__(self, path, inputs):
        from importlib.metadata import version

        from ai_edge_litert.interpreter import Interpreter

        self.interpreter = Interpreter(str(path), num_threads=1)
        self.interpreter.allocate_tensors()
        for about in self.interpreter.get_input_details():
            name = about["name"].removeprefix("serving_default_").split(":")[0]
            self.interpreter.set_tensor(about["index"], inputs[name])
        self.version = f"LiteRT {version('ai-edge-litert')} (XNNPACK)"

    def call(self):
        interpreter = self.interpreter._interpreter
        return lambda: interpreter.Invoke()

    def answer(self):
        return self.interpreter.get_tensor(self.interpreter.get_output_details()[0]["index"])


class Mnn:
    """A module: a session may overwrite its own inputs."""
    extension = "mnn"

    def __init__(self, path, inputs):
        import MNN

        config = {"backend": "CPU", "numThread": 1, "precision": "high"}
        runtime = MNN.nn.create_runtime_manager((config,))
        self.module = MNN.nn.load_module_from_file(str(path), [], [], runtime_manager=runtime)
        names = self.module.get_info()["inputNames"]
        expr = MNN.expr
        self.inputs = []
        for name in names:
            array = inputs[name.split(":")[0]]
            dtype = expr.float if array.dtype == np.float32 else expr.int
            self.inputs.append(expr.const(array, list(array.shape), expr.NCHW, dtype))
        self.output = None
        self.version = f"MNN {MNN.version()}"

    def call(self):
        forward, inputs = self.module.forward, self.inputs

        def once():
            self.output = forward(inputs)
        return once

    def answer(self):
        output = self.output[0] if isinstance(self.output, list) else self.output
        return np.array(output.read())


PEERS = {"onnxruntime": OnnxRuntime, "litert": LiteRt, "mnn": Mnn}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--round", type=int, default=500)
    arguments = parser.parse_args()
    peer = PEERS[arguments.peer]
    opened = {}

    # MNN talks on stdout, which is for the lines alone.
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(line):
        print(json.dumps(line), file=lines, flush=True)

    def open_batch(name):
        empty = {"x": np.ones((1, 1), np.float32)}
        inputs = empty if name == "empty" else read_safetensors(arguments.work / "inputs" / f"{name}.safetensors")
        start = time.perf_counter_ns()
        opened[name] = peer(arguments.work / "models" / f"{name}.{peer.extension}", inputs)
        middle = time.perf_counter_ns()
        opened[name].call()()
        return middle - start, time.perf_counter_ns() - middle

    try:
        open_batch("empty")
    except (ImportError, OSError) as error:
        return say({"missing": str(error)})
    say({"engine": opened["empty"].version})
    for name in map(str.strip, sys.stdin):
        line = {"batch": name}
        if name not in opened:
            line["open_ns"], line["first_ns"] = open_batch(name)
        call, clock = opened[name].call(), time.perf_counter_ns
        runs, end = [], clock() + arguments.round * 1_000_000
        while len(runs) < 5 or (clock() < end and len(runs) < 100_000):
            start = clock()
            call()
            runs.append(clock() - start)
        runs.sort()
        answer = np.asarray(opened[name].answer(), np.float64).ravel()
        say(line | {"runs": len(runs), "median_ns": runs[len(runs) // 2], "min_ns": runs[0],
                    "p90_ns": runs[len(runs) * 9 // 10],
                    "sample": [answer[eighth * len(answer) // 8] for eighth in range(8)]})


if __name__ == "__main__":
    main()
