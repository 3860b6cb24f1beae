// Events of the program, from the log of a transaction.
import { getBase64Encoder, type ReadonlyUint8Array } from '@solana/kit';
import { EVENTS, type ProgramEvent } from './generated/events.js';
import { PORTFOLIO_MARGIN_PROGRAM_ADDRESS } from './generated/programs/index.js';

const PREFIX = 'Program data: ';

function hex(bytes: ReadonlyUint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Reads one event; `undefined` where the bytes are no event of this program, or one cut short. */
export function decodeEvent(data: ReadonlyUint8Array): ProgramEvent | undefined {
  const key = hex(data.subarray(0, 8));
  if (data.length < 8 || !Object.hasOwn(EVENTS, key)) return undefined;
  const { name, decoder } = EVENTS[key as keyof typeof EVENTS];
  try {
    const [event, end] = decoder().read(data, 8);
    return end === data.length ? ({ name, data: event } as ProgramEvent) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The events that the program emitted in a transaction, in order.
 *
 * Only lines that the program itself wrote count: the log says who runs, and another program can write any bytes.
 */
export function eventsOf(logs: readonly string[]): ProgramEvent[] {
  const running: string[] = [];
  const events: ProgramEvent[] = [];
  for (const line of logs) {
    const invoked = /^Program (\w+) invoke \[(\d+)\]$/.exec(line);
    if (invoked?.[1]) {
      running.length = Number(invoked[2]) - 1;
      running.push(invoked[1]);
    } else if (/^Program \w+ (success$|failed: )/.test(line)) {
      running.pop();
    } else if (line.startsWith(PREFIX) && running.at(-1) === PORTFOLIO_MARGIN_PROGRAM_ADDRESS) {
      const event = decodeLine(line);
      if (event) events.push(event);
    }
  }
  return events;
}

function decodeLine(line: string): ProgramEvent | undefined {
  try {
    return decodeEvent(getBase64Encoder().encode(line.slice(PREFIX.length)));
  } catch {
    return undefined;
  }
}
