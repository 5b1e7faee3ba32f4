"""ridge quantize, ridge imatrix and ridge perplexity, as a user runs them.

    python3 quantize.py RIDGE TINY_MODEL_FILE [unittest's arguments]
"""
import array
import glob
import json
import math
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
from program import read_bytes, runner

RIDGE, TINY = sys.argv[1:3]
VECTORS = os.environ.get("RIDGE_VECTORS") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../shared/vectors")
FOLDER = tempfile.mkdtemp(prefix="ridge-quantize-")
MODEL = os.path.join(FOLDER, "tiny.gguf")
TEXT = os.path.join(FOLDER, "text.txt")
ENVIRONMENT = {**os.environ, "XDG_CACHE_HOME": FOLDER + "/cache", "HOME": FOLDER, "HF_HUB_CACHE": FOLDER + "/hub", "NO_COLOR": ""}
ridge = runner(RIDGE, ENVIRONMENT)
# The types, and the most that the mean divergence from the F16 model may be: less than twice what it is. Random weights forgive little.
TYPES = {"f32": 1e-9, "f16": 1e-9, "bf16": 5e-3, "q8_0": 3e-3, "q6_k": 0.04, "q5_k_m": 0.18, "q5_k_s": 0.19, "q5_1": 0.18, "q5_0": 0.22, "q4_k_m": 0.45,
         "q4_k_s": 0.55, "q4_1": 0.75, "q4_0": 1.3, "q3_k_l": 1.4, "q3_k_m": 1.4, "q3_k_s": 2.2, "q2_k": 6, "q2_k_s": 9}


def setUpModule():
    subprocess.run([TINY, "llama", "512", MODEL], check=True)
    with open(TEXT, "w") as f:
        f.write("".join(f"{n}: the cat sat on mat {n * n % 17}, and so on; " for n in range(60)))


def tearDownModule():
    shutil.rmtree(FOLDER)


def path(name):
    return os.path.join(FOLDER, name + ".gguf")


def info(file):
    return json.loads(ridge("info", "-m", file, "--json")[0])


def logits(file, tokens, *more):
    out = os.path.join(FOLDER, "logits.npy")
    ridge("logits", "-m", file, "--tokens", " ".join(map(str, tokens)), "--all", "-o", out, *more)
    data = read_bytes(out)
    return array.array("f", data[10 + int.from_bytes(data[8:10], "little"):])


def perplexity(*arguments):
    return json.loads(ridge("perplexity", "-f", TEXT, "-q", "--json", *arguments)[0])


