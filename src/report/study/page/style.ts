/** What the page of a study needs beyond the style sheet of `compare`. */
export const STUDY_STYLE = `
.many { display: grid; gap: 18px 10px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 150px), 1fr)); align-items: start; }
.panel { min-width: 0; }
.panel-title { font-size: 0.9rem; font-weight: 600; line-height: 1.3; margin-bottom: 6px; overflow-wrap: anywhere; }
.many .panel-title { font-size: 0.8rem; margin-bottom: 2px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.table-title { margin-bottom: 10px; }
.table-title b { display: block; font-size: 1.05rem; line-height: 1.3; font-weight: 600; }
.table-title span { color: var(--muted); font-size: 0.875rem; line-height: 1.45; }
.line { white-space: nowrap; }
.fitted .tall { max-height: none; }
.fitted .tall table { width: 100%; }
.fitted th.right { white-space: normal; overflow-wrap: normal; }
.fitted th:first-child, .fitted td:first-child { position: sticky; left: 0; background: var(--surface); min-width: 8em; }
.data-table { margin-bottom: 14px; }
b.strong { color: var(--good); }
.tall th { position: sticky; top: 0; background: var(--surface); }
.tall td.right, .tall th.right { text-align: right; }
.three > .panel > .plot { width: 100%; }
.description { color: var(--muted); max-width: 52em; margin-top: 10px; overflow-wrap: anywhere; }
.plain { padding: 0; list-style: none; display: grid; gap: 4px; }
.line { display: block; }
small.inline { display: inline; color: var(--muted); font-size: inherit; }
td.on { color: var(--good); font-weight: 600; }

.files { margin-top: 12px; font-size: 0.85rem; color: var(--muted); display: flex; flex-wrap: wrap; gap: 4px 10px; }
details.data { border: 0; background: none; margin-top: 2px; border-radius: 0; }
details.data > summary { padding: 4px 0; font-weight: 400; font-size: 0.85rem; color: var(--accent); }
details.data > summary span { font-size: inherit; }
.tall { max-height: 420px; overflow: auto; margin-top: 6px; }
.tall table { font-size: 0.8rem; min-width: 0; width: max-content; }
.tall td, .tall th { padding: 4px 14px 4px 0; }
.tall th:first-child { min-width: 0; }
.tall td { max-width: 20em; }

.plot[tabindex] { cursor: crosshair; touch-action: manipulation; }
.plot:focus { outline: none; }
.plot:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; border-radius: 4px; }
[data-shown] { stroke: var(--ink); stroke-width: 2px; }
.tip { position: fixed; z-index: 2; max-width: min(320px, calc(100vw - 16px)); padding: 7px 11px; border-radius: 8px; background: var(--ink); color: var(--bg); font-size: 0.82rem; line-height: 1.4; white-space: pre-line; overflow-wrap: anywhere; pointer-events: none; }
.tip::first-line { font-weight: 600; }

.claims { table-layout: fixed; }
.claims th:nth-child(1) { width: 34%; }
.claims th:nth-child(2), .claims th:nth-child(4) { width: 13%; }
.claims tbody + tbody .topic th { padding-top: 22px; }
.claims .topic th { color: var(--ink); font-weight: 600; font-size: 0.9rem; width: auto; }
.claims td a { white-space: nowrap; }
.verdict { display: inline-block; border-radius: 999px; padding: 1px 10px; font-size: 0.82rem; font-weight: 600; white-space: nowrap; border: 1px solid transparent; }
.verdict.yes { background: var(--good); color: var(--surface); }
.verdict.no { background: var(--bad); color: var(--surface); }
.verdict.open { background: none; border-color: var(--line); color: var(--muted); }
.tally { display: flex; flex-wrap: wrap; gap: 8px 18px; padding: 0; list-style: none; margin-top: 6px; }
.rule, .rule > summary { background: none; border: 0; padding: 0; }
.rule { margin-top: 4px; font-size: 0.82rem; }
.rule > summary { font-weight: 400; color: var(--accent); width: max-content; }
.rule p { color: var(--muted); margin-top: 2px; }

@media (max-width: 640px) {
  .claims thead { display: none; }
  .claims, .claims tbody, .claims tr, .claims td, .claims .topic th { display: block; width: 100%; }
  .claims td { border: 0; padding: 2px 0; }
  .claims td::before { content: attr(data-name) ": "; color: var(--muted); font-size: 0.8rem; }
  .claims td:first-child { padding-top: 12px; font-weight: 600; }
  .claims td:first-child::before, .claims td:last-child::before { content: none; }
  .claims td:last-child { padding-bottom: 12px; border-bottom: 1px solid var(--line); }
  .claims td:first-child .rule { font-weight: 400; }
  .claims tbody + tbody .topic th { padding-top: 24px; }
  .many { grid-template-columns: repeat(2, minmax(0, 1fr)); }
}
@media print { .files, details.data { display: none; } }
`;
