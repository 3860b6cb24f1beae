// The page in a real Chromium, used as a person uses it, against `pm margin` on the document that it exports.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { begin, exported, fresh, margin, number, opened, shots, started } from './support.mjs';

let host;
before(async () => { host = await started(); });
after(() => host.stop());

/** Runs a test on a page and then asks that nothing went wrong behind it. */
function onPage(name, options, run) {
  test(name, async () => {
    const { page, faults, close } = await opened(host, options);
    try {
      await run(page, faults);
      assert.deepEqual(faults, []);
    } finally {
      await close();
    }
  });
}

const HEALTHS = ['initial_margin', 'maintenance_margin', 'initial_health', 'maintenance_health'];

/** A decimal string as the page writes it: rounded half away from zero, in groups of three. */
function written(value, decimals, plus = false) {
  const [whole, part = ''] = value.replace('-', '').split('.');
  const scaled = BigInt(whole + part.slice(0, decimals).padEnd(decimals, '0')) + (Number(part[decimals] ?? 0) >= 5 ? 1n : 0n);
  const digits = scaled.toString().padStart(decimals + 1, '0');
  const point = digits.length - decimals;
  const groups = digits.slice(0, point).replace(/\B(?=(\d{3})+$)/g, ',') + (decimals ? `.${digits.slice(point)}` : '');
  if (scaled === 0n) return groups;
  return value.startsWith('-') ? `−${groups}` : plus ? `+${groups}` : groups;
}

/** Compares every number of the page with a report, to the last digit, and its text with its digits. */
async function compare(page, report) {
  for (const tier of ['standard', 'portfolio']) {
    for (const name of HEALTHS) {
      const { value, text } = await number(page.locator(`#${tier}-${name}`));
      assert.equal(value, report[tier][name], `${tier} ${name}`);
      assert.equal(text, written(value, 2));
    }
  }
  assert.equal((await number(page.locator('#equity'))).value, report.equity);
  assert.equal((await number(page.locator('#delta-cash'))).value, report.greeks.account.delta_cash);
  const held = Object.entries(report.markets).filter(([, market]) => market.legs.length > 0);
  const greeks = page.getByRole('region', { name: 'Greeks' }).locator('tbody');
  for (const [index, [name, market]] of held.entries()) {
    const rows = [...market.legs, { ...report.greeks.markets[name], mark: market.mark }];
    for (const [place, row] of rows.entries()) {
      const cells = await greeks.nth(index).locator('tr').nth(place).locator('data').evaluateAll((all) => all.map((one) => one.value));
      assert.deepEqual(cells, ['mark', 'delta', 'gamma', 'vega', 'theta', 'rho'].map((greek) => row[greek]), `${name} row ${place}`);
    }
  }
  for (const [market, scenarios] of Object.entries(report.scenario_pnl)) {
    const matrix = page.getByRole('region', { name: `Scenarios of ${market}` });
    if ((await matrix.count()) === 0) continue;
    const cells = await matrix.locator('.cell data').evaluateAll((all) => all.map((one) => one.value));
    assert.deepEqual(cells.sort(), scenarios.map(({ pnl }) => pnl).sort(), `${market} matrix`);
    await compareWorst(page, matrix, market, report.worst_scenario[market]);
  }
  const requirement = page.getByRole('region', { name: 'What sets the requirement' }).locator('tfoot data');
  assert.deepEqual(await requirement.evaluateAll((all) => all.map((one) => one.value)),
    [report.portfolio.maintenance_margin, report.portfolio.initial_margin]);
}

/** The outlined cell and the sentence are the report's worst scenario. */
async function compareWorst(page, matrix, market, worst) {
  const sentence = await page.locator(`.sentence[data-market=${market}]`).innerText();
  if (worst.kind !== 'scenario') return;
  const outlined = matrix.locator('.is-worst');
  assert.equal(await outlined.count(), 1);
  assert.match(await outlined.innerText(), /^worst:/);
  assert.equal((await number(outlined)).value, worst.pnl);
  const move = Math.round((Number(worst.spot) - 1) * 1e6) / 1e4;
  const spot = move === 0 ? `${market} unchanged` : `${market} ${move < 0 ? 'down' : 'up'} ${Math.abs(move)} %`;
  assert.ok(sentence.startsWith(spot), sentence);
  const shock = { up: /volatility up \d+/, down: /volatility down \d+/, none: /volatility unchanged/ }[worst.volatility];
  if (/volatility/.test(sentence)) assert.match(sentence, shock);
  const loss = worst.pnl.replace('-', '');
  assert.ok(sentence.endsWith(`: loss ${written(loss, Number(loss) < 1000 ? 2 : 0)} USD`), sentence);
}

