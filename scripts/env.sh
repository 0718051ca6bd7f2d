#!/bin/sh
# Builds the environment in .venv: the packages of requirements.lock and this package, editable.
# Does nothing if that was done before; starts over if it was interrupted.  Called by `make env`.
set -eu
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3}
UV_VERSION=0.13.9
READY=.venv/.ready       # says for what the environment was finished
BUILDING=.venv/.building # is there while it is not

fail() { echo "make env: $*" >&2; exit 1; }

# The virtual environment's scripts hold absolute paths: a checkout that was moved needs a new one.
wanted=$(pwd; cat requirements.lock pyproject.toml scripts/env.sh | cksum)
# (import pip: an interrupted `python -m venv` leaves a Python without it)
works() { [ -x .venv/bin/python ] && .venv/bin/python -c 'import pip' 2>/dev/null; }

if works && [ ! -e $BUILDING ] && [ "$(cat $READY 2>/dev/null)" = "$wanted" ]; then exit 0; fi

command -v "$PYTHON" >/dev/null 2>&1 || fail "$PYTHON was not found; install Python 3.11 or newer, or name one: make env PYTHON=/path/to/python3"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$PYTHON is $("$PYTHON" --version 2>&1), needed is Python 3.11 or newer; name another: make env PYTHON=/path/to/python3"
"$PYTHON" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$PYTHON lacks venv or ensurepip; on Debian or Ubuntu install the package python3-venv"

moved=no
if [ -e $READY ] && [ "$(head -n 1 $READY)" != "$(pwd)" ]; then moved=yes; fi
if ! works || [ -e $BUILDING ] || [ $moved = yes ]; then
    echo "Building the environment in .venv (about 6 GB, a few minutes)"
    "$PYTHON" -m venv --clear .venv || fail "$PYTHON cannot make a virtual environment in $(pwd)/.venv"
fi
rm -f $READY
touch $BUILDING

# uv takes a fraction of pip's time, but does not read pip's configuration: where it finds no index, pip does the work.
# Both compile what they install: where Python may not, every notebook would spend half of its time on compiling.
export UV_NO_PROGRESS=1 UV_COMPILE_BYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
uv_install() { .venv/bin/python -m uv pip install --quiet --python .venv/bin/python "$@"; }
pip_install() { .venv/bin/python -m pip install --quiet "$@"; }

.venv/bin/python -m uv --version 2>/dev/null | grep -q "^uv $UV_VERSION " || pip_install "uv==$UV_VERSION" ||
    echo "uv could not be installed; going on with pip, which takes longer" >&2
uv_install -r requirements.lock || pip_install -r requirements.lock || fail "the packages of requirements.lock could not be installed"
uv_install --no-deps -e . || pip_install --no-deps -e . || fail "the package itself could not be installed"
.venv/bin/python -c 'import torch, torchvision, papermill, jupyterlab, inertia_utils' ||
    fail "the packages are installed but do not import; remove .venv and try again"

rm -f $BUILDING
printf '%s\n' "$wanted" > $READY
echo "The environment in .venv is ready"
