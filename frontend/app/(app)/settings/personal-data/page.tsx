import type { Metadata } from "next";
import { PersonalDataPage } from "@/components/settings/personal-data-page";

export const metadata: Metadata = { title: "Personal data" };

export default function SettingsPersonalDataPage() {
  return <PersonalDataPage />;
}
