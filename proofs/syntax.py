"""Reads Rust: tokens, and the syntax tree of the subset that the crate is written in.

A construct outside the subset is an error that names it, never a silent skip.
"""
import re

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


ASSIGNMENTS = ("=", "|=", "+=", "-=")
BINARY = [["||"], ["&&"], ["==", "!=", "<", ">", "<=", ">="], ["|"], ["^"], ["&"], ["<<", ">>"], ["+", "-"], ["*", "/", "%"]]


class Parser:
    """Recursive descent over one token list."""

    def __init__(self, tokens):
        self.tokens, self.at = tokens, 0
        self.alternatives = False  # whether `|` goes on with a pattern or closes the arguments of a closure

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
            lifetime = self.kind() == "life"
            out.append(self.next())
            if lifetime:
                out.pop()
        return "".join(text + " " if text in ("const", "mut", "dyn") else text for text in out)

    # -- patterns --------------------------------------------------------------------------------------------------
    def pattern(self):
        first = self.single_pattern()
        if self.peek() != "|" or not self.alternatives:
            return first
        parts = [first]
        while self.accept("|"):
            parts.append(self.single_pattern())
        return ("either", parts)

    def sequence(self, close):
        parts = []
        while not self.accept(close):
            parts.append(("rest",) if self.accept("..") else self.pattern())
            self.accept(",")
        return ("tuple", parts)

    def single_pattern(self):
        self.accept("&")
        self.accept("mut")
        if self.accept("("):
            return self.sequence(")")
        if self.accept("["):
            return self.sequence("]")
        negative = self.accept("-")
        if self.kind() == "number":
            value, suffix = number(self.next())
            return ("literal", (-value if negative else value, suffix))
        path = [self.next()]
        while self.accept("::"):
            path.append(self.next())
        if self.accept("("):
            inner = self.pattern()
            self.expect(")")
            return ("variant", path[-1], inner)
        if self.accept("{"):
            parts = {}
            while not self.accept("}"):
                if not self.accept(".."):
                    name = self.next()
                    parts[name] = self.pattern() if self.accept(":") else ("name", name)
                self.accept(",")
            return ("fields", path[-1], parts)
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
            mark = self.next()
            end = None if self.peek() in ("]", ")", "") else self.expression(1, struct)
            return ("range", left, end, mark == "..=")
        return left

    def cast(self, struct):
        value = self.unary(struct)
        while self.accept("as"):
            value = ("cast", value, self.next())
        return value

    def unary(self, struct):
        for mark in ("-", "!", "*", "&&", "&"):
            if self.accept(mark):
                mark += "mut" if self.accept("mut") else ""
                inner = self.unary(struct)
                return ("unary", mark, inner) if mark in ("-", "!", "*", "&mut") else inner
        if self.accept("return"):
            return ("return", None if self.peek() in (";", "}") else self.expression(0, struct))
        if self.accept("break"):
            return ("break",)
        if self.accept("continue"):
            return ("continue",)
        if self.peek() == "..":
            self.next()
            return ("range", None, self.expression(1, struct), False)
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
                generics = self.turbofish()
                value = ("method", value, name, self.arguments(), generics) if self.accept("(") else ("field", value, name)
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
        if text == "matches" and self.peek(1) == "!":
            return self.matches()
        if self.peek(1) == "!" and self.peek(2) in ("(", "[", "{"):
            raise Unsupported(f"macro {text}!")
        return self.path(struct)

    def matches(self):
        self.at += 2
        self.expect("(")
        value = self.expression()
        self.expect(",")
        self.alternatives = True
        pattern = self.pattern()
        self.alternatives = False
        self.accept(",")
        self.expect(")")
        return ("match", value, [(pattern, None, ("path", ["true"], [])), (("any",), None, ("path", ["false"], []))])

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
                names.append(self.single_pattern())
                if self.accept(":"):
                    self.type()
                self.accept(",")
        if self.accept("->"):
            self.type()
        return ("closure", names, self.expression())

    def conditional(self):
        self.expect("if")
        condition = self.test()
        then, other = self.block(), None
        if self.accept("else"):
            other = self.conditional() if self.peek() == "if" else self.block()
        return ("if", condition, then, other)

    def test(self):
        """A condition, or `let pattern = value`."""
        if not self.accept("let"):
            return self.expression(0, False)
        pattern = self.pattern()
        self.expect("=")
        return ("is", pattern, self.expression(0, False))

    def match(self):
        self.expect("match")
        value, arms = self.expression(0, False), []
        self.expect("{")
        while not self.accept("}"):
            self.alternatives = True
            pattern = self.pattern()
            self.alternatives = False
            guard = self.expression(0, False) if self.accept("if") else None
            self.expect("=>")
            result = self.expression()
            if self.peek() in ASSIGNMENTS:
                result = ("block", [("assign", self.next(), result, self.expression())])
            arms.append((pattern, guard, result))
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
            condition = self.test()
            return ("while", condition, self.block())
        if self.accept("for"):
            pattern = self.pattern()
            self.expect("in")
            source = self.expression(0, False)
            return ("for", pattern, source, self.block())
        if self.peek() in ("if", "match", "{"):  # ends where its block ends, unless a method follows
            before = self.at
            value = self.primary(True)
            if self.peek() not in (".", "?"):
                return ("expression", value, not self.accept(";"))
            self.at = before
        value = self.expression()
        if self.peek() in ASSIGNMENTS:
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
