// The local network as the tests use it: its users with their keys and accounts, and the directory of its clearing house.
import { readFile } from 'node:fs/promises';
import {
  address,
  createKeyPairSignerFromBytes,
  createSolanaRpc,
  getBase58Decoder,
  type Address,
  type Base58EncodedBytes,
  type KeyPairSigner,
} from '@solana/kit';
import { inject } from 'vitest';
import {
  decodePrice,
  loadAccount,
  loadDirectory,
  MARGIN_ACCOUNT_DISCRIMINATOR,
  marketOf,
  PORTFOLIO_MARGIN_PROGRAM_ADDRESS,
  type Directory,
  type Loaded,
} from '../../src/index.js';
import { loadEngine } from './engine.js';

const localnet = inject('localnet');

export const url = localnet.rpc_url;
/** Margin accounts beside those of the named users. */
export const population = localnet.population.accounts;
export const rpc = createSolanaRpc(url);
export const house = address(localnet.house);
export const directory: Directory = await loadDirectory(rpc, house);
export const engine = await loadEngine();

/** A named user of the network. */
export interface User {
  signer: KeyPairSigner;
  /** The margin account. */
  margin: Address;
  tokens: Record<string, Address>;
}

/** A user by name, with the key that the network wrote. */
export async function user(name: string): Promise<User> {
  const wallet = localnet.wallets.find((known) => known.name === name);
  if (!wallet?.margin_account) throw new Error(`the network has no trader ${name}`);
  const signer = await createKeyPairSignerFromBytes(
    new Uint8Array(JSON.parse(await readFile(wallet.keypair, 'utf8')) as number[]),
  );
  return { signer, margin: address(wallet.margin_account), tokens: wallet.tokens as Record<string, Address> };
}

export const load = (margin: Address): Promise<Loaded> => loadAccount(rpc, directory, margin);

/** Every margin account of the program. */
export async function everybody(): Promise<Address[]> {
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

/** A market by its symbol. */
export function market(symbol: string) {
  const found = [...directory.markets.values()].find((listed) => listed.symbol === symbol);
  if (!found) throw new Error(`the network lists no ${symbol}`);
  return found;
}

/** The price of a market now, 1e-8 USD. */
export async function spot(index: number): Promise<bigint> {
  const { priceAccount } = marketOf(directory, index);
  const { value } = await rpc.getAccountInfo(priceAccount, { encoding: 'base64', commitment: 'confirmed' }).send();
  if (!value) throw new Error(`there is no price account ${priceAccount}`);
  const data = new Uint8Array(Buffer.from(value.data[0], 'base64'));
  return decodePrice({ address: priceAccount, owner: value.owner, data }).price;
}

/** Moves a price's time into the past, by the network's own way to write an account: seconds before now. */
export async function publishedBefore(priceAccount: Address, seconds: bigint): Promise<void> {
  const { value } = await rpc.getAccountInfo(priceAccount, { encoding: 'base64', commitment: 'confirmed' }).send();
  if (!value) throw new Error(`there is no price account ${priceAccount}`);
  const data = Buffer.from(value.data[0], 'base64');
  const at = data[40] === 0 ? 42 : 41;
  data.writeBigInt64LE(BigInt(Math.floor(Date.now() / 1000)) - seconds, at + 52);
  const body = {
    jsonrpc: '2.0',
    id: 1,
    method: 'surfnet_setAccount',
    params: [priceAccount, { data: data.toString('hex') }],
  };
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const { error } = (await answer.json()) as { error?: { message: string } };
  if (error) throw new Error(`the network does not write accounts: ${error.message}`);
}
