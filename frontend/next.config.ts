import path from "node:path";
import type { NextConfig } from "next";

const config: NextConfig = {
  output: process.env.DASHBOARD_OUTPUT === "standalone" ? "standalone" : "export",
  trailingSlash: true,
  images: { unoptimized: true },
  poweredByHeader: false,
  reactStrictMode: true,
  outputFileTracingRoot: path.resolve("."),
};

export default config;
