"""Compares tfjs-wgpu with its peers in interleaved rounds and prints one table of ratios. README.md says what is
needed; what is not there is reported as missing.

    python compare.py [MODEL...] [--batch 1,32,256] [--rounds 5] [--cold-rounds 3] [--python PYTHON] [--json FILE]

A ratio is the peer's time over ours: above 1, ours is faster. It is the median of the ratios of the single rounds,
with the smallest and the largest of them.
"""
import argparse
import glob
import json
import os
import pathlib
import select
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MODELS = ["examples/shop_rank", "tests/data/models/dlrm_26", "tests/data/models/youtube_dnn_10k"]
DRIVERS = {
    "swiftshader": ["/usr/lib/chromium/vk_swiftshader_icd.json", "/usr/lib/chromium-browser/vk_swiftshader_icd.json",
                    "/opt/google/chrome/vk_swiftshader_icd.json"],
    "lavapipe": ["/usr/share/vulkan/icd.d/lvp_icd*.json"],
}
# (peer, ours): what runs on the same kind of machine.
PAIRS = [("webgl", "swiftshader"), ("webgl", "lavapipe"), ("webgl-sync", "swiftshader"),
         ("webgl-sync", "lavapipe"), ("webgpu", "swiftshader"), ("webgpu", "lavapipe"), ("wasm", "cpu"),
         ("onnxruntime", "cpu"), ("litert", "cpu"), ("mnn", "cpu")]
OURS = ["swiftshader", "lavapipe", "cpu"]
BROWSER = ["webgl", "webgl-sync", "webgpu", "wasm"]
PYTHON = ["onnxruntime", "litert", "mnn"]
PATIENCE_S = 300


class Missing(Exception):
    """Why a peer cannot take part."""


class Child:
    """An engine with a model, which answers a batch size with one round."""

    def __init__(self, name, command, env, log):
        self.name, self.log = name, log
        with open(log, "w") as stderr:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
                                            env={**os.environ, **env}, cwd=ROOT)
        try:
            self.opened = self.line()
        except Missing:
            self.close()
            raise

    def line(self):
        """The next JSON line."""
        while True:
            ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE_S)
            text = self.process.stdout.readline() if ready else b""
            if not text:
                said = pathlib.Path(self.log).read_text(errors="replace").strip().splitlines() or ["nothing"]
                raise Missing(f"{'it ended' if ready else 'it does not answer'}; it said: {said[-1]}")
            if text.startswith(b"{"):
                line = json.loads(text)
                if line.get("missing"):
                    raise Missing(line["missing"])
                return line

    def round(self, batch):
        self.process.stdin.write(f"{batch}\n".encode())
        self.process.stdin.flush()
        return self.line()

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # it is gone already
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Peers:
    """How every engine is started on a model."""

    def __init__(self, arguments, model, work):
        self.arguments, self.model, self.work = arguments, model, work
        self.missing = {}
        (work / "inputs").mkdir(parents=True, exist_ok=True)
        subprocess.run([arguments.predict, model, "--batch", arguments.batch, "--write-inputs", work / "inputs"],
                       check=True, cwd=ROOT)
        if set(PYTHON) & set(arguments.engines):
            with open(work / "make_cpu_models.log", "w") as log:
                made = subprocess.run([arguments.python, HERE / "make_cpu_models.py", model, work / "models", "--batch",
                                       arguments.batch], cwd=ROOT, stdout=log, stderr=log)
            if made.returncode:
                said = (work / "make_cpu_models.log").read_text().strip().splitlines()[-1:]
                self.missing.update((name, f"no models for it: {' '.join(said)}") for name in PYTHON)

    def start(self, name, milliseconds, caches):
        """The child of an engine, with everything it might keep on disk under `caches`."""
        if name in self.missing:
            raise Missing(self.missing[name])
        if name in OURS:
            device = ["cpu", "--threads", "1"] if name == "cpu" else ["gpu"]
            command = [self.arguments.predict, self.model, "--device", *device, "--rounds-from-stdin"]
            env = {"NODEVICE_SELECT": "1", "XDG_CACHE_HOME": str(caches)}
            if name != "cpu":
                files = [file for pattern in DRIVERS[name] for file in glob.glob(pattern)]
                if not files:
                    raise Missing(f"no driver at {', '.join(DRIVERS[name])}")
                env |= {"VK_DRIVER_FILES": files[0], "VK_ICD_FILENAMES": files[0]}
        elif name in BROWSER:
            command, env = ["node", HERE / "browser_peer.mjs", name, self.model, self.work, "--profile", caches], {}
        else:
            command, env = [self.arguments.python, HERE / "cpu_peer.py", name, self.work], {}
        try:
            return Child(name, [*command, "--round", str(milliseconds)], env, self.work / f"{name}.log")
        except OSError as error:
            raise Missing(str(error)) from error

    def usable(self):
        return [name for name in self.arguments.engines if name not in self.missing]

    def drop(self, name, why):
        self.missing[name] = str(why)
        print(f"missing: {name}: {why}", file=sys.stderr)


