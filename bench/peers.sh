#!/bin/sh
# llama.cpp beside Ridge on the same files, in one interleaved run: pp512 and tg128, written as a table to docs/peers.md.
#
#   bench/peers.sh [-r ROUNDS] [-t THREADS] [-p PROMPT] [-n TOKENS] [-o FILE.md] FILE.gguf ...
#
# llama.cpp comes from the Python package llama-cpp-python, which pip builds for this machine (about 8 minutes on 2 cores) in a virtual
# environment: PEERS_VENV, or ~/.cache/ridge/peers. CMAKE_ARGS=-DGGML_CUDA=on builds it for a GPU. RIDGE: the program (build/ridge).
set -eu
here=$(dirname "$0")
ridge=${RIDGE:-$here/../build/ridge}
venv=${PEERS_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/ridge/peers}
case ${1:-} in ''|-h|--help) sed -n '2,7s/^# \{0,1\}//p' "$0"; [ $# -gt 0 ] && exit 0 || exit 2 ;; esac
[ -x "$ridge" ] || { echo "$ridge is not there: ./dev build makes it, or set RIDGE" >&2; exit 3; }
if ! "$venv/bin/python3" -c 'import llama_cpp' 2>/dev/null; then
    echo "building llama.cpp in $venv" >&2
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check llama-cpp-python >&2
fi
exec "$venv/bin/python3" "$here/peers.py" --ridge "$ridge" "$@"
