"""What a Rust value is to the interpreter, and the methods of numbers and options."""
from lemmas import Cond, Val, constant, type_range
from rust import Unsupported

WRAPPING = {"wrapping_add": "add", "wrapping_sub": "sub", "wrapping_mul": "mul", "wrapping_shl": "shl", "wrapping_shr": "shr"}


class Returned(Exception):
    """`return` and `?` inside the code."""

    def __init__(self, value):
        super().__init__()
        self.value = value


class Broken(Exception):
    """`break` inside the code."""


class Struct:
    """A Rust struct: its type and its fields."""

    def __init__(self, owner, fields):
        self.owner, self.fields = owner, fields

    def __getattr__(self, name):
        return self.fields[name]


class Variant:
    """`Some`, `None`, `Ok`, `Err` and the variants of other enums."""

    def __init__(self, name, value=None):
        self.name, self.value = name, value


class Names:
    """The variables of a function, or the fields of a struct, by name, as terms: what hints are written in."""

    def __init__(self, scope):
        self.scope = scope

    def __getattr__(self, name):
        value = self.scope[name]
        return value.z if isinstance(value, Val) else Names(value.fields) if isinstance(value, Struct) else value


class Scope(dict):
    """Variables of a block; assignment reaches the block that declared them."""

    def __init__(self, parent):
        super().__init__()
        self.parent = parent

    def __missing__(self, name):
        return self.parent[name]

    def __contains__(self, name):
        return super().__contains__(name) or name in self.parent

    def assign(self, name, value):
        scope = self
        while not dict.__contains__(scope, name):
            scope = scope.parent
        scope[name] = value


class Methods:
    """Methods of options and numbers; the interpreter adds what runs code: `apply`, `truth`, `path`."""

    def on_variant(self, receiver, name, values):
        good = receiver.name in ("Some", "Ok")
        if name in ("ok", "copied", "as_ref"):
            return Variant("Some", receiver.value) if good else Variant("None")
        if name == "map_err":
            return receiver if good else Variant("Err")
        if name in ("ok_or", "ok_or_else"):
            return Variant("Ok", receiver.value) if good else Variant("Err")
        if name == "unwrap_or":
            return receiver.value if good else values[0]
        if not good:
            return receiver if name != "map_or" else values[0]
        if name == "map":
            if isinstance(values[0], Variant):  # the constructor `Self`
                return Variant(receiver.name, Struct(values[0].name, {"0": receiver.value}))
            return Variant(receiver.name, self.apply(values[0], receiver.value))
        if name == "map_or":
            return self.apply(values[1], receiver.value)
        if name == "and_then":
            return self.apply(values[0], receiver.value)
        if name == "filter":
            return receiver if self.truth(self.apply(values[0], receiver.value)) else Variant("None")
        raise Unsupported(f"method {name} of an option")

    def number_method(self, a, name, values):
        path, kind = self.path, a.kind
        if name in WRAPPING:
            operation = getattr(path, WRAPPING[name])
            if name.startswith("wrapping_sh"):
                return operation(a, values[0], name)
            return operation(a, values[0], kind, name)
        if name == "wrapping_neg":
            return path.sub(constant(0, kind), a, kind, name)
        if name in ("unsigned_abs", "abs"):
            return path.absolute(a, "u" + kind[1:] if name == "unsigned_abs" else kind)
        if name in ("min", "max"):
            return getattr(path, {"min": "smaller", "max": "larger"}[name])(a, values[0])
        if name == "clamp":
            path.require(values[0].z <= values[1].z, "clamp: least <= most")
            return path.smaller(path.larger(a, values[0]), values[1])
        if name == "div_euclid":
            return path.floor_divide(a, values[0], kind)
        if name == "leading_zeros":
            return path.leading_zeros(a, int(kind[1:]))
        if name in ("raw", "into"):
            return a
        return self.checked_method(a, name, values)

    def checked_method(self, a, name, values):
        family, _, operation = name.partition("_")
        if family not in ("checked", "saturating") or operation not in ("add", "sub", "mul", "div", "abs", "add_signed"):
            raise Unsupported(f"method {name} of {a.kind}")
        least, most = type_range(a.kind)
        if operation == "div":
            if self.path.branch(Cond("==", values[0], constant(0, a.kind))):
                return Variant("None")
            return Variant("Some", self.path.divide(a, values[0], a.kind)[0])
        if operation == "abs":
            wide = self.path.absolute(a, "i128")
        else:
            wide = getattr(self.path, operation.removesuffix("_signed"))(a, values[0], "i128", name)
        if family == "saturating":
            wide = self.path.smaller(self.path.larger(wide, constant(least, "i128")), constant(most, "i128"))
            return Val(wide.node, a.kind)
        if self.path.branch(Cond("<", wide, constant(least, "i128"))) or self.path.branch(Cond(">", wide, constant(most, "i128"))):
            return Variant("None")
        return Variant("Some", Val(wide.node, a.kind))