class Quantize(unittest.TestCase):
    def test_every_type_gives_a_model_that_is_close(self):
        before = info(MODEL)
        changing = ("general.file_type", "general.quantization_version")
        types = {t["name"]: t["type"] for t in before["tensors"]}
        for name, most in TYPES.items():
            with self.subTest(name):
                out = path(name)
                ridge("quantize", MODEL, out, name.upper())
                after = info(out)
                self.assertEqual({k: v for k, v in after["metadata"].items() if k not in changing},
                                 {k: v for k, v in before["metadata"].items() if k not in changing})
                self.assertEqual([t["name"] for t in after["tensors"]], [t["name"] for t in before["tensors"]])
                for t in after["tensors"]:
                    if "norm" in t["name"]:
                        self.assertEqual(t["type"], types[t["name"]])
                kl = perplexity("-m", out, "--kl", MODEL, "-c", "64", "--chunks", "2", "--precise")["all"]["kl_mean"]
                self.assertLess(kl, most)

    def test_rows_that_fit_no_block_become_a_near_format(self):
        err = ridge("quantize", MODEL, path("near"), "q4_k_s")[1]          # ffn_down has rows of 544 values
        self.assertIn("format_replaced: rows of 544 values are no multiple of q4_k's block of 256: those matrices are q5_0", err)
        types = {t["name"]: t["type"] for t in info(path("near"))["tensors"]}
        self.assertEqual(types["blk.0.ffn_down.weight"], "q5_0")
        self.assertEqual(types["blk.0.attn_q.weight"], "q4_k")

    def test_pure_and_overrides(self):
        ridge("quantize", MODEL, path("pure"), "q4_k_m", "--pure", "-q", "--tensor-type", r"blk\.1\..*_down=q8_0", "--tensor-type", "attn_[qk]=Q6_K")
        for t in info(path("pure"))["tensors"]:
            if "norm" in t["name"] or t["name"].startswith("rope"):
                continue
            expected = "q8_0" if t["name"] == "blk.1.ffn_down.weight" else "q6_k" if "attn_q" in t["name"] or "attn_k" in t["name"] else \
                       "q5_0" if "ffn_down" in t["name"] else "q4_k"
            self.assertEqual((t["name"], t["type"]), (t["name"], expected))

    def test_any_number_of_threads_gives_the_same_bytes(self):
        for threads in ("1", "2", "5"):
            ridge("quantize", MODEL, path("t" + threads), "q5_k_m", "-q", "-t", threads)
        self.assertEqual(read_bytes(path("t1")), read_bytes(path("t2")))
        self.assertEqual(read_bytes(path("t1")), read_bytes(path("t5")))

    def test_quantising_again_must_be_allowed(self):
        ridge("quantize", MODEL, path("once"), "q8_0", "-q")
        err = ridge("quantize", path("once"), path("twice"), "q4_0", code=4)[1]
        self.assertIn("is q8_0 already", err)
        self.assertIn("--allow-requantize", err)
        self.assertFalse(os.path.exists(path("twice")))
        ridge("quantize", path("once"), path("twice"), "q4_0", "--allow-requantize", "-q")
        ridge("quantize", path("once"), path("same"), "q8_0", "-q")         # nothing to do: the same weights
        tokens = list(range(5, 25))
        self.assertEqual(logits(path("once"), tokens), logits(path("same"), tokens))
        ridge("quantize", path("once"), path("wide"), "f32", "-q")          # loses nothing, so needs no leave
        self.assertEqual(logits(path("once"), tokens, "--reference"), logits(path("wide"), tokens, "--reference"))

    def test_mistakes_are_named(self):
        before = read_bytes(MODEL)
        link = os.path.join(FOLDER, "link.gguf")
        os.symlink(MODEL, link)
        for arguments, code, sentence in (
            ([MODEL, MODEL, "q4_0"], 2, "is the input itself"),
            ([MODEL, link, "q4_0"], 2, "is the input itself"),
            ([MODEL, path("x"), "q4_km"], 2, "did you mean q4_k_m?"),
            ([MODEL, path("x"), "wonderful"], 2, "q8_0 q4_0"),
            ([MODEL, path("x")], 2, "usage: ridge quantize"),
            ([MODEL, path("x"), "q4_0", "--tensor-type", "a(b=q8_0"], 2, "is no regular expression"),
            ([MODEL, path("x"), "q4_0", "--tensor-type", "attn_q"], 2, "PATTERN=TYPE"),
            ([MODEL, path("x"), "q4_0", "--tensor-type", "attn_q=q6_j"], 2, "did you mean q6_k?"),
            ([path("missing"), path("x"), "q4_0"], 3, "missing.gguf"),
            ([TEXT, path("x"), "q4_0"], 2, "text.txt"),
            ([MODEL, FOLDER + "/no/folder.gguf", "q4_0"], 1, "cannot be created"),
        ):
            with self.subTest(" ".join(arguments)):
                self.assertIn(sentence, ridge("quantize", *arguments, code=code)[1])
        self.assertEqual(read_bytes(MODEL), before)
        self.assertFalse(os.path.exists(path("x")))
        self.assertEqual(glob.glob(FOLDER + "/*.part"), [])

    def test_values_that_are_not_finite_are_refused(self):
        ridge("quantize", MODEL, path("wide"), "f32", "-q")
        data = bytearray(read_bytes(path("wide")))
        data[-4:] = b"\x00\x00\xc0\x7f"                                     # NaN in the last tensor
        with open(path("broken"), "wb") as f:
            f.write(data)
        last = info(path("wide"))["tensors"][-1]
        err = ridge("quantize", path("broken"), path("x"), "q4_0", "--tensor-type", last["name"] + "=q8_0", code=2)[1]
        self.assertRegex(err, f": tensor '{last['name']}', offset [0-9]+: it has a value that is not finite")
        self.assertFalse(os.path.exists(path("x")))

    def test_split_models_become_one_file(self):
        parts = sorted(glob.glob(os.path.join(VECTORS, "models/llama-split-*.gguf")))
        if not parts:
            self.skipTest("no reference vectors: set RIDGE_VECTORS")
        ridge("quantize", parts[1], path("joined"), "q4_0", "--pure", "-q")
        self.assertNotIn("split.count", info(path("joined"))["metadata"])
        tokens = list(range(5, 40))
        self.assertEqual(logits(parts[0], tokens), logits(path("joined"), tokens))

    def test_mixes_are_those_of_llama_quantize(self):
        source, theirs = (os.path.join(VECTORS, "models/llama-quant-" + name) for name in ("bf16.gguf", "q4_k_m.gguf"))
        if not os.path.exists(source):
            self.skipTest("no reference vectors: set RIDGE_VECTORS")
        ridge("quantize", source, path("mixed"), "q4_k_m", "-q")
        self.assertEqual({t["name"]: t["type"] for t in info(path("mixed"))["tensors"]}, {t["name"]: t["type"] for t in info(theirs)["tensors"]})


