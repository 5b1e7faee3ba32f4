#!/usr/bin/env python3
"""ridge ladder as a user runs it, on tiny models: every rung, every output, and each rung again with `ridge bench`. Speed is not judged.

    python3 ladder.py RIDGE TINY_MODEL_FILE
"""
import csv, io, json, os, re, subprocess, sys, tempfile
import xml.etree.ElementTree as xml

ridge, tiny = sys.argv[1:3]
directory = tempfile.TemporaryDirectory(prefix="ridge-ladder-")
environment = dict(os.environ, XDG_CACHE_HOME=directory.name, XDG_STATE_HOME=directory.name, NO_COLOR="1")
models = [os.path.join(directory.name, name + ".gguf") for name in ("qwen2", "llama")]
for path in models:
    subprocess.run([tiny, os.path.basename(path)[:-5], "300", path], check=True)
FILES = ["-m", models[0], "-m", models[1], "-t", "2"]
RUNGS = ["scalar baseline", "SIMD", "panels", "fused SwiGLU", "fused RMSNorm", "fused epilogues"]
TUNED = RUNGS + ["tuned"]


def run(*arguments, code=0):
    done = subprocess.run([ridge, *arguments], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
    return done


def every_output():
    svg, history = directory.name + "/ladder.svg", directory.name + "/ladder.jsonl"
    done = run("ladder", *FILES, "-n", "6", "-p", "40", "-r", "2", "-o", "json", "--svg", svg, "--record", history, "--progress")
    assert "round 2 of 2: SIMD" in done.stderr and "not_packed" not in done.stderr, done.stderr
    found = json.loads(done.stdout)
    rows = found["results"]
    assert "tuning_missing" in done.stderr and "ridge tune" in done.stderr and "qwen2 1M F16" in done.stderr, done.stderr
    assert found["rounds"] == 2 and [(r["test"], r["rung"], os.path.basename(r["model_filename"])) for r in rows] == [
        (test, rung, os.path.basename(model)) for test in ("tg6", "pp40") for rung in RUNGS for model in models]
    for row in rows:
        assert 1 <= row["tokens"] <= 40 and len(row["samples_ns"]) == len(row["samples_limit_ns"]) == 2 and row["ceiling_share"] > 0, row
        first = row["rung"] == RUNGS[0]
        assert (row["isa"] == "scalar") >= first and row["packed"] == ("--no-pack" not in row["flags"]), row
        for gain in (row["gain_below"], row["gain_first"]):
            assert gain is None if first else 0 < gain["low"] <= gain["median"] <= gain["high"], row
    check_svg(svg, rows)
    with open(history) as f:
        lines = [json.loads(line) for line in f]
    assert [(l["rung"], l["rung_flags"], l["model_type"]) for l in lines] == [(r["rung"], r["flags"], r["model_type"]) for r in rows]
    page = run("report", history, "-o", "-").stdout
    assert all(f"<h3>{rung}" in page for rung in RUNGS) and "tg6" in page and "pp40" in page
    assert "<code>--isa scalar</code>" in page.replace(" </code>", "</code>")
    return found


def check_svg(path, rows):
    root = xml.parse(path).getroot()
    space = "{http://www.w3.org/2000/svg}"
    style = root.find(space + "style").text
    for scheme in re.split("@media", style)[:2]:                                    # light, then dark
        assert all(f"--{name}:#" in scheme for name in ("paper", "ink", "soft", "speed", "share", "track")), style
    assert "prefers-color-scheme:dark" in style
    texts = [t.text for t in root.iter(space + "text")]
    assert set(RUNGS) <= set(texts) and {r["model_type"] for r in rows} <= set(texts), texts
    width, height = map(float, root.get("viewBox").split()[2:])
    bars = [r for r in root.iter(space + "rect") if r.get("class").startswith("bar")]
    assert len(bars) == len(rows)
    for bar in bars:
        x, y, w, h = (float(bar.get(name)) for name in ("x", "y", "width", "height"))
        assert 0 <= x and w > 0 and x + w <= width and 0 <= y and y + h <= height


def each_rung_again(found):
    """The flags beside a rung are flags of `ridge bench`, which then runs the same."""
    for row in found["results"][:2 * len(RUNGS):2]:
        arguments = found["repeat"].split()[1:] + ["-p", "0", "-n", str(row["tokens"]), "-r", "1", "-o", "jsonl"] + row["flags"].split()
        again = json.loads(run(*arguments).stdout.splitlines()[0])
        for field in ("model_type", "isa", "fuse", "packed", "tuned", "precise", "n_threads", "n_gen", "n_batch", "n_ubatch", "peak_of"):
            if field != "peak_of" or row["isa"] != "scalar":            # the ladder holds all rungs against the same peak
                assert again[field] == row[field], (field, row["flags"], again[field], row[field])


def tables():
    lines = run("ladder", *FILES, "-n", "3", "-r", "1").stdout.splitlines()
    table = [l for l in lines if l.startswith("|")]
    assert len(table) == 2 + 2 * len(RUNGS) and len({l.count("|") for l in table}) == 1, table
    assert "fused SwiGLU" in table[8] and "`--fuse glu" in table[8]
    rows = list(csv.DictReader(io.StringIO(run("ladder", *FILES[2:], "-n", "0", "-p", "20", "-r", "1", "-o", "csv").stdout)))
    assert [r["rung"] for r in rows] == RUNGS and all(r["test"] == "pp20" and float(r["median_ts"]) > 0 and None not in r.values() for r in rows)
    assert rows[0]["gain_below"] == "" and float(rows[1]["gain_below"]) > 0


def the_highest_rung_is_tuned(found):
    """Once `ridge tune` has recorded something for every model: one knob is enough."""
    def record(choices):
        row = found["results"][-1]
        os.makedirs(directory.name + "/ridge", exist_ok=True)
        with open(directory.name + "/ridge/tuning.json", "w") as f:
            json.dump({"version": 1, "machines": {row["machine"]: {"cpu": "x", "backends": {row["backend"]: {"choices": choices}}}}}, f)

    record([{"of": f"f16 {shape}", "knob": "prefetch_bytes", "value": 8192} for shape in ("544x256", "256x544", "1088x256")])
    arguments = [*FILES[2:], "-n", "2", "-p", "20", "-r", "1", "-o", "json", "--svg", directory.name + "/tuned.svg"]
    done = run("ladder", *arguments)
    rows = json.loads(done.stdout)["results"]
    assert [r["rung"] for r in rows] == 2 * TUNED and [r["tuned"] for r in rows] == 2 * (len(RUNGS) * [False] + [True]), rows
    assert rows[-1]["flags"] == "" and rows[-2]["flags"] == "--untuned" and "tuning_missing" not in done.stderr, done.stderr
    check_svg(directory.name + "/tuned.svg", rows)
    record([])
    done = run("ladder", *arguments)
    assert "tuning_missing" in done.stderr and len(json.loads(done.stdout)["results"]) == 2 * len(RUNGS)
    os.remove(directory.name + "/ridge/tuning.json")


def slow_rungs_measure_fewer_tokens():
    rows = json.loads(run("ladder", *FILES[2:], "-n", "250", "-p", "0", "-r", "1", "--seconds", "0", "-o", "json").stdout)["results"]
    assert [r["tokens"] for r in rows] == [1] * len(RUNGS)
    rows = json.loads(run("ladder", *FILES[2:], "-n", "5", "-p", "30", "-r", "1", "--seconds", "600", "-o", "json").stdout)["results"]
    assert [r["tokens"] for r in rows] == [5] * len(RUNGS) + [30] * len(RUNGS)


def shapes():
    done = run("ladder", "--shape", "smollm2-135m", "--type", "Q4_0", "-n", "2", "-r", "1", "--seconds", "0.01", "-o", "json")
    found = json.loads(done.stdout)
    assert "wrote " in done.stderr and {r["model_type"] for r in found["results"]} == {"llama 135M Q4_0"}
    assert found["repeat"] == "ridge bench --shape smollm2-135m --type Q4_0"


def mistakes():
    for arguments, code, words in [
        (["-n", "0"], 2, "nothing to test"), (["x.gguf"], 2, "-m"), (["--isa", "sse9", *FILES], 2, "sse9"), (["-o", "xml"], 2, "did you mean"),
        (["--shape", "smollm2"], 2, "smollm2-135m"), (["-m", directory.name + "/none.gguf"], 3, "none.gguf"),
        ([*FILES, "-n", "1", "-r", "1", "--svg", "/nonexistent/x.svg"], 1, "/nonexistent/x.svg"),
    ]:
        assert words in run("ladder", *arguments, code=code).stderr, arguments


ladder = every_output()
print("ok every_output")
each_rung_again(ladder)
print("ok each_rung_again")
the_highest_rung_is_tuned(ladder)
print("ok the_highest_rung_is_tuned")
for test in (tables, slow_rungs_measure_fewer_tokens, shapes, mistakes):
    test()
    print("ok", test.__name__)
