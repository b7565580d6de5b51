"""Nested models: which call an output names (call_numbers), and calls with a dict (dict_calls)."""
from files_common import *


def tower(k, name, inner, width=3, out=3):
    """A small model of one input; its last layer is called as late as its first in the alphabet."""
    L = k.L
    if inner == "seq":
        return k.K.Sequential([L.Input((width,), name=name + "_q"), L.Dense(4, activation="relu", name=name + "_z"),
                               L.Dense(out, name=name + "_a")], name=name)
    q = L.Input((width,), name=name + "_q")
    h = L.Dense(4, activation="relu", name=name + "_z")(q)
    if inner == "funseq":
        last = k.K.Sequential([L.Input((4,), name=name + "_s"), L.Dense(out, name=name + "_a")], name=name + "_last")
    else:
        last = L.Dense(out, name=name + "_a")
    return k.K.Model(q, last(h), name=name)


def calls(inner, pick, twice_built=False):
    """Two towers' calls and what of them is put out; pick(u, v, head) names the outputs."""

    def build(k, rng):
        L = k.L
        x, y = L.Input((3,), name="x"), L.Input((3,), name="a_y")
        t = tower(k, "t", inner)
        if twice_built:
            t(L.Input((3,), name="other"))  # a call that is no part of the model
        u, v = t(x), t(y)
        head = L.Dense(2, name="head")(L.Concatenate(name="both")([u, v]))
        return k.K.Model([x, y], pick(u, v, head)), {"x": floats(rng, 3), "a_y": floats(rng, 3)}

    return build


PICKS = {
    "first": ("the first of two calls and a head", lambda u, v, h: [u, h]),
    "second": ("the second of two calls and a head", lambda u, v, h: [h, v]),
    "swapped": ("both calls, the second first", lambda u, v, h: [v, u]),
    "both": ("both calls in order and a head", lambda u, v, h: [u, v, h]),
    "head": ("a head over two calls, neither put out", lambda u, v, h: h),
    "dict": ("a dict whose keys sort the second call first", lambda u, v, h: {"z": u, "b": v, "m": h}),
}


def direct(inner):
    def build(k, rng):
        x = k.L.Input((3,), name="x")
        return k.K.Model(x, tower(k, "t", inner)(x)), {"x": floats(rng, 3)}

    return build


def three(inner):
    def build(k, rng):
        L = k.L
        xs = [L.Input((3,), name=n) for n in ("m", "a", "z")]
        t = tower(k, "t", inner)
        us = [t(x) for x in xs]
        return k.K.Model(xs, [us[1], us[2], L.Add(name="sum")(us), us[0]]), {n: floats(rng, 3) for n in "maz"}

    return build


def chained(inner):
    def build(k, rng):
        x = k.L.Input((3,), name="x")
        t = tower(k, "t", inner)
        u = t(x)
        v = t(u)
        return k.K.Model(x, [v, t(v), u]), {"x": floats(rng, 3)}

    return build


def only_second(inner):
    def build(k, rng):
        L = k.L
        x, y = L.Input((3,), name="x"), L.Input((3,), name="y")
        t = tower(k, "t", inner)
        t(x)
        return k.K.Model(y, [t(y), L.Dense(2, name="d")(y)]), {"y": floats(rng, 3)}

    return build


def deep(inner, outside=False):
    """Outer holds two calls of inner and puts out both; outer is called twice, inner perhaps outside too."""

    def build(k, rng):
        L = k.L
        t = tower(k, "t", inner)
        p, q = L.Input((3,), name="p"), L.Input((3,), name="q")
        outer = k.K.Model([q, p], [t(p), L.Add(name="sum")([t(q), p])], name="outer")
        x, y = L.Input((3,), name="x"), L.Input((3,), name="y")
        a, b = outer([x, y])
        c, d = outer([y, a])
        return k.K.Model([y, x], [d, b, t(b) if outside else L.Dense(2, name="head")(c), c, a]), {"x": floats(rng, 3), "y": floats(rng, 3)}

    return build


def wrapped_model(inner):
    """A model around a model, put out as it is."""

    def build(k, rng):
        L = k.L
        q = L.Input((3,), name="q")
        outer = k.K.Model(q, tower(k, "t", inner)(q), name="outer")
        x, y = L.Input((3,), name="x"), L.Input((3,), name="y")
        return k.K.Model([x, y], [outer(y), outer(x)]), {"x": floats(rng, 3), "y": floats(rng, 3)}

    return build


def several(k, rng):
    L = k.L
    q = L.Input((3,), name="q")
    t = k.K.Model(q, [L.Dense(3, name="b")(q), L.Dense(2, name="a")(q)], name="t")
    x = L.Input((3,), name="x")
    b, a = t(x)
    d, c = t(b)
    return k.K.Model(x, [c, b, L.Concatenate(name="join")([a, d]), a]), {"x": floats(rng, 3)}


