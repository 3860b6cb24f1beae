// The legs of the portfolio.
import { useEditing } from './editing';
import { Field, Heads, RowProblem, Select } from './fields';
import { INSTRUMENTS, expires, isOption, reshaped, withValue, type Instrument, type Position } from '../model/document';
import { dateText } from '../model/time';

const NAMES: Record<Instrument, string> = { call: 'Call', put: 'Put', perpetual: 'Perpetual', future: 'Future' };

export function LegsEditor() {
  const { portfolio, change } = useEditing();
  const isMixed = portfolio.markets.length > 1;
  const add = (instrument: Instrument) =>
    change((current) => {
      const last = current.positions.at(-1);
      const market = current.markets.find((known) => known.name === last?.market) ?? current.markets[0];
      if (!market) return current;
      const leg: Position = { market: market.name, instrument, quantity: '1' };
      if (last?.expiry !== undefined && last.market === market.name) leg.expiry = last.expiry;
      return { ...current, positions: [...current.positions, reshaped(leg, market)] };
    });
  return (
    <section aria-labelledby="legs-title" className="panel">
      <header>
        <h2 id="legs-title">Legs</h2>
        <div className="actions">
          {INSTRUMENTS.map((instrument) => (
            <button key={instrument} type="button" disabled={portfolio.markets.length === 0} onClick={() => add(instrument)}>
              + {NAMES[instrument]}
            </button>
          ))}
        </div>
      </header>
      {portfolio.positions.length === 0 && <p className="empty">No legs. Add one, or begin with a book above.</p>}
      <div className={isMixed ? 'rows legs mixed' : 'rows legs'}>
        {portfolio.positions.length > 0 && (
          <Heads labels={[...(isMixed ? ['Market'] : []), 'Instrument', 'Expiry', 'Strike or @ entry', 'Quantity']} />
        )}
        <ol>
          {portfolio.positions.map((leg, index) => (
            <Leg key={index} leg={leg} index={index} isMixed={isMixed} />
          ))}
        </ol>
      </div>
    </section>
  );
}

function Leg({ leg, index, isMixed }: { leg: Position; index: number; isMixed: boolean }) {
  const { portfolio, change } = useEditing();
  const at = (name: string) => ['positions', index, name];
  const name = `leg ${index + 1}`;
  const market = portfolio.markets.find((known) => known.name === leg.market);
  const reshape = (changes: Partial<Position>) =>
    change((current) => {
      const listed = current.markets.find((known) => known.name === (changes.market ?? leg.market));
      return withValue(current, ['positions', index], { ...reshaped({ ...leg, ...changes }, listed) });
    });
  const remove = () =>
    change((current) => ({ ...current, positions: current.positions.filter((_, place) => place !== index) }));
  return (
    <li className="row" aria-label={name}>
      {isMixed && (
        <Select
          label="Market" of={name} path={at('market')} value={leg.market}
          options={portfolio.markets.map(({ name: value }) => ({ value, text: value }))}
          onChange={(value) => {
            const { strike: _strike, entry: _entry, ...rest } = leg;
            change((current) => {
              const listed = current.markets.find((known) => known.name === value);
              return withValue(current, ['positions', index], { ...reshaped({ ...rest, market: value }, listed) });
            });
          }}
        />
      )}
      <Select
        label="Instrument" of={name} path={at('instrument')} value={leg.instrument}
        options={INSTRUMENTS.map((value) => ({ value, text: NAMES[value] }))}
        onChange={(value) => reshape({ instrument: value as Instrument })}
      />
      {expires(leg.instrument) ? (
        <Select
          label="Expiry" of={name} path={at('expiry')} value={leg.expiry}
          options={(market?.expiries ?? []).map(({ expiry }) => ({
            value: expiry, text: dateText(expiry),
          }))}
        />
      ) : (
        <div className="field blank"><span className="soft">no expiry</span></div>
      )}
      {isOption(leg.instrument) ? (
        <Field label="Strike" of={name} path={at('strike')} value={leg.strike} />
      ) : (
        <Field label="Entry" of={name} path={at('entry')} value={leg.entry} sign="@" />
      )}
      <Field label="Quantity" of={name} path={at('quantity')} value={leg.quantity} />
      <button type="button" className="remove" aria-label={`Remove ${name}`} onClick={remove}>×</button>
      {leg.volatility !== undefined && (
        <Field label="Volatility" of={name} path={at('volatility')} value={leg.volatility} kind="percent" unit="%" />
      )}
      <RowProblem path={['positions', index]} />
    </li>
  );
}
