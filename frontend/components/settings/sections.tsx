"use client";

import Link from "next/link";
import { usePathname } from "next/navigation";
import { cn } from "@/lib/class-names";
import { useMe } from "@/lib/me";

/** The pages of Settings, each with the scope that its routes need; the account is everybody's. */
export const SECTIONS = [
  { href: "/settings/", name: "Account", scope: null },
  { href: "/settings/members/", name: "Members", scope: "members.manage" },
  { href: "/settings/service-keys/", name: "Service keys", scope: "keys.manage" },
  { href: "/settings/audit/", name: "Audit log", scope: "audit.read" },
  { href: "/settings/personal-data/", name: "Personal data", scope: "policies.manage" },
  { href: "/settings/people/", name: "People's data", scope: "policies.manage" },
  { href: "/settings/retention/", name: "Retention", scope: "policies.manage" },
] as const;

/** Leads to the pages of Settings that the person may use. */
export function SettingsNavigation() {
  const pathname = usePathname();
  const scopes = useMe().data?.scopes;
  return (
    <nav aria-label="Settings" className="flex flex-wrap gap-1 border-b pb-2">
      {SECTIONS.filter(({ scope }) => scope === null || scopes?.includes(scope)).map(({ href, name }) => (
        <Link key={href} href={href} aria-current={pathname === href ? "page" : undefined}
          className={cn("flex min-h-8 items-center rounded-md px-3 text-sm hover:bg-muted", pathname === href && "bg-accent font-medium")}>{name}</Link>
      ))}
    </nav>
  );
}
