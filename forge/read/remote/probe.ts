/** For `doctor`: which credentials for remote sources are there? Only looks; asks no server. */
import { access } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Probe } from "../../base/index.ts";
import { findToken, type Environment } from "./hugging-face.ts";

export function probeRemote(env: Environment): readonly Probe[] {
  return [
    {
      name: "hugging face",
      async look() {
        const found = await findToken(env);
        if (found !== undefined) return { status: "ok", detail: `token from ${found.from}` };
        const hint = "only private and gated hf:// data sets need one: set HF_TOKEN or run `hf auth login`";
        return { status: "optional", detail: "no token", hint };
      },
    },
    {
      name: "aws",
      async look() {
        const found = await findCredentials(env);
        if (found !== undefined) return { status: "ok", detail: `credentials from ${found}` };
        const hint = "only s3:// sources need them: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE";
        return { status: "optional", detail: "no credentials", hint };
      },
    },
  ];
}

/** Where the SDK will find credentials first; what a cloud's machine gives is not looked for. */
async function findCredentials(env: Environment): Promise<string | undefined> {
  const names = [
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
  ];
  const name = names.find((one) => (env[one] ?? "") !== "");
  if (name !== undefined) return name;
  const path = env["AWS_SHARED_CREDENTIALS_FILE"] ?? join(homedir(), ".aws", "credentials");
  return await access(path).then(
    () => path,
    () => undefined,
  );
}
