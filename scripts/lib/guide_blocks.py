"""The fenced blocks of a guide: what `scripts/guides` runs of a page, and that nothing on the page can look like a command and not run.

A page may hold: blocks tagged `sh`, `text` right after a block that runs, `rust PATH`, `js` where a test of the TypeScript client names the
page (it runs and compares them), and untagged ones that hold no command. All else that Markdown would draw as code fails: another language, an indented or longer fence, a fence of tildes, lines indented by four.
"""
import re

# Tags of `sh`: see scripts/guides.
TAGS = ("", "network", "root", "no-run")
# What a line of an untagged block may not begin with: it would be a command that nobody runs.
COMMANDS = ("$", "pm", "margin-keeper", "cargo", "docker", "curl", "jq", "export", "npm", "solana", "sudo", "cd", "cp", "kill")
FENCE = re.compile(r"^```(\w*)(?: (\S+))?$")
LIKE_A_FENCE = re.compile(r"^\s*(?:[-*>]\s+|\d+[.)]\s+)?(?:```|~~~)")
INDENTED = re.compile(r"^(?: {4}|\t)\s*\S")


class Wrong(Exception):
    """A page that cannot be run as it stands; says where."""


class Block:
    """One fenced block: where it is, what it runs, what is expected of it."""

    def __init__(self, guide, line, tag, text):
        self.guide, self.line, self.tag, self.text = guide, line, tag, text
        self.expected = None

    @property
    def place(self):
        return f"docs/{self.guide.name}:{self.line}"


class Page:
    """Reads one guide; `workspace` is where quoted sources are."""

    def __init__(self, guide, workspace):
        self.guide, self.workspace = guide, workspace
        self.blocks, self.opened, self.lines, self.is_next, self.is_js = [], None, [], False, False

    def wrong(self, number, why):
        raise Wrong(f"{self.guide.name}:{number}: {why}")

    def read(self):
        for number, line in enumerate(self.guide.read_text().splitlines(), 1):
            if self.opened is not None:
                self.inside(number, line)
            else:
                self.outside(number, line)
        if self.opened is not None:
            self.wrong(self.opened[0], "a fence that is never closed")
        return self.blocks

    def inside(self, number, line):
        if line == "```":
            self.close()
        elif line.startswith("```"):
            self.wrong(number, f"{line!r} within a block")
        else:
            self.lines.append(line)

    def outside(self, number, line):
        fence = FENCE.match(line)
        if fence:
            self.opened, self.lines = (number, fence[1], fence[2] or ""), []
        elif LIKE_A_FENCE.match(line):
            self.wrong(number, f"{line!r} is no fence that is read here: ``` in the first column, a language, at most one tag")
        elif INDENTED.match(line):
            self.wrong(number, "indented by four, which is code: give it a fence")
        elif line.strip():
            self.is_next = self.is_js = False

    def close(self):
        number, language, tag = self.opened
        text = "\n".join(self.lines)
        if language == "sh":
            if tag not in TAGS:
                self.wrong(number, f"unknown tag {tag!r}")
            if not text.strip():
                self.wrong(number, "a block of nothing")
            self.blocks.append(Block(self.guide, number, tag, text))
        elif language == "rust":
            self.quoted(number, tag, text)
        elif language == "text":
            self.expected(number, tag, text)
        elif language == "js" and not tag and self.is_tested():
            pass
        elif language or tag:
            self.wrong(number, f"nothing runs or compares a block of {language or tag}")
        else:
            self.plain(number)
        self.opened, self.is_next, self.is_js = None, language == "sh", language == "js"

    def is_tested(self):
        tests = (self.workspace / "sdk/ts/tests").rglob("*.ts")
        return any(f"docs/{self.guide.name}" in test.read_text() for test in tests)

    def quoted(self, number, path, text):
        source = self.workspace / path
        if not path or not source.is_file() or not text.strip() or text not in source.read_text():
            self.wrong(number, f"not what {path or 'a file'} says")

    def expected(self, number, tag, text):
        if self.is_js and not tag:
            return
        if tag or not self.is_next or self.blocks[-1].tag in ("network", "no-run"):
            self.wrong(number, "output of no block that runs: it stands right after one")
        self.blocks[-1].expected = text

    def plain(self, number):
        for line in self.lines:
            word = line.split()[0] if line.split() else ""
            if word in COMMANDS or word.startswith(("scripts/", "./", "target/")):
                self.wrong(number, f"{line!r} looks like a command, and an untagged block is not run")


def fits(expected, shown):
    """Whether a line is the expected one, `...` standing for anything."""
    parts = [re.escape(part) for part in expected.split("...")]
    return re.fullmatch(".*".join(parts), shown) is not None


def compare(expected, output):
    """`None` where the output is the expected one, else the first expected line that is missing."""
    want = [" ".join(line.split()) for line in expected.splitlines()]
    have = [" ".join(line.split()) for line in output.splitlines()]
    furthest = [0]

    def match(i, j):
        # i, j only rise, and a gap tries each length once: short texts
        while i < len(want):
            if want[i] == "...":
                return any(match(i + 1, k) for k in range(j, len(have) + 1))
            if j >= len(have) or not fits(want[i], have[j]):
                furthest[0] = max(furthest[0], i)
                return False
            i, j = i + 1, j + 1
        if j < len(have):
            furthest[0] = max(furthest[0], i)
        return j >= len(have)

    if match(0, 0):
        return None
    return want[furthest[0]] if furthest[0] < len(want) else "the end"
