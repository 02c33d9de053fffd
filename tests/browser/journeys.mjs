// Walks the hosted pages in Chromium, as people do, and prints one JSON report. Fails if a page has a problem.
// Usage: journeys.mjs PART URL FOLDER; the part `pages` writes screenshots to the folder.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import axe from "axe-core";
import { chromium } from "playwright-core";

const [part, mock, folder] = process.argv.slice(2);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  // Chromium cannot use its sandbox as root. All pages here are our own.
  chromiumSandbox: false,
  args: ["--disable-gpu", "--no-first-run", "--no-proxy-server", "--disable-background-networking", "--disable-sync"],
});

// What went wrong in any page: errors, warnings and violations of the content security policy.
const problems = [];

// A new browser profile.
async function person(options = {}) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(30_000);
  const refused = new Set();
  context.on("response", (response) => {
    if (response.request().isNavigationRequest() && response.status() >= 400) refused.add(response.url());
  });
  context.on("console", (message) => {
    // Chromium reports the status of a page that is a refusal.
    const isStatus = message.text().startsWith("Failed to load resource") && refused.has(message.location().url);
    if (["error", "warning"].includes(message.type()) && !isStatus) problems.push([message.location().url, message.text()]);
  });
  context.on("weberror", (error) => problems.push([error.page()?.url(), String(error.error())]));
  return context;
}

async function tab(options) {
  return (await person(options)).newPage();
}

const client = (await person()).request;

async function call(method, path, body, headers = {}) {
  const options = { method, headers: { authorization: "Bearer any", "x-inspakt-api-key": "any", ...headers }, maxRedirects: 0 };
  const answer = await client.fetch(mock + path, body === undefined ? options : { ...options, data: body });
  const text = await answer.text();
  return { status: answer.status(), body: text.startsWith("{") ? JSON.parse(text) : text };
}

let handoffs = 0;

// Hands off as a product does, and returns the answer.
async function handOff(email, parties, handoffId = `${part}-${(handoffs += 1)}`) {
  const { body, status } = await call("POST", "/api/v1/agent-sessions/create", {
    handoff_id: handoffId,
    intent: "send_e_sign_request",
    actor: { external_user_id: `usr-${handoffId}`, display_name: "Sam", email },
    integration: { source: "customer_chat_ui", source_conversation_id: "conv_9981", source_message_id: "msg_555" },
    context: { summary: "Sam wants to send an NDA." },
    files: [{ type: "pdf", name: "NDA.pdf", url: "https://files.example.com/nda.pdf" }],
    facts: { metadata: { title: "Supply contract", message: "Please sign by Friday." }, parties },
  });
  assert.notEqual(status, 400, JSON.stringify(body));
  return body;
}

const BOB = [{ name: "Bob", email: "bob@example.com" }];
const THREE = ["Alice", "Bob", "Carol"].map((name) => ({ name, email: `${name.toLowerCase()}@example.com` }));

// The state of a page as JSON.
async function state(url) {
  const answer = await client.get(url, { headers: { accept: "application/json" } });
  return answer.json();
}

// The URLs of the signing pages that an agent page links to.
async function signLinks(handoffUri) {
  const { envelope } = await state(handoffUri);
  const agents = envelope.recipients.flatMap((recipient) => recipient.agents);
  return agents.map((agent) => new URL(agent.sign_url, handoffUri).href);
}

const eventKinds = async () => (await call("GET", "/__admin/events?limit=1000")).body.events.map((event) => event.event);

const press = (page, testid) => page.getByTestId(testid).click();

// Waits until an element has a text.
const shows = (page, testid, text) => page.getByTestId(testid).filter({ hasText: text }).first().waitFor();

// Marks a document. A reload or a navigation loses the mark.
const mark = (page) => page.evaluate(() => void (window.isSameDocument = true));
const assertNotReloaded = async (page) => assert.equal(await page.evaluate(() => window.isSameDocument), true, page.url());

