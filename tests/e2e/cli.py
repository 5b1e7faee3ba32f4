"""The program as a user and as a script run it: flags, exit codes, sentences, what goes to which stream.

    python3 cli.py RIDGE TINY_MODEL_FILE [unittest's arguments]
"""
import array
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from program import runner

RIDGE, TINY = sys.argv[1:3]
VECTORS = os.environ.get("RIDGE_VECTORS") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../shared/vectors")
FOLDER = tempfile.mkdtemp(prefix="ridge-cli-")
MODEL = os.path.join(FOLDER, "tiny.gguf")
ENVIRONMENT = {**os.environ, "XDG_CACHE_HOME": FOLDER + "/cache", "XDG_STATE_HOME": FOLDER + "/state", "HF_HUB_CACHE": FOLDER + "/hub",
               "HOME": FOLDER, "NO_COLOR": ""}
run_ridge = runner(RIDGE, ENVIRONMENT, timeout=120)


def setUpModule():
    subprocess.run([TINY, "llama", "512", MODEL], check=True)


def tearDownModule():
    shutil.rmtree(FOLDER)


def ridge(*arguments, text=None, code=0, environment=None):
    """Runs ridge with `text` (bytes) as its standard input; returns standard output and standard error, as bytes and as text."""
    return run_ridge(*arguments, code=code, input=text if text is not None else b"", env={**ENVIRONMENT, **(environment or {})})


def run_json(*arguments, **more):
    return json.loads(ridge("run", "-m", MODEL, "--json", "--no-perf", *arguments, **more)[0])


def catches_interrupts(process):
    """Whether it has a handler for SIGINT, as it has from the moment when it begins with the prompt."""
    caught = re.search(rb"^SigCgt:\s*([0-9a-f]+)", read_bytes(f"/proc/{process.pid}/status"), re.MULTILINE)
    return caught is not None and int(caught[1], 16) >> (signal.SIGINT - 1) & 1


def read_bytes(path):
    with open(path, "rb") as f:
        return f.read()


def gguf_file(values):
    """A file without tensors: pairs of a key (bytes) and its value as the file has it, type and all."""
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(values)) + b"".join(struct.pack("<Q", len(key)) + key + value for key, value in values)


def gguf_text(text):
    return struct.pack("<Q", len(text)) + text


def read_npy(path):
    """Shape and values of an .npy file as `ridge logits` writes it; checks every part of the header."""
    data = read_bytes(path)
    assert data[:8] == b"\x93NUMPY\x01\x00", data[:8]
    size = int.from_bytes(data[8:10], "little")
    assert (10 + size) % 64 == 0 and data[9 + size:10 + size] == b"\n"
    header = eval(data[10:10 + size].decode(), {})
    assert header["descr"] == "<f4" and header["fortran_order"] is False
    values = array.array("f", data[10 + size:])
    assert len(values) == header["shape"][0] * header["shape"][1]
    return header["shape"], values


