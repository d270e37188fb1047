"use strict";
// What the page can do beyond being read: operating points to try, tables to sort and filter. Without it nothing is missing.
(() => {
  const share = (part, whole) => (whole > 0 ? part / whole : NaN);
  const shown = (value) => (Number.isNaN(value) ? "–" : value.toFixed(3));

  // Scores of one model: how many images of a class are called PNEUMONIA at a threshold.
  const called = (scores, threshold) => scores.filter((score) => score >= threshold).length;

  function figures(model, threshold, prevalence) {
    const tp = called(model.ill, threshold), fp = called(model.well, threshold);
    const fn = model.ill.length - tp, tn = model.well.length - fp;
    const sensitivity = share(tp, tp + fn), specificity = share(tn, tn + fp);
    const found = sensitivity * prevalence, alarms = (1 - specificity) * (1 - prevalence);
    const cleared = specificity * (1 - prevalence), missed = (1 - sensitivity) * prevalence;
    return { tp, fn, fp, tn, sensitivity, specificity, ppv: share(found, found + alarms), npv: share(cleared, cleared + missed) };
  }

  // The scores of a class are stored as steps from one to the next, in ten-thousandths.
  function summed(steps) {
    let at = 0;
    return steps.map((step) => (at += step) / 10000);
  }

  function explorer(panel) {
    const models = JSON.parse(panel.dataset.models);
    for (const each of Object.values(models)) for (const kind of ["ill", "well"]) each[kind] = summed(each[kind]);
    const control = (name) => panel.querySelector(`[data-control="${name}"]`);
    const [model, threshold, prevalence] = ["model", "threshold", "prevalence"].map(control);
    const svg = panel.querySelector("svg"), line = svg.querySelector("polyline"), dot = svg.querySelector("circle");
    const size = svg.viewBox.baseVal.width;
    let curve = [];

    function drawn() {
      const chosen = models[model.value];
      const steps = [Infinity, ...new Set([...chosen.ill, ...chosen.well].sort((a, b) => b - a))];
      curve = steps.map((at) => {
        const found = figures(chosen, at, 0.5);
        return { at, x: (1 - found.specificity) * size, y: (1 - found.sensitivity) * size, ...found };
      });
      line.setAttribute("points", curve.map((point) => `${point.x.toFixed(1)},${point.y.toFixed(1)}`).join(" "));
    }

    function update() {
      const at = Number(threshold.value), prior = Number(prevalence.value);
      const found = figures(models[model.value], at, prior);
      for (const output of panel.querySelectorAll("[data-figure]")) {
        const value = found[output.dataset.figure];
        output.textContent = Number.isInteger(value) && output.dataset.count !== undefined ? String(value) : shown(value);
      }
      panel.querySelector('[data-shows="threshold"]').textContent = at.toFixed(3);
      panel.querySelector('[data-shows="prevalence"]').textContent = prior.toFixed(2);
      dot.setAttribute("cx", (1 - found.specificity) * size);
      dot.setAttribute("cy", (1 - found.sensitivity) * size);
    }

    model.addEventListener("change", () => { threshold.value = models[model.value].threshold; drawn(); update(); });
    for (const slider of [threshold, prevalence]) slider.addEventListener("input", update);
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * size, y = ((event.clientY - box.top) / box.height) * size;
      const near = curve.reduce((a, b) => ((b.x - x) ** 2 + (b.y - y) ** 2 < (a.x - x) ** 2 + (a.y - y) ** 2 ? b : a));
      panel.querySelector('[data-shows="hover"]').textContent =
        `At ${Number.isFinite(near.at) ? near.at.toFixed(3) : "a threshold above every score"}: ` +
        `sensitivity ${shown(near.sensitivity)}, specificity ${shown(near.specificity)}`;
    });
    for (const element of panel.querySelectorAll("[data-scripted]")) element.hidden = !element.hidden;
    drawn();
    update();
  }

  // "0.950 (0.931–0.967)", "1,341" and "−0.02" sort by their first number, other cells as words, dashes last.
  function key(cell) {
    const text = cell.textContent.trim().replace(/(\d),(?=\d{3})/g, "$1").replace("−", "-");
    const number = parseFloat(text);
    return Number.isNaN(number) ? text : number;
  }

  function compared(a, b) {
    if (typeof a === typeof b) return typeof a === "number" ? a - b : a.localeCompare(b);
    return typeof a === "number" ? -1 : 1;
  }

  function sortable(table) {
    const body = table.tBodies[0];
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...body.rows].sort((a, b) => compared(key(a.cells[column]), key(b.cells[column])));
        body.append(...(down ? rows.reverse() : rows));
      });
    });
  }

  function filterable(table) {
    const field = document.createElement("input");
    field.type = "search";
    const label = document.createElement("label");
    label.className = "filter";
    label.append("Show rows with ", field);
    table.parentElement.before(label);
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/);
      for (const row of table.tBodies[0].rows) {
        row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
      }
    });
  }

  // A link within the page says on hover what it leads to: a reference, a caption, a title.
  const LONGEST = 240; // letters

  function previewed(link) {
    const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    const said = target?.matches(".csl-entry") ? target : target?.querySelector("figcaption, caption, h2, h3, h4");
    if (said) link.title = said.textContent.trim().replace(/\s+/g, " ").slice(0, LONGEST);
  }

  for (const link of document.querySelectorAll("main a[href^='#']")) previewed(link);
  document.querySelectorAll(".explorer").forEach(explorer);
  for (const table of document.querySelectorAll("main .table-scroll table")) {
    if (!table.tHead || !table.tBodies.length) continue;
    const rows = table.tBodies[0].rows.length;
    if (rows > 3) sortable(table);
    if (rows > 12) filterable(table);
  }
})();
