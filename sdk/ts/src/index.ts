// Client of the portfolio-margin program: generated accounts, instructions and types, and the small layer by hand around them.
export * from './account.js';
export * from './directory.js';
export * from './engine.js';
export * from './events.js';
export * from './failures.js';
export * from './generated/index.js';
export { ERROR_CODES, ERRORS, type ErrorName } from './generated/errors.js';
export { EVENTS, type ProgramEvent } from './generated/events.js';
export * from './greeks.js';
export * from './instructions.js';
export * from './load.js';
export * from './matrix.js';
export * from './packing.js';
export * from './prices.js';
export * from './quotes.js';
export * from './send.js';
export * from './tables.js';
export * from './tokens.js';
export {
  decodeMarginView,
  filledView,
  MARGIN_VIEW_SIZE,
  MOST_UNITS,
  simulateView,
  type Contingencies,
  type MarginReport,
  type MarketMargin,
} from './views.js';
