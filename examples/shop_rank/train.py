#!/usr/bin/env python3
"""Makes this folder: a synthetic shop, a ranking model trained on it, its TF.js conversion,
one request, and the answers TF.js and Keras give to it.

    python train.py            (needs requirements.txt, and Node with @tensorflow/tfjs on NODE_PATH)

Everything is drawn from SEED. The shop, its users and its clicks are invented.
"""

import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
import tf_keras as keras  # noqa: E402
from safetensors.numpy import load_file, save_file  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
SEED = 7
N_USERS, N_PRODUCTS, N_CITIES, N_DEVICES, N_HOURS = 2000, 1500, 40, 4, 24
HISTORY = 20  # browsed products kept per user, most recent first, 0 = padding
FORGET = 6  # points in time after which a browsed product leaves the history
STEPS, SHOWN = 30, 24  # points in time, products shown per visit
TRAIN_UNTIL, VALID_AT = 25, 25  # train: steps 0..24, validation: 25, test: 26..29
EPOCHS = 18
N_CANDIDATES = 200

# world -> category -> (kinds, materials or styles, variants, typical price)
WORLDS = {
    "coffee and tea": {
        "coffee": (["coffee beans", "ground coffee", "espresso beans", "coffee sampler"],
                   ["Ethiopian", "Colombian", "Guatemalan", "Sumatran", "Kenyan"],
                   ["light roast", "medium roast", "dark roast", "decaf"], 14),
        "tea": (["green tea", "black tea", "oolong", "tea tin"],
                ["loose-leaf", "smoked", "first-flush", "jasmine", "roasted"],
                ["100 g", "250 g", "sampler", "gift tin"], 12),
        "brewing gear": (["dripper", "hand grinder", "kettle", "French press", "server"],
                         ["ceramic", "steel", "glass", "copper"],
                         ["white", "black", "sand", "forest green"], 45),
    },
    "kitchen": {
        "cookware": (["saucepan", "frying pan", "casserole", "wok", "stockpot"],
                     ["cast-iron", "copper", "steel", "enamelled"],
                     ["18 cm", "24 cm", "28 cm", "32 cm"], 70),
        "kitchen knives": (["chef's knife", "paring knife", "bread knife", "cleaver", "santoku"],
                           ["forged", "damask", "carbon-steel", "ceramic"],
                           ["walnut handle", "olive-wood handle", "black handle"], 60),
        "baking": (["loaf tin", "mixing bowl", "rolling pin", "tart mould", "proving basket"],
                   ["steel", "beech", "rattan", "enamelled", "silicone"],
                   ["small", "medium", "large"], 22),
    },
    "knitwear": {
        "scarves and hats": (["scarf", "beanie", "bobble hat", "snood", "beret"],
                             ["wool", "merino", "cashmere", "alpaca"],
                             ["moss green", "rust", "navy", "oatmeal", "plum"], 32),
        "sweaters": (["sweater", "cardigan", "roll-neck", "knitted vest", "fisherman's jumper"],
                     ["wool", "merino", "cashmere", "cotton"],
                     ["moss green", "rust", "navy", "oatmeal", "charcoal"], 85),
        "socks and gloves": (["socks", "walking socks", "mittens", "gloves", "leg warmers"],
                             ["wool", "merino", "alpaca", "bamboo"],
                             ["moss green", "rust", "navy", "oatmeal", "striped"], 18),
    },
    "outdoors": {
        "hiking shoes": (["hiking boots", "trail shoes", "approach shoes", "winter boots"],
                         ["leather", "waterproof", "lightweight", "vegan"],
                         ["slate", "brown", "olive", "black", "sand"], 130),
        "tents and sleeping bags": (["tent", "sleeping bag", "bivouac", "sleeping mat", "tarp"],
                                    ["down", "three-season", "ultralight", "four-season"],
                                    ["orange", "olive", "slate", "sky blue"], 160),
        "rain jackets": (["rain jacket", "shell jacket", "poncho", "anorak", "rain trousers"],
                         ["waxed", "recycled", "packable", "lined"],
                         ["mustard", "navy", "olive", "red", "black"], 110),
    },
    "sport": {
        "bicycle parts": (["saddle", "handlebar", "pannier", "bicycle lamp", "chainset"],
                          ["leather", "alloy", "carbon", "touring"],
                          ["black", "brown", "silver", "red"], 55),
        "running gear": (["running shoes", "running vest", "shorts", "head torch", "tights"],
                         ["cushioned", "reflective", "breathable", "racing"],
                         ["coral", "black", "lime", "sky blue"], 65),
        "yoga": (["yoga mat", "block", "bolster", "strap", "meditation cushion"],
                 ["cork", "natural-rubber", "cotton", "buckwheat"],
                 ["sage", "terracotta", "indigo", "sand"], 35),
    },
    "home": {
        "lamps": (["table lamp", "floor lamp", "pendant", "wall lamp", "reading lamp"],
                  ["brass", "paper", "smoked-glass", "oak"],
                  ["small", "large", "dimmable", "black cord"], 90),
        "bedding": (["duvet cover", "pillowcase", "throw", "bed sheet", "quilt"],
                    ["linen", "percale", "flannel", "satin"],
                    ["white", "dusty rose", "sage", "ink blue"], 60),
        "rugs": (["rug", "runner", "doormat", "bath mat", "kilim"],
                 ["wool", "jute", "cotton", "hand-woven"],
                 ["ivory", "ochre", "indigo", "checked"], 95),
    },
    "garden": {
        "seeds": (["tomato seeds", "wildflower seeds", "herb seeds", "bean seeds", "sunflower seeds"],
                  ["organic", "heirloom", "dwarf", "early"],
                  ["small packet", "large packet", "seed tape", "gift box"], 6),
        "plant pots": (["plant pot", "hanging pot", "window box", "planter", "saucer set"],
                       ["terracotta", "glazed", "zinc", "concrete"],
                       ["small", "medium", "large", "set of three"], 24),
        "garden tools": (["trowel", "secateurs", "rake", "watering can", "hand fork"],
                         ["steel", "copper", "forged", "ash-handled"],
                         ["short", "long", "left-handed", "gift set"], 34),
    },
    "desk and play": {
        "headphones": (["headphones", "earbuds", "headset", "portable speaker"],
                       ["wireless", "noise-cancelling", "open-back", "wired"],
                       ["black", "white", "sand", "navy", "silver"], 120),
        "keyboards": (["keyboard", "number pad", "wrist rest", "keycap set", "mouse"],
                      ["mechanical", "low-profile", "wireless", "walnut"],
                      ["grey", "black", "cream", "forest green"], 80),
        "board games": (["board game", "card game", "puzzle", "dice set", "chess set"],
                        ["cooperative", "wooden", "travel", "family"],
                        ["new edition", "pocket size", "deluxe", "for two"], 30),
    },
}
BRANDS = [  # brand j belongs to world j % 8; all invented
    "Morgendal", "Kuparo", "Fjellrud", "Stenvik", "Veltra", "Lumhus", "Grünau", "Pixeloom",
    "Barrique & Bean", "Ofenrot", "Ullmark", "Karstweg", "Tempolo", "Halvlys", "Saatkorn", "Tastwerk",
    "Tassimé", "Pfannenhaus", "Maille Nord", "Granitas", "Rondalo", "Casa Brava", "Wildbeet", "Klangora",
    "Rösthof", "Messerlin", "Strikkeri", "Hochpfad", "Sprintig", "Leinhof", "Terrabelle", "Würfelmann",
    "Kafelund", "Cuivrette", "Lanaviva", "Regenfels", "Velomare", "Dormavi", "Gärtnerei Lohe", "Keyharbour",
    "Hochlandhaus", "Brotzeit & Co", "Wollweber", "Nordpfad", "Asanara", "Teppichgasse", "Krautundbeet", "Sonaria",
    "Blattgold", "Kochlust", "Garnmühle", "Zeltmacher", "Läufersohn", "Lichtkontor", "Blumtopf", "Spielwiese",
    "Aromaté", "Gusswerk", "Schafmilde", "Wetterloden",
]
CITIES = [  # coldest first; the planted climate falls linearly from +1 to -1 along this list
    "Tromsø", "Kiruna", "Oulu", "Reykjavik", "Trondheim", "Umeå", "Helsinki", "Tallinn", "Riga", "Oslo",
    "Stockholm", "Vilnius", "Bergen", "Gdańsk", "Aarhus", "Edinburgh", "Copenhagen", "Warsaw", "Hamburg", "Berlin",
    "Dublin", "Leipzig", "Kraków", "Manchester", "Amsterdam", "Munich", "Prague", "London", "Cologne", "Vienna",
    "Zürich", "Paris", "Lyon", "Milan", "Bordeaux", "Porto", "Barcelona", "Rome", "Athens", "Seville",
]
DEVICES = ["desktop", "phone", "tablet", "app"]
WORLD_NAMES = list(WORLDS)
CATEGORIES = [(w, c) for w, cats in enumerate(WORLDS.values()) for c in cats]
CATEGORY_NAMES = [c for _, c in CATEGORIES]
CATEGORY_WORLD = np.array([w for w, _ in CATEGORIES])
N_CATEGORIES, N_BRANDS = len(CATEGORIES), len(BRANDS)
assert (N_CATEGORIES, N_BRANDS, len(CITIES), len(DEVICES)) == (24, 60, N_CITIES, N_DEVICES)

