"""Tries to fool scripts/guides: pages whose code would not be run or compared, blocks that fail where a shell looks away, false commands."""
import os
import tempfile
import time
import unittest
from pathlib import Path

from guide_blocks import Page, Wrong, compare
from guide_shell import Shell
from guide_words import anchors, broken_links, wrong_commands

# Pages, and a word of why each is refused.
REFUSED = [
    ("```bash\npm markets\n```", "bash"),
    ("```console\n$ pm markets\n```", "console"),
    ("```SH\npm markets\n```", "SH"),
    ("```json\n{}\n```", "json"),
    ("```js\nlet a;\n```", "js"),
    ("```\npm markets\n```", "looks like a command"),
    ("```\n$ true\n```", "looks like a command"),
    ("```\nx = 1\n  scripts/localnet\n```", "looks like a command"),
    ("```sh quiet\ntrue\n```", "unknown tag"),
    ("```sh root fast\ntrue\n```", "no fence"),
    ("```sh\n\n```", "a block of nothing"),
    (" ```sh\ntrue\n ```", "no fence"),
    ("1. Do:\n   ```sh\n   true\n   ```", "no fence"),
    ("- ```sh\n  true\n  ```", "no fence"),
    ("> ```sh\n> true\n> ```", "no fence"),
    ("````sh\ntrue\n````", "no fence"),
    ("~~~sh\ntrue\n~~~", "no fence"),
    ("``` sh\ntrue\n```", "nothing runs or compares"),
    ("So:\n\n    pm markets\n", "indented by four"),
    ("So:\n\n\tpm markets\n", "indented by four"),
    ("```sh\ntrue\n", "never closed"),
    ("```sh\ntrue\n``` \n", "within a block"),
    ("```sh\ntrue\n```sh\ntrue\n```", "within a block"),
    ("```text\ndone\n```", "output of no block"),
    ("```sh\ntrue\n```\nwhich writes\n```text\ndone\n```", "output of no block"),
    ("```sh\ntrue\n```\n```text\ndone\n```\n```text\ndone\n```", "output of no block"),
    ("```sh network\nscripts/localnet > x &\n```\n```text\ndone\n```", "output of no block"),
    ("```sh no-run\ntrue\n```\n```text\ndone\n```", "output of no block"),
    ("```rust none.rs\nfn main() {}\n```", "not what"),
    ("```rust\nfn main() {}\n```", "not what"),
    ("```rust here.rs\nfn main() {}\n```", "not what"),
    ("```rust here.rs\n\n```", "not what"),
]

# Blocks that fail, each with a word of why, and blocks that do not.
FAILING = [
    ("false\ntrue", "exit code 1"),
    ("false | true", "exit code 1"),
    ("true | false | true\necho on", "exit code 1"),
    ("echo $(false)\ntrue", "failed within: false"),
    ("echo $(false; echo on)", "failed within: false"),
    ("echo $(false | cat)", "failed within"),
    ("export A=$(false)", "failed within"),
    ("set +e\nfalse\ntrue", "failed within"),
    ("echo a\nexit 0\nfalse", "before its last line"),
    ("exec true\nfalse", "before its last line"),
    ("echo $UNSET_VARIABLE", "exit code"),
    ("cd /none", "exit code 1"),
    ("no-such-program", "exit code 127"),
    ("if true; then", "exit code 2"),
    ("sleep 5", "no end after 1 s"),
]
PASSING = ["true", "false || echo $?", "if false; then echo a; fi", "! false", "echo $(true || false)", "until true; do sleep 1; done", "sleep 9 &", "cat <<END\na\nEND"]


