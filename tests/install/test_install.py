"""What a stranger does with an installed libloss, and what the binaries look like."""

from __future__ import annotations

import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CC = os.environ.get("CC", "cc")
APP = r"""
#include <libloss.h>
int main(void)
{
    float prediction[3] = { 0.5F, 2, -1 }, target[3] = { 1, 1, 1 }, gradient[3];
    double mean;
    libloss_object *huber;
    if (libloss_create("huber(delta=1.5)", &huber) != LIBLOSS_OK) return 1;
    if (libloss_call_f32(huber, LIBLOSS_MEAN, 3, prediction, target, &mean, gradient) != LIBLOSS_OK) return 2;
    libloss_destroy(huber);
    return !(mean > 0.83 && mean < 0.84 && gradient[2] < -0.49F);
}
"""


def run(*command, **keywords) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **keywords)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def once_for_all_workers(factory, name: str, make) -> pathlib.Path:
    """A folder that `make` fills, for the first worker that asks."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            try:
                folder.mkdir()
                make(folder)
            except BaseException:
                shutil.rmtree(folder)
                raise
    return folder


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """An installed tree that has been moved since."""
    base = tmp_path_factory.mktemp("install")
    run("cmake", "-S", ROOT, "-B", base / "build", "-G", "Ninja", "-DLIBLOSS_BUILD_TESTS=OFF", "-DCMAKE_INSTALL_PREFIX=/first", "-DCMAKE_INSTALL_LIBDIR=lib")
    run("cmake", "--build", base / "build")
    run("cmake", "--install", base / "build", env={**os.environ, "DESTDIR": str(base / "stage")})
    shutil.move(base / "stage/first", base / "moved")
    (base / "app.c").write_text(APP)
    return base / "moved"


def pkg_config(prefix, *options) -> list[str]:
    return run("pkg-config", *options, "libloss", env={**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}).split()


def test_pkg_config(prefix, tmp_path):
    run(CC, prefix.parent / "app.c", *pkg_config(prefix, "--cflags", "--libs"), "-o", tmp_path / "app")
    run(tmp_path / "app", env={**os.environ, "LD_LIBRARY_PATH": str(prefix / "lib")})
    assert run("pkg-config", "--modversion", prefix / "lib/pkgconfig/libloss.pc").strip() in (ROOT / "include/libloss.h").read_text()


def test_static(prefix, tmp_path):
    run(CC, prefix.parent / "app.c", f"-I{prefix}/include", prefix / "lib/libloss.a", "-o", tmp_path / "app")
    run(tmp_path / "app")


@pytest.mark.parametrize("target", ["libloss", "libloss_static"])
def test_cmake_package(prefix, tmp_path, target):
    shutil.copy(prefix.parent / "app.c", tmp_path)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.20)\nproject(app C)\nfind_package(libloss 0.1 REQUIRED)\n"
        f"add_executable(app app.c)\ntarget_link_libraries(app libloss::{target})\n")
    run("cmake", "-S", tmp_path, "-B", tmp_path / "b", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", tmp_path / "b")
    run(tmp_path / "b/app", env={**os.environ, "LD_LIBRARY_PATH": str(prefix / "lib")})


@pytest.mark.parametrize("flags", [["-xc", "-std=c99"], ["-xc", "-std=c11"], ["-xc++", "-std=c++11"], ["-xc++", "-std=c++17"]])
def test_header_alone(flags, tmp_path):
    if flags[0] == "-xc++" and not shutil.which("g++") and not shutil.which("clang++"):
        pytest.skip("no C++ compiler")
    (tmp_path / "h").write_text('#include "libloss.h"\n')
    run(CC, *flags, "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{ROOT}/include", tmp_path / "h")


@pytest.mark.parametrize("libdir", ["lib/x86_64-linux-gnu", "absolute"])
def test_other_libdirs(prefix, tmp_path, libdir):
    """Deeper ones stay relocatable; absolute ones, with the headers elsewhere again, are written as they are."""
    base, first = prefix.parent, tmp_path / "first"
    places = [f"-DCMAKE_INSTALL_LIBDIR={tmp_path}/far/lib", f"-DCMAKE_INSTALL_INCLUDEDIR={tmp_path}/headers"] if libdir == "absolute" else [f"-DCMAKE_INSTALL_LIBDIR={libdir}"]
    shutil.copytree(base / "build", tmp_path / "build", symlinks=True)
    (tmp_path / "build/CMakeCache.txt").unlink()
    run("cmake", "-S", ROOT, "-B", tmp_path / "build", "-G", "Ninja", "-DLIBLOSS_BUILD_TESTS=OFF", f"-DCMAKE_INSTALL_PREFIX={first}", *places)
    run("cmake", "--build", tmp_path / "build")
    run("cmake", "--install", tmp_path / "build")
    lib = tmp_path / "far/lib" if libdir == "absolute" else tmp_path / "second" / libdir
    if libdir != "absolute":
        first.rename(tmp_path / "second")
    flags = run("pkg-config", "--cflags", "--libs", "libloss", env={**os.environ, "PKG_CONFIG_PATH": str(lib / "pkgconfig")}).split()
    run(CC, base / "app.c", *flags, "-o", tmp_path / "app")
    run(tmp_path / "app", env={**os.environ, "LD_LIBRARY_PATH": str(lib)})


def test_manual_page(prefix):
    page = prefix / "share/man/man3/libloss.3"
    text = page.read_text()
    for name in re.findall(r"^\s+(libloss_\w+);", (ROOT / "src/libloss.map").read_text(), re.M):
        assert name in text, name
    example = "\n".join(line for line in re.search(r"^#include <libloss.h>\n#include.*?^\}", text, re.M | re.S).group().splitlines() if line != ".PP")
    (prefix.parent / "page.c").write_text(example.replace("\\-", "-").replace("\\e", "\\"))
    run(CC, "-Wall", "-Werror", prefix.parent / "page.c", *pkg_config(prefix, "--cflags", "--libs"), "-o", prefix.parent / "page")
    assert run(prefix.parent / "page", env={**os.environ, "LD_LIBRARY_PATH": str(prefix / "lib")}) == "0.833333\n"
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-ww", "-Tascii", str(page)], capture_output=True, text=True, check=True)
        assert not done.stderr, done.stderr


def test_a_fresh_thread_allocates_nothing(prefix, tmp_path):
    """Opened at run time, first use on a new thread, first failure included: thread-local memory is malloc's in other models than initial-exec."""
    run(CC, "-std=gnu11", "-rdynamic", f"-I{prefix}/include", ROOT / "tests/install/fresh.c", "-o", tmp_path / "fresh", "-ldl", "-pthread")
    for isa in ("baseline", "avx2", ""):
        lines = run(tmp_path / "fresh", prefix / "lib/libloss.so", env={**os.environ, "LIBLOSS_ISA": isa}).splitlines()
        assert len(lines) == 9
        for line in lines:
            what, _, rest = line.partition(": ")
            assert rest == f"status {12 if what == 'first failing call' else 0}, 0 allocations", line


