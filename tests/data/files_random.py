"""Models drawn at random: calls of towers (random_calls), wrappers and nesting (random_functional)."""
from files_common import *

COUNT = {"random_calls": 102, "random_functional": 106}
KERASES = [("k315", "h5"), ("k38", "keras"), ("k2", "h5"), ("k33", "h5"), ("k315", "keras"), ("k38", "h5"), ("k33", "keras")]


class Names:
    """Names whose order in the alphabet is not that of their making."""

    def __init__(self, rng):
        letters = "abcdefghijklmnopqrstuvwxyz"
        self.left = [a + b for a in letters for b in letters[:6]]
        rng.shuffle(self.left)

    def __call__(self):
        return self.left.pop()


def choose(rng, *options):
    return options[rng.integers(len(options))]


# ---- towers ---------------------------------------------------------------------------------------


class Tower:
    """A small model, how it may be called and what it gives. All tensors are `width` wide."""

    def __init__(self, k, rng, names, width, inner=None):
        L = k.L
        self.k, self.rng, self.form = k, rng, choose(rng, "seq", "single", "single", "list", "tuple", "dict")
        name, dense = names(), lambda: L.Dense(width, activation=choose(rng, "tanh", None), name=names())
        if inner is not None and inner.form == "seq" and self.form == "seq":
            self.model = k.K.Sequential([L.Input((width,), name=names()), inner.model, dense()], name=name)
        elif self.form == "seq" and inner is None:
            self.model = k.K.Sequential([L.Input((width,), name=names()), dense(), dense()], name=name)
        else:
            self.form = "single" if self.form == "seq" else self.form
            n = 1 if self.form == "single" else int(rng.integers(2, 4))
            keys = [names() for _ in range(n)]
            xs = [L.Input((width,), name=key) for key in keys]
            hs = [dense()(x) for x in xs]
            if inner is not None:
                for _ in range(int(rng.integers(1, 3))):
                    hs += flat(inner.call(hs + xs))
            ends = [hs[-1]] if len(hs) == 1 else [L.Add(name=names())(hs), dense()(L.Concatenate(name=names())(hs[::-1]))]
            ends += hs[1:2]
            outs = ends[:int(rng.integers(1, len(ends) + 1))]
            rng.shuffle(outs)
            given = {"single": xs[0], "list": xs, "tuple": tuple(xs), "dict": dict(zip(keys, xs))}[self.form]
            made = outs[0] if len(outs) == 1 else dict(zip([names() for _ in outs], outs)) if rng.random() < 0.3 else outs
            self.model, self.keys = k.K.Model(given, made, name=name), keys

    def call(self, pool):
        """Calls the model on tensors of the pool."""
        if self.form in ("seq", "single"):
            return self.model(pool[self.rng.integers(len(pool))])
        picked = [pool[i] for i in self.rng.integers(len(pool), size=len(self.keys))]
        by_name = self.form == "dict" or self.rng.random() < 0.5
        if not by_name:
            return self.model(picked)
        order = self.rng.permutation(len(picked))
        return self.model({self.keys[i]: picked[i] for i in order})


def flat(y):
    return [y[n] for n in sorted(y)] if isinstance(y, dict) else list(y) if isinstance(y, (list, tuple)) else [y]


def random_calls(k, rng):
    L, names, width = k.L, Names(rng), int(rng.integers(2, 5))
    towers = []
    for _ in range(int(rng.integers(2, 5))):
        inner = towers.pop() if towers and rng.random() < 0.35 else None  # then it is used nowhere else
        towers.append(Tower(k, rng, names, width, inner))
    keys = [names() for _ in range(int(rng.integers(1, 4)))]
    xs = [L.Input((width,), name=key) for key in keys]
    pool, results = list(xs), []
    calls = [t for t in towers for _ in range(int(rng.integers(1, 4)))]
    rng.shuffle(calls)
    for t in calls:
        ys = flat(t.call(pool))
        pool += ys
        results += ys
        if rng.random() < 0.25:
            results.append(L.Dense(int(rng.integers(1, 4)), name=names())(L.Concatenate(name=names())([ys[0], xs[0]])))
    if len(xs) > 1:
        results.append(L.Add(name=names())(xs + results[:1]))
    rng.shuffle(results)
    outs, seen = [], set()
    for t in results[:int(rng.integers(1, 5))]:
        if id(t) not in seen:
            seen.add(id(t))
            outs.append(t)
    if len(xs) > 1:  # every input is of use
        outs.append(L.Concatenate(name=names())(xs[::-1] + outs[:1]))
    given = dict(zip(keys, xs)) if rng.random() < 0.3 else xs if len(xs) > 1 else xs[0]
    made = dict(zip([names() for _ in outs], outs)) if rng.random() < 0.25 else outs if len(outs) > 1 else outs[0]
    return k.K.Model(given, made), {n: floats(rng, width) for n in keys}


# ---- wrappers and nesting ----------------------------------------------------------------------------


