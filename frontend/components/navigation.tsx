"use client";

import { Bell, CircleDot, Coins, Compass, LayoutDashboard, ListChecks, PlugZap, Settings } from "lucide-react";
import Link from "next/link";
import { usePathname } from "next/navigation";
import { AlertCount } from "@/components/alerts/alert-count";
import { cn } from "@/lib/class-names";

export const PAGES = [
  { href: "/", name: "Overview", icon: LayoutDashboard },
  { href: "/issues/", name: "Issues", icon: CircleDot },
  { href: "/review/", name: "Review", icon: ListChecks },
  { href: "/explore/", name: "Explore", icon: Compass },
  { href: "/sources/", name: "Sources", icon: PlugZap },
  { href: "/cost/", name: "Cost", icon: Coins },
  { href: "/alerts/", name: "Alerts", icon: Bell },
  { href: "/settings/", name: "Settings", icon: Settings },
] as const;

export function Navigation({ onNavigate }: { onNavigate?: () => void }) {
  const pathname = usePathname();
  return (
    <nav aria-label="Main" className="flex flex-col gap-0.5">
      {PAGES.map(({ href, name, icon: Icon }) => {
        const current = href === "/" ? pathname === "/" : pathname.startsWith(href.slice(0, -1));
        return (
          <Link key={href} href={href} onClick={onNavigate} aria-current={current ? "page" : undefined}
            className={cn("flex min-h-9 items-center gap-2.5 rounded-md px-2.5 text-sm hover:bg-muted", current && "bg-accent font-medium")}>
            <Icon size={16} aria-hidden />{name}{href === "/alerts/" && <AlertCount />}
          </Link>
        );
      })}
    </nav>
  );
}
