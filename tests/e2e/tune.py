#!/usr/bin/env python3
"""ridge tune as a user runs it, on a tiny model: the record it writes, who uses it, who does not, and that logits stay the same. What it
chooses is not judged: whatever else runs here decides it.

    python3 tune.py RIDGE TINY_MODEL_FILE
"""
import json, os, subprocess, sys, tempfile

ridge, tiny = sys.argv[1:3]
directory = tempfile.TemporaryDirectory(prefix="ridge-tune-")
model = os.path.join(directory.name, "tiny.gguf")
record = os.path.join(directory.name, "ridge", "tuning.json")
environment = dict(os.environ, XDG_CACHE_HOME=directory.name, NO_COLOR="1")
environment.pop("RIDGE_GEMV_COLS", None)
subprocess.run([tiny, "llama", "300", model], check=True)


def run(*arguments, code=0, **changes):
    done = subprocess.run([ridge, *arguments], env=dict(environment, **changes), capture_output=True, text=True, timeout=300)
    assert done.returncode == code, (arguments, done.returncode, done.stderr)
    return done


def tuned(*flags):
    return json.loads(run("bench", "-m", model, "-p", "0", "-n", "4", "-r", "1", "-o", "json", *flags).stdout)[0]["tuned"]


def logits(*flags):
    path = os.path.join(directory.name, "logits.npy")
    run("logits", "-m", model, "--tokens", " ".join(str(i * 7 % 500) for i in range(40)), "--all", "-o", path, *flags)
    with open(path, "rb") as f:
        return f.read()


def mine():
    """This machine's part of the record."""
    with open(record) as f:
        (machine,) = json.load(f)["machines"].values()
    return machine["backends"]


def a_dry_run_records_nothing():
    assert run("tune", "--list").stdout == "" and json.loads(run("tune", "--list", "--json").stdout) == {}
    out = run("tune", "-m", model, "-t", "2", "--budget", "1", "--dry-run")
    assert "nothing was recorded" in out.stdout and "prefetch_bytes of all matrices" in out.stderr
    assert not os.path.exists(record) and tuned("-t", "2") is False


def what_is_found_is_used():
    found = json.loads(run("tune", "-m", model, "-t", "2", "--budget", "3", "--json").stdout)
    (outcome,) = found
    assert outcome["shape"] == "2 layers of 256, f16" and outcome["backend"].endswith("2 threads") and outcome["same_bits"] is True
    assert outcome["decode_tokens"] == 64 and outcome["prompt_tokens"] == 300
    knobs = {(c["knob"], c["of"]) for c in outcome["choices"]}
    assert {("prefetch_bytes", "f16 544x256"), ("next_step_bytes", outcome["shape"]), ("chunk_floats", outcome["shape"])} <= knobs
    assert "threads" not in {name for name, of in knobs}                    # they were given
    (backend,) = mine().values()
    assert backend["choices"] == outcome["choices"] and [r["shape"] for r in backend["runs"]] == [outcome["shape"]]
    assert tuned("-t", "2") is True and tuned("-t", "2", "--untuned") is False and tuned("-t", "1") is False and tuned("-t", "2", "--precise") is False
    listed = run("tune", "--list").stdout
    assert "(this machine)" in listed and "f16 544x256" in listed and json.loads(run("tune", "--list", "--json").stdout)["version"] == 1


def choices_change_no_bit():
    """The record with values that are nobody's default: they are in use, and the logits are the same."""
    usual = logits("-t", "2", "--untuned")
    assert logits("-t", "2") == usual
    with open(record) as f:
        root = json.load(f)
    other = {"columns": 2, "prefetch_bytes": 1024, "next_step_bytes": 65536, "own_rows": 8, "few_prefetch_bytes": 2048, "chunk_floats": 16384, "group_panels": 16, "most_panels": 64}
    (machine,) = root["machines"].values()
    (backend,) = machine["backends"].values()
    for choice in backend["choices"]:
        choice["value"] = other.get(choice["knob"]) or {64: 256, 256: 64}[choice["value"]]          # prefetch_step has two, and each is a default
    with open(record, "w") as f:
        json.dump(root, f)
    out = run("run", "-m", model, "-t", "2", "-n", "8", "--temp", "0", "hello")
    assert "tuning_ignored" not in out.stderr                               # all of them are candidates
    assert out.stdout == run("run", "-m", model, "-t", "2", "-n", "8", "--temp", "0", "--untuned", "hello").stdout
    assert tuned("-t", "2") is True and logits("-t", "2") == usual


def threads_are_chosen_where_nobody_says():
    found = json.loads(run("tune", "-m", model, "--budget", "2", "--json").stdout)[0]
    if len(os.sched_getaffinity(0)) > 1 and any(c["knob"] == "threads" for c in found["choices"]):
        (choice,) = [c for c in found["choices"] if c["knob"] == "threads"]
        threads = json.loads(run("bench", "-m", model, "-p", "0", "-n", "4", "-r", "1", "-o", "json").stdout)[0]["n_threads"]
        assert threads == choice["value"], (threads, choice)
        assert found["backend"].endswith("%d thread%s" % (threads, "" if threads == 1 else "s"))
    assert tuned() is True


def forgetting():
    assert " choices forgotten" in run("tune", "--forget").stdout and not os.path.exists(record)
    assert tuned("-t", "2") is False and run("tune", "--forget").stdout == "0 choices forgotten\n"
    with open(record, "w") as f:
        f.write("not JSON")
    assert "tuning_ignored" in run("tune", "-m", model, "-t", "1", "--budget", "1").stderr and tuned("-t", "1") is True


def mistakes():
    for arguments, words in [
        (["tune", "x.gguf"], "-m"), (["tune", "--list", "--forget"], "exclude"), (["tune", "--list", "-m", model], "whole record"),
        (["tune", "-m", model, "--isa", "sse9"], "sse9"), (["tune", "--shape", "smollm2"], "smollm2-135m"), (["tune", "--budget", "0"], "--budget"),
    ]:
        assert words in run(*arguments, code=2).stderr, arguments
    run("tune", "-m", directory.name + "/none.gguf", code=3)


for test in (a_dry_run_records_nothing, what_is_found_is_used, choices_change_no_bit, threads_are_chosen_where_nobody_says, forgetting, mistakes):
    test()
    print("ok", test.__name__)
