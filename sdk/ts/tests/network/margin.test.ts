// The margin, Greeks and matrices of live accounts: what the engine in wasm says is what the program returns, to the byte.
import { getI64Decoder, type Address, type Instruction } from '@solana/kit';
import { describe, expect, it } from 'vitest';
import {
  decodeMarginView,
  decodePrice,
  encodeBundle,
  ERROR_CODES,
  filledView,
  findQuotesPda,
  loadDirectory,
  marketOf,
  simulateView,
  TransactionError,
  viewGreeksInstruction,
  viewMarginInstruction,
  viewRiskMatrixInstruction,
  type GreeksPage,
  type Loaded,
} from '../../src/index.js';
import { toHex } from '../golden.js';
import { directory, engine, everybody, load, population, publishedBefore, rpc, user } from './network.js';

const alice = await user('alice');
const bytesOf = ({ bundle }: Loaded) => bundle.map(({ data }) => toHex(data)).join();

/** What was answered about an account, and the account as it was before and after: prices change between two requests. */
async function together<T>(
  account: Address,
  ask: (loaded: Loaded) => Promise<T>,
): Promise<{ loaded: Loaded; answer: T }> {
  let before = await load(account);
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const answer = await ask(before);
    const loaded = await load(account);
    if (bytesOf(loaded) === bytesOf(before)) return { loaded, answer };
    before = loaded;
  }
  throw new Error(`the bytes of ${account} never stood still`);
}

const view = ({ address, account }: Loaded) =>
  simulateView(rpc, alice.signer.address, viewMarginInstruction(directory, { address, account }));

/** A view that the program has, and how the engine computes the same bytes. */
type Asked = [instruction: (loaded: Loaded) => Instruction, bytes: (bundle: Uint8Array) => Uint8Array];

/** The first page of each kind of Greeks, and every matrix. */
function pagesOf({ scope }: Loaded): Asked[] {
  const page = (greeks: GreeksPage): Asked => [
    (loaded) => viewGreeksInstruction(directory, loaded, greeks),
    (bundle) => engine.greeksBytes(bundle, greeks),
  ];
  const each = scope.markets.flatMap((market): Asked[] => [
    page({ __kind: 'Market', market, first: 0 }),
    page({ __kind: 'Legs', market, first: 0 }),
    [(loaded) => viewRiskMatrixInstruction(directory, loaded, market), (bundle) => engine.matrixBytes(bundle, market)],
  ]);
  return [page({ __kind: 'Account' }), ...each];
}

/** Unix time of the evaluation, in the same place of the pages of Greeks and the matrix. */
const timeOf = (data: ArrayLike<number>) => getI64Decoder().decode(new Uint8Array(Array.from(data)), 16);

/** Compares every page of an account, as many at once as get their answers before a price changes. */
async function comparePages(account: Address): Promise<Loaded> {
  let before = await load(account);
  let rest = pagesOf(before);
  let size = rest.length;
  for (let attempt = 0; rest.length > 0; attempt += 1) {
    if (attempt === 200) throw new Error(`the bytes of ${account} never stood still`);
    const part = rest.slice(0, size);
    const shown = before;
    const asked = part.map(([instruction]) => simulateView(rpc, alice.signer.address, instruction(shown)));
    const answers = await Promise.all(asked);
    const after = await load(account);
    if (bytesOf(after) === bytesOf(before)) {
      part.forEach(([, bytes], at) => {
        const { data } = answers[at]!;
        const computed = bytes(encodeBundle(timeOf(data), after.bundle));
        expect(toHex(computed), account).toBe(toHex(filledView(data, computed.length)));
      });
      rest = rest.slice(size);
    } else {
      size = Math.max(1, Math.floor(size / 2));
    }
    before = after;
  }
  return before;
}

/** For a test that asks hundreds of times, milliseconds. */
const MANY = 600_000;

describe('margin on the network', () => {
  it(
    'is the same in wasm as by simulation, to the byte, for every account',
    async () => {
      const accounts = await everybody();
      expect(accounts.length).toBeGreaterThanOrEqual(population);
      let held = 0;
      for (const account of accounts) {
        const { loaded, answer } = await together(account, view);
        const { now } = decodeMarginView(answer.data);
        const computed = engine.marginBytes(encodeBundle(now, loaded.bundle));
        expect(toHex(computed), account).toBe(toHex(filledView(answer.data)));
        held += loaded.account.positions.length;
      }
      expect(held).toBeGreaterThanOrEqual(population);
      console.log(`${accounts.length} accounts with ${held} positions: equal`);
    },
    MANY,
  );

  it(
    'has Greeks and matrices that are the same in wasm as by simulation, to the byte, for every account',
    async () => {
      let [pages, legs] = [0, 0];
      for (const account of await everybody()) {
        const last = await comparePages(account);
        pages += pagesOf(last).length;
        const held = engine.greeks(last).markets.flatMap((market) => market.legs);
        expect(held).toHaveLength(last.account.positions.length);
        legs += held.length;
      }
      expect(legs).toBeGreaterThanOrEqual(population);
      console.log(`${pages} pages with ${legs} legs: equal`);
    },
    MANY,
  );

  it('takes the time of the cluster', async () => {
    // that of a simulation lies between those of the loads around it
    const before = await load(alice.margin);
    const { now } = decodeMarginView((await view(before)).data);
    const after = await load(alice.margin);
    expect(now).toBeGreaterThanOrEqual(before.now - 2n);
    expect(now).toBeLessThanOrEqual(after.now + 2n);
    // the cluster's clock follows this machine's, by the slot: behind by a while where the machine is busy
    const behind = async () => Math.floor(Date.now() / 1_000) - Number((await load(alice.margin)).now);
    await expect.poll(async () => Math.abs(await behind()), { timeout: 30_000 }).toBeLessThan(5);
  });

  it('of a stale price is refused in wasm with the code that the program refuses it with', async () => {
    const { account } = await load(alice.margin);
    const { priceAccount } = marketOf(directory, account.positions[0]!.market);
    for (let attempt = 0; ; attempt += 1) {
      if (attempt === 50) throw new Error('the oracle never stood still');
      // The oracle stopped more than a minute ago; the network's own feeder ends that within a second.
      await publishedBefore(priceAccount, 65n);
      const stale = await load(alice.margin);
      const simulated = await view(stale).catch((error: unknown) => error);
      const shown = decodePrice(stale.bundle.find(({ address }) => address === priceAccount)!);
      const isStill = bytesOf(await load(alice.margin)) === bytesOf(stale);
      if (!isStill || stale.now - shown.publishTime < 60n) continue;
      expect(simulated).toBeInstanceOf(TransactionError);
      expect((simulated as TransactionError).programError).toBe('OracleStale');
      const refused = expect.objectContaining({ name: 'EngineError', code: ERROR_CODES.OracleStale });
      expect(() => engine.margin(stale)).toThrow(refused);
      break;
    }
    // Whoever comes next finds the oracle alive.
    await expect.poll(async () => engine.margin(await load(alice.margin)).doubt, { timeout: 30_000 }).toBe(0);
  });

  it('is of nothing that is not a margin account', async () => {
    const [nowhere] = await findQuotesPda({ marginAccount: alice.margin });
    await expect(load(nowhere)).rejects.toThrow('there is no account');
    await expect(load(directory.clearinghouse)).rejects.toThrow('not a margin account');
    await expect(load(alice.signer.address)).rejects.toThrow('not an account of the program');
    await expect(loadDirectory(rpc, alice.margin)).rejects.toThrow('another account');
  });
});
