// Cash, collateral and the time of the valuation.
import { useEditing } from './editing';
import { Field, Heads, RowProblem, Select } from './fields';
import { newCollateral } from '../books';
import { withValue, type Collateral } from '../model/document';

export function AccountEditor() {
  const { portfolio, change } = useEditing();
  const market = portfolio.markets[0];
  const add = () =>
    change((current) =>
      market ? { ...current, collateral: [...current.collateral, newCollateral(market)] } : current);
  return (
    <section aria-labelledby="account-title" className="panel">
      <header>
        <h2 id="account-title">Cash and collateral</h2>
        <div className="actions">
          <button type="button" disabled={!market} onClick={add}>+ Collateral</button>
        </div>
      </header>
      <div className="account">
        <Field label="Cash" path={['cash']} value={portfolio.cash} unit="USD" />
        <Field label="Valuation time, UTC" path={['now']} value={portfolio.now} kind="time" />
      </div>
      {portfolio.collateral.length > 0 && (
        <div className="rows collateral">
          <Heads labels={['Asset', 'Amount', 'Price', 'Haircut', '+ initial', 'Offsets']} />
          <ul>{portfolio.collateral.map((held, index) => <Held key={index} held={held} index={index} />)}</ul>
        </div>
      )}
    </section>
  );
}

function Held({ held, index }: { held: Collateral; index: number }) {
  const { portfolio, change, set } = useEditing();
  const at = (name: string) => ['collateral', index, name];
  const name = `collateral ${index + 1}`;
  const options = portfolio.markets.map((market) => ({ value: market.name, text: market.name }));
  const offset = (value: string) => set(at('market'), value === '' ? undefined : value);
  const remove = () =>
    change((current) => withValue(current, ['collateral'], current.collateral.filter((_, place) => place !== index)));
  return (
    <li className="row" aria-label={name}>
      <Field label="Asset" of={name} path={at('asset')} value={held.asset} kind="text" />
      <Field label="Amount" of={name} path={at('amount')} value={held.amount} />
      <Field label="Price" of={name} path={at('price')} value={held.price} />
      <Field label="Haircut" of={name} path={at('haircut_maintenance')} value={held.haircut_maintenance} kind="percent" unit="%" />
      <Field label="Further initial haircut" of={name} path={at('haircut_initial')} value={held.haircut_initial} kind="percent" unit="%" />
      <Select
        label="Offsets" of={name} path={at('market')} value={held.market ?? ''} onChange={offset}
        options={[{ value: '', text: 'none' }, ...options]}
      />
      <button type="button" className="remove" aria-label={`Remove ${name}`} onClick={remove}>×</button>
      <RowProblem path={['collateral', index]} />
    </li>
  );
}
