"""What a guide says outside its blocks: commands in the prose, which must exist with their options, and links, which must lead somewhere."""
import re
import subprocess

SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
WORD = re.compile(r"^[a-z][a-z-]*$")
OPTION = re.compile(r"^--[a-z-]+$")


def prose(page):
    """Lines outside fences with their numbers."""
    is_open = False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.startswith("```"):
            is_open = not is_open
        elif not is_open:
            yield number, line


def anchors(page):
    """What `#...` may name: headings as GitHub spells them."""
    headings = (line.lstrip("#").strip() for _, line in prose(page) if line.startswith("#"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page):
    """Places that are not there."""
    for number, line in prose(page):
        for link in LINK.findall(SPAN.sub("", line)):
            path, _, anchor = link.partition("#")
            if "://" in link:
                continue
            target = (page.parent / path).resolve() if path else page
            if not target.exists():
                yield f"{page.name}:{number}: {link}: no such file"
            elif anchor and anchor not in anchors(target):
                yield f"{page.name}:{number}: {link}: no such heading"


class Helps:
    """What programs say of themselves, asked once each."""

    def __init__(self, workspace, binaries):
        self.workspace, self.binaries, self.known = workspace, binaries, {}

    def of(self, program, words):
        """The help of a command, `None` where there is no such command."""
        key = (program, *words)
        if key not in self.known:
            done = subprocess.run([self.binaries / program, *words, "--help"], capture_output=True, text=True)
            self.known[key] = done.stdout if done.returncode == 0 else None
        return self.known[key]

    def wrong(self, span):
        """Why a command is none, `None` where it is one or something else."""
        program, *rest = span.split()
        if program.startswith("scripts/"):
            script = self.workspace / program
            text = script.read_text() if script.is_file() else None
        elif program in ("pm", "margin-keeper") and rest:
            words = []
            for word in rest:
                if not WORD.match(word):
                    break
                words.append(word)
            text = self.of(program, words)
        else:
            return None
        if text is None:
            return f"`{span}`: no such command"
        missing = [word for word in rest if OPTION.match(word) and not re.search(re.escape(word) + r"(?![a-z-])", text)]
        return f"`{span}`: no option {missing[0]}" if missing and missing != ["--help"] else None


def wrong_commands(page, helps):
    """Commands in the prose that do not exist."""
    for number, line in prose(page):
        for span in SPAN.findall(line):
            if why := helps.wrong(span):
                yield f"{page.name}:{number}: {why}"
