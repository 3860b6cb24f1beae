"""A claim about the proofs themselves: on plain numbers the interpreter computes what mathematics says the code computes."""
import math
import random
import sys

from harness import claim
from interpreter import Interpreter
from lemmas import Refuted, Val, constant
from prover import Path
from values import Struct

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
    result = runner.call(source.functions[key], arguments, generics)
    result = result.value if hasattr(result, "value") else result
    return result.lo if isinstance(result, Val) else None


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
    return 300 + whole_numbers(source, draw)


def in_i64(value):
    return value if -(2**63) <= value < 2**63 else None


def whole_numbers(source, draw):
    """Signs, complements, options and refusals, against Python's own integers."""
    for _ in range(50):
        x, y = draw.getrandbits(draw.randrange(1, 64)), draw.getrandbits(draw.randrange(1, 64)) | 1
        signed, wide = draw.choice((x, -x)), draw.choice((1, -1)) * draw.getrandbits(draw.randrange(1, 127))
        small, price = signed % 2**37 - 2**36, draw.getrandbits(52)
        parts = Struct("PriceParts", {"whole": constant(price // 10**8, "u64"), "part": constant(price % 10**8, "u64")})
        size = Struct("Quantity", {"0": constant(small, "i64")})
        exact = [
            ("mul_div_floor", evaluate(source, "fixed/mul.rs::mul_div_floor", *(constant(n, "i64") for n in (signed, y, 10**6))), in_i64(signed * y // 10**6)),
            ("mul_div_ceil", evaluate(source, "fixed/mul.rs::mul_div_ceil", *(constant(n, "i64") for n in (signed, y, 10**6))), in_i64(-(-signed * y // 10**6))),
            ("per_q38", evaluate(source, "greeks.rs::per_q38", constant(wide, "i128"), constant(y, "u64")), in_i64(wide // (y << 38))),
            ("to_q30", evaluate(source, "scenario.rs::to_q30", constant(x % 2**23, "i64"), constant(500_000, "u64")), ((x % 2**23 << 30) + 500_000) // 10**6),
            ("quotient", evaluate(source, "svi.rs::quotient", constant(x % 2**22, "u64"), generics=("1000000", "41", "56")), ((x % 2**22 << 57) // 10**6 + 1) // 2),
            ("small_notional", evaluate(source, "units.rs::Quantity::small_notional", size, parts), (abs(small) * price // 10**8) * (-1 if small < 0 else 1)),
        ]  # fmt: skip
        for name, got, wanted in exact:
            if got != wanted:
                raise Refuted(f"{name}: the interpreter says {got}, whole numbers {wanted} (x = {signed}, y = {y}, wide = {wide}, price = {price})")
    return 300


claim(
    ME, "the interpreter", "fixed/normal.rs::cdf", "600 evaluations on plain numbers agree with ln, exp, N, Mills ratio, roots, products, and with Python's integers",
    model=plain_numbers,
)  # fmt: skip
