/** Part of the corpus config: how files are fetched that do not lie on this machine. Decides no byte of the output. */
import { z } from "zod";

const s3SettingsSchema = z.strictObject({
  endpoint: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("URL of the service; without it AWS, or what AWS_ENDPOINT_URL_S3 and the profile say."),
  region: z
    .string()
    .min(1)
    .optional()
    .describe("Region; without it AWS_REGION or the profile's, and us-east-1 where an endpoint is named."),
  pathStyle: z
    .boolean()
    .optional()
    .describe(
      "Bucket in the path instead of the host name, as MinIO and Ceph want it; on by default with an endpoint.",
    ),
  anonymous: z.boolean().optional().describe("Do not sign requests: public buckets without credentials."),
});

export const remoteConfigSchema = z.strictObject({
  attempts: z
    .int()
    .min(1)
    .max(20)
    .default(6)
    .describe("Tries in a row that bring no byte before a passing fault (429, 5xx, a broken connection) ends the run."),
  retryDelayMs: z
    .int()
    .min(1)
    .max(60_000)
    .default(500)
    .describe(
      "Pause before the second try; it doubles with each one up to 30 s. A server's Retry-After counts instead.",
    ),
  timeoutMs: z
    .int()
    .min(100)
    .max(600_000)
    .default(30_000)
    .describe("Longest silence of a server: before it answers, and between two pieces of an answer."),
  s3: s3SettingsSchema
    .extend({
      buckets: z
        .record(z.string().min(3), s3SettingsSchema)
        .default({})
        .describe("Settings of single buckets, by name, over the others: sources may lie with several services."),
    })
    .prefault({})
    .describe("Where `s3://` leads. Credentials come from the environment or ~/.aws, never from the config."),
});
export type RemoteConfig = z.infer<typeof remoteConfigSchema>;
export type S3Settings = z.infer<typeof s3SettingsSchema>;
