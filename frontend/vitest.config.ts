import path from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { environment: "happy-dom", include: ["tests/**/*.test.{ts,tsx}"] },
  resolve: { alias: { "@": path.resolve(".") } },
  oxc: { jsx: { runtime: "automatic" } },
});
