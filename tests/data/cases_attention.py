"""Cases of attention, preprocessing and what else is not of the first layers; generate_cases.py runs them.

K and L are the Keras that is asked, 2 or 3, and its layers; generate_cases.py sets them.
"""
from golden import *

L = K.layers
CLASSES = {}
# Those whose files or answers are others in Keras 3.
KERAS3 = ["AdditiveAttention", "Attention", "Discretization", "EinsumDense", "GroupNormalization", "Hashing",
          "Identity", "ImageAugmentation", "IntegerLookup", "MultiHeadAttention", "Normalization", "RMSNormalization",
          "UnitNormalization"]
# Those that Keras 2 does not have.
ONLY_KERAS3 = ["RMSNormalization"]


def file(f):
    CLASSES[f.__name__] = f
    return f


# ---- attention -----------------------------------------------------------------------------


@file
def EinsumDense(c):
    for equation, shape, output_shape, bias_axes in (
            ("ab,bc->ac", (5,), 3, "c"),
            ("abc,cd->abd", (4, 5), (None, 3), "d"),
            ("abc,cde->abde", (4, 5), (None, 2, 3), "de"),
            ("abc,cde->abde", (4, 5), (4, 2, 3), "e"),
            ("abc,cde->abde", (4, 5), (4, 2, 3), "bd"),
            ("abcd,cde->abe", (3, 2, 4), (None, 5), "e"),
            ("abcd,cdef->abef", (3, 2, 4), (None, 2, 3), "ef"),
            ("abc,bd->adc", (4, 5), (3, 5), "d"),
            ("abc,bd->acd", (4, 5), (5, 3), "d"),
            ("abc,dc->abd", (4, 5), (4, 3), "d"),
            ("abcd,dbe->ace", (2, 4, 3), (4, 5), "e"),
            ("abc,cde->abed", (4, 5), (4, 3, 2), "ed"),
            ("abc,cbd->ad", (4, 5), 3, "d"),
            ("abc,c->ab", (4, 5), 4, None),
            ("ab,c->abc", (4,), (4, 3), "c"),
            ("...x,xy->...y", (4, 5), 3, "y"),
            ("...x,xy->...y", (2, 3, 5), 3, "y"),
            ("...ab,bc->...ac", (3, 4, 5), (4, 2), "ac"),
            ("abc...,cd->abd...", (4, 5, 3), (4, 2), "d"),
            ("abc,cd->abd", (4, 5), (None, 3), None)):
        n = "_".join([equation.replace(",", "_").replace("->", "_to_").replace("...", "x_"),
                      *map(str, shape), str(bias_axes)])
        for b in (1, 3) if equation == "abc,cde->abde" else (3,):
            c.one(f"{n}_batch_{b}", L.EinsumDense(equation, output_shape=output_shape,
                                                    bias_axes=bias_axes, name="y"), *shape, batch=b)
    for a in ("relu", "softmax"):
        c.one(a, L.EinsumDense("abc,cd->abd", (None, 3), activation=a, bias_axes="d", name="y"), 2, 4)
    ids, _ = histories()
    c.add("drops_masks", lambda x: L.GlobalAveragePooling1D(name="y")(L.EinsumDense(
        "abc,cd->abd", (None, 3), name="d")(L.Embedding(6, 3, mask_zero=True, name="e")(x))), {"x": ids})


def histories():
    """Ids of 3 histories of 4 and of 5 items: full, padded behind, padded in front; none is empty."""
    return (np.array([[3, 5, 1, 2], [4, 2, 0, 0], [0, 1, 3, 3]], np.int32),
            np.array([[1, 2, 0, 3, 1], [2, 3, 4, 5, 1], [5, 0, 0, 0, 0]], np.int32))


def embedded(x, name="e", dim=3):
    return L.Embedding(6, dim, mask_zero=True, name=name)(x)


