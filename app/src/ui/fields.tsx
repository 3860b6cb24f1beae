// Labelled inputs whose message stands under them. What is typed stays as typed until the field is left.
import { useId, useState, type ReactNode } from 'react';
import { parseDecimal, plain } from '../model/decimal';
import { parseTime, timeText } from '../model/time';
import type { Path } from '../model/document';
import { percentToShare, shareToPercent } from './Amount';
import { useEditing } from './editing';

/** How a field's text and the document's value turn into each other; `null` where the text has no value. */
interface Format {
  show(value: string): string;
  read(text: string): string | null;
}

const NUMBER: Format = {
  show: (value) => value,
  // Signs as people paste them; the digits stay.
  read: (text) => {
    const digits = text.trim().replace(/[\u2212\u2013]/g, '-').replace(/(\d),(?=\d{3}(\D|$))/g, '$1');
    return parseDecimal(digits) ? digits : null;
  },
};
const PERCENT: Format = { show: shareToPercent, read: (text) => percentToShare(NUMBER.read(text) ?? text) };
// A year alone is digits, as seconds are: what is no time is marked, so that no check takes it for one.
const TIME: Format = {
  show: (value) => (value.endsWith('?') ? value.slice(0, -1) : timeText(value)),
  read: (text) => parseTime(text) ?? `${text}?`,
};
const TEXT: Format = { show: (value) => value, read: (text) => text };
const FORMATS = { number: NUMBER, percent: PERCENT, time: TIME, text: TEXT };

interface FieldProps {
  label: string;
  path: Path;
  value: string | undefined;
  kind?: keyof typeof FORMATS;
  /** A unit after the input, or a sign before it. */
  unit?: string;
  sign?: string;
  /** The row that the field is in: said, not shown; where rows are a table, its heads show the label. */
  of?: string;
  /** What else a change does. */
  onChange?: (value: string) => void;
  /** Called with the value that the field had when it was entered, when it is left. */
  onLeave?: (before: string) => void;
  note?: string;
}

export function Field(props: FieldProps) {
  const { label, path, kind = 'number', unit, sign, of, note } = props;
  const { set, problemAt } = useEditing();
  const id = useId();
  const [typed, setTyped] = useState<string | null>(null);
  const [before, setBefore] = useState('');
  const value = props.value ?? '';
  const format = FORMATS[kind];
  const problem = problemAt(path);
  const change = (text: string) => {
    setTyped(text);
    const next = format.read(text) ?? text;
    if (props.onChange) props.onChange(next);
    else set(path, next);
  };
  return (
    <Labelled id={id} label={label} of={of} problem={problem} note={note}>
      <span className="box">
        {sign && <span className="sign" aria-hidden="true">{sign}</span>}
        <input
          id={id}
          type="text"
          className={kind === 'text' || kind === 'time' ? undefined : 'num'}
          inputMode={kind === 'number' || kind === 'percent' ? 'decimal' : undefined}
          autoComplete="off"
          spellCheck={false}
          value={typed ?? format.show(value)}
          aria-invalid={problem !== undefined}
          aria-describedby={problem ? `${id}-problem` : undefined}
          onFocus={() => setBefore(value)}
          onChange={(event) => change(event.target.value)}
          onBlur={() => {
            setTyped(null);
            if (before !== value) props.onLeave?.(before);
          }}
        />
        {unit && <span className="unit" aria-hidden="true">{unit}</span>}
      </span>
    </Labelled>
  );
}

interface SelectProps {
  label: string;
  path: Path;
  value: string | undefined;
  options: readonly { value: string; text: string }[];
  of?: string;
  onChange?: (value: string) => void;
}

export function Select({ label, path, value, options, of, onChange }: SelectProps) {
  const { set, problemAt } = useEditing();
  const id = useId();
  const problem = problemAt(path);
  const isListed = options.some((option) => option.value === value);
  return (
    <Labelled id={id} label={label} of={of} problem={problem}>
      <span className="box">
        <select
          id={id}
          value={value ?? ''}
          aria-invalid={problem !== undefined}
          aria-describedby={problem ? `${id}-problem` : undefined}
          onChange={(event) => (onChange ? onChange(event.target.value) : set(path, event.target.value))}
        >
          {!isListed && <option value={value ?? ''}>{value ?? 'none'}</option>}
          {options.map((option) => (
            <option key={option.value} value={option.value}>{option.text}</option>
          ))}
        </select>
      </span>
    </Labelled>
  );
}

interface LabelledProps {
  id: string;
  label: string;
  of: string | undefined;
  problem: string | undefined;
  note?: string | undefined;
  children: ReactNode;
}

function Labelled({ id, label, of, problem, note, children }: LabelledProps) {
  return (
    <div className="field">
      <label htmlFor={id} className={of === undefined ? 'label' : 'label column'}>
        {label}
        {of !== undefined && <span className="hidden"> of {of}</span>}
      </label>
      {children}
      {note && !problem && <p className="note">{note}</p>}
      {problem && <p id={`${id}-problem`} className="problem">{problem}</p>}
    </div>
  );
}

/** What stands over the columns where rows are a table; the fields' own labels say it to assistive technology. */
export function Heads({ labels }: { labels: readonly string[] }) {
  return <div className="row heads" aria-hidden="true">{labels.map((label) => <span key={label}>{label}</span>)}</div>;
}

/** The message for a row as a whole, where the engine names the row. */
export function RowProblem({ path }: { path: Path }) {
  const problem = useEditing().problemAt(path);
  return problem ? <p className="problem row-problem">{problem}</p> : null;
}

/** `value x to / from` to the cent, for prices that follow another. */
export function followed(value: string, from: string, to: string): string {
  const [price, before, after] = [value, from, to].map(parseDecimal);
  if (!price || !before || !after || before.mantissa <= 0n || after.mantissa <= 0n) return value;
  const scale = Math.max(2, price.scale);
  const unit = 10n ** BigInt(scale + before.scale);
  const numerator = price.mantissa * after.mantissa * unit;
  const denominator = before.mantissa * 10n ** BigInt(price.scale + after.scale);
  return plain({ mantissa: (numerator + denominator / 2n) / denominator, scale });
}
