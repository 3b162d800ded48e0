import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { EvidenceText } from "@/components/explore/evidence-text";
import { reasonOf } from "@/components/issue/members";
import { SeverityBadge } from "@/components/severity";
import { Sparkline } from "@/components/sparkline";

afterEach(cleanup);

describe("a severity", () => {
  it("is said in words, not by colour alone", () => {
    render(<SeverityBadge level={1} />);
    expect(screen.getByText("Critical")).toBeTruthy();
  });
});

describe("a sparkline", () => {
  it("tells its figures to a screen reader", () => {
    render(<Sparkline values={[0, 3, 1]} />);
    expect(screen.getByRole("img").getAttribute("aria-label")).toBe("4 messages in 3 days, at most 3 a day");
  });
});

describe("evidence", () => {
  it("is marked, and markup in a message stays text", () => {
    const text = "<img src=x onerror=alert(1)> is broken";
    const { container } = render(<EvidenceText text={text} evidence={[{ start: 32, end: 38, field: "kind" }]} />);
    expect(container.textContent).toBe(text);
    expect(container.querySelector("img")).toBeNull();
    expect(container.querySelector("mark")?.textContent).toBe("broken");
  });
});

describe("masked text", () => {
  it("is set apart and said as one word", () => {
    const { container } = render(<EvidenceText text="write to ••••••••••• or call • now" evidence={[{ start: 9, end: 20, field: "kind" }]} />);
    expect(screen.getByText("masked")).toBeTruthy();
    expect(container.querySelector("mark")?.textContent).toBe("•••••••••••masked");
    expect(container.textContent).toContain("or call • now");
  });
});

describe("the reason of a membership", () => {
  it("names method, distance and runner-up", () => {
    const runner = { id: "i", number: 7, title: "Late parcels", distance: 0.61 };
    expect(reasonOf({ method: "centroid", distance: 0.2, runner_up: runner, decided_by: null })).toBe(
      "nearest to this issue · distance 0.20 · next #7 Late parcels at 0.61",
    );
  });
});