INPUTS = ["user_id", "product_id", "category_id", "brand_id", "city_id", "device_id", "hour_id",
          "history", "numeric"]
USER_INPUTS = ["user_id", "city_id", "device_id", "hour_id", "history"]


# ---------------------------------------------------------------------------------------------
# The shop
# ---------------------------------------------------------------------------------------------

class Shop:
    """Products, users and the planted preferences. Row 0 of every product array is "unknown"."""

    def __init__(self, rng):
        n = N_PRODUCTS + 1
        self.category = np.zeros(n, np.int32)
        self.brand = np.zeros(n, np.int32)
        self.name = ["(unknown)"]
        self.category[1:] = np.arange(N_PRODUCTS) % N_CATEGORIES
        seen = set()
        for p in range(1, n):
            world = CATEGORY_WORLD[self.category[p]]
            kinds, styles, variants, _ = WORLDS[WORLD_NAMES[world]][CATEGORY_NAMES[self.category[p]]]
            while True:
                brand = rng.choice([b for b in range(N_BRANDS) if b % len(WORLDS) == world])
                name = f"{BRANDS[brand]} {rng.choice(styles)} {rng.choice(kinds)}, {rng.choice(variants)}"
                if name not in seen:
                    break
            seen.add(name)
            self.brand[p] = brand
            self.name.append(name)

        typical = np.array([np.log(WORLDS[WORLD_NAMES[w]][c][3]) for w, c in CATEGORIES])
        tier = rng.normal(0, 0.35, N_BRANDS)
        self.log_price = (typical[self.category] + tier[self.brand] + rng.normal(0, 0.35, n)).astype(np.float32)
        # price level: how dear a product is for its category
        self.level = ((self.log_price - typical[self.category]) / 0.5).astype(np.float32)
        self.discount = np.where(rng.random(n) < 0.3, rng.choice([0.1, 0.15, 0.2, 0.3, 0.4], n), 0).astype(np.float32)
        self.rating = np.clip(np.round(rng.normal(4.0, 0.45, n), 1), 1.5, 5.0).astype(np.float32)
        self.age = rng.gamma(1.5, 60, n).astype(np.float32)  # days in stock
        self.appeal = rng.normal(0, 0.35, n)  # seen by no feature but the product id
        for a in (self.log_price, self.level, self.discount, self.rating, self.age, self.appeal):
            a[0] = 0

        # users 1..N_USERS; row 0 is "unknown"
        m = N_USERS + 1
        world_taste = rng.normal(-0.35, 0.25, (m, len(WORLDS)))
        for u in range(m):
            first, second = rng.choice(len(WORLDS), 2, replace=False)
            world_taste[u, first], world_taste[u, second] = 1.0, 0.6
        self.favourite = np.argsort(-world_taste, axis=1)[:, :2]
        self.taste = 1.7 * world_taste[:, CATEGORY_WORLD] + rng.normal(0, 0.55, (m, N_CATEGORIES))
        style_user, style_brand = rng.normal(0, 1, (m, 3)), rng.normal(0, 1, (N_BRANDS, 3))
        self.affinity = 0.35 * style_user @ style_brand.T
        self.thrift = rng.gamma(2.0, 0.35, m)  # price sensitivity, mean 0.7
        self.city = rng.integers(0, N_CITIES, m).astype(np.int32)
        self.device = rng.choice(N_DEVICES, m, p=[0.3, 0.45, 0.1, 0.15]).astype(np.int32)
        self.active = rng.uniform(0.05, 0.9, m)  # chance of a visit at each step

        climate = np.linspace(1, -1, N_CITIES)
        pull = np.zeros(N_CATEGORIES)
        for c, (w, name) in enumerate(CATEGORIES):
            if WORLD_NAMES[w] == "knitwear":
                pull[c] = 0.7
            elif name in ("rain jackets", "bedding", "tea"):
                pull[c] = 0.4
            elif WORLD_NAMES[w] == "garden":
                pull[c] = -0.6
            elif name in ("running gear", "tents and sleeping bags"):
                pull[c] = -0.3
        self.city_effect = climate[:, None] * pull[None, :]
        self.hour_effect = np.zeros((N_HOURS, N_CATEGORIES))
        for world, hours in {"coffee and tea": range(6, 11), "kitchen": range(16, 20), "sport": range(5, 9),
                             "outdoors": range(11, 15), "home": range(19, 23),
                             "desk and play": [21, 22, 23, 0, 1, 2]}.items():
            for h in hours:
                self.hour_effect[h, CATEGORY_WORLD == WORLD_NAMES.index(world)] = 0.7
        self.hour_weight = np.array([2, 1, 1, 1, 1, 2, 3, 5, 6, 6, 5, 5, 6, 6, 5, 5, 5, 6, 7, 8, 9, 9, 7, 4], float)
        self.hour_weight /= self.hour_weight.sum()

    def probability(self, user, hour, history, product):
        """The planted chance of a click; all arguments broadcast over rows."""
        category, brand, level = self.category[product], self.brand[product], self.level[product]
        z = -3.4 + self.taste[user, category] + self.affinity[user, brand] + self.appeal[product]
        z = z - self.thrift[user] * 0.6 * level - 0.2 * np.isin(self.device[user], [1, 3]) * level
        z = z + self.discount[product] * (1.0 + 1.5 * self.thrift[user])
        z = z + 0.6 * (self.rating[product] - 4.0) / 0.45
        z = z - 0.12 * np.log1p(self.age[product] / 30)
        z = z + self.city_effect[self.city[user], category] + self.hour_effect[hour, category]
        # recency: what was browsed lately counts, the latest most
        weight = (0.88 ** np.arange(HISTORY)) * (history > 0)
        weight = weight / weight.sum(-1, keepdims=True)
        z = z + 2.2 * (weight * (self.category[history] == category[:, None])).sum(-1)
        z = z + 0.8 * (weight * (self.brand[history] == brand[:, None])).sum(-1)
        return 1 / (1 + np.exp(-z))

    def numeric(self, user_visits, history, product):
        """log price, discount, rating, log days in stock, log visits of the user, and how much dearer
        for its category the product is than what the user browsed."""
        seen = history > 0
        browsed = (self.level[history] * seen).sum(-1) / np.maximum(seen.sum(-1), 1)
        return np.stack([self.log_price[product], self.discount[product], self.rating[product],
                         np.log1p(self.age[product]), np.log1p(user_visits), self.level[product] - browsed],
                        axis=1).astype(np.float32)


