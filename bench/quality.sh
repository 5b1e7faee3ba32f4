#!/bin/sh
# Size, speed, share of the limit, perplexity and divergence of a model in each weight format, and what each arithmetic costs: two
# markdown tables on standard output, ready for docs/performance.md.
#
#   bench/quality.sh [-m MODEL] [-f TEXT] [-r ROUNDS] [-t THREADS] [-p PROMPT] [-n TOKENS] [--types NAMES] [--imatrix FILE]
#                    [--chunks N] [-k FOLDER]
#
# MODEL (default: the default model; best the F16 or F32 file) is written as F32 and from there in every format. A round times each file
# once, in turn, by `ridge bench` with its probes; medians of ROUNDS (5) count. TEXT (default: smollm2/text.txt of the reference vectors)
# is what `ridge perplexity` reads; --chunks N: only the first N of 512 tokens. --imatrix FILE: each quantised format a second time, by
# importance. The files go to a temporary folder, or are kept in FOLDER and used again. RIDGE: the program.
set -eu
here=$(dirname "$0")
ridge=${RIDGE:-$here/../build/ridge}
case ${1:-} in -h|--help) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
[ -x "$ridge" ] || { echo "$ridge is not there: ./dev build makes it, or set RIDGE" >&2; exit 3; }
exec python3 "$here/quality.py" --ridge "$ridge" "$@"
