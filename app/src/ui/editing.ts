// What every editor needs: the portfolio, how to change it, and what is wrong where.
import { createContext, useContext } from 'react';
import type { Path, Portfolio } from '../model/document';

export interface Editing {
  portfolio: Portfolio;
  /** Replaces the value at a path; `undefined` removes it. */
  set(path: Path, value: unknown): void;
  /** Any other change. */
  change(edit: (portfolio: Portfolio) => Portfolio): void;
  /** The message for what stands at a path. */
  problemAt(path: Path): string | undefined;
}

export const EditingContext = createContext<Editing | null>(null);

export function useEditing(): Editing {
  const editing = useContext(EditingContext);
  if (!editing) throw new Error('no portfolio around this editor');
  return editing;
}
