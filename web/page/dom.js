// Elements. All text goes in as text.

// An element with these properties and children; a class after a dot.
export function el(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  element.classList.add(...classes);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element && !key.includes("-")) element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// An element of the page.
export const find = (id) => document.getElementById(id);

const SVG = "http://www.w3.org/2000/svg";

// An element of a picture.
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// The sign with this name, of those that the page has.
export function sign(name) {
  const use = svg("use", { href: `#sign-${name}` });
  return svg("svg", { class: "sign", viewBox: "0 0 24 24", "aria-hidden": "true" }, use);
}

// Puts these in place of what is there, unless it is the same already: what has the focus keeps it.
export function replace(parent, children) {
  const now = parent.childNodes;
  if (now.length === children.length && children.every((child, at) => now[at] === child)) return;
  parent.replaceChildren(...children);
}
