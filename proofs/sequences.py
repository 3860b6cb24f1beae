"""Slices, arrays and iterators, and loops over what has no known length: by an invariant, not by unrolling."""
from lemmas import Cond, Dead, Refuted, Val, constant, type_range
from syntax import Unsupported
from values import Broken, Continued, Place, Scope, Struct, Unknown, Variant, copied, is_same, places

I64_MOST = 2**63 - 1
SAME = ("clone", "iter", "into_iter", "by_ref", "as_slice", "as_mut_slice", "into_slice", "copied", "cloned", "as_ref", "rev", "as_mut")


class Many:
    """A sequence of unknown length; an element is whatever `make(path)` gives, and nothing is remembered of it.

    `known` is an index with what makes the element there, where a claim knows more of it.
    """

    def __init__(self, make, length):
        self.make, self.length, self.is_borrowed, self.known = make, length, False, None

    @staticmethod
    def of(path, make, most):
        return Many(make, path.fresh(0, most, "usize", "length"))

    def borrowed(self):
        """`&mut`: a loop over it gets references."""
        many = Many(self.make, self.length)
        many.__dict__.update(self.__dict__, is_borrowed=True)
        return many

    def again(self):
        """An iterator of its own over the same."""
        many = Many(self.make, self.length)
        many.__dict__.update(self.__dict__)
        return many

    def same_length(self, make):
        return Many(make, self.length)


def cells(many):
    """References to the elements of a sequence."""

    def make(path):
        value = many.make(path)
        if isinstance(value, (Struct, Place)):
            return value
        cell = [value]
        return Place(lambda: cell[0], lambda new: cell.__setitem__(0, new))

    return many.same_length(make)


class Kept:
    """What a loop keeps of a variable that is no plain number: how any such value is made, and how one is checked."""

    def __init__(self, make, check=lambda path, value: None):
        self.make, self.check = make, check


class Ghost:
    """What a loop keeps between several variables: `start` and `check` prove it of the state, `assume` makes any such state."""

    def __init__(self, start, assume, check):
        self.start, self.assume, self.check = start, assume, check


def anything(path, value, source=None):
    """Any value of the shape of one that is there; structs and lists are overwritten in place."""
    if isinstance(value, Val):
        return path.fresh(*type_range(value.kind), value.kind, "any")
    if isinstance(value, (bool, Unknown, Cond)):
        return Unknown()
    if isinstance(value, Struct):
        for name, field in value.fields.items():
            value.fields[name] = anything(path, field, source)
        return value
    if isinstance(value, list):
        value[:] = [anything(path, item, source) for item in value]
        return value
    if isinstance(value, Many):
        return value
    if isinstance(value, Variant) and source and value.owner in source.enums:
        names = source.enums[value.owner]
        return Variant(names[path.choose(len(names))], None, value.owner)
    raise Unsupported(f"any value of {value!r}")