class Program(unittest.TestCase):
    def test_help_lists_the_commands(self):
        for arguments in ([], ["--help"], ["-h"]):
            out = ridge(*arguments)[0].decode()
            for command in ("run", "info", "tokenize", "logits", "pull", "list", "bench"):
                self.assertIn(f"\n  {command} ", out)
        for command in ("run", "info", "tokenize", "logits", "pull", "list", "bench", "ceilings", "synth", "quantize", "perplexity"):
            out, err = ridge(command, "--help")
            self.assertTrue(out.startswith(b"usage: ridge " + command.encode()))
            self.assertEqual(err, "")
        self.assertRegex(ridge("--version")[0], rb"^ridge \d+\.\d+\.\d+\n$")

    def test_wrong_words_suggest_the_nearest(self):
        for arguments, sentence in (
            (["rnu"], "unknown command rnu: did you mean run?"),
            (["something-else"], "unknown command something-else: ridge --help lists all"),
            (["run", "--thraeds", "2"], "unknown flag --thraeds: did you mean --threads?"),
            (["run", "-m", MODEL, "-p", "x", "--isa", "avx3"], "avx3"),
            (["run", "-m", MODEL, "-p", "x", "--fuse", "alll"], "did you mean all?"),
            (["run", "-m", MODEL, "-p", "x", "-l", "7"], "\"7\" is not a bias"),
            (["run", "-m", MODEL, "-p", "x", "-l", "9999+1"], "a bias is for token 9999"),
            (["run", "-m", MODEL, "-p", "x", "-f", "y"], "more than one prompt"),
            (["run", "-m", MODEL], "the prompt is empty"),
            (["run", "-m", MODEL, "-hf", "user/repo", "-p", "x"], "give one model: -m or -hf"),
            (["run", "-m", MODEL, "-p", "x", "--repeat-penalty", "0"], "repeat_penalty is 0"),
            (["logits", "-m", MODEL, "--tokens", "1 x", "-o", FOLDER + "/x.npy"], "\"x\" is not a token id"),
            (["logits", "-m", MODEL, "--tokens", "1 515", "-o", FOLDER + "/x.npy"], "token 515 is not in the vocabulary"),
            (["logits", "-m", MODEL, "--tokens", "1"], "-o FILE.npy"),
            (["tokenize", "-m", MODEL], "there is no text"),
        ):
            out, err = ridge(*arguments, code=2)
            self.assertEqual(out, b"")
            self.assertIn(sentence, err)
            self.assertEqual(err.count("\n"), 1, err)

    def test_missing_and_broken_files(self):
        self.assertIn("/nowhere.gguf", ridge("info", "/nowhere.gguf", code=3)[1])
        whole = read_bytes(MODEL)
        broken = os.path.join(FOLDER, "broken.gguf")
        for name, data in (("short", whole[:len(whole) // 2]), ("header", whole[:100]), ("noise", whole[:24] + b"\xff" * 200 + whole[224:]),
                           ("none", b""), ("other", b"PK\x03\x04" + whole[4:])):
            with open(broken, "wb") as f:
                f.write(data)
            for arguments in (["run", "-m", broken, "-p", "x"], ["info", broken], ["tokenize", "-m", broken, "-p", "x"]):
                out, err = ridge(*arguments, code=2)
                self.assertEqual((name, out), (name, b""))
                self.assertIn(broken, err)
                self.assertEqual(err.count("\n"), 1, err)

    def test_what_is_wrong_with_a_model_is_named_with_its_place(self):
        whole = read_bytes(MODEL)
        broken = os.path.join(FOLDER, "wrong.gguf")

        def value_at(key):                          # behind the key and its type
            return whole.index(key) + len(key) + 4

        def replaced(key, value):
            at = value_at(key)
            return whole[:at] + value + whole[at + len(value):]

        template, end_id, number, nan = b"tokenizer.chat_template", b"tokenizer.ggml.eos_token_id", bytes(4), b"\x00\x00\xc0\x7f"
        for data, key, sentence in (
            (replaced(b"llama.block_count", number), b"llama.block_count", "it is 0; it must be 1 to 1000"),
            (replaced(b"llama.rope.freq_base", nan), b"llama.rope.freq_base", "expected a finite f32, but the file has f32 nan"),
            (replaced(end_id, b"\xff\xff\x00\x00"), end_id, "it is 65535, but there are only 515 tokens"),
            (whole.replace(b"{% for m in", b"{% for % in"), template, "line 1"),
            (whole.replace(b"m['content'] +", b"m['content'] %"), template, "line 1"),
        ):
            with open(broken, "wb") as f:
                f.write(data)
            err = ridge("run", "-m", broken, "-p", "x", code=2)[1]
            self.assertTrue(err.startswith(f"ridge: {broken}: key '{key.decode()}', offset {value_at(key)}: "), err)
            self.assertIn(sentence, err)
            self.assertEqual((err.count(broken), err.count("\n")), (1, 1), err)

    def test_output_that_cannot_be_written(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([RIDGE, "run", "-m", MODEL, "-p", "x", "-n", "4", "--no-perf"], stdout=full, stderr=subprocess.PIPE,
                                  env=ENVIRONMENT)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"standard output cannot be written", done.stderr)


class Run(unittest.TestCase):
    def test_streams(self):
        out, err = ridge("run", "-m", MODEL, "Hello", "-n", "12", "--temp", "0", "--ignore-eos")
        same = run_json("-p", "Hello", "-n", "12", "--temp", "0", "--ignore-eos")
        self.assertEqual(out.decode(), same["text"])
        self.assertRegex(err, r"^first token [\d.]+ s \(load [\d.]+ s\) \| prompt \d+ tokens, [\d.]+ tok/s \| "
                              r"answer 12 tokens, [\d.]+ tok/s = [\d.]+ GB/s, \d+ % of the measured [\d.]+.*\n$")
        self.assertNotIn("\x1b", err)
        self.assertEqual(ridge("run", "-m", MODEL, "Hello", "-n", "12", "--temp", "0", "--ignore-eos", "--no-perf"), (out, ""))

    def test_an_interrupt_ends_the_answer(self):
        process = subprocess.Popen([RIDGE, "run", "-m", MODEL, "-p", "Hello", "--ignore-eos", "-c", "60000"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=ENVIRONMENT)
        self.assertEqual(len(process.stdout.read(10)), 10)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)
        self.assertIn(b"| answer ", err)
        self.assertIn(b"interrupted", err)

    def test_an_interrupted_prompt_counts_what_was_processed(self):
        prompt = os.path.join(FOLDER, "long")
        with open(prompt, "w") as f:
            f.write("many words " * 2000)
        whole = len(ridge("tokenize", "-m", MODEL, "-f", prompt, "--ids")[0].split())
        process = subprocess.Popen([RIDGE, "run", "-m", MODEL, "-f", prompt, "-c", "30000", "--reference"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=ENVIRONMENT)
        while not catches_interrupts(process):
            self.assertIsNone(process.poll(), "the program ended before it processed the prompt")
            time.sleep(0.01)
        time.sleep(0.3)                                         # some of the prompt, but not all of it, which takes the reference a minute
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, out), (130, b""))
        counted = re.search(rb"^load [\d.]+ s \| prompt (\d+) tokens, [\d.]+ tok/s \| answer 0 tokens, 0\.0 tok/s$", err, re.MULTILINE)
        self.assertTrue(counted, err)
        self.assertLess(int(counted[1]), whole)
        self.assertNotIn(b"first token", err)

    def test_json(self):
        got = run_json("-p", "Hello", "-n", "12", "--temp", "0", "--ignore-eos")
        self.assertEqual(got["end"], "length")
        self.assertEqual(len(got["tokens"]), 12)
        self.assertGreater(got["prompt_tokens"], 5)
        self.assertGreater(got["timings"]["tokens_per_second"], 0)
        self.assertTrue(got["backend"].startswith("cpu: "))
        self.assertEqual(got["events"], [])

    def test_where_prompts_come_from(self):
        path = os.path.join(FOLDER, "prompt.txt")
        with open(path, "w") as f:
            f.write("one\ntwo\n")
        want = run_json("-p", "one\\ntwo", "--temp", "0", "-n", "5")
        for arguments, text in ((["one\ntwo"], None), (["-f", path], None), ([], b"one\ntwo\n"), (["-f", "-"], b"one\ntwo\n")):
            got = run_json(*arguments, "--temp", "0", "-n", "5", text=text)
            self.assertEqual((got["tokens"], got["prompt_tokens"]), (want["tokens"], want["prompt_tokens"]))
        self.assertNotEqual(run_json("-p", "one\\ntwo", "--no-escape", "-n", "1")["prompt_tokens"], want["prompt_tokens"])
        raw = run_json("--raw", "-p", "one\\ntwo", "-n", "1")
        self.assertLess(raw["prompt_tokens"], want["prompt_tokens"])
        self.assertGreater(run_json("-sys", "Be kind.", "-p", "one\\ntwo", "-n", "1")["prompt_tokens"], want["prompt_tokens"])

    def test_a_seed_reproduces(self):
        first = run_json("-p", "Hello", "-n", "20", "--seed", "7", "--ignore-eos")
        self.assertEqual(first["seed"], 7)
        other_ways = ["-t", "1", "--isa", "scalar", "--no-pack", "-b", "3", "--fuse", "none"]
        self.assertEqual(run_json("-p", "Hello", "-n", "20", "--seed", "7", "--ignore-eos", *other_ways)["tokens"], first["tokens"])
        self.assertNotEqual(run_json("-p", "Hello", "-n", "20", "--seed", "8", "--ignore-eos")["tokens"], first["tokens"])
        free = run_json("-p", "Hello", "-n", "20", "--ignore-eos")
        self.assertEqual(run_json("-p", "Hello", "-n", "20", "--ignore-eos", "-s", str(free["seed"]))["tokens"], free["tokens"])

    def test_stop_texts(self):
        text = run_json("-p", "Hello", "-n", "30", "--temp", "0", "--ignore-eos")["text"]
        stop = text[len(text) // 2:len(text) // 2 + 2]
        got = run_json("-p", "Hello", "-n", "30", "--temp", "0", "--ignore-eos", "--stop", "never said", "-r", stop)
        self.assertEqual(got["end"], "stop")
        self.assertEqual(got["text"], text[:text.index(stop)])

    def test_biases(self):
        end = 514
        got = run_json("-p", "Hello", "-n", "9", "--logit-bias", f"{end}+1000")
        self.assertEqual((got["end"], got["text"]), ("end", ""))
        got = run_json("-p", "Hello", "-n", "3", "--logit-bias", f"{end}+1000", "--ignore-eos", "--special")
        self.assertEqual(got["text"], "<|im_end|>" * 3)
        got = run_json("-p", "Hello", "-n", "9", "-l", "65+1000", "-l", f"{end}-inf")
        self.assertEqual(set(got["tokens"]), {65})

    def test_a_full_context(self):
        err = ridge("run", "-m", MODEL, "-p", "word " * 200, "-c", "64", code=2)[1]
        self.assertRegex(err, r"\d+ tokens do not fit into the context of 64")
        got = run_json("-p", "Hello", "-c", "40", "--ignore-eos")
        self.assertEqual(got["end"], "context")
        self.assertEqual(got["prompt_tokens"] + len(got["tokens"]), 41)
        self.assertEqual([e["event"] for e in got["events"]], ["context_shortened"])
        got = run_json("-p", "Hello", "-c", "600", "-n", "1")
        self.assertEqual([e["event"] for e in got["events"]], ["context_extended"])

    def test_reference_and_precise_say_so(self):
        self.assertTrue(run_json("-p", "x", "-n", "1", "--reference")["backend"].startswith("reference"))
        self.assertIn("precise", run_json("-p", "x", "-n", "1", "--precise")["backend"])


class Info(unittest.TestCase):
    def test_text(self):
        out = ridge("info", MODEL, "--plan")[0].decode()
        for part in ("architecture  llama", "2 layers of width 256", "general.architecture", "blk.1.ffn_down.weight", "linear(norm; q k v",
                     "attention"):
            self.assertIn(part, out)
        self.assertIn(" kv_write ", ridge("info", MODEL, "--plan", "--fuse", "none", "--no-tensors")[0].decode())

    def test_json(self):
        got = json.loads(ridge("info", "-m", MODEL, "--json", "--plan", "-c", "100")[0])
        self.assertEqual((got["layers"], got["vocabulary"], got["context"], got["context_trained"]), (2, 515, 100, 512))
        self.assertEqual(got["file_bytes"], os.path.getsize(MODEL))
        self.assertEqual(len(got["tensors"]), 22)
        self.assertEqual(got["metadata"]["general.architecture"], "llama")
        self.assertIn("attention", got["plan"])

    def test_json_has_metadata_as_the_file_has_them(self):
        scalars = (("u8", 0, "B", 255), ("i8", 1, "b", -128), ("u16", 2, "H", 65535), ("i16", 3, "h", -1), ("u32", 4, "I", 2**32 - 1),
                   ("i32", 5, "i", -2**31), ("f32", 6, "f", 0.125), ("true", 7, "B", True), ("false", 7, "B", False), ("u64", 10, "Q", 2**63 - 1),
                   ("i64", 11, "q", -2**63), ("f64", 12, "d", 0.1))
        values = [(name.encode(), struct.pack("<I" + letter, kind, value)) for name, kind, letter, value in scalars]
        want = {name: value for name, _, _, value in scalars}
        text, texts, numbers = "a\n\0\"\\ é\x1b", [f"token {i}" for i in range(1000)] + ["", "\n"], list(range(-500, 500))
        values += [
            (b"text", struct.pack("<I", 8) + gguf_text(text.encode())),
            (b"texts", struct.pack("<IIQ", 9, 8, len(texts)) + b"".join(gguf_text(t.encode()) for t in texts)),
            (b"numbers", struct.pack("<IIQ1000i", 9, 5, 1000, *numbers)),
            (b"truths", struct.pack("<IIQBB", 9, 7, 2, 1, 0)),
            (b"none", struct.pack("<IIQ", 9, 5, 0)),
            (b"most", struct.pack("<IQ", 10, 2**64 - 1)),
            (b"infinite", struct.pack("<IIQdd", 9, 12, 2, float("inf"), 1)),
            (b"bytes", struct.pack("<I", 8) + gguf_text(b"\xff\x00a")),
            (b"\xfe", struct.pack("<IB", 7, 1)),
        ]
        want.update({"text": text, "texts": texts, "numbers": numbers, "truths": [True, False], "none": [], "most": str(2**64 - 1),
                     "infinite": [None, 1.0], "bytes": {"hex": "ff0061"}, "hex:fe": True})
        path = os.path.join(FOLDER, "values.gguf")
        with open(path, "wb") as f:
            f.write(gguf_file(values))
        got = json.loads(ridge("info", path, "--json")[0])["metadata"]
        self.assertEqual(got, want)
        self.assertEqual({name: type(value) for name, value in got.items()}, {name: type(value) for name, value in want.items()})
        shown = re.sub(" +", " ", ridge("info", path)[0].decode(errors="replace"))
        for line in ("most 18446744073709551615", "numbers [-500, -499, -498, -497, -496, -495, ... 1000 in all]", "i64 -9223372036854775808",
                     "truths [true, false]", "none []", "text a\\n\\x00\"\\ é\\x1b"):
            self.assertIn("\n " + line + "\n", shown)

    def test_json_leaves_out_what_is_not_wanted(self):
        got = json.loads(ridge("info", MODEL, "--json", "--no-tensors", "--no-metadata")[0])
        self.assertEqual((got.get("metadata"), got.get("tensors"), got["layers"]), (None, None, 2))

    def test_files_that_cannot_run(self):
        path = os.path.join(FOLDER, "other.gguf")
        data = read_bytes(MODEL).replace(b"llama", b"lamma")
        with open(path, "wb") as f:
            f.write(data)
        out = ridge("info", path)[0].decode()
        self.assertIn("cannot run", out)
        self.assertIn("lamma.block_count", out)
        err = ridge("run", "-m", path, "-p", "x", code=4)[1]
        self.assertIn("lamma", err)
        self.assertIn("qwen2", err)


class Logits(unittest.TestCase):
    def logits(self, *arguments):
        path = os.path.join(FOLDER, "logits.npy")
        ridge("logits", "-m", MODEL, "-o", path, *arguments)
        return read_npy(path)

    def test_shapes_and_bits(self):
        tokens = " ".join(str(i * 37 % 512) for i in range(150))
        shape, values = self.logits("--tokens", tokens, "--all")
        self.assertEqual(shape, (150, 515))
        last_shape, last = self.logits("--tokens", tokens)
        self.assertEqual(last_shape, (1, 515))
        self.assertEqual(last, values[-515:])
        listed = os.path.join(FOLDER, "tokens.txt")
        with open(listed, "w") as f:
            f.write("[" + tokens.replace(" ", ", ") + "]\n")
        for more in (["-t", "1"], ["-b", "7"], ["--isa", "scalar"], ["--fuse", "none"], ["--no-pack"]):
            self.assertEqual(self.logits("--tokens-file", listed, "--all", *more), (shape, values), more)
        exact = self.logits("--tokens", tokens, "--all", "--reference")[1]
        difference = max(abs(a - b) for a, b in zip(exact, values))
        self.assertTrue(0 < difference < 0.2, difference)
        precise = self.logits("--tokens", tokens, "--all", "--precise")[1]
        self.assertLess(max(abs(a - b) for a, b in zip(exact, precise)), 1e-3)


class Tokenize(unittest.TestCase):
    def test_outputs(self):
        self.assertEqual(ridge("tokenize", "-m", MODEL, "-p", "<|im_end|>", "--ids")[0], b"[514]\n")
        self.assertEqual(ridge("tokenize", MODEL, "<|im_end|>", "--show-count")[0], b"   514 -> '<|im_end|>'\nTotal number of tokens: 1\n")
        as_text = json.loads(ridge("tokenize", MODEL, "<|im_end|>", "--ids", "--no-parse-special")[0])
        self.assertGreater(len(as_text), 1)
        newline = ridge("tokenize", "-m", MODEL, "--ids", "--stdin", text=b"a\\nb")[0]
        self.assertEqual(ridge("tokenize", "-m", MODEL, "--ids", "-p", "a\nb")[0], newline)
        self.assertNotEqual(ridge("tokenize", "-m", MODEL, "--ids", "-p", "a\\nb", "--no-escape")[0], newline)

    def test_bad_cases_are_named(self):
        for line, part in ((b"{", "line 2"), (b"[]", "not a JSON object"), (b'{"hex": "0g"}', '"0g"'), (b"{}", "neither")):
            err = ridge("tokenize", "-m", MODEL, "--jsonl", text=b'{"text": "a"}\n' + line + b"\n", code=2)[1]
            self.assertIn(part, err)

    def check_vectors(self, name):
        folder = os.path.join(VECTORS, "tokenizer")
        if not os.path.exists(folder):
            self.skipTest("the reference vectors are not here (RIDGE_VECTORS names their folder)")
        cases = read_bytes(os.path.join(folder, name + ".jsonl"))
        out = ridge("tokenize", "-m", os.path.join(folder, f"ggml-vocab-{name.split('.')[0]}.gguf"), "--jsonl", "--log-disable", text=cases)[0]
        wanted, got = cases.splitlines(), out.splitlines()
        self.assertEqual(len(wanted), len(got))
        for a, b in zip(map(json.loads, wanted), map(json.loads, got)):
            accepted = [a["hf_ids"]] if a.get("prefer") == "hf" else [a["ids"], a.get("hf_ids")]
            if "text" in a:
                self.assertIn(b["ids"], accepted, a)
            del a["ids"], b["ids"]
            self.assertEqual(a, b)

    def test_qwen2(self):
        self.check_vectors("qwen2")

    def test_llama_spm(self):
        self.check_vectors("llama-spm")

    def test_bytes_that_are_not_utf8(self):
        self.check_vectors("smollm2.invalid")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
