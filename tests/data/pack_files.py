"""Packs files/ into files.zip, or with the argument `functions` that folder: sorted, with fixed times, so that the same files
give the same archive."""
import json
import pathlib
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent


def main(name="files"):
    folder, archive = HERE / name, HERE / f"{name}.zip"
    for path in sorted(folder.glob("*/case.json")) if name == "files" else ():  # of functions, TensorFlow.js knows none
        info = json.loads(path.read_text())
        if info["tfjs"] is None or info["kind"] == "repaired" and info["tfjs"] != "ok":
            return f"{info['name']}: TensorFlow.js says {info['tfjs']}"
    with zipfile.ZipFile(archive, "w") as out:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), (1980, 1, 1, 0, 0, 0))
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            out.writestr(info, path.read_bytes(), compresslevel=9)
    print(archive.stat().st_size, "bytes")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
