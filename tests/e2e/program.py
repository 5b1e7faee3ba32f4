"""Running ridge, for the tests of whole programs."""
import subprocess


def runner(program, environment, timeout=300):
    """A function that runs `program` with its arguments and returns standard output, as bytes, and standard error, as text. An exit code other
    than `code` fails with what the program said; `more` goes to subprocess.run."""
    def run(*arguments, code=0, **more):
        done = subprocess.run([program, *arguments], capture_output=True, timeout=timeout, **{"env": environment, **more})
        if done.returncode != code:
            raise AssertionError(f"ridge {' '.join(arguments)}: exit code {done.returncode}, expected {code}\n{done.stderr.decode(errors='replace')}")
        return done.stdout, done.stderr.decode(errors="replace")
    return run


def read_bytes(file):
    with open(file, "rb") as f:
        return f.read()
