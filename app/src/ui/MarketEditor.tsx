// Markets: prices, preset, expiries.
import { useEditing } from './editing';
import { Field, Heads, RowProblem, Select, followed } from './fields';
import { PRESETS, newExpiry, newMarket, type Preset } from '../books';
import { reshaped, withValue, type Expiry, type Market, type Portfolio } from '../model/document';
import { tenorText } from '../model/time';

export function MarketsEditor() {
  const { portfolio, change } = useEditing();
  const unused = PRESETS.filter((preset) => !portfolio.markets.some((market) => market.name === preset));
  const add = (preset: Preset) =>
    change((current) => ({ ...current, markets: [...current.markets, newMarket(preset, current.now)] }));
  return (
    <section aria-labelledby="markets-title" className="panel">
      <header>
        <h2 id="markets-title">Markets</h2>
        <div className="actions">
          {unused.map((preset) => (
            <button key={preset} type="button" onClick={() => add(preset)}>+ {preset}</button>
          ))}
        </div>
      </header>
      {portfolio.markets.map((market, index) => (
        <MarketEditor key={index} market={market} index={index} />
      ))}
      <p className="note">Prices are examples, not market data. When spot changes, the perpetual and the forwards follow in proportion.</p>
    </section>
  );
}

/** The portfolio without a market and what belongs to it. */
function without(portfolio: Portfolio, index: number): Portfolio {
  const name = portfolio.markets[index]?.name;
  return {
    ...portfolio,
    markets: portfolio.markets.filter((_, place) => place !== index),
    positions: portfolio.positions.filter((leg) => leg.market !== name),
    collateral: portfolio.collateral.map((held) => {
      const { market, ...rest } = held;
      return market === name ? rest : held;
    }),
  };
}

/** Whether a correlation group of an opened document names the market: then it cannot be taken out here. */
function isGrouped(portfolio: Portfolio, name: string): boolean {
  return JSON.stringify(portfolio.groups ?? []).includes(JSON.stringify(name));
}

function MarketEditor({ market, index }: { market: Market; index: number }) {
  const { portfolio, change, set } = useEditing();
  const at = (...steps: (string | number)[]) => ['markets', index, ...steps];
  const name = market.name;
  const follow = (before: string) =>
    change((current) => {
      const now = current.markets[index];
      if (!now) return current;
      const moved = (price: string) => followed(price, before, now.spot);
      const expiries = now.expiries.map((listed) => ({ ...listed, forward: moved(listed.forward) }));
      const next: Market = { ...now, expiries };
      if (now.perpetual_price !== undefined) next.perpetual_price = moved(now.perpetual_price);
      return withValue(current, ['markets', index], next);
    });
  const preset = typeof market.parameters === 'string' ? market.parameters : 'custom';
  const options = PRESETS.map((value) => ({ value: value as string, text: value as string }));
  const addExpiry = () =>
    change((current) => {
      const latest = Math.max(Number(current.now), ...market.expiries.map((listed) => Number(listed.expiry)));
      const days = Math.round((latest - Number(current.now)) / 86_400) + 30;
      const volatility = market.expiries.at(-1)?.volatility ?? '0.5';
      const expiry = newExpiry(current.now, days, Number(market.spot), volatility);
      return withValue(current, at('expiries'), [...market.expiries, expiry]);
    });
  return (
    <fieldset className="market">
      <legend>{name}</legend>
      <div className="market-prices">
        <Field label="Spot" path={at('spot')} value={market.spot} unit="USD" onLeave={follow} />
        <Field label="Perpetual" path={at('perpetual_price')} value={market.perpetual_price} unit="USD"
          onChange={(price) => set(at('perpetual_price'), price === '' ? undefined : price)} />
        <Select
          label="Parameters" path={at('parameters')} value={preset}
          options={preset === 'custom' ? [{ value: 'custom', text: 'from the document' }, ...options] : options}
        />
      </div>
      <div className="rows expiries">
        {market.expiries.length > 0 && <Heads labels={['Expiry, UTC', 'Forward', 'Rate', 'Volatility']} />}
        <ul>
          {market.expiries.map((listed, place) => (
            <ExpiryEditor key={place} market={index} place={place} listed={listed} />
          ))}
        </ul>
      </div>
      <div className="actions">
        <button type="button" onClick={addExpiry}>+ Expiry</button>
        {portfolio.markets.length > 1 && !isGrouped(portfolio, name) && (
          <button type="button" onClick={() => change((current) => without(current, index))}>Remove {name} and its legs</button>
        )}
      </div>
      <RowProblem path={['markets', index]} />
    </fieldset>
  );
}

