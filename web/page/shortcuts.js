// Keys for those who do not reach for a mouse; the page lists them.

// Calls what belongs to a key.
export function listen(does) {
  const keys = {
    ArrowUp: () => does.step(-1),
    ArrowDown: () => does.step(1),
    KeyU: does.unread,
    KeyC: does.connect,
    KeyS: does.search,
    KeyI: does.details,
    KeyK: does.keys,
  };
  document.addEventListener("keydown", (event) => {
    // A dialog has keys of its own.
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") return void does.escape();
    const go = event.altKey && !event.ctrlKey && !event.metaKey ? keys[event.code] : undefined;
    if (!go) return;
    event.preventDefault();
    go();
  });
}
