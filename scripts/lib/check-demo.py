#!/usr/bin/env python3
"""Checks what `scripts/demo --json` prints (on stdin): shape, the books balance, the hedge is worth what is claimed."""
import json
import sys

INTEGERS = ("liquidations", "vault_error", "bad_debt")
failures = []


def check(ok, what):
    if not ok:
        failures.append(what)


def is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


report = json.load(sys.stdin)
for key in INTEGERS:
    check(is_integer(report.get(key)), f"{key} is an integer, not {report.get(key)!r}")
check(report.get("vault_error") == 0, f"vault_error is 0, not {report.get('vault_error')!r}")
check(is_integer(report.get("liquidations")) and report["liquidations"] >= 1, "at least one liquidation")
check(isinstance(report.get("prices_source"), str) and report["prices_source"], "prices_source is named")

units = report.get("compute_units", {})
check(bool(units), "compute_units names instructions")
for name, value in units.items():
    check(is_integer(value) and 0 < value <= 1_400_000, f"compute_units of {name}: {value!r} within a transaction's budget")

accounts = report.get("margin", {})
check(len(accounts) >= 3, f"margin of three traders, not of {len(accounts)}")
savings = []
for name, margin in accounts.items():
    isolated, portfolio = margin.get("isolated"), margin.get("portfolio")
    check(is_integer(isolated) and is_integer(portfolio) and "saving" in margin, f"margin of {name}: {margin!r}")
    if is_integer(isolated) and is_integer(portfolio) and isolated > 0:
        savings.append(portfolio / isolated)
check(bool(savings) and min(savings) < 1 / 3, f"a hedged book needs less than a third of isolated margin: {savings}")

for failure in failures:
    print(f"demo: not so: {failure}", file=sys.stderr)
sys.exit(bool(failures))
