#!/bin/sh
# Decoding throughput of F16 and Q8_0 side by side: 256 tokens, nothing printed but one table with min, mean and max.
#
#   bench/run_throughput.sh [-r RUNS] [-n TOKENS] [-t THREADS] [SHAPE | F16.gguf Q8_0.gguf ...]
#
# SHAPE (default qwen2.5-0.5b): random weights in the shape of a known model, written on first use. RIDGE: the program (build/ridge).
# The formats take turns, RUNS times over, so that a drift of the machine meets both; every run is a process of its own.
set -eu
. "$(dirname "$0")/throughput_arguments.sh"

results=$(mktemp)
trap 'rm -f "$results"' EXIT
one() {
    shift
    "$ridge" bench "$@" ${threads:+-t "$threads"} -p 0 -n "$tokens" -r 1 -o csv >>"$results"
}
for run in $(seq "$runs"); do for_each_model one "$@"; done

# csv with every value in quotes and a header in front of each; values hold no quotes but those of file names, which are not used.
awk -v tokens="$tokens" -v runs="$runs" '
    /^build_commit/ { n = split($0, name, ","); for (i = 1; i <= n; i++) at[name[i]] = i; next }
    {
        split(substr($0, 2, length($0) - 2), v, "\",\"")
        m = v[at["model_type"]]; x = v[at["avg_ts"]]; share = v[at["ceiling_share"]]
        if (!(m in count)) { order[++models] = m; least[m] = x }
        count[m]++; sum[m] += x; shares[m] += share; gb[m] += v[at["gb_per_s"]]
        if (x < least[m]) least[m] = x
        if (x > most[m]) most[m] = x
        threads = v[at["n_threads"]]
    }
    END {
        printf "%d tokens, %d threads, %d runs\n\n%-24s %10s %10s %10s %10s %12s\n", tokens, threads, runs, "model", "min tok/s", "mean", "max", "GB/s", "of ceiling"
        for (i = 1; i <= models; i++) {
            m = order[i]
            printf "%-24s %10.2f %10.2f %10.2f %10.1f %10.1f %%\n", m, least[m], sum[m] / count[m], most[m], gb[m] / count[m], 100 * shares[m] / count[m]
        }
    }' "$results"
