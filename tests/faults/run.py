"""Shows that the tests can fail: breaks a scratch copy of the sources in one place at a time, and sees some test object.

    python tests/faults/run.py           a few faults, others every day
    python tests/faults/run.py --long    all

Needs the build of LIBLOSS_SO with its static library beside it: a fault of the engine or the API recompiles one file and is linked before
that; so do the files of the losses that its tests name, of one in a kernel, and the engine's loops. Of other kernels all is built, with the
README's one line of cc.
"""

from __future__ import annotations

import datetime
import os
import pathlib
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CC = os.environ.get("CC", "cc")
ARCHIVE = pathlib.Path(os.environ.get("LIBLOSS_SO", ROOT / "build/test-cc/src/libloss.so")).with_suffix(".a")  # of the unbroken build
FAULTS = [  # file, what stands there, what a slip would make of it, the tests that must object: of tests/losses, or a program of tests/unit
    ("losses/distance/huber.c", ".grad = clipped", ".grad = -clipped", "test_accuracy.py -k huber-float64"),
    ("kernel/tile_sum.h", "product = w[i] * v[i];\n        term[i] = w[i] == 0 ? 0 : product", "product = w[i] * v[i];\n        term[i] = product",
     "test_engine.py -k 'masked and float64'"),
    ("engine/survey.c", "label[i] >= c->classes", "label[i] > c->classes", "test_engine.py -k bad_input"),
    ("kernel/tile_sum.h", "LEVEL = 52,", "LEVEL = 53,", "test_engine.py -k 'exact and float64'"),
    ("losses/distance/quantile.c", "high.hi : r.hi < 0 ? -tau", "tau : r.hi < 0 ? tau - 1", "test_accuracy.py -k 'quantile and float64'"),
    ("losses/distance/pseudo_huber.c", ".hess = ", ".hess = -", "test_accuracy.py -k 'pseudo_huber and float64'"),
    ("losses/distance/log_cosh.c", "h.log_cosh,", "h.log_cosh + 1e-15,", "test_accuracy.py -k log_cosh"),
    ("losses/margin/hinge.c", "CONVEX", "CONVEX | DIFFERENTIABLE", "test_claims.py -k hinge"),
    ("kernel/logits.h", "wrong == 0 ? 0 : wrong * size", "wrong * size", "test_limits.py -k 'binary_cross_entropy_with_logits and float64'"),
    ("kernel/pair.h", "p.lo + (a.hi * b.lo + a.lo * b.hi)", "p.lo", "test_accuracy.py -k 'pseudo_huber and float64'"),
    ("kernel/math_exp.h", "k * LN2_LO", "k * LN2_HI * 0", "test_accuracy.py -k exponential"),
    ("kernel/softmax.h", "/ (real)tile->classes", "/ (real)(tile->classes - 1)", "test_peers.py test_accuracy.py -k cross_entropy"),
    ("kernel/math_exp.h", "lo += 0x1p-240;", "lo = 0x1p-240;", "test_softmax.py -k 'hard and float64'"),
    ("kernel/softmax_panel.h", "top_q < top_p ? sure : unsure", "unsure", "test_accuracy.py -k 'rows and cross_entropy-float64'"),
    # the engine: divisors, weights, surveys, merging
    ("engine/total.c", "libloss__add_count(&into->present, from->present)", "into->present = from->present", "test_engine.py -k 'split'"),
    ("engine/survey.c", "c->divisor = (double)c->present", "c->divisor = (double)c->count", "test_engine.py -k 'masked_is and float64'"),
    ("engine/tiles.c", "factor[i] *= (double)w[i];", "factor[i] *= (double)w[i] * (double)w[i];", "test_engine.py -k 'one_factor and float32'"),
    ("engine/builtin.c", "TRY(libloss__survey(&c));\n    void *own;", "libloss__survey(&c);\n    void *own;", "test_engine.py -k bad_input"),
    ("engine/survey.c", "if (!all_weights(c, w, n, &present)) TRY(find_bad_weight(c, start, n));", "all_weights(c, w, n, &present);",
     "test_engine.py -k bad_input"),
    ("engine/pointwise.c", "memcpy(result[k].to, out[k], result[k].bytes)", "memcpy(result[k].to, out[0], result[k].bytes)", "test_engine.py -k 'one_factor and huber'"),
    ("engine/builtin.c", "args->value || args->total, args->total != NULL, &parts[k]", "args->value || args->total, 0, &parts[k]", "test_totals.py -k masses"),
    ("kernel/faint.h", "(double)param[FAINT] * (double)b", "(double)param[FAINT] * (double)b * 1.5", "test_engine.py -k 'faint and huber'"),
    ("kernel/math_exp.h", "as_normal, size + (UINT64_C(1022) << 52)", "as_normal, size + (UINT64_C(1021) << 52)",
     "test_engine.py -k 'faint and huber and float64'"),
    ("kernel/faint.h", "up = UINT64_C(511) << 52", "up = UINT64_C(510) << 52", "test_engine.py -k 'faint and half_squared_error and float64'"),
    ("engine/survey.c", "if (libloss__is_ignored(c, label[i])) {", "if (0) {", "test_engine.py -k 'masked_rows and float64'"),
    ("engine/survey.c", "w[i] * mass_weight(c, k, start + i, label[i]) : w[i]", "w[i] : w[i]", "test_engine.py -k class_weights_count"),
    ("engine/sum.c", "if (s->nan || (s->plus", "if ((s->plus", "test_engine.py -k 'nan_stays and float64'"),
    ("engine/split.c", "libloss__sum_merge(&w->sum, &sum)", "w->sum = sum", "test_threads.py -k sums_are_exact"),
    ("engine/threads.c", "    workers = 0;\n", "", "test_threads.py -k test_fork"),
    ("engine/builtin.c", "o->factor[k] * add[a].one[i]", "add[a].one[i]", "test_engine.py -k term_by_term"),
    ("engine/account.c", "if (weight) (c->arithmetic", "if (0) (c->arithmetic", "test_learning.py -k 'sum_is_exact and huber-float64'"),
    ("engine/split.c", "libloss__sum_merge(&w->c->by[k], &by[k])", "w->c->by[k] = by[k]", "test_learning.py -k 'same_bits and huber'"),
    ("engine/units.c", "factor[i] * s->by[k][i]", "factor[0] * s->by[k][i]", "test_learning.py -k 'are_weighed and info_nce'"),
    ("engine/units.c", "s->real[2] ? s->real[2][at[r]] : 1", "1", "test_peers.py -k torch_means_them"),
    ("kernel/vectors.h", "if (less.hi < both.hi * 0x1p-40)", "if (0)", "test_units.py -k 'bound and cosine_distance and float64'"),
    ("engine/custom.c", "one.count = 1;", "one.count = n;", "test_strangers"),
    # tensors and overlaps
    ("engine/tensor.c", "return v->strides[axis]", "return -v->strides[axis]", "test_engine.py -k layout"),
    ("engine/half.h", "(uint64_t)(52 - digits)) << 52", "(uint64_t)(53 - digits)) << 52", "test_engine.py -k halves"),
    ("engine/tensor.c", "t->data ? (char *)t->data + t->byte_offset", "t->data ? (char *)t->data", "test_core"),
    ("engine/call.c", "if (libloss__meet(v, seen->view[k]))", "if (0)", "test_engine.py -k bad_input"),
    ("engine/call.c", "(INT64_C(1) << 53) / t->shape[k]", "INT64_MAX / 8 / t->shape[k]", "test_core"),
    ("engine/call.c", "if (count > 0 && !strides_fit(t))", "if (0)", "test_core"),
    ("engine/builtin.c", "if (status == LIBLOSS_ERR_DOMAIN && c.domains_on_the_way)", "if (0)", "test_core"),
    ("engine/plain.c", "if (gradient && ((gradient != prediction", "if (0 && ((gradient != prediction", "test_core"),
    # strangers, memory, poll
    ("engine/custom.c", "if (n == 0) return LIBLOSS_OK;", "if (n != 0) return LIBLOSS_OK;", "test_strangers"),
    ("engine/steps.c", "forward.weight = forward.upstream = NULL;", "forward.upstream = NULL;", "test_strangers"),
    ("engine/split.c", "return stop ? libloss__fail(", "return 0 ? libloss__fail(", "test_core"),
    ("engine/builtin.c", "    return *own ? LIBLOSS_OK", "    return 1 ? LIBLOSS_OK", "test_memory"),
    ("cpu/control.h", "_mm_setcsr(IEEE_DEFAULT);", "(void)0;", "test_environment"),
    # the API: structs, specs, messages, totals from elsewhere
    ("api/structs.c", "if (((const char *)theirs)[i] != 0)", "if (0)", "test_core"),
    ("api/structs.c", "memset((char *)theirs + both, 0, size - both);", "(void)both;", "test_core"),
    ("api/spec.c", "term.factor *= sign;", "", "test_core"),
    ("api/spec.c", "return p->at - p->text + 1;", "return p->at - p->text;", "test_core"),
    ("api/combine.c", "factors[k] * terms[k]->factor[i] : factors[k]", "terms[k]->factor[i] : factors[k]", "test_core"),
    ("api/total.c", "into->hash != from->hash || into->parts != from->parts", "0", "test_core"),
    ("engine/total.c", "t->hash != o->hash || !fits", "t->hash != o->hash", "test_core"),
    ("engine/total.c", "if (!libloss__parameter_fits(&p[k], parameter[k])", "if (0", "test_core"),
    ("engine/metric_counts.c", "if (weighted && w[i] == 0) continue;", "", "test_core"),
    ("engine/metric_counts.c", "!weighted || w[row] != 0", "1", "test_core"),
    ("engine/metric_counts.c", "right == labels", "right > 0", "test_core"),
    ("engine/metric_total.c", "row && row->metric ? libloss__metric_with(row->metric, param)", "row ? row->metric", "test_core"),
    ("engine/metric_total.c", "least = most = adding->groups ?", "most = adding->groups ?", "test_core"),
    ("engine/metric_sums.c", "if (r->weight[i] == 0) continue;", "", "test_core"),
    ("engine/total.c", "t->parts == parts && t->owner == libloss__owner_hash(o->name)", "t->parts == parts", "test_core"),
    ("engine/metric_cases.c", "|| in->kind == KIND_CLASS || (c->args->flags & LIBLOSS_TRUST_DOMAIN)", "|| 1", "test_core"),
    ("engine/metric.c", "if (s->memory && given < least)", "if (0)", "test_core"),
    ("engine/message.c", "if (n < from->length)", "if (0)", "test_core"),
    ("engine/number.c", "DIGITS = 800", "DIGITS = 20", "test_core"),
]
DAILY = 3  # a rotation: each day of the year takes the next ones


