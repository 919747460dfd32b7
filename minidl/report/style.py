"""The style sheet of a report; its colors are the palette's."""

from minidl.display import palette

STYLE = (
    palette.css()
    + """\
* {box-sizing: border-box}
html {scroll-behavior: smooth; -webkit-text-size-adjust: 100%}
body {margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.55 system-ui, -apple-system, "Segoe UI",
  Roboto, "Noto Sans", "Liberation Sans", sans-serif}
main, header, footer {max-width: 1080px; margin: 0 auto; padding: 0 20px}
header {padding-top: 36px}
h1 {font-size: 26px; line-height: 1.25; margin: 0 0 2px; overflow-wrap: anywhere}
h2 {font-size: 19px; margin: 0 0 12px; line-height: 1.3}
p {margin: 0 0 12px; max-width: 72ch}
.quiet {color: var(--soft)}
a {color: var(--accent)}
.tiles {display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 20px 0 16px}
.tile {background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px}
.tile b {display: block; font-size: 24px; line-height: 1.25; font-weight: 650; font-variant-numeric: tabular-nums}
.tile span {color: var(--soft); font-size: 13px}
.tile.first b {color: var(--accent)}
nav ul {list-style: none; display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 0 0 20px; padding: 0}
section {background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 20px; margin: 0 0 20px;
  scroll-margin-top: 12px}
h3 {font-size: 15px; margin: 0 0 8px}
figure {margin: 0}
.scroll {overflow-x: auto; max-width: 100%}
.scroll > table {width: 100%}
.columns {display: flex; flex-wrap: wrap; gap: 24px 40px; align-items: flex-end}
.columns > * {min-width: 0}
.curves {display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 16px 24px}
.curves svg {width: 100%; max-width: 640px}
table {border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px}
th, td {padding: 4px 12px 4px 0; text-align: right; white-space: nowrap}
th.text, td.text {text-align: left}
thead th {color: var(--soft); font-weight: 600; border-bottom: 1px solid var(--line); vertical-align: bottom}
tbody td {border-bottom: 1px solid var(--line)}
tbody tr:last-child td {border-bottom: 0}
tfoot td {font-weight: 650; border-top: 1px solid var(--line)}
.scroll.settings > table {width: auto}
.settings td {white-space: normal; overflow-wrap: anywhere; text-align: left; vertical-align: top}
.settings td:first-child {color: var(--soft); white-space: nowrap; padding-right: 24px}
.bar {display: inline-block; vertical-align: middle; width: 56px; height: 6px; margin-left: 8px; border-radius: 3px;
  background: var(--line); overflow: hidden}
.bar i {display: block; height: 100%; background: var(--accent)}
.matrix.scroll > table {border-collapse: separate; border-spacing: 2px; font-size: 13px; width: auto}
.matrix th, .matrix td {border: 0; padding: 0}
.matrix thead th {height: 96px; text-align: center; padding-bottom: 4px; font-weight: 400}
.matrix thead th span {display: inline-block; writing-mode: vertical-rl; transform: rotate(180deg)}
.matrix th[scope=row] {padding-right: 8px; font-weight: 400; color: var(--soft); text-align: right; position: sticky;
  left: 0; background: var(--card)}
.matrix td {width: 46px; min-width: 46px; height: 34px; text-align: center; border-radius: 4px;
  background: color-mix(in srgb, var(--wrong) var(--share), var(--card))}
.matrix td.hit {background: color-mix(in srgb, var(--right) var(--share), var(--card)); font-weight: 650}
.matrix td.zero {background: var(--panel); color: transparent}
.matrix td.dark {color: var(--card)}
.matrix.many > table {border-spacing: 1px; font-size: 10px; line-height: 12px}
.matrix.many td {width: 12px; min-width: 12px; height: 12px; font-size: 0; border-radius: 2px}
.often ol {margin: 0; padding: 0; list-style: none}
.often li {display: flex; gap: 10px; align-items: center; margin-bottom: 8px; font-size: 14px; line-height: 1.35}
.often img {width: 36px; height: 36px; object-fit: contain; image-rendering: pixelated; background: var(--panel);
  border-radius: 4px}
.often small {color: var(--soft); font-size: 13px}
.square svg {width: 100%; max-width: 420px}
.mistakes {display: grid; grid-template-columns: repeat(auto-fill, minmax(140px, 1fr)); gap: 16px 14px; margin: 0;
  padding: 0; list-style: none}
.mistakes img {display: block; width: 100%; aspect-ratio: 1; object-fit: contain; image-rendering: pixelated;
  background: var(--panel); border-radius: 6px; margin-bottom: 6px}
.mistakes div {display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 6px; font-size: 12.5px;
  line-height: 1.35}
.mistakes div span {overflow-wrap: break-word; min-width: 0; max-width: 100%}
.mistakes div span:last-child {white-space: nowrap}
.mistakes .said {color: var(--wrong); font-weight: 600}
.mistakes .is {color: var(--right)}
svg {max-width: 100%; height: auto; display: block; overflow: visible}
svg text {font-family: inherit !important; fill: currentColor}
pre {overflow-x: auto; font: 13px/1.5 ui-monospace, "Cascadia Mono", Menlo, Consolas, "Liberation Mono", monospace;
  margin: 12px 0 0}
summary {cursor: pointer; margin-top: 14px; color: var(--accent)}
footer {color: var(--soft); font-size: 13px; padding-bottom: 32px}
@media (max-width: 600px) {
  main, header, footer {padding-left: 12px; padding-right: 12px}
  header {padding-top: 20px}
  section {padding: 16px 14px}
  h1 {font-size: 22px}
  .tiles {grid-template-columns: 1fr 1fr; gap: 8px}
  .tile {padding: 10px 12px}
  .tile b {font-size: 20px}
  .bar {display: none}
  th, td {padding-right: 8px}
  .mistakes {grid-template-columns: repeat(auto-fill, minmax(96px, 1fr)); gap: 12px}
}
@media print {
  :root {--paper: #fff; --ink: #000}
  body, table, .tile span {font-size: 11px}
  header {padding-top: 0}
  section {border: 0; padding: 0}
  .curves {grid-template-columns: 1fr 1fr}
  .tiles {grid-template-columns: repeat(3, 1fr)}
  h2, tr, figure, .mistakes li {break-inside: avoid}
  h2 {break-after: avoid}
  nav, summary {display: none}
  * {-webkit-print-color-adjust: exact; print-color-adjust: exact}
}
"""
)
