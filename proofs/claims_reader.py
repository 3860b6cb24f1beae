"""A claim about the proofs themselves: on plain numbers the interpreter computes what mathematics says the code computes."""
import math
import random
import sys

from harness import claim
from interpreter import Interpreter
from lemmas import Refuted, constant
from prover import Path

ME = sys.modules[__name__]
FINGERPRINTS = {
    "fixed/normal.rs::cdf": "e0073ae46585f3f7",
}


class Nothing:
    """A claim without hints, for running code on plain numbers."""

    hints, modular, wraps, loops = {}, ("div_fraction",), {}, {}


def evaluate(source, key, *arguments, generics=()):
    path = Path()
    path.source = source
    contracts = {"fixed/bits.rs::leading_zeros": lambda path, x: path.leading_zeros(x, 63)}
    runner = Interpreter(source, path, Nothing, contracts, {})
    return runner.call(source.functions[key], arguments, generics).lo


def normal(x):
    return math.erfc(-x / math.sqrt(2)) / 2


def plain_numbers(source):
    """300 evaluations against the same functions in floating point and whole numbers."""
    draw = random.Random(20)
    for _ in range(50):
        x, y = draw.getrandbits(draw.randrange(1, 65)), draw.getrandbits(38)
        z = draw.getrandbits(39) - (1 << 38)
        near = [
            ("ln", evaluate(source, "fixed/log.rs::ln", constant(max(1, x), "u64")) / 2**40, math.log(max(1, x)), 1e-12),
            ("exp_neg", evaluate(source, "fixed/exp.rs::exp_neg", constant(y, "u64")) / 2**38, math.exp(-y / 2**38), 5e-12),
            ("cdf", evaluate(source, "fixed/normal.rs::cdf", constant(z, "i64")) / 2**38, normal(z / 2**36), 3e-11),
            ("mills_ratio", evaluate(source, "fixed/normal.rs::mills_ratio", constant(y, "i64")) / 2**38,
             normal(-y / 2**36) / (math.exp(-((y / 2**36) ** 2) / 2) / math.sqrt(2 * math.pi)), 4e-11),
            ("isqrt", evaluate(source, "fixed/sqrt.rs::isqrt", constant(x, "u64")), math.isqrt(x), 0),
            ("mul_shift_wide", evaluate(source, "fixed/mul.rs::mul_shift_wide", constant(x >> 8, "u64"), constant(y, "u64"), generics=("38",)),
             min((x >> 8) * y >> 38, 2**63 - 1), 0),
        ]  # fmt: skip
        for name, got, exact, tolerance in near:
            if abs(got - exact) > tolerance:
                raise Refuted(f"{name}: the interpreter says {got}, mathematics {exact} (x = {x}, y = {y}, z = {z})")
    return 300


claim(
    ME, "the interpreter", "fixed/normal.rs::cdf", "300 evaluations on plain numbers agree with ln, exp, N, Mills ratio, roots and products",
    model=plain_numbers,
)  # fmt: skip
