"""Runs the proofs and prints a table; see proofs/run."""
import argparse
import importlib
import json
import math
import multiprocessing
import os
import resource
import sys
import time
from pathlib import Path as FilePath

import coverage
import harness
from controls import CONTROLS
from lemmas import COUNT, PROVED
from rust import Source
from syntax import Unsupported

PROJECT = FilePath(__file__).resolve().parent.parent
MODULES = (
    "claims_reader", "claims_fixed", "claims_sqrt", "claims_svi", "claims_black76", "claims_units", "claims_params", "claims_scenario", "claims_vol",
    "claims_market", "claims_expiry", "claims_grid", "claims_level", "claims_charges", "claims_legs", "claims_scan", "claims_book", "claims_account",
)  # fmt: skip
PROCESSES = 2
MOST_MEMORY = 4 << 30  # bytes of address space, each
WORK = None  # what the processes share: the source, with all functions parsed, so that its operations keep their identity


class Work:
    """The claims over one source; each is run with the contracts of those before it."""

    def __init__(self, root):
        self.root, self.source, self.registered, self.contracts = root, Source(root), 0, {}
        for function in self.source.functions.values():
            try:
                self.source.body(function)
            except Unsupported:
                pass  # coverage names it

    def contracts_before(self, index):
        if index < self.registered:
            self.registered, self.contracts = 0, {}
        for claim in harness.CLAIMS[self.registered : index]:
            harness.register(self.source, claim, self.contracts)
        self.registered = index
        return dict(self.contracts)


def run_one(index):
    """One claim, in one of the processes: what it came to, without what cannot be passed on."""
    PROVED.clear()
    before = dict(COUNT)
    outcome = harness.run_claim(WORK.source, harness.CLAIMS[index], WORK.contracts_before(index))
    outcome.visited, outcome.claim = {}, None
    return index, outcome, {name: COUNT[name] - before[name] for name in COUNT}


def run_control(index):
    """One edit of the source that its claim must refute."""
    _, claim_name, edit = CONTROLS[index]
    started = time.monotonic()
    place, claim = next((place, claim) for place, claim in enumerate(harness.CLAIMS) if claim.name == claim_name)
    PROVED.clear()
    try:
        source = Source(WORK.root, [edit])
        outcome = harness.run_claim(source, claim, WORK.contracts_before(place), check_fingerprints=False)
        refuted, detail = outcome.result == "FAILED" and "does not fit the code" not in outcome.detail, outcome.detail
    except Unsupported as error:
        refuted, detail = False, str(error)
    return index, refuted, detail, time.monotonic() - started