class Chain:
    """Draws layers for sequences; `named` says whether they get names."""

    def __init__(self, k, rng, names):
        self.k, self.L, self.rng, self.names, self.named = k, k.L, rng, names, rng.random() < 0.6

    def name(self):
        return {"name": self.names()} if self.named else {}

    def cell(self):
        cls = choose(self.rng, "LSTMCell", "GRUCell", "SimpleRNNCell")
        return getattr(self.L, cls)(int(self.rng.integers(2, 4)), **self.name())

    def recurrent(self, **more):
        cls = choose(self.rng, "LSTM", "GRU", "SimpleRNN")
        return getattr(self.L, cls)(int(self.rng.integers(2, 4)), **self.name(), **more)

    def dense(self, width=None):
        return self.L.Dense(width or int(self.rng.integers(2, 5)), activation=choose(self.rng, "tanh", "relu", None), **self.name())

    def model(self, h, depth):
        """A nested model over the same steps."""
        q = self.L.Input(tuple(h.shape[1:]), **self.name())
        y = q
        for _ in range(int(self.rng.integers(1, 3))):
            y = self.step(y, depth + 1)
        return self.k.K.Model(q, y, **self.name())(h)

    def sequential(self, h):
        layers = [self.L.Input(tuple(h.shape[1:]), **self.name())]
        layers += [choose(self.rng, self.dense(), self.L.BatchNormalization(**self.name()), self.recurrent(
            return_sequences=True)) for _ in range(2)]
        return self.k.K.Sequential(layers, **self.name())(h)

    def step(self, h, depth=0):
        """One layer from steps to steps."""
        L, rng = self.L, self.rng
        what = choose(rng, "td", "td", "td_bn", "bi", "bi", "rnn", "rnn", "rec", "conv", "norm", "mha", "model", "seq", "td_seq")
        if what == "model" and depth < 2:
            return self.model(h, depth)
        if what == "seq":
            return self.sequential(h)
        if what == "td_seq" and self.k.tag != "k33":
            m = self.k.K.Sequential([L.Input((h.shape[-1],), **self.name()), self.dense(), self.dense()], **self.name())
            return L.TimeDistributed(m, **self.name())(h)
        if what == "td_bn":
            return L.TimeDistributed(choose(rng, L.BatchNormalization, L.LayerNormalization)(**self.name()), **self.name())(h)
        if what == "bi":
            inner = self.recurrent(return_sequences=True)
            return L.Bidirectional(inner, merge_mode=choose(rng, "concat", "sum", "ave"), **self.name())(h)
        if what == "rnn":
            cell = self.cell() if rng.random() < 0.4 else [self.cell() for _ in range(2)]
            return L.RNN(cell, return_sequences=True, **self.name())(h)
        if what == "rec":
            return self.recurrent(return_sequences=True, go_backwards=bool(rng.random() < 0.2))(h)
        if what == "conv":
            return choose(rng, L.Conv1D, L.SeparableConv1D)(3, 2, padding="same", **self.name())(h)
        if what == "norm":
            return L.PReLU(shared_axes=[1], **self.name())(h) if rng.random() < 0.5 else L.LayerNormalization(**self.name())(h)
        if what == "mha" and depth == 0:
            a = L.MultiHeadAttention(2, 2, **self.name())(h, h)
            return L.Add(**self.name())([h, a])
        return L.TimeDistributed(self.dense(), **self.name())(h)


def random_functional(k, rng):
    L, names = k.L, Names(rng)
    chain, inputs, xs, ends = Chain(k, rng, names), {}, [], []
    for _ in range(int(rng.integers(1, 3))):
        key, steps = names(), int(rng.integers(3, 5))
        if rng.random() < 0.3:
            xs.append(L.Input((steps,), dtype="int32", name=key))
            h = L.Embedding(6, 3, mask_zero=bool(rng.random() < 0.4), **chain.name())(xs[-1])
            inputs[key] = ids(rng, 6, steps)
            inputs[key][:, 0] = 1
        else:
            width = int(rng.integers(2, 4))
            xs.append(L.Input((steps, width), name=key))
            h = xs[-1]
            inputs[key] = floats(rng, steps, width)
        for _ in range(int(rng.integers(1, 4))):
            h = chain.step(h)
        end = rng.integers(4)
        if end == 0:
            h = L.GlobalMaxPooling1D(**chain.name())(h)
        elif end == 1:
            h = L.Flatten(**chain.name())(h)
        elif end == 2:
            h = L.Bidirectional(chain.recurrent(), **chain.name())(h)
        else:
            h = L.RNN([chain.cell(), chain.cell()], **chain.name())(h)
        ends.append(h)
    y = L.Concatenate(**chain.name())(ends) if len(ends) > 1 else ends[0]
    y = chain.dense(2)(y)
    outs = [y] + ends[1:]
    return k.K.Model(xs if len(xs) > 1 else xs[0], outs if len(outs) > 1 else outs[0]), inputs


def register():
    for i in range(COUNT["random_calls"]):
        tag, format = KERASES[i % len(KERASES)]
        case(f"calls_{i}", "random_calls", "towers called at random", random_calls, {tag: format})
    for i in range(COUNT["random_functional"]):
        tag, format = KERASES[i % len(KERASES)]
        via = ("", "keras", "h5", "clone", "")[i % 5] if format == "h5" else ""
        about = "wrappers and models at random" + (", " + {"clone": "cloned"}.get(via, f"through .{via} and saved again") if via else "")
        case(f"layers_{i}", "random_functional", about, random_functional, {tag: format}, via=via, unloadable=False)
