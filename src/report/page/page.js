'use strict';
(() => {
  const tip = document.getElementById('tip');
  const element = (name, text, className) => {
    const made = document.createElement(name);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const hide = () => { tip.hidden = true; };
  // Each line is a heading, or a pair of a name and a value.
  const show = (lines, x, y) => {
    tip.replaceChildren(...lines.map((line) => {
      if (typeof line === 'string') return element('b', line);
      const made = element('span', '');
      made.append(element('i', line[0]), element('i', line[1]));
      return made;
    }));
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = Math.max(8, Math.min(x + 14, innerWidth - width - 8)) + 'px';
    tip.style.top = (y - height - 14 < 8 ? y + 18 : y - height - 14) + 'px';
  };

  for (const square of document.querySelectorAll('.square a')) {
    const lines = () => {
      const { name, value, interval } = square.dataset;
      return interval ? [name, ['IIA', value], ['95%', interval]] : [name, ['IIA', value]];
    };
    square.addEventListener('pointermove', (event) => show(lines(), event.clientX, event.clientY));
    square.addEventListener('pointerleave', hide);
    square.addEventListener('focus', () => {
      const box = square.getBoundingClientRect();
      show(lines(), box.right, box.top);
    });
    square.addEventListener('blur', hide);
  }

  for (const plot of document.querySelectorAll('figure.plot')) {
    const field = plot.querySelector('.field');
    const rows = [...plot.querySelectorAll('tbody tr')];
    const heads = [...plot.querySelectorAll('thead th')].slice(1);
    if (!rows.length) continue;
    let marks = [];
    let at = -1;
    const clear = () => {
      marks.forEach((mark) => mark.remove());
      marks = [];
      hide();
    };
    const point = (row) => {
      clear();
      at = row;
      const cells = [...rows[row].cells];
      const left = rows[row].dataset.at + '%';
      const lines = ['step ' + cells[0].textContent];
      const hair = element('span', '', 'hair');
      hair.style.left = left;
      marks.push(hair);
      cells.slice(1).forEach((cell, line) => {
        if (cell.dataset.at === undefined) return;
        const spot = element('span', '', 'spot ' + heads[line].dataset.colour);
        spot.style.left = left;
        spot.style.top = cell.dataset.at + '%';
        marks.push(spot);
        lines.push([heads[line].textContent, cell.textContent]);
      });
      field.append(...marks);
      const box = field.getBoundingClientRect();
      show(lines, box.left + box.width * rows[row].dataset.at / 100, box.top + box.height / 3);
    };
    field.addEventListener('pointermove', (event) => {
      const box = field.getBoundingClientRect();
      const share = 100 * (event.clientX - box.left) / box.width;
      let nearest = 0;
      rows.forEach((row, i) => {
        if (Math.abs(row.dataset.at - share) < Math.abs(rows[nearest].dataset.at - share)) nearest = i;
      });
      point(nearest);
    });
    field.addEventListener('pointerleave', clear);
    field.addEventListener('blur', clear);
    field.addEventListener('keydown', (event) => {
      const steps = { ArrowRight: 1, ArrowLeft: -1, PageDown: 10, PageUp: -10, Home: -rows.length, End: rows.length };
      if (!(event.key in steps)) return;
      event.preventDefault();
      point(Math.max(0, Math.min(rows.length - 1, at + steps[event.key])));
    });
  }

  for (const block of document.querySelectorAll('.copied')) {
    if (!navigator.clipboard) break;
    const button = element('button', 'copy');
    button.type = 'button';
    button.addEventListener('click', () => {
      const setLabel = (text) => { button.textContent = text; };
      navigator.clipboard.writeText(block.querySelector('pre').textContent.trim()).then(() => setLabel('copied'), () => setLabel('not copied'));
      setTimeout(setLabel, 1500, 'copy');
    });
    block.append(button);
  }

  // Collapsed sections are opened for printing.
  let closed = [];
  addEventListener('beforeprint', () => {
    closed = [...document.querySelectorAll('details:not([open])')];
    closed.forEach((details) => { details.open = true; });
  });
  addEventListener('afterprint', () => closed.forEach((details) => { details.open = false; }));
})();