@file
def Attention(c):
    q, v, k = (c.floats(n, 3, t, 4, scale=1.0) for n, t in (("q", 2), ("v", 5), ("k", 5)))
    wide = c.floats("wide", 3, 5, 7)
    ids, ids2 = histories()
    for n, options in (("dot", {}), ("dot_scale", {"use_scale": True}),
                       ("concat", {"score_mode": "concat"}),
                       ("concat_scale", {"score_mode": "concat", "use_scale": True})):
        make = lambda: L.Attention(name="y", **options)
        c.add(n, lambda a, b: make()([a, b]), {"x0": q, "x1": v})
        c.add(n + "_batch_1", lambda a, b: make()([a, b]), {"x0": q[:1], "x1": v[:1]})
        c.add(n + "_key", lambda a, b, d: make()([a, b, d]), {"x0": q, "x1": wide, "x2": k})
        c.add(n + "_causal", lambda a, b: make()([a, b], use_causal_mask=True), {"x0": k, "x1": v})
        c.add(n + "_masked", lambda a, b: make()([embedded(a), embedded(b, "f")]), {"x0": ids, "x1": ids2})
    make = lambda **options: L.Attention(name="y", **options)
    c.add("self", lambda a: make()([a, a]), {"x": v})
    c.add("self_causal", lambda a: make()([a, a], use_causal_mask=True), {"x": v})
    c.add("causal_more_keys", lambda a, b: make()([a, b], use_causal_mask=True), {"x0": q, "x1": v})
    c.add("causal_more_queries", lambda a, b: make()([a, b], use_causal_mask=True), {"x0": v, "x1": q})
    c.add("dropout", lambda a, b: make(dropout=0.5)([a, b]), {"x0": q, "x1": v})
    c.add("masked_query", lambda a, b: make()([embedded(a, dim=4), b]), {"x0": ids, "x1": v})
    c.add("masked_value", lambda a, b: make()([a, embedded(b, dim=4)]), {"x0": q, "x1": ids2})
    c.add("masked_causal", lambda a: (lambda e: make()([e, e], use_causal_mask=True))(embedded(a)), {"x": ids2})
    c.add("masked_key_counts_not", lambda a, b, d: make()([a, b, embedded(d, dim=4)]),
          {"x0": q, "x1": v, "x2": ids2})
    c.add("passes_the_mask_of_the_query", lambda a, b: L.GlobalAveragePooling1D(name="y")(
        L.Attention(name="l")([embedded(a), embedded(b, "f")])), {"x0": ids, "x1": ids2})
    c.add("passes_no_mask_of_the_value", lambda a, b: L.GlobalAveragePooling1D(name="y")(
        L.Attention(name="l")([a, embedded(b, "f", 4)])), {"x0": q, "x1": ids2})
    c.add("nothing_to_attend_to", lambda a, b: make()([a, embedded(b, dim=4)]),
          {"x0": q, "x1": np.zeros((3, 5), np.int32)})
    c.add("scores", lambda a, b: L.Concatenate(name="y")(list(L.Attention(name="l")(
        [a, b], return_attention_scores=True))), {"x0": q, "x1": v})


@file
def AdditiveAttention(c):
    q, v, k = (c.floats(n, 3, t, 4, scale=1.0) for n, t in (("q", 2), ("v", 5), ("k", 5)))
    ids, ids2 = histories()
    for n, options in (("scale", {}), ("no_scale", {"use_scale": False})):
        make = lambda: L.AdditiveAttention(name="y", **options)
        c.add(n, lambda a, b: make()([a, b]), {"x0": q, "x1": v})
        c.add(n + "_batch_1", lambda a, b: make()([a, b]), {"x0": q[:1], "x1": v[:1]})
        c.add(n + "_key", lambda a, b, d: make()([a, b, d]), {"x0": q, "x1": v, "x2": k})
        c.add(n + "_causal", lambda a, b: make()([a, b], use_causal_mask=True), {"x0": k, "x1": v})
        c.add(n + "_masked", lambda a, b: make()([embedded(a), embedded(b, "f")]), {"x0": ids, "x1": ids2})
        c.add(n + "_masked_causal", lambda a: (lambda e: make()([e, e], use_causal_mask=True))(embedded(a)),
              {"x": ids2})


