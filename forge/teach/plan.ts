/**
 * Queries × system messages × samples, as a pure function of config, queries and seed.
 *
 * The system message of a query is drawn uniformly from the pool of its collection (Orca, arXiv 2306.02707, figure 6),
 * unless the query fixes one. The draw depends on seed and query id only: adding queries changes no other row.
 */
import { createHash } from "node:crypto";
import { DataError, random } from "../base/index.ts";
import type { SystemMessage, TeachConfig } from "../../schemas/config/teach.ts";
import type { Query } from "../../schemas/record/answer.ts";
import type { ChatMessage } from "../../schemas/record/chat.ts";

/** One answer to ask for. */
export interface PlannedRow {
  readonly id: string;
  readonly query: Query;
  readonly system: SystemMessage;
  readonly sample: number;
  /** Seed of the teacher's sampling, 31 bits. */
  readonly seed: number;
  /** What is sent. The system message is always there, also when empty: otherwise servers put their own in. */
  readonly messages: readonly ChatMessage[];
  readonly messagesSha256: string;
}

export type PlanInput = Pick<TeachConfig, "systems" | "collections" | "samples" | "seed" | "limit" | "draw">;

/** @throws DataError when a query's pool has no message that may be used for it */
export function planTeaching(config: PlanInput, queries: readonly Query[]): readonly PlannedRow[] {
  const systems = new Map(config.systems.map((system) => [system.id, system]));
  return queries.slice(0, config.limit).flatMap((query) => {
    const system = chooseSystem(config, systems, query);
    const messages: ChatMessage[] = [
      { role: "system", content: system.text },
      { role: "user", content: query.query },
    ];
    const messagesSha256 = hashMessages(messages);
    return Array.from({ length: config.samples }, (_, sample): PlannedRow => {
      const id = sha256(JSON.stringify([query.id, system.id, sample])).slice(0, 32);
      const seed = random(config.seed, "sample", query.id, system.id, sample).below(2 ** 31);
      return { id, query, system, sample, seed, messages, messagesSha256 };
    });
  });
}

/** Hash of messages as rendered: what replay looks up and what proves that two rows were asked the same. */
export function hashMessages(messages: readonly ChatMessage[]): string {
  return sha256(JSON.stringify(messages.map(({ role, content }) => [role, content])));
}

/** The system message the student sees. */
export function studentSystem(system: SystemMessage, erase: TeachConfig["erase"]): string {
  const rule = system.erase ?? erase;
  return rule.mode === "keep" ? system.text : rule.with;
}

function chooseSystem(config: PlanInput, systems: ReadonlyMap<string, SystemMessage>, query: Query): SystemMessage {
  if (query.system !== undefined && config.draw === "unless-fixed") {
    const fixed = systems.get(query.system);
    if (fixed !== undefined) return fixed;
  }
  const pool = (config.collections[query.collection]?.systems ?? [])
    .flatMap((id) => systems.get(id) ?? [])
    .filter(({ when }) => when === undefined || query.options !== undefined);
  const drawn = pool[pool.length === 0 ? 0 : random(config.seed, "system", query.id).below(pool.length)];
  if (drawn === undefined) {
    throw new DataError(
      "no-system-message",
      `Query "${query.id}": no system message of "${query.collection}" may be used`,
      {},
    );
  }
  return drawn;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
