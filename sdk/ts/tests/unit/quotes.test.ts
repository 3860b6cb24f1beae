// Quotes are the bytes that the Rust crates sign, and nothing that is not exactly a good one verifies.
import {
  createKeyPairSignerFromPrivateKeyBytes,
  createNoopSigner,
  generateKeyPairSigner,
  type Address,
  type SignatureBytes,
} from '@solana/kit';
import { describe, expect, it, vi } from 'vitest';
import {
  ANYONE,
  decodeQuote,
  encodeQuote,
  expiresIn,
  getFillQuoteInstructions,
  getVerifyQuoteInstruction,
  lotsLeft,
  QuoteError,
  signQuote,
  verifyQuote,
  type Account,
  type MarginAccount,
  type Quote,
  type QuoteNonces,
  type SignedQuote,
} from '../../src/index.js';
import { fromHex, golden, goldenDirectory, metasOf, side, toHex } from '../golden.js';

const text = golden.quote as Record<string, string>;
const directory = await goldenDirectory();
const maker = side('maker');
const saver = side('saver');
const now = BigInt(text['expires']!) - 60n;
const withHeader = (change: Partial<MarginAccount>): Account => ({
  ...maker.account,
  header: { ...maker.account.header, ...change },
});
const quote: Quote = {
  clearinghouse: directory.clearinghouse,
  maker: maker.address,
  taker: ANYONE,
  session: BigInt(text['session']!),
  nonce: 77n,
  expires: BigInt(text['expires']!),
  mostLots: 10n,
  leastLots: 1n,
  legs: [
    { market: 1, instrument: 0, expiry: 0n, strike: 0n, quantity: 1_000_000n, price: BigInt(text['sol_price']!) },
    {
      market: 0,
      instrument: 2,
      expiry: BigInt(text['week']!),
      strike: 13_000_000_000_000n,
      quantity: 1_000n,
      price: 15_000_000_000n,
    },
  ],
};
const signed: SignedQuote = {
  signer: text['signer'] as Address,
  signature: fromHex(text['signature']!) as SignatureBytes,
  message: fromHex(text['message']!),
};

describe('the message', () => {
  it('is the same bytes as in Rust, there and back', () => {
    expect(toHex(encodeQuote(quote))).toBe(text['message']);
    expect(decodeQuote(signed.message)).toEqual(quote);
  });

  it('is refused cut, longer, of another version or program, without legs or with too many', () => {
    for (let end = 0; end < signed.message.length; end += 1) {
      expect(() => decodeQuote(signed.message.slice(0, end)), `${end}`).toThrow(QuoteError);
    }
    expect(() => decodeQuote(new Uint8Array([...signed.message, 0]))).toThrow(QuoteError);
    const other = (at: number, ...bytes: number[]) => {
      const changed = new Uint8Array(signed.message);
      changed.set(bytes, at);
      return changed;
    };
    expect(() => decodeQuote(other(15, 0x32))).toThrow('this version');
    expect(() => decodeQuote(other(16, 1))).toThrow('of the program');
    expect(() => decodeQuote(other(184, 0))).toThrow('0 legs');
    expect(() => decodeQuote(other(184, 0xff, 0xff, 0xff, 0xff))).toThrow('4294967295 legs');
    const legs = (count: number) => Array.from({ length: count }, () => quote.legs[0]!);
    expect(() => encodeQuote({ ...quote, legs: [] })).toThrow('0 legs');
    expect(() => encodeQuote({ ...quote, legs: legs(17) })).toThrow('17 legs');
    expect(decodeQuote(encodeQuote({ ...quote, legs: legs(16) })).legs).toHaveLength(16);
  });
});

