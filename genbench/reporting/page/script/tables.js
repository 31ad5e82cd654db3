"use strict";
// What a table can do: sort, filter, hide columns, tell a number's details, be copied.

{
  // Sorting

  const sizeOf = (text) => {
    const value = Number(text.trim() || NaN);
    return Number.isNaN(value) ? -Infinity : value;
  };

  Tablesort.extend("number", () => false, (a, b) => Math.sign(sizeOf(b) - sizeOf(a)) || 0);

  /** Rows without a number in the sorted column go last, whichever way it is sorted. */
  const absentLast = (table, first) => {
    const head = heads(table).find((cell) => cell.hasAttribute("aria-sort"));
    if (!head || !isNumeric(head)) return;
    const isAbsent = (row) => !row.cells[head.cellIndex]?.hasAttribute("data-sort");
    for (const body of table.tBodies)
      body.append(...first.filter((row) => row.parentElement === body && isAbsent(row)));
  };

  const makeSortable = (table) => {
    const first = rows(table);
    new Tablesort(table);
    table.addEventListener("afterSort", () => absentLast(table, first));
    table.tHead.addEventListener("keydown", (event) => {
      if (event.key !== " " || event.target.tagName !== "TH") return;
      event.preventDefault();
      event.target.click();
    });
  };

  // Filter and columns

  const nameOf = (row) => (row.dataset.model ?? row.cells[0].textContent).trim().toLowerCase();

  const filterRows = (table, text) => {
    const words = text.toLowerCase().split(/[\s,]+/).filter(Boolean);
    for (const row of rows(table))
      row.hidden = words.length > 0 && !words.some((word) => nameOf(row).includes(word));
  };

  const filterBox = (table) => {
    const box = element("input", { type: "search", placeholder: "Filter", ariaLabel: "Filter rows" });
    box.addEventListener("input", () => filterRows(table, box.value));
    return box;
  };

  const showColumn = (table, index, shown) => {
    for (const row of table.rows) if (row.cells[index]) row.cells[index].hidden = !shown;
  };

  const isName = (table, index) => rows(table)[0]?.cells[index]?.tagName === "TH";

  /** The columns that may be hidden, and those that were; not what a narrow window leaves out. */
  const choices = (table) =>
    heads(table)
      .filter((head) => !isName(table, head.cellIndex) && (isShown(head) || head.hidden))
      .map((head) =>
        checkbox(titleOf(head), !head.hidden, (on) => showColumn(table, head.cellIndex, on)),
      );

  const columnsMenu = (table) => {
    const [opener, popover] = menu("Columns");
    popover.addEventListener("beforetoggle", (event) => {
      if (event.newState === "open") popover.replaceChildren(...choices(table));
    });
    return [opener, popover];
  };

  // Hints: what hovering shows, for fingers and keys

  const hint = document.body.appendChild(
    element("div", { popover: "manual", className: "hint", role: "tooltip", id: "hint" }),
  );

  const showHint = (cell) => {
    const text = [cell, ...cell.querySelectorAll("[title]")].map((part) => part.title);
    hint.textContent = [...new Set(text.filter(Boolean))].join("\n");
    if (!hint.textContent) return;
    hint.showPopover();
    place(hint, cell);
    cell.setAttribute("aria-describedby", hint.id);
  };

  const hideHint = () => hint.hidePopover();

  const neighbour = (cell, key) => {
    const row = cell.parentElement;
    const index = cell.cellIndex;
    return {
      ArrowLeft: () => row.cells[index - 1],
      ArrowRight: () => row.cells[index + 1],
      ArrowUp: () => row.previousElementSibling?.cells[index],
      ArrowDown: () => row.nextElementSibling?.cells[index],
    }[key]?.();
  };

  const moveFocus = (event) => {
    if (event.key === "Escape") hideHint();
    const next = event.target.tagName === "TD" && neighbour(event.target, event.key);
    if (!next) return;
    event.preventDefault();
    next.tabIndex = -1;
    next.focus();
  };

  /** One cell takes part in the order of Tab; arrows lead to the others. */
  const makeExplorable = (table) => {
    const cells = rows(table).flatMap((row) => [...row.cells]);
    const told = cells.filter((cell) => cell.title || cell.querySelector("[title]"));
    told.forEach((cell, i) => (cell.tabIndex = i ? -1 : 0));
    for (const body of table.tBodies) {
      body.addEventListener("focusin", (event) => showHint(event.target.closest("td, th")));
      body.addEventListener("focusout", hideHint);
      body.addEventListener("keydown", moveFocus);
    }
  };

  const copyMenu = (table) => {
    const formats = { CSV: asCsv, Markdown: asMarkdown, LaTeX: asLatex };
    const buttons = Object.entries(formats).map(([name, write]) =>
      button(name, (event) => {
        event.target.closest("[popover]").hidePopover();
        copy(write(contentOf(table)), `Table as ${name}`);
      }),
    );
    return menu("Copy", ...buttons);
  };

  const addTools = (box) => {
    const table = box.querySelector("table");
    const tools = box.querySelector(".tools");
    if (!table?.tHead || !tools) return;
    makeSortable(table);
    makeExplorable(table);
    if (rows(table).length > 3) tools.append(filterBox(table));
    tools.append(...columnsMenu(table), ...copyMenu(table), linkTo(box.id, box.dataset.title));
  };

  document.querySelectorAll(".table-box").forEach(addTools);
}