def push(rows, users, values):
    """Puts one value per user in front of that user's row."""
    rows[users, 1:] = rows[users, :-1]
    rows[users, 0] = values


def simulate(shop, rng):
    """Visits of all users over time: browsing fills the history, then SHOWN products are shown."""
    m = N_USERS + 1
    by_category = [np.flatnonzero(shop.category[1:] == c) + 1 for c in range(N_CATEGORIES)]
    history = np.zeros((m, HISTORY), np.int32)
    browsed_at = np.full((m, HISTORY), -1, np.int32)
    visits = np.zeros(m, np.int32)
    hits = 0.3 * np.exp(shop.appeal)  # what the shop itself shows more of
    hits[0] = 0
    hits /= hits.sum()
    want = np.exp(shop.taste)
    want /= want.sum(1, keepdims=True)

    def draw_category(users):
        return (want[users].cumsum(1) > rng.random((len(users), 1))).argmax(1)

    def draw_product(users, categories):
        """Of four products in the category, the one that suits the user's purse and brands best."""
        few = np.array([rng.choice(by_category[c], 4) for c in categories])
        value = shop.affinity[users[:, None], shop.brand[few]] - shop.thrift[users[:, None]] * shop.level[few]
        return few[np.arange(len(users)), (value + rng.gumbel(0, 0.7, few.shape)).argmax(1)]

    everyone = np.arange(m)
    mission = draw_category(everyone)  # what the user is after at the moment
    rows = []
    for step in range(STEPS):
        here = np.flatnonzero(rng.random(m) < shop.active)
        here = here[here > 0]
        change = here[rng.random(len(here)) < 0.3]
        mission[change] = draw_category(change)
        visits[here] += 1
        history[browsed_at <= step - FORGET] = 0  # always a tail: the latest come first
        for view in range(3):
            users = here if view == 0 else here[rng.random(len(here)) < 0.5]
            stray = rng.random(len(users)) < 0.2
            categories = np.where(stray, draw_category(users), mission[users])
            push(history, users, draw_product(users, categories))
            push(browsed_at, users, step)
        hour = rng.choice(N_HOURS, len(here), p=shop.hour_weight).astype(np.int32)

        user = np.repeat(here, SHOWN)
        how = rng.random(len(user))
        product = np.where(how < 0.6, rng.integers(1, N_PRODUCTS + 1, len(user)),
                           rng.choice(N_PRODUCTS + 1, len(user), p=hits)).astype(np.int32)
        near = how > 0.85  # some are shown because the user likes such things
        product[near] = draw_product(user[near], draw_category(user[near]))
        hours, past = np.repeat(hour, SHOWN), history[user]
        p = shop.probability(user, hours, past, product)
        click = rng.random(len(user)) < p
        rows.append(dict(user_id=user.astype(np.int32), product_id=product, category_id=shop.category[product],
                         brand_id=shop.brand[product], city_id=shop.city[user], device_id=shop.device[user],
                         hour_id=hours, history=past, numeric=shop.numeric(visits[user], past, product),
                         click=click.astype(np.float32), planted=p, step=np.full(len(user), step)))
        # a clicked product is a browsed one too (one per visit, to keep histories readable)
        first = {}
        for u, q in zip(user[click], product[click]):
            first.setdefault(u, q)
        if first:
            push(history, np.array(list(first)), np.array(list(first.values())))
            push(browsed_at, np.array(list(first)), step)
    return {k: np.concatenate([r[k] for r in rows]) for k in rows[0]}, history, visits


