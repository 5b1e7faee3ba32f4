#!/bin/sh
# llama.cpp and ik_llama.cpp beside Ridge on the same files, in one interleaved run: pp512 and tg128, written as a table to docs/peers.md.
#
#   bench/peers.sh [-r ROUNDS] [-t THREADS] [-p PROMPT] [-n TOKENS] [-o FILE.md] FILE.gguf ...
#
# They come from the Python packages llama-cpp-python and ik-llama-cpp-python, built for this machine (about 8 minutes each on 2 cores) in
# virtual environments: llama and ik in PEERS_VENVS, or in ~/.cache/ridge/peers. CMAKE_ARGS=-DGGML_CUDA=on builds them for a GPU. PEERS: which
# of them, and in which way ("llama ik ik-rtr"; -rtr: weights repacked while loading). RIDGE: the program (build/ridge).
set -eu
here=$(dirname "$0")
ridge=${RIDGE:-$here/../build/ridge}
venvs=${PEERS_VENVS:-${XDG_CACHE_HOME:-$HOME/.cache}/ridge/peers}
case ${1:-} in ''|-h|--help) sed -n '2,8s/^# \{0,1\}//p' "$0"; [ $# -gt 0 ] && exit 0 || exit 2 ;; esac
[ -x "$ridge" ] || { echo "$ridge is not there: ./dev build makes it, or set RIDGE" >&2; exit 3; }
build_llama() {
    CMAKE_ARGS="-DGGML_NATIVE=ON ${CMAKE_ARGS:-}" "$1/bin/pip" install --quiet --disable-pip-version-check --no-binary llama-cpp-python llama-cpp-python
}

# Pip cannot build this package, whose source lacks a file that its library does not need; so the library is built without pip, and takes the
# place of the package's own, which is made for any processor with AVX2.
build_ik() {
    "$1/bin/pip" install --quiet --disable-pip-version-check ik-llama-cpp-python cmake
    version=$("$1/bin/python3" -c 'import importlib.metadata as m; print(m.version("ik-llama-cpp-python"))')
    "$1/bin/pip" download --quiet --disable-pip-version-check --no-deps --no-binary ik-llama-cpp-python -d "$1/source" "ik-llama-cpp-python==$version"
    tar -xzf "$1/source/"*"-$version.tar.gz" -C "$1/source" --strip-components=1
    "$1/bin/cmake" -S "$1/source/vendor/ik_llama.cpp" -B "$1/build" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON -DGGML_NATIVE=ON \
        -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON -DCMAKE_INSTALL_RPATH='$ORIGIN' ${CMAKE_ARGS:-} >/dev/null
    "$1/bin/cmake" --build "$1/build" --target llama -j "$(nproc)" >/dev/null
    cp "$1/build/src/libllama.so" "$1/build/ggml/src/libggml.so" "$1"/lib/python3*/site-packages/ik_llama_cpp/lib/
}

for peer in ${PEERS:-llama ik ik-rtr}; do
    case $peer in
        llama)     engine=llama module=llama_cpp ;;
        ik|ik-rtr) engine=ik    module=ik_llama_cpp ;;
        *)         echo "PEERS: no peer is called $peer; there are llama, ik and ik-rtr" >&2; exit 2 ;;
    esac
    venv=$venvs/$engine
    if ! "$venv/bin/python3" -c "import $module" 2>/dev/null || [ ! -e "$venv/built" ]; then
        echo "building $engine in $venv" >&2
        python3 -m venv "$venv"
        "build_$engine" "$venv" >&2
        touch "$venv/built"
    fi
    set -- "$@" --peer "$peer=$venv/bin/python3"
done
exec python3 "$here/peers.py" --ridge "$ridge" "$@"
