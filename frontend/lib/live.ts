"use client";

import { type Query, type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { api } from "@/lib/api";

const POLL = 30_000;
const POLL_WHILE_LIVE = 300_000;
const FIRST_PAUSE = 3_000;
const LONGEST_PAUSE = 60_000;
/** The server writes a line every 15 s: after this long the connection is dead, or a proxy keeps the lines back. */
const LONGEST_SILENCE = 50_000;

/** What is read again at an event of a kind, by the first part of its query key. */
const ABOUT: Record<string, string[]> = {
  figures: ["overview", "issues", "issue", "members", "messages", "message", "search", "sources", "failures"],
  issue: ["issue", "issues", "members"],
  sources: ["sources", "failures"],
  alerts: ["alerts"],
  job: ["jobs", "job"],
};
const COVERED = new Set(Object.values(ABOUT).flat());
let live = false;

/** How long until a query is read again by itself: seldom while events say when. */
export const pollInterval = (query: Pick<Query, "queryKey">): number =>
  live && COVERED.has(String(query.queryKey[0])) ? POLL_WHILE_LIVE : POLL;

/** Follows the events of the session's tenant while the page is in sight; without a stream, queries are polled. */
export function useLive(holder: string): void {
  const queries = useQueryClient();
  useEffect(() => {
    if (!holder) return;
    let following: AbortController | null = null;
    const mark = { last: "" };
    // A browser opens six connections to one place: pages that nobody looks at hold none of them.
    const look = () => {
      if (document.visibilityState === "hidden") {
        following?.abort();
        following = null;
      } else if (!following) {
        following = new AbortController();
        void follow(queries, mark, following.signal);
      }
    };
    look();
    document.addEventListener("visibilitychange", look);
    return () => {
      document.removeEventListener("visibilitychange", look);
      following?.abort();
    };
  }, [holder, queries]);
}

async function follow(queries: QueryClient, mark: { last: string }, signal: AbortSignal): Promise<void> {
  let pause = FIRST_PAUSE;
  while (!signal.aborted) {
    const opened = Date.now();
    await read(queries, mark, signal).catch(() => undefined);
    live = false;
    // A stream that lasted was ended by the server, with its token perhaps; one that did not is tried ever more seldom.
    pause = Date.now() - opened > LONGEST_PAUSE ? FIRST_PAUSE : Math.min(pause * 2, LONGEST_PAUSE);
    await waited(pause, signal);
  }
}

async function read(queries: QueryClient, mark: { last: string }, signal: AbortSignal): Promise<void> {
  const headers = { Accept: "text/event-stream", ...(mark.last && { "Last-Event-ID": mark.last }) };
  const { data } = await api.GET("/v1/events", { parseAs: "stream", headers, signal, cache: "no-store" });
  if (!data) return;
  let rest = "";
  const reader = (data as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let silence = setTimeout(() => void reader.cancel(), LONGEST_SILENCE);
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    live = true; // not before: a proxy may keep back what was written
    clearTimeout(silence);
    silence = setTimeout(() => void reader.cancel(), LONGEST_SILENCE);
    const blocks = (rest + decoder.decode(part.value, { stream: true })).split("\n\n");
    rest = blocks.pop() ?? "";
    const kinds = new Set<string>();
    for (const block of blocks) {
      mark.last = fieldOf(block, "id") || mark.last;
      kinds.add(fieldOf(block, "event"));
    }
    const touched = kinds.has("reload") ? COVERED : new Set([...kinds].flatMap((kind) => ABOUT[kind] ?? []));
    if (touched.size) void queries.invalidateQueries({ predicate: (query) => touched.has(String(query.queryKey[0])) });
  }
  clearTimeout(silence);
}

function fieldOf(block: string, name: string): string {
  const line = block.split("\n").find((one) => one.startsWith(`${name}: `));
  return line ? line.slice(name.length + 2) : "";
}

function waited(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done, { once: true });
  });
}