# ---------------------------------------------------------------------------------------------
# The model
# ---------------------------------------------------------------------------------------------

def build(mask_zero=True):
    layers = keras.layers
    ids = {"user_id": (N_USERS + 1, 16), "product_id": (N_PRODUCTS + 1, 24), "category_id": (N_CATEGORIES, 8),
           "brand_id": (N_BRANDS, 8), "city_id": (N_CITIES, 6), "device_id": (N_DEVICES, 2),
           "hour_id": (N_HOURS, 6)}
    inputs, parts = {}, []
    for name, (size, width) in ids.items():
        inputs[name] = layers.Input((1,), name=name, dtype="int32")
        # the product table is shared with the history, where 0 is padding
        table = layers.Embedding(size, width, name=name.replace("_id", "_embedding"),
                                 mask_zero=mask_zero and name == "product_id")
        parts.append(layers.Flatten(name=name.replace("_id", "_vector"))(table(inputs[name])))
        if name == "product_id":
            products = table
    inputs["history"] = layers.Input((HISTORY,), name="history", dtype="int32")
    parts.append(layers.GlobalAveragePooling1D(name="history_mean")(products(inputs["history"])))
    inputs["numeric"] = layers.Input((6,), name="numeric", dtype="float32")
    parts.append(layers.BatchNormalization(name="numeric_norm")(inputs["numeric"]))
    x = layers.Concatenate(name="features")(parts)
    x = layers.Dropout(0.15, name="drop0")(x)
    for i, units in enumerate((128, 64, 32), 1):
        x = layers.Dense(units, activation="relu", name=f"fc{i}")(x)
        x = layers.Dropout(0.1, name=f"drop{i}")(x)
    score = layers.Dense(1, activation="sigmoid", name="score")(x)
    return keras.Model([inputs[k] for k in INPUTS], score, name="shop_rank")


