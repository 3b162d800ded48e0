/** Leaves the dashboard for a page of the web, such as that of the provider of single sign-on. */
export function leaveFor(address: string): void {
  const { protocol, href } = new URL(address);
  if (protocol !== "https:" && protocol !== "http:") throw new Error("This address is no page.");
  window.location.assign(href);
}
