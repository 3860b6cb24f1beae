"""What can be known of keeper/Dockerfile without building it: its words are those of the workspace, the keeper and the configuration."""
import fnmatch
import json
import os
import re
import subprocess
import tomllib

PREFIX = "MARGIN_KEEPER__"


class Image:
    """The Dockerfile's instructions, and what must hold of them; `wrong` collects what does not."""

    def __init__(self, workspace, binary):
        self.workspace, self.binary, self.wrong = workspace, binary, []
        text = re.sub(r"^\s*#.*\n", "", (workspace / "keeper/Dockerfile").read_text(), flags=re.MULTILINE)
        joined = re.sub(r"\\\n\s*", " ", text)
        self.steps = [line.split(None, 1) for line in joined.splitlines() if line.strip()]
        self.root = tomllib.loads((workspace / "Cargo.toml").read_text())["workspace"]
        self.package = tomllib.loads((workspace / "keeper/Cargo.toml").read_text())

    def of(self, name):
        return [rest for step, rest in self.steps if step == name]

    def require(self, condition, why):
        if not condition:
            self.wrong.append(f"keeper/Dockerfile: {why}")

    def ignored(self, path):
        """Whether the build's context lacks a path; the last pattern that fits a path or a folder above it decides."""
        is_ignored = False
        above = [path, *(str(folder) for folder in os.path.normpath(path).split("/")[:1])]
        for line in (self.workspace / "keeper/Dockerfile.dockerignore").read_text().splitlines():
            pattern = line.strip().lstrip("!")
            if not pattern or pattern.startswith("#"):
                continue
            names = [pattern, pattern.removeprefix("**/")]
            if any(fnmatch.fnmatch(name, each) for name in above for each in names):
                is_ignored = not line.startswith("!")
        return is_ignored

    def build(self):
        """The toolchain, what is compiled, and that its sources are in the context."""
        version = self.root["package"]["rust-version"]
        self.require(self.of("FROM")[0].startswith(f"rust:{version}-"), f"the workspace needs Rust {version}")
        runs = " ".join(self.of("RUN"))
        name = self.package["package"]["name"]
        self.require(f"--locked --release --package {name} " in f"{runs} ", f"does not build {name} by the lock file")
        self.require(self.package["bin"][0]["name"] == name and f"target/release/{name} " in runs, f"{name} is not taken out of the build")
        members = subprocess.run(["cargo", "metadata", "--no-deps", "--locked", "--format-version", "1"], cwd=self.workspace, capture_output=True, check=True)
        folders = [os.path.relpath(os.path.dirname(package["manifest_path"]), self.workspace) for package in json.loads(members.stdout)["packages"]]
        for path in ["Cargo.toml", "Cargo.lock", *folders]:
            self.require(not self.ignored(path), f"the context lacks {path}")
        for path in ["target", "keys", "network.json", ".git", "keeper/keeper.json"]:
            self.require(self.ignored(path), f"the context has {path}")

    def copies(self):
        """Files come from the context or the first stage."""
        for words in (rest.split() for rest in self.of("COPY")):
            if words[0] == "--from=build":
                made = f"cp target/release/{os.path.basename(words[1])} {os.path.dirname(words[1])}/"
                self.require(made in " ".join(self.of("RUN")), f"the build leaves no {words[1]}")
            elif words[0] != ".":
                self.require((self.workspace / words[0]).exists() and not self.ignored(words[0]), f"no {words[0]} in the context")

    def settings(self):
        """The environment is the keeper's; so are the commands and the port; the user is the one that was made."""
        values = dict(word.split("=", 1) for word in " ".join(self.of("ENV")).split())
        known = tomllib.loads((self.workspace / "keeper/keeper.example.toml").read_text())
        lines = []
        for name, value in values.items():
            section, _, key = name.removeprefix(PREFIX).lower().partition("__")
            self.require(name.startswith(PREFIX) and key in known.get(section, {}), f"{name} is no key of the configuration")
            lines.append(f"{section}.{key} = {value}")
        bare = {name: value for name, value in os.environ.items() if not name.startswith("MARGIN_KEEPER")}
        shown = subprocess.run([self.binary, "check-config"], env=bare | values, capture_output=True, text=True)
        self.require(shown.returncode == 0, f"its environment is refused: {shown.stderr.strip()}")
        for line in lines:
            self.require(line in shown.stdout.splitlines(), f"not in force: {line}")
        port = values.get(f"{PREFIX}METRICS__LISTEN", "").rpartition(":")[2]
        self.require(self.of("EXPOSE") == [port], f"exposes another port than {port}")
        check = json.loads(self.of("HEALTHCHECK")[0].partition("CMD ")[2])
        for words in [json.loads(self.of("ENTRYPOINT")[0]) + json.loads(self.of("CMD")[0]), check]:
            asked = subprocess.run([self.binary, *words[1:], "--help"], capture_output=True)
            self.require(words[0] == self.binary.name and asked.returncode == 0, f"no command {' '.join(words)}")
        user = self.of("USER")[0].split(":")[0]
        self.require(any(f"useradd --uid {user} " in run for run in self.of("RUN")), f"makes no user {user}")


def wrong_image(workspace, binary):
    """What does not hold."""
    image = Image(workspace, binary)
    for check in (image.build, image.copies, image.settings):
        check()
    return image.wrong
