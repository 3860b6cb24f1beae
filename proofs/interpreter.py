"""Walks the syntax tree of a Rust function over symbolic numbers: every way through it, every operation an obligation."""


import z3

from lemmas import Cond, Refuted, Val, constant, type_range
from rust import Parser, Unsupported
from values import Broken, Methods, Names, Returned, Scope, Struct, Variant

ARITHMETIC = {"+": "add", "-": "sub", "*": "mul", "<<": "shl", ">>": "shr"}
MOST_TURNS = 64


class Interpreter(Methods):
    """Evaluates functions of one source on one path."""

    def __init__(self, source, path, claim, contracts, ranges):
        self.source, self.path, self.contracts, self.ranges = source, path, contracts, ranges
        self.hints, self.modular, self.wraps, self.visited = claim.hints, claim.modular, claim.wraps, {}

    # -- functions -------------------------------------------------------------------------------------------------
    def call(self, function, arguments, generics=()):
        if function.key in self.contracts:
            self.path.generics = generics
            value = self.contracts[function.key](self.path, *arguments)
            if value is not None:
                return value
        self.visited[function.key] = function
        scope = {"#function": function, "#file": function.file, "#owner": function.owner}
        for name, text in zip(function.generics, generics):
            scope[name] = text if not isinstance(text, str) else self.generic(text)
        for (pattern, kind), value in zip(function.params, arguments):
            if kind in ("Self",) and pattern == ("name", "self"):
                scope["self"] = value
            else:
                self.bind(pattern, value, scope)
                self.notice(pattern, scope)
        before = self.path.modular, self.path.free
        self.path.modular, self.path.free = function.name in self.modular, self.wraps.get(function.name, ())
        try:
            return self.block(self.source.body(function), scope, function.result)
        except Returned as returned:
            return returned.value
        finally:
            self.path.modular, self.path.free = before

    @staticmethod
    def generic(text):
        return text == "true" if text in ("true", "false") else constant(int(text), "u32")

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
            for item in self.eval(statement[2], scope):
                inner = Scope(scope)
                self.bind(statement[1], item, inner)
                self.notice(statement[1], inner)
                self.block(statement[3], inner)
        elif tag != "empty":
            raise Unsupported(f"statement {tag}")
        return None

    def let(self, statement, scope):
        _, pattern, kind, expression, otherwise = statement
        value = self.eval(expression, scope, kind)
        if kind in ("u64", "i64", "u32", "i32", "u128", "i128", "usize") and isinstance(value, Val):
            value = Val(value.node, kind)
        if otherwise and not self.matches(pattern, value, scope):
            self.block(otherwise, scope)
            raise Unsupported("let-else that goes on")
        self.bind(pattern, value, scope)
        self.notice(pattern, scope)

    def bind(self, pattern, value, scope):
        if pattern[0] == "name":
            scope[pattern[1]] = value
        elif pattern[0] == "tuple":
            for part, item in zip(pattern[1], value, strict=True):
                self.bind(part, item, scope)
        elif pattern[0] == "variant":
            self.bind(pattern[2], value.value, scope)
        elif pattern[0] != "any":
            raise Unsupported(f"pattern {pattern[0]}")

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
        value = self.eval(expression, scope)
        if operator != "=":
            value = self.binary(operator[:-1], self.eval(target, scope), value)
        self.store(target, value, scope)

    def store(self, target, value, scope):
        if target[0] == "path" and len(target[1]) == 1:
            scope.assign(target[1][0], value)
            self.notice(("name", target[1][0]), scope)
        elif target[0] == "field":
            self.eval(target[1], scope).fields[target[2]] = value
        else:
            raise Unsupported(f"assignment to {target[0]}")

    def loop(self, statement, scope):
        for _ in range(MOST_TURNS):
            if not self.condition(statement[1], scope, ask=True):
                return
            try:
                self.block(statement[2], scope)
            except Broken:
                return
        raise Refuted(f"{self.path.where}: no bound on a loop within {MOST_TURNS} turns")

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
        if isinstance(value, (Cond, bool)):
            return self.path.branch(value, ask)
        raise Unsupported(f"condition {value!r}")

    # -- expressions -----------------------------------------------------------------------------------------------
    def eval(self, expression, scope, want=None):
        return getattr(self, "on_" + expression[0])(expression, scope, want)

    def on_block(self, expression, scope, want):
        return self.block(expression, scope, want)

    def on_number(self, expression, scope, want):
        kind = expression[2] or (want if want in ("u64", "i64", "u32", "i32", "u128", "i128", "usize", "u8") else "i64")
        number = constant(expression[1], kind)
        number.node.tags["literal"] = expression[2] is None
        return number

    def on_string(self, expression, scope, want):
        return expression[1]

    def on_tuple(self, expression, scope, want):
        return [self.eval(item, scope) for item in expression[1]]

    def on_array(self, expression, scope, want):
        return [self.eval(item, scope) for item in expression[1]]

    def on_return(self, expression, scope, want):
        raise Returned(None if expression[1] is None else self.eval(expression[1], scope, scope["#function"].result))

    def on_break(self, expression, scope, want):
        raise Broken

    def on_closure(self, expression, scope, want):
        return ("closure", expression[1], expression[2], scope)

    def apply(self, closure, *arguments):
        scope = Scope(closure[3])
        for pattern, value in zip(closure[1], arguments):
            self.bind(pattern, value, scope)
        return self.eval(closure[2], scope)

    def on_struct(self, expression, scope, want):
        name = expression[1][-1]
        owner = scope["#owner"] if name == "Self" else name
        if len(expression[1]) > 1 and name != "Self":
            return Variant(name)
        return Struct(owner, {key: self.eval(value, scope) for key, value in expression[2].items()})

    def on_field(self, expression, scope, want):
        value = self.eval(expression[1], scope)
        if isinstance(value, Struct):
            return value.fields[expression[2]]
        return value[int(expression[2])]

    def on_if(self, expression, scope, want):
        _, condition, then, other = expression
        if condition[0] == "is":
            value = self.eval(condition[2], scope)
            if value.name == condition[1][1]:
                inner = Scope(scope)
                self.bind(condition[1][2], value.value, inner)
                return self.block(then, inner, want)
            return self.eval(other, scope, want) if other else None
        if self.condition(condition, scope):
            return self.block(then, scope, want)
        return self.eval(other, scope, want) if other else None

    def on_match(self, expression, scope, want):
        value = self.eval(expression[1], scope)
        if isinstance(value, Cond):
            value = self.truth(value)
        for pattern, guard, result in expression[2]:
            inner = Scope(scope)
            if not self.matches(pattern, value, inner):
                continue
            if guard is None or self.condition(guard, inner):
                return self.eval(result, inner, want)
        raise Unsupported("match without an arm")

    def matches(self, pattern, value, scope):
        if pattern[0] == "any":
            return True
        if pattern[0] == "path":
            return str(value).lower() == pattern[1] if isinstance(value, bool) else value.name == pattern[1]
        if pattern[0] == "variant":
            if value.name != pattern[1]:
                return False
            self.bind(pattern[2], value.value, scope)
            return True
        if pattern[0] == "tuple":
            return all(self.matches(part, item, scope) for part, item in zip(pattern[1], value, strict=True))
        if pattern[0] == "literal":
            return self.truth(Cond("==", value, constant(pattern[1][0], value.kind)))
        self.bind(pattern, value, scope)
        return True

    def on_try(self, expression, scope, want):
        value = self.eval(expression[1], scope)
        if value.name in ("None", "Err"):
            raise Returned(value)
        return value.value

    def on_unary(self, expression, scope, want):
        value = self.eval(expression[2], scope, want)
        if expression[1] == "!":
            return value.negated() if isinstance(value, Cond) else not value
        kind = want if value.node.tags.get("literal") and want in ("i32", "i64", "i128") else value.kind
        return self.path.sub(constant(0, kind), value, kind, "negation")

    def on_cast(self, expression, scope, want):
        value = self.eval(expression[1], scope)
        if isinstance(value, (Cond, bool)):
            return constant(int(self.truth(value)), expression[2])
        return self.path.cast(value, expression[2], "cast")

    def on_binary(self, expression, scope, want):
        _, operator, left, right = expression
        if operator in ("&&", "||"):
            return self.condition(expression, scope)
        compared = operator in ("==", "!=", "<", ">", "<=", ">=")
        a = self.eval(left, scope, None if compared else want)
        b = self.eval(right, scope, a.kind if isinstance(a, Val) and operator not in ("<<", ">>") else "u32")
        return self.binary(operator, a, b)

    def binary(self, operator, a, b):
        if isinstance(a, Variant):
            return (a.name == b.name) == (operator == "==")
        if isinstance(a, bool) or isinstance(b, (bool, Cond)):
            a, b = (self.truth(x) if isinstance(x, Cond) else x for x in (a, b))
            return {"==": a == b, "!=": a != b, "|": a or b, "&": a and b}[operator]
        if isinstance(a, Cond):
            a = self.truth(a)
            return (a == b) == (operator == "==")
        if isinstance(a, Struct) and list(a.fields) == ["0"]:
            a, b = a.fields["0"], b.fields["0"]
        if operator in Cond.NEGATED:
            return Cond(operator, a, b)
        # An untyped literal takes the type of the other side.
        kind = b.kind if a.node.tags.get("literal") and operator not in ("<<", ">>") else a.kind
        a = Val(a.node, kind)
        if operator in ("<<", ">>"):
            return getattr(self.path, ARITHMETIC[operator])(a, b, f"a {operator} b")
        if operator in ARITHMETIC:  # plain: under overflow checks it would panic
            return getattr(self.path, ARITHMETIC[operator])(a, b, kind, f"plain {operator}")
        if operator in ("/", "%"):
            return self.path.divide(a, b, kind, f"a {operator} b")[operator == "%"]
        if operator == "|":
            return self.path.join(a, b)
        if operator == "&":
            return self.mask(a, b)
        raise Unsupported(f"operator {operator}")

    def mask(self, a, b):
        if a.is_constant and not b.is_constant:
            a, b = b, a
        if not b.is_constant:
            self.path.bound(a, 0, 1, "a flag")
            return constant(0, a.kind) if self.path.branch(Cond("==", a, constant(0, a.kind))) else b
        bits = b.lo.bit_length()
        if b.lo != (1 << bits) - 1:
            raise Unsupported(f"mask {b.lo:#x}")
        return self.path.split_bits(a, bits)[1] if bits else constant(0, a.kind)

    def on_index(self, expression, scope, want):
        table, index = self.eval(expression[1], scope), self.eval(expression[2], scope)
        self.path.bound(index, 0, len(table) - 1, "index")
        rows = table[index.lo : index.hi + 1]
        if isinstance(rows[0], Val):
            if len(rows) > 1:
                raise Unsupported("an index into values that is not known")
            return rows[0]
        if isinstance(rows[0], list):
            columns = zip(*rows)
            return [self.path.fresh(min(c), max(c), "i64", "row") for c in columns]
        return self.path.fresh(min(rows), max(rows), "i64", "row")

    def on_path(self, expression, scope, want):
        path = expression[1]
        name = path[-1]
        if len(path) == 1 and name in scope:
            return scope[name]
        if name in self.source.tables:
            return self.source.tables[name]
        if name in ("MAX", "MIN", "BITS") and path[0] in ("u8", "u16", "u32", "u64", "i32", "i64", "u128", "i128"):
            least, most = type_range(path[0])
            return constant({"MAX": most, "MIN": least, "BITS": int(path[0][1:])}[name], "u32" if name == "BITS" else path[0])
        if name in ("true", "false"):
            return name == "true"
        if name == "ZERO" and len(path) > 1:
            return Struct(scope["#owner"] if path[0] == "Self" else path[0], {"0": constant(0, "i64")})
        found = self.constant(name, scope, path[-2] if len(path) > 1 else None)
        if found is not None:
            return found
        if name[0].isupper():
            return Variant(scope["#owner"] if name == "Self" else name)
        if name == "from_raw":  # a constructor passed on
            return Variant(path[-2])
        raise Unsupported(f"name {'::'.join(path)}")

    def constant(self, name, scope, owner):
        owner = scope["#owner"] if owner == "Self" else owner
        hits = [(key, item) for key, item in self.source.constants.items() if key[1] == name]
        hits = [h for h in hits if h[0][0] == scope["#file"]] or [h for h in hits if h[1][2] in (owner, None)]
        if not hits:
            return None
        (file, _), (kind, tokens, belongs) = hits[0]
        inner = Scope({"#file": file, "#owner": belongs, "#function": scope["#function"]})
        value = self.eval(Parser(list(tokens)).expression(), inner, kind)
        return Val(value.node, kind) if isinstance(value, Val) else value

    # -- calls -----------------------------------------------------------------------------------------------------
    def on_call(self, expression, scope, want):
        _, target, arguments = expression
        if target[0] != "path":
            raise Unsupported("call of a value")
        path, generics = target[1], target[2]
        if len(path) == 1 and path[0] in scope:
            return self.apply(scope[path[0]], *[self.eval(a, scope) for a in arguments])
        owner = path[-2] if len(path) > 1 and path[-2][0].isupper() else None
        owner = scope["#owner"] if owner == "Self" else owner
        function = self.source.find(owner, path[-1], scope["#file"])
        kinds = [kind for pattern, kind in function.params] if function else [None] * len(arguments)
        values = [self.eval(argument, scope, kind) for argument, kind in zip(arguments, kinds)]
        if function:
            return self.call(function, values, [scope[g] if g in scope else g for g in generics])
        return self.intrinsic(path, values, scope)

    def intrinsic(self, path, values, scope):
        name = path[-1]
        if name in ("Some", "Ok", "Err"):
            return Variant(name, values[0])
        if name == "Self" or (len(path) == 1 and name in ("Quote", "Price", "Quantity", "Ratio")):
            return Struct(scope["#owner"] if name == "Self" else name, {"0": values[0]})
        if name in ("from_raw", "raw"):
            return Struct(path[-2], {"0": values[0]})
        if name == "from" and isinstance(values[0], (Cond, bool)):
            return constant(int(self.truth(values[0])), path[-2])
        if name == "from":
            return self.path.cast(values[0], path[-2], "conversion")
        if name == "try_from":
            return self.try_from(values[0], path[-2])
        if name[0].isupper():
            return Variant(name, values)
        raise Unsupported(f"call of {'::'.join(path)}")

    def try_from(self, value, kind):
        least, most = type_range(kind)
        if self.path.branch(Cond("<", value, constant(least, "i1024"))):
            return Variant("Err")
        if self.path.branch(Cond(">", value, constant(most, "i1024"))):
            return Variant("Err")
        return Variant("Ok", Val(value.node, kind))

    def on_method(self, expression, scope, want):
        _, target, name, arguments = expression
        receiver = self.eval(target, scope, want)
        if isinstance(receiver, Struct):
            if name == "raw":
                return receiver.fields["0"]
            if name in ("max", "min"):
                other = self.eval(arguments[0], scope)
                value = getattr(self.path, {"max": "larger", "min": "smaller"}[name])(receiver.fields["0"], other.fields["0"])
                return Struct(receiver.owner, {"0": value})
            function = self.source.find(receiver.owner, name, scope["#file"])
            if function is None:
                raise Unsupported(f"method {receiver.owner}::{name}")
            return self.call(function, [receiver, *[self.eval(a, scope) for a in arguments]])
        if isinstance(receiver, list) and name in ("first", "last"):
            return Variant("Some", receiver[0 if name == "first" else -1]) if receiver else Variant("None")
        if isinstance(receiver, Variant):
            return self.on_variant(receiver, name, [self.eval(a, scope) for a in arguments])
        shift = name.startswith(("wrapping_sh", "checked_sh"))
        kind = receiver.kind
        if receiver.node.tags.get("literal") and want in ("u64", "i64", "u128", "i128", "u32", "i32"):
            kind = want
        values = [self.eval(a, scope, "u32" if shift else kind) for a in arguments]
        return self.number_method(Val(receiver.node, kind), name, values)
