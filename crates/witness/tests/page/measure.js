// Looks at the page in frames of several widths, and writes what is wrong into the title.
'use strict';
const WIDTHS = [390, 800, 1600];
const FONTS = [
  ['body', 'system-ui'], ['h1', 'system-ui'], ['.statement', 'system-ui'], ['.axis text', 'system-ui'],
  ['.card h3', 'ui-monospace'], ['code', 'ui-monospace'],
];

const channels = (colour) => {
  const numbers = (colour.match(/[\d.]+/g) ?? []).map(Number);
  return { rgb: numbers.slice(0, 3), alpha: numbers[3] ?? 1 };
};
const luminance = (rgb) => rgb.map((it) => it / 255)
  .map((it) => (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4))
  .reduce((sum, it, index) => sum + it * [0.2126, 0.7152, 0.0722][index], 0);
const contrast = (one, other) => {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
};

const ground = (view, element) => {
  for (let it = element; it; it = it.parentElement) {
    const { rgb, alpha } = channels(view.getComputedStyle(it).backgroundColor);
    if (alpha === 1) return rgb;
  }
  return view.matchMedia('(prefers-color-scheme: dark)').matches ? [0, 0, 0] : [255, 255, 255];
};

// Every text that is drawn, with the element that colours it.
const texts = (document) => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const isHidden = element.closest('script, style, title, desc, .quantities caption, .skip');
    if (walker.currentNode.data.trim() && !isHidden && element.getClientRects().length) found.push(element);
  }
  return [...new Set(found)];
};

const look = (frame) => {
  const { contentDocument: document, contentWindow: view } = frame;
  const wrong = [];
  const width = view.innerWidth;
  for (const details of document.querySelectorAll('details')) details.open = true;
  if (document.documentElement.scrollWidth > width) wrong.push('it scrolls sideways');
  for (const element of document.querySelectorAll('body *')) {
    const box = element.getBoundingClientRect();
    const isSeen = box.width > 1 && !element.closest('.quantities caption, .skip');
    if (isSeen && (box.right > width + 1 || box.left < -1)) {
      wrong.push(`${element.tagName} .${element.getAttribute('class')} reaches ${Math.round(box.right)}`);
    }
  }
  for (const [selector, family] of FONTS) {
    const found = view.getComputedStyle(document.querySelector(selector)).fontFamily;
    if (!found.startsWith(family)) wrong.push(`${selector} has the font ${found}`);
  }
  for (const text of document.querySelectorAll('.panel svg text')) {
    const [box, picture] = [text, text.ownerSVGElement].map((it) => it.getBoundingClientRect());
    if (box.left < picture.left - 1 || box.right > picture.right + 1) wrong.push(`cut: ${text.textContent}`);
  }
  let least = 21;
  for (const element of texts(document)) {
    const style = view.getComputedStyle(element);
    const isDrawn = element.namespaceURI.endsWith('svg');
    const colour = channels(isDrawn ? style.fill : style.color).rgb;
    const ratio = contrast(colour, ground(view, element));
    least = Math.min(least, ratio);
    if (ratio < 4.5) wrong.push(`contrast ${ratio.toFixed(2)} of ${element.tagName}: ${element.textContent.slice(0, 40)}`);
  }
  // What a mark is made of must stand out from its ground, too.
  for (const [selector, property] of [
    ['.band', 'stroke'], ['.other', 'stroke'], ['.observed', 'fill'], ['rect.control', 'fill'],
  ]) {
    const mark = document.querySelector(`.quantities .axis ${selector}`);
    const ratio = contrast(channels(view.getComputedStyle(mark)[property]).rgb, ground(view, mark));
    if (ratio < 3) wrong.push(`contrast ${ratio.toFixed(2)} of ${selector}`);
  }
  if (!document.documentElement.classList.contains('has-script')) wrong.push('its script did not run');
  const requests = view.performance.getEntriesByType('resource').map((it) => it.name);
  if (requests.length) wrong.push(`it asked for ${requests}`);
  const isDark = view.matchMedia('(prefers-color-scheme: dark)').matches;
  return { width, isDark, least, wrong: [...new Set(wrong)].slice(0, 20) };
};

const isShown = (element) => element.getClientRects().length > 0;

