// A trader's day on the network: deposit, trade, quotes signed, verified and filled, withdrawal; and everything that is refused.
import {
  AccountRole,
  generateKeyPairSigner,
  type AccountMeta,
  type AccountSignerMeta,
  type Address,
  type Instruction,
  type Signature,
  type SignatureBytes,
  type TransactionSigner,
} from '@solana/kit';
import { describe, expect, it } from 'vitest';
import {
  ANYONE,
  createTokenAccountInstruction,
  depositInstruction,
  eventsOf,
  fetchQuoteNonces,
  findMarginAccountPda,
  findQuotesPda,
  findTokenAccount,
  getAssertHealthInstruction,
  getFillQuoteInstructions,
  getOpenMarginAccountInstruction,
  getOpenQuotesInstructionAsync,
  HealthKind,
  packCheck,
  QuoteError,
  sendInstructions,
  signQuote,
  tradeInstruction,
  TransactionError,
  verifyQuote,
  withAccounts,
  withdrawInstruction,
  type Loaded,
  type ProgramEvent,
  type Quote,
} from '../../src/index.js';
import { directory, engine, load, market, rpc, spot, user } from './network.js';

const [bob, maker] = [await user('bob'), await user('maker')];
const btc = market('BTC').index;
const side = ({ address, account }: Loaded) => ({ address, account });

/** The events of a transaction, from the server's log of it. */
async function told(signature: Signature): Promise<ProgramEvent[]> {
  const config = { commitment: 'confirmed', encoding: 'base64', maxSupportedTransactionVersion: 0 } as const;
  const transaction = await rpc.getTransaction(signature, config).send();
  return eventsOf(transaction?.meta?.logMessages ?? []);
}

/** A transfer of lamports, as the system program reads it. */
function getTransferSolInstruction(from: TransactionSigner, to: Address, lamports: bigint): Instruction {
  const data = new Uint8Array(12);
  data[0] = 2;
  new DataView(data.buffer).setBigUint64(4, lamports, true);
  const accounts: (AccountMeta | AccountSignerMeta)[] = [
    { address: from.address, role: AccountRole.WRITABLE_SIGNER, signer: from },
    { address: to, role: AccountRole.WRITABLE },
  ];
  return { programAddress: '11111111111111111111111111111111' as Address, accounts, data };
}

async function refused(sent: Promise<unknown>): Promise<TransactionError> {
  const error = await sent.then(() => undefined).catch((thrown: unknown) => thrown);
  if (!(error instanceof TransactionError)) throw error ?? new Error('nothing was refused');
  return error;
}

const perpetual = async (quantity: bigint) => ({
  market: btc,
  instrument: 0,
  expiry: 0n,
  strike: 0n,
  quantity,
  price: await spot(btc),
});
const openQuotes = (marginAccount: typeof maker.margin) =>
  getOpenQuotesInstructionAsync({ owner: maker.signer, marginAccount });

