import type { Metadata } from "next";
import { Suspense } from "react";
import { AuditPage } from "@/components/settings/audit/audit-page";

export const metadata: Metadata = { title: "Audit log" };

export default function SettingsAuditPage() {
  return <Suspense><AuditPage /></Suspense>;
}