def turned(names, by):
    """The names in another order every round, so that nobody always follows the same neighbour."""
    by %= max(1, len(names))
    return names[by:] + names[:by]


def warm(peers, batches, results):
    """Rounds of warm predictions, all engines open at once, one at work."""
    children, caches = {}, pathlib.Path(tempfile.mkdtemp(prefix="peers-"))
    for name in peers.usable():
        try:
            children[name] = peers.start(name, peers.arguments.round, caches / name)
        except Missing as why:
            peers.drop(name, why)
    for number in range(peers.arguments.rounds):
        for batch in batches:
            for name in turned(list(children), number):
                try:
                    if name in PYTHON and batch == batches[0]:
                        record(results, "empty call", 1, name, number, children[name].round("empty")["median_ns"])
                    line = children[name].round(batch)
                    record(results, "warm", batch, name, number, line["median_ns"])
                    results["samples"].setdefault((batch, name), line.get("sample"))
                    results["lines"].append({"engine": name, **line})
                except (Missing, OSError) as why:
                    peers.drop(name, why)
                    children.pop(name).close()
    for name, child in children.items():
        results["names"][name] = child.opened["engine"]
        child.close()
    shutil.rmtree(caches, ignore_errors=True)


def cold(peers, batches, results):
    """Init, load and first prediction of fresh processes: with nothing kept on disk, then with what that left there.
    How an answer is read makes no difference here, so webgl-sync is left out."""
    for number in range(peers.arguments.cold_rounds):
        for batch in batches:
            for name in turned([name for name in peers.usable() if name != "webgl-sync"], number):
                caches = pathlib.Path(tempfile.mkdtemp(prefix="peers-"))
                for measure in ["first", "first again"]:
                    try:
                        child = peers.start(name, 0, caches)
                        line = child.round(batch)
                        child.close()
                    except (Missing, OSError) as why:
                        peers.drop(name, why)
                        break
                    steps = ["open_ns", "load_ns", "first_ns"]
                    total_ns = sum(each.get(step, 0) for each in [child.opened, line] for step in steps)
                    record(results, measure, batch, name, number, total_ns)
                shutil.rmtree(caches, ignore_errors=True)


def record(results, measure, batch, name, number, time_ns):
    results["times"].setdefault((measure, batch), {}).setdefault(name, {})[number] = time_ns
    print(f"  {measure} {batch} {name}: {time_ns / 1e6:.4g} ms", file=sys.stderr)


def differing(results):
    """Engines whose answers are not ours."""
    samples, wrong = results["samples"], set()
    for (batch, name), sample in samples.items():
        ours = next((samples[batch, each] for each in reversed(OURS) if samples.get((batch, each))), None)
        if sample and ours and max(abs(a - b) for a, b in zip(sample, ours)) > 1e-3 * max(map(abs, ours)):
            wrong.add(name)
    return wrong


def milliseconds(rounds):
    return f"{statistics.median(rounds.values()) / 1e6:.3g}" if rounds else "–"


def ratio(peer, ours):
    both = sorted(set(peer) & set(ours))
    if not both:
        return "–"
    ratios = [peer[number] / ours[number] for number in both]
    return f"{statistics.median(ratios):.3g} ({min(ratios):.3g}–{max(ratios):.3g})"