@file
def MultiHeadAttention(c):
    q, v, k = (c.floats(n, 3, t, d, scale=1.0) for n, t, d in (("q", 2, 6), ("v", 5, 6), ("k", 5, 6)))
    ids, ids2 = histories()
    make = lambda heads=2, size=3, name="y", **options: L.MultiHeadAttention(heads, size, name=name, **options)
    c.add("self", lambda a: make()(a, a), {"x": v})
    c.add("self_batch_1", lambda a: make()(a, a), {"x": v[:1]})
    c.add("self_causal", lambda a: make()(a, a, use_causal_mask=True), {"x": v})
    c.add("cross_named", lambda a, b: make()(query=a, value=b), {"x0": q, "x1": v})
    c.add("key_named", lambda a, b, d: make()(a, key=d, value=b), {"x0": q, "x1": v, "x2": k})
    c.add("other_widths", lambda a, b, d: make(output_shape=4)(a, b, d),
          {"x0": q, "x1": v[:, :, :4].copy(), "x2": c.floats("w", 3, 5, 7)})
    c.add("three_heads_of_1", lambda a: make(3, 1)(a, a), {"x": v})
    c.add("value_dim", lambda a: make(2, 3, value_dim=4)(a, a), {"x": v})
    c.add("output_shape_list", lambda a: make(output_shape=(2, 3))(a, a), {"x": v})
    c.add("attention_axes", lambda a: make(attention_axes=1)(a, a), {"x": v})
    c.add("dropout_no_bias", lambda a: make(dropout=0.3, use_bias=False)(a, a), {"x": v})
    c.add("causal_more_keys", lambda a, b: make()(a, b, use_causal_mask=True), {"x0": q, "x1": v})
    c.add("masked", lambda a: (lambda e: make()(e, e))(embedded(a)), {"x": ids})
    c.add("masked_causal", lambda a: (lambda e: make()(e, e, use_causal_mask=True))(embedded(a)), {"x": ids2})
    c.add("masked_cross", lambda a, b: make()(embedded(a), embedded(b, "f")), {"x0": ids, "x1": ids2})
    c.add("masked_value", lambda a, b: make()(a, embedded(b, dim=6)), {"x0": q, "x1": ids2})
    c.add("masked_key", lambda a, b, d: make()(a, b, embedded(d, dim=6)), {"x0": q, "x1": v, "x2": ids2})
    mask = np.array([[[1, 0, 1, 1, 0], [1, 1, 1, 1, 1]], [[0, 0, 0, 0, 1], [1, 0, 0, 0, 1]],
                     [[1, 1, 0, 0, 1], [0, 1, 1, 1, 0]]], np.int32)
    c.add("attention_mask", lambda a, b, m: make()(a, b, attention_mask=m), {"x0": q, "x1": v, "x2": mask})
    c.add("attention_mask_causal", lambda a, b, m: make()(a, b, attention_mask=m, use_causal_mask=True),
          {"x0": q, "x1": v, "x2": (2 * mask + [1, 0, 0, 0, 0]).astype(np.float32)})
    c.add("attention_mask_of_heads", lambda a, b, m: make()(a, b, attention_mask=m),
          {"x0": q, "x1": v, "x2": np.stack([mask, 1 - mask], 1).astype(np.float32)})
    c.add("passes_the_mask_of_the_query", lambda a, b: L.GlobalAveragePooling1D(name="y")(
        make(name="l")(embedded(a), embedded(b, "f"))), {"x0": ids, "x1": ids2})
    c.add("passes_no_mask_of_the_value", lambda a, b: L.GlobalAveragePooling1D(name="y")(
        make(name="l")(a, embedded(b, dim=6))), {"x0": q, "x1": ids2})
    c.add("scores", lambda a, b: L.Flatten(name="y")(make(name="l")(
        a, b, return_attention_scores=True)[1]), {"x0": q, "x1": v})
    # Keras 3 takes the mask off a query, so that of two attentions to one tensor only the first that runs finds it.
    flat = lambda name, e: L.Flatten()(make(name=name)(e, e))
    deep = lambda name, e: L.Flatten()(L.Dense(2)(L.Dense(3)(make(name=name)(e, e))))
    joined = lambda *parts: L.Concatenate(name="y")(list(parts))
    c.add("two_of_one_query", lambda a: (lambda e: joined(flat("l", e), flat("m", e)))(embedded(a)), {"x": ids})
    c.add("two_the_second_deeper", lambda a: (lambda e: joined(flat("l", e), deep("m", e)))(embedded(a)), {"x": ids})
    c.add("two_the_first_deeper", lambda a: (lambda e: joined(deep("l", e), flat("m", e)))(embedded(a)), {"x": ids})
    c.add("two_behind_dropout", lambda a: (lambda e: joined(
        flat("l", L.Dropout(0.2)(e)), deep("m", e)))(embedded(a)), {"x": ids})
    c.add("pooled_besides", lambda a: (lambda e: joined(
        flat("l", e), L.GlobalAveragePooling1D()(e)))(embedded(a)), {"x": ids})
    c.add("called_twice", lambda a, b: (lambda l: L.Add(name="y")([l(a, b), l(a, a)]))(make(name="l")),
          {"x0": q, "x1": v})


