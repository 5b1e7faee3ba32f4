"""The real default model, where this machine has it: `ridge pull --from` takes it over, its checksum being right, and downloads nothing.

    python3 pull_default.py RIDGE [unittest's arguments]
"""
import sys
import unittest
import default_model
import pull


class Importing(pull.Case):
    def test_the_default_model_is_taken_over(self):
        path = self.ridge("pull", "--from", MODEL, "smollm2").stdout.strip()
        self.assertTrue(path.startswith(self.cache))
        self.assertEqual(self.ridge("pull", "smollm2").stdout.strip(), path)
        self.assertEqual(self.world.requests, [])


if __name__ == "__main__":
    MODEL = default_model.find(pull.RIDGE)
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
