import type { Metadata } from "next";
import { Register } from "@/components/entry/register";

export const metadata: Metadata = { title: "Register" };

export default function RegisterPage() {
  return <Register />;
}
