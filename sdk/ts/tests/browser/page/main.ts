// What the page does, on nothing but the installed package, kit and the browser; the test calls it step by step.
import {
  address,
  createKeyPairSignerFromBytes,
  createSolanaRpc,
  createSolanaRpcSubscriptions,
  getBase64Encoder,
  getI64Decoder,
  type Address,
  type Base64EncodedDataResponse,
  type Instruction,
  type KeyPairSigner,
  type Rpc,
  type SolanaRpcApi,
} from '@solana/kit';
import {
  ANYONE,
  decodePrice,
  depositInstruction,
  encodeBundle,
  Engine,
  expiresIn,
  fetchQuoteNonces,
  filledView,
  findQuotesPda,
  getOpenQuotesInstructionAsync,
  loadAccount,
  loadDirectory,
  marketOf,
  sendInstructions,
  signQuote,
  simulateView,
  verifyQuote,
  viewGreeksInstruction,
  viewMarginInstruction,
  viewRiskMatrixInstruction,
  type Directory,
  type Loaded,
} from '@portfolio-margin/sdk';

/** Where the page begins. */
export interface Start {
  rpcUrl: string;
  house: string;
  /** A user's key, as key files have it, with its margin account and wallet of the quote asset. */
  key: number[];
  margin: string;
  wallet: string;
}

interface Desk {
  rpc: Rpc<SolanaRpcApi>;
  directory: Directory;
  engine: Engine;
  signer: KeyPairSigner;
  margin: Address;
  wallet: Address;
}
let desk: Desk;

const same = (one: ArrayLike<number>, other: ArrayLike<number>) =>
  one.length === other.length && Array.from(one).every((byte, at) => byte === other[at]);
const usd = (micro: bigint) => (Number(micro / 10_000n) / 100).toFixed(2);
const say = (text: string) => (document.querySelector('#state')!.textContent = text);

async function start({ rpcUrl, house, key, margin, wallet }: Start): Promise<number> {
  const rpc = createSolanaRpc(rpcUrl);
  const directory = await loadDirectory(rpc, address(house));
  const engine = await Engine.load(fetch(new URL('@portfolio-margin/sdk/engine.wasm', import.meta.url)));
  const signer = await createKeyPairSignerFromBytes(new Uint8Array(key));
  desk = { rpc, directory, engine, signer, margin: address(margin), wallet: address(wallet) };
  say('ready');
  return directory.markets.size;
}

/** Whether a view by simulation is what the engine computes of the same accounts; again where a price came in between. */
async function agrees(
  account: Address,
  instruction: (loaded: Loaded) => Instruction,
  bytes: (bundle: Uint8Array) => Uint8Array,
  timeAt: number,
): Promise<boolean> {
  const { rpc, directory, signer } = desk;
  let before = await loadAccount(rpc, directory, account);
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const { data } = await simulateView(rpc, signer.address, instruction(before));
    const after = await loadAccount(rpc, directory, account);
    if (after.bundle.every((raw, at) => same(raw.data, before.bundle[at]!.data))) {
      const computed = bytes(encodeBundle(getI64Decoder().decode(new Uint8Array(data), timeAt), after.bundle));
      return same(computed, filledView(data, computed.length));
    }
    before = after;
  }
  throw new Error(`the bytes of ${account} never stood still`);
}

/** Margin, Greeks and matrices of an account: how many views were compared, and how many were equal. */
async function compare(account: string): Promise<[number, number]> {
  const { rpc, directory, engine } = desk;
  const key = address(account);
  const loaded = await loadAccount(rpc, directory, key);
  const [margin, greeks] = [engine.margin(loaded), engine.greeks(loaded)];
  const row = document.querySelector<HTMLElement>('#accounts')!.appendChild(document.createElement('tr'));
  for (const text of [account, usd(margin.equity), usd(margin.initialHealth), usd(greeks.sum.net.delta)])
    row.appendChild(document.createElement('td')).textContent = text;
  const page = { __kind: 'Account' } as const;
  const views = [
    await agrees(
      key,
      (side) => viewMarginInstruction(directory, side),
      (bundle) => engine.marginBytes(bundle),
      8,
    ),
    await agrees(
      key,
      (side) => viewGreeksInstruction(directory, side, page),
      (bundle) => engine.greeksBytes(bundle, page),
      16,
    ),
  ];
  for (const market of loaded.scope.markets) {
    const matrix = (side: Loaded) => viewRiskMatrixInstruction(directory, side, market);
    views.push(await agrees(key, matrix, (bundle) => engine.matrixBytes(bundle, market), 16));
  }
  return [views.length, views.filter((equal) => equal).length];
}

