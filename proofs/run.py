"""Runs the proofs and prints a table; see proofs/run."""
import argparse
import importlib
import json
import math
import sys
import time
from pathlib import Path as FilePath

import harness
from lemmas import COUNT, PROVED, STEPS
from rust import Source, Unsupported

PROJECT = FilePath(__file__).resolve().parent.parent
MODULES = ("claims_reader", "claims_fixed", "claims_sqrt", "claims_svi", "claims_black76", "claims_grid", "claims_units")


def power(value):
    """A bound as a power of two, for reading beside a comment."""
    return "0" if value == 0 else f"{'-' if value < 0 else ''}2^{math.log2(abs(value)):.2f}"


def print_ranges(outcome):
    for (key, name), (low, high) in outcome.ranges.items():
        print(f"      {key}, {name}: {power(low)} .. {power(high)}")


def print_fingerprints(source):
    """What each claim module should hold, in the order of its claims."""
    for name in MODULES:
        module, needed = importlib.import_module(name), {}
        for claim in harness.CLAIMS:
            if claim.module is module:
                outcome = harness.run_claim(source, claim, CONTRACTS, check_fingerprints=False)
                needed.update({key: function.fingerprint for key, function in outcome.visited.items()})
        print(f"# {name}.py\nFINGERPRINTS = {{")
        for key in sorted(needed):
            print(f'    "{key}": "{needed[key]}",')
        print("}")


CONTRACTS = {}


def run_claims(source, only, show_ranges, quiet):
    outcomes = []
    for claim in harness.CLAIMS:
        if only and only not in claim.name and only not in claim.function:
            harness.register(source, claim, CONTRACTS)
            continue
        PROVED.clear()
        outcome = harness.run_claim(source, claim, CONTRACTS)
        outcomes.append(outcome)
        if not quiet:
            print(f"{outcome.result:7} {outcome.seconds:6.2f} s {outcome.obligations:6}  {claim.name:28} {claim.function:38} {claim.words}", flush=True)
            if outcome.detail:
                print(f"        {outcome.detail[:700]}")
        if show_ranges:
            print_ranges(outcome)
    return outcomes


def run_controls(root, quiet):
    """Edits of the source that a claim must refute: they show that the proofs can fail."""
    from controls import CONTROLS

    results = []
    for name, claim_name, edit in CONTROLS:
        started = time.monotonic()
        claim = next(c for c in harness.CLAIMS if c.name == claim_name)
        PROVED.clear()
        try:
            source = Source(root, [edit])
            outcome = harness.run_claim(source, claim, CONTRACTS, check_fingerprints=False)
            refuted, detail = outcome.result == "FAILED", outcome.detail
        except Unsupported as error:
            refuted, detail = False, str(error)
        results.append((name, claim_name, refuted, time.monotonic() - started, detail))
        if not quiet:
            print(f"{'refuted' if refuted else 'MISSED':7} {results[-1][3]:6.2f} s         {claim_name:28} {name}", flush=True)
            print(f"        {detail.splitlines()[0][:200] if detail else 'the claim still holds'}")
    return results


def report(outcomes, controls, seconds):
    return {
        "claims": [
            {"name": o.claim.name, "function": o.claim.function, "claim": o.claim.words, "result": o.result, "mode": "model" if o.claim.model else "source",
             "seconds": round(o.seconds, 3), "paths": o.paths, "obligations": o.obligations, "detail": o.detail}
            for o in outcomes
        ],
        "controls": [{"name": n, "claim": c, "refuted": r, "seconds": round(s, 3)} for n, c, r, s, _ in controls],
        "step_lemmas": len(STEPS), "path_queries": COUNT["full"], "solver_seconds": round(COUNT["seconds"], 1), "seconds": round(seconds, 1),
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(prog="proofs/run", description="Proves that the kernels of risk-core stay in range and cannot panic.")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--only", help="claims whose name or function contains this text; no negative controls")
    parser.add_argument("--ranges", action="store_true", help="print the proved interval of each variable")
    parser.add_argument("--fingerprints", action="store_true", help="print the fingerprints of the functions as they stand")
    parser.add_argument("--source", type=FilePath, default=PROJECT / "crates/risk-core/src", help="the sources to prove")
    options = parser.parse_args()
    started = time.monotonic()
    for name in MODULES:
        importlib.import_module(name)
    source = Source(options.source)
    if options.fingerprints:
        print_fingerprints(source)
        return 0
    outcomes = run_claims(source, options.only, options.ranges, options.json)
    controls = [] if options.only else run_controls(options.source, options.json)
    seconds = time.monotonic() - started
    failed = [o.claim.name for o in outcomes if o.result != "proved"] + [name for name, _, refuted, _, _ in controls if not refuted]
    if options.json:
        print(json.dumps(report(outcomes, controls, seconds), indent=1))
    else:
        print(f"{len(outcomes)} claims, {len(controls)} negative controls, {len(STEPS)} step lemmas, {COUNT['full']} path queries: {len(failed)} failed, {seconds:.0f} s")
    for name in failed:
        print(f"proofs/run: failed: {name}", file=sys.stderr)
    return 1 if failed or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
