"""The cases of older.zip. A name is OPERATOR-OPSET-VARIANT; the inputs are drawn from SEED and the name.

`case(name, nodes, inputs, weights)` adds one. The outputs are those of the last node. Values that are named in `fixed` have
no dimension of the batch.
"""
import dataclasses
import zlib

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from archive import SEED

CASES = {}
ROWS = 3


@dataclasses.dataclass
class Case:
    name: str
    opset: int
    nodes: list
    inputs: dict
    initializers: list
    outputs: list
    fixed: set
    defaults: set


def node(operator, inputs, outputs="y", **attributes):
    """Names in one string; `-` stands for one that is left out."""
    names = [["" if name == "-" else name for name in text.split()] for text in (inputs, outputs)]
    return helper.make_node(operator, *names, **attributes)


def case(name, nodes, inputs, weights=None, fixed=(), outputs=None, defaults=()):
    """`inputs` and `weights` are arrays by name, or functions that draw them."""
    assert name not in CASES, name
    rng = np.random.default_rng([SEED, zlib.crc32(name.encode())])

    def drawn(arrays):
        return {key: array(rng) if callable(array) else array for key, array in (arrays or {}).items()}

    nodes = nodes if isinstance(nodes, list) else [nodes]
    outputs = outputs or [each for each in nodes[-1].output if each]
    inputs = drawn(inputs)
    made = [each if isinstance(each, TensorProto) else numpy_helper.from_array(np.asarray(each), key)
            for key, each in drawn(weights).items()]
    opset = int(name.split("-")[1])
    fixed = set(inputs) | set(outputs) if fixed == "all" else set(fixed)
    CASES[name] = Case(name, opset, nodes, inputs, made, outputs, fixed, set(defaults))


# ---- values: multiples of 1/8, so that sums are exact ------------------------------------------


def f(*shape, low=-16, high=17):
    return lambda rng: (rng.integers(low, high, shape) / 8).astype(np.float32)


def positive(*shape):
    return f(*shape, low=1)


def normal(*shape, scale=1.0):
    return lambda rng: (scale * rng.standard_normal(shape)).astype(np.float32)


def i32(low, high, *shape):
    return lambda rng: rng.integers(low, high, shape).astype(np.int32)


def i64(low, high, *shape):
    return lambda rng: rng.integers(low, high, shape).astype(np.int64)


def flags(*shape):
    return lambda rng: rng.random(shape) < 0.5


def ints(*values):
    return np.array(values, np.int64)


def floats(*values):
    return np.array(values, np.float32)


def scalar(value, dtype=np.float32):
    return np.array(value, dtype)


# ---- softmax: until opset 12 over all dimensions from the axis on, which is 1 if not given ------

for operator in ("Softmax", "LogSoftmax", "Hardmax"):
    case(f"{operator}-7-rank_3_default_axis", node(operator, "x"), {"x": f(ROWS, 2, 4)})
    case(f"{operator}-7-rank_3_axis_2", node(operator, "x", axis=2), {"x": f(ROWS, 2, 4)})
    case(f"{operator}-11-rank_4_axis_2", node(operator, "x", axis=2), {"x": f(ROWS, 2, 2, 3)})
    case(f"{operator}-11-axis_minus_1", node(operator, "x", axis=-1), {"x": f(ROWS, 2, 4)})
    case(f"{operator}-13-default_axis", node(operator, "x"), {"x": f(ROWS, 2, 4)})
case("Softmax-7-rank_2", node("Softmax", "x"), {"x": f(ROWS, 5)})
case("Softmax-11-axis_minus_2", node("Softmax", "x", axis=-2), {"x": f(ROWS, 2, 4)})
case("Softmax-11-axis_0", node("Softmax", "x", axis=0), {"x": f(2, 2, 3)}, fixed="all")
case("Softmax-13-axis_1", node("Softmax", "x", axis=1), {"x": f(ROWS, 3, 2)})

# ---- axes: attributes until opset 12 (reductions but ReduceSum: until 17), then inputs ----------

case("Squeeze-7-axes", node("Squeeze", "x", axes=[1]), {"x": f(ROWS, 1, 2)})
case("Squeeze-7-two_axes", node("Squeeze", "x", axes=[1, 3]), {"x": f(ROWS, 1, 2, 1)})
case("Squeeze-11-negative_axes", node("Squeeze", "x", axes=[-1, -3]), {"x": f(ROWS, 1, 2, 1)})
case("Squeeze-11-no_axes", node("Squeeze", "x"), {"x": f(2, 1, 3, 1)}, fixed="all")
case("Squeeze-13-axes_input", node("Squeeze", "x axes"), {"x": f(ROWS, 1, 2, 1)}, {"axes": ints(-1, 1)})
case("Unsqueeze-7-axes", node("Unsqueeze", "x", axes=[1]), {"x": f(ROWS, 2)})
case("Unsqueeze-7-two_axes", node("Unsqueeze", "x", axes=[1, 3]), {"x": f(ROWS, 2)})
case("Unsqueeze-11-negative_axes", node("Unsqueeze", "x", axes=[-1, 1]), {"x": f(ROWS, 2)})
case("Unsqueeze-13-axes_input", node("Unsqueeze", "x axes"), {"x": f(ROWS, 2)}, {"axes": ints(3, -3)})
case("ReduceSum-7-axes", node("ReduceSum", "x", axes=[1], keepdims=0), {"x": f(ROWS, 3, 2)})
case("ReduceSum-11-negative_axes_keepdims", node("ReduceSum", "x", axes=[-1, -2]), {"x": f(ROWS, 3, 2)})
case("ReduceSum-11-all", node("ReduceSum", "x", keepdims=0), {"x": f(2, 3)}, fixed="all")
case("ReduceSum-13-axes_input", node("ReduceSum", "x axes", keepdims=0), {"x": f(ROWS, 3, 2)}, {"axes": ints(-2)})
case("ReduceSum-13-noop_without_axes", node("ReduceSum", "x", noop_with_empty_axes=1), {"x": f(ROWS, 3)})
case("ReduceSum-13-noop_with_empty_axes", node("ReduceSum", "x axes", noop_with_empty_axes=1), {"x": f(ROWS, 3)},
     {"axes": ints()})
case("ReduceSum-13-int64", node("ReduceSum", "x axes"), {"x": i64(-9, 9, ROWS, 4)}, {"axes": ints(1)})
for operator, draw in {"ReduceMean": f, "ReduceMax": f, "ReduceMin": f, "ReduceProd": f, "ReduceL1": f, "ReduceL2": f,
                       "ReduceSumSquare": f, "ReduceLogSum": positive, "ReduceLogSumExp": f}.items():
    case(f"{operator}-13-axes", node(operator, "x", axes=[1], keepdims=0), {"x": draw(ROWS, 4, 2)})
    case(f"{operator}-18-axes_input", node(operator, "x axes"), {"x": draw(ROWS, 4, 2)}, {"axes": ints(-1)})
