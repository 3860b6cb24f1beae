"""Prints the numbers typed into golden.rs: RISK.md by the book, in 50-digit arithmetic (pip install mpmath)."""

from mpmath import mp, mpf, erfc, exp, floor, log, sqrt

mp.dps = 50
YEAR, DAY = 365 * 86400, 86400
NODES = [0, 2, 6, 10, 16, 17, 30]


def scenarios():
    """(vol, spot, damping): the BTC set without its skew nodes."""
    tails = {"0.34": "0.21", "0.67": "0.42", "1.5": "0.2772", "2": "0.1386", "3": "0.0693", "4": "0.0462",
             "5": "0.03465", "6": "0.02772"}
    inner = ["0.865", "0.91", "0.955", "1", "1.045", "1.09", "1.135"]
    up = [(s, "1") for s in inner + ["0.82", "1.18"]] + list(tails.items())
    up.sort(key=lambda node: mpf(node[0]))
    nodes = [("up", s, d) for s, d in up]
    nodes += [("none", s, "1") for s in inner] + [("down", s, "1") for s in inner]
    return [(vol, mpf(s), mpf(d)) for vol, s, d in nodes]


def n(x):
    return erfc(-x / sqrt(mpf(2))) / 2


def black76(kind, f, k, v, discount):
    sign = 1 if kind == "call" else -1
    d1 = log(f / k) / v + v / 2
    return discount * sign * (f * n(sign * d1) - k * n(sign * (d1 - v)))


def std_dev(svi, k, seconds):
    a, b, rho, m, s, reference = svi
    a, b, rho, m, s = mpf(a) / 10**12, mpf(b) / 10**12, mpf(rho) / 10**6, mpf(m) / 10**6, mpf(s) / 10**6
    most = 4 * sqrt(a + b * s)
    x = min(max(k, -most), most) - m
    return sqrt((a + b * (rho * x + sqrt(x * x + s * s))) * seconds / reference)


def shocked(vol, v, seconds):
    power = mpf("0.3") if seconds < 30 * DAY else mpf("0.13")
    mult = (mpf(30 * DAY) / max(seconds, DAY)) ** power
    if vol == "up":
        return max(v * (1 + mult / 2), mpf("0.4") * sqrt(mpf(seconds) / YEAR))
    return v * max(0, 1 - mpf("0.3") * mult) if vol == "down" else v


def value(book, vol, s):
    total = mpf(0)
    for days, kind, strike, units in book["options"]:
        svi, basis, rate = book["expiries"][days]
        f, seconds = 100000 * (1 + mpf(basis)), days * DAY
        v = shocked(vol, std_dev(svi, log(mpf(strike) / f), seconds), seconds)
        discount = exp(-mpf(rate) * seconds / YEAR)
        total += mpf(units) * black76(kind, f * s, mpf(strike), v, discount)
    return total


def report(name, book):
    units, entry, perp = (mpf(x) for x in book.get("perp", ("0", "0", "0")))
    base = value(book, "none", mpf(1))
    mark = base + units * (perp - entry)
    pnl = [d * (value(book, vol, s) - base + units * perp * (s - 1)) for vol, s, d in scenarios()]
    scan = min(pnl + [mpf(0)])
    maintenance = abs(units) * 3000 + mpf(book["naked"]) * 300
    initial = abs(units) * 1000 + mpf(book["naked"]) * 200
    raw = lambda x: int(floor(x * 10**6))
    print(name, "mark", raw(mark), "scan", raw(scan), "worst", pnl.index(scan))
    print("  pnl", [(i, raw(pnl[i])) for i in NODES])
    print("  maintenance", raw(mark + scan * mpf("0.8") - maintenance), "initial", raw(mark + scan - maintenance - initial))


def flat(vol, days):
    return (round(mpf(vol) ** 2 * days / 365 * 10**12), 0, 0, 0, 100000, days * DAY)


report("naked call", {"expiries": {30: (flat("0.6", 30), "0", "0.05")}, "options": [(30, "call", "110000", "-1")], "naked": "1"})
report("iron condor", {
    "expiries": {7: ((2000000000, 20000000000, -300000, 10000, 150000, 7 * DAY), "0.01", "0")}, "naked": "20",
    "options": [(7, "put", "85000", "10"), (7, "put", "90000", "-10"), (7, "call", "110000", "-10"), (7, "call", "115000", "10")]})
report("straddles", {
    "expiries": {7: (flat("0.7", 7), "0", "0"), 180: (flat("0.55", 180), "0.02", "0.04")}, "naked": "20",
    "options": [(180, "call", "100000", "-10"), (180, "put", "100000", "-10"), (7, "put", "80000", "5")],
    "perp": ("1.3", "98000", "100050")})
