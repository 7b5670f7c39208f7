"""That every hot loop is vector code: by gcc's report, by clang's refusal, by counted instructions; and no instruction whose bits
differ between makers of processors.

The build at hand is LIBLOSS_SO's. What needs another compiler is skipped where that is missing, except where LIBLOSS_CI is set.
"""

from __future__ import annotations

import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys

import ceilings
import marked
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
SEED = HERE / "seed_scalar.c"
BUILD = pathlib.Path(os.environ["LIBLOSS_SO"]).parents[1]
CLANG_FOR_ARM = "set(CMAKE_C_COMPILER clang)\nset(CMAKE_C_COMPILER_TARGET aarch64-linux-gnu)\n"
GCC_FOR_ARM = "set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)\n"
X86 = platform.machine() == "x86_64"


def need(*tools: str) -> None:
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing and os.environ.get("LIBLOSS_CI"):
        pytest.fail(f"no {missing}")
    if missing:
        pytest.skip(f"no {missing}")


def configured(folder: pathlib.Path, compiler: str) -> list[marked.Unit]:
    """The kernels' compile commands of another compiler; nothing is built."""
    options = ["-DLIBLOSS_BUILD_TESTS=OFF", "-DLIBLOSS_BUILD_SHARED=OFF"]
    if "\n" in compiler:
        file = folder / "toolchain.cmake"
        file.write_text("set(CMAKE_SYSTEM_NAME Linux)\nset(CMAKE_SYSTEM_PROCESSOR aarch64)\nset(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)\n" + compiler)
        options.append(f"-DCMAKE_TOOLCHAIN_FILE={file}")
    else:
        options.append(f"-DCMAKE_C_COMPILER={compiler}")
    environment = {name: value for name, value in os.environ.items() if name != "CFLAGS"}  # which may be gcc's
    done = subprocess.run(["cmake", "-S", ROOT, "-B", folder / "build", "-G", "Ninja", *options], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return marked.units(folder / "build")


@pytest.fixture(scope="module")
def native() -> list[marked.Unit]:
    if not ceilings.build_compiler(BUILD).startswith("gcc"):
        pytest.skip("not a build of gcc")
    return marked.units(BUILD)


def first_of_each(units: list[marked.Unit]) -> dict[str, marked.Unit]:
    return {f"{u.isa} f{u.bits}": u for u in units if u.bits}


def test_gcc_vectorises_every_marked_loop(native):
    assert native
    assert not marked.complaints_of(marked.reports_on(BUILD, BUILD / "build.log"))


def names_a_scalar_loop(units: list[marked.Unit]) -> None:
    for name, unit in first_of_each(units).items():
        assert any(0 in widths for widths in marked.loops(unit, source=SEED).values()), name


def test_gcc_names_a_scalar_loop(native):
    names_a_scalar_loop(native)


def test_gcc_names_a_scalar_loop_for_neon(tmp_path):
    """The library's own loops are asked for where it is built with this compiler."""
    need("aarch64-linux-gnu-gcc")
    units = configured(tmp_path, GCC_FOR_ARM)
    assert {u.isa for u in units} == {"neon"}
    names_a_scalar_loop(units)


def test_what_ninja_prints_is_read():
    """Of two kernels one with a scalar loop; what is no kernel does not count."""
    line = next(line for line in sorted(marked.marked(ROOT / "src/kernel/pointwise.h")))
    place = f"{ROOT}/src/kernel/pointwise.h:{line}:5:"
    printed = "\n".join(["[1/3] Building C object src/CMakeFiles/libloss_kernels_neon_f32.dir/losses/distance/huber.c.o",
                         f"{place} optimized: loop vectorized using 16 byte vectors",
                         "[2/3] Building C object src/CMakeFiles/libloss_kernels_neon_f64.dir/losses/distance/huber.c.o",
                         f"{place} missed: couldn't vectorize loop", f"{place} missed: control flow in loop.",
                         "[3/3] Building C object src/CMakeFiles/libloss_house.dir/engine/call.c.o", f"{place} missed: couldn't vectorize loop"])
    reports = marked.reports_of(printed, BUILD)
    assert [(isa, list(found.values())) for _, isa, found in reports] == [("neon", [[16]]), ("neon", [[0]])]
    assert any("libloss_kernels_neon_f64" in c and "stayed scalar" in c for c in marked.complaints_of(reports))


@pytest.mark.parametrize("compiler", ["clang", CLANG_FOR_ARM], ids=["native", "neon"])
def test_clang_refuses_a_scalar_loop(compiler, tmp_path):
    """And takes a true kernel by the same command; the whole library is built with it elsewhere."""
    need("clang")
    units = first_of_each(configured(tmp_path, compiler))
    assert len(units) == (2 if "\n" in compiler else 4 if X86 else 2)
    for name, unit in units.items():
        refused = marked.compile_unit(unit, source=SEED)
        assert refused.returncode != 0 and "pass-failed" in refused.stderr, (name, refused.stderr)
        assert marked.compile_unit(unit).returncode == 0, name


@pytest.mark.skipif(not X86, reason="ceilings are AVX2's")
def test_instructions_stay_under_their_ceilings():
    if ceilings.build_compiler(BUILD) not in ceilings.read_ceilings()[0]:
        pytest.skip("the ceilings are another compiler's")
    need("valgrind")
    complaints = ceilings.compare(ceilings.measure(pathlib.Path(os.environ["LIBLOSS_SO"])), ceilings.read_ceilings()[1])
    assert not complaints, "\n".join(complaints)


@pytest.mark.skipif(not X86, reason="ceilings are AVX2's")
def test_a_scalar_kernel_breaks_its_ceilings(native, tmp_path):
    """The library with one kernel of one loss compiled without vectors, and nothing else changed."""
    need("valgrind")
    unit = next(u for u in native if str(u) == "huber avx2 f32")
    scalar = tmp_path / "scalar.o"
    subprocess.run([*unit.command, "-fno-tree-vectorize", "-fno-tree-slp-vectorize", "-c", unit.source, "-o", scalar], cwd=unit.folder, check=True)
    objects = [o for o in (BUILD / "src/CMakeFiles").rglob("*.o") if not str(o).endswith("avx2_f32.dir/losses/distance/huber.c.o")]
    subprocess.run(["cc", "-shared", "-o", tmp_path / "libloss.so", *objects, scalar], check=True)
    complaints = ceilings.compare(ceilings.measure(tmp_path / "libloss.so"), ceilings.read_ceilings()[1])
    assert any(c.startswith("huber f32 value: kernel") for c in complaints) and any(c.startswith("huber f32 grad+hess: kernel") for c in complaints)


def test_a_ceiling_can_be_hit():
    """Half as much again, a ceiling that holds nothing, a loss that is new, a loss that is gone."""
    held = {"huber f32 value": (4.0, 9.0), "engine:plain f32 value": (0.0, 9.0)}
    assert not ceilings.compare({"huber f32 value": (3.6, 8.2), "engine:plain f32 value": (0.0, 8.2)}, held)
    assert len(ceilings.compare({"huber f32 value": (5.4, 10.0), "engine:plain f32 value": (0.0, 8.2)}, held)) == 2
    assert len(ceilings.compare({"huber f32 value": (1.0, 8.2), "engine:plain f32 value": (0.0, 3.0)}, held)) == 2
    assert len(ceilings.compare({"hinge f32 value": (3.6, 8.2), "engine:plain f32 value": (0.0, 8.2)}, held)) == 2


def test_no_approximate_instruction():
    """Reciprocals and roots by table, and conversions that flush: their bits differ between makers of processors."""
    tool = os.environ.get("OBJDUMP", "objdump")
    need(tool)
    text = subprocess.run([tool, "-d", "--no-show-raw-insn", os.environ["LIBLOSS_SO"]], capture_output=True, text=True, check=True).stdout
    instructions = set(re.findall(r"^\s*[0-9a-f]+:\s+(?:(?:lock|rep\w*|bnd|notrack) +)*([\w.]+)", text, re.M))
    assert len(instructions) > 100
    approximate = r"v?rcp(14|28)?[ps][sdh]|v?rsqrt(14|28)?[ps][sdh]|vexp2p[sd]|v?cvtne2?ps2bf16\w*|frecpe|frecps|frecpx|frsqrte|frsqrts|urecpe|ursqrte|bfcvt\w*"
    assert not {i for i in instructions if re.fullmatch(approximate, i)}


def test_kernels_call_nothing():
    """No libm, no allocation. What compilers make of clearing or copying a struct is in every libc."""
    objects = [o for pattern in ("kernels", "tiles") for o in (BUILD / "src/CMakeFiles").glob(f"libloss_{pattern}_*.dir/**/*.o")]
    assert len(objects) > 20
    text = subprocess.run(["nm", "-u", *objects], capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^\s+U (\w+)$", text, re.M)) <= {"memset", "memcpy"}


# Losses of f64 data that do multiply subnormal numbers: where results are near the end of doubles themselves, and far from any data met so far.
STALLS = {
    "subnormal": "absolute_percentage_error adaptive_robust binary_cross_entropy binary_focal binary_focal_with_logits gaussian_nll",
    "squares": "adaptive_robust binary_cross_entropy binary_focal",
    "far": "binary_focal_with_logits",
}


@pytest.mark.skipif(not X86 or sys.platform != "linux", reason="reads the registers of x86-64 under Linux")
@pytest.mark.parametrize("isa", ["avx2", "avx512"])
def test_products_of_subnormal_numbers(tmp_path, isa):
    """No loss of f32 data multiplies any: at 1e-39, where their squares underflow, and of logits whose exponentials do."""
    library = BUILD / "src/libloss.a"
    if not ceilings.build_compiler(BUILD).startswith("gcc"):
        pytest.skip("not a build of gcc, which alone is looked at")
    if f" {'avx512dq' if isa == 'avx512' else isa} " not in pathlib.Path("/proc/cpuinfo").read_text():
        pytest.skip(f"this machine has no {isa}")
    program = tmp_path / "stalls"
    subprocess.run(["cc", "-O1", f"-I{ROOT}/include", f"-I{ROOT}/src", HERE / "stalls.c", library, "-lpthread", "-lm", "-o", program], check=True)
    said = subprocess.run([program, isa], capture_output=True, text=True, check=True).stdout
    found: dict[tuple[str, str], set[str]] = {}
    for line in said.splitlines():
        loss, bits, data, _, count = line.split()
        found.setdefault((bits, data), set()).update({loss} if float(count) else ())
    assert len(found) == 8
    assert not found["f32", "ordinary"] and not found["f64", "ordinary"]  # also in loops for faint tiles, which would be taken for ever
    for data, losses in STALLS.items():
        assert found["f32", data] == set()
        assert found["f64", data] == set(losses.split()), data