/** The price in an account as a server shows it, 1e-8 USD. */
function priceIn(account: Address, { owner, data }: { owner: Address; data: Base64EncodedDataResponse }): bigint {
  return decodePrice({ address: account, owner, data: getBase64Encoder().encode(data[0]) }).price;
}

/** Signs a quote with the browser's own Ed25519, verifies it, and verifies no other: what was verified, and what was refused why. */
async function quote(): Promise<{ isExtractable: boolean; isVerified: boolean; refusal: string }> {
  const { rpc, directory, signer, margin } = desk;
  const [quotes] = await findQuotesPda({ marginAccount: margin });
  const { value } = await rpc.getAccountInfo(quotes, { encoding: 'base64', commitment: 'confirmed' }).send();
  if (!value) {
    const open = await getOpenQuotesInstructionAsync({ owner: signer, marginAccount: margin });
    await sendInstructions(rpc, signer, [open]);
  }
  const { data: nonces } = await fetchQuoteNonces(rpc, quotes, { commitment: 'confirmed' });
  const maker = await loadAccount(rpc, directory, margin);
  const { index, priceAccount } = marketOf(directory, 0);
  const shown = await rpc.getAccountInfo(priceAccount, { encoding: 'base64', commitment: 'confirmed' }).send();
  const price = priceIn(priceAccount, shown.value!);
  const offered = {
    clearinghouse: directory.clearinghouse,
    maker: margin,
    taker: ANYONE,
    session: nonces.session,
    nonce: maker.now * 128n + 5n,
    expires: expiresIn(60n, maker.now),
    mostLots: 3n,
    leastLots: 1n,
    legs: [{ market: index, instrument: 0, expiry: 0n, strike: 0n, quantity: 1_000n, price }],
  };
  const signed = await signQuote(offered, signer);
  const context = { maker, now: maker.now, nonces };
  const verified = await verifyQuote(signed, context);
  const message = new Uint8Array(signed.message);
  message[message.length - 1]! ^= 1;
  const refusal = await verifyQuote({ ...signed, message }, context).then(
    () => 'nothing',
    (error: Error) => `${error.name}: ${error.message}`,
  );
  return {
    isExtractable: signer.keyPair.privateKey.extractable,
    isVerified: verified.nonce === offered.nonce,
    refusal,
  };
}

/** Deposits, in 1e-6 USD; returns by how much the balance rose. */
async function deposit(amount: string): Promise<string> {
  const { rpc, directory, signer, margin, wallet } = desk;
  const before = await loadAccount(rpc, directory, margin);
  const request = { directory, owner: signer, margin: before, bank: 0, wallet, amount: BigInt(amount) };
  const { signature } = await sendInstructions(rpc, signer, [depositInstruction(request)]);
  const after = await loadAccount(rpc, directory, margin);
  say(`deposited ${usd(BigInt(amount))} USD: ${signature}`);
  return String(after.account.header.cash - before.account.header.cash);
}

/** The bytes of a market's price account, as its next notification shows them, read as a price. */
async function nextPrice(wsUrl: string): Promise<string> {
  const { directory } = desk;
  const { priceAccount } = marketOf(directory, 0);
  const abort = new AbortController();
  const config = { commitment: 'confirmed', encoding: 'base64' } as const;
  const subscription = createSolanaRpcSubscriptions(wsUrl).accountNotifications(priceAccount, config);
  try {
    for await (const { value } of await subscription.subscribe({ abortSignal: abort.signal })) {
      return String(priceIn(priceAccount, value));
    }
    throw new Error('the subscription ended');
  } finally {
    abort.abort();
  }
}

export type Page = {
  start: typeof start;
  compare: typeof compare;
  quote: typeof quote;
  deposit: typeof deposit;
  nextPrice: typeof nextPrice;
};
Object.assign(globalThis, { page: { start, compare, quote, deposit, nextPrice } satisfies Page });
