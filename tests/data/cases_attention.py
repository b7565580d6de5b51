"""Cases of attention, preprocessing and what else is not of the first layers; generate_cases.py runs them.

K and L are the Keras that is asked, 2 or 3, and its layers; generate_cases.py sets them.
"""
from golden import *

L = K.layers
CLASSES = {}
# Those whose files or answers are others in Keras 3.
KERAS3 = []


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
    c.add("called_twice", lambda a, b: (lambda l: L.Add(name="y")([l(a, b), l(a, a)]))(make(name="l")),
          {"x0": q, "x1": v})
