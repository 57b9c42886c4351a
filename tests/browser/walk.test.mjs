// A person's walk through the console: the second point of what must be possible.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openStage, signIn, until } from "./stage.mjs";

const LIMIT_MS = 20_000;
let stage;
let page;
const mishaps = [];

before(async () => {
  stage = await openStage();
  const context = await stage.browser.newContext({ locale: "en-GB" });
  page = await context.newPage();
  page.setDefaultTimeout(LIMIT_MS);
  page.on("pageerror", (error) => mishaps.push(String(error)));
});

after(async () => {
  await stage?.close();
});

const text = (id) => page.getByTestId(id).first().innerText();

test("a wrong password is refused with a reason, the right one lets in and returns to the wanted page", async () => {
  await page.goto(`${stage.url}/inspector`);
  await page.getByTestId("login-account").fill("ADMIN");
  await page.getByTestId("login-password").fill("wrong");
  await page.getByTestId("login-submit").click();
  await page.getByRole("alert").waitFor();
  await signIn(page, stage);
  assert.match(page.url(), /\/inspector/);
});

test("the demo application shows its jobs with their runs", async () => {
  await page.goto(stage.url);
  await page.locator('[data-app="demo"]').getByTestId("app-enter").click();
  await page.goto(`${page.url().replace(/\/$/, "").replace(/(\/apps\/\d+).*/, "$1")}/jobs`);
  await page.getByTestId("job-row").first().waitFor();
  assert.ok((await page.getByTestId("job-row").count()) >= 5);
});

test("a job is created while its schedule is checked as one types", async () => {
  await page.getByTestId("job-new").click();
  await page.getByTestId("form-name").fill("walked");
  await page.getByTestId("form-schedule-type").getByText("CRON", { exact: false }).first().click();
  await page.getByTestId("form-expression").fill("0 0 25 * * ?");
  await page.getByTestId("schedule-errors").waitFor();
  await page.getByTestId("form-expression").fill("0 0 3 * * ?");
  await page.getByTestId("next-times").waitFor();
  await until("ten trigger times", LIMIT_MS, async () =>
    (await page.getByTestId("next-times").locator("tbody tr").count()) === 10);
  await page.getByTestId("form-processor").fill("sleep");
  await page.getByTestId("form-params").fill('{"ms": 200}');
  await page.getByTestId("form-save").click();
  await page.getByTestId("job-title").waitFor();
  assert.equal(await text("job-title"), "walked");
});

test("it is run now with parameters and its instance ends before one's eyes", async () => {
  await page.getByTestId("job-run").first().click();
  await page.getByTestId("run-params").fill('{"ms": 1500}');
  await page.getByTestId("run-worker").selectOption({ index: 1 });
  await page.getByTestId("run-dialog").getByRole("button", { name: /run/i }).last().click();
  const status = page.getByTestId("instance-status");
  await status.waitFor();
  await until("the run succeeds without a reload", LIMIT_MS, async () =>
    (await status.getAttribute("data-status")) === "SUCCEED");
  await page.getByTestId("timeline").waitFor();
  await page.getByTestId("instance-facts").waitFor();
});

test("a long run is stopped and retried", async () => {
  await page.getByTestId("run-again").click();
  await page.getByTestId("run-params").fill('{"ms": 60000}');
  await page.getByTestId("run-dialog").getByRole("button", { name: /run/i }).last().click();
  const status = page.getByTestId("instance-status");
  await until("it runs", LIMIT_MS, async () => (await status.getAttribute("data-status")) === "RUNNING");
  await page.getByTestId("act-STOP").click();
  await page.getByTestId("dialog-confirm").click();
  await until("it is stopped", LIMIT_MS, async () => (await status.getAttribute("data-status")) === "STOPPED");
  await page.getByTestId("act-RETRY").click();
  await page.getByTestId("dialog-confirm").click();
  await until("it runs again", LIMIT_MS, async () => (await status.getAttribute("data-status")) === "RUNNING");
  await page.getByTestId("act-STOP").click();
  await page.getByTestId("dialog-confirm").click();
});

test("the messages of an instance are there to be read", async () => {
  await page.getByTestId("tab-messages").click();
  await page.getByTestId("message-row").first().waitFor();
});

