"""Writes older.zip: small models that mean what operators meant in older operator sets, with onnxruntime's answers.

    python record_older.py

The cases are in older_cases.py. Every one is asked for three rows; where its first dimension is `N`, onnxruntime must give
the same for the first two rows alone, and in both its answers must not depend on its optimiser.
"""
import sys

from archive import pack, session

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

import older_cases

VERSIONS = {onnx: "1.22.0", onnxruntime: "1.32.0"}


def typed(name, array, first):
    """The description of a value; its first dimension is called `N` if it is of the batch."""
    shape = list(array.shape)
    if first and shape:
        shape[0] = "N"
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), shape)


def build(case, answers=None):
    """The model; before there are answers, with outputs that have names only."""
    graph = onnx.GraphProto(name=case.name)
    graph.node.extend(case.nodes)
    graph.initializer.extend(case.initializers)
    graph.input.extend(typed(name, array, name not in case.fixed) for name, array in case.inputs.items())
    ir = helper.find_min_ir_version_for([helper.make_opsetid("", case.opset)])
    listed = case.initializers if ir < 4 else [each for each in case.initializers if each.name in case.defaults]
    graph.input.extend(helper.make_tensor_value_info(each.name, each.data_type, each.dims) for each in listed)
    for name in case.outputs:
        if answers:
            rows = "N" if name not in case.fixed else None
            graph.output.append(typed(name, answers[name], rows))
        else:
            graph.output.append(onnx.ValueInfoProto(name=name))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", case.opset)], ir_version=ir,
                             producer_name="record_older.py")


def same(a, b):
    return a.shape == b.shape and a.dtype == b.dtype and np.allclose(a, b, 1e-5, 1e-6, equal_nan=True)


def record(case):
    """The files of a case."""
    plain = build(case).SerializeToString()
    answers = dict(zip(case.outputs, session(plain).run(case.outputs, case.inputs)))
    model = build(case, answers)
    onnx.checker.check_model(model)
    data = model.SerializeToString()
    unoptimised = session(data, False).run(case.outputs, case.inputs)
    assert all(map(same, answers.values(), unoptimised)), f"{case.name}: the optimiser changes the answer"
    for array in [*case.inputs.values(), *answers.values()]:
        assert array.dtype.name in ("float32", "int32", "int64", "bool"), (case.name, array.dtype)
    if not set(case.inputs) <= case.fixed:
        fewer = {name: array if name in case.fixed else array[:2] for name, array in case.inputs.items()}
        for (name, array), got in zip(answers.items(), session(data).run(case.outputs, fewer)):
            expected = array if name in case.fixed else array[:2]
            assert same(expected, got), f"{case.name}: {name} is not by rows: {expected} {got}"
    files = {"model.onnx": data}
    for kind, arrays in (("input", case.inputs), ("output", answers)):
        for k, (name, array) in enumerate(arrays.items()):
            files[f"{kind}_{k}.pb"] = numpy_helper.from_array(np.asarray(array), name).SerializeToString()
    return files


def main():
    for package, version in VERSIONS.items():
        assert package.__version__ == version, f"{package.__name__} is {package.__version__}, not {version}"
    packed, failed = {}, 0
    for case in older_cases.CASES.values():
        try:
            packed.update((f"{case.name}/{name}", each) for name, each in record(case).items())
        except Exception as error:
            failed += 1
            print(f"{case.name}: {error}", file=sys.stderr)
    if failed:
        return f"{failed} cases failed; nothing is written"
    pack("older", packed)


if __name__ == "__main__":
    sys.exit(main())
