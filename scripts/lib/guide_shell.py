"""Runs a block of a guide in bash so that it cannot fail unnoticed: not in the middle of a pipe, not within `$(...)`, not by ending early."""
import os
import shlex
import signal
import subprocess


def stop(process):
    """Ends a process that was started here, with what it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            continue


class Shell:
    """A folder, and variables that live on from block to block."""

    def __init__(self, folder, state, environment):
        self.folder, self.state, self.environment = folder, state, environment
        self.state.touch()
        self.processes = []

    def export(self, values):
        """Sets variables for the blocks that follow."""
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in values.items()]
        with open(self.state, "a") as state:
            state.writelines(lines)

    def run(self, text, name, place=None, seconds=60):
        """Runs a block in `place`, the folder without it; returns `None` or why it failed, and what it wrote.

        Both streams go to a file, which a background process may keep.
        """
        place, home = place or (self.folder, self.folder / ".home")
        failures, end = self.folder / f".failed-{name}", self.folder / f".ended-{name}"
        quoted = {key: shlex.quote(str(path)) for key, path in {"s": self.state, "f": failures, "e": end, "h": home}.items()}
        # ERR is inherited by substitutions, whose failures `set -e` does not see where they are words of a command; their own `||` counts
        script = "\n".join([
            "set -eEuo pipefail; shopt -s inherit_errexit",
            f"source {quoted['s']}",
            f"export HOME={quoted['h']}",
            "set -a",
            f"trap 'export -p > {quoted['s']}' EXIT",
            f"trap 'echo \"$BASH_COMMAND\" >> {quoted['f']}' ERR",
            text,
            f"trap - ERR; touch {quoted['e']}",
        ])
        output = self.folder / f".output-{name}"
        with open(output, "w") as out:
            process = subprocess.Popen(
                ["bash", "-c", script], cwd=place, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        self.processes.append(process)
        try:
            status = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return f"no end after {seconds} s", output.read_text(errors="replace")
        why = None
        if status != 0:
            why = f"exit code {status}"
        elif failures.exists():
            why = f"failed within: {failures.read_text().strip()}"
        elif not end.exists():
            why = "it ended before its last line"
        return why, output.read_text(errors="replace")

    def close(self):
        for process in self.processes:
            stop(process)
