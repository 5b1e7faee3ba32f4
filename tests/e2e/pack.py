"""ridge pack, and packed files as a user runs them.

    python3 pack.py RIDGE TINY_MODEL_FILE [unittest's arguments]
"""
import glob
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from program import read_bytes, runner

RIDGE, TINY = (os.path.abspath(path) for path in sys.argv[1:3])
VECTORS = os.environ.get("RIDGE_VECTORS") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../shared/vectors")
FOLDER = tempfile.mkdtemp(prefix="ridge-pack-")
MODEL, PACKED = os.path.join(FOLDER, "tiny.gguf"), os.path.join(FOLDER, "tiny.packed.gguf")
ENVIRONMENT = {**os.environ, "XDG_CACHE_HOME": FOLDER + "/cache", "HOME": FOLDER, "HF_HUB_CACHE": FOLDER + "/hub", "NO_COLOR": ""}
ridge = runner(RIDGE, ENVIRONMENT)


def setUpModule():
    subprocess.run([TINY, "qwen2", "512", MODEL], check=True)           # tied: the table of embeddings is the head too
    ridge("pack", MODEL, PACKED, "-q")


def tearDownModule():
    shutil.rmtree(FOLDER)


def path(name):
    return os.path.join(FOLDER, name + ".gguf")


def write_bytes(file, data):
    with open(file, "wb") as f:
        f.write(data)


def logits(file, *more):
    out = os.path.join(FOLDER, "logits.npy")
    ridge("logits", "-m", file, "--tokens", " ".join(map(str, range(5, 45))), "--all", "-o", out, *more)
    return read_bytes(out)


