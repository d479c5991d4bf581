/** The page's style sheet: one column of text, figures that shrink, light and dark by the reader's setting. */

/** Colours on light paper, by the name of their CSS variable; files of figures are drawn with them. */
export const LIGHT: Readonly<Record<string, string>> = {
  bg: '#f7f7f5',
  surface: '#ffffff',
  wash: '#f0f1f0',
  ink: '#1d2329',
  muted: '#66707a',
  line: '#dfe2e5',
  good: '#1b7f4d',
  'good-wash': '#e8f4ed',
  bad: '#c4552d',
  accent: '#2c62b5',
  fixed: '#2c62b5',
  finetune: '#c4552d',
  scratch: '#7d7f86',
  'series-1': '#2c62b5',
  'series-2': '#c4552d',
  'series-3': '#1b8a78',
  'series-4': '#8a4fb0',
  'series-5': '#a67c00',
  'series-6': '#c23b6c',
  'series-7': '#5b7c2f',
  'series-8': '#6b6f76',
};

const DARK: Readonly<Record<string, string>> = {
  bg: '#14171a',
  surface: '#1c2024',
  wash: '#262b30',
  ink: '#e7eaed',
  muted: '#9aa4ae',
  line: '#343a41',
  good: '#4cc38a',
  'good-wash': '#1a3327',
  bad: '#ee8660',
  accent: '#7aa7ee',
  fixed: '#7aa7ee',
  finetune: '#ee8660',
  scratch: '#a2a6ad',
  'series-1': '#7aa7ee',
  'series-2': '#ee8660',
  'series-3': '#4cc7b2',
  'series-4': '#c193e2',
  'series-5': '#d9b23c',
  'series-6': '#ee7fa5',
  'series-7': '#a0c46a',
  'series-8': '#a2a6ad',
};

function variables(colors: Readonly<Record<string, string>>): string {
  return Object.entries(colors)
    .map(([name, color]) => `--${name}: ${color};`)
    .join(' ');
}

