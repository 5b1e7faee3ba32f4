#!/usr/bin/env python3
"""llama.cpp beside Ridge: see peers.sh, which calls this with a Python that has llama_cpp.

Every measurement is a process of its own with the model loaded, warmed up and idle before the clock starts; the two take turns, and who
begins a round alternates. llama.cpp is driven by its low-level API as llama-bench drives it: llama_decode of the whole prompt at once,
then one token at a time, the greedy choice of the logits before. The read bandwidth is what Ridge's bench probes beside each of its runs.
"""
import argparse, ctypes, datetime, importlib.metadata, json, os, statistics, subprocess, sys, time


def run_llama(path, prompt, tokens, threads):
    """Prints {"pp": tok/s, "tg": tok/s} of one run."""
    import llama_cpp as l
    silent = l.llama_log_callback(lambda level, text, user: None)
    l.llama_log_set(silent, ctypes.c_void_p(0))
    l.llama_backend_init()
    model = l.llama_model_load_from_file(path.encode(), l.llama_model_default_params())
    if not model:
        sys.exit(f"llama.cpp cannot load {path}")
    parameters = l.llama_context_default_params()
    parameters.n_ctx, parameters.n_batch, parameters.n_ubatch = prompt + tokens + 8, max(prompt, 1), max(prompt, 1)
    parameters.n_threads = parameters.n_threads_batch = threads
    context = l.llama_init_from_model(model, parameters)
    if not context:
        sys.exit("llama.cpp makes no context")
    n_vocab = l.llama_vocab_n_tokens(l.llama_model_get_vocab(model))
    ids = (ctypes.c_int32 * max(prompt, 1))(*[(i * 7919 + 1) % n_vocab for i in range(max(prompt, 1))])

    def decode(array, n):
        if l.llama_decode(context, l.llama_batch_get_one(array, n)):
            sys.exit("llama_decode failed")
        l.llama_synchronize(context)

    def forget():
        l.llama_memory_clear(l.llama_get_memory(context), True)

    greedy = l.llama_sampler_init_greedy()
    decode(ids, prompt)                         # warms up both ways
    decode(ids, 1)
    forget()
    start = time.perf_counter()
    decode(ids, prompt)
    prefill = time.perf_counter() - start
    forget()
    one = (ctypes.c_int32 * 1)(ids[0])
    start = time.perf_counter()
    for _ in range(tokens):
        decode(one, 1)
        one[0] = l.llama_sampler_sample(greedy, context, -1)
    generation = time.perf_counter() - start
    print(json.dumps({"pp": prompt / prefill, "tg": tokens / generation}))


def child(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def measure(a, path):
    """Rounds of both: {"llama": [..], "ridge": [..]} with pp, tg, and Ridge's probes."""
    found = {"llama": [], "ridge": []}
    for i in range(a.rounds):
        for who in (("llama", "ridge"), ("ridge", "llama"))[i % 2]:
            print(f"{os.path.basename(path)}: round {i + 1} of {a.rounds}, {who}", file=sys.stderr)
            if who == "llama":
                found[who] += child(sys.executable, __file__, "--one", path, "-p", str(a.prompt), "-n", str(a.tokens), "-t", str(a.threads))
            else:
                rows = child(a.ridge, "bench", "-m", path, "-t", str(a.threads), "-p", str(a.prompt), "-n", str(a.tokens), "-r", "1", "-o", "jsonl")
                pp, tg = (next(r for r in rows if r["n_gen"] == n) for n in (0, a.tokens))
                found[who].append({"pp": pp["avg_ts"], "tg": tg["avg_ts"], "read": tg["read_gb_per_s"], "bytes": tg["bytes_per_token"],
                                   "type": tg["model_type"],
                                   "commit": tg["build_commit"], "cpu": tg["cpu_info"], "backend": tg["backend"], "share": tg["ceiling_share"]})
    return found


def span(values, form="{:.1f}"):
    low, middle, high = (form.format(v) for v in (min(values), statistics.median(values), max(values)))
    return middle if low == high else f"{middle} ({low}-{high})"


def row(path, found, what):
    ridge, llama = ([r[what] for r in found[who]] for who in ("ridge", "llama"))
    return f"{span(llama)} | {span(ridge)} | **{span([b / a for a, b in zip(llama, ridge)], '{:.2f}')}**"


def table(a, all_found):
    first = all_found[0][1]["ridge"][0]
    lines = ["# Ridge beside llama.cpp", "",
             f"`bench/peers.sh -r {a.rounds} -t {a.threads} -p {a.prompt} -n {a.tokens}` on {datetime.date.today()}: "
             f"{first['cpu']}, {a.threads} threads; Ridge {first['commit']} ({first['backend']}),",
             f"llama.cpp as in llama-cpp-python {importlib.metadata.version('llama_cpp_python')}, built for this machine. "
             f"Medians of {a.rounds} interleaved rounds, least and most in parentheses;",
             "the ratio is Ridge over llama.cpp within each round. Machines drift: only numbers of one run can be compared.", "",
             f"| model, file | llama.cpp pp{a.prompt} | Ridge pp{a.prompt} | ratio | "
             f"llama.cpp tg{a.tokens} | Ridge tg{a.tokens} | ratio | read GB/s probed | llama.cpp, share of it | Ridge |",
             "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for path, found in all_found:
        r = found["ridge"]
        llama = [100 * x["tg"] * y["bytes"] * 1e-9 / y["read"] for x, y in zip(found["llama"], r)]
        lines.append(f"| {r[0]['type']}, {os.path.basename(path)} | {row(path, found, 'pp')} | {row(path, found, 'tg')} | {span([x['read'] for x in r])} | "
                     f"{statistics.median(llama):.0f} % | {100 * statistics.median(x['share'] for x in r):.0f} % |")
    lines += ["", "The share is of the bytes that a token must move (weights and the KV cache so far), by the bandwidth "
                  "that Ridge's bench reads memory with beside its run.", ""]
    return "\n".join(lines)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("files", nargs="*")
    p.add_argument("--ridge")
    p.add_argument("--one", help=argparse.SUPPRESS)
    p.add_argument("-r", "--rounds", type=int, default=5)
    p.add_argument("-t", "--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("-p", "--prompt", type=int, default=512)
    p.add_argument("-n", "--tokens", type=int, default=128)
    p.add_argument("-o", "--output", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "../docs/peers.md"))
    a = p.parse_args()
    if min(a.rounds, a.threads, a.prompt, a.tokens) < 1:
        p.error("-r, -t, -p and -n take numbers from 1")
    if a.one:
        run_llama(a.one, a.prompt, a.tokens, a.threads)
        return
    if not a.files:
        p.error("give GGUF files")
    for path in a.files:
        if not os.path.isfile(path):
            sys.exit(f"there is no file {path}")
    text = table(a, [(path, measure(a, path)) for path in a.files])
    with open(a.output, "w") as f:
        f.write(text)
    print(text)


main()
