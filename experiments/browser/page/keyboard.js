// Keys of the whole page, wherever no control takes them.

/** `keys` maps `event.key` to what is done; letters in lower case. */
export function onKeys(keys) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const typed = event.target;
    if (typed.matches("input[type=range]") && /^(Arrow|Home|End|Page)/.test(event.key)) return;
    if (typed.matches("input[type=radio]") && event.key.startsWith("Arrow")) return;
    if (typed.matches("button, a") && /^( |Enter)$/.test(event.key)) return;
    const done = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!done) return;
    event.preventDefault();
    done(event);
  });
}
