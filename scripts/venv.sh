# Sourced by the scripts beside it: `use_venv EXTRAS` makes .venv, once, and puts it first on the PATH.
# A stamp of what it was made from lets the next run start at once.

use_venv() {
    local extras=$1 python stamp
    python=$(find_python) || exit 4
    stamp=$("$python" - "$extras" <<'PY'
import hashlib, pathlib, sys
made_from = [sys.version, *sys.argv[1:]] + [pathlib.Path(name).read_text() for name in ("setup.cfg", "pyproject.toml")]
print(hashlib.sha256("\0".join(made_from).encode()).hexdigest())
PY
    )
    local venv=${BILI2TEXT_VENV:-$PWD/.venv}
    if [ "$(cat "$venv/made-from-$extras" 2>/dev/null)" != "$stamp" ]; then
        echo "setting up $venv (once) ..." >&2
        # one that was left half made, or made by a Python that is gone, is made anew
        "$venv/bin/python" -m pip --version >/dev/null 2>&1 || make_venv "$python" "$venv" || exit 4
        local pip=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check)
        quietly "${pip[@]}" --upgrade pip || exit 4
        quietly "${pip[@]}" -e ".[$extras]" || exit 4
        # Real speech with transcripts. Only its sound is used: its code wants a C compiler, and Python 3.11.
        quietly "${pip[@]}" --no-deps --ignore-requires-python pytest-audioeval==0.1.3 || exit 4
        echo "$stamp" >"$venv/made-from-$extras"
    fi
    export PATH="$venv/bin:$PATH" VIRTUAL_ENV="$venv"
}

quietly() {
    # pip remarks at length on what does not matter here; all of it is shown when it fails
    local said
    said=$("$@" 2>&1) || { echo "$said" >&2; return 1; }
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python3.10; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2])' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "error: Python 3.10 or newer is needed (apt install python3)" >&2
    return 1
}

make_venv() {
    if ! "$1" -c 'import ensurepip' 2>/dev/null; then
        # Debian leaves this part of Python in a package of its own
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            apt-get update -qq >&2 && apt-get install -y -qq python3-venv >&2
        else
            echo "error: this Python cannot make a virtual environment (sudo apt install python3-venv)" >&2
            return 1
        fi
    fi
    "$1" -m venv --clear "$2"
}
