// What sets the requirement of the Portfolio tier, and how far liquidation is.
import { Amount, sum } from './Amount';
import { approximate, compare, decimal, multiply, parseDecimal, shifted, shown, sign, subtract, type Decimal } from '../model/decimal';
import type { Charge, Distance, Evaluation, Report } from '../engine/answer';
import type { Portfolio } from '../model/document';

/** Each charge: what both requirements carry, and what the initial one carries on top. */
const CHARGES: readonly [string, Charge | null, Charge | null][] = [
  ['Perpetuals', 'perp_maintenance', 'perp_initial'],
  ['Naked short options', 'option_maintenance', 'option_initial'],
  ['Haircuts of collateral', 'haircut_maintenance', 'haircut_initial'],
  ['Uncertain prices', null, 'confidence'],
  ['Stable price', null, 'stable_price'],
  ['Concentration of delta', null, 'concentration_delta'],
  ['Concentration of vega', null, 'concentration_vega'],
  ['Numerical cushion', 'cushion', null],
];

const ONE: Decimal = { mantissa: 1n, scale: 0 };

interface Row {
  label: string;
  maintenance: Decimal;
  initial: Decimal;
}

export function RequirementPanel({ evaluation }: { evaluation: Evaluation }) {
  const { report, requirement } = evaluation;
  const charge = (name: Charge | null) => (name ? report.contingencies[name] : '0');
  const charges: Row[] = CHARGES.map(([label, both, initial]) => ({
    label,
    maintenance: decimal(charge(both)),
    initial: sum([charge(both), charge(initial)]),
  }));
  const scan: Row = {
    label: 'Scan: the worst case',
    maintenance: decimal(requirement.maintenance),
    initial: decimal(requirement.initial),
  };
  // The cushion is a millionth of a cent: listed with those that are nothing.
  const isShown = (row: Row) => compare(row.initial, { mantissa: 1n, scale: 2 }) >= 0;
  const shownRows = charges.filter(isShown);
  const silent = charges.filter((row) => !isShown(row)).map((row) => row.label.toLowerCase());
  const total = report.portfolio;
  const most = approximate(decimal(total.initial_margin)) || 1;
  return (
    <section aria-labelledby="requirement-title" className="panel">
      <header><h2 id="requirement-title">What sets the requirement</h2></header>
      <table className="figures requirement">
        <thead>
          <tr><th scope="col">Portfolio tier, USD</th><th scope="col">Maintenance</th><th scope="col">Initial</th></tr>
        </thead>
        <tbody>
          {[scan, ...shownRows].map((row) => (
            <tr key={row.label}>
              <th scope="row">
                {row.label}
                <Bar share={approximate(row.initial) / most} />
              </th>
              <td><Amount value={row.maintenance} /></td>
              <td><Amount value={row.initial} /></td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">Margin</th>
            <td><Amount value={total.maintenance_margin} /></td>
            <td><Amount value={total.initial_margin} /></td>
          </tr>
        </tfoot>
      </table>
      {silent.length > 0 && <p className="note">Nothing, or less than a cent: {silent.join(', ')}.</p>}
    </section>
  );
}

function Bar({ share }: { share: number }) {
  const width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return <span className="bar" aria-hidden="true"><span style={{ width }} /></span>;
}

/** With the end of the engine's search (`risk_core::explain::Axis`). */
const AXES = [
  ['spot_down', 'Spot down', 'none to \u221299 %'],
  ['spot_up', 'Spot up', 'none to +300 %'],
  ['volatility_down', 'Volatility down', 'none to \u2212100 %'],
  ['volatility_up', 'Volatility up', 'none to +300 %'],
] as const;

export function DistancePanel({ report, portfolio }: { report: Report; portfolio: Portfolio }) {
  const isGone = sign(decimal(report.portfolio.maintenance_health)) < 0;
  const only = portfolio.markets.length === 1 ? portfolio.markets[0] : undefined;
  return (
    <section aria-labelledby="distance-title" className="panel">
      <header><h2 id="distance-title">Distance to liquidation</h2></header>
      {isGone ? (
        <p className="sentence bad">Maintenance health is negative: the account can be liquidated now.</p>
      ) : (
        <table className="figures">
          <thead>
            <tr>
              <th scope="col">Portfolio tier</th>
              <th scope="col">Move</th>
              <th scope="col">{only ? `${only.name}, USD` : 'Multiple'}</th>
            </tr>
          </thead>
          <tbody>
            {AXES.map(([axis, label, never]) => (
              <tr key={axis}>
                <th scope="row">{label}</th>
                <Reached distance={report.distance_to_liquidation[axis]} never={never} spot={axis.startsWith('spot') ? only?.spot : undefined} />
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <p className="note">
        {only ? 'The move' : 'The move of all markets at once'} at which maintenance health turns negative; everything else stays.
      </p>
    </section>
  );
}

function Reached({ distance, never, spot }: { distance: Distance; never: string; spot: string | undefined }) {
  if (distance === null) return <><td className="void num">{never}</td><td /></>;
  if (typeof distance === 'object') return <td colSpan={2} className="void">beyond evaluation: {distance.refused}</td>;
  const multiplier = decimal(distance);
  const price = parseDecimal(spot ?? '');
  return (
    <>
      <td><data className="num" value={distance}>{shown(shifted(subtract(multiplier, ONE), 2), 2, true)} %</data></td>
      <td className="num">{price ? shown(multiply(price, multiplier), 2) : `× ${shown(multiplier, 4)}`}</td>
    </>
  );
}
