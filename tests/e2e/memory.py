"""What a real model takes in memory: at most 1.05 times its weights, the whole KV cache, and 64 MB for everything else. With two threads:
each has a little of its own.

    python3 memory.py RIDGE [unittest's arguments]
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest
import default_model

RIDGE = sys.argv[1]
OTHERS = 64_000_000


class Resident(unittest.TestCase):
    def largest(self, prompt, context, *arguments):
        """Bytes that were resident at most while ridge answered, its code and what it mapped included."""
        with tempfile.TemporaryDirectory(prefix="ridge-memory-") as folder:
            file = os.path.join(folder, "prompt")
            with open(file, "w") as f:
                f.write(prompt)
            command = [RIDGE, "run", "-m", MODEL, "-f", file, "-c", str(context), "-n", "16", "-t", "2", "--ignore-eos", "--no-perf",
                       *arguments]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "XDG_CACHE_HOME": folder})
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.assertEqual(process.returncode, 0)
            return usage.ru_maxrss * 1024

    def test_runs_stay_within_their_bound(self):
        info = json.loads(subprocess.run([RIDGE, "info", MODEL, "--json"], capture_output=True, check=True).stdout)
        weights = info["weight_bytes"]
        # Of the cache only used pages are resident: the prompts nearly fill it, so that it leaves no room for anything else.
        for name, words, context, arguments in (("short", 2, 128, ()), ("long", 1900, 2048, ()), ("not packed", 200, 256, ("--no-pack",))):
            with self.subTest(name):
                cache = info["kv_bytes_per_token"] * context
                most = self.largest("many words " * (words // 2), context, *arguments)
                print(f"{name}: {most / 1e6:.1f} MB; weights have {weights / 1e6:.1f}, the cache has {cache / 1e6:.1f}")
                self.assertGreater(most, weights)
                self.assertLessEqual(most, 1.05 * weights + cache + OTHERS)


if __name__ == "__main__":
    MODEL = default_model.find(RIDGE)
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
