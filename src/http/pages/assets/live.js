// Reloads the content of a page that is open when its state changes. Without it, the page works and must be reloaded.
const main = document.querySelector("main[data-changes]");
if (main) {
  const changes = new EventSource(main.dataset.changes);
  changes.addEventListener("change", async () => {
    const answer = await fetch(main.dataset.page, { headers: { accept: "text/html" } });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const [old, next] = [document.querySelector("main"), fresh.querySelector("main")];
    if (!next || old.innerHTML === next.innerHTML) return;
    const typed = Object.fromEntries([...old.querySelectorAll("input[id]")].map((input) => [input.id, input.value]));
    const focused = document.activeElement?.id;
    old.replaceChildren(...next.childNodes);
    document.title = fresh.title;
    for (const [id, value] of Object.entries(typed)) {
      const input = document.getElementById(id);
      if (input) input.value = value;
    }
    (focused && document.getElementById(focused) ? document.getElementById(focused) : old).focus({ preventScroll: true });
  });
}
