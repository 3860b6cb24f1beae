// Greeks: of the account, netted per market, and of each leg.
import { Amount } from './Amount';
import { legName } from './names';
import type { Report, Sensitivities } from '../engine/answer';
import type { Portfolio } from '../model/document';

const COLUMNS = [['gamma', 'Gamma'], ['vega', 'Vega'], ['theta', 'Theta'], ['rho', 'Rho']] as const;

export function GreeksPanel({ report, portfolio }: { report: Report; portfolio: Portfolio }) {
  const { account, markets } = report.greeks;
  const held = Object.entries(report.markets).filter(([, market]) => market.legs.length > 0);
  return (
    <section aria-labelledby="greeks-title" className="panel greeks">
      <header><h2 id="greeks-title">Greeks</h2></header>
      <dl className="tiles">
        <div><dt>Delta, USD</dt><dd><Amount id="delta-cash" value={account.delta_cash} decimals={0} /></dd></div>
        <div><dt>Gamma, USD per 1 %</dt><dd><Amount value={account.gamma} decimals={0} /></dd></div>
        <div><dt>Vega, USD per point</dt><dd><Amount value={account.vega} decimals={0} /></dd></div>
        <div><dt>Theta, USD per day</dt><dd><Amount value={account.theta} decimals={0} /></dd></div>
        <div><dt>Rho, USD per point</dt><dd><Amount value={account.rho} decimals={0} /></dd></div>
      </dl>
      {held.length > 0 && (
        <table className="figures stacking">
          <thead>
            <tr>
              <th scope="col">Leg</th>
              <th scope="col">Mark</th>
              <th scope="col">Delta</th>
              {COLUMNS.map(([name, label]) => <th key={name} scope="col">{label}</th>)}
            </tr>
          </thead>
          {held.map(([name, market]) => (
            <tbody key={name}>
              {market.legs.map((leg) => {
                const position = portfolio.positions[leg.position];
                return (
                  <tr key={leg.position}>
                    <th scope="row">{position ? legName(position) : `leg ${leg.position + 1}`}</th>
                    <td data-label="Mark"><Amount value={leg.mark} /></td>
                    <td data-label="Delta"><Amount value={leg.delta} decimals={4} /></td>
                    <Values of={leg} />
                  </tr>
                );
              })}
              <tr className="net">
                <th scope="row">{name} net</th>
                <td data-label="Mark"><Amount value={market.mark} /></td>
                <td data-label="Delta"><Amount value={markets[name]?.delta ?? '0'} decimals={4} /></td>
                {markets[name] && <Values of={markets[name]} />}
              </tr>
            </tbody>
          ))}
        </table>
      )}
      <p className="note">Delta in units of the underlying, without collateral; the account’s delta in USD includes what is held as collateral. Rho with the forward fixed.</p>
    </section>
  );
}

function Values({ of }: { of: Sensitivities }) {
  return COLUMNS.map(([name, label]) => <td key={name} data-label={label}><Amount value={of[name]} /></td>);
}
