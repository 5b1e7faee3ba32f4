#!/usr/bin/env python3
"""ridge report and ridge bench --record, --compare, as a user runs them; and the page itself in headless Chromium, where there is one.

    python3 report.py RIDGE [--keep FOLDER]

Chromium judges, at the width of a phone and of a desk, in light and in dark: no message on its console, nothing asked of any network, no sideways
scrolling, and charts that are drawn, stay in their cards and do not hide their own marks.
"""
import html.parser, json, math, os, random, re, shutil, subprocess, sys, tempfile

RIDGE = sys.argv[1]
FOLDER = sys.argv[3] if sys.argv[2:3] == ["--keep"] else tempfile.mkdtemp(prefix="ridge-report-")
shutil.rmtree(FOLDER, ignore_errors=True)
os.makedirs(FOLDER, exist_ok=True)
ENVIRONMENT = {**os.environ, "XDG_CACHE_HOME": FOLDER + "/cache", "XDG_STATE_HOME": FOLDER + "/state", "NO_COLOR": "1"}
SKIPPED = 77


def run(*arguments, code=0):
    done = subprocess.run([RIDGE, *arguments], env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
    return done


def write(name, entries):
    path = f"{FOLDER}/{name}"
    with open(path, "w") as f:
        f.writelines(json.dumps(e) + "\n" for e in entries)
    return path


def entry(model, prompt, gen, speed, share, day, commit, dice, read=42.0, peak=1870.0, n=10, **more):
    """A result with n samples around these medians."""
    tokens = prompt + gen
    shares = [share * math.exp(dice.gauss(0, 0.006)) for _ in range(n)]
    seconds = [tokens / speed * math.exp(dice.gauss(0, 0.012)) for _ in range(n)]
    weight = {"F16": 988e6, "Q8_0": 525e6, "Q4_0": 348e6}[model.split()[-1]]
    speeds, ranked = sorted(tokens / s for s in seconds), sorted(shares)
    return {"schema": 1, "build_commit": commit, "test_time": f"2026-11-{day:02d}T12:34:56Z", "machine": "0123456789abcdef",
            "cpu_info": "AMD EPYC 9005, 2 cores",
            "model_type": model, "model_filename": f"/models/{model}.gguf", "isa": "avx512", "fuse": "all", "arithmetic": "int8", "bound_by": "read",
            "peak_of": "bf16 by avx512bf16" if "F16" in model else "int8 by avx512", "type_k": "f16", "type_v": "f16", "n_threads": 2, "n_ubatch": 512,
            "n_prompt": prompt, "n_gen": gen, "n_depth": 0, "packed": True, "precise": False, "avg_ts": speed,
            "median_ts": speeds[n // 2], "median_ts_low": speeds[1], "median_ts_high": speeds[-2], "ceiling_share": ranked[n // 2],
            "ceiling_share_low": ranked[1], "ceiling_share_high": ranked[-2], "read_gb_per_s": read, "peak_gop_per_s": peak / (2 if "F16" in model else 1),
            "bytes_per_token": weight / (prompt or 1), "operations_per_token": 0.99e9,
            "samples_ns": [round(s * 1e9) for s in seconds], "samples_limit_ns": [round(s * 1e9 * h) for s, h in zip(seconds, shares)], **more}


def example():
    """A month of commits: two models, decode and prefill, a regression and its repair, a profile and a ladder."""
    dice, entries = random.Random(3), []
    for day in range(1, 15):
        commit, step = f"{day * 0x1234567:09x}", min(day, 12) / 12
        for model, decode, prefill in (("qwen2 494M F16", 40, 900), ("qwen2 494M Q8_0", 76, 1450), ("qwen2 494M Q4_0", 112, 1400)):
            loss = 0.94 if day == 9 and model.endswith("Q8_0") else 1
            share = loss * (0.62 + 0.35 * step)
            entries.append(entry(model, 0, 128, decode * share, share, day, commit, dice))
            entries.append(entry(model, 512, 0, prefill * (0.5 + 0.5 * step), 0.30 + 0.36 * step, day, commit, dice))
    for e, tokens, seconds in ((entries[-6], 1, 1), (entries[-4], 1, 1), (entries[-3], 512, 40)):         # decoding twice, and a prompt
        e["profile"] = [{"name": name, "bytes": size, "operations": operations * tokens, "seconds": time * seconds} for name, size, operations, time in (
            ("linear q k v", 61e6, 110e6, 0.0016), ("attention", 3e6, 9e6, 0.00021), ("linear o", 40e6, 70e6, 0.001), ("linear gate up", 210e6, 418e6, 0.0052),
            ("linear down", 105e6, 209e6, 0.0026), ("embed", 2000, 0, 1e-6))]
    for rung, factor in (("scalar", 0.04), ("SIMD", 0.45), ("panels", 0.82), ("fused SwiGLU", 0.86), ("fused RMSNorm", 0.93), ("tuned", 0.96)):
        for model, decode in (("qwen2 494M F16", 40), ("qwen2 494M Q8_0", 76)):
            entries.append(entry(model, 0, 32, decode * factor, factor, 15, "abcdef012", dice, rung=rung))
    return entries


class Page(html.parser.HTMLParser):
    """Every element is closed in its order; what is shown is collected."""
    EMPTY = {"meta", "link", "br"}

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], {}, ""
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        self.tags[tag] = self.tags.get(tag, 0) + 1
        if tag not in self.EMPTY:
            self.open.append(tag)
        for name, value in attributes:
            assert not name.startswith("on") and name != "src", (tag, name)
            assert name != "href" or value == "data:,", (tag, value)

    def handle_startendtag(self, tag, attributes):
        self.tags[tag] = self.tags.get(tag, 0) + 1

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        self.text += data


def page_holds_what_was_recorded():
    path = f"{FOLDER}/report.html"
    run("report", write("example.jsonl", example()), "-o", path)
    with open(path) as f:
        source = f.read()
    page = Page(source)
    assert page.tags["article"] == 6 + 3 + 1 and page.tags["svg"] == 12 + 3, page.tags      # a card a test with two charts, a roof a model, the ladder
    for words in ("qwen2 494M Q8_0", "tg128", "pp512", "linear gate up", "fused RMSNorm", "97", "2 threads, avx512", "96 results of 6 tests at 15 commits"):
        assert words in page.text, words
    assert "http" not in source and "<script" not in source and "url(" not in source and "@import" not in source
    assert len(re.findall(r'class="dot worse"', source)) >= 1 and len(re.findall(r'class="dot better"', source)) >= 1
    assert run("report", f"{FOLDER}/example.jsonl", "-o", "-").stdout == source
    return path


def texts_are_escaped():
    dice, evil = random.Random(1), "<script>alert(1)</script>&\"'\x01 Q8_0"
    entries = [entry(evil, 0, 8, 10, 0.5, 1, "<b>", dice, rung=rung, cpu_info=evil, isa="a&b", peak_of=evil, fuse="<i>") for rung in ("", "<u>r</u>")]
    source = run("report", write("evil.jsonl", entries), "-o", "-", "--title", "<title> & co").stdout
    page = Page(source)
    assert "script" not in page.tags and "u" not in page.tags and "i" in page.tags and "alert(1)" in page.text and "\x01" not in source


def odd_histories_are_drawn_or_refused():
    dice = random.Random(2)
    for name, change in (("one", {}), ("bare", {"samples_ns": [], "ceiling_share": 0, "read_gb_per_s": 0, "median_ts": 0}),
                         ("huge", {"median_ts": 1e300, "median_ts_low": 1e299, "median_ts_high": 1e301}),
                         ("tiny", {"median_ts": 1e-300, "median_ts_low": 1e-301, "median_ts_high": 1e-300,
                                   "bytes_per_token": 1e-200, "peak_gop_per_s": 1e200}), ("rung", {"rung": "only"})):
        source = run("report", write(name + ".jsonl", [entry("m Q8_0", 0, 8, 10, 0.5, 1, "abc", dice, **change)]), "-o", "-").stdout
        Page(source)
        assert not re.search(r'="[^"<>]*\b(nan|inf)\b', source), name
    broken = f"{FOLDER}/broken.jsonl"
    with open(broken, "w") as f:
        f.write("{}\nnot json\n")
    assert "no results" in run("report", broken, code=2).stderr
    assert "none.jsonl" in run("report", FOLDER + "/none.jsonl", code=3).stderr
    run("report", f"{FOLDER}/one.jsonl", "-o", "/nonexistent/x.html", code=1)


def comparing_recorded_results():
    dice = random.Random(5)
    before = [entry("m Q8_0", 0, 8, 100, 0.9, 1, "aaaa1111", dice, n=20), entry("m Q8_0", 64, 0, 900, 0.6, 1, "aaaa1111", dice, n=20)]
    # The machine got slower, Ridge did not.
    same = [entry("m Q8_0", 0, 8, 85, 0.9, 2, "bbbb2222", dice, n=20), entry("m Q8_0", 64, 0, 770, 0.6, 2, "bbbb2222", dice, n=20)]
    slow = [entry("m Q8_0", 0, 8, 100, 0.9 * 0.96, 2, "cccc3333", dice, n=20)]
    few = [entry("m Q8_0", 0, 8, 100, 0.5, 2, "cccc3333", dice, n=4)]
    b, s, l, f = (write(name, e) for name, e in (("b.jsonl", before), ("s.jsonl", same), ("l.jsonl", slow), ("f.jsonl", few)))
    out = run("bench", "--compare", b, "--recorded", s).stdout
    assert out.count("no difference") == 2 and "0 of 2 tests slower" in out, out
    out = run("bench", "--compare", b, "--recorded", l, code=1).stdout
    assert "| slower" in out and "aaaa1111" in out and "1 of 1 tests slower by more than 2 %" in out, out
    stolen = write("t.jsonl", [entry("m Q8_0", 0, 8, 45, 0.8, 2, "cccc3333", dice, n=20)])             # something else took the processors
    assert "ceilings differ" in run("bench", "--compare", b, "--recorded", stolen).stdout
    run("bench", "--compare", b, "--recorded", l, "--threshold", "10")
    assert "too few samples" in run("bench", "--compare", f, "--recorded", f).stdout
    elsewhere = write("e.jsonl", [dict(before[0], machine="fedcba9876543210")])
    assert "on this machine" in run("bench", "--compare", elsewhere, "--recorded", s, code=3).stderr
    assert run("bench", "--compare", b, "--recorded", s, "-o", "json").stdout == ""
    for arguments, code in ((["--recorded", s], 2), (["--compare", "zzz"], 3), (["--compare", __file__], 2), (["--compare", b, "--compare-binary", RIDGE], 2),
                            (["--compare-binary", RIDGE, "--record", "x.jsonl"], 2), (["--compare", "abcdef"], 3), (["--compare", broken_file()], 2)):
        run("bench", *arguments, code=code)
    os.makedirs(FOLDER + "/state/ridge", exist_ok=True)
    shutil.copy(b, FOLDER + "/state/ridge/bench.jsonl")                  # the default history, by commit
    assert "aaaa1111" in run("bench", "--compare", "aaaa11112222", "--recorded", s).stdout
    assert "at commit bbbb" in run("bench", "--compare", "bbbb", "--recorded", s, code=3).stderr
    Page(run("report", "-o", "-").stdout)


def broken_file():
    return f"{FOLDER}/broken.jsonl"


def recording_and_racing():
    model, path = ["--shape", "smollm2-135m", "--type", "q4_0", "--no-warmup", "-p", "4", "-n", "1"], f"{FOLDER}/made/by/record.jsonl"
    run("bench", *model, "-r", "2", "--record", path, "-o", "none")
    out = run("bench", *model, "-r", "2", "--record", path, "--compare", path).stdout
    assert out.count("too few samples") == 2 and "0 of 2 tests slower" in out, out
    with open(path) as f:
        lines = [json.loads(line) for line in f]
    assert [(l["n_prompt"], l["n_gen"], len(l["samples_ns"]), l["schema"]) for l in lines] == [(4, 0, 2, 1), (0, 1, 2, 1)] * 2
    assert all(len(l["machine"]) == 16 and l["build_commit"] and isinstance(l["ceilings"], list) and l["machine_info"]["cpus"] >= 1 for l in lines)
    for line in lines:
        linear = [s for s in line["profile"] if s["name"].startswith("linear")]
        assert linear and all(s["operations"] > 1e6 and s["bytes"] > 1e6 and s["seconds"] > 0 for s in linear), line["profile"]
    assert "linear" in Page(run("report", path, "-o", "-").stdout).text
    assert "pp8" in run("bench", *model, "-p", "8", "-n", "0", "-r", "2", "--compare", path, code=3).stdout
    out = run("bench", *model, "-r", "2", "--compare-binary", RIDGE).stdout                      # the same program: two rounds are too few to say anything
    assert out.count("too few samples") == 2, out
    assert run("bench", *model, "-r", "2", "--compare", RIDGE, "-o", "json").stderr.count("too few samples") == 2
    assert "/bin/false" in run("bench", *model, "-r", "1", "--compare-binary", "/bin/false", code=1).stderr
    assert "no result" in run("bench", *model, "-r", "1", "--compare-binary", "/bin/echo", code=2).stderr


# ---- Chromium ----

def chromium_page(browser, path, width, scheme):
    """The document after layout, and whatever Chromium logged. Its own window is never narrower than 500 pixels, so a frame of `width` holds the page."""
    frame = f"{FOLDER}/frame-{width}-{scheme}.html"
    with open(frame, "w") as f:
        f.write(f"""<!doctype html><meta charset="utf-8"><title>frame</title><link rel="icon" href="data:,">
<iframe id="f" src="{os.path.basename(path)}" style="width:{width}px;height:900px;border:0"></iframe>
<script>addEventListener("load", () => {{
  const d = document.getElementById("f").contentDocument, w = document.getElementById("f").contentWindow, root = d.documentElement;
  d.querySelector("details").open = true;
  const wide = [...d.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > root.clientWidth + 1)
    .map(e => e.tagName + "." + e.getAttribute("class"));
  const loaded = w.performance.getEntriesByType("resource").map(e => e.name).filter(n => !n.startsWith("data:"));
  const charts = [...d.querySelectorAll("svg")].map(s => {{
    const box = s.getBoundingClientRect(), card = s.closest(".card").getBoundingClientRect(), marks = [...s.querySelectorAll("circle.mark")];
    const drawn = [...s.querySelectorAll("line, polyline, polygon, circle, text")].filter(e => {{ const b = e.getBBox(); return b.width + b.height > 0; }});
    const outside = [...s.querySelectorAll("text")].filter(e => {{
      const b = e.getBoundingClientRect(); return b.left < card.left || b.right > card.right || b.top < card.top || b.bottom > card.bottom; }});
    const at = marks.map(m => [m.cx.baseVal.value, m.cy.baseVal.value, m.r.baseVal.value]);
    const hidden = at.filter((a, i) => at.some((b, k) => k > i && Math.hypot(a[0] - b[0], a[1] - b[1]) < a[2] + b[2])).length;
    return {{width: box.width, height: box.height, drawn: drawn.length, outside: outside.map(e => e.textContent), hidden, marks: marks.length}};
  }});
  document.title = JSON.stringify({{charts, scroll: root.scrollWidth, client: root.clientWidth, wide: wide.slice(0, 5), loaded,
    paper: w.getComputedStyle(d.body).backgroundColor, ink: w.getComputedStyle(d.body).color}});
}});</script>""")
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--allow-file-access-from-files",
             "--enable-logging=stderr", "--v=0", "--no-first-run",
             "--disable-background-networking", f"--user-data-dir={FOLDER}/profile", "--virtual-time-budget=4000", "--window-size=1400,1000",
             f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}"]
    done = subprocess.run([browser, *flags, "--dump-dom", "file://" + frame], capture_output=True, text=True, timeout=120, env={**ENVIRONMENT, "HOME": FOLDER})
    assert done.returncode == 0, done.stderr[-2000:]
    found = re.search(r"<title>(\{.*?\})</title>", done.stdout)
    assert found, (done.stdout[:500], done.stderr[-2000:])
    console = [l for l in done.stderr.splitlines() if "CONSOLE" in l]
    return json.loads(html.unescape(found.group(1))), console


