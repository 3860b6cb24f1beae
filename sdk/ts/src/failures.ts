// What can go wrong, typed: untrusted bytes, refusals of the program by code and name, and of the engine.
import { ERRORS, type ErrorName } from './generated/errors.js';
import { PORTFOLIO_MARGIN_PROGRAM_ADDRESS } from './generated/programs/index.js';

/** Bytes or an answer that is not what was asked for: another account, cut short, a foreign owner. */
export class DataError extends Error {
  override readonly name = 'DataError';
}

/** The engine refused to evaluate. */
export class EngineError extends Error {
  override readonly name = 'EngineError';

  /**
   * @param text What the engine says.
   * @param code The program's error code for the same; zero where the program has none.
   */
  constructor(
    text: string,
    readonly code: number,
  ) {
    super(text);
  }
}

/** A quote that must not be relied upon. */
export class QuoteError extends Error {
  override readonly name = 'QuoteError';
}

/** A transaction that failed, or would. */
export class TransactionError extends Error {
  override readonly name = 'TransactionError';

  /**
   * @param message What happened.
   * @param instruction Number of the instruction that failed among those that were sent, where one did; the compute budget's, which
   * stand in front of them, are not counted.
   * @param code Its custom error code, where it has one.
   * @param programError Name of the error, where the failure is this program's.
   * @param logs The runtime's log; empty where the server sent none.
   * @param cause What the server answered.
   */
  constructor(
    message: string,
    readonly instruction: number | undefined,
    readonly code: number | undefined,
    readonly programError: ErrorName | undefined,
    readonly logs: readonly string[],
    cause: unknown,
  ) {
    super(message, { cause });
  }
}

/** Name and text of one of the program's error codes; `undefined` for another program's. */
export function errorOf(code: number): { readonly name: ErrorName; readonly text: string } | undefined {
  return Object.hasOwn(ERRORS, code) ? ERRORS[code] : undefined;
}

/** The program that failed, by the log: the innermost names itself first. */
function failedProgram(logs: readonly string[]): string | undefined {
  for (const line of logs) {
    const found = /^Program (\w+) failed: /.exec(line);
    if (found) return found[1];
  }
  return undefined;
}

/** Written as text, bigints included. */
function shown(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? inner.toString() : inner));
}

/**
 * Makes a typed failure of what an RPC answers as `err`.
 *
 * A custom code is taken for this program's only where the log does not say that another failed, and where the top-level program of
 * the instruction is not known to be another.
 *
 * @param programs Programs of the instructions, in order, without those in front.
 * @param inFront Number of instructions that the sender put in front: the compute budget's.
 */
export function transactionError(
  err: unknown,
  logs: readonly string[] = [],
  programs: readonly string[] = [],
  inFront = 0,
): TransactionError {
  const instructionError = (err as { InstructionError?: unknown } | null)?.InstructionError;
  if (!Array.isArray(instructionError)) {
    const text = typeof err === 'string' ? err : shown(err);
    return new TransactionError(`the transaction failed: ${text}`, undefined, undefined, undefined, logs, err);
  }
  const [rawNumber, kind] = instructionError as [unknown, unknown];
  const number = Number(rawNumber) - inFront;
  const custom = (kind as { Custom?: unknown } | null)?.Custom;
  if (typeof custom !== 'number' && typeof custom !== 'bigint') {
    const text = typeof kind === 'string' ? kind : shown(kind);
    return new TransactionError(`instruction ${number} failed: ${text}`, number, undefined, undefined, logs, err);
  }
  const code = Number(custom);
  const failed = failedProgram(logs) ?? programs[number] ?? PORTFOLIO_MARGIN_PROGRAM_ADDRESS;
  const known = failed === PORTFOLIO_MARGIN_PROGRAM_ADDRESS ? errorOf(code) : undefined;
  const message = known
    ? `instruction ${number} failed: ${known.name} (${code}): ${known.text}`
    : `instruction ${number} failed with code ${code} of ${failed}`;
  return new TransactionError(message, number, code, known?.name, logs, err);
}
