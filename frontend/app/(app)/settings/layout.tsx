import type { ReactNode } from "react";
import { SettingsNavigation } from "@/components/settings/sections";

export default function SettingsLayout({ children }: { children: ReactNode }) {
  return <div className="flex flex-col gap-5"><SettingsNavigation />{children}</div>;
}
