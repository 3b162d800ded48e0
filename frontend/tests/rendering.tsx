import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render } from "@testing-library/react";
import type { ReactNode } from "react";
import { vi } from "vitest";
import { setAccessToken } from "@/lib/api";
import { SessionProvider } from "@/lib/session";

/** A session as the API gives it. */
export const sessionOf = (tenant: string, tenants: string[] = [tenant]) => ({
  authenticated: true, access_token: `token of ${tenant}`, token_type: "Bearer", expires_in: 900, role: "admin",
  user: { id: "u1", email: "ann@acme.example", name: "Ann" },
  tenant: { id: tenant, slug: tenant, name: tenant.toUpperCase() },
  tenants: tenants.map((slug) => ({ id: slug, slug, name: slug.toUpperCase(), role: "admin" })),
});

type Route = unknown | ((body: unknown) => unknown);

export interface Sent { call: string; body: unknown; token: string | null }

/** Answers the API's routes, named like `GET /v1/me`; a number is an empty answer of that status. Returns what was sent. */
export function answering(routes: Record<string, Route>): Sent[] {
  const sent: Sent[] = [];
  vi.stubGlobal("fetch", async (input: Request | string, init?: RequestInit) => {
    const request = typeof input === "string" ? new Request(new URL(input, "http://localhost"), init) : input;
    const call = `${request.method} ${new URL(request.url).pathname}`;
    const text = await request.text();
    const body: unknown = text ? JSON.parse(text) : null;
    sent.push({ call, body, token: request.headers.get("Authorization") });
    const route = routes[call];
    const found = typeof route === "function" ? (route as (body: unknown) => unknown)(body) : route;
    if (found === undefined) return new Response(JSON.stringify({ title: "Not Found", detail: "no such route" }), { status: 404 });
    if (typeof found === "number") return new Response(null, { status: found });
    return found instanceof Response ? found : new Response(JSON.stringify(found), { headers: { "Content-Type": "application/json" } });
  });
  return sent;
}

/** A problem document as an answer. */
export const problem = (status: number, detail: string) =>
  new Response(JSON.stringify({ type: "about:blank", title: "Problem", status, detail, instance: "/", request_id: "r1", errors: [] }), {
    status, headers: { "Content-Type": "application/problem+json" },
  });

/** Renders with a session and the queries' cache around it. */
export function renderPage(page: ReactNode, queries = new QueryClient({ defaultOptions: { queries: { retry: false } } })) {
  return render(<QueryClientProvider client={queries}><SessionProvider>{page}</SessionProvider></QueryClientProvider>);
}

/** After each test: nothing is rendered, nobody is logged in, and what is still asked of the API never gets an answer. */
export function tidyUp(): void {
  cleanup();
  setAccessToken(null);
  vi.stubGlobal("fetch", () => new Promise(() => undefined));
}
