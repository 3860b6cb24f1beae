// Token accounts of wallets: where a deposit comes from and a withdrawal goes to.
import {
  AccountRole,
  getAddressEncoder,
  getProgramDerivedAddress,
  type AccountMeta,
  type AccountSignerMeta,
  type Address,
  type Instruction,
  type TransactionSigner,
} from '@solana/kit';
import { bankOf, type Directory } from './directory.js';

/** The program that keeps one token account per wallet and mint. */
export const ASSOCIATED_TOKEN_PROGRAM_ADDRESS = 'ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL' as Address;
const SYSTEM_PROGRAM_ADDRESS = '11111111111111111111111111111111' as Address;
/** Of that program: creates the account unless it is there. */
const CREATE_IDEMPOTENT = 1;

/** A wallet's token account of a bank's mint. @throws DataError where the bank is not listed. */
export async function findTokenAccount(directory: Directory, bank: number, owner: Address): Promise<Address> {
  const { mint, tokenProgram } = bankOf(directory, bank);
  const seeds = [owner, tokenProgram, mint].map((key) => getAddressEncoder().encode(key));
  return (await getProgramDerivedAddress({ programAddress: ASSOCIATED_TOKEN_PROGRAM_ADDRESS, seeds }))[0];
}

/** Creates a wallet's token account of a bank's mint, or does nothing where it is there: in front of a first withdrawal. */
export async function createTokenAccountInstruction(
  directory: Directory,
  { bank, owner, payer }: { bank: number; owner: Address; payer: TransactionSigner },
): Promise<Instruction> {
  const { mint, tokenProgram } = bankOf(directory, bank);
  const read = (address: Address) => ({ address, role: AccountRole.READONLY });
  const accounts: (AccountMeta | AccountSignerMeta)[] = [
    { address: payer.address, role: AccountRole.WRITABLE_SIGNER, signer: payer },
    { address: await findTokenAccount(directory, bank, owner), role: AccountRole.WRITABLE },
    read(owner),
    read(mint),
    read(SYSTEM_PROGRAM_ADDRESS),
    read(tokenProgram),
  ];
  return {
    programAddress: ASSOCIATED_TOKEN_PROGRAM_ADDRESS,
    accounts,
    data: new Uint8Array([CREATE_IDEMPOTENT]),
  };
}
