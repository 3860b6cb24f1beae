// A maker quotes, a taker verifies and takes: node examples/quote.mjs NETWORK.json, with what scripts/localnet printed.
import { readFile } from 'node:fs/promises';
import { address, createKeyPairSignerFromBytes, createSolanaRpc } from '@solana/kit';
import {
  ANYONE,
  decodePrice,
  expiresIn,
  fetchMaybeQuoteNonces,
  fetchQuoteNonces,
  findQuotesPda,
  getFillQuoteInstructions,
  getOpenQuotesInstructionAsync,
  loadAccount,
  loadDirectory,
  sendInstructions,
  signQuote,
  verifyQuote,
} from '@portfolio-margin/sdk';
import { loadEngine } from '@portfolio-margin/sdk/node';

const network = JSON.parse(await readFile(process.argv[2], 'utf8'));
const rpc = createSolanaRpc(network.rpc_url);
const trader = async (name) => {
  const wallet = network.wallets.find((known) => known.name === name);
  const bytes = new Uint8Array(JSON.parse(await readFile(wallet.keypair, 'utf8')));
  return { signer: await createKeyPairSignerFromBytes(bytes), margin: address(wallet.margin_account) };
};
const [maker, taker] = [await trader('maker'), await trader('carol')];
const usd = (micro) => `${(Number(micro) / 1e6).toFixed(2)} USD`;

// What the clearing house lists, once.
const directory = await loadDirectory(rpc, address(network.house));
const engine = await loadEngine();

// The maker opens its quotes once, and signs one off chain: at the most ten lots of 0.001 BTC, for a minute.
const [quotes] = await findQuotesPda({ marginAccount: maker.margin });
if (!(await fetchMaybeQuoteNonces(rpc, quotes, { commitment: 'confirmed' })).exists) {
  const open = await getOpenQuotesInstructionAsync({ owner: maker.signer, marginAccount: maker.margin });
  await sendInstructions(rpc, maker.signer, [open]);
}
const btc = [...directory.markets.values()].find(({ symbol }) => symbol === 'BTC');
const makerLoaded = await loadAccount(rpc, directory, maker.margin);
const { value } = await rpc.getAccountInfo(btc.priceAccount, { encoding: 'base64' }).send();
const { price } = decodePrice({
  address: btc.priceAccount,
  owner: value.owner,
  data: Buffer.from(value.data[0], 'base64'),
});
const { data: nonces } = await fetchQuoteNonces(rpc, quotes, { commitment: 'confirmed' });
const signed = await signQuote(
  {
    clearinghouse: directory.clearinghouse,
    maker: maker.margin,
    taker: ANYONE,
    session: nonces.session,
    nonce: makerLoaded.now * 128n + 1n,
    expires: expiresIn(60n, makerLoaded.now),
    mostLots: 10n,
    leastLots: 1n,
    legs: [{ market: btc.index, instrument: 0, expiry: 0n, strike: 0n, quantity: 1_000n, price }],
  },
  maker.signer,
);

// The taker verifies what it was sent, looks at its margin, and takes four lots.
const takerLoaded = await loadAccount(rpc, directory, taker.margin);
const quote = await verifyQuote(signed, { maker: makerLoaded, now: takerLoaded.now, taker: taker.margin, nonces });
console.log(`before: initial health ${usd(engine.margin(takerLoaded).initialHealth)}`);
const fill = await getFillQuoteInstructions({
  directory,
  takerSigner: taker.signer,
  taker: takerLoaded,
  maker: makerLoaded,
  signed,
  lots: 4n,
});
const { signature, simulatedUnits } = await sendInstructions(rpc, taker.signer, fill);
console.log(`filled 4 of ${quote.mostLots} lots in ${simulatedUnits} compute units: ${signature}`);
const after = engine.margin(await loadAccount(rpc, directory, taker.margin));
console.log(`after: initial health ${usd(after.initialHealth)}`);
