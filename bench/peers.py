#!/usr/bin/env python3
"""llama.cpp and ik_llama.cpp beside Ridge: see peers.sh, which calls this.

Every measurement is a process of its own with the model loaded, warmed up and idle before the clock starts; all take turns, and who
begins a round alternates. The peers are driven by their low-level API as llama-bench drives it: llama_decode of the whole prompt at once,
then of one token at a time, whatever the logits were. Ridge's bench chooses tokens as it does for users, which its time includes. The read
bandwidth is what Ridge's bench probes beside each of its runs.
"""
import argparse, ctypes, datetime, json, os, statistics, subprocess, sys, time

# A peer: its name, and the Python package that carries it. -rtr: weights are repacked while loading, F16 to bf16, which rounds them.
PEERS = {"llama": ("llama.cpp", "llama-cpp-python"), "ik": ("ik_llama.cpp", "ik-llama-cpp-python"), "ik-rtr": ("ik_llama.cpp -rtr", "ik-llama-cpp-python")}


class Llama:
    """llama.cpp's API, as far as its fork has another one."""
    def __init__(self):
        import llama_cpp as l
        self.api = l
        self.silent = l.llama_log_callback(lambda level, text, user: None)
        l.llama_log_set(self.silent, ctypes.c_void_p(0))
        self.synchronize, self.model_parameters = l.llama_synchronize, l.llama_model_default_params()

    def batch(self, ids, n, position):
        return self.api.llama_batch_get_one(ids, n)

    def clear(self, context):
        self.api.llama_memory_clear(self.api.llama_get_memory(context), True)


class IkLlama:
    """ik_llama.cpp's, which is an older one; what it fuses by default stays on, flash attention too."""
    def __init__(self, repacks):
        import ik_llama_cpp._ctypes_api as l
        self.api, library = l, l._lib
        self.silent = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda level, text, user: None)
        library.llama_log_set(self.silent, None)
        self.synchronize, self.one = library.llama_synchronize, library.llama_batch_get_one
        self.synchronize.argtypes = [ctypes.c_void_p]
        self.model_parameters = l.llama_model_default_params()
        self.model_parameters.repack_tensors, self.model_parameters.use_mmap = repacks, not repacks
        self.one.argtypes, self.one.restype = [ctypes.POINTER(ctypes.c_int32), ctypes.c_int32, ctypes.c_int32, ctypes.c_int32], l.llama_batch

    def batch(self, ids, n, position):
        return self.one(ids, n, position, 0)

    def clear(self, context):
        self.api.llama_kv_cache_clear(context)


def run_peer(who, path, prompt, tokens, threads):
    """Prints {"pp": tok/s, "tg": tok/s} of one run."""
    peer = Llama() if who == "llama" else IkLlama(who == "ik-rtr")
    api, n = peer.api, prompt + tokens + 8
    api.llama_backend_init()
    model = api.llama_model_load_from_file(path.encode(), peer.model_parameters)
    if not model:
        sys.exit(f"{PEERS[who][0]} cannot load {path}")
    parameters = api.llama_context_default_params()
    parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = n
    parameters.n_threads = parameters.n_threads_batch = threads
    context = api.llama_init_from_model(model, parameters)
    if not context:
        sys.exit(f"{PEERS[who][0]} makes no context")
    n_vocab = api.llama_vocab_n_tokens(api.llama_model_get_vocab(model))
    ids = (ctypes.c_int32 * n)(*[(i * 7919 + 1) % n_vocab for i in range(n)])

    def decode(array, n_ids, position):
        if api.llama_decode(context, peer.batch(array, n_ids, position)):
            sys.exit("llama_decode failed")
        peer.synchronize(context)

    def forget():
        peer.clear(context)

    def generate(n):
        for i in range(n):
            decode((ctypes.c_int32 * 1)(ids[i]), 1, i)

    decode(ids, prompt, 0)                      # warms up both ways
    forget()
    generate(1)
    forget()
    start = time.perf_counter()
    decode(ids, prompt, 0)
    prefill = time.perf_counter() - start
    forget()
    start = time.perf_counter()
    generate(tokens)
    generation = time.perf_counter() - start
    print(json.dumps({"pp": prompt / prefill, "tg": tokens / generation}))


