// The evaluation of what is on screen: debounced, and never an older one in its place.
import { useEffect, useState } from 'react';
import { toText, type Portfolio } from '../model/document';
import type { Evaluation, Failure } from './answer';
import type { Engine } from './client';

/** How long typing must rest before the engine is asked. */
const REST_MS = 90;

/** An evaluation and the portfolio that it is of. */
export interface Evaluated {
  evaluation: Evaluation;
  portfolio: Portfolio;
}

export type Phase =
  /** The engine has not answered yet; `shown` is of an earlier portfolio. */
  | { phase: 'computing' }
  /** `shown` is of the portfolio on screen. */
  | { phase: 'fresh'; milliseconds: number }
  /** The portfolio cannot be evaluated; `failure` where it is the engine that says so. */
  | { phase: 'invalid'; failure: Failure | null }
  /** The engine itself failed. */
  | { phase: 'failed'; reason: string };

export type State = Phase & { shown: Evaluated | null };

/** How the engine ended with one portfolio. */
interface Settled {
  portfolio: Portfolio;
  attempt: number;
  phase: Phase;
}

/** Evaluates a portfolio whose fields are `sound`; another `attempt` asks again. */
export function useEvaluation(engine: Engine, portfolio: Portfolio, sound: boolean, attempt: number): State {
  const [settled, setSettled] = useState<Settled | null>(null);
  const [shown, setShown] = useState<Evaluated | null>(null);
  useEffect(() => {
    if (!sound) return;
    let isNewest = true;
    const settle = (phase: Phase) => setSettled({ portfolio, attempt, phase });
    const timer = setTimeout(async () => {
      try {
        const { answer, milliseconds } = await engine.ask(toText(portfolio));
        if (!isNewest) return;
        if ('failure' in answer) {
          settle({ phase: 'invalid', failure: answer.failure });
        } else {
          setShown({ evaluation: answer, portfolio });
          settle({ phase: 'fresh', milliseconds });
        }
      } catch (error) {
        if (isNewest) settle({ phase: 'failed', reason: error instanceof Error ? error.message : String(error) });
      }
    }, REST_MS);
    return () => {
      isNewest = false;
      clearTimeout(timer);
    };
  }, [engine, portfolio, sound, attempt]);
  if (!sound) return { phase: 'invalid', failure: null, shown };
  // What was settled counts for the very portfolio that is on screen, and for no other.
  const isCurrent = settled !== null && settled.portfolio === portfolio && settled.attempt === attempt;
  return { ...(isCurrent ? settled.phase : { phase: 'computing' }), shown };
}
