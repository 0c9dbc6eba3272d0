#!/usr/bin/env bash
# Makes the Python environment in which tests/pyvene_files.rs has pyvene itself read and write its folders, and prints its
# interpreter. It is kept in the user's cache: some 6 GB, most of it what PyTorch's package brings for GPUs.
set -euo pipefail
venv="${XDG_CACHE_HOME:-$HOME/.cache}/intervene/pyvene-0.1.8"
if [ ! -f "$venv/.complete" ]; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    # Without pyvene's own list: what it names besides these is for its notebooks.
    "$venv/bin/pip" install -q torch==2.15.0 transformers==5.24.0 matplotlib==3.11.2 pandas==3.1.1 >&2
    "$venv/bin/pip" install -q --no-deps pyvene==0.1.8 >&2
    "$venv/bin/python" -c "import pyvene" >&2
    touch "$venv/.complete"
fi
echo "$venv/bin/python"
