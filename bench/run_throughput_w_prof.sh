#!/bin/sh
# Where the time of decoding goes, F16 and Q8_0 one after the other: the companion of run_throughput.sh, with profiling.
#
#   bench/run_throughput_w_prof.sh [-r RUNS] [-n TOKENS] [-t THREADS] [SHAPE | F16.gguf Q8_0.gguf ...]
#
# SHAPE (default qwen2.5-0.5b): random weights in the shape of a known model, written on first use. RIDGE: the program (build/ridge).
# TRACES: a folder; each model's last tokens go there as a Chrome trace (ui.perfetto.dev opens it).
#
# Its figures attribute time. They are never compared with those of run_throughput.sh: profiling slows every step a little, sampling is
# that of `ridge run` instead of the greedy one, and no run is a process of its own. ridge profile says beside each table what profiling cost.
set -eu
. "$(dirname "$0")/throughput_arguments.sh"
[ -z "${TRACES:-}" ] || mkdir -p "$TRACES"

one() {
    name=$1
    shift
    "$ridge" profile "$@" ${threads:+-t "$threads"} -p 0 -n "$tokens" -r "$runs" ${TRACES:+-o "$TRACES/$name.trace.json"}
    echo
}
echo "Profiled runs: where the time goes, not how fast it is. Never compare these figures with run_throughput.sh's."
echo
for_each_model one "$@"
