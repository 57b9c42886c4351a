import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `npm run dev` speaks to a real server; dev/vite.config.ts has the one with data in memory.
export default defineConfig({
  plugins: [react()],
  server: { proxy: { "/v1": process.env.POWERJOB_URL ?? "http://127.0.0.1:7700" } },
  build: {
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    modulePreload: { polyfill: false },
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
    restoreMocks: true,
  },
});