def dict_outputs(k, rng):
    L = k.L
    q = L.Input((3,), name="q")
    t = k.K.Model(q, {"up": L.Dense(3, name="b")(q), "low": L.Dense(3, name="a")(q)}, name="t")
    x, y = L.Input((3,), name="x"), L.Input((3,), name="y")
    u, v = t(x), t(y)
    return k.K.Model({"x": x, "w": y}, {"s": u["up"], "p": v["low"], "r": v["up"],
                                        "q": L.Add(name="sum")([u["low"], v["up"]])}), {
        "x": floats(rng, 3), "w": floats(rng, 3)}


def sequential_of_models(k, rng):
    """A Sequential that ends in a model which is used outside too."""
    L = k.L
    t = tower(k, "t", "fun")
    s = k.K.Sequential([L.Input((4,), name="s_in"), L.Dense(3, name="d"), t], name="s")
    x, y = L.Input((4,), name="x"), L.Input((3,), name="y")
    return k.K.Model([x, y], [t(y), s(x)]), {"x": floats(rng, 4), "y": floats(rng, 3)}


def state_outputs(k, rng):
    """A nested encoder whose states go to two decoders, one put out."""
    L = k.L
    q = L.Input((4, 2), name="q")
    o, h, c = L.LSTM(3, return_sequences=True, return_state=True, name="enc")(q)
    t = k.K.Model(q, [h, c, o], name="encoder")
    x, y = L.Input((4, 2), name="x"), L.Input((4, 2), name="y")
    h1, c1, o1 = t(x)
    h2, c2, o2 = t(y)
    return k.K.Model([x, y], [o2, L.Dense(2, name="d")(h1), c2, L.Subtract(name="s")([c1, h2])]), {
        "x": floats(rng, 4, 2), "y": floats(rng, 4, 2)}


def register_calls():
    jobs = []
    for inner in ("fun", "seq"):
        for pick, (about, f) in PICKS.items():
            jobs.append((f"{pick}_{inner}", about, calls(inner, f)))
    jobs += [("direct_" + i, "a nested model as the output", direct(i)) for i in ("fun", "seq", "funseq")]
    jobs += [("three_" + i, "three calls, put out in another order", three(i)) for i in ("fun", "seq")]
    jobs += [("chained_" + i, "a model called on its own output", chained(i)) for i in ("fun", "seq")]
    jobs += [("only_second_" + i, "only the second call is in the model", only_second(i)) for i in ("fun", "seq")]
    jobs += [("deep_" + i, "calls of calls", deep(i)) for i in ("fun", "seq", "funseq")]
    jobs += [("deep_outside_" + i, "calls of calls, the inner model outside too", deep(i, True)) for i in ("fun", "seq")]
    jobs += [("wrapped_" + i, "a model that only calls a model", wrapped_model(i)) for i in ("fun", "seq")]
    jobs += [("third_of_three_" + i, "a call before that is no part of the model",
              calls(i, PICKS["swapped"][1], True)) for i in ("fun", "seq")]
    jobs += [("several", "several outputs of a nested model", several),
             ("dict_outputs", "dict outputs of a nested model called twice", dict_outputs),
             ("sequential_of_models", "a Sequential that ends in a shared model", sequential_of_models),
             ("state_outputs", "sequences and states of a nested encoder", state_outputs)]
    for i, (name, about, build) in enumerate(jobs):
        keras = rotate(i)
        if i % 4 == 0 or name in ("dict_outputs", "deep_fun", "several"):
            keras["k2"] = "h5"
        if name in ("first_fun", "direct_fun", "swapped_fun", "several"):
            keras.update({t: "h5 keras" for t in ("k33", "k38", "k315")})
        if name in ("sequential_of_models", "deep_outside_fun", "deep_outside_seq"):  # the converter refuses the .h5
            keras = {"k38": "keras", "k315": "keras"}
        case("calls_" + name, "call_numbers", about, build, keras)


# ---- calls with a dict ------------------------------------------------------------------------


def named_model(k, form, widths, name="tower", keys=None):
    """A model that treats its inputs differently; widths: {input name: width} in the order of making."""
    L = k.L
    xs = {n: L.Input((w,), name=n) for n, w in widths.items()}
    hs = [L.Dense(2, name=f"{name}_{n}_d")(x) for n, x in xs.items()]
    y = L.Concatenate(name=name + "_join")(hs)
    given = {"list": list(xs.values()), "tuple": tuple(xs.values()),
             "dict": dict(zip(keys, xs.values())) if keys else xs, "single": next(iter(xs.values()))}[form]
    return k.K.Model(given, y, name=name)


def by_dict(form, widths, call, keys=None, calls=1):
    """call: {key: outer input}; the second call gives the outer inputs in reverse."""

    def build(k, rng):
        L = k.L
        t = named_model(k, form, widths, keys=keys)
        of = dict(zip(keys or widths, widths.values()))
        xs = {n: L.Input((of[key],), name=n) for key, n in call.items()}
        us = [t({key: xs[n] for key, n in call.items()})]
        if calls == 2:
            back = list(call.values())[::-1]
            us.append(t({key: xs[n] for key, n in zip(call, back)}))
        y = us[0] if calls == 1 else L.Subtract(name="difference")(us)
        ys = [L.Dense(2, name="head")(y)] + us[1:]
        return k.K.Model(list(xs.values()), ys if len(ys) > 1 else ys[0]), {
            n: floats(rng, of[key]) for key, n in call.items()}

    return build


