#!/bin/sh
# llama.cpp and ik_llama.cpp beside Ridge on the same files, in one interleaved run: pp512 and tg128, written as a table to docs/peers.md.
#
#   bench/peers.sh [-r ROUNDS] [-t THREADS] [-p PROMPT] [-n TOKENS] [-o FILE.md] FILE.gguf ...
#
# They come from the Python packages llama-cpp-python and ik-llama-cpp-python, which pip builds for this machine (about 8 and 30 minutes on
# 2 cores) in virtual environments: llama and ik in PEERS_VENVS, or in ~/.cache/ridge/peers. CMAKE_ARGS=-DGGML_CUDA=on builds them for a GPU.
# PEERS: which of them ("llama ik"). RIDGE: the program (build/ridge).
set -eu
here=$(dirname "$0")
ridge=${RIDGE:-$here/../build/ridge}
venvs=${PEERS_VENVS:-${XDG_CACHE_HOME:-$HOME/.cache}/ridge/peers}
case ${1:-} in ''|-h|--help) sed -n '2,8s/^# \{0,1\}//p' "$0"; [ $# -gt 0 ] && exit 0 || exit 2 ;; esac
[ -x "$ridge" ] || { echo "$ridge is not there: ./dev build makes it, or set RIDGE" >&2; exit 3; }
for peer in ${PEERS:-llama ik}; do
    case $peer in
        llama) package=llama-cpp-python    module=llama_cpp ;;
        ik)    package=ik-llama-cpp-python module=ik_llama_cpp ;;
        *)     echo "PEERS: no peer is called $peer; there are llama and ik" >&2; exit 2 ;;
    esac
    if ! "$venvs/$peer/bin/python3" -c "import $module" 2>/dev/null; then
        echo "building $package in $venvs/$peer" >&2
        python3 -m venv "$venvs/$peer"
        CMAKE_ARGS="-DGGML_NATIVE=ON ${CMAKE_ARGS:-}" "$venvs/$peer/bin/pip" install --quiet --disable-pip-version-check --no-binary "$package" "$package" >&2
    fi
    set -- --peer "$peer=$venvs/$peer/bin/python3" "$@"
done
exec python3 "$here/peers.py" --ridge "$ridge" "$@"
