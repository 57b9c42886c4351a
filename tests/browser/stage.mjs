// A fresh `powerjob standalone --demo` and a real browser in front of it.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const PASSWORD = "browser walk password";
const START_LIMIT_MS = 60_000;
const BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Starts the product and the browser; `close()` ends both. */
export async function openStage() {
  const folder = await mkdtemp(join(tmpdir(), "powerjob-browser-"));
  const [http, workers] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${http}`;
  const program = process.env.POWERJOB_BIN;
  if (program === undefined) throw new Error("POWERJOB_BIN must name the powerjob binary");
  const child = spawn(program, ["standalone", "--demo"], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      POWERJOB_SERVER__DATA_DIR: join(folder, "data"),
      POWERJOB_SERVER__HTTP_BIND: `127.0.0.1:${http}`,
      POWERJOB_SERVER__WORKER_BIND: `127.0.0.1:${workers}`,
      POWERJOB_SERVER__ADMIN_PASSWORD: PASSWORD,
    },
  });
  let output = "";
  child.stdout.on("data", (bytes) => (output += bytes));
  child.stderr.on("data", (bytes) => (output += bytes));
  await until("the server is ready", START_LIMIT_MS, async () => {
    if (child.exitCode !== null) throw new Error(`the server ended: ${output}`);
    return (await fetch(`${url}/ready`).catch(() => ({ status: 0 }))).status === 200;
  });
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? BROWSERS.find(existsSync),
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
  const close = async () => {
    await browser.close();
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  return { url, browser, password: PASSWORD, close };
}

/** Asks `condition` again and again until it is true; fails with `what` after `limitMs`. */
export async function until(what, limitMs, condition) {
  const deadline = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Signs in through the form. */
export async function signIn(page, stage) {
  await page.getByTestId("login-account").fill("ADMIN");
  await page.getByTestId("login-password").fill(stage.password);
  await page.keyboard.press("Enter");
  await page.getByTestId("user-name").waitFor();
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
