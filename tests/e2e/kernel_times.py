#!/usr/bin/env python3
"""test_check_kernels --bench: that every kernel, format and instruction set is timed. How fast they are is not judged.

    python3 kernel_times.py RIDGE TEST_CHECK_KERNELS
"""
import os, subprocess, sys

program = sys.argv[2]
HEAD = ["kernel", "format", "form", "isa", "tokens", "columns", "GB/s", "Gop/s", "% ceiling", "ceiling"]
WIDTHS = [22, 6, 6, 10, 6, 7, 9, 9, 9]


def cells(line):
    found, at = [], 0
    for width in WIDTHS:
        found.append(line[at:at + width].strip())
        at += width + 1
    return found + [line[at:].strip()]


def timed(*words, code=0):
    done = subprocess.run([program, "--bench", "seconds=0", *words], capture_output=True, text=True, timeout=500)
    assert done.returncode == code, (words, done.returncode, done.stdout[-1000:], done.stderr)
    lines = done.stdout.splitlines()
    if code:
        return done.stderr
    assert "thread" in lines[0] and cells(lines[1]) == HEAD, lines[:2]
    rows = [dict(zip(HEAD, cells(line))) for line in lines[2:]]
    for row in rows:
        assert float(row["GB/s"]) >= 0 and float(row["% ceiling"]) >= 0 and (row["Gop/s"] == "-" or float(row["Gop/s"]) >= 0), row
        assert row["ceiling"].split()[1] in ("GB/s", "Gop/s") and float(row["ceiling"].split()[0]) > 0, row
    return rows


def of(rows, **wanted):
    return [r for r in rows if all(r[k.replace("_", " ")] == v for k, v in wanted.items())]


def matrices():
    rows = timed("one", "few", "many", "q8_0", "f16")
    isas = {r["isa"] for r in rows}
    assert "scalar" in isas and ({"avx2"} <= isas or "avx2" not in open("/proc/cpuinfo").read()), isas
    for isa in isas:
        for form in ("int8", "int24"):
            mine = [r for r in rows if (r["kernel"], r["format"], r["form"], r["isa"]) == ("matmul", "q8_0", form, isa)]
            one = [r["columns"] for r in mine if r["tokens"] == "1"]
            assert one == ["1", "2", "4", "8"][:len(one)] and one, mine
            assert [r["tokens"] for r in mine if r["tokens"] != "1"] == ["2", "4", "8", "32" if isa == "scalar" else "512"], mine
        assert [r for r in rows if (r["format"], r["form"], r["isa"]) == ("f16", "f32", isa)]


def everything_else():
    rows = timed("pack", "rows", "attention", "scalar", "avx2")
    isas = {r["isa"] for r in rows}
    for isa in isas:
        formats = {r["format"] for r in rows if r["kernel"] == "pack" and r["isa"] == isa}
        assert {"f32", "f16", "bf16", "q8_0", "q4_0", "q4_k", "q6_k"} <= formats, formats
        names = {r["kernel"] for r in rows if r["isa"] == isa}
        assert {"pack as bf16", "prepare int8", "norm", "glu silu", "rotate halves", "to q8_0", "attention merge", "attention finish"} <= names, names
        pages = [(r["format"], r["tokens"]) for r in rows if r["kernel"] == "attention page" and r["isa"] == isa]
        assert pages == [(f, q) for f in ("bf16", "f16", "f32", "q8_0") for q in ("4", "64")], pages


def words_choose():
    assert {(r["kernel"], r["format"]) for r in timed("q4_0", "x=int8", "one", "scalar")} == {("matmul", "q4_0")}
    assert {r["kernel"] for r in timed("q4_0", "x=int8", "scalar")} == {"matmul", "pack"}              # no rows, which have no format
    assert "q9_0" in timed("q9_0", code=2) and "threads" in timed("t=0", code=2)


for test in (matrices, everything_else, words_choose):
    test()
    print("ok", test.__name__)