def train(data, rng):
    def part(rows):
        return {k: data[k][rows] if data[k].ndim > 1 else data[k][rows][:, None] for k in INPUTS}

    train_rows = np.flatnonzero(data["step"] < TRAIN_UNTIL)
    valid_rows = np.flatnonzero(data["step"] == VALID_AT)
    model = build()
    model.compile(keras.optimizers.AdamW(2e-3, weight_decay=0.3), "binary_crossentropy")
    x_valid = part(valid_rows)
    best, best_weights = -1.0, None
    x_all, y_all = part(train_rows), data["click"][train_rows][:, None]
    for epoch in range(EPOCHS):
        model.optimizer.learning_rate.assign(2e-3 * (1 + np.cos(np.pi * epoch / EPOCHS)) / 2)
        order = rng.permutation(len(train_rows))
        x = {k: v[order] for k, v in x_all.items()}
        # some ids are hidden, so that row 0 learns what "unknown" means and the history has to count
        for name, share in (("user_id", 0.15), ("product_id", 0.03)):
            x[name] = np.where(rng.random(x[name].shape) < share, 0, x[name]).astype(np.int32)
        loss = model.fit(x, y_all[order], batch_size=1024, shuffle=False, verbose=0).history["loss"][0]
        value = auc(data["click"][valid_rows], model.predict(x_valid, batch_size=8192, verbose=0)[:, 0])
        print(f"epoch {epoch + 1:2d}  loss {loss:.4f}  validation AUC {value:.4f}", flush=True)
        if value > best:
            best, best_weights = value, model.get_weights()
    model.set_weights(best_weights)
    return model, part


