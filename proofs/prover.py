"""Numbers as the proofs see them: an integer term of z3, an interval that z3 has confirmed, and the operations on them.

Every operation is an obligation: its exact result, over the mathematical integers, must lie in the range of its Rust
type. The interval rules here only guess; z3 confirms each guess (a step lemma over the operands' intervals), and where an
interval is too wide z3 decides with everything that is known on the path.
"""
import re

import z3

from bitwise import Bits
from lemmas import (
    ASK_TIMEOUT, COUNT, FULL_TIMEOUT, PROVED, WIDTH, Cond, Dead, Node, Refuted, Val,
    constant, corner_facts, decide, operands, quotient_facts, same, step, type_range,
)  # fmt: skip


class Path(Bits):
    """One way through the code: what is known on it, and the decisions that led here."""

    def __init__(self, decisions=()):
        self.facts, self.decisions, self.trace, self.names = [], list(decisions), [], 0
        self.where = ""
        self.source = None
        self.generics = ()
        self.target = ""  # the variable that is being computed
        self.free = ()  # operations that may wrap to a number of which nothing is known
        self.modular = False  # sums and products may leave their type as long as what is read of them does not

    # -- facts -----------------------------------------------------------------------------------------------------
    def fresh(self, lo, hi, kind, name="t"):
        if lo == hi:
            return constant(lo, kind)
        return Val(Node(None, lo, hi, lambda node: self.named(name, node)), kind)

    def named(self, name, node):
        self.names += 1
        z = z3.Int(f"{name}_{self.names}")
        self.facts += [z >= node.lo, z <= node.hi]
        return z

    def distribute(self, a, b):
        """`a b = 2^k (high b) + low b` for every place where a was split on this path: makes products linear."""
        for tag, parts in list(a.node.tags.items()):
            if isinstance(tag, tuple) and tag[0] == "divided" and parts[2].lo == parts[2].hi:
                q, r, d = parts
                x, y, h, small = z3.Ints("x y h l")
                step(("distribute over", d.lo), 0, 0, lambda z: [x == h * d.lo + small, z == x * y - d.lo * (h * y) - small * y])
                self.facts.append(a.z * b.z == d.lo * (q.z * b.z) + r.z * b.z)
            if isinstance(tag, tuple) and tag[0] == "bits":
                high, low = parts
                x, y, h, small = z3.Ints("x y h l")
                step(("distribute", tag[1]), 0, 0, lambda r: [x == h * (1 << tag[1]) + small, r == x * y - (1 << tag[1]) * (h * y) - small * y])
                self.facts.append(a.z * b.z == (1 << tag[1]) * (high.z * b.z) + low.z * b.z)
                for part in parts:
                    self.distribute(Val(part, a.kind), b)

    def decided(self, goal, linear=False, timeout=FULL_TIMEOUT):
        """z3's answer to the negated goal. Paths share their beginnings, so what was proved there is remembered: terms
        are shared by z3 itself, and equal terms have one id while they live."""
        facts = [*self.facts, z3.Not(goal)]
        key = tuple(fact.get_id() for fact in facts)
        if key in PROVED:
            return PROVED[key][:2]
        COUNT["full"] += 1
        answer, solver = decide(facts, timeout, linear)
        PROVED[key] = (answer, None if answer == z3.unsat else solver, facts)
        return answer, solver

    def holds(self, goal):
        """Whether z3 derives the goal from everything known on this path."""
        return self.decided(goal, timeout=ASK_TIMEOUT)[0] == z3.unsat

    def require(self, goal, what, linear=False):
        """Proves a goal from everything known here; `linear` takes products of variables as opaque."""
        answer, solver = self.decided(goal, linear)
        if answer != z3.unsat:
            sample = f"; for example {str(solver.model())[:300]}" if answer == z3.sat else ""
            raise Refuted(f"{self.where}: {what}: {answer}{sample}")
        self.facts.append(goal)

    def narrow(self, value, lo, hi):
        """Takes over an interval that was just proved; passes it on to what the value was shifted from."""
        node = value.node
        if lo > node.lo and node.term is not None:
            self.facts.append(node.z >= lo)
        if hi < node.hi and node.term is not None:
            self.facts.append(node.z <= hi)
        node.lo, node.hi = max(node.lo, lo), min(node.hi, hi)
        if node.lo > node.hi:
            raise Dead
        if "leading zeros of" in node.tags and node.tags["leading zeros of"].lo >= 1:
            self.narrow(Val(node.tags["leading zeros of"], "u64"), 1 << max(0, 63 - node.hi), (1 << (64 - node.lo)) - 1)
        if "from" in node.tags:
            start, origin = node.tags["from"]
            self.narrow(Val(origin, "i64"), start - node.hi, start - node.lo)
        if "scaled" in node.tags:
            origin, bits = node.tags["scaled"]
            self.narrow(Val(origin, "i64"), -(-node.lo >> bits), node.hi >> bits)
        if "shifted" in node.tags:
            origin, bits = node.tags["shifted"]
            self.narrow(Val(origin, "i64"), node.lo << bits, (node.hi << bits) + (1 << bits) - 1)

    def bound(self, value, lo, hi, what):
        """Proves that a value lies in [lo, hi] and keeps it."""
        if value.lo < lo or value.hi > hi:
            self.require(z3.And(value.z >= lo, value.z <= hi), f"{what} in [{lo}, {hi}]")
        self.narrow(value, lo, hi)

    def constant(self, file, name):
        """A constant of the source that is a plain expression of numbers."""
        hits = [item for key, item in self.source.constants.items() if key == (file, name)]
        hits = hits or [item for key, item in self.source.constants.items() if key[1] == name]
        if len(hits) != 1:
            raise Refuted(f"{len(hits)} constants {name}")
        text = " ".join(token for _, token in hits[0][1])
        if not re.fullmatch(r"[0-9x_a-f<>()+*\- ]+", text):
            raise Refuted(f"{file}, {name} is not a plain number: {text}")
        return eval(text, {"__builtins__": {}})  # noqa: S307 - numbers and operators only, checked above

    # -- decisions -------------------------------------------------------------------------------------------------
    def choose(self, count):
        at = len(self.trace)
        choice = self.decisions[at] if at < len(self.decisions) else 0
        self.trace.append((choice, count))
        return choice

    def next_decisions(self):
        """The decisions of the next path, or None after the last."""
        trace = list(self.trace)
        while trace and trace[-1][0] + 1 >= trace[-1][1]:
            trace.pop()
        if not trace:
            return None
        return [choice for choice, _ in trace[:-1]] + [trace[-1][0] + 1]

    def branch(self, cond, ask=False):
        """Whether a condition holds on this path; both ways are walked where intervals leave it open."""
        if isinstance(cond, bool):
            return cond
        cond = Cond(cond.op, self.whole(cond.a), self.whole(cond.b))
        known = self.known(cond)
        if known is not None:
            return known
        if ask and self.holds(z3.Not(cond.formula())):
            return False
        taken = self.choose(2) == 0
        self.assume(cond if taken else cond.negated())
        return taken

    @staticmethod
    def known(cond):
        a, b, op = cond.a, cond.b, cond.op
        if op in (">", ">="):
            a, b, op = b, a, {">": "<", ">=": "<="}[op]
        if op == "<":
            return True if a.hi < b.lo else False if a.lo >= b.hi else None
        if op == "<=":
            return True if a.hi <= b.lo else False if a.lo > b.hi else None
        apart = a.hi < b.lo or b.hi < a.lo
        same = a.is_constant and b.is_constant and a.lo == b.lo
        equal = True if same else False if apart else None
        return equal if op == "==" or equal is None else not equal

    def assume(self, cond):
        self.facts.append(cond.formula())
        a, b, op = cond.a, cond.b, cond.op
        if op in (">", ">="):
            a, b, op = b, a, {">": "<", ">=": "<="}[op]
        if op in ("<", "<="):
            gap = 1 if op == "<" else 0
            self.narrow(a, a.lo, b.hi - gap)
            self.narrow(b, a.lo + gap, b.hi)
        elif op == "==":
            lo, hi = max(a.lo, b.lo), min(a.hi, b.hi)
            self.narrow(a, lo, hi)
            self.narrow(b, lo, hi)
        else:
            for one, other in ((a, b), (b, a)):
                if other.is_constant:
                    self.narrow(one, one.lo + (one.lo == other.lo), one.hi - (one.hi == other.lo))

    # -- arithmetic ------------------------------------------------------------------------------------------------
    def result(self, z, lo, hi, kind, what):
        """A value with an exact definition; refuted unless it fits its type."""
        COUNT["operations"] += 1
        least, most = type_range(kind)
        self.names += 1
        term = z3.Int(f"t_{self.names}")
        self.facts.append(term == z)
        if (lo < least or hi > most) and not self.may_leave(what):
            self.require(z3.And(term >= least, term <= most), f"{what} in {kind} (interval [{lo}, {hi}])")
            lo, hi = max(lo, least), min(hi, most)
            if lo > hi:
                raise Dead
        self.facts += [term >= lo, term <= hi]
        return Val(Node(term, lo, hi), kind)

    def may_leave(self, what):
        """Whether an operation's exact result may leave its type; a plain operator would panic."""
        if self.modular and not what.startswith("plain"):
            return True
        return what in self.free or f"{self.target}: {what}" in self.free

    def whole(self, a):
        """What reads the bits of a number needs it in the range of its type; sums and products modulo 2^n do not."""
        least, most = type_range(a.kind)
        if a.lo >= least and a.hi <= most:
            return a
        if self.free:  # declared: the wrapped number may be any, unless nothing wrapped
            wrapped, turns = self.fresh(least, most, a.kind, "wrapped"), range((a.lo - least) >> WIDTH[a.kind], ((a.hi - least) >> WIDTH[a.kind]) + 1)
            if len(turns) <= 3:
                self.facts.append(z3.Or([wrapped.z == a.z - (turn << WIDTH[a.kind]) for turn in turns]))
            return wrapped
        self.bound(a, least, most, f"value read as {a.kind}")
        return a

    def folded(self, value, kind, what):
        least, most = type_range(kind)
        if not least <= value <= most and not self.may_leave(what):
            self.require(z3.BoolVal(False), f"{what} = {value} in {kind}")
        return constant(value, kind)

    def add(self, a, b, kind, what="sum"):
        if a.is_constant and b.is_constant:
            return self.folded(a.lo + b.lo, kind, what)
        lo, hi = a.lo + b.lo, a.hi + b.hi
        x, y, box = operands(a, b)
        step(("add", a.lo, a.hi, b.lo, b.hi, x is y), lo, hi, lambda r: [*box, r == x + y])
        return self.result(a.z + b.z, lo, hi, kind, what)

    def sub(self, a, b, kind, what="difference"):
        if a.is_constant and b.is_constant:
            return self.folded(a.lo - b.lo, kind, what)
        if a.node is b.node:
            return constant(0, kind)
        product = b.node.tags.get("quotient times divisor")
        if product and same(product[0], a.node):  # a - (a / d) d is the remainder
            return Val(product[1], kind)
        lo, hi = a.lo - b.hi, a.hi - b.lo
        x, y, box = operands(a, b)
        step(("sub", a.lo, a.hi, b.lo, b.hi), lo, hi, lambda r: [*box, r == x - y])
        value = self.result(a.z - b.z, lo, hi, kind, what)
        if a.is_constant:
            value.node.tags["from"] = (a.lo, b.node)
        return value

    def mul(self, a, b, kind, what="product"):
        if a.is_constant and b.is_constant:
            return self.folded(a.lo * b.lo, kind, what)
        for q, d in ((a, b), (b, a)):
            division = q.node.tags.get("quotient of")
            if division and same(division[1], d.node):
                return self.undo_division(q, d, division, kind)
        corners = [p * q for p in (a.lo, a.hi) for q in (b.lo, b.hi)]
        lo, hi = min(corners), max(corners)
        if a.node is b.node:
            lo = 0 if a.lo <= 0 <= a.hi else min(a.lo**2, a.hi**2)
        x, y, box = operands(a, b)
        step(("mul", a.lo, a.hi, b.lo, b.hi, x is y), lo, hi, lambda r: [*box, *corner_facts(x, y, r, a, b)])
        return self.result(a.z * b.z, lo, hi, kind, what)

    def undo_division(self, q, d, division, kind):
        """`(a / d) d`, which is at most `a` and above `a - d`."""
        a, rest = division[0], division[2]
        lo, hi = max(0, a.lo - d.hi + 1), a.hi
        x, y, z, w = z3.Ints("x y z w")  # z is the product, w the remainder
        box = [x >= a.lo, x <= a.hi, y >= d.lo, y <= d.hi, y >= 1, x == z + w, w >= 0, w < y, z >= 0]
        step(("undo", a.lo, a.hi, d.lo, d.hi), lo, hi, lambda r: [*box, r == z])
        value = self.result(q.z * d.z, lo, hi, kind, "quotient times divisor")
        value.node.tags["quotient times divisor"] = (a, rest)
        return value

    def divide(self, a, b, kind, what="quotient"):
        """Quotient and remainder, floored; the dividend is at least 0, the divisor above."""
        a, b = self.whole(a), self.whole(b)
        if b.lo <= 0:
            self.require(b.z >= 1, f"{what}: divisor above zero")
            self.narrow(b, 1, b.hi)
        if a.lo < 0:
            self.require(a.z >= 0, f"{what}: dividend not negative")
            self.narrow(a, 0, a.hi)
        if a.is_constant and b.is_constant:
            return constant(a.lo // b.lo, kind), constant(a.lo % b.lo, kind)
        divisor = ("divided", b.lo if b.is_constant else id(b.node))
        cached = a.node.tags.get(divisor)
        if cached:
            return Val(cached[0], kind), Val(cached[1], kind)
        scaled = a.node.tags.get("scaled")
        if scaled and same(scaled[0], b.node):  # b 2^k over b
            y, p, q, rest = z3.Ints("y p q rest")
            facts = [y >= 1, rest >= 0, rest < y, y * p == q * y + rest, z3.Implies(p > q, y * p - q * y >= y), z3.Implies(p < q, q * y - y * p >= y)]
            step(("multiple over its factor",), 0, 0, lambda r: [*facts, r == p - q])
            q, r = constant(1 << scaled[1], kind), constant(0, kind)
            q.node.tags["quotient of"] = (a.node, b.node, r.node)
            return q, r
        lo, hi = a.lo // b.hi, a.hi // b.lo
        digits = a.node.tags.get("remainder shifted")
        x, y, box = operands(a, b)
        rest = z3.Int("rest")
        product = z3.Int("product")  # of quotient and divisor
        meaning = [*box, rest >= 0, rest < y, x == product + rest]
        key = ("div", a.lo, a.hi, b.lo, b.hi)
        if digits and same(digits[0], b.node):  # a remainder of b, times 2^k, over b: one digit of k bits
            small = z3.Int("small")
            meaning += [small >= 0, small < y, x == small * (1 << digits[1])]
            key, hi = (*key, digits[1]), min(hi, (1 << digits[1]) - 1)
        step(key, lo, hi, lambda r: [*meaning, r >= 0, *quotient_facts(r, y, product, lo, hi, b)])
        q = self.fresh(lo, hi, kind, "q")
        r = self.fresh(0, min(b.hi - 1, a.hi), kind, "r")
        self.facts += [a.z == q.z * b.z + r.z, r.z < b.z]
        q.node.tags["quotient of"] = (a.node, b.node, r.node)
        r.node.tags["remainder of"] = b.node
        a.node.tags[divisor] = (q.node, r.node, b.node)  # b is kept, so that its id stays its own
        return q, r

    def floor_divide(self, a, b, kind):
        """Euclidean division by a divisor above zero: the quotient floors, whatever the dividend's sign."""
        a, b = self.whole(a), self.whole(b)
        if a.lo >= 0:
            return self.divide(a, b, kind)[0]
        if a.is_constant and b.is_constant and b.lo > 0:
            return constant(a.lo // b.lo, kind)
        self.bound(b, 1, b.hi, "divisor")
        lo, hi = a.lo // b.lo, a.hi // (b.lo if a.hi >= 0 else b.hi)
        x, y, box = operands(a, b)
        rest = z3.Int("rest")
        step(("floor", a.lo, a.hi, b.lo, b.hi), lo, hi, lambda r: [*box, x == r * y + rest, rest >= 0, rest < y])
        q = self.fresh(lo, hi, kind, "q")
        r = self.fresh(0, b.hi - 1, kind, "r")
        self.facts += [a.z == q.z * b.z + r.z, r.z < b.z]
        return q

    def absolute(self, a, kind):
        a = self.whole(a)
        if a.lo >= 0:
            return Val(a.node, kind)
        if a.hi <= 0:
            return self.sub(constant(0, kind), a, kind, "magnitude")
        lo, hi = 0, max(-a.lo, a.hi)
        x = z3.Int("x")
        step(("abs", a.lo, a.hi), lo, hi, lambda r: [x >= a.lo, x <= a.hi, r == z3.If(x < 0, -x, x)])
        return self.result(z3.If(a.z < 0, -a.z, a.z), lo, hi, kind, "magnitude")

    def smaller(self, a, b):
        a, b = self.whole(a), self.whole(b)
        if a.hi <= b.lo:
            return a
        if b.hi <= a.lo:
            return b
        lo, hi = min(a.lo, b.lo), min(a.hi, b.hi)
        x, y, box = operands(a, b)
        step(("min", a.lo, a.hi, b.lo, b.hi), lo, hi, lambda r: [*box, r == z3.If(x < y, x, y)])
        return self.result(z3.If(a.z < b.z, a.z, b.z), lo, hi, a.kind, "min")

    def larger(self, a, b):
        a, b = self.whole(a), self.whole(b)
        if a.lo >= b.hi:
            return a
        if b.lo >= a.hi:
            return b
        lo, hi = max(a.lo, b.lo), max(a.hi, b.hi)
        x, y, box = operands(a, b)
        step(("max", a.lo, a.hi, b.lo, b.hi), lo, hi, lambda r: [*box, r == z3.If(x > y, x, y)])
        return self.result(z3.If(a.z > b.z, a.z, b.z), lo, hi, a.kind, "max")

    def cast(self, a, kind, what="cast"):
        """A cast that keeps the value."""
        least, most = type_range(kind)
        if "reinterpret" in self.free and kind[0] == "u" and a.lo < 0:  # two's complement, read as unsigned
            if not self.branch(Cond("<", a, constant(0, a.kind))):
                return Val(a.node, kind)
            return self.add(a, constant(1 << WIDTH[kind], "i1024"), kind, "two's complement")
        same_bits = WIDTH[kind] == WIDTH[a.kind]
        if (a.lo < least or a.hi > most) and not (same_bits and self.may_leave("cast")):
            self.bound(a, least, most, f"{what} to {kind}")
        return Val(a.node, kind)
