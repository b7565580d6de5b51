"""The container of the archives in this folder: a zip with one deflated entry, which is itself a zip that stores its files
without compression. Small files compress three times better together than each for itself.

The same files give the same archive: they are sorted and have fixed times.
"""
import io
import pathlib
import sys
import zipfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
SEED = 20240117


def pack(name, files):
    """Writes {path: bytes} to NAME.zip, whose entry is NAME.files.zip."""

    def about(path, method):
        info = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
        info.compress_type, info.external_attr, info.create_system = method, 0o644 << 16, 3
        return info

    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as out:
        for path in sorted(files):
            out.writestr(about(path, zipfile.ZIP_STORED), files[path])
    target = HERE / f"{name}.zip"
    with zipfile.ZipFile(target, "w") as out:
        out.writestr(about(f"{name}.files.zip", zipfile.ZIP_DEFLATED), inner.getvalue(), compresslevel=9)
    cases = len({path.split("/")[0] for path in files})
    print(f"{target.name}: {cases} cases, {len(files)} files, {target.stat().st_size} bytes")


def unpack(name):
    """{path: bytes} of NAME.zip."""
    with zipfile.ZipFile(HERE / f"{name}.zip") as outer:
        inner = zipfile.ZipFile(io.BytesIO(outer.read(f"{name}.files.zip")))
    return {path: inner.read(path) for path in inner.namelist()}


def session(model, optimised=True):
    """An onnxruntime session of one thread."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    level = ort.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimised else level.ORT_DISABLE_ALL
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