# ---------------------------------------------------------------------------------------------
# Measures
# ---------------------------------------------------------------------------------------------

def auc(label, score):
    _, inverse, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[inverse]
    ones = label > 0.5
    n1, n0 = ones.sum(), (~ones).sum()
    return (rank[ones].sum() - n1 * (n1 + 1) / 2) / (n1 * n0)


def kendall(a, b):
    """Tau-b; a plain O(n²) count is enough for 200 products."""
    da, db = np.sign(a[:, None] - a[None, :]), np.sign(b[:, None] - b[None, :])
    return (da * db).sum() / np.sqrt((da * da).sum() * (db * db).sum())


def best(scores, n):
    return np.argsort(-scores, kind="stable")[:n]


# ---------------------------------------------------------------------------------------------
# The converted model, read back
# ---------------------------------------------------------------------------------------------

def decoded_weights(folder):
    """Weights by name, as a TF.js loader sees them: float16 on disk, float32 in use."""
    spec = json.loads((folder / "model.json").read_text())
    out = {}
    for group in spec["weightsManifest"]:
        raw, at = b"".join((folder / p).read_bytes() for p in group["paths"]), 0
        for w in group["weights"]:
            stored = np.dtype(w.get("quantization", {}).get("dtype", w["dtype"])).newbyteorder("<")
            n = int(np.prod(w["shape"]))
            out[w["name"]] = np.frombuffer(raw, stored, n, at).astype(np.float32).reshape(w["shape"])
            at += n * stored.itemsize
        assert at == len(raw)
    return out


