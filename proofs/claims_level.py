"""Claims about `level.rs` and the hot loop of `grid.rs`: weights, sums, one option over the nodes of an expiry."""
import sys

import z3

from claims_expiry import SUMS, WEIGHTS, grid_option, within_grid
from claims_grid import grid
from harness import claim
from inputs import I64, LN_SPOT, MOST_STD_DEV, ONE_Q38
from lemmas import Refuted, constant, decide
from values import Struct, Unknown

ME = sys.modules[__name__]
FINGERPRINTS = {
    "level.rs::Level::set": "6c2138c0c9d9bf99",
    "level.rs::Level::terms": "40c4b17a03221a1b",
    "level.rs::Level::whole": "e67d768adcfcbbc2",
    "level.rs::Node::add": "c1a57d6bd141484b",
    "level.rs::Weight::new": "47ebf0960fa385ba",
    "level.rs::Weight::times": "1e4a99027d9aecf6",
    "level.rs::add_level": "187c9494ad45f6d3",
    "level.rs::add_nodes": "2df203dcf62ae4ab",
    "level.rs::add_saturated": "5a484a5f54c9a419",
}
ONE_Q36 = 1 << 36
TERM_MOST = (WEIGHTS << 19) + 1  # of one option's part of a sum

# -- weights -------------------------------------------------------------------------------------------------------
claim(
    ME, "Weight::new", "level.rs::Weight::new", "any i64: w = high 2^19 + low, low in [0, 2^19)", lambda path, case: [path.fresh(*I64, "i64", "w")],
    then=lambda path, arguments, w: (
        path.bound(w.low, 0, 2**19 - 1, "low"), path.require(w.high.z * 2**19 + w.low.z == arguments[0].z, "split"),
    ),
)  # fmt: skip


def weight(path, name="w"):
    whole = path.fresh(-WEIGHTS, WEIGHTS, "i64", name)
    high, low = path.split_bits(whole, 19)
    return whole, Struct("Weight", {"high": high, "low": low})


def times_is_exact(path, arguments, result):
    whole, n = path.whole_weight, arguments[1]
    path.distribute(whole, n)
    path.require(z3.And(result.z * 2**19 <= whole.z * n.z, whole.z * n.z < (result.z + 1) * 2**19), "floor", linear=True)


def times_arguments(path, case):
    path.whole_weight, parts = weight(path)
    return [parts, path.fresh(0, ONE_Q38, "i64", "n")]


claim(
    ME, "Weight::times", "level.rs::Weight::times", "|w| <= 2^39 + 1024, N in [0, 1]: products below 2^58.1, exact floor of w N / 2^19",
    times_arguments, then=times_is_exact,
)  # fmt: skip
claim(
    ME, "Weight::whole", "level.rs::Weight::whole", "w 2^19, no bit lost", lambda path, case: [times_arguments(path, case)[0]],
    then=lambda path, arguments, result: path.require(result.z == path.whole_weight.z * 2**19, "whole"),
)  # fmt: skip


def accumulator(source):
    """Induction over the options: with W the sum of |w| so far and k their number, |sum| <= W 2^19 + k stays true, with and without
    what the puts take off again: sum - 2^19 (sum of the puts' w)."""
    total, gross, count, w, n, term, p, put = z3.Ints("total gross count w n term p put")
    size = z3.If(w < 0, -w, w)

    def within(value, sum_, number):
        return z3.And(value <= sum_ * 2**19 + number, value >= -sum_ * 2**19 - number)

    step = [
        gross >= 0, count >= 0, n >= 0, n <= ONE_Q38, p == w * n, term * 2**19 <= p, p < (term + 1) * 2**19,
        within(total, gross, count), within(total - put * 2**19, gross, count),
    ]  # fmt: skip
    after = gross + size
    goals = [
        within(total + term, after, count + 1),
        within(total + term - put * 2**19, after, count + 1),  # a call
        within(total + term - (put + w) * 2**19, after, count + 1),  # a put
    ]
    for goal in goals:
        for sign in (w >= 0, w <= 0):  # 0 <= |w| n <= |w| 2^38, from the products of |w| with n and with 2^38 - n
            ends = [z3.If(w < 0, -1, 1) * (w * ONE_Q38 - p) >= 0, z3.If(w < 0, -1, 1) * p >= 0]
            if decide([*step, sign, *ends, z3.Not(goal)], 20_000)[0] != z3.unsat:
                raise Refuted("the sum of an accumulator leaves its bound")
    if not SUMS < 1 << 62:
        raise Refuted("the sum of a full grid leaves i64")
    return 6


claim(
    ME, "accumulators", "level.rs::add_nodes", "1024 options whose |w| sum to 2^39 + 1024: each sum stays below 2^58.1, in any order, and so less the puts",
    model=accumulator, models=("level.rs::Weight::times", "level.rs::Weight::new", "level.rs::Node::add", "level.rs::Level::whole"),
)  # fmt: skip


# -- one level -----------------------------------------------------------------------------------------------------
def most_v(path, in_table):
    return path.constant("grid.rs", "WIDE_V") - 1 if in_table else MOST_STD_DEV


def node(path):
    fields = {"ln_spot": path.fresh(*LN_SPOT, "i64", "ln"), "spot": path.fresh(1, 2**33, "i64", "spot")}
    return Struct("Node", {**fields, **{name: path.fresh(-SUMS, SUMS, "i64", name) for name in ("forward", "strike")}})