async function sign(page) {
  for (const testid of ["open", "accept", "sign"]) await press(page, testid);
  await shows(page, "agent-status", "You have signed");
}

// Success: from the agent page to a signing page in a second tab, while the first one stays open.
async function success() {
  const answer = await handOff("sam@example.com", BOB);
  const agent = await tab();
  await agent.goto(answer.handoff_uri);
  await mark(agent);
  const opened = agent.context().waitForEvent("page");
  await agent.getByTestId("sign-link").click({ modifiers: ["ControlOrMeta"] });
  const signing = await opened;
  assert.equal(await agent.getByTestId("envelope-status").textContent(), "sent");
  await sign(signing);
  await shows(agent, "envelope-status", "finalized");
  await shows(agent, "agent-status", "signed");
  await assertNotReloaded(agent);
  assert.ok((await eventKinds()).includes("agent_session.opened"));
  return { finalized: true };
}

// The agent page of a session that the click on "Subscribe" opens.
async function subscribe() {
  const answer = await handOff("sam+require_subscription@example.com", BOB);
  assert.equal(answer.status, "require_subscription");
  const page = await tab();
  await page.goto(answer.subscription_url);
  await press(page, "subscribe");
  await shows(page, "title", "Your e-sign agent is ready");
  assert.match(new URL(page.url()).pathname, /^\/agent\/as_/);
  await page.goto(answer.subscription_url);
  await press(page, "continue");
  await press(page, "sign-link");
  await sign(page);
  return { signed: true };
}

async function register() {
  const email = "sam+register@example.com";
  const answer = await handOff(email, BOB, "handoff-register");
  assert.equal(answer.status, "register");
  const page = await tab();
  await page.goto(answer.registration_url);
  assert.equal(await page.getByTestId("email").inputValue(), email);
  await press(page, "register");
  await shows(page, "done", "Your account exists");
  return retry(page, email, "handoff-register", answer.registration_url);
}

// The product sends the handoff again, and its user continues from the page of the step.
async function retry(page, email, handoffId, stepUrl) {
  const retried = await handOff(email, BOB, handoffId);
  assert.equal(retried.status, "success");
  await page.goto(stepUrl);
  await press(page, "continue");
  assert.equal(await page.getByTestId("agent-session-id").textContent(), retried.agent_session_id);
  return { status: retried.status };
}

async function error() {
  const answer = await handOff("sam+error@example.com", BOB);
  assert.equal(answer.status, "error");
  assert.ok(!JSON.stringify(answer).includes("http"), JSON.stringify(answer));
  return { members: Object.keys(answer) };
}

// Verification by the mailed link.
async function verify() {
  const email = "sam+verify_email@example.com";
  const answer = await handOff(email, BOB, "handoff-verify");
  assert.equal(answer.status, "verify_email");
  const { body: mail } = await call("GET", `/__admin/messages/latest?to=${encodeURIComponent(email)}`);
  const { url } = mail.links.find((link) => link.rel === "verify");
  const page = await tab();
  await page.goto(url);
  await inspect(page, "verify-email");
  await press(page, "verify");
  await shows(page, "done", "Your email is verified");
  await inspect(page, "verify-email-done");
  return retry(page, email, "handoff-verify", url);
}