interface ExpiryProps {
  market: number;
  place: number;
  listed: Expiry;
}

function ExpiryEditor({ market, place, listed }: ExpiryProps) {
  const { portfolio, change } = useEditing();
  const row = ['markets', market, 'expiries', place];
  const at = (name: string) => [...row, name];
  const name = portfolio.markets[market]?.name ?? '';
  const which = `${name} expiry ${place + 1}`;
  // Legs follow the expiry that they name.
  const move = (expiry: string) =>
    change((current) => {
      const moved = withValue(current, at('expiry'), expiry);
      const positions = moved.positions.map((leg) =>
        leg.market === name && leg.expiry === listed.expiry ? { ...leg, expiry } : leg);
      return { ...moved, positions };
    });
  const remove = () =>
    change((current) => {
      const kept = current.markets[market]?.expiries.filter((_, other) => other !== place) ?? [];
      const next = withValue(current, ['markets', market, 'expiries'], kept);
      const listing = next.markets[market];
      const positions = next.positions.map((leg) => (leg.market === name ? reshaped(leg, listing) : leg));
      return { ...next, positions };
    });
  const flat = () =>
    change((current) => {
      const withoutSmile = withValue(current, at('smile'), undefined);
      return withValue(withoutSmile, at('volatility'), atTheMoney(listed, portfolio.now));
    });
  const tenor = tenorText(portfolio.now, listed.expiry);
  return (
    <li className="row" aria-label={which}>
      <Field label="Date, UTC" of={which} path={at('expiry')} value={listed.expiry} kind="time" unit={tenor} onChange={move} />
      <Field label="Forward" of={which} path={at('forward')} value={listed.forward} />
      <Field label="Rate" of={which} path={at('rate')} value={listed.rate} kind="percent" unit="%" />
      {listed.smile !== undefined ? (
        <div className="field">
          <span className="label column" aria-hidden="true">Volatility</span>
          <button type="button" className="smile" onClick={flat} title="Replace the smile by one volatility"
            aria-label={`Volatility of ${which}: a smile, ${atTheMoneyText(listed, portfolio.now)} at the money; replace it by one volatility`}>
            smile {atTheMoneyText(listed, portfolio.now)}
          </button>
        </div>
      ) : (
        <Field label="Volatility" of={which} path={at('volatility')} value={listed.volatility} kind="percent" unit="%" />
      )}
      <button type="button" className="remove" aria-label={`Remove ${which}`} onClick={remove}>×</button>
      <RowProblem path={row} />
    </li>
  );
}

/** Volatility of the smile at the forward, to four decimals: for display, and as the start of a flat one. */
export function atTheMoney(listed: Expiry, now: string): string {
  const smile = listed.smile;
  const part = (name: string) => Number(smile?.[name] ?? 0);
  const seconds = part('reference_tenor') || Math.max(1, Number(listed.expiry) - Number(now));
  const variance = part('a') + part('b') * (-part('rho') * part('m') + Math.hypot(part('m'), part('s')));
  const volatility = Math.sqrt(Math.max(0, variance) / (seconds / 31_536_000));
  return String(Number(volatility.toFixed(4)));
}

function atTheMoneyText(listed: Expiry, now: string): string {
  return `${(Number(atTheMoney(listed, now)) * 100).toFixed(1)} %`;
}