describe.sequential('a trader', () => {
  it('deposits, and the balance rises by as much', async () => {
    const before = await load(bob.margin);
    const transfer = {
      directory,
      owner: bob.signer,
      margin: side(before),
      bank: 0,
      wallet: bob.tokens['USDC']!,
      amount: 12_345_678n,
    };
    const sent = await sendInstructions(rpc, bob.signer, [depositInstruction(transfer)]);
    const after = await load(bob.margin);
    expect(after.account.header.cash - before.account.header.cash).toBe(12_345_678n);
    expect(sent.unitLimit).toBeGreaterThanOrEqual(sent.simulatedUnits);
    expect(sent.unitLimit).toBeLessThan(sent.simulatedUnits * 1.1 + 1_001);
    const events = await told(sent.signature);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      name: 'CollateralDeposited',
      data: { marginAccount: bob.margin, amount: 12_345_678n },
    });
  });

  it('does not deposit for another, and is told so by name', async () => {
    const owner = await user('carol');
    const margin = side(await load(bob.margin));
    const theirs = depositInstruction({
      directory,
      owner: owner.signer,
      margin,
      bank: 0,
      wallet: owner.tokens['USDC']!,
      amount: 1n,
    });
    const error = await refused(sendInstructions(rpc, owner.signer, [theirs]));
    expect(error).toMatchObject({ instruction: 0, code: 6002, programError: 'NotOwner' });
    expect(error.message).toContain('Signer does not own the margin account');
    expect(error.logs.join('\n')).toContain('NotOwner');
  });

  it('trades, and the margin that the engine computes of both sides is one that may be opened on', async () => {
    const [taker, other] = [await load(bob.margin), await load(maker.margin)];
    const legs = [await perpetual(50_000n)];
    const sides = { taker: side(taker), maker: side(other), takerOwner: bob.signer, makerOwner: maker.signer };
    const health = getAssertHealthInstruction({
      clearinghouse: directory.clearinghouse,
      marginAccount: bob.margin,
      kind: HealthKind.Initial,
      least: 0n,
    });
    const held = { ...taker.account, positions: [...taker.account.positions, { ...legs[0]!, lnStrike: 0n, cost: 0n }] };
    const guard = withAccounts(health, packCheck(directory, held));
    const sent = await sendInstructions(rpc, bob.signer, [tradeInstruction({ directory, ...sides, legs }), guard]);
    const [traded] = await told(sent.signature);
    expect(traded).toMatchObject({ name: 'Traded', data: { taker: bob.margin, maker: maker.margin, legs } });
    const of = ({ account }: Loaded) =>
      account.positions.find((p) => p.market === btc && p.instrument === 0)?.quantity ?? 0n;
    const [after, otherAfter] = [await load(bob.margin), await load(maker.margin)];
    expect(of(after) - of(taker)).toBe(50_000n);
    expect(of(otherAfter) - of(other)).toBe(-50_000n);
    for (const loaded of [after, otherAfter])
      expect(engine.margin(loaded)).toMatchObject({ wouldOpen: true, refusal: 0 });
  });

  it('is refused a trade that the engine says it cannot carry', async () => {
    const [taker, other] = [await load(bob.margin), await load(maker.margin)];
    const sides = { taker: side(taker), maker: side(other), takerOwner: bob.signer, makerOwner: maker.signer };
    const huge = tradeInstruction({ directory, ...sides, legs: [await perpetual(1_000_000_000n)] });
    expect((await refused(sendInstructions(rpc, bob.signer, [huge]))).programError).toBe('InitialMarginBreached');
  });

  it('is refused accounts that are packed wrong', async () => {
    const [taker, other] = [await load(bob.margin), await load(maker.margin)];
    const sides = { taker: side(taker), maker: side(other), takerOwner: bob.signer, makerOwner: maker.signer };
    const right = tradeInstruction({ directory, ...sides, legs: [await perpetual(1_000n)] });
    const cut = { ...right, accounts: right.accounts!.slice(0, -2) };
    expect((await refused(sendInstructions(rpc, bob.signer, [cut]))).programError).toBe('RemainingAccountMissing');
    const more = { ...right, accounts: [...right.accounts!, right.accounts!.at(-1)!] };
    expect((await refused(sendInstructions(rpc, bob.signer, [more]))).programError).toBe('UnexpectedAccount');
  });

  it('withdraws, and no more than there is', async () => {
    const before = await load(bob.margin);
    const { cash } = engine.margin(before);
    const transfer = { directory, owner: bob.signer, margin: side(before), bank: 0, wallet: bob.tokens['USDC']!, cash };
    const { signature } = await sendInstructions(rpc, bob.signer, [
      withdrawInstruction({ ...transfer, amount: 1_000_000n }),
    ]);
    const events = await told(signature);
    expect(events[0]).toMatchObject({
      name: 'CollateralWithdrawn',
      data: { marginAccount: bob.margin, amount: 1_000_000n },
    });
    expect((await load(bob.margin)).account.header.cash).toBe(before.account.header.cash - 1_000_000n);
    const much = withdrawInstruction({ ...transfer, amount: cash * 2n });
    const error = await refused(sendInstructions(rpc, bob.signer, [much]));
    expect(['BalanceInsufficient', 'InitialMarginBreached', 'DebtLimit']).toContain(error.programError);
  });
});

describe.sequential('a newcomer', () => {
  it('opens an account, is given a wallet of tokens, and cannot withdraw what it does not have', async () => {
    const newcomer = await generateKeyPairSigner();
    const { signer: payer } = bob;
    const { clearinghouse } = directory;
    const [margin] = await findMarginAccountPda({ clearinghouse, owner: newcomer.address, subAccount: 3 });
    const rent = getTransferSolInstruction(payer, newcomer.address, 100_000_000n);
    const open = getOpenMarginAccountInstruction({
      owner: newcomer,
      clearinghouse,
      marginAccount: margin,
      subAccount: 3,
      capacity: 16,
      tier: 0,
    });
    const wallet = await findTokenAccount(directory, 0, newcomer.address);
    const create = await createTokenAccountInstruction(directory, { bank: 0, owner: newcomer.address, payer });
    await sendInstructions(rpc, payer, [rent, open, create]);
    const loaded = await load(margin);
    expect(loaded.account.header).toMatchObject({ owner: newcomer.address, subAccount: 3, tier: 0, cash: 0n });
    expect(engine.margin(loaded)).toMatchObject({ equity: 0n, initialHealth: 0n, wouldOpen: true, markets: [] });
    // again: nothing happens to what is there
    await sendInstructions(rpc, payer, [create]);
    const transfer = { directory, owner: newcomer, margin: side(loaded), bank: 0, wallet, amount: 1n, cash: 0n };
    const error = await refused(sendInstructions(rpc, payer, [withdrawInstruction(transfer)]));
    expect(error.programError).toMatch(/^(BalanceInsufficient|InitialMarginBreached|DebtLimit)$/);
  });
});