def child(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def version_of(python, package):
    return subprocess.run([python, "-c", f"import importlib.metadata as m; print(m.version('{package}'))"], capture_output=True, text=True, check=True).stdout.strip()


def measure(a, path):
    """Rounds of all: {"ridge": [..], "llama": [..], ...} with pp, tg, and Ridge's probes."""
    turns = ["ridge", *a.peers]
    found = {who: [] for who in turns}
    for i in range(a.rounds):
        for who in turns if i % 2 else turns[::-1]:
            print(f"{os.path.basename(path)}: round {i + 1} of {a.rounds}, {who}", file=sys.stderr)
            sizes = ["-p", str(a.prompt), "-n", str(a.tokens), "-t", str(a.threads)]
            if who != "ridge":
                found[who] += child(a.peers[who], __file__, "--one", who, path, *sizes)
                continue
            rows = child(a.ridge, "bench", "-m", path, *sizes, "-r", "1", "-o", "jsonl")
            pp, tg = (next(r for r in rows if r["n_gen"] == n) for n in (0, a.tokens))
            found[who].append({"pp": pp["avg_ts"], "tg": tg["avg_ts"], "read": tg["read_gb_per_s"], "bytes": tg["bytes_per_token"],
                               "type": tg["model_type"], "commit": tg["build_commit"], "cpu": tg["cpu_info"], "backend": tg["backend"],
                               "share": tg["ceiling_share"]})
    return found


def span(values, form="{:.1f}"):
    low, middle, high = (form.format(v) for v in (min(values), statistics.median(values), max(values)))
    return middle if low == high else f"{middle} ({low}-{high})"


def pair(found, who, what):
    ridge, peer = ([r[what] for r in found[w]] for w in ("ridge", who))
    return f"{span(peer)} | {span(ridge)} | **{span([b / a for a, b in zip(peer, ridge)], '{:.2f}')}**"


def row(path, found, who):
    ridge = found["ridge"]
    share = [100 * x["tg"] * y["bytes"] * 1e-9 / y["read"] for x, y in zip(found[who], ridge)]
    return (f"| {ridge[0]['type']}, {os.path.basename(path)} | {PEERS[who][0]} | {pair(found, who, 'pp')} | {pair(found, who, 'tg')} | "
            f"{span([x['read'] for x in ridge])} | {statistics.median(share):.0f} % | {100 * statistics.median(x['share'] for x in ridge):.0f} % |")


def table(a, all_found):
    first = all_found[0][1]["ridge"][0]
    names = [f"{PEERS[who][0]} as in {PEERS[who][1]} {version_of(python, PEERS[who][1])}" for who, python in a.peers.items()]
    lines = [f"# Ridge beside {', '.join(PEERS[who][0] for who in a.peers)}", "",
             f"`bench/peers.sh -r {a.rounds} -t {a.threads} -p {a.prompt} -n {a.tokens}` on {datetime.date.today()}: "
             f"{first['cpu']}, {a.threads} threads; Ridge {first['commit']} ({first['backend']}),",
             f"{', '.join(names)}, built for this machine. Medians of {a.rounds} interleaved rounds, least and most in parentheses;",
             "the ratio is Ridge over the peer within each round. Machines drift: only numbers of one run can be compared. Ridge's decoding includes sampling, the peers' none.", "",
             f"| model, file | peer | its pp{a.prompt} | Ridge pp{a.prompt} | ratio | its tg{a.tokens} | Ridge tg{a.tokens} | ratio | read GB/s probed | the peer's share of it | Ridge's |",
             "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"]
    lines += [row(path, found, who) for path, found in all_found for who in a.peers]
    lines += ["", "The share is of the bytes that a token must move (weights and the KV cache so far), by the bandwidth "
                  "that Ridge's bench reads memory with beside its run.", ""]
    return "\n".join(lines)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("files", nargs="*")
    p.add_argument("--ridge")
    p.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON", help=f"one of {', '.join(PEERS)}, and a Python that has its package; once for each peer")
    p.add_argument("--one", choices=PEERS, help=argparse.SUPPRESS)
    p.add_argument("-r", "--rounds", type=int, default=5)
    p.add_argument("-t", "--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("-p", "--prompt", type=int, default=512)
    p.add_argument("-n", "--tokens", type=int, default=128)
    p.add_argument("-o", "--output", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "../docs/peers.md"))
    a = p.parse_args()
    if min(a.rounds, a.threads, a.prompt, a.tokens) < 1:
        p.error("-r, -t, -p and -n take numbers from 1")
    if not a.files:
        p.error("give GGUF files")
    if a.one:
        run_peer(a.one, a.files[0], a.prompt, a.tokens, a.threads)
        return
    a.peers = dict(peer.split("=", 1) for peer in a.peer if "=" in peer)
    if len(a.peers) < max(len(a.peer), 1) or not a.peers.keys() <= PEERS.keys():
        p.error(f"--peer takes NAME=PYTHON, and must be there; names are {', '.join(PEERS)}")
    for path in a.files:
        if not os.path.isfile(path):
            sys.exit(f"there is no file {path}")
    text = table(a, [(path, measure(a, path)) for path in a.files])
    with open(a.output, "w") as f:
        f.write(text)
    print(text)


main()
