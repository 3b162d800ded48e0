import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "@/lib/api-types";

export type Schemas = components["schemas"];
export type Session = Schemas["Session"];

/** What the API says went wrong (RFC 9457). */
export class ApiError extends Error {
  constructor(
    readonly status: number, title: string, readonly detail: string, readonly requestId: string,
    readonly fields: Schemas["FieldProblem"][] = [],
  ) {
    super(title);
  }
}

/** What went wrong, in one line for the person who sent a form. */
export function messageOf(error: unknown): string {
  if (!(error instanceof ApiError)) return "The API cannot be reached.";
  return error.fields.map((field) => field.reason).join("; ") || error.detail || error.message;
}

/** Where the API is; "" for the origin of the page. */
export const apiBase = process.env.NEXT_PUBLIC_API_BASE_URL ?? (process.env.NODE_ENV === "development" ? "http://localhost:8080" : "");
let accessToken: string | null = null;
let pendingRefresh: Promise<Session | null> | null = null;
let onSession: (session: Session | null) => void = () => undefined;

/** The access token lives in this module only; a reload gets a new one by the refresh cookie. */
export function setAccessToken(token: string | null): void {
  accessToken = token;
}

/** Names who is told what a refresh gave: a session, perhaps of another tenant, or null when it has ended elsewhere. */
export function setSessionListener(listener: (session: Session | null) => void): void {
  onSession = listener;
}

/** Asks for a new session by the refresh cookie; concurrent callers share one request. Null when signed out. */
export function refreshSession(): Promise<Session | null> {
  pendingRefresh ??= requestRefresh().finally(() => {
    pendingRefresh = null;
  });
  return pendingRefresh;
}

async function requestRefresh(): Promise<Session | null> {
  const answer = await fetch(`${apiBase}/v1/auth/refresh`, {
    method: "POST",
    credentials: "include",
    headers: { "X-Requested-With": "opsintel" },
  });
  // Only a refusal ends a session: an API that is busy or away does not.
  if (answer.status === 429 || answer.status >= 500) throw new ApiError(answer.status, `The API answered ${answer.status}`, "", "");
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
  if (answer.status !== 401 || !input.headers.has("Authorization")) return answer;
  const session = await refreshSession();
  onSession(session);
  if (!session) return answer;
  again.headers.set("Authorization", `Bearer ${accessToken}`);
  return fetch(again);
}

export const api = createClient<paths>({ baseUrl: apiBase, credentials: "include", fetch: fetchOnceMore });
api.use(authorize);

type Answered<T> = Promise<{ data?: T; error?: unknown; response: Response }>;

/** Unwraps an answer of the client: its data, or an `ApiError`. */
export async function unwrap<T>(call: Answered<T>): Promise<T> {
  const { data, error, response } = await call;
  if (data !== undefined && response.ok) return data;
  throw errorOf(error, response);
}

/** Waits for an answer without content (204); an `ApiError` when it is a refusal. */
export async function settle(call: Answered<unknown>): Promise<void> {
  const { error, response } = await call;
  if (!response.ok) throw errorOf(error, response);
}

function errorOf(error: unknown, response: Response): ApiError {
  const problem = (error ?? {}) as Partial<Schemas["Problem"]>;
  return new ApiError(
    response.status,
    problem.title ?? `The API answered ${response.status}`,
    problem.detail ?? "",
    problem.request_id ?? response.headers.get("x-request-id") ?? "",
    problem.errors ?? [],
  );
}
