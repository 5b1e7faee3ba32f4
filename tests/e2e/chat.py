"""The chat as a person at a terminal has it: a pseudo-terminal types, pastes, interrupts, and reads what is shown.

    python3 chat.py RIDGE TINY_MODEL_FILE [unittest's arguments]
"""
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

RIDGE, TINY = sys.argv[1:3]
FOLDER = tempfile.mkdtemp(prefix="ridge-chat-")
MODEL = os.path.join(FOLDER, "tiny.gguf")
PROMPT = b">>> "
SUMMARY = re.compile(rb"first token [\d.]+ s \| prompt (\d+) tokens, [\d.]+ tok/s \| answer (\d+) tokens, [\d.]+ tok/s[^\r\n]*\r\n")


def setUpModule():
    subprocess.run([TINY, "llama", "2000", MODEL], check=True)


def tearDownModule():
    shutil.rmtree(FOLDER)


def read_bytes(path):
    with open(path, "rb") as f:
        return f.read()


class Terminal:
    """ridge run in a terminal. Its standard output goes to a file where `output` names one."""

    def __init__(self, *arguments, environment=None, output=None):
        self.state = tempfile.mkdtemp(dir=FOLDER)
        self.history = os.path.join(self.state, "ridge", "history")
        self.shown = b""
        variables = {**os.environ, "TERM": "xterm", "XDG_STATE_HOME": self.state, "XDG_CACHE_HOME": FOLDER + "/cache", "NO_COLOR": "1",
                     **(environment or {})}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            if output:
                os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
            try:
                os.execve(RIDGE, [RIDGE, "run", "-m", MODEL, "--seed", "1", *arguments], variables)
            finally:
                os._exit(127)

    def read(self, until, seconds=60):
        """Everything up to and with what matches `until`; what follows stays for the next read."""
        pattern = re.compile(re.escape(until) if isinstance(until, bytes) else until.pattern)
        end = time.monotonic() + seconds
        while True:
            match = pattern.search(self.shown)
            if match:
                before, self.shown = self.shown[:match.end()], self.shown[match.end():]
                return before
            ready = select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]
            try:
                data = os.read(self.fd, 65536) if ready else b""
            except OSError:             # Linux's way to say that the other side has gone
                data = b""
            if not data:
                raise AssertionError(f"{until} did not come, but {self.shown!r}")
            self.shown += data

    def write(self, text):
        os.write(self.fd, text)

    def say(self, text):
        """Types a line; returns what is shown up to the next prompt."""
        self.write(text + b"\r")
        return self.read(b"\x1b[?2004l") + self.read(PROMPT)   # the line was taken; what comes then

    def end(self):
        """Waits for the program's end; its exit code."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    self.shown += os.read(self.fd, 65536)
                except OSError:
                    pass
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, signal.SIGKILL)
        raise AssertionError("the program did not end")


def spent(shown):
    """Tokens of the prompt that were processed, and of the answer."""
    match = SUMMARY.search(shown)
    if not match:
        raise AssertionError(f"no summary in {shown!r}")
    return int(match[1]), int(match[2])


class Chat(unittest.TestCase):
    def test_a_conversation(self):
        t = Terminal("-n", "6", "--ignore-eos")
        self.assertIn(b"/help lists commands", t.read(PROMPT))
        first = spent(t.say(b"Hello"))
        self.assertEqual(first[1], 6)
        self.assertEqual(spent(t.say("Gr\u00fc\u00dfe \U0001f642".encode()))[1], 6)
        self.assertIn(b"starts anew", t.say(b"/clear"))
        again = spent(t.say(b"Hello"))
        self.assertLess(again[0], first[0])                     # its beginning was in memory
        t.write(b"\x04")
        self.assertEqual(t.end(), 0)
        history = read_bytes(t.history)
        self.assertIn("Gr\u00fc\u00dfe".encode(), history)

    def test_commands(self):
        t = Terminal("-n", "6", "--ignore-eos")
        t.read(PROMPT)
        self.assertIn(b"/clear", t.say(b"/help"))
        self.assertIn(b"did you mean /help?", t.say(b"/hlep"))
        self.assertIn(b"did you mean --temp?", t.say(b"/set tmep 1"))
        self.assertIn(b"takes a number", t.say(b"/set temp warm"))
        self.assertIn(b"--top-k", t.say(b"/set"))
        t.say(b"/set temp 0")
        t.say(b"/set n 3")
        short, answered = spent(t.say(b"Hello"))
        self.assertEqual(answered, 3)
        t.say(b"/set system You are a rather long system prompt.")
        self.assertGreater(spent(t.say(b"Hello"))[0], short)
        t.write(b"/bye\r")
        self.assertEqual(t.end(), 0)

    def test_interrupts(self):
        t = Terminal("--ignore-eos", "-c", "60000")
        t.read(PROMPT)
        t.write(b"Hello\r")
        t.read(b"\x1b[?2004l")
        t.read(re.compile(rb"[^\r\n]"))                         # it answers
        t.write(b"\x03")
        self.assertGreater(spent(t.read(PROMPT))[1], 0)
        t.write(b"half a li")
        t.read(b"half a li")
        t.write(b"\x03")
        t.read(PROMPT)
        t.write(b"/set n 2\r")
        t.read(PROMPT)
        self.assertEqual(spent(t.say(b"still there"))[1], 2)
        self.assertNotIn(b"half", read_bytes(t.history))
        t.write(b"\x04")
        self.assertEqual(t.end(), 0)

    def test_pasted_blocks(self):
        t = Terminal("-n", "2", "--ignore-eos")
        self.assertIn(b"\x1b[?2004h", t.read(PROMPT))
        t.write(b"\x1b[200~first line\rsecond line\r\nthird \xc3\xa9\r\x1b[201~")
        t.read(re.compile(rb"first line\r\nsecond line\r\nthird \xc3\xa9"))
        self.assertFalse(select.select([t.fd], [], [], 0.3)[0], "a pasted newline was taken for Enter")
        t.write(b" end\r")
        spent(t.read(PROMPT))
        self.assertIn(b"first\\040line\\012second\\040line\\012third\\040\xc3\xa9\\040end\n", read_bytes(t.history))
        t.write(b"\x1b[A")                                      # the arrow brings all of it back
        t.read(re.compile(rb"first line\r\nsecond line\r\nthird \xc3\xa9 end"))
        t.write(b"\x03")
        t.read(PROMPT)
        t.write(b"\x04")
        self.assertEqual(t.end(), 0)

    def test_typed_blocks(self):
        t = Terminal("-n", "2", "--ignore-eos")
        t.read(PROMPT)
        t.write(b'"""one\r')
        t.read(b"... ")
        t.write(b"/not a command\r")
        t.read(b"... ")
        spent(t.say(b'three"""'))
        self.assertIn(b"one\\012/not\\040a\\040command\\012three\n", read_bytes(t.history))
        spent(t.say(b'"""in one line"""'))
        t.write(b'"""left\r')
        t.read(b"... ")
        t.write(b"\x03")
        t.read(PROMPT)
        t.write(b"\x04")
        self.assertEqual(t.end(), 0)

    def test_a_full_context_does_not_end_the_chat(self):
        t = Terminal("-n", "2", "-c", "80")
        t.read(PROMPT)
        shown = t.say(b"word " * 60)
        self.assertRegex(shown, rb"tokens do not fit into the context of 80")
        self.assertIn(b"/clear starts anew", shown.replace(b"\r\n", b""))
        spent(t.say(b"short"))
        t.write(b"\x04")
        self.assertEqual(t.end(), 0)

    def test_standard_output_has_answers_alone(self):
        path = os.path.join(FOLDER, "out")
        t = Terminal("-n", "3", "--logit-bias", "65+1000", output=path)
        t.read(PROMPT)
        t.say(b"Hello")
        t.say(b"/help")
        t.say(b"Hello")
        t.write(b"\x04")
        self.assertEqual(t.end(), 0)
        lines = read_bytes(path).splitlines()
        self.assertEqual(len(lines), 2)
        self.assertEqual(lines[0], lines[1])

    def test_colours(self):
        t = Terminal("-n", "1", environment={"NO_COLOR": ""})
        self.assertIn(b"\x1b[2m", t.read(PROMPT))
        t.write(b"\x04")
        t.end()
        for environment in ({"NO_COLOR": "1"}, {"NO_COLOR": "", "TERM": "dumb"}):
            t = Terminal("-n", "1", environment=environment)
            self.assertNotIn(b"\x1b[2m", t.read(PROMPT))
            t.write(b"\x04")
            t.end()

    def test_without_a_terminal(self):
        done = subprocess.run([RIDGE, "run", "-m", MODEL, "-cnv", "-n", "2", "--no-perf", "--ignore-eos", "-s", "1"],
                              input=b"Hello\n/clear\nHello again\n", capture_output=True, timeout=60,
                              env={**os.environ, "XDG_CACHE_HOME": FOLDER + "/cache"})
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stderr.count(b"starts anew"), 1)
        self.assertNotIn(b"\x1b[", done.stderr + done.stdout)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