# ---- normalisation -------------------------------------------------------------------------


@file
def GroupNormalization(c):
    for groups, shape, axis in ((2, (4,), -1), (1, (6,), -1), (3, (5, 6), -1), (2, (3, 2, 4), -1), (2, (3, 2, 4), 3),
                                (2, (4, 5), 1), (3, (2, 6, 3), 2), (-1, (5, 4), -1), (1, (5, 4), -1), (4, (5, 4), 2)):
        for b in (1, 3) if shape == (5, 6) else (3,):
            n = "_".join(map(str, ("groups", groups, *shape, "axis", axis, "batch", b))).replace("-", "m")
            c.one(n, L.GroupNormalization(groups, axis=axis, name="y"), *shape, batch=b)
    for center, scale in ((True, False), (False, True), (False, False)):
        c.one(f"center_{center}_scale_{scale}", L.GroupNormalization(
            2, center=center, scale=scale, name="y"), 3, 4)
    c.one("epsilon", L.GroupNormalization(2, epsilon=0.5, name="y"), 3, 4)
    c.one("default_groups", L.GroupNormalization(name="y"), 2, 64)


@file
def UnitNormalization(c):
    for shape, axis in (((5,), -1), ((4, 3), -1), ((4, 3), 1), ((2, 3, 4), 2), ((2, 3, 4), (1, 3)), ((2, 3, 4), (2, 3)),
                        ((2, 3, 4), (-1, -2)), ((2, 3, 4), (1, 2, 3))):
        for b in (1, 3) if shape == (4, 3) else (3,):
            n = "_".join(map(str, (*shape, "axis", axis, "batch", b)))
            c.one(n.replace(" ", "").replace("-", "m"), L.UnitNormalization(axis=axis, name="y"), *shape, batch=b)
    c.one("short", L.UnitNormalization(name="y"), x=np.array([[1e-5, 0, -2e-5], [0, 0, 0], [3e-7, 1e-7, 0]], np.float32))
    ids, _ = histories()
    c.add("passes_masks", lambda x: L.GlobalAveragePooling1D(name="y")(L.UnitNormalization(name="l")(
        embedded(x))), {"x": ids})


@file
def Normalization(c):
    v = c.floats("v", 3, 4, 5)
    mean, variance = np.array([0.5, -1, 0, 2, 10.0]), np.array([1, 0.25, 4, 0, 1e-3])
    for invert in (False, True):
        n = "_invert" if invert else ""
        make = lambda axis=-1, **options: L.Normalization(axis=axis, invert=invert, name="y", **options)
        c.add("values" + n, make(mean=mean, variance=variance), {"x": v})
        c.add("values_batch_1" + n, make(mean=mean, variance=variance), {"x": v[:1]})
        c.add("rank_2" + n, make(mean=mean, variance=variance), {"x": v[:, 0].copy()})
        c.add("scalars" + n, make(None, mean=3.0, variance=2.0), {"x": v})
        c.add("scalar_for_channels" + n, make(mean=3.0, variance=2.0), {"x": v})
        c.add("axis_1" + n, make(1, mean=mean[:4], variance=variance[:4]), {"x": v})
        c.add("two_axes" + n, make((1, 2), mean=np.arange(20).reshape(4, 5) / 4, variance=1 + np.arange(20).reshape(4, 5)),
              {"x": v})
        c.add("weights" + n, adapted(make(), v), {"x": v})
        c.add("weights_two_axes" + n, adapted(make((1, 2)), v), {"x": v})
        c.add("weights_no_axis" + n, adapted(make(None), v), {"x": v})
    c.add("integers", L.Normalization(mean=2.0, variance=3.0, name="y"), {"x": c.ids("i", 9, 3, 4)})
    c.add("drops_masks", lambda x: L.GlobalAveragePooling1D(name="y")(L.Normalization(
        mean=2.0, variance=3.0, name="l")(embedded(x))), {"x": histories()[0]})


def adapted(layer, data):
    layer.adapt(data)
    return layer