onPage('a book typed by hand has the numbers of pm margin', {}, async (page) => {
  await begin(page, 'Empty');
  const legs = page.getByRole('region', { name: 'Legs' });
  const type = async (label, value) => {
    await page.getByLabel(label, { exact: true }).click();
    await page.keyboard.press('Control+A');
    await page.keyboard.type(value);
  };
  // A calendar strangle hedged with a perpetual and a future, coin as collateral, in two markets.
  await legs.getByRole('button', { name: '+ Call' }).click();
  await type('Strike of leg 1', '98000');
  await type('Quantity of leg 1', '-2.5');
  await legs.getByRole('button', { name: '+ Put' }).click();
  await type('Strike of leg 2', '82,000');
  await type('Quantity of leg 2', '-2.5');
  await legs.getByRole('button', { name: '+ Call' }).click();
  await page.getByLabel('Expiry of leg 3').selectOption({ index: 1 });
  await type('Strike of leg 3', '120000');
  await type('Quantity of leg 3', '2.5');
  await legs.getByRole('button', { name: '+ Perpetual' }).click();
  await type('Entry of leg 4', '89120.55');
  await type('Quantity of leg 4', '\u22120.75');
  await page.getByRole('button', { name: '+ ETH' }).click();
  await legs.getByRole('button', { name: '+ Future' }).click();
  await page.getByLabel('Market of leg 5').selectOption('ETH');
  await page.getByLabel('Expiry of leg 5').selectOption({ index: 0 });
  await type('Entry of leg 5', '3150');
  await type('Quantity of leg 5', '-6');
  await page.getByRole('button', { name: '+ Collateral' }).click();
  await type('Amount of collateral 1', '0.6');
  await type('Haircut of collateral 1', '7.5');
  await type('Cash', '75000.25');
  await type('Volatility of BTC expiry 1', '57.5');
  await page.getByLabel('Parameters').last().selectOption('SOL');
  await fresh(page);

  const document = await exported(page);
  const parsed = JSON.parse(document);
  assert.deepEqual(parsed.positions.map(({ quantity }) => quantity), ['-2.5', '-2.5', '2.5', '-0.75', '-6']);
  assert.equal(parsed.positions[1].strike, '82000');
  assert.equal(parsed.collateral[0].haircut_maintenance, '0.075');
  assert.equal(parsed.markets[0].expiries[0].volatility, '0.575');
  assert.equal(parsed.markets[1].parameters, 'SOL');
  await compare(page, margin(document));
});

for (const book of ['Iron condor', 'Covered call', 'Hedged perpetual', 'Naked short', 'Three markets', 'Empty']) {
  onPage(`the book ${book} has the numbers of pm margin`, {}, async (page) => {
    await begin(page, book);
    await compare(page, margin(await exported(page)));
  });
}

onPage('the worst case is said in words', {}, async (page) => {
  await begin(page, 'Covered call');
  const { pnl } = margin(await exported(page)).worst_scenario.BTC;
  const sentence = await page.locator('.sentence').innerText();
  assert.equal(sentence, `BTC down 18 % with volatility up 50 %: loss ${written(pnl.slice(1), 0)} USD`);
});

onPage('the distance to liquidation is where pm margin finds no health left', {}, async (page) => {
  await begin(page, 'Naked short');
  const document = JSON.parse(await exported(page));
  const shown = await number(page.getByRole('region', { name: 'Distance' }).getByRole('row', { name: 'Spot up' }));
  assert.equal(shown.value, margin(JSON.stringify(document)).distance_to_liquidation.spot_up);
  // WHEN spot is typed there, and the forwards follow
  const spot = page.getByLabel('Spot', { exact: true });
  await spot.fill(String(Number((90_000 * Number(shown.value)).toFixed(2)) + 1));
  await spot.blur();
  await fresh(page);
  // THEN nothing is left
  await page.getByText('the account can be liquidated now').waitFor();
  const moved = JSON.parse(await exported(page));
  assert.ok(Number(moved.markets[0].expiries[0].forward) > 1.18 * Number(document.markets[0].expiries[0].forward));
  assert.ok(Number(margin(JSON.stringify(moved)).maintenance_health) < 0);
});