def test_symbols_are_the_map_and_the_header(prefix):
    dynamic = run("nm", "-D", "--defined-only", prefix / "lib/libloss.so")
    exported = {line.split()[-1].partition("@")[0] for line in dynamic.splitlines() if " T " in line}
    header = set(re.findall(r"\b(libloss_\w+)\s*\((?!\*)", re.sub(r"/\*.*?\*/", "", (ROOT / "include/libloss.h").read_text(), flags=re.S)))
    mapped = set(re.findall(r"^\s+(libloss_\w+);", (ROOT / "src/libloss.map").read_text(), re.M))
    assert exported == mapped == header
    assert {line.split()[-1] for line in dynamic.splitlines() if " A " in line} <= {"LIBLOSS_0", "LIBLOSS_0@@LIBLOSS_0"}
    static = run("nm", "-g", "--defined-only", prefix / "lib/libloss.a")
    assert not {line.split()[-1] for line in static.splitlines() if len(line.split()) == 3 and not line.split()[-1].startswith("libloss_")}


def test_needs_libc_only(prefix):
    undefined = {line.split()[-1].partition("@")[0] for line in run("nm", "-D", "--undefined-only", prefix / "lib/libloss.so").splitlines()}
    allowed = {"calloc", "free", "malloc", "getenv", "memcmp", "memcpy", "memset", "memmove", "strcmp", "strcpy", "strcspn", "strlen", "madvise",
               "__stack_chk_fail", "__cxa_finalize", "__gmon_start__", "_ITM_deregisterTMCloneTable", "_ITM_registerTMCloneTable"}
    threads = {"open", "read", "close", "sysconf", "sched_getaffinity", "__sched_cpucount", "clock_gettime", "__errno_location", "strchr", "strrchr",
               "strncmp", "sigfillset", "__register_atfork"}
    assert undefined - {name for name in undefined if name.startswith("pthread_")} <= allowed | threads, undefined - allowed - threads
    headers = run("readelf", "-d", prefix / "lib/libloss.so")
    assert "libm.so" not in headers and "TEXTREL" not in headers and "libloss.so.0" in headers and "BIND_NOW" in headers