@file
def RMSNormalization(c):
    for shape, axis in (((5,), -1), ((1,), -1), ((3, 4), -1), ((3, 4), 2), ((3, 4), [1, 2]), ((3, 4), [-1, -2]),
                        ((2, 3, 4), [2, 3]), ((2, 3, 4), [1, 2, 3])):
        for b in (1, 3) if shape == (5,) else (3,):
            n = "_".join(map(str, (*shape, "axis", axis, "batch", b))).replace(", ", "_").replace("-", "m")
            c.one(n, L.RMSNormalization(axis=axis, name="y"), *shape, batch=b)
    c.one("epsilon", L.RMSNormalization(epsilon=0.5, name="y"), 3, 4)
    c.one("large_mean", L.RMSNormalization(name="y"), x=np.array([[1000, 1001, 1002], [-512, 1e-4, 0]], np.float32))
    c.add("drops_masks", lambda x: L.GlobalAveragePooling1D(name="y")(L.RMSNormalization(name="l")(embedded(x))),
          {"x": histories()[0]})
    for n, options in (("", {}), ("_no_scale", {"scale": False}), ("_no_center", {"center": False}),
                       ("_axis_1", {"axis": 1}), ("_two_axes", {"axis": [1, 2]}), ("_epsilon", {"epsilon": 0.5})):
        c.one("rms_scaling" + n, L.LayerNormalization(rms_scaling=True, name="y", **options), 3, 4)


# ---- preprocessing -------------------------------------------------------------------------


@file
def Discretization(c):
    x = np.array([[-3, 0, 0.5], [0.25, 1, 1.5], [99, -0.5, 1e-9]], np.float32)
    for n, bounds in (("three", [0.0, 0.5, 1.5]), ("one", [0.25]), ("equal", [0.0, 0.0, 1.0])):
        make = lambda bounds=bounds, **options: L.Discretization(bin_boundaries=bounds, name="y", **options)
        c.add(n, make(), {"x": x})
        c.add(n + "_batch_1", make(), {"x": x[:1]})
        c.add(n + "_embedded", lambda a: L.Embedding(4, 3, name="e")(make()(a)), {"x": x})
    for mode in ("multi_hot", "count"):
        c.add(mode, make(output_mode=mode), {"x": x})
    c.add("one_hot", make(output_mode="one_hot"), {"x": x[:, :1].copy()})
    c.add("rank_3", make(), {"x": c.floats("rank_3", 3, 2, 4)})
    c.add("integers", L.Discretization(bin_boundaries=[1.5, 2.0, 40.0], name="y"),
          {"x": np.array([[1, 2], [3, 40], [41, -7]], np.int32)})


@file
def IntegerLookup(c):
    x = np.array([[7, 12, 9], [-5, 0, 3], [1000, 7, 2]], np.int32)
    known = np.where(np.isin(x, [7, 12, -5, 1000]), x, 7)
    tokens = [12, 1000, 7, -5]
    for n, options in (("plain", {}), ("mask", {"mask_token": 0}), ("mask_3", {"mask_token": 3}),
                       ("two_oov", {"num_oov_indices": 2}), ("three_oov_mask", {"num_oov_indices": 3, "mask_token": 0}),
                       ("oov_token", {"oov_token": -9}), ("max_tokens", {"max_tokens": 9})):
        make = lambda **more: L.IntegerLookup(vocabulary=tokens, name="y", **options, **more)
        c.add(n, make(), {"x": x})
        c.add(n + "_embedded", lambda a: L.Embedding(9, 3, name="e")(make()(a)), {"x": x})
    c.add("batch_1", L.IntegerLookup(vocabulary=tokens, name="y"), {"x": x[:1]})
    c.add("rank_3", L.IntegerLookup(vocabulary=tokens, name="y"), {"x": c.ids("rank_3", 15, 2, 3, 2)})
    c.add("no_oov", L.IntegerLookup(vocabulary=tokens, num_oov_indices=0, name="y"), {"x": known})
    c.add("no_oov_mask", L.IntegerLookup(vocabulary=tokens, num_oov_indices=0, mask_token=0, name="y"),
          {"x": np.where(x == 9, 0, known)})
    c.add("specials_in_the_vocabulary", L.IntegerLookup(
        vocabulary=[0, -1, 12, 7], mask_token=0, name="y"), {"x": x})
    c.add("beyond_int32", L.IntegerLookup(vocabulary=[12, 5_000_000_000, 7], name="y"), {"x": x})
    indices = np.array([[0, 1, 2], [3, 4, 5], [6, -1, 2]], np.int32)
    for n, options in (("invert", {}), ("invert_mask", {"mask_token": 0}), ("invert_two_oov", {"num_oov_indices": 2}),
                       ("invert_oov_token", {"oov_token": 77})):
        c.add(n, L.IntegerLookup(vocabulary=tokens, invert=True, name="y", **options), {"x": indices})
    for mode in ("multi_hot", "count"):
        for n, options in (("", {}), ("_mask", {"mask_token": 9}), ("_two_oov", {"num_oov_indices": 2})):
            c.add(mode + n, L.IntegerLookup(vocabulary=tokens, output_mode=mode, name="y", **options), {"x": x})
        c.add(mode + "_padded", L.IntegerLookup(vocabulary=tokens, output_mode=mode, max_tokens=8, pad_to_max_tokens=True,
                                                name="y"), {"x": x})
    c.add("one_hot", L.IntegerLookup(vocabulary=tokens, output_mode="one_hot", name="y"), {"x": x[:, :1].copy()})


