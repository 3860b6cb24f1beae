// The margin of live accounts: what the engine in wasm says is what the program returns, to the byte.
import { getBase58Decoder, type Address, type Base58EncodedBytes } from '@solana/kit';
import { describe, expect, it } from 'vitest';
import {
  decodeMarginView,
  decodePrice,
  encodeBundle,
  ERROR_CODES,
  filledView,
  findQuotesPda,
  loadDirectory,
  MARGIN_ACCOUNT_DISCRIMINATOR,
  marketOf,
  PORTFOLIO_MARGIN_PROGRAM_ADDRESS,
  simulateView,
  TransactionError,
  viewMarginInstruction,
  type Loaded,
} from '../../src/index.js';
import { toHex } from '../golden.js';
import { directory, engine, load, population, publishedBefore, rpc, user } from './network.js';

/** Every margin account of the program. */
async function everybody(): Promise<Address[]> {
  const bytes = getBase58Decoder().decode(MARGIN_ACCOUNT_DISCRIMINATOR) as Base58EncodedBytes;
  const filters = [{ memcmp: { bytes, encoding: 'base58', offset: 0n } }] as const;
  const found = await rpc
    .getProgramAccounts(PORTFOLIO_MARGIN_PROGRAM_ADDRESS, {
      commitment: 'confirmed',
      encoding: 'base64',
      filters,
      dataSlice: { offset: 0, length: 0 },
    })
    .send();
  return found.map(({ pubkey }) => pubkey);
}

const alice = await user('alice');
const bytesOf = ({ bundle }: Loaded) => bundle.map(({ data }) => toHex(data)).join();

/** An account and what was answered about the very same bytes: prices change between two requests. */
async function together<T>(
  account: Address,
  ask: (loaded: Loaded) => Promise<T>,
): Promise<{ loaded: Loaded; answer: T }> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const loaded = await load(account);
    const answer = await ask(loaded);
    if (bytesOf(await load(account)) === bytesOf(loaded)) return { loaded, answer };
  }
  throw new Error(`the bytes of ${account} never stood still`);
}

const view = ({ address, account }: Loaded) =>
  simulateView(rpc, alice.signer.address, viewMarginInstruction(directory, { address, account }));

describe('margin on the network', () => {
  it('is the same in wasm as by simulation, to the byte, for every account', async () => {
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
  });

  it('takes the time of the cluster', async () => {
    const { loaded, answer } = await together(alice.margin, view);
    const { now } = decodeMarginView(answer.data);
    expect(Math.abs(Number(now - loaded.now))).toBeLessThanOrEqual(2);
    const seconds = Date.now() / 1000;
    expect(Math.abs(Number(loaded.now) - seconds)).toBeLessThan(5);
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
    await expect.poll(async () => engine.margin(await load(alice.margin)).doubt, { timeout: 10_000 }).toBe(0);
  });

  it('is of nothing that is not a margin account', async () => {
    const [nowhere] = await findQuotesPda({ marginAccount: alice.margin });
    await expect(load(nowhere)).rejects.toThrow('there is no account');
    await expect(load(directory.clearinghouse)).rejects.toThrow('not a margin account');
    await expect(load(alice.signer.address)).rejects.toThrow('not an account of the program');
    await expect(loadDirectory(rpc, alice.margin)).rejects.toThrow('another account');
  });
});
