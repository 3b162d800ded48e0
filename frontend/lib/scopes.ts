/** What a service key may be given, in words; the API holds the list (`opsintel/access/scopes.toml`) and the last word. */
export const KEY_SCOPES: Record<string, string> = {
  "insights.read": "Dashboards, issues, search",
  "messages.read": "Read message text",
  "messages.read_unmasked": "See personal data that the policy masks",
  "corrections.write": "Correct, merge, split, assign",
  "analysis.rerun": "Run an analysis again, load days again",
  "rules.manage_own": "Filters, rules, exports of its own",
  "rules.manage": "Filters, rules, exports of everyone",
  "profiles.propose": "Propose taxonomy and prompts",
  "profiles.promote": "Promote taxonomy and prompts",
  "sources.manage": "Create and edit sources",
  "policies.manage": "Budgets, retention, erasure",
  "audit.read": "Audit log",
};

/** What is left to a key that is limited to some sources. */
export const LIMITED_SCOPES: readonly string[] = ["insights.read", "messages.read", "messages.read_unmasked"];

/** The scopes that somebody may give a key: never more than they hold themselves. */
export const givableScopes = (held: readonly string[], limited: boolean): string[] =>
  Object.keys(KEY_SCOPES).filter((scope) => held.includes(scope) && (!limited || LIMITED_SCOPES.includes(scope)));
