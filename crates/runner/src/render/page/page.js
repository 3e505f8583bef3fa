'use strict';
(() => {
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const one = (selector, from = document) => from.querySelector(selector);
  const cards = all('.card');
  document.documentElement.classList.add('has-script');
  one('.choose').addEventListener('submit', (event) => event.preventDefault());

  // A style sheet that makes a list of a table must not take the table from a screen reader.
  for (const [selector, role] of [
    ['table', 'table'], ['thead, tbody', 'rowgroup'], ['tr', 'row'], ['td', 'cell'],
    ['tbody th', 'rowheader'], ['thead th', 'columnheader'],
  ]) all(selector).forEach((element) => element.setAttribute('role', role));

  // Words: what a card says must hold all of them.
  const texts = new Map(cards.map((card) => [card, card.textContent.toLowerCase()]));
  one('#words').addEventListener('input', (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const card of cards) {
      card.classList.toggle('without-words', !words.every((word) => texts.get(card).includes(word)));
    }
    for (const topic of all('.topic')) {
      topic.classList.toggle('without-words', !one('.card:not(.without-words)', topic));
    }
    const left = cards.filter((card) => !card.classList.contains('without-words')).length;
    one('.count').textContent = words.length ? `${left} of ${cards.length} sentences` : '';
  });

  // A guess: right where it is what the kernel did.
  const isRight = (guess, { least, most, answer, yes }) => {
    const number = parseFloat(guess.replace(/[,\s_]/g, ''));
    if (least !== undefined || most !== undefined) {
      return number >= parseFloat(least ?? '-Infinity') && number <= parseFloat(most ?? 'Infinity');
    }
    if (yes !== undefined && /^(y|yes|n|no)$/i.test(guess)) {
      return guess[0].toLowerCase() === (answer === yes ? 'y' : 'n');
    }
    return guess.toLowerCase() === (answer ?? '').toLowerCase();
  };
  for (const guess of all('.guess')) {
    const input = one('input', guess);
    const check = () => {
      const text = input.value.trim();
      if (!text) return;
      const measured = input.dataset.answer !== undefined;
      const verdict = isRight(text, input.dataset) ? 'Right.' : 'Not so.';
      one('output', guess).textContent = measured ? verdict : 'It was not measured in this run.';
      one('.answer', guess).open = true;
    };
    one('button', guess).addEventListener('click', check);
    input.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') { event.preventDefault(); check(); }
    });
  }

  // Another run, beside this one. It comes from a file: its text is set as text, never as markup.
  const short = (value) => typeof value !== 'number' || Number.isInteger(value) ? String(value)
    : Math.abs(value) >= 100 ? value.toFixed(0) : String(parseFloat(value.toPrecision(3)));
  // What turns the direction of writing, or has no width, is shown by its number.
  const harmless = (text) => text.replace(/[\p{Cc}\p{Cf}\p{DI}\p{Zl}\p{Zp}]/gu,
    (it) => `\\u{${it.codePointAt(0).toString(16)}}`);
  const add = (parent, name, text, className) => {
    const element = document.createElement(name);
    element.className = className ?? '';
    element.textContent = harmless(String(text));
    parent.append(element);
    return element;
  };
  // An axis of words has no largest number, and a linear one no unit.
  const place = ({ unit, largest }, value) => {
    if (typeof value !== 'number' || largest === undefined) return null;
    const share = unit === undefined ? value / largest
      : Math.log1p(value / unit) / Math.log1p(largest / unit);
    return 4 + Math.min(Math.max(share, 0), 1) * 92;
  };
  const drawMark = (axis, value) => {
    const x = place(axis.dataset, value);
    if (x === null) return;
    const circle = document.createElementNS('http://www.w3.org/2000/svg', 'circle');
    for (const [name, it] of [['class', 'there there-mark'], ['cx', `${x}%`]]) {
      circle.setAttribute(name, it);
    }
    axis.append(circle);
  };
  const isObject = (it) => it !== null && typeof it === 'object';
  const compare = (run) => {
    if (!isObject(run) || run.schema !== 1 || !Array.isArray(run.claims) || !run.claims.every(isObject)) {
      throw new Error('it is not the document of `witness run --json`, schema 1');
    }
    all('.there').forEach((element) => element.remove());
    const there = new Map(run.claims.map((claim) => [claim.id, claim]));
    const differ = [];
    let shared = 0;
    for (const card of cards) {
      const claim = there.get(card.id);
      if (!claim) continue;
      shared += 1;
      if (!card.classList.contains(claim.verdict)) {
        differ.push(card.id);
        add(one('.verdict', card), 'span', `there: ${String(claim.verdict).replaceAll('_', ' ')}`, 'there');
      }
      for (const row of all('.quantities tbody tr', card)) {
        const quantity = row.cells[0].textContent;
        for (const [column, values] of [[3, claim.observed], [4, claim.control?.observed]]) {
          const value = values?.[quantity];
          if (value === undefined) continue;
          add(row.cells[column], 'span', `there: ${short(value)}`, 'there');
          if (column === 3) drawMark(one('.axis', row), value);
        }
      }
    }
    const status = one('#compared');
    status.textContent = '';
    const where = run.kernel ?? 'the other run';
    add(status, 'p', `${where}: ${shared} sentences in both runs, ${differ.length} with another verdict.`);
    const list = add(status, 'p', '');
    for (const id of differ) {
      const link = add(list, 'a', id);
      link.href = `#${id}`;
      list.append(' ');
    }
  };
  const read = async (file) => {
    try {
      compare(JSON.parse(await file.text()));
    } catch (error) {
      const status = one('#compared');
      status.textContent = '';
      const isJson = !(error instanceof SyntaxError);
      add(status, 'p', `${file.name}: ${isJson ? error.message : 'it is no JSON'}`);
    }
  };
  one('#other').addEventListener('change', (event) => {
    if (event.target.files[0]) read(event.target.files[0]);
  });
  // Wherever on the page it is dropped: a browser would leave the page for it.
  for (const name of ['dragenter', 'dragover', 'dragleave', 'drop']) {
    document.addEventListener(name, (event) => {
      if (!event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault();
      document.body.classList.toggle('over', name === 'dragenter' || name === 'dragover');
      if (name !== 'drop' || !event.dataTransfer.files[0]) return;
      read(event.dataTransfer.files[0]);
      one('#compare').scrollIntoView({ block: 'nearest' });
    });
  }
})();
