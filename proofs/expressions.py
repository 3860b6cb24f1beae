"""Expressions: operators, paths, calls, patterns. What may overflow or panic is noted when it is walked."""
from lemmas import Cond, Val, constant, type_range
from sequences import Many, Sequences
from syntax import Parser, Unsupported
from values import INTEGERS, Broken, Continued, Methods, Place, Returned, Scope, Struct, Unknown, Variant, copied

ARITHMETIC = {"+": "add", "-": "sub", "*": "mul", "<<": "shl", ">>": "shr"}
ORDERED = ("==", "!=", "<", ">", "<=", ">=")


class Expressions(Methods, Sequences):
    """Evaluates expressions; the interpreter adds statements and calls."""

    def eval(self, expression, scope, want=None):
        return getattr(self, "on_" + expression[0])(expression, scope, want)

    def note(self, expression):
        """This operation was walked: see coverage.py."""
        self.walked.add(id(expression))

    @staticmethod
    def is_sequence(value):
        return isinstance(value, (Many, list)) or (isinstance(value, tuple) and value[0] == "range")

    def on_block(self, expression, scope, want):
        return self.block(expression, scope, want)

    def on_number(self, expression, scope, want):
        kind = expression[2] or (want if want in INTEGERS else "i64")
        number = constant(expression[1], kind)
        number.node.tags["literal"] = expression[2] is None
        return number

    def on_string(self, expression, scope, want):
        return expression[1]

    def on_tuple(self, expression, scope, want):
        return [self.eval(item, scope) for item in expression[1]]

    on_array = on_tuple

    def on_repeat(self, expression, scope, want):
        count = self.eval(expression[2], scope, "usize")
        return [copied(self.eval(expression[1], scope)) for _ in range(count.lo)]

    def on_range(self, expression, scope, want):
        start = self.eval(expression[1], scope, "usize") if expression[1] else None
        end = self.eval(expression[2], scope, start.kind if start is not None else "usize") if expression[2] else None
        if start is not None and end is not None and start.node.tags.get("literal"):
            start = Val(start.node, end.kind)
        return ("range", start, end, expression[3])

    def on_return(self, expression, scope, want):
        raise Returned(None if expression[1] is None else self.eval(expression[1], scope, scope["#function"].result))

    def on_break(self, expression, scope, want):
        raise Broken

    def on_continue(self, expression, scope, want):
        raise Continued

    def on_closure(self, expression, scope, want):
        return ("closure", expression[1], expression[2], scope)

    def apply(self, target, *arguments):
        if target[0] == "function":
            return self.call(target[1], arguments)
        if target[0] == "method":
            return self.method(arguments[0], target[1], list(arguments[1:]))
        if target[0] == "conversion":
            return self.intrinsic(target[1], list(arguments), target[2])
        if target[0] == "given":  # by a claim
            return target[1](self.path, *arguments)
        scope = Scope(target[3])
        for pattern, value in zip(target[1], arguments, strict=True):
            self.bind(pattern, value, scope)
        try:
            return self.eval(target[2], scope)
        except Returned as returned:  # from the closure, not from what it stands in
            return returned.value

    def on_struct(self, expression, scope, want):
        name = expression[1][-1]
        owner = scope["#owner"] if name == "Self" else name
        kinds = self.source.fields(owner, scope["#file"]) or {}
        values = {key: self.eval(value, scope, kinds.get(key)) for key, value in expression[2].items() if key != ".."}
        if len(expression[1]) > 1 and name != "Self":
            return Variant(name, Struct(name, values), expression[1][-2])
        if ".." in expression[2]:
            values = {**copied(self.eval(expression[2][".."], scope)).fields, **values}
        return Struct(owner, values)

    def on_field(self, expression, scope, want):
        value = self.eval(expression[1], scope)
        if isinstance(value, Struct):
            return value.fields[expression[2]]
        return value[int(expression[2])]

    def on_if(self, expression, scope, want):
        _, condition, then, other = expression
        if condition[0] == "is":
            inner = Scope(scope)
            if self.matches(condition[1], self.eval(condition[2], scope), inner):
                return self.block(then, inner, want)
            return self.eval(other, scope, want) if other else None
        if self.condition(condition, scope):
            return self.block(then, scope, want)
        return self.eval(other, scope, want) if other else None

    def on_match(self, expression, scope, want):
        value = self.eval(expression[1], scope)
        if isinstance(value, (Cond, Unknown)):
            value = self.truth(value)
        for pattern, guard, result in expression[2]:
            inner = Scope(scope)
            if not self.matches(pattern, value, inner):
                continue
            if guard is None or self.condition(guard, inner):
                return self.eval(result, inner, want)
        raise Unsupported("match without an arm")

    def matches(self, pattern, value, scope):
        value = value.get() if isinstance(value, Place) and pattern[0] not in ("any", "name") else value
        if pattern[0] == "any":
            return True
        if pattern[0] == "either":
            return any(self.matches(part, value, scope) for part in pattern[1])
        if pattern[0] == "path":
            value = self.truth(value) if isinstance(value, (Cond, Unknown)) else value
            if isinstance(value, Val):  # a named constant
                return self.truth(Cond("==", value, self.on_path(("path", [pattern[1]], []), scope, None)))
            return str(value).lower() == pattern[1] if isinstance(value, bool) else value.name == pattern[1]
        if pattern[0] == "variant":
            return value.name == pattern[1] and self.matches(pattern[2], value.value, scope)
        if pattern[0] == "tuple":
            if self.is_sequence(value) and not isinstance(value, list):
                return self.matches_slice(pattern[1], value, scope)
            parts, items = self.aligned(pattern[1], value)
            return len(parts) == len(items) and all(self.matches(part, item, scope) for part, item in zip(parts, items))
        if pattern[0] == "fields":
            if isinstance(value, Variant):
                if value.name != pattern[1]:
                    return False
                value = value.value
            return all(self.matches(part, value.fields[name], scope) for name, part in pattern[2].items())
        if pattern[0] == "literal":
            return self.truth(Cond("==", value, constant(pattern[1][0], value.kind)))
        if pattern[0] == "name" and pattern[1].isupper() and isinstance(value, Val):  # a constant, not a binding
            return self.truth(Cond("==", value, self.on_path(("path", [pattern[1]], []), scope, None)))
        self.bind(pattern, value, scope)
        return True

    def some_error(self):
        """An error of a call that a contract stands for."""
        if self.path.choose(2):
            return Variant("Overflow", None, "RiskError")
        return Variant("Unsorted", Struct("Unsorted", {"index": self.path.fresh(0, 2**64 - 1, "usize", "index")}), "RiskError")

    def matches_slice(self, parts, many, scope):
        least = len([part for part in parts if part != ("rest",)])
        operator = ">=" if ("rest",) in parts else "=="
        if not self.path.branch(Cond(operator, many.length, constant(least, "usize"))):
            return False
        return all(self.matches(part, many.make(self.path), scope) for part in parts if part != ("rest",))

    def on_try(self, expression, scope, want):
        value = self.eval(expression[1], scope)
        if value.name in ("None", "Err"):
            raise Returned(value)
        return value.value

    def on_unary(self, expression, scope, want):
        if expression[1] == "&mut":
            return self.borrow(expression[2], scope)
        value = self.eval(expression[2], scope, want)
        if expression[1] == "*":
            return value
        if expression[1] == "!":
            if isinstance(value, Val):  # the complement of a signed number
                return self.path.sub(constant(-1, value.kind), value, value.kind, "complement")
            return value if isinstance(value, Unknown) else value.negated() if isinstance(value, Cond) else not value
        self.note(expression)
        kind = want if value.node.tags.get("literal") and want in ("i32", "i64", "i128") else value.kind
        return self.path.sub(constant(0, kind), value, kind, "plain negation")

    def borrow(self, target, scope):
        """`&mut target`: structs and arrays stand for themselves, a number needs its place."""
        value = self.eval(target, scope)
        if isinstance(value, Val) and target[0] in ("path", "field", "index"):
            return Place(lambda: self.eval(target, scope), lambda new: self.store(target, new, scope))
        return value.borrowed() if isinstance(value, Many) else value

    def on_cast(self, expression, scope, want):
        self.note(expression)
        value = self.eval(expression[1], scope)
        if isinstance(value, Variant):
            return constant(self.source.enums[value.owner].index(value.name), expression[2])
        if isinstance(value, (Cond, bool, Unknown)):
            return constant(int(self.truth(value)), expression[2])
        return self.path.cast(value, expression[2], "cast")

    def on_binary(self, expression, scope, want):
        _, operator, left, right = expression
        if operator in ("&&", "||"):
            return self.condition(expression, scope)
        self.note(expression)
        compared = operator in ORDERED
        a = self.eval(left, scope, None if compared else want)
        b = self.eval(right, scope, a.kind if isinstance(a, Val) and operator not in ("<<", ">>") else "u32")
        return self.binary(operator, a, b)

    def binary(self, operator, a, b):
        flags = (bool, Cond, Unknown)
        if isinstance(a, Variant) or isinstance(a, list):
            return self.compare(operator, a, b)
        if isinstance(a, flags) or isinstance(b, flags):
            a, b = (self.truth(x) if isinstance(x, (Cond, Unknown)) else x for x in (a, b))
            return {"==": a == b, "!=": a != b, "|": a or b, "&": a and b}[operator]
        if isinstance(a, Struct) and list(a.fields) != ["0"]:
            return self.compare(operator, a, b)
        if isinstance(a, Struct):
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
        if operator == "^":
            return self.path.bits(a, b, "^")
        if operator == "&":
            return self.mask(a, b)
        raise Unsupported(f"operator {operator}")

    def compare(self, operator, a, b):
        """Variants, tuples and structs: decided where it can be without looking at numbers, else either way."""
        if isinstance(a, Variant) and a.name != b.name:
            order = self.source.enums.get(a.owner, ()) if operator not in ("==", "!=") else ()
            if operator in ("==", "!="):
                return operator == "!="
            if a.name in order and b.name in order:
                first, second = order.index(a.name), order.index(b.name)
                return {"<": first < second, "<=": first <= second, ">": first > second, ">=": first >= second}[operator]
            return Unknown()
        if isinstance(a, Variant) and a.value is None and b.value is None:
            return operator in ("==", "<=", ">=")
        return Unknown()

    def mask(self, a, b):
        if a.is_constant and not b.is_constant:
            a, b = b, a
        if not b.is_constant:
            if a.lo < 0 or a.hi > 1:
                return self.path.bits(a, b, "&")
            return constant(0, a.kind) if self.path.branch(Cond("==", a, constant(0, a.kind))) else b
        bits = b.lo.bit_length()
        if b.lo != (1 << bits) - 1:
            raise Unsupported(f"mask {b.lo:#x}")
        return self.path.split_bits(a, bits)[1] if bits else constant(0, a.kind)

    def on_index(self, expression, scope, want):
        self.note(expression)
        table, index = self.eval(expression[1], scope), self.eval(expression[2], scope, "usize")
        if isinstance(table, Many):
            self.path.require(index.z < table.length.z, "index")
            return table.make(self.path)
        self.path.bound(index, 0, len(table) - 1, "index")
        rows = table[index.lo : index.hi + 1]
        if len(rows) == 1 and not isinstance(rows[0], int) and not (isinstance(rows[0], list) and isinstance(rows[0][0], int)):
            return rows[0]
        if isinstance(rows[0], (Val, Struct)):
            raise Unsupported("an index into values that is not known")
        if isinstance(rows[0], list):
            columns = zip(*rows)
            return [self.path.fresh(min(c), max(c), "i64", "row") for c in columns]
        return self.path.fresh(min(rows), max(rows), "i64", "row")

    # -- names -----------------------------------------------------------------------------------------------------
    def on_path(self, expression, scope, want):
        path = expression[1]
        name = path[-1]
        if len(path) == 1 and name in scope:
            value = scope[name]
            return value.get() if isinstance(value, Place) else value
        if name in self.source.tables:
            return self.source.tables[name]
        if name in ("MAX", "MIN", "BITS") and path[0] in INTEGERS:
            least, most = type_range(path[0])
            return constant({"MAX": most, "MIN": least, "BITS": int(path[0][1:])}[name], "u32" if name == "BITS" else path[0])
        if name in ("true", "false"):
            return name == "true"
        owner = scope["#owner"] if path[0] == "Self" else path[-2] if len(path) > 1 else None
        if name == "ZERO" and owner in self.source.structs:
            return Struct(owner, {"0": constant(0, self.source.fields(owner)["0"])})
        found = self.constant(name, scope, owner)
        if found is not None:
            return found
        if owner is not None and not name[0].isupper():
            return self.function_value(path, owner, name, scope)
        if name[0].isupper():
            return Variant(scope["#owner"] if name == "Self" else name, None, owner)
        raise Unsupported(f"name {'::'.join(path)}")

    def function_value(self, path, owner, name, scope):
        """A function passed on, as the argument of a `map`."""
        if name == "from_raw":  # a constructor
            return Variant(owner)
        if owner in INTEGERS and name in ("from", "try_from"):
            return ("conversion", path, scope)
        if owner in self.source.traits or owner in INTEGERS or name == "raw":
            return ("method", name)
        function = self.source.find(owner, name, scope["#file"])
        if function is None:
            raise Unsupported(f"name {'::'.join(path)}")
        return ("function", function)

    def constant(self, name, scope, owner):
        hits = [(key, item) for key, item in self.source.constants.items() if key[-1] == name]
        mine = [h for h in hits if h[1][2] == owner and owner]
        hits = mine or [h for h in hits if h[0][0] == scope["#file"] and h[1][2] is None] or [h for h in hits if h[1][2] in (owner, None)]
        if not hits or (owner and not mine and owner in self.source.structs):
            return None
        key, (kind, tokens, belongs) = hits[0]
        inner = Scope({"#file": key[0], "#owner": belongs, "#function": scope["#function"]})
        value = self.eval(Parser(list(tokens)).expression(), inner, kind)
        if isinstance(value, Val):
            return constant(value.lo, kind) if value.is_constant else Val(value.node, kind)
        return value

    # -- calls -----------------------------------------------------------------------------------------------------
    def argument(self, expression, scope, kind):
        """A reference is passed on as one."""
        if expression[0] == "path" and len(expression[1]) == 1 and expression[1][0] in scope:
            held = scope[expression[1][0]]
            if isinstance(held, Place):
                return held
        return self.eval(expression, scope, kind)

    def on_call(self, expression, scope, want):
        _, target, arguments = expression
        self.note(expression)
        if target[0] != "path":
            raise Unsupported("call of a value")
        path, generics = target[1], target[2]
        if len(path) == 1 and path[0] in scope:
            return self.apply(scope[path[0]], *[self.argument(a, scope, None) for a in arguments])
        owner = path[-2] if len(path) > 1 and path[-2][0].isupper() else None
        owner = scope["#owner"] if owner == "Self" else owner
        function = self.source.find(owner, path[-1], scope["#file"])
        kinds = [kind for pattern, kind in function.params] if function else [None] * len(arguments)
        values = [self.argument(argument, scope, kind) for argument, kind in zip(arguments, kinds, strict=True)]
        if function:
            return self.call(function, values, [scope[g] if g in scope else g for g in generics])
        return self.intrinsic(path, values, scope)

    def intrinsic(self, path, values, scope):
        name, owner = path[-1], path[-2] if len(path) > 1 else None
        values = [value.get() if isinstance(value, Place) else value for value in values]
        if name in ("Some", "Ok", "Err"):
            return Variant(name, values[0])
        if name == "Self" or (owner is None and self.source.fields(name)):
            owner = scope["#owner"] if name == "Self" else name
            kind = self.source.fields(owner)["0"]
            return Struct(owner, {"0": Val(values[0].node, kind)})
        if name == "default":
            return self.default_of(owner, scope)
        if name in ("from_raw", "raw"):
            owner = scope["#owner"] if owner == "Self" else owner
            return Struct(owner, {"0": Val(values[0].node, self.source.fields(owner)["0"])})
        if name == "from" and isinstance(values[0], (Cond, bool, Unknown)):
            return constant(int(self.truth(values[0])), owner)
        if name == "from":
            return self.path.cast(values[0], owner, "conversion")
        if name == "try_from":
            return self.try_from(values[0], owner)
        if owner in INTEGERS:
            return self.number_method(Val(values[0].node, owner), name, values[1:])
        if name[0].isupper():
            return Variant(name, values[0] if len(values) == 1 else values, owner)
        raise Unsupported(f"call of {'::'.join(path)}")

    def default_of(self, kind, scope):
        """What `derive(Default)` makes of a type."""
        kind = scope["#owner"] if kind == "Self" else kind
        if kind in INTEGERS:
            return constant(0, kind)
        if kind == "bool":
            return False
        fields = self.source.fields(kind, scope["#file"])
        if fields is None:
            raise Unsupported(f"the default of {kind}")
        return Struct(kind, {name: self.default_of(inner, scope) for name, inner in fields.items()})

    def try_from(self, value, kind):
        least, most = type_range(kind)
        if self.path.branch(Cond("<", value, constant(least, "i1024"))):
            return Variant("Err")
        if self.path.branch(Cond(">", value, constant(most, "i1024"))):
            return Variant("Err")
        return Variant("Ok", Val(value.node, kind))

    def on_method(self, expression, scope, want):
        _, target, name, arguments, generics = expression
        self.note(expression)
        receiver = self.eval(target, scope, want)
        if isinstance(receiver, Struct) and name not in ("max", "min", "raw"):
            function = self.source.find(receiver.owner, name, scope["#file"])
            kinds = [kind for _, kind in function.params[1:]] if function else [None] * len(arguments)
            return self.method(receiver, name, [self.argument(a, scope, k) for a, k in zip(arguments, kinds)], scope["#file"], [scope[g] if g in scope else g for g in generics])
        if isinstance(receiver, Val):
            return self.method_of_number(receiver, name, arguments, scope, want)
        kind = "usize" if self.is_sequence(receiver) and name not in ("fold", "try_fold") else None
        return self.method(receiver, name, [self.eval(a, scope, kind) for a in arguments], scope["#file"])

    def method_of_number(self, receiver, name, arguments, scope, want):
        shift = name.startswith(("wrapping_sh", "checked_sh"))
        kind = receiver.kind
        literal = receiver.node.tags.get("literal")
        if literal and want in INTEGERS:
            kind = want
        values = [self.eval(a, scope, "u32" if shift else kind) for a in arguments]
        if literal and not shift and values and isinstance(values[0], Val) and not values[0].node.tags.get("literal"):
            kind = values[0].kind
        return self.number_method(Val(receiver.node, kind), name, values)

    def method(self, receiver, name, values, file=None, generics=()):
        receiver = receiver.get() if isinstance(receiver, Place) else receiver
        if isinstance(receiver, Struct):
            return self.method_of_struct(receiver, name, values, file, generics)
        if self.is_sequence(receiver):
            return self.on_sequence(receiver, name, values)
        if isinstance(receiver, Variant):
            function = self.source.find(receiver.owner, name, file) if receiver.owner in self.source.enums else None
            return self.call(function, [receiver, *values]) if function else self.on_variant(receiver, name, values)
        if isinstance(receiver, Val):
            return self.number_method(receiver, name, values)
        if name in ("copied", "as_ref"):
            return receiver
        raise Unsupported(f"method {name} of {receiver!r}")

    def method_of_struct(self, receiver, name, values, file, generics=()):
        if name == "raw":
            return receiver.fields["0"]
        if name in ("max", "min"):
            value = getattr(self.path, {"max": "larger", "min": "smaller"}[name])(receiver.fields["0"], values[0].fields["0"])
            return Struct(receiver.owner, {"0": value})
        if name in ("clone", "into"):
            return copied(receiver)
        function = self.source.find(receiver.owner, name, file)
        if function is None:
            raise Unsupported(f"method {receiver.owner}::{name}")
        return self.call(function, [receiver, *values], generics)