def table_model(k, rng):
    """Ids and numbers by name into a nested model of three inputs of equal width."""
    L = k.L
    user, item, age = L.Input((2,), dtype="int32", name="user"), L.Input((2,), dtype="int32", name="item"), \
        L.Input((2,), name="age")
    h = [L.Flatten(name="fu")(L.Embedding(7, 2, name="eu")(user)), L.Flatten(name="fi")(L.Embedding(9, 2, name="ei")(item)), age]
    t = k.K.Model([user, item, age], L.Dense(3, name="out")(L.Concatenate(name="join")(h)), name="ranker")
    ox, oy, oz = L.Input((2,), dtype="int32", name="x"), L.Input((2,), dtype="int32", name="y"), L.Input((2,), name="z")
    return k.K.Model([oz, oy, ox], t({"item": oy, "age": oz, "user": ox})), {
        "z": floats(rng, 2), "y": ids(rng, 7, 2), "x": ids(rng, 7, 2)}


def two_deep(k, rng):
    """A model called by dict inside a model called by dict."""
    L = k.L
    t = named_model(k, "list", {"b": 3, "a": 3})
    m, n = L.Input((3,), name="n"), L.Input((3,), name="m")
    outer = k.K.Model([m, n], L.Dense(3, name="od")(t({"a": m, "b": n})), name="outer")
    x, y = L.Input((3,), name="x"), L.Input((3,), name="y")
    return k.K.Model([x, y], [outer({"m": x, "n": y}), t({"b": x, "a": y})]), {"x": floats(rng, 3), "y": floats(rng, 3)}


def dict_top(k, rng):
    """A model of dict inputs that hands its whole dict on, and a part of it in another order."""
    L = k.L
    t = named_model(k, "dict", {"c": 3, "a": 3, "b": 3})
    s = named_model(k, "list", {"second": 3, "first": 3}, name="small")
    xs = {n: L.Input((3,), name=n) for n in ("b", "c", "a")}
    y = L.Dense(3, name="head")(L.Concatenate(name="both")([t(xs), s({"first": xs["b"], "second": xs["c"]})]))
    return k.K.Model(xs, {"p": y, "a": t({"a": xs["c"], "b": xs["a"], "c": xs["b"]})}), {
        n: floats(rng, 3) for n in xs}


def list_for_dict(k, rng):
    """A model made with a dict, called with a list in the order of its making."""
    L = k.L
    t = named_model(k, "dict", {"b": 3, "a": 3})
    x, y = L.Input((3,), name="x"), L.Input((3,), name="y")
    return k.K.Model([x, y], t([x, y])), {"x": floats(rng, 3), "y": floats(rng, 3)}


def extra_keys(form):
    def build(k, rng):
        L = k.L
        t = named_model(k, form, {"b": 3, "a": 3})
        x, y, z = (L.Input((3,), name=n) for n in "xyz")
        u = t({"aa": z, "b": x, "a": y})
        return k.K.Model([x, y, z], [u, L.Dense(2, name="dz")(z)]), {n: floats(rng, 3) for n in "xyz"}

    return build


def register_dicts():
    abc = {"b": 3, "a": 3, "c": 3}
    jobs = []
    for form in ("list", "tuple", "dict"):
        jobs.append((f"{form}_three", f"made with a {form}, equal shapes", by_dict(
            form, abc, {"a": "p", "b": "q", "c": "r"})))
        jobs.append((f"{form}_widths", f"made with a {form}, other shapes", by_dict(
            form, {"z": 2, "m": 4, "a": 3}, {"m": "x", "a": "y", "z": "w"})))
        jobs.append((f"{form}_twice", f"made with a {form}, called twice", by_dict(
            form, {"y": 3, "x": 3}, {"x": "u", "y": "v"}, calls=2)))
    jobs += [
        ("keys", "made with a dict whose keys are not the inputs' names", by_dict(
            "dict", {"in_1": 3, "in_2": 3}, {"first": "x", "second": "y"}, keys=["second", "first"])),
        ("single", "one input, called with a dict", by_dict("single", {"only": 3}, {"only": "x"})),
        ("table", "ids and numbers by name", table_model), ("two_deep", "in a model called with a dict", two_deep),
        ("top", "a dict handed on", dict_top), ("list_for_dict", "made with a dict, called with a list", list_for_dict),
        ("extra_list", "a key too many, made with a list", extra_keys("list")),
        ("extra_dict", "a key too many, made with a dict", extra_keys("dict"))]
    for i, (name, about, build) in enumerate(jobs):
        case("dict_" + name, "dict_calls", about, build, {"k2": "h5", **rotate(i)}, unloadable=False)


def register():
    register_calls()
    register_dicts()
