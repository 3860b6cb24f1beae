"""What a Rust value is to the interpreter, and the methods of numbers and options."""
from lemmas import Cond, Val, constant, type_range
from syntax import Unsupported

WRAPPING = {"wrapping_add": "add", "wrapping_sub": "sub", "wrapping_mul": "mul", "wrapping_shl": "shl", "wrapping_shr": "shr"}
INTEGERS = ("u8", "u16", "u32", "u64", "usize", "u128", "i8", "i32", "i64", "i128", "isize")


class Returned(Exception):
    """`return` and `?` inside the code."""

    def __init__(self, value):
        super().__init__()
        self.value = value


class Broken(Exception):
    """`break` inside the code."""


class Continued(Exception):
    """`continue` inside the code."""


class Unknown:
    """A truth value of which nothing is known: whoever reads it walks both ways."""


class Struct:
    """A Rust struct: its type and its fields."""

    def __init__(self, owner, fields):
        self.owner, self.fields = owner, fields

    def __getattr__(self, name):
        return self.fields[name]


class Later(Struct):
    """A struct that is made when it is first looked at, so that what it is decided by is not walked where nobody asks."""

    def __init__(self, owner, make):
        self.owner, self.make = owner, make

    def __getattr__(self, name):
        if name == "fields":
            self.fields = self.make()
            return self.fields
        return self.fields[name]


class Variant:
    """`Some`, `None`, `Ok`, `Err` and the variants of other enums."""

    def __init__(self, name, value=None, owner=None):
        self.name, self.value, self.owner = name, value, owner


class Place:
    """A reference to a number: reading and writing go to where it stands."""

    def __init__(self, get, put):
        self.get, self.put = get, put


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


def copied(value):
    """What a copy of a value is: later writes to the one do not reach the other."""
    if isinstance(value, Struct):
        return Struct(value.owner, {name: copied(field) for name, field in value.fields.items()})
    if isinstance(value, list):
        return [copied(item) for item in value]
    return value


def places(value, name):
    """Every number, flag and variant that can be reached from a value, with a name for it."""
    if isinstance(value, Struct):
        for field, inner in value.fields.items():
            yield from places(inner, f"{name}.{field}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, f"{name}.{index}")
    elif hasattr(value, "length"):  # an iterator that moves on
        yield name, value
        yield f"{name}.length", value.length
    elif not isinstance(value, (tuple, Place, str)) and value is not None:
        yield name, value


def is_same(a, b):
    """Whether nothing was written between two looks at a place."""
    if isinstance(a, Val) and isinstance(b, Val):
        return a.node is b.node or (a.is_constant and b.is_constant and a.lo == b.lo)
    if isinstance(a, Variant) and isinstance(b, Variant):
        return a is b or (a.name == b.name and a.value is None and b.value is None)
    return a is b


class Methods:
    """Methods of options and numbers; the interpreter adds what runs code: `apply`, `truth`, `path`."""

    def on_variant(self, receiver, name, values):
        good = receiver.name in ("Some", "Ok")
        if name in ("ok", "copied", "as_ref", "as_mut"):
            return Variant("Some", receiver.value) if good else Variant("None")
        if name in ("is_some", "is_ok", "is_none", "is_err"):
            return good is (name in ("is_some", "is_ok"))
        if name == "is_some_and":
            return self.truth(self.apply(values[0], receiver.value)) if good else False
        if name == "map_err":
            return receiver if good else Variant("Err", self.apply(values[0], receiver.value or self.some_error()))
        if name in ("ok_or", "ok_or_else"):
            return Variant("Ok", receiver.value) if good else Variant("Err")
        if name == "unwrap_or":
            return receiver.value if good else values[0]
        if name == "unwrap_or_default":
            return receiver.value if good else []  # of slices only: a number would fail at its first use
        if not good:
            return receiver if name != "map_or" else values[0]
        return self.on_some(receiver, name, values)

    def on_some(self, receiver, name, values):
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
        if name in ("unsigned_abs", "abs", "wrapping_abs"):
            return path.absolute(a, "u" + kind[1:] if name == "unsigned_abs" else kind)
        if name in ("min", "max"):
            return getattr(path, {"min": "smaller", "max": "larger"}[name])(a, values[0])
        if name == "clamp":
            path.require(values[0].z <= values[1].z, "clamp: least <= most")
            return path.smaller(path.larger(a, values[0]), values[1])
        if name == "div_euclid":
            return path.floor_divide(a, values[0], kind)
        if name == "leading_zeros":
            return path.leading_zeros(a, int(kind[1:]), int(kind[1:]))
        if name == "abs_diff":
            return path.absolute(path.sub(a, values[0], "i1024"), "u" + kind[1:])
        if name == "signum":
            zero = constant(0, kind)
            if path.branch(Cond("==", a, zero)):
                return zero
            return constant(1 if path.branch(Cond(">", a, zero)) else -1, kind)
        if name in ("raw", "into"):
            return a
        return self.checked_method(a, name, values)

    def checked_method(self, a, name, values):
        family, _, operation = name.partition("_")
        if family not in ("checked", "saturating") or operation not in ("add", "sub", "mul", "div", "div_euclid", "abs", "neg", "add_signed", "sub_unsigned"):
            raise Unsupported(f"method {name} of {a.kind}")
        least, most = type_range(a.kind)
        if operation in ("div", "div_euclid"):
            if self.path.branch(Cond("==", values[0], constant(0, a.kind))):
                return Variant("None")
            floored = self.path.floor_divide if operation == "div_euclid" else lambda *numbers: self.path.divide(*numbers)[0]
            return Variant("Some", floored(a, values[0], a.kind))
        if operation == "abs":
            wide = self.path.absolute(a, "i1024")
        elif operation == "neg":
            wide = self.path.sub(constant(0, a.kind), a, "i1024", name)
        else:
            wide = getattr(self.path, operation.partition("_")[0])(a, values[0], "i1024", name)
        if family == "saturating":
            wide = self.path.smaller(self.path.larger(wide, constant(least, "i1024")), constant(most, "i1024"))
            return Val(wide.node, a.kind)
        if self.path.branch(Cond("<", wide, constant(least, "i1024"))) or self.path.branch(Cond(">", wide, constant(most, "i1024"))):
            return Variant("None")
        return Variant("Some", Val(wide.node, a.kind))
