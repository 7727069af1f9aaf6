"use strict";
// Sorts, filters and finds in a table of students. Without it, the table is whole and in the order of their names.
for (const area of document.querySelectorAll("[data-table]")) {
  const form = area.querySelector("form"), body = area.querySelector("tbody"), said = form.querySelector("output");
  const find = form.elements.find, pick = form.elements.pick;
  const rows = [...body.rows];
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const names = rows.map((row) => plain(row.cells[0].textContent));
  const show = () => {
    const wanted = plain(find.value.trim()), need = pick ? pick.value : "";
    let left = 0;
    rows.forEach((row, place) => {
      const has = names[place].includes(wanted) && (!need || row.dataset.needs.split(" ").includes(need));
      row.hidden = !has;
      left += has;
    });
    said.textContent = left === rows.length ? "" : `${left} of ${rows.length} shown`;
  };
  const value = (row, column) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
  const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const sort = (head, column) => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    area.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const empty = (text) => text === "";
    const keyed = rows.map((row) => [value(row, column), row]);
    keyed.sort(([a], [b]) => empty(a) - empty(b) || (up ? 1 : -1) * order.compare(a, b));
    body.append(...keyed.map(([, row]) => row));
  };
  [...area.querySelector("thead tr").cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(head, column));
    head.append(button);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", show);
  form.hidden = false;
  show();
}