def convert(model):
    for old in HERE.glob("group*-shard*.bin"):
        old.unlink()
    tool = pathlib.Path(sys.executable).parent / "tensorflowjs_converter"
    with tempfile.TemporaryDirectory() as tmp:
        model.save(tmp, save_format="tf", include_optimizer=False)
        done = subprocess.run([str(tool) if tool.exists() else tool.name, "--input_format=keras_saved_model",
                               "--output_format=tfjs_layers_model", "--quantize_float16=*", tmp, str(HERE)],
                              capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)


# ---------------------------------------------------------------------------------------------
# One request
# ---------------------------------------------------------------------------------------------

def choose_user(shop, history):
    """Somebody whose taste is easy to read off the history: lives in one of the colder cities, favours knitwear
    and coffee and tea, and has lately browsed 8 to 12 products, as many as possible from these two worlds."""
    favourites = {WORLD_NAMES.index("knitwear"), WORLD_NAMES.index("coffee and tea")}
    found = []
    for u in range(1, N_USERS + 1):
        past = history[u][history[u] > 0]
        if set(shop.favourite[u]) == favourites and 8 <= len(past) <= 12 and shop.city[u] < 20:
            worlds = CATEGORY_WORLD[shop.category[past]]
            counts = [(worlds == w).sum() for w in favourites]
            found.append((min(counts) >= 3, sum(counts) / len(past), -u))
    return -max(found)[2]