onPage('what cannot be read is said beside its field, and no number is left to be read', {}, async (page) => {
  await begin(page, 'Iron condor');
  const strike = page.getByLabel('Strike of leg 2', { exact: true });
  for (const wrong of ['abc', '', '-5', '0', '1e99']) {
    await strike.fill(wrong);
    await page.getByText('Not evaluated.').waitFor();
    assert.equal(await strike.getAttribute('aria-invalid'), 'true');
    const described = await strike.getAttribute('aria-describedby');
    assert.equal(await page.locator(`[id="${described}"]`).innerText(), 'Enter a price in USD above 0 and below 92 billion, such as 90000.');
    assert.equal(await page.locator('.results').getAttribute('inert'), '');
    assert.match(await page.locator('.state').innerText(), /Leg 2, strike/);
  }
  // Two at once: both have their message.
  await page.getByLabel('Valuation time, UTC').fill('2026');
  assert.match(await page.locator('.state').innerText(), /and 1 more/);
  assert.equal(await page.locator('.problem').count(), 2);
  await page.getByLabel('Valuation time, UTC').fill('2026-01-01 12:00');
  await strike.fill('80000');
  await fresh(page);
  assert.equal(await page.locator('.problem').count(), 0);
  await compare(page, margin(await exported(page)));
});

onPage('what the engine refuses is said at its row', {}, async (page) => {
  await begin(page, 'Iron condor');
  await page.getByLabel('Strike of leg 2', { exact: true }).fill('75000');
  await page.getByRole('listitem', { name: 'leg 2' }).getByText('The same series as positions[0]: state their sum.').waitFor();
  assert.match(await page.locator('.state').innerText(), /^Not evaluated\. Leg 2: /);
  await page.getByRole('button', { name: 'Remove leg 2' }).click();
  await fresh(page);
});

onPage('a document is opened, refused with its place, copied and downloaded', {}, async (page) => {
  await begin(page, 'Three markets');
  const document = await exported(page);
  await begin(page, 'Empty');
  await page.getByRole('button', { name: 'Document', exact: true }).click();
  const area = page.getByLabel('The portfolio as JSON');
  // Numbers as numbers, one of them with more digits than the engine's unit.
  const numeric = document.replace(/"(-?\d+(?:\.\d+)?)"/g, '$1').replace('"cash": 150000', '"cash": 150000.1234567');
  await area.fill(numeric.replace('"strike": 110000', '"strike": "far"'));
  await page.getByRole('button', { name: 'Open this text' }).click();
  await page.getByText('Not opened. positions[2].strike: "far" is not a decimal number').waitFor();
  await area.fill(numeric);
  await page.getByRole('button', { name: 'Open this text' }).click();
  await area.waitFor({ state: 'hidden' });
  await fresh(page);
  assert.match(await page.locator('.state').innerText(), /Rounded to the engine’s units: cash to 150000\.123457/);
  await compare(page, margin(numeric));
  const again = await exported(page);
  assert.deepEqual(margin(again), margin(numeric));
  await page.getByRole('button', { name: 'Document', exact: true }).click();
  await page.getByRole('button', { name: 'Copy' }).click();
  await page.getByText('Copied.').waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), again);
  const waiting = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download' }).click();
  const file = await (await waiting).createReadStream();
  assert.equal((await file.toArray()).join(''), again);
});

test('an engine that cannot be loaded leaves an error and no number, and can be tried again', async () => {
  let isBroken = true;
  const prepare = (page) => page.route('**/*.wasm', (route) => (isBroken ? route.fulfill({ status: 503 }) : route.continue()));
  const { page, close } = await opened(host, { prepare });
  await page.getByRole('alert').getByText('the engine\'s module cannot be loaded: 503').waitFor();
  assert.equal(await page.locator('data').count(), 0);
  isBroken = false;
  await page.getByRole('button', { name: 'Try again' }).click();
  await fresh(page);
  assert.equal(await page.getByRole('alert').count(), 0);
  await close();
});

onPage('numbers of an earlier portfolio are never taken for fresh', {}, async (page) => {
  await begin(page, 'Iron condor');
  // WHEN a field changes, and before the engine can have answered
  const strike = await page.getByLabel('Strike of leg 2', { exact: true }).elementHandle();
  const phases = await strike.evaluate(async (input) => {
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    const seen = [];
    for (const value of ['80500', '80600']) {
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(input, value);
      input.dispatchEvent(new Event('input', { bubbles: true }));
      await frame();
      seen.push([document.querySelector('.state').dataset.phase, document.querySelector('.results').ariaBusy]);
    }
    return seen;
  });
  // THEN the page says that its numbers are old
  assert.deepEqual(phases, [['computing', 'true'], ['computing', 'true']]);
  await fresh(page);
  await compare(page, margin(await exported(page)));
});