// Three people, of whom two press "accept" at the same instant and the third looks on.
async function compete(rounds) {
  const people = await Promise.all(THREE.map(() => tab()));
  const wins = {};
  for (let round = 0; round < rounds; round += 1) {
    const answer = await handOff("sam+any-one-signs@example.com", THREE);
    const links = await signLinks(answer.handoff_uri);
    await Promise.all(people.map(async (page, place) => {
      await page.goto(links[place]);
      await press(page, "open");
      await page.getByTestId("accept").waitFor();
    }));
    // Another pair every round.
    const onlooker = round % 3;
    const rivals = [0, 1, 2].filter((place) => place !== onlooker);
    await mark(people[onlooker]);
    const everyone = barrier(rivals.length);
    const statuses = await Promise.all(rivals.map((place) => raced(people[place], everyone)));
    const states = await Promise.all(links.map(state));
    const winners = states.filter(({ status }) => status === "primary");
    assert.equal(winners.length, 1, JSON.stringify(states));
    assert.deepEqual(statuses.toSorted(), [303, 409], "one form is accepted and one is refused");
    const winner = THREE.findIndex(({ name }) => name === winners[0].name);
    assert.ok(rivals.includes(winner));
    await people[winner].getByTestId("sign").waitFor();
    for (const place of [0, 1, 2].filter((place) => place !== winner)) {
      assert.equal(states[place].status, "released");
      await shows(people[place], "somebody-was-first", "Somebody else was first");
      assert.equal(await people[place].getByTestId("first-name").textContent(), THREE[winner].name);
    }
    await assertNotReloaded(people[onlooker]);
    wins[THREE[winner].name] = (wins[THREE[winner].name] ?? 0) + 1;
  }
  return { rounds, wins };
}

// A function that returns to its callers once so many have called it.
function barrier(callers) {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return () => {
    callers -= 1;
    if (callers === 0) open();
    return opened;
  };
}

// Presses "accept", holds the form until every rival has pressed, and returns the status of the answer.
async function raced(page, everyone) {
  await page.route("**/accept*", async (route) => {
    await everyone();
    await route.continue();
  });
  const answered = page.waitForResponse((response) => response.request().method() === "POST");
  await press(page, "accept");
  const status = (await answered).status();
  await page.unroute("**/accept*");
  return status;
}

// A draft with agents whom a handoff cannot describe, sent from the agent page.
async function draft(recipient, page) {
  const answer = await handOff("sam@example.com", []);
  await page.goto(answer.handoff_uri);
  const { envelope } = await state(answer.handoff_uri);
  const added = await call("POST", `/api/v1/key/envelopes/${envelope.id}/recipients`, { recipient });
  assert.equal(added.body.success, true, JSON.stringify(added.body));
  await page.getByTestId("recipient").waitFor();
  await press(page, "send");
  await shows(page, "envelope-status", "sent");
  return signLinks(answer.handoff_uri);
}

async function turkish() {
  const info = { name: "Ayşe Yılmaz", email: "ayse@example.com", locale: "tr-TR" };
  const page = await tab();
  const [url] = await draft({ type: "signer", identifier: "buyer", agents: [{ info }] }, page);
  await page.goto(url);
  const seen = { lang: await page.evaluate(() => document.documentElement.lang), buttons: [] };
  await inspect(page, "sign-turkish");
  for (const testid of ["open", "accept", "sign"]) {
    await page.getByTestId(testid).waitFor();
    seen.buttons.push(await page.getByTestId(testid).textContent());
    await press(page, testid);
  }
  await shows(page, "agent-status", "İmzaladınız");
  return seen;
}

// A wrong code is refused with a message that stays; reloading does not send it again.
async function code() {
  const info = { name: "Ann", email: "ann@example.com", phone: "+14155550123", phoneContactMethod: "sms" };
  const page = await tab();
  const recipient = { type: "signer", identifier: "buyer", phoneVerification: true, agents: [{ info }] };
  const [url] = await draft(recipient, page);
  await page.goto(url);
  for (const testid of ["open", "accept"]) await press(page, testid);
  await page.getByTestId("code").fill("x");
  await inspect(page, "sign-code");
  const updated = page.waitForResponse((response) => response.url() === url && response.request().resourceType() === "fetch");
  await press(page, "sign");
  await shows(page, "problem", "That code is wrong");
  // The stream starts with a change, which must not remove the message.
  await (await updated).finished();
  await inspect(page, "sign-code-wrong");
  await shows(page, "problem", "That code is wrong");
  await page.reload();
  assert.equal(await page.getByTestId("problem").count(), 0);
  await page.getByTestId("code").fill("x");
  await press(page, "sign");
  await shows(page, "problem", "That code is wrong");
  const { body } = await call("GET", "/__admin/messages?channel=sms");
  await page.getByTestId("code").fill(body.messages.findLast((message) => message.code).code);
  await press(page, "sign");
  await shows(page, "agent-status", "You have signed");
  return { signed: true };
}

