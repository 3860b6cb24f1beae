// The page: a portfolio on one side, what the engine says of it on the other.
import { useMemo, useRef, useState } from 'react';
import { BOOKS } from './books';
import type { Evaluation } from './engine/answer';
import { Engine } from './engine/client';
import { useEvaluation, type Evaluated, type State } from './engine/useEvaluation';
import { placeInWords, problems } from './model/checks';
import { pathText, withValue, type Portfolio } from './model/document';
import { EditingContext, type Editing } from './ui/editing';
import { AccountEditor } from './ui/CollateralEditor';
import { DocumentDialog } from './ui/DocumentDialog';
import { GreeksPanel } from './ui/GreeksPanel';
import { LegsEditor } from './ui/LegsEditor';
import { MarginPanel, SummaryBar } from './ui/MarginPanel';
import { MarketsEditor } from './ui/MarketEditor';
import { Matrix } from './ui/MatrixPanel';
import { PayoffChart } from './ui/PayoffChart';
import { DistancePanel, RequirementPanel } from './ui/RequirementPanel';
import { WorstPanel } from './ui/WorstPanel';

const first = BOOKS[0];
if (!first) throw new Error('there is no book to begin with');

export function App() {
  const [engine] = useState(() => new Engine());
  const [portfolio, setPortfolio] = useState<Portfolio>(first!.portfolio);
  /** Changes when another portfolio is opened: the fields then start afresh. */
  const [opened, setOpened] = useState(0);
  const [attempt, setAttempt] = useState(0);
  const dialog = useRef<HTMLDialogElement>(null);
  const found = useMemo(() => problems(portfolio), [portfolio]);
  const state = useEvaluation(engine, portfolio, found.size === 0, attempt);
  const open = (next: Portfolio) => {
    setPortfolio(next);
    setOpened((count) => count + 1);
  };
  const refused = state.phase === 'invalid' ? state.failure : null;
  const editing: Editing = {
    portfolio,
    set: (path, value) => setPortfolio((current) => withValue(current, path, value)),
    change: setPortfolio,
    problemAt: (path) => {
      const place = pathText(path);
      return found.get(place) ?? (refused?.path === place ? sentence(refused.text) : undefined);
    },
  };
  return (
    <>
      <header className="top">
        <h1>Portfolio margin</h1>
        <nav aria-label="Books to begin with">
          {BOOKS.map(({ name, about, portfolio: book }) => (
            <button key={name} type="button" title={about} onClick={() => open(book)}>{name}</button>
          ))}
        </nav>
        <button type="button" className="primary" onClick={() => dialog.current?.showModal()}>Document</button>
      </header>
      <main>
        <EditingContext value={editing}>
          <div className="editor" key={opened}>
            <LegsEditor />
            <AccountEditor />
            <MarketsEditor />
          </div>
        </EditingContext>
        <div className="outcome">
          {state.phase === 'fresh' && state.shown && <SummaryBar report={state.shown.evaluation.report} />}
          <StatusLine state={state} found={found} onRetry={() => setAttempt((count) => count + 1)} />
          <Results state={state} />
        </div>
      </main>
      <footer>
        Everything is computed in this page by the same engine, from the same document, as <code>pm margin</code>. No wallet, no
        network; nothing leaves it.
      </footer>
      <DocumentDialog dialog={dialog} portfolio={portfolio} engine={engine} onOpen={open} />
    </>
  );
}

/** An engine's message with a capital and a full stop. */
function sentence(text: string): string {
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(start) ? start : `${start}.`;
}

interface StatusProps {
  state: State;
  found: Map<string, string>;
  onRetry(): void;
}

/** One line that says whether the numbers below belong to what is typed. */
function StatusLine({ state, found, onRetry }: StatusProps) {
  if (state.phase === 'failed') {
    return (
      <p className="state bad" role="alert">
        <b>The engine failed:</b> {state.reason}. There are no numbers for this portfolio. <button type="button" onClick={onRetry}>Try again</button>
      </p>
    );
  }
  if (state.phase === 'invalid') {
    const [[path, words] = ['', '']] = found;
    const failure = state.failure;
    const [place, what] = failure ? [failure.path, sentence(failure.text)] : [path, words];
    const more = found.size > 1 ? ` (and ${found.size - 1} more)` : '';
    return (
      <p className="state warn" role="status">
        <b>Not evaluated.</b> {place === '' ? '' : `${capital(placeInWords(place))}: `}{what}{more}
      </p>
    );
  }
  const words = state.phase === 'fresh' ? `Up to date. Evaluated in ${state.milliseconds.toFixed(1)} ms.` : 'Evaluating\u2026';
  return (
    <p className="state" role="status" data-phase={state.phase}>
      {words}
      {state.phase === 'fresh' && state.shown && <Rounded evaluation={state.shown.evaluation} />}
    </p>
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Values finer than the engine's units: never rounded silently. */
function Rounded({ evaluation }: { evaluation: Evaluation }) {
  const { rounded } = evaluation.report;
  if (rounded.length === 0) return null;
  const list = rounded.map(({ path, used }) => `${placeInWords(path)} to ${used}`).join('; ');
  return <span className="rounded"> Rounded to the engine’s units: {list}.</span>;
}

function Results({ state }: { state: State }) {
  const { phase, shown } = state;
  if (!shown) return phase === 'failed' ? null : <div className="placeholder" aria-hidden="true" />;
  // Numbers of an earlier portfolio: legible while the engine computes, and said to be old; otherwise their place alone is kept.
  const isReadable = phase === 'fresh' || phase === 'computing';
  return (
    <div className="results" data-phase={phase} aria-busy={phase === 'computing'} aria-hidden={!isReadable} inert={!isReadable}>
      <Panels {...shown} />
    </div>
  );
}

function Panels({ evaluation, portfolio }: Evaluated) {
  const { report, pictures } = evaluation;
  const { spot_down: down, spot_up: up } = report.distance_to_liquidation;
  const isAlone = portfolio.markets.length === 1;
  return (
    <>
      <MarginPanel report={report} />
      <WorstPanel evaluation={evaluation} portfolio={portfolio} />
      {pictures.map(({ market, curve }) => (
        <section key={market} className="panel" aria-label={`Scenarios of ${market}`}>
          <header><h2>{market}: payoff and risk matrix</h2></header>
          <PayoffChart market={market} curve={curve} portfolio={portfolio} liquidation={isAlone ? [down, up] : []} />
          <Matrix market={market} scenarios={report.scenario_pnl[market] ?? []} worst={report.worst_scenario[market]} />
        </section>
      ))}
      <GreeksPanel report={report} portfolio={portfolio} />
      <div className="pair">
        <RequirementPanel evaluation={evaluation} />
        <DistancePanel report={report} portfolio={portfolio} />
      </div>
    </>
  );
}
