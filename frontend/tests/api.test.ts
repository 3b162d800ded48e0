import { afterEach, describe, expect, it, vi } from "vitest";
import { ApiError, fetchOnceMore, refreshSession, setAccessToken, unwrap } from "@/lib/api";

const session = { access_token: "fresh", expires_in: 900 };
const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });

afterEach(() => {
  vi.unstubAllGlobals();
  setAccessToken(null);
});

describe("refreshing the session", () => {
  it("is one request however many ask", async () => {
    const fetching = vi.fn(async () => json(session));
    vi.stubGlobal("fetch", fetching);
    await Promise.all([refreshSession(), refreshSession(), refreshSession()]);
    expect(fetching).toHaveBeenCalledTimes(1);
  });

  it("gives null when signed out", async () => {
    vi.stubGlobal("fetch", async () => json({ authenticated: false }));
    expect(await refreshSession()).toBeNull();
  });
});

describe("a request with an ended token", () => {
  it("is sent once more with a new one", async () => {
    const seen: (string | null)[] = [];
    vi.stubGlobal("fetch", async (input: Request | string) => {
      if (typeof input === "string") return json(session);
      seen.push(input.headers.get("Authorization"));
      return json({}, seen.length === 1 ? 401 : 200);
    });
    const answer = await fetchOnceMore(new Request("http://localhost/v1/overview", { headers: { Authorization: "Bearer old" } }));
    expect(answer.status).toBe(200);
    expect(seen).toEqual(["Bearer old", "Bearer fresh"]);
  });
});

describe("a problem document", () => {
  it("becomes an error with its request id", async () => {
    const call = Promise.resolve({ error: { title: "Not found", detail: "no such issue", request_id: "r1" }, response: new Response(null, { status: 404 }) });
    await expect(unwrap(call)).rejects.toMatchObject({ message: "Not found", status: 404, requestId: "r1" } satisfies Partial<ApiError>);
  });
});