describe('the signature', () => {
  it('is the same as in Rust', async () => {
    const key = await createKeyPairSignerFromPrivateKeyBytes(fromHex(text['seed']!));
    const made = await signQuote(quote, key);
    expect(made.signer).toBe(signed.signer);
    expect(toHex(made.signature)).toBe(text['signature']);
    expect(await verifyQuote(made, { maker, now })).toEqual(quote);
  });

  it("is not asked to last by a server's clock that is far ahead", () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_999 });
    try {
      expect(expiresIn(60n, 1_800_000_300n)).toBe(1_800_000_360n);
      expect(expiresIn(60n, 1_700_000_000n)).toBe(1_700_000_060n); // behind: void the sooner
      expect(() => expiresIn(60n, 1_800_000_301n)).toThrow(QuoteError);
      expect(() => expiresIn(60n, 4_102_444_800n)).toThrow('2302444800 s ahead of this machine');
    } finally {
      vi.useRealTimers();
    }
  });

  it('verifies until the second before it expires', async () => {
    expect(await verifyQuote(signed, { maker, now: quote.expires - 1n })).toEqual(quote);
    await expect(verifyQuote(signed, { maker, now: quote.expires })).rejects.toThrow('expired');
  });

  it('does not verify with any byte changed', async () => {
    for (let at = 0; at < signed.message.length; at += 1) {
      const message = new Uint8Array(signed.message);
      message[at]! ^= 1;
      await expect(verifyQuote({ ...signed, message }, { maker, now }), `byte ${at}`).rejects.toThrow(QuoteError);
    }
    for (let at = 0; at < 64; at += 9) {
      const signature = new Uint8Array(signed.signature);
      signature[at]! ^= 1;
      const tampered = { ...signed, signature: signature as unknown as SignatureBytes };
      await expect(verifyQuote(tampered, { maker, now }), `byte ${at}`).rejects.toThrow('the signature is not one');
    }
  });

  it('verifies of the owner, or of the delegate while it is one, and of nobody else', async () => {
    const key = await generateKeyPairSigner();
    const made = await signQuote(quote, key);
    await expect(verifyQuote(made, { maker, now })).rejects.toThrow('may not sign');
    const delegated = (delegateScope: bigint, delegateExpires: bigint) => ({
      now,
      maker: { ...maker, account: withHeader({ delegate: key.address, delegateScope, delegateExpires }) },
    });
    expect(await verifyQuote(made, delegated(1n, now + 1n))).toEqual(quote);
    await expect(verifyQuote(made, delegated(1n, now))).rejects.toThrow('may not sign');
    await expect(verifyQuote(made, delegated(2n, now + 1n))).rejects.toThrow('may not sign');
  });

  it('does not verify for another account, one of another clearing house, or another taker', async () => {
    const stolen = { maker: { ...maker, address: saver.address }, now };
    await expect(verifyQuote(signed, stolen)).rejects.toThrow("the quote's maker");
    const elsewhere = { maker: { ...maker, account: withHeader({ clearinghouse: saver.address }) }, now };
    await expect(verifyQuote(signed, elsewhere)).rejects.toThrow('clearing house');
    const key = await createKeyPairSignerFromPrivateKeyBytes(fromHex(text['seed']!));
    const named = await signQuote({ ...quote, taker: saver.address }, key);
    expect((await verifyQuote(named, { maker, now, taker: saver.address })).taker).toBe(saver.address);
    await expect(verifyQuote(named, { maker, now, taker: maker.address })).rejects.toThrow('the quote is for');
    expect(await verifyQuote(signed, { maker, now, taker: saver.address })).toEqual(quote);
    await expect(verifyQuote(signed, { maker, now, taker: maker.address })).rejects.toThrow("the taker's own");
  });

  it('does not verify once its nonces say that it is void, of another session, or filled', async () => {
    const slots = Array.from({ length: 128 }, () => ({ generation: 0n, filled: 0n }));
    const nonces = {
      marginAccount: maker.address,
      session: quote.session,
      leastNonce: 0n,
      slots,
    } as unknown as QuoteNonces;
    const verified = (change: Partial<QuoteNonces>, filled = 0n, generation = 0n) => {
      const changed = slots.map((slot, at) => (at === 77 ? { generation, filled } : slot));
      return verifyQuote(signed, { maker, now, nonces: { ...nonces, slots: changed, ...change } });
    };
    expect(await verified({})).toEqual(quote);
    expect(await verified({ leastNonce: 77n }, 9n)).toEqual(quote);
    await expect(verified({}, 10n)).rejects.toThrow('nothing is left');
    await expect(verified({}, 2n ** 64n - 1n)).rejects.toThrow('void');
    await expect(verified({}, 0n, 1n)).rejects.toThrow('void');
    await expect(verified({ leastNonce: 78n })).rejects.toThrow('void');
    await expect(verified({ session: quote.session + 1n })).rejects.toThrow('session');
    await expect(verified({ marginAccount: saver.address })).rejects.toThrow('the nonces are those of');
    // a nonce of a later generation does not see what the one before filled in its slot
    expect(
      lotsLeft(
        { nonce: 77n + 128n, mostLots: 4n },
        { ...nonces, slots: slots.map(() => ({ generation: 0n, filled: 3n })) },
      ),
    ).toBe(4n);
  });
});

describe('filling', () => {
  it('is the two instructions that the program accepted, but for the clearing house, which may be written', async () => {
    const takerSigner = createNoopSigner(saver.account.header.owner);
    const request = { directory, takerSigner, taker: saver, maker, signed, lots: 2n, leastLots: 0n };
    const [verify, fill] = await getFillQuoteInstructions(request);
    expect(toHex(verify.data!)).toBe(golden.quote.verify.data);
    expect(verify.programAddress).toBe(golden.quote.verify.program);
    expect(toHex(fill.data!)).toBe(golden.quote.fill.data);
    const want = golden.quote.fill.accounts.map(([key, role]) => [key, key === directory.clearinghouse ? 1 : role]);
    expect(metasOf(fill)).toEqual(want);
    expect(getVerifyQuoteInstruction(signed)).toEqual(verify);
    const [, read] = await getFillQuoteInstructions({ ...request, isHouseRead: true });
    expect(metasOf(read)).toEqual(golden.quote.fill.accounts);
  });

  it('is refused for another maker, and for a taker whom the quote does not name', async () => {
    const takerSigner = createNoopSigner(saver.account.header.owner);
    const request = { directory, takerSigner, taker: saver, maker: side('wheel'), signed, lots: 1n };
    await expect(getFillQuoteInstructions(request)).rejects.toThrow("the quote's maker");
    const named = { ...signed, message: encodeQuote({ ...quote, taker: maker.address }) };
    await expect(getFillQuoteInstructions({ ...request, maker, signed: named })).rejects.toThrow('the quote is for');
  });
});
