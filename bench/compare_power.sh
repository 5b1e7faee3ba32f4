#!/bin/sh
# How far `ridge bench --compare` can be trusted on this machine: how often it calls two runs of the same program different, and how often
# it finds a loss of 3 % that is planted by scaling the recorded times of one of them.
#
#   bench/compare_power.sh [-s STUDIES] [-r REPETITIONS] [-k KEEP.jsonl] [-- BENCH FLAGS]
#
# Default: 50 studies of 20 repetitions, --shape qwen2.5-0.5b --type q8_0 -p 0 -n 16. Every run is a process of its own; study i compares
# run i + 1 with run i. The machine should be as quiet as where comparisons matter. KEEP: all runs, for ridge report. RIDGE: the program.
set -eu
studies=50 repetitions=20 keep=
while getopts s:r:k: flag; do
    case $flag in
        s) studies=$OPTARG ;;
        r) repetitions=$OPTARG ;;
        k) keep=$OPTARG ;;
        *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- --shape qwen2.5-0.5b --type q8_0 -p 0 -n 16
ridge=${RIDGE:-$(dirname "$0")/../build/ridge}
[ -x "$ridge" ] || { echo "$ridge is not there: ./dev build makes it, or set RIDGE" >&2; exit 3; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

for i in $(seq 0 "$studies"); do
    "$ridge" bench "$@" -r "$repetitions" --record "$folder/$i.jsonl" -o none
    [ -z "$keep" ] || cat "$folder/$i.jsonl" >>"$keep"
    printf '\rrun %d of %d' "$((i + 1))" "$((studies + 1))" >&2
done
echo >&2

# Times of the same work at 0.97 of the speed; the ceilings beside it stay.
python3 - "$folder" "$studies" <<'PYTHON'
import json, sys
folder, studies = sys.argv[1], int(sys.argv[2])
for i in range(1, studies + 1):
    with open(f"{folder}/{i}.jsonl") as f, open(f"{folder}/{i}-loss.jsonl", "w") as out:
        for line in f:
            entry = json.loads(line)
            entry["samples_ns"] = [round(v / 0.97) for v in entry["samples_ns"]]
            out.write(json.dumps(entry) + "\n")
PYTHON

# verdict BEFORE NOW: what --compare says of all tests together.
verdict() {
    "$ridge" bench --compare "$1" --recorded "$2" >"$folder/out" || [ $? = 1 ] || exit 1
    if grep -q '| slower' "$folder/out"; then echo slower; elif grep -q '| faster' "$folder/out"; then echo faster; else echo same; fi
}
slower=0 faster=0 found=0
for i in $(seq "$studies"); do
    equal=$(verdict "$folder/$((i - 1)).jsonl" "$folder/$i.jsonl")
    loss=$(verdict "$folder/$((i - 1)).jsonl" "$folder/$i-loss.jsonl")
    case $equal in slower) slower=$((slower + 1)) ;; faster) faster=$((faster + 1)) ;; esac
    [ "$loss" != slower ] || found=$((found + 1))
done
echo "$studies comparisons of equal runs, $repetitions repetitions each ($*): $slower called slower, $faster faster; a planted loss of 3 % found $found times"
