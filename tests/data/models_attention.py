"""Models of attention and preprocessing; generate_models.py builds them.

K and L are the Keras that is asked and its layers; generate_models.py sets them.
"""
from golden import *

import cases_attention

L = K.layers
MODELS = {}


def model(about, note="", batch=7, flags=()):
    def register(f):
        MODELS[f.__name__] = {"build": f, "about": about, "note": note, "batch": batch, "flags": flags}
        return f

    return register


def padded_in_front(rng, batch, vocabulary, steps):
    """Ids from 1 behind zeros; never a row of zeros only."""
    h = rng.integers(1, vocabulary, (batch, steps)).astype(np.int32)
    for row in h:
        row[:rng.integers(0, steps)] = 0
    return h


@model("SASRec: item and position embeddings, two blocks of causal self-attention over a history padded in front, "
       "scores of five candidates by Dot", "TF.js has no MultiHeadAttention")
def sasrec(rng, batch):
    items, d, steps = 41, 8, 9
    history = L.Input((steps,), dtype="int32", name="history")
    candidates = L.Input((5,), dtype="int32", name="candidates")
    table = L.Embedding(items, d, mask_zero=True, name="items")
    seen = table(history)
    x = L.Add(name="positioned")([seen, cases_attention.position_layer()(12, name="positions")(seen)])
    for i in (1, 2):
        q = L.LayerNormalization(epsilon=1e-8, name=f"ln{i}_attention")(x)
        a = L.MultiHeadAttention(2, d // 2, dropout=0.2, name=f"attention{i}")(q, x, use_causal_mask=True)
        x = L.Add(name=f"residual{i}_attention")([q, a])
        f = L.LayerNormalization(epsilon=1e-8, name=f"ln{i}_feed_forward")(x)
        h = L.Dense(12, activation="relu", name=f"wide{i}")(f)
        h = L.Dropout(0.2, name=f"dropout{i}")(L.Dense(d, name=f"narrow{i}")(h))
        x = L.Add(name=f"residual{i}_feed_forward")([f, h])
    x = L.LayerNormalization(epsilon=1e-8, name="ln")(x)
    y = L.Dot(axes=2, name="scores")([x, table(candidates)])
    m = K.Model([history, candidates], y, name="sasrec")
    return m, {"history": padded_in_front(rng, batch, items, steps),
               "candidates": rng.integers(1, items, (batch, 5)).astype(np.int32)}


@model("a ranker that does its own preprocessing: Normalization, Discretization, IntegerLookup and CategoryEncoding, "
       "then EinsumDense, GroupNormalization, UnitNormalization and Attention", "TF.js has none of these layers")
def own_preprocessing(rng, batch):
    price, age = L.Input((3,), name="price"), L.Input((1,), name="age")
    user = L.Input((1,), dtype="int32", name="user")
    genres = L.Input((4,), dtype="int32", name="genres")
    history = L.Input((6,), dtype="int32", name="history")
    users = [1001, 40, 77, 5, -3, 123456]
    numbers = L.Normalization(mean=[10.0, 0.5, 2.0], variance=[4.0, 0.25, 9.0], name="normalized")(price)
    numbers = L.UnitNormalization(name="unit")(L.Dense(4, name="numbers")(numbers))
    bucket = L.Discretization(bin_boundaries=[18.0, 25.0, 40.0, 65.0], name="bucket")(age)
    bucket = L.Flatten(name="bucket_flat")(L.Embedding(5, 3, name="bucket_embedding")(bucket))
    user_index = L.IntegerLookup(vocabulary=users, num_oov_indices=2, name="user_index")(user)
    u = L.Embedding(8, 6, name="user_embedding")(user_index)
    genre = L.IntegerLookup(vocabulary=[3, 8, 1, 9], mask_token=0, name="genre_index")(genres)
    genre = L.CategoryEncoding(6, output_mode="multi_hot", name="genre_set")(genre)
    h = L.Embedding(23, 6, mask_zero=True, name="history_embedding")(history)
    h = L.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de", activation="relu", name="heads")(h)
    h = L.GroupNormalization(2, axis=2, name="groups")(h)
    h = L.EinsumDense("abcd,cde->abe", (None, 6), bias_axes="e", name="joined")(h)
    read = L.Flatten(name="read")(L.Attention(use_scale=True, name="attention")([u, h]))
    read = L.ActivityRegularization(l2=0.1, name="regularized")(L.Identity(name="same")(read))
    x = L.Concatenate(name="all")([numbers, bucket, genre, read])
    x = L.Dense(8, activation="relu", name="fc1")(x)
    m = K.Model([price, age, user, genres, history], L.Dense(1, activation="sigmoid", name="score")(x),
                name="own_preprocessing")
    known = rng.choice(users + [9, -8, 2], (batch, 1)).astype(np.int32)
    return m, {"price": rng.normal(9, 3, (batch, 3)).astype(np.float32),
               "age": np.array([[18], [3], [24.5], [25], [64], [65], [99]], np.float32)[:batch],
               "user": known, "genres": rng.integers(0, 10, (batch, 4)).astype(np.int32),
               "history": padded_in_front(rng, batch, 23, 6)}
