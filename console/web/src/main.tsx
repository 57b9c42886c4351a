import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { firstSession } from "./data/session";
import { firstLang, loadDictionary } from "./i18n";
import "./styles/index.css";

async function start(): Promise<void> {
  const root = document.getElementById("root");
  if (root === null) throw new Error("the page has no root");
  const lang = firstLang();
  const [dictionary, session] = await Promise.all([loadDictionary(lang), firstSession()]);
  createRoot(root).render(<App lang={{ lang, dictionary }} session={session} />);
}

void start();