@file
def Hashing(c):
    # Every length of a text, with and without a sign.
    x = np.array([[0, 7, -3, 12], [-12, 123, -999, 1234], [-1234, 12345, -54321, 123456],
                  [-123456, 7654321, -1234567, 87654321], [-12345678, 123456789, -987654321, 1234567890],
                  [-1234567890, 2147483647, -2147483648, -1]], np.int32)
    for bins in (1, 2, 7, 65536, 100003, 2147483647):
        c.add(f"{bins}_bins", L.Hashing(bins, name="y"), {"x": x})
    for bins, mask in ((1, 7), (2, 7), (7, 7), (7, 0), (100003, -999), (7, -2147483648), (7, 5)):
        c.add(f"{bins}_bins_mask_{mask}", L.Hashing(bins, mask_value=mask, name="y"), {"x": x})
    for n, salt in (("133", 133), ("two", [1, 2**40 + 5]), ("wide", [2**63 - 1, 2**53 + 1]), ("negative", [-3, 4])):
        c.add("salt_" + n, L.Hashing(100003, salt=salt, name="y"), {"x": x})
    c.add("salt_mask", L.Hashing(7, salt=[5, 6], mask_value=-3, name="y"), {"x": x})
    c.add("batch_1", L.Hashing(11, name="y"), {"x": x[:1]})
    c.add("rank_3", L.Hashing(11, name="y"), {"x": x.reshape(3, 2, 4)})
    for n, options in (("", {}), ("_mask", {"mask_value": 0})):
        c.add("embedded" + n, lambda a: L.Embedding(9, 3, name="e")(L.Hashing(9, name="y", **options)(a)), {"x": x})
        for mode in ("multi_hot", "count"):
            c.add(mode + n, L.Hashing(5, output_mode=mode, name="y", **options), {"x": x})
    c.add("one_hot", L.Hashing(5, output_mode="one_hot", name="y"), {"x": x[:, :1].copy()})
    c.add("drops_masks", lambda a: L.GlobalAveragePooling1D(name="p")(L.Embedding(9, 3, name="e")(L.Hashing(
        9, mask_value=0, name="y")(a))), {"x": histories()[0]})


