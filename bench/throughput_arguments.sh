# What run_throughput.sh and run_throughput_w_prof.sh take on their command line; they source this. The usage is the caller's opening comment.
#   in:  the caller's arguments
#   out: runs, tokens, threads, ridge, and for_each_model

runs=5 tokens=256 threads=
while getopts r:n:t: flag; do
    case $flag in
        r) runs=$OPTARG ;;
        n) tokens=$OPTARG ;;
        t) threads=$OPTARG ;;
        *) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
ridge=${RIDGE:-$(dirname "$0")/../build/ridge}
[ -x "$ridge" ] || { echo "$ridge is not there: ./dev build makes it, or set RIDGE" >&2; exit 3; }

# for_each_model COMMAND [SHAPE | FILE...]: calls COMMAND NAME FLAGS... for each file, or for the shape in F16 and in Q8_0.
for_each_model() {
    command=$1
    shift
    if [ $# -gt 1 ] || [ -f "${1:-}" ]; then
        for file; do "$command" "$(basename "$file" .gguf)" -m "$file"; done
    else
        for type in f16 q8_0; do "$command" "${1:-qwen2.5-0.5b}-$type" --shape "${1:-qwen2.5-0.5b}" --type "$type"; done
    fi
}
