// Sending survives servers that fail, forget and stall, sends nothing that would fail, and says what became of the rest.
import {
  AccountRole,
  createSolanaRpcFromTransport,
  generateKeyPairSigner,
  getBase64Encoder,
  getCompiledTransactionMessageDecoder,
  getTransactionDecoder,
  type Address,
  type Instruction,
  type RpcTransport,
} from '@solana/kit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  ERROR_CODES,
  PORTFOLIO_MARGIN_PROGRAM_ADDRESS,
  priceOf,
  sendInstructions,
  TransactionError,
  type SendRpc,
} from '../../src/index.js';

type Script = Record<string, (count: number, params: unknown[]) => unknown>;
const NEVER = { context: { slot: 9 }, value: [null] };
const status = (confirmationStatus: string, err: unknown = null) => ({
  context: { slot: 9 },
  value: [{ slot: 8, confirmations: null, err, confirmationStatus }],
});

/** A server that answers by a script; what it does not script goes well. */
function server(script: Script = {}): { rpc: SendRpc; asked: Record<string, unknown[][]> } {
  const asked: Record<string, unknown[][]> = {};
  const fine: Script = {
    getLatestBlockhash: () => ({
      context: { slot: 9 },
      value: { blockhash: '4uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM', lastValidBlockHeight: 150 },
    }),
    getRecentPrioritizationFees: () => [],
    simulateTransaction: () => ({ context: { slot: 9 }, value: { err: null, logs: [], unitsConsumed: 20_000 } }),
    sendTransaction: () => 'signature',
    getBlockHeight: () => 100,
    getSignatureStatuses: () => status('confirmed'),
    getTransaction: () => null,
  };
  const transport: RpcTransport = async <T>({ payload }: Parameters<RpcTransport>[0]) => {
    const { id, method, params } = JSON.parse(
      JSON.stringify(payload, (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)),
    ) as {
      id: string;
      method: string;
      params: unknown[];
    };
    (asked[method] ??= []).push(params);
    const answer = (script[method] ?? fine[method])!(asked[method].length, params);
    if (answer instanceof Error) throw answer;
    return { jsonrpc: '2.0', id, result: answer } as T;
  };
  return { rpc: createSolanaRpcFromTransport(transport) as unknown as SendRpc, asked };
}

const payer = await generateKeyPairSigner();
const written = (await generateKeyPairSigner()).address;
const instruction: Instruction = {
  programAddress: PORTFOLIO_MARGIN_PROGRAM_ADDRESS,
  accounts: [
    { address: written, role: AccountRole.WRITABLE },
    { address: 'SysvarC1ock11111111111111111111111111111111' as Address, role: AccountRole.READONLY },
  ],
  data: new Uint8Array([1, 2, 3]),
};

/** Sends while timers pass by themselves, and signing, which is done on another thread, takes the time that it takes. */
async function sent(rpc: SendRpc, options?: Parameters<typeof sendInstructions>[3], instructions = [instruction]) {
  const settled = sendInstructions(rpc, payer, instructions, options).then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  let outcome: Awaited<typeof settled> | undefined;
  void settled.then((done) => (outcome = done));
  while (!outcome) {
    await vi.advanceTimersByTimeAsync(100);
    await new Promise((turn) => setImmediate(turn));
  }
  return outcome;
}
const failure = async (script: Script, options?: Parameters<typeof sent>[1]) => {
  const { rpc, asked } = server(script);
  const outcome = await sent(rpc, options);
  if (!('error' in outcome)) throw new Error('nothing failed');
  expect(outcome.error).toBeInstanceOf(TransactionError);
  return { error: outcome.error as TransactionError, asked };
};

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout'] }));
afterEach(() => void vi.useRealTimers());

