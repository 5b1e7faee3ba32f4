#!/usr/bin/env python3
"""A model's speed beside its quality, in each format and arithmetic: see quality.sh, which calls this.

Formats are made from the F32 form of the model and compared with it in precise arithmetic, so their divergence is what the weights and the
default arithmetic lose together. Arithmetics are compared with the F32 form of the very file that they run, so theirs is what the
arithmetic alone loses.
"""
import argparse, datetime, json, os, statistics, subprocess, sys, tempfile

TYPES = "f32 f16 bf16 q8_0 q6_k q5_k_m q5_1 q5_0 q4_k_m q4_1 q4_0 q3_k_m q2_k"
UNWEIGHTED = ("f32", "f16", "bf16", "q8_0")         # importance changes nothing
# File, what is said of the arithmetic, flags for bench and perplexity. The reference cannot be benched: perplexity's rate stands in.
ARITHMETICS = (
    ("q8_0", "default", ()),
    ("q8_0", "default, K and V in q8_0", ("-ctk", "q8_0", "-ctv", "q8_0")),
    ("q8_0", "`--precise`", ("--precise",)),
    ("q8_0", "`--reference`", ("--reference",)),
    ("bf16", "default", ()),
    ("bf16", "`--precise`", ("--precise",)),
)


class Case:
    """A row: a file, how it runs, and what was found."""
    def __init__(self, label, path, arithmetic="", flags=()):
        self.label, self.path, self.arithmetic, self.flags, self.benched = label, path, arithmetic, flags, {"pp": [], "tg": []}


def say(text):
    print(text, file=sys.stderr, flush=True)