@pytest.fixture(scope="session")
def one_line(tmp_path_factory):
    """What the README's line builds, as it stands there, of the sources and one loss more."""
    folder = once_for_all_workers(tmp_path_factory, "one_line", build_by_one_line)
    return folder / "libloss.so"


def build_by_one_line(folder: pathlib.Path) -> None:
    for part in ("src", "include"):
        shutil.copytree(ROOT / part, folder / part)
    shutil.copy(ROOT / "tests/install/scratch_cauchy.c", folder / "src/losses/distance")
    with (folder / "src/losses/losses.def").open("a") as file:
        file.write("LOSS(distance, scratch_cauchy)\n")
    line = re.search(r"^cc .*LIBLOSS_PLAIN.* -o libloss.so$", (ROOT / "README.md").read_text(), re.M).group()
    run("sh", "-c", f"{line} -Wall -Wextra -Werror", cwd=folder)


def test_one_line_of_cc(one_line, tmp_path):
    """It holds the declared accuracy."""
    (tmp_path / "app.c").write_text(APP)
    run(CC, f"-I{ROOT}/include", tmp_path / "app.c", one_line, "-o", tmp_path / "app")
    run(tmp_path / "app")
    tests = ["tests/losses/test_accuracy.py", "-k", "float64 and not scratch_cauchy"]
    run(sys.executable, "-m", "pytest", "-q", *tests, cwd=ROOT, env={**os.environ, "LIBLOSS_SO": str(one_line)})


def kernel_objects(prefix):
    return sorted(p for p in (prefix.parent / "build/src/CMakeFiles").rglob("*.o") if "libloss_kernels_" in str(p) or "libloss_tiles_" in str(p))


def test_kernels_need_nothing(prefix):
    """No libm: where a set lacks fused multiply-add, the builtin would become a call of it. Compilers may copy and clear by these."""
    objects = kernel_objects(prefix)
    assert len(objects) > 100
    for line in run("nm", "-u", *objects).splitlines():
        if line.strip() and not line.endswith(":"):
            assert line.split()[-1] in ("memcpy", "memset", "memmove", "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"), line


def test_no_approximate_instructions(prefix):
    """Reciprocals and their like differ between makers of processors, and conversions to bfloat16 flush subnormals."""
    text = run("objdump", "-d", "--no-show-raw-insn", prefix / "lib/libloss.so")
    words = set(re.findall(r"\t([a-z0-9]+) ", text))
    assert len(words) > 100
    assert not {w for w in words if re.match(r"v?rcp|v?rsqrt|frecp|frsqrt|vcvtne", w)}


def test_a_new_loss_is_one_file_and_one_line(one_line):
    """Every test of losses has it at once, and so have Python, the command line and the README's table."""
    done = run(sys.executable, "-m", "pytest", ROOT / "tests/losses", "-k", "scratch_cauchy and float64", env={**os.environ, "LIBLOSS_SO": str(one_line)})
    assert int(re.search(r"(\d+) passed", done).group(1)) > 15
    pytest.importorskip("libloss")
    preload = {**os.environ, "LD_PRELOAD": str(one_line)}  # before the package's own
    assert "scratch_cauchy" in run(sys.executable, "-m", "libloss", "list", env=preload)
    assert "c^2/2*log1p((r/c)^2)" in run(sys.executable, "-m", "libloss", "show", "scratch_lorentzian", env=preload)
    value = run(sys.executable, "-c", "import libloss; print(libloss.scratch_cauchy([3.0], [1.0], c=2.0), libloss.Loss('scratch_cauchy', c=2).spec)", env=preload)
    assert value.split() == ["1.3862943611198906", "scratch_cauchy(c=2)"]
    table = "import sys; sys.path.insert(0, 'tests/python'); from readme_table import table; print(table())"
    assert "| `scratch_cauchy` | distance | `c^2/2*log1p((r/c)^2)` | `scratch_lorentzian` |" in run(sys.executable, "-c", table, env=preload, cwd=ROOT)