describe('sending', () => {
  it('asks for the units of the simulation and a tenth, and says what it asked for', async () => {
    const { rpc, asked } = server();
    const outcome = await sent(rpc, { fee: { microLamports: 77n } });
    expect(outcome).toMatchObject({
      value: { slot: 8n, simulatedUnits: 20_000, unitLimit: 23_000, microLamports: 77n },
    });
    const [wire] = asked['sendTransaction']![0] as [string];
    const transaction = getTransactionDecoder().decode(getBase64Encoder().encode(wire));
    expect(transaction.signatures[payer.address]).toBeDefined();
    const message = getCompiledTransactionMessageDecoder().decode(transaction.messageBytes);
    if (!('instructions' in message)) throw new Error('a message of another kind');
    const data = message.instructions.map((each) => Buffer.from(each.data ?? []).toString('hex'));
    expect(data).toEqual(['02d8590000', '034d00000000000000', '010203']);
    expect(asked['getRecentPrioritizationFees']).toBeUndefined();
  });

  it('sends nothing that fails in the simulation, and names the failure', async () => {
    const err = { InstructionError: [2, { Custom: ERROR_CODES.OracleStale }] };
    const logs = [`Program ${PORTFOLIO_MARGIN_PROGRAM_ADDRESS} failed: custom program error: 0x1`];
    const refusing = { simulateTransaction: () => ({ context: { slot: 9 }, value: { err, logs, unitsConsumed: 1 } }) };
    const { error, asked } = await failure(refusing, { fee: { microLamports: 1n } });
    expect(error).toMatchObject({ instruction: 0, programError: 'OracleStale', code: ERROR_CODES.OracleStale, logs });
    expect(asked['sendTransaction']).toBeUndefined();
  });

  it('asks no server about what fits no packet, and says by how much; one byte less is sent', async () => {
    const sized = (length: number) => [{ ...instruction, data: new Uint8Array(length) }];
    const attempt = async (length: number) => {
      const { rpc, asked } = server();
      const done = sent(rpc, { fee: { microLamports: 1n } }, sized(length));
      return { outcome: await done, asked };
    };
    const { outcome } = await attempt(2_000);
    if (!('error' in outcome)) throw new Error('nothing failed');
    const beyond = Number(/has (\d+) bytes, of 1232/.exec((outcome.error as Error).message)![1]) - 1_232;
    expect(await attempt(2_000 - beyond)).toMatchObject({ outcome: { value: { slot: 8n } } });
    const { outcome: refused, asked } = await attempt(2_001 - beyond);
    expect(refused).toMatchObject({ error: { name: 'TransactionError', instruction: undefined } });
    expect((refused as { error: Error }).error.message).toContain(
      '1233 bytes, of 1232 at the most: use a lookup table',
    );
    expect(asked['simulateTransaction']).toBeUndefined();
    expect(asked['sendTransaction']).toBeUndefined();
  });

  it('sends again while it is not seen, also through errors of the server', async () => {
    const { rpc, asked } = server({
      sendTransaction: (count) => (count < 3 ? new Error('too many requests') : 'signature'),
      getSignatureStatuses: (count) => (count <= 12 ? NEVER : status('confirmed')),
    });
    expect(await sent(rpc)).toMatchObject({ value: { slot: 8n } });
    expect(asked['sendTransaction']).toHaveLength(3);
    expect(new Set(asked['sendTransaction']!.map(([wire]) => wire)).size).toBe(1);
  });

  it('waits for the commitment asked for', async () => {
    for (const [commitment, looks] of [
      ['processed', 1],
      ['confirmed', 2],
      ['finalized', 3],
    ] as const) {
      const { rpc, asked } = server({
        getSignatureStatuses: (count) => status(['processed', 'confirmed', 'finalized'][count - 1]!),
      });
      expect(await sent(rpc, { commitment })).toHaveProperty('value');
      expect(asked['getSignatureStatuses'], commitment).toHaveLength(looks);
    }
  });

  it('gives up when the blockhash has expired unseen, and not a block earlier', async () => {
    const { error, asked } = await failure({
      getSignatureStatuses: () => NEVER,
      getBlockHeight: (count) => 146 + count,
    });
    expect(error.message).toContain('expired at block 150');
    expect(asked['getBlockHeight']).toHaveLength(5);
  });

  it('does not take a transaction for expired that was seen, however slow', async () => {
    const { rpc } = server({
      getSignatureStatuses: (count) => status(count < 40 ? 'processed' : 'confirmed'),
      getBlockHeight: () => 1_000,
    });
    expect(await sent(rpc)).toHaveProperty('value');
  });

  it('tells what fails on chain with its log, and without where the server has none', async () => {
    const err = { InstructionError: [2, { Custom: ERROR_CODES.NotOwner }] };
    const logs = ['Program log: AnchorError'];
    const known = await failure({
      getSignatureStatuses: () => status('processed', err),
      getTransaction: () => ({ meta: { logMessages: logs } }),
    });
    expect(known.error).toMatchObject({ instruction: 0, programError: 'NotOwner', logs });
    const unknown = await failure({
      getSignatureStatuses: () => status('processed', err),
      getTransaction: () => new Error('no history'),
    });
    expect(unknown.error).toMatchObject({ instruction: 0, programError: 'NotOwner', logs: [] });
  });

  it('survives nineteen looks without an answer, and after twenty says that it does not know', async () => {
    const dead = (until: number) => (count: number) => (count <= until ? new Error('gone') : status('confirmed'));
    expect(await sent(server({ getSignatureStatuses: dead(19) }).rpc)).toHaveProperty('value');
    const { error } = await failure({ getSignatureStatuses: dead(20) });
    expect(error.message).toContain('does not say what became of it');
    expect((error.cause as Error).message).toContain('gone');
  });
});

describe('the price of a unit', () => {
  const fees = (...paid: number[]) =>
    server({ getRecentPrioritizationFees: () => paid.map((prioritizationFee, slot) => ({ slot, prioritizationFee })) });

  it('is a percentile of what was paid for the written accounts, up to the cap', async () => {
    const at = (percentile: number, cap = 1_000n) => priceOf(fees(40, 10, 30, 20).rpc, { percentile, cap }, [written]);
    expect([await at(0), await at(25), await at(50), await at(99), await at(100)]).toEqual([10n, 20n, 30n, 40n, 40n]);
    expect([await at(100, 40n), await at(100, 39n), await at(100, 0n)]).toEqual([40n, 39n, 0n]);
    expect(await priceOf(fees().rpc, { percentile: 50, cap: 9n }, [])).toBe(0n);
    for (const percentile of [-1, 101, Number.NaN]) await expect(at(percentile)).rejects.toThrow(RangeError);
  });

  it('is asked of the accounts that are written, and only those', async () => {
    const { rpc, asked } = server();
    expect(await sent(rpc)).toMatchObject({ value: { microLamports: 0n } });
    expect(asked['getRecentPrioritizationFees']).toEqual([[[written]]]);
  });
});