class Importance(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.imatrix = path("imatrix")
        cls.err = ridge("imatrix", "-m", MODEL, "-f", TEXT, "-o", cls.imatrix, "-c", "64")[1]

    def test_the_file_says_what_it_is_of(self):
        self.assertRegex(self.err, r"chunk (\d+) of \1, 0 s left\n$")
        metadata = info(self.imatrix)["metadata"]
        self.assertEqual((metadata["general.type"], metadata["imatrix.chunk_size"]), ("imatrix", 64))
        tensors = {t["name"]: t["shape"] for t in info(self.imatrix)["tensors"]}
        self.assertEqual(tensors["blk.1.ffn_down.weight.in_sum2"], [544])
        self.assertEqual(len(tensors), 2 * 2 * 7)

    def test_errors_where_they_matter_become_smaller(self):
        kl = {}
        for name in ("q2_k_s", "q5_k_s"):
            for importance in (), ("--imatrix", self.imatrix):
                err = ridge("quantize", MODEL, path("weighed"), name, "--pure", *importance)[1]
                kl[name, bool(importance)] = perplexity("-m", path("weighed"), "--kl", MODEL, "-c", "64", "--precise")["all"]["kl_mean"]
            self.assertIn("importance_missing: 2 of 16 matrices have no entry in", err)
            self.assertIn("first 'token_embd.weight'", err)
            self.assertIn("16 of 22 tensors changed, 14 by importance", err)
            self.assertLess(kl[name, True], 0.85 * kl[name, False])
        metadata = info(path("weighed"))["metadata"]
        self.assertEqual((metadata["quantize.imatrix.file"], metadata["quantize.imatrix.dataset"]), (self.imatrix, TEXT))
        self.assertEqual(metadata["quantize.imatrix.entries_count"], 14)

    def test_any_number_of_threads_gives_the_same_bytes(self):
        for threads in ("1", "3"):
            ridge("imatrix", "-m", MODEL, "-f", TEXT, "-o", path("i" + threads), "-c", "64", "--chunks", "5", "-t", threads, "-q")
            ridge("quantize", MODEL, path("w" + threads), "q4_k_m", "-q", "-t", threads, "--imatrix", self.imatrix)
        self.assertEqual(read_bytes(path("i1")), read_bytes(path("i3")))
        self.assertEqual(read_bytes(path("w1")), read_bytes(path("w3")))

    def test_mistakes_are_named(self):
        name = b"blk.1.ffn_up.weight"
        for file, data in (
            ("short", read_bytes(self.imatrix)[:-100]),
            ("foreign", read_bytes(self.imatrix).replace(b"blk.", b"xyz.")),
            ("narrow", struct.pack(f"<ii{len(name)}sii3f", 1, len(name), name, 1, 3, 1, 2, 3)),    # the older format
        ):
            with open(path(file), "wb") as f:
                f.write(data)
        for imatrix, code, sentence in (
            (path("missing"), 3, "missing.gguf"),
            (path("short"), 2, "short.gguf"),
            (path("foreign"), 2, "has no entry of any matrix that is quantised, such as 'token_embd.weight': it is of another model"),
            (path("narrow"), 2, "narrow.gguf knows 3 inputs of tensor 'blk.1.ffn_up.weight', which has 256: it is of another model"),
            (MODEL, 2, "is no importance matrix"),
            (TEXT, 2, "this is no importance matrix"),
        ):
            with self.subTest(imatrix):
                self.assertIn(sentence, ridge("quantize", MODEL, path("x"), "q4_0", "--imatrix", imatrix, code=code)[1])
        for arguments, code, sentence in (
            (["-f", TEXT], 2, "-o FILE says where"),
            (["-o", path("x")], 2, "-f FILE says which text"),
            (["-f", TEXT, "-o", path("x"), "-c", "100000"], 2, "less than a chunk of 100000"),
            (["-f", path("nothing"), "-o", path("x")], 3, "nothing.gguf"),
            (["-f", TEXT, "-o", FOLDER + "/no/folder.gguf"], 1, "cannot be created"),
            (["-f", TEXT, "-o", MODEL, "-c", "16"], 2, "is the input itself"),
        ):
            with self.subTest(" ".join(arguments)):
                self.assertIn(sentence, ridge("imatrix", "-m", MODEL, *arguments, code=code)[1])
        self.assertFalse(os.path.exists(path("x")))


class Perplexity(unittest.TestCase):
    def rows(self, model, tokens, *more):
        values = logits(model, tokens, *more)
        n = len(values) // len(tokens)
        for i in range(len(tokens)):
            row = values[i * n:(i + 1) * n]
            top = max(row)
            total = math.log(sum(math.exp(x - top) for x in row))
            yield [x - top - total for x in row]

    def test_it_is_what_the_logits_say(self):
        ridge("quantize", MODEL, path("judged"), "q4_0", "-q")
        tokens = [int(t) for t in ridge("tokenize", "-m", MODEL, "-f", TEXT, "--ids")[0].decode().strip("[] \n").split(", ")]
        chunk, chunks = 50, 3
        found = perplexity("-m", path("judged"), "--kl", MODEL, "-c", str(chunk), "--chunks", str(chunks), "-b", "7")
        for scope, first in (("all", 0), ("second_half", chunk // 2)):
            nll, reference_nll, kl, same = [], [], [], 0
            for c in range(chunks):
                ids = tokens[c * chunk:(c + 1) * chunk]
                judged, reference = list(self.rows(path("judged"), ids)), list(self.rows(MODEL, ids, "--precise"))
                for i in range(first, chunk - 1):
                    nll.append(-judged[i][ids[i + 1]])
                    reference_nll.append(-reference[i][ids[i + 1]])
                    kl.append(sum(math.exp(r) * (r - j) for r, j in zip(reference[i], judged[i])))
                    same += judged[i].index(max(judged[i])) == reference[i].index(max(reference[i]))
            n, kl = len(nll), sorted(kl)
            part = found[scope]
            self.assertEqual(part["tokens"], n)
            mean = sum(nll) / n
            self.assertAlmostEqual(part["perplexity"], math.exp(mean), delta=1e-6 * math.exp(mean))
            deviation = math.sqrt((sum(x * x for x in nll) / n - mean * mean) / (n - 1))
            self.assertAlmostEqual(part["perplexity_error"], deviation * math.exp(mean), delta=1e-5 * math.exp(mean))
            self.assertAlmostEqual(part["reference_perplexity"], math.exp(sum(reference_nll) / n), delta=1e-6 * math.exp(mean))
            self.assertAlmostEqual(part["kl_mean"], sum(kl) / n, delta=1e-7)
            self.assertAlmostEqual(part["kl_most"], kl[-1], delta=1e-7)
            self.assertAlmostEqual(part["kl_99"], kl[math.ceil(0.99 * n) - 1], delta=1e-7)
            self.assertAlmostEqual(part["same_top"], same / n, delta=1e-12)
        self.assertEqual(found["chunks"], chunks)

    def test_a_model_is_its_own_reference(self):
        part = perplexity("-m", MODEL, "--kl", MODEL, "--precise", "-c", "32", "--chunks", "2")["all"]
        self.assertEqual((part["same_top"], part["perplexity"]), (1, part["reference_perplexity"]))
        self.assertLess(part["kl_most"], 1e-12)
        part = perplexity("-m", MODEL, "--kl-reference", "--precise", "-c", "32", "--chunks", "2")
        self.assertIn("reference", part["reference"]["backend"])
        self.assertLess(part["all"]["kl_most"], 1e-5)

    def test_text_output_and_progress(self):
        out, err = ridge("perplexity", "-m", MODEL, "-f", TEXT, "-c", "32", "--chunks", "2")
        self.assertRegex(out.decode(), r"second half +30 +\d+\.\d{4} \+- \d+\.\d{4} *\nall +62 ")
        self.assertRegex(err, r"chunk 2 of 2: perplexity \d+\.\d{4}\n$")

    def test_mistakes_are_named(self):
        for arguments, code, sentence in (
            (["-m", MODEL], 2, "-f FILE says which text"),
            (["-m", MODEL, "-f", TEXT, "-c", "100000"], 2, "less than a chunk of 100000"),
            (["-m", MODEL, "-f", TEXT, "-c", "3"], 2, "too short"),
            (["-m", MODEL, "-f", path("nothing")], 3, "nothing.gguf"),
            (["-m", MODEL, "-f", TEXT, "--kl", path("nothing")], 3, "the reference"),
        ):
            with self.subTest(" ".join(arguments)):
                self.assertIn(sentence, ridge("perplexity", *arguments, code=code)[1])

    def test_vocabularies_must_be_alike(self):
        other = os.path.join(VECTORS, "models/llama.gguf")
        if not os.path.exists(other):
            self.skipTest("no reference vectors: set RIDGE_VECTORS")
        err = ridge("perplexity", "-m", MODEL, "-f", TEXT, "-c", "16", "--kl", other, code=2)[1]
        self.assertIn("the reference's vocabulary has 384 tokens, the model's 515", err)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
