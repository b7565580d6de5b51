"""Items: steps, negative steps, ellipses, new dimensions, whole numbers, tensors."""
from functions_common import *

KIND = "slices"
KEYS = {
    "integer": lambda x, y: [x[:, 2], x[:, -1], y[:, 1, -2], y[:, 0], y[:, :, 3]],
    "ranges": lambda x, y: [x[:, 1:3], x[:, -3:], x[:, :-1], y[:, 1:, 2:5], y[:, :2, -4:-1], x[:, 1:100], x[:, -100:2]],
    "empty": lambda x, y: [x[:, 3:3], y[:, 2:1]],
    "steps": lambda x, y: [x[:, ::2], x[:, 1::3], y[:, ::2, 1:6:2], y[:, :, ::5], x[:, :4:2]],
    "backwards": lambda x, y: [x[:, ::-1], x[:, 3:0:-1], x[:, ::-2], y[:, ::-1, ::-3], y[:, :, -2:1:-2], x[:, 100::-1]],
    "ellipsis": lambda x, y: [x[..., 0], y[..., 1:3], y[:, 1, ...], y[..., ::-1], y[..., 2, 4]],
    "newaxis": lambda x, y: [x[:, None], x[..., None], y[:, None, 1], y[:, :, None, 2:4], y[..., None, 0],
                             x[:, None, :, None]],
}


def register():
    for suffix, inputs in (("", {"x": F(5), "y": F(3, 7)}), ("_int", {"x": I(5), "y": I(3, 7)})):
        for name, f in KEYS.items():
            if suffix and name not in ("integer",):
                continue
            both("getitem-" + name + suffix, KIND, "items of " + ("int32: " if suffix else "float32: ") + name, inputs, f,
                 f,
                 old="" if suffix or name not in ("ellipsis", "newaxis") else "k33 k38", infinite=name == "empty")
    both("getitem-bool", KIND, "items of a mask", {"b": B(5)}, lambda b: [b[:, 1:3], b[:, -1]],
         lambda b: [b[:, 1:3], b[:, -1]])
    both("getitem-again", KIND, "items of items, and of what functions give", {"y": F(3, 7)},
         lambda y: [y[:, 1][:, 2:5], tf.nn.relu(y)[:, :, 0][:, ::-1], (y[:, 0] - y[:, 1])[..., -2:]],
         lambda y: [y[:, 1][:, 2:5], ops.relu(y)[:, :, 0][:, ::-1], (y[:, 0] - y[:, 1])[..., -2:]])
    only2("getitem-computed", KIND, "bounds that are computed from a shape", {"x": F(5), "y": F(3, 7)},
          lambda x, y: [x[:, tf.shape(x)[1] - 2], x[:, :tf.shape(y)[1]], y[:, :, tf.shape(x)[1]:],
                        y[:, tf.shape(y)[1] - 1]])
    only2("strided_slice", KIND, "tf.strided_slice with masks", {"y": F(3, 7)},
          lambda y: [tf.strided_slice(y, [0, 1, 0], [0, 3, 6], [1, 1, 2], begin_mask=1, end_mask=1),
                     tf.strided_slice(y, [0, 1, 0], [0, 2, 0], begin_mask=5, end_mask=5, shrink_axis_mask=2)])
