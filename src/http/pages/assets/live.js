// Keeps an open page current. Without this script, the page works and must be reloaded.
const main = document.querySelector("main[data-changes]");

// Makes the URLs in an element absolute. The page and the answer to a refused form lie at different depths.
function resolve(element, base) {
  for (const name of ["action", "href"]) {
    for (const link of element.querySelectorAll(`[${name}]`)) link.setAttribute(name, new URL(link.getAttribute(name), base));
  }
}

// The content without the refusal of a form, which only its sender sees.
function content(element) {
  const copy = element.cloneNode(true);
  copy.querySelector("[data-testid=problem]")?.remove();
  return copy.innerHTML;
}

// Replaces the content, and keeps what was typed and where the focus was.
function replace(fresh) {
  const typed = [...main.querySelectorAll("input")].map((input) => [input.id, input.value]);
  const focused = main.contains(document.activeElement) ? document.activeElement : undefined;
  const alike = () => [...main.querySelectorAll(`[data-testid="${focused.dataset.testid}"]`)];
  const place = focused && alike().indexOf(focused);
  main.replaceChildren(...fresh.childNodes);
  for (const [id, value] of typed) {
    const input = document.getElementById(id);
    if (input) input.value = value;
  }
  if (focused) (alike()[place] ?? main).focus({ preventScroll: true });
}

if (main) {
  const page = new URL(main.dataset.page, location.href).href;
  const stream = new URL(main.dataset.changes, location.href).href;
  resolve(main, location.href);
  // Reloading after a refused form shows the page and does not send the form again.
  if (location.href !== page) history.replaceState(null, "", page);

  let newest = 0;
  const refresh = async () => {
    const number = (newest += 1);
    try {
      const answer = await fetch(page, { headers: { accept: "text/html", "x-mock-reload": "1" } });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = fresh.querySelector("main");
      // Another change came meanwhile, and its answer is newer.
      if (number !== newest || !next) return;
      resolve(next, page);
      if (content(main) === content(next)) return;
      replace(next);
      document.title = fresh.title;
    } catch {
      // The server is gone. The stream reconnects and starts with a change.
    }
  };

  // A browser has few connections to a server, so tabs in the background hold none. Every stream starts with a change.
  let changes;
  const follow = () => {
    changes?.close();
    changes = undefined;
    if (document.hidden) return;
    const opened = (changes = new EventSource(stream));
    opened.addEventListener("change", refresh);
    // The browser reconnects by itself unless the server refused, as when too many streams are open.
    opened.addEventListener("error", () => {
      if (opened === changes && opened.readyState === EventSource.CLOSED) setTimeout(follow, 2_000);
    });
  };
  document.addEventListener("visibilitychange", follow);
  follow();
}