test("a job is edited, disabled, enabled, copied and deleted", async () => {
  await page.getByTestId("instance-job").click();
  await page.getByTestId("job-edit").first().click();
  await page.getByTestId("form-description").fill("changed by the walk");
  await page.getByTestId("form-save").click();
  await page.getByText("changed by the walk").first().waitFor();
  const toggle = page.getByTestId("job-switch").first();
  const isOn = async () => (await toggle.getAttribute("aria-checked")) ?? String(await toggle.isChecked());
  const before = await isOn();
  await toggle.click();
  await until("the switch flips", LIMIT_MS, async () => (await isOn()) !== before);
  await toggle.click();
  await until("the switch flips back", LIMIT_MS, async () => (await isOn()) === before);
  await page.getByTestId("job-copy").first().click();
  await page.goto(`${page.url().replace(/(\/apps\/\d+).*/, "$1")}/jobs?query=walked`);
  await until("the copy is there", LIMIT_MS, async () => (await page.getByTestId("job-row").count()) === 2);
  for (let left = 1; left >= 0; left -= 1) {
    await page.getByTestId("job-menu").first().click();
    await page.getByTestId("job-delete").locator("visible=true").first().click();
    await page.getByTestId("dialog-confirm").click();
    await until("it is gone", LIMIT_MS, async () => (await page.getByTestId("job-row").count()) === left);
  }
});

test("instances appear by themselves", async () => {
  await page.goto(`${page.url().replace(/(\/apps\/\d+).*/, "$1")}/instances`);
  const first = page.getByTestId("instance-row").first();
  await first.waitFor();
  const seen = await first.innerText();
  await until("a new instance of the job of every second", LIMIT_MS, async () =>
    (await first.innerText()) !== seen);
});

test("a failing job is on top of Home, and one click leads from the number to its runs", async () => {
  const app = page.url().replace(/(\/apps\/\d+).*/, "$1");
  await page.goto(`${app}/jobs?query=script`);
  await page.getByTestId("job-row").first().waitFor();
  await page.getByTestId("job-menu").first().click();
  await page.getByTestId("job-copy").locator("visible=true").first().click();
  await page.getByTestId("form-name").fill("always fails");
  await page.getByTestId("form-processor").fill("echo no luck >&2; exit 3");
  await page.getByTestId("form-save").click();
  await page.getByTestId("job-title").waitFor();
  assert.equal(await page.getByTestId("job-switch").first().getAttribute("aria-checked"), "false", "a copy is off");
  await page.getByTestId("job-run").first().click();
  await page.getByTestId("run-dialog").getByRole("button", { name: /run/i }).last().click();
  const status = page.getByTestId("instance-status");
  await until("the run fails", LIMIT_MS, async () => (await status.getAttribute("data-status")) === "FAILED");
  await page.goto(app);
  const row = page.getByTestId("failing-jobs").locator("tr", { hasText: "always fails" });
  await row.waitFor();
  await page.getByTestId("day").getByTestId("hour").last().waitFor();
  await page.getByTestId("slowest-jobs").waitFor();
  await page.getByTestId("counter-failed").click();
  await page.locator('[data-testid="instance-row"][data-status="FAILED"]').first().waitFor();
  assert.match(page.url(), /status=FAILED&range=24h/);
});

test("columns are chosen and stay, and runs are exported", async () => {
  const heads = async () => (await page.getByTestId("instances").locator("thead").innerText()).toLowerCase();
  assert.ok(!(await heads()).includes("parameters"));
  await page.getByTestId("columns").click();
  await page.getByTestId("column-params").click();
  await page.keyboard.press("Escape");
  await page.reload();
  await page.getByTestId("instance-row").first().waitFor();
  assert.ok((await heads()).includes("parameters"));
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByTestId("runs-export").click()]);
  assert.match(file.suggestedFilename(), /\.csv$/);
});

test("jobs are exported as a file and come back switched off", async () => {
  const jobs = `${page.url().replace(/(\/apps\/\d+).*/, "$1")}/jobs?query=always`;
  await page.goto(jobs);
  await page.getByTestId("job-row").first().waitFor();
  await page.getByTestId("jobs-transfer").click();
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByTestId("jobs-export").click()]);
  await page.getByTestId("jobs-file").setInputFiles(await file.path());
  await until("a second job of that definition", LIMIT_MS, async () => (await page.getByTestId("job-row").count()) === 2);
  for (const toggle of await page.getByTestId("job-switch").all()) {
    assert.equal(await toggle.getAttribute("aria-checked"), "false");
  }
});

test("tables fit into a window of 1100 pixels", async () => {
  await page.setViewportSize({ width: 1100, height: 800 });
  const app = page.url().replace(/(\/apps\/\d+).*/, "$1");
  for (const path of ["", "/jobs", "/instances", "/workers"]) {
    await page.goto(app + path);
    await page.locator("table.list tbody tr").first().waitFor();
    const wide = await page.evaluate(() => [document.documentElement, ...document.querySelectorAll(".scroll")]
      .filter((element) => element.scrollWidth > element.clientWidth + 1).length);
    assert.equal(wide, 0, `${path} is cut off`);
  }
});

