import { describe, expect, it } from "vitest";
import { changeOf, formatAgo, formatTime, toCsv } from "@/lib/format";
import { changed } from "@/lib/url-state";

describe("figures", () => {
  it("say nothing where there was nothing before", () => expect(changeOf(5, 0)).toBeNull());
  it("are per cent of the period before", () => expect(changeOf(15, 10)).toBe(50));
});

describe("times", () => {
  it("are in UTC", () => expect(formatTime("2026-11-23T10:05:59+02:00")).toBe("2026-11-23 08:05 UTC"));
  it("that are missing are a dash", () => expect(formatTime(null)).toBe("–"));
  it("ago use the largest unit that fits", () => {
    const now = new Date("2026-11-23T12:00:00Z");
    expect(formatAgo("2026-11-23T11:30:00Z", now)).toBe("30 min ago");
    expect(formatAgo("2026-11-23T02:00:00Z", now)).toBe("10 h ago");
    expect(formatAgo("2026-11-03T12:00:00Z", now)).toBe("20 d ago");
  });
});

describe("CSV", () => {
  it("quotes commas, quotes and lines", () => expect(toCsv(["a"], [['x,"y"\nz']])).toBe('a\r\n"x,""y""\nz"'));
  it("writes text that looks like a formula as text", () => expect(toCsv(["a"], [["=1+1"], [-5]])).toBe("a\r\n'=1+1\r\n-5"));
});

describe("the address", () => {
  it("keeps other filters and drops empty ones", () => expect(changed("days=7&state=new", { state: "", q: "hub" })).toBe("days=7&q=hub"));
});
