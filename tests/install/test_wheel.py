"""What goes to a package index: an sdist that builds without a network, and a wheel of it that is what its name says."""

from __future__ import annotations

import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile

import pytest
from test_install import ROOT, once_for_all_workers, pip_install, run

PACKAGE = ROOT / "bindings/python"
DOCUMENT = tomllib.loads((PACKAGE / "pyproject.toml").read_text())


def tool(name: str) -> str:
    return shutil.which(name) or str(pathlib.Path(sys.executable).with_name(name))


def offline() -> list[str]:
    """What to put before a command so that it has no network; nothing, where the kernel does not let us."""
    command = ["unshare", "-rn"]
    return command if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0 else []


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The folder of the sdist, and of the wheel that is made from it."""
    return once_for_all_workers(tmp_path_factory, "wheels", build)


def build(folder: pathlib.Path) -> None:
    """By the backend as any front end does it. What the build needs is there before; then the network goes. Of the instruction sets the
    plainest alone: every source is compiled, and in a third of the time."""
    run(sys.executable, "-m", "venv", folder / "venv")
    python = folder / "venv/bin/python"
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *DOCUMENT["build-system"]["requires"], "cmake", "ninja")
    code = "import sys, _backend; print(_backend.build_sdist(sys.argv[1]))"
    environment = {**os.environ, "PATH": f"{python.parent}:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}
    run(python, "-c", code, folder, cwd=PACKAGE, env={**environment, "PYTHONPATH": str(PACKAGE)})
    one_set = ["--config-settings=cmake.define.LIBLOSS_ONLY=baseline"] if platform.machine() == "x86_64" else []
    run(*offline(), python, "-m", "pip", "wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, *one_set, next(folder.glob("*.tar.gz")),
        cwd=folder, env={name: value for name, value in environment.items() if name != "PYTHONPATH"})


@pytest.fixture(scope="session")
def wheel(built):
    return next(path for path in built.glob("*.whl") if "manylinux" not in path.name)


@pytest.fixture(scope="session")
def repaired(wheel, tmp_path_factory):
    """As auditwheel sends it out into the world."""
    folder = tmp_path_factory.mktemp("repaired")
    run(tool("auditwheel"), "repair", "--wheel-dir", folder, wheel, env={**os.environ, "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"})
    return next(folder.glob("*.whl"))


def test_the_sdist_carries_the_c_sources(built):
    with tarfile.open(next(built.glob("*.tar.gz"))) as tar:
        held = {name.partition("/")[2] for name in tar.getnames()}
    carried = {str(file.relative_to(ROOT)) for folder in ("src", "include") for file in (ROOT / folder).rglob("*") if file.is_file()}
    assert len(carried) > 100 and not {f"c/{file}" for file in carried} - held
    assert not (PACKAGE / "c").exists(), "the carried copy is gone again"


def test_what_the_wheel_holds(wheel):
    assert re.fullmatch(r"libloss-[\d.]+-cp311-abi3-linux_\w+\.whl", wheel.name)
    with zipfile.ZipFile(wheel) as archive:
        held = {name.partition("/")[2] for name in archive.namelist() if name.startswith("libloss/")}
        about = archive.read(next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))).decode()
    sources = {str(path.relative_to(PACKAGE / "libloss")) for path in (PACKAGE / "libloss").rglob("*") if path.suffix in (".py", ".c", ".css", ".js", ".typed")}
    made = {"_libloss.abi3.so", "libloss.so.0", "libloss.h", "__init__.pyi", "metrics.pyi", "_texts.py"}
    assert "_gallery/style.css" in sources and held - {"_libloss.pyi"} == (sources - {"_libloss.pyi"}) | made | {"py.typed"}
    extras = set(re.findall(r"^Provides-Extra: (\S+)", about, re.M))
    assert extras == set(DOCUMENT["project"]["optional-dependencies"])


def test_the_wheel_is_of_many_linuxes(wheel, repaired):
    """The newest symbol of libc that is used decides which. Nothing is put in by the repair, for nothing is missing."""
    def files(path):
        with zipfile.ZipFile(path) as archive:
            return {name for name in archive.namelist() if ".dist-info" not in name and not name.endswith("/")}

    tag = re.search(r'platform tag:\s+"?(manylinux_2_(\d+)_\w+)', run(tool("auditwheel"), "show", wheel).replace("\n", " "))
    assert tag and int(tag[2]) <= int(platform.libc_ver()[1].partition(".")[2])
    assert tag[1] in repaired.name and files(repaired) == files(wheel)


def test_the_wheel_keeps_to_the_stable_abi(repaired):
    done = subprocess.run([tool("abi3audit"), "--strict", "--report", str(repaired)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(done.stdout)["specs"][str(repaired)]["wheel"]
    assert [so["name"] for so in results] == ["_libloss.abi3.so"]
    assert all(so["result"]["is_abi3"] and so["result"]["baseline"] == "3.11" and not so["result"]["non_abi3_symbols"] for so in results)


def test_the_repaired_wheel_works(repaired, tmp_path):
    package = pip_install(tmp_path / "venv", repaired)
    assert package.is_relative_to(tmp_path)
    extension = package / "_libloss.abi3.so"
    needed = run("readelf", "-d", extension)
    assert "$ORIGIN" in needed and set(re.findall(r"NEEDED.*\[(.*)\]", needed)) <= {"libloss.so.0", "libc.so.6", "libpthread.so.0"}
    python, version = tmp_path / "venv/bin/python", repaired.name.split("-")[1]
    assert run(python, "-m", "libloss", "--version").strip() == version
    run(python, "-m", "libloss", "gallery", tmp_path / "gallery")
    assert (tmp_path / "gallery/howto.html").exists()


def test_cibuildwheel_builds_one_wheel_per_platform():
    told = run(tool("cibuildwheel"), "--print-build-identifiers", "--platform", "linux", PACKAGE)
    assert set(told.split()) == {f"cp311-{libc}linux_{machine}" for libc in ("many", "musl") for machine in ("x86_64", "aarch64")}
    assert DOCUMENT["tool"]["scikit-build"]["wheel"]["py-api"] == "cp311"