FMA, AVX512 = ["-mavx2", "-mfma"], ["-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mfma"]
SETS = {"baseline": [], "avx2": FMA, "avx512": AVX512} if platform.machine() == "x86_64" else {"neon": []}
FLAGS = ["-std=gnu11", "-O1", "-ffp-contract=off", "-fPIC", "-fvisibility=hidden", f"-I{ROOT}/include", "-fno-math-errno", "-fno-trapping-math"]


def run(*command: object) -> None:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command}\n{done.stderr}")


class Broken:
    """A scratch copy with one fault (or none), as the tests want to see it: a shared library, or objects to link a program with."""

    def __init__(self, scratch: pathlib.Path, file: str = "", old: str = "", new: str = "", selection: str = ""):
        self.folder = scratch / "copy"
        shutil.rmtree(self.folder, ignore_errors=True)
        for part in ("src", "include"):
            shutil.copytree(ROOT / part, self.folder / part)
        path = self.folder / "src" / file
        self.gone = bool(file) and old not in path.read_text()
        if file and not self.gone:
            path.write_text(path.read_text().replace(old, new, 1))
        loops = file in ("engine/tiles.c", "engine/half.h", "kernel/tile_sum.h")  # the engine's, compiled per instruction set like kernels
        house = file.startswith(("engine/", "api/", "cpu/")) and not loops
        self.changed = [] if not house else [path] if file.endswith(".c") else sorted((self.folder / "src/api").glob("*.c"))
        named = [s for s in (self.folder / "src/losses").glob("*/*.c") if s.stem in re.findall(r"\w+", selection)]
        self.kernels = [] if house or not file else [self.folder / "src/engine/tiles.c"] if loops else named
        self.whole = bool(file) and not house and not self.kernels

    def objects(self) -> list[str]:
        """What stands before the archive of the unbroken build: the first definition counts."""
        made = [([], source, source.with_suffix(".o")) for source in self.changed]
        for source in self.kernels:
            for k, (isa, options) in enumerate(SETS.items()):
                for bits in (32, 64):
                    defined = [f"-DLIBLOSS_ISA={isa}", f"-DLIBLOSS_BITS={bits}", *(["-DLIBLOSS_DESCRIBE"] if (k, bits) == (0, 64) else [])]
                    made.append(([*defined, *options, f"-I{self.folder}/src/kernel", "-Wno-unknown-pragmas"], source, source.with_suffix(f".{isa}.{bits}.o")))
        for options, source, to in made:
            run(CC, *FLAGS, *options, "-c", source, "-o", to)
        return [str(to) for _, _, to in made]

    def library(self) -> pathlib.Path:
        out = self.folder / "libloss.so"
        if self.whole:  # kernels that no loss is named for: everything anew, with the plainest instructions, by the README's line
            line = re.search(r"^cc .*LIBLOSS_PLAIN.* -o libloss.so$", (ROOT / "README.md").read_text(), re.M).group()
            subprocess.run(["sh", "-c", line], cwd=self.folder, check=True, capture_output=True)
        elif not out.exists():
            run(CC, "-shared", *self.objects(), "-Wl,--allow-multiple-definition", "-Wl,--whole-archive", ARCHIVE, "-Wl,--no-whole-archive", "-o", out)
        return out

    def objected(self, selection: str) -> bool:
        words = shlex.split(selection)
        if not words[0].endswith(".py"):
            wrap = [f"-Wl,--wrap={f}" for f in ("malloc", "calloc", "free")] if words[0] == "test_memory" else []
            program = self.folder / words[0]
            run(CC, *FLAGS, ROOT / f"tests/unit/{words[0]}.c", *self.objects(), ARCHIVE, "-lcmocka", "-pthread", "-lm", *wrap, "-o", program)
            return subprocess.run([program], capture_output=True, check=False, timeout=300).returncode != 0
        files = [str(ROOT / "tests/losses" / w) if w.endswith(".py") else w for w in words]
        done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files],
                              env={**os.environ, "LIBLOSS_SO": str(self.library())}, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1, 2) and done.returncode > 0:  # 2: not even collected; below 0: crashed
            raise SystemExit(f"{selection}: {done.stdout[-2000:]}")
        return done.returncode != 0


def main() -> int:
    first = 0 if "--long" in sys.argv else datetime.date.today().toordinal() * DAILY % len(FAULTS)
    faults = FAULTS if "--long" in sys.argv else (FAULTS + FAULTS)[first : first + DAILY]
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        for selection in dict.fromkeys(selection for *_, selection in faults):
            if Broken(scratch).objected(selection):
                print(f"ALWAYS    {selection} objects to unbroken sources")
                missed += 1
        for file, old, new, selection in faults:
            broken = Broken(scratch, file, old, new, selection)
            word = "gone" if broken.gone else "seen" if broken.objected(selection) else "MISSED"
            missed += word != "seen"
            print(f"{word:9} {file}: {new!r}", flush=True)
    return missed > 0


if __name__ == "__main__":
    raise SystemExit(main())
