/// <reference types="vitest/config" />
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `npm run dev` speaks to a real server, `npm run dev:mock` to data in memory.
export default defineConfig(async ({ mode }) => ({
  plugins: [react(), ...(mode === "mock" ? [(await import("./dev/plugin")).mockApi()] : [])],
  server: {
    proxy: mode === "mock" ? {} : { "/v1": process.env.POWERJOB_URL ?? "http://127.0.0.1:7700" },
  },
  build: {
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 300,
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
    restoreMocks: true,
  },
}));
