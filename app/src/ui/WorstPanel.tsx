// The worst case in words, and what each leg adds to it.
import { Amount, sum } from './Amount';
import { legName } from './names';
import { add, approximate, compare, decimal, negate, sign, type Decimal } from '../model/decimal';
import type { Evaluation, Leg } from '../engine/answer';
import type { Portfolio } from '../model/document';

export function WorstPanel({ evaluation, portfolio }: { evaluation: Evaluation; portfolio: Portfolio }) {
  const { report, pictures } = evaluation;
  return (
    <section aria-labelledby="worst-title" className="panel worst">
      <header><h2 id="worst-title">Worst case</h2></header>
      {pictures.length === 0 && <p className="sentence">Nothing is held: there is nothing to lose.</p>}
      {pictures.map(({ market, worst }) => <p key={market} className="sentence" data-market={market}>{worst}</p>)}
      {portfolio.positions.length > 0 && (
        <table className="figures contributions">
          <thead>
            <tr>
              <th scope="col">Leg</th>
              <th scope="col">In the worst case</th>
              <th scope="col"><abbr title="Change of maintenance health when the leg is closed at its mark">Closing frees</abbr></th>
            </tr>
          </thead>
          <tbody>
            {pictures.flatMap(({ market }) => {
              const held = report.markets[market];
              const scan = report.worst_scenario[market]?.pnl ?? '0';
              return held ? [<Contributions key={market} market={market} legs={held.legs} scan={scan} portfolio={portfolio} />] : [];
            })}
          </tbody>
        </table>
      )}
    </section>
  );
}

interface ContributionsProps {
  market: string;
  legs: Leg[];
  scan: string;
  portfolio: Portfolio;
}

function Contributions({ market, legs, scan, portfolio }: ContributionsProps) {
  const largest = Math.max(1e-9, ...legs.map((leg) => Math.abs(approximate(decimal(leg.contribution)))));
  const rest = add(decimal(scan), negate(sum(legs.map((leg) => leg.contribution))));
  const isHeld = portfolio.collateral.some((held) => held.market === market);
  const cent = decimal('0.01');
  const hasRest = compare(rest, cent) > 0 || compare(rest, negate(cent)) < 0;
  return (
    <>
      {legs.map((leg) => {
        const position = portfolio.positions[leg.position];
        return (
          <tr key={leg.position}>
            <th scope="row">{position ? legName(position) : `leg ${leg.position + 1}`}</th>
            <td><Diverging value={decimal(leg.contribution)} most={largest} /></td>
            <td><Amount value={leg.closing_frees_maintenance} decimals={0} plus /></td>
          </tr>
        );
      })}
      {hasRest && (
        <tr>
          <th scope="row">{isHeld ? `${market} held as collateral` : 'no more than the premium can be lost'}</th>
          <td><Diverging value={rest} most={largest} /></td>
          <td className="void" />
        </tr>
      )}
    </>
  );
}

/** A signed amount with a bar to its side of a middle line. */
function Diverging({ value, most }: { value: Decimal; most: number }) {
  const share = Math.min(1, Math.abs(approximate(value)) / most) * 50;
  const isLoss = sign(value) < 0;
  const place = { width: `${share}%`, left: isLoss ? `${50 - share}%` : '50%' };
  return (
    <span className="diverging">
      <span className="track" aria-hidden="true"><span className={isLoss ? 'loss' : 'gain'} style={place} /></span>
      <Amount value={value} decimals={0} plus />
    </span>
  );
}
