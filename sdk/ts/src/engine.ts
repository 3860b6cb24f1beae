// Margin, Greeks and risk matrix of an account by the program's own engine, in wasm: bytes of accounts in, the bytes of views out.
import { getAddressEncoder, getI64Encoder, getU32Decoder, getU32Encoder, type ReadonlyUint8Array } from '@solana/kit';
import { DataError, EngineError } from './failures.js';
import { getMarketDecoder } from './generated/accounts/index.js';
import type { GreeksPage } from './generated/types/index.js';
import { gatherGreeks, GREEKS_VIEW_SIZE, LEG_GREEKS_VIEW_SIZE, type GreeksReport } from './greeks.js';
import type { Loaded, RawAccount } from './load.js';
import { decodeRiskMatrixView, describeMatrix, MATRIX_VIEW_SIZE, type RiskMatrix } from './matrix.js';
import { decodeMarginView, MARGIN_VIEW_SIZE, type MarginReport } from './views.js';

/** What the module exports; crates/client-wasm states the contract. */
interface Exports {
  memory: WebAssembly.Memory;
  request(length: number): number;
  margin(): number;
  greeks(): number;
  expiry_greeks(market: number, first: number): number;
  leg_greeks(market: number, first: number): number;
  risk_matrix(market: number): number;
  answer(): number;
}

/** Version of the framing. */
const FRAMING = 1;
const ACCOUNT_HEADER = 32 + 32 + 4;

/**
 * The bytes that the engine takes: version u32, Unix time i64, number of accounts u32, then each account: address 32, owner 32, length
 * u32, data; numbers little-endian. Accounts are the clearing house, the margin account, then those of a check in canonical order.
 */
export function encodeBundle(now: bigint, accounts: readonly RawAccount[]): Uint8Array {
  const size = accounts.reduce((sum, account) => sum + ACCOUNT_HEADER + account.data.length, 16);
  const bytes = new Uint8Array(size);
  const [u32, key] = [getU32Encoder(), getAddressEncoder()];
  let at = u32.write(FRAMING, bytes, 0);
  at = getI64Encoder().write(now, bytes, at);
  at = u32.write(accounts.length, bytes, at);
  for (const { address, owner, data } of accounts) {
    at = key.write(address, bytes, at);
    at = key.write(owner, bytes, at);
    at = u32.write(data.length, bytes, at);
    bytes.set(data, at);
    at += data.length;
  }
  return bytes;
}

/** The risk engine. One instance serves one thread. */
export class Engine {
  readonly #module: WebAssembly.Module;
  #exports: Exports;

  private constructor(module: WebAssembly.Module, instance: WebAssembly.Instance) {
    this.#module = module;
    this.#exports = instance.exports as unknown as Exports;
  }

  /**
   * Makes an engine of `engine.wasm`: its bytes, a response with them, or a compiled module. In browsers and bundlers:
   * `Engine.load(fetch(new URL('@portfolio-margin/sdk/engine.wasm', import.meta.url)))`; in Node `loadEngine()` of `./node`.
   */
  static async load(source: BufferSource | WebAssembly.Module | Response | Promise<Response>): Promise<Engine> {
    const given = await source;
    const bytes = typeof Response !== 'undefined' && given instanceof Response ? await given.arrayBuffer() : given;
    const module = bytes instanceof WebAssembly.Module ? bytes : await WebAssembly.compile(bytes as BufferSource);
    return new Engine(module, await WebAssembly.instantiate(module, {}));
  }

  /**
   * The bytes of `view_margin` for a bundle of {@link encodeBundle}.
   *
   * @throws EngineError with what the engine refuses, and the program's error code where it has one for it.
   */
  marginBytes(bundle: ReadonlyUint8Array): Uint8Array {
    return this.#view(bundle, MARGIN_VIEW_SIZE, ({ margin }) => margin());
  }

