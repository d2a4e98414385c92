// Draws the charts, sorts tables, switches households and themes, writes CSV files. Reads only what the page holds.
(() => {
  "use strict";
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const answers = read("answers");
  const config = read("chart-config");
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Charts: an answer's rows become a named data set of every chart that names it.
  const records = ({ columns, rows }) => rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]])));
  const datasets = Object.fromEntries(Object.entries(answers).map(([name, answer]) => [name, records(answer)]));
  const options = { renderer: "svg", actions: false, ast: true, config, defaultStyle: false, logLevel: 1 }; // 1: errors only
  all(".specification").forEach((script) => {
    const place = script.previousElementSibling;
    window
      .vegaEmbed(place, { ...JSON.parse(script.textContent), datasets }, options)
      .then(() => {
        place.querySelector("svg").setAttribute("aria-hidden", "true"); // the place itself is an image with a description
        place.classList.add("drawn");
      })
      .catch((fault) => {
        place.textContent = `This chart could not be drawn: ${fault.message}`;
        console.error(fault);
      });
  });

  // Tables: a click or a key press on a header sorts by it, again the other way round; empty cells stay last.
  const sort = (table, place, direction) => {
    const body = table.tBodies[0];
    const value = (row) => row.cells[place].dataset.order;
    const filled = [...body.rows].map(value).filter((text) => text !== "");
    const isNumber = filled.every((text) => Number.isFinite(Number(text)));
    const compare = isNumber ? (a, b) => Number(a) - Number(b) : (a, b) => a.localeCompare(b, "en", { numeric: true });
    const order = (a, b) => (value(a) === "") - (value(b) === "") || direction * compare(value(a), value(b));
    body.append(...[...body.rows].sort(order));
  };
  all("table[data-grid] th button").forEach((button) => {
    button.addEventListener("click", () => {
      const header = button.parentElement;
      const table = header.closest("table");
      const isAscending = header.getAttribute("aria-sort") !== "ascending";
      all("th[aria-sort]", table).forEach((other) => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", isAscending ? "ascending" : "descending");
      sort(table, header.cellIndex, isAscending ? 1 : -1);
    });
  });

  // Households: one is shown at a time.
  all("button[data-household]").forEach((button) => {
    button.addEventListener("click", () => {
      const picker = button.closest(".picker");
      all("button[data-household]", picker).forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
      all(".household", picker).forEach((one) => (one.hidden = one.dataset.household !== button.dataset.household));
    });
  });

  // CSV: text that a spreadsheet would take for a formula gets an apostrophe before it.
  const cell = (value) => {
    if (value === null) return "";
    const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const csv = ({ columns, rows }) => [columns, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
  all("button[data-csv]").forEach((button) => {
    button.addEventListener("click", () => {
      const address = URL.createObjectURL(new Blob([csv(answers[button.dataset.csv])], { type: "text/csv" }));
      const link = Object.assign(document.createElement("a"), { href: address, download: `${button.dataset.csv}.csv` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(address), 1000);
    });
  });

  // Theme: the system's, until the switch says otherwise.
  const theme = document.getElementById("theme");
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const label = () => theme.setAttribute("aria-pressed", String(isDark()));
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    label();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
  label();

  // Contents: the section in view is marked.
  const links = Object.fromEntries(all("nav a").map((link) => [link.getAttribute("href").slice(1), link]));
  const seen = new IntersectionObserver(
    (entries) =>
      entries
        .filter((entry) => entry.isIntersecting)
        .forEach((entry) => {
          Object.values(links).forEach((link) => link.removeAttribute("aria-current"));
          links[entry.target.id].setAttribute("aria-current", "true");
        }),
    { rootMargin: "-15% 0px -75% 0px" },
  );
  all("main section").forEach((section) => seen.observe(section));
})();
