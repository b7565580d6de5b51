"""Writes functions/NAME/*: small models of functions between layers; pack_files.py makes functions.zip of them.

    python generate_functions.py [PATTERN...]    cases of tf_keras and of the Keras 3 that is installed

With a Keras 3 of another version found first (PYTHONPATH), it makes the cases of that one only.
"""
from functions_common import *

import fnmatch
import importlib
import time

MODULES = ("elementwise", "integers", "logic", "reductions", "order", "gather", "shapes", "slices", "linear", "recommender",
           "batch", "rare")


def main(patterns):
    for m in MODULES:
        if importlib.util.find_spec("functions_" + m):
            importlib.import_module("functions_" + m).register()
    three = keras3()
    kerases = {three.tag: three}
    if three.tag == "k315":
        kerases["k2"] = keras2()
    FUNCTIONS.mkdir(exist_ok=True)
    made, skipped, start, seen = {}, [], time.time(), set()
    for c in CASES:
        if patterns and not any(fnmatch.fnmatch(c.name, p) or fnmatch.fnmatch(c.kind, p) for p in patterns):
            continue
        for tag, format in c.keras.items():
            if tag not in kerases:
                continue
            assert (c.name, tag) not in seen, c.name
            seen.add((c.name, tag))
            try:
                record_function(c, kerases[tag], format)
                made[c.kind] = made.get(c.kind, 0) + 1
            except Exception as e:
                shutil.rmtree(FUNCTIONS / "_".join([c.name, tag, FORMATS[format]]), ignore_errors=True)
                skipped.append(f"{c.name} {tag} {format}: {type(e).__name__}: {' '.join(str(e).split())[:400]}")
                print("skipped", skipped[-1], flush=True)
    print(made, f"{len(skipped)} skipped, {time.time() - start:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
