import type { Metadata } from "next";
import { PeoplePage } from "@/components/settings/people/people-page";

export const metadata: Metadata = { title: "People's data" };

export default function SettingsPeoplePage() {
  return <PeoplePage />;
}
