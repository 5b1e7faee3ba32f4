#!/usr/bin/env python3
"""ridge profile, ridge why and ridge run --profile as a user runs them, on a tiny model. Speed is not judged.

    python3 profile.py RIDGE TINY_MODEL_FILE
"""
import json, os, subprocess, sys, tempfile

ridge, tiny = sys.argv[1:3]
directory = tempfile.TemporaryDirectory(prefix="ridge-profile-")
model = os.path.join(directory.name, "tiny.gguf")
trace = os.path.join(directory.name, "trace.json")
environment = dict(os.environ, XDG_CACHE_HOME=directory.name, NO_COLOR="1")
subprocess.run([tiny, "qwen2", "300", model], check=True)
SMALL = ["-m", model, "-p", "40", "-n", "6", "-r", "2", "-t", "2"]


def run(*arguments, code=0):
    done = subprocess.run([ridge, *arguments], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, (arguments, done.returncode, done.stderr)
    return done


def shares(table):
    """The % column of a table's lines: everything between the header and the sum, and the sum."""
    lines = table.splitlines()
    header = next(i for i, line in enumerate(lines) if line.startswith("step "))
    found = {}
    for line in lines[header + 1:]:
        name, numbers = line[:50].strip(), line[50:].split()
        found[name] = float(numbers[1 if len(numbers) == 2 or name == "sum" else 2])       # lines of steps begin with their calls
        if name == "sum":
            break
    return found


def tables():
    out = run("profile", *SMALL).stdout
    parts = out.split("\n\n")
    assert model in parts[0] and parts[1].startswith("prompt: 40 tokens behind 0: ") and parts[2].startswith("decode: 6 tokens behind 0: "), out
    for part in parts[1:]:
        assert "profiling costs" in part and "limits now: read" in part
        found = shares(part)
        total = found.pop("sum")
        assert total == 100 and abs(sum(found.values()) - 100) < 0.1, found
        assert "linear(norm; q k v; bias rope kv)" in found and "sampling" in found and "attention" in found


def objects():
    found = json.loads(run("profile", *SMALL, "-d", "20", "--layers", "--json").stdout)
    prompt, decode = found["tests"]
    assert (prompt["test"], decode["test"]) == ("prompt", "decode") and decode["depth"] == 20 and found["backend"].endswith("2 threads")
    for test, tokens in (prompt, 40), (decode, 6):
        assert test["tokens"] == 2 * tokens and test["unprofiled_tokens_per_second"] > 0 and test["overhead_low"] <= test["overhead"] <= test["overhead_high"]
        parts = test["launch_ns"] + test["sampling_ns"] + test["host_ns"] + sum(s["ns"] for s in test["steps"])
        assert abs(parts - test["total_ns"]) < 1e-6 * test["total_ns"]
        for step in test["steps"]:
            assert abs(step["work_ns"] + step["imbalance_ns"] + step["barrier_ns"] - step["ns"]) < 1
        linears = [s for s in test["steps"] if s["kind"] == "linear" and "q k v" in s["step"]]
        assert sorted(s["layer"] for s in linears) == [0, 1]                         # a line a layer
        assert all(s["bytes"] > 0 and s["limit_ns"] > 0 and s["bound_by"] for s in linears)
    assert decode["sampling_ns"] > 0 and prompt["sampling_ns"] == 0


def traces():
    run("profile", *SMALL, "-o", trace, "--trace-runs", "3")
    events = json.load(open(trace))["traceEvents"]
    names = [e for e in events if e["ph"] == "M"]
    complete = [e for e in events if e["ph"] == "X"]
    assert len(names) == 2 and len(names) + len(complete) == len(events)
    assert [e["name"] for e in complete if e["cat"] == "run"] == ["decode"] * 3        # the last ones, and no more
    assert {"run", "step", "wait", "sampling"} == {e["cat"] for e in complete}
    assert all(e["args"]["bytes"] > 0 for e in complete if e["name"].startswith("linear"))
    for thread in 0, 1:
        open_until = []                                                             # each event ends before the one around it
        for e in sorted((e for e in complete if e["tid"] == thread), key=lambda e: (round(e["ts"], 3), -e["dur"])):
            start, end = round(e["ts"], 3), round(e["ts"] + e["dur"], 3)
            while open_until and open_until[-1] <= start:
                open_until.pop()
            assert start >= 0 and (not open_until or end <= open_until[-1]), e
            open_until.append(end)
    assert any(e["tid"] == 1 for e in complete)


def causes():
    found = json.loads(run("why", *SMALL, "--fuse", "none", "--json").stdout)
    for test in found["tests"]:
        losses = [c["loss"] for c in test["causes"]]
        assert losses == sorted(losses, reverse=True) and len(losses) > 5
        assert abs(test["limit"] + sum(losses) - 1) < 1e-6 and abs(test["sum"] - 1) < 1e-6
        assert all(c["try"] and c["gain_at_most"] >= 0 for c in test["causes"])
        assert any("--fuse all" in c["try"] for c in test["causes"])
        assert any(t["setting"] == "--fuse all" and t["gain_low"] <= t["gain"] <= t["gain_high"] for t in test["trials"])
    text = run("why", *SMALL).stdout
    assert "100.00 %            the limit and all losses together" in text and "try: " in text and "measured in turn" not in text
    chunked = json.loads(run("why", *SMALL[:-2], "-n", "0", "-t", "1", "-b", "8", "--precise", "--json").stdout)["tests"]
    settings = {t["setting"] for t in chunked[0]["trials"]}
    assert len(chunked) == 1 and {"without --precise", "-b 512: larger chunks of the prompt"} <= settings, settings


def answers():
    done = run("run", "-m", model, "--raw", "-p", "hello there", "-n", "5", "--ignore-eos", "--profile", "--temp", "0")
    assert "prompt, profiled: " in done.stderr and "answer, profiled: 4 tokens in 4 runs" in done.stderr and "step " not in done.stdout
    assert "tok/s" not in done.stderr                                               # speeds are not taken from profiled runs
    plain = run("run", "-m", model, "--raw", "-p", "hello there", "-n", "5", "--ignore-eos", "--temp", "0")
    assert plain.stdout == done.stdout
    answer = json.loads(run("run", "-m", model, "--raw", "-p", "hello", "-n", "2", "--profile", "--json").stdout)
    assert answer["profiled"] is True


def mistakes():
    for arguments, words in [
        (["profile", *SMALL, "-p", "0", "-n", "0"], "nothing to profile"), (["profile", "x.gguf"], "-m"), (["why", "x.gguf"], "-m"),
        (["profile", *SMALL, "--shape", "smollm2-135m"], "one of"), (["profile", *SMALL, "-c", "10"], "context of 10"),
        (["profile", *SMALL, "--lyers"], "--layers"), (["why", *SMALL, "--isa", "sse9"], "sse9"),
    ]:
        assert words in run(*arguments, code=2).stderr, arguments
    assert "reference" in run("profile", *SMALL, "--reference", code=4).stderr
    assert "reference" in run("run", "-m", model, "--raw", "-p", "x", "-n", "1", "--reference", "--profile", code=4).stderr
    run("profile", "-m", directory.name + "/none.gguf", code=3)
    run("profile", *SMALL, "-o", directory.name + "/no/such/folder/trace.json", code=1)


for test in (tables, objects, traces, causes, answers, mistakes):
    test()
    print("ok", test.__name__)
