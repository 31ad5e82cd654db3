"use strict";
// Folded sections, addresses within the page, enlarged figures, and the models that are shown.

const hiddenModels = new Set();

{
  const foldAll = (open) =>
    document.querySelectorAll(".section, .section details").forEach((fold) => (fold.open = open));

  /** Unfold what an address leads into, and go there. */
  const reveal = (hash) => {
    const target = hash.length > 1 && document.getElementById(decodeURIComponent(hash.slice(1)));
    if (!target) return;
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details"))
      fold.open = true;
    target.scrollIntoView();
  };

  const revealLinked = (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (link) reveal(link.hash);
  };

  /** Paper shows everything; what was folded is folded again afterwards. */
  const unfoldForPaper = () => {
    const closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((fold) => (fold.open = true));
    addEventListener("afterprint", () => closed.forEach((fold) => (fold.open = false)), {
      once: true,
    });
  };

  /** Show a figure as large as the window; a click or Escape closes it. */
  const enlarge = (image) => {
    const large = element("img", { src: image.src, alt: image.alt });
    const dialog = element("dialog", { className: "enlarged" }, large);
    dialog.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  };

  const makeEnlargeable = (image) => {
    image.tabIndex = 0;
    image.setAttribute("role", "button");
    image.addEventListener("click", () => enlarge(image));
    image.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      enlarge(image);
    });
  };

  const addLink = (figure) => {
    const link = linkTo(figure.id, "this figure");
    link.classList.add("figure-link");
    figure.append(link);
  };

  const showModels = () => {
    for (const part of document.querySelectorAll("[data-model]"))
      part.classList.toggle("off", hiddenModels.has(part.dataset.model));
    document.dispatchEvent(new Event("models"));
  };

  const switchModel = (model, shown) => {
    if (shown) hiddenModels.delete(model);
    else hiddenModels.add(model);
    showModels();
  };

  /** A menu with a box per model, which shows or hides it in all tables and charts. */
  const modelsMenu = () => {
    const rows = [...document.querySelectorAll("[data-model]")];
    const models = [...new Set(rows.map((row) => row.dataset.model))];
    if (models.length < 2) return [];
    const boxes = models.map((model) => checkbox(model, true, (on) => switchModel(model, on)));
    const all = button("All", () => {
      boxes.forEach((label) => (label.firstChild.checked = true));
      hiddenModels.clear();
      showModels();
    });
    return menu("Models", all, ...boxes);
  };

  const foldButtons = () => [
    button("Open all", () => foldAll(true)),
    button("Close all", () => foldAll(false)),
  ];

  const addTools = () => {
    const first = document.querySelector("details.section");
    if (!first) return;
    first.before(element("div", { className: "page-tools" }, ...modelsMenu(), ...foldButtons()));
  };

  addEventListener("hashchange", () => reveal(location.hash));
  addEventListener("beforeprint", unfoldForPaper);
  document.addEventListener("click", revealLinked);
  document.querySelectorAll("figure img").forEach(makeEnlargeable);
  document.querySelectorAll("figure[id]").forEach(addLink);
  addTools();
  reveal(location.hash);
}
