import { fireEvent, screen } from "@testing-library/react";
import { useState } from "react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { MaskNotice } from "@/components/explore/mask-notice";
import { PersonalDataPage } from "@/components/settings/personal-data-page";
import type { Schemas } from "@/lib/api";
import { answering, problem, renderPage, sessionOf, tidyUp } from "@/tests/rendering";

afterEach(tidyUp);

const holding = (...scopes: string[]) => ({ "POST /v1/auth/refresh": sessionOf("acme"), "GET /v1/me": { ...sessionOf("acme"), scopes } });
const masked = { id: "m1", subject: "Refund", text: "write to •••••••••••", quoted_text: "", signature_text: "", author: "A•••" } as Schemas["Message"];

function Shown({ message }: { message: Schemas["Message"] }) {
  const [revealed, setRevealed] = useState<Schemas["Message"] | null>(null);
  return <><MaskNotice message={message} isRevealed={revealed !== null} onReveal={setRevealed} /><p>{(revealed ?? message).text}</p></>;
}

describe("a masked message", () => {
  it("is revealed for a reason by those who may", async () => {
    const sent = answering({ ...holding("messages.read_unmasked"), "POST /v1/messages/m1/reveal": { ...masked, text: "write to ana@x.org" } });
    renderPage(<Shown message={masked} />);
    fireEvent.click(await screen.findByRole("button", { name: "Reveal…" }));
    fireEvent.change(screen.getByLabelText("Reason"), { target: { value: "Refund of ticket 4417" } });
    fireEvent.submit(screen.getByLabelText("Reason").closest("form")!);
    await screen.findByText("write to ana@x.org");
    expect(sent.at(-1)?.body).toEqual({ reason: "Refund of ticket 4417" });
    expect(screen.getByText(/is in the audit log/)).toBeTruthy();
  });

  it("says so, and offers nothing, to those who may not", async () => {
    answering(holding("insights.read"));
    renderPage(<Shown message={masked} />);
    await screen.findByText("Personal data in this message is masked.");
    expect(screen.queryByRole("button")).toBeNull();
  });

  it("stays masked when the API refuses", async () => {
    answering({ ...holding("messages.read_unmasked"), "POST /v1/messages/m1/reveal": () => problem(403, "Your role does not allow this") });
    renderPage(<Shown message={masked} />);
    fireEvent.click(await screen.findByRole("button", { name: "Reveal…" }));
    fireEvent.submit(screen.getByLabelText("Reason").closest("form")!);
    await screen.findByText("Your role does not allow this");
    expect(screen.getByText(masked.text)).toBeTruthy();
  });

  it("that holds nothing masked needs no notice", () => {
    answering(holding("messages.read_unmasked"));
    renderPage(<Shown message={{ ...masked, text: "two points: • one • two", author: "Ana" }} />);
    expect(screen.queryByText(/masked/)).toBeNull();
  });
});

describe("the policy for personal data", () => {
  it("is read, and saved when it changes", async () => {
    const sent = answering({ ...holding("policies.manage"), "GET /v1/policies/personal-data": { policy: "masked" }, "PUT /v1/policies/personal-data": { policy: "revealed" } });
    renderPage(<PersonalDataPage />);
    expect((await screen.findByLabelText<HTMLInputElement>(/^Masked/)).checked).toBe(true);
    fireEvent.click(screen.getByLabelText(/^Revealed/));
    fireEvent.click(screen.getByRole("button", { name: "Save" }));
    await vi.waitFor(() => expect(sent.find((one) => one.call.startsWith("PUT"))?.body).toEqual({ policy: "revealed" }));
  });
});
