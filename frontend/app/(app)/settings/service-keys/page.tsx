import type { Metadata } from "next";
import { ServiceKeysPage } from "@/components/settings/keys/service-keys-page";

export const metadata: Metadata = { title: "Service keys" };

export default function SettingsServiceKeysPage() {
  return <ServiceKeysPage />;
}
