import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "@/lib/api-types";

export type Schemas = components["schemas"];
export type Session = Schemas["Session"];

/** What the API says went wrong (RFC 9457). */
export class ApiError extends Error {
  constructor(readonly status: number, title: string, readonly detail: string, readonly requestId: string) {
    super(title);
  }
}

const base = process.env.NEXT_PUBLIC_API_BASE_URL ?? (process.env.NODE_ENV === "development" ? "http://localhost:8080" : "");
let accessToken: string | null = null;
let pendingRefresh: Promise<Session | null> | null = null;

/** The access token lives in this module only; a reload gets a new one by the refresh cookie. */
export function setAccessToken(token: string | null): void {
  accessToken = token;
}

/** Asks for a new session by the refresh cookie; concurrent callers share one request. Null when signed out. */
export function refreshSession(): Promise<Session | null> {
  pendingRefresh ??= requestRefresh().finally(() => {
    pendingRefresh = null;
  });
  return pendingRefresh;
}

async function requestRefresh(): Promise<Session | null> {
  const answer = await fetch(`${base}/v1/auth/refresh`, {
    method: "POST",
    credentials: "include",
    headers: { "X-Requested-With": "opsintel" },
  });
  const body = answer.ok ? ((await answer.json()) as Session | { authenticated: false }) : null;
  const session = body && "access_token" in body ? body : null;
  setAccessToken(session?.access_token ?? null);
  return session;
}

const authorize: Middleware = {
  onRequest({ request }) {
    if (accessToken) request.headers.set("Authorization", `Bearer ${accessToken}`);
    return request;
  },
};

/** Sends a request; once more after a refresh when the access token has ended. */
export async function fetchOnceMore(input: Request): Promise<Response> {
  const again = input.clone();
  const answer = await fetch(input);
  if (answer.status !== 401 || input.url.includes("/v1/auth/")) return answer;
  if (!(await refreshSession())) return answer;
  again.headers.set("Authorization", `Bearer ${accessToken}`);
  return fetch(again);
}

export const api = createClient<paths>({ baseUrl: base, credentials: "include", fetch: fetchOnceMore });
api.use(authorize);

/** Unwraps an answer of the client: its data, or an `ApiError`. */
export async function unwrap<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call;
  if (data !== undefined && response.ok) return data;
  const problem = (error ?? {}) as Partial<Schemas["Problem"]>;
  throw new ApiError(
    response.status,
    problem.title ?? `The API answered ${response.status}`,
    problem.detail ?? "",
    problem.request_id ?? response.headers.get("x-request-id") ?? "",
  );
}