class Pack(unittest.TestCase):
    def test_the_same_bits_in_every_way(self):
        for way in ([], ["--fuse", "none"], ["--fuse", "glu"], ["--isa", "scalar"], ["--no-pack"], ["--precise"], ["-t", "1"], ["--reference"]):
            with self.subTest(" ".join(way)):
                self.assertEqual(logits(MODEL, *way), logits(PACKED, *way))

    def test_the_same_answer(self):
        said = [ridge("run", "-m", m, "-n", "12", "--temp", "0", "-p", "the cat", "--no-perf")[0] for m in (MODEL, PACKED)]
        self.assertEqual(said[0], said[1])

    def test_a_packed_file_is_its_originals_equal(self):
        text = os.path.join(FOLDER, "text.txt")
        with open(text, "w") as f:
            f.write("".join(f"{n}: the cat sat on mat {n * n % 17}, and so on; " for n in range(60)))
        part = json.loads(ridge("perplexity", "-m", PACKED, "-f", text, "-q", "--json", "--kl", MODEL, "--precise", "-c", "32", "--chunks", "2")[0])["all"]
        self.assertEqual((part["same_top"], part["perplexity"]), (1, part["reference_perplexity"]))

    def test_info_says_what_it_is(self):
        before, after = (json.loads(ridge("info", "-m", m, "--json")[0]) for m in (MODEL, PACKED))
        self.assertEqual(after["packed_version"], 3)
        self.assertNotIn("packed_version", before)
        shown = [{t["name"]: (t["type"], t["shape"]) for t in i["tensors"]} for i in (before, after)]
        self.assertEqual(shown[0], shown[1])
        ours = ("general.alignment",)
        self.assertEqual({k: v for k, v in before["metadata"].items() if k not in ours},
                         {k: v for k, v in after["metadata"].items() if not k.startswith("ridge.pack.") and k not in ours})
        self.assertIn("for Ridge alone", after["metadata"]["ridge.pack.note"])
        self.assertIn("packed        for Ridge, version 3", ridge("info", "-m", PACKED)[0].decode())

    def test_dense_weights_that_bf16_holds_are_kept_so(self):
        ridge("quantize", MODEL, path("bf16"), "bf16", "-q")
        ridge("quantize", path("bf16"), path("f16"), "f32", "-q")
        ridge("pack", path("f16"), path("kept"), "-q")
        matrices = [t for t in json.loads(ridge("info", "-m", path("kept"), "--json")[0])["tensors"] if "panels" in t]
        self.assertTrue(matrices)
        self.assertEqual({(t["type"], t["panels"]) for t in matrices}, {("f32", "bf16")})
        self.assertIn(", in bf16 panels", ridge("info", "-m", path("kept"))[0].decode())
        self.assertLess(os.path.getsize(path("kept")), 0.6 * os.path.getsize(path("f16")))
        self.assertEqual(logits(path("f16")), logits(path("kept")))

    def test_the_output_has_a_name_by_default(self):
        err = ridge("pack", MODEL, cwd=FOLDER)[1]
        self.assertEqual(read_bytes(PACKED), read_bytes(os.path.join(FOLDER, "tiny.packed.gguf")))
        self.assertRegex(err, r"packing: .* of .* \(100 %\)")
        self.assertRegex(err, r"tiny\.packed\.gguf: \d+ matrices as panels, .* of weights became ")

    def test_split_models_become_one_file(self):
        parts = sorted(glob.glob(os.path.join(VECTORS, "models/llama-split-*.gguf")))
        if not parts:
            self.skipTest("no reference vectors: set RIDGE_VECTORS")
        ridge("pack", parts[1], path("joined"), "-q")
        self.assertNotIn("split.count", json.loads(ridge("info", "-m", path("joined"), "--json")[0])["metadata"])
        self.assertEqual(logits(parts[0]), logits(path("joined")))

    def test_mistakes_are_named(self):
        before = read_bytes(MODEL)
        os.symlink(MODEL, path("link"))
        for arguments, code, sentence in (
            (["pack"], 2, "usage: ridge pack"),
            (["pack", MODEL, MODEL], 2, "is the input itself"),
            (["pack", MODEL, path("link")], 2, "is the input itself"),
            (["pack", PACKED, path("x")], 2, "is a packed file already"),
            (["pack", path("missing"), path("x")], 3, "missing.gguf"),
            (["pack", MODEL, FOLDER + "/no/folder.gguf"], 1, "cannot be created"),
            (["quantize", PACKED, path("x"), "q4_0"], 4, "is a packed file"),
        ):
            with self.subTest(" ".join(arguments)):
                err = ridge(*arguments, code=code)[1]
                self.assertIn(sentence, err)
                self.assertEqual(err.count("\n"), 1)
        self.assertEqual(read_bytes(MODEL), before)
        self.assertFalse(os.path.exists(path("x")))
        self.assertEqual(glob.glob(FOLDER + "/*.part"), [])

    def test_a_disk_that_is_full(self):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (300000, 300000))
        self.assertIn("cannot be written: File too large", ridge("pack", MODEL, path("x"), code=1, preexec_fn=limit)[1])
        self.assertFalse(os.path.exists(path("x")))
        self.assertEqual(glob.glob(FOLDER + "/*.part"), [])

    def test_damaged_files_are_refused(self):
        whole = read_bytes(PACKED)

        def changed(key, value, offset=4):          # behind the key comes its type
            at = whole.index(key.encode()) + len(key) + offset
            return whole[:at] + value.to_bytes(4, "little") + whole[at + 4:]
        for name, data, code, sentence in (
            ("truncated", whole[:-8192], 2, "truncated"),
            ("cut in its keys", whole[:2000], 2, "offset"),
            ("newer", changed("ridge.pack.version", 4), 4, "packed by a newer Ridge, in version 4"),
            ("older", changed("ridge.pack.version", 2), 4, "packed by an older Ridge, in version 2"),
            ("no version", changed("ridge.pack.version", 0), 2, "ridge.pack.version"),
            ("other panels", changed("ridge.pack.panel_rows", 8), 2, "panels of 8 rows"),
            ("panels too large", changed("ridge.pack.columns", 1 << 20, 16), 2, "the file is damaged"),
            ("a third of two", changed("ridge.pack.matrices", 3, 16), 2, "of 3 matrices that take turns"),
            ("a key is gone", whole.replace(b"ridge.pack.rows", b"ridge.pack.rowz"), 2, "'ridge.pack.rows' is missing"),
        ):
            with self.subTest(name):
                write_bytes(path("damaged"), data)
                err = ridge("run", "-m", path("damaged"), "-p", "x", "-n", "1", code=code)[1]
                self.assertIn(sentence, err)
                self.assertIn("damaged.gguf", err)
                self.assertEqual(err.count("\n"), 1)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
