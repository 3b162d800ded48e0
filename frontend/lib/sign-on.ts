import { apiBase } from "@/lib/api";

/** What the log-in page says for each code that a single sign-on which came to nothing leaves in its address. */
const FAULTS: Record<string, string> = {
  cancelled: "Single sign-on was cancelled.",
  request_ended: "This single sign-on took too long, was finished before, or was begun in another browser. Try again.",
  answer_refused: "What came back from single sign-on could not be checked, so it opens nothing. Try again; if it stays so, tell the operator.",
  provider_unavailable: "Single sign-on does not answer at the moment. Try again later.",
  too_many_tries: "Too many tries. Wait some minutes, then try again.",
  email_unverified: "Single sign-on does not vouch for your e-mail address, which is needed here.",
  domain_refused: "Addresses of your domain may not sign on here.",
  account_unknown: "You have no account here yet. Open the link of your invitation, or ask for one.",
  account_not_linked: "Your address has an account, and single sign-on may not open it. Log in with its password.",
  account_linked_otherwise: "The account of this address belongs to another identity. Ask the operator to unlink it.",
  not_a_member: "This account is a member of no organisation here. Ask for an invitation.",
  invitation_unusable: "The invitation is no longer good. Ask for a new one.",
  invitation_for_another: "The invitation is for another address than the one you signed on with.",
};

/** The sentence of a code; one for codes that nobody knows, which are never shown. */
export function faultOf(code: string): string {
  if (!code) return "";
  return (Object.hasOwn(FAULTS, code) && FAULTS[code]) || "Single sign-on failed. Try again.";
}

/** Where the button leads. The API sends the browser on to the provider, and back to the page that was asked for. */
export const signOnAddress = (returnTo = "/"): string => `${apiBase}/v1/auth/sso/start?${new URLSearchParams({ return_to: returnTo })}`;