def test_layers():
    """Who includes whom: api -> engine -> losses, metrics, links -> kernel; kernel includes itself and three standard headers."""
    allowed = {"kernel": {"kernel"}, "losses": {"kernel", "losses", "metrics", "cpu"}, "metrics": {"metrics", "kernel"}, "links": {"kernel"}, "cpu": {"cpu"}, "engine": {"engine", "losses", "kernel", "cpu"},
               "api": {"api", "engine", "cpu"}}
    for file in sorted((ROOT / "src").rglob("*.[ch]")):
        layer = file.relative_to(ROOT / "src").parts[0]
        for quote, name in re.findall(r'^#include ([<"])([^>"]+)', file.read_text(), re.M):
            if quote == "<":
                assert layer != "kernel" or name in ("stdint.h", "stddef.h", "string.h"), (file, name)
            elif name != "libloss.h":
                target = (file.parent / name).resolve()
                if not target.exists():
                    target = (ROOT / "src/kernel" / name).resolve()
                assert target.relative_to(ROOT / "src").parts[0] in allowed[layer], (file, name)
            else:
                assert layer in ("engine", "api"), file
    for folder in ("bindings", "tests/examples", "tests/bench"):
        for file in (ROOT / folder).rglob("*.[ch]"):
            assert not re.search(r'#include "(api|engine|kernel|losses)/', file.read_text()), file


def test_tensor_has_the_layout_of_dlpack(tmp_path):
    if not pathlib.Path("/usr/include/dlpack/dlpack.h").exists():
        pytest.skip("dlpack.h is not installed (libdlpack-dev)")
    fields = {"data": "data", "device_type": "device", "ndim": "ndim", "dtype_code": "dtype", "shape": "shape", "strides": "strides", "byte_offset": "byte_offset"}
    lines = [f"_Static_assert(offsetof(libloss_tensor, {a}) == offsetof(DLTensor, {b}), \"{a}\");" for a, b in fields.items()]
    (tmp_path / "l.c").write_text("#include <stddef.h>\n#include <dlpack/dlpack.h>\n#include <libloss.h>\n" + "\n".join(lines) +
                                  "\n_Static_assert(sizeof(libloss_tensor) == sizeof(DLTensor), \"size\");\n")
    run(CC, "-std=c11", "-fsyntax-only", f"-I{ROOT}/include", tmp_path / "l.c")


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_cpp(prefix, tmp_path, compiler):
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler}")
    run(compiler, "-std=c++17", "-Wall", "-Wextra", "-pedantic", "-Werror", ROOT / "tests/install/app.cpp", *pkg_config(prefix, "--cflags", "--libs"), "-o", tmp_path / "app")
    run(tmp_path / "app", env={**os.environ, "LD_LIBRARY_PATH": str(prefix / "lib")})


# ---- the Python package, as strangers get it ----


TRY = "import libloss, pathlib; assert libloss.huber([1.0, 5.0], [1.0, 1.0]) == 1.75; print(pathlib.Path(libloss.__file__).parent)"


def pip_install(folder, source, **environment) -> pathlib.Path:
    """Installs into a fresh virtual environment that sees this one's NumPy and cffi; the package's folder."""
    run(sys.executable, "-m", "venv", folder)
    site = next(folder.glob("lib/python3*/site-packages"))
    (site / "peers.pth").write_text("\n".join(p for p in sys.path if p.endswith("site-packages")))
    run(folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--ignore-installed", source, env={**os.environ, **environment})
    return pathlib.Path(run(folder / "bin/python", "-c", TRY, cwd=folder).strip())


def test_links_an_installed_library(prefix, tmp_path, monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", str(prefix / "lib"))
    monkeypatch.setenv("PKG_CONFIG_PATH", str(prefix / "lib/pkgconfig"))
    package = pip_install(tmp_path / "venv", ROOT / "bindings/python", SKBUILD_CMAKE_DEFINE="LIBLOSS_SYSTEM=ON")
    assert not list(package.glob("libloss.so*")), "the library is the installed one"
    assert (package / "__init__.pyi").exists()
    maps = "import libloss; print(open('/proc/self/maps').read())"
    assert str(prefix / "lib/libloss.so") in run(tmp_path / "venv/bin/python", "-c", maps)
