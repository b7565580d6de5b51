"""Writes files/NAME/* of the awkward files; pack_files.py makes files.zip of them.

    python generate_files.py [PATTERN...]    cases of tf_keras and of the Keras 3 that is installed

With a Keras 3 of another version found first (PYTHONPATH), it makes the cases of that one only.
Afterwards `node record_files.mjs` adds the answers of TensorFlow.js.
"""
from files_common import *

import fnmatch
import importlib
import time

MODULES = ("calls", "shapes", "names", "origins", "shared", "repaired", "misc", "random")


def main(patterns):
    for m in MODULES:
        if importlib.util.find_spec("files_" + m):
            importlib.import_module("files_" + m).register()
    three = keras3()
    kerases = {three.tag: three}
    if three.tag == "k315":
        kerases["k2"] = keras2()
    FILES.mkdir(exist_ok=True)
    made, skipped, start = {}, [], time.time()
    for c in CASES:
        if patterns and not any(fnmatch.fnmatch(c.name, p) or fnmatch.fnmatch(c.kind, p) for p in patterns):
            continue
        for tag, formats in c.keras.items():
            for format in formats.split():
                if tag not in kerases:
                    continue
                try:
                    run = c.more.get("record", record)
                    run(c, kerases[tag], format)
                    made[c.kind] = made.get(c.kind, 0) + 1
                except Exception as e:
                    formats_ = {"h5": "h5", "keras": "zip"}
                    shutil.rmtree(FILES / "_".join([c.name, tag, formats_[format]]), ignore_errors=True)
                    skipped.append(f"{c.name} {tag} {format}: {type(e).__name__}: {' '.join(str(e).split())[:300]}")
                    print("skipped", skipped[-1], flush=True)
    print(made, f"{len(skipped)} skipped, {time.time() - start:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
