// Attacks a server from Chromium and prints one JSON report. Usage: attack.mjs PART URL.
//
// Foreign host names end with .example and resolve to this machine, as an attacker's name does after DNS rebinding.

import { once } from "node:events";
import { createServer } from "node:http";
import { connect, createServer as createSocketServer } from "node:net";
import { chromium } from "playwright-core";

const [part, mock] = process.argv.slice(2);
const mockPort = Number(new URL(mock).port);
// The page has its own icon, so that the browser does not request one.
const page = `<!doctype html><title>a page</title><link rel="icon" href="data:,">`;

async function listen(server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server.address().port;
}

// A site of another origin. It serves a page at every path except one, which redirects to a page of the server.
const site = createServer((request, response) => {
  if (request.url === "/redirect") {
    response.writeHead(302, { location: `${mock}/agent/as_1` }).end();
  } else {
    response.writeHead(200, { "content-type": "text/html" }).end(page);
  }
});
const foreign = `http://evil.example:${await listen(site)}/`;

// A host name that resolves to the attacker while the page loads, and to the server afterwards.
const rebound = createSocketServer((client) => {
  client.once("data", (head) => {
    if (head.toString("latin1").startsWith("GET /page ")) {
      client.end(`HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n${page}`);
      return;
    }
    const server = connect(mockPort, "127.0.0.1");
    server.write(head);
    client.pipe(server).pipe(client);
    server.on("error", () => client.destroy());
  });
  client.on("error", () => {});
});
const reboundPort = await listen(rebound);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  // Chromium cannot use its sandbox as root. All pages here are our own.
  chromiumSandbox: false,
  args: [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP *.example 127.0.0.1",
    // Newer browsers ask for permission before a page can reach the local network. The server must not depend on that.
    "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",
  ],
});

// Tries every kind of request and embedding against the server. Runs in the page.
async function attack(targets) {
  const writes = [
    ["POST", "/__admin/reset"],
    ["POST", "/__admin/sandboxes"],
    ["POST", "/__admin/clock/freeze"],
    ["POST", "/__admin/scenarios/hang/queue"],
    ["POST", "/__admin/requests/find"],
    ["POST", "/api/v1/agent-sessions/create"],
    ["POST", "/oauth2/v2/token"],
    ["POST", "/api/v1/key/envelopes"],
  ];
  const reads = ["/__admin/settings", "/__admin/requests", "/__admin/events", "/__admin/openapi.json", "/nothing"];
  const read = [];
  let attempts = 0;
  const attempt = async (name, act) => {
    attempts += 1;
    try {
      const got = await act();
      if (got !== undefined) read.push([name, got]);
    } catch {
      // Refused, as expected.
    }
  };
  const tell = async (answer) => (answer.type === "opaque" ? undefined : [answer.status, await answer.text()]);
  const settle = (target, good, bad) =>
    new Promise((resolve) => {
      target.addEventListener(good, () => resolve(true));
      target.addEventListener(bad, () => resolve(false));
    });
  const load = (tag, attributes) => {
    const element = Object.assign(document.createElement(tag), attributes);
    const settled = settle(element, "load", "error");
    document.body.append(element);
    return settled;
  };
  const inFrame = async (markup) => {
    const frame = document.createElement("iframe");
    frame.sandbox = "allow-scripts allow-forms";
    const done = new Promise((resolve) => window.addEventListener("message", (event) => resolve(event.data), { once: true }));
    frame.srcdoc = markup;
    document.body.append(frame);
    return done;
  };
  const post = (action, enctype, target) => {
    const form = Object.assign(document.createElement("form"), { action, method: "post", enctype, target });
    const field = Object.assign(document.createElement("input"), { name: '{"name": "x', value: '"}' });
    form.append(field);
    document.body.append(form);
    form.submit();
  };
  // Every URL is new, so that nothing comes from a cache.
  let number = 0;
  const fresh = (url) => `${url}?attempt=${(number += 1)}`;

  for (const base of targets) {
    for (const [method, path] of writes) {
      const body = '{"name": "x"}';
      for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
        const headers = { "content-type": type };
        await attempt(`no-cors ${path}`, async () =>
          tell(await fetch(fresh(base + path), { method, mode: "no-cors", body, headers })));
      }
      await attempt(`keepalive ${path}`, async () =>
        tell(await fetch(fresh(base + path), { method, mode: "no-cors", body, keepalive: true })));
      await attempt(`cors ${path}`, async () => tell(await fetch(fresh(base + path), { method, body })));
      await attempt(`preflight ${path}`, async () =>
        tell(await fetch(fresh(base + path), { method, body, headers: { "content-type": "application/json" } })));
      await attempt(`xhr ${path}`, async () => {
        const request = new XMLHttpRequest();
        request.open(method, fresh(base + path));
        const settled = settle(request, "load", "error");
        request.send(body);
        return (await settled) ? request.responseText : undefined;
      });
      for (const enctype of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
        await attempt(`form ${path}`, async () => {
          const frame = Object.assign(document.createElement("iframe"), { name: `frame-${number}` });
          document.body.append(frame);
          const settled = settle(frame, "load", "error");
          post(fresh(base + path), enctype, frame.name);
          await settled;
          return frame.contentDocument?.body.innerText || undefined;
        });
      }
      await attempt(`null origin ${path}`, async () => {
        const url = JSON.stringify(fresh(base + path));
        const script = `fetch(${url}, { method: "POST", mode: "no-cors", body: "{}" })
          .then((answer) => answer.text()).then((text) => parent.postMessage(text, "*"), () => parent.postMessage("", "*"))`;
        return (await inFrame(`<script>${script}</${"script"}>`)) || undefined;
      });
    }
    for (const method of ["PUT", "PATCH", "DELETE"]) {
      await attempt(method, async () => tell(await fetch(fresh(`${base}/__admin/scenarios/x`), { method, body: "{}" })));
    }
    for (const path of reads) {
      const url = () => fresh(base + path);
      await attempt(`no-cors ${path}`, async () => tell(await fetch(url(), { mode: "no-cors" })));
      await attempt(`cors ${path}`, async () => tell(await fetch(url())));
      await attempt(`credentials ${path}`, async () => tell(await fetch(url(), { credentials: "include" })));
      await attempt(`image ${path}`, async () => ((await load("img", { src: url() })) ? "an image" : undefined));
      await attempt(`script ${path}`, async () => ((await load("script", { src: url() })) ? "a script" : undefined));
      await attempt(`module ${path}`, async () => Object.keys(await import(url())));
      await attempt(`style ${path}`, async () =>
        ((await load("link", { rel: "stylesheet", href: url() })) ? "a style" : undefined));
      await attempt(`prefetch ${path}`, async () => {
        await load("link", { rel: "prefetch", href: url() });
      });
      await attempt(`frame ${path}`, async () => {
        const frame = Object.assign(document.createElement("iframe"), { src: url() });
        const settled = settle(frame, "load", "error");
        document.body.append(frame);
        await settled;
        return frame.contentDocument?.body.innerText || undefined;
      });
      await attempt(`stream ${path}`, async () => {
        const stream = new EventSource(url());
        const opened = await settle(stream, "open", "error");
        stream.close();
        return opened ? "a stream" : undefined;
      });
      await attempt(`socket ${path}`, async () => {
        const socket = new WebSocket(url().replace("http:", "ws:"));
        return (await settle(socket, "open", "error")) ? "a socket" : undefined;
      });
    }
  }
  return { attempts, read };
}

