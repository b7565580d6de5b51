"""Whole models with recurrent layers; generate_models.py lists them.

K and L are the Keras that is asked, 2 or 3, and its layers; generate_models.py sets them.
"""
from golden import *

L = K.layers


def history(rng, batch, vocabulary, steps):
    """Ids from 1 on, padded with 0 at the end with holes before; the last row is padding only."""
    h = rng.integers(1, vocabulary, (batch, steps)).astype(np.int32)
    for row in h:
        row[rng.integers(1, steps + 1):] = 0
        row[rng.integers(0, steps)] = 0
    h[-1] = 0
    return h


def gru4rec(rng, batch, reset_after):
    clicks = L.Input((12,), dtype="int32", name="clicks")
    h = L.Embedding(61, 8, mask_zero=True, name="item_emb")(clicks)
    h = L.GRU(24, reset_after=reset_after, name="session")(h)
    h = L.Dense(16, activation="relu", name="fc")(h)
    y = L.Dense(61, activation="softmax", name="next_item")(h)
    return K.Model(clicks, y, name="gru4rec"), {"clicks": history(rng, batch, 61, 12)}


def bilstm_text(rng, batch):
    words = L.Input((10,), dtype="int32", name="words")
    h = L.Embedding(83, 8, mask_zero=True, name="word_emb")(words)
    h = L.Bidirectional(L.LSTM(12, return_sequences=True, name="lstm"), name="bilstm")(h)
    h = L.GlobalMaxPooling1D(name="pool")(h)
    y = L.Dense(3, activation="softmax", name="topic")(L.Dense(8, activation="relu", name="fc")(h))
    return K.Model(words, y, name="bilstm_text"), {"words": history(rng, batch, 83, 10)}


def seq2seq(rng, batch):
    """The states of an encoder are where a decoder begins."""
    seen, wanted = L.Input((7, 5), name="seen"), L.Input((4, 3), name="wanted")
    masked = L.Masking(name="mask")(seen)
    h = L.SimpleRNN(6, return_sequences=True, name="first")(masked)
    _, state_h, state_c = L.LSTM(8, return_state=True, name="encoder")(h)
    h = L.LSTM(8, return_sequences=True, name="decoder")(wanted, initial_state=[state_h, state_c])
    y = L.TimeDistributed(L.Dense(2, name="head"), name="forecast")(h)
    inputs = {"seen": floats(rng, batch, 7, 5), "wanted": floats(rng, batch, 4, 3)}
    inputs["seen"][:, 1:][rng.random((batch, 6)) < 0.4] = 0
    return K.Model([seen, wanted], y, name="seq2seq"), inputs


def gru_ranker(rng, batch):
    """One session and many candidates."""
    clicks, item = L.Input((9,), dtype="int32", name="clicks"), L.Input((1,), dtype="int32", name="item")
    table = L.Embedding(41, 8, mask_zero=True, name="item_emb")
    session = L.GRU(12, reset_after=False, return_sequences=True, name="steps")(table(clicks))
    session = L.Dense(8, name="session")(L.GRU(12, reset_after=False, name="last")(session))
    candidate = L.Flatten(name="candidate")(table(item))
    product = L.Dot(axes=1, name="product")([session, candidate])
    h = L.Dense(8, activation="relu", name="fc")(L.Concatenate(name="both")([session, candidate, product]))
    y = L.Dense(1, activation="sigmoid", name="score")(h)
    return K.Model([clicks, item], y, name="gru_ranker"), {
        "clicks": history(rng, batch, 41, 9), "item": rng.integers(1, 41, (batch, 1)).astype(np.int32)}


def floats(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def register(model):
    """Lists the models by generate_models.py's decorator."""
    model("GRU4Rec: a session's clicks through Embedding(mask_zero) and GRU(reset_after), softmax over 61 items",
          "TF.js has no reset_after, the default of Keras")(named("gru4rec", lambda r, b: gru4rec(r, b, True)))
    model("gru4rec with reset_after=False, which TF.js loads")(
        named("gru4rec_reset_before", lambda r, b: gru4rec(r, b, False)))
    model("a session's clicks through two masked GRU layers, ranking candidates of the same table")(gru_ranker)
    model("text: Embedding(mask_zero), Bidirectional(LSTM), GlobalMaxPooling1D",
          "Bidirectional puts out the state in TF.js where a step is masked, zeros in Keras")(bilstm_text)
    model("encoder and decoder: Masking, SimpleRNN, LSTM whose states another begins with, TimeDistributed(Dense)",
          "in TF.js the mask of the encoder lingers and reaches the decoder")(seq2seq)


def named(name, build):
    build.__name__ = name
    return build
