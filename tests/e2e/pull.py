"""ridge pull and ridge list against a local imitation of the Hugging Face Hub and of the host that it redirects to.

    python3 pull.py RIDGE [unittest's arguments]
"""
import hashlib
import http.server
import json
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

RIDGE = sys.argv[1]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPO = "maker/Tiny-GGUF"
BODY = bytes((i * i * 7 + i // 251) % 256 for i in range(400_000))
SHA = hashlib.sha256(BODY).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Behaves as the fields of `server.world` say, and notes each request there."""

    def log_message(self, *arguments):
        pass

    def reply(self, status, body=b"", headers=None, cut=None, pause=0.0):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        body = body if cut is None else body[:cut]
        for start in range(0, len(body), 20_000):
            try:
                self.wfile.write(body[start:start + 20_000])
            except OSError:
                return
            time.sleep(pause)
        if cut is not None:
            self.close_connection = True

    def do_GET(self):
        world = self.server.world
        world.requests.append((self.server.role, self.path, dict(self.headers)))
        if self.server.role == "hub":
            self.hub(world)
        else:
            self.files(world)

    def hub(self, world):
        if world.hub_status:
            self.reply(world.hub_status, b"{}", {"X-Error-Message": "the Hub's own words"})
        elif self.path.startswith(f"/api/models/{REPO}/revision/"):
            siblings = [{"rfilename": name, "size": len(body), "blobId": "0" * 40,
                         "lfs": {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 130}}
                        for name, body in world.files.items()]
            siblings.append({"rfilename": "README.md", "size": 5, "blobId": "0" * 40})
            self.reply(200, json.dumps({"id": REPO, "sha": COMMIT, "siblings": siblings}).encode())
        elif self.path.startswith("/loop/"):
            self.reply(302, headers={"Location": self.path + "x"})
        elif self.path.startswith(f"/{REPO}/resolve/{COMMIT}/"):
            name = self.path.split(COMMIT + "/")[1].replace("%20", " ")
            if world.loop:
                self.reply(302, headers={"Location": "/loop/"})
            else:
                self.reply(302, headers={"Location": f"http://localhost:{world.cdn.server_address[1]}/{name}", "X-Linked-ETag": SHA})
        else:
            self.reply(404, b"{}", {"X-Error-Message": "Repository not found"})

    def files(self, world):
        body = world.files[self.path[1:].replace("%20", " ")]
        if world.corrupt:
            body = b"X" + body[1:]
        cut = world.cuts.pop(0) if world.cuts else None
        wanted = self.headers.get("Range")
        if wanted and not world.ignores_range:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                self.reply(416, headers={"Content-Range": f"bytes */{len(body)}"})
                return
            self.reply(206, body[start:], {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}, cut, world.pause)
        else:
            self.reply(200, body, {}, cut, world.pause)


class World:
    """A hub and a file host on ports of their own, and what they are to do."""

    def __init__(self):
        self.requests, self.files, self.cuts = [], {"Tiny-Q4_K_M.gguf": BODY, "Tiny-Q8_0.gguf": BODY[::-1]}, []
        self.hub_status, self.loop, self.corrupt, self.ignores_range, self.pause = 0, False, False, False, 0.0
        self.hub, self.cdn = self.serve("hub"), self.serve("cdn")

    def serve(self, role):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.world, server.role = self, role
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    def close(self):
        for server in (self.hub, self.cdn):
            server.shutdown()
            server.server_close()

    def seen(self, role):
        return [(path, headers) for who, path, headers in self.requests if who == role]


class Case(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.home = tempfile.mkdtemp(prefix="ridge-pull-")
        self.cache = os.path.join(self.home, "cache")
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith(("HF_", "HUGGINGFACE_", "XDG_")) and not name.lower().endswith("_proxy")}
        self.environment.update(HOME=self.home, HF_HUB_CACHE=self.cache, HF_ENDPOINT=f"http://127.0.0.1:{self.world.hub.server_address[1]}")
        self.repo = os.path.join(self.cache, "models--maker--Tiny-GGUF")
        self.blob = os.path.join(self.repo, "blobs", SHA)
        self.link = os.path.join(self.repo, "snapshots", COMMIT, "Tiny-Q4_K_M.gguf")

    def tearDown(self):
        self.world.close()
        shutil.rmtree(self.home)

    def ridge(self, *arguments, expect=0, **environment):
        done = subprocess.run([RIDGE, *arguments], env=self.environment | environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done

    def assert_in_cache(self):
        with open(self.link, "rb") as file:
            self.assertEqual(file.read(), BODY)
        self.assertEqual(os.readlink(self.link), f"../../blobs/{SHA}")
        self.assertEqual(os.listdir(os.path.dirname(self.blob)), [SHA])

    def leave_behind(self, data):
        os.makedirs(os.path.dirname(self.blob))
        with open(self.blob + ".incomplete", "wb") as file:
            file.write(data)

    def ranges(self):
        return [headers.get("Range") for _, headers in self.world.seen("cdn")]


class Pulling(Case):
    def test_a_fresh_pull_fills_the_cache_and_a_second_one_asks_for_nothing_twice(self):
        done = self.ridge("pull", REPO)
        self.assertEqual(done.stdout, self.link + "\n")
        self.assertNotIn("\r", done.stderr)
        self.assert_in_cache()
        with open(os.path.join(self.repo, "refs", "main")) as file:
            self.assertEqual(file.read(), COMMIT)
        self.assertEqual(self.ridge("pull", REPO).stdout, self.link + "\n")
        self.assertEqual(len(self.world.seen("cdn")), 1)

    def test_a_quant_is_chosen_in_any_case_of_letters(self):
        for arguments in (["-hf", REPO + ":q8_0"], ["--hf-repo=" + REPO, "--hf-file", "Tiny-Q8_0.gguf"], [REPO + ":Q8_0"]):
            self.assertTrue(self.ridge("pull", *arguments).stdout.endswith("Tiny-Q8_0.gguf\n"))
        self.assertIn("it has: Q4_K_M Q8_0", self.ridge("pull", REPO + ":Q4_K", expect=3).stderr)

    def test_a_split_model_comes_whole(self):
        self.world.files = {f"Big Q4_K_M/Big-Q4_K_M-0000{i}-of-00003.gguf": BODY[i:] for i in (1, 2, 3)}
        first = self.ridge("pull", REPO).stdout.strip()
        self.assertTrue(first.endswith("/Big Q4_K_M/Big-Q4_K_M-00001-of-00003.gguf"))
        for i in (1, 2, 3):
            with open(first.replace("00001-of", f"0000{i}-of"), "rb") as file:
                self.assertEqual(file.read(), BODY[i:])
        listed = json.loads(self.ridge("list", "--json").stdout)
        self.assertEqual([(m["name"], m["bytes"]) for m in listed], [(REPO + ":Q4_K_M", 3 * len(BODY) - 6)])
        del self.world.files["Big Q4_K_M/Big-Q4_K_M-00002-of-00003.gguf"]
        shutil.rmtree(self.cache)
        self.assertIn("00002-of-00003", self.ridge("pull", REPO, expect=3).stderr)

    def test_a_lost_connection_is_taken_up_where_it_broke(self):
        self.world.cuts = [100_000, 50_000]
        self.ridge("pull", REPO)
        self.assert_in_cache()
        self.assertEqual(self.ranges(), [None, "bytes=100000-", "bytes=150000-"])

    def test_a_killed_pull_is_taken_up_by_the_next(self):
        self.world.pause = 0.1
        running = subprocess.Popen([RIDGE, "pull", REPO], env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not (os.path.exists(self.blob + ".incomplete") and os.path.getsize(self.blob + ".incomplete")):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        running.send_signal(signal.SIGKILL)
        running.wait()
        self.assertFalse(os.path.exists(self.link))
        there = os.path.getsize(self.blob + ".incomplete")
        self.world.pause = 0
        self.ridge("pull", REPO)
        self.assert_in_cache()
        self.assertEqual(self.ranges()[-1], f"bytes={there}-")

    def test_a_server_that_ignores_ranges_sends_everything(self):
        self.world.ignores_range = True
        self.leave_behind(BODY[:1000])
        self.ridge("pull", REPO)
        self.assert_in_cache()

    def test_wrong_leftovers_are_replaced(self):
        for leftover in (b"wrong" * 100, b"w" * len(BODY), b"w" * (len(BODY) + 1)):
            self.leave_behind(leftover)
            self.ridge("pull", REPO)
            self.assert_in_cache()
            shutil.rmtree(self.cache)

    def test_corrupted_content_never_reaches_the_cache(self):
        self.world.corrupt = True
        done = self.ridge("pull", REPO, expect=1)
        self.assertIn("SHA-256", done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(os.listdir(os.path.dirname(self.blob)), [])
        self.assertFalse(os.path.lexists(self.link))

    def test_two_pulls_at_once_download_once(self):
        self.world.pause = 0.05
        both = [subprocess.Popen([RIDGE, "pull", REPO], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        said = [process.communicate(timeout=60) for process in both]
        self.assertEqual([process.returncode for process in both], [0, 0])
        self.assertEqual([out for out, _ in said], [self.link + "\n"] * 2)
        self.assertEqual(self.ranges(), [None])
        self.assert_in_cache()

    def test_the_bar_is_drawn_on_a_terminal(self):
        self.world.pause = 0.05
        reader, writer = pty.openpty()
        running = subprocess.Popen([RIDGE, "pull", REPO], env=self.environment, stdout=subprocess.DEVNULL, stderr=writer)
        os.close(writer)
        drawn = b""
        while True:
            try:
                more = os.read(reader, 4096)
            except OSError:
                break
            if not more:
                break
            drawn += more
        os.close(reader)
        self.assertEqual(running.wait(), 0)
        self.assertIn(b"100 %", drawn)
        self.assertGreater(drawn.count(b"\rTiny-Q4_K_M.gguf "), 3)

    def test_a_full_disk_is_said(self):
        limited = subprocess.run(["bash", "-c", f'ulimit -f {len(BODY) // 1024 // 2}; trap "" XFSZ; exec "$0" pull {REPO}', RIDGE], env=self.environment,
                                 capture_output=True, text=True, timeout=60)
        self.assertEqual(limited.returncode, 1, limited.stderr)
        self.assertIn("cannot write", limited.stderr)
        self.assertFalse(os.path.lexists(self.link))


class Refusals(Case):
    def test_a_missing_repository(self):
        self.assertIn("has no repository maker/nothing", self.ridge("pull", "maker/nothing", expect=3).stderr)
        self.assertIn("(404)", self.ridge("pull", "smollm2", expect=3).stderr)

    def test_a_private_one_says_what_to_do(self):
        self.world.hub_status = 401
        done = self.ridge("pull", REPO, expect=1)
        self.assertIn("set HF_TOKEN", done.stderr)
        self.assertIn("the Hub's own words", done.stderr)
        self.assertIn("does not accept the token", self.ridge("pull", REPO, expect=1, HF_TOKEN="wrong").stderr)
        self.world.hub_status = 403
        self.assertIn("accept the repository's terms", self.ridge("pull", REPO, expect=1).stderr)

    def test_the_token_stays_with_the_hub(self):
        self.ridge("pull", REPO, HF_TOKEN="hf_secret")
        self.assertEqual({headers.get("Authorization") for _, headers in self.world.seen("hub")}, {"Bearer hf_secret"})
        self.assertEqual([headers.get("Authorization") for _, headers in self.world.seen("cdn")], [None])

    def test_the_saved_token_is_used(self):
        os.makedirs(os.path.join(self.home, ".cache", "huggingface"))
        with open(os.path.join(self.home, ".cache", "huggingface", "token"), "w") as file:
            file.write("hf_saved\n")
        self.ridge("pull", REPO)
        self.assertEqual(self.world.seen("hub")[0][1].get("Authorization"), "Bearer hf_saved")

    def test_redirects_end(self):
        self.world.loop = True
        self.assertIn("redirects", self.ridge("pull", REPO, expect=1).stderr)
        self.assertLess(len(self.world.requests), 20)

    def test_no_network(self):
        self.assertIn("cannot reach http://127.0.0.1:9", self.ridge("pull", REPO, expect=1, HF_ENDPOINT="http://127.0.0.1:9").stderr)
        self.assertIn("HF_HUB_OFFLINE", self.ridge("pull", REPO, expect=1, HF_HUB_OFFLINE="1").stderr)

    def test_paths_that_would_leave_the_cache_are_passed_over(self):
        self.world.files = {"../../evil-Q4_K_M.gguf": BODY, "/evil-Q4_K_M.gguf": BODY}
        self.assertIn("holds no GGUF file", self.ridge("pull", REPO, expect=3).stderr)

    def test_names_that_do_not_exist(self):
        self.assertIn("did you mean smollm2?", self.ridge("pull", "smolm2", expect=3).stderr)
        self.assertIn("--help", self.ridge("pull", "something-else", expect=3).stderr)
        self.assertIn("not user/repository", self.ridge("pull", "a/b/c", expect=2).stderr)
        self.assertIn("takes one model", self.ridge("pull", expect=2).stderr)
        self.assertIn("did you mean --from?", self.ridge("pull", "--form", "x", expect=2).stderr)


class Importing(Case):
    def test_another_file_is_refused(self):
        other = os.path.join(self.home, "other.gguf")
        with open(other, "wb") as file:
            file.write(BODY)
        self.assertIn("has 400000 bytes", self.ridge("pull", "--from", other, "smollm2", expect=2).stderr)
        with open(other, "wb") as file:
            file.truncate(98362432)
        self.assertIn("SHA-256", self.ridge("pull", "--from", other, "smollm2", expect=2).stderr)
        self.assertIn("no file", self.ridge("pull", "--from", other + "x", "smollm2", expect=3).stderr)
        self.assertIn("checksum", self.ridge("pull", "--from", other, REPO, expect=2).stderr)
        self.assertEqual(json.loads(self.ridge("list", "--json").stdout), [])
        self.assertEqual(self.world.requests, [])


class HuggingFaceFlag(Case):
    def test_it_pulls_what_is_not_here_and_uses_it(self):
        self.world.files["Tiny-Q4_K_M.gguf"] = b"GGUF" + struct.pack("<IQQ", 3, 0, 0)       # a file that says nothing
        for quant in ("", ":q4_k_m", ""):
            done = self.ridge("info", "-hf", REPO + quant, "--json")
            self.assertEqual(json.loads(done.stdout)["path"], self.link)
        self.assertEqual(len(self.world.seen("cdn")), 1)
        asked = len(self.world.requests)
        for command in (["run", "-p", "x"], ["tokenize", "-p", "x"], ["profile"], ["bench"]):
            done = self.ridge(command[0], "--hf-repo", REPO, *command[1:], expect=4 if command[0] == "tokenize" else 2)
            self.assertIn(self.link + ": the file has no key", done.stderr)
        self.assertEqual(len(self.world.requests), asked)

    def test_what_hugging_face_does_not_have_is_named(self):
        self.assertIn("it has: Q4_K_M Q8_0", self.ridge("run", "-hf", REPO + ":Q2_K", "-p", "x", expect=3).stderr)
        self.assertIn("nobody/nothing", self.ridge("run", "-hf", "nobody/nothing", "-p", "x", expect=3).stderr)


class Listing(Case):
    def test_every_program_s_models_are_found(self):
        def put(path, data=b"GGUF"):
            path = os.path.join(self.home, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)
        put(".cache/llama.cpp/some_model.gguf")
        put(".lmstudio/models/maker/repo/lm.gguf")
        put(".cache/ridge/packed.gguf")
        put(".cache/llama.cpp/mmproj-some.gguf")
        put(".cache/llama.cpp/notes.txt")
        layers = {"layers": [{"mediaType": "application/vnd.ollama.image.license", "digest": "sha256:" + "1" * 64},
                             {"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:" + "a" * 64}]}
        put(".ollama/models/manifests/registry.ollama.ai/library/tiny/1b", json.dumps(layers).encode())
        put(".ollama/models/manifests/registry.ollama.ai/library/tiny/broken", b"{")
        put(".ollama/models/blobs/sha256-" + "a" * 64)
        self.ridge("pull", REPO)
        os.symlink("../../blobs/nowhere", os.path.join(os.path.dirname(self.link), "gone.gguf"))
        listed = json.loads(self.ridge("list", "--json").stdout)
        self.assertEqual([(m["source"], m["name"]) for m in listed],
                         [("huggingface", REPO + ":Q4_K_M"), ("llama.cpp", "some_model.gguf"), ("lmstudio", "maker/repo/lm.gguf"),
                          ("ollama", "tiny:1b"), ("ridge", "packed.gguf")])
        for model in listed:
            self.assertEqual(os.path.getsize(model["path"]), model["bytes"])
        table = self.ridge("list").stdout.splitlines()
        self.assertEqual(len(table), 6)
        self.assertIn(self.link, table[1])

    def test_an_empty_machine(self):
        done = self.ridge("list")
        self.assertEqual(done.stdout, "")
        self.assertIn("ridge pull smollm2", done.stderr)
        self.assertEqual(self.ridge("list", "--json").stdout, "[]\n")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
