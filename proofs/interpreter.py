"""Walks the syntax tree of a Rust function over symbolic numbers: every way through it, every operation an obligation."""
import z3

from expressions import Expressions
from lemmas import Cond, Dead, Refuted, Val, constant
from sequences import Many
from syntax import Unsupported
from values import INTEGERS, Broken, Names, Place, Returned, Scope, Struct, Unknown, copied

MOST_TURNS = 64


class Interpreter(Expressions):
    """Evaluates functions of one source on one path."""

    def __init__(self, source, path, claim, contracts, ranges, walked=None):
        self.source, self.path, self.contracts, self.ranges = source, path, contracts, ranges
        self.hints, self.modular, self.wraps, self.loops = claim.hints, claim.modular, claim.wraps, claim.loops
        self.relied = set()  # functions of which another claim was used
        self.visited, self.walked = {}, walked if walked is not None else set()

    # -- functions -------------------------------------------------------------------------------------------------
    def call(self, function, arguments, generics=()):
        if function.key in self.contracts:
            self.path.generics = generics
            value = self.contracts[function.key](self.path, *[a.get() if isinstance(a, Place) else a for a in arguments])
            if value is not None:
                self.relied.add(function.key)
                return value
        self.visited[function.key] = function
        scope = {"#function": function, "#file": function.file, "#owner": function.owner}
        for (name, kind), text in zip(function.generics, generics):
            scope[name] = text if not isinstance(text, str) else self.generic(text, kind, scope)
        for (pattern, kind), value in zip(function.params, arguments, strict=True):
            if kind in ("Self",) and pattern == ("name", "self"):
                scope["self"] = value
            else:
                value = value.borrowed() if kind.startswith("&mut") and isinstance(value, Many) else value
                self.bind(pattern, value, scope)
                self.notice(pattern, scope)
        before = self.path.modular, self.path.free, self.path.target
        self.path.modular, self.path.free, self.path.target = function.name in self.modular, self.wraps.get(function.name, ()), ""
        try:
            return self.block(self.source.body(function), scope, function.result)
        except Returned as returned:
            return returned.value
        finally:
            self.path.modular, self.path.free, self.path.target = before

    def generic(self, text, kind, scope):
        if text in ("true", "false"):
            return text == "true"
        return constant(int(text), kind) if text.isdigit() else self.constant(text, Scope(scope), None)

    # -- statements ------------------------------------------------------------------------------------------------
    def block(self, block, scope, want=None):
        scope = Scope(scope)
        value = None
        for statement in block[1]:
            value = self.statement(statement, scope, want)
        return value

    def statement(self, statement, scope, want):
        tag = statement[0]
        if tag == "let":
            self.let(statement, scope)
        elif tag == "expression":
            value = self.eval(statement[1], scope, want if statement[2] else None)
            return value if statement[2] else None
        elif tag == "assign":
            self.assign(statement, scope)
        elif tag == "while":
            self.loop(statement, scope)
        elif tag == "for":
            self.for_each(statement, scope)
        elif tag != "empty":
            raise Unsupported(f"statement {tag}")
        return None

    def let(self, statement, scope):
        _, pattern, kind, expression, otherwise = statement
        before, self.path.target = self.path.target, pattern[1] if pattern[0] == "name" else ""
        value = self.eval(expression, scope, kind)
        self.path.target, value = before, self.wrapped(value)
        if kind in INTEGERS and isinstance(value, Val):
            value = constant(value.lo, kind) if value.is_constant else Val(value.node, kind)  # a literal has its type now
        borrows = expression[0] == "unary" or (expression[0] == "method" and expression[2].endswith("mut"))
        if isinstance(value, (Struct, list)) and not borrows:
            value = copied(value)
        if otherwise:
            if not self.matches(pattern, value, scope):
                self.block(otherwise, scope)
                raise Unsupported("let-else that goes on")
        else:
            self.bind(pattern, value, scope)
        self.notice(pattern, scope)

    def bind(self, pattern, value, scope):
        if pattern[0] == "name":
            scope[pattern[1]] = value
        elif pattern[0] == "tuple":
            parts, items = self.aligned(pattern[1], value)
            for part, item in zip(parts, items, strict=True):
                self.bind(part, item, scope)
        elif pattern[0] == "variant":
            self.bind(pattern[2], value.value, scope)
        elif pattern[0] == "fields":
            for name, part in pattern[2].items():
                self.bind(part, value.fields[name], scope)
        elif pattern[0] != "any":
            raise Unsupported(f"pattern {pattern[0]}")

    @staticmethod
    def aligned(parts, items):
        """A tuple pattern beside its items, with `..` taking what is left."""
        if ("rest",) not in parts:
            return parts, items
        at = parts.index(("rest",))
        after = len(parts) - at - 1
        return parts[:at] + parts[at + 1 :], items[:at] + items[len(items) - after :]

    def notice(self, pattern, scope):
        """Applies the hints for a variable that was just bound, and records its interval."""
        if pattern[0] == "tuple":
            for part in pattern[1]:
                self.notice(part, scope)
            return
        if pattern[0] != "name":
            return
        function, name = scope["#function"], pattern[1]
        value = scope[name]
        self.path.where = f"{function.key}, {name}"
        for hint in self.hints.get((function.name, name), ()):
            self.hint(hint, name, value, scope)
        if isinstance(value, Val) and value.lo is not None:
            entry = self.ranges.setdefault((function.key, name), [value.lo, value.hi])
            entry[0], entry[1] = min(entry[0], value.lo), max(entry[1], value.hi)

    def hint(self, hint, name, value, scope):
        kind, content = hint
        if kind == "range":
            self.path.bound(value, *(content(scope) if callable(content) else content), name)
        elif kind.startswith("range of "):  # of another variable, once this one is known better
            self.path.bound(scope[kind.removeprefix("range of ")], *content(scope), name)
        elif kind == "lemma":
            self.path.require(content(Names(scope)), f"lemma on {name}")
        elif kind == "product":  # of two numbers that are not negative
            for left, right in content(Names(scope)):
                self.path.require(z3.And(left >= 0, right >= 0), f"factors on {name}")
                self.path.facts.append(left * right >= 0)
        elif kind == "linear":
            goal, products = content
            for a, b in products:
                if a in scope and b in scope:
                    self.path.distribute(scope[b], scope[a])
            self.path.require(goal(Names(scope)), f"lemma on {name}", linear=True)
        elif kind == "cut" and not value.is_constant:
            cuts = [c for c in content if value.lo < c <= value.hi]
            at = self.path.choose(len(cuts) + 1) if cuts else 0
            if cuts and at > 0:
                self.path.assume(Cond(">=", value, constant(cuts[at - 1], value.kind)))
            if cuts and at < len(cuts):
                self.path.assume(Cond("<", value, constant(cuts[at], value.kind)))

    def assign(self, statement, scope):
        _, operator, target, expression = statement
        if target[0] == "tuple":
            values = self.eval(expression, scope)
            for part, value in zip(target[1], values, strict=True):
                self.store(part, value, scope)
            return
        self.note(statement)
        before, self.path.target = self.path.target, target[1][0] if target[0] == "path" else target[2] if target[0] == "field" else ""
        current = self.eval(target, scope) if operator != "=" else None
        value = self.eval(expression, scope, current.kind if isinstance(current, Val) else None)
        if operator == "|=":
            value = self.path.bits(current, value, "|")
        elif operator != "=":
            value = self.binary(operator[:-1], current, value)
        self.path.target = before
        self.store(target, self.wrapped(value), scope)

    def wrapped(self, value):
        """What a variable holds of a sum that the claim lets wrap."""
        return self.path.whole(value) if self.path.free and isinstance(value, Val) else value

    def store(self, target, value, scope):
        if isinstance(value, (Struct, list)):
            value = copied(value)
        if target[0] == "unary" and target[1] == "*":
            self.store_through(target[2], value, scope)
        elif target[0] == "path" and len(target[1]) == 1:
            if isinstance(scope[target[1][0]], Place):
                raise Unsupported(f"assignment to the reference {target[1][0]}")
            scope.assign(target[1][0], value)
            self.notice(("name", target[1][0]), scope)
        elif target[0] == "field":
            self.eval(target[1], scope).fields[target[2]] = value
        elif target[0] == "index":
            items, index = self.eval(target[1], scope), self.eval(target[2], scope)
            self.path.bound(index, 0, len(items) - 1, "index")
            if not index.is_constant:
                raise Unsupported("assignment at an index that is not known")
            items[index.lo] = value
        else:
            raise Unsupported(f"assignment to {target[0]}")

    def store_through(self, target, value, scope):
        """`*name = value`: reaches what the name stands for."""
        if target[0] != "path" or len(target[1]) != 1:
            raise Unsupported("assignment through an expression")
        held = scope[target[1][0]]
        if isinstance(held, Place):
            held.put(value)
        elif isinstance(held, Struct):
            held.fields.clear()
            held.fields.update(value.fields)
        elif isinstance(held, list):
            held[:] = value
        elif not self.is_sequence(held):
            raise Unsupported(f"assignment through {target[1][0]}, which is no reference")

    def loop(self, statement, scope):
        if statement[1][0] == "is":
            return self.while_let(statement, scope)
        if scope["#function"].name in self.loops:
            self.by_invariant(
                scope, lambda: self.condition(statement[1], scope), lambda: self.block(statement[2], scope),
                lambda: self.leave(statement[1], scope),
            )  # fmt: skip
            return None
        for _ in range(MOST_TURNS):
            if not self.condition(statement[1], scope, ask=True):
                return None
            try:
                self.block(statement[2], scope)
            except Broken:
                return None
        raise Refuted(f"{self.path.where}: no bound on a loop within {MOST_TURNS} turns")

    def leave(self, condition, scope):
        if self.condition(condition, scope):
            raise Dead

    def while_let(self, statement, scope):
        _, (_, pattern, expression), body = statement
        inner = Scope(scope)

        def goes_on():
            return self.matches(pattern, self.eval(expression, inner), inner)

        def leaves():
            if goes_on():
                raise Dead

        self.by_invariant(scope, goes_on, lambda: self.block(body, inner), leaves)

    # -- conditions ------------------------------------------------------------------------------------------------
    def condition(self, expression, scope, ask=False):
        if expression[0] == "binary" and expression[1] in ("&&", "||"):
            left = self.condition(expression[2], scope, ask)
            if left is (expression[1] == "||"):
                return left
            return self.condition(expression[3], scope, ask)
        if expression[0] == "unary" and expression[1] == "!":
            return not self.condition(expression[2], scope, ask)
        return self.truth(self.eval(expression, scope), ask)

    def truth(self, value, ask=False):
        if isinstance(value, Unknown):
            return self.path.choose(2) == 0
        if isinstance(value, (Cond, bool)):
            return self.path.branch(value, ask)
        raise Unsupported(f"condition {value!r}")