export const STYLE = `
:root { color-scheme: light dark; ${variables(LIGHT)} }
@media (prefers-color-scheme: dark) { :root { ${variables(DARK)} } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body {
  margin: 0; background: var(--bg); color: var(--ink);
  font: 16px/1.55 -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main, header.top, footer { max-width: 1120px; margin: 0 auto; padding: 0 24px; }
h1, h2, h3, p, ul { margin: 0; }
h2 { font-size: 1.5rem; line-height: 1.25; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h3 { font-size: 1.05rem; line-height: 1.3; }
a { color: var(--accent); text-underline-offset: 3px; }
code, pre, .hash { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; font-size: 0.84em; }
.hash { overflow-wrap: anywhere; color: var(--muted); }
.muted { color: var(--muted); }
.small { font-size: 0.875rem; }
.number { font-variant-numeric: tabular-nums; white-space: nowrap; }

header.top { padding-top: 56px; padding-bottom: 8px; }
.question { color: var(--muted); font-size: 0.95rem; overflow-wrap: anywhere; }
.question b { color: var(--ink); font-weight: 600; }
h1 { font-size: clamp(1.55rem, 1.1rem + 2vw, 2.35rem); line-height: 1.22; letter-spacing: -0.02em; max-width: 30em; margin-top: 10px; text-wrap: balance; overflow-wrap: anywhere; }
.reasons { margin-top: 18px; padding: 0; list-style: none; max-width: 52em; display: grid; gap: 8px; overflow-wrap: anywhere; }
.reasons li { padding-left: 16px; border-left: 2px solid var(--line); }
.badges { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 24px; padding: 0; list-style: none; }
.badges li { background: var(--surface); border: 1px solid var(--line); border-radius: 999px; padding: 3px 12px; font-size: 0.85rem; color: var(--muted); overflow-wrap: anywhere; }
.badges b { color: var(--ink); font-weight: 600; }
nav { margin-top: 22px; display: flex; flex-wrap: wrap; gap: 6px 20px; font-size: 0.92rem; overflow-wrap: anywhere; }

section.part { margin-top: 56px; display: grid; gap: 20px; grid-template-columns: minmax(0, 1fr); scroll-margin-top: 16px; }
.lead { max-width: 46em; display: grid; gap: 6px; overflow-wrap: anywhere; }
.card { background: var(--surface); border: 1px solid var(--line); border-radius: 12px; padding: 20px 22px; min-width: 0; }
.two { display: grid; gap: 20px; grid-template-columns: minmax(0, 1fr); align-items: start; }
@media (min-width: 980px) { .two { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); } }
.column { display: grid; gap: inherit; min-width: 0; }
.three { display: grid; gap: 28px 24px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 300px), 1fr)); align-items: start; }

figure { margin: 0; min-width: 0; }
figcaption { margin-bottom: 10px; }
figcaption b { display: block; font-size: 1.05rem; line-height: 1.3; }
figcaption span { display: block; line-height: 1.45; color: var(--muted); font-size: 0.875rem; overflow-wrap: anywhere; }
.three figcaption b { font-size: 0.95rem; overflow-wrap: anywhere; }
.plot { display: block; height: auto; max-width: 100%; color: var(--muted); --plot-background: var(--surface); }
.plot text { white-space: pre; }
.narrow { display: none; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 0 0 8px; padding: 0; list-style: none; font-size: 0.85rem; color: var(--muted); }
.legend li { display: inline-flex; align-items: center; gap: 6px; overflow-wrap: anywhere; }
.legend svg { flex: none; }

table { border-collapse: collapse; width: 100%; font-size: 0.925rem; }
caption { text-align: left; font-weight: 600; font-size: 1.05rem; line-height: 1.3; padding-bottom: 10px; }
caption span { display: block; font-weight: 400; color: var(--muted); font-size: 0.875rem; }
th { text-align: left; font-weight: 500; color: var(--muted); font-size: 0.8rem; padding: 6px 10px 6px 0; border-bottom: 1px solid var(--line); vertical-align: bottom; }
td { padding: 8px 10px 8px 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; line-height: 1.35; }
tr:last-child td { border-bottom: 0; }
th.right { white-space: nowrap; }
th.right, td.right { text-align: right; }
th:last-child, td:last-child { padding-right: 0; }
td small { display: block; color: var(--muted); font-size: 0.82rem; }
td b { font-weight: 600; }
tr.tied td:first-child { box-shadow: inset 3px 0 0 var(--good); }
.ranking td:first-child, .ranking th:first-child { padding-left: 12px; width: 2.4em; }
.pill { display: inline-block; background: var(--good-wash); color: var(--good); border-radius: 999px; padding: 0 9px; font-size: 0.8rem; font-weight: 600; white-space: nowrap; }
.pill.best { background: var(--good); color: var(--surface); }
.scroll { overflow-x: auto; }
.scroll table { min-width: 680px; }
.scroll td, .scroll th { padding-right: 20px; }
.scroll th:first-child { min-width: 12em; }

details { background: var(--surface); border: 1px solid var(--line); border-radius: 12px; min-width: 0; }
summary { cursor: pointer; padding: 14px 22px; font-weight: 600; overflow-wrap: anywhere; }
summary span { font-weight: 400; color: var(--muted); font-size: 0.9rem; }
summary:focus-visible, a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 6px; }
.opened { padding: 4px 22px 24px; display: grid; gap: 24px; grid-template-columns: minmax(0, 1fr); }
.stack { display: grid; gap: 12px; }

.pictures { list-style: none; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(104px, 1fr)); gap: 16px 14px; font-size: 0.82rem; line-height: 1.35; }
.pictures li { min-width: 0; }
.copies { list-style: none; padding: 0; margin: 16px 0 0; display: grid; gap: 20px 28px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 240px), 1fr)); }
.copies > li { min-width: 0; }
.pictures img, .no-picture { display: block; width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 8px; background: var(--wash); margin-bottom: 6px; }
.no-picture { padding: 8px; color: var(--muted); overflow: hidden; overflow-wrap: anywhere; font-size: 0.75rem; }
.picture-true, .picture-predicted { display: block; overflow-wrap: anywhere; }
.picture-predicted { color: var(--bad); }
.problems { padding-left: 20px; display: grid; gap: 6px; overflow-wrap: anywhere; }
pre { margin: 0; background: var(--wash); border-radius: 8px; padding: 14px 16px; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.5; }
dl { margin: 0; display: grid; grid-template-columns: minmax(8em, max-content) minmax(0, 1fr); gap: 6px 24px; font-size: 0.925rem; }
dt { color: var(--muted); overflow-wrap: anywhere; }
dd { margin: 0; overflow-wrap: anywhere; }
footer { margin-top: 64px; padding-top: 20px; padding-bottom: 48px; color: var(--muted); font-size: 0.875rem; }

@media (max-width: 640px) {
  main, header.top, footer { padding-left: 14px; padding-right: 14px; }
  header.top { padding-top: 28px; }
  section.part { margin-top: 40px; gap: 14px; }
  .card { padding: 16px 12px; }
  .opened { padding: 4px 12px 18px; }
  summary { padding: 12px; }
  .wide { display: none; }
  .narrow { display: block; }
  dl { grid-template-columns: minmax(0, 1fr); gap: 0; }
  dd { margin-bottom: 8px; }
  .pictures { grid-template-columns: repeat(auto-fill, minmax(84px, 1fr)); gap: 12px 10px; }
  table { font-size: 0.86rem; }
  .ranking td:nth-child(2) { min-width: 6.9em; }
  th, td small { font-size: 0.75rem; }
  td, th { padding-right: 7px; }
  td .pill { font-size: 0.72rem; padding: 0 7px; }
  .ranking td:first-child, .ranking th:first-child { padding-left: 9px; width: 1.8em; }
}
@media print {
  body { background: #fff; }
  nav { display: none; }
  .card, details { break-inside: avoid; }
}
`;
