"""What the claims leave out: every operation of the crate that could wrap or panic was walked by a proved claim, or stands here with a reason."""
from syntax import Unsupported
from values import WRAPPING

RISKY = {
    *WRAPPING, "wrapping_neg", "wrapping_abs", "div_euclid", "rem_euclid", "split_at", "split_at_mut", "rotate_right", "rotate_left", "clamp", "abs",
    "copy_from_slice", "clone_from_slice", "pow", "swap", "unwrap", "expect", "unwrap_unchecked", "chunks", "windows", "step_by", "remove", "insert", "isqrt",
}  # fmt: skip
OPERATORS = ("+", "-", "*", "/", "%", "<<", ">>")
# function -> why it is not walked. A reason that has become wrong, because the function is gone or walked, fails too.
EXEMPT = {
    "fixed/bits.rs::leading_zeros": "stated in bit vectors and proved there: the claim `leading zeros`",
    "deleverage.rs::Comparison::of": "loops over vectors of any length in saturating 128-bit sums; what it calls is claimed or stands here",
    "deleverage.rs::cut_of": "or-s vectors of any length, then saturates",
    "deleverage.rs::square": "sums squares over vectors of any length, saturating",
    "deleverage.rs::opposition": "calls the two above",
    "deleverage.rs::Candidate::new": "calls what is claimed or stands here",
    "deleverage.rs::rank": "sorts by a key: `core`'s sort",
    "level.rs::add_saturated": "cuts saturated nodes off a sorted slice, by iterators; stated by hand: the claim `saturation keeps the condition`",
    "params.rs::ConcentrationParams::usd": "a const function for presets; saturates",
    "presets.rs::without_skew": "runs at compile time only, where a panic is a build error",
}


def operations(node, found, names):
    """The nodes of a syntax tree that may wrap, panic or cut off bits, and calls of the crate's own functions."""
    if isinstance(node, tuple) and node and isinstance(node[0], str):
        tag = node[0]
        if tag == "binary" and node[1] in OPERATORS:
            found.append((id(node), node[1]))
        elif tag == "unary" and node[1] == "-" and node[2][0] != "number":
            found.append((id(node), "negation"))
        elif tag in ("index", "cast"):
            found.append((id(node), f"as {node[2]}" if tag == "cast" else "[]"))
        elif tag == "method" and (node[2] in RISKY or node[2] in names):
            found.append((id(node), node[2]))
        elif tag == "call" and node[1][0] == "path" and node[1][1][-1] in names:
            found.append((id(node), f"{node[1][1][-1]}()"))
        elif tag == "assign" and node[1] in ("+=", "-="):
            found.append((id(node), node[1]))
    if isinstance(node, (tuple, list)):
        for part in node:
            operations(part, found, names)
    elif isinstance(node, dict):
        for part in node.values():
            operations(part, found, names)
    return found


def uncovered(source, walked):
    """Functions with operations that no claim walked, and exemptions that nothing needs."""
    missing, count, names = {}, 0, {function.name for function in source.functions.values()}
    for key, function in source.functions.items():
        try:
            found = operations(source.body(function), [], names)
        except Unsupported as error:
            missing[key] = [f"cannot be read: {error}"]
            continue
        count += len(found)
        left = [what for node, what in found if node not in walked]
        if left:
            missing[key] = left
    unneeded = [key for key in EXEMPT if key not in missing]
    return {key: left for key, left in missing.items() if key not in EXEMPT}, unneeded, count