@file
def ImageAugmentation(c):
    levels = {"value_range": (0, 255)}
    layers = {
        "RandomBrightness": {"factor": 0.3}, "RandomContrast": {"factor": 0.3}, "RandomFlip": {},
        "RandomRotation": {"factor": 0.3, "fill_mode": "constant", "fill_value": 3.0},
        "RandomTranslation": {"height_factor": 0.2, "width_factor": (-0.1, 0.3), "interpolation": "nearest"},
        "RandomZoom": {"height_factor": 0.2}, "AugMix": levels, "CutMix": {}, "MaxNumBoundingBoxes": {"max_number": 2},
        "MixUp": {}, "RandAugment": levels, "RandomColorDegeneration": {"factor": 0.3},
        "RandomColorJitter": {**levels, "brightness_factor": 0.1, "hue_factor": 0.2, "contrast_factor": 0.3,
                              "saturation_factor": 0.4},
        "RandomElasticTransform": {}, "RandomErasing": {"fill_value": 7.0}, "RandomGaussianBlur": {},
        "RandomGrayscale": {}, "RandomHue": {"factor": 0.3, **levels}, "RandomInvert": {}, "RandomPerspective": {},
        "RandomPosterization": {"factor": 4}, "RandomSaturation": {"factor": 0.3}, "RandomSharpness": {"factor": 0.3},
        "RandomShear": {"x_factor": 0.2}, "Solarization": {"addition_factor": 0.5, **levels}}
    for name, options in layers.items():
        if hasattr(L, name):
            c.one(name, getattr(L, name)(name="y", seed=1, **options) if name not in (
                "MaxNumBoundingBoxes",) else getattr(L, name)(name="y", **options), 3, 2, 3, batch=1)
    c.one("RandomFlip_batch_3", L.RandomFlip("horizontal", name="y"), 2, 2, 1, batch=3)
    c.one("before_a_layer", lambda x: L.Flatten(name="y")(L.RandomFlip(name="l")(x)), 2, 2, 3)
    c.one("RandomCrop_same", L.RandomCrop(3, 2, seed=1, name="y"), 3, 2, 3)
    if not hasattr(L, "RMSNormalization"):
        for h, w in ((3, 2), (2, 3), (4, 4), (1, 1)):
            c.one(f"RandomCrop_{h}_{w}", L.RandomCrop(h, w, name="y"), 4, 5, 2)
        c.add("integers", L.RandomFlip(name="y"), {"x": c.ids("i", 9, 2, 2, 2, 3)})


# ---- what changes nothing ------------------------------------------------------------------


@file
def Identity(c):
    c.one("floats", L.Identity(name="y"), 4)
    c.add("between", lambda x: L.Dense(2, name="y")(L.Identity(name="l")(x)), {"x": c.floats("b", 1, 2, 3)})
    c.add("drops_masks", lambda x: L.GlobalAveragePooling1D(name="y")(L.Identity(name="l")(embedded(x))),
          {"x": histories()[0]})


@file
def ActivityRegularization(c):
    c.one("floats", L.ActivityRegularization(l1=0.1, l2=0.2, name="y"), 4)
    c.one("nothing", L.ActivityRegularization(name="y"), 2, 3, batch=1)
    c.add("passes_masks", lambda x: L.GlobalAveragePooling1D(name="y")(L.ActivityRegularization(
        l1=0.5, name="l")(embedded(x))), {"x": histories()[0]})


# ---- positions -----------------------------------------------------------------------------


def position_layer():
    """PositionEmbedding as KerasNLP has it, so that its files look the same; the name is that of its class."""

    class PositionEmbedding(L.Layer):
        weight = "embeddings"

        def __init__(self, sequence_length, initializer="glorot_uniform", **kwargs):
            super().__init__(**kwargs)
            self.sequence_length, self.initializer = sequence_length, K.initializers.get(initializer)
            self.supports_masking = True

        def get_config(self):
            return {**super().get_config(), "sequence_length": self.sequence_length,
                    "initializer": K.initializers.serialize(self.initializer)}

        def build(self, shape):
            self.table = self.add_weight(name=self.weight, shape=(self.sequence_length, shape[-1]),
                                         initializer=self.initializer)

        def call(self, x):
            return tf.broadcast_to(self.table[:x.shape[-2]], tf.shape(x))

    return PositionEmbedding


@file
def PositionEmbedding(c):
    layer = position_layer()
    for steps in (4, 6):
        for b in (1, 3):
            c.one(f"{steps}_of_6_batch_{b}", layer(6, name="y"), steps, 3, batch=b)
    add = lambda x: L.Add(name="y")([x, layer(6, name="p")(x)])
    c.one("added", add, 5, 3)
    c.one("added_left", lambda x: L.Add(name="y")([layer(6, name="p")(x), x]), 5, 3)
    c.one("twice", lambda x: L.Multiply(name="y")([layer(6, name="p")(x), layer(6, name="q")(x)]), 5, 3)
    c.add("passes_masks", lambda x: L.GlobalAveragePooling1D(name="y")(layer(6, name="p")(embedded(x))),
          {"x": histories()[0]})
    layer.weight = "position_embeddings"
    c.one("as_kerasnlp_names_it", layer(6, name="y"), 4, 3)
