
(function () {
  "use strict";
  var number = /^[\d\u202f]+$/;
  function text(row, column) { return row.cells[column].textContent.trim(); }
  function compare(a, b) {
    if (number.test(a) && number.test(b)) { return Number(a.replace(/\u202f/g, "")) - Number(b.replace(/\u202f/g, "")); }
    return a < b ? -1 : a > b ? 1 : 0;
  }
  function sort(table, column, header) {
    var up = header.getAttribute("aria-sort") !== "ascending";
    var body = table.tBodies[0];
    var rows = Array.prototype.map.call(body.rows, function (row) { return [text(row, column), row]; });
    rows.sort(function (a, b) { return (a[0] === "") - (b[0] === "") || compare(a[0], b[0]) * (up ? 1 : -1); });
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (cell) { cell.removeAttribute("aria-sort"); });
    header.setAttribute("aria-sort", up ? "ascending" : "descending");
    rows.forEach(function (row) { body.appendChild(row[1]); });
  }
  function filter(table, wanted) {
    wanted = wanted.toLowerCase();
    Array.prototype.forEach.call(table.tBodies[0].rows, function (row) {
      row.hidden = wanted !== "" && row.textContent.toLowerCase().indexOf(wanted) < 0;
    });
  }
  document.querySelectorAll("table.rows").forEach(function (table) {
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (header, column) {
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = header.textContent;
      button.title = "Sort by this column";
      header.textContent = "";
      header.appendChild(button);
      button.addEventListener("click", function () { sort(table, column, header); });
    });
    if (table.tBodies[0].rows.length < 8) { return; }
    var box = document.createElement("input");
    box.type = "search";
    box.placeholder = "Filter rows";
    box.setAttribute("aria-label", "Filter rows: " + table.caption.textContent.trim());
    box.addEventListener("input", function () { filter(table, box.value); });
    table.caption.appendChild(box);
  });
})();
