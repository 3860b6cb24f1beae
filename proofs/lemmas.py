"""Numbers with the intervals that z3 confirmed, and the step lemmas: what one operation makes of given intervals."""
import time

import z3

WIDTH = {"u8": 8, "u16": 16, "u32": 32, "u64": 64, "usize": 64, "u128": 128, "i8": 8, "i32": 32, "i64": 64, "i128": 128, "isize": 64,
         "i1024": 1024}  # i1024 stands for the integers: claims about exactness where nothing wraps
STEP_TIMEOUT, FULL_TIMEOUT, ASK_TIMEOUT = 10_000, 10_000, 300


def type_range(kind):
    bits = WIDTH[kind]
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if kind[0] == "i" else (0, (1 << bits) - 1)


class Refuted(Exception):
    """An obligation that z3 refuted or could not decide."""


class Dead(Exception):
    """The path's conditions contradict each other: nothing to prove on it."""


class Node:
    """A term and its interval; shared by all casts of one value, so that a branch narrows them all.

    The term of an input is made when it is first asked for: most inputs of a function are never looked at.
    """

    __slots__ = ("term", "make", "lo", "hi", "tags")

    def __init__(self, term, lo, hi, make=None):
        self.term, self.make, self.lo, self.hi, self.tags = term, make, lo, hi, {}

    @property
    def z(self):
        if self.term is None:
            self.term = self.make(self)
        return self.term


class Val:
    """A Rust integer."""

    __slots__ = ("node", "kind")

    def __init__(self, node, kind):
        self.node, self.kind = node, kind

    lo = property(lambda self: self.node.lo)
    hi = property(lambda self: self.node.hi)
    z = property(lambda self: self.node.z)

    @property
    def is_constant(self):
        return self.node.lo == self.node.hi


def same(a, b):
    """Whether two nodes are one value: one node, or one constant."""
    return a is b or (a.lo == a.hi == b.lo == b.hi)


def number(node):
    return z3.IntVal(node.lo)


def constant(value, kind):
    return Val(Node(None, value, value, number), kind)


class Cond:
    """A comparison of two numbers, not yet decided."""

    __slots__ = ("op", "a", "b")

    def __init__(self, op, a, b):
        self.op, self.a, self.b = op, a, b

    NEGATED = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "=="}

    def negated(self):
        return Cond(self.NEGATED[self.op], self.a, self.b)

    def formula(self):
        a, b = self.a.z, self.b.z
        return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "==": a == b, "!=": a != b}[self.op]


STEPS = {}  # step lemmas that z3 has confirmed in this run
PROVED = {}  # full queries that z3 has answered, with their facts, which keeps the ids alive
COUNT = {"steps": 0, "full": 0, "operations": 0, "seconds": 0.0}


def decide(facts, timeout, linear=False):
    """z3's answer on whether all facts can hold together."""
    started = time.monotonic()
    solver = z3.Solver()
    solver.set("timeout", timeout)
    if linear:
        solver.set("arith.nl", False)
    solver.add(*facts)
    answer = solver.check()
    COUNT["seconds"] += time.monotonic() - started
    return answer, solver


def step(key, lo, hi, build):
    """The lemma that an operation on operands of given intervals ends in [lo, hi]; confirmed by z3 once.

    `build(result)` gives the facts: the operands' intervals and what the operation means.
    """
    key = (*key, lo, hi)
    if key not in STEPS:
        COUNT["steps"] += 1
        result = z3.Int("result")
        answer, _ = decide([*build(result), z3.Or(result < lo, result > hi)], STEP_TIMEOUT)
        if answer != z3.unsat:
            raise Refuted(f"step {key} is {answer}")
        STEPS[key] = True


def operands(a, b):
    """Fresh operands with the intervals of two values."""
    x = z3.Int("x")
    y = x if a.node is b.node else z3.Int("y")
    return x, y, [x >= a.lo, x <= a.hi, y >= b.lo, y <= b.hi]


def corner_facts(x, y, product, a, b):
    """What products of the non-negative distances of x and y from their ends say about x y, as linear facts (McCormick)."""
    for first, second in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        left, right = (a.lo if first > 0 else a.hi), (b.lo if second > 0 else b.hi)
        # (first (x - left)) (second (y - right)) >= 0
        yield first * second * (product - right * x - left * y + left * right) >= 0
    if a.node is b.node:
        yield product >= 0


def quotient_facts(q, y, product, lo, hi, b):
    """What products of non-negative factors say about `product = q y` where q passes an end of [lo, hi], linearly."""
    over, under = q - (hi + 1), lo - 1 - q
    yield z3.Implies(over >= 0, product - b.lo * q - (hi + 1) * y + (hi + 1) * b.lo >= 0)  # over (y - b.lo) >= 0
    yield z3.Implies(over >= 0, product - (hi + 1) * y >= 0)  # over y >= 0
    yield z3.Implies(under >= 0, (lo - 1) * y - product >= 0)  # under y >= 0