const focused = (page) => page.evaluate(() => document.activeElement.dataset.testid ?? document.activeElement.localName);

// Moves the focus to an element with the tabulator key alone, as far as a page can need.
async function tabTo(page, testid) {
  for (let pressed = 0; pressed < 10; pressed += 1) {
    await page.keyboard.press("Tab");
    if ((await focused(page)) === testid) {
      const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      assert.notEqual(outline, "none", `the focus on ${testid} is not visible`);
      return;
    }
  }
  assert.fail(`${testid} cannot be reached with the keyboard at ${page.url()}`);
}

async function keyboard() {
  const answer = await handOff("sam+any-one-signs@example.com", THREE);
  const [alice, bob] = await Promise.all([tab(), tab()]);
  await alice.goto(answer.handoff_uri);
  await tabTo(alice, "sign-link");
  await alice.keyboard.press("Tab");
  // The focus stays on Bob's link while the states of all agents change.
  const href = () => alice.evaluate(() => document.activeElement.href);
  const [before, links] = [await href(), await signLinks(answer.handoff_uri)];
  assert.equal(before, links[1]);
  await bob.goto(links[1]);
  await tabTo(bob, "open");
  await bob.keyboard.press("Enter");
  await bob.getByTestId("accept").waitFor();
  await shows(alice, "agent-status", "opened");
  assert.equal(await href(), before);
  await tabTo(bob, "decline");

  await alice.goto(links[0]);
  for (const testid of ["open", "accept"]) {
    await alice.getByTestId(testid).waitFor();
    await tabTo(alice, testid);
    await alice.keyboard.press("Enter");
  }
  await alice.getByTestId("sign").waitFor();
  // Bob's button is gone, so the focus is on the content and not at the start of the document.
  await bob.getByTestId("somebody-was-first").waitFor();
  const afterwards = await focused(bob);
  await tabTo(alice, "sign");
  await alice.keyboard.press("Enter");
  await shows(alice, "agent-status", "You have signed");
  return { focus_after_update: afterwards };
}

// What a mail scanner does with a link before its reader: it fetches it, with and without saying so.
async function scan(url) {
  const path = url.slice(mock.length);
  const agent = { "user-agent": "Mozilla/5.0 (compatible; LinkScanner/1.0)" };
  const statuses = [];
  for (const headers of [agent, { ...agent, "sec-purpose": "prefetch" }, { ...agent, purpose: "prefetch" }]) {
    for (const method of ["GET", "HEAD"]) statuses.push((await call(method, path, undefined, headers)).status);
  }
  assert.deepEqual(statuses, Array(6).fill(200), url);
}

async function scanner() {
  const product = await handOff("sam@example.com", BOB);
  const [link] = await signLinks(product.handoff_uri);
  const subscription = (await handOff("sam+require_subscription@example.com", BOB)).subscription_url;
  const registration = (await handOff("sam+register@example.com", BOB)).registration_url;
  const before = await eventKinds();
  for (const url of [link, subscription, registration, product.handoff_uri]) {
    await call("GET", url.slice(mock.length), undefined, { "sec-purpose": "prefetch;prerender" });
  }
  assert.deepEqual(await eventKinds(), before, "fetching ahead is not looking");
  for (const url of [link, subscription, registration, product.handoff_uri]) await scan(url);
  const looks = [...new Set((await eventKinds()).slice(before.length))];
  assert.deepEqual(looks, ["link.viewed"], "the agent page was opened before");
  assert.equal((await state(link)).status, "invited");
  for (const url of [subscription, registration]) assert.equal((await state(url)).done, false);

  const page = await tab();
  await page.goto(link);
  await sign(page);
  await page.goto(subscription);
  await press(page, "subscribe");
  await shows(page, "title", "Your e-sign agent is ready");
  await page.goto(registration);
  await press(page, "register");
  await shows(page, "done", "Your account exists");
  return { looks };
}

