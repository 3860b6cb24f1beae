"""All functions, constants and types of a crate's files, with fingerprints of functions.

The proofs run on this text, not on a copy of the formulas: what is proved is what the compiler reads.
"""
import hashlib
import re
from dataclasses import dataclass, field

from syntax import Parser, Unsupported, tokens_of


@dataclass
class Function:
    """One function: where it stands, what it takes, its body."""

    file: str
    owner: str | None
    name: str
    params: list  # (pattern, type)
    generics: list
    result: str
    tokens: list
    body: tuple = field(default=None)

    @property
    def key(self):
        return f"{self.file}::{self.owner + '::' if self.owner else ''}{self.name}"

    @property
    def fingerprint(self):
        """Hash of the function's tokens: comments, attributes and layout do not count."""
        return hashlib.sha256(" ".join(text for _, text in self.tokens).encode()).hexdigest()[:16]


class Source:
    """All functions and constants of a crate's files."""

    def __init__(self, root, edits=()):
        self.functions, self.constants, self.tables = {}, {}, {}
        self.traits, self.named = set(), {}
        self.structs, self.enums = {}, {}  # name -> [(file, {field: type})]; name -> variants in order
        texts = {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*.rs"))}
        for old, new in edits:
            places = [file for file, text in texts.items() if old in text]
            if len(places) != 1 or texts[places[0]].count(old) != 1:
                raise Unsupported(f"the control's text {old!r} does not stand exactly once in the sources")
            texts[places[0]] = texts[places[0]].replace(old, new)
        for file, text in texts.items():
            self.read(file, text)

    def read(self, file, text):
        text = re.sub(r"(?m)^\s*//.*$", "", text)
        for match in re.finditer(r"static (\w+): \[[^=]*\] = \[\n(.*?)\n\];", text, re.S):
            body = match.group(2).strip().rstrip(",")
            self.tables[match.group(1)] = eval("[" + body + "]", {"__builtins__": {}})  # noqa: S307 - only literals
        self.items(file, Parser(tokens_of(re.sub(r"static (\w+): \[[^=]*\] = \[\n(.*?)\n\];", "", text, flags=re.S))), None)

    def items(self, file, parser, owner):
        while parser.at < len(parser.tokens):
            text = parser.peek()
            if text == "#":
                parser.next()
                parser.accept("!")
                attribute = "".join(t for _, t in parser.balanced())
                if attribute == "[cfg(test)]":
                    self.skip_item(parser)
            elif text == "impl":
                self.implementation(file, parser)
            elif text == "fn":
                self.function(file, parser, owner)
            elif text in ("const", "static") and parser.peek(1) != "fn":
                self.constant(file, parser, owner)
            elif text in ("struct", "enum"):
                getattr(self, text)(file, parser)
            elif text == "unit" and parser.peek(1) == "!":
                self.unit(file, parser)
            elif text == "trait":
                parser.next()
                name = parser.next()
                self.traits.add(name)
                while parser.peek() != "{":
                    parser.next()
                self.items(file, Parser(parser.balanced()[1:-1]), name)
            elif text in ("macro_rules", "mod", "use", "type"):
                self.skip_item(parser)
            else:
                parser.next()
                if text == "pub" and parser.peek() == "(":
                    parser.balanced()

    @staticmethod
    def skip_attributes(parser):
        while parser.accept("#"):
            parser.balanced()

    def struct(self, file, parser):
        parser.next()
        name, fields = parser.next(), {}
        while parser.peek() not in ("{", "(", ";"):
            parser.next()
        inside = Parser(parser.balanced()[1:-1]) if parser.peek() != ";" else Parser([])
        named = parser.tokens[parser.at - 1][1] == "}"
        while inside.at < len(inside.tokens):
            self.skip_attributes(inside)
            if inside.accept("pub") and inside.peek() == "(":
                inside.balanced()
            field_name = inside.next() if named else str(len(fields))
            if named:
                inside.expect(":")
            fields[field_name] = inside.type()
            inside.accept(",")
        self.structs.setdefault(name, []).append((file, fields))

    def unit(self, file, parser):
        """The macro of `units.rs`: one newtype over one integer."""
        parser.at += 2
        inside = Parser(parser.balanced()[1:-1])
        self.skip_attributes(inside)
        self.structs.setdefault(inside.next(), []).append((file, {"0": inside.balanced()[1][1]}))

    def enum(self, file, parser):
        parser.next()
        name, variants = parser.next(), []
        inside = Parser(parser.balanced()[1:-1])
        while inside.at < len(inside.tokens):
            self.skip_attributes(inside)
            variants.append(inside.next())
            if inside.peek() in ("(", "{"):
                inside.balanced()
            while inside.at < len(inside.tokens) and not inside.accept(","):
                inside.next()
        self.enums[name] = variants

    def fields(self, name, file=None):
        """The fields of a struct with their types; the one of the same file first."""
        hits = self.structs.get(name, [])
        near = [fields for place, fields in hits if place == file]
        return (near or [fields for _, fields in hits] or [None])[0]

    @staticmethod
    def skip_item(parser):
        while parser.at < len(parser.tokens):
            if parser.peek() in ("{", "(", "["):
                closing = parser.balanced()[-1][1]
                if closing == "}":
                    return
            elif parser.next() == ";":
                return

    def implementation(self, file, parser):
        head = []
        parser.next()
        while parser.peek() != "{":
            head.append(parser.next())
        names = head[head.index("for") + 1 :] if "for" in head else head
        names = names[names.index(">") + 1 :] if names and names[0] == "<" else names
        self.items(file, Parser(parser.balanced()[1:-1]), names[0])

    def constant(self, file, parser, owner):
        parser.next()
        name = parser.next()
        parser.expect(":")
        kind = parser.type()
        parser.expect("=")
        start = parser.at
        while parser.peek() != ";":
            if parser.peek() in ("(", "[", "{"):
                parser.balanced()
            else:
                parser.next()
        tokens = parser.tokens[start : parser.at]
        parser.next()
        self.constants[(file, name)] = (kind, tokens, owner)

    def function(self, file, parser, owner):
        start = parser.at
        parser.next()
        name, generics, params = parser.next(), [], []
        if parser.accept("<"):
            depth = 1
            while depth:
                text = parser.next()
                depth += (text == "<") - (text == ">")
                if text == "const":
                    generics.append((parser.peek(), parser.peek(2)))
        parser.expect("(")
        while not parser.accept(")"):
            pattern = parser.pattern()
            params.append((pattern, parser.type() if parser.accept(":") else "Self"))
            parser.accept(",")
        result = parser.type() if parser.accept("->") else "()"
        while parser.peek() not in ("{", ";"):
            parser.next()
        if parser.accept(";"):
            return
        body = parser.balanced()
        function = Function(file, owner, name, params, generics, result, parser.tokens[start : parser.at], body)
        self.functions[function.key] = function
        self.named.setdefault((owner, name), []).append(function)

    def body(self, function):
        """The syntax tree of a function, parsed when it is first asked for."""
        if isinstance(function.body, list):
            function.body = Parser(function.body).block()
        return function.body

    def resolve(self, key):
        """The function of a key `file::[Type::]name`; one that moved to another file is found by the rest of its key."""
        if key in self.functions:
            return self.functions[key]
        short = key.split("::", 1)[1]
        hits = [f for k, f in self.functions.items() if k.split("::", 1)[1] == short]
        return hits[0] if len(hits) == 1 else None

    def find(self, owner, name, file=None):
        """The function that a call means: of its own file first, else the only one of that name."""
        hits = self.named.get((owner, name), [])
        near = [f for f in hits if f.file == file]
        if not hits and owner in self.structs:  # a method that a trait gives
            hits = [f for trait in sorted(self.traits) for f in self.named.get((trait, name), [])]
        return (near or hits or [None])[0]
