import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { setAccessToken } from "@/lib/api";
import { pollInterval, useLive } from "@/lib/live";
import { tidyUp } from "@/tests/rendering";

afterEach(tidyUp);

interface Opened { headers: Headers; signal: AbortSignal; write: (text: string) => void; end: () => void }

/** Answers `/v1/events` with streams that the test writes, and returns those that were opened. */
function streams(): Opened[] {
  const opened: Opened[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    let control: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({ start: (given) => void (control = given) });
    opened.push({
      headers: request.headers,
      signal: request.signal,
      write: (text) => control.enqueue(new TextEncoder().encode(text)),
      end: () => control.close(),
    });
    return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
  });
  return opened;
}

function following() {
  const queries = new QueryClient();
  for (const key of ["issues", "overview", "sources", "alerts", "audit"]) queries.setQueryData([key, {}], "read");
  const Page = () => {
    useLive("ann acme");
    return null;
  };
  setAccessToken("token");
  const page = render(<QueryClientProvider client={queries}><Page /></QueryClientProvider>);
  const stale = () => ["issues", "overview", "sources", "alerts", "audit"].filter((key) => queries.getQueryState([key, {}])?.isInvalidated);
  return { queries, stale, ...page };
}

/** Waits for the stream that was opened as the first, the second... */
const nth = (opened: Opened[], place: number) =>
  vi.waitFor(() => {
    const found = opened[place];
    if (!found) throw new Error("not opened yet");
    return found;
  });

const event = (kind: string, id: string) => `id: ${id}\nevent: ${kind}\ndata: {"kind": "${kind}", "id": null}\n\n`;

describe("the event stream", () => {
  it("is asked for by the header, and what an event is about is read again", async () => {
    const opened = streams();
    const { stale } = following();
    const first = await nth(opened, 0);
    expect(first.headers.get("Authorization")).toBe("Bearer token");
    expect(first.headers.get("Accept")).toBe("text/event-stream");
    first.write(event("ready", "1"));
    await vi.waitFor(() => expect(pollInterval({ queryKey: ["issues"] })).toBe(300_000));
    expect(pollInterval({ queryKey: ["audit"] })).toBe(30_000);
    expect(stale()).toEqual([]);
    const text = event("sources", "2");
    first.write(text.slice(0, 9));
    first.write(text.slice(9));
    await vi.waitFor(() => expect(stale()).toEqual(["sources"]));
    first.write(event("figures", "3"));
    await vi.waitFor(() => expect(stale()).toEqual(["issues", "overview", "sources"]));
    first.write(event("alerts", "4"));
    await vi.waitFor(() => expect(stale()).toEqual(["issues", "overview", "sources", "alerts"]));
  });

  it("is gone on with by its last mark, and polled for while it is away", async () => {
    vi.useFakeTimers();
    const opened = streams();
    const { stale } = following();
    const first = await nth(opened, 0);
    first.write(event("ready", "7"));
    await vi.waitFor(() => expect(pollInterval({ queryKey: ["issues"] })).toBe(300_000));
    first.end();
    await vi.waitFor(() => expect(pollInterval({ queryKey: ["issues"] })).toBe(30_000));
    await vi.advanceTimersByTimeAsync(6_000);
    const second = await nth(opened, 1);
    expect(second.headers.get("Last-Event-ID")).toBe("7");
    second.write(event("reload", "9"));
    await vi.waitFor(() => expect(stale()).toEqual(["issues", "overview", "sources", "alerts"]));
    vi.useRealTimers();
  });

  it("is closed when the page is left or out of sight", async () => {
    const opened = streams();
    const { unmount } = following();
    const first = await nth(opened, 0);
    const seen = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    document.dispatchEvent(new Event("visibilitychange"));
    expect(first.signal.aborted).toBe(true);
    seen.mockReturnValue("visible");
    document.dispatchEvent(new Event("visibilitychange"));
    const second = await nth(opened, 1);
    unmount();
    expect(second.signal.aborted).toBe(true);
  });
});
