#!/bin/sh
# From the start of the process to the first token: a model and its packed file in turns, the file in the page cache.
#
#   bench/first_token.sh [-r RUNS] [-t THREADS] [-p PROMPT] [SHAPE TYPE | MODEL.gguf]
#
# SHAPE TYPE (default qwen2.5-0.5b q8_0): random weights in the shape of a known model. RIDGE: the program (build/ridge). TMPDIR: where the
# files are written and removed again. Each run is a process of its own; the first of each model is not counted.
set -eu
runs=10 threads= prompt=Hello
while getopts r:t:p: flag; do
    case $flag in
        r) runs=$OPTARG ;;
        t) threads=$OPTARG ;;
        p) prompt=$OPTARG ;;
        *) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
ridge=${RIDGE:-$(dirname "$0")/../build/ridge}
[ -x "$ridge" ] || { echo "$ridge is not there: ./dev build makes it, or set RIDGE" >&2; exit 3; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
model=${1:-qwen2.5-0.5b}
if [ ! -f "$model" ]; then
    "$ridge" synth "$model" "${2:-q8_0}" -o "$folder/model.gguf" >&2
    model=$folder/model.gguf
fi
"$ridge" pack -q "$model" "$folder/packed.gguf"

# "first token 0.051 s (load 0.020 s) | ..." gives "file 0.051 0.020".
one() { "$ridge" run -m "$2" ${threads:+-t "$threads"} -p "$prompt" --raw -n 1 --temp 0 2>&1 >/dev/null | sed -n "s/.*first token \([0-9.]*\) s (load \([0-9.]*\) s).*/$1 \1 \2/p"; }
one original "$model" >/dev/null
one packed "$folder/packed.gguf" >/dev/null
for run in $(seq "$runs"); do
    one original "$model"
    one packed "$folder/packed.gguf"
done | sort -k1,1 -k2,2n | awk -v runs="$runs" '
    { first[$1, ++n[$1]] = $2; load[$1] += $3 }
    END {
        printf "%-10s %10s %10s %10s %10s   milliseconds, %d runs\n", "file", "least", "median", "most", "load", runs
        split("original packed", file, " ")
        for (i = 1; i <= 2; i++) {
            f = file[i]
            if (n[f]) printf "%-10s %10.0f %10.0f %10.0f %10.0f\n", f, 1000 * first[f, 1], 1000 * first[f, int((n[f] + 1) / 2)], 1000 * first[f, n[f]], 1000 * load[f] / n[f]
        }
    }'
