"""Reads Rust: tokens, the syntax tree of the subset that the kernels are written in, and fingerprints of functions.

The proofs run on this tree, not on a copy of the formulas: what is proved is what the compiler reads. A construct
outside the subset is an error that names it, never a silent skip.
"""
import hashlib
import re
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|/\*.*?\*/)
      |(?P<number>0x[0-9a-fA-F_]+(?:[iu](?:8|16|32|64|128|size))?|[0-9][0-9_]*(?:[iu](?:8|16|32|64|128|size))?)
      |(?P<string>"(?:[^"\\]|\\.)*")
      |(?P<life>'[a-z_]+\b(?!'))
      |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
      |(?P<mark>\.\.=|<<=|>>=|::|->|=>|\.\.|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%^&|]=|.)""",
    re.X | re.S,
)


class Unsupported(Exception):
    """A construct that the reader does not know."""


def tokens_of(text):
    return [(m.lastgroup, m.group()) for m in TOKEN.finditer(text) if m.lastgroup != "skip"]


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


BINARY = [["||"], ["&&"], ["==", "!=", "<", ">", "<=", ">="], ["|"], ["^"], ["&"], ["<<", ">>"], ["+", "-"], ["*", "/", "%"]]


class Parser:
    """Recursive descent over one token list."""

    def __init__(self, tokens):
        self.tokens, self.at = tokens, 0

    def peek(self, ahead=0):
        index = self.at + ahead
        return self.tokens[index][1] if index < len(self.tokens) else ""

    def kind(self):
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def next(self):
        self.at += 1
        return self.tokens[self.at - 1][1]

    def accept(self, text):
        if self.peek() == text:
            self.at += 1
            return True
        return False

    def expect(self, text):
        if not self.accept(text):
            near = " ".join(t for _, t in self.tokens[max(0, self.at - 8) : self.at + 8])
            raise Unsupported(f"expected {text!r} at: {near}")

    def balanced(self):
        """Skips one bracketed group and returns its tokens, brackets included."""
        start, depth = self.at, 0
        while True:
            text = self.next()
            depth += text in ("(", "[", "{")
            depth -= text in (")", "]", "}")
            if depth == 0:
                return self.tokens[start : self.at]

    def type(self):
        """The text of a type."""
        out, depth = [], 0
        while self.at < len(self.tokens):
            text = self.peek()
            if depth == 0 and text in (",", ")", "=", "{", ";", "|", "}", "where"):
                break
            if text == ">" and depth == 0:
                break
            depth += text in ("(", "[", "<")
            depth -= text in (")", "]", ">")
            depth -= 2 * (text == ">>")
            out.append(self.next())
        return "".join(text + " " if text in ("const", "mut", "dyn") else text for text in out)

    # -- patterns --------------------------------------------------------------------------------------------------
    def pattern(self):
        self.accept("&")
        self.accept("mut")
        if self.accept("("):
            parts = []
            while not self.accept(")"):
                parts.append(self.pattern())
                self.accept(",")
            return ("tuple", parts)
        if self.accept("["):
            parts = []
            while not self.accept("]"):
                parts.append(self.pattern())
                self.accept(",")
            return ("tuple", parts)
        if self.kind() == "number":
            return ("literal", number(self.next()))
        path = [self.next()]
        while self.accept("::"):
            path.append(self.next())
        if self.accept("("):
            inner = self.pattern()
            self.expect(")")
            return ("variant", path[-1], inner)
        if path == ["_"]:
            return ("any",)
        if len(path) > 1 or path[0] in ("None", "true", "false"):
            return ("path", path[-1])
        return ("name", path[0])

    # -- expressions -----------------------------------------------------------------------------------------------
    def expression(self, level=0, struct=True):
        if level == len(BINARY):
            return self.cast(struct)
        left = self.expression(level + 1, struct)
        while self.peek() in BINARY[level] and not (self.peek() in ("|", "||") and self.peek(1) == "}"):
            operator = self.next()
            left = ("binary", operator, left, self.expression(level + 1, struct))
        if level == 0 and self.peek() in ("..", "..="):
            self.next()
            end = None if self.peek() in ("]", ")", "") else self.expression(1, struct)
            return ("range", left, end)
        return left

    def cast(self, struct):
        value = self.unary(struct)
        while self.accept("as"):
            value = ("cast", value, self.next())
        return value

    def unary(self, struct):
        for mark in ("-", "!", "*", "&&", "&"):
            if self.accept(mark):
                self.accept("mut")
                inner = self.unary(struct)
                return ("unary", mark, inner) if mark in "-!" else inner
        if self.accept("return"):
            return ("return", None if self.peek() in (";", "}") else self.expression(0, struct))
        if self.accept("break"):
            return ("break",)
        if self.accept("continue"):
            return ("continue",)
        if self.peek() == "..":
            self.next()
            return ("range", None, self.expression(1, struct))
        return self.postfix(self.primary(struct))

    def arguments(self, close=")"):
        items = []
        while not self.accept(close):
            items.append(self.expression())
            if not self.accept(","):
                self.expect(close)
                break
        return items

    def turbofish(self):
        if self.peek() == "::" and self.peek(1) == "<":
            self.at += 2
            out = []
            while not self.accept(">"):
                out.append(self.next())
            return [text for text in out if text != ","]
        return []

    def postfix(self, value):
        while True:
            if self.accept("?"):
                value = ("try", value)
            elif self.accept("("):
                value = ("call", value, self.arguments())
            elif self.accept("["):
                index = self.expression()
                self.expect("]")
                value = ("index", value, index)
            elif self.accept("."):
                name = self.next()
                self.turbofish()
                value = ("method", value, name, self.arguments()) if self.accept("(") else ("field", value, name)
            else:
                return value

    def primary(self, struct):
        kind, text = self.kind(), self.peek()
        if kind == "number":
            return ("number", *number(self.next()))
        if text == "{":
            return self.block()
        if text == "(":
            self.next()
            items, comma = [], False
            while not self.accept(")"):
                items.append(self.expression())
                comma = self.accept(",") or comma
            return ("tuple", items) if comma or not items else items[0]
        if text == "[":
            return self.array()
        if text == "if":
            return self.conditional()
        if text == "match":
            return self.match()
        if text in ("|", "||"):
            return self.closure()
        if kind != "name" and kind != "string":
            raise Unsupported(f"{text!r} in an expression")
        if kind == "string":
            return ("string", self.next())
        return self.path(struct)

    def path(self, struct):
        path, generics = [self.next()], []
        while self.peek() == "::":
            generics = self.turbofish()
            if generics:
                break
            self.next()
            path.append(self.next())
        if struct and self.peek() == "{" and (path[-1][0].isupper() and path[-1].upper() != path[-1]):
            return ("struct", path, self.fields())
        return ("path", path, generics)

    def fields(self):
        self.expect("{")
        fields = {}
        while not self.accept("}"):
            if self.accept(".."):
                fields[".."] = self.expression()
                continue
            name = self.next()
            fields[name] = self.expression() if self.accept(":") else ("path", [name], [])
            self.accept(",")
        return fields

    def array(self):
        self.expect("[")
        items = []
        while not self.accept("]"):
            items.append(self.expression())
            if self.accept(";"):
                count = self.expression()
                self.expect("]")
                return ("repeat", items[0], count)
            self.accept(",")
        return ("array", items)

    def closure(self):
        names = []
        if not self.accept("||"):
            self.expect("|")
            while not self.accept("|"):
                names.append(self.pattern())
                if self.accept(":"):
                    self.type()
                self.accept(",")
        return ("closure", names, self.expression())

    def conditional(self):
        self.expect("if")
        if self.accept("let"):
            pattern = self.pattern()
            self.expect("=")
            condition = ("is", pattern, self.expression(0, False))
        else:
            condition = self.expression(0, False)
        then, other = self.block(), None
        if self.accept("else"):
            other = self.conditional() if self.peek() == "if" else self.block()
        return ("if", condition, then, other)

    def match(self):
        self.expect("match")
        value, arms = self.expression(0, False), []
        self.expect("{")
        while not self.accept("}"):
            pattern = self.pattern()
            guard = self.expression(0, False) if self.accept("if") else None
            self.expect("=>")
            arms.append((pattern, guard, self.expression()))
            self.accept(",")
        return ("match", value, arms)

    # -- statements ------------------------------------------------------------------------------------------------
    def block(self):
        self.expect("{")
        statements = []
        while not self.accept("}"):
            statements.append(self.statement())
        return ("block", statements)

    def statement(self):
        if self.accept(";"):
            return ("empty",)
        if self.peek() == "#":
            self.next()
            self.balanced()
            return ("empty",)
        if self.accept("const"):
            name = self.next()
            self.expect(":")
            kind = self.type()
            self.expect("=")
            value = self.expression()
            self.expect(";")
            return ("let", ("name", name), kind, value, None)
        if self.accept("let"):
            return self.let()
        if self.accept("while"):
            condition = self.expression(0, False)
            return ("while", condition, self.block())
        if self.accept("for"):
            pattern = self.pattern()
            self.expect("in")
            source = self.expression(0, False)
            return ("for", pattern, source, self.block())
        value = self.expression()
        if self.peek() in ("=", "|=", "+=", "-="):
            operator = self.next()
            right = self.expression()
            self.expect(";")
            return ("assign", operator, value, right)
        return ("expression", value, not self.accept(";"))

    def let(self):
        pattern, kind, otherwise = self.pattern(), None, None
        if self.accept(":"):
            kind = self.type()
        if self.peek() == ";":
            raise Unsupported("let without a value")
        self.expect("=")
        value = self.expression()
        if self.accept("else"):
            otherwise = self.block()
        self.expect(";")
        return ("let", pattern, kind, value, otherwise)


def number(text):
    match = re.fullmatch(r"(0x[0-9a-fA-F_]+?|[0-9_]+)([iu](?:8|16|32|64|128|size))?", text)
    return int(match.group(1).replace("_", ""), 0), match.group(2)


class Source:
    """All functions and constants of a crate's files."""

    def __init__(self, root, edits=()):
        self.functions, self.constants, self.tables = {}, {}, {}
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
            elif text in ("struct", "enum", "trait", "macro_rules", "mod", "use", "type", "unit"):
                self.skip_item(parser)
            else:
                parser.next()
                if text == "pub" and parser.peek() == "(":
                    parser.balanced()

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
                    generics.append(parser.peek())
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
        hits = [f for f in self.functions.values() if f.name == name and f.owner == owner]
        near = [f for f in hits if f.file == file]
        if near or hits:
            return (near or hits)[0]
        return None