test("the log of a script is shown", async () => {
  const jobs = `${page.url().replace(/(\/apps\/\d+).*/, "$1")}/jobs?query=script`;
  await page.goto(jobs);
  await page.getByTestId("job-open").first().click();
  await page.getByTestId("job-run").first().click();
  await page.getByTestId("run-dialog").getByRole("button", { name: /run/i }).last().click();
  await page.getByTestId("tab-log").click();
  await until("lines of the log", LIMIT_MS, async () => (await text("log-lines")).trim().length > 0);
});

test("the worker is shown with load and memory", async () => {
  await page.goto(`${page.url().replace(/(\/apps\/\d+).*/, "$1")}/workers`);
  await page.getByTestId("worker-row").first().waitFor();
});

test("a worker has a page with its limits and what it runs", async () => {
  await page.getByTestId("worker-open").first().click();
  await page.getByTestId("worker-title").waitFor();
  await page.getByTestId("worker-limits").waitFor();
  await page.getByTestId("worker-runs").waitFor();
  await page.reload();
  await page.getByTestId("worker-title").waitFor();
  await page.goBack();
  await page.getByTestId("worker-row").first().waitFor();
});

test("a worker is drained by a button that is in sight, and put back", async () => {
  await page.setViewportSize({ width: 1280, height: 800 });
  const drain = page.getByTestId("worker-DRAIN");
  await drain.waitFor();
  const box = await drain.boundingBox();
  assert.ok(box !== null && box.x + box.width <= 1280, `the button is at ${JSON.stringify(box)}`);
  await drain.click();
  await page.getByTestId("dialog-confirm").click();
  await page.getByTestId("worker-order").waitFor();
  await page.getByTestId("worker-ONLINE").click();
  await page.getByTestId("dialog-confirm").click();
  await page.getByTestId("worker-order").waitFor({ state: "detached" });
});

test("why a job cannot run and what is wrong with a field is said in Chinese, too", async () => {
  const context = await stage.browser.newContext({ locale: "zh-CN" });
  const chinese = await context.newPage();
  chinese.setDefaultTimeout(LIMIT_MS);
  await chinese.goto(stage.url);
  await signIn(chinese, stage);
  await chinese.locator('[data-app="demo"]').getByTestId("app-enter").click();
  await chinese.getByTestId("nav-jobs").click();
  await chinese.getByTestId("job-new").click();
  await chinese.getByTestId("form-expression").fill("0 0 25 * * ?");
  const errors = chinese.getByTestId("schedule-errors");
  await errors.waitFor();
  assert.match(await errors.innerText(), /^时：'25' 不在 0 到 23 之内$/);
  await chinese.getByTestId("form-expression").fill("0 0 3 * * ?");
  await chinese.getByTestId("form-name").fill("nobody can");
  await chinese.getByTestId("form-processor").fill("com.example.Missing");
  await chinese.getByTestId("form-save").click();
  const diagnosis = chinese.getByTestId("diagnosis");
  await diagnosis.waitFor();
  await until("the reason", LIMIT_MS, async () =>
    (await diagnosis.innerText()).includes("没有处理器 com.example.Missing"));
  await context.close();
});

test("language and theme change at once and are remembered", async () => {
  const isChinese = async () =>
    (await page.locator("html").getAttribute("lang"))?.startsWith("zh") ?? false;
  assert.equal(await isChinese(), false);
  await page.getByTestId("language").first().click();
  await page.getByText("中文").locator("visible=true").first().click();
  await until("Chinese", LIMIT_MS, isChinese);
  await page.reload();
  await page.getByTestId("worker-row").first().waitFor();
  assert.equal(await isChinese(), true);
});

test("the time to the first pages is told", async () => {
  const context = await stage.browser.newContext();
  const fresh = await context.newPage();
  const start = Date.now();
  await fresh.goto(stage.url);
  await fresh.getByTestId("login-account").waitFor();
  const loginMs = Date.now() - start;
  await signIn(fresh, stage);
  await fresh.locator('[data-app="demo"]').getByTestId("app-enter").click();
  const app = fresh.url().replace(/(\/apps\/\d+).*/, "$1");
  const again = Date.now();
  await fresh.goto(`${app}/jobs`);
  await fresh.getByTestId("job-row").first().waitFor();
  const jobsMs = Date.now() - again;
  console.log(`login page ${loginMs} ms, job list ${jobsMs} ms`);
  const scripts = await fresh.evaluate(() => performance.getEntriesByType("resource")
    .filter((entry) => entry.initiatorType === "script" || entry.name.endsWith(".js"))
    .reduce((sum, entry) => sum + entry.transferSize, 0));
  console.log(`scripts of the job list: ${Math.round(scripts / 1024)} KiB over the wire`);
  await context.close();
});

test("no page threw", () => {
  assert.deepEqual(mishaps, []);
});
