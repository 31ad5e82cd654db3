"use strict";
// Buttons, menus, hints and the clipboard: what the other scripts of the page are made of.

const element = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};

const button = (text, act, properties = {}) =>
  element("button", { type: "button", textContent: text, onclick: act, ...properties });

const checkbox = (text, checked, act) => {
  const box = element("input", { type: "checkbox", checked });
  box.addEventListener("change", () => act(box.checked));
  return element("label", {}, box, ` ${text}`);
};

/** Put a popover below an element, inside the window. */
const place = (popover, anchor) => {
  const box = anchor.getBoundingClientRect();
  const right = document.documentElement.clientWidth - popover.offsetWidth - 8;
  popover.style.left = `${scrollX + Math.max(8, Math.min(box.left, right))}px`;
  popover.style.top = `${scrollY + box.bottom + 4}px`;
};

/** A button and the popover that it opens; Escape and a click elsewhere close it. */
const menu = (text, ...content) => {
  const popover = element("div", { popover: "auto", className: "menu" }, ...content);
  const opener = button(text, null, { popoverTargetElement: popover });
  popover.addEventListener("toggle", (event) => {
    if (event.newState === "open") place(popover, opener);
  });
  return [opener, popover];
};

const saying = document.body.appendChild(element("p", { role: "status", className: "said" }));

/** Tell what happened, for two seconds. */
const say = (text) => {
  saying.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (saying.textContent = ""), 2000);
};

/** Copy by a hidden text box, where a browser gives pages from disk no clipboard. */
const copyByCommand = (text) => {
  const box = element("textarea", { value: text, className: "clipboard" });
  const focused = document.activeElement;
  document.body.append(box);
  box.select();
  const done = document.execCommand("copy");
  box.remove();
  focused?.focus();
  return done;
};

const copy = async (text, what) => {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} copied`);
  } catch {
    say(copyByCommand(text) ? `${what} copied` : "This browser does not let a page copy");
  }
};

/** A link to a place of this page that also copies its address. */
const linkTo = (id, what) => {
  const link = element("a", { href: `#${encodeURIComponent(id)}`, textContent: "Link" });
  link.setAttribute("aria-label", `Link to ${what}`);
  link.addEventListener("click", () => copy(link.href, "Address"));
  return link;
};
