"use strict";
// What the page can do beyond being read: search, previews, larger figures, operating points to try, tables to sort and filter.
// Without it nothing is missing.
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

  // The share of pairs of a pneumonia and a normal image in which the former scores higher; a tie counts half.
  function auc(ill, well) {
    const wins = ill.map((high) => well.reduce((sum, low) => sum + (high > low ? 1 : high === low ? 0.5 : 0), 0));
    return share(wins.reduce((a, b) => a + b, 0), ill.length * well.length);
  }

  // What the network sees and which widths count; an image is stored as width, label and a score a view.
  function regions(panel) {
    const images = JSON.parse(panel.dataset.images), limits = JSON.parse(panel.dataset.limits);
    const say = (name, value) => { panel.querySelector(`[data-shows="${name}"]`).textContent = String(value); };
    const [from, to] = ["from", "to"].map((name) => panel.querySelector(`[data-control="${name}"]`));

    function update() {
      const low = Number(from.value), high = Number(to.value);
      const part = images.filter(([width]) => low <= width && width <= high);
      const ill = part.filter((each) => each[1] === 1), well = part.filter((each) => each[1] === 0);
      for (const [name, value] of Object.entries({ from: low, to: high, ill: ill.length, well: well.length })) say(name, value);
      for (const cell of panel.querySelectorAll("[data-figure]")) {
        const view = Number(cell.dataset.view), of = (each) => each[2 + view];
        const cleared = well.filter((each) => of(each) < limits[view]).length;
        cell.textContent = shown(cell.dataset.figure === "auc" ? auc(ill.map(of), well.map(of)) : share(cleared, well.length));
      }
      const seen = panel.querySelector("input:checked").value;
      for (const each of panel.querySelectorAll(".examples [data-view]")) each.hidden = each.dataset.view !== seen;
      for (const each of panel.querySelectorAll(".examples figure")) {
        each.classList.toggle("outside", Number(each.dataset.width) < low || Number(each.dataset.width) > high);
      }
    }

    panel.addEventListener("input", update);
    for (const element of panel.querySelectorAll("[data-scripted]")) element.hidden = !element.hidden;
    update();
  }

  // Scores are stored as steps from one to the next in ten-thousandths, limits of intervals in thousandths.
  function summed(steps, unit) {
    let at = 0;
    return steps.map((step) => (at += step) / unit);
  }

  function explorer(panel) {
    const models = JSON.parse(panel.dataset.models);
    for (const each of Object.values(models)) {
      for (const kind of ["ill", "well"]) each[kind] = summed(each[kind], 10000);
      for (const [name, ends] of Object.entries(each.limits)) each.limits[name] = ends.map((steps) => summed(steps, 1000));
    }
    const control = (name) => panel.querySelector(`[data-control="${name}"]`);
    const [model, threshold, prevalence] = ["model", "threshold", "prevalence"].map(control);
    const svg = panel.querySelector("svg"), line = svg.querySelector("polyline"), dot = svg.querySelector("circle"), cross = svg.querySelector(".cross");
    const view = svg.viewBox.baseVal, size = svg.querySelector("rect").width.baseVal.value;
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
      const found = figures(models[model.value], at, prior), limits = models[model.value].limits;
      for (const output of panel.querySelectorAll("[data-figure]")) {
        const value = found[output.dataset.figure];
        output.textContent = Number.isInteger(value) && output.dataset.count !== undefined ? String(value) : shown(value);
      }
      panel.querySelector('[data-shows="threshold"]').textContent = at.toFixed(3);
      panel.querySelector('[data-shows="prevalence"]').textContent = prior.toFixed(2);
      const [across, up] = [["specificity", found.tn], ["sensitivity", found.tp]].map(([name, right]) => {
        const ends = limits[name].map((all) => all[right]);
        panel.querySelector(`[data-limits="${name}"]`).textContent = `(${ends.map(shown).join("–")})`;
        return ends.map((share) => (1 - share) * size);
      });
      const x = (1 - found.specificity) * size, y = (1 - found.sensitivity) * size;
      dot.setAttribute("cx", x);
      dot.setAttribute("cy", y);
      cross.setAttribute("d", `M${across[0]} ${y} H${across[1]} M${x} ${up[0]} V${up[1]}`);
    }

    model.addEventListener("change", () => { threshold.value = models[model.value].threshold; drawn(); update(); });
    for (const slider of [threshold, prevalence]) slider.addEventListener("input", update);
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * view.width + view.x;
      const y = ((event.clientY - box.top) / box.height) * view.height + view.y;
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

  function made(tag, properties = {}, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  // A link within the page shows, on hover and on focus, what it leads to: a reference, a caption with its figure, a title.
  const LONGEST = 400; // letters

  function previews(links) {
    const card = made("div", { className: "preview", id: "preview", hidden: true });
    card.setAttribute("role", "tooltip");
    document.body.append(card);
    const hide = () => { card.hidden = true; };
    const show = (link) => {
      const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
      const said = target?.matches(".csl-entry") ? target : target?.querySelector("figcaption, caption, h2, h3, h4");
      if (!said) return;
      const picture = target.matches("figure") ? [target.querySelector("img").cloneNode()] : [];
      card.replaceChildren(...picture, said.textContent.trim().replace(/\s+/g, " ").slice(0, LONGEST));
      card.hidden = false;
      link.setAttribute("aria-describedby", "preview");
      const box = link.getBoundingClientRect(), below = box.bottom + card.offsetHeight + 12 < innerHeight;
      card.style.left = `${Math.max(8, Math.min(box.left, innerWidth - card.offsetWidth - 8))}px`;
      card.style.top = `${below ? box.bottom + 6 : Math.max(8, box.top - card.offsetHeight - 6)}px`;
    };
    for (const link of links) {
      for (const begin of ["mouseenter", "focus"]) link.addEventListener(begin, () => show(link));
      for (const end of ["mouseleave", "blur", "click"]) link.addEventListener(end, hide);
    }
    document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
    for (const move of ["wheel", "touchmove"]) document.addEventListener(move, hide, { passive: true }); // focus scrolls, too
  }

  // The contents mark the section that is being read.
  function marked(contents) {
    const links = [...contents.querySelectorAll("a")].map((link) => [document.getElementById(link.hash.slice(1)), link]);
    const places = links.filter(([section]) => section);
    let waiting = false;
    const mark = () => {
      waiting = false;
      const passed = places.filter(([section]) => section.getBoundingClientRect().top < innerHeight / 4);
      const end = innerHeight + scrollY >= document.documentElement.scrollHeight - 2; // a short last section never gets to the top
      const [, here] = (end ? places : passed).at(-1) ?? places[0];
      if (here.hasAttribute("aria-current")) return;
      for (const [, link] of places) link.removeAttribute("aria-current");
      here.setAttribute("aria-current", "location");
      const nav = contents.closest("nav"), inside = nav.scrollHeight > nav.clientHeight;
      if (inside) nav.scrollTop = here.offsetTop - nav.clientHeight / 2;
    };
    addEventListener("scroll", () => { if (!waiting) { waiting = true; requestAnimationFrame(mark); } }, { passive: true });
    if (places.length) mark();
  }

  // A field finds words in headings, captions, paragraphs and tables.
  const MOST = 40; // places that are listed

  function searched(nav) {
    const texts = [...document.querySelectorAll("main :is(h2, h3, h4, p, li, figcaption, caption, td):not(.origin *)")];
    const places = texts.map((element) => [element, element.textContent.replace(/\s+/g, " ").trim()]);
    const field = made("input", { type: "search", placeholder: "Search (press /)" });
    const list = made("ul", { hidden: true }), status = made("p", { className: "status" });
    field.setAttribute("aria-label", "Search headings, captions and text");
    status.setAttribute("role", "status");
    const heading = (element) => element.closest("section")?.querySelector("h2, h3, h4")?.textContent.trim() ?? "";
    const entry = ([element, text], word) => {
      const at = text.toLowerCase().indexOf(word), from = Math.max(0, at - 50);
      const found = made("mark", {}, text.slice(at, at + word.length));
      const link = made("a", { href: "#text" }, `${heading(element)}: ${from ? "…" : ""}${text.slice(from, at)}`, found, text.slice(at + word.length, at + 90));
      link.addEventListener("click", (event) => {
        event.preventDefault();
        element.setAttribute("tabindex", "-1");
        element.scrollIntoView({ block: "center" });
        element.focus({ preventScroll: true });
      });
      return made("li", {}, link);
    };
    field.addEventListener("input", () => {
      const word = field.value.trim().toLowerCase().replace(/\s+/g, " ");
      const found = word.length < 2 ? [] : places.filter(([, text]) => text.toLowerCase().includes(word));
      list.replaceChildren(...found.slice(0, MOST).map((place) => entry(place, word)));
      list.hidden = !found.length;
      const rest = found.length > MOST ? `, the first ${MOST} are listed` : "";
      status.textContent = word.length < 2 ? "" : `${found.length || "No"} place${found.length === 1 ? "" : "s"}${rest}`;
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "/" && !event.target.closest("input, select, textarea")) { event.preventDefault(); field.focus(); }
    });
    nav.prepend(made("search", {}, field, status, list));
  }

  // A figure can be enlarged and kept as SVG.
  function enlarged(figures) {
    const dialog = made("dialog", { className: "zoom" });
    dialog.addEventListener("click", () => dialog.close());
    document.body.append(dialog);
    for (const figure of figures) {
      const picture = figure.querySelector("img"), name = figure.id.replace(":", "-");
      const open = () => {
        dialog.replaceChildren(picture.cloneNode(), made("button", { type: "button", textContent: "Close" }));
        dialog.setAttribute("aria-label", picture.alt);
        dialog.showModal();
      };
      picture.addEventListener("click", open);
      const larger = made("button", { type: "button", className: "larger", textContent: "Enlarge" });
      larger.setAttribute("aria-label", `Enlarge ${figure.querySelector(".caption-number")?.textContent ?? "the figure"}`);
      larger.addEventListener("click", open);
      const svg = made("a", { href: picture.src, download: `${name}.svg`, textContent: "SVG" });
      const line = figure.nextElementSibling?.matches(".origin") ? figure.nextElementSibling.querySelector("p") : null;
      (line ?? figure.appendChild(made("p"))).prepend(larger, " ", svg, " ");
    }
  }

  const nav = document.querySelector("nav.contents");
  if (matchMedia("(min-width: 78rem)").matches) nav.querySelector("details").open = true;
  searched(nav);
  marked(nav.querySelector("details"));
  enlarged(document.querySelectorAll("main figure[id]"));
  previews(document.querySelectorAll("main a[href^='#']"));
  document.querySelectorAll(".explorer[data-models]").forEach(explorer);
  document.querySelectorAll(".explorer.regions").forEach(regions);
  for (const table of document.querySelectorAll("main .table-scroll table")) {
    if (!table.tHead || !table.tBodies.length) continue;
    const rows = table.tBodies[0].rows.length;
    if (rows > 3) sortable(table);
    if (rows > 12) filterable(table);
  }
})();