/** Lets a test reach the page's worker. */
const exposed = (page) => page.addInitScript(() => {
  window.Worker = class extends Worker {
    constructor(...given) {
      super(...given);
      window.engineWorker = this;
    }
  };
});

onPage('an engine that fails later leaves no number of before to be read', { prepare: exposed }, async (page) => {
  await begin(page, 'Iron condor');
  await page.evaluate(() => {
    const worker = window.engineWorker;
    worker.postMessage = () => worker.dispatchEvent(new ErrorEvent('error', { message: 'unreachable', cancelable: true }));
  });
  await page.getByLabel('Cash', { exact: true }).fill('12345');
  await page.getByRole('alert').getByText('The engine failed: unreachable').waitFor();
  assert.equal(await page.locator('.results').getAttribute('inert'), '');
  assert.equal(await page.getByRole('region', { name: 'Margin' }).count(), 0);
  // Another edit starts another worker.
  await page.getByLabel('Cash', { exact: true }).fill('12346');
  await fresh(page);
  await compare(page, margin(await exported(page)));
});

onPage('the keyboard is enough', {}, async (page) => {
  await fresh(page);
  await page.getByRole('button', { name: 'Naked short' }).focus();
  await page.keyboard.press('Enter');
  await fresh(page);
  const strike = page.getByLabel('Strike of leg 1', { exact: true });
  for (let presses = 0; !(await strike.evaluate((node) => node === document.activeElement)); presses++) {
    assert.ok(presses < 20, 'the strike is reached with the tab key');
    await page.keyboard.press('Tab');
  }
  await page.keyboard.type('112000');
  await fresh(page);
  assert.equal(await strike.inputValue(), '112000');
  const chart = page.getByRole('img', { name: 'Profit or loss of BTC' });
  await chart.focus();
  await page.keyboard.press('Home');
  const reading = page.locator('.reading');
  const first = await reading.innerText();
  assert.match(first, /BTC .*%/);
  await page.keyboard.press('ArrowRight');
  assert.notEqual(await reading.innerText(), first);
  const unnamed = await page.locator('input, select, button, textarea').evaluateAll((all) =>
    all.filter((one) => !(one.labels?.length || one.getAttribute('aria-label') || one.textContent.trim())).map((one) => one.outerHTML));
  assert.deepEqual(unnamed, []);
});

for (const width of [360, 1440]) {
  onPage(`at ${width} px nothing is cut off or moves by itself`, { width }, async (page) => {
    await page.evaluate(() => {
      window.moved = 0;
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.moved += entry.value;
      }).observe({ type: 'layout-shift', buffered: true });
    });
    for (const book of ['Iron condor', 'Three markets', 'Naked short']) {
      await begin(page, book);
      const wide = await page.evaluate(() => {
        const limit = document.documentElement.clientWidth;
        const beyond = [...document.querySelectorAll('main *, header *')].filter((node) =>
          !node.closest('svg') && !node.closest('.hidden') && node.getBoundingClientRect().right > limit + 0.5);
        return { scroll: document.documentElement.scrollWidth - limit, beyond: beyond.map((node) => node.outerHTML.slice(0, 80)) };
      });
      assert.deepEqual(wide, { scroll: 0, beyond: [] }, book);
      // A number that does not fit its cell would be read as another.
      const clipped = await page.locator('data, .box input, .box select').evaluateAll((all) =>
        all.filter((one) => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline').map((one) => one.outerHTML));
      assert.deepEqual(clipped, [], book);
    }
    assert.ok((await page.evaluate(() => window.moved)) < 0.02, 'layout shifts');
  });
}

for (const [width, scheme] of [[360, 'light'], [1440, 'light'], [360, 'dark'], [1440, 'dark']]) {
  onPage(`looks as kept at ${width} px, ${scheme}`, { width, scheme }, async (page) => {
    await begin(page, 'Hedged perpetual');
    await page.mouse.move(0, 0);
    await page.evaluate(() => {
      document.activeElement?.blur();
      document.querySelector('.summary').style.display = 'none'; // it stays at the bottom of the window, which a tall picture has not
      document.querySelector('.state').textContent = 'Up to date.'; // how long it took differs each time
    });
    await page.waitForTimeout(250); // the end of a transition
    mkdirSync(shots, { recursive: true });
    const png = await page.screenshot({ path: `${shots}${width}-${scheme}.png`, fullPage: true });
    assert.ok(png.length > 30_000 && png.length < 600_000, `${png.length} bytes`);
  });
}