// The journeys without JavaScript. A page shows what others do when it is reloaded.
async function withoutScript() {
  const options = { javaScriptEnabled: false };
  const first = await handOff("sam+require_subscription@example.com", BOB);
  const page = await tab(options);
  await page.goto(first.subscription_url);
  await press(page, "subscribe");
  await shows(page, "title", "Your e-sign agent is ready");
  const agent = page.url();
  await press(page, "sign-link");
  await sign(page);
  await page.goto(agent);
  await shows(page, "envelope-status", "finalized");

  const answer = await handOff("sam+any-one-signs@example.com", THREE);
  const links = await signLinks(answer.handoff_uri);
  const [alice, bob] = await Promise.all([tab(options), tab(options)]);
  for (const [person, url] of [[alice, links[0]], [bob, links[1]]]) {
    await person.goto(url);
    await press(person, "open");
    await person.getByTestId("accept").waitFor();
  }
  await press(alice, "accept");
  await alice.getByTestId("sign").waitFor();
  await press(bob, "accept");
  assert.equal(await bob.getByTestId("first-name").textContent(), "Alice");
  await bob.goto(links[1]);
  assert.equal(await bob.getByTestId("first-name").textContent(), "Alice");
  return { signed: true };
}

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const LOOKS = [
  { name: "light", colorScheme: "light", width: 1024 },
  { name: "dark", colorScheme: "dark", width: 1024 },
  { name: "narrow", colorScheme: "light", width: 360 },
];
const inspected = [];

// What axe finds in a page.
async function violations(page) {
  await page.evaluate(axe.source);
  const found = await page.evaluate((values) => axe.run({ runOnly: { type: "tag", values }, rules: { "target-size": { enabled: true } } }), RULES);
  return found.violations.map(({ id, nodes }) => [id, ...nodes.map((node) => node.html)]);
}

// Looks at a page in each color scheme and width, and takes a screenshot of each.
async function inspect(page, name) {
  assert.ok(!inspected.includes(name), `${name} is inspected twice`);
  for (const look of LOOKS) {
    await page.emulateMedia({ colorScheme: look.colorScheme });
    await page.setViewportSize({ width: look.width, height: 720 });
    assert.deepEqual(await violations(page), [], `axe: ${name}, ${look.name}`);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= look.width, `${name} is ${width} px wide in a window of ${look.width} px`);
    if (folder) await page.screenshot({ path: `${folder}/${name}-${look.name}.png`, fullPage: true });
  }
  inspected.push(name);
  await page.setViewportSize({ width: 1280, height: 720 });
}

