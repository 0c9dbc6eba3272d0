#!/usr/bin/env bash
# Creates the Python environment in which tests/pyvene_files.rs runs pyvene, and prints the path of its interpreter. The
# environment is in the user's cache and takes about 6 GB, most of it PyTorch's GPU libraries.
set -euo pipefail
venv="${XDG_CACHE_HOME:-$HOME/.cache}/intervene/pyvene-0.1.8"
if [ ! -f "$venv/.complete" ]; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    # pyvene's other declared dependencies are used only by its notebooks.
    "$venv/bin/pip" install -q torch==2.15.0 transformers==5.24.0 matplotlib==3.11.2 pandas==3.1.1 >&2
    "$venv/bin/pip" install -q --no-deps pyvene==0.1.8 >&2
    "$venv/bin/python" -c "import pyvene" >&2
    touch "$venv/.complete"
fi
echo "$venv/bin/python"
