#!/usr/bin/env python3
"""ridge synth, bench and ceilings as a user runs them. Speed is not judged: whatever else runs here decides it."""
import csv, io, json, os, sqlite3, subprocess, sys, tempfile

ridge = sys.argv[1]
directory = tempfile.TemporaryDirectory(prefix="ridge-test-")
environment = dict(os.environ, XDG_CACHE_HOME=directory.name, NO_COLOR="1")
MODEL = ["--shape", "smollm2-135m", "--type", "q4_0"]


def run(*arguments, code=0):
    done = subprocess.run([ridge, *arguments], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, (arguments, done.returncode, done.stderr)
    return done


def bench(*arguments, code=0):
    return run("bench", *MODEL, "-r", "2", "--no-warmup", *arguments, code=code)


def check(row, prompt, gen, depth):
    assert all(v is not None for v in row.values()), row
    assert (int(row["n_prompt"]), int(row["n_gen"]), int(row["n_depth"])) == (prompt, gen, depth), row
    assert float(row["avg_ts"]) > 0 and 0 < float(row["min_ts"]) <= float(row["median_ts"]) <= float(row["max_ts"])
    assert float(row["read_gb_per_s"]) > 0 and float(row["ceiling_share"]) > 0, row


def formats():
    first = bench("-p", "8", "-n", "2", "-pg", "4,2", "-d", "0,3", "-t", "1", "-o", "json", "-oe", "jsonl", "--progress")
    assert "wrote " in first.stderr and "repetition 2 of 2" in first.stderr
    rows = json.loads(first.stdout)
    wanted = [(8, 0, 0), (0, 2, 0), (4, 2, 0), (8, 0, 3), (0, 2, 3), (4, 2, 3)]
    assert len(rows) == len(wanted)
    for row, test in zip(rows, wanted):
        check(row, *test)
        assert len(row["samples_ns"]) == len(row["samples_ts"]) == len(row["samples_limit_ns"]) == 2
        assert row["model_type"] == "llama 135M Q4_0" and row["n_threads"] == 1 and row["arithmetic"] == "int8"
    lines = [json.loads(line) for line in first.stderr.splitlines() if line.startswith("{")]
    assert lines == rows
    decode, deeper = rows[1], rows[4]
    assert 70e6 < decode["bytes_per_token"] < 80e6, decode["bytes_per_token"]          # 135 M weights of 4.5 bits
    assert deeper["bytes_per_token"] > decode["bytes_per_token"]                        # and the KV cache

    table = list(csv.DictReader(io.StringIO(bench("-p", "4", "-n", "0", "-o", "csv").stdout)))
    assert len(table) == 1
    check(table[0], 4, 0, 0)
    assert set(table[0]) == {k for k, v in rows[0].items() if not isinstance(v, list)}

    database = sqlite3.connect(":memory:")
    database.executescript(bench("-p", "0", "-n", "1,2", "-o", "sql").stdout)
    assert database.execute("select n_gen, build_commit from llama_bench order by n_gen").fetchall() == [(1, rows[0]["build_commit"]), (2, rows[0]["build_commit"])]

    lines = bench("-p", "4", "-n", "1", "--fuse", "none,all", "--precise").stdout.splitlines()
    assert lines[0].startswith("| model ") and len([l for l in lines if l.startswith("| llama 135M Q4_0 ")]) == 4 and lines[-1].startswith("build: ")
    assert len({l.count("|") for l in lines if l.startswith("|")}) == 1


def several_models_at_once():
    """A model that was open before must leave all processors to the next."""
    out = bench("-p", "4", "-n", "0", "-t", "1,2", "-o", "jsonl")
    rows = [json.loads(line) for line in out.stdout.splitlines()]
    assert [r["n_threads"] for r in rows] == [1, 2]
    if len(os.sched_getaffinity(0)) > 1:
        assert "threads_limited" not in out.stderr, out.stderr


def best_is_an_instruction_set():
    rows = [json.loads(line) for line in bench("-p", "4", "-n", "0", "--isa", "scalar,best", "--type", "Q4_0", "-o", "jsonl").stdout.splitlines()]
    assert rows[0]["isa"] == "scalar" and rows[1]["isa"] == json.loads(bench("-p", "4", "-n", "0", "-o", "jsonl").stdout)["isa"]
    assert rows[0]["model_filename"] == rows[1]["model_filename"] and rows[0]["model_filename"].endswith("-q4_0.gguf")


def mistakes():
    for arguments, words in [
        (["bench"], "--shape"), (["bench", "--shape", "smollm2"], "smollm2-135m"), (["bench", *MODEL, "-p", "0", "-n", "0"], "nothing to test"),
        (["bench", *MODEL, "-p", "4-"], "4-"), (["bench", *MODEL, "-o", "cvs"], "did you mean csv"), (["bench", *MODEL, "-pg", "5"], "-pg"),
        (["bench", *MODEL, "-t", "0"], "-t"), (["bench", "x.gguf"], "-m"), (["bench", *MODEL, "--isa", "sse9", "-n", "1"], "sse9"),
        (["synth", "smollm2-135m"], "usage"), (["synth", "smollm2-135m", "q9_0", "-o", "x"], "q8_0"), (["ceilings", "now"], "now"),
    ]:
        assert words in run(*arguments, code=2).stderr, arguments
    run("bench", "-m", directory.name + "/none.gguf", code=3)


def synthetic_files():
    path = directory.name + "/a.gguf"
    run("synth", "smollm2-135m", "q4_0", "-o", path)
    with open(path, "rb") as a, open(directory.name + "/ridge/synthetic/smollm2-135m-q4_0.gguf", "rb") as b:
        assert a.read() == b.read()
    assert [n for n in os.listdir(directory.name) if n.endswith(".part")] == []


def ceilings():
    found = json.loads(run("ceilings", "--json").stdout)
    kinds = {row["kind"] for row in found["ceilings"]}
    assert {"read", "copy"} <= kinds and all(row["median"] > 0 for row in found["ceilings"])
    assert json.loads(run("ceilings", "--json").stdout) == found            # from the file, not measured again
    table = run("ceilings").stdout
    assert found["fingerprint"] in table and len([l for l in table.splitlines() if l.startswith(tuple(kinds))]) == len(found["ceilings"])


def a_record_of_tuning_is_used():
    """What is observable of it: every format says so, --untuned does without, and one that is of no use is an event."""
    row = json.loads(bench("-p", "0", "-n", "1", "-o", "jsonl").stdout)
    assert row["tuned"] is False
    path = directory.name + "/ridge/tuning.json"
    choices = [{"of": "q4_0 576x1536", "knob": "prefetch_bytes", "value": 8192}]
    record = {"version": 1, "machines": {row["machine"]: {"cpu": "x", "backends": {row["backend"]: {"choices": choices}}}}}
    with open(path, "w") as f:
        json.dump(record, f)
    def tuned(*flags):
        return json.loads(bench("-p", "0", "-n", "1", "-o", "json", *flags).stdout)[0]["tuned"]
    assert tuned() is True and tuned("--untuned") is False
    assert list(csv.DictReader(io.StringIO(bench("-p", "0", "-n", "1", "-o", "csv").stdout)))[0]["tuned"] == "1"
    assert " tuned |" in bench("-p", "0", "-n", "1").stdout and " tuned |" not in bench("-p", "0", "-n", "1", "--untuned").stdout
    assert "tuned INTEGER" in bench("-p", "0", "-n", "1", "-o", "sql").stdout
    for text in ("{", json.dumps({"version": 1, "machines": {"0" * 16: {"backends": {}}}})):
        with open(path, "w") as f:
            f.write(text)
        out = bench("-p", "0", "-n", "1", "-o", "jsonl")
        assert json.loads(out.stdout)["tuned"] is False and "tuning_ignored" in out.stderr and path in out.stderr
        assert "tuning_ignored" not in bench("-p", "0", "-n", "1", "--untuned").stderr
    os.remove(path)


for test in (formats, several_models_at_once, best_is_an_instruction_set, a_record_of_tuning_is_used, mistakes, synthetic_files, ceilings):
    test()
    print("ok", test.__name__)