def brightness(colour):
    return sum(float(v) for v in re.findall(r"[\d.]+", colour)[:3])


def looks_right_in_chromium(path):
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not browser:
        print("skipped: chromium is not installed; the page was checked as text only")
        return False
    for width in (390, 1200):
        for scheme in ("light", "dark"):
            seen, console = chromium_page(browser, path, width, scheme)
            assert width - 20 <= seen["client"] <= width and seen["scroll"] <= seen["client"] and not seen["wide"], (width, scheme, seen)
            assert not seen["loaded"] and not console, (seen, console)
            assert len(seen["charts"]) == 15 and sum(chart["marks"] for chart in seen["charts"]) == 15 + 3, seen["charts"]
            for chart in seen["charts"]:
                assert chart["width"] > 250 and chart["height"] > 100 and chart["drawn"] >= 12 and not chart["outside"] and not chart["hidden"], (width, chart)
            assert (brightness(seen["paper"]) < brightness(seen["ink"])) == (scheme == "dark"), (scheme, seen)
    return True


if __name__ == "__main__":
    page = page_holds_what_was_recorded()
    print("ok page_holds_what_was_recorded")
    for test in (texts_are_escaped, odd_histories_are_drawn_or_refused, comparing_recorded_results, recording_and_racing):
        test()
        print("ok", test.__name__)
    whole = looks_right_in_chromium(page)
    if sys.argv[2:3] != ["--keep"]:
        shutil.rmtree(FOLDER, ignore_errors=True)
    sys.exit(0 if whole else SKIPPED)
