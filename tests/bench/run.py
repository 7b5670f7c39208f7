"""libloss beside PyTorch (eager and compiled), JAX, scikit-learn and NumPy, those that are installed: one command.

    python tests/bench/run.py [--out DIR] [--core 0] [--quick] [--losses all|NAME,NAME]

Same data, same pinned core, interleaved repeats; the least ns, and the median in parentheses, of the samples in which no stranger had the
core. The memory limit runs in the same race. Prints tables, and with --out writes them as bench.json and bench.png. --losses sets every
loss of the registry against its roofline. The installed package `libloss` is measured, and its own shared library from C. No test: nothing
fails on a stopwatch.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=pathlib.Path, help="folder for bench.json and bench.png")
parser.add_argument("--core", type=int, default=0)
parser.add_argument("--quick", action="store_true", help="a minute: fewer sizes, no torch.compile")
parser.add_argument("--losses", help="only the sweep over the registry: all, or names")
parser.add_argument("--part", choices=("threads", "sweep"), help=argparse.SUPPRESS)  # how this program runs itself
arguments = parser.parse_args()

# Before anything makes threads: JAX ignores the flags for their number, but not the set of cores it may use.
ALLOWED = os.sched_getaffinity(0)
if arguments.part != "threads":
    os.sched_setaffinity(0, {arguments.core})
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    if arguments.part != "threads":
        os.environ.setdefault(variable, "1")
if arguments.part == "sweep":
    os.environ["LIBLOSS_ISA"] = "avx2"  # instructions are counted for this one

import libloss  # noqa: E402
import numpy as np  # noqa: E402

os.environ.setdefault("LIBLOSS_SO", str(next(pathlib.Path(libloss.__file__).parent.glob("libloss.so*"))))
sys.path[:0] = [str(ROOT / "tests/oracle"), str(ROOT / "tests/vector")]
import peers  # noqa: E402
from harness import REDUCTIONS, Failed, check, ffi, lib, tensor  # noqa: E402
from harness import Loss as Handle  # noqa: E402
from race import UNORDERED, Limits, Row, cpu, race  # noqa: E402

KI, MI = 1 << 10, 1 << 20
SECONDS = 0.25 if arguments.quick else 1.5
ROUNDS = 3 if arguments.quick else 7
rng = np.random.default_rng(0)
rows: list[Row] = []


def aligned(a: np.ndarray) -> np.ndarray:
    """A copy at a multiple of 64 bytes, so that every contestant and stream sees the same alignment."""
    room = np.empty(a.nbytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    copy = room[start : start + a.nbytes].view(a.dtype).reshape(a.shape)
    copy[...] = a
    return copy


def reals(*shape: int, dtype: type = np.float32) -> np.ndarray:
    return aligned((rng.normal(size=shape) * 3).astype(dtype))


def labels(n: int, dtype: type = np.float32) -> np.ndarray:
    return aligned((rng.random(n) < 0.5).astype(dtype))


def prepared(spec: str, *inputs, grad=None, hess=None, weight=None, values=None, reduction="mean", trust=False, threads=1):
    """A call of libloss_eval with everything set up before: what it costs from C."""
    handle, keep = Handle(spec), []
    args = ffi.new("libloss_args *", {"struct_size": ffi.sizeof("libloss_args"), "reduction": REDUCTIONS[reduction], "threads": threads, "flags": int(trust)})
    for k, x in enumerate(inputs):
        args.input[k] = tensor(x, keep)
    for name, x in (("weight", weight), ("values", values)):
        if x is not None:
            setattr(args, name, tensor(x, keep))
    if grad is not None:
        args.gradient[0] = tensor(grad, keep)
    if hess is not None:
        args.hessian[0] = tensor(hess, keep)
    if values is None and hess is None:
        args.value = keep.append(ffi.new("double *")) or keep[-1]

    def run(call=lib.libloss_eval, o=handle.handle, a=args, keep=(handle, keep)):
        check(call(o, a))

    return run


def race_rows(section: str, work: str, unit: str, per: float, runs: dict, limit=None, target: str = "", holds=None) -> Row:
    if limit:
        runs = {**runs, "limit": limit}
    times = {name: (least / per, middle / per) for name, (least, middle) in race(runs, SECONDS, ROUNDS).items()}
    row = Row(section, work, unit, times, times.pop("limit", None), target)
    row.holds = bool(holds(row)) if holds else None
    rows.append(row)
    print(row, flush=True)
    return row


def head(title: str) -> None:
    print(f"\n== {title}")


# ---- the parts ----

def environment() -> dict[str, str]:
    compiler = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    cmake = (ROOT / "src/CMakeLists.txt").read_text()
    config = libloss.config()
    flags = [re.search(rf"set\({name} (.*)\)", cmake)[1].strip('"') for name in ("KERNEL_FLAGS", f"FLAGS_{config['instruction_set']}")]
    found = {"cpu": cpu(), "cores": str(sorted(os.sched_getaffinity(0))), "load": " ".join(f"{x:.1f}" for x in os.getloadavg()),
             "compiler": compiler, "libloss": ", ".join(f"{k} {v}" for k, v in config.items()), "flags of the kernels": " ".join(flags),
             "flags of the streams": " ".join(Limits.flags), **peers.versions()}
    for name, text in found.items():
        print(f"{name:22} {text}")
    if os.getloadavg()[0] > 1:
        print("The machine is busy: trust ratios within a row, not times.")
    return found


def memory(limits: Limits) -> None:
    head("memory limit: streams in C (limits.c), ns per element of f32; within 512 KiB of cache, and beyond any")
    for n in (16 * KI, 16 * MI):
        a, b, g, h = (aligned(np.ones(n, np.float32)) for _ in range(4))
        runs = {"read 1": limits.stream("read1", a), "read 2": limits.stream("read2", a, b), "read 1 write 1": limits.stream("read1_write1", a, g),
                "read 2 write 1": limits.stream("read2_write1", a, b, g), "past the cache": limits.stream("read2_write1_past_the_cache", a, b, g),
                "read 2 write 2": limits.stream("read2_write2", a, b, g, h), "numpy.add": lambda a=a, b=b, g=g: np.add(a, b, out=g)}
        times = {name: (least / n, middle / n) for name, (least, middle) in race(runs, SECONDS, ROUNDS).items()}
        rows.append(Row("memory", f"{n} f32", "ns/el", times))
        print(f"{n:10} " + "  ".join(f"{name} {least:.3f} ({middle:.3f})" for name, (least, middle) in times.items()))


def python_calls() -> None:
    head("Python call, n = 16, f32, ns per call")
    p, t, g = reals(16), reals(16), reals(16)
    loss = libloss.Loss("squared_error")
    race_rows("python", "squared_error, value", "ns/call", 1, {"libloss": lambda: libloss.squared_error(p, t), **peers.value("squared_error", p, t)},
              target="under 1 us", holds=lambda r: r.ours < 1000)
    race_rows("python", "squared_error, value + gradient", "ns/call", 1,
              {"libloss": lambda: loss.value_and_grad(p, t, out=g), **peers.value_and_grad("squared_error", p, t, False)},
              target="under 1.5 us", holds=lambda r: r.ours < 1500)


def c_calls(folder: pathlib.Path) -> None:
    head("C call through the shared library, f32, ns per call (the least) and instructions per call (callgrind, AVX2)")
    library = pathlib.Path(os.environ["LIBLOSS_SO"])
    program = folder / "call"
    subprocess.run(["cc", "-O2", f"-I{ROOT}/include", HERE / "call.c", library, f"-Wl,-rpath,{library.parent}", "-o", program], check=True)
    lines = subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines()
    for i, line in enumerate(lines):
        ns, _, work = line.partition(" ")
        under = 100 if "n = 16," in work else 1000 if "64 x 10" in work else None
        row = Row("c", work, "ns/call", {"libloss": (float(ns), float(ns))}, target=f"under {under} ns" if under else "",
                  holds=float(ns) < under if under else None)
        if i % 2 and not arguments.quick:
            done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=libloss_call_f32",
                                   "--toggle-collect=libloss_rows_f32_i64", program, str(i // 2)], capture_output=True, text=True, check=False)
            counted = re.search(r"Collected : (\d+)", done.stderr)
            if counted:
                row.note["instructions"] = int(counted[1]) / 1000
        rows.append(row)
        print(row)


def size(limits: Limits, loss: str, n: int) -> None:
    p, g = reals(n), reals(n)
    binary = loss == "binary_cross_entropy_with_logits"
    t = labels(n) if binary else reals(n)
    ours = libloss.Loss(loss)
    runs = {"libloss": lambda: ours.value_and_grad(p, t, out=g), **peers.value_and_grad(loss, p, t, not arguments.quick and n >= 64 * KI)}
    target: tuple = ("", None)
    if binary and n == MI:
        target = ("under 0.7 ns", lambda r: r.ours < 0.7)
    if not binary and n >= MI:
        target = ("within 15 % of the limit", lambda r: r.over_limit < 1.15)
    race_rows("sizes", f"{loss} {n}", "ns/el", n, runs, limits.stream("read2_write1", p, t, g) if n > 16 else None, *target)


def sizes(limits: Limits) -> None:
    for loss in ("squared_error", "huber", "binary_cross_entropy_with_logits"):
        head(f"{loss}, value + gradient, f32, from Python, ns per element")
        for n in (16, KI, 64 * KI, MI) if arguments.quick else (16, KI, 64 * KI, 10**6, MI, 16 * MI):  # 1 / 10^6 is no float, 1 / 2^20 is one
            size(limits, loss, n)


def boosting(limits: Limits, n: int) -> None:
    loss = libloss.Loss("binary_cross_entropy_with_logits")
    p, t, g, h = reals(n), labels(n), reals(n), reals(n)
    runs = {"libloss": lambda: loss.grad_and_hess(p, t, out=(g, h), reduction="sum"), **peers.grad_and_hess(loss.name, p, t)}
    race_rows("boosting", f"gradient + Hessian {n}", "ns/el", n, runs, limits.stream("read2_write2", p, t, g, h),
              *(("under 0.7 ns", lambda r: r.ours < 0.7) if n == MI else ("", None)))


def cross_entropy(limits: Limits, count: int, classes: int, most: float | None = None) -> None:
    loss = libloss.Loss("cross_entropy")
    z, y, g = reals(count, classes), rng.integers(0, classes, count), reals(count, classes)
    small = classes == 10
    runs = {"libloss": lambda: loss.value_and_grad(z, y, out=g), **peers.value_and_grad("cross_entropy", z, y, not arguments.quick and not small)}
    race_rows("rows", f"cross_entropy {count} x {classes}", "ns/call" if small else "ns/el", 1 if small else z.size, runs,
              limits.stream("read1_write1", z, g), *((f"under {most:g} ns", lambda r: r.ours < most) if most else ("", None)))


def sums(limits: Limits) -> None:
    head("the exact sum of f32 values beside plain sums in double, from Python, ns per element")
    loss = libloss.Loss("squared_error")
    for n in (16 * KI, MI, 16 * MI):
        v = reals(n)
        far = ("within 15 % of a plain sum", lambda r: r.over_limit < 1.15) if n > MI else ("", None)
        race_rows("sums", f"sum {n}", "ns/el", n, {"libloss": lambda v=v: loss.reduce(v, reduction="sum"), **peers.sums(v)},
                  limits.stream("sum_in_double", v), *far)


def cliffs() -> None:
    head("no cliffs: the same loss on awkward data, value + gradient from C, 64 Ki f32, ns per element; target within 1.5 of ordinary data")
    n = 64 * KI
    normal, tiny = reals(n), aligned((rng.normal(size=n) * 1e-39).astype(np.float32))
    if not tiny.all():
        raise SystemExit("something has made this process flush subnormal numbers to 0")
    with_nan, with_inf = normal.copy(), normal.copy()
    with_nan[::7] = np.nan
    with_inf[::7], with_inf[3::7] = np.inf, -np.inf
    far, edge = rng.uniform(-100, 100, n), np.copysign(rng.uniform(87, 104, n), rng.normal(size=n))
    data = {"ordinary": normal, "+-100": aligned(far.astype(np.float32)), "87..104": aligned(edge.astype(np.float32)), "subnormal": tiny, "NaN": with_nan,
            "infinite": with_inf}
    signs = np.where(normal > 0, 1, -1).astype(np.float32)
    for spec in ("squared_error", "huber", "pseudo_huber", "log_cosh", "binary_cross_entropy_with_logits", "logistic", "exponential", "cross_entropy"):
        runs = {}
        for kind, p in data.items():
            if spec == "cross_entropy":
                z = p[: n // 64 * 64].reshape(-1, 64)
                runs[kind] = prepared(spec, z, rng.integers(0, 64, len(z)), grad=np.empty_like(z))
            else:
                t = {"binary_cross_entropy_with_logits": labels(n), "logistic": signs, "exponential": signs}.get(spec, np.zeros_like(p))
                runs[kind] = prepared(spec, p, t, grad=np.empty_like(p))
        times = {name: (least / n, middle / n) for name, (least, middle) in race(runs, SECONDS, ROUNDS).items()}
        worst = max(times.values())[0] / times["ordinary"][0]
        rows.append(Row("cliffs", spec, "ns/el", times, target="within 1.5", holds=worst < 1.5, note={"worst over ordinary": worst}))
        told = "  ".join(f"{name} {least:.3f}" for name, (least, _) in times.items())
        print(f"{spec:34} {told}  | worst {worst:.2f}: {'yes' if worst < 1.5 else 'NO'}", flush=True)


def kinds(limits: Limits) -> None:
    head("other kinds of call, from C, 64 Ki and 1 Mi, ns per element")
    for n in (64 * KI, MI):
        p, t, g, w, v = reals(n), reals(n), reals(n), aligned(rng.random(n).astype(np.float32) + 0.5), reals(n)
        p8, t8, g8, w8 = (aligned(a.astype(np.float64)) for a in (p, t, g, w))
        y, y8, q, q8 = labels(n), labels(n, np.float64), aligned(rng.random(n).astype(np.float32)), aligned(rng.random(n))
        stream, stream8 = limits.stream("read2_write1", p, t, g), limits.stream("read2_write1", p8, t8, g8)
        for loss, a, a8 in (("squared_error", t, t8), ("binary_cross_entropy_with_logits", y, y8)):
            cases = {
                "f32": (prepared(loss, p, a, grad=g), stream),
                "f32 value only": (prepared(loss, p, a), limits.stream("read2", p, a)),
                "f64": (prepared(loss, p8, a8, grad=g8), stream8),
                "f32 weighted": (prepared(loss, p, a, grad=g, weight=w), limits.stream("read2_write1", p, a, g)),
                "f64 weighted": (prepared(loss, p8, a8, grad=g8, weight=w8), stream8),
                "f32 none": (prepared(loss, p, a, grad=g, values=v, reduction="none"), limits.stream("read2_write2", p, a, g, v)),
                "f32 strided": (prepared(loss, p[::2], a[::2], grad=g[::2]), None),
                "f16": (prepared(loss, p.astype(np.float16), a.astype(np.float16), grad=g.astype(np.float16)), None),
            }
            for kind, (run, stream_of_it) in cases.items():
                race_rows("kinds", f"{loss} {n} {kind}", "ns/el", n / 2 if kind == "f32 strided" else n, {"libloss": run}, stream_of_it)
        for loss, a, a8 in (("binary_cross_entropy", y, y8), ("brier", y, y8)):
            for kind, x, z, out, s in (("f32", q, a, g, stream), ("f64", q8, a8, g8, stream8)):
                race_rows("domain", f"{loss} {n} {kind}", "ns/el", n,
                          {"libloss": prepared(loss, x, z, grad=out), "libloss, trust": prepared(loss, x, z, grad=out, trust=True)}, s)


def threads() -> None:
    head("threads: 1 and 2, value + gradient from C, f32, ns per element")
    print(f"cores {sorted(os.sched_getaffinity(0))}")
    for spec, n in (("squared_error", 16), ("squared_error", MI), ("squared_error", 16 * MI), ("binary_cross_entropy_with_logits", MI), ("log_cosh", MI)):
        p, g = reals(n), reals(n)
        t = labels(n) if "cross" in spec else reals(n)
        race_rows("threads", f"{spec} {n}", "ns/el", n,
                  {f"libloss{suffix}": prepared(spec, p, t, grad=g, threads=k) for k, suffix in ((1, ""), (2, ", 2 threads"))})
    z, y = reals(4096, 1000), rng.integers(0, 1000, 4096)
    race_rows("threads", "cross_entropy 4096 x 1000", "ns/el", z.size,
              {f"libloss{suffix}": prepared("cross_entropy", z, y, grad=np.empty_like(z), threads=k) for k, suffix in ((1, ""), (2, ", 2 threads"))})


def least_instructions(library: pathlib.Path) -> dict[str, tuple[float, float]]:
    """Of each call of tests/vector/count.c: AVX2 instructions per element, as they are and as they would be if every scalar
    operation on reals were a full vector of them."""
    import ceilings

    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", library], capture_output=True, text=True, check=True).stdout
    share = {int(address, 16): 1 / 4 if kind == "d" else 1 / 8 for address, kind in re.findall(r"^\s*([0-9a-f]+):\s+v\w+s([sd])\s", text, re.M)}
    result = {}
    for dump in ceilings.dumps(library, "--dump-instr=yes"):
        name = re.search(r"Client Request: (.*)$", dump, re.M)[1]
        counted = vector = 0.0
        ours, skip = False, False
        for line in dump.splitlines():
            if line.startswith("ob="):
                ours = line.endswith(library.name) or ".so.0" in line
            elif line.startswith("calls="):
                skip = True
            elif line.startswith("0x"):
                address, _, count = line.split()
                if not skip:
                    counted += int(count)
                    vector += int(count) * (share.get(int(address, 16), 1) if ours else 1)
                skip = False
        result[name] = (counted / ceilings.per_element(name), vector / ceilings.per_element(name))
    return result


def issue_rate(limits: Limits) -> float:
    """Instructions per ns: of a polynomial of degree 12 over numbers in L1, AVX2."""
    flags = ["cc", "-O3", "-mavx2", "-mfma", *UNORDERED, HERE / "limits.c", "-o"]
    program = limits.folder / "polynomial"
    subprocess.run([*flags, f"{program}.so", "-shared", "-fPIC"], check=True)
    subprocess.run([*flags, program, "-DLIMITS_MAIN"], check=True)
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=polynomial", program],
                          capture_output=True, text=True, check=True)
    instructions = int(re.search(r"Collected : (\d+)", done.stderr)[1])
    a, g = aligned(np.full(4 * KI, 0.5, np.float32)), aligned(np.zeros(4 * KI, np.float32))
    call = ctypes.CDLL(f"{program}.so").polynomial
    pointers = (ctypes.c_void_p(a.ctypes.data), ctypes.c_void_p(g.ctypes.data), ctypes.c_ssize_t(a.size))
    return instructions / race({"polynomial": lambda: call(*pointers)}, 1.0)["polynomial"][0]


def numbers(kind: str, shape: tuple[int, ...], classes: int) -> np.ndarray:
    if kind not in ("real", "probability", "positive", "sign"):
        return rng.integers(0, max(classes, 2), shape)
    u = rng.random(shape)
    return {"probability": 0.02 + 0.96 * u, "positive": 0.1 + 3 * u, "sign": np.where(u < 0.5, -1.0, 1.0)}.get(kind, 8 * u - 4)


def sweep(limits: Limits, chosen: str) -> None:
    head("every loss against its roofline: value + gradient from C, AVX2, 16 Ki elements, ns per element")
    rate = issue_rate(limits)
    counted = least_instructions(pathlib.Path(os.environ["LIBLOSS_SO"]))
    print("Roofline: the longer of a stream with the same reads and writes, in the same race, and of the instructions of the whole call (callgrind,\n"
          f"n = 1024; scalar operations on reals counted as if vectors) at {rate:.1f} per ns, the rate of a polynomial of degree 12 in L1.")
    for key, (is_now, could_be) in sorted(counted.items()):
        match = re.fullmatch(r"(\w+) (?:(\d+)x(\d+) )?f(\d+) value\+grad", key)
        if not match or (chosen != "all" and match[1] not in chosen.split(",")):
            continue
        name, dtype = match[1], np.dtype(f"f{int(match[4]) // 8}")
        row = int(match[3] or 1)
        for n in (16 * KI, KI):  # the shape that was counted, where a longer one of its kind is none (a square)
            shape = (n // row, row) if match[3] else (n,)
            inputs = []
            for x in Handle(name).inputs:
                if not x["optional"]:
                    array = numbers(x["kind"], shape[:1] if x["shape"] and match[3] else shape, row)
                    inputs.append(aligned(array.astype(dtype if array.dtype.kind == "f" else np.int64)))
            grad = aligned(np.zeros(shape, dtype))
            run = prepared(name, *inputs, grad=grad)
            try:
                run()
                break
            except Failed:
                continue
        big = [x for x in inputs if x.nbytes == grad.nbytes]
        stream = limits.stream("read2_write1", *big[:2], grad) if len(big) > 1 else limits.stream("read1_write1", big[0], grad)
        got = race({"libloss": run, "limit": stream}, SECONDS / 3, ROUNDS)
        time, limit = ((v[0] / n, v[1] / n) for v in got.values())
        over = time[0] / max(could_be / rate, limit[0])
        notes = {"instructions": is_now, "as vectors": could_be, "compute bound": could_be / rate, "over the roofline": over}
        rows.append(Row("roofline", f"{name} {'x'.join(map(str, shape))} {dtype.name}", "ns/el", {"libloss": time}, limit, "within 2 of the roofline",
                        over < 2, notes))
        print(rows[-1], flush=True)


def run_part(part: str) -> None:
    """In a process of its own: other cores, or another instruction set."""
    options = ["--part", part, "--core", str(arguments.core)] + ["--quick"] * arguments.quick
    if arguments.losses:
        options += ["--losses", arguments.losses]
    os.sched_setaffinity(0, ALLOWED)
    done = subprocess.run([sys.executable, __file__, *options], stdout=subprocess.PIPE, text=True, check=True)
    os.sched_setaffinity(0, {arguments.core})
    text, _, data = done.stdout.rpartition("\n#json ")
    print(text)
    for row in json.loads(data):
        rows.append(Row(**{k: v for k, v in row.items() if k not in ("best_peer_over_libloss", "libloss_over_limit")}))


def summary() -> None:
    head("targets")
    for row in rows:
        if row.target:
            over = next((x for name, x in row.note.items() if "over" in name), None)
            figure = f"{over:.2f}" if over else f"{row.ours:.3f} {row.unit}" + (f", {row.over_limit:.2f} of the limit" if row.limit else "")
            if row.section != "roofline" or not row.holds:
                print(f"{'holds' if row.holds else 'FAILS':6} {row.work}: {row.target}; measured {figure}")
    behind = [row for row in rows if row.ahead and row.ahead < 1]
    print(f"\nslower than the best peer: {', '.join(f'{r.work} ({r.best_peer[0]} takes {r.ahead:.2f} of libloss)' for r in behind) or 'nowhere'}")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        limits = Limits(folder)
        if arguments.part:
            threads() if arguments.part == "threads" else sweep(limits, arguments.losses)
            print("\n#json " + json.dumps([row.json() for row in rows]))
            return
        found = environment()
        if arguments.losses:
            run_part("sweep")
        else:
            memory(limits)
            python_calls()
            c_calls(folder)
            sizes(limits)
            head("binary_cross_entropy_with_logits, gradient + Hessian, f32, from Python, ns per element")
            boosting(limits, 64 * KI)
            boosting(limits, MI)
            head("cross_entropy, value + gradient, f32, from Python, ns per element (64 x 10: per call)")
            cross_entropy(limits, 64, 10, 2000)
            cross_entropy(limits, 16384, 64)
            cross_entropy(limits, 4096, 1000, 0.5)
            if not arguments.quick:
                cross_entropy(limits, 512, 50257, 0.6)
            sums(limits)
            cliffs()
            kinds(limits)
            run_part("threads")
    summary()
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "bench.json").write_text(json.dumps({"environment": found, "rows": [row.json() for row in rows]}, indent=1))
        if not arguments.losses and peers.find("matplotlib"):
            import plot

            plot.draw(rows, found, arguments.out / "bench.png")
        print(f"written to {arguments.out}")


if __name__ == "__main__":
    main()
