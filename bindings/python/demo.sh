#!/bin/sh
# The main job on real data: a story of losses on the terminal, and a picture, losses.png, in the current directory.
# Builds libloss and installs it with what the story needs into a virtual environment under build/. What the system lacks
# (a C compiler, venv, Python's headers) is installed first: on Debian, as root.
#
#   sh bindings/python/demo.sh [DIRECTORY]
set -eu
here=$PWD
cd "$(dirname "$0")/../.."

have() { command -v "$1" >/dev/null 2>&1; }

missing=
have cc || missing="$missing gcc libc6-dev"
have make || missing="$missing make"
have python3 || missing="$missing python3"
python3 -c 'import venv, ensurepip' 2>/dev/null || missing="$missing python3-venv"
python3 -c 'import sysconfig, os, sys; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' 2>/dev/null ||
    missing="$missing python3-dev"
if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && have apt-get; then
        echo "installing$missing"
        apt-get update -qq
        # shellcheck disable=SC2086
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    else
        echo "these packages are needed, and only root can install them:$missing" >&2
        exit 1
    fi
fi

venv=build/demo-venv
mkdir -p build
[ -x $venv/bin/python ] || python3 -m venv $venv
echo "building libloss (a minute or two) ..."
$venv/bin/pip install --quiet --disable-pip-version-check "./bindings/python[demo]"
demo=$PWD/$venv/bin/libloss
cd "$here"
exec "$demo" demo "$@"