def table(all_results):
    yield "| model | what | B | " + " | ".join(f"ours {name} ms" for name in OURS) + " | " + \
        " | ".join(f"{peer} / {ours}" for peer, ours in PAIRS) + " |"
    yield "|---|---|---|" + "---|" * (len(OURS) + len(PAIRS))
    for model, results in all_results.items():
        wrong = differing(results)
        for (measure, batch), times in results["times"].items():
            if measure != "empty call":
                cells = [milliseconds(times.get(name)) for name in OURS]
                for pair in PAIRS:
                    peer, ours = (times.get(name, {}) for name in pair)
                    cells.append(ratio(peer, ours) + " (other answers!)" * bool(wrong & set(pair)))
                yield f"| {model} | {measure} | {batch} | {' | '.join(cells)} |"


def notes(all_results):
    names = {name: text for results in all_results.values() for name, text in results["names"].items()}
    yield from (f"{name}: {text}" for name, text in names.items())
    empty = {}
    for results in all_results.values():
        for name, rounds in results["times"].get(("empty call", 1), {}).items():
            empty.setdefault(name, []).extend(rounds.values())
    for name, times in empty.items():
        call_us = statistics.median(times) / 1e3
        yield f"{name}: its times hold {call_us:.2g} µs that a call of an empty model from Python takes"
    for model, results in all_results.items():
        yield from (f"missing for {model}: {name}: {why}" for name, why in results["missing"].items())


def predict_binary():
    built = subprocess.run(["cargo", "bench", "--bench", "predict", "--no-run", "--message-format=json"], cwd=ROOT,
                           check=True, stdout=subprocess.PIPE).stdout
    messages = [json.loads(line) for line in built.splitlines() if line.startswith(b"{")]
    return next(m["executable"] for m in reversed(messages) if m.get("executable") and m["target"]["name"] == "predict")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=MODELS, help="folders with a model.json")
    parser.add_argument("--batch", default="1,32,256")
    parser.add_argument("--rounds", type=int, default=5, help="of warm predictions")
    parser.add_argument("--round", type=int, default=300, help="its milliseconds; it has 5 predictions at least")
    parser.add_argument("--cold-rounds", type=int, default=3, help="of fresh starts")
    parser.add_argument("--engines", default=",".join(OURS + BROWSER + PYTHON), help="some of them")
    parser.add_argument("--python", default=sys.executable, help="the Python that has the CPU peers")
    parser.add_argument("--predict", help="the binary of benches/predict.rs; built if not given")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "tfjs-wgpu-peers")
    parser.add_argument("--json", type=pathlib.Path, help="write every round there")
    arguments = parser.parse_args()
    arguments.work = arguments.work.absolute()
    arguments.python = os.path.abspath(shutil.which(arguments.python) or arguments.python)
    arguments.engines = arguments.engines.split(",")
    if unknown := set(arguments.engines) - set(OURS + BROWSER + PYTHON):
        parser.error(f"no such engines: {', '.join(unknown)}")
    arguments.predict = arguments.predict or predict_binary()
    batches = [int(batch) for batch in arguments.batch.split(",")]
    all_results = {}
    for model in arguments.models:
        model = pathlib.Path(model) if (ROOT / model).exists() else pathlib.Path(model).resolve()
        print(model, file=sys.stderr)
        peers = Peers(arguments, model, arguments.work / model.name)
        results = {"times": {}, "samples": {}, "names": {}, "lines": [], "missing": peers.missing}
        all_results[model.name] = results
        warm(peers, batches, results)
        cold(peers, batches, results)
    for line in [*table(all_results), "", *notes(all_results)]:
        print(line)
    if arguments.json:
        times = [{"model": model, "measure": measure, "batch": batch, "engine": name, "round": number, "ns": time_ns}
                 for model, results in all_results.items() for (measure, batch), engines in results["times"].items()
                 for name, rounds in engines.items() for number, time_ns in rounds.items()]
        lines = [{"model": model, **line} for model, results in all_results.items() for line in results["lines"]]
        arguments.json.write_text(json.dumps({"times": times, "rounds": lines}, indent=1))


if __name__ == "__main__":
    main()
