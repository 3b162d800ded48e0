"use client";

import { Command } from "cmdk";
import { useRouter } from "next/navigation";
import { useEffect, useState } from "react";
import { PAGES } from "@/components/navigation";
import { useIssues } from "@/lib/queries";

/** Ctrl or Cmd + K: pages, issues, and search in messages. */
export function Palette() {
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() === "k" && (event.metaKey || event.ctrlKey)) {
        event.preventDefault();
        setOpen((now) => !now);
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  return open ? <PaletteDialog onClose={() => setOpen(false)} /> : null;
}

const item = "flex min-h-9 items-center rounded-md px-2.5 text-sm data-[selected=true]:bg-accent";

function PaletteDialog({ onClose }: { onClose: () => void }) {
  const router = useRouter();
  const [typed, setTyped] = useState("");
  const issues = useIssues({ sort: "last_seen" });
  const go = (href: string) => {
    onClose();
    router.push(href);
  };
  return (
    <Command.Dialog open onOpenChange={(next) => !next && onClose()} label="Command palette"
      className="fixed top-24 left-1/2 z-50 w-[min(36rem,calc(100vw-2rem))] -translate-x-1/2 rounded-xl border bg-card p-2 shadow-2xl">
      <Command.Input value={typed} onValueChange={setTyped} placeholder="Go to a page or issue, or search messages…"
        className="w-full border-b bg-transparent px-3 py-2.5 text-sm outline-none" />
      <Command.List className="max-h-80 overflow-y-auto pt-2">
        <Command.Empty className="p-4 text-sm text-muted-foreground">Nothing of that name.</Command.Empty>
        <Command.Group heading="Pages" className="px-1 text-xs text-muted-foreground">
          {PAGES.map((page) => <Command.Item key={page.href} onSelect={() => go(page.href)} className={item}>{page.name}</Command.Item>)}
        </Command.Group>
        {typed && (
          <Command.Item forceMount value={`search ${typed}`} onSelect={() => go(`/explore/?q=${encodeURIComponent(typed)}`)} className={item}>
            Search messages for “{typed}”
          </Command.Item>
        )}
        <Command.Group heading="Issues" className="px-1 text-xs text-muted-foreground">
          {issues.data?.pages[0]?.items.map((issue) => (
            <Command.Item key={issue.id} value={`#${issue.number} ${issue.title}`} onSelect={() => go(`/issues/${issue.id}/`)} className={item}>
              <span className="mr-2 text-muted-foreground">#{issue.number}</span><span className="truncate text-foreground">{issue.title}</span>
            </Command.Item>
          ))}
        </Command.Group>
      </Command.List>
    </Command.Dialog>
  );
}