def main():
    started = time.time()
    lines = []

    def say(text=""):
        print(text, flush=True)
        lines.append(text)

    keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    rng = np.random.default_rng(SEED)
    shop = Shop(rng)
    data, history, visits = simulate(shop, rng)
    print(f"simulated in {time.time() - started:.0f} s")
    model, part = train(data, rng)
    print(f"trained after {time.time() - started:.0f} s")

    train_rows = np.flatnonzero(data["step"] < TRAIN_UNTIL)
    test_rows = np.flatnonzero(data["step"] > VALID_AT)
    say(f"seed {SEED}; Python {platform.python_version()}, TensorFlow {tf.__version__}, "
        f"tf_keras {keras.__version__}, NumPy {np.__version__}")
    say(f"{len(data['click'])} impressions, {data['click'].mean():.1%} clicked; "
        f"train {len(train_rows)}, test {len(test_rows)} (later in time)")

    # popularity: the product's click rate in the training part, smoothed
    shown = np.bincount(data["product_id"][train_rows], minlength=N_PRODUCTS + 1)
    clicked = np.bincount(data["product_id"][train_rows], data["click"][train_rows], N_PRODUCTS + 1)
    popularity = (clicked + 10 * data["click"][train_rows].mean()) / (shown + 10)

    convert(model)
    weights = decoded_weights(HERE)
    decoded, maskless = build(), build(mask_zero=False)
    for other in (decoded, maskless):
        names = [v.name.split(":")[0] for v in other.weights]
        assert sorted(names) == sorted(weights), "weight names of the conversion"
        other.set_weights([weights[n] for n in names])

    def predict(which, rows):
        return which.predict(part(rows), batch_size=8192, verbose=0)[:, 0]

    say()
    say("AUC                                     train    test")
    for label, values in {
        "popularity baseline": lambda rows: popularity[data["product_id"][rows]],
        "model, float32 weights": lambda rows: predict(model, rows),
        "model, float16 weights (as converted)": lambda rows: predict(decoded, rows),
        "the same, history mask ignored (TF.js)": lambda rows: predict(maskless, rows),
        "planted probability (oracle)": lambda rows: data["planted"][rows],
    }.items():
        a, b = (auc(data["click"][rows], values(rows)) for rows in (train_rows, test_rows))
        say(f"{label:38s}  {a:.4f}  {b:.4f}")

    # the request: one user now, 200 products the user has not browsed yet
    user = choose_user(shop, history)
    past, hour = history[user], 8
    fresh = np.setdiff1d(np.arange(1, N_PRODUCTS + 1), past)
    product = np.random.default_rng([SEED, 1]).choice(fresh, N_CANDIDATES, replace=False).astype(np.int32)
    request = dict(
        user_id=np.array([[user]], np.int32), city_id=shop.city[[user]][:, None],
        device_id=shop.device[[user]][:, None], hour_id=np.array([[hour]], np.int32), history=past[None, :],
        product_id=product[:, None], category_id=shop.category[product][:, None],
        brand_id=shop.brand[product][:, None],
        numeric=shop.numeric(np.full(N_CANDIDATES, visits[user]), np.repeat(past[None], N_CANDIDATES, 0), product))
    save_file({k: np.ascontiguousarray(v) for k, v in request.items()}, HERE / "input.safetensors")
    (HERE / "labels.txt").write_text("".join(shop.name[p] + "\n" for p in product), encoding="utf-8")

    full = {k: np.repeat(v, N_CANDIDATES, 0) if k in USER_INPUTS else v for k, v in request.items()}
    by_keras = decoded.predict(full, batch_size=N_CANDIDATES, verbose=0)
    save_file({"score": by_keras}, HERE / "expected.keras.safetensors")
    unmasked = maskless.predict(full, batch_size=N_CANDIDATES, verbose=0)[:, 0]
    subprocess.run(["node", str(HERE / "record_tfjs.mjs")], check=True)
    by_tfjs = load_file(HERE / "expected.tfjs.safetensors")["score"][:, 0]
    by_keras = by_keras[:, 0]
    planted = shop.probability(np.full(N_CANDIDATES, user), np.full(N_CANDIDATES, hour),
                               np.repeat(past[None], N_CANDIDATES, 0), product)

    say()
    say(f"user {user}: {CITIES[shop.city[user]]}, {DEVICES[shop.device[user]]}, {hour}:00, {visits[user]} visits; "
        f"price sensitivity {shop.thrift[user]:.2f} (mean 0.70)")
    say("planted favourites: " + ", ".join(WORLD_NAMES[w] for w in shop.favourite[user]) + "; categories: "
        + ", ".join(f"{CATEGORY_NAMES[c]} {shop.taste[user, c]:+.2f}" for c in best(shop.taste[user], 4)))
    say(f"browsed ({(past > 0).sum()} of {HISTORY} places, latest first):")
    for p in past[past > 0]:
        say(f"  {shop.name[p]}  [{CATEGORY_NAMES[shop.category[p]]}]")
    for label, scores in {"TF.js": by_tfjs, "Keras": by_keras}.items():
        say(f"top 10 of {N_CANDIDATES} by {label} (score; planted probability):")
        for i in best(scores, 10):
            say(f"  {scores[i]:.4f}  {planted[i]:.4f}  {shop.name[product[i]]}  [{CATEGORY_NAMES[shop.category[product[i]]]}]")
    say()
    say(f"TF.js against Keras on this request: largest difference {np.abs(by_tfjs - by_keras).max():.4f}, "
        f"Kendall tau {kendall(by_tfjs, by_keras):.4f}, "
        f"top-5 overlap {len(set(best(by_tfjs, 5)) & set(best(by_keras, 5)))} of 5, "
        f"top-10 overlap {len(set(best(by_tfjs, 10)) & set(best(by_keras, 10)))} of 10")
    say(f"TF.js against Keras with the mask switched off: largest difference {np.abs(by_tfjs - unmasked).max():.1e}")
    say(f"Kendall tau with the planted probability: TF.js {kendall(by_tfjs, planted):.3f}, "
        f"Keras {kendall(by_keras, planted):.3f}, popularity {kendall(popularity[product], planted):.3f}")
    for made in HERE.glob("*.safetensors"):
        made.chmod(0o644)  # safetensors makes them private
    (HERE / "report.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"done after {time.time() - started:.0f} s")


if __name__ == "__main__":
    main()