describe.sequential('a quote', async () => {
  const [quotes] = await findQuotesPda({ marginAccount: maker.margin });
  const offered = async (): Promise<Quote> => {
    const { data } = await fetchQuoteNonces(rpc, quotes, { commitment: 'confirmed' });
    const { now } = await load(maker.margin);
    const price = await spot(btc);
    return {
      clearinghouse: directory.clearinghouse,
      maker: maker.margin,
      taker: ANYONE,
      session: data.session,
      nonce: now * 128n,
      expires: now + 60n,
      mostLots: 5n,
      leastLots: 1n,
      legs: [{ market: btc, instrument: 0, expiry: 0n, strike: 0n, quantity: -2_000n, price }],
    };
  };
  const fill = async (request: { signed: Parameters<typeof getFillQuoteInstructions>[0]['signed']; lots: bigint }) => {
    const [taker, other] = [side(await load(bob.margin)), side(await load(maker.margin))];
    return getFillQuoteInstructions({ directory, takerSigner: bob.signer, taker, maker: other, ...request });
  };

  it('needs its maker to open quotes, once', async () => {
    const account = await rpc.getAccountInfo(quotes, { encoding: 'base64', commitment: 'confirmed' }).send();
    if (!account.value) await sendInstructions(rpc, maker.signer, [await openQuotes(maker.margin)]);
    const { data } = await fetchQuoteNonces(rpc, quotes, { commitment: 'confirmed' });
    expect(data.marginAccount).toBe(maker.margin);
    expect(data.session).toBeGreaterThan(0n);
    const again = await refused(sendInstructions(rpc, maker.signer, [await openQuotes(maker.margin)]));
    expect(again.programError).toBeUndefined(); // the system program's: the account is there
  });

  it('is signed, verified, and filled in parts until nothing is left', async () => {
    const quote = await offered();
    const signed = await signQuote(quote, maker.signer);
    const other = await load(maker.margin);
    const context = { maker: side(other), now: other.now };
    expect(await verifyQuote(signed, context)).toEqual(quote);
    const { data: fresh } = await fetchQuoteNonces(rpc, quotes, { commitment: 'confirmed' });
    expect(await verifyQuote(signed, { ...context, nonces: fresh, taker: bob.margin })).toEqual(quote);
    const first = await sendInstructions(rpc, bob.signer, await fill({ signed, lots: 3n }));
    const events = await told(first.signature);
    expect(events.find(({ name }) => name === 'QuoteFilled')).toMatchObject({ data: { nonce: quote.nonce, lots: 3n } });
    const second = await sendInstructions(rpc, bob.signer, await fill({ signed, lots: 3n }));
    const rest = (await told(second.signature)).find(({ name }) => name === 'QuoteFilled');
    expect(rest).toMatchObject({ data: { lots: 2n } });
    const { data: nonces } = await fetchQuoteNonces(rpc, quotes, { commitment: 'confirmed' });
    await expect(verifyQuote(signed, { ...context, nonces })).rejects.toThrow('nothing is left');
    const third = await refused(sendInstructions(rpc, bob.signer, await fill({ signed, lots: 1n })));
    expect(third.programError).toMatch(/^Quote/);
  });

  it('tampered with does not verify, and does not fill', async () => {
    const quote = await offered();
    const signed = await signQuote(quote, maker.signer);
    const other = await load(maker.margin);
    const context = { maker: side(other), now: other.now };
    const message = new Uint8Array(signed.message);
    message[message.length - 1]! ^= 1;
    await expect(verifyQuote({ ...signed, message }, context)).rejects.toThrow(QuoteError);
    const forged = await refused(
      sendInstructions(rpc, bob.signer, await fill({ signed: { ...signed, message }, lots: 1n })),
    );
    expect(forged.programError).toBeUndefined();
    expect(forged.instruction).toBe(0); // the check of the signature
    const signature = new Uint8Array(signed.signature) as unknown as SignatureBytes;
    signature[3]! ^= 1;
    await expect(verifyQuote({ ...signed, signature }, context)).rejects.toThrow(QuoteError);
  });

  it('signed by somebody else does not verify, and does not fill', async () => {
    const stranger = await generateKeyPairSigner();
    const signed = await signQuote(await offered(), stranger);
    const other = await load(maker.margin);
    const context = { maker: side(other), now: other.now };
    await expect(verifyQuote(signed, context)).rejects.toThrow('may not sign');
    const error = await refused(sendInstructions(rpc, bob.signer, await fill({ signed, lots: 1n })));
    expect([error.instruction, error.programError]).toEqual([1, 'QuoteUnsigned']);
  });
});
