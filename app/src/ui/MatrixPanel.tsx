// The risk matrix: profit and loss per scenario as a heat map with printed values, and the cases beyond the grid.
import type { CSSProperties } from 'react';
import { Amount, decimalsFor } from './Amount';
import { approximate, changeOf, compare, decimal, plain, shifted, sign } from '../model/decimal';
import type { Scenario, Shock, Worst } from '../engine/answer';

const SHOCKS: readonly [Shock, string][] = [['down', 'Vol down'], ['none', 'Vol same'], ['up', 'Vol up']];

interface Props {
  market: string;
  scenarios: Scenario[];
  worst: Worst | undefined;
}

export function Matrix({ market, scenarios, worst }: Props) {
  const isWorst = (scenario: Scenario) => worst?.kind === 'scenario' && scenarios[worst.index] === scenario;
  const isSkew = ({ volatility }: Scenario) => volatility === 'skew_linear' || volatility === 'skew_abs';
  const grid = scenarios.filter((scenario) => scenario.damping === '1' && !isSkew(scenario));
  const beyond = scenarios.filter((scenario) => !grid.includes(scenario));
  const spots = [...new Set(grid.map((scenario) => scenario.spot))].sort((a, b) => compare(decimal(b), decimal(a)));
  const most = Math.max(1e-9, ...scenarios.map(({ pnl }) => Math.abs(approximate(decimal(pnl)))));
  const decimals = decimalsFor(scenarios.map(({ pnl }) => pnl));
  const cell = (scenario: Scenario | undefined, key: string) =>
    scenario ? (
      <HeatCell key={key} scenario={scenario} share={Math.abs(approximate(decimal(scenario.pnl))) / most}
        decimals={decimals} isWorst={isWorst(scenario)} />
    ) : (
      <td key={key} className="void" />
    );
  return (
    <div className="matrices">
      <table className="heat" aria-label={`Risk matrix of ${market}, profit or loss in USD`}>
        <thead>
          <tr><th scope="col">Spot</th>{SHOCKS.map(([shock, label]) => <th key={shock} scope="col">{label}</th>)}</tr>
        </thead>
        <tbody>
          {spots.map((spot) => (
            <tr key={spot}>
              <th scope="row" className="num">{changeOf(decimal(spot))}</th>
              {SHOCKS.map(([shock]) =>
                cell(grid.find((scenario) => scenario.spot === spot && scenario.volatility === shock), shock))}
            </tr>
          ))}
        </tbody>
      </table>
      {beyond.length > 0 && (
        <table className="heat beyond" aria-label={`Tails and smile scenarios of ${market}, profit or loss in USD`}>
          <thead>
            <tr><th scope="col">Tails and smile</th><th scope="col">Counts</th><th scope="col">P&amp;L counted</th></tr>
          </thead>
          <tbody>
            {beyond.map((scenario, index) => (
              <tr key={index}>
                <th scope="row" className="num">{caseName(scenario)}</th>
                <td className="num plain">{plain(shifted(decimal(scenario.damping), 2))} %</td>
                {cell(scenario, 'pnl')}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}

function caseName({ volatility, spot }: Scenario): string {
  if (volatility === 'skew_linear') return 'smile tilts';
  if (volatility === 'skew_abs') return 'wings lift';
  const shock = { up: 'vol up', none: 'vol same', down: 'vol down' }[volatility];
  return `${changeOf(decimal(spot))}, ${shock}`;
}

interface CellProps {
  scenario: Scenario;
  share: number;
  decimals: number;
  isWorst: boolean;
}

/** Blue for gains, orange for losses, which the colour-blind tell apart; the sign is printed all the same. */
function HeatCell({ scenario, share, decimals, isWorst }: CellProps) {
  const side = sign(decimal(scenario.pnl));
  const kind = side < 0 ? 'is-loss' : side > 0 ? 'is-gain' : 'is-none';
  // The root keeps small amounts visible beside a large one.
  const heat = `${Math.round(Math.sqrt(share) * 58)}%`;
  return (
    <td className={`cell ${kind}${isWorst ? ' is-worst' : ''}`} style={{ '--heat': heat } as CSSProperties}>
      {isWorst && <span className="hidden">worst: </span>}
      <Amount value={scenario.pnl} decimals={decimals} plus />
    </td>
  );
}