  /** The bytes of a page of `view_greeks`. @throws EngineError as {@link Engine.marginBytes}; a page that there is not has a code, too. */
  greeksBytes(bundle: ReadonlyUint8Array, page: GreeksPage): Uint8Array {
    switch (page.__kind) {
      case 'Account':
        return this.#view(bundle, GREEKS_VIEW_SIZE, ({ greeks }) => greeks());
      case 'Market':
        return this.#view(bundle, GREEKS_VIEW_SIZE, ({ expiry_greeks }) => expiry_greeks(page.market, page.first));
      case 'Legs':
        return this.#view(bundle, LEG_GREEKS_VIEW_SIZE, ({ leg_greeks }) => leg_greeks(page.market, page.first));
    }
  }

  /** The bytes of `view_risk_matrix` of a market. @throws EngineError as {@link Engine.greeksBytes}. */
  matrixBytes(bundle: ReadonlyUint8Array, market: number): Uint8Array {
    return this.#view(bundle, MATRIX_VIEW_SIZE, ({ risk_matrix }) => risk_matrix(market));
  }

  /** The margin of a loaded account, as of the time and prices that it was loaded with, or at another time. */
  margin(loaded: Pick<Loaded, 'now' | 'bundle'>, now: bigint = loaded.now): MarginReport {
    return decodeMarginView(this.marginBytes(encodeBundle(now, loaded.bundle)));
  }

  /**
   * The Greeks of everything that a loaded account holds, by market, expiry and leg; times as {@link Engine.margin}.
   *
   * @throws EngineError for prices that no action accepts, and what cannot be valued.
   */
  greeks(loaded: Pick<Loaded, 'now' | 'bundle' | 'scope'>, now: bigint = loaded.now): GreeksReport {
    const bundle = encodeBundle(now, loaded.bundle);
    return gatherGreeks((page) => this.greeksBytes(bundle, page), loaded.scope.markets);
  }

  /**
   * The PnL of a loaded account in one market under each of its scenarios; times as {@link Engine.margin}.
   *
   * @param market Index of a market of the account's scope.
   * @throws EngineError as {@link Engine.greeks}, and for another market.
   */
  matrix(loaded: Pick<Loaded, 'now' | 'bundle' | 'scope'>, market: number, now: bigint = loaded.now): RiskMatrix {
    const view = decodeRiskMatrixView(this.matrixBytes(encodeBundle(now, loaded.bundle), market));
    // behind the house and the account: banks, then markets, each with its price
    const place = 2 + 2 * (loaded.scope.banks.length + loaded.scope.markets.indexOf(market));
    const account = loaded.bundle[place];
    if (!account) throw new DataError(`market ${market} is not in the bundle`);
    return describeMatrix(view, getMarketDecoder().decode(account.data).scenarios);
  }

  /** The answer to a question about a bundle: the view, of as many bytes. */
  #view(bundle: ReadonlyUint8Array, size: number, question: (exports: Exports) => number): Uint8Array {
    let answer: Uint8Array;
    try {
      answer = this.#ask(bundle, question);
    } catch (cause) {
      // A trap leaves the memory in an unknown state.
      this.#exports = new WebAssembly.Instance(this.#module, {}).exports as unknown as Exports;
      throw new EngineError(`the engine stopped: ${String(cause)}`, 0);
    }
    if (answer[0] === 0 && answer.length === 1 + size) return answer.subarray(1);
    const code = answer.length >= 5 ? getU32Decoder().decode(answer, 1) : 0;
    throw new EngineError(new TextDecoder().decode(answer.subarray(5)), code);
  }

  #ask(bundle: ReadonlyUint8Array, question: (exports: Exports) => number): Uint8Array {
    const { memory, request, answer } = this.#exports;
    const address = request(bundle.length) >>> 0;
    new Uint8Array(memory.buffer, address, bundle.length).set(bundle);
    const length = question(this.#exports) >>> 0;
    // Memory may have grown and moved.
    return new Uint8Array(memory.buffer, answer() >>> 0, length).slice();
  }
}