def ridge(a, *arguments):
    """Standard output and what was said on standard error."""
    done = subprocess.run([a.ridge, *arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"ridge {' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout, done.stderr


def make(a, source, name, type_name, notes, *flags):
    """folder/NAME.gguf: the source in that type."""
    path = os.path.join(a.keep, name + ".gguf")
    if os.path.exists(path):
        return path
    say(f"writing {name}.gguf")
    for line in ridge(a, "quantize", source, path, type_name, "--allow-requantize", "-q", *flags)[1].splitlines():
        if "format_replaced" in line:
            notes.append(f"{type_name}: {line.split('format_replaced: ')[1]}")
    return path


def make_formats(a, full, notes):
    """A case for each type, and where importance is given a second one."""
    cases = []
    for t in a.types.split():
        cases.append(Case(t, make(a, full, t, t, notes)))
        if a.imatrix and t not in UNWEIGHTED:
            cases.append(Case(t + ", by importance", make(a, full, t + "-by-importance", t, [], "--imatrix", a.imatrix)))
    return cases


def bench(a, cases):
    """Each case once a round, so that a drift of the machine meets all."""
    for i in range(a.rounds):
        for case in cases:
            if "--reference" in case.flags:
                continue
            say(f"round {i + 1} of {a.rounds}: {case.label} {case.arithmetic}".rstrip())
            out = ridge(a, "bench", "-m", case.path, "-t", str(a.threads), "-p", str(a.prompt), "-n", str(a.tokens), "-r", "1", "-o", "jsonl", *case.flags)[0]
            for line in out.splitlines():
                row = json.loads(line)
                case.benched["tg" if row["n_gen"] else "pp"].append(row)


def judge(a, case, reference):
    say(f"perplexity: {case.label} {case.arithmetic}".rstrip())
    chunks = ("--chunks", str(a.chunks)) if a.chunks else ()
    case.quality = json.loads(ridge(a, "perplexity", "-m", case.path, "-f", a.text, "--kl", reference, "-t", str(a.threads), "-q", "--json",
                                    *chunks, *case.flags)[0])


def median(rows, key):
    return statistics.median(r[key] for r in rows)


def speed(case):
    """Four cells: tok/s and share of the limit, decoding and of a prompt."""
    if not case.benched["tg"]:
        return f"| | {case.quality['tokens_per_second']:.0f} | |"
    pp, tg = case.benched["pp"], case.benched["tg"]
    return (f"{median(tg, 'avg_ts'):.1f} | {100 * median(tg, 'ceiling_share'):.0f} % | "
            f"{median(pp, 'avg_ts'):.0f} | {100 * median(pp, 'ceiling_share'):.0f} % |")


def quality(case):
    """Three cells: perplexity, divergence, agreement."""
    q = case.quality["second_half"]
    kl = q["kl_mean"]
    divergence = f"{kl:.4f}" if kl >= 0.0005 else f"{kl:.1e}" if kl else "0"
    return f"{q['perplexity']:.2f} | {divergence} | {100 * q['same_top']:.1f} % |"


def heading(a, first):
    return (f"| {first} | decode {a.tokens}, tok/s | of the limit | prompt {a.prompt}, tok/s | of the limit | perplexity | divergence | same favourite |")


def format_table(a, cases, parameters):
    lines = [heading(a, "format | MB | bits a weight"), "|---|" + "---:|" * 9]
    for case in cases:
        size = case.quality["weight_bytes"]
        lines.append(f"| {case.label} | {size * 1e-6:.0f} | {8 * size / parameters:.1f} | {speed(case)} {quality(case)}")
    return lines


def arithmetic_table(a, cases):
    lines = [heading(a, "file | arithmetic"), "|---|---|" + "---:|" * 7]
    for case in cases:
        kind = f" ({case.benched['pp'][0]['arithmetic']})" if case.benched["pp"] else " (f32, 1 thread; its rate over the text)"
        lines.append(f"| {case.label} | {case.arithmetic}{kind} | {speed(case)} {quality(case)}")
    return lines


def run(a):
    notes, known = [], json.loads(ridge(a, "info", *(("-m", a.model) if a.model else ()), "--json")[0])
    source, parameters = known["path"], known["parameters"]
    full = make(a, source, "f32", "f32", notes)
    formats = [Case("as it came", source)] + make_formats(a, full, notes)
    arithmetics = [Case(t, make(a, full, t, t, []), how, flags) for t, how, flags in ARITHMETICS]
    bench(a, formats + arithmetics)
    for case in formats:
        judge(a, case, full)
    for case in arithmetics:
        judge(a, case, make(a, case.path, case.label + "-as-f32", "f32", []))
    first = formats[0].benched["tg"][0]
    name = os.path.basename(source)
    print(f"{name}, {a.threads} threads of {first['cpu_info']} ({first['backend']}), Ridge {first['build_commit']}, {datetime.date.today()}: "
          f"`bench/quality.sh -r {a.rounds} -p {a.prompt} -n {a.tokens}`, medians.\n"
          "Divergence: mean Kullback-Leibler divergence in nats; it, the perplexity and how often both prefer the same token are of the second "
          "halves of chunks of 512 tokens.\n")
    print("\n".join(format_table(a, formats, parameters)))
    if first["model_type"].split()[-1] not in ("F32", "F16", "BF16"):
        notes.insert(0, f"The model came as {first['model_type'].split()[-1]}: formats that can hit the same values again lose less than they "
                        "would of other weights")
    print("\nAgainst the F32 form of the same file." + "".join(f"\n{note}." for note in notes))
    print("\nWhat the arithmetic alone costs, against the F32 form of the same weights:\n")
    print("\n".join(arithmetic_table(a, arithmetics)))


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    vectors = os.environ.get("RIDGE_VECTORS") or os.path.join(here, "../../shared/vectors")
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--ridge", required=True)
    p.add_argument("-m", "--model")
    p.add_argument("-f", "--text", default=os.path.join(vectors, "smollm2/text.txt"))
    p.add_argument("-r", "--rounds", type=int, default=5)
    p.add_argument("-t", "--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("-p", "--prompt", type=int, default=512)
    p.add_argument("-n", "--tokens", type=int, default=64)
    p.add_argument("--types", default=TYPES)
    p.add_argument("--imatrix")
    p.add_argument("--chunks", type=int, default=0)
    p.add_argument("-k", "--keep")
    a = p.parse_args()
    if min(a.rounds, a.threads, a.prompt, a.tokens) < 1 or a.chunks < 0:
        p.error("-r, -t, -p and -n take numbers from 1, --chunks from 0")
    if not os.path.isfile(a.text):
        p.error(f"there is no text {a.text}: give one with -f")
    if a.keep:
        os.makedirs(a.keep, exist_ok=True)
        run(a)
        return
    with tempfile.TemporaryDirectory(prefix="ridge-quality-") as a.keep:
        run(a)


main()
