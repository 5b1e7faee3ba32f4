"""Where the default model is, for the tests that need a real one."""
import json
import os
import subprocess
import sys


def find(ridge):
    """Its path: $RIDGE_SMOLLM2, or what `ridge list` knows. Without it the program ends, and ctest calls it skipped."""
    path = os.environ.get("RIDGE_SMOLLM2")
    if not path:
        listed = subprocess.run([ridge, "list", "--json"], capture_output=True, check=True).stdout
        path = next((model["path"] for model in json.loads(listed) if model["name"] == "smollm2"), None)
    if not path:
        print("skipped: the default model is not on this machine: `ridge pull smollm2` gets it")
        sys.exit(77)
    return path
