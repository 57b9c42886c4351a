import { createRoot } from "react-dom/client";
import { prefetch } from "./api/client";
import { App } from "./app/App";
import { preloadPage } from "./app/pages";
import { firstSession } from "./data/session";
import { firstLang, loadDictionary } from "./i18n";
import "./styles/index.css";

async function start(): Promise<void> {
  const root = document.getElementById("root");
  if (root === null) throw new Error("the page has no root");
  const { pathname } = window.location;
  preloadPage(pathname);
  const appId = /^\/apps\/(\d+)/.exec(pathname)?.[1];
  if (appId !== undefined) prefetch(`/v1/apps/${appId}`);
  const lang = firstLang();
  const [dictionary, session] = await Promise.all([loadDictionary(lang), firstSession()]);
  createRoot(root).render(<App lang={{ lang, dictionary }} session={session} />);
}

void start();
