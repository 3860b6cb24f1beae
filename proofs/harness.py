"""Claims: what is proved about which function, how it is run, and what comes out."""
import time
from dataclasses import dataclass, field

import z3

from interpreter import Interpreter
from lemmas import COUNT, Dead, Refuted, decide
from prover import Path
from syntax import Unsupported

CLAIMS = []
ALIVE_TIMEOUT = 200
MOST_PATHS, MOST_SECONDS = 20_000, 300  # of one claim, seconds of the processor: what is larger needs claims for its parts
@dataclass
class Claim:
    """One claim. `arguments(path, case)` makes the inputs in their documented ranges; `then` states what the result obeys."""

    name: str
    function: str  # file::[Type::]name
    words: str
    module: object
    arguments: object = None
    cases: object = (None,)  # or what makes them from the source
    hints: dict = field(default_factory=dict)
    then: object = None
    generics: tuple = ()
    wraps: dict = field(default_factory=dict)  # function -> operations that are documented to wrap on invalid inputs
    loops: dict = field(default_factory=dict)  # function -> what its loops keep: variable -> range
    modular: tuple = ()  # names of functions that compute modulo 2^64 on purpose
    model: object = None  # a hand-written statement instead of the function's own text
    models: tuple = ()  # further functions that the claim relies on: guarded by their fingerprints, not walked
    contract: object = None
    given: dict = field(default_factory=dict)  # contracts of other claims as this one needs them: with what its loops keep


@dataclass
class Outcome:
    claim: Claim
    result: str
    seconds: float
    detail: str = ""
    paths: int = 0
    obligations: int = 0
    visited: dict = field(default_factory=dict)
    ranges: dict = field(default_factory=dict)
    relied: set = field(default_factory=set)  # functions whose claims this one rests on
    walked: set = field(default_factory=set)  # operations of the source that some path went through


def claim(module, name, function, words, arguments=None, **options):
    CLAIMS.append(Claim(name, function, words, module, arguments, **options))


def within(lo, hi, what="result"):
    """The simplest conclusion: one number in [lo, hi]."""
    return lambda path, arguments, result: path.bound(result, lo, hi, what)


def returns(lo, hi, kind):
    """The contract that goes with `within`: callers see any number in [lo, hi]."""
    return lambda path, *arguments: path.fresh(lo, hi, kind, "call")


def find(source, key):
    function = source.resolve(key)
    if function is None:
        raise Refuted(f"no function {key}: it was removed or renamed")
    return function


def register(source, claim, contracts):
    """From here on callers see what the claim says of the function, not its text."""
    function = source.resolve(claim.function)
    if claim.contract and function:
        contracts[function.key] = claim.contract


def walk(source, claim, contracts, outcome):
    """Every path of every case."""
    function = find(source, claim.function)
    started = time.process_time()
    lives = False  # whether some path can be taken at all
    own = {key: value for key, value in {**contracts, **claim.given}.items() if key != function.key}
    for case in claim.cases(source) if callable(claim.cases) else claim.cases:
        decisions = []
        while decisions is not None:
            path = Path(decisions)
            path.source = source
            runner = Interpreter(source, path, claim, own, outcome.ranges)
            try:
                arguments = claim.arguments(path, case)
                result = runner.call(function, arguments, claim.generics)
                path.where = f"{claim.function}, result"
                if claim.then:
                    claim.then(path, arguments, result)
            except Dead:
                pass
            except (Refuted, Unsupported) as error:
                raise Refuted(f"{f'case {case}: ' if case is not None else ''}{error}") from error
            except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
                # The code has a shape that the claim does not fit any more, such as a new parameter.
                raise Refuted(f"{path.where or claim.function}: the claim does not fit the code: {error!r}") from error
            else:
                if not lives:
                    lives = decide(path.facts, ALIVE_TIMEOUT)[0] != z3.unsat
            # What was walked counts where some input goes that way.
            if not runner.walked <= outcome.walked and decide(path.facts, ALIVE_TIMEOUT)[0] != z3.unsat:
                outcome.walked |= runner.walked
            outcome.visited.update(runner.visited)
            outcome.relied |= runner.relied
            outcome.paths += 1
            if outcome.paths > MOST_PATHS or time.process_time() - started > MOST_SECONDS:
                raise Refuted(f"no end after {outcome.paths} ways through {claim.function}: state a claim for a part of it")
            decisions = path.next_decisions()
    if not lives:
        raise Refuted("no input satisfies the conditions: the claim says nothing")


def stated(source, claim):
    """What a claim states by hand."""
    try:
        return claim.model(source)
    except Unsupported as error:
        raise Refuted(str(error)) from error
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise Refuted(f"{claim.function}: the claim does not fit the code: {error!r}") from error


def run_claim(source, claim, contracts, check_fingerprints=True):
    """Runs one claim: proved, FAILED, with the reason."""
    started, before = time.monotonic(), dict(COUNT)
    outcome = Outcome(claim, "proved", 0.0)
    try:
        for key in (claim.function, *claim.models):
            function = find(source, key)
            outcome.visited[function.key] = function
        if claim.model:
            outcome.paths = stated(source, claim)
        else:
            walk(source, claim, contracts, outcome)
        if check_fingerprints:
            compare(outcome)
    except Refuted as error:
        outcome.result, outcome.detail = "FAILED", str(error)
    register(source, claim, contracts)
    outcome.obligations = sum(COUNT[k] - before[k] for k in ("operations", "full"))
    outcome.seconds = time.monotonic() - started
    return outcome


def guarded(outcome):
    """The functions whose text a claim takes on trust: stated by hand, or allowed to wrap. What is walked proves itself anew."""
    claim = outcome.claim
    keys = {claim.function, *claim.models} if claim.model else set(claim.models)
    shorts = {key.split("::", 1)[1] for key in keys}
    trusted = {*claim.modular, *claim.wraps}
    return {
        key: function for key, function in outcome.visited.items()
        if key.split("::", 1)[1] in shorts or function.name in trusted
    }  # fmt: skip


def compare(outcome):
    """Fails where a trusted function is not the one that its claim was last read against."""
    known = {key.split("::", 1)[1]: value for key, value in outcome.claim.module.FINGERPRINTS.items()}  # files may change
    for key, function in guarded(outcome).items():
        before = known.get(key.split("::", 1)[1], "none")
        if before != function.fingerprint:
            raise Refuted(
                f"{key} changed since its proof was read: fingerprint {function.fingerprint}, "
                f"{before} in {outcome.claim.module.__name__}.py. Read the claim against the new text, "
                f"then enter the new fingerprint (proofs/run --fingerprints prints them all)"
            )