// What a reader chooses and does.
const use = async (frame, run) => {
  const { contentDocument: document, contentWindow: view } = frame;
  const wrong = [];
  const expect = (isTrue, what) => { if (!isTrue) wrong.push(what); };
  const all = (selector) => [...document.querySelectorAll(selector)];
  const one = (selector) => document.querySelector(selector);
  const cards = all('.card');
  const shown = () => cards.filter(isShown).length;
  expect(shown() === cards.length, 'not every card is shown');

  const topics = all('.topic');
  one(`#${topics[1].id.replace('topic-', 'topic-is-')}`).checked = true;
  expect(isShown(topics[1]) && !isShown(topics[0]), 'a topic cannot be chosen');
  one('#topic-is-all').checked = true;
  one('#verdict-is-holds').checked = true;
  expect(shown() === all('.card.holds').length, 'a verdict cannot be chosen');
  one('#verdict-is-all').checked = true;

  const words = one('#words');
  words.value = cards[0].id;
  words.dispatchEvent(new view.Event('input'));
  expect(shown() > 0 && shown() < cards.length, 'words do not choose');
  words.value = '';
  words.dispatchEvent(new view.Event('input'));
  expect(shown() === cards.length, 'without words not all is shown');

  const asks = one('.card.asks');
  asks.querySelectorAll('details').forEach((it) => { it.open = false; });
  one('#answers-is-guess').checked = true;
  expect(!isShown(asks.querySelector('.result')), 'the answer is there before the guess');
  expect(!isShown(one('.pictures')), 'pictures tell the answer');
  expect(isShown(one('.card.tells .result')), 'a card without a question is hidden');
  asks.querySelector('.guess').open = true;
  const input = asks.querySelector('.guess input');
  input.value = input.dataset.answer;
  asks.querySelector('.guess button').click();
  expect(asks.querySelector('output').textContent === 'Right.', 'the right guess is not right');
  expect(isShown(asks.querySelector('.result')), 'the answer does not come after the guess');
  input.value = '123456789';
  asks.querySelector('.guess button').click();
  expect(asks.querySelector('output').textContent === 'Not so.', 'a wrong guess is right');
  one('#answers-is-shown').checked = true;

  const link = one('.quantities tr[id] a');
  expect(link.getAttribute('href') === `#${link.closest('tr').id}`, 'a quantity has no link of its own');

  run.kernel = 'the other\u202e kernel';
  run.claims[0].verdict = 'refuted';
  run.claims[0].observed[Object.keys(run.claims[0].observed)[0]] = '<img src=x>';
  const files = new view.DataTransfer();
  files.items.add(new view.File([JSON.stringify(run)], 'other.json'));
  // Time is virtual, and reading a file is not: the same file is read in each turn.
  const compared = async (list) => {
    for (let turn = 0; turn < 100 && !one('#compared').textContent; turn += 1) {
      await list.files[0].text();
      await new Promise((resolve) => { view.setTimeout(resolve, 10); });
    }
  };
  // It may be dropped anywhere: a browser would leave the page for the file.
  const drop = new view.DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true });
  cards[3].dispatchEvent(drop);
  expect(drop.defaultPrevented, 'a file that is dropped replaces the page');
  await compared(files);
  expect(one('#compared').textContent.includes('the other\\u{202e} kernel'),
    `dropped: ${one('#compared').textContent}`);
  one('#compared').textContent = '';
  one('#other').files = files.files;
  one('#other').dispatchEvent(new view.Event('change'));
  await compared(files);
  const isRefuted = cards[0].classList.contains('refuted') ? 0 : 1;
  expect(one('#compared').textContent.includes(` ${isRefuted} with another verdict`),
    `compared: ${one('#compared').textContent}`);
  expect(cards[0].textContent.includes('there: <img src=x>'), 'the other value is not shown');
  for (const [text, says] of [['no JSON', 'it is no JSON'], ['{"schema":1,"claims":[null]}', 'not the document']]) {
    const other = new view.DataTransfer();
    other.items.add(new view.File([text], 'a\u202e.json'));
    one('#compared').textContent = '';
    one('#other').files = other.files;
    one('#other').dispatchEvent(new view.Event('change'));
    await compared(other);
    const told = one('#compared').textContent;
    expect(told.includes(says) && told.startsWith('a\\u{202e}.json'), `told: ${told}`);
  }
  expect(all('.there-mark').length > 0 && all('img').length === 0, 'no mark of the other run');
  return wrong;
};

addEventListener('load', async () => {
  try {
    const frames = [...document.querySelectorAll('iframe')];
    const looks = frames.map(look);
    const uses = await use(frames[2], JSON.parse(document.querySelector('#run').textContent));
    document.title = JSON.stringify({ looks, uses });
  } catch (error) {
    document.title = JSON.stringify({ failed: String(error.stack) });
  }
});
