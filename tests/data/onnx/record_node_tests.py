"""Packs the node tests of the package onnx into node_tests.zip.

    python record_node_tests.py          those that the tests use
    python record_node_tests.py --all    all 1765, into node_tests_all.zip, which is not kept

A test is taken if it has nodes of one operator only, which is in OPERATORS, if its inputs and outputs are tensors of
float32, int32, int64 or bool, if its files have less than 40 kB, and if onnxruntime gives the recorded answer.
"""
import sys

from archive import HERE, pack, session

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, numpy_helper
from pathlib import Path

VERSIONS = {onnx: "1.22.0", onnxruntime: "1.32.0"}
TYPES = {TensorProto.FLOAT, TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL}
LARGEST = 40 * 1024
RELATIVE, ABSOLUTE = 1e-3, 1e-7
OPERATORS = """
Abs Add And ArgMax Attention AveragePool BatchNormalization Celu Clip Compress Concat ConstantOfShape Conv ConvTranspose
CumSum Div Dropout Elu Equal Erf Exp Expand Flatten Floor GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool
GlobalMaxPool Greater GreaterOrEqual GroupNormalization HardSigmoid HardSwish Identity If LSTM LayerNormalization LeakyRelu
Less LessOrEqual Log LogSoftmax Loop MatMul Max MaxPool Mean Min Mod Mul Neg NonZero Not OneHot Or PRelu Pad Pow
RMSNormalization RNN Range Reciprocal ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu
Reshape Resize ReverseSequence Scan ScatterND Selu Shape Sigmoid Sign Size Slice Softmax Softplus Softsign Split Sqrt Squeeze
Sub Sum Swish Tanh ThresholdedRelu Tile TopK Transpose Trilu Unique Unsqueeze Where Xor
""".split()


def read(folder):
    """{file name: bytes} of a test; every one has a single set of data."""
    files = {"model.onnx": (folder / "model.onnx").read_bytes()}
    files.update((path.name, path.read_bytes()) for path in (folder / "test_data_set_0").glob("*.pb"))
    return files


def tensors(files, kind):
    found = (files.get(f"{kind}_{k}.pb") for k in range(len(files)))
    return [TensorProto.FromString(data) for data in found if data is not None]


def fits(files):
    graph = onnx.ModelProto.FromString(files["model.onnx"]).graph
    operators = {node.op_type for node in graph.node}
    values = [*graph.input, *graph.output]
    return (len(operators) == 1 and operators <= set(OPERATORS) and sum(map(len, files.values())) < LARGEST
            and all(value.type.HasField("tensor_type") and value.type.tensor_type.elem_type in TYPES for value in values))


def agrees(files):
    try:
        opened = session(files["model.onnx"])
        inputs = {tensor.name: numpy_helper.to_array(tensor) for tensor in tensors(files, "input")}
        answers = opened.run(None, inputs)
    except Exception:  # whatever onnxruntime does not know
        return False
    expected = [numpy_helper.to_array(tensor) for tensor in tensors(files, "output")]
    return len(answers) == len(expected) and all(
        a.shape == e.shape and a.dtype == e.dtype and np.allclose(a, e, RELATIVE, ABSOLUTE, equal_nan=True)
        for a, e in zip(answers, expected))


def main(everything):
    for package, version in VERSIONS.items():
        assert package.__version__ == version, f"{package.__name__} is {package.__version__}, not {version}"
    packed = {}
    for folder in sorted((Path(onnx.__file__).parent / "backend/test/data/node").iterdir()):
        files = read(folder)
        if everything or (fits(files) and agrees(files)):
            packed.update((f"{folder.name}/{name}", data) for name, data in files.items())
    pack("node_tests_all" if everything else "node_tests", packed)
    licence = next(Path(onnx.__file__).parent.parent.glob("onnx-*.dist-info/licenses/LICENSE"))
    assert "Apache License" in licence.read_text() and (HERE / "NOTICE").exists()


if __name__ == "__main__":
    main(sys.argv[1:] == ["--all"])