case("ReduceMean-7-two_axes_keepdims", node("ReduceMean", "x", axes=[2, 3]), {"x": f(ROWS, 2, 2, 4)})
case("ReduceMean-11-negative_axes", node("ReduceMean", "x", axes=[-1], keepdims=0), {"x": f(ROWS, 3, 4)})
case("ReduceMean-18-noop_without_axes", node("ReduceMean", "x", noop_with_empty_axes=1), {"x": f(ROWS, 4)})
case("ReduceMax-18-noop_with_empty_axes", node("ReduceMax", "x axes", noop_with_empty_axes=1), {"x": f(ROWS, 4)},
     {"axes": ints()})
case("ReduceMax-13-int32", node("ReduceMax", "x", axes=[1], keepdims=0), {"x": i32(-9, 9, ROWS, 4)})
case("ReduceProd-13-shape", [node("Shape", "x", "s"), node("ReduceProd", "s", axes=[0])], {"x": f(2, 3, 4)}, fixed="all")
case("ReduceMin-18-all", node("ReduceMin", "x", keepdims=0), {"x": f(2, 3)}, fixed="all")
case("ArgMax-7-default_axis", node("ArgMax", "x"), {"x": f(2, 4)}, fixed="all")
case("ArgMax-11-negative_axis", node("ArgMax", "x", axis=-1, keepdims=0), {"x": f(ROWS, 6)})
case("ArgMax-12-last_index", node("ArgMax", "x", axis=1, select_last_index=1), {"x": f(ROWS, 8, low=0, high=3)})
case("CumSum-11-exclusive_reverse", node("CumSum", "x axis", exclusive=1, reverse=1), {"x": f(ROWS, 5)},
     {"axis": scalar(1, np.int32)})

# ---- Split, Slice, Clip, Pad, TopK: attributes that became inputs -------------------------------

case("Split-7-sizes", node("Split", "x", "a b", axis=1, split=[2, 4]), {"x": f(ROWS, 6)})
case("Split-7-equal", node("Split", "x", "a b c", axis=1), {"x": f(ROWS, 6)})
case("Split-11-negative_axis", node("Split", "x", "a b c", axis=-1, split=[1, 3, 1]), {"x": f(ROWS, 2, 5)})
case("Split-13-sizes_input", node("Split", "x sizes", "a b", axis=1), {"x": f(ROWS, 6)}, {"sizes": ints(5, 1)})
case("Split-13-equal", node("Split", "x", "a b", axis=-1), {"x": f(ROWS, 2, 4)})
case("Split-18-num_outputs_uneven", node("Split", "x", "a b c", axis=1, num_outputs=3), {"x": f(ROWS, 7)})
case("Split-18-num_outputs_even", node("Split", "x", "a b", axis=1, num_outputs=2), {"x": f(ROWS, 6)})
case("Split-18-sizes_input", node("Split", "x sizes", "a b", axis=1), {"x": f(ROWS, 6)}, {"sizes": ints(2, 4)})
case("Slice-9-axes", node("Slice", "x", axes=[1], starts=[1], ends=[3]), {"x": f(ROWS, 5)})
case("Slice-9-negative", node("Slice", "x", axes=[1, 2], starts=[-2, 0], ends=[2**63 - 1, -1]), {"x": f(ROWS, 4, 3)})
case("Slice-9-beyond_the_end", node("Slice", "x", axes=[1], starts=[2], ends=[1000]), {"x": f(ROWS, 5)})
case("Slice-9-no_axes", node("Slice", "x", starts=[0, 1], ends=[2**63 - 1, 3]), {"x": f(ROWS, 5)})
case("Slice-10-inputs", node("Slice", "x starts ends axes steps"), {"x": f(ROWS, 6)},
     {"starts": ints(1), "ends": ints(6), "axes": ints(1), "steps": ints(2)})
case("Slice-11-negative_axis", node("Slice", "x starts ends axes"), {"x": f(ROWS, 2, 4)},
     {"starts": ints(-3), "ends": ints(-1), "axes": ints(-1)})
case("Slice-11-backwards", node("Slice", "x starts ends axes steps"), {"x": f(ROWS, 5)},
     {"starts": ints(-1), "ends": ints(-(2**63)), "axes": ints(1), "steps": ints(-1)})
case("Slice-13-int32_bounds", node("Slice", "x starts ends axes steps"), {"x": i32(-9, 9, ROWS, 5, 2)},
     {"starts": np.array([4], np.int32), "ends": np.array([0], np.int32), "axes": np.array([1], np.int32),
      "steps": np.array([-2], np.int32)})
case("Clip-7-both", node("Clip", "x", min=-0.5, max=0.75), {"x": f(ROWS, 6)})
case("Clip-7-min_only", node("Clip", "x", min=0.25), {"x": f(ROWS, 6)})
case("Clip-7-neither", node("Clip", "x"), {"x": f(ROWS, 4)})
case("Clip-11-inputs", node("Clip", "x low high"), {"x": f(ROWS, 6)}, {"low": scalar(-0.5), "high": scalar(1.0)})
case("Clip-11-max_only", node("Clip", "x - high"), {"x": f(ROWS, 6)}, {"high": scalar(0.5)})
case("Clip-12-int32", node("Clip", "x low"), {"x": i32(-9, 9, ROWS, 5)}, {"low": scalar(-2, np.int32)})
case("Pad-7-constant", node("Pad", "x", pads=[0, 1, 0, 2], value=1.5), {"x": f(ROWS, 3)})
case("Pad-7-default_value", node("Pad", "x", pads=[0, 0, 1, 0, 2, 0]), {"x": f(ROWS, 2, 3)})
case("Pad-9-reflect", node("Pad", "x", pads=[0, 0, 2, 0, 0, 1], mode="reflect"), {"x": f(ROWS, 2, 4)})
case("Pad-9-edge", node("Pad", "x", pads=[0, 0, 1, 2, 0, 0, 2, 1], mode="edge"), {"x": f(ROWS, 1, 2, 3)})
case("Pad-9-negative", node("Pad", "x", pads=[0, -1, 0, 2], value=-1.0), {"x": f(ROWS, 4)})
case("Pad-11-inputs", node("Pad", "x pads value"), {"x": f(ROWS, 3)}, {"pads": ints(0, 2, 0, 1), "value": scalar(0.5)})
case("Pad-11-no_value", node("Pad", "x pads"), {"x": f(ROWS, 3)}, {"pads": ints(0, 2, 0, 1)})
case("Pad-13-edge", node("Pad", "x pads", mode="edge"), {"x": f(ROWS, 3)}, {"pads": ints(0, 2, 0, 1)})
case("Pad-18-axes", node("Pad", "x pads value axes"), {"x": f(ROWS, 2, 3)},
     {"pads": ints(1, 2), "value": scalar(2.0), "axes": ints(-1)})
