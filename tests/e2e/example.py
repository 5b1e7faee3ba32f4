"""The example program, which uses the library alone, says what the program says.

    python3 example.py RIDGE TINY_MODEL_FILE COMPLETE [unittest's arguments]
"""
import os
import subprocess
import sys
import tempfile
import unittest

RIDGE, TINY, COMPLETE = sys.argv[1:4]


class Example(unittest.TestCase):
    def test_complete(self):
        with tempfile.TemporaryDirectory(prefix="ridge-example-") as folder:
            model = os.path.join(folder, "tiny.gguf")
            subprocess.run([TINY, "qwen2", "512", model], check=True)
            example = subprocess.run([COMPLETE, model, "Once upon a time", "20"], capture_output=True, timeout=60)
            self.assertEqual(example.returncode, 0, example.stderr)
            self.assertRegex(example.stderr, rb"^\d+ tokens, [\d.]+ a second\n$")
            program = subprocess.run([RIDGE, "run", "-m", model, "--raw", "-p", "Once upon a time", "-n", "20", "--temp", "0", "--no-perf"],
                                     capture_output=True, timeout=60, env={**os.environ, "XDG_CACHE_HOME": folder})
            self.assertEqual(program.returncode, 0, program.stderr)
            self.assertEqual(example.stdout, program.stdout)
            self.assertGreater(len(example.stdout), 0)
            missing = subprocess.run([COMPLETE, folder + "/none.gguf", "x"], capture_output=True, timeout=60)
            self.assertEqual(missing.returncode, 1)
            self.assertTrue(missing.stderr.startswith(b"not found: "), missing.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
