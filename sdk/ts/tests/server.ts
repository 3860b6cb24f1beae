// A server of golden accounts that can be told to lie: what a client is answered when nobody at the other end is honest.
import {
  createSolanaRpcFromTransport,
  type Address,
  type RpcTransport,
  type SolanaRpcApi,
  type Rpc,
} from '@solana/kit';
import type { RawAccount } from '../src/index.js';

interface Request {
  method: string;
  params: unknown[];
}
type Wire = { owner: string; data: [string, 'base64']; lamports: number; executable: boolean; space: number } | null;
/** Changes an answer before it leaves: the value of a method that was asked for some keys. */
export type Lie = (value: unknown, request: Request) => unknown;

/** The accounts that a server shows, how often it was asked, and the RPC that asks it. */
export interface Server {
  rpc: Rpc<SolanaRpcApi>;
  requests: Request[];
}

export function serve(accounts: readonly RawAccount[], lie: Lie = (value) => value): Server {
  const known = new Map(accounts.map((account) => [account.address as string, account]));
  const requests: Request[] = [];
  const wire = (account: RawAccount | undefined): Wire =>
    account
      ? {
          owner: account.owner,
          data: [Buffer.from(account.data).toString('base64'), 'base64'],
          lamports: 1,
          executable: false,
          space: account.data.length,
        }
      : null;
  const answers: Record<string, (params: unknown[]) => unknown> = {
    getMultipleAccounts: ([keys]) => ({
      context: { slot: 7 },
      value: (keys as Address[]).map((key) => wire(known.get(key))),
    }),
    getProgramAccounts: ([program, config]) => {
      const { filters } = config as { filters: { memcmp: { bytes: string; offset: number } }[] };
      const first = filters[0]!.memcmp.bytes;
      const its = accounts.filter(({ owner, data }) => owner === program && base58(data.subarray(0, 8)) === first);
      return its.map((account) => ({ pubkey: account.address, account: wire(account) }));
    },
  };
  const transport: RpcTransport = async <T>({ payload }: Parameters<RpcTransport>[0]) => {
    const request = JSON.parse(
      JSON.stringify(payload, (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)),
    ) as Request & { id: string };
    requests.push(request);
    const answer = answers[request.method];
    if (!answer) throw new Error(`nobody answers ${request.method}`);
    return { jsonrpc: '2.0', id: request.id, result: lie(answer(request.params), request) } as T;
  };
  return { rpc: createSolanaRpcFromTransport(transport) as Rpc<SolanaRpcApi>, requests };
}

function base58(bytes: Uint8Array): string {
  const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
  let number = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  let text = '';
  for (; number > 0n; number /= 58n) text = alphabet[Number(number % 58n)] + text;
  return text;
}
