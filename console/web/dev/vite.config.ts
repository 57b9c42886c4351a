import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { mockApi } from "./plugin";

// The console over a pretended server: `npm run dev:mock`, `npm run preview:mock`.
export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  plugins: [react(), mockApi()],
});