class Sequences:
    """Methods of sequences and the rule of loops; the interpreter adds `apply`, `truth`, `path`."""

    def on_sequence(self, receiver, name, values):
        if name in SAME:
            if name not in ("iter", "into_iter"):
                return receiver
            return list(receiver) if isinstance(receiver, list) else receiver.again() if isinstance(receiver, Many) else receiver
        if isinstance(receiver, tuple):  # an open range of numbers, as the counter of a zip
            receiver = self.many_of_range(receiver)
        known = isinstance(receiver, list)
        method = getattr(self, ("list_" if known else "many_") + name, None) or getattr(self, "sequence_" + name, None)
        if method is None:
            raise Unsupported(f"method {name} of a {'list' if known else 'sequence'}")
        return method(receiver, *values)

    # -- of any length ---------------------------------------------------------------------------------------------
    def some(self, many):
        """Whether a sequence has an element."""
        return self.path.branch(Cond(">=", many.length, constant(1, "usize")))

    def many_of_range(self, item):
        start = item[1]
        most = type_range(start.kind)[1]
        return Many.of(self.path, lambda path: path.fresh(start.lo, most, start.kind, "counter"), most)

    def many_iter_mut(self, many):
        return cells(many)

    def many_enumerate(self, many):
        def make(path):
            index = path.fresh(0, max(0, many.length.hi - 1), "usize", "index")
            path.facts.append(index.z < many.length.z)
            return [index, many.make(path)]

        return many.same_length(make)

    def sequence_zip(self, first, second):
        first, second = self.as_many(first), self.as_many(second)
        return Many(lambda path: [first.make(path), second.make(path)], self.path.smaller(first.length, second.length))

    def as_many(self, item):
        if isinstance(item, Many):
            return self.many_iter_mut(item) if item.is_borrowed else item
        if isinstance(item, tuple):
            return self.many_of_range(item)
        if not item:
            return Many(None, constant(0, "usize"))
        return Many(lambda path: item[path.choose(len(item))], constant(len(item), "usize"))

    def many_take(self, many, count):
        return Many(many.make, self.path.smaller(many.length, count))

    def many_skip(self, many, count):
        return Many.of(self.path, many.make, many.length.hi)

    def many_filter(self, many, closure):
        self.try_one(many, closure)
        return Many.of(self.path, many.make, many.length.hi)

    def many_filter_map(self, many, closure):
        def make(path):
            found = self.apply(closure, many.make(path))
            if found.name == "None":
                raise Dead
            return found.value

        self.try_one(many, closure)
        return Many.of(self.path, make, many.length.hi)

    def many_map(self, many, closure):
        return many.same_length(lambda path: self.apply(closure, many.make(path)))

    def try_one(self, many, closure, *before):
        """Walks a closure on some element, on a way of its own: whatever it may do wrong shows, whatever it gives is possible."""
        if self.path.choose(2):
            if self.some(many):
                self.apply(closure, *before, many.make(self.path))
            raise Dead

    def many_any(self, many, closure):
        self.try_one(many, closure)
        return Unknown()

    def many_position(self, many, closure):
        self.try_one(many, closure)
        if not (self.some(many) and self.path.choose(2)):
            return Variant("None")
        index = self.path.fresh(0, max(0, many.length.hi - 1), "usize", "position")
        self.path.facts.append(index.z < many.length.z)
        return Variant("Some", index)

    def many_partition_point(self, many, closure):
        self.try_one(many, closure)
        index = self.path.fresh(0, many.length.hi, "usize", "point")
        self.path.facts.append(index.z <= many.length.z)
        return index

    def many_find(self, many, closure):
        self.try_one(many, closure)
        if not (self.some(many) and self.path.choose(2)):
            many.length = constant(0, "usize")
            return Variant("None")
        left = self.path.fresh(0, max(0, many.length.hi - 1), "usize", "left")
        self.path.facts.append(left.z < many.length.z)
        many.length = left
        return Variant("Some", many.make(self.path))

    def many_next(self, many):
        if not self.some(many):
            return Variant("None")
        many.length = self.path.sub(many.length, constant(1, "usize"), "usize")
        return Variant("Some", many.make(self.path))

    many_next_back = many_next

    def many_first(self, many):
        return Variant("Some", many.make(self.path)) if self.some(many) else Variant("None")

    many_last = many_first_mut = many_max = many_min = many_first

    def many_get(self, many, index):
        if isinstance(index, tuple):
            start = index[1] if index[1] is not None else constant(0, "usize")
            end = index[2] if index[2] is not None else many.length
            if not (self.path.branch(Cond("<=", start, end)) and self.path.branch(Cond("<=", end, many.length))):
                return Variant("None")
            return Variant("Some", Many(many.make, end if start.is_constant and start.lo == 0 else self.path.sub(end, start, "usize")))
        found = self.path.branch(Cond("<", index, many.length))
        make = many.known[1] if many.known and many.known[0].node is index.node else many.make
        return Variant("Some", make(self.path)) if found else Variant("None")

    def many_get_mut(self, many, index):
        if isinstance(index, tuple):
            found = self.many_get(many, index)
            return Variant("Some", found.value.borrowed()) if found.name == "Some" else found
        written = getattr(many, "written", None)
        if written is not None:  # a claim watches what is stored
            within = self.path.branch(Cond("<", index, many.length))
            return Variant("Some", Place(lambda: None, written.append)) if within else Variant("None")
        found = self.many_get(many, index)
        if isinstance(found.value, Val):
            cell = [found.value]
            return Variant("Some", Place(lambda: cell[0], lambda new: cell.__setitem__(0, new)))
        return found

    def many_len(self, many):
        return many.length

    def many_is_empty(self, many):
        return not self.some(many)

    def many_fill(self, many, value):
        return None

    def many_split_at(self, many, middle):
        self.path.require(middle.z <= many.length.z, "split_at: within the slice")
        rest = self.path.sub(many.length, middle, "usize")
        return [Many(many.make, middle), Many(many.make, rest)]

    def many_split_at_mut(self, many, middle):
        return [half.borrowed() for half in self.many_split_at(many, middle)]

    def many_split_at_checked(self, many, middle):
        if not self.path.branch(Cond("<=", middle, many.length)):
            return Variant("None")
        return Variant("Some", self.many_split_at(many, middle))

    def many_split_at_mut_checked(self, many, middle):
        found = self.many_split_at_checked(many, middle)
        return Variant("Some", [half.borrowed() for half in found.value]) if found.name == "Some" else found

    def many_split_first_mut(self, many):
        if not self.some(many):
            return Variant("None")
        return Variant("Some", [many.make(self.path), Many(many.make, self.path.sub(many.length, constant(1, "usize"), "usize"))])

    def many_rotate_right(self, many, count):
        self.path.require(count.z <= many.length.z, "rotate_right: within the slice")

    def sequence_fold(self, sequence, start, closure):
        if isinstance(sequence, list):
            for item in sequence:
                start = self.apply(closure, start, item)
            return start
        self.try_one(sequence, closure, anything(self.path, start, self.source))
        return anything(self.path, start, self.source)  # whatever was folded

    def sequence_try_fold(self, sequence, start, closure):
        self.try_one(self.as_many(sequence), closure, anything(self.path, copied(start), self.source))
        return Variant("Ok", anything(self.path, copied(start), self.source)) if self.path.choose(2) else Variant("Err")

    def sequence_try_for_each(self, sequence, closure):
        self.try_one(self.as_many(sequence), closure)
        return Variant("Ok", []) if self.path.choose(2) else Variant("Err")

    # -- of known length -------------------------------------------------------------------------------------------
    def list_iter_mut(self, items):
        def cell(index):
            return Place(lambda: items[index], lambda new: items.__setitem__(index, new))

        return [item if isinstance(item, (Struct, list)) else cell(index) for index, item in enumerate(items)]

    def list_zip(self, first, second):
        if isinstance(second, list):
            return [list(pair) for pair in zip(first, second)]
        if isinstance(second, tuple) and second[1] is not None:
            start = second[1]
            return [[item, constant(start.lo + index, start.kind)] for index, item in enumerate(first)]
        return self.sequence_zip(first, second)

    def list_enumerate(self, items):
        return [[constant(index, "usize"), item] for index, item in enumerate(items)]

    def list_map(self, items, closure):
        return [self.apply(closure, item) for item in items]

    def list_partition_point(self, items, closure):
        return constant(0, "usize") if not items else self.many_partition_point(self.as_many(items), closure)

    def list_len(self, items):
        return constant(len(items), "usize")

    def list_is_empty(self, items):
        return not items

    def list_take(self, items, count):
        return items[: count.lo] if count.is_constant else self.many_take(self.as_many(items), count)

    def list_skip(self, items, count):
        return items[count.lo :] if count.is_constant or not items else self.many_skip(self.as_many(items), count)

    def list_position(self, items, closure):
        return self.many_position(self.as_many(items), closure) if items else Variant("None")

    def list_first(self, items):
        return Variant("Some", items[0]) if items else Variant("None")

    def list_next(self, items):
        return Variant("Some", items.pop(0)) if items else Variant("None")

    def list_last(self, items):
        return Variant("Some", items[-1]) if items else Variant("None")

    def list_get(self, items, index):
        if isinstance(index, tuple):
            first = index[1].lo if index[1] is not None else 0
            if (index[1] is None or index[1].is_constant) and (index[2] is None or index[2].is_constant):
                last = len(items) if index[2] is None else index[2].lo
                return Variant("Some", items[first:last]) if first <= last <= len(items) else Variant("None")
            return self.many_get(self.as_many(items), index)
        for place, item in enumerate(items):
            if self.path.branch(Cond("==", index, constant(place, index.kind))):
                return Variant("Some", item)
        return Variant("None")

    def list_get_mut(self, items, index):
        found = self.list_get(items, index)
        if found.name == "None" or not isinstance(found.value, Val):
            return found
        at = next(place for place, item in enumerate(items) if item is found.value)
        return Variant("Some", Place(lambda: items[at], lambda new: items.__setitem__(at, new)))

    # -- loops -----------------------------------------------------------------------------------------------------
    def for_each(self, statement, scope):
        sequence = self.eval(statement[2], scope)
        if isinstance(sequence, list) and statement[2][:2] == ("unary", "&mut"):
            sequence = self.list_iter_mut(sequence)
        if isinstance(sequence, tuple):
            sequence = self.counted(sequence)
        elif isinstance(sequence, Many):
            sequence = self.as_many(sequence)
        if isinstance(sequence, Many):
            self.by_invariant(
                scope, lambda: self.goes_on(sequence), lambda: self.turn(statement, self.element(sequence), scope), None, sequence.length,
            )  # fmt: skip
            return
        for item in sequence:
            try:
                self.turn(statement, item, scope)
            except Continued:
                continue
            except Broken:
                return

    def goes_on(self, sequence):
        """A turn follows only if fewer turns were taken than there are elements."""
        return self.path.branch(Cond("<", self.turns, sequence.length))

    def element(self, sequence):
        if sequence.length.hi == 0:
            raise Dead
        return sequence.make(self.path)

    def counted(self, item):
        start, end = item[1], item[2]
        most = end.hi if item[3] else end.hi - 1
        return Many.of(self.path, lambda path: path.fresh(start.lo, max(start.lo, most), end.kind, "counter"), 2**32)

    def turn(self, statement, item, scope):
        inner = Scope(scope)
        self.bind(statement[1], item, inner)
        self.notice(statement[1], inner)
        self.block(statement[3], inner)

    def by_invariant(self, scope, goes_on, body, leaves=None, length=None):
        """What the claim states of the variables holds before; one turn from any such state keeps it; so it holds after.

        A place that the turn writes and the claim does not name refutes the claim.
        """
        function = scope["#function"].name
        stated = self.loops.get(function, {})
        ghosts = [kept for name, kept in stated.items() if name.startswith("#")]
        self.check_invariant(stated, scope, "before the loop")
        for ghost in ghosts:
            ghost.start(self, scope)
        for name, kept in stated.items():
            if name.partition(".")[0] in scope:
                self.write(scope, name, self.kept_value(kept, self.read(scope, name)))
        if length is not None:  # how many turns were taken
            self.turns = self.path.fresh(0, length.hi, "usize", "turns")
            self.path.facts.append(self.turns.z <= length.z)
        turns = getattr(self, "turns", None)
        for ghost in ghosts:
            ghost.assume(self, scope)
        if self.path.choose(2) == 0:  # after any number of turns
            if leaves:
                leaves()
            return
        if not goes_on():
            raise Dead
        before = self.state(scope)
        try:
            body()
        except Continued:
            pass
        except Broken:
            return
        self.check_invariant(stated, scope, "after a turn")
        self.turns = turns
        for ghost in ghosts:
            ghost.check(self, scope)
        after = dict(self.state(scope))
        for name, value in before:
            known = any(name == s or name.startswith(s + ".") for s in stated)
            if not known and not is_same(value, after.get(name)):
                raise Refuted(f"{self.path.where}: the loop of {function} writes {name}: its range must be stated")
        raise Dead  # the next turn starts from a state that was covered

    def state(self, scope):
        seen, found = set(), []
        while isinstance(scope, dict):
            for name, value in dict.items(scope):
                if not name.startswith("#") and name not in seen:
                    found += list(places(value, name))
                    seen.add(name)
            scope = getattr(scope, "parent", None)
        return found

    def kept_value(self, kept, value):
        if kept == "any":
            return anything(self.path, value, self.source)
        if isinstance(kept, tuple) and isinstance(value, Struct):
            return Struct(value.owner, {"0": self.path.fresh(*kept, value.fields["0"].kind, "kept")})
        if isinstance(kept, tuple):
            kind = "u64" if value.node.tags.get("literal") and kept[1] > I64_MOST else value.kind
            return self.path.fresh(*kept, kind, "kept")
        return kept.make(self.path)

    def check_invariant(self, stated, scope, when):
        for name, kept in stated.items():
            if name.startswith("#") or name.partition(".")[0] not in scope or kept == "any":
                continue
            value = self.read(scope, name)
            if isinstance(kept, Kept):
                kept.check(self.path, value)
                continue
            self.path.bound(value.fields["0"] if isinstance(value, Struct) else value, *kept, f"{name} {when}")

    def read(self, scope, name):
        first, *rest = name.split(".")
        value = scope[first]
        value = value.get() if isinstance(value, Place) else value
        for part in rest:
            value = value.fields[part] if isinstance(value, Struct) else value[int(part)]
        return value

    def write(self, scope, name, value):
        first, *rest = name.split(".")
        if not rest:
            scope.assign(first, value)
            return
        target = self.read(scope, ".".join([first, *rest[:-1]]))
        if isinstance(target, Struct):
            target.fields[rest[-1]] = value
        else:
            target[int(rest[-1])] = value