class Pages(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)

    def page(self, text):
        path = self.folder / "page.md"
        path.write_text(text)
        return path

    def blocks(self, text):
        return Page(self.page(text), self.folder).read()

    def test_what_would_not_be_run_is_refused(self):
        (self.folder / "here.rs").write_text("fn other() {}\n")
        for text, word in REFUSED:
            with self.subTest(text), self.assertRaisesRegex(Wrong, word):
                self.blocks(text)

    def test_what_is_run_is_read_whole(self):
        (self.folder / "here.rs").write_text("// a\nfn main() {}\n")
        text = "# A\n\n```sh\na\n\n  b\n```\n\n```text\nc\n```\n\n- d,\n  e\n\n```rust here.rs\nfn main() {}\n```\n\n```sh root\nf\n```\n\n```\nE = Q\n```\n"
        first, second = self.blocks(text)
        self.assertEqual((first.text, first.expected, first.tag, first.line), ("a\n\n  b", "c", "", 3))
        self.assertEqual((second.text, second.expected, second.tag), ("f", None, "root"))

    def test_javascript_is_left_to_a_test_that_names_the_page(self):
        (self.folder / "sdk/ts/tests").mkdir(parents=True)
        (self.folder / "sdk/ts/tests/guide.test.ts").write_text("read('docs/page.md')")
        self.assertEqual(self.blocks("```js\nlet a;\n```\n```text\na\n```\n"), [])
        with self.assertRaisesRegex(Wrong, "output of no block"):
            self.blocks("```js\nlet a;\n```\nand\n```text\na\n```\n")

    def test_output_is_compared_to_its_end(self):
        for expected, output in [("a\nb", "a\nb\n"), ("a ...", "a b c"), ("...\nb", "a\na\nb"), ("a\n...", "a"), ("a  b", " a b"), ("...", "")]:
            self.assertIsNone(compare(expected, output), (expected, output))
        for expected, output in [("a", "a\nb"), ("a\nb", "a"), ("a", "b"), ("...\nb", "a"), ("a...c", "ab"), ("", "a"), ("a.b", "axb")]:
            self.assertIsNotNone(compare(expected, output), (expected, output))

    def test_a_command_or_a_link_that_is_none_is_found(self):
        page = self.page("# A title: so\n`pm go --now` `pm go --fast` `pm stay` [a](#a-title-so) [b](#b) [c](none.md) [d](page.md#a-title-so)\n```\n`pm stay`\n```\n")

        class Helps:
            @staticmethod
            def wrong(span):
                return None if span == "pm go --now" else span

        self.assertEqual(anchors(page), {"a-title-so"})
        self.assertEqual([line.split(": ", 1)[1] for line in wrong_commands(page, Helps)], ["pm go --fast", "pm stay"])
        self.assertEqual([line.split(": ")[1] for line in broken_links(page)], ["#b", "none.md"])


class Blocks(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        (self.folder / ".home").mkdir()
        self.shell = Shell(self.folder, self.folder / "state", dict(os.environ))
        self.addCleanup(self.shell.close)

    def test_what_fails_anywhere_fails(self):
        for number, (text, word) in enumerate(FAILING):
            with self.subTest(text):
                why, _ = self.shell.run(text, number, seconds=1 if text.startswith("sleep") else 20)
                self.assertIn(word, why or "passed")

    def test_what_is_meant_to_fail_passes(self):
        for number, text in enumerate(PASSING):
            with self.subTest(text):
                self.assertIsNone(self.shell.run(text, number)[0])

    def test_variables_live_on_and_processes_end_with_the_guide(self):
        self.assertIsNone(self.shell.run("A='b c'\nexport HOME=$HOME\nsleep 60 &\nCHILD=$!", 1)[0])
        why, output = self.shell.run('echo "$A" $CHILD; kill -0 $CHILD', 2)
        self.assertIsNone(why, output)
        child = int(output.split()[-1])
        self.shell.close()
        end = time.monotonic() + 10
        while self.is_running(child) and time.monotonic() < end:
            time.sleep(0.05)
        self.assertFalse(self.is_running(child))

    @staticmethod
    def is_running(process):
        try:
            # one whose parent is gone may wait for its reaper
            return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False


if __name__ == "__main__":
    unittest.main()
