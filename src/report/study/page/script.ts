/**
 * The one script of the page: shows the value of the mark nearest to the pointer, the finger or the keyboard's
 * focus. Every mark has its value as `<title>`, which browsers show by themselves where scripts do not run. The
 * page's policy allows this text alone, by its hash, so that nothing in the data can run.
 */
import { createHash } from 'node:crypto';

export const SCRIPT = `
(() => {
  const tip = document.createElement('div');
  tip.className = 'tip';
  tip.setAttribute('role', 'status');
  tip.hidden = true;
  document.body.append(tip);
  let shown = null;

  const hide = () => {
    if (shown) shown.removeAttribute('data-shown');
    shown = null;
    tip.hidden = true;
  };

  const show = ({ mark, text }) => {
    if (shown === mark) return;
    hide();
    shown = mark;
    mark.setAttribute('data-shown', '');
    tip.textContent = text;
    tip.hidden = false;
    const at = mark.getBoundingClientRect();
    const own = tip.getBoundingClientRect();
    const middle = at.left + at.width / 2 - own.width / 2;
    const left = Math.max(8, Math.min(middle, document.documentElement.clientWidth - own.width - 8));
    const above = at.top - own.height - 10;
    tip.style.left = left + 'px';
    tip.style.top = (above >= 8 ? above : at.bottom + 10) + 'px';
  };

  const prepare = (plot) => {
    const marks = [...plot.querySelectorAll('title')].map((title) => {
      const entry = { mark: title.parentNode, text: title.textContent };
      title.remove();
      return entry;
    });
    if (marks.length === 0) return;
    let places = [];
    let seen = null;
    const measure = () => {
      const box = plot.getBoundingClientRect();
      if (seen === box.width) return;
      seen = box.width;
      places = marks.map(({ mark }) => {
        const at = mark.getBoundingClientRect();
        return { x: at.left + at.width / 2 - box.left, y: at.top + at.height / 2 - box.top,
          halfWidth: at.width / 2, halfHeight: at.height / 2 };
      });
    };
    const nearest = (event, reach) => {
      measure();
      const box = plot.getBoundingClientRect();
      let best = -1;
      let distance = reach;
      places.forEach(({ x, y, halfWidth, halfHeight }, i) => {
        const dx = Math.max(0, Math.abs(event.clientX - box.left - x) - halfWidth);
        const dy = Math.max(0, Math.abs(event.clientY - box.top - y) - halfHeight);
        const away = Math.hypot(dx, dy) + 0.01 * Math.hypot(event.clientX - box.left - x, event.clientY - box.top - y);
        if (away < distance) { distance = away; best = i; }
      });
      return best;
    };
    let current = -1;
    const go = (i) => { current = i; if (i < 0) hide(); else show(marks[i]); };
    plot.addEventListener('pointermove', (event) => { if (event.pointerType !== 'touch') go(nearest(event, 24)); });
    plot.addEventListener('pointerleave', (event) => { if (event.pointerType !== 'touch') hide(); });
    plot.addEventListener('click', (event) => { go(nearest(event, 44)); event.stopPropagation(); });
    plot.setAttribute('tabindex', '0');
    plot.addEventListener('focus', () => { if (plot.matches(':focus-visible')) go(Math.max(0, current)); });
    plot.addEventListener('blur', hide);
    plot.addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (step) { go((Math.max(0, current) + step + marks.length) % marks.length); event.preventDefault(); }
      if (event.key === 'Escape') hide();
    });
  };

  for (const plot of document.querySelectorAll('svg.plot')) prepare(plot);
  document.addEventListener('click', hide);
  document.addEventListener('scroll', hide, { passive: true, capture: true });
})();
`;

/** What the page's content security policy names: the script, and nothing else that runs or is requested. */
export const SCRIPT_POLICY = `script-src 'sha256-${createHash('sha256').update(SCRIPT).digest('base64')}'`;
