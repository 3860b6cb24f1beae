"""Claims about `vol.rs` and the skew of `params.rs`: what turns one standard deviation into five."""
import sys

from harness import claim, within
from inputs import I64, MOST_STD_DEV, ONE, ONE_Q30, U64, fallible, made, maybe, ranged
from lemmas import constant
from values import Struct, Unknown, Variant

ME = sys.modules[__name__]
FINGERPRINTS = {}
ROOT_MOST = int(2**38.06)  # of the tenor, Q36: what is known of sqrt_tenor for four years
CAP_MOST = 3 << 36
LEAST_K, MOST_K = (2_000 << 36) // ONE, 16 << 36
SLOPE_MOST = (CAP_MOST << 34) // LEAST_K + 1
VOL_UP = 1 << 33
LEAST_UP = int(2**43.4)


def skew(path, case=None):
    return made(path, "SkewParams", bits=True)


claim(
    ME, "SkewParams::cap", "params.rs::SkewParams::cap", "any bits, any root: no wrap; refused, or in (0, 3.0]",
    lambda path, case: [skew(path), Variant(case), path.fresh(*U64, "u64", "root")], cases=("SkewLinear", "SkewAbs"),
    then=lambda path, arguments, result: result.name == "Err" or path.bound(result.value, 1, CAP_MOST, "cap"),
    contract=fallible(lambda path: path.fresh(1, CAP_MOST, "u64", "cap")),
)  # fmt: skip
claim(
    ME, "check_skew", "params.rs::MarketParams::check_skew", "any bits, any kind, any tenor: no wrap, no panic",
    lambda path, case: [made(path, "MarketParams", bits=True), made(path, "VolShock"), path.fresh(*I64, "i64", "seconds")],
    contract=fallible(lambda path: []),
)  # fmt: skip
claim(
    ME, "reach_of_skew", "vol.rs::reach_of_skew", "any bits, any root: no wrap; k* in [0.002, 16]",
    lambda path, case: [skew(path), path.fresh(*U64, "u64", "root")], then=within(LEAST_K, MOST_K),
    contract=lambda path, *arguments: path.fresh(LEAST_K, MOST_K, "u64", "reach"),
)  # fmt: skip


def level(path):
    """FLAT, or what `both` makes of a cap and a reach."""
    if path.choose(2):
        return Struct("SkewLevel", {"most": constant(0, "i64"), "slope": constant(0, "i64")})
    most, slope = path.fresh(LEAST_K, MOST_K, "i64", "most"), path.fresh(0, SLOPE_MOST, "i64", "slope")
    path.facts.append(most.z * slope.z <= CAP_MOST << 34)
    return Struct("SkewLevel", {"most": most, "slope": slope})


def levels_obey(path, arguments, result):
    if result.name == "Err":
        return
    for item in result.value:
        most, slope = item.most, item.slope
        if most.is_constant and slope.is_constant:
            path.bound(slope, 0, 0, "FLAT")
            continue
        path.bound(most, LEAST_K, MOST_K, "k*")
        path.bound(slope, 0, SLOPE_MOST, "slope")
        path.require(most.z * slope.z <= CAP_MOST << 34, "the cap")


claim(
    ME, "SkewLevel::both", "vol.rs::SkewLevel::both", "any bits: no wrap, both digits of cap / k* in place; k* in [0.002, 16], slope <= 1500",
    lambda path, case: [skew(path), made(path, "ScenarioSet"), path.fresh(*U64, "u64", "root")], then=levels_obey,
    contract=fallible(lambda path: [level(path), level(path)]),
)  # fmt: skip
def skewed(path, v, x):
    path.bound(v, 1, MOST_STD_DEV, "v")
    path.bound(x, -(2**43), 2**43, "x")
    return path.fresh(1, MOST_STD_DEV, "i64", "skewed")


claim(
    ME, "SkewLevel::apply", "vol.rs::SkewLevel::apply", "v in [1, 2^40], any |x| < 2^43: products in the range of mul_shift; result in [1, 2^40]",
    lambda path, case: [level(path), path.fresh(1, MOST_STD_DEV, "i64", "v"), path.fresh(-(2**43), 2**43, "i64", "x")],
    then=within(1, MOST_STD_DEV), contract=lambda path, level_, v, x: skewed(path, v, x),
)  # fmt: skip
claim(
    ME, "power_of", "vol.rs::power_of", "|log| < 2^43, power in [0, 1]: product below 2^61, |log| power below 2^41",
    lambda path, case: [path.fresh(-(2**43) + 1, 2**43 - 1, "i64", "log"), ranged(path, "Ratio", 0, ONE)], then=within(0, 2**41),
)  # fmt: skip


def new_arguments(path, case):
    return [made(path, "MarketParams"), made(path, "ScenarioSet"), made(path, "ExpiryContext", smile=None)]


def vol_levels(path):
    fields = {"up": path.fresh(ONE_Q30, VOL_UP, "i64", "up"), "down": path.fresh(0, ONE_Q30, "i64", "down"), "least_up": path.fresh(0, LEAST_UP, "u64", "least")}
    return Struct("VolLevels", {**fields, "alike": Unknown(), "skew": maybe(path, lambda path: [level(path), level(path)])})


def shock_fields(path, arguments, result):
    if result.name == "Ok":
        path.bound(result.value.up, ONE_Q30, VOL_UP, "up")
        path.bound(result.value.down, 0, ONE_Q30, "down")
        path.bound(result.value.least_up, 0, LEAST_UP, "least_up")


claim(
    ME, "VolLevels::new", "vol.rs::VolLevels::new", "validated parameters, tenor to 4 years: no wrap; up in [1, 8], down in [0, 1]", new_arguments,
    then=shock_fields, contract=fallible(vol_levels),
)  # fmt: skip


def five_levels(path, arguments, result):
    for value in result:
        path.bound(value, 1, MOST_STD_DEV, "standard deviation")


def five(path, moneyness):
    path.bound(moneyness, -(2**43), 2**43, "moneyness")
    return [path.fresh(1, MOST_STD_DEV, "i64", "v") for _ in range(5)]


claim(
    ME, "VolLevels::apply", "vol.rs::VolLevels::apply", "any std_dev, |moneyness| < 2^43: all five in [1, 2^40], the range that the grid states",
    lambda path, case: [vol_levels(path), path.fresh(*U64, "u64", "std_dev"), path.fresh(-(2**43), 2**43, "i64", "moneyness")], then=five_levels,
    contract=lambda path, levels, std_dev, moneyness: five(path, moneyness),
)  # fmt: skip
