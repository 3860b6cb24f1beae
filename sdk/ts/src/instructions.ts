// The instructions of a trader with their remaining accounts, so that nobody packs by hand.
import type { Address, Instruction, TransactionSigner } from '@solana/kit';
import { bankOf, type Directory } from './directory.js';
import {
  getDepositCollateralInstruction,
  getTradeInstruction,
  getViewGreeksInstruction,
  getViewMarginInstruction,
  getViewRiskMatrixInstruction,
  getWithdrawCollateralInstruction,
} from './generated/instructions/index.js';
import type { GreeksPage, TradeLegArgs } from './generated/types/index.js';
import { packTrade, packView, packWithdrawal, withAccounts, withWritable } from './packing.js';
import type { Side } from './quotes.js';

/** What {@link depositInstruction} and {@link withdrawInstruction} need. */
export interface TransferRequest {
  directory: Directory;
  owner: TransactionSigner;
  margin: Side;
  /** Index of the bank. */
  bank: number;
  /** Token account of the owner's wallet. */
  wallet: Address;
  /** Native units. */
  amount: bigint;
  /** Withdrawals: the quote balance with its interest, where the engine has computed it. */
  cash?: bigint;
}

function named({ directory, owner, margin, bank, amount }: TransferRequest) {
  const { address, vault, mint, tokenProgram } = bankOf(directory, bank);
  const { clearinghouse } = directory;
  return { owner, clearinghouse, marginAccount: margin.address, bank: address, vault, mint, tokenProgram, amount };
}

/** Deposits from the owner's token account. */
export function depositInstruction(input: TransferRequest): Instruction {
  const deposit = getDepositCollateralInstruction({ ...named(input), source: input.wallet });
  return input.directory.banks.get(input.bank)?.isQuote
    ? withWritable(deposit, input.directory.clearinghouse)
    : deposit;
}

/** Withdraws to the owner's token account. */
export function withdrawInstruction(input: TransferRequest): Instruction {
  const { directory, margin, bank, amount, cash } = input;
  const withdraw = getWithdrawCollateralInstruction({ ...named(input), destination: input.wallet });
  const metas = packWithdrawal(directory, margin.account, { bank, amount, ...(cash === undefined ? {} : { cash }) });
  const whole = withAccounts(withdraw, metas);
  return bankOf(directory, bank).isQuote ? withWritable(whole, directory.clearinghouse) : whole;
}

/** What {@link tradeInstruction} needs. */
export interface TradeRequest {
  directory: Directory;
  takerOwner: TransactionSigner;
  makerOwner: TransactionSigner;
  taker: Side;
  maker: Side;
  /** As the taker sees them: negative quantities are sold. */
  legs: TradeLegArgs[];
  /** Whether the clearing house is only read: {@link tradeInstruction}. */
  isHouseRead?: boolean;
}

/**
 * A trade that both sides sign.
 *
 * The clearing house is to be written where a side owes cash before or after, and a transaction that writes it waits for every other
 * that does. It is here unless `isHouseRead` says that nobody will owe; where somebody does, the program refuses with
 * `ClearinghouseReadOnly`.
 */
export function tradeInstruction(request: TradeRequest): Instruction {
  const { directory, takerOwner, makerOwner, taker, maker, legs, isHouseRead = false } = request;
  const { clearinghouse } = directory;
  const trade = getTradeInstruction({
    takerOwner,
    makerOwner,
    clearinghouse,
    taker: taker.address,
    maker: maker.address,
    legs,
  });
  const metas = packTrade(directory, taker.account, maker.account, legs);
  return withAccounts(isHouseRead ? trade : withWritable(trade, clearinghouse), metas);
}

/** `view_margin` of an account as it is, or after legs as taker. */
export function viewMarginInstruction(directory: Directory, margin: Side, legs: TradeLegArgs[] = []): Instruction {
  const { clearinghouse } = directory;
  const view = getViewMarginInstruction({ clearinghouse, marginAccount: margin.address, legs });
  return withAccounts(view, packView(directory, margin.account, legs));
}

/** A page of `view_greeks` of an account as it is, or after legs as taker. */
export function viewGreeksInstruction(
  directory: Directory,
  margin: Side,
  page: GreeksPage,
  legs: TradeLegArgs[] = [],
): Instruction {
  const { clearinghouse } = directory;
  const view = getViewGreeksInstruction({ clearinghouse, marginAccount: margin.address, page, legs });
  return withAccounts(view, packView(directory, margin.account, legs));
}

/** `view_risk_matrix` of one market of an account as it is, or after legs as taker. */
export function viewRiskMatrixInstruction(
  directory: Directory,
  margin: Side,
  market: number,
  legs: TradeLegArgs[] = [],
): Instruction {
  const { clearinghouse } = directory;
  const view = getViewRiskMatrixInstruction({ clearinghouse, marginAccount: margin.address, market, legs });
  return withAccounts(view, packView(directory, margin.account, legs));
}
