// Gain over spot, now and at the first expiry, as a drawing with a reading line.
import { useEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import { approximate, decimal, multiply, parseDecimal, shifted, shown, subtract } from '../model/decimal';
import { isOption, type Portfolio } from '../model/document';
import { dateText } from '../model/time';
import type { Curve, Distance } from '../engine/answer';
import { linear, short, ticks } from './scale';

const HEIGHT = 260;
const MARGIN = { top: 10, right: 12, bottom: 26, left: 54 };

interface Props {
  market: string;
  curve: Curve;
  portfolio: Portfolio;
  /** Spot multipliers at which maintenance health is negative; drawn where there is one market. */
  liquidation: Distance[];
}

/** The width that a drawing has, so that its text keeps its size. */
function useWidth(): [React.RefObject<HTMLDivElement | null>, number] {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(320);
  useEffect(() => {
    if (!box.current) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setWidth(Math.max(240, Math.floor(entry.contentRect.width)));
    });
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  return [box, width];
}

export function PayoffChart({ market, curve, portfolio, liquidation }: Props) {
  const [box, width] = useWidth();
  const [read, setRead] = useState<number | null>(null);
  const spot = parseDecimal(portfolio.markets.find(({ name }) => name === market)?.spot ?? '') ?? decimal('1');
  const last = curve.spot.length - 1;
  const index = Math.min(read ?? nearestToOne(curve.spot), last);
  const pick = (event: PointerEvent<SVGSVGElement>) => {
    const { left } = event.currentTarget.getBoundingClientRect();
    const share = (event.clientX - left - MARGIN.left) / (width - MARGIN.left - MARGIN.right);
    setRead(Math.max(0, Math.min(last, Math.round(share * last))));
  };
  const step = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10, Home: -last, End: last }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    setRead(Math.max(0, Math.min(last, index + by)));
  };
  const multiplier = decimal(curve.spot[index] ?? '1');
  const at = (gains: string[]) => shown(decimal(gains[index] ?? '0'), 0, true);
  const change = shown(shifted(subtract(multiplier, decimal('1')), 2), 1, true);
  const where = read === null ? 'Point at the chart, or use the arrow keys' : `${market} ${short(approximate(multiply(spot, multiplier)))} (${change} %)`;
  return (
    <div className="payoff" ref={box}>
      <p className="reading" aria-live="polite">
        <span className="key now">now <b className="num">{read === null ? '' : at(curve.now)}</b></span>
        {curve.later && curve.expiry && (
          <span className="key later">at {dateText(curve.expiry)} <b className="num">{read === null ? '' : at(curve.later)}</b></span>
        )}
        <span className="where">{where}</span>
      </p>
      <svg
        width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} tabIndex={0} role="img"
        aria-label={`Profit or loss of ${market} over spot. Left and right arrow keys move the reading.`}
        onPointerMove={pick} onPointerLeave={() => setRead(null)} onKeyDown={step} onBlur={() => setRead(null)}
      >
        <Drawing width={width} curve={curve} market={market} portfolio={portfolio} liquidation={liquidation}
          spot={approximate(spot)} index={read === null ? null : index} />
      </svg>
    </div>
  );
}

/** The point at which spot is unmoved, or the nearest to it. */
function nearestToOne(spots: string[]): number {
  let best = 0;
  spots.forEach((spot, index) => {
    if (Math.abs(Number(spot) - 1) < Math.abs(Number(spots[best]) - 1)) best = index;
  });
  return best;
}

interface DrawingProps extends Props {
  width: number;
  spot: number;
  index: number | null;
}

function Drawing({ width, curve, market, portfolio, liquidation, spot, index }: DrawingProps) {
  const spots = curve.spot.map(Number);
  const [now, later] = [curve.now.map(Number), (curve.later ?? []).map(Number)];
  const gains = [...now, ...later, 0];
  const [least, most] = [Math.min(...gains), Math.max(...gains)];
  const room = (most - least || 1) * 0.06;
  const [first = 0, last = 1] = [spots[0], spots.at(-1)];
  const x = linear(first, last, MARGIN.left, width - MARGIN.right);
  const y = linear(least - room, most + room, HEIGHT - MARGIN.bottom, MARGIN.top);
  const [left, right, top, bottom] = [MARGIN.left, width - MARGIN.right, MARGIN.top, HEIGHT - MARGIN.bottom];
  const path = (values: number[]) =>
    values.map((gain, place) => `${place === 0 ? 'M' : 'L'}${x(spots[place] ?? 0).toFixed(1)} ${y(gain).toFixed(1)}`).join('');
  const strikes = portfolio.positions.filter((leg) => leg.market === market && isOption(leg.instrument));
  const inside = (multiple: number) => multiple >= first && multiple <= last;
  const limits = liquidation.filter((found) => typeof found === 'string').map(Number).filter(inside);
  const vertical = (at: number, className: string) => <line className={className} x1={x(at)} x2={x(at)} y1={top} y2={bottom} />;
  return (
    <>
      {ticks(least - room, most + room, 6).map((gain) => (
        <g key={gain} className="tick">
          <line x1={left} x2={right} y1={y(gain)} y2={y(gain)} className={gain === 0 ? 'zero' : undefined} />
          <text x={left - 6} y={y(gain)} dy="0.32em" textAnchor="end">{short(gain)}</text>
        </g>
      ))}
      {ticks(first * spot, last * spot, Math.max(2, width / 90)).map((price) => (
        <g key={price} className="tick">
          <line x1={x(price / spot)} x2={x(price / spot)} y1={bottom} y2={bottom + 4} />
          <text x={x(price / spot)} y={bottom + 17} textAnchor="middle">{short(price)}</text>
        </g>
      ))}
      {inside(1) && vertical(1, 'spot')}
      {limits.map((at) => <g key={at}>{vertical(at, 'limit')}<text className="limit" x={x(at)} y={top + 8} dx={x(at) > width / 2 ? -5 : 5} textAnchor={x(at) > width / 2 ? 'end' : 'start'}>liquidation</text></g>)}
      {strikes.map((leg, place) => {
        const at = Number(leg.strike) / spot;
        return inside(at) ? <path key={place} className="strike" d={`M${x(at).toFixed(1)} ${bottom - 7}l4 7h-8z`} /> : null;
      })}
      {later.length > 0 && <path className="later" d={path(later)} />}
      <path className="now" d={path(now)} />
      {index !== null && (
        <>
          {vertical(spots[index] ?? 1, 'cross')}
          <circle className="now" cx={x(spots[index] ?? 1)} cy={y(now[index] ?? 0)} r="3.5" />
          {later.length > 0 && <circle className="later" cx={x(spots[index] ?? 1)} cy={y(later[index] ?? 0)} r="3.5" />}
        </>
      )}
    </>
  );
}
