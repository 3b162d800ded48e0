"use client";

import { Bell, LogOut, Menu } from "lucide-react";
import dynamic from "next/dynamic";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { Fragment, type ReactNode, useEffect, useState } from "react";
import { TenantSelect } from "@/components/account/tenant-select";
import { AlertCount } from "@/components/alerts/alert-count";
import { Navigation } from "@/components/navigation";
import { ThemeSelect } from "@/components/theme-select";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { useLive } from "@/lib/live";
import { holderOf, useSession } from "@/lib/session";

const Palette = dynamic(() => import("@/components/palette").then((module) => module.Palette), { ssr: false });
const Sheet = dynamic(() => import("@/components/ui/sheet").then((module) => module.Sheet), { ssr: false });

/** The frame of every page behind the log-in: sidebar, palette, skip link. */
export function Shell({ children }: { children: ReactNode }) {
  const { session, loading, logOut } = useSession();
  const router = useRouter();
  const [menu, setMenu] = useState(false);
  useLive(holderOf(session));

  useEffect(() => {
    if (!loading && !session) router.replace("/login/");
  }, [loading, session, router]);

  const account = (
    <div className="mt-auto flex flex-col gap-2 border-t pt-3">
      <TenantSelect />
      <p className="truncate px-1 text-xs text-muted-foreground">{session?.user.email}</p>
      <ThemeSelect />
      <Button variant="ghost" className="justify-start" onClick={() => void logOut()}><LogOut size={14} aria-hidden />Log out</Button>
    </div>
  );
  return (
    <div className="grid min-h-dvh grid-cols-1 md:grid-cols-[13.5rem_minmax(0,1fr)]">
      <a href="#content" className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-md focus:bg-card focus:p-2">Skip to content</a>
      <aside className="sticky top-0 hidden h-dvh flex-col gap-4 border-r p-4 md:flex">
        <p className="px-1 text-base font-semibold">opsintel</p>
        <Navigation />
        {account}
      </aside>
      <header className="flex items-center gap-2 border-b p-3 md:hidden">
        <Button variant="ghost" aria-label="Menu" onClick={() => setMenu(true)}><Menu size={18} aria-hidden /></Button>
        <p className="font-semibold">opsintel</p>
        <Link href="/alerts/" className="ml-auto flex min-h-9 items-center gap-1.5 rounded-md px-2.5 hover:bg-muted"><Bell size={18} aria-hidden /><span className="sr-only">Alerts</span><AlertCount /></Link>
      </header>
      {menu && (
        <Sheet open onClose={() => setMenu(false)} title="opsintel" side="left">
          <Navigation onNavigate={() => setMenu(false)} />
          {account}
        </Sheet>
      )}
      <main id="content" tabIndex={-1} className="mx-auto w-full max-w-6xl min-w-0 p-4 outline-none md:p-7">
        {session ? <Fragment key={holderOf(session)}>{children}</Fragment> : <Skeleton className="h-96" />}
      </main>
      {session && <Palette key={holderOf(session)} />}
    </div>
  );
}
