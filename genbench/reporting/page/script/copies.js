"use strict";
// A table as text: CSV, Markdown, LaTeX.

const TEX = {
  "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}",
  "<": "\\textless{}", ">": "\\textgreater{}", "|": "\\textbar{}", '"': "\\textquotedbl{}",
  "±": "\\ensuremath{\\pm}", "↑": "\\ensuremath{\\uparrow}", "↓": "\\ensuremath{\\downarrow}",
  "≤": "\\ensuremath{\\leq}", "≥": "\\ensuremath{\\geq}", "≈": "\\ensuremath{\\approx}",
  "−": "\\ensuremath{-}", "–": "--", "—": "---", "·": "\\ensuremath{\\cdot}", "\u202f": "\\,",
  "†": "\\ensuremath{\\dagger}", "‡": "\\ensuremath{\\ddagger}", "→": "\\ensuremath{\\to}",
  "∞": "\\ensuremath{\\infty}", "²": "\\ensuremath{^2}", "³": "\\ensuremath{^3}",
  "‖": "\\ensuremath{\\|}", "λ": "\\ensuremath{\\lambda}", "β": "\\ensuremath{\\beta}",
};
for (const mark of "&%$#_{}") TEX[mark] = `\\${mark}`;

const isNumeric = (head) => head.dataset.sortMethod === "number";
const heads = (table) => [...table.tHead.rows[table.tHead.rows.length - 1].cells];
const rows = (table) => [...table.tBodies].flatMap((body) => [...body.rows]);
const isShown = (part) => part.getClientRects().length > 0;

/** The text of a cell as it is shown, without references to footnotes. */
const textOf = (cell) => {
  const table = cell.closest("table");
  table.classList.add("as-text");
  const text = cell.innerText;
  table.classList.remove("as-text");
  return text.replace(/[ \t\r\n]+/g, " ").trim();
};

/** What a column is called: a head of no words may have hidden ones. */
const titleOf = (head) => head.querySelector(".visually-hidden")?.textContent || textOf(head);

/** Whether a column shows pictures, which no text can hold. */
const isPictures = (table, index) =>
  rows(table).some((row) => row.cells[index]?.querySelector("img, svg"));

/** What is shown of a table: texts by row, and which columns hold numbers. */
const contentOf = (table) => {
  const shown = heads(table).filter((head) => isShown(head) && !isPictures(table, head.cellIndex));
  const lines = [heads(table)[0].parentElement, ...rows(table)].filter(isShown);
  const texts = lines.map((row) => shown.map((head) => textOf(row.cells[head.cellIndex])));
  return { texts, numeric: shown.map(isNumeric) };
};

const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const plain = (text) => text.replaceAll("−", "-").replaceAll("\u202f", "");

/** A text that a spreadsheet would take for a formula begins with an apostrophe. */
const harmless = (text) =>
  (/^[=+\-@＝＋－＠]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text);

const asCsv = ({ texts, numeric }) => {
  const cells = (row) => row.map((text, i) => quoted(numeric[i] ? plain(text) : harmless(plain(text))));
  return texts.map((row) => cells(row).join(",") + "\n").join("");
};

const md = (text) => plain(text).replace(/[\\`*_{}[\]<>#|~$]|&(?=[#\w])/g, "\\$&");
const piped = (cells) => `| ${cells.join(" | ")} |\n`;

const asMarkdown = ({ texts, numeric }) => {
  const [head, ...body] = texts.map((row) => piped(row.map(md)));
  return [head, piped(numeric.map((is) => (is ? "---:" : "---"))), ...body].join("");
};

const tex = (text) =>
  [...text.replace(/(^|[\s(≥≤≈])-(?=\d)/g, "$1−")].map((letter) => TEX[letter] ?? letter).join("");
const joined = (cells) => `${cells.map(tex).join(" & ")} \\\\`.replace(/^(?=[[*])/, "{}");

const asLatex = ({ texts, numeric }) => {
  const [head, ...body] = texts.map(joined);
  const columns = numeric.map((is) => (is ? "r" : "l")).join("");
  return [
    `\\begin{tabular}{${columns}}`, "\\toprule", head, "\\midrule", ...body, "\\bottomrule",
    "\\end{tabular}", "",
  ].join("\n");
};
