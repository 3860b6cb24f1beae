// Margin under both tiers, side by side.
import { Amount } from './Amount';
import { decimal, percentOf, sign, subtract } from '../model/decimal';
import type { Healths, Report } from '../engine/answer';

const MARGINS = [['initial_margin', 'Initial margin'], ['maintenance_margin', 'Maintenance margin']] as const;
const HEALTHS = [['initial_health', 'Initial health'], ['maintenance_health', 'Maintenance health']] as const;

export function MarginPanel({ report }: { report: Report }) {
  const { standard, portfolio } = report;
  return (
    <section aria-labelledby="margin-title" className="panel margin">
      <header>
        <h2 id="margin-title">Margin</h2>
      </header>
      <dl className="tiles equity">
        <div className="wide"><dt>Equity</dt><dd><Amount id="equity" value={report.equity} /></dd></div>
        <div><dt>Cash</dt><dd><Amount value={report.cash} /></dd></div>
        <div><dt>Positions</dt><dd><Amount value={report.mark} /></dd></div>
        <div><dt>Collateral</dt><dd><Amount value={report.collateral} /></dd></div>
      </dl>
      <table className="figures tiers">
        <thead>
          <tr><th scope="col">USD</th><th scope="col">Standard</th><th scope="col">Portfolio</th><th scope="col">Saving</th></tr>
        </thead>
        <tbody>
          {MARGINS.map(([name, label]) => <MarginRow key={name} name={name} label={label} report={report} />)}
          {HEALTHS.map(([name, label]) => (
            <tr key={name}>
              <th scope="row">{label}</th>
              <td><Amount id={`standard-${name}`} value={standard[name]} /></td>
              <td><Amount id={`portfolio-${name}`} value={portfolio[name]} /></td>
              <td className="void" />
            </tr>
          ))}
          <tr className="status">
            <th scope="row">Status</th>
            <td><Status healths={standard} /></td>
            <td><Status healths={portfolio} /></td>
            <td className="void" />
          </tr>
        </tbody>
      </table>
      <p className="note">Standard margins leg by leg; options offset each other within an expiry only. Portfolio charges the worst case of the whole book.</p>
    </section>
  );
}

/** The figures that matter while the editor fills a narrow screen. */
export function SummaryBar({ report }: { report: Report }) {
  return (
    <a className="summary" href="#margin-title">
      <span>Portfolio margin <Amount value={report.portfolio.initial_margin} decimals={0} /></span>
      <span>health <Amount value={report.portfolio.initial_health} decimals={0} /></span>
      <Status healths={report.portfolio} />
    </a>
  );
}

function MarginRow({ name, label, report }: { name: keyof Healths; label: string; report: Report }) {
  const [standard, portfolio] = [decimal(report.standard[name]), decimal(report.portfolio[name])];
  const saving = subtract(standard, portfolio);
  const share = percentOf(saving, standard);
  return (
    <tr className="requirement">
      <th scope="row">{label}</th>
      <td><Amount id={`standard-${name}`} value={standard} /></td>
      <td><Amount id={`portfolio-${name}`} value={portfolio} /></td>
      <td className="saving"><Amount value={saving} decimals={0} /> {share !== null && <small>{share} %</small>}</td>
    </tr>
  );
}

/** A word, a sign and a colour: none alone. */
function Status({ healths }: { healths: Healths }) {
  if (sign(decimal(healths.maintenance_health)) < 0) return <span className="tag bad">✕ liquidatable</span>;
  if (sign(decimal(healths.initial_health)) < 0) return <span className="tag warn">▲ reduce only</span>;
  return <span className="tag good">✓ may trade</span>;
}