case("Pad-18-reflect_axes", node("Pad", "x pads - axes", mode="reflect"), {"x": f(ROWS, 3, 4)},
     {"pads": ints(1, 2, 2, 1), "axes": ints(1, 2)})
case("Pad-19-wrap", node("Pad", "x pads", mode="wrap"), {"x": f(ROWS, 4)}, {"pads": ints(0, 2, 0, 1)})
case("TopK-9-k", node("TopK", "x", "values places", k=2), {"x": f(ROWS, 6)})
case("TopK-9-axis", node("TopK", "x", "values places", k=1, axis=1), {"x": f(ROWS, 4, 2)})
case("TopK-10-k_input", node("TopK", "x k", "values places", axis=1), {"x": f(ROWS, 6)}, {"k": ints(3)})
case("TopK-11-smallest", node("TopK", "x k", "values places", largest=0), {"x": f(ROWS, 6)}, {"k": ints(3)})
case("TopK-11-ties_int32", node("TopK", "x k", "values places"), {"x": i32(0, 3, ROWS, 8)}, {"k": ints(4)})

# ---- resizing ------------------------------------------------------------------------------------

case("Upsample-7-nearest", node("Upsample", "x", scales=[1.0, 1.0, 2.0, 3.0]), {"x": f(ROWS, 2, 2, 2)})
case("Upsample-7-linear", node("Upsample", "x", scales=[1.0, 1.0, 2.0, 2.0], mode="linear"), {"x": f(ROWS, 1, 2, 3)})
case("Upsample-9-nearest", node("Upsample", "x scales"), {"x": f(ROWS, 1, 2, 3)}, {"scales": floats(1, 1, 2, 2)})
case("Upsample-9-linear", node("Upsample", "x scales", mode="linear"), {"x": f(ROWS, 1, 2, 3)},
     {"scales": floats(1, 1, 2, 2)})
case("Resize-10-nearest", node("Resize", "x scales"), {"x": f(ROWS, 1, 2, 3)}, {"scales": floats(1, 1, 2, 1.5)})
case("Resize-10-linear", node("Resize", "x scales", mode="linear"), {"x": f(ROWS, 1, 2, 3)},
     {"scales": floats(1, 1, 2, 2)})
