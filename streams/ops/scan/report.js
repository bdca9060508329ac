"use strict";
// Tables can be sorted and filtered; without this script they are as they were written.
const value = (row, at) => {
  const cell = row.cells[at];
  return cell.dataset.v ?? cell.textContent.trim();
};
const compare = (one, other) => {
  if (one === "" || other === "") return (one === "") - (other === "");  // what is not known comes last
  const numbers = [Number(one), Number(other)];
  return numbers.some(Number.isNaN) ? one.localeCompare(other) : numbers[0] - numbers[1];
};
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  for (const head of table.tHead.rows[0].cells) {
    if (!head.textContent.trim() || head.hasAttribute("data-plain")) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const first = head.classList.contains("num") ? "descending" : "ascending";
      const next = before ? (before === "ascending" ? "descending" : "ascending") : first;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", next);
      const sign = next === "ascending" ? 1 : -1;
      const rows = [...body.rows].map((row) => [value(row, head.cellIndex), row]);
      rows.sort(([one], [other]) => (one === "" || other === "" ? 1 : sign) * compare(one, other));
      body.append(...rows.map(([, row]) => row));
    });
  }
}
for (const input of document.querySelectorAll("input[data-table]")) {
  const table = document.getElementById(input.dataset.table);
  const shown = document.getElementById(`${input.dataset.table}-shown`);
  const all = shown.textContent;
  const filter = () => {
    const words = input.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLocaleLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      count += !row.hidden;
    }
    shown.textContent = words.length ? `${count} of ${table.tBodies[0].rows.length} rows shown` : all;
  };
  input.closest("label").hidden = false;
  input.addEventListener("input", filter);
  for (const link of document.querySelectorAll(`a[data-filter="${input.dataset.table}"]`)) {
    link.addEventListener("click", () => {
      input.value = link.textContent;
      filter();
    });
  }
}