// Tries requests to the page's own origin after its name resolves to the server. Runs in the page.
async function rebind() {
  const requests = [
    ["GET", "/__admin/settings"],
    ["GET", "/__admin/requests"],
    ["GET", "/__admin/openapi.json"],
    ["GET", "/__admin/"],
    ["GET", "/__admin/nothing"],
    ["POST", "/__admin/reset"],
    ["POST", "/__admin/sandboxes"],
    ["PUT", "/__admin/scenarios/x"],
    ["PATCH", "/__admin/actors/sam@example.com"],
    ["DELETE", "/__admin/requests"],
    ["OPTIONS", "/__admin/settings"],
  ];
  const statuses = [];
  for (const [method, path] of requests) {
    const body = method === "GET" ? undefined : "{}";
    const headers = { "content-type": "application/json" };
    statuses.push((await fetch(path, { method, body, headers })).status);
  }
  return { statuses };
}

// Navigates from a foreign page to a page of the server by `act`, and returns the status of the answer.
async function statusAfter(act) {
  const tab = await browser.newPage();
  await tab.goto(foreign);
  const opened = tab.waitForResponse((response) => response.url().startsWith(`${mock}/agent/`));
  await tab.evaluate(act, `${mock}/agent/as_1`);
  const status = (await opened).status();
  await tab.close();
  return status;
}

async function links() {
  return {
    statuses: {
      link: await statusAfter((url) => {
        const link = Object.assign(document.createElement("a"), { href: url });
        document.body.append(link);
        link.click();
      }),
      form: await statusAfter((url) => {
        const form = Object.assign(document.createElement("form"), { action: url });
        document.body.append(form);
        form.submit();
      }),
      location: await statusAfter((url) => {
        location.href = url;
      }),
      redirect: await statusAfter(() => {
        location.href = "/redirect";
      }),
      refresh: await statusAfter((url) => {
        const refresh = Object.assign(document.createElement("meta"), { httpEquiv: "refresh", content: `0; url=${url}` });
        document.head.append(refresh);
      }),
    },
  };
}

// Makes the requests of a page that the server itself serves. Runs in the page.
async function own() {
  const send = async (method, path, body) => (await fetch(path, { method, body })).status;
  return {
    statuses: [
      await send("GET", "/__admin/settings"),
      await send("POST", "/__admin/reset"),
      await send("POST", "/__admin/sandboxes", '{"name": "x"}'),
      await send("GET", "/__admin/sandboxes/x"),
      await send("DELETE", "/__admin/sandboxes/x"),
    ],
  };
}

async function inPage(url, act, argument) {
  const tab = await browser.newPage();
  await tab.goto(url);
  return tab.evaluate(act, argument);
}

const parts = {
  attack: () => inPage(foreign, attack, [`http://127.0.0.1:${mockPort}`, `http://localhost:${mockPort}`]),
  rebind: () => inPage(`http://rebound.example:${reboundPort}/page`, rebind),
  links,
  own: () => inPage(`${mock}/livez`, own),
};
const report = await parts[part]();
await browser.close();
site.close();
rebound.close();
process.stdout.write(`${JSON.stringify(report)}\n`);
process.exit(0);