// Every page in every state that looks different.
async function pages() {
  await mkdir(folder, { recursive: true });
  const page = await tab();
  await page.setContent('<p style="color: #ccc; background: #ddd">Nobody can read this.<input>');
  assert.deepEqual((await violations(page)).map(([rule]) => rule).slice(0, 1), ["color-contrast"], "axe finds faults");

  const product = await handOff("sam@example.com", [...BOB, { name: "Carol", email: "carol@example.com", telephone: "+14155550123" }]);
  await page.goto(product.handoff_uri);
  await inspect(page, "agent-sent");
  const [bob, carol] = await signLinks(product.handoff_uri);
  await page.goto(bob);
  await inspect(page, "sign-invited");
  for (const [testid, next, name] of [["open", "accept", "opened"], ["accept", "sign", "primary"]]) {
    await press(page, testid);
    await page.getByTestId(next).waitFor();
    await inspect(page, `sign-${name}`);
  }
  await press(page, "sign");
  await shows(page, "agent-status", "You have signed");
  await inspect(page, "sign-signed");
  await page.goto(carol);
  await sign(page);
  await inspect(page, "sign-finalized");
  await page.goto(product.handoff_uri);
  await inspect(page, "agent-finalized");

  const contest = await handOff("sam+any-one-signs@example.com", THREE);
  const [alice, rival] = await signLinks(contest.handoff_uri);
  await page.goto(alice);
  await press(page, "open");
  await page.getByTestId("competition").waitFor();
  await inspect(page, "sign-competition");
  const other = await tab();
  await other.goto(rival);
  await press(other, "open");
  await press(other, "accept");
  await page.getByTestId("somebody-was-first").waitFor();
  await inspect(page, "sign-released");

  const declined = await handOff("sam@example.com", BOB);
  await page.goto((await signLinks(declined.handoff_uri))[0]);
  await press(page, "decline");
  await shows(page, "agent-status", "You have declined");
  await inspect(page, "sign-declined");
  await page.goto(declined.handoff_uri);
  await shows(page, "envelope-status", "voided");
  await inspect(page, "agent-voided");

  const empty = await handOff("sam@example.com", []);
  await page.goto(empty.handoff_uri);
  await inspect(page, "agent-draft");
  await press(page, "send");
  await page.getByTestId("problem").waitFor();
  await inspect(page, "agent-refused");

  const { subscription_url } = await handOff("sam+require_subscription@example.com", BOB);
  await page.goto(subscription_url);
  await inspect(page, "subscribe");
  await press(page, "subscribe");
  await shows(page, "title", "Your e-sign agent is ready");
  await page.goto(subscription_url);
  await inspect(page, "subscribe-done");
  const { registration_url } = await handOff("sam+register@example.com", BOB);
  await page.goto(registration_url);
  await inspect(page, "register");
  await press(page, "register");
  await page.getByTestId("done").waitFor();
  await inspect(page, "register-done");

  // Long words and many entries.
  const long = "Donaudampfschifffahrtsgesellschaftskapitaen".repeat(4);
  const crowd = Array.from({ length: 60 }, (_, place) => ({ name: place ? `Agent ${place}` : long.slice(0, 120), email: `agent-${place}@${"example".repeat(8)}.com` }));
  const large = await handOff("sam+any-one-signs@example.com", crowd);
  await page.goto(large.handoff_uri);
  await inspect(page, "agent-crowd");
  await page.goto((await signLinks(large.handoff_uri))[0]);
  await inspect(page, "sign-long-name");

  await verify();
  await turkish();
  await code();
  for (const [path, name] of [["/sign/none", "unknown"], ["/agent/as_0?sandbox=none", "no-sandbox"]]) {
    const answer = await page.goto(mock + path);
    assert.equal(answer.status(), 404);
    await inspect(page, `failure-${name}`);
  }
  // Pages that are still open would be refused as well, which the browser reports.
  const others = browser.contexts().filter((context) => context !== page.context() && context.pages().length > 0);
  await Promise.all(others.map((context) => context.close()));
  await call("POST", "/__admin/clock/advance", { by: "400d" });
  assert.equal((await page.goto(product.handoff_uri)).status(), 410);
  await inspect(page, "failure-expired");
  return { inspected, looks: LOOKS.length };
}

const parts = {
  success,
  subscribe,
  register,
  error,
  verify,
  compete: () => compete(20),
  turkish,
  code,
  keyboard,
  scanner,
  without_script: withoutScript,
  pages,
};
try {
  const report = await parts[part]();
  assert.deepEqual(problems, [], "the browser reports problems");
  process.stdout.write(`${JSON.stringify(report)}\n`);
} finally {
  await browser.close();
}