def level(path, m, v):
    """The level carries m and the limit for the lemma only; the code does not read them there."""
    fields = {name: constant(0, "u64") for name in ("inverse", "offset", "std_dev")}
    saturation = constant(path.constant("level.rs", "SATURATION"), "i64")
    return Struct("Level", {
        **fields, "forward": weight(path)[1], "strike": weight(path, "k")[1], "m": m, "limit": path.mul(v, saturation, "i64"),
    })  # fmt: skip


def level_arguments(in_table):
    """A node within 7 v of the option, as add_level and add_saturated select them; v below what selects the variant."""

    def arguments(path, case):
        m, v = path.fresh(-(2**42), 2**42, "i64", "m"), path.fresh(1, most_v(path, in_table), "i64", "v")
        return [m, v, [node(path)], level(path, m, v)]

    return arguments


def single_arguments(in_table):
    def arguments(path, case):
        m, v = path.fresh(-(2**42), 2**42, "i64", "m"), path.fresh(1, most_v(path, in_table), "i64", "v")
        return [level(path, m, v), m, v, path.fresh(*LN_SPOT, "i64", "ln")]

    return arguments


LOOP = {
    ("terms", "ln_spot"): [
        ("product", lambda e: [(e.self.limit - e.self.m - e.ln_spot, e.self.inverse), (e.self.limit + e.self.m + e.ln_spot, e.self.inverse)]),
        ("lemma", lambda e: e.self.std_dev * e.self.inverse <= 1 << 59),
    ]
}  # fmt: skip
MODULAR = ("add_level", "set", "terms")


def saturated(path, nodes, lowest, highest, level_):
    """Stated by hand: it ends in add_nodes with the nodes between the limits, which is add_level's condition."""
    return []


def saturation_model(source):
    """v <= 16 and |m| <= 64 in Q36: 7 v +- m fits, and the limits say |m + ln s| <= 7 v."""
    m, v, ln_spot = z3.Ints("m v ln")
    box = [m >= -(2**42), m <= 2**42, v >= 1, v <= 16 * ONE_Q36]
    low, high = -7 * v - m, 7 * v - m
    goals = [z3.And(low >= I64[0], high <= I64[1]), z3.Implies(z3.And(ln_spot >= low, ln_spot <= high), z3.And(m + ln_spot <= 7 * v, m + ln_spot >= -7 * v))]
    if any(decide([*box, z3.Not(goal)], 20_000)[0] != z3.unsat for goal in goals):
        raise Refuted("limits of saturation")
    return 2


claim(
    ME, "saturation keeps the condition", "level.rs::add_saturated", "what is left for the loop satisfies lowest <= ln s <= highest; limits fit i64",
    model=saturation_model, contract=saturated,
)  # fmt: skip


def in_level(path, m, v):
    """What a level assumes, in the variant that its caller chose."""
    in_table = path.generics[0] in (True, "true")
    path.bound(m, -(2**42), 2**42, "moneyness")
    path.bound(v, 1, most_v(path, in_table), "standard deviation")


def added(path, m, v, nodes, level_):
    in_level(path, m, v)
    return []


def pair(path, level_, m, v, ln_spot):
    in_level(path, m, v)
    path.bound(ln_spot, *LN_SPOT, "ln_spot")
    return [path.fresh(-TERM_MOST, TERM_MOST, "i64", name) for name in ("forward", "strike")]


for in_table in ("true", "false"):
    words = (
        "|m| <= 64, v as documented, |m + ln s| <= 7 v: what is read modulo 2^64 is the exact value; "
        + ("d1 and d2 stay in the table" if in_table == "true" else "d1 and d2 fit i64")
    )
    claim(
        ME, f"grid loop, IN_TABLE {in_table}", "level.rs::add_level", words + "; the sums stay below 2^59",
        level_arguments(in_table == "true"), generics=(in_table,), hints=LOOP, modular=MODULAR, contract=added,
    )  # fmt: skip
    claim(
        ME, f"single node, IN_TABLE {in_table}", "level.rs::Level::single", words + "; beyond that both N are 0 or 1", single_arguments(in_table == "true"),
        generics=(in_table,), hints=LOOP, modular=MODULAR, contract=pair,
        then=lambda path, arguments, result: [path.bound(term, -TERM_MOST, TERM_MOST, "term") for term in result],
    )  # fmt: skip


# -- one option ----------------------------------------------------------------------------------------------------
def add_arguments(path, case):
    """A grid that has taken weights up to all but this option's."""
    option = grid_option(path)
    found = grid(path)
    for name, weight_ in (("put_forward", option.forward_weight), ("put_strike", option.strike_weight)):
        put = found.fields[name].z
        path.facts += [z3.If(put < 0, -put, put) + z3.If(weight_.z < 0, -weight_.z, weight_.z) <= WEIGHTS]
    return [found, option, Unknown()]


def puts_obey(path, arguments, result):
    for name in ("put_forward", "put_strike"):
        path.bound(arguments[0].fields[name], -WEIGHTS, WEIGHTS, name)


def add_option(path, grid_, option, is_put):
    within_grid(path, option)
    return []


claim(
    ME, "ExpiryGrid::add", "grid.rs::ExpiryGrid::add", "any option whose weights keep the sum: each level gets deviations of its variant; no sum wraps",
    add_arguments, loops={"add_singles": {}}, then=puts_obey, contract=add_option,
)  # fmt: skip