def limit_memory():
    """A claim that grows without end fails by itself, not with the machine."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def each(function, indices):
    """The results in order; in two processes where there is enough to do."""
    if len(indices) < 8:
        yield from map(function, indices)
        return
    with multiprocessing.get_context("fork").Pool(min(PROCESSES, os.cpu_count() or 1), limit_memory) as pool:
        yield from pool.imap(function, indices)


def run_claims(chosen, show_ranges, quiet):
    outcomes, counts = [], dict.fromkeys(COUNT, 0)
    for index, outcome, count in each(run_one, chosen):
        outcome.claim = claim = harness.CLAIMS[index]
        outcomes.append(outcome)
        counts = {name: counts[name] + count[name] for name in counts}
        if not quiet:
            print(f"{outcome.result:7} {outcome.seconds:6.2f} s {outcome.obligations:6}  {claim.name:28} {claim.function:38} {claim.words}", flush=True)
            if outcome.detail:
                print(f"        {outcome.detail[:700]}")
        if show_ranges:
            for (key, name), (low, high) in outcome.ranges.items():
                print(f"      {key}, {name}: {power(low)} .. {power(high)}")
    return outcomes, counts


def power(value):
    """A bound as a power of two, for reading beside a comment."""
    return "0" if value == 0 else f"{'-' if value < 0 else ''}2^{math.log2(abs(value)):.2f}"


def print_fingerprints():
    """What each claim module should hold, in the order of its claims."""
    needed = {name: {} for name in MODULES}
    for index, claim in enumerate(harness.CLAIMS):
        if claim.model or claim.models or claim.modular or claim.wraps:
            outcome = harness.run_claim(WORK.source, claim, WORK.contracts_before(index), check_fingerprints=False)
            needed[claim.module.__name__].update({key: function.fingerprint for key, function in harness.guarded(outcome).items()})
    for name, functions in needed.items():
        print(f"# {name}.py\nFINGERPRINTS = {{")
        for key in sorted(functions):
            print(f'    "{key}": "{functions[key]}",')
        print("}")


def check_order(outcomes):
    """No claim rests on itself through others."""
    rests_on = {}
    for outcome in outcomes:
        function = WORK.source.resolve(outcome.claim.function)
        if function:
            rests_on.setdefault(function.key, set()).update(outcome.relied)
    done, active, circles = set(), [], []

    def follow(key):
        if key in active:
            circles.append("claims in a circle: " + " -> ".join([*active[active.index(key) :], key]))
        elif key not in done:
            active.append(key)
            for other in sorted(rests_on.get(key, ())):
                follow(other)
            done.add(active.pop())

    for key in sorted(rests_on):
        follow(key)
    return circles


def check_coverage(outcomes, quiet):
    """Every operation that may wrap or panic was walked, or is exempt with a reason."""
    source = WORK.source
    walked = set().union(*(outcome.walked for outcome in outcomes if outcome.result == "proved"))
    missing, unneeded, count = coverage.uncovered(source, walked)
    gaps = [f"{key}: not walked: {' '.join(left)}" for key, left in missing.items()]
    gaps += [f"{key}: exempt without need" for key in unneeded]
    without = set().union(*(outcome.walked for outcome in outcomes if outcome.claim.name != "fill_grid"))
    if "legs.rs::fill_grid" not in coverage.uncovered(source, without)[0]:  # the check itself can fail
        gaps.append("coverage: a claim that is left out is not missed")
    if not quiet:
        print(f"{count} operations that may wrap or panic, {len(coverage.EXEMPT)} functions exempt, {len(gaps)} gaps", flush=True)
    return gaps


def run_controls(proved, quiet):
    """Edits of the source that a claim must refute: they show that the proofs can fail."""
    results = []
    for index, refuted, detail, seconds in each(run_control, list(range(len(CONTROLS)))):
        name, claim_name, _ = CONTROLS[index]
        if claim_name not in proved:  # what fails without the edit says nothing of it
            refuted, detail = False, "the claim does not hold without the edit"
        results.append((name, claim_name, refuted, seconds))
        if not quiet:
            print(f"{'refuted' if refuted else 'MISSED':7} {seconds:6.2f} s         {claim_name:28} {name}", flush=True)
            print(f"        {detail.splitlines()[0][:200] if detail else 'the claim still holds'}")
    return results


def report(outcomes, controls, gaps, counts, seconds):
    return {
        "claims": [
            {"name": o.claim.name, "function": o.claim.function, "claim": o.claim.words, "result": o.result, "mode": "model" if o.claim.model else "source",
             "seconds": round(o.seconds, 3), "paths": o.paths, "obligations": o.obligations, "detail": o.detail}
            for o in outcomes
        ],
        "controls": [{"name": n, "claim": c, "refuted": r, "seconds": round(s, 3)} for n, c, r, s in controls], "coverage_gaps": gaps,
        "exempt": coverage.EXEMPT, "step_lemmas": counts["steps"], "path_queries": counts["full"], "solver_seconds": round(counts["seconds"], 1),
        "seconds": round(seconds, 1),
    }  # fmt: skip


def main():
    global WORK
    parser = argparse.ArgumentParser(prog="proofs/run", description="Proves that the kernels of risk-core stay in range and cannot panic.")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--only", help="claims whose name or function contains this text; no negative controls")
    parser.add_argument("--ranges", action="store_true", help="print the proved interval of each variable")
    parser.add_argument("--fingerprints", action="store_true", help="print the fingerprints of the functions that claims take on trust")
    parser.add_argument("--source", type=FilePath, default=PROJECT / "crates/risk-core/src", help="the sources to prove")
    options = parser.parse_args()
    started = time.monotonic()
    for name in MODULES:
        importlib.import_module(name)
    WORK = Work(options.source)
    if options.fingerprints:
        print_fingerprints()
        return 0
    chosen = [i for i, c in enumerate(harness.CLAIMS) if not options.only or options.only in c.name or options.only in c.function]
    outcomes, counts = run_claims(chosen, options.ranges, options.json)
    gaps = [] if options.only else [*check_order(outcomes), *check_coverage(outcomes, options.json)]
    proved = {outcome.claim.name for outcome in outcomes if outcome.result == "proved"}
    controls = [] if options.only else run_controls(proved, options.json)
    seconds = time.monotonic() - started
    failed = [o.claim.name for o in outcomes if o.result != "proved"] + gaps + [name for name, _, refuted, _ in controls if not refuted]
    if options.json:
        print(json.dumps(report(outcomes, controls, gaps, counts, seconds), indent=1))
    else:
        print(f"{len(outcomes)} claims, {len(controls)} negative controls, {counts['steps']} step lemmas, {counts['full']} path queries: {len(failed)} failed, {seconds:.0f} s")
    for name in failed:
        print(f"proofs/run: failed: {name}", file=sys.stderr)
    return 1 if failed or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