case("Resize-10-nearest_down", node("Resize", "x scales"), {"x": f(ROWS, 1, 4, 4)}, {"scales": floats(1, 1, 0.5, 0.5)})
RESIZE = {"nearest_default": {}, "linear_half_pixel": {"mode": "linear"},
          "nearest_asymmetric_floor": {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
          "nearest_round_prefer_ceil": {"nearest_mode": "round_prefer_ceil"}, "nearest_ceil": {"nearest_mode": "ceil"},
          "linear_asymmetric": {"mode": "linear", "coordinate_transformation_mode": "asymmetric"},
          "linear_align_corners": {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
          "linear_pytorch_half_pixel": {"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"},
          "cubic": {"mode": "cubic"},
          "nearest_tf_half_pixel": {"coordinate_transformation_mode": "tf_half_pixel_for_nn", "nearest_mode": "floor"}}
for variant, attributes in RESIZE.items():
    case(f"Resize-11-{variant}", node("Resize", "x roi scales", **attributes), {"x": f(ROWS, 1, 2, 3)},
         {"roi": floats(), "scales": floats(1, 1, 2, 2)})
case("Resize-11-sizes_from_shape",
     [node("Shape", "x", "s"), node("Slice", "s from to", "head"), node("Concat", "head size", "sizes", axis=0),
      node("Resize", "x roi scales sizes", mode="linear")],
     {"x": f(ROWS, 2, 2, 3)}, {"from": ints(0), "to": ints(2), "size": ints(4, 5), "roi": floats(), "scales": floats()})
case("Resize-13-nearest", node("Resize", "x - scales", coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
     {"x": f(ROWS, 1, 2, 3)}, {"scales": floats(1, 1, 2, 2)})
case("Resize-18-axes_sizes", node("Resize", "x - - sizes", axes=[2, 3], mode="linear"), {"x": f(ROWS, 1, 2, 3)},
     {"sizes": ints(4, 6)})

# ---- normalization, dropout ----------------------------------------------------------------------

NORM = "x scale bias mean variance"


def statistics(*shape):
    return {"scale": f(*shape), "bias": f(*shape), "mean": f(*shape), "variance": positive(*shape)}


case("BatchNormalization-7-rank_4", node("BatchNormalization", NORM), {"x": f(ROWS, 2, 2, 3)}, statistics(2))
case("BatchNormalization-7-not_spatial", node("BatchNormalization", NORM, spatial=0), {"x": f(ROWS, 2, 3)},
     statistics(2, 3))
case("BatchNormalization-9-rank_2_epsilon", node("BatchNormalization", NORM, epsilon=0.125), {"x": f(ROWS, 4)},
     statistics(4))
case("BatchNormalization-9-rank_3", node("BatchNormalization", NORM), {"x": f(ROWS, 4, 2)}, statistics(4))
case("BatchNormalization-14-not_training", node("BatchNormalization", NORM, training_mode=0), {"x": f(ROWS, 4)},
     statistics(4))
case("BatchNormalization-15-momentum", node("BatchNormalization", NORM, momentum=0.5), {"x": f(ROWS, 2, 2, 2)},
     statistics(2))
case("InstanceNormalization-7-rank_4", node("InstanceNormalization", "x scale bias"), {"x": f(ROWS, 2, 2, 3)},
     {"scale": f(2), "bias": f(2)})
case("LayerNormalization-17-last_axis", node("LayerNormalization", "x scale bias"), {"x": f(ROWS, 3, 4)},
     {"scale": f(4), "bias": f(4)})
case("LayerNormalization-17-from_axis_1", node("LayerNormalization", "x scale bias", axis=1), {"x": f(ROWS, 3, 4)},
     {"scale": f(3, 4), "bias": f(3, 4)})
case("LayerNormalization-17-no_bias_epsilon", node("LayerNormalization", "x scale", epsilon=0.125), {"x": f(ROWS, 5)},
     {"scale": f(5)})
case("LayerNormalization-17-mean_output", node("LayerNormalization", "x scale", "y mean"), {"x": f(ROWS, 4)},
     {"scale": f(4)})
case("Dropout-7-ratio", node("Dropout", "x", ratio=0.25), {"x": f(ROWS, 4)})
case("Dropout-10-ratio_mask", node("Dropout", "x", "y mask", ratio=0.25), {"x": f(ROWS, 4)})
case("Dropout-12-ratio_input", node("Dropout", "x ratio"), {"x": f(ROWS, 4)}, {"ratio": scalar(0.5)})
case("Dropout-12-not_training", node("Dropout", "x ratio training", seed=3), {"x": f(ROWS, 4)},
     {"ratio": scalar(0.5), "training": scalar(False, bool)})

# ---- shapes ---------------------------------------------------------------------------------------

case("Flatten-7-default", node("Flatten", "x"), {"x": f(ROWS, 2, 3)})
case("Flatten-9-axis_2", node("Flatten", "x", axis=2), {"x": f(2, 2, 3)}, fixed="all")
case("Flatten-9-axis_0", node("Flatten", "x", axis=0), {"x": f(2, 3)}, fixed="all")
case("Flatten-11-negative_axis", node("Flatten", "x", axis=-2), {"x": f(ROWS, 2, 3)})
case("Reshape-7-zero_and_minus_one", node("Reshape", "x shape"), {"x": f(ROWS, 2, 3)}, {"shape": ints(0, -1)})
case("Reshape-7-minus_one_first", node("Reshape", "x shape"), {"x": f(ROWS, 2, 3)}, {"shape": ints(-1, 3, 2)})
case("Reshape-14-allowzero_0", node("Reshape", "x shape", allowzero=0), {"x": f(ROWS, 4)}, {"shape": ints(0, 2, 2)})
case("Reshape-14-allowzero_1", node("Reshape", "x shape", allowzero=1), {"x": f(ROWS, 4)}, {"shape": ints(-1, 2, 2)})
case("Reshape-14-allowzero_1_empty", node("Reshape", "x shape", allowzero=1), {"x": f(2, 0, 3)}, {"shape": ints(3, 0)},
     fixed="all")
case("Reshape-13-by_shape",
     [node("Shape", "x", "s"), node("Gather", "s zero", "n", axis=0), node("Concat", "n rest", "shape", axis=0),
      node("Reshape", "x shape")], {"x": f(ROWS, 2, 6)}, {"zero": ints(0), "rest": ints(3, 4)})
case("Shape-13-all", node("Shape", "x"), {"x": f(2, 3, 4)}, fixed="all")
case("Shape-15-start_end", node("Shape", "x", start=1, end=3), {"x": f(ROWS, 3, 4, 2)}, fixed=["y"])
case("Shape-15-negative_start", node("Shape", "x", start=-2), {"x": f(ROWS, 3, 4)}, fixed=["y"])
case("Shape-15-batch_to_reshape",
     [node("Shape", "x", "n", end=1), node("Concat", "n rest", "shape", axis=0), node("Reshape", "x shape")],
     {"x": f(ROWS, 2, 3)}, {"rest": ints(6)})
case("Size-13-all", node("Size", "x"), {"x": f(2, 3)}, fixed="all")
case("Transpose-7-default", node("Transpose", "x"), {"x": f(2, 3, 4)}, fixed="all")
case("Transpose-7-perm", node("Transpose", "x", perm=[0, 2, 1]), {"x": f(ROWS, 2, 4)})
case("Concat-7-axis_1", node("Concat", "a b a", axis=1), {"a": f(ROWS, 2), "b": f(ROWS, 3)})
case("Concat-11-negative_axis", node("Concat", "a b", axis=-1), {"a": i64(0, 9, ROWS, 2), "b": i64(0, 9, ROWS, 1)})
case("Tile-7-repeats", node("Tile", "x repeats"), {"x": f(ROWS, 2, 1)}, {"repeats": ints(1, 2, 3)})
case("Expand-8-broadcast", node("Expand", "x shape"), {"x": f(ROWS, 1, 2)}, {"shape": ints(1, 3, 1)})
case("Expand-8-weight_to_batch",
     [node("Shape", "x", "s"), node("Gather", "s zero", "n", axis=0), node("Concat", "n rest", "shape", axis=0),
      node("Expand", "w shape", "e"), node("Concat", "x e", axis=1)],
     {"x": f(ROWS, 2)}, {"zero": ints(0), "rest": ints(4), "w": f(1, 4)})
case("Expand-13-more_dimensions", node("Expand", "w shape"), {"w": f(3, 1)}, {"shape": ints(2, 1, 2)}, fixed="all")
case("ConstantOfShape-9-default",
     [node("Shape", "x", "s"), node("ConstantOfShape", "s", "zeros"), node("Sub", "zeros x")], {"x": f(ROWS, 4)})
case("ConstantOfShape-9-int64",
     [node("Shape", "x", "s"),
      node("ConstantOfShape", "s", value=numpy_helper.from_array(np.array([7], np.int64), "value"))], {"x": f(ROWS, 2)})
case("Identity-7-float", node("Identity", "x"), {"x": f(ROWS, 2)})

# ---- gathering, ids --------------------------------------------------------------------------------

case("Gather-7-table", node("Gather", "table ids"), {"ids": i64(0, 7, ROWS, 2)}, {"table": f(7, 3)})
case("Gather-7-int32_ids", node("Gather", "table ids", axis=0), {"ids": i32(0, 7, ROWS)}, {"table": f(7, 3)})
case("Gather-7-column", node("Gather", "x place", axis=1), {"x": f(ROWS, 4, 2)}, {"place": scalar(2, np.int64)})
case("Gather-11-negative_ids", node("Gather", "table ids"), {"ids": i64(-7, 7, ROWS, 4)}, {"table": f(7, 3)})
case("Gather-11-negative_axis", node("Gather", "x places", axis=-1), {"x": f(ROWS, 2, 4)}, {"places": ints(-1, 0, -1)})
case("Gather-11-int64_columns", node("Gather", "x places", axis=1), {"x": i64(0, 99, ROWS, 5)}, {"places": ints(3, 1)})
case("GatherElements-11-negative", node("GatherElements", "x places", axis=1),
     {"x": f(ROWS, 4), "places": i64(-4, 4, ROWS, 2)})
case("GatherND-11-pairs", node("GatherND", "x pairs"), {"x": f(3, 4)}, {"pairs": np.array([[0, 1], [2, -1]], np.int64)},
     fixed="all")
case("GatherND-12-batch_dims", node("GatherND", "x places", batch_dims=1), {"x": f(ROWS, 4), "places": i64(0, 4, ROWS, 1)})
case("OneHot-9-last_axis", node("OneHot", "ids depth values"), {"ids": i64(-5, 5, ROWS)},
     {"depth": scalar(5, np.int64), "values": floats(-1, 2)})
case("OneHot-9-axis_1", node("OneHot", "ids depth values", axis=1), {"ids": i32(0, 4, ROWS, 2)},
     {"depth": np.array([4], np.int32), "values": floats(0, 1)})
case("OneHot-11-out_of_range", node("OneHot", "ids depth values", axis=-1), {"ids": i64(-8, 8, ROWS, 4)},
     {"depth": scalar(3, np.int64), "values": ints(0, 1)})
case("Where-9-broadcast", node("Where", "c a b"), {"c": flags(ROWS, 1, 3), "a": f(ROWS, 2, 3)}, {"b": scalar(-4.0)})
case("Where-9-int64", node("Where", "c a b"), {"c": flags(ROWS, 3), "a": i64(0, 9, ROWS, 3)}, {"b": scalar(0, np.int64)})
for source, target, variant, draw in [
        (TensorProto.FLOAT, TensorProto.INT32, "float_to_int32", f(ROWS, 6)),
        (TensorProto.FLOAT, TensorProto.INT64, "float_to_int64", f(ROWS, 6)),
        (TensorProto.FLOAT, TensorProto.BOOL, "float_to_bool", f(ROWS, 6, low=-2, high=3)),
        (TensorProto.BOOL, TensorProto.FLOAT, "bool_to_float", flags(ROWS, 6)),
        (TensorProto.INT32, TensorProto.FLOAT, "int32_to_float", i32(-9, 9, ROWS, 4)),
        (TensorProto.INT64, TensorProto.INT32, "int64_to_int32", i64(-9, 9, ROWS, 4)),
        (TensorProto.INT64, TensorProto.BOOL, "int64_to_bool", i64(-1, 2, ROWS, 4)),
        (TensorProto.BOOL, TensorProto.INT64, "bool_to_int64", flags(ROWS, 4))]:
    case(f"Cast-9-{variant}", node("Cast", "x", to=target), {"x": draw})
case("Cast-13-through_float16",
     [node("Cast", "x", "h", to=TensorProto.FLOAT16), node("Cast", "h", to=TensorProto.FLOAT)], {"x": normal(ROWS, 4)})

# ---- arithmetic, comparisons -----------------------------------------------------------------------

for operator in ("Add", "Sub", "Mul"):
    case(f"{operator}-7-broadcast", node(operator, "a b"), {"a": f(ROWS, 2, 3)}, {"b": f(2, 1)})
    case(f"{operator}-7-int32", node(operator, "a b"), {"a": i32(-9, 9, ROWS, 3), "b": i32(-9, 9, ROWS, 1)})
case("Add-7-both_ways", node("Add", "a b"), {"a": f(ROWS, 1, 3), "b": f(ROWS, 2, 1)})
case("Add-7-weight_first", node("Add", "b a"), {"a": f(ROWS, 3)}, {"b": f(1, 3)})
case("Mul-7-int64_scalar", node("Mul", "a b"), {"a": i64(-9, 9, ROWS, 3)}, {"b": scalar(3, np.int64)})
case("Add-13-int32_wraps", node("Add", "a b"), {"a": np.array([[2**31 - 1], [-(2**31)], [5]], np.int32)},
     {"b": np.array([1, -1], np.int32)})
case("Div-7-float", node("Div", "a b"), {"a": f(ROWS, 4)}, {"b": positive(4)})
case("Div-7-int32_towards_zero", node("Div", "a b"), {"a": i32(-9, 10, ROWS, 4)}, {"b": np.array([2, -2, 4, -4], np.int32)})
case("Pow-7-float", node("Pow", "a b"), {"a": positive(ROWS, 3)}, {"b": floats(2, 0.5, -1)})
case("Pow-12-int64_exponent", node("Pow", "a b"), {"a": f(ROWS, 3)}, {"b": scalar(2, np.int64)})
case("Pow-12-int32_base", node("Pow", "a b"), {"a": i32(-4, 5, ROWS, 3)}, {"b": np.array([0, 2, 3], np.int32)})
case("Pow-13-odd_of_negative", node("Pow", "a b"), {"a": f(ROWS, 2, low=-16, high=0)}, {"b": scalar(3.0)})
case("Mod-10-int32", node("Mod", "a b"), {"a": i32(-9, 10, ROWS, 4)}, {"b": np.array([4, -4, 3, -3], np.int32)})
case("Mod-10-int64_fmod", node("Mod", "a b", fmod=1), {"a": i64(-9, 10, ROWS, 4)}, {"b": ints(4, -4, 3, -3)})
case("Mod-10-float_fmod", node("Mod", "a b", fmod=1), {"a": f(ROWS, 4)}, {"b": floats(0.75, -0.75, 1, -1)})
case("Equal-7-int32", node("Equal", "a b"), {"a": i32(0, 3, ROWS, 5)}, {"b": scalar(0, np.int32)})
case("Equal-7-bool", node("Equal", "a b"), {"a": flags(ROWS, 5), "b": flags(ROWS, 5)})
case("Equal-11-float", node("Equal", "a b"), {"a": f(ROWS, 5, low=0, high=3)}, {"b": f(1, low=0, high=3)})
case("Greater-7-float", node("Greater", "a b"), {"a": f(ROWS, 5), "b": f(ROWS, 1)})
case("Greater-9-int32", node("Greater", "a b"), {"a": i32(-2, 3, ROWS, 5)}, {"b": scalar(0, np.int32)})
case("Less-7-float", node("Less", "a b"), {"a": f(ROWS, 5)}, {"b": f(5)})
case("Less-9-int64", node("Less", "a b"), {"a": i64(-2, 3, ROWS, 5)}, {"b": ints(0)})
case("LessOrEqual-12-int32", node("LessOrEqual", "a b"), {"a": i32(-2, 3, ROWS, 5)}, {"b": scalar(0, np.int32)})
case("GreaterOrEqual-12-float", node("GreaterOrEqual", "a b"), {"a": f(ROWS, 5, low=-2, high=3)}, {"b": scalar(0.0)})
for operator in ("And", "Or", "Xor"):
    case(f"{operator}-7-broadcast", node(operator, "a b"), {"a": flags(ROWS, 4), "b": flags(ROWS, 1)})
case("Not-7-bool", node("Not", "x"), {"x": flags(ROWS, 4)})
for operator in ("Min", "Max", "Sum", "Mean"):
    case(f"{operator}-8-three", node(operator, "a b c"), {"a": f(ROWS, 4), "b": f(ROWS, 1)}, {"c": f(4)})
case("Max-8-one", node("Max", "x"), {"x": f(ROWS, 4)})
case("Max-12-int32", node("Max", "a b"), {"a": i32(-5, 5, ROWS, 4)}, {"b": scalar(0, np.int32)})
case("Max-7-equal_shapes", node("Max", "a b"), {"a": f(ROWS, 4), "b": f(ROWS, 4)})

# ---- elementwise functions --------------------------------------------------------------------------

for operator in ("Abs", "Neg", "Exp", "Relu", "Sigmoid", "Tanh", "Softplus", "Softsign", "Floor", "Ceil"):
    case(f"{operator}-7-float", node(operator, "x"), {"x": f(ROWS, 5)})
for operator in ("Sqrt", "Log", "Reciprocal"):
    case(f"{operator}-7-float", node(operator, "x"), {"x": positive(ROWS, 5)})
for operator in ("Elu", "Selu", "HardSigmoid", "LeakyRelu"):
    case(f"{operator}-7-defaults", node(operator, "x"), {"x": f(ROWS, 6)})
case("Elu-7-alpha", node("Elu", "x", alpha=0.5), {"x": f(ROWS, 6)})
case("HardSigmoid-7-alpha_beta", node("HardSigmoid", "x", alpha=0.25, beta=0.375), {"x": f(ROWS, 6, low=-32, high=33)})
case("LeakyRelu-7-alpha", node("LeakyRelu", "x", alpha=0.25), {"x": f(ROWS, 6)})
case("ThresholdedRelu-10-defaults", node("ThresholdedRelu", "x"), {"x": f(ROWS, 6)})
case("ThresholdedRelu-10-alpha", node("ThresholdedRelu", "x", alpha=0.25), {"x": f(ROWS, 6)})
case("HardSwish-14-float", node("HardSwish", "x"), {"x": f(ROWS, 6, low=-32, high=33)})
case("Erf-9-float", node("Erf", "x"), {"x": normal(ROWS, 8)})
case("Gelu-20-exact", node("Gelu", "x"), {"x": normal(ROWS, 8)})
case("Gelu-20-tanh", node("Gelu", "x", approximate="tanh"), {"x": normal(ROWS, 8)})
case("PRelu-7-channels", node("PRelu", "x slope"), {"x": f(ROWS, 2, 2, 3)}, {"slope": f(2, 1, 1)})
case("PRelu-7-last_dimension", node("PRelu", "x slope"), {"x": f(ROWS, 4)}, {"slope": f(4)})
case("PRelu-9-one", node("PRelu", "x slope"), {"x": f(ROWS, 4)}, {"slope": f(1)})
case("PRelu-9-batch_of_one", node("PRelu", "x slope"), {"x": f(ROWS, 3, 4)}, {"slope": f(1, 3, 4)})

# ---- products -----------------------------------------------------------------------------------------

case("Gemm-7-bias", node("Gemm", "x w b"), {"x": f(ROWS, 4)}, {"w": f(4, 3), "b": f(3)})
case("Gemm-7-transposed_alpha_beta", node("Gemm", "x w b", transB=1, alpha=0.5, beta=2.0), {"x": f(ROWS, 4)},
     {"w": f(3, 4), "b": f(3)})
case("Gemm-7-bias_1_by_n", node("Gemm", "x w b"), {"x": f(ROWS, 4)}, {"w": f(4, 3), "b": f(1, 3)})
case("Gemm-9-bias_of_one", node("Gemm", "x w b"), {"x": f(ROWS, 4)}, {"w": f(4, 3), "b": f(1)})
case("Gemm-9-scalar_bias", node("Gemm", "x w b"), {"x": f(ROWS, 4)}, {"w": f(4, 3), "b": f()})
case("Gemm-9-bias_of_rows", node("Gemm", "x w b"), {"x": f(2, 4)}, {"w": f(4, 3), "b": f(2, 1)}, fixed="all")
case("Gemm-9-transposed_input", node("Gemm", "x w b", transA=1), {"x": f(4, 2)}, {"w": f(4, 3), "b": f(2, 3)}, fixed="all")
case("Gemm-9-bias_is_an_input", node("Gemm", "x w b"), {"x": f(ROWS, 4), "b": f(ROWS, 3)}, {"w": f(4, 3)})
case("Gemm-11-no_bias", node("Gemm", "x w", transB=1), {"x": f(ROWS, 4)}, {"w": f(3, 4)})
case("MatMul-7-matrix", node("MatMul", "x w"), {"x": f(ROWS, 4)}, {"w": f(4, 3)})
case("MatMul-7-rank_4_by_matrix", node("MatMul", "x w"), {"x": f(ROWS, 2, 3, 4)}, {"w": f(4, 2)})
case("MatMul-7-batched", node("MatMul", "a b"), {"a": f(ROWS, 2, 4), "b": f(ROWS, 4, 3)})
case("MatMul-7-by_vector", node("MatMul", "x w"), {"x": f(ROWS, 2, 4)}, {"w": f(4)})
case("MatMul-7-vector_first", node("MatMul", "w x"), {"x": f(ROWS, 4, 2)}, {"w": f(4)})
case("MatMul-7-broadcast_batches", node("MatMul", "a b"), {"a": f(ROWS, 1, 2, 4), "b": f(ROWS, 3, 4, 2)})
case("MatMul-7-weight_first", node("MatMul", "w x"), {"x": f(ROWS, 4, 2)}, {"w": f(3, 4)})
case("MatMul-9-int32", node("MatMul", "x w"), {"x": i32(-5, 5, ROWS, 4)}, {"w": i32(-5, 5, 4, 2)})

# ---- convolutions and pools: channels first ------------------------------------------------------------

case("Conv-7-bias_pads", node("Conv", "x w b", pads=[1, 0, 0, 1]), {"x": f(ROWS, 2, 4, 3)}, {"w": f(3, 2, 2, 2), "b": f(3)})
case("Conv-7-same_upper", node("Conv", "x w", auto_pad="SAME_UPPER", strides=[2, 2]), {"x": f(ROWS, 1, 4, 5)},
     {"w": f(2, 1, 3, 2)})
case("Conv-7-same_lower", node("Conv", "x w", auto_pad="SAME_LOWER"), {"x": f(ROWS, 1, 4, 4)}, {"w": f(2, 1, 2, 2)})
case("Conv-7-valid", node("Conv", "x w", auto_pad="VALID", kernel_shape=[3, 3]), {"x": f(ROWS, 1, 4, 4)},
     {"w": f(2, 1, 3, 3)})
case("Conv-7-groups", node("Conv", "x w b", group=2), {"x": f(ROWS, 4, 3, 3)}, {"w": f(6, 2, 2, 2), "b": f(6)})
case("Conv-7-depthwise_strides", node("Conv", "x w", group=3, strides=[2, 1]), {"x": f(ROWS, 3, 5, 4)}, {"w": f(3, 1, 3, 3)})
case("Conv-11-one_dimension_dilated", node("Conv", "x w b", dilations=[2], pads=[2, 0]), {"x": f(ROWS, 2, 6)},
     {"w": f(3, 2, 2), "b": f(3)})
case("ConvTranspose-7-strides", node("ConvTranspose", "x w b", strides=[2, 2]), {"x": f(ROWS, 2, 2, 3)},
     {"w": f(2, 3, 2, 2), "b": f(3)})
case("ConvTranspose-7-output_padding", node("ConvTranspose", "x w", strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]),
     {"x": f(ROWS, 1, 3, 3)}, {"w": f(1, 2, 3, 3)})
case("ConvTranspose-7-output_shape", node("ConvTranspose", "x w", strides=[2, 2], output_shape=[6, 6]),
     {"x": f(ROWS, 1, 3, 3)}, {"w": f(1, 2, 3, 3)})
case("ConvTranspose-11-same_upper", node("ConvTranspose", "x w", strides=[2, 2], auto_pad="SAME_UPPER"),
     {"x": f(ROWS, 1, 3, 3)}, {"w": f(1, 2, 3, 3)})
case("ConvTranspose-11-groups_one_dimension", node("ConvTranspose", "x w", group=2, strides=[2]), {"x": f(ROWS, 4, 3)},
     {"w": f(4, 1, 3)})
case("AveragePool-7-excludes_pad", node("AveragePool", "x", kernel_shape=[2, 2], pads=[1, 1, 0, 0]), {"x": f(ROWS, 1, 3, 3)})
case("AveragePool-7-count_include_pad", node("AveragePool", "x", kernel_shape=[2, 2], pads=[1, 1, 0, 0], count_include_pad=1),
     {"x": f(ROWS, 1, 3, 3)})
case("AveragePool-7-same_upper", node("AveragePool", "x", kernel_shape=[2, 2], auto_pad="SAME_UPPER"), {"x": f(ROWS, 2, 3, 3)})
case("AveragePool-10-ceil_mode", node("AveragePool", "x", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
     {"x": f(ROWS, 1, 5, 5)})
case("AveragePool-10-one_dimension", node("AveragePool", "x", kernel_shape=[3], strides=[2]), {"x": f(ROWS, 2, 7)})
case("MaxPool-7-pads", node("MaxPool", "x", kernel_shape=[2, 2], strides=[2, 2], pads=[1, 0, 1, 0]), {"x": f(ROWS, 1, 4, 4)})
case("MaxPool-8-same_lower", node("MaxPool", "x", kernel_shape=[2, 2], auto_pad="SAME_LOWER"), {"x": f(ROWS, 1, 3, 3)})
case("MaxPool-8-valid_strides", node("MaxPool", "x", kernel_shape=[3, 2], strides=[1, 2], auto_pad="VALID"),
     {"x": f(ROWS, 2, 4, 5)})
case("MaxPool-10-ceil_mode", node("MaxPool", "x", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1), {"x": f(ROWS, 1, 5, 5)})
case("MaxPool-10-dilations", node("MaxPool", "x", kernel_shape=[2, 2], dilations=[2, 2]), {"x": f(ROWS, 1, 4, 4)})
case("MaxPool-11-one_dimension", node("MaxPool", "x", kernel_shape=[3], pads=[1, 1]), {"x": f(ROWS, 2, 5)})
case("GlobalAveragePool-7-rank_4", node("GlobalAveragePool", "x"), {"x": f(ROWS, 2, 2, 4)})
case("GlobalAveragePool-7-rank_3", node("GlobalAveragePool", "x"), {"x": f(ROWS, 3, 4)})
case("GlobalMaxPool-7-rank_4", node("GlobalMaxPool", "x"), {"x": f(ROWS, 2, 2, 3)})

# ---- recurrence: exporters put Transposes around, since the time comes first ----------------------------

T, F, H = 4, 3, 2
GATES = {"GRU": 3, "LSTM": 4, "RNN": 1}


def recurrent(name, inputs="xt w r b", directions=1, wanted=("y", "last"), data=None, weights=None, steps=T, **attributes):
    """One of GRU, LSTM and RNN over [N, T, F]; what is put out has the batch first again."""
    operator = name.split("-")[0]
    gates = GATES[operator] * H
    made = {"w": normal(directions, gates, F, scale=0.6), "r": normal(directions, gates, H, scale=0.6)}
    if "b" in inputs.split():
        made["b"] = normal(directions, 2 * gates, scale=0.3)
    outputs = {"y": ("yt", [2, 0, 1, 3]), "last": ("ht", [1, 0, 2]), "cell": ("ct", [1, 0, 2])}
    places = ["y", "last", "cell"][:3 if operator == "LSTM" else 2]
    nodes = [node("Transpose", "x", "xt", perm=[1, 0, 2])]
    data = {"x": normal(ROWS, steps, F), **(data or {})}
    for state in [key for key in ("h0", "c0") if key in data]:
        nodes.append(node("Transpose", state, state + "t", perm=[1, 0, 2]))
    nodes.append(node(operator, inputs, " ".join(outputs[key][0] if key in wanted else "-" for key in places),
                      hidden_size=H, **attributes))
    nodes += [node("Transpose", outputs[key][0], key, perm=outputs[key][1]) for key in places if key in wanted]
    case(name, nodes, data, {**made, **(weights or {})}, outputs=[key for key in places if key in wanted])


lengths = {"lengths": lambda rng: np.array([2, 4, 1], np.int32)}
both_states = {"h0": normal(ROWS, 1, H), "c0": normal(ROWS, 1, H)}
for operator in GATES:
    recurrent(f"{operator}-7-forward")
    recurrent(f"{operator}-7-reverse", direction="reverse")
    recurrent(f"{operator}-7-bidirectional", directions=2, direction="bidirectional")
    recurrent(f"{operator}-7-no_bias", "xt w r", wanted=("last",))
    recurrent(f"{operator}-7-lengths", "xt w r b lengths", data=lengths)
recurrent("GRU-7-linear_before_reset", linear_before_reset=1)
recurrent("GRU-7-linear_before_reset_bidirectional", directions=2, direction="bidirectional", linear_before_reset=1)
recurrent("GRU-7-initial_state", "xt w r b - h0t", data={"h0": normal(ROWS, 1, H)}, linear_before_reset=1)
recurrent("GRU-7-activations", activations=["HardSigmoid", "Relu"])
recurrent("GRU-7-lengths_reverse", "xt w r b lengths", data=lengths, direction="reverse", linear_before_reset=1)
recurrent("GRU-14-layout_0", layout=0, linear_before_reset=1)
recurrent("GRU-7-sequence_only", wanted=("y",))
recurrent("LSTM-7-all_outputs", wanted=("y", "last", "cell"))
recurrent("LSTM-7-initial_states", "xt w r b - h0t c0t", data=both_states, wanted=("y", "last", "cell"))
recurrent("LSTM-7-initial_states_bidirectional", "xt w r b - h0t c0t", directions=2, direction="bidirectional",
          data={"h0": normal(ROWS, 2, H), "c0": normal(ROWS, 2, H)})
recurrent("LSTM-7-hard_sigmoid", activations=["HardSigmoid", "Tanh", "Tanh"])
recurrent("LSTM-7-activations_alpha_beta", activations=["HardSigmoid", "LeakyRelu", "Softsign"],
          activation_alpha=[0.25, 0.125], activation_beta=[0.375])
recurrent("LSTM-7-bidirectional_activations", directions=2, direction="bidirectional",
          activations=["Sigmoid", "Tanh", "Tanh", "HardSigmoid", "Relu", "Tanh"])
recurrent("LSTM-7-peepholes", "xt w r b - - - p", weights={"p": normal(1, 3 * H, scale=0.5)})
recurrent("LSTM-7-input_forget", input_forget=1)
recurrent("LSTM-14-layout_0", layout=0)
recurrent("RNN-7-relu", activations=["Relu"])
recurrent("RNN-7-initial_state", "xt w r b - h0t", data={"h0": normal(ROWS, 1, H)})
recurrent("RNN-14-one_step", steps=1)
zeros = [node("Shape", "x", "s"), node("Gather", "s zero", "n", axis=0), node("Concat", "one n width", "shape", axis=0),
         node("Expand", "nothing shape", "h0"), node("Transpose", "x", "xt", perm=[1, 0, 2]),
         node("GRU", "xt w r b - h0", "yt", hidden_size=H, linear_before_reset=1), node("Squeeze", "yt", "ys", axes=[1]),
         node("Slice", "ys from to", "tail"), node("Squeeze", "tail", axes=[0])]
case("GRU-11-expanded_zero_state", zeros, {"x": normal(ROWS, T, F)},
     {"zero": ints(0), "one": ints(1), "width": ints(H), "nothing": scalar(0.0), "from": ints(-1), "to": ints(2**31 - 1),
      "w": normal(1, 3 * H, F, scale=0.6), "r": normal(1, 3 * H, H, scale=0.6), "b": normal(1, 6 * H, scale=0.3)})

# ---- initializers of every storage ------------------------------------------------------------------------

DATA = np.array([0.5, -1.25, 3, 0.0625], np.float32)
WHOLE = np.array([3, -2, 0, 7])
LOGIC = np.array([True, False, True, True])


def stored(name, kind, values, shape=(4,), raw=False):
    return helper.make_tensor(name, kind, shape, values, raw=raw)


def storage(variant, tensor, kind=None, opset=13, **more):
    """x + w, of which w is cast if it is not float32."""
    nodes = [node("Cast", "w", "v", to=TensorProto.FLOAT), node("Add", "x v")] if kind else [node("Add", "x w")]
    case(f"Initializers-{opset}-{variant}", nodes, {"x": f(ROWS, 4)}, {"w": tensor}, **more)


storage("float_raw", stored("w", TensorProto.FLOAT, DATA.tobytes(), raw=True))
storage("float_data", stored("w", TensorProto.FLOAT, DATA))
storage("float_data_listed_as_input", stored("w", TensorProto.FLOAT, DATA), opset=8)
storage("float_raw_default_of_input", stored("w", TensorProto.FLOAT, DATA.tobytes(), raw=True), defaults=["w"])
storage("scalar_without_dims", stored("w", TensorProto.FLOAT, [1.5], shape=()))
for kind, dtype in [("FLOAT16", np.float16), ("DOUBLE", np.float64), ("INT32", np.int32), ("INT64", np.int64),
                    ("INT8", np.int8), ("UINT8", np.uint8), ("INT16", np.int16), ("UINT16", np.uint16), ("UINT32", np.uint32),
                    ("UINT64", np.uint64), ("BOOL", np.bool_)]:
    values = DATA if "FLOAT" in kind or kind == "DOUBLE" else LOGIC if kind == "BOOL" else WHOLE
    values = np.abs(values) if kind.startswith("U") else values
    number, array = getattr(TensorProto, kind), values.astype(dtype)
    storage(f"{kind.lower()}_raw", stored("w", number, array.tobytes(), raw=True), number)
    storage(f"{kind.lower()}_data", stored("w", number, array), number)
bits = (DATA.view(np.uint32) >> 16).astype(np.uint16)
storage("bfloat16_raw", stored("w", TensorProto.BFLOAT16, bits.tobytes(), raw=True), TensorProto.BFLOAT16)
storage("bfloat16_data", TensorProto(name="w", dims=[4], data_type=TensorProto.BFLOAT16, int32_data=bits.tolist()),
        TensorProto.BFLOAT16)
case("Initializers-13-empty", node("Concat", "x w", axis=1), {"x": f(ROWS, 2)},
     {"w": stored("w", TensorProto.FLOAT, [], shape=(3, 0))}, fixed="all")
case("Initializers-13-used_twice", [node("Mul", "x w", "h"), node("Add", "h w")], {"x": f(ROWS, 4)}, {"w": DATA})
case("Initializers-13-is_an_output", [node("Identity", "w", "z"), node("Add", "x w", "y")], {"x": f(ROWS, 4)}, {"w": DATA},
     outputs=["y", "z"], fixed=["z"])
for variant, attribute, opset in [("value", {"value": stored("", TensorProto.FLOAT, DATA)}, 7),
                                  ("value_float", {"value_float": 1.5}, 12),
                                  ("value_floats", {"value_floats": [1.5, 2.0, -1.0, 0.25]}, 12)]:
    case(f"Constant-{opset}-{variant}", [node("Constant", "", "w", **attribute), node("Add", "x w")], {"x": f(ROWS, 4)})
case("Constant-12-value_ints", [node("Constant", "", "w", value_ints=[0, 2, 2]), node("Reshape", "x w")], {"x": f(ROWS, 4)})
case("Constant-12-value_int", [node("Constant", "", "w", value_int=2), node("Gather", "x w", axis=1)], {"x": f(ROWS, 4)})
